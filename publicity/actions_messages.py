"""Short messages: queued set-based from what happened, sent one by one and never twice, stopped for who wants none."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from programs.models import Person
from publicity import senders
from publicity.models import Message, MessageOptOut
from publicity.own import WHY
from subsidy_portal import clock, crypto
from subsidy_portal.bulk import execute
from subsidy_portal.models import User
from subsidy_portal.workflow import move_many, record

M = Message.Status
# What happened longer ago is no news: the first run of a new portal tells nobody of last year.
NEWS = dt.timedelta(days=3)
# A claim outlasts its messages even when each one waits for the gateway as long as it may.
AT_ONCE = 20
LEASE = dt.timedelta(minutes=10)

# Names of programs that mask names tell too much on somebody's screen.
_PROGRAM = "CASE WHEN program.name_mask = 'surname' THEN '惠民补贴' ELSE program.short_name END"
_REACHED = """
    person.phone_sealed IS NOT NULL AND NOT program.is_classified
    AND NOT EXISTS (SELECT 1 FROM publicity_messageoptout o WHERE o.person_id = person.id)
"""
_INSERT = "INSERT INTO publicity_message (kind, status, person_id, program_id, payment_id, notice_id, about_on, text,"
_PAYMENTS = f"""
    {_INSERT} queued_at, note)
    SELECT %(kind)s, 'queued', person.id, p.program_id, p.id, NULL, p.{{on}},
           left(%(from)s || {{text}}, 200), %(now)s, ''
      FROM disbursement_payment p
      JOIN programs_person person ON person.id = p.payee_id
      JOIN programs_program program ON program.id = p.program_id
      JOIN programs_account account ON account.id = p.account_id
      {{join}}
     WHERE p.status = ANY(%(statuses)s) AND p.{{on}} >= %(since)s AND {_REACHED}
    ON CONFLICT DO NOTHING
"""  # noqa: S608 - constants
_YUAN = "to_char(p.amount_fen / 100.0, 'FM999999990.00')"
_PAID = _PAYMENTS.format(
    on="paid_on",
    join="",
    text=f"{_PROGRAM} || {_YUAN} || '元已到账，尾号' || account.number_last4 || '。不收钱，不要告诉别人密码和验证码。'",
)
_FAILED = _PAYMENTS.format(
    on="{on}",
    join="JOIN unnest(%(codes)s::text[], %(whys)s::text[]) AS why(code, words) ON why.code = p.failure_code",
    text=f"{_PROGRAM} || {_YUAN} || '元没发成功：' || why.words || '钱没有丢，请带身份证和社保卡到镇里办理。'",
)
_NOTICES = f"""
    {_INSERT} queued_at, note)
    SELECT DISTINCT ON (notice.id, person.id)
           'notice', 'queued', person.id, roster.program_id, NULL::bigint, notice.id, notice.starts_on,
           left(%(from)s || {_PROGRAM} || '名单正在公示，到' || to_char(notice.ends_on, 'FMMM月FMDD日')
           || '止。名单不对，请到村委会或在网上提出。', 200), %(now)s, ''
      FROM programs_notice notice
      JOIN programs_roster roster ON roster.id = notice.roster_id
      JOIN programs_program program ON program.id = roster.program_id
      JOIN programs_noticerow shown ON shown.notice_id = notice.id
      JOIN programs_rosterrow r ON r.id = shown.row_id
      JOIN programs_person person ON person.id = r.payee_id
     WHERE notice.status = 'open' AND notice.starts_on >= %(since)s AND {_REACHED}
    ON CONFLICT DO NOTHING
"""  # noqa: S608 - constants


@transaction.atomic
def queue_messages() -> int:
    """One message for everything new that somebody should know; returns how many. Safe to repeat."""
    if senders.sender() is None:
        return 0
    common = {
        "from": f"【{settings.SITE['host_unit']}】",
        "now": clock.now(),
        "since": clock.today() - NEWS,
        "codes": list(WHY),
        "whys": [str(words) for words in WHY.values()],
    }
    queued = execute(_PAID, {**common, "kind": "paid", "statuses": ["paid"]})
    for status in ("failed", "returned"):
        queued += execute(_FAILED.format(on=f"{status}_on"), {**common, "kind": "failed", "statuses": [status]})
    return queued + execute(_NOTICES, common)


def send_messages() -> int:
    """Send what waits, at most AT_ONCE; returns how many left. A claim is committed before anything leaves."""
    sender = senders.sender()
    if sender is None:
        return 0
    _give_up_lost()
    sent = 0
    for message in _claim():
        sent += _send(sender, message)
    return sent


@transaction.atomic
def _claim() -> list[Message]:
    waiting = Message.objects.select_for_update(skip_locked=True, of=("self",)).filter(status=M.QUEUED)
    claimed = list(waiting.select_related("person").order_by("pk")[:AT_ONCE])
    mine = Message.objects.filter(pk__in=[message.pk for message in claimed])
    move_many(mine, M.QUEUED, M.SENDING, claimed_until=Now() + LEASE)
    return claimed


def _give_up_lost() -> None:
    """A sender died between the claim and the outcome: nobody knows, and a message is not worth sending twice."""
    move_many(Message.objects.filter(claimed_until__lt=Now()), M.SENDING, M.UNKNOWN, note="发送中断")


def _send(sender: senders.Sender, message: Message) -> bool:
    person = message.person
    if person.phone_sealed is None or MessageOptOut.objects.filter(person=person).exists():
        return _became(message, M.REFUSED, "不收短信")
    try:
        phone = crypto.decrypt(person.phone_sealed, Person.phone_place(person.pk))
        taken = sender.send(f"M{message.pk}", phone, message.text)
    except senders.NothingLeft:
        return _became(message, M.QUEUED, "短信通道没有连上")
    except (senders.OutcomeUnknown, OSError):
        return _became(message, M.UNKNOWN, "短信通道没有答复")
    except crypto.Unreadable:
        return _became(message, M.REFUSED, "号码读不出来")
    return _became(message, M.SENT if taken else M.REFUSED, "" if taken else "短信通道拒收")


def _became(message: Message, status: str, note: str) -> bool:
    """One UPDATE a message and no event each: bulk steps are told by their tables (design §3.6)."""
    sent_at = clock.now() if status == M.SENT else None
    own = Message.objects.filter(pk=message.pk)
    moved = move_many(own, M.SENDING, status, note=note, sent_at=sent_at, claimed_until=None)
    return bool(moved) and status == M.SENT


@transaction.atomic
def set_messages(person: Person, *, wanted: bool) -> None:
    """The person wants messages, or none any more; recorded without saying who."""
    if wanted:
        MessageOptOut.objects.filter(person=person).delete()
    else:
        MessageOptOut.objects.get_or_create(person=person, defaults={"made_at": clock.now()})
        move_many(Message.objects.filter(person=person), M.QUEUED, M.REFUSED, note="不收短信")
    system = User.objects.system()
    record(system, "messages_on" if wanted else "messages_off", actor=system)

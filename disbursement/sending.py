"""Sending one order, at most once (design §4).

claim (committed) → archived bytes → fsynced journal line → ``adapter.send`` with no transaction open → outcome.
Whatever is neither a positive answer nor a definite refusal is unknown: it is looked for, never sent again. Only
when it is proven that no byte left does an order go back to ``created``, under the same reference and file name.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from disbursement import contents, journal, restoring
from disbursement.banks import adapter_for
from disbursement.banks.base import (
    BankRejected,
    BankUnavailable,
    Document,
    OutcomeUnknown,
    OutgoingLine,
    OutgoingOrder,
)
from disbursement.collecting import keep_answer
from disbursement.failpoints import failpoint
from disbursement.locks import ORDER, only_one
from disbursement.models import Attempt, BankFile, Batch, Discrepancy, Order
from disbursement.ordering import BELL, SEND
from programs.models import Account, Person
from subsidy_portal import clock, crypto
from subsidy_portal.bulk import fetch
from subsidy_portal.jobs import ring
from subsidy_portal.models import StoredFile, User
from subsidy_portal.workflow import move, move_many

log = logging.getLogger(__name__)
O, A = Order.Status, Attempt.Status  # noqa: E741

# The order's advisory lock tells the living from the dead; the lease only gives a dead session time to be noticed.
LEASE = dt.timedelta(seconds=10)
TOLD = dt.timedelta(seconds=60)
# At most so many bells a sweep: the rest is rung by the next one.
RINGS = 200
# Pauses after the bank was not reached, by how often; then every last one.
PAUSES = [dt.timedelta(seconds=s) for s in (5, 15, 60, 300)]


def send_order(order_id: int) -> None:
    """Send the order if it waits and nobody else is at it. Safe to call any number of times, in any process."""
    if connection.in_atomic_block:
        raise RuntimeError("an order is never sent inside a transaction")
    with only_one(ORDER, order_id) as mine:
        if not mine or not restoring.sending_allowed():
            return
        order = _claim(order_id)
        if order is not None:
            _send(order)


@transaction.atomic
def _claim(order_id: int) -> Order | None:
    """Take a created order of a paying batch; committed before any byte leaves. None when it is not to be sent.

    An order with a payment that may be paid already (an open late success) is not: somebody has to look first.
    """
    order = (
        Order.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("bank__organisation", "batch")
        .filter(
            Q(query_at__isnull=True) | Q(query_at__lte=Now()),
            ~Exists(restoring.open_stops()),
            ~Exists(Discrepancy.objects.late_successes().filter(payment__attempts__order=OuterRef("pk"))),
            pk=order_id,
            status=O.CREATED,
            batch__status="paying",
        )
        .first()
    )
    if order is None or not _is_as_approved(order.batch):
        return None
    move(order, O.SENDING, actor=User.objects.system(), claim_token=uuid.uuid4(), claimed_until=Now() + LEASE)
    move_many(order.attempts.all(), A.CREATED, A.SENDING)
    failpoint("claim-before-commit")
    return order


def _is_as_approved(batch: Batch) -> bool:
    """The rows are those that were hashed at submission; else the batch is held and somebody is told."""
    if contents.content_hash(batch) == batch.content_hash:
        return True
    contents.report_changed_hash(batch)
    move(batch, Batch.Status.HELD, actor=User.objects.system(), note="发送前核对：内容与提交时不一致")
    return False


def _send(order: Order) -> None:
    """From the claim to the outcome; a crash anywhere leaves the order ``sending`` for ``recover_order``."""
    failpoint("after-claim")
    if journal.may_have_left(order.ref):
        # The journal knows more than the database (an older one was restored): never a second time.
        _finish(order, O.UNKNOWN, A.UNKNOWN, "发送日志记有这条指令曾经送出，不再发送，等待查实")
        return
    adapter = adapter_for(order.bank)
    try:
        outgoing = outgoing_order(order)
        document = adapter.build(outgoing)
        archive(order, document)
        failpoint("before-journal")
        journal.intent(
            order.ref,
            last_line=max(line.ref for line in outgoing.lines),
            file_name=document.name,
            sm3=crypto.sm3(document.content),
            count=order.count,
            total_fen=order.total_fen,
        )
    except (OSError, crypto.Unreadable, NotAsOrdered) as error:
        log.error("order %s could not be prepared: %s", order.ref, type(error).__name__)
        _not_handed_over(order)
        return
    failpoint("after-journal")
    try:
        receipt = adapter.send(outgoing, document)
    except BankUnavailable as error:
        journal.no_bytes(order.ref, reason=str(error))
        _later(order, str(error))
    except BankRejected as error:
        _reject(order, str(error))
    except OutcomeUnknown as error:
        _finish(order, O.UNKNOWN, A.UNKNOWN, str(error))
        keep_answer(order.bank, adapter, error)
    else:
        failpoint("after-send")
        _finish(order, O.SENT, A.SENT, receipt.note)


def _not_handed_over(order: Order) -> None:
    """No byte of this claim was handed over; when not even that can be noted, ``recover_order`` asks the bank."""
    if journal.may_have_left(order.ref):
        journal.no_bytes(order.ref, reason="没有备好，没有送出")
    _later(order, "文件没有备好，还没有送出")


class NotAsOrdered(RuntimeError):
    """The lines are not those the order was made of; it is not sent."""


_LINES = """
    SELECT a.ref, account.id, account.number_sealed, account.name_at_bank, person.id, person.id_sealed, a.amount_fen,
           account.number_hash
      FROM disbursement_attempt a
      JOIN programs_account account ON account.id = a.account_id
      JOIN programs_person person ON person.id = account.holder_id
     WHERE a.order_id = %s ORDER BY a.line_no
"""
# How often each account of the order was already paid by earlier orders to this bank on the same day
_EARLIER = """
    SELECT account.number_hash, count(*)
      FROM disbursement_order earlier
      JOIN disbursement_attempt a ON a.order_id = earlier.id
      JOIN programs_account account ON account.id = a.account_id
     WHERE earlier.bank_id = %(bank)s AND earlier.id < %(order)s
       AND earlier.made_at >= %(day)s AND earlier.made_at < %(next_day)s
       AND account.number_hash IN (SELECT mine.number_hash FROM disbursement_attempt b
                                     JOIN programs_account mine ON mine.id = b.account_id
                                    WHERE b.order_id = %(order)s)
     GROUP BY account.number_hash
"""


def outgoing_order(order: Order) -> OutgoingOrder:
    """The order with its people and accounts opened; raises crypto.Unreadable when one does not open."""
    made_at = order.made_at.astimezone(clock.CHINA)
    day = dt.datetime.combine(made_at.date(), dt.time(), clock.CHINA)
    when = {"bank": order.bank_id, "order": order.pk, "day": day, "next_day": day + dt.timedelta(days=1)}
    times = {bytes(number_hash): count for number_hash, count in fetch(_EARLIER, when)}
    lines = []
    for ref, account, number, name, person, id_number, fen, number_hash in fetch(_LINES, (order.pk,)):
        key = bytes(number_hash)
        times[key] = times.get(key, 0) + 1
        lines.append(
            OutgoingLine(
                ref,
                name,
                crypto.decrypt(number, Account.place(account)),
                crypto.decrypt(id_number, Person.place(person)),
                fen,
                times[key],
            )
        )
    outgoing = OutgoingOrder(order.ref, order.batch.number, made_at.date(), tuple(lines))
    if (len(lines), outgoing.total_fen) != (order.count, order.total_fen):
        raise NotAsOrdered(f"order {order.ref} does not hold what it says")
    return outgoing


def archive(order: Order, document: Document) -> BankFile:
    """Keep the bytes, encrypted, before they leave. The same order must always give the same ones."""
    sm3 = crypto.sm3(document.content)
    kept = BankFile.objects.filter(order=order, direction=BankFile.Direction.OUT).first()
    if kept is not None:
        if kept.sm3 != sm3:
            raise NotAsOrdered(f"order {order.ref} was built differently before")
        return kept
    system = User.objects.system()
    return BankFile.objects.create(
        bank=order.bank,
        order=order,
        direction=BankFile.Direction.OUT,
        kind=BankFile.Kind.PAY,
        status=BankFile.Status.SENT,
        name=document.name,
        sm3=sm3,
        stored=StoredFile.keep(document.content, name=document.name, content_type="text/plain", actor=system),
        business_on=order.made_at.astimezone(clock.CHINA).date(),
        count=order.count,
        total_fen=order.total_fen,
        received_at=clock.now(),
    )


def _own(order: Order) -> Order | None:
    """The order, locked, while it is still ours to decide: sending, under our claim."""
    return (
        Order.objects.select_for_update(of=("self",))
        .filter(pk=order.pk, status=O.SENDING, claim_token=order.claim_token)
        .first()
    )


@transaction.atomic
def _finish(order: Order, to: str, attempts_to: str, note: str) -> None:
    """Write down how the send ended; somebody's answer may have been faster, then there is nothing to write."""
    own = _own(order)
    if own is None:
        return
    sent_at = clock.now() if to == O.SENT else None
    # By then an unknown end has been shown to somebody; the audit holds that.
    told_by = Now() + TOLD if to == O.UNKNOWN else None
    move(own, to, actor=User.objects.system(), note=note, sent_at=sent_at, claimed_until=told_by, query_at=None)
    move_many(own.attempts.all(), A.SENDING, attempts_to)


@transaction.atomic
def _later(order: Order, note: str) -> None:
    """No byte left: back to the queue after a pause."""
    own = _own(order)
    if own is None:
        return
    pause = PAUSES[min(own.queries, len(PAUSES) - 1)]
    move(
        own,
        O.CREATED,
        actor=User.objects.system(),
        note=note,
        claim_token=None,
        claimed_until=None,
        queries=own.queries + 1,
        query_at=Now() + pause,
    )
    move_many(own.attempts.all(), A.SENDING, A.CREATED)


def _reject(order: Order, note: str) -> None:
    """The bank refused the order before booking anything: every line failed, definitely."""
    from disbursement.results import reject_order

    with transaction.atomic():
        own = _own(order)
        if own is not None:
            reject_order(own, code="F14", text=note, on=clock.today())


def recover_order(order_id: int) -> None:
    """An order whose sender died (lease over, nobody holds its lock): look at the bank, then decide."""
    with only_one(ORDER, order_id) as mine:
        if not mine:
            return
        order = (
            Order.objects.select_related("bank__organisation", "batch")
            .filter(Q(status=O.SENDING, claimed_until__lt=Now()) | Q(status=O.UNKNOWN), pk=order_id)
            .first()
        )
        if order is None:
            return
        state = _look_for(order)
        if state == "taken":
            _found(order)
        elif order.status == O.SENDING and state == "absent":
            if journal.may_have_left(order.ref):
                journal.no_bytes(order.ref, reason="银行处没有这份文件，发送进程已中断")
            _later(order, "发送中断，确认没有送出，将用同一指令号发送")
            ring(SEND, order.pk)
        elif order.status == O.SENDING:
            _finish(order, O.UNKNOWN, A.UNKNOWN, "发送中断，不能确定是否送达")


def _look_for(order: Order) -> str:
    """``taken`` when the bank has it, ``absent`` only when that is proven, else ``unclear``."""
    archived = order.files.filter(direction=BankFile.Direction.OUT).first()
    # After a restore only the journal knows the file.
    name = archived.name if archived is not None else journal.file_name(order.ref)
    if not name:
        # Archive and journal come before the first byte: what is in neither never left.
        return "absent"
    adapter = adapter_for(order.bank)
    state = adapter.query(order.ref, name).state
    # Neither the bank knows the order nor does the journal: it never left.
    proven = adapter.profile.absence_is_proof or not journal.may_have_left(order.ref)
    return "unclear" if state == "absent" and not proven else state


@transaction.atomic
def _found(order: Order) -> None:
    """The bank has the order although we never noted it: it was sent."""
    own = Order.objects.select_for_update(of=("self",)).get(pk=order.pk)
    if own.status not in {O.SENDING, O.UNKNOWN}:
        return
    move(
        own, O.SENT, actor=User.objects.system(), note="在交换目录找到，已送达", sent_at=clock.now(), claimed_until=None
    )
    for status in (A.SENDING, A.UNKNOWN):
        move_many(own.attempts.all(), status, A.SENT)


def ring_created(batch: Batch | None = None) -> int:
    """Ring for orders that wait to be sent, the oldest first; returns how many.

    Of ``batch`` all of them; else those whose last bell was long enough ago, so that a sweep that comes round often
    does not fill the queue with bells for the same orders.
    """
    waiting = Order.objects.filter(
        Q(query_at__isnull=True) | Q(query_at__lte=Now()), status=O.CREATED, batch__status="paying"
    )
    if batch is not None:
        waiting = waiting.filter(batch=batch)
    else:
        waiting = waiting.filter(Q(claimed_until__isnull=True) | Q(claimed_until__lt=Now()))
    ids = list(waiting.order_by("pk").values_list("pk", flat=True)[:RINGS])
    Order.objects.filter(pk__in=ids, status=O.CREATED).update(claimed_until=Now() + BELL)
    for pk in ids:
        ring(SEND, pk)
    return len(ids)


def _stale() -> list[int]:
    """Orders whose sender died, or whose end nobody knows."""
    stale = Order.objects.filter(Q(status=O.SENDING, claimed_until__lt=Now()) | Q(status=O.UNKNOWN))
    return list(stale.order_by("pk").values_list("pk", flat=True)[:RINGS])


def ring_stale() -> int:
    """Ring for every order that has to be looked after; returns how many."""
    ids = _stale()
    for pk in ids:
        ring("disbursement.tasks.recover_order", pk)
    return len(ids)


def recover_stale() -> int:
    """Look after all of them here and now; returns how many."""
    ids = _stale()
    for pk in ids:
        recover_order(pk)
    return len(ids)

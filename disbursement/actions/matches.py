"""A statement line without a proof of its own: one person picks its payment, another one agrees (never a guess)."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from disbursement.candidates import possible
from disbursement.locks import locked, share_month
from disbursement.models import Attempt, EntryMatch, Order, StatementEntry
from disbursement.reconcile import match_by_persons
from subsidy_portal import clock
from subsidy_portal.models import User
from subsidy_portal.permissions import require, require_other
from subsidy_portal.sheets import mask_digits
from subsidy_portal.workflow import Refused, move, record

M = EntryMatch.Status


@transaction.atomic
def propose_match(entry: StatementEntry, attempt: Attempt, *, reason: str, actor: User) -> EntryMatch:
    """Say which payment an unmatched line is, and how one knows; raises Refused when it cannot be that one."""
    require(actor, "verdict.make")
    reason = mask_digits(reason.strip())[:200]
    if len(reason) < 4:
        raise Refused(_("请写明依据，例如银行出具的回单号。"))
    fresh = StatementEntry.objects.select_for_update(of=("self",)).select_related("statement").get(pk=entry.pk)
    _require_possible(fresh, attempt)
    if fresh.matches.filter(status=M.PROPOSED).exists():
        raise Refused(_("这一行已经有人选定，正等复核。"))
    made = EntryMatch.objects.create(
        entry=fresh, attempt=attempt, reason=reason, made_by=actor, made_at=clock.now()
    )  # fmt: skip
    record(made, "created", actor=actor, new=M.PROPOSED, note=reason)
    return made


@transaction.atomic
def confirm_match(match: EntryMatch, *, actor: User) -> None:
    """The second person agrees: the line is this payment's, with all that a line with our reference would prove."""
    require(actor, "verdict.confirm")
    require_other(actor, match.made_by_id)
    share_month()
    Order.objects.select_for_update(of=("self",)).get(pk=match.attempt.order_id)
    fresh = locked(match)
    entry = StatementEntry.objects.select_for_update(of=("self",)).select_related("statement").get(pk=match.entry_id)
    _require_possible(entry, fresh.attempt)
    match_by_persons(entry, fresh.attempt)
    move(fresh, M.CONFIRMED, actor=actor, confirmed_by=actor, confirmed_at=clock.now())
    match.refresh_from_db()


@transaction.atomic
def refuse_match(match: EntryMatch, *, note: str, actor: User) -> None:
    """The second person does not agree; the line stays unmatched."""
    require(actor, "verdict.confirm")
    require_other(actor, match.made_by_id)
    if not note.strip():
        raise Refused(_("请写明退回的原因。"))
    move(locked(match), M.REFUSED, actor=actor, note=note.strip()[:200])
    match.refresh_from_db()


def _require_possible(entry: StatementEntry, attempt: Attempt) -> None:
    """The entry still waits, and the attempt is one of those it could be: same bank and fen, near its day, free."""
    if entry.attempt_id is not None or not possible(entry).filter(pk=attempt.pk).exists():
        raise Refused(_("这一行或这笔付款已经对上，或金额、日期不符，不能选定。请刷新页面再看。"))

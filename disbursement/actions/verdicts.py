"""Closing an order nobody knows the end of: one person shows the proof, another one confirms it (design §4)."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils.translation import gettext as _

from disbursement.absence import Absence, look_for_payment
from disbursement.locks import locked, share_month
from disbursement.models import Order, Verdict
from disbursement.results import apply_verdict
from subsidy_portal import clock
from subsidy_portal.models import StoredFile, User
from subsidy_portal.permissions import require, require_other
from subsidy_portal.sheets import mask_digits
from subsidy_portal.workflow import Refused, move, record

# F19: proven that the bank did not pay
NOT_PAID = "F19"
V = Verdict.Status
WITHOUT_RESULT = ("sent", "unknown")


def propose_absence(order: Order, *, actor: User) -> Verdict:
    """Propose that ``order`` was never paid, because the bank and its statements prove it; raises Refused otherwise."""
    require(actor, "verdict.make")
    found = _proven(order)
    with transaction.atomic():
        fresh = _with_open_lines(order)
        return _propose(
            fresh, actor, basis=Verdict.Basis.ABSENCE, outcome=Verdict.Outcome.FAILED, evidence=found.as_evidence(),
            reason=_("银行查无此指令，对账单没有付出记录"),
        )  # fmt: skip


@transaction.atomic
def propose_by_letter(
    order: Order, *, outcome: str, letter: StoredFile, reason: str, booked_on: dt.date | None, actor: User
) -> Verdict:
    """Propose what the bank wrote: ``failed`` or ``paid`` (with the day it was booked). Raises Refused."""
    require(actor, "verdict.make")
    reason = mask_digits(reason.strip())[:200]
    if len(reason) < 4:
        raise Refused(_("请写明银行怎么答复的。"))
    if outcome == Verdict.Outcome.PAID and (booked_on is None or booked_on > clock.today()):
        raise Refused(_("请填银行记账的日期，不能晚于今天。"))
    return _propose(
        _with_open_lines(order), actor, basis=Verdict.Basis.LETTER, outcome=outcome, letter=letter, reason=reason,
        booked_on=booked_on if outcome == Verdict.Outcome.PAID else None,
    )  # fmt: skip


def confirm_verdict(verdict: Verdict, *, actor: User) -> None:
    """The second person agrees: the lines without a result become failed or paid. The proof is looked at again."""
    require(actor, "verdict.confirm")
    require_other(actor, verdict.made_by_id)
    evidence = verdict.evidence
    if verdict.basis == Verdict.Basis.ABSENCE:
        evidence = _proven(verdict.order).as_evidence()
    with transaction.atomic():
        share_month()
        order = _with_open_lines(verdict.order)
        fresh = locked(verdict)
        paid = fresh.outcome == Verdict.Outcome.PAID
        count = apply_verdict(
            order, result="success" if paid else "failed", code="" if paid else NOT_PAID,
            text=str(Verdict.Basis(fresh.basis).label), on=fresh.booked_on or clock.today(),
        )  # fmt: skip
        move(fresh, V.CONFIRMED, actor=actor, evidence=evidence, confirmed_by=actor, confirmed_at=clock.now())
        note = _("%(n)d笔：%(what)s") % {"n": count, "what": Verdict.Outcome(fresh.outcome).label}
        record(order, "judged", actor=actor, note=note, data={"verdict": fresh.pk})
    verdict.refresh_from_db()


@transaction.atomic
def refuse_verdict(verdict: Verdict, *, note: str, actor: User) -> None:
    """The second person does not agree; the order stays as unknown as it was."""
    require(actor, "verdict.confirm")
    require_other(actor, verdict.made_by_id)
    if not note.strip():
        raise Refused(_("请写明退回的原因。"))
    move(locked(verdict), V.REFUSED, actor=actor, note=note.strip()[:200])
    verdict.refresh_from_db()


def _proven(order: Order) -> Absence:
    found = look_for_payment(order)
    if not found.holds:
        raise Refused(_("还不能认定没有付出：%(why)s") % {"why": " ".join(found.missing)})
    return found


def _with_open_lines(order: Order) -> Order:
    """The order, locked as a result locks it; raises Refused when all its lines have a result."""
    fresh = Order.objects.select_for_update(of=("self",)).get(pk=order.pk)
    if not fresh.attempts.filter(status__in=WITHOUT_RESULT).exists():
        raise Refused(_("银行的结果已经到了，不用再认定。请刷新页面。"))
    return fresh


def _propose(order: Order, actor: User, **fields: object) -> Verdict:
    if order.verdicts.filter(status=V.PROPOSED).exists():
        raise Refused(_("这条指令已经有人提出认定，正等复核。"))
    verdict = Verdict.objects.create(order=order, made_by=actor, made_at=clock.now(), **fields)
    record(verdict, "created", actor=actor, new=V.PROPOSED, note=verdict.reason)
    return verdict

"""Payments that cannot be made go back to the treasury (R44–R46): nothing stays open for ever, nobody decides alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import transaction
from django.db.models import QuerySet, Sum
from django.utils.translation import gettext as _

from disbursement.locks import locked, share_month
from disbursement.models import Batch, Correction, Order, Payment, Refund, RefundLine
from subsidy_portal import clock, wording
from subsidy_portal.models import User
from subsidy_portal.permissions import require, require_other
from subsidy_portal.sheets import mask_digits
from subsidy_portal.workflow import Refused, StaleStatus, move, move_many, record

P, R = Payment.Status, Refund.Status
FAILED = (P.FAILED, P.RETURNED, P.HELD)


def refundable(batch: Batch) -> QuerySet[Payment]:
    """What of ``batch`` failed or came back and nobody is correcting or refunding, in the order of the areas."""
    taken = RefundLine.objects.filter(dropped=False).values("payment")
    on_its_way = Correction.objects.filter(status__in=("proposed", "approved")).values("payment")
    found = batch.payments.filter(status__in=FAILED).exclude(pk__in=taken).exclude(pk__in=on_its_way)
    return found.select_related("payee", "beneficiary", "account__bank", "area__parent", "program").order_by(
        "area_id", "pk"
    )


@transaction.atomic
def propose_refund(batch: Batch, payments: Sequence[int], *, reason: str, actor: User) -> Refund:
    """Propose that these payments (primary keys) of ``batch`` are not tried again and their money goes back.

    Raises Refused without a reason or a payment, and for one that is not failed, being corrected or in a refund.
    """
    require(actor, "refund.make")
    reason = mask_digits(reason.strip())[:200]
    if not reason:
        raise Refused(_("请写明为什么不再发，如：享受人已死亡、无法联系。"))
    _lock(batch)
    wanted = set(payments)
    chosen = [payment for payment in refundable(batch) if payment.pk in wanted]
    if not wanted:
        raise Refused(_("请选要缴回的付款。"))
    if len(chosen) < len(wanted):
        raise Refused(_("选的付款里有的已经付出、正在更正或已在缴回。请刷新后重选。"))
    refund = Refund.objects.create(batch=batch, reason=reason, made_by=actor, made_at=clock.now())
    RefundLine.objects.bulk_create(
        RefundLine(refund=refund, payment=payment, amount_fen=payment.amount_fen) for payment in chosen
    )
    record(refund, "created", actor=actor, new=R.PROPOSED, note=reason, data={"count": len(chosen)})
    return refund


@transaction.atomic
def confirm_refund(refund: Refund, *, voucher: str, remitted_on: dt.date, actor: User) -> None:
    """The money is in the treasury, as the voucher says; the payments are refunded and the plan has it again.

    Raises Refused without a voucher, for a day to come, and when one of the payments was paid after all meanwhile.
    """
    require(actor, "refund.confirm")
    require_other(actor, refund.made_by_id)
    voucher = voucher.strip()
    if not voucher:
        raise Refused(_("请填缴库凭证号。"))
    if remitted_on > clock.today():
        raise Refused(_("缴库日期还没到。请核对凭证。"))
    _lock(refund.batch)
    fresh = locked(refund)
    payments = Payment.objects.filter(refund_lines__refund=fresh)
    moved = sum(move_many(payments, status, P.REFUNDED) for status in FAILED)
    if moved != fresh.lines.count():
        raise StaleStatus(_("其中有付款的结果刚刚变了（银行后来报成功或已重发）。请退回这份缴回，重新提出。"))
    move(
        fresh, R.CONFIRMED, actor=actor, note=voucher[:40], confirmed_by=actor, confirmed_at=clock.now(),
        voucher=voucher[:40], remitted_on=remitted_on,
    )  # fmt: skip
    fen = fresh.lines.aggregate(fen=Sum("amount_fen"))["fen"]
    note = _("%(n)s笔，%(yuan)s元，凭证%(voucher)s") % {
        "n": wording.count(moved), "yuan": wording.yuan(fen), "voucher": voucher[:40]
    }  # fmt: skip
    record(fresh.batch, "refunded", actor=actor, note=note, data={"refund": fresh.pk})
    refund.refresh_from_db()


@transaction.atomic
def refuse_refund(refund: Refund, *, note: str, actor: User) -> None:
    """Not now: the payments may be corrected again or put into another refund."""
    require(actor, "refund.confirm")
    require_other(actor, refund.made_by_id)
    if not note.strip():
        raise Refused(_("请写明退回的原因。"))
    fresh = locked(refund)
    move(fresh, R.REFUSED, actor=actor, note=note.strip())
    fresh.lines.update(dropped=True)
    refund.refresh_from_db()


def _lock(batch: Batch) -> None:
    """As a result locks: the month, the orders, the batch. A late success comes first or finds the refund."""
    share_month()
    list(Order.objects.select_for_update(of=("self",)).filter(batch=batch).order_by("pk"))
    Batch.objects.select_for_update(of=("self",)).get(pk=batch.pk)

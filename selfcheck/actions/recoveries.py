"""Money that comes back: received, remitted to the treasury with a voucher, or written off on a basis."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils.translation import gettext as _

from disbursement.models import Payment
from selfcheck.actions.gates import lock_problem, require_past, require_text
from selfcheck.models import Problem, Recovery
from subsidy_portal import clock
from subsidy_portal.models import User
from subsidy_portal.permissions import require
from subsidy_portal.wording import yuan
from subsidy_portal.workflow import Refused, record

WORKING = Problem.Status.RECTIFYING


@transaction.atomic
def record_recovery(
    problem: Problem, *, payment: Payment | None = None, amount_fen: int, received_on: dt.date, actor: User
) -> Recovery:
    """Record ``amount_fen`` that came back, for one payment of the problem or for the problem as a whole.

    Raises Refused when it is more than is still missing, of the payment or of all.
    """
    require(actor, "problem.work")
    require_past(received_on, _("收回日期"))
    now = lock_problem(problem, WORKING)
    missing = now.missing_fen
    if payment is not None:
        link = now.payments.filter(payment=payment).first()
        if link is None:
            raise Refused(_("这笔补贴不在本问题里。请从列表里选。"))
        missing = min(missing, link.amount_fen - now.recoveries.valid().filter(payment=payment).sum_fen())
    if not 0 < amount_fen <= missing:
        raise Refused(
            _("还差%(missing)s元，不能登记%(amount)s元。请核对金额。")
            % {"missing": yuan(missing), "amount": yuan(amount_fen)}
        )
    recovery = Recovery.objects.create(
        problem=problem,
        payment=payment,
        amount_fen=amount_fen,
        received_on=received_on,
        recorded_by=actor,
        recorded_at=clock.now(),
    )
    record(problem, "recovered", actor=actor, note=_("%(yuan)s元") % {"yuan": yuan(amount_fen)}, data=_of(recovery))
    return recovery


@transaction.atomic
def remit_recovery(recovery: Recovery, *, voucher: str, remitted_on: dt.date, actor: User) -> None:
    """Record that a recovery reached the treasury (缴入国库), with the voucher's number. Done once, for good."""
    require(actor, "problem.work")
    require_past(remitted_on, _("缴库日期"))
    voucher = require_text(voucher, _("缴库凭证号"), 40)
    lock_problem(recovery.problem, WORKING)
    recovery.refresh_from_db()
    _require_open(recovery)
    if remitted_on < recovery.received_on:
        raise Refused(_("缴库日期早于收回日期。请核对日期。"))
    siblings = Recovery.objects.filter(problem=recovery.problem, payment=recovery.payment, voucher=voucher)
    if recovery.payment_id is not None and siblings.exists():
        raise Refused(_("这笔补贴已经登记过凭证%(voucher)s。请核对凭证号。") % {"voucher": voucher})
    Recovery.objects.filter(pk=recovery.pk).update(voucher=voucher, remitted_on=remitted_on)
    note = _("%(yuan)s元，凭证%(voucher)s") % {"yuan": yuan(recovery.amount_fen), "voucher": voucher}
    record(recovery.problem, "remitted", actor=actor, note=note, data=_of(recovery))
    recovery.refresh_from_db()


@transaction.atomic
def void_recovery(recovery: Recovery, *, note: str, actor: User) -> None:
    """Void a mistaken entry before it is remitted; it stays on record and no longer counts."""
    require(actor, "problem.work")
    note = require_text(note, _("作废原因"), 200)
    lock_problem(recovery.problem, WORKING)
    recovery.refresh_from_db()
    _require_open(recovery)
    Recovery.objects.filter(pk=recovery.pk).update(voided_by=actor, void_note=note)
    said = _("%(yuan)s元，%(note)s") % {"yuan": yuan(recovery.amount_fen), "note": note}
    record(recovery.problem, "recovery_voided", actor=actor, note=said, data=_of(recovery))
    recovery.refresh_from_db()


@transaction.atomic
def write_off(problem: Problem, *, amount_fen: int, basis: str, actor: User) -> None:
    """Set what cannot be recovered (核销) and the document that allows it; 0 takes it back.

    The reviewer of the closing judges the basis. Raises Refused when it is more than is still missing.
    """
    require(actor, "problem.work")
    basis = require_text(basis, _("核销依据"), 200)
    now = lock_problem(problem, WORKING)
    at_most = now.recovery_due_fen - now.recovered_fen
    if not 0 <= amount_fen <= at_most:
        raise Refused(_("最多可以核销%(yuan)s元。请核对金额。") % {"yuan": yuan(at_most)})
    Problem.objects.filter(pk=problem.pk).update(write_off_fen=amount_fen, write_off_basis=basis)
    note = _("%(yuan)s元，依据：%(basis)s") % {"yuan": yuan(amount_fen), "basis": basis}
    record(problem, "written_off", actor=actor, note=note, data={"before_fen": now.write_off_fen})
    problem.refresh_from_db()


def _require_open(recovery: Recovery) -> None:
    if recovery.voided_by_id is not None:
        raise Refused(_("这笔收回记录已作废。请刷新后再看。"))
    if recovery.remitted_on is not None:
        raise Refused(_("这笔钱已凭%(voucher)s缴入国库，不能再改。没有重复办理。") % {"voucher": recovery.voucher})


def _of(recovery: Recovery) -> dict[str, int | None]:
    return {"recovery": recovery.pk, "amount_fen": recovery.amount_fen, "payment": recovery.payment_id}

"""Batch: made by one person, reviewed by a second, released by a third. Money leaves only by ``release_batch``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from disbursement import contents, names
from disbursement.actions.gates import compare_again, require_decided, require_on_roster
from disbursement.failpoints import failpoint
from disbursement.funds import require_available
from disbursement.locks import locked
from disbursement.models import Batch, Discrepancy, Payment
from disbursement.ordering import make_orders
from disbursement.rollup import settle_batches
from disbursement.sending import ring_created
from disbursement.shares import require_covered
from programs.models import FundPlan, Program, RosterRow
from subsidy_portal import clock
from subsidy_portal.bulk import execute, fetch, next_number
from subsidy_portal.models import User
from subsidy_portal.permissions import require, require_other
from subsidy_portal.workflow import InvalidTransition, Refused, move, move_many, record

S, P = Batch.Status, Payment.Status

# Included rows of accepted rosters that no living payment stands for
_PAYABLE = """
      FROM programs_rosterrow r
      JOIN programs_roster roster ON roster.id = r.roster_id AND roster.revision = r.revision
     WHERE roster.program_id = %(program)s AND roster.period = %(period)s AND roster.status = 'accepted'
       AND r.status = 'included'
       AND NOT EXISTS (SELECT 1 FROM disbursement_payment p WHERE p.row_id = r.id AND p.status <> 'cancelled')
"""


class ContentChanged(Refused):
    """The batch is not what was publicised; a discrepancy names each difference."""

    code = "content_changed"


@transaction.atomic
def make_batch(program: Program, period: str, *, actor: User) -> Batch:
    """A draft batch of everything payable in the accepted rosters of a program and period (2022, 2022-Q1, 2022-03).

    Raises Refused when there is no fund plan for the period's year, nothing to pay, or a claim that was paid already.
    """
    require(actor, "batch.make")
    plan = _plan_of(program, period)
    what = {"program": program.pk, "period": period}
    _refuse_claimed(what)
    batch = Batch.objects.create(
        number=f"B-{clock.today():%Y}-{next_number('batch_number_seq'):04d}",
        program=program,
        plan=plan,
        period=period,
        sequence=1 + _last_sequence(program, period),
        made_by=actor,
        made_at=clock.now(),
    )
    made = execute(
        f"""
        INSERT INTO disbursement_payment (batch_id, row_id, program_id, period, item, beneficiary_id, payee_id,
                                          account_id, area_id, amount_fen, row_hash, status, failure_code)
        SELECT %(batch)s, r.id, roster.program_id, roster.period, r.item, r.beneficiary_id, r.payee_id,
               r.account_id, r.area_id, r.amount_fen, r.row_hash, 'ready', ''
        {_PAYABLE} ORDER BY roster.area_id, roster.id, r.row_no
        """,
        {**what, "batch": batch.pk},
    )
    if not made:
        raise Refused(_("这个项目和期间没有可发放的人：清册还没有受理，或者都已制单。请先受理清册。"))
    record(batch, "created", actor=actor, new=S.DRAFT, data={"count": made})
    return batch


def _plan_of(program: Program, period: str) -> FundPlan:
    """The plan of the period's year, locked: two sessions making the same batch come one after the other."""
    if not re.fullmatch(r"20\d\d(-Q[1-4]|-(0[1-9]|1[0-2]))?", period):
        raise Refused(_("期间应写成 2022、2022-Q1 或 2022-03。"))
    plan = FundPlan.objects.select_for_update().filter(program=program, year=int(period[:4])).first()
    if plan is None:
        raise Refused(
            _("%(program)s还没有%(year)s年的资金计划。请先录入资金计划。")
            % {"program": program.short_name, "year": period[:4]}
        )
    return plan


def _last_sequence(program: Program, period: str) -> int:
    return (
        Batch.objects.filter(program=program, period=period)
        .exclude(status=S.CANCELLED)
        .order_by("-sequence")
        .values_list("sequence", flat=True)
        .first()
        or 0
    )


def _refuse_claimed(what: dict[str, object]) -> None:
    """Raise Refused when a payable row repeats a claim that already has a payment: nobody is paid twice."""
    rows = fetch(
        f"""
        SELECT roster.number, r.row_no, count(*) OVER ()
        {_PAYABLE}
           AND EXISTS (SELECT 1 FROM disbursement_payment p
                        WHERE p.program_id = roster.program_id AND p.period = roster.period
                          AND p.beneficiary_id = r.beneficiary_id AND p.item = r.item AND p.status <> 'cancelled')
         ORDER BY 1, 2 LIMIT 1
        """,  # noqa: S608 - a constant
        what,
    )
    if rows:
        number, row_no, count = rows[0]
        raise Refused(
            _("有%(count)d人本期已经制过单，例如清册%(number)s第%(row)d行。请退回该清册剔除重复的人。")
            % {"count": count, "number": number, "row": row_no}
        )


def total_fen(batch: Batch) -> int:
    """What the batch pays, in fen, cancelled payments aside."""
    return int(batch.payments.exclude(status=P.CANCELLED).aggregate(fen=Sum("amount_fen"))["fen"] or 0)


def submit_batch(batch: Batch, *, actor: User) -> None:
    """Freeze the content and hand the batch to review; payments of rows that left the roster are cancelled first.

    Raises Refused for open suspicions, a bank without channel or too small a plan, and ContentChanged — with a
    discrepancy for each difference, kept — when a payment is not what an ended notice showed.
    """
    require(actor, "batch.make")
    compare_again(batch, batch.payments.filter(status=P.READY))
    with transaction.atomic():
        fresh = locked(batch)
        _only_from(fresh, S.DRAFT, S.SUBMITTED)
        _drop_left(fresh, actor)
        differing = contents.report_differences(fresh)
        if not differing:
            _refuse_unready(fresh)
            require_available(fresh.plan, total_fen(fresh))
            move(
                fresh,
                S.SUBMITTED,
                actor=actor,
                content_hash=contents.content_hash(fresh),
                submitted_at=clock.now(),
                return_note="",
            )
            failpoint("submit-before-commit")
    _raise_if_different(differing)
    batch.refresh_from_db()


def _only_from(batch: Batch, status: str, to: str) -> None:
    """Raise InvalidTransition before anything is looked at unless the batch stands at ``status``.

    Narrower than ``NEXT``, which also lets results and ``resume_batch`` lead to ``paying``.
    """
    if batch.status != status:
        raise InvalidTransition(
            _("批次现在是“%(now)s”，不能变为“%(to)s”。请刷新页面查看最新状态。")
            % {"now": S(batch.status).label, "to": S(to).label}
        )


def _drop_left(batch: Batch, actor: User) -> None:
    """Cancel the payments whose row a confirmed suspicion took off the roster; raises Refused when none is left."""
    left = move_many(batch.payments.filter(row__status=RosterRow.Status.LEFT), P.READY, P.CANCELLED)
    if not left:
        return
    if not batch.payments.exclude(status=P.CANCELLED).exists():
        raise Refused(_("本批的人都已从清册剔除，没有可发放的。请作废本批。"))
    record(batch, "changed", actor=actor, note=_("%(n)d笔的人已从清册剔除，付款作废") % {"n": left})


def _refuse_unready(batch: Batch) -> None:
    require_decided(batch.payments.all())
    banks = contents.banks_without_channel(batch)
    if banks:
        raise Refused(
            _("与%(banks)s还没有开通代发通道，不能提交。请先登记该银行，或更正收款账户。") % {"banks": "、".join(banks)}
        )


def _raise_if_different(differing: int) -> None:
    if differing:
        raise ContentChanged(
            _(
                "有%(n)d笔与公示的名单不一致，没有继续。差异已列入待处理事项，请查明是谁改动的，改回后重新提交，或作废本批。"
            )
            % {"n": differing}
        )


def approve_batch(batch: Batch, *, actor: User) -> None:
    """Review by another person: the fund plan is locked and the money committed. PlanExceeded when it is not there.

    Raises Refused when a suspicion came up, or a row left its roster, since the batch was submitted.
    """
    require(actor, "batch.approve")
    require_other(actor, batch.made_by)
    compare_again(batch, batch.payments.filter(status=P.READY))
    with transaction.atomic():
        plan = FundPlan.objects.select_for_update().get(pk=batch.plan_id)
        fresh = locked(batch)
        _only_from(fresh, S.SUBMITTED, S.APPROVED)
        require_on_roster(fresh.payments.all())
        require_decided(fresh.payments.all())
        require_available(plan, total_fen(fresh))
        move(fresh, S.APPROVED, actor=actor, approved_by=actor, approved_at=clock.now())
        failpoint("approve-before-commit")
    batch.refresh_from_db()


def release_batch(batch: Batch, *, actor: User, banks: Sequence[int] = (), funding: str = "") -> None:
    """Send the money on its way: orders per bank, payments in flight, bells rung after commit.

    ``banks`` (primary keys) releases their payments only; the rest stays ready until it is released in the same way.
    ``funding`` says who puts in what a deposit account of the county lacks; without it AccountShort is raised.
    A batch that is no longer what was publicised and approved is held instead, with the differences kept,
    and ContentChanged is raised. Raises Refused while a bank that can be asked for names was not.
    """
    require(actor, "batch.release")
    require_other(actor, batch.made_by, batch.approved_by)
    compare_again(batch, batch.payments.filter(status=P.READY))
    with transaction.atomic():
        fresh = locked(batch)
        if fresh.status != S.PAYING or not fresh.payments.filter(status=P.READY).exists():
            _only_from(fresh, S.APPROVED, S.PAYING)  # a held one is resumed first, by who may hold
        require_on_roster(fresh.payments.all())
        differing = contents.report_differences(fresh)
        if not differing and contents.content_hash(fresh) != fresh.content_hash:
            contents.report_changed_hash(fresh)
            differing = fresh.payments.count()
        if differing:
            move(fresh, S.HELD, actor=actor, note=_("放行前核对：内容与公示或复核时不一致"))
        else:
            _refuse_unready(fresh)
            _refuse_unasked(fresh)
            require_covered(fresh, banks, funding)
            _release(fresh, actor, banks, funding.strip()[:200])
    batch.refresh_from_db()
    _raise_if_different(differing)


def _refuse_unasked(batch: Batch) -> None:
    if not names.is_asked(batch):
        raise Refused(_("还有账户没有向银行核验户名，或户名不符还没有暂缓。请先点“核验户名”。"))


def _release(batch: Batch, actor: User, banks: Sequence[int], note: str) -> None:
    leaving = batch.payments.filter(status=P.READY)
    if banks:
        leaving = leaving.filter(account__bank__bank__in=banks)
    ids = list(leaving.values_list("pk", flat=True))
    if not ids:
        raise Refused(_("没有可以放行的付款：选的银行没有待发的。请刷新后重选。"))
    if batch.status == S.PAYING:
        record(batch, "released_rest", actor=actor, note=note, data={"count": len(ids)})
    else:
        move(
            batch,
            S.PAYING,
            actor=actor,
            note=note,
            data={"count": len(ids)},
            released_by=actor,
            released_at=clock.now(),
        )
    make_orders(batch, only=ids)
    move_many(Payment.objects.filter(pk__in=ids), P.READY, P.IN_FLIGHT, released_on=clock.today())
    failpoint("release-before-commit")


@transaction.atomic
def return_batch(batch: Batch, *, note: str, actor: User) -> None:
    """Back to who made it, with the reason; the review starts again."""
    require(actor, "batch.return")
    require_other(actor, batch.made_by)
    _require_note(note)
    move(
        locked(batch),
        S.DRAFT,
        actor=actor,
        note=note,
        return_note=note,
        approved_by=None,
        approved_at=None,
        content_hash="",
    )
    batch.refresh_from_db()


@transaction.atomic
def cancel_batch(batch: Batch, *, actor: User, note: str = "") -> None:
    """Undo a batch of which nothing was ever sent; its rows may be paid by another batch."""
    require(actor, "batch.make")
    fresh = locked(batch)
    move(fresh, S.CANCELLED, actor=actor, note=note)
    move_many(fresh.payments.all(), P.READY, P.CANCELLED)
    batch.refresh_from_db()


@transaction.atomic
def hold_batch(batch: Batch, *, note: str, actor: User) -> None:
    """Stop sending: orders that have not left stay here until ``resume_batch``. What has left is still answered."""
    require(actor, "batch.hold")
    _require_note(note)
    move(locked(batch), S.HELD, actor=actor, note=note)
    batch.refresh_from_db()


@transaction.atomic
def resume_batch(batch: Batch, *, actor: User, note: str) -> None:
    """Go on where the batch was held: to its release, or to sending when it was released before.

    Raises Refused while a failed payment may have been paid after all: its reissue would pay it twice.
    """
    require(actor, "batch.hold")
    _require_note(note)
    fresh = locked(batch)
    late = Discrepancy.objects.late_successes().filter(payment__batch=fresh).count()
    if late:
        raise Refused(
            _(
                "本批有%(n)d笔失败后银行又报成功，恢复后可能付两次。请先撤回没有送出的重发指令，或查实后了结这些待处理事项。"
            )
            % {"n": late}
        )
    released = fresh.released_by_id is not None
    move(fresh, S.PAYING if released else S.APPROVED, actor=actor, note=note)
    if released:
        ring_created(fresh)
        settle_batches([fresh.pk])
    batch.refresh_from_db()


def _require_note(note: str) -> None:
    if not note.strip():
        raise Refused(_("请写明原因，让经办的同事知道要改什么。"))

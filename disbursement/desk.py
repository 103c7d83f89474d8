"""What of the money waits for whom, and where a number leads. Each question is bounded and asked only of its desk."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, Subquery, Sum, Value
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from disbursement import funds, restoring
from disbursement.actions import may_correct
from disbursement.batch_facts import COUNTY_KINDS, FAILED, reissuable
from disbursement.failure_lines import uncorrected
from disbursement.failures import Retry, describe
from disbursement.models import (
    Attempt,
    Batch,
    Correction,
    Discrepancy,
    EntryMatch,
    MonthClose,
    Order,
    Payment,
    Refund,
    RefundLine,
    Reissue,
    Verdict,
)
from disbursement.rounds import clear_on, round_for
from disbursement.totals import Totals, batch_totals
from programs.models import FundPlan, Roster
from subsidy_portal import clock
from subsidy_portal.desk import DeskItem, last_moves
from subsidy_portal.models import User
from subsidy_portal.permissions import allowed
from subsidy_portal.wording import count, period, yuan

LIMIT = 50
# Of the batches whose failures should go back: the rest follow when these are done
_OLDEST = 5


def waiting(user: User) -> list[DeskItem]:
    """Everything of this app that waits for ``user``."""
    return [item for need, ask in _QUESTIONS if allowed(user, need) for item in ask(user)]


def away(user: User) -> list[DeskItem]:
    """Batches, corrections and reissues this user signed that another desk has."""
    signed = Q(made_by=user) | Q(approved_by=user) | Q(released_by=user)
    under_way = (Batch.Status.SUBMITTED, Batch.Status.APPROVED, Batch.Status.PAYING)
    batches = list(
        Batch.objects.visible_to(user).filter(signed, status__in=under_way).select_related("program", "made_by")[:LIMIT]
    )
    totals = batch_totals(batches, user)
    items = [
        _batch_item(batch, totals[batch.pk], _("批次"), _("看"), _WHOSE_TURN[Batch.Status(batch.status)])
        for batch in batches
    ]
    corrections = Correction.objects.visible_to(user).filter(made_by=user, status__in=("proposed", "approved"))
    for item in corrections.select_related("payment__payee", "payment__program").order_by("pk")[:LIMIT]:
        where = _("等复核") if item.status == Correction.Status.PROPOSED else _("已复核，等重发")
        items.append(
            DeskItem(
                "failures",
                _("更正"),
                item.payment.payee.name,
                f"{item.payment.program.short_name} {period(item.payment.period)}，{where}",
                reverse("disbursement:correction", args=(item.pk,)),
                _("看"),
                amount_fen=item.payment.amount_fen,
                at=item.made_at,
            )
        )
    mine = Reissue.objects.filter(made_by=user, status=Reissue.Status.SUBMITTED)
    return items + [_reissue_item(reissue, _("重发"), _("看")) for reissue in _sums(mine)]


_WHOSE_TURN = {
    Batch.Status.SUBMITTED: _lazy("等财政复核岗复核"),
    Batch.Status.APPROVED: _lazy("等财政批准岗放行"),
    Batch.Status.PAYING: _lazy("等银行回盘"),
}


def year_funds(user: User) -> dict[str, Any] | None:
    """The year's plans together: planned, committed, paid, available; for desks where money is decided or watched."""
    if user.kind not in COUNTY_KINDS or not allowed(user, "see.money"):
        return None
    year = clock.today().year
    sums = funds.balances(FundPlan.objects.visible_to(user).filter(year=year)).values()
    total = funds.Balance(*(sum(getattr(one, name) for one in sums) for name in ("planned", "committed", "paid")))
    if not total.planned:
        return None
    return {"title": _("%d年资金") % year, "balance": total, "template": "disbursement/parts/fund_balance.html"}


def _rosters_to_batch(user: User) -> Iterator[DeskItem]:
    """Accepted rosters that no batch has taken up."""
    taken = Payment.objects.filter(row__roster=OuterRef("pk")).exclude(status=Payment.Status.CANCELLED)
    accepted = Roster.objects.visible_to(user).filter(~Exists(taken), status=Roster.Status.ACCEPTED)
    groups = accepted.order_by().values_list("program__short_name", "period").annotate(n=Count("pk"))
    for program, when, n in groups[:LIMIT]:
        yield DeskItem(
            "batches",
            _("编批"),
            f"{program} {period(when)}",
            _("%(n)s 份清册已受理") % {"n": count(n)},
            reverse("disbursement:batch-new"),
            _("编批"),
        )


def _batches(status: str, kind: str, action: str, user: User, signed: Q) -> Iterator[DeskItem]:
    """Batches at ``status``, without those this user has ``signed`` before."""
    found = Batch.objects.visible_to(user).filter(status=status).exclude(signed)
    batches = list(found.select_related("program", "made_by").order_by("pk")[:LIMIT])
    totals = batch_totals(batches, user)
    for batch in batches:
        yield _batch_item(batch, totals[batch.pk], kind, action)


def _batch_item(batch: Batch, totals: Totals, kind: str, action: str, where: object = "") -> DeskItem:
    facts = _("批次 %(number)s，%(n)s 人次") % {"number": batch.number, "n": count(totals.count)}
    return DeskItem(
        "batches",
        kind,
        f"{batch.program.short_name} {period(batch.period)}",
        f"{where}，{facts}" if where else facts,
        reverse("disbursement:batch", args=(batch.pk,)),
        action,
        amount_fen=totals.planned_fen,
        by=str(batch.made_by),
        at=batch.approved_at or batch.submitted_at or batch.made_at,
    )


def _batches_to_submit(user: User) -> Iterator[DeskItem]:
    """The own drafts; one that a second person saw before came back."""
    fresh, back = Q(made_by=user, submitted_at=None), Q(made_by=user, submitted_at__isnull=False)
    yield from _batches(Batch.Status.DRAFT, _("批次提交"), _("提交"), user, ~fresh)
    for item in _batches(Batch.Status.DRAFT, _("批次退回"), _("去改"), user, ~back):
        yield replace(item, returned=True)


def _batches_to_approve(user: User) -> Iterator[DeskItem]:
    yield from _batches(Batch.Status.SUBMITTED, _("批次复核"), _("复核"), user, Q(made_by=user))


def _batches_to_release(user: User) -> Iterator[DeskItem]:
    signed = Q(made_by=user) | Q(approved_by=user)
    yield from _batches(Batch.Status.APPROVED, _("批次放行"), _("放行"), user, signed)


def _batches_to_reissue(user: User) -> Iterator[DeskItem]:
    """Batches of which something can be sent again that nobody has put up for it."""
    ready = reissuable(Payment.objects.visible_to(user)).exclude(batch__reissues__status=Reissue.Status.SUBMITTED)
    groups = (
        ready.order_by()
        .values_list("batch", "batch__number", "program__short_name", "period")
        .annotate(n=Count("pk"), fen=Sum("amount_fen"))
    )
    today, rows = clock.today(), list(groups[:LIMIT])
    refused = _refused_reissues([pk for pk, *_rest in rows])
    for pk, number, program, when, n, fen in rows:
        facts = _("批次 %(number)s，可重发 %(n)s 笔") % {"number": number, "n": count(n)}
        yield DeskItem(
            "failures",
            _("重发退回") if pk in refused else _("提交重发"),
            f"{program} {period(when)}",
            f"{refused[pk]}，{facts}" if pk in refused else facts,
            reverse("disbursement:batch", args=(pk,)),
            _("提交重发"),
            amount_fen=fen,
            due_on=round_for(today).department_on,
            returned=pk in refused,
        )


def _refused_reissues(batches: list[int]) -> dict[int, str]:
    """Why the last reissue of each of these batches was refused, for those where it was."""
    last = Reissue.objects.filter(batch__in=batches).order_by("batch_id", "-pk").distinct("batch_id")
    refused = {one.pk: one.batch_id for one in last if one.status == Reissue.Status.REFUSED}
    moves = last_moves("disbursement.reissue", refused)
    return {batch: moves[pk].note[:60] if pk in moves else "" for pk, batch in refused.items()}


def _reissues_to_release(user: User) -> Iterator[DeskItem]:
    waits = Reissue.objects.filter(status=Reissue.Status.SUBMITTED).exclude(made_by=user)
    yield from (_reissue_item(reissue, _("重发放行"), _("放行")) for reissue in _sums(waits))


def _sums(reissues: Any) -> Any:
    found = reissues.select_related("batch__program", "made_by").annotate(
        n=Count("corrections"), fen=Sum("corrections__payment__amount_fen")
    )
    return found.order_by("pk")[:LIMIT]


def _reissue_item(reissue: Any, kind: str, action: str) -> DeskItem:
    return DeskItem(
        "batches",
        kind,
        f"{reissue.batch.program.short_name} {period(reissue.batch.period)}",
        _("批次 %(number)s，重发 %(n)s 笔") % {"number": reissue.batch.number, "n": count(reissue.n)},
        reverse("disbursement:reissue", args=(reissue.pk,)),
        action,
        amount_fen=reissue.fen,
        by=str(reissue.made_by),
        at=reissue.made_at,
        due_on=round_for(clock.today()).bank_on,
    )


def _corrections_to_review(user: User) -> Iterator[DeskItem]:
    waits = Correction.objects.visible_to(user).filter(status=Correction.Status.PROPOSED).exclude(made_by=user)
    waits = waits.filter(made_by__organisation__kind=user.kind)
    for item in waits.select_related("payment__payee", "payment__program", "made_by").order_by("pk")[:LIMIT]:
        yield DeskItem(
            "failures",
            _("更正复核"),
            item.payment.payee.name,
            f"{item.payment.program.short_name} {period(item.payment.period)}，{describe(item.failure_code).meaning}",
            reverse("disbursement:correction", args=(item.pk,)),
            _("复核"),
            amount_fen=item.payment.amount_fen,
            by=str(item.made_by),
            at=item.made_at,
            due_on=round_for(item.payment.returned_on or item.payment.failed_on or clock.today()).town_on,
        )


def _uncorrected(user: User) -> Any:
    """Failed payments without a correction on its way; ``last`` is the status of the last one there was."""
    of_payment = Correction.objects.filter(payment=OuterRef("pk"))
    on_its_way = of_payment.filter(status__in=("proposed", "approved"))
    last = of_payment.order_by("-pk").values("status")[:1]
    failed = Payment.objects.visible_to(user).filter(~Exists(on_its_way), status__in=FAILED)
    return failed.annotate(last=Coalesce(Subquery(last), Value("")))


def _corrections_refused(user: User) -> Iterator[DeskItem]:
    """Corrections the reviewer gave back, one line each with the reason."""
    back = _uncorrected(user).filter(last=Correction.Status.REFUSED).values("pk")
    last = Correction.objects.filter(payment__in=back).order_by("payment_id", "-pk").distinct("payment_id")
    found = [
        item
        for item in last.select_related("payment__payee", "payment__program", "made_by")[:LIMIT]
        if may_correct(user, item.payment.failure_code)
    ]
    moves = last_moves("disbursement.correction", [item.pk for item in found])
    for item in found:
        payment, move = item.payment, moves.get(item.pk)
        about = f"{payment.program.short_name} {period(payment.period)}"
        yield DeskItem(
            "failures",
            _("更正退回"),
            payment.payee.name,
            "，".join(filter(None, (move.note[:60] if move else "", about))),
            reverse("disbursement:correction-new", args=(payment.pk,)),
            _("去改"),
            amount_fen=payment.amount_fen,
            by=str(move.actor if move else item.made_by),
            at=move.at if move else item.made_at,
            due_on=round_for(payment.returned_on or payment.failed_on or clock.today()).due_on(
                describe(payment.failure_code).owner
            ),
            returned=True,
        )


def _failures_to_correct(user: User) -> Iterator[DeskItem]:
    """Uncorrected failures that this office may correct, one line for each cause; refused ones have their own."""
    yield from _corrections_refused(user)
    failed = _uncorrected(user).exclude(last=Correction.Status.REFUSED)
    groups: dict[str, list[tuple[dt.date, int, int]]] = {}
    for code, failed_on, returned_on, n, fen in (
        failed.order_by()
        .values_list("failure_code", "failed_on", "returned_on")
        .annotate(n=Count("pk"), fen=Sum("amount_fen"))
    ):
        groups.setdefault(code, []).append((returned_on or failed_on or clock.today(), n, fen))
    for code, parts in groups.items():
        reason = describe(code)
        if reason.retry not in {Retry.NEW_ACCOUNT, Retry.SAME_OR_NEW} or not may_correct(user, code):
            continue
        yield DeskItem(
            "failures",
            _("失败更正"),
            str(reason.meaning),
            _("%(n)s 笔，%(todo)s") % {"n": count(sum(n for _day, n, _fen in parts)), "todo": reason.todo},
            f"{reverse('disbursement:failure-list')}?code={code}&step=open",
            _("更正"),
            amount_fen=sum(fen for _day, _n, fen in parts),
            due_on=min(round_for(day).due_on(reason.owner) for day, _n, _fen in parts),
            n=sum(n for _day, n, _fen in parts),
        )


def _to_refund(user: User) -> Iterator[DeskItem]:
    """The batches longest past their clearing day, with failures that nobody is correcting or refunding."""
    going_back = RefundLine.objects.filter(payment=OuterRef("pk"), dropped=False)
    names = ("batch__number", "program__short_name", "program__cycle", "period", "failed_on", "returned_on")
    groups = (
        uncorrected(Payment.objects.visible_to(user))
        .filter(~Exists(going_back))
        .order_by()
        .values_list("batch", *names)
        .annotate(n=Count("pk"), fen=Sum("amount_fen"))
    )
    late: dict[int, list[Any]] = {}
    for pk, number, program, cycle, when, failed_on, returned_on, n, fen in groups:
        day = clear_on(cycle, when, returned_on or failed_on or clock.today())
        if day < clock.today():
            sums = late.setdefault(pk, [day, number, f"{program} {period(when)}", 0, 0])
            sums[0], sums[3], sums[4] = min(sums[0], day), sums[3] + n, sums[4] + fen
    for pk, (day, number, title, n, fen) in sorted(late.items(), key=lambda item: item[1][0])[:_OLDEST]:
        facts = _("批次 %(number)s，%(n)s 笔过了清算期限") % {"number": number, "n": count(n)}
        url = reverse("disbursement:refund-new", args=(pk,))
        yield DeskItem("failures", _("该缴回"), title, facts, url, _("办理"), amount_fen=fen, due_on=day)


def _refunds(user: User) -> Iterator[DeskItem]:
    """Refunds that wait for the second person and the voucher."""
    waits: Any = Refund.objects.visible_to(user).filter(status=Refund.Status.PROPOSED).exclude(made_by=user)
    found = waits.select_related("batch__program", "made_by").annotate(n=Count("lines"), fen=Sum("lines__amount_fen"))
    for refund in found.order_by("pk")[:LIMIT]:
        yield DeskItem(
            "failures",
            _("缴回国库"),
            f"{refund.batch.program.short_name} {period(refund.batch.period)}",
            _("批次 %(number)s，缴回 %(n)s 笔") % {"number": refund.batch.number, "n": count(refund.n)},
            reverse("disbursement:refund", args=(refund.pk,)),
            _("复核"),
            amount_fen=refund.fen,
            by=str(refund.made_by),
            at=refund.made_at,
        )


def _stopped(user: User) -> Iterator[DeskItem]:
    """Nothing leaves until two persons have looked."""
    for stop in restoring.open_stops():
        if stop.proposed_by_id != user.pk:
            yield DeskItem(
                "batches",
                _("停止发送"),
                stop.reason,
                _("查清后由两人恢复，在此之前不向银行发送"),
                reverse("disbursement:sending-stop", args=(stop.pk,)),
                _("查看"),
                at=stop.started_at,
                at_risk=True,
            )


def _verdicts(user: User) -> Iterator[DeskItem]:
    """Orders without a result that a second person has to close."""
    waits = Verdict.objects.visible_to(user).filter(status=Verdict.Status.PROPOSED).exclude(made_by=user)
    for verdict in waits.select_related("order__bank__organisation", "made_by").order_by("pk")[:LIMIT]:
        yield DeskItem(
            "batches",
            _("认定待查"),
            f"{verdict.order.bank} {verdict.order.ref}",
            f"{verdict.get_outcome_display()}，{verdict.get_basis_display()}",
            reverse("disbursement:verdict", args=(verdict.pk,)),
            _("复核"),
            by=str(verdict.made_by),
            at=verdict.made_at,
        )


def _matches(user: User) -> Iterator[DeskItem]:
    """Statement lines somebody bound to a payment, for a second person."""
    waits = EntryMatch.objects.filter(status=EntryMatch.Status.PROPOSED).exclude(made_by=user)
    for match in waits.select_related("entry__statement__bank__organisation", "made_by").order_by("pk")[:LIMIT]:
        yield DeskItem(
            "reconciliation",
            _("认定对账单行"),
            f"{match.entry.statement.bank} {match.entry.statement.booked_on:%m-%d}",
            _("%(fen)s 元") % {"fen": yuan(match.entry.amount_fen)},
            reverse("disbursement:match", args=(match.pk,)),
            _("复核"),
            by=str(match.made_by),
            at=match.made_at,
        )


def _discrepancies(user: User) -> Iterator[DeskItem]:
    found = Discrepancy.objects.visible_to(user).filter(status=Discrepancy.Status.OPEN)
    for item in found.select_related("bank__organisation").order_by("pk")[:LIMIT]:
        yield DeskItem(
            "reconciliation",
            _("对不上"),
            str(item.get_kind_display()),
            item.text,
            reverse("disbursement:discrepancy", args=(item.pk,)),
            _("处理"),
            amount_fen=item.amount_fen or None,
            by=str(item.bank or ""),
            at=item.found_at,
            at_risk=True,
        )


def _month_to_prepare(user: User) -> Iterator[DeskItem]:
    """The last month that has ended with payments in it and is not prepared."""
    first = clock.today().replace(day=1)
    month = (first - dt.timedelta(days=1)).replace(day=1)
    sent = Payment.objects.filter(released_on__gte=month, released_on__lt=first)
    if sent.exists() and not MonthClose.objects.filter(month=month).exists():
        yield _month_item(month, _("编制月结"), _("编制"))


def _months_to_close(user: User) -> Iterator[DeskItem]:
    for month in MonthClose.objects.filter(status=MonthClose.Status.PREPARED).exclude(made_by=user)[:LIMIT]:
        yield _month_item(month.month, _("复核月结"), _("复核"), by=str(month.made_by), at=month.made_at)


def _month_item(month: dt.date, kind: str, action: str, *, by: str = "", at: dt.datetime | None = None) -> DeskItem:
    return DeskItem(
        "reconciliation",
        kind,
        period(f"{month:%Y-%m}"),
        _("银行、指令、清册三方相符才能月结"),
        reverse("disbursement:month", args=(f"{month:%Y-%m}",)),
        action,
        by=by,
        at=at,
    )


_QUESTIONS: tuple[tuple[str, Callable[[User], Iterator[DeskItem]]], ...] = (
    ("batch.make", _rosters_to_batch),
    ("batch.make", _batches_to_submit),
    ("batch.approve", _batches_to_approve),
    ("batch.release", _batches_to_release),
    ("reissue.make", _batches_to_reissue),
    ("reissue.approve", _reissues_to_release),
    ("correction.approve", _corrections_to_review),
    ("correction.propose", _failures_to_correct),
    ("refund.make", _to_refund),
    ("refund.confirm", _refunds),
    ("verdict.confirm", _verdicts),
    ("verdict.confirm", _matches),
    ("sending.reopen", _stopped),
    ("discrepancy.resolve", _discrepancies),
    ("month.prepare", _month_to_prepare),
    ("month.close", _months_to_close),
)


def search(user: User, text: str) -> str:
    """Where a batch number, an order reference or a line reference leads; empty when it is none the user may see."""
    if not allowed(user, "see.money") or not text.isascii() or len(text) > 20:
        return ""
    number = text.upper()
    batch = Batch.objects.visible_to(user).filter(number=number).first()
    if batch:
        return reverse("disbursement:batch", args=(batch.pk,))
    order = Order.objects.visible_to(user).filter(ref=number).first()
    if order:
        return reverse("disbursement:order", args=(order.pk,))
    attempt = Attempt.objects.filter(ref=number, payment__in=Payment.objects.visible_to(user)).first()
    if attempt and Order.objects.visible_to(user).filter(pk=attempt.order_id).exists():
        return reverse("disbursement:order", args=(attempt.order_id,)) + f"?after={attempt.line_no - 1}"
    return ""

"""Batches: list, make, watch, and the steps up to the release."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from disbursement import actions, funds
from disbursement.batch_before import before
from disbursement.batch_facts import (
    COUNTY_KINDS,
    ThreeWay,
    bank_sums,
    failure_groups,
    open_round,
    order_lines,
    order_totals,
    plan_ledger,
    pre_send_checks,
    ready_for_batch,
    reissuable,
    roster_lines,
    three_way,
    unknown_lines,
)
from disbursement.batch_steps import STEPS, steps_for, why_not
from disbursement.forms import BatchFilterForm, NoteForm, ReleaseForm
from disbursement.models import Batch, Discrepancy, Order, Payment, Refund, Reissue
from disbursement.shares import AccountShort, fiscal_accounts, ready_shares
from disbursement.totals import Totals, batch_totals
from programs.models import FundPlan, Program
from subsidy_portal import clock
from subsidy_portal.models import User
from subsidy_portal.paging import keyset_page
from subsidy_portal.permissions import allowed
from subsidy_portal.staff import StaffRequest, happened, staff_page
from subsidy_portal.wording import count, yuan


@staff_page("see.money")
def batch_list(request: StaffRequest) -> HttpResponse:
    form = BatchFilterForm(request.GET, user=request.user)
    batches = Batch.objects.visible_to(request.user).select_related("program__department")
    if form.is_valid():
        wanted = form.cleaned_data
        batches = batches.filter(**({"program": wanted["program"]} if wanted["program"] else {}))
        batches = batches.filter(period__startswith=wanted["year"])
        batches = batches.filter(**({"status": wanted["status"]} if wanted["status"] else {}))
    page = keyset_page(batches, request, size=30)
    totals = batch_totals(page.rows, request.user)
    return render(
        request,
        "disbursement/batch_list.html",
        {
            "form": form,
            "page": page,
            "rows": [(batch, totals[batch.pk]) for batch in page],
            "may_make": allowed(request.user, "batch.make"),
            "filtered": any(request.GET.get(name) for name in form.fields),
        },
    )


@staff_page("batch.make")
def batch_new(request: StaffRequest) -> HttpResponse:
    """What waits to be paid, with the plan before and after; a POST makes the batch."""
    if request.method == "POST":
        program = get_object_or_404(Program.objects.visible_to(request.user), pk=request.POST.get("program") or 0)
        batch = actions.make_batch(program, request.POST.get("period", ""), actor=request.user)
        messages.success(request, _("批次 %(number)s 已编好，核对后提交复核。") % {"number": batch.number})
        return redirect("disbursement:batch", batch.pk)
    ready = ready_for_batch(request.user)
    plans = {
        (plan.program_id, plan.year): plan.pk
        for plan in FundPlan.objects.filter(
            program__in={item.program.pk for item in ready}, year__in={item.year for item in ready}
        )
    }
    balances = funds.balances(list(plans.values()))
    rows = []
    for item in ready:
        plan = plans.get((item.program.pk, item.year))
        available = balances[plan].available if plan else None
        rows.append((item, available, None if available is None else available - item.amount_fen))
    return render(request, "disbursement/batch_new.html", {"rows": rows})


def find_batch(request: StaffRequest, pk: int) -> Batch:
    batches = Batch.objects.visible_to(request.user)
    people = ("made_by", "approved_by", "released_by")
    return get_object_or_404(batches.select_related("program__department", *people), pk=pk)


@staff_page("see.money")
def batch(request: StaffRequest, pk: int) -> HttpResponse:
    found = find_batch(request, pk)
    return render(request, "disbursement/batch.html", batch_context(found, request.user))


@staff_page("see.money")
def batch_progress(request: StaffRequest, pk: int) -> HttpResponse:
    """The live part of the batch page, with what hangs on the answers when new ones have come since ``answered``.

    When the status has moved on, the whole page comes anew.
    """
    found = find_batch(request, pk)
    if request.GET.get("seen", found.status) != found.status:
        response = HttpResponse()
        response["HX-Refresh"] = "true"
        return response
    context = live_context(found, request.user)
    context["moved"] = request.GET.get("answered") != str(context["answered"])
    if context["moved"]:
        context |= answers_context(found, request.user, context["totals"])
    return render(request, "disbursement/parts/progress.html", {**context, "released": True, "oob": True})


@staff_page("see.money")
@require_POST
def batch_act(request: StaffRequest, pk: int, verb: str) -> HttpResponse:
    """One step of the batch; a step back must say why."""
    found = find_batch(request, pk)
    if verb == "release":
        return release(request, found)
    if verb == "reissue":
        reissue = actions.make_reissue(found, actor=request.user)
        messages.success(request, _("已提交重发，等财政批准岗放行。"))
        return redirect("disbursement:reissue", reissue.pk)
    if verb not in STEPS:
        raise Http404
    step, note = STEPS[verb], {}
    if step.back:
        form = NoteForm(request.POST)
        if not form.is_valid():
            return refuse_form(request, found, note_form=form)
        note = {"note": form.cleaned_data["note"]}
    step.run(found, actor=request.user, **note)
    messages.success(request, step.done)
    return redirect("disbursement:batch", pk)


def release(request: StaffRequest, found: Batch) -> HttpResponse:
    shares = ready_shares(found)
    form = ReleaseForm(request.POST, shares=shares, accounts=fiscal_accounts(shares))
    if not form.is_valid():
        return refuse_form(request, found, release_form=form)
    chosen, funding = form.cleaned_data.get("banks", ()), form.cleaned_data.get("funding", "")
    try:
        actions.release_batch(found, banks=chosen, funding=funding, actor=request.user)
    except AccountShort as short:
        form.add_error("funding", str(short))
        return refuse_form(request, found, release_form=form)
    messages.success(request, _("已放行。指令正在发给银行，每条只发一次。"))
    return redirect("disbursement:batch", found.pk)


def refuse_form(request: StaffRequest, found: Batch, **forms: Any) -> HttpResponse:
    """The batch page again with what is wrong in a form; nothing was done."""
    return render(request, "disbursement/batch.html", {**batch_context(found, request.user), **forms}, status=422)


def live_context(found: Batch, user: User) -> dict[str, Any]:
    """What changes while the banks answer."""
    totals = batch_totals([found], user)[found.pk]
    orders = order_lines(Order.objects.visible_to(user).filter(batch=found))
    unknown = unknown_lines(found, user) if totals.unknown_count else []
    return {
        "batch": found,
        "totals": totals,
        "sums": money_sums(found, totals, late=any(line.late for line in unknown)),
        "orders": orders,
        "order_sums": order_totals(orders),
        "unknown": unknown,
        "late_unknown": sum(line.late for line in unknown),
        "answered": totals.paid_count + totals.failed_count,
        "live": found.status == Batch.Status.PAYING or (found.status == Batch.Status.HELD and bool(orders)),
        "updated_at": clock.now(),
    }


def answers_context(found: Batch, user: User, totals: Totals) -> dict[str, Any]:
    """What the banks' answers change beside the money card: failures, the three counts, the rosters."""
    mine = Payment.objects.visible_to(user).filter(batch=found)
    county, released = user.kind in COUNTY_KINDS, found.released_by_id is not None
    tie = three_way(found, totals) if county and released else None
    groups = failure_groups(mine) if totals.failed_count or totals.held_count else []
    return {
        "rosters": roster_lines(mine),
        "see_rosters": allowed(user, "see.rosters"),
        "failures": groups,
        "failures_count": sum(group.count for group in groups),
        "failures_fen": sum(group.amount_fen for group in groups),
        "round": open_round(mine) if totals.failed_count else None,
        "three_way": tie,
        "equation": equation(tie) if tie else None,
    }


def money_sums(found: Batch, totals: Totals, *, late: bool) -> list[dict[str, Any]]:
    """The sums under the bar, one for each of its parts that is not empty; red once an answer is ``late``."""
    failed_url = f"{reverse('disbursement:failure-list')}?batch={found.number}"
    parts = [
        ("", _("待发"), totals.ready_count, totals.ready_fen, "", ""),
        ("paid", _("已付"), totals.paid_count, totals.paid_fen, "", ""),
        ("way", _("在途"), totals.way_count, totals.way_fen, _("回盘中"), ""),
        ("fail", _("失败"), totals.failed_count, totals.failed_fen, "", failed_url if totals.failed_count else ""),
        ("held", _("暂缓"), totals.held_count, totals.held_fen, "", ""),
        ("unk", _("待查"), totals.unknown_count, totals.unknown_fen, _("只查询，绝不再发"), ""),
        ("", _("已缴回"), totals.refunded_count, totals.refunded_fen, "", ""),
    ]
    always = ("paid", "way", "fail")
    return [
        {
            "key": key,
            "label": label,
            "value": yuan(fen),
            "unit": _("元"),
            "note": _("%(n)s 笔") % {"n": count(n)} + (f"，{note}" if note and n else ""),
            "risk": key == "unk" and late,
            "url": url,
        }
        for key, label, n, fen, note, url in parts
        if n or key in always
    ]


def bank_parts(banks: list[tuple[str, int, int]]) -> list[dict[str, Any]]:
    """Before the release: what each bank will have to pay."""
    return [
        {"label": name, "value": yuan(fen), "unit": _("元"), "note": _("%(n)s 笔") % {"n": count(n)}}
        for name, n, fen in banks
    ]


def batch_context(found: Batch, user: User) -> dict[str, Any]:
    context = live_context(found, user)
    totals: Totals = context["totals"]
    mine = Payment.objects.visible_to(user).filter(batch=found)
    county = user.kind in COUNTY_KINDS
    released = found.released_by_id is not None
    context.update(
        answers_context(found, user, totals),
        county_desk=county,
        released=released,
        events=happened(found),
        steps=steps_for(found, user),
        note_form=NoteForm(),
        discrepancies=open_discrepancies(found, user),
    )
    context["primary"] = next((step for step in context["steps"] if not step.back), None)
    context["backs"] = [step for step in context["steps"] if step.back]
    context["held_note"] = next((event.note for event in context["events"] if event.new_status == "held"), "")
    banks = bank_sums(mine)
    context["bank_count"] = len(banks)
    context["bank_names"] = "、".join(name for name, _n, _fen in banks)
    if not released:
        context["sums"] = bank_parts(banks)
    if county and not released:
        context["before"] = before(found)
    if county:
        context.update(plan=plan_ledger(found, totals), checks=pre_send_checks(found))
        context.update(release_frame(found, totals, user), **reissue_offer(found, user))
    return context


def open_discrepancies(found: Batch, user: User) -> list[Discrepancy]:
    """What does not fit about this batch or its payments and waits for a person; the newest few."""
    about = Q(order__batch=found) | Q(payment__batch=found)
    return list(Discrepancy.objects.visible_to(user).filter(about, status=Discrepancy.Status.OPEN)[:5])


def release_frame(found: Batch, totals: Totals, user: User) -> dict[str, Any]:
    """The frame of the one irreversible act: the form for who may sign, the reason for everybody else."""
    if found.status not in {Batch.Status.APPROVED, Batch.Status.PAYING}:
        return {}
    shares = ready_shares(found)
    if not shares:
        return {}
    accounts = fiscal_accounts(shares)
    frame: dict[str, Any] = {
        "release_fen": sum(share.fen for share in shares),
        "accounts": accounts,
        "release_count": sum(share.count for share in shares),
        "signs": [
            {"label": _("经办"), "who": found.made_by, "at": found.submitted_at or found.made_at},
            {"label": _("复核"), "who": found.approved_by, "at": found.approved_at},
            {"label": _("批准"), "who": _("待签"), "at": None},
        ],
    }
    if not allowed(user, "batch.release"):
        return {**frame, "blocked": why_not("release", found, user) or _("由财政批准岗放行。"), "waiting": _("等批准")}
    if reason := why_not("release", found, user):
        return {**frame, "blocked": reason, "waiting": _("等他人批准")}
    frame["signs"][2]["who"] = _("您")
    return {**frame, "release_form": ReleaseForm(shares=shares, accounts=accounts)}


def equation(tie: ThreeWay) -> dict[str, Any]:
    """The three counts as a sentence that ties, or shows by how much it does not."""
    totals, lines = tie.paid, _("%(what)s %(n)s 笔")

    def said(what: str, n: int) -> str:
        return lines % {"what": what, "n": count(n)}

    kept = {"op": "-", "label": said(_("未发送"), tie.kept_count), "value": yuan(tie.kept_fen)}
    terms = [
        {"label": said(_("公示清册"), tie.roster_count), "value": yuan(tie.roster_fen)},
        *([kept] if tie.kept_fen else []),
        {"op": "=", "label": said(_("发送指令"), tie.order_count), "value": yuan(tie.order_fen)},
        {"op": "-", "label": said(_("回盘成功"), totals.paid_count), "value": yuan(totals.paid_fen)},
        {"op": "=", "label": said(_("还没付"), tie.unpaid_count), "value": yuan(tie.unpaid_fen), "result": True},
        {
            "label": said(_("对账单净扣款"), tie.debit_count),
            "value": yuan(tie.debit_fen),
            "aside": True,
        },
    ]
    where = (
        (_("在途"), totals.way_fen),
        (_("失败"), totals.failed_fen),
        (_("暂缓"), totals.held_fen),
        (_("待查"), totals.unknown_fen),
        (_("已缴回"), totals.refunded_fen),
    )
    note = " + ".join(f"{name} {yuan(fen)}" for name, fen in where if fen)
    if not tie.ties:
        return {"terms": terms, "proof": _("三方对不上"), "look": "risk", "note": note}
    if tie.statement_gap_fen:
        gap = _("对账单还差 %(fen)s 元，银行日终送来") % {"fen": yuan(tie.statement_gap_fen)}
        return {
            "terms": terms,
            "proof": _("差额都有去处"),
            "look": "done",
            "note": "；".join(filter(None, (note, gap))),
        }
    return {"terms": terms, "proof": _("三方相符"), "look": "done", "note": note}


def reissue_offer(found: Batch, user: User) -> dict[str, Any]:
    """What of the batch may be sent again, and the reissue that waits for its approval."""
    waits = found.reissues.filter(status=Reissue.Status.SUBMITTED).first()
    possible = found.released_by_id is not None and found.status != Batch.Status.HELD and waits is None
    ready = reissuable(found.payments.all()).count() if possible else 0
    return {
        "reissue": waits,
        "reissuable": ready,
        "refunds": found.refunds.exclude(status=Refund.Status.REFUSED),
        "may_refund": allowed(user, "refund.make") and actions.refundable(found).exists(),
        "may_reissue": bool(ready) and allowed(user, "reissue.make"),
    }

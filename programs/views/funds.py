"""Fund plans: what is planned by whom, and what of it is still free."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from programs import actions
from programs.forms import FundEntryForm, NoteForm
from programs.models import FundEntry, FundPlan
from subsidy_portal import clock, wording
from subsidy_portal.permissions import allowed
from subsidy_portal.staff import StaffRequest, download, keep_upload, staff_page
from subsidy_portal.workflow import Refused


def balances(plans: list[FundPlan]) -> dict[int, Any]:
    """Planned, committed, paid and available fen by plan; the money side counts them (settings.FUND_BALANCES)."""
    counted: dict[int, Any] = import_string(settings.FUND_BALANCES)([plan.pk for plan in plans])
    return counted


def _entries(request: StaffRequest) -> Any:
    return FundEntry.objects.filter(plan__in=FundPlan.objects.visible_to(request.user))


@require_GET
@staff_page("see.funds")
def fund_list(request: StaffRequest) -> HttpResponse:
    """All plans of one year (one a program), their balances, and the entries that wait for a second person."""
    mine = FundPlan.objects.visible_to(request.user)
    years = list(mine.order_by("-year").values_list("year", flat=True).distinct())
    asked, today = request.GET.get("year", ""), clock.today().year
    # The year asked for, else this one, else the last there is; without any plan this year's empty page.
    year = next((y for y in (int(asked) if asked.isdecimal() else 0, today, *years) if y in years), today)
    plans = list(mine.filter(year=year).select_related("program__department").with_planned_fen())
    free = balances(plans)
    rows = [(plan, free[plan.pk]) for plan in plans]
    sums = ("planned", "committed", "paid", "available")
    total = {name: sum(getattr(balance, name) for _plan, balance in rows) for name in sums}
    total |= {name: sum(getattr(plan, name) for plan in plans) for name in ("carried_fen", "issued_fen")}
    proposed = _entries(request).filter(status="proposed").select_related("plan__program", "made_by").order_by("pk")
    context = {
        "rows": rows,
        "total": total,
        "year": year,
        "years": years,
        "proposed": list(proposed[:50]),
        "may_enter": allowed(request.user, "fund.enter"),
        "may_confirm": allowed(request.user, "fund.confirm"),
    }
    return render(request, "programs/fund_list.html", context)


@staff_page("fund.enter")
def fund_new(request: StaffRequest) -> HttpResponse:
    """Propose a change of a plan; it counts when a second person has confirmed it."""
    initial = {"program": request.GET.get("program"), "year": request.GET.get("year")}
    form = FundEntryForm(request.POST or None, request.FILES or None, user=request.user, initial=initial)
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        try:
            with transaction.atomic():
                given["attachment"] = keep_upload(given["attachment"], request.user, "fund.enter")
                entry = actions.enter_funds(given.pop("program"), given.pop("year"), **given, actor=request.user)
            return redirect("programs:fund-plan", entry.plan_id)
        except Refused as refused:
            form.add_error(None, str(refused))
    return render(request, "programs/fund_new.html", {"form": form}, status=422 if form.errors else 200)


@require_GET
@staff_page("see.funds")
def fund_plan(request: StaffRequest, pk: int) -> HttpResponse:
    return _page(request, pk, NoteForm())


def _page(request: StaffRequest, pk: int, refuse_form: NoteForm, refused: int = 0) -> HttpResponse:
    plans = FundPlan.objects.visible_to(request.user).select_related("program__department").with_planned_fen()
    plan = get_object_or_404(plans, pk=pk)
    entries = list(plan.entries.select_related("made_by", "confirmed_by", "attachment").order_by("-pk"))
    balance = balances([plan])[plan.pk]
    context = {
        "plan": plan,
        "balance": balance,
        "terms": _terms(plan, balance),
        "bar_label": _("已发 %(paid)s，已安排 %(committed)s")
        % {
            "paid": wording.pct((balance.paid, balance.planned), 1),
            "committed": wording.pct((balance.committed, balance.planned), 1),
        },
        "may_enter": allowed(request.user, "fund.enter"),
        "entries": entries,
        "proposed": [entry for entry in entries if entry.status == FundEntry.Status.PROPOSED],
        "refuse_form": refuse_form,
        "refused": refused,
        "may_confirm": allowed(request.user, "fund.confirm"),
    }
    return render(request, "programs/fund_plan.html", context, status=422 if refuse_form.errors else 200)


def _terms(plan: Any, balance: Any) -> list[dict[str, Any]]:
    """Planned − committed − paid = available, as the page's equation."""
    return [
        {"label": _("计划"), "value": wording.yuan(plan.planned_fen)},
        {"label": _("已安排，还没发"), "value": wording.yuan(balance.committed), "op": "-"},
        {"label": _("已发"), "value": wording.yuan(balance.paid), "op": "-"},
        {
            "label": _("可用"),
            "value": wording.yuan(balance.available),
            "op": "=",
            "result": True,
            "risk": balance.available < 0,
        },
    ]


@require_POST
@staff_page("see.funds")
def fund_act(request: StaffRequest, pk: int, verb: str) -> HttpResponse:
    """Confirm an entry somebody else made, or refuse it with a reason."""
    entry = get_object_or_404(_entries(request).select_related("plan"), pk=pk)
    if verb == "confirm":
        actions.confirm_funds(entry, actor=request.user)
    elif verb == "refuse":
        form = NoteForm(request.POST)
        if not form.is_valid():
            return _page(request, entry.plan_id, form, entry.pk)
        actions.refuse_funds(entry, note=form.cleaned_data["note"], actor=request.user)
    else:
        raise Http404
    return redirect("programs:fund-plan", entry.plan_id)


@require_GET
@staff_page("see.funds")
def fund_attachment(request: StaffRequest, pk: int) -> HttpResponseBase:
    entry = get_object_or_404(_entries(request).select_related("attachment"), pk=pk)
    return download(entry.attachment, entry, actor=request.user)

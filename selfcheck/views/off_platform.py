"""Pages of the programs that are not paid through the platform, and their amounts by year."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from programs.models import Program
from selfcheck import actions
from selfcheck.models import OffPlatformProgram, YearlyAmount
from selfcheck.official_forms import OffPlatformForm, YearlyAmountForm
from selfcheck.yearly import yearly_table
from subsidy_portal.money import percent
from subsidy_portal.permissions import allowed
from subsidy_portal.staff import StaffRequest, happened, staff_page
from subsidy_portal.workflow import Refused


def _programs(request: StaffRequest) -> QuerySet[Program]:
    """Programs off the platform, and those with amounts from outside this portal."""
    told = Exists(YearlyAmount.objects.filter(program=OuterRef("pk")))
    visible = Program.objects.visible_to(request.user).filter(Q(on_platform=False) | told)
    return visible.select_related("department", "off_platform")


@require_GET
@staff_page("see.funds")
def off_platform_list(request: StaffRequest) -> HttpResponse:
    programs = list(_programs(request))
    amounts = YearlyAmount.objects.visible_to(request.user).counting().filter(channel=YearlyAmount.Channel.OFFLINE)
    years = sorted({amount.year for amount in amounts}, reverse=True)
    by_program: dict[tuple[int, int], int] = {}
    for amount in amounts:
        key = (amount.program_id, amount.year)
        by_program[key] = by_program.get(key, 0) + amount.amount_fen
    rows = [(program, [(year, by_program.get((program.pk, year))) for year in years[:4]]) for program in programs]
    whole = yearly_table(request.user)
    last = whole.lines[-1] if whole.lines else None
    off, every = (whole.cell(last.key, key) for key in ("off_fen", "all_fen")) if last else (0, 0)
    context = {
        "rows": rows,
        "years": years[:4],
        "off_fen": off,
        "share": percent(off, every, 1),
        "open": sum(
            not hasattr(one, "off_platform") or one.off_platform.decision == OffPlatformProgram.Decision.OPEN
            for one in programs
            if not one.on_platform
        ),
        "proposed": YearlyAmount.objects.visible_to(request.user)
        .filter(status=YearlyAmount.Status.PROPOSED)
        .select_related("program", "made_by"),
        "may_confirm": allowed(request.user, "offline.confirm"),
    }
    return render(request, "selfcheck/off_platform_list.html", context)


def _program(request: StaffRequest, pk: int) -> Program:
    return get_object_or_404(Program.objects.visible_to(request.user).select_related("off_platform"), pk=pk)


def _page(
    request: StaffRequest, program: Program, decision: Any = None, amount: Any = None, status: int = 200
) -> HttpResponse:
    noted = getattr(program, "off_platform", None)
    may_decide, may_enter = (allowed(request.user, need) for need in ("offline.decide", "offline.enter"))
    initial = {"paid_to": program.paid_to}
    context = {
        "program": program,
        "noted": noted,
        "decision": decision or (OffPlatformForm(instance=noted) if may_decide and not program.on_platform else None),
        "amount": amount or (YearlyAmountForm(initial=initial) if may_enter else None),
        "amounts": program.yearly_amounts.select_related("made_by", "confirmed_by"),
        "may_confirm": allowed(request.user, "offline.confirm"),
        "events": happened(program, 10),
    }
    return render(request, "selfcheck/off_platform.html", context, status=status)


@require_GET
@staff_page("see.funds")
def off_platform(request: StaffRequest, pk: int) -> HttpResponse:
    return _page(request, _program(request, pk))


@require_POST
@staff_page("offline.decide")
def decide(request: StaffRequest, pk: int) -> HttpResponse:
    program = _program(request, pk)
    form = OffPlatformForm(request.POST)
    if form.is_valid():
        try:
            actions.note_off_platform(program, actor=request.user, **form.cleaned_data)
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("已保存。"))
            return redirect("selfcheck:off-platform", pk)
    return _page(request, program, decision=form, status=422)


@require_POST
@staff_page("offline.enter")
def enter(request: StaffRequest, pk: int) -> HttpResponse:
    program = _program(request, pk)
    form = YearlyAmountForm(request.POST)
    if form.is_valid():
        try:
            actions.enter_yearly_amount(program, actor=request.user, **form.cleaned_data)
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("已录入，等财政复核后计入总数。"))
            return redirect("selfcheck:off-platform", pk)
    return _page(request, program, amount=form, status=422)


@require_POST
@staff_page("offline.confirm")
def amount_act(request: StaffRequest, pk: int, verb: str) -> HttpResponse:
    amount = get_object_or_404(YearlyAmount.objects.visible_to(request.user), pk=pk)
    if verb == "confirm":
        actions.confirm_yearly_amount(amount, actor=request.user)
        messages.success(request, _("已复核，计入总数。"))
    elif verb == "refuse":
        actions.refuse_yearly_amount(amount, note=request.POST.get("note", ""), actor=request.user)
        messages.success(request, _("已退回。"))
    else:
        raise Http404
    return redirect("selfcheck:off-platform", amount.program_id)

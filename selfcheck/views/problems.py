"""Pages of the problem ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from programs.models import Dataset, Suspicion
from selfcheck import actions, ledger_page
from selfcheck.checks.deaths import find_paid_after_death
from selfcheck.exports import MAX_ROWS, build_ledger
from selfcheck.forms import LedgerFilterForm, OverpaymentForm, ProblemForm, StepForm
from selfcheck.models import Evidence, Problem, ProblemPayment, ProblemQuerySet
from selfcheck.problem_page import ProblemPage
from selfcheck.steps import STEPS
from subsidy_portal import clock
from subsidy_portal.paging import keyset_page
from subsidy_portal.permissions import allowed
from subsidy_portal.staff import StaffRequest, download, happened, staff_page
from subsidy_portal.workflow import Refused, record

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _tab(request: StaffRequest, default: str = "open") -> str:
    tab = request.GET.get("tab", "")
    return tab if tab in ledger_page.TABS else default


def _tabs(request: StaffRequest, current: str, found: dict[str, Any]) -> list[dict[str, Any]]:
    tabs = []
    for tab, label in ledger_page.TABS.items():
        params = request.GET.copy()
        params.pop("after", None)
        params["tab"] = tab
        tabs.append({"label": label, "count": found[tab], "url": f"?{params.urlencode()}", "current": tab == current})
    return tabs


@require_GET
@staff_page("see.oversight")
def problem_list(request: StaffRequest) -> HttpResponse:
    """The ledger, the nearest deadline first; what is finished by number, the newest first."""
    form = LedgerFilterForm(request.GET, user=request.user)
    problems = form.narrow(Problem.objects.visible_to(request.user))
    tab = _tab(request)
    found = ledger_page.figures(problems)
    shown = ledger_page.of_tab(problems, tab).with_recovery().select_related("unit", "program")
    if tab in {"closed", "all"}:
        page = keyset_page(shown, request, size=40)
    else:
        page = keyset_page(ledger_page.by_deadline(shown), request, size=40, key="due_key", descending=False)
    may_register = allowed(request.user, "problem.register")
    peek = request.GET.copy()
    peek.pop("at", None)
    context = {
        "page": page,
        "beside": _beside(request, page.rows),
        "peek_query": f"{peek.urlencode()}&" if peek else "",
        "form": form,
        "tab": tab,
        "tabs": _tabs(request, tab, found),
        "found": found,
        "sums": ledger_page.sums(found),
        "by_deadline": tab not in {"closed", "all"},
        "filtered": any(form.cleaned_data.values()),
        "may_register": may_register,
        "to_register": ProblemPayment.objects.unregistered_suspicions(request.user).count() if may_register else 0,
        "export_query": request.GET.urlencode(),
    }
    return render(request, "selfcheck/problem_list.html", context)


def _beside(request: StaffRequest, rows: Sequence[Problem]) -> ProblemPage | None:
    """The problem shown beside the list on a wide screen: the one asked for with ``?at=``, else the first."""
    asked = request.GET.get("at", "")
    chosen = int(asked) if asked.isdecimal() and len(asked) < 19 else (rows[0].pk if rows else None)
    if chosen is None:
        return None
    found = _problem(request, chosen)
    return ProblemPage(found, request.user, happened(found, 5))


@require_GET
@staff_page("problem.export")
def problem_export(request: StaffRequest) -> HttpResponseBase:
    """What the list shows, as the official table. Raises Refused when it is too long for one."""
    form = LedgerFilterForm(request.GET, user=request.user)
    problems = ledger_page.of_tab(form.narrow(Problem.objects.visible_to(request.user)), _tab(request, "all"))
    rows = list(problems.for_export()[: MAX_ROWS + 1])
    if len(rows) > MAX_ROWS:
        raise Refused(_("要导出的问题超过%(n)d件。请先按年度或单位筛选，再导出。") % {"n": MAX_ROWS})
    content = build_ledger(rows, unit=str(request.user.organisation))
    record(request.user, "exported", actor=request.user, note=_("问题台账%(n)d件") % {"n": len(rows)})
    name = _("问题台账-%(day)s.xlsx") % {"day": f"{clock.today():%Y%m%d}"}
    response = FileResponse(BytesIO(content), as_attachment=True, filename=name, content_type=XLSX)
    response["Cache-Control"] = "no-store"
    return response


@staff_page("problem.register")
def problem_new(request: StaffRequest) -> HttpResponse:
    form = ProblemForm(request.POST if request.method == "POST" else None, user=request.user)
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.register_problem(actor=request.user, **form.cleaned_data)
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("已登记，编号%(number)s。等乡镇或主管部门核实。") % {"number": made})
            return redirect("selfcheck:problem", made.pk)
    return render(request, "selfcheck/problem_new.html", {"form": form}, status=422 if form.errors else 200)


def _problem(request: StaffRequest, pk: int) -> Problem:
    mine: ProblemQuerySet = Problem.objects.visible_to(request.user).with_recovery()
    people = ("made_by", "verified_by", "close_requested_by", "reviewed_by")
    return get_object_or_404(mine.select_related("unit", "area", "program", *people), pk=pk)


@require_GET
@staff_page("see.oversight")
def problem(request: StaffRequest, pk: int) -> HttpResponse:
    return _page(request, _problem(request, pk))


def _page(request: StaffRequest, found: Problem, bound: dict[str, StepForm] | None = None) -> HttpResponse:
    payments = found.payments.with_missing().select_related(
        "payment__beneficiary", "payment__program", "payment__row", "payment__batch"
    )
    page = ProblemPage(found, request.user, happened(found, 200), bound)
    context = {
        "problem": found,
        "page": page,
        "payments": keyset_page(payments, request, size=50, descending=False),
        "evidence": found.evidence.select_related("file", "added_by"),
        "events": page.events[:40],
    }
    return render(request, "selfcheck/problem.html", context, status=422 if bound else 200)


@require_POST
@staff_page("see.oversight")
def problem_act(request: StaffRequest, pk: int, verb: str) -> HttpResponse:
    """Take one step; a form with mistakes comes back on the page, a refusal goes to the middleware."""
    step = STEPS.get(verb)
    if step is None:
        raise Http404
    found = _problem(request, pk)
    form = step.form(request.POST, request.FILES, problem=found, auto_id=f"{verb}-%s")
    if not form.is_valid():
        return _page(request, found, {verb: form})
    step.run(found, dict(form.cleaned_data), request.user)
    messages.success(request, str(step.done))
    return redirect("selfcheck:problem", found.pk)


@require_GET
@staff_page("see.oversight")
def evidence_file(request: StaffRequest, pk: int) -> FileResponse:
    """Evidence is read through its problem only: who may not see that gets a 404."""
    visible = Problem.objects.visible_to(request.user)
    found = get_object_or_404(Evidence.objects.filter(problem__in=visible).select_related("file", "problem"), pk=pk)
    return download(found.file, found.problem, actor=request.user)


# --- Overpayments ------------------------------------------------------------------------------------------

# Rows of one table; what is registered or decided makes room for the rest.
SHOWN = 200


def _cases(suspicions: QuerySet[Suspicion]) -> QuerySet[Suspicion]:
    named = suspicions.select_related("rule", "person", "row", "roster__program__department", "roster__area")
    return named.order_by("roster__program__code", "person_id", "pk")


@staff_page("problem.register")
def overpayments(request: StaffRequest) -> HttpResponse:
    """What was paid after death: to decide, and, once confirmed, to enter in the ledger."""
    after = Suspicion.objects.visible_to(request.user).filter(stage=Suspicion.Stage.AFTER)
    form = OverpaymentForm(request.POST if request.method == "POST" else None, suspicions=after)
    if request.method == "POST" and form.is_valid():
        made = actions.register_overpayment(
            form.cleaned_data["suspicions"], due_on=form.cleaned_data["due_on"], actor=request.user
        )
        messages.success(request, _("已登记，编号%(number)s。等乡镇或主管部门核实。") % {"number": made})
        return redirect("selfcheck:problem", made.pk)
    confirmed = ProblemPayment.objects.unregistered_suspicions(request.user)
    undecided = after.filter(status=Suspicion.Status.OPEN)
    context = {
        "form": form,
        "groups": _by_program(_cases(confirmed)[:SHOWN]),
        "confirmed_count": confirmed.count(),
        "open": _cases(undecided)[:SHOWN],
        "open_count": undecided.count(),
        "shown": SHOWN,
        "dataset": Dataset.objects.filter(kind=Dataset.Kind.DEATH).first(),
        "may_decide": allowed(request.user, "suspicion.decide"),
    }
    return render(request, "selfcheck/overpayments.html", context, status=422 if form.errors else 200)


def _by_program(cases: Iterable[Suspicion]) -> list[dict[str, Any]]:
    groups: dict[Any, list[Suspicion]] = {}
    for case in cases:
        groups.setdefault(case.roster.program if case.roster else None, []).append(case)
    return [
        {
            "program": program,
            "cases": found,
            "people": len({case.person_id for case in found}),
            "fen": sum(case.amount_fen for case in found),
        }
        for program, found in groups.items()
    ]


@require_POST
@staff_page("problem.register")
def overpayments_find(request: StaffRequest) -> HttpResponse:
    found = find_paid_after_death(actor=request.user)
    said = _("比对完了，新发现%(n)d笔去世后仍发的补贴，请核实。") if found else _("比对完了，没有新的疑点。")
    messages.success(request, said % {"n": found})
    return redirect("selfcheck:overpayments")

"""Inquiries and published results as the offices work on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from programs.forms import RevealForm
from publicity.actions_inquiries import (
    answer_inquiry,
    assign_inquiry,
    make_problem,
    may_reveal,
    return_inquiry,
    reveal_contact,
)
from publicity.actions_results import publish_rectification
from publicity.models import Inquiry, InquiryFile, InquiryQuerySet, Result
from publicity.notices import public_address
from publicity.staff_forms import (
    AnswerForm,
    AssignForm,
    InquiryFilterForm,
    InquiryStepForm,
    ResultForm,
    ReturnInquiryForm,
)
from selfcheck.forms import ProblemForm
from selfcheck.models import Problem
from subsidy_portal import clock
from subsidy_portal.models import User
from subsidy_portal.paging import keyset_page
from subsidy_portal.permissions import allowed
from subsidy_portal.staff import StaffRequest, download, happened, no_store, staff_page
from subsidy_portal.workflow import Refused

S = Inquiry.Status
TABS: dict[str, tuple[str | Promise, Q]] = {
    "open": (gettext_lazy("待办"), Q(status__in=Inquiry.UNANSWERED)),
    "answered": (gettext_lazy("等评价"), Q(status=S.ANSWERED)),
    "closed": (gettext_lazy("已办结"), Q(status=S.CLOSED)),
    "all": (gettext_lazy("全部"), Q()),
}


def _mine(request: StaffRequest) -> InquiryQuerySet:
    named = ("owner", "about", "area", "program", "problem")
    return Inquiry.objects.visible_to(request.user).select_related(*named)


@require_GET
@staff_page("see.inquiries")
def inquiry_list(request: StaffRequest) -> HttpResponse:
    """What is not answered, the oldest first; everything else the newest first."""
    form = InquiryFilterForm(request.GET)
    form.is_valid()
    kind = form.cleaned_data.get("kind", "")
    found = _mine(request).filter(**({"kind": kind} if kind else {}))
    tab = request.GET.get("tab", "open")
    tab = tab if tab in TABS else "open"
    counts = found.aggregate(**{name: Count("pk", filter=where) for name, (_label, where) in TABS.items()})
    query = f"&kind={kind}" if kind else ""
    context = {
        "page": keyset_page(found.filter(TABS[tab][1]), request, size=40, descending=tab != "open"),
        "tab": tab,
        "tabs": [
            {"label": label, "count": counts[name], "url": f"?tab={name}{query}", "current": name == tab}
            for name, (label, _where) in TABS.items()
        ],
        "late": found.overdue().count(),
        "form": form,
        "kind": kind,
    }
    return no_store(render(request, "publicity/staff/inquiry_list.html", context))


@dataclass(frozen=True)
class Step:
    """``run(inquiry, given, actor)`` takes the cleaned form; ``done`` is said when it has worked."""

    form: type[InquiryStepForm]
    need: str
    statuses: tuple[str, ...]
    run: Callable[[Inquiry, dict[str, Any], User], Any]
    done: str | Promise

    def is_open_to(self, user: User, inquiry: Inquiry) -> bool:
        """May this user take the step now? The action asks again."""
        its = self.need == "inquiry.assign" or user.organisation_id == inquiry.owner_id
        return its and inquiry.status in self.statuses and allowed(user, self.need)


STEPS: dict[str, Step] = {
    "assign": Step(
        AssignForm, "inquiry.assign", (S.RECEIVED, S.ASSIGNED),
        lambda inquiry, given, actor: assign_inquiry(inquiry, actor=actor, **given),
        gettext_lazy("已分办。承办单位的工作台上看得到。"),
    ),
    "answer": Step(
        AnswerForm, "inquiry.answer", (S.ASSIGNED, S.ESCALATED),
        lambda inquiry, given, actor: answer_inquiry(inquiry, actor=actor, **given),
        gettext_lazy("已答复。群众凭受理编号看得到，7天内可以评价。"),
    ),
    "return": Step(
        ReturnInquiryForm, "inquiry.answer", (S.ASSIGNED,),
        lambda inquiry, given, actor: return_inquiry(inquiry, actor=actor, **given),
        gettext_lazy("已退回，由县里重新分办。"),
    ),
}  # fmt: skip


@require_GET
@staff_page("see.inquiries")
def inquiry(request: StaffRequest, pk: int) -> HttpResponse:
    return _page(request, get_object_or_404(_mine(request), pk=pk))


def _page(
    request: StaffRequest,
    found: Inquiry,
    bound: dict[str, InquiryStepForm] | None = None,
    contact: str = "",
    reveal: RevealForm | None = None,
) -> HttpResponse:
    forms = {
        verb: (bound or {}).get(verb) or step.form(inquiry=found, user=request.user, auto_id=f"{verb}-%s")
        for verb, step in STEPS.items()
        if step.is_open_to(request.user, found)
    }
    context = {
        "inquiry": found,
        "forms": forms,
        "files": found.files.select_related("file"),
        "answers": found.answers.select_related("office", "answered_by"),
        "reveal_form": (reveal or RevealForm()) if may_reveal(found, request.user) else None,
        "contact": contact,
        "may_register": found.is_accusing and not found.problem_id and allowed(request.user, "problem.register"),
        "events": happened(found),
    }
    wrong = bound or (reveal and reveal.errors)
    return no_store(render(request, "publicity/staff/inquiry.html", context, status=422 if wrong else 200))


@require_POST
@staff_page("see.inquiries")
def inquiry_act(request: StaffRequest, pk: int, verb: str) -> HttpResponse:
    """Take one step; a form with mistakes comes back on the page, a refusal goes to the middleware."""
    step = STEPS.get(verb)
    if step is None:
        raise Http404
    found = get_object_or_404(_mine(request), pk=pk)
    form = step.form(request.POST, inquiry=found, user=request.user, auto_id=f"{verb}-%s")
    if not form.is_valid():
        return _page(request, found, {verb: form})
    step.run(found, dict(form.cleaned_data), request.user)
    messages.success(request, str(step.done))
    if _mine(request).filter(pk=pk).exists():
        return redirect("inquiries:inquiry", pk)
    return redirect("inquiries:inquiry-list")


@require_POST
@staff_page("inquiry.reveal")
def inquiry_contact(request: StaffRequest, pk: int) -> HttpResponse:
    """Who asked and how to reach them: shown once, with a recorded reason."""
    found = get_object_or_404(_mine(request), pk=pk)
    reveal = RevealForm(request.POST)
    contact = ""
    if reveal.is_valid():
        contact = reveal_contact(found, reason=reveal.cleaned_data["reason"], actor=request.user)
    return _page(request, found, contact=contact, reveal=reveal)


@require_GET
@staff_page("see.inquiries")
def inquiry_file(request: StaffRequest, pk: int) -> FileResponse:
    """A file is read through its inquiry only, and never inside a page of ours."""
    visible = Inquiry.objects.visible_to(request.user)
    files = InquiryFile.objects.filter(inquiry__in=visible).select_related("file", "inquiry")
    found = get_object_or_404(files, pk=pk)
    return download(found.file, found.inquiry, actor=request.user)


@staff_page("problem.register")
def inquiry_problem(request: StaffRequest, pk: int) -> HttpResponse:
    """A complaint or report becomes a problem: the form of the ledger, begun with what is known."""
    found = get_object_or_404(_mine(request), pk=pk)
    given = request.POST if request.method == "POST" else None
    town = found.area_id if found.area.level == found.area.Level.TOWNSHIP else None
    initial = {
        "source": Problem.Source.REPORT,
        "unit": found.about_id,
        "area": town,
        "program": found.program_id,
        "found_on": clock.today(),
    }
    form = ProblemForm(given, user=request.user, initial=initial)
    if form.is_valid():
        try:
            made = make_problem(found, actor=request.user, **form.cleaned_data)
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("已登记，编号%(number)s。等乡镇或主管部门核实。") % {"number": made})
            return redirect("selfcheck:problem", made.pk)
    context = {"form": form, "inquiry": found}
    return render(request, "publicity/staff/inquiry_problem.html", context, status=422 if form.errors else 200)


@staff_page("problem.work")
def result_edit(request: StaffRequest, pk: int) -> HttpResponse:
    """Write, or write anew, what the public reads about a closed problem."""
    closed = Problem.objects.visible_to(request.user).filter(status=Problem.Status.CLOSED)
    problem = get_object_or_404(closed.select_related("unit", "program"), pk=pk)
    current = Result.objects.current().filter(problem=problem).first()
    given = request.POST if request.method == "POST" else None
    form = ResultForm(given, initial={"summary": current.summary if current else ""})
    if form.is_valid():
        url = f"{public_address(request, 'publicity:results')}#{problem.number}"
        try:
            publish_rectification(problem, summary=form.cleaned_data["summary"], url=url, actor=request.user)
        except Refused as refused:
            form.add_error("summary", str(refused))
        else:
            messages.success(request, _("已公开，群众在“整改结果”里看得到。"))
            return redirect("selfcheck:problem", pk)
    context = {"form": form, "problem": problem, "current": current, "address": reverse("publicity:results")}
    return render(request, "publicity/staff/result_edit.html", context, status=422 if form.errors else 200)

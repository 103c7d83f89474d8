"""Pages of the units' reports: who has reported what, the draft, and the paper."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from selfcheck import actions
from selfcheck.actions.reports import DOCX
from selfcheck.annexes import REPORTED
from selfcheck.models import Report
from selfcheck.official_forms import ReportForm, ReportStartForm
from selfcheck.report import build_report
from selfcheck.report_state import months_of, state_of_units
from selfcheck.report_words import NOT_FOUND, SECTIONS, problems_of
from subsidy_portal import clock
from subsidy_portal.paging import keyset_page
from subsidy_portal.permissions import allowed
from subsidy_portal.staff import StaffRequest, download, happened, staff_page
from subsidy_portal.workflow import Refused, record


def _year(request: StaffRequest) -> int:
    asked = request.GET.get("year", "")
    this = clock.today().year
    return int(asked) if asked.isdecimal() and 2000 <= int(asked[:4]) <= this and len(asked) == 4 else this


@require_GET
@staff_page("see.oversight")
def report_list(request: StaffRequest) -> HttpResponse:
    """Month by month which unit reported, reported nothing found, or did not report; and the papers."""
    year = _year(request)
    found = Report.objects.visible_to(request.user).filter(year=year).select_related("unit", "made_by")
    years = Report.objects.visible_to(request.user).order_by("-year").values_list("year", flat=True).distinct()
    context = {
        "year": year,
        "years": sorted({*years, clock.today().year}, reverse=True),
        "months": months_of(request.user, year),
        "units": state_of_units(request.user, year),
        "page": keyset_page(found, request, size=40),
        "start": ReportStartForm() if allowed(request.user, "report.write") else None,
    }
    return render(request, "selfcheck/report_list.html", context)


@require_POST
@staff_page("report.write")
def report_new(request: StaffRequest) -> HttpResponse:
    form = ReportStartForm(request.POST)
    if not form.is_valid():
        raise Refused(_("年度或月份不对。请重新选择。"))
    made = actions.start_report(actor=request.user, **form.cleaned_data)
    return redirect("selfcheck:report", made.pk)


def _report(request: StaffRequest, pk: int) -> Report:
    people = ("made_by__organisation__area", "submitted_by", "file")
    return get_object_or_404(Report.objects.visible_to(request.user).select_related("unit__area", *people), pk=pk)


def _mine(request: StaffRequest, report: Report) -> bool:
    return report.unit_id == request.user.organisation_id


@staff_page("see.oversight")
def report(request: StaffRequest, pk: int) -> HttpResponse:
    """The draft to be written, or the report as it was handed in."""
    found = _report(request, pk)
    draft = found.status == Report.Status.DRAFT
    may_write = draft and _mine(request, found) and allowed(request.user, "report.write")
    if request.method == "POST" and not may_write:
        raise Http404
    form = ReportForm(request.POST if request.method == "POST" else None, report=found)
    if request.method == "POST" and form.is_valid():
        actions.save_report(found, actor=request.user, **form.given())
        messages.success(request, _("已保存。写完后由本单位复核岗报送。"))
        return redirect("selfcheck:report", found.pk)
    may_submit = draft and _mine(request, found) and allowed(request.user, "report.submit")
    context: dict[str, Any] = {
        "report": found,
        "form": form if may_write else None,
        "may_submit": may_submit,
        "is_maker": found.made_by_id == request.user.pk,
        "texts": [(heading, found.texts.get(key, "")) for key, (heading, _hint) in SECTIONS.items()],
        "numbers": [(label, found.figures.get(key, 0), key.endswith("_fen")) for key, label in REPORTED.items()],
        "denied": [label for key, (label, _column) in NOT_FOUND.items() if key in found.not_found],
        "problems": problems_of(found).count(),
        "versions": Report.objects.visible_to(request.user)
        .filter(unit=found.unit_id, kind=found.kind, year=found.year, month=found.month)
        .exclude(pk=found.pk)
        .order_by("-version"),
        "events": happened(found),
    }
    return render(request, "selfcheck/report.html", context, status=422 if form.errors else 200)


@require_POST
@staff_page("report.submit")
def report_submit(request: StaffRequest, pk: int) -> HttpResponse:
    found = _report(request, pk)
    if not _mine(request, found):
        raise Http404
    actions.submit_report(found, actor=request.user)
    messages.success(request, _("已报送，文件按报送时的样子保存。"))
    return redirect("selfcheck:report", found.pk)


@require_GET
@staff_page("see.oversight")
def report_paper(request: StaffRequest, pk: int) -> HttpResponseBase:
    """The paper: of a draft as the figures are now, of a submitted one the very file that was handed in."""
    found = _report(request, pk)
    if found.file is not None:
        return download(found.file, found, actor=request.user)
    record(found, "downloaded", actor=request.user)
    name = f"{found.unit.name}{found.year}年{found.month}月{found.get_kind_display()}（草稿）.docx"
    response = FileResponse(iter([build_report(found)]), as_attachment=True, filename=name, content_type=DOCX)
    response["Cache-Control"] = "no-store"
    return response

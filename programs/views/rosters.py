"""Pages of rosters: the list, a new one, and the one page that says why it is stopped and who goes on."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

from django.contrib import messages
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from programs import actions, comparison
from programs.forms import NoteForm, ReturnForm, RosterFilterForm, RosterNewForm, UploadForm, payable_programs
from programs.imports import build_template
from programs.models import Program, Roster
from programs.views import roster_page
from programs.views.imports import earlier_words
from subsidy_portal.paging import Page, keyset_page
from subsidy_portal.permissions import allowed, require
from subsidy_portal.staff import StaffRequest, download, happened, staff_page
from subsidy_portal.workflow import Refused

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ROWS_SIZE = 50


def _roster(request: StaffRequest, pk: int) -> Roster:
    rosters = Roster.objects.visible_to(request.user).select_related(
        "program__department", "area", "made_by", "submitted_by", "town_reviewed_by",
        "dept_checked_by", "dept_approved_by", "accepted_by",
    )  # fmt: skip
    return get_object_or_404(rosters, pk=pk)


@require_GET
@staff_page("see.rosters")
def roster_list(request: StaffRequest) -> HttpResponse:
    form = RosterFilterForm(request.GET, user=request.user)
    rosters = form.narrow(Roster.objects.visible_to(request.user).select_related("program", "area"))
    page = keyset_page(rosters, request, size=40)
    totals = {roster.pk: roster for roster in Roster.objects.filter(pk__in=[r.pk for r in page]).with_totals()}
    rows = [(roster, totals[roster.pk]) for roster in page]
    context = {"page": page, "rows": rows, "form": form, "may_upload": allowed(request.user, "roster.upload")}
    return render(request, "programs/roster_list.html", context)


@staff_page("roster.upload")
def roster_new(request: StaffRequest) -> HttpResponse:
    programs = payable_programs(request.user)
    chosen = request.POST.get("program") or request.GET.get("program") or ""
    program = get_object_or_404(programs, pk=chosen) if chosen.isdecimal() else None
    form = None
    if program is not None:
        form = RosterNewForm(request.POST or None, request.FILES or None, program=program, user=request.user)
        if request.method == "POST" and form.is_valid():
            given = form.cleaned_data
            return _upload(
                request, form, program, given["area"], given["period"], given["file"], given["sequence"]
            ) or _new_page(request, programs, program, form)
    return _new_page(request, programs, program, form)


def _new_page(
    request: StaffRequest, programs: Any, program: Program | None, form: RosterNewForm | None
) -> HttpResponse:
    context = {"programs": programs, "program": program, "form": form}
    return render(request, "programs/roster_new.html", context, status=422 if form and form.errors else 200)


def _upload(
    request: StaffRequest, form: Any, program: Program, area: Any, period: str, file: Any, sequence: int
) -> HttpResponse | None:
    """Hand the file to the import and show its roster; None when it was refused, with the sentence in the form."""
    try:
        made = actions.upload_roster(
            program, area, period, file_name=file.name, content=file.read(), actor=request.user, sequence=sequence
        )
    except actions.AlreadyUploaded as again:
        messages.warning(request, earlier_words(again.earlier))
        return redirect("programs:roster-import", again.earlier.pk)
    except Refused as refused:
        form.add_error(None, str(refused))
        return None
    return redirect("programs:roster", made.roster_id)


@require_POST
@staff_page("roster.upload")
def roster_forward(request: StaffRequest) -> HttpResponse:
    """Copy last period's roster: a job that gives the file, or takes it in at once."""
    programs = payable_programs(request.user)
    chosen = request.POST.get("program", "")
    program = get_object_or_404(programs, pk=chosen if chosen.isdecimal() else 0)
    form = RosterNewForm(request.POST, program=program, user=request.user)
    form.fields["file"].required = False
    if form.is_valid():
        given = {name: form.cleaned_data[name] for name in ("area", "period", "sequence")}
        try:
            job = actions.start_copy(program, **given, take_in=bool(request.POST.get("take_in")), actor=request.user)
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            return redirect("job", job.pk)
    form.fields["file"].required = True
    return _new_page(request, programs, program, form)


@require_POST
@staff_page("roster.upload")
def roster_upload(request: StaffRequest, pk: int) -> HttpResponse:
    """A corrected file for a roster that is still being made."""
    found = _roster(request, pk)
    form = UploadForm(request.POST, request.FILES)
    if form.is_valid():
        answer = _upload(
            request, form, found.program, found.area, found.period, form.cleaned_data["file"], found.sequence
        )
        if answer is not None:
            return answer
    return _page(request, found, upload_form=form)


@require_GET
@staff_page("see.rosters")
def roster_template(request: StaffRequest, pk: int) -> FileResponse:
    """The program's xlsx template, with the villages of the clerk's township."""
    program = get_object_or_404(payable_programs(request.user), pk=pk)
    area = request.user.organisation.area if request.user.organisation and request.user.kind == "township" else None
    name = _("清册模板-%(program)s.xlsx") % {"program": program.short_name}
    return FileResponse(
        BytesIO(build_template(program, area=area)), as_attachment=True, filename=name, content_type=XLSX
    )


@require_GET
@staff_page("see.rosters")
def roster(request: StaffRequest, pk: int) -> HttpResponse:
    return _page(request, _roster(request, pk))


def _page(request: StaffRequest, found: Roster, **forms: Any) -> HttpResponse:
    before = comparison.roster_before(found)
    sums = comparison.compare(found, before)
    page = roster_page.Page(found, request.user, sums, happened(found, 200))
    context = {
        "roster": found,
        "before": before,
        "sums": sums,
        "page": page,
        "upload_form": UploadForm(),
        "return_form": ReturnForm(roster=found),
        "cancel_form": NoteForm(prefix="cancel"),
        **_rows(request, found, before, sums),
        **forms,
    }
    wrong = any(getattr(form, "errors", None) for form in forms.values())
    return render(request, "programs/roster.html", context, status=422 if wrong else 200)


def _rows(request: StaffRequest, found: Roster, before: Roster | None, sums: comparison.Sums) -> dict[str, Any]:
    """One page of rows of the chosen tab, and the tabs with their counts."""
    tab = request.GET.get("tab", "all")
    tab = tab if tab in comparison.TABS else "all"
    after = request.GET.get("after", "")
    after_row = int(after) if after.isdecimal() and len(after) < 12 else 0
    lines = comparison.lines(found, before, tab=tab, after=after_row, size=ROWS_SIZE)
    more = len(lines) > ROWS_SIZE
    lines = lines[:ROWS_SIZE]
    next_url = f"?tab={tab}&after={lines[-1].place}" if more else ""
    names = {
        "all": _("全部"), "changed": _("有变化"), "added": _("新增"), "gone": _("退出"), "amount": _("金额变动"),
        "account": _("账户变动"), "doubtful": _("有疑点"), "held": _("暂缓和剔除"),
    }  # fmt: skip
    counted = [(key, names[key], sums.tab_count(key)) for key in comparison.TABS]
    changes = [entry for entry in counted if entry[0] in comparison.CHANGES]
    return {
        "unit": _("人") if found.program.paid_to == Program.PaidTo.PERSON else _("户"),
        "lines": lines,
        "tab": tab,
        # The four kinds of change are a second row, below the tab they belong to.
        "tabs": [entry for entry in counted if entry not in changes and (entry[0] != "changed" or before)],
        "change_tabs": changes if before and tab in {"changed", *comparison.CHANGES} else [],
        "rows_page": Page(lines, next_url, f"?tab={tab}" if after_row else ""),
    }


@require_GET
@staff_page("see.rosters")
def roster_rows(request: StaffRequest, pk: int) -> HttpResponse:
    """The rows card alone, for htmx; the same address in full without it."""
    found = _roster(request, pk)
    if not request.htmx:
        return redirect(f"{request.path.removesuffix('rows/')}?{request.GET.urlencode()}#rows")
    before = comparison.roster_before(found)
    sums = comparison.compare(found, before)
    context = {"roster": found, "before": before, "sums": sums, **_rows(request, found, before, sums)}
    return render(request, "programs/parts/roster_rows.html", context)


@require_GET
@staff_page("see.rosters")
def roster_file(request: StaffRequest, pk: int) -> HttpResponseBase:
    """The file of the current revision, with full ID numbers: for who may reveal them, and recorded."""
    found = _roster(request, pk)
    if not allowed(request.user, "person.reveal"):
        raise Http404
    imported = found.imports.filter(revision=found.revision).select_related("file").first()
    return download(imported.file if imported else None, found, actor=request.user)


# --- Steps -------------------------------------------------------------------------------------------------


VERBS: dict[str, Callable[..., object]] = {
    "submit": actions.submit_roster,
    "town-approve": actions.approve_roster_in_town,
    "open-notice": actions.open_notice,
    "dept-check": actions.check_roster_in_department,
    "dept-approve": actions.approve_roster_in_department,
    "accept": actions.accept_roster,
}


@require_POST
@staff_page("see.rosters")
def roster_act(request: StaffRequest, pk: int, verb: str) -> HttpResponse:
    """One step of the roster: an action of the table above, or one that asks for a reason first."""
    found = _roster(request, pk)
    if verb == "return":
        return _return(request, found)
    if verb == "cancel":
        return _cancel(request, found)
    if verb not in VERBS:
        raise Http404
    VERBS[verb](found, actor=request.user)
    return redirect("programs:roster", pk)


def _return(request: StaffRequest, found: Roster) -> HttpResponse:
    require(request.user, "roster.return")
    form = ReturnForm(request.POST, roster=found)
    if not form.is_valid():
        return _page(request, found, return_form=form)
    actions.return_roster(found, to=form.cleaned_data["to"], note=form.cleaned_data["note"], actor=request.user)
    return redirect("programs:roster", found.pk)


def _cancel(request: StaffRequest, found: Roster) -> HttpResponse:
    form = NoteForm(request.POST, prefix="cancel")
    if not form.is_valid():
        return _page(request, found, cancel_form=form)
    actions.cancel_roster(found, note=form.cleaned_data["note"], actor=request.user)
    return redirect("programs:roster", found.pk)

"""The page of one uploaded file: every problem, cell by cell; small ones are put right here."""

from __future__ import annotations

from collections.abc import Mapping

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from programs import actions
from programs.actions.edits import MAX_LENGTH
from programs.imports.causes import read_groups
from programs.imports.edits import UPGRADE, Edit, can_edit, mask_typed
from programs.models import Roster, RosterImport
from subsidy_portal.paging import Page
from subsidy_portal.permissions import allowed
from subsidy_portal.staff import StaffRequest, download, no_store, staff_page
from subsidy_portal.wording import cn_time
from subsidy_portal.workflow import Refused

SIZE = 100
# The problem of an ID number with 15 digits
OLD = "id_old_15"


def import_of(request: StaffRequest, pk: int) -> RosterImport:
    mine = RosterImport.objects.filter(roster__in=Roster.objects.visible_to(request.user))
    return get_object_or_404(
        mine.select_related("roster__program", "roster__area", "file", "marked_file", "uploaded_by", "job"), pk=pk
    )


@require_GET
@staff_page("see.rosters")
def roster_import(request: StaffRequest, pk: int) -> HttpResponse:
    """All problems of the file, of one cause with ``?code=``, a hundred a page."""
    return _page(request, import_of(request, pk))


def _page(request: StaffRequest, found: RosterImport, typed: Mapping[int, str] = {}, refused: str = "") -> HttpResponse:
    """``typed``: what stood in the fields, by the number of the problem, when it was ``refused``."""
    code = request.GET.get("code", "")
    numbered = [(n, p) for n, p in enumerate(found.problems) if not code or p["code"] == code]
    after = request.GET.get("after", "")
    first = int(after) if after.isdecimal() and len(after) < 6 else 0
    query = f"code={code}&" if code else ""
    may_upload = allowed(request.user, "roster.upload")
    may_correct = may_upload and actions.may_correct(found, found.roster, request.user)
    shown = [(n, p, may_correct and can_edit(p), typed.get(n, "")) for n, p in numbered[first : first + SIZE]]
    page = Page(
        shown,
        f"?{query}after={first + SIZE}" if len(numbered) > first + SIZE else "",
        f"?{query.rstrip('&')}" if first else "",
    )
    edits = found.edits.select_related("made_by")
    context = {
        "found": found,
        "page": page,
        "groups": read_groups(found.problem_groups),
        "code": code,
        "may_upload": may_upload,
        "may_correct": any(editable for _n, _p, editable, _typed in shown),
        "max_length": MAX_LENGTH,
        "edits": [(edit, mask_typed(edit.value)) for edit in edits],
        "same_words": actions.same_words(found) if found.same_as_id else "",
        "refused": refused,
        "old_numbers": sum(p["code"] == OLD for n, p in numbered) if may_correct else 0,
    }
    return no_store(render(request, "programs/roster_import.html", context, status=422 if refused else 200))


@require_POST
@staff_page("roster.upload")
def roster_import_correct(request: StaffRequest, pk: int) -> HttpResponse:
    """What was typed beside the problems; an empty field leaves its cell as it is, unless it is to be cleared."""
    found = import_of(request, pk)
    typed = {n: request.POST.get(f"cell-{n}", "").strip() for n in range(len(found.problems))}
    edits = []
    for number, problem in enumerate(found.problems):
        value = typed[number]
        if problem["code"] == OLD and (f"upgrade-{number}" in request.POST or "upgrade-all" in request.POST):
            value = UPGRADE
        if value or f"clear-{number}" in request.POST:
            edits.append(Edit(problem["sheet"], problem["row"], problem["column"], value))
    try:
        actions.correct_cells(found, edits, actor=request.user)
    except Refused as refused:
        return _page(request, found, typed, str(refused))
    return redirect("programs:roster", found.roster_id)


@require_GET
@staff_page("roster.upload")
def roster_import_file(request: StaffRequest, pk: int) -> HttpResponseBase:
    """The clerk's own workbook with the bad cells marked, or with the corrections in it."""
    found = import_of(request, pk)
    return download(found.marked_file, found.roster, actor=request.user)


def earlier_words(found: RosterImport) -> str:
    """Why a file that was uploaded again leads to the import that took it."""
    return _("这份文件%(when)s已经上传过，这里是那一次的结果，没有重复导入。") % {"when": cn_time(found.uploaded_at)}

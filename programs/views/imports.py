"""One uploaded file: all that is wrong in it, and the file back with the cells marked."""

from __future__ import annotations

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from programs.models import Roster, RosterImport
from programs.views.roster_page import problem_groups
from subsidy_portal.paging import Page
from subsidy_portal.permissions import allowed
from subsidy_portal.staff import StaffRequest, download, staff_page

SIZE = 100


def import_of(request: StaffRequest, pk: int) -> RosterImport:
    mine = RosterImport.objects.filter(roster__in=Roster.objects.visible_to(request.user))
    return get_object_or_404(
        mine.select_related("roster__program", "roster__area", "file", "marked_file", "uploaded_by", "job"), pk=pk
    )


@require_GET
@staff_page("see.rosters")
def roster_import(request: StaffRequest, pk: int) -> HttpResponse:
    """All problems of the file, of one kind with ``?code=``, a hundred a page."""
    found = import_of(request, pk)
    code = request.GET.get("code", "")
    problems = [p for p in found.problems if not code or p["code"] == code]
    after = request.GET.get("after", "")
    first = int(after) if after.isdecimal() and len(after) < 6 else 0
    query = f"code={code}&" if code else ""
    page = Page(
        problems[first : first + SIZE],
        f"?{query}after={first + SIZE}" if len(problems) > first + SIZE else "",
        f"?{query.rstrip('&')}" if first else "",
    )
    context = {
        "found": found,
        "page": page,
        "groups": problem_groups(found.problems),
        "code": code,
        "may_upload": allowed(request.user, "roster.upload"),
    }
    return render(request, "programs/roster_import.html", context)


@require_GET
@staff_page("roster.upload")
def roster_import_file(request: StaffRequest, pk: int) -> HttpResponseBase:
    """The clerk's own workbook with the bad cells marked."""
    found = import_of(request, pk)
    return download(found.marked_file, found.roster, actor=request.user)

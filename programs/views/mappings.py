"""What the clerk is asked about a file: which sheet is the list, which column is what; and what was kept of it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from programs import actions
from programs.imports import mapping, template_columns
from programs.models import ColumnMapping, Program, RosterImport
from programs.views.imports import import_of
from subsidy_portal.paging import keyset_page
from subsidy_portal.permissions import allowed
from subsidy_portal.sheets import column_letter
from subsidy_portal.staff import StaffRequest, staff_page
from subsidy_portal.workflow import Refused


@staff_page("roster.upload")
def roster_import_answer(request: StaffRequest, pk: int) -> HttpResponse:
    """The question of an import, and its answer. An import that asks nothing leads to its roster."""
    found = import_of(request, pk)
    if found.status != RosterImport.Status.ASKING:
        return redirect("programs:roster", found.roster_id)
    if request.method != "POST":
        return _page(request, found)
    try:
        if found.question["kind"] == "sheet":
            actions.choose_sheet(found, request.POST.get("sheet", ""), actor=request.user)
        else:
            _map(request, found)
    except Refused as refused:
        return _page(request, found, error=str(refused))
    return redirect("programs:roster", found.roster_id)


def _map(request: StaffRequest, found: RosterImport) -> None:
    given: dict[str, int] = {}
    labels = {name: label for name, label, _needed in mapping.fields(template_columns(found.roster.program))}
    for index in range(len(found.question["top"][0])):
        name = request.POST.get(f"column-{index}", "")
        if not name:
            continue
        if name in given:
            raise Refused(
                _("“%(label)s”选了两列：%(first)s列和%(second)s列。请只留一列。")
                % {
                    "label": labels.get(name, ""),
                    "first": column_letter(given[name]),
                    "second": column_letter(index),
                }
            )
        given[name] = index
    actions.map_columns(found, given, actor=request.user, header_row=_header_row(request.POST, found))


def _header_row(asked: Any, found: RosterImport) -> int:
    """The header row the clerk looks at: the one asked for if it can be one, else the one we guessed."""
    row = asked.get("header", "")
    return int(row) if row in found.question["signature"] else int(found.question["header_row"])


def _page(request: StaffRequest, found: RosterImport, *, error: str = "") -> HttpResponse:
    context: dict[str, Any] = {"found": found, "error": error}
    if found.question["kind"] == "columns":
        context |= _columns(request, found)
    name = "sheet" if found.question["kind"] == "sheet" else "columns"
    return render(request, f"programs/import_{name}.html", context, status=422 if error else 200)


def _columns(request: StaffRequest, found: RosterImport) -> dict[str, Any]:
    asked = request.POST if request.method == "POST" else request.GET
    row = _header_row(asked, found)
    columns = template_columns(found.roster.program)
    fields = mapping.fields(columns)
    theirs = mapping.their_columns(found.question, row, columns)
    chosen = {one.index: one.guess for one in theirs}
    if request.method == "POST":
        chosen = {one.index: request.POST.get(f"column-{one.index}", "") for one in theirs}
    headers = []
    for number in sorted(map(int, found.question["signature"])):
        words = "、".join(word for word in found.question["top"][number - 1] if word)
        headers.append((number, words[:40]))
    return {
        "header_row": row,
        "headers": headers,
        "fields": fields,
        "columns": [(one, chosen[one.index]) for one in theirs],
        "needed": [label for _name, label, needed in fields if needed],
        "lacking": [label for name, label, needed in fields if needed and name not in chosen.values()],
    }


@require_GET
@staff_page("see.rosters")
def mapping_list(request: StaffRequest) -> HttpResponse:
    """The layouts that are recognised without asking, of the departments whose programs this user sees."""
    page = keyset_page(_mappings(request).select_related("department", "made_by"), request, size=40)
    rows = [(one, _pairs(one)) for one in page]
    context = {"page": page, "rows": rows, "may_upload": allowed(request.user, "roster.upload")}
    return render(request, "programs/mapping_list.html", context)


def _mappings(request: StaffRequest) -> Any:
    departments = Program.objects.visible_to(request.user).order_by().values("department")
    return ColumnMapping.objects.filter(department__in=departments).order_by("-pk")


def _pairs(one: ColumnMapping) -> list[tuple[str, str, str]]:
    """(their letter, their words, our label), in the order of the sheet."""
    labels = {name: label for name, label, _needed in mapping.fields(template_columns(Program()))}
    found = []
    for name, index in sorted(one.columns.items(), key=lambda pair: pair[1]):
        words = one.header[index] if index < len(one.header) else ""
        found.append((column_letter(index), words, labels.get(name, name.removeprefix("own:"))))
    return found


@require_POST
@staff_page("roster.upload")
def mapping_forget(request: StaffRequest, pk: int) -> HttpResponse:
    actions.forget_mapping(get_object_or_404(_mappings(request), pk=pk), actor=request.user)
    messages.success(request, _("已忘掉这张表的对应关系。再传这样的文件时会重新问您。"))
    return redirect("programs:mapping-list")

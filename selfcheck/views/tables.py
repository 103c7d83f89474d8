"""Pages of the official tables: every figure leads to what it is made of; the workbook beside it says the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from programs.models import Program
from selfcheck import actions, annexes, yearly
from selfcheck.annexes import Scope
from selfcheck.filed import comparison
from selfcheck.models import AnnexFile
from selfcheck.official import Source, Table, shown
from selfcheck.official_forms import AnnexFileForm, PlaceForm, ScopeForm
from selfcheck.official_sheet import build_sheet
from subsidy_portal import clock
from subsidy_portal.permissions import allowed
from subsidy_portal.staff import StaffRequest, download, staff_page
from subsidy_portal.tables import COUNT, WAN, workbook_response
from subsidy_portal.workflow import Refused, record

NAMES = {
    "annex2": gettext_lazy("附件2 问题统计表"),
    "annex3": gettext_lazy("附件3 情况汇总表"),
    "yearly": gettext_lazy("分年度发放情况表"),
}
TABLES: dict[str, Callable[[Scope], Table]] = {
    "annex2": annexes.annex2,
    "annex3": annexes.annex3,
    "yearly": lambda scope: yearly.yearly_table(scope.user),
}
SOURCES: dict[str, Callable[[Scope, str, str], list[Source]]] = {
    "annex2": annexes.annex2_sources,
    "annex3": annexes.annex3_sources,
    "yearly": lambda scope, key, column: yearly.yearly_sources(scope.user, key, column),
}


def _form(request: StaffRequest) -> ScopeForm:
    """Years and township from the address; nothing asked means all that the ledger knows."""
    form = ScopeForm(user=request.user)
    given = {name: request.GET.get(name, field.initial) for name, field in form.fields.items()}
    return ScopeForm(given, user=request.user)


@require_GET
@staff_page("see.oversight")
def tables(request: StaffRequest) -> HttpResponse:
    """All official tables, and the filled-in ones that came in."""
    context = {
        "filed": AnnexFile.objects.visible_to(request.user).select_related("unit", "made_by")[:20],
        "may_file": allowed(request.user, "annex.file"),
        "may_edit": allowed(request.user, "annex.edit"),
    }
    return render(request, "selfcheck/tables.html", context)


@require_GET
@staff_page("see.oversight")
def table(request: StaffRequest, kind: str) -> HttpResponse:
    if kind not in TABLES:
        raise Http404
    form = _form(request)
    scope = form.scope()
    found = TABLES[kind](scope)
    context = {
        "kind": kind,
        "name": NAMES[kind],
        "table": found,
        "bands": _bands(found),
        "rows": [(line, _cells(found, line)) for line in found.lines],
        "span": len(found.first),
        "width": len(found.first) + len(found.heads),
        "form": None if kind == "yearly" else form,
        "scope": scope,
        "query": request.GET.urlencode(),
        "may_edit": allowed(request.user, "annex.edit"),
        "may_file": allowed(request.user, "annex.file"),
    }
    return render(request, "selfcheck/table.html", context)


def _bands(table: Table) -> list[dict[str, Any]]:
    """The upper row of the header: each name with how many columns it covers."""
    bands: list[dict[str, Any]] = []
    for head in table.heads:
        if head.part and bands and bands[-1]["name"] == head.band:
            bands[-1]["n"] += 1
        else:
            bands.append({"name": head.band, "n": 1, "alone": not head.part})
    return bands


def _cells(table: Table, line: Any) -> list[dict[str, Any]]:
    values = line.cells or (None,) * len(table.heads)
    return [{"text": shown(value, head), "head": head} for value, head in zip(values, table.heads, strict=True)]


@require_GET
@staff_page("problem.export")
def table_export(request: StaffRequest, kind: str) -> HttpResponse:
    """The table as the form prescribes it."""
    if kind not in TABLES:
        raise Http404
    found = TABLES[kind](_form(request).scope())
    content = build_sheet(found, str(NAMES[kind]))
    record(request.user, "exported", actor=request.user, note=str(NAMES[kind]))
    return workbook_response(content, f"{NAMES[kind]}-{clock.today():%Y%m%d}.xlsx")


@require_GET
@staff_page("see.oversight")
def table_cell(request: StaffRequest, kind: str, key: str, column: str) -> HttpResponse:
    """What one figure is made of, and that it adds up."""
    if kind not in TABLES:
        raise Http404
    form = _form(request)
    scope = form.scope()
    found = TABLES[kind](scope)
    try:
        value = found.cell(key, column)
    except KeyError:
        raise Http404 from None
    head, line = found.head(column), found.line(key)
    sources = SOURCES[kind](scope, key, column)
    adds = head.format in {COUNT, WAN}
    context = {
        "kind": kind,
        "name": NAMES[kind],
        "head": head,
        "line": line,
        "scope": scope,
        "value": value,
        "shown": shown(value, head),
        "in_yuan": head.format == WAN,
        "adds": adds,
        "sources": sources,
        "sum": sum(int(source.value) for source in sources) if adds else None,
        "query": request.GET.urlencode(),
    }
    return render(request, "selfcheck/table_cell.html", context)


@require_GET
@staff_page("annex.edit")
def annex2_rows(request: StaffRequest) -> HttpResponse:
    """Which row every program falls into; finance may put it elsewhere."""
    programs = list(Program.objects.select_related("department"))
    rows = annexes.rows_of_programs(programs)
    listed = [(one, PlaceForm(initial={"row": rows[one.pk]}, auto_id=f"row-{one.pk}-%s")) for one in programs]
    return render(request, "selfcheck/annex2_rows.html", {"rows": listed})


@require_POST
@staff_page("annex.edit")
def annex2_place(request: StaffRequest, pk: int) -> HttpResponse:
    program = get_object_or_404(Program, pk=pk)
    form = PlaceForm(request.POST)
    if not form.is_valid():
        raise Refused(_("没有这一行。请从列表里选。"))
    actions.place_program(program, row=form.cleaned_data["row"], actor=request.user)
    messages.success(request, _("%(name)s的行已保存。") % {"name": program.short_name})
    return redirect("selfcheck:annex2-rows")


@staff_page("annex.file")
def annex_file_new(request: StaffRequest) -> HttpResponse:
    """Hand in a filled-in form; whatever is wrong with it is said beside the field."""
    years = {"from_year": clock.today().year - 1, "to_year": clock.today().year}
    form = AnnexFileForm(request.POST or None, request.FILES or None, initial=years)
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        file = given.pop("file")
        try:
            kept = actions.file_annex(content=file.read(), file_name=file.name, actor=request.user, **given)
        except Refused as refused:
            form.add_error("file", str(refused))
        else:
            messages.success(request, _("已导入，与台账的对照见下表。"))
            return redirect("selfcheck:annex-file", kept.pk)
    return render(request, "selfcheck/annex_file_new.html", {"form": form}, status=422 if form.errors else 200)


def _filed(request: StaffRequest, pk: int) -> AnnexFile:
    mine = AnnexFile.objects.visible_to(request.user).select_related("unit", "made_by__organisation__area", "file")
    return get_object_or_404(mine, pk=pk)


@require_GET
@staff_page("see.oversight")
def annex_file(request: StaffRequest, pk: int) -> HttpResponse:
    """A filled-in form beside what the ledger says for the same unit and years."""
    filed = _filed(request, pk)
    own, rows, apart = comparison(filed)
    context = {"filed": filed, "table": own, "bands": _bands(own), "rows": rows, "apart": apart}
    return render(request, "selfcheck/annex_file.html", context)


@require_GET
@staff_page("see.oversight")
def annex_file_download(request: StaffRequest, pk: int) -> HttpResponseBase:
    filed = _filed(request, pk)
    return download(filed.file, filed, actor=request.user)

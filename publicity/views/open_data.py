"""Totals for anyone: what a village or township was paid, and all of it as CSV and JSON."""

from __future__ import annotations

from collections import defaultdict

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render

from publicity.open_data import FEWEST, Cell, as_csv, as_json, kept_cells, years
from subsidy_portal import clock
from subsidy_portal.models import Area

LEVELS = ("township", "village")


def open_data(request: HttpRequest) -> HttpResponse:
    """What there is, what the columns mean, and why some figures are left out."""
    towns = Area.objects.filter(level=Area.Level.TOWNSHIP, valid_to__isnull=True)
    return render(request, "publicity/open_data.html", {"years": years(), "fewest": FEWEST, "towns": towns})


def open_data_file(request: HttpRequest, year: int, level: str, kind: str) -> HttpResponse:
    """One year as a file; anybody may use it from anywhere."""
    if level not in LEVELS or year not in years():
        raise Http404
    cells = kept_cells(year, level)
    if kind == "json":
        as_of = clock.today().isoformat()
        told = {"year": year, "level": level, "as_of": as_of, "unit": "fen", "cells": as_json(cells)}
        response: HttpResponse = JsonResponse(told, json_dumps_params={"ensure_ascii": False})
    else:
        response = HttpResponse(as_csv(cells), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="subsidies-{year}-{level}.csv"'
    response["Access-Control-Allow-Origin"] = "*"
    return response


def place(request: HttpRequest, code: str) -> HttpResponse:
    """What one township or village was paid in a year, by program and period."""
    area = get_object_or_404(Area.objects.exclude(level=Area.Level.COUNTY).select_related("parent"), code=code)
    known = years()
    asked = request.GET.get("year", "")
    newest = known[0] if known else None
    year = next((one for one in known if str(one) == asked), newest)
    level = "village" if area.level == Area.Level.VILLAGE else "township"
    cells = [cell for cell in kept_cells(year, level) if cell.area == area.code] if year else []
    programs: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        programs[cell.program_name].append(cell)
    context = {
        "section": "notices",
        "area": area,
        "year": year,
        "years": known,
        "programs": dict(programs),
        "villages": Area.objects.filter(parent=area, valid_to__isnull=True) if level == "township" else [],
        "fewest": FEWEST,
        "total_fen": sum(cell.fen or 0 for cell in cells),
        "hidden": any(cell.is_hidden for cell in cells),
    }
    return render(request, "publicity/place.html", context)

"""The page of one day of paying; today's looks again by itself."""

from __future__ import annotations

import datetime as dt

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from disbursement.day_facts import day_of, tasks_of
from subsidy_portal import clock
from subsidy_portal.staff import StaffRequest, staff_page
from subsidy_portal.wording import count, yuan


@staff_page("see.books")
def day(request: StaffRequest, on: str = "") -> HttpResponse:
    """Today, or ``2022-03-07``; a request by htmx gets the part that changes."""
    try:
        wanted = dt.date.fromisoformat(on) if on else clock.today()
    except ValueError:
        raise Http404 from None
    if wanted > clock.today():
        raise Http404
    found = day_of(wanted, request.user)
    totals = found.totals
    lines = _("%(orders)s 条指令，%(n)s 笔") % {"orders": count(totals["orders"]), "n": count(totals["lines"])}
    context = {
        "day": found,
        "tasks": tasks_of(found) if found.is_today else [],
        "before": wanted - dt.timedelta(days=1),
        "after": wanted + dt.timedelta(days=1) if not found.is_today else None,
        "sums": [
            {"label": _("金额"), "value": yuan(totals["fen"]), "unit": _("元"), "note": lines},
            {"key": "paid", "label": _("已有结果"), "value": count(totals["answered"]), "unit": _("笔")},
            {"key": "way", "label": _("未回盘"), "value": count(totals["waiting"]), "unit": _("笔")},
            {"key": "unk", "label": _("待查"), "value": count(totals["unknown"]), "unit": _("笔")},
        ],
    }
    part = "disbursement/parts/day.html" if request.headers.get("HX-Request") else "disbursement/day.html"
    return render(request, part, context)

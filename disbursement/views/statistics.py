"""The year's payments at a glance, as of any day: the official sentence, charts with their data, and the workbook."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.core.cache import cache
from django.db.models import Max
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from disbursement.exports import statistics_workbook
from disbursement.forms import StatisticsForm
from disbursement.models import Payment
from disbursement.statistics import Share, Summary, summary
from subsidy_portal import clock, money
from subsidy_portal.models import User
from subsidy_portal.staff import StaffRequest, staff_page
from subsidy_portal.tables import workbook_response

# The figures are sums over the whole year; asked again within this time the page shows the same ones.
# A past day hardly changes: only what a bank answers late for it.
KEEP_SECONDS, KEEP_PAST_SECONDS = 60, 600
SHOWN_PROGRAMS = 12


def asked(request: StaffRequest) -> tuple[StatisticsForm, int, dt.date]:
    """The year and the day asked for; nothing means the latest year with payments, nonsense this year; today."""
    today = clock.today()
    form = StatisticsForm(request.GET or {"year": latest_year(today), "as_of": today.isoformat()})
    if form.is_valid():
        return form, form.cleaned_data["year"], form.cleaned_data["as_of"]
    return form, today.year, today


def latest_year(today: dt.date) -> int:
    """This year, or in its first weeks the last one in which anything was released."""
    last = Payment.objects.aggregate(on=Max("released_on"))["on"]
    return min(last.year, today.year) if last else today.year


def figures(user: User, year: int, as_of: dt.date) -> Summary:
    """The summary of what ``user`` may see, kept a while: everybody of one office sees the same."""
    office = user.organisation_id
    key = f"statistics:{office}:{year}:{as_of}:{clock.today()}"
    kept: dict[str, Any] | None = cache.get(key)
    if kept is None:
        kept = summary(as_of, year=year, user=user).as_json()
        cache.set(key, kept, KEEP_SECONDS if as_of >= clock.today() else KEEP_PAST_SECONDS)
    return Summary.from_json(kept)


@staff_page("statistics.view")
def statistics(request: StaffRequest) -> HttpResponse:
    form, year, as_of = asked(request)
    found = figures(request.user, year, as_of)
    programs = found.by_program[:SHOWN_PROGRAMS]
    towns = sorted(found.by_township, key=lambda share: -share.failed)
    context = {
        "form": form,
        "found": found,
        "as_of": as_of,
        "sums": main_sums(found),
        "programs": programs,
        "money_chart": money_chart(found),
        "rate_chart": rate_chart(found),
        "program_chart": rows_chart(programs, "wan", [share.paid_fen for share in programs]),
        "town_chart": rows_chart(towns, "count", [share.failed for share in towns]),
        "unpaid_fen": found.amount_fen - found.paid_fen,
        "towns": towns,
        "query": request.GET.urlencode(),
    }
    return render(request, "disbursement/statistics.html", context)


def main_sums(found: Summary) -> list[dict[str, Any]]:
    return [
        {
            "label": _("已发"),
            "value": money.format_wan(found.paid_fen),
            "unit": _("万元"),
            "note": _("应发 %(wan)s 万元的 %(share)s")
            % {"wan": money.format_wan(found.amount_fen), "share": money.percent(found.paid_fen, found.amount_fen, 1)},
        },
        {
            "label": _("发放成功率"),
            "value": found.success_rate,
            "note": _("%(n)s 人次；首次 %(first)s") % {"n": f"{found.payments:,}", "first": found.first_pass_rate},
        },
        {
            "label": _("社保卡占比"),
            "value": found.ssc_share,
            "note": _("%(n)s 笔不是社保卡") % {"n": f"{found.payments - found.ssc:,}"},
        },
        {
            "label": _("享受补贴的人"),
            "value": f"{found.persons:,}",
            "unit": _("人"),
            "note": _("%(programs)d 个项目，%(batches)d 个批次")
            % {"programs": found.programs, "batches": found.batches},
        },
    ]


def rate(share: Share) -> int:
    """Success in hundredths of a percent, half up; nothing paid out counts as complete."""
    return (share.paid * 20_000 + share.payments) // (2 * share.payments) if share.payments else 10_000


def first_rate(share: Share) -> int:
    return (share.first_paid * 20_000 + share.payments) // (2 * share.payments) if share.payments else 10_000


def money_chart(found: Summary) -> dict[str, Any]:
    return {
        "kind": "columns",
        "unit": "wan",
        "labels": [month_label(share) for share in found.by_month],
        "series": [
            {"name": _("应发"), "values": [share.amount_fen for share in found.by_month]},
            {"name": _("已发"), "values": [share.paid_fen for share in found.by_month]},
        ],
    }


def rate_chart(found: Summary) -> dict[str, Any]:
    final, first = ([of(share) for share in found.by_month] for of in (rate, first_rate))
    return {
        "kind": "lines",
        "unit": "pct",
        "labels": [month_label(share) for share in found.by_month],
        "min": min([*final, *first], default=0) // 100 * 100,
        "max": 10_000,
        "series": [
            {"name": _("最终"), "values": final, "tone": "main"},
            {"name": _("首次"), "values": first, "tone": "quiet"},
        ],
    }


def rows_chart(shares: list[Share], unit: str, values: list[int]) -> dict[str, Any]:
    return {
        "kind": "rows",
        "unit": unit,
        "labels": [share.name for share in shares],
        "series": [{"name": "", "values": values}],
        "min": 0,
    }


def month_label(share: Share) -> str:
    return _("%(month)d月") % {"month": int(share.key[5:])}


@staff_page("statistics.view")
def statistics_export(request: StaffRequest) -> HttpResponse:
    """The same figures as a workbook."""
    _form, year, as_of = asked(request)
    content = statistics_workbook(figures(request.user, year, as_of), unit=str(request.user.organisation))
    return workbook_response(
        content, _("发放总览%(year)d年截至%(day)s.xlsx") % {"year": year, "day": f"{as_of:%Y%m%d}"}
    )

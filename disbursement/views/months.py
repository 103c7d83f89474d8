"""The county's books: month by month, what ties, what keeps a month open, and its close by a second person."""

from __future__ import annotations

import datetime as dt
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.contrib import messages
from django.core.cache import cache
from django.db.models import QuerySet
from django.db.models.functions import TruncMonth
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from disbursement import actions, months
from disbursement.exports import month_workbook
from disbursement.models import Batch, Discrepancy, MonthClose, Statement
from disbursement.month_balances import balances
from subsidy_portal import clock
from subsidy_portal.models import User
from subsidy_portal.permissions import allowed
from subsidy_portal.staff import StaffRequest, happened, staff_page
from subsidy_portal.tables import workbook_response
from subsidy_portal.wording import count, period, yuan

PREVIEW_SECONDS = 30


def parse_month(text: str) -> dt.date:
    """The first day of ``2022-03``; 404 for anything else."""
    try:
        return dt.datetime.strptime(text, "%Y-%m").date()  # noqa: DTZ007 - a month has no time zone
    except ValueError:
        raise Http404 from None


def months_with_money() -> list[dt.date]:
    """First days of the months in which money left or a bank booked something, the newest first."""
    released = Batch.objects.exclude(released_at=None).annotate(month=TruncMonth("released_at"))
    booked = Statement.objects.annotate(month=TruncMonth("booked_on"))
    days: set[dt.date] = {at.date() for at in released.order_by().values_list("month", flat=True).distinct()}
    days |= set(booked.order_by().values_list("month", flat=True).distinct())
    return sorted(days, reverse=True)


@staff_page("see.books")
def month_list(request: StaffRequest) -> HttpResponse:
    closes: QuerySet[MonthClose] = MonthClose.objects.visible_to(request.user).select_related("made_by", "closed_by")
    by_month = {close.month: close for close in closes}
    days = sorted({*months_with_money(), *by_month}, reverse=True)
    context = {
        "rows": [(day, f"{day:%Y-%m}", close, net_debit(close)) for day in days for close in (by_month.get(day),)],
        "open_discrepancies": Discrepancy.objects.visible_to(request.user).filter(status="open").count(),
        "this_month": clock.today().replace(day=1),
    }
    return render(request, "disbursement/month_list.html", context)


def net_debit(close: MonthClose | None) -> int | None:
    """What the statements of the month say left the county's accounts, in fen."""
    return close.sheet["totals"]["debit_fen"] - close.sheet["totals"]["credit_fen"] if close else None


@staff_page("see.books")
def month(request: StaffRequest, month: str) -> HttpResponse:
    """One month: its signed sheet, or what is so far and what keeps it open."""
    return render(request, "disbursement/month.html", month_context(parse_month(month), request.user))


def month_context(first: dt.date, user: User) -> dict[str, Any]:
    closes = MonthClose.objects.visible_to(user).select_related("made_by", "closed_by")
    close = closes.filter(month=first).first()
    if close is None and first not in months_with_money():
        raise Http404
    closed = close is not None and close.status == MonthClose.Status.CLOSED
    prepared = close is not None and not closed
    sheet = close.sheet if close is not None else preview(first)
    difference = months.difference_of({"rows": stated(sheet["rows"])})
    mine = close is not None and close.made_by_id == user.pk
    return {
        "first": first,
        "slug": f"{first:%Y-%m}",
        "close": close,
        "closed": closed,
        "totals": sheet["totals"],
        "equation": equation(sheet, difference),
        "banks": by_bank(sheet["rows"]),
        "accounts": balances(first),
        "difference_fen": difference,
        "blockers": [] if closed else months.blockers(first),
        "failures": months.open_failures(first),
        "may_prepare": allowed(user, "month.prepare") and not closed,
        "may_close": prepared and allowed(user, "month.close") and not mine,
        "blocked": _("您编制的，须由他人复核。") if prepared and mine and allowed(user, "month.close") else "",
        "events": happened(close) if close else [],
    }


def preview(first: dt.date) -> dict[str, Any]:
    """The sheet of a month nobody has prepared, half a minute old at most: it is counted over the whole history."""
    key = f"month-preview:{first}:{clock.today()}"
    found: dict[str, Any] = cache.get_or_set(key, lambda: months.make_sheet(first), PREVIEW_SECONDS) or {}
    return found


def stated(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of days whose statements must be there: a bank sends them after the day's end."""
    today = clock.today().isoformat()
    return [row for row in rows if row["day"] < today]


def equation(sheet: dict[str, Any], difference: int) -> dict[str, Any]:
    """Paid less returned equals what the statements say; the difference is red where it stays."""
    totals = sheet["totals"]
    net = totals["debit_fen"] - totals["credit_fen"]
    coming = sum(row["difference_fen"] for row in stated(sheet["rows"])) - totals["difference_fen"]

    def said(what: str, figure: str) -> str:
        return _("%(what)s %(n)s 笔") % {"what": what, "n": count(totals[figure])}

    terms = [
        {"label": said(_("回盘成功"), "paid_count"), "value": yuan(totals["paid_fen"])},
        {"op": "-", "label": said(_("退票"), "returned_count"), "value": yuan(totals["returned_fen"])},
        {"op": "=", "label": _("应付出"), "value": yuan(totals["paid_fen"] - totals["returned_fen"])},
        {"label": _("对账单净付出"), "value": yuan(net), "aside": True},
        {"label": _("差额"), "value": yuan(difference), "aside": True, "risk": bool(difference)},
    ]
    notes = [
        (_("已查明的不明款 %(fen)s 元"), totals["explained_fen"]),
        (_("今天的 %(fen)s 元要等银行日终对账单"), coming),
    ]
    note = "；".join(text % {"fen": yuan(fen)} for text, fen in notes if fen)
    if difference:
        return {"terms": terms, "proof": _("对不上"), "look": "risk", "note": note}
    return {"terms": terms, "proof": _("对账单已到的都相符") if coming else _("三方相符"), "look": "done", "note": note}


def by_bank(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of a sheet under their banks, each with its sums and the difference that stays after all its days."""
    banks = []
    for name, group in groupby(rows, key=itemgetter("bank")):
        own = [{**row, "date": dt.date.fromisoformat(row["day"])} for row in group]
        sums = {figure: sum(row[figure] for row in own) for figure in (*months.FIGURES, "difference_fen")}
        due = stated(own)
        risk, coming = months.difference_of({"rows": due}) != 0, len(due) < len(own)
        banks.append({"name": name, "rows": own, "sums": sums, "risk": risk, "coming": coming and not risk})
    return banks


@staff_page("see.books")
@require_POST
def month_act(request: StaffRequest, month: str, verb: str) -> HttpResponse:
    first = parse_month(month)
    if verb == "prepare":
        actions.prepare_month(first, actor=request.user)
        messages.success(request, _("%(month)s已编制，等他人复核。") % {"month": period(month)})
    elif verb == "close":
        close = MonthClose.objects.visible_to(request.user).filter(month=first).first()
        if close is None:
            raise Http404
        actions.close_month(close, actor=request.user)
        messages.success(request, _("%(month)s已月结。以后的事记到下个月。") % {"month": period(month)})
    else:
        raise Http404
    return redirect("disbursement:month", month)


@staff_page("see.books")
def month_export(request: StaffRequest, month: str) -> HttpResponse:
    """The signed or prepared sheet as a workbook."""
    first = parse_month(month)
    close = MonthClose.objects.visible_to(request.user).filter(month=first).first()
    if close is None:
        raise Http404
    return workbook_response(month_workbook(close), _("月结表%(month)s.xlsx") % {"month": f"{first:%Y%m}"})

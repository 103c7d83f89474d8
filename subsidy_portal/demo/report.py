"""What the rehearsal came to: counted in the database, never taken from the plan."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import Sum

from disbursement.models import Batch, MonthClose, Payment
from disbursement.statistics import summary
from selfcheck.models import Problem, Recovery
from subsidy_portal.money import format_yuan


def figures(year: int, as_of: dt.date) -> dict[str, Any]:
    """The figures of ``out.json``, as of ``as_of``: amounts in yuan as text, rates in percent as text."""
    found = summary(as_of, year=year)
    months = MonthClose.objects.filter(month__year=year, status=MonthClose.Status.CLOSED)
    recovered = Recovery.objects.filter(remitted_on__isnull=False).aggregate(fen=Sum("amount_fen"))["fen"] or 0
    return {
        "programs": found.programs,
        "batches": found.batches,
        "payments": found.payments,
        "persons": found.persons,
        "amount_yuan": format_yuan(found.amount_fen, comma=False),
        "paid": found.paid,
        "failed": found.failed,
        "success_rate": found.success_rate,
        "ssc_share": found.ssc_share,
        "reconciled_difference_yuan": format_yuan(sum(m.difference_fen for m in months), comma=False),
        "months_closed": months.count(),
        "batches_closed": Batch.objects.filter(status=Batch.Status.CLOSED).count(),
        # Tried in vain, and not paid by now; what went back to the treasury was not paid either.
        "refailed": Payment.objects.filter(status__in=("failed", "refunded")).count(),
        "problems": Problem.objects.count(),
        "problems_closed": Problem.objects.filter(status=Problem.Status.CLOSED).count(),
        "recovered_yuan": format_yuan(recovered, comma=False),
    }


def as_lines(found: dict[str, Any]) -> list[str]:
    """A summary for the screen."""
    return [
        f"  {found['programs']} 项补贴，{found['batches']} 个批次，{found['payments']:,} 人次，{found['persons']:,} 人",
        f"  应发 {found['amount_yuan']} 元，成功 {found['paid']:,} 笔（{found['success_rate']}），"
        f"失败待办 {found['failed']:,} 笔，社保卡 {found['ssc_share']}",
        f"  月结 {found['months_closed']} 个月，对账差额 {found['reconciled_difference_yuan']} 元",
        f"  问题 {found['problems']} 件，销号 {found['problems_closed']} 件，追回并缴库 {found['recovered_yuan']} 元",
    ]

"""The month's sheet: what was sent, paid, failed and returned against what the banks' statements show, to the fen.

A month holds everything up to its last day that no earlier closed month has signed. So a result that arrives after
its month was closed lands in the next sheet, and a closed one never changes.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from disbursement.models import Bank, Batch, Discrepancy, MonthClose, StatementEntry
from programs.models import Program
from subsidy_portal import clock
from subsidy_portal.bulk import fetch
from subsidy_portal.money import format_yuan

# What a row of the sheet counts, in fen except *_count
FIGURES = (
    "sent_count",
    "sent_fen",
    "paid_count",
    "paid_fen",
    "failed_count",
    "failed_fen",
    "returned_count",
    "returned_fen",
    "debit_count",
    "debit_fen",
    "credit_count",
    "credit_fen",
    "explained_fen",
)
Key = tuple[int, int | None, str]
Figures = dict[str, int]

# One line an event: bank, program, day, which figure, how many, fen. Entries without a program are nobody's payment.
_EVENTS = """
    SELECT bank_id, program_id, day, what, count(*), sum(fen)::bigint FROM (
        SELECT o.bank_id, b.program_id, (o.made_at AT TIME ZONE 'Asia/Shanghai')::date AS day, 'sent' AS what,
               a.amount_fen AS fen
          FROM disbursement_attempt a JOIN disbursement_order o ON o.id = a.order_id
          JOIN disbursement_batch b ON b.id = o.batch_id
        UNION ALL
        SELECT o.bank_id, b.program_id, leg.day, leg.what, a.amount_fen
          FROM disbursement_attempt a JOIN disbursement_order o ON o.id = a.order_id
          JOIN disbursement_batch b ON b.id = o.batch_id
          JOIN LATERAL (VALUES
               ('paid', CASE WHEN a.status IN ('succeeded', 'returned') THEN a.result_on END),
               ('failed', CASE WHEN a.status = 'failed' THEN a.result_on END),
               ('returned', CASE WHEN a.status = 'returned' THEN a.returned_on END)) AS leg(what, day)
               ON leg.day IS NOT NULL
        UNION ALL
        SELECT s.bank_id, b.program_id, s.booked_on, CASE e.kind WHEN 'debit' THEN 'debit' ELSE 'credit' END,
               e.amount_fen
          FROM disbursement_statemententry e JOIN disbursement_statement s ON s.id = e.statement_id
          LEFT JOIN disbursement_attempt a ON a.id = e.attempt_id
          LEFT JOIN disbursement_order o ON o.id = a.order_id
          LEFT JOIN disbursement_batch b ON b.id = o.batch_id
         WHERE e.kind <> 'funding'
        UNION ALL
        SELECT s.bank_id, NULL, s.booked_on, 'explained',
               CASE e.kind WHEN 'debit' THEN e.amount_fen ELSE -e.amount_fen END
          FROM disbursement_statemententry e JOIN disbursement_statement s ON s.id = e.statement_id
          JOIN disbursement_discrepancy d ON d.entry_id = e.id AND d.kind = 'unmatched' AND d.status = 'resolved'
         WHERE e.kind <> 'funding' AND e.attempt_id IS NULL) events
     WHERE day < %s GROUP BY 1, 2, 3, 4
"""


def after(month: dt.date) -> dt.date:
    """The first day of the month after ``month``."""
    return dt.date(month.year + month.month // 12, month.month % 12 + 1, 1)


def make_sheet(month: dt.date) -> dict[str, Any]:
    """``{"rows": [per bank, program, day], "totals": {figure: sum}}`` of the month; amounts in fen, days ISO."""
    figures: dict[Key, Figures] = defaultdict(lambda: dict.fromkeys(FIGURES, 0))
    for bank, program, day, what, count, fen in fetch(_EVENTS, (after(month),)):
        row = figures[bank, program, day.isoformat()]
        row[f"{what}_fen"] += fen
        if what != "explained":
            row[f"{what}_count"] += count
    for sheet in MonthClose.objects.filter(status="closed", month__lt=month).values_list("sheet", flat=True):
        for signed in sheet["rows"]:
            row = figures[signed["bank_id"], signed["program_id"], signed["day"]]
            for name in FIGURES:
                row[name] -= signed[name]
    rows = _named({key: row for key, row in figures.items() if any(row.values())})
    totals = {name: sum(row[name] for row in rows) for name in (*FIGURES, "difference_fen")}
    return {"rows": rows, "totals": totals}


def _named(figures: dict[Key, Figures]) -> list[dict[str, Any]]:
    banks = dict(Bank.objects.values_list("pk", "organisation__short_name"))
    programs = dict(Program.objects.values_list("pk", "short_name"))
    rows = [
        {
            "bank_id": bank,
            "bank": banks[bank],
            "program_id": program,
            "program": programs[program] if program else "",
            "day": day,
            **row,
            "difference_fen": row["debit_fen"]
            - row["credit_fen"]
            - (row["paid_fen"] - row["returned_fen"])
            - row["explained_fen"],
        }
        for (bank, program, day), row in figures.items()
    ]
    return sorted(rows, key=lambda row: (row["bank"], row["program"], row["day"]))


def difference_of(sheet: dict[str, Any]) -> int:
    """What does not tie, in fen: per bank and program the differences of its days may cancel, nothing else may."""
    sums: dict[tuple[int, int | None], int] = defaultdict(int)
    for row in sheet["rows"]:
        sums[row["bank_id"], row["program_id"]] += row["difference_fen"]
    return sum(abs(fen) for fen in sums.values())


def blockers(month: dt.date) -> list[str]:
    """What keeps the month open, one sentence each; empty when it may be closed."""
    end = after(month)
    found = [_unfinished(month), *_earlier(month), *_missing_statements(month), *_unknown(end), *_unmatched(end)]
    found += _discrepancies(end)
    return [text for text in found if text]


def _unfinished(month: dt.date) -> str:
    last = after(month) - dt.timedelta(days=1)
    return _("本月还没有过完，%(day)s起可以月结。") % {"day": last} if clock.today() < last else ""


def _earlier(month: dt.date) -> list[str]:
    """Months before this one in which something happened and which are not closed."""
    rows = fetch(
        """
        SELECT DISTINCT date_trunc('month', s.booked_on)::date FROM disbursement_statement s
         WHERE s.booked_on < %(month)s AND NOT EXISTS (
             SELECT 1 FROM disbursement_monthclose c
              WHERE c.month = date_trunc('month', s.booked_on)::date AND c.status = 'closed')
         ORDER BY 1
        """,
        {"month": month},
    )
    return [_("%(month)s还没有月结，请先月结。") % {"month": f"{day:%Y-%m}"} for (day,) in rows]


def _missing_statements(month: dt.date) -> list[str]:
    """Days on which a bank says it paid or took back money, without its statement."""
    rows = fetch(
        """
        SELECT DISTINCT organisation.short_name, leg.day
          FROM disbursement_attempt a
          JOIN disbursement_order o ON o.id = a.order_id
          JOIN disbursement_bank bank ON bank.id = o.bank_id
          JOIN subsidy_portal_organisation organisation ON organisation.id = bank.organisation_id
          JOIN LATERAL (VALUES (a.result_on), (a.returned_on)) AS leg(day) ON leg.day >= %(month)s AND leg.day < %(end)s
         WHERE a.status IN ('succeeded', 'returned') AND NOT EXISTS (
             SELECT 1 FROM disbursement_statement s WHERE s.bank_id = o.bank_id AND s.booked_on = leg.day)
         ORDER BY 1, 2
        """,
        {"month": month, "end": after(month)},
    )
    return [_("缺%(bank)s%(day)s的对账单。请银行补发。") % {"bank": bank, "day": day} for bank, day in rows]


def _unknown(end: dt.date) -> list[str]:
    rows = fetch(
        """
        SELECT o.ref, count(*), sum(a.amount_fen)::bigint
          FROM disbursement_order o JOIN disbursement_attempt a ON a.order_id = o.id
         WHERE a.status IN ('created', 'sending', 'sent', 'unknown')
           AND (o.made_at AT TIME ZONE 'Asia/Shanghai')::date < %s
         GROUP BY o.ref ORDER BY o.ref
        """,
        (end,),
    )
    return [
        _("指令%(ref)s还有%(n)d笔、%(yuan)s元没有结果。请向银行查询。") % {"ref": ref, "n": n, "yuan": format_yuan(fen)}
        for ref, n, fen in rows
    ]


def _unmatched(end: dt.date) -> list[str]:
    """Entries that match no payment and that nobody has explained."""
    count = (
        StatementEntry.objects.filter(attempt=None, statement__booked_on__lt=end)
        .exclude(kind=StatementEntry.Kind.FUNDING)
        .exclude(discrepancies__kind=Discrepancy.Kind.UNMATCHED_ENTRY, discrepancies__status="resolved")
        .count()
    )
    return [_("对账单上有%(n)d条没有与付款对上。请逐条查明。") % {"n": count}] if count else []


def _discrepancies(end: dt.date) -> list[str]:
    limit = dt.datetime.combine(end, dt.time(), clock.CHINA)
    found = Discrepancy.objects.filter(status="open", found_at__lt=limit).exclude(kind=Discrepancy.Kind.UNMATCHED_ENTRY)
    return [
        _("%(kind)s：%(text)s") % {"kind": item.get_kind_display(), "text": item.text}
        for item in found.order_by("pk")[:50]
    ]


def open_failures(month: dt.date) -> list[dict[str, Any]]:
    """Failed or returned payments that still wait at the end of the month, by age in days; explained, not blocking."""
    last = min(after(month) - dt.timedelta(days=1), clock.today())
    rows = fetch(
        """
        SELECT CASE WHEN age <= 30 THEN '0–30' WHEN age <= 60 THEN '31–60' WHEN age <= 90 THEN '61–90'
                    ELSE '90+' END,
               count(*), sum(amount_fen)::bigint
          FROM (SELECT %(last)s - COALESCE(CASE status WHEN 'returned' THEN returned_on END, failed_on) AS age,
                       amount_fen
                  FROM disbursement_payment WHERE status IN ('failed', 'returned')) waiting
         WHERE age >= 0 GROUP BY 1 ORDER BY 1
        """,
        {"last": last},
    )
    return [{"age": age, "count": count, "fen": fen} for age, count, fen in rows]


def closable_batches(month: dt.date) -> Any:
    """Reconciled batches whose every event lies before the end of ``month``."""
    end = after(month)
    later = Q(payments__attempts__result_on__gte=end) | Q(payments__attempts__returned_on__gte=end)
    return Batch.objects.filter(status=Batch.Status.RECONCILED).exclude(pk__in=Batch.objects.filter(later).values("pk"))

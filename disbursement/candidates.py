"""Statement entries without a reference we know: the payments one could be, side by side. The system never picks one.

Two rules prove a match by themselves, each only when exactly one payment fits to the fen: the entry's words hold one of
our references, or its serial is the one the bank gave with its result.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from disbursement.models import Attempt, Bank, StatementEntry
from subsidy_portal.bulk import execute

# A person looks at payments this many days around the entry
DAYS, SHOWN = 3, 8
# kind of entry → the states of an attempt it can prove
_PROVES = {"debit": ("sent", "unknown", "succeeded", "returned"), "return": ("succeeded", "returned")}


@dataclass(frozen=True)
class Candidate:
    """One attempt the entry could be, and what agrees and differs, in words."""

    attempt: Attempt
    agrees: list[str]
    differs: list[str]


def candidates(entry: StatementEntry) -> list[Candidate]:
    """Attempts of the entry's bank with its amount, near its day, whose leg no other entry has; the nearest first."""
    day = entry.statement.booked_on
    found = possible(entry).select_related("payment__payee", "account", "order__batch__program")
    ordered = sorted(found[:50], key=lambda attempt: (abs((_day_of(attempt, entry.kind) - day).days), attempt.pk))
    return [_compared(attempt, entry) for attempt in ordered[:SHOWN]]


def possible(entry: StatementEntry) -> QuerySet[Attempt]:
    """Without an order. A person picks among them; nothing outside may be picked."""
    day = entry.statement.booked_on
    around = (day - dt.timedelta(days=DAYS), day + dt.timedelta(days=DAYS))
    taken = StatementEntry.objects.filter(kind=entry.kind).exclude(attempt=None).values("attempt")
    near = Attempt.objects.filter(
        order__bank=entry.statement.bank_id, amount_fen=entry.amount_fen, status__in=_PROVES.get(entry.kind, ())
    ).exclude(pk__in=taken)
    return near.filter(result_on__range=around) | near.filter(result_on=None, order__made_at__date__range=around)


def _day_of(attempt: Attempt, kind: str) -> dt.date:
    known = attempt.returned_on if kind == "return" else attempt.result_on
    return known or attempt.order.made_at.date()


def _compared(attempt: Attempt, entry: StatementEntry) -> Candidate:
    agrees: list[str] = [_("金额")]
    differs: list[str] = []
    (agrees if _day_of(attempt, entry.kind) == entry.statement.booked_on else differs).append(_("日期"))
    same = bool(entry.serial) and entry.serial == attempt.bank_serial
    (agrees if same else differs).append(_("银行流水号"))
    (agrees if attempt.ref in entry.narrative else differs).append(_("行号"))
    (agrees if attempt.account.name_at_bank in entry.narrative else differs).append(_("户名"))
    return Candidate(attempt, agrees, differs)


# One entry, one attempt, the same bank and amount, in a state the entry proves, neither taken by another
_PROVEN = """
    WITH fits AS (
        SELECT e.id AS entry_id, e.kind, a.id AS attempt_id,
               CASE WHEN position(a.ref IN e.narrative) > 0 THEN 'narrative' ELSE 'serial' END AS by_rule
          FROM disbursement_statemententry e
          JOIN disbursement_statement s ON s.id = e.statement_id AND s.bank_id = %(bank)s
          JOIN disbursement_attempt a ON a.amount_fen = e.amount_fen
               AND (a.bank_serial = e.serial AND e.serial <> '' OR position(a.ref IN e.narrative) > 0)
               AND a.status IN ('returned', CASE e.kind WHEN 'debit' THEN 'succeeded' ELSE 'returned' END)
          JOIN disbursement_order o ON o.id = a.order_id AND o.bank_id = s.bank_id
         WHERE e.attempt_id IS NULL AND e.ref = '' AND e.kind = 'debit'
           AND NOT EXISTS (SELECT 1 FROM disbursement_statemententry x WHERE x.attempt_id = a.id AND x.kind = e.kind)),
    alone AS (
        SELECT entry_id, min(attempt_id) AS attempt_id, min(by_rule) AS by_rule FROM fits GROUP BY entry_id
        HAVING count(*) = 1)
    UPDATE disbursement_statemententry e SET attempt_id = alone.attempt_id, matched_by = alone.by_rule
      FROM alone
     WHERE e.id = alone.entry_id
       AND (SELECT count(*) FROM alone twin WHERE twin.attempt_id = alone.attempt_id) = 1
"""


def match_proven(bank: Bank) -> int:
    """Match entries without a reference by the two proven rules; returns how many. Ambiguous ones stay."""
    open_ones = StatementEntry.objects.filter(statement__bank=bank, attempt=None, kind="debit", ref="")
    if not open_ones.exists():
        return 0
    return execute(_PROVEN, {"bank": bank.pk})

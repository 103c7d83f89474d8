"""The county's accounts over a month, from the banks' statements: what came in, what went out, what is left."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from disbursement.months import after
from subsidy_portal.bulk import fetch


@dataclass(frozen=True)
class AccountMonth:
    """One account, in fen; ``numbers`` are those of the first and the last statement."""

    bank: str
    numbers: tuple[int, int]
    statements: int
    opening_fen: int
    funding_fen: int
    debit_fen: int
    credit_fen: int
    closing_fen: int

    @property
    def missing(self) -> int:
        """How many statement numbers between the first and the last are not there."""
        return self.numbers[1] - self.numbers[0] + 1 - self.statements

    @property
    def difference_fen(self) -> int:
        """What the entries do not explain of the way from the opening to the closing balance."""
        return self.opening_fen + self.funding_fen - self.debit_fen + self.credit_fen - self.closing_fen


_SQL = """
    WITH s AS (SELECT * FROM disbursement_statement WHERE booked_on >= %(month)s AND booked_on < %(end)s),
    e AS (SELECT s.bank_id, COALESCE(sum(entry.amount_fen) FILTER (WHERE entry.kind = 'funding'), 0)::bigint AS funding,
                 COALESCE(sum(entry.amount_fen) FILTER (WHERE entry.kind = 'debit'), 0)::bigint AS debit,
                 COALESCE(sum(entry.amount_fen) FILTER (WHERE entry.kind = 'return'), 0)::bigint AS credit
            FROM s JOIN disbursement_statemententry entry ON entry.statement_id = s.id GROUP BY s.bank_id),
    span AS (SELECT bank_id, min(number) AS first, max(number) AS last, count(*) AS n FROM s GROUP BY bank_id)
    SELECT organisation.short_name, span.first, span.last, span.n, opening.opening_fen, COALESCE(e.funding, 0),
           COALESCE(e.debit, 0), COALESCE(e.credit, 0), closing.closing_fen
      FROM span JOIN s opening ON opening.bank_id = span.bank_id AND opening.number = span.first
      JOIN s closing ON closing.bank_id = span.bank_id AND closing.number = span.last
      JOIN disbursement_bank bank ON bank.id = span.bank_id
      JOIN subsidy_portal_organisation organisation ON organisation.id = bank.organisation_id
      LEFT JOIN e ON e.bank_id = span.bank_id
     ORDER BY 1
"""


def balances(month: dt.date) -> list[AccountMonth]:
    """Every account that a statement of ``month`` speaks of."""
    rows = fetch(_SQL, {"month": month, "end": after(month)})
    return [AccountMonth(bank, (first, last), n, *fens) for bank, first, last, n, *fens in rows]

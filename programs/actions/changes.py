"""What changed since the notice: the rows of the current revision beside the rows that were publicised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from programs.models import Roster
from subsidy_portal.bulk import fetch

Kind = Literal["added", "gone", "amount", "account", "other"]


@dataclass(frozen=True)
class RowChange:
    """One person whose row is not what the last notice showed. Amounts in fen; None on the side without a row."""

    kind: Kind
    name: str
    area_name: str
    row_no: int
    item: str
    old_amount_fen: int | None
    new_amount_fen: int | None
    old_account: str
    new_account: str

    @property
    def needs_notice(self) -> bool:
        """Somebody who is gone is not paid; everything else must be publicised again."""
        return self.kind != "gone"


def roster_changes(roster: Roster) -> list[RowChange]:
    """The current revision against the last notice: added, gone, amount, account, other (payee or head).

    Empty without a notice. Accounts are shown by their last four digits.
    """
    return [
        RowChange(*row)
        for row in fetch(
            """
            WITH last AS (SELECT max(id) AS id FROM programs_notice WHERE roster_id = %(roster)s),
            shown AS (
                SELECT r.beneficiary_id, r.item, r.row_no, r.area_id, r.account_id, n.amount_fen, n.row_hash
                FROM programs_noticerow n JOIN programs_rosterrow r ON r.id = n.row_id
                WHERE n.notice_id = (SELECT id FROM last)
            ),
            cur AS (
                SELECT beneficiary_id, item, row_no, area_id, account_id, amount_fen, row_hash FROM programs_rosterrow
                WHERE roster_id = %(roster)s AND revision = %(revision)s AND status <> 'left'
                  AND (SELECT id FROM last) IS NOT NULL
            )
            SELECT CASE WHEN shown.row_hash IS NULL THEN 'added' WHEN cur.row_hash IS NULL THEN 'gone'
                        WHEN shown.amount_fen <> cur.amount_fen THEN 'amount'
                        WHEN old.number_hash <> new.number_hash THEN 'account' ELSE 'other' END,
                p.name, a.name, COALESCE(cur.row_no, shown.row_no), item, shown.amount_fen, cur.amount_fen,
                COALESCE(old.number_last4, ''), COALESCE(new.number_last4, '')
            FROM shown FULL JOIN cur USING (beneficiary_id, item)
            JOIN programs_person p ON p.id = beneficiary_id
            JOIN subsidy_portal_area a ON a.code = COALESCE(cur.area_id, shown.area_id)
            LEFT JOIN programs_account old ON old.id = shown.account_id
            LEFT JOIN programs_account new ON new.id = cur.account_id
            WHERE shown.row_hash IS DISTINCT FROM cur.row_hash
            ORDER BY 1, 4
            """,
            {"roster": roster.pk, "revision": roster.revision},
        )
    ]

"""A clean file becomes the next revision of its roster: people, households, accounts and rows, all or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from programs.imports.own_columns import extra_json
from programs.imports.progress import Progress
from programs.imports.reading import Claims
from programs.imports.registry import (
    ACCOUNT_COLUMNS,
    ADDITION_COLUMNS,
    HOUSEHOLD_COLUMNS,
    PERSON_COLUMNS,
    Matched,
)
from programs.models import Roster, RosterImport
from subsidy_portal import bulk
from subsidy_portal.workflow import Refused

ROW_COLUMNS = (
    "roster_id", "revision", "row_no", "beneficiary_id", "head_id", "payee_id", "household_id", "account_id", "area_id",
    "group_no", "item", "quantity", "standard_fen", "amount_fen", "note", "expected_fen", "extra", "status",
)  # fmt: skip
_WORTH_ANALYZING = 1_000


class RosterMoved(Refused):
    """The roster is no longer being made: somebody submitted or cancelled it while the file was read."""


@transaction.atomic
def store(roster_import: RosterImport, claims: Claims, matched: Matched, progress: Progress) -> None:
    """Write everything under a lock on the roster, as its next revision; not yet compared with anything.

    Raises RosterMoved, and IntegrityError when another import registered one of these people or accounts first.
    """
    roster = Roster.objects.select_for_update().get(pk=roster_import.roster_id)
    if roster.status != Roster.Status.DRAFT:
        raise RosterMoved(_("清册已不在编制中，没有导入。请刷新清册页面查看最新状态。"))
    tables: list[tuple[str, Sequence[str], Iterable[Sequence[Any]]]] = [
        ("programs_person", PERSON_COLUMNS, matched.persons),
        ("programs_household", HOUSEHOLD_COLUMNS, matched.households),
        ("programs_account", ACCOUNT_COLUMNS, matched.accounts),
        ("programs_rosterrow", ROW_COLUMNS, _rows(roster, claims, matched)),
    ]
    total = len(matched.persons) + len(matched.households) + len(matched.accounts) + len(claims) or 1
    done = 0
    for table, columns, rows in tables:
        for copied in bulk.copy_pieces(table, columns, rows):
            done += copied
            progress.say(60 + 35 * done // total, _("正在保存"))
    _fill_in(matched)
    roster.revision += 1
    roster.checked_at = None
    roster.save(update_fields=["revision", "checked_at"])
    roster_import.revision = roster.revision
    roster_import.rows = len(claims)
    roster_import.amount_fen = sum(claims.amount_fen)
    roster_import.save(update_fields=["revision", "rows", "amount_fen", "claims_digest"])


def _rows(roster: Roster, claims: Claims, matched: Matched) -> Iterator[tuple[Any, ...]]:
    person, household = matched.person, matched.household
    columns = zip(
        claims.row_no, claims.beneficiary_id, claims.head_id, claims.payee_id, matched.account, claims.village,
        claims.group_no, claims.item, claims.quantity, claims.standard_fen, claims.amount_fen, claims.note,
        claims.expected_fen, claims.extra, strict=True,
    )  # fmt: skip
    revision = roster.revision + 1
    for row_no, beneficiary, head, payee, account, *rest, extra in columns:
        yield (
            roster.pk,
            revision,
            row_no,
            person[beneficiary],
            person[head] if head else None,
            person[payee],
            household[head] if head else None,
            account,
            *rest,
            extra_json(extra, roster.pk, revision, row_no),
            "included",
        )


def refresh_statistics(claims: Claims, matched: Matched) -> None:
    """Tell the planner about a table that has just grown by a tenth; autovacuum would do it a minute too late.

    The comparing that follows joins these very rows, and believing them absent it would loop over all pairs.
    """
    grown = {
        "programs_rosterrow": len(claims),
        "programs_person": len(matched.persons),
        "programs_account": len(matched.accounts),
    }
    sizes = dict(bulk.fetch("SELECT relname, reltuples FROM pg_class WHERE relname = ANY(%s)", [list(grown)]))
    for table, rows in grown.items():
        if rows >= _WORTH_ANALYZING and rows * 10 > sizes[table]:
            bulk.execute(f"ANALYZE {table}")


def _fill_in(matched: Matched) -> None:
    """Household and phone of persons the registry knew without; what it already has is never overwritten here."""
    if not matched.additions:
        return
    bulk.execute(
        "CREATE TEMPORARY TABLE import_addition (person_id bigint, household_id bigint, relation text,"
        " phone_sealed bytea, phone_last4 text) ON COMMIT DROP"
    )
    bulk.copy_rows("import_addition", ADDITION_COLUMNS, matched.additions)
    bulk.execute(
        """
        UPDATE programs_person p SET
            household_id = COALESCE(p.household_id, a.household_id),
            relation = CASE WHEN p.household_id IS NULL AND a.household_id IS NOT NULL
                THEN a.relation ELSE p.relation END,
            phone_sealed = COALESCE(p.phone_sealed, a.phone_sealed),
            phone_last4 = CASE WHEN p.phone_sealed IS NULL THEN a.phone_last4 ELSE p.phone_last4 END
        FROM import_addition a WHERE p.id = a.person_id
        """
    )
    bulk.execute("DROP TABLE import_addition")

"""What a rule would hit in today's registry, without keeping anything of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from programs.checks import CHECKS
from programs.checks.ground import look_around
from programs.checks.hits import checked_rows, make_ready, sql_area
from programs.checks.lists import list_label
from programs.checks.params import named_codes
from programs.comparison_data import kinds_of
from programs.models import Program, Rule
from subsidy_portal import bulk
from subsidy_portal.identifiers import mask_id

SHOWN = 20

# Today's registry: the last period of each program in each township, which is who draws it now.
_LATEST = """
SELECT id FROM (
    SELECT r.id, rank() OVER (PARTITION BY r.program_id, r.area_id ORDER BY left(r.period, 4) DESC, r.period DESC) AS n
    FROM programs_roster r
    WHERE r.status <> 'cancelled' AND r.revision > 0 AND (%(all)s OR r.program_id = ANY(%(keys)s::bigint[]))
) latest WHERE n = 1
"""
_FOUND = """
SELECT count(*), COALESCE(sum(c.amount_fen), 0)::bigint,
    count(*) FILTER (WHERE EXISTS (
        SELECT FROM programs_suspicion s WHERE s.row_id = c.id AND s.rule_id = %(rule)s AND s.status <> 'superseded'))
FROM previewed JOIN checked c ON c.id = previewed.row_id AND NOT c.is_alias
"""
_SHOWN = """
SELECT p.name, p.id_prefix, p.id_last4, mine.short_name, a.name, c.period, c.amount_fen, previewed.evidence
FROM previewed JOIN checked c ON c.id = previewed.row_id AND NOT c.is_alias
JOIN programs_person p ON p.id = c.beneficiary_id
JOIN programs_program mine ON mine.id = c.program_id
JOIN programs_roster r ON r.id = c.roster_id
JOIN subsidy_portal_area a ON a.code = r.area_id
ORDER BY c.amount_fen DESC, c.id LIMIT %(shown)s
"""


@dataclass(frozen=True)
class PreviewRow:
    """One row the rule would hit, the ID number masked."""

    name: str
    masked_id: str
    program: str
    area: str
    period: str
    amount_fen: int
    evidence: dict[str, Any]


@dataclass(frozen=True)
class Preview:
    """``known``: rows that this rule has hit before, decided or not. ``rosters``: how many were looked at.

    ``missing``: lists the rule reads that were never imported, so that it finds nothing.
    """

    rosters: int = 0
    count: int = 0
    amount_fen: int = 0
    known: int = 0
    rows: list[PreviewRow] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def preview_hits(rule: Rule) -> Preview:
    """What ``rule``, which need not be saved, would hit now; a rule switched off is asked as if it were on.

    Everything happens in a transaction that is taken back.
    """
    keys = list(Program.objects.filter(code__in=named_codes(rule)).values_list("pk", flat=True))
    narrow = bool(named_codes(rule)) and not _means_all(rule)
    rosters = [row[0] for row in bulk.fetch(_LATEST, {"all": not narrow, "keys": keys})]
    ground = look_around(rosters)
    hits = CHECKS[rule.check_name](rule, ground)
    if hits is None:
        missing = [list_label(kind) for kind in sorted(kinds_of(rule)) if kind not in ground.lists]
        return Preview(rosters=len(rosters), missing=missing)
    with transaction.atomic():
        with checked_rows(rosters, None):
            make_ready(hits)
            bulk.execute(
                f"""
                CREATE TEMPORARY TABLE previewed AS
                SELECT DISTINCT ON (found.row_id) found.row_id, found.evidence FROM ({hits.sql}) found
                JOIN checked place ON place.id = found.row_id AND place.area_id LIKE %(area)s
                ORDER BY found.row_id
                """,  # the check's own SQL, its values are bound
                {**hits.params, "area": f"{sql_area(rule)}%"},
            )
            ((count, amount_fen, known),) = bulk.fetch(_FOUND, {"rule": rule.pk})
            rows = [
                PreviewRow(name, mask_id(prefix, last4), program, area, period, fen, json.loads(evidence))
                for name, prefix, last4, program, area, period, fen, evidence in bulk.fetch(_SHOWN, {"shown": SHOWN})
            ]
        transaction.set_rollback(True)
    return Preview(len(rosters), count, amount_fen, known, rows)


def _means_all(rule: Rule) -> bool:
    """Some checks look at every program when none is named; single lags name programs without narrowing."""
    return rule.check_name in ("exit_event", "paid_after_death") and not rule.params.get("programs")

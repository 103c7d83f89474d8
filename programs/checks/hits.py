"""How a check's hits become suspicions: one INSERT … SELECT a rule, for one roster or for all of them.

A check answers with a SELECT of ``row_id, facts, evidence`` over ``checked``, the rows under check. ``facts``
are what a decision would rest on: with the rule and the beneficiary they give the digest, and what a person
once found unfounded is not asked again. Evidence is data and stays in the language of the office.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from programs.checks.ground import Ground
from programs.models import Rule, RuleVersion, Suspicion
from programs.periods import sql_first_on, sql_last_on
from subsidy_portal import bulk, clock
from subsidy_portal.models import User


@dataclass(frozen=True)
class Hits:
    """What a check finds, as SQL. ``allowed``: no question but an answer, recorded as decided by the rule itself.

    ``several``: it reads the table ``several``, see ``make_ready``.
    """

    sql: str
    params: dict[str, Any] = field(default_factory=dict)
    allowed: bool = False
    several: bool = False


# None: nothing it could be about is under check, or its comparison data is not there.
Check = Callable[[Rule, Ground], Hits | None]

# Rows of live rosters in their current revision; what has left is out of every comparison.
LIVE = """
    programs_rosterrow {row}
    JOIN programs_roster {roster} ON {roster}.id = {row}.roster_id AND {roster}.revision = {row}.revision
        AND {roster}.status <> 'cancelled' AND {row}.status <> 'left'
"""

_CHECKED = f"""
CREATE TEMPORARY TABLE checked AS
WITH b AS MATERIALIZED (
    SELECT r.id, r.revision, r.program_id, r.period, p.department_id,
        {sql_first_on("r.period")} AS first_on, {sql_last_on("r.period")} AS last_on
    FROM programs_roster r JOIN programs_program p ON p.id = r.program_id
    WHERE r.id = ANY(%(rosters)s) AND r.status <> 'cancelled'
)
SELECT r.id, r.roster_id, r.row_no, r.beneficiary_id, r.head_id, r.payee_id, r.account_id, r.area_id, r.item,
    r.quantity, r.standard_fen, r.amount_fen, r.expected_fen, b.program_id, b.period, b.department_id,
    b.first_on, b.last_on, p.id_hash, p.born_on, p.sex, FALSE AS is_alias
FROM b JOIN programs_rosterrow r ON r.roster_id = b.id AND r.revision = b.revision AND r.status <> 'left'
JOIN programs_person p ON p.id = r.beneficiary_id
WHERE %(rows)s::bigint[] IS NULL OR r.id = ANY(%(rows)s::bigint[])
"""

# An entry that was merged is the same person: its row stands in ``checked`` a second time under the other entry's key
# and ID number, so that every comparison also finds what was claimed there. Hits are told of the row itself.
_ALIASES = """
INSERT INTO checked
SELECT c.id, c.roster_id, c.row_no, other.id, c.head_id, c.payee_id, c.account_id, c.area_id, c.item, c.quantity,
    c.standard_fen, c.amount_fen, c.expected_fen, c.program_id, c.period, c.department_id, c.first_on, c.last_on,
    other.id_hash, c.born_on, c.sex, TRUE
FROM (
    SELECT merged_into_id AS one, id AS two FROM programs_person WHERE merged_into_id IS NOT NULL
    UNION ALL
    SELECT id, merged_into_id FROM programs_person WHERE merged_into_id IS NOT NULL
) same JOIN checked c ON c.beneficiary_id = same.one JOIN programs_person other ON other.id = same.two
"""

_RECORD = """
WITH hit AS MATERIALIZED (
    SELECT * FROM (
        SELECT found.*, c.roster_id, c.beneficiary_id, c.area_id, c.department_id, c.amount_fen,
            encode(sha256(convert_to(concat_ws('|', %(code)s, c.beneficiary_id, found.facts), 'UTF8')), 'hex') AS digest
        FROM ({sql}) found JOIN checked c ON c.id = found.row_id AND NOT c.is_alias AND c.area_id LIKE %(area)s
    ) sealed
    WHERE NOT EXISTS (
        SELECT 1 FROM programs_suspicion old WHERE old.digest = sealed.digest AND old.status = 'unfounded')
),
gone AS (
    UPDATE programs_suspicion s
    SET status = 'superseded', decided_by_id = %(system)s, decided_at = %(now)s, reason = %(gone)s
    WHERE s.rule_id = %(rule)s AND s.stage = 'before' AND s.status = 'open' AND s.roster_id = ANY(%(rosters)s)
      AND (%(rows)s::bigint[] IS NULL OR s.row_id = ANY(%(rows)s::bigint[]))
      AND NOT EXISTS (SELECT 1 FROM hit WHERE hit.row_id = s.row_id AND hit.digest = s.digest)
),
back AS (
    UPDATE programs_suspicion s
    SET status = 'open', decided_by_id = NULL, decided_at = NULL, reason = '', evidence = hit.evidence,
        rule_version_id = %(version)s
    FROM hit
    WHERE s.rule_id = %(rule)s AND s.stage = 'before' AND s.row_id = hit.row_id AND s.digest = hit.digest
      AND (s.status = 'superseded' OR (s.status = 'open' AND s.rule_version_id IS DISTINCT FROM %(version)s))
)
INSERT INTO programs_suspicion (rule_id, rule_version_id, stage, roster_id, row_id, person_id, area_id, department_id,
    amount_fen, evidence, digest, status, found_at, decided_by_id, decided_at, reason)
SELECT %(rule)s, %(version)s, 'before', roster_id, row_id, beneficiary_id, area_id, department_id,
    amount_fen, evidence, digest, %(status)s, %(now)s, {by}
FROM hit
ON CONFLICT DO NOTHING
"""
_NOTHING = Hits("SELECT NULL::bigint AS row_id, '' AS facts, '{}'::jsonb AS evidence WHERE FALSE")
# Live rows of those under check who draw more than one program: few, and all that rules about pairs need.
_SEVERAL = f"""
CREATE TEMPORARY TABLE several AS
SELECT id, beneficiary_id, amount_fen, number, period, program_id,
    {sql_first_on("period")} AS first_on, {sql_last_on("period")} AS last_on
FROM (
    SELECT o.id, o.beneficiary_id, o.amount_fen, b.number, b.period, b.program_id,
        min(b.program_id) OVER person <> max(b.program_id) OVER person AS draws_more
    FROM {LIVE.format(row="o", roster="b")}
    WHERE o.beneficiary_id IN (SELECT beneficiary_id FROM checked)
    WINDOW person AS (PARTITION BY o.beneficiary_id)
) live WHERE draws_more
"""
# From here on a program's rows are found by an index instead of reading all of them once a rule.
_MANY = 20_000

# What the row under check says, for ``evidence``: c is the row, mine its program.
CLAIM = """concat('清册第', c.row_no, '行，', c.period, '发', mine.name, to_char(c.amount_fen / 100::numeric,
    'FM999999999990.00'), '元')"""


@contextmanager
def checked_rows(rosters: Sequence[int], rows: Sequence[int] | None) -> Iterator[None]:
    """The rows under check as the temporary table ``checked``: put together once, read by every rule.

    All rows of ``rosters``, or of them only ``rows``.
    """
    count = bulk.execute(_CHECKED, {"rosters": list(rosters), "rows": None if rows is None else list(rows)})
    bulk.execute(_ALIASES)
    if count > _MANY:
        bulk.execute("CREATE INDEX ON checked (program_id)")
        bulk.execute("SET LOCAL work_mem = '128MB'")  # a county's rows are sorted and hashed in memory
    bulk.execute("ANALYZE checked")
    yield
    bulk.execute("DROP TABLE IF EXISTS checked, several")


def make_ready(hits: Hits) -> None:
    """Put together what ``hits.sql`` reads besides ``checked``, once for all rules that do."""
    if hits.several and bulk.fetch("SELECT to_regclass('pg_temp.several')")[0][0] is None:
        bulk.execute(_SEVERAL)
        bulk.execute("ANALYZE several")


def sql_yuan(column: str) -> str:
    """SQL for fen in ``column`` as ``420.00``."""
    return f"to_char({column} / 100::numeric, 'FM999999999990.00')"


def sql_day(column: str) -> str:
    """SQL for a date as ``2022年5月11日``."""
    return f"""to_char({column}, 'FMYYYY"年"FMMM"月"FMDD"日"')"""


def sql_month(column: str) -> str:
    """SQL for the month of a date as ``2022年5月``."""
    return f"""to_char({column}, 'FMYYYY"年"FMMM"月"')"""


def sql_evidence(other_title: str, other: str, text: str = CLAIM) -> str:
    """SQL for ``evidence``: the row under check on one side, the other record and the verdict on the other."""
    return (
        f"jsonb_build_object('row_no', c.row_no, 'text', {text}, 'other_title', {other_title}, 'other', {other})"
        " AS evidence"
    )


def record_hits(
    rule: Rule, hits: Hits | None, rosters: Sequence[int], rows: Sequence[int] | None, *, version: int | None
) -> None:
    """Bring the suspicions of ``rule`` on these rosters up to what the check finds now, inside ``checked_rows``.

    Open ones that are no longer found are superseded: the row changed or left, or the other side did. ``hits`` None:
    nothing is found. ``version``: key of the RuleVersion the check ran with.
    """
    hits = hits or _NOTHING
    make_ready(hits)
    by = "%(system)s, %(now)s, %(legal_text)s" if hits.allowed else "NULL, NULL, ''"
    bulk.execute(
        _RECORD.format(sql=hits.sql, by=by),
        {
            **hits.params,
            "rosters": list(rosters),
            "rows": None if rows is None else list(rows),
            "rule": rule.pk,
            "version": version,
            "code": rule.code,
            "area": f"{sql_area(rule)}%",
            "status": Suspicion.Status.UNFOUNDED if hits.allowed else Suspicion.Status.OPEN,
            "system": User.objects.system().pk,
            "legal_text": rule.legal_text or rule.name,
            "gone": "再次比对时已不存在：此行或对方已更正，或规则已改。",
            "now": clock.now(),
        },
    )


def sql_area(rule: Rule) -> str:
    """The prefix of the area codes the rule holds for; empty: everywhere."""
    return rule.area.prefix if rule.area is not None else ""


def version_of(rule: Rule) -> int:
    """Key of the version the rule is at; one that was loaded from the fixture gets its first."""
    return RuleVersion.objects.get_or_create(rule=rule, version=rule.version, defaults={"values": rule.values})[0].pk

"""One claim twice, and programs that exclude or allow each other (domain §12: X26, X01, X02, X04)."""

from programs.checks.hits import LIVE, Hits, sql_yuan
from programs.models import Program, Rule
from programs.periods import sql_first_on, sql_last_on


def same_claim(rule: Rule) -> Hits:
    """The same person, program, period and item twice, in this roster, another township's or a supplement (X26)."""
    return Hits(
        f"""
        SELECT DISTINCT ON (c.id) c.id AS row_id, concat_ws('|', c.program_id, c.period, c.item, o.roster_id) AS facts,
            jsonb_build_object(
                'row_no', c.row_no,
                'text', concat('清册第', c.row_no, '行，', c.period, '发', {sql_yuan("c.amount_fen")}, '元'),
                'other_title', concat('同项目同期清册 ', b.number),
                'other', concat(a.name, '清册第', o.row_no, '行已列同一人，', {sql_yuan("o.amount_fen")}, '元')
            ) AS evidence
        FROM checked c
        JOIN ({LIVE.format(row="o", roster="b")})
            ON o.beneficiary_id = c.beneficiary_id AND o.item = c.item AND o.id <> c.id
            AND b.program_id = c.program_id AND b.period = c.period
        JOIN subsidy_portal_area a ON a.code = b.area_id
        ORDER BY c.id, o.id
        """
    )


def _pair(rule: Rule, *, facts: str, verdict: str) -> Hits | None:
    """Rows whose beneficiary also draws a program of the rule's other side in an overlapping period."""
    codes = dict(Program.objects.filter(code__in=[*rule.params["a"], *rule.params["b"]]).values_list("code", "pk"))
    a, b = ([codes[code] for code in rule.params[side] if code in codes] for side in ("a", "b"))
    if not (a and b):
        return None
    return Hits(
        f"""
        SELECT DISTINCT ON (c.id) c.id AS row_id, {facts} AS facts,
            jsonb_build_object(
                'row_no', c.row_no,
                'text', concat('清册第', c.row_no, '行，', c.period, '发', mine.name, {sql_yuan("c.amount_fen")}, '元'),
                'other_title', concat(theirs.name, '清册 ', b.number),
                'other', concat(b.period, '同领', theirs.name, {sql_yuan("o.amount_fen")}, '元，', %(verdict)s)
            ) AS evidence
        FROM checked c
        JOIN programs_program mine ON mine.id = c.program_id AND c.program_id = ANY(%(both)s)
        JOIN ({LIVE.format(row="o", roster="b")})
            ON o.beneficiary_id = c.beneficiary_id
            AND b.program_id = ANY(CASE WHEN c.program_id = ANY(%(a)s) THEN %(b)s ELSE %(a)s END)
            AND {sql_first_on("b.period")} <= c.last_on AND {sql_last_on("b.period")} >= c.first_on
        JOIN programs_program theirs ON theirs.id = b.program_id
        ORDER BY c.id, o.id
        """,
        {"a": a, "b": b, "both": a + b, "verdict": verdict},
    )


def excluded_pair(rule: Rule) -> Hits | None:
    """Two programs one person may not draw for the same time. ``params``: program codes ``a`` and ``b``."""
    return _pair(rule, facts="concat_ws('|', mine.code, theirs.code, c.period)", verdict="两项不得同时享受")


def allowed_pair(rule: Rule) -> Hits | None:
    """Two programs one person may draw together: it passes, and says once a person why."""
    facts = "concat_ws('|', LEAST(mine.code, theirs.code), GREATEST(mine.code, theirs.code))"
    hits = _pair(rule, facts=facts, verdict="按规定可以同时享受")
    return hits and Hits(hits.sql, hits.params, allowed=True)

"""One claim twice, and programs that exclude, replace or allow each other (domain §12: EXCLUDE, HIGHER_OF, ALLOW)."""

from collections.abc import Sequence
from dataclasses import replace

from programs.checks.ground import Ground
from programs.checks.hits import LIVE, Hits, sql_evidence, sql_yuan
from programs.models import Rule
from programs.periods import sql_first_on, sql_last_on, sql_months


def same_claim(rule: Rule, ground: Ground) -> Hits:
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


def _together(
    ground: Ground, sides: Sequence[Sequence[str]], *, facts: str, other: str, verdict: str = ""
) -> Hits | None:
    """Rows whose beneficiary also draws a program of another side in an overlapping period."""
    programs = [(key, side) for side, codes in enumerate(sides) for key in ground.keys(codes)]
    keys = [key for key, _side in programs]
    if len({side for _key, side in programs}) < 2 or not ground.checked.intersection(keys):
        return None
    return Hits(
        f"""
        WITH side AS MATERIALIZED (
            SELECT * FROM unnest(%(keys)s::bigint[], %(sides)s::int[]) m(program_id, side)
        ), o AS MATERIALIZED (
            SELECT several.*, side.side FROM several JOIN side USING (program_id)
        )
        SELECT DISTINCT ON (c.id) c.id AS row_id, {facts} AS facts,
            {sql_evidence("concat(theirs.name, '清册 ', o.number)", other)}
        FROM (SELECT checked.*, side.side FROM checked JOIN side USING (program_id)
            WHERE checked.program_id = ANY(%(keys)s) AND beneficiary_id IN (SELECT beneficiary_id FROM o)) c
        JOIN o ON o.beneficiary_id = c.beneficiary_id AND o.side <> c.side
            AND o.first_on <= c.last_on AND o.last_on >= c.first_on
        JOIN programs_program mine ON mine.id = c.program_id
        JOIN programs_program theirs ON theirs.id = o.program_id
        ORDER BY c.id, o.id
        """,
        {"keys": keys, "sides": [side for _key, side in programs], "verdict": verdict},
        several=True,
    )


_BOTH = "concat_ws('|', LEAST(mine.code, theirs.code), GREATEST(mine.code, theirs.code))"
_SAME_TIME = f"concat(o.period, '同领', theirs.name, {sql_yuan('o.amount_fen')}, '元，', %(verdict)s)"
_PAIR_FACTS = "concat_ws('|', mine.code, theirs.code, c.period)"


def excluded_pair(rule: Rule, ground: Ground) -> Hits | None:
    """Two programs one person may not draw for the same time. ``params``: program codes ``a`` and ``b``."""
    sides = (rule.params["a"], rule.params["b"])
    return _together(ground, sides, facts=_PAIR_FACTS, other=_SAME_TIME, verdict="两项不得同时享受")


def excluded_family(rule: Rule, ground: Ground) -> Hits | None:
    """Several programs of which one person draws one. ``params``: ``groups``, lists of codes; those of one group
    go together, those of different groups exclude each other.
    """
    groups = rule.params["groups"]
    return _together(ground, groups, facts=_PAIR_FACTS, other=_SAME_TIME, verdict="只能享受其中一项")


def higher_of(rule: Rule, ground: Ground) -> Hits | None:
    """Programs of which a person draws the higher one (就高). ``params``: ``groups`` as above.

    Both rows are hit, since either may be the one still under way; the evidence says which is the lower and by how
    much a month, so that the right one is stopped.
    """
    mine = f"c.amount_fen / ({sql_months('c.period')})"
    theirs = f"o.amount_fen / ({sql_months('o.period')})"
    other = f"""concat(o.period, '同领', theirs.name, {sql_yuan("o.amount_fen")}, '元；',
        CASE WHEN {mine} < {theirs} THEN concat('本项较低，每月少', {sql_yuan(f"({theirs} - {mine})")},
                '元，应停发本项')
             WHEN {mine} > {theirs} THEN concat(theirs.name, '较低，每月少', {sql_yuan(f"({mine} - {theirs})")},
                '元，应停发', theirs.name)
             ELSE '两项一样多，只发一项' END)"""
    facts = f"concat_ws('|', mine.code, theirs.code, {mine} - {theirs})"
    return _together(ground, rule.params["groups"], facts=facts, other=other)


def allowed_pair(rule: Rule, ground: Ground) -> Hits | None:
    """Two programs one person may draw together: it passes, and says once a person why."""
    sides = (rule.params["a"], rule.params["b"])
    hits = _together(ground, sides, facts=_BOTH, other=_SAME_TIME, verdict="按规定可以同时享受")
    return hits and replace(hits, allowed=True)


def one_per(rule: Rule, ground: Ground) -> Hits | None:
    """One claim for one thing: a child, a plot, a machine, a house.

    ``params``: ``programs``; ``key``: item, household, person, or column with the ``column`` of the program's own;
    ``span``: period (periods that overlap), year or ever. The very same claim twice is X26's, not this one's.
    """
    keys = ground.concerned(rule.params["programs"])
    key, span = rule.params["key"], rule.params["span"]
    if not keys:
        return None
    value = {
        "item": "NULLIF({row}.item, '')",
        "household": "{row}.household_id::text",
        "person": "{row}.beneficiary_id::text",
        # An own ID number is kept as an object with its blind index
        "column": "COALESCE({row}.extra -> %(column)s ->> 'hash', NULLIF({row}.extra ->> %(column)s, ''))",
    }[key]
    # The others need the row itself, which is wide
    mine = "checked r" if key in ("item", "person") else "checked JOIN programs_rosterrow r ON r.id = checked.id"
    cell = "r.extra -> %(column)s" if key == "column" else "NULL::jsonb"
    when = {
        "period": f"{sql_first_on('o.period')} <= c.last_on AND {sql_last_on('o.period')} >= c.first_on",
        "year": "left(o.period, 4) = left(c.period, 4)",
        "ever": "TRUE",
    }[span]
    shown = "NULLIF(left(c.value, 40), '')" if key == "item" else "NULL"
    if key == "column":
        shown = "CASE WHEN jsonb_typeof(c.cell) <> 'object' THEN left(c.value, 40) END"
    other = f"""concat(a.name, '清册第', o.row_no, '行，', o.period, '，', holder.name, '已领', paid.name,
        {sql_yuan("o.amount_fen")}, '元，同一', %(thing)s, '“' || {shown} || '”', '只能领一次')"""
    thing = {"household": "户", "person": "人", "item": "分项"}.get(key) or rule.params["column"]
    return Hits(
        f"""
        WITH c AS MATERIALIZED (
            SELECT * FROM (
                SELECT {"r" if key in ("item", "person") else "checked"}.*, {value.format(row="r")} AS value,
                    {cell} AS cell
                FROM {mine}
                WHERE program_id = ANY(%(keys)s)
            ) valued WHERE value IS NOT NULL
        ),
        theirs AS MATERIALIZED (
            SELECT * FROM (
                SELECT o.id, o.beneficiary_id, o.item, o.row_no, o.amount_fen, b.program_id, b.period, b.number,
                    b.area_id, {value.format(row="o")} AS value
                FROM {LIVE.format(row="o", roster="b")}
                WHERE b.program_id = ANY(%(keys)s)
            ) valued WHERE value IN (SELECT value FROM c)
        )
        SELECT DISTINCT ON (c.id) c.id AS row_id, concat_ws('|', mine.code, c.value, o.program_id, o.beneficiary_id,
                o.period) AS facts,
            {sql_evidence("concat('清册 ', o.number)", other)}
        FROM c JOIN theirs o ON o.value = c.value AND o.id <> c.id AND {when}
            AND NOT (o.beneficiary_id = c.beneficiary_id AND o.program_id = c.program_id AND o.period = c.period
                AND o.item = c.item)
        JOIN programs_program mine ON mine.id = c.program_id
        JOIN programs_program paid ON paid.id = o.program_id
        JOIN programs_person holder ON holder.id = o.beneficiary_id
        JOIN subsidy_portal_area a ON a.code = o.area_id
        ORDER BY c.id, o.id
        """,
        {"keys": keys, "column": rule.params.get("column", ""), "thing": thing},
    )

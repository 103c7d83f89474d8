"""Age, and the years of service a program asks for (domain §12: A01–A08, Q07)."""

from __future__ import annotations

from typing import Any

from programs.checks.ground import Ground
from programs.checks.hits import LIVE, Hits, sql_evidence, sql_month
from programs.comparison_data import current_rows
from programs.models import Rule
from programs.periods import sql_last_on


def age(rule: Rule, ground: Ground) -> Hits | None:
    """Too young or too old for the program, to the month.

    ``params``: ``programs``; ``min`` (years, from the month of the birthday, or ``min_from`` "next_month"); ``under``
    (not from the month of that birthday on, or ``under_until`` "birthday_month": not from the month after it on);
    ``sex`` M or F: the others are not looked at; ``or_under``, ``or_kind``: younger ones, and those on that list,
    need no ``min``/may be over ``under``; ``stage``: first (nothing was paid before), again (goes on), or all.
    The evidence names no date of birth: beside a masked ID number its month would give the number away.
    """
    params = rule.params
    or_kind = params.get("or_kind", "")
    keys = ground.concerned(params["programs"])
    if not keys or (or_kind and or_kind not in ground.lists):
        return None
    wrong, month, words = _wrong(params)
    conditions = [f"({wrong})"]
    if params.get("sex"):
        conditions.append("c.sex = %(sex)s")
    if params.get("or_under"):
        conditions.append("c.first_on >= (c.born_on + make_interval(years => %(or_under)s))::date")
    if or_kind:
        conditions.append(f"""NOT EXISTS (
            SELECT FROM {current_rows(or_kind)} WHERE d.id_hash = c.id_hash
              AND (d.event_on IS NULL OR d.event_on <= c.last_on) AND (d.until_on IS NULL OR d.until_on >= c.first_on)
        )""")
        if ground.covered(or_kind) is not None:
            conditions.append("left(c.area_id, 9) = ANY(%(covered)s)")
    if params.get("stage", "all") != "all":
        before = f"""EXISTS (
            SELECT FROM {LIVE.format(row="o", roster="b")}
            WHERE o.beneficiary_id = c.beneficiary_id AND b.program_id = c.program_id
              AND {sql_last_on("b.period")} < c.first_on)"""
        conditions.append(before if params["stage"] == "again" else f"NOT {before}")
    return Hits(
        f"""
        SELECT c.id AS row_id, concat_ws('|', mine.code, {month}) AS facts,
            {sql_evidence("'年龄'", words)}
        FROM checked c
        JOIN programs_program mine ON mine.id = c.program_id
        WHERE c.program_id = ANY(%(keys)s) AND {" AND ".join(conditions)}
        """,
        {
            "keys": keys,
            "one": "1 month",
            **{name: params.get(name) for name in ("min", "under", "or_under", "sex")},
            "covered": ground.covered(or_kind) if or_kind else None,
        },
    )


def _wrong(params: dict[str, Any]) -> tuple[str, str, str]:
    """SQL for who has the wrong age, for the month it rests on, and for the sentence that says it."""
    tests, months, words = [], [], []
    if params.get("min"):
        born = "(c.born_on + make_interval(years => %(min)s))"
        next_month = params.get("min_from") == "next_month"
        tests.append(f"date_trunc('month', {born}){' + interval %(one)s' if next_month else ''} > c.last_on")
        months.append(f"WHEN {tests[-1]} THEN {sql_month(born)}")
        what = "'周岁的次月'" if next_month else "'周岁'"
        words.append(f"WHEN {tests[-1]} THEN concat('到', c.period, '还不到年满', %(min)s, {what})")
    if params.get("under"):
        born = "(c.born_on + make_interval(years => %(under)s))"
        after = params.get("under_until") == "birthday_month"
        tests.append(f"c.first_on >= date_trunc('month', {born}){' + interval %(one)s' if after else ''}")
        months.append(f"WHEN {tests[-1]} THEN {sql_month(born)}")
        words.append(f"WHEN {tests[-1]} THEN concat('到', c.period, '已年满', %(under)s, '周岁')")
    return " OR ".join(tests), f"CASE {' '.join(months)} END", f"CASE {' '.join(words)} END"


def date_between(rule: Rule, ground: Ground) -> Hits | None:
    """A date in the program's own column lies outside the years the program is for (A02: years of service).

    ``params``: ``programs``, ``column``, ``first`` and ``last`` (ISO dates, either may be missing). Rows without the
    column are not asked about.
    """
    keys = ground.concerned(rule.params["programs"])
    if not keys:
        return None
    return Hits(
        f"""
        SELECT c.id AS row_id, concat_ws('|', mine.code, c.day) AS facts,
            {sql_evidence("%(column)s", "concat(c.day, '，应在', %(first)s, '至', %(last)s, '之间')")}
        FROM (
            SELECT checked.*, r.extra ->> %(column)s AS day
            FROM checked JOIN programs_rosterrow r ON r.id = checked.id
            WHERE checked.program_id = ANY(%(keys)s) AND r.extra ->> %(column)s ~ '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}$'
        ) c
        JOIN programs_program mine ON mine.id = c.program_id
        WHERE c.day < %(first)s OR c.day > %(last)s
        """,
        {
            "keys": keys,
            "column": rule.params["column"],
            "first": rule.params.get("first") or "0001-01-01",
            "last": rule.params.get("last") or "9999-12-31",
        },
    )

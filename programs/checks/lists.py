"""Rows against the comparison data: who is on a list and may not be, who must be and is not (domain §12: EXCLUDE by
data, REQUIRES, EXIT, SUSPEND).

Where a list of that kind was never imported there is no hit: nothing can be said of what nobody looked up.
"""

from __future__ import annotations

from typing import Any

from programs.checks.ground import Ground
from programs.checks.hits import Hits, sql_day, sql_evidence
from programs.comparison_data import KINDS, current_rows
from programs.models import Dataset, Rule

# {"programs": [code], "kind", "field": "item" or a key of data, "values": […], "max": n}: as in ``params.SCHEMAS``


def list_label(kind: str) -> str:
    return str(Dataset.Kind(kind).label)


def field_label(kind: str, field: str) -> str:
    """What the column is called that ``field`` comes from."""
    to = field if field == "item" else f"data.{field}"
    return next((column.label for column in KINDS[kind].fields if column.to == to), field)


def _value(alias: str) -> str:
    return f"CASE WHEN %(field)s = 'item' THEN {alias}.item ELSE {alias}.data ->> %(field)s END"


def sql_meets(alias: str, params: dict[str, Any]) -> str:
    """SQL condition: the row ``alias`` of the list has one of ``values``, or a number not above ``max``."""
    if not params.get("field"):
        return "TRUE"
    value = f"({_value(alias)})"
    if params.get("values"):
        return f"{value} = ANY(%(values)s)"
    return f"CASE WHEN {value} ~ '^[0-9]+$' THEN {value}::numeric <= %(max)s ELSE FALSE END"


def _binds(rule: Rule, keys: list[int], kind: str) -> dict[str, Any]:
    params = rule.params
    return {
        "keys": keys,
        "kind_label": list_label(kind),
        "field": params.get("field", ""),
        "field_label": field_label(kind, params.get("field", "")),
        "values": params.get("values", []),
        "max": params.get("max"),
    }


def _concerned(rule: Rule, ground: Ground, kind: str) -> list[int]:
    return ground.concerned(rule.params["programs"]) if kind in ground.lists else []


SOURCE = "concat(%(kind_label)s, '（', d.source, '，截至', d.as_of, '）')"
# What the list says of the person, so far as it says anything
_SAYS = f"""concat_ws('，', NULLIF(d.item, ''), CASE WHEN %(field)s NOT IN ('', 'item')
    THEN concat(%(field_label)s, ' ', d.data ->> %(field)s) END, {sql_day("d.event_on")} || '起',
    '到' || {sql_day("d.until_on")})"""
_HOLDS = "(d.event_on IS NULL OR d.event_on <= c.last_on) AND (d.until_on IS NULL OR d.until_on >= c.first_on)"


def _on_list(rule: Rule, ground: Ground, *, extra: str, verdict: str) -> Hits | None:
    kind = rule.params["kind"]
    keys = _concerned(rule, ground, kind)
    if not keys:
        return None
    return Hits(
        f"""
        SELECT DISTINCT ON (c.id) c.id AS row_id, concat_ws('|', mine.code, d.item, d.event_on, {_value("d")}) AS facts,
            {sql_evidence(SOURCE, f"concat_ws('，', NULLIF({_SAYS}, ''), %(verdict)s)")}
        FROM checked c
        JOIN programs_program mine ON mine.id = c.program_id
        JOIN {current_rows(kind)} ON d.id_hash = c.id_hash AND {_HOLDS} AND {sql_meets("d", rule.params)}
        WHERE c.program_id = ANY(%(keys)s) {extra}
        ORDER BY c.id, d.as_of DESC, d.id
        """,
        _binds(rule, keys, kind) | {"verdict": verdict},
    )


def excluded_list(rule: Rule, ground: Ground) -> Hits | None:
    """The beneficiary is on a list, during the period, that this program excludes."""
    return _on_list(rule, ground, extra="", verdict="不得同时享受")


def institution_account(rule: Rule, ground: Ground) -> Hits | None:
    """Somebody an institution cares for is paid to an account of one's own: the institution's account is meant."""
    return _on_list(rule, ground, extra="AND c.payee_id = c.beneficiary_id", verdict="应发到供养机构账户，不发给本人")


def _covered(ground: Ground, kind: str) -> tuple[str, dict[str, Any]]:
    """SQL condition: a list of ``kind`` covers the township of the row, so that who is not on it is really not."""
    areas = ground.covered(kind)
    return ("TRUE", {}) if areas is None else ("left(c.area_id, 9) = ANY(%(covered)s)", {"covered": areas})


def _without(rule: Rule, ground: Ground, *, extra: str, holds: str) -> Hits | None:
    """Rows whose beneficiary has no row in the list that meets the condition and holds as ``holds`` says."""
    kind = rule.params["kind"]
    keys = _concerned(rule, ground, kind)
    if not keys:
        return None
    covered, areas = _covered(ground, kind)
    meets = sql_meets("d", rule.params)
    other = f"""CASE WHEN d.id IS NULL THEN concat(%(kind_label)s, '名单里没有此人')
        WHEN NOT ({meets}) THEN concat(%(field_label)s, '是', {_value("d")}, '，不符合条件')
        WHEN d.until_on < c.first_on THEN concat('已于', {sql_day("d.until_on")}, '到期')
        ELSE concat_ws('，', NULLIF({_SAYS}, ''), '本期不在有效期内') END"""
    return Hits(
        f"""
        WITH c AS MATERIALIZED (
            SELECT c.*, {_LAG} AS lag FROM checked c
            WHERE c.program_id = ANY(%(keys)s) AND {covered}
        ), lacking AS MATERIALIZED (
            SELECT c.* FROM c
            WHERE NOT EXISTS (SELECT FROM {current_rows(kind)} WHERE d.id_hash = c.id_hash AND {meets} AND {holds})
            {extra}
        )
        SELECT DISTINCT ON (c.id) c.id AS row_id,
            concat_ws('|', mine.code, {_value("d")}, d.until_on) AS facts,
            {sql_evidence(f"CASE WHEN d.id IS NULL THEN %(kind_label)s ELSE {SOURCE} END", other)}
        FROM lacking c
        JOIN programs_program mine ON mine.id = c.program_id
        LEFT JOIN {current_rows(kind)} ON d.id_hash = c.id_hash
        ORDER BY c.id, d.until_on DESC NULLS FIRST, d.as_of DESC, d.id
        """,
        _binds(rule, keys, kind) | lag_binds(rule, ground) | areas,
    )


# Months after the month of the event from which nothing is paid: of the program, else of the rule
_LAG = "COALESCE((%(lags)s::jsonb ->> c.program_id::text)::int, %(lag)s)"


def lag_binds(rule: Rule, ground: Ground) -> dict[str, Any]:
    """``lag`` and the programs' own ``lags`` (code → months) for SQL."""
    lags = {ground.programs[code]: int(n) for code, n in rule.params.get("lags", {}).items() if code in ground.programs}
    pairs = ", ".join(f'"{key}": {months}' for key, months in lags.items())
    return {"lag": int(rule.params.get("lag", 1)), "lags": f"{{{pairs}}}"}


def sql_stopped(day: str, lag: str = _LAG) -> str:
    """SQL condition: the period of ``c`` begins ``lag`` months or more after the month of ``day``."""
    return f"c.first_on >= (date_trunc('month', {day}) + make_interval(months => {lag}))::date"


def required_list(rule: Rule, ground: Ground) -> Hits | None:
    """The beneficiary is not on a list the program asks for, or not as it asks, or not any more."""
    return _without(rule, ground, extra="", holds=_HOLDS)


def lapsed_list(rule: Rule, ground: Ground) -> Hits | None:
    """The beneficiary was on the list as the program asks and is not any more: run out, downgraded, struck off.

    A list of an earlier date remembers who was. ``params``: as ``required_list``, with ``lag`` and ``lags``.
    """
    kind = rule.params["kind"]
    held = f"(d.until_on IS NULL OR NOT ({sql_stopped('d.until_on', 'c.lag')}))"
    was = f"""AND EXISTS (
        SELECT FROM programs_datasetrow d JOIN programs_dataset s ON s.id = d.dataset_id AND s.status = 'imported'
        WHERE d.kind = '{Dataset.Kind(kind).value}' AND d.id_hash = c.id_hash AND {sql_meets("d", rule.params)}
          AND (d.event_on IS NULL OR d.event_on <= c.last_on))"""
    return _without(rule, ground, extra=was, holds=held)


def exit_event(rule: Rule, ground: Ground) -> Hits | None:
    """Something happened on a day after which nothing is paid: moved out, in prison, over the income, in office.

    It counts from ``lag`` months after its month on (0: from the month itself), until it ends. ``params``:
    ``programs`` (none: all), ``kind``, ``field``, ``values``, ``lag``, ``lags``. A row of a re-verification that names
    a program counts for that program only.
    """
    kind = rule.params["kind"]
    keys = _concerned(rule, ground, kind)
    if not keys:
        return None
    own = "AND d.item IN ('', mine.code)" if kind == Dataset.Kind.REVERIFY else ""
    return Hits(
        f"""
        SELECT DISTINCT ON (c.id) c.id AS row_id, concat_ws('|', mine.code, d.item, d.event_on) AS facts,
            {sql_evidence(SOURCE, f"concat_ws('，', NULLIF({_SAYS}, ''), %(verdict)s)")}
        FROM checked c
        JOIN programs_program mine ON mine.id = c.program_id
        JOIN {current_rows(kind)} ON d.id_hash = c.id_hash AND {sql_stopped("d.event_on")}
            AND (d.until_on IS NULL OR d.until_on >= c.first_on) AND {sql_meets("d", rule.params)} {own}
        WHERE c.program_id = ANY(%(keys)s)
        ORDER BY c.id, d.as_of DESC, d.id
        """,
        _binds(rule, keys, kind)
        | lag_binds(rule, ground)
        | {"verdict": "应暂停发放" if rule.type == Rule.Type.SUSPEND else "应停发"},
    )

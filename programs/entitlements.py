"""Who should receive a program and does not (应享受未享受, R40): one rule as SQL over registry, lists and rosters.

The search is set-based: the registry joined with the lists in force, without everybody who is in a roster of the
program's last periods. Who is dead or has moved away is never found.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils.translation import gettext as _

from programs.checks.hits import LIVE
from programs.comparison_data import KINDS, Field, current_rows
from programs.imports.list_template import choice_words
from programs.models import Dataset, EntitlementRule, Program
from subsidy_portal import bulk

# A person counts as receiving who is in a roster of these many last periods: one that is late is not "missing".
LAST_PERIODS = {
    Program.Cycle.MONTHLY: 3,
    Program.Cycle.QUARTERLY: 2,
    Program.Cycle.YEARLY: 2,
    Program.Cycle.ONE_OFF: 100,
}
_GONE = (Dataset.Kind.DEATH, Dataset.Kind.MOVE_OUT)


# --- Conditions --------------------------------------------------------------------------------------------


def _condition_keys(requirement: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """(key of the row's data, how it is compared, value) of each condition of a requirement.

    ``data.kind`` is the key ``kind`` of the row, since ``kind`` alone names the list.
    """
    found = []
    for name, value in requirement.items():
        if name == "kind":
            continue
        key, _dash, end = name.rpartition("_")
        if end not in {"max", "min"} or not key:
            key, end = name, "in"
        found.append((key.removeprefix("data."), end, value))
    return found


def _field_of(kind: str, key: str) -> Field | None:
    return next((field for field in KINDS[kind].fields if field.to in {f"data.{key}", key}), None)


def requirement_words(requirement: dict[str, Any]) -> str:
    """``残疾人证（残疾等级：一级、二级）``: the list, and which of its rows count."""
    kind = requirement["kind"]
    said = []
    for key, how, value in _condition_keys(requirement):
        field = _field_of(kind, key)
        label = field.label if field else key
        said.append(f"{label}：{_value_words(field, how, value)}")
    return str(Dataset.Kind(kind).label) + (f"（{'；'.join(said)}）" if said else "")


def _value_words(field: Field | None, how: str, value: Any) -> str:
    kept: dict[Any, str] = {}
    for word, one in field.choices if field else ():
        kept.setdefault(one, word)
    if how == "in":
        values = value if isinstance(value, list) else [value]
        return "、".join(kept.get(one, str(one)) for one in values)
    inside = [word for one, word in kept.items() if (one <= value if how == "max" else one >= value)]
    return "、".join(inside) or (_("不大于%(n)s") if how == "max" else _("不小于%(n)s")) % {"n": value}


def rule_words(rule: EntitlementRule) -> list[str]:
    """What the rule asks for, as short sentences: the conditions, then who is excepted."""
    said = []
    if rule.age_min is not None:
        said.append(_("年满%(n)d岁") % {"n": rule.age_min})
    if rule.age_max is not None:
        said.append(_("不超过%(n)d岁") % {"n": rule.age_max})
    said += [requirement_words(requirement) for requirement in rule.requires]
    excepted = [requirement_words(requirement) for requirement in rule.excluded_kinds]
    names = dict(Program.objects.filter(code__in=rule.excluded_programs).values_list("code", "short_name"))
    excepted += [names.get(code, _("编码%(code)s的项目") % {"code": code}) for code in rule.excluded_programs]
    if excepted:
        said.append(_("不含：%(who)s") % {"who": "、".join(excepted)})
    return said


def kinds_read(rules: list[EntitlementRule]) -> set[str]:
    """The kinds of comparison data that a search by these rules reads."""
    asked = {one["kind"] for rule in rules for one in (*rule.requires, *rule.excluded_kinds)}
    return {*asked, *_GONE} if rules else set()


# --- The search as SQL -------------------------------------------------------------------------------------


class _Query:
    """Parts of the statement and their parameters, each under a name of its own."""

    def __init__(self, today: dt.date) -> None:
        self.params: dict[str, Any] = {"today": today}
        self.joins: list[str] = []
        self.where: list[str] = []
        self.reasons: list[str] = []

    def param(self, value: Any) -> str:
        name = f"p{len(self.params)}"
        self.params[name] = value
        return f"%({name})s"

    def matches(self, requirement: dict[str, Any]) -> str:
        """SQL over a row ``d`` of the list: it has begun and meets the conditions."""
        said = ["(d.event_on IS NULL OR d.event_on <= %(today)s)"]
        for key, how, value in _condition_keys(requirement):
            column = "d.item" if key == "item" else f"d.data->>{self.param(key)}"
            if how == "in":
                values = value if isinstance(value, list) else [value]
                said.append(f"{column} = ANY({self.param([str(one) for one in values])})")
            else:
                sign = "<=" if how == "max" else ">="
                number = f"CASE WHEN {column} ~ '^[0-9.]+$' THEN ({column})::numeric END"
                said.append(f"{number} {sign} {self.param(value)}")
        return " AND ".join(said)


def find_entitled(rule: EntitlementRule, program: Program, today: dt.date) -> None:
    """Fill the temporary tables ``receiving`` (person_id) and ``entitled`` (person_id, area_id, reason).

    ``entitled`` holds those who meet the rule and are not receiving. Both last until the transaction ends.
    """
    bulk.execute("DROP TABLE IF EXISTS receiving, entitled")
    bulk.execute(
        f"CREATE TEMPORARY TABLE receiving ON COMMIT DROP AS {_sql_receiving('%(code)s', '%(last)s')}",
        {"code": program.code, "last": LAST_PERIODS[Program.Cycle(program.cycle)]},
    )
    bulk.execute("ANALYZE receiving")
    query = _Query(today)
    _ask_age(query, rule)
    for number, requirement in enumerate(rule.requires):
        _ask_list(query, f"list{number}", requirement)
    for requirement in [*({"kind": kind} for kind in _GONE), *rule.excluded_kinds]:
        rows = current_rows(requirement["kind"], on="%(today)s")
        query.where.append(
            f"NOT EXISTS (SELECT 1 FROM {rows} WHERE d.id_hash = p.id_hash AND {query.matches(requirement)})"  # noqa: S608
        )
    for code in rule.excluded_programs:
        other = _sql_receiving(query.param(code), query.param(LAST_PERIODS[Program.Cycle.MONTHLY]))
        query.where.append(f"NOT EXISTS (SELECT 1 FROM ({other}) o WHERE o.person_id = p.id)")  # noqa: S608
    bulk.execute(
        f"""
        CREATE TEMPORARY TABLE entitled ON COMMIT DROP AS
        SELECT p.id AS person_id, p.area_id, left(concat_ws('；', {", ".join(query.reasons)}), 300) AS reason
        FROM programs_person p {" ".join(query.joins)}
        WHERE NOT EXISTS (SELECT 1 FROM receiving r WHERE r.person_id = p.id) AND {" AND ".join(query.where)}
        """,  # noqa: S608  # only constants of the code are put in; every value is a parameter
        query.params,
    )
    bulk.execute("ANALYZE entitled")


def _sql_receiving(code: str, last: str) -> str:
    """Who is in a live roster of the program's last periods. ``code`` and ``last`` are placeholders."""
    live = LIVE.format(row="row", roster="roster")
    return f"""
        SELECT DISTINCT row.beneficiary_id AS person_id FROM {live}
        JOIN programs_program program ON program.id = roster.program_id AND program.code = {code}
        WHERE roster.period IN (
            SELECT DISTINCT b.period FROM programs_roster b JOIN programs_program q ON q.id = b.program_id
            WHERE q.code = {code} AND b.status <> 'cancelled' AND b.revision > 0
            ORDER BY b.period DESC LIMIT {last})"""  # noqa: S608


def _ask_age(query: _Query, rule: EntitlementRule) -> None:
    age = "date_part('year', age(%(today)s::date, p.born_on))::int"
    if rule.age_min is not None:
        query.where.append(
            f"p.born_on <= (%(today)s::date - make_interval(years => {query.param(rule.age_min)}))::date"
        )
    if rule.age_max is not None:
        query.where.append(
            f"p.born_on > (%(today)s::date - make_interval(years => {query.param(rule.age_max + 1)}))::date"
        )
    if rule.age_min is not None or rule.age_max is not None:
        query.reasons.append(f"concat({age}, '岁')")


def _ask_list(query: _Query, name: str, requirement: dict[str, Any]) -> None:
    """Join the newest row of each person that meets the requirement, and say it in the reason."""
    kind = requirement["kind"]
    rows = current_rows(kind, on="%(today)s")
    query.joins.append(
        f"""JOIN (
            SELECT DISTINCT ON (d.id_hash) d.* FROM {rows} WHERE {query.matches(requirement)}
            ORDER BY d.id_hash, d.as_of DESC
        ) {name} ON {name}.id_hash = p.id_hash"""  # noqa: S608
    )
    label = query.param(str(Dataset.Kind(kind).label))
    query.reasons.append(f"concat({label}::text, {_sql_detail(query, kind, name)}, '（', {name}.source, '，截至', "
                         f"{name}.as_of, '）')")  # fmt: skip


def _sql_detail(query: _Query, kind: str, name: str) -> str:
    """The first choice of the kind in words, such as the level of a certificate."""
    field = next((field for field in KINDS[kind].fields if field.choices and field.to.startswith("data.")), None)
    if field is None:
        return "''"
    value = f"{name}.data->>{query.param(field.to.removeprefix('data.'))}"
    kept = dict(zip(dict.fromkeys(one for _word, one in field.choices), choice_words(field), strict=True))
    whens = " ".join(f"WHEN {query.param(str(one))} THEN {query.param(word)}" for one, word in kept.items())
    return f"CASE {value} {whens} ELSE '' END"

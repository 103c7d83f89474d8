"""What the program's rule says each claim should get, beside what the file says (M23)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from programs import periods
from programs.amount_rules import (
    AGE,
    QUANTITY,
    STANDARD,
    AmountRule,
    Number,
    RuleError,
    age_on,
    parse_rule,
    rule_name,
    rule_words,
)
from programs.imports.problems import CellError
from programs.models import Program, ProgramColumn
from subsidy_portal import identifiers, money

if TYPE_CHECKING:
    from programs.imports.reading import Claims, Reader

_NUMERIC = {ProgramColumn.Kind.INTEGER, ProgramColumn.Kind.DECIMAL}


def allowed_names(columns: Iterable[ProgramColumn]) -> list[str]:
    """What a rule may name: the standard (yuan), the quantity, the age, and numbers that every row has."""
    own = [rule_name(column.label) for column in columns if column.kind in _NUMERIC and column.required]
    return [STANDARD, QUANTITY, AGE, *filter(None, own)]


def rule_of(program: Program) -> AmountRule | None:
    return parse_rule(program.amount_rule, allowed_names(program.columns.all())) if program.amount_rule else None


def expected_amounts(reader: Reader, claims: Claims, program: Program, period: str) -> list[int | None]:
    """What the rule gives for each claim, in fen; None without a rule or where a cell could not be read.

    Equal inputs are computed once. What cannot be computed, and every other amount where the program refuses
    them, is a problem of the amount's cell.
    """
    rule = rule_of(program)
    if rule is None:
        return claims.expected_fen
    first_on = periods.period_days(period)[0]
    names = sorted(rule.names)
    columns = [_inputs(name, claims, program, first_on) for name in names]
    memo: dict[tuple[Any, ...], int | CellError | None] = {}
    found: list[int | None] = []
    for at, key in enumerate(zip(*columns, strict=True) if columns else [()] * len(claims)):
        if key not in memo:
            memo[key] = _expect(rule, dict(zip(names, key, strict=True)))
        expected = memo[key]
        if isinstance(expected, CellError):
            reader.problem(expected, at, "amount")
            expected = None
        amount: int | None = claims.amount_fen[at]
        if program.rule_level == Program.RuleLevel.REFUSE and None not in (expected, amount) and expected != amount:
            reader.problem(_differs(expected or 0, rule), at, "amount")
        found.append(expected)
    return found


def _inputs(name: str, claims: Claims, program: Program, first_on: dt.date) -> Sequence[Number | None]:
    if name == STANDARD and program.standard_fen:
        # The program's own: what a file says the standard is proves nothing.
        return [Decimal(program.standard_fen).scaleb(-2)] * len(claims)
    if name == STANDARD:
        yuan = {fen: None if fen is None else Decimal(fen).scaleb(-2) for fen in set(claims.standard_fen)}
        return [yuan[fen] for fen in claims.standard_fen]
    if name == QUANTITY:
        return claims.quantity
    if name == AGE:
        days = {number[6:14]: number for number in claims.beneficiary_id if number is not None}
        ages = {day: age_on(identifiers.birth_date(number), first_on) for day, number in days.items()}
        return [None if number is None else ages[number[6:14]] for number in claims.beneficiary_id]
    labels = {rule_name(label): label for label in (claims.extra[0] if claims.extra else {})}
    return [values.get(labels.get(name, name)) for values in claims.extra]


def _expect(rule: AmountRule, values: dict[str, Any]) -> int | CellError | None:
    if None in values.values():
        return None
    try:
        return rule.fen(values)
    except RuleError as error:
        return CellError.of("rule_failed", str(error) + _("请核对这一行的数字，或请县财政局改算法。"))


def _differs(expected_fen: int, rule: AmountRule) -> CellError:
    return CellError(
        "off_rule",
        _("金额和项目的算法不符：%(rule)s，应是%(yuan)s元。")
        % {"rule": rule_words(rule.text), "yuan": money.format_yuan(expected_fen)},
        _("请改正金额，或改正算法用到的数。"),
    )

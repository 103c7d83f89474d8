"""The amount rule: what finance may write, what it gives, and that nothing else ever comes out of it."""

from __future__ import annotations

import datetime as dt
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from programs.amount_rules import RuleError, age_on, parse_rule, rule_name, rule_words

NAMES = ["标准", "数量", "年龄", "月数"]


def fen(text: str, **values: Any) -> int:
    given_values = {"标准": Decimal("100.00"), "数量": Decimal(1), "年龄": 70, "月数": 1, **values}
    return parse_rule(text, NAMES).fen(given_values)


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("标准*数量*月数", {"数量": Decimal("3.20"), "月数": 12}, 384_000),
        ("标准×数量÷2", {"数量": Decimal("3")}, 15_000),
        ("100 if 年龄>=100 else 60 if 年龄>=90 else 50", {"年龄": 100}, 10_000),
        ("100 if 年龄>=100 else 60 if 年龄>=90 else 50", {"年龄": 99}, 6_000),
        ("100 if 年龄≥100 else 60 if 年龄≥90 else 50", {"年龄": 89}, 5_000),
        ("min（标准＊数量，5000）", {"数量": Decimal("80")}, 500_000),
        ("max(标准, 20*月数)", {"月数": 6}, 12_000),
        ("0 if 月数<1 or not 年龄>=60 else 标准", {"年龄": 59}, 0),
        ("标准 if 60<=年龄<70 and 月数!=0 else 1", {"年龄": 65}, 10_000),
        ("标准/3*3", {}, 10_000),  # thirds add up again
        ("0.5", {}, 50),
        ("0.1+0.2", {}, 30),
        ("round(标准/7)", {}, 1_400),
        ("round(标准/7, 1)", {}, 1_430),
        ("0.005", {}, 1),  # half a fen is rounded up
        ("-0.005", {}, -1),
        ("0.0049", {}, 0),
    ],
)
def test_what_a_rule_gives(text: str, values: dict[str, Any], expected: int) -> None:
    assert fen(text, **values) == expected


@pytest.mark.parametrize(
    "attack",
    [
        "__import__('os').system('id')",
        "标准.__class__.__mro__",
        "().__class__",
        "9**9**9",
        "9<<9999999",
        "'a'*999999999",
        "[0 for _ in 标准]",
        "{}",
        "lambda: 0",
        "(lambda: 0)()",
        "exec('1')",
        "eval(数量)",
        "open('/etc/passwd')",
        "f'{标准}'",
        "标准[0]",
        "(年龄:=3)",
        "min(*[1,2])",
        "min(标准, key=max)",
        "max(1)",
        "1e9",
        "0x10",
        "1_000",
        "1j",
        "True",
        "None",
        "...",
        "标准 is 数量",
        "标准 in (1,2)",
        "数量 % 2",
        "数量 // 2",
        "~数量",
        "数量 & 1",
        "标准; 数量",
        "标准\n数量",
        "import os",
        "print(标准)",
        "round(标准, 99)",
        "round(标准, 数量)",
        "round()",
        "标准 if 数量 else 1",
        "(标准>1)+1",
        "标准>1",
        "min(标准>1, 2)",
        "not 标准",
        "-(标准>1)",
        "12345678901",
        "0.00001",
        "地块",
        "os",
        "min(1," * 40 + "1" + ")" * 40,
        "(" * 299,
        "-" * 290 + "1",
        "+".join("1" * 149),
        "1+" * 149 + "1",
        "标准\0",
        "",
        "   ",
        "标准*",
        "await 标准",
        "yield 1",
        "min",
        "*标准",
        "标准 if 数量>1",
        "\ud800",
        "标准" * 200,
    ],
)
def test_whatever_else_is_written_is_refused_with_a_sentence(attack: str) -> None:
    with pytest.raises(RuleError, match="。"):
        parse_rule(attack, NAMES)


def test_an_unknown_name_is_said_with_those_that_can_be_used() -> None:
    with pytest.raises(RuleError, match="“地块”不认识。可以用：标准、数量、年龄、月数。"):
        parse_rule("标准*地块", NAMES)


def test_no_amount_is_no_crash() -> None:
    with pytest.raises(RuleError, match="除以了零"):
        fen("标准/(月数-1)")
    with pytest.raises(RuleError, match="大得不合情理"):
        fen("*".join(["999999999"] * 20))


@given(st.text(max_size=320))
def test_any_text_is_a_rule_or_a_rule_error(text: str) -> None:
    try:
        rule = parse_rule(text, NAMES)
        assert isinstance(rule.fen(dict.fromkeys(NAMES, 1)), int)
    except RuleError:
        pass


_PIECES = st.sampled_from(
    [*NAMES, "0.5", "3", "+", "-", "*", "/", "(", ")", " if ", " else ", " and ", " or ", " not ", ">=", "<", "min(",
     "max(", "round(", ",", "**", ".", "'", "[", "]", "__class__", "lambda:"],
)  # fmt: skip


@given(st.lists(_PIECES, max_size=40).map("".join))
def test_any_pieces_of_a_rule_are_a_rule_or_a_rule_error(text: str) -> None:
    try:
        rule = parse_rule(text, NAMES)
        assert isinstance(rule.fen(dict.fromkeys(NAMES, 1)), int)
    except RuleError:
        pass


_YUAN = st.decimals(min_value=0, max_value=99_999, places=2)
_COUNT = st.decimals(min_value=0, max_value=9_999, places=2)


def _fen_of(yuan: Decimal) -> int:
    return int((yuan * 100).quantize(Decimal(1), ROUND_HALF_UP))


@given(_YUAN, _COUNT, st.integers(0, 12), st.integers(0, 120))
def test_a_rule_equals_the_same_sum_in_decimals(rate: Decimal, count: Decimal, months: int, age: int) -> None:
    values: dict[str, Any] = {"标准": rate, "数量": count, "月数": months, "年龄": age}
    assert fen("标准*数量*月数", **values) == _fen_of(rate * count * months)
    assert fen("min(标准*数量, 5000) + 0.35*月数", **values) == _fen_of(
        min(rate * count, Decimal(5000)) + Decimal("0.35") * months
    )
    tier = Decimal(100) if age >= 100 else Decimal(60) if age >= 90 else Decimal(50)
    assert fen("(100 if 年龄>=100 else 60 if 年龄>=90 else 50)*月数", **values) == _fen_of(tier * months)


_Tree = tuple[str, Fraction]


def _trees(inner: st.SearchStrategy[_Tree]) -> st.SearchStrategy[_Tree]:
    def join(left: _Tree, sign: str, right: _Tree) -> _Tree:
        (a, x), (b, y) = left, right
        found = {"+": x + y, "-": x - y, "*": x * y, "min": min(x, y), "max": max(x, y)}[sign]
        return (f"{sign}({a},{b})" if sign in {"min", "max"} else f"({a}{sign}{b})", found)

    return st.builds(join, inner, st.sampled_from(["+", "-", "*", "min", "max"]), inner)


_LITERALS = st.decimals(min_value=0, max_value=999, places=4).map(lambda d: (f"{d:f}", Fraction(d)))


@given(st.recursive(_LITERALS, _trees, max_leaves=7))
def test_a_literal_is_exactly_what_is_written(tree: _Tree) -> None:
    text, exact = tree
    doubled = 2 * abs(exact) * 100
    expected = (doubled.numerator + doubled.denominator) // (2 * doubled.denominator) * (1 if exact >= 0 else -1)
    try:
        assert parse_rule(text, []).fen({}) == expected
    except RuleError as refused:
        assert "大得" in str(refused) or "复杂" in str(refused) or "超过" in str(refused)  # noqa: PT017


def test_age_is_completed_on_the_day() -> None:
    assert age_on(dt.date(1932, 3, 1), dt.date(2022, 3, 1)) == 90
    assert age_on(dt.date(1932, 3, 2), dt.date(2022, 3, 1)) == 89
    assert age_on(dt.date(1932, 2, 29), dt.date(2022, 2, 28)) == 89


def test_a_label_that_is_no_name_cannot_be_used() -> None:
    assert [rule_name(label) for label in ("月数", "地块面积", "是否(1/0)", "2022面积", "if")] == [
        "月数",
        "地块面积",
        "",
        "",
        "",
    ]


def test_a_rule_reads_as_words_for_who_never_saw_an_expression():
    assert rule_words("300 if 年龄>=100 else 标准") == "年龄≥100：300元；其他：标准"
    assert rule_words("标准*数量*月数") == "标准×数量×月数"
    assert rule_words("min(标准*数量, 500)") == "较小者(标准×数量, 500)"
    assert rule_words("50 if 年龄>=80 and 年龄<90 else 80 if 年龄>=90 else 0") == (
        "年龄≥80并且年龄＜90：50元；年龄≥90：80元；其他：0元"
    )

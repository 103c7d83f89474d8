"""The amount of a claim as its program states it: ``标准*数量``, tiers (``100 if 年龄>=90 else 50``), caps.

An expression of finance is data, never code: it is parsed, every node is held against the short list below, and
simpleeval computes what is left. Numbers are exact fractions, so that a third of three yuan is one yuan.
"""

from __future__ import annotations

import ast
import datetime as dt
import operator
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.utils.translation import gettext as _
from simpleeval import SimpleEval

from subsidy_portal import money

STANDARD, QUANTITY, AGE = "标准", "数量", "年龄"
MAX_LENGTH, _MAX_NODES, _MAX_DEPTH = 300, 150, 24

# A literal is what an official writes: no 1e9, no 0x10, no 1_000.
_LITERAL = re.compile(r"\d{1,9}(\.\d{1,4})?\Z", re.ASCII)
_SIGNS = str.maketrans({"×": "*", "÷": "/", "≥": ">=", "≤": "<=", "≠": "!=", "−": "-", "，": ","})

Number = Decimal | Fraction | int


class RuleError(ValueError):
    """A rule that cannot be used, or gives no amount: one sentence saying what, and what to write instead."""


def _round_half_up(value: Fraction, places: Fraction = Fraction(0)) -> Fraction:
    scale = 10 ** int(places)
    scaled = abs(value) * scale
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Fraction(whole if value >= 0 else -whole, scale)


_FUNCTIONS = {"min": min, "max": max, "round": _round_half_up}
_ARITHMETIC: dict[type[ast.AST], Any] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip
_COMPARISONS: dict[type[ast.AST], Any] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}  # fmt: skip
_UNARY: dict[type[ast.AST], Any] = {ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: operator.not_}
_OPERATORS = {**_ARITHMETIC, **_COMPARISONS, **_UNARY}


def rule_text(text: str) -> str:
    """The rule as it is stored: ``×÷≥≤`` and full-width signs as the plain ones, no blanks around it."""
    return unicodedata.normalize("NFKC", text.translate(_SIGNS)).translate(_SIGNS).strip()


def rule_name(label: str) -> str:
    """How a column is called in a rule; empty for a label that cannot be a name, like ``是否(1/0)``."""
    name = unicodedata.normalize("NFKC", label)
    return name if name.isidentifier() and name not in {"if", "else", "and", "or", "not"} else ""


@dataclass(frozen=True)
class AmountRule:
    """A rule that passed every check. ``names`` are those it uses, of the ones it was allowed."""

    text: str
    names: frozenset[str]
    _tree: ast.expr = field(repr=False, compare=False)

    def fen(self, values: Mapping[str, Number]) -> int:
        """The amount in fen, rounded half up; raises RuleError. ``values`` has all ``names``, in yuan."""
        names = {name: Fraction(values[name]) for name in self.names}
        evaluator = SimpleEval(operators=_OPERATORS, functions=_FUNCTIONS, names=names)
        try:
            yuan = evaluator.eval(self.text, previously_parsed=self._tree)
        except ZeroDivisionError:
            raise RuleError(_("算法里除以了零，得不出金额。")) from None
        fen = int(_round_half_up(yuan * 100))
        if abs(fen) > money.MAX_FEN:
            raise RuleError(_("按算法得出的金额大得不合情理。"))
        return fen


def parse_rule(text: str, allowed: Iterable[str]) -> AmountRule:
    """The rule in ``text`` over the names ``allowed``; raises RuleError, whatever is in it."""
    allowed = list(allowed)
    text = rule_text(text)
    if not text:
        raise RuleError(_("算法是空的。请写成“标准*数量”这样的算式。"))
    if len(text) > MAX_LENGTH:
        raise RuleError(_("算法超过%(n)d个字。请写短一些。") % {"n": MAX_LENGTH})
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise RuleError(
            _("这不是一个完整的算式。请核对括号和运算符，例如 标准*数量 或 100 if 年龄>=100 else 50。")
        ) from None
    checked = _Checked(text, allowed)
    if checked.kind(tree, 0) != "number":
        raise RuleError(_("算式得出的是“是或否”，不是金额。请写成“金额 if 条件 else 金额”。"))
    return AmountRule(text, frozenset(checked.names), tree)


# How an expression reads to somebody who never saw one
_WORDS = {
    " >= ": "≥",
    " <= ": "≤",
    " == ": "＝",
    " != ": "≠",
    " > ": "＞",
    " < ": "＜",
    " * ": "×",
    " / ": "÷",
    " and ": "并且",
    " or ": "或者",
    "not ": "不是",
    "max(": "较大者(",
    "min(": "较小者(",
    "round(": "四舍五入(",
}


def rule_words(text: str) -> str:
    """The rule for people: ``年龄≥100：300元；其他：标准``. ``text`` is one that ``parse_rule`` took."""
    node, parts = ast.parse(rule_text(text), mode="eval").body, []
    while isinstance(node, ast.IfExp):
        parts.append(f"{_part_words(node.test)}：{_part_words(node.body)}")
        node = node.orelse
    return "；".join([*parts, f"其他：{_part_words(node)}"] if parts else [_part_words(node)])


def _part_words(node: ast.expr) -> str:
    words = ast.unparse(node)
    for sign, word in _WORDS.items():
        words = words.replace(sign, word)
    return f"{words}元" if isinstance(node, ast.Constant) else words


class _Checked:
    """Walks a parsed rule: every node is allowed, and numbers and conditions stand where they belong."""

    def __init__(self, text: str, allowed: list[str]) -> None:
        self.text, self.allowed, self.names, self.nodes = text, allowed, set[str](), 0

    def kind(self, node: ast.expr, depth: int) -> str:
        """``number`` or ``truth``; raises RuleError for what no rule may hold. Literals become exact on the way."""
        self.nodes += 1
        if depth > _MAX_DEPTH or self.nodes > _MAX_NODES:
            raise RuleError(_("算法太复杂。请少用几层括号和条件。"))
        check = getattr(self, f"_{type(node).__name__.lower()}", None)
        if check is None:
            raise RuleError(
                _("算法里有不能用的写法。只能用数字、栏目名、+ - * / 、比较、and or not、if else 和 min、max、round。")
            )
        return str(check(node, depth + 1))

    def _need(self, wanted: str, node: ast.expr, depth: int) -> None:
        if self.kind(node, depth) != wanted:
            raise RuleError(
                _("条件不能拿来加减乘除或比大小。请写成“金额 if 条件 else 金额”。")
                if wanted == "number"
                else _("if、and、or、not 旁边要写条件，例如 年龄>=90。")
            )

    def _constant(self, node: ast.Constant, _depth: int) -> str:
        written = ast.get_source_segment(self.text, node) or ""
        if not _LITERAL.match(written):
            raise RuleError(_("“%(text)s”不是可用的数字。请写整数或最多四位小数，不加引号。") % {"text": written[:20]})
        node.value = Fraction(Decimal(written))  # type: ignore[assignment]  # what simpleeval hands on unchanged
        return "number"

    def _name(self, node: ast.Name, _depth: int) -> str:
        if node.id not in self.allowed:
            raise RuleError(
                _("算法里的“%(name)s”不认识。可以用：%(allowed)s。")
                % {"name": node.id[:20], "allowed": "、".join(self.allowed)}
            )
        self.names.add(node.id)
        return "number"

    def _binop(self, node: ast.BinOp, depth: int) -> str:
        if type(node.op) not in _ARITHMETIC:
            raise RuleError(_("算法里只能加减乘除（+ - * /），没有乘方、取余。"))
        self._need("number", node.left, depth)
        self._need("number", node.right, depth)
        return "number"

    def _unaryop(self, node: ast.UnaryOp, depth: int) -> str:
        if type(node.op) not in _UNARY:
            raise RuleError(_("算法里只能加减乘除（+ - * /），没有乘方、取余。"))
        wanted = "truth" if isinstance(node.op, ast.Not) else "number"
        self._need(wanted, node.operand, depth)
        return wanted

    def _boolop(self, node: ast.BoolOp, depth: int) -> str:
        for value in node.values:
            self._need("truth", value, depth)
        return "truth"

    def _compare(self, node: ast.Compare, depth: int) -> str:
        if any(type(sign) not in _COMPARISONS for sign in node.ops):
            raise RuleError(_("比较只能用 > >= < <= == !=。"))
        for value in (node.left, *node.comparators):
            self._need("number", value, depth)
        return "truth"

    def _ifexp(self, node: ast.IfExp, depth: int) -> str:
        self._need("truth", node.test, depth)
        self._need("number", node.body, depth)
        self._need("number", node.orelse, depth)
        return "number"

    def _call(self, node: ast.Call, depth: int) -> str:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in _FUNCTIONS or node.keywords:
            raise RuleError(_("算法里只能用 min(…)、max(…)、round(…) 三个函数。"))
        for value in node.args:
            self._need("number", value, depth)
        if name == "round":
            self._check_round(node)
        elif len(node.args) < 2:
            raise RuleError(_("%(name)s 里至少要有两个数，用逗号隔开。") % {"name": name})
        return "number"

    @staticmethod
    def _check_round(node: ast.Call) -> None:
        places: Any = node.args[1] if len(node.args) == 2 else None
        literal = isinstance(places, ast.Constant) and places.value in {0, 1, 2, 3, 4}
        if not (len(node.args) == 1 or literal):
            raise RuleError(_("round 写成 round(数) 或 round(数, 2)，小数位是0到4。"))


def age_on(born_on: dt.date, day: dt.date) -> int:
    """Completed years on ``day``."""
    return day.year - born_on.year - ((day.month, day.day) < (born_on.month, born_on.day))

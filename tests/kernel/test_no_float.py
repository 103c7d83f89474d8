"""No float ever touches money: none is made, stored or divided into being in the code of the portal."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = ("subsidy_portal", "programs", "disbursement", "selfcheck", "publicity")
# What measures time, not money.
ALLOWED = {"subsidy_portal/demo/probe.py", "subsidy_portal/management/commands/demo.py"}


def modules() -> list[Path]:
    found = (path for app in CODE for path in (ROOT / app).rglob("*.py"))
    return sorted(path for path in found if str(path.relative_to(ROOT)) not in ALLOWED)


def names(node: ast.AST) -> list[str]:
    return [n.id for n in ast.walk(node) if isinstance(n, ast.Name)] + [
        n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)
    ]


def is_money(node: ast.AST) -> bool:
    return any(name == "fen" or name.endswith("_fen") for name in names(node))


def floats(source: str) -> list[str]:
    """What of a source could turn fen into a float, with its line."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id="float")) if any(is_money(arg) for arg in node.args):
                found.append(f"{node.lineno}: float() of money")
            case ast.Attribute(attr="FloatField") | ast.Name(id="FloatField"):
                found.append(f"{node.lineno}: FloatField")
            case ast.BinOp(op=ast.Div()) if is_money(node) and "Decimal" not in names(node) and not _paths(node):
                found.append(f"{node.lineno}: true division of money")
            case ast.BinOp(op=ast.Mult() | ast.Add() | ast.Sub()) if is_money(node) and _float_constant(node):
                found.append(f"{node.lineno}: float arithmetic with money")
            case ast.AnnAssign(target=target, annotation=ast.Name(id="float")) if is_money(target):
                found.append(f"{node.lineno}: money declared as float")
    return found


def _paths(node: ast.BinOp) -> bool:
    """A path is put together with the same sign."""
    return any(name.lower().endswith(("path", "folder", "home", "dir")) for name in names(node))


def _float_constant(node: ast.AST) -> bool:
    return any(isinstance(n, ast.Constant) and isinstance(n.value, float) for n in ast.walk(node))


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_float_near_money(path):
    assert floats(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "yuan = float(amount_fen)",
        "yuan = row.amount_fen / 100",
        "share = paid_fen / planned_fen",
        "x = amount_fen * 0.01",
        "amount = models.FloatField()",
        "total_fen: float = 0",
    ],
)
def test_the_lint_sees_it(source):
    assert len(floats(source)) >= 1


@pytest.mark.parametrize(
    "source", ["yuan = Decimal(fen) / 100", "x = amount_fen // 100", "ratio = seconds / floor", "float('1')"]
)
def test_the_lint_lets_pass(source):
    assert floats(source) == []


def test_every_money_column_is_a_big_integer():
    from django.apps import apps

    columns = [
        field
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if getattr(field, "attname", "").endswith("_fen")
    ]
    assert len(columns) > 15
    assert {field.get_internal_type() for field in columns} == {"BigIntegerField"}

"""What a program's roster has besides the provincial columns, and how its amounts are reckoned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from programs.amount_rules import AmountRule, Number, RuleError, parse_rule, rule_name, rule_text, rule_words
from programs.imports.amounts import allowed_names
from programs.imports.columns import find_field, has_quantity, header_text, own_column
from programs.imports.own_columns import reader_of
from programs.imports.problems import CellError
from programs.models import Program, ProgramColumn, Roster, RosterRow
from subsidy_portal.models import User
from subsidy_portal.permissions import require
from subsidy_portal.workflow import Refused, record

K = ProgramColumn.Kind
MAX_COLUMNS, MAX_CHOICES, MAX_CHOICE = 20, 60, 30
# Names of other files for the quantity: free for a program whose template has no quantity.
_FREE = {"quantity"}


@dataclass(frozen=True)
class ColumnSpec:
    """One own column as it shall be; the order is that of the list it stands in."""

    label: str
    kind: str
    required: bool = True
    choices: tuple[str, ...] = field(default=())
    help: str = ""
    example: str = ""

    @classmethod
    def of(cls, column: ProgramColumn) -> ColumnSpec:
        return cls(column.label, column.kind, column.required, tuple(column.choices), column.help, column.example)


@transaction.atomic
def set_columns(program: Program, specs: Sequence[ColumnSpec], *, actor: User) -> None:
    """Make these the program's own columns, in this order. Raises Refused, naming the column.

    A column that a roster under way uses, or the amount rule, is neither removed nor read in another way.
    """
    require(actor, "program.edit")
    program = Program.objects.select_for_update().get(pk=program.pk)
    before = {column.label: ColumnSpec.of(column) for column in program.columns.all()}
    specs = [_checked(program, spec) for spec in specs]
    _check_list(specs)
    after = {spec.label: spec for spec in specs}
    if list(after.items()) == list(before.items()):
        return
    for label, old in before.items():
        new = after.get(label)
        if new is None or new.kind != old.kind or not set(old.choices) <= set(new.choices):
            _check_unused(program, label)
    program.columns.all().delete()
    columns = [
        ProgramColumn(
            program=program, position=n, label=spec.label, kind=spec.kind, required=spec.required,
            choices=list(spec.choices), help=spec.help, example=spec.example,
        )
        for n, spec in enumerate(specs, 1)
    ]  # fmt: skip
    ProgramColumn.objects.bulk_create(columns)
    _check_rule_still_holds(program, columns)
    record(program, "columns_changed", actor=actor, note=_what_changed(before, after))


def _checked(program: Program, spec: ColumnSpec) -> ColumnSpec:
    """``spec`` with its texts trimmed; raises Refused for a column nobody could fill in or find again."""
    label = spec.label.strip()
    choices = tuple(dict.fromkeys(filter(None, (choice.strip() for choice in spec.choices))))
    spec = ColumnSpec(label, spec.kind, spec.required, choices, spec.help.strip(), spec.example.strip())
    if spec.kind == K.ID_NUMBER:  # the template shows an invented one: nobody's number is an example
        spec = replace(spec, example="")
    if not header_text(label) or len(label) > 20 or not label.isprintable():
        raise Refused(_("栏目名要写1到20个字。请核对“%(label)s”。") % {"label": label[:20]})
    known = find_field(header_text(label))
    if known and (known not in _FREE or has_quantity(program)):
        raise Refused(_("“%(label)s”是清册原有栏目的名字。请换一个名字。") % {"label": label})
    if spec.kind not in K.values:
        raise Refused(_("栏目“%(label)s”没有选填什么。") % {"label": label})
    if len(spec.help) > 120 or len(spec.example) > 40:
        raise Refused(_("栏目“%(label)s”的说明最多120个字，例子最多40个字。") % {"label": label})
    _check_choices(spec)
    _check_example(spec)
    return spec


def _check_choices(spec: ColumnSpec) -> None:
    if (spec.kind == K.CHOICE) != bool(spec.choices):
        raise Refused(
            _("栏目“%(label)s”没有选项。请一行写一个。") % {"label": spec.label}
            if spec.kind == K.CHOICE
            else _("只有“选项”栏目才写选项。请清空“%(label)s”的选项，或改成选项栏目。") % {"label": spec.label}
        )
    if len(spec.choices) > MAX_CHOICES or any(len(choice) > MAX_CHOICE for choice in spec.choices):
        raise Refused(
            _("栏目“%(label)s”的选项最多%(n)d个，每个最多%(long)d个字。")
            % {"label": spec.label, "n": MAX_CHOICES, "long": MAX_CHOICE}
        )


def _check_example(spec: ColumnSpec) -> None:
    """The example must pass as what a clerk fills in: it is what clerks copy."""
    if not spec.example:
        return
    column = own_column(ProgramColumn(label=spec.label, kind=spec.kind, choices=list(spec.choices)))
    try:
        reader_of(column)(spec.example)
    except CellError as error:
        raise Refused(
            _("栏目“%(label)s”的例子自己就填错了：%(why)s") % {"label": spec.label, "why": error.message + error.hint}
        ) from None


def _check_list(specs: Sequence[ColumnSpec]) -> None:
    if len(specs) > MAX_COLUMNS:
        raise Refused(_("本项目的栏目最多%(n)d个。") % {"n": MAX_COLUMNS})
    seen: dict[str, str] = {}
    for spec in specs:
        other = seen.setdefault(header_text(spec.label), spec.label)
        if other is not spec.label:
            raise Refused(_("栏目“%(label)s”已经有了。请换一个名字。") % {"label": spec.label})


def _check_unused(program: Program, label: str) -> None:
    """Raises Refused while a roster under way has rows with this column."""
    under_way = Roster.objects.filter(program=program, revision__gt=0).exclude(
        status__in=(Roster.Status.ACCEPTED, Roster.Status.CANCELLED)
    )
    for roster in under_way.select_related("area"):
        if RosterRow.objects.filter(roster=roster, revision=roster.revision, extra__has_key=label).exists():
            raise Refused(
                _(
                    "栏目“%(label)s”正用在没办完的清册%(number)s里（%(town)s，%(period)s），不能删去、改名或改填法。请等它受理或作废后再改。"
                )
                % {"label": label, "number": roster.number, "town": roster.area, "period": roster.period}
            )


def _check_rule_still_holds(program: Program, columns: Sequence[ProgramColumn]) -> None:
    if not program.amount_rule:
        return
    try:
        parse_rule(program.amount_rule, allowed_names(columns))
    except RuleError:
        raise Refused(
            _("金额算法“%(rule)s”用到的栏目须是必填的整数或小数，不能删去或改填法。请先改算法。")
            % {"rule": program.amount_rule}
        ) from None


def _what_changed(before: Mapping[str, ColumnSpec], after: Mapping[str, ColumnSpec]) -> str:
    said = [_("新增“%s”") % label for label in after if label not in before]
    said += [_("删去“%s”") % label for label in before if label not in after]
    said += [_("修改“%s”") % label for label in after if label in before and after[label] != before[label]]
    return "、".join(said) or _("调整顺序")


# --- The amount rule ---------------------------------------------------------------------------------------


def check_rule(program: Program, text: str) -> AmountRule:
    """The rule as it would hold for this program; raises Refused with what is wrong in it."""
    columns = list(program.columns.all())
    try:
        return parse_rule(text, allowed_names(columns))
    except RuleError as error:
        unfit = [c.label for c in columns if rule_name(c.label) and rule_name(c.label) in rule_text(text)]
        unfit = [label for label in unfit if rule_name(label) not in allowed_names(columns)]
        more = _("“%s”不是必填的整数或小数，不能用在算法里。") % "”“".join(unfit) if unfit else ""
        raise Refused(str(error) + more) from None


def sample_values(program: Program) -> dict[str, Number]:
    """A likely claim, for trying a rule: the program's standard, one piece, seventy years, the examples."""
    values: dict[str, Number] = dict.fromkeys(allowed_names(program.columns.all()), Decimal(1))
    values |= {"标准": Decimal(program.standard_fen or 10_000).scaleb(-2), "年龄": 70}
    for column in program.columns.all():
        name = rule_name(column.label)
        if name in values and column.example:
            values[name] = Decimal(column.example)
    return values


def try_rule(program: Program, text: str, values: Mapping[str, Number]) -> int:
    """What the rule gives for these numbers, in fen; raises Refused for a bad rule or no amount. Changes nothing."""
    rule = check_rule(program, text)
    try:
        return rule.fen(values)
    except RuleError as error:
        raise Refused(str(error)) from None


@transaction.atomic
def set_amount_rule(program: Program, text: str, level: str, *, actor: User) -> None:
    """The rule by which amounts of this program are reckoned; empty: standard × quantity, as a suspicion only.

    Raises Refused. Rosters keep what they were measured by when they were read.
    """
    require(actor, "program.edit")
    now = Program.objects.select_for_update().get(pk=program.pk)
    if level not in Program.RuleLevel.values:
        raise Refused(_("请选金额和算法不符时怎么办。"))
    text = check_rule(now, text).text if text.strip() else ""
    if (now.amount_rule, now.rule_level) == (text, level):
        return
    Program.objects.filter(pk=now.pk).update(amount_rule=text, rule_level=level)
    program.amount_rule, program.rule_level = text, level
    note = f"{rule_words(text) if text else _('标准×数量')}；{Program.RuleLevel(level).label}"
    data: dict[str, Any] = {"before": now.amount_rule, "after": text}
    record(program, "rule_changed", actor=actor, note=note, data=data)

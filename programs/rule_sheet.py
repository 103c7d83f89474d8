"""The statistics of the rules as a workbook."""

from __future__ import annotations

from django.conf import settings
from django.utils.translation import gettext as _
from openpyxl import Workbook

from programs.models import Rule
from programs.rule_facts import rule_lines, rule_shares
from subsidy_portal import clock
from subsidy_portal.models import User
from subsidy_portal.tables import COUNT, YUAN, Column, save, write_table

COLUMNS = (
    Column("编号", 8), Column("规则", 40), Column("类型", 12), Column("级别", 10), Column("状态", 8),
    Column("要用的比对数据", 28), Column("命中（条）", 10, COUNT), Column("待核（条）", 10, COUNT),
    Column("属实（条）", 10, COUNT), Column("不属实（条）", 12, COUNT), Column("拦下金额（元）", 16, YUAN),
    Column("依据", 44),
)  # fmt: skip


def rules_workbook(user: User) -> bytes:
    """One row a rule over what ``user`` may see, with totals; amounts are those of rows that left."""
    lines = rule_lines(user, Rule.objects.visible_to(user))
    rows = [
        (
            line.rule.code, line.rule.name, line.rule.get_type_display(), line.rule.get_level_display(),
            _("启用") if line.in_force else _("停用"),
            "、".join(f"{s.label}（{s.as_of or _('没有导入')}）" for s in line.lists),
            line.sums.hits, line.sums.open, line.sums.confirmed, line.sums.unfounded, line.sums.stopped_fen,
            line.rule.legal_basis,
        )
        for line in lines
    ]  # fmt: skip
    totals = [[s.hits, s.open, s.confirmed, s.unfounded, s.stopped_fen] for s in (line.sums for line in lines)]
    sums = [sum(column) for column in zip(*totals, strict=True)] or [0] * 5
    book = Workbook()
    sheet = book.active
    assert sheet is not None  # noqa: S101  # a new workbook has one sheet
    sheet.title = _("比对规则")
    write_table(
        sheet,
        title=_("%(county)s补贴比对规则统计表") % {"county": settings.COUNTY_NAME},
        note=_("单位：%(unit)s　截至：%(day)s　拦下金额：发放前核实属实、已剔除的行；一行被两条规则拦下的，两处都算")
        % {"unit": user.organisation, "day": clock.today()},
        columns=COLUMNS,
        rows=rows,
        total=(_("合计"), "", "", "", "", "", *sums, ""),
    )
    _write_shares(book, user)
    return save(book)


_BY_PROGRAM = (
    Column("编号", 8), Column("规则", 40), Column("补贴项目", 28), Column("年度", 8), Column("命中（条）", 10, COUNT),
    Column("待核（条）", 10, COUNT), Column("属实（条）", 10, COUNT), Column("不属实（条）", 12, COUNT),
    Column("拦下金额（元）", 16, YUAN),
)  # fmt: skip


def _write_shares(book: Workbook, user: User) -> None:
    """The second sheet: the same by program and year (R35)."""
    found = rule_shares(user)
    figures = [(s.sums.hits, s.sums.open, s.sums.confirmed, s.sums.unfounded, s.sums.stopped_fen) for s in found]
    rows = [(s.code, s.rule, s.program, s.year, *own) for s, own in zip(found, figures, strict=True)]
    sums = [sum(column) for column in zip(*figures, strict=True)] or [0] * 5
    write_table(
        book.create_sheet(_("按项目和年度")),
        title=_("%(county)s补贴比对规则按项目、年度统计表") % {"county": settings.COUNTY_NAME},
        note=_("单位：%(unit)s　截至：%(day)s") % {"unit": user.organisation, "day": clock.today()},
        columns=_BY_PROGRAM,
        rows=rows,
        total=(_("合计"), "", "", "", *sums),
    )

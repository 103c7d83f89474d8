"""The summary sheet in front of a marked workbook: causes first, then every cell, each with a link to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from django.utils.translation import gettext as _
from openpyxl.styles import Alignment, Font
from openpyxl.worksheet.hyperlink import Hyperlink
from openpyxl.worksheet.worksheet import Worksheet

from programs.imports.causes import Group, read_groups
from programs.imports.problems import Problems
from subsidy_portal.sheets import Problem

SUMMARY = "错误汇总"

_BOLD, _TITLE = Font(bold=True), Font(bold=True, size=14)
_WRAP = Alignment(wrap_text=True, vertical="top")
_OURS = re.compile(r"共\d+处错误，没有导入。")


def is_summary(sheet: Worksheet) -> bool:
    """Whether this is a summary of ours, in a marked file that came in again."""
    return sheet.title.startswith(SUMMARY) and bool(_OURS.match(str(sheet["A1"].value or "")))


def write_summary(sheet: Worksheet, problems: Problems, place: Callable[[Problem], str]) -> None:
    """``place`` says where a problem's cell stands in this workbook; the counts add up to the first line."""
    groups = read_groups(problems.groups())
    order = {group.code: n for n, group in enumerate(groups)}
    listed = sorted(problems.found, key=lambda p: (order[p["code"]], p["row"], len(p["column"]), p["column"]))
    _write(sheet, 1, [_("共%(n)d处错误，没有导入。改好后重新上传整份文件。") % {"n": problems.count}])
    sheet["A1"].font = _TITLE
    _write(sheet, 2, [_("先按原因列出，再逐格列出；点蓝色的字跳到那一格。")])
    first = 6 + len(groups)  # the first line of the list: groups from row 4 on, an empty row, the titles
    starts: dict[str, int] = {}
    for number, problem in enumerate(listed):
        starts.setdefault(problem["code"], first + number)
    _write_groups(sheet, groups, starts)
    titles = [_("工作表"), _("行"), _("列"), _("问题"), _("怎么改"), _("原内容")]
    _write(sheet, first - 1, titles, bold=True)
    for row, problem in enumerate(listed, first):
        line = [problem[key] for key in ("sheet", "row", "column", "message", "hint", "shown")]
        _write(sheet, row, [value or "" for value in line])
        if location := place(problem):
            _link(sheet, row, 2 if problem["row"] else 4, location)
    if len(listed) < problems.count:
        _write(sheet, first + len(listed), [_("这里先列出%(n)d处，改好再传会接着查。") % {"n": len(listed)}])
    for letter, width in zip("ABCDEF", (16, 14, 10, 54, 54, 24), strict=True):
        sheet.column_dimensions[letter].width = width


def _write_groups(sheet: Worksheet, groups: Sequence[Group], starts: dict[str, int]) -> None:
    _write(sheet, 3, [_("处数"), "", "", _("原因"), _("怎么改"), _("例")], bold=True)
    for row, group in enumerate(groups, 4):
        where = f"（{group.where}）" if group.where else ""
        _write(sheet, row, [_("%(n)d处") % {"n": group.count}, "", "", group.title + where, group.hint, group.example])
        if group.code in starts:
            quoted = sheet.title.replace("'", "''")
            _link(sheet, row, 1, f"'{quoted}'!A{starts[group.code]}")


def _write(sheet: Worksheet, row: int, values: Sequence[Any], *, bold: bool = False) -> None:
    """Texts as texts, whatever they begin with."""
    for index, value in enumerate(values, 1):
        cell = sheet.cell(row, index)
        cell.value, cell.data_type = value, "s" if isinstance(value, str) else "n"
        if index > 3:
            cell.alignment = _WRAP
        if bold:
            cell.font = _BOLD


def _link(sheet: Worksheet, row: int, column: int, location: str) -> None:
    cell = sheet.cell(row, column)
    cell.hyperlink = Hyperlink(cell.coordinate, location=location)
    cell.style = "Hyperlink"

"""Where the list is: which sheet, which header rows, which column is which; what is below the header.

Headers are found by their words in the first rows, in one row or in two merged ones, in any order (M1, M2).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from programs.imports.columns import Column, find_field, header_text, own_headers
from programs.imports.problems import CellError, Problems
from subsidy_portal.sheets import Cell, Sheet, Workbook, cell_text, column_letter, is_blank

HEADER_ROWS, MIN_HITS = 15, 4

_TOTAL = re.compile(r"(本页|本表|全表|本村|本组)?(合计|总计|小计|共计|累计)")
_FINAL_TOTAL = re.compile(r"(本表|全表)?(合计|总计|共计)")
_FOOT = re.compile(r"(制表|填表|审核|复核|经办|负责人|分管|主管|领导|联系人|盖章|公章|单位|填报|说明|备注|注|公示)")
_WAN = re.compile(r"(单位[::]?|[(])(人民币)?(万元|千元)")


@dataclass
class Layout:
    """The list in one sheet. ``columns`` maps fields to column indexes; row numbers are the clerk's."""

    sheet: Sheet
    header_row: int
    columns: dict[str, int]
    unknown: list[str] = field(default_factory=list)
    duplicates: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class Body:
    """The rows below the header that are claims, and the total the clerk wrote."""

    row_nos: list[int]
    rows: list[list[Cell]]
    total: tuple[int, Cell] | None = None  # (row number, amount cell) of the last 合计


def find_layout(sheet: Sheet, own: Mapping[str, str] | None = None) -> Layout | None:
    """The header with most known words in the first rows; None when there are fewer than four."""
    best: Layout | None = None
    top: list[Cell] = []
    for index, row in enumerate(sheet.rows[:HEADER_ROWS]):
        for above in ([], top) if top else ([],):
            found = _read_header(sheet, index + 1, above, row, own)
            if len(found.columns) >= MIN_HITS and (best is None or len(found.columns) > len(best.columns)):
                best = found
        top = row
    return best


def _read_header(
    sheet: Sheet, row_no: int, above: list[Cell], row: list[Cell], own: Mapping[str, str] | None
) -> Layout:
    layout = Layout(sheet, row_no, {})
    group = ""
    for index, cell in enumerate(row):
        text = header_text(cell)
        group_here = header_text(above[index]) if above else ""
        # A merged group has its word in the first cell only.
        group = group_here or group
        field_name = ""
        for candidate in (group + text if text else "", text or group_here):
            field_name = field_name or (find_field(candidate, own) if candidate else "")
        if not field_name:
            if text or group_here:
                layout.unknown.append(text or group_here)
        elif field_name in layout.columns:
            layout.duplicates.append((layout.columns[field_name], index))
        else:
            layout.columns[field_name] = index
    return layout


def choose_layout(workbook: Workbook, columns: list[Column], problems: Problems) -> Layout | None:
    """The one list of the workbook, or None with the reason in ``problems``."""
    own = own_headers(columns)
    layouts = [found for sheet in workbook.sheets if (found := find_layout(sheet, own))]
    if not layouts:
        problems.add(
            CellError(
                "no_header",
                _("没有找到表头。"),
                _("请使用本项目的模板，表头里要有“享受人身份证号”“银行账号”“补贴金额”等列名。"),
            )
        )
        return None
    if len(layouts) > 1:
        names = "、".join(f"“{found.sheet.name}”" for found in layouts)
        problems.add(
            CellError(
                "several_sheets",
                _("有几张工作表都像清册：%(names)s。") % {"names": names},
                _("请只留要导入的一张，其余的删去或另存。"),
            )
        )
        return None
    layout = layouts[0]
    _check_header(layout, columns, problems)
    return None if problems else layout


def _check_header(layout: Layout, columns: list[Column], problems: Problems) -> None:
    sheet = layout.sheet
    for first, second in layout.duplicates:
        error = CellError(
            "duplicate_column",
            _("%(first)s列和%(second)s列是同一项内容。")
            % {"first": column_letter(first), "second": column_letter(second)},
            _("请删去其中一列。"),
        )
        cell = sheet.rows[layout.header_row - 1][second]
        problems.add(error, sheet=sheet.name, row=layout.header_row, column=second, cell=cell)
    missing = [column.label for column in columns if column.required and column.field not in layout.columns]
    if missing:
        names = "、".join(f"“{label}”" for label in missing)
        error = CellError(
            "missing_column",
            _("缺少必填的列：%(names)s。") % {"names": names},
            _("请补上这些列，或使用本项目的模板。"),
        )
        problems.add(error, sheet=sheet.name, row=layout.header_row)
    _check_unit(layout, problems)


def _check_unit(layout: Layout, problems: Problems) -> None:
    """A list in 万元 is not multiplied out: the clerk writes yuan (M30)."""
    for row_no, row in enumerate(layout.sheet.rows[: layout.header_row], 1):
        for index, cell in enumerate(row):
            if isinstance(cell, str) and _WAN.search(header_text(cell)):
                error = CellError("wrong_unit", _("金额单位不是元。"), _("请把金额改成以元为单位。"))
                problems.add(error, sheet=layout.sheet.name, row=row_no, column=index, cell=cell)


def split_body(layout: Layout) -> Body:
    """The claims below the header; empty rows, totals, signatures and repeated headers are not claims (M12, M13)."""
    body = Body([], [])
    key = layout.columns["beneficiary_id"]
    header = layout.sheet.rows[layout.header_row - 1][key]
    for row_no, row in enumerate(layout.sheet.rows[layout.header_row :], layout.header_row + 1):
        cell = row[key]
        if cell == header and isinstance(cell, str) and cell:
            continue
        if is_blank(cell) and not _is_claim(layout, row_no, row, body):
            continue
        body.row_nos.append(row_no)
        body.rows.append(row)
    return body


def _is_claim(layout: Layout, row_no: int, row: list[Cell], body: Body) -> bool:
    """A row without the beneficiary's number: a claim with a hole, or something else; totals are kept in ``body``."""
    amount_cell = row[layout.columns["amount"]]
    words = [header_text(cell) for cell in row if isinstance(cell, str) and not is_blank(cell)]
    if not words and is_blank(amount_cell):
        return False
    if any(_TOTAL.match(word) for word in words):
        if any(_FINAL_TOTAL.match(word) for word in words):
            body.total = (row_no, amount_cell)
        return False
    if is_blank(amount_cell) and words and _FOOT.match(words[0]):
        return False
    filled = {name for name, index in layout.columns.items() if not is_blank(row[index])}
    return bool(filled - {"sequence"})


def hidden_rows(layout: Layout, body: Body) -> list[int]:
    """Claims that the clerk does not see: hidden or filtered away. They are never read silently (M14)."""
    return sorted(set(layout.sheet.hidden_rows) & set(body.row_nos))


def unreadable_cells(layout: Layout, body: Body) -> list[tuple[int, int, str]]:
    """(row number, column, code) of claim cells that look empty but hold an error or an uncomputed formula (M15)."""
    rows, columns = set(body.row_nos), set(layout.columns.values())
    lists = (("error_cell", layout.sheet.errors), ("formula_cell", layout.sheet.empty_formulas))
    return [(row, column, code) for code, cells in lists for row, column in cells if row in rows and column in columns]


def remarks(workbook: Workbook, layout: Layout) -> list[str]:
    """What the clerk should know about a clean file: what was not read, and what was read as it stands."""
    sheet, said = layout.sheet, []
    if workbook.hidden:
        names = "、".join(f"“{name}”" for name in workbook.hidden)
        said.append(_("隐藏的工作表%(names)s没有读。") % {"names": names})
    if layout.unknown:
        names = "、".join(f"“{cell_text(name)[:20]}”" for name in layout.unknown[:10])
        said.append(_("不认识的列%(names)s没有读，只随文件保存。") % {"names": names})
    hidden = [column_letter(i) for i in sorted(set(sheet.hidden_columns) & set(layout.columns.values()))]
    if hidden:
        said.append(_("隐藏的%(names)s列也读了。") % {"names": "、".join(hidden)})
    if sheet.formulas:
        said.append(_("有%(n)d个单元格是公式，按表里显示的数值读入。") % {"n": sheet.formulas})
    kept = [name for name in ("work_place", "transport", "filled_on") if name in layout.columns]
    if kept:
        labels = {"work_place": "务工地点", "transport": "乘坐交通工具", "filled_on": "填报日期"}
        names = "、".join(f"“{labels[name]}”" for name in kept)
        said.append(_("%(names)s只随文件保存，不进清册。") % {"names": names})
    return said

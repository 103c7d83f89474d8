"""Where the list is: which sheet, which header rows, which column is which; what is below the header.

Headers are found by their words in the first rows, in one row or in two merged ones, in any order (M1, M2).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from programs.imports.aliases import WEAK_FIELDS, member_part
from programs.imports.columns import Column, find_field, find_own, header_text, plain_header
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
    unknown: dict[int, str] = field(default_factory=dict)  # column index → its header words
    duplicates: list[tuple[int, int]] = field(default_factory=list)
    # 银行账号 and 一卡通账号 side by side: a row uses the one it has.
    second_account: int | None = None
    # 成员1姓名, 成员1身份证号 …: which member → its parts' columns
    members: dict[str, dict[str, int]] = field(default_factory=dict)
    # Field without a column of its own → the field whose column stands for it
    stand_ins: dict[str, str] = field(default_factory=dict)
    key_column: int | None = None  # a claim has something here; else the beneficiary's or the head's number
    said: list[str] = field(default_factory=list)  # what the clerk should know about how it was read


@dataclass
class Body:
    """The rows below the header that are claims, and the total the clerk wrote."""

    row_nos: list[int]
    rows: list[list[Cell]]
    amount_column: int = 0
    total: tuple[int, Cell] | None = None  # (row number, amount cell) of the last 合计
    units: list[tuple[int, int]] = field(default_factory=list)  # (row number, column) of a 万元 below the header
    # Of a list that was rearranged, per claim: its own number in the list, and where each made-up column lies.
    numbers: list[int] = field(default_factory=list)
    origins: list[dict[int, int]] = field(default_factory=list)

    def place(self, at: int, column: int) -> int:
        """The column of the file in which the ``at``-th claim has what stands in ``column`` of its row."""
        return self.origins[at].get(column, column) if self.origins else column


def find_layout(sheet: Sheet, own: Mapping[str, str]) -> Layout | None:
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


def _read_header(sheet: Sheet, row_no: int, above: list[Cell], row: list[Cell], own: Mapping[str, str]) -> Layout:
    layout = Layout(sheet, row_no, {})
    group = ""
    for index, cell in enumerate(row):
        text = header_text(cell)
        group_here = header_text(above[index]) if above else ""
        # A merged group has its word in the first cell only.
        group = group_here or group
        mine = find_own(text or group_here, own)
        if not mine and (member := member_part(group + text) or member_part(text)):
            layout.members.setdefault(member[0], {}).setdefault(member[1], index)
            continue
        field_name = mine
        for candidate in (group + text if text else "", text or group_here):
            field_name = field_name or (find_field(candidate) if candidate else "")
        if field_name:
            _place_column(layout, field_name, index)
        elif text or group_here:
            layout.unknown[index] = text or group_here
    for index, text in list(layout.unknown.items()):
        weak = WEAK_FIELDS.get(plain_header(text), "")
        if weak and weak not in layout.columns:
            layout.columns[weak] = index
            del layout.unknown[index]
    return layout


def _place_column(layout: Layout, field_name: str, index: int) -> None:
    first = layout.columns.setdefault(field_name, index)
    if first == index:
        return
    if field_name == "account" and layout.second_account is None and _words(layout, first) != _words(layout, index):
        layout.second_account = index
    else:
        layout.duplicates.append((first, index))


def _words(layout: Layout, index: int) -> str:
    return header_text(layout.sheet.rows[layout.header_row - 1][index])


def check_header(layout: Layout, missing: list[Column], problems: Problems) -> None:
    """Say which columns are there twice or not at all, and which unit is not ours."""
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
    if missing:
        names = "、".join(f"“{column.label}”" for column in missing)
        error = CellError(
            "missing_column",
            _("缺少必填的列：%(names)s。") % {"names": names},
            _("请补上这些列，或使用本项目的模板。"),
        )
        problems.add(error, sheet=sheet.name, row=layout.header_row)
    _check_unit(layout, problems)


def _check_unit(layout: Layout, problems: Problems) -> None:
    """A list in 万元 is not multiplied out: the clerk writes yuan (M30). Columns not read may have any unit."""
    others = set(layout.unknown)
    for row_no, row in enumerate(layout.sheet.rows[: layout.header_row], 1):
        for index, cell in enumerate(row):
            if isinstance(cell, str) and _WAN.search(header_text(cell)):
                if row_no == layout.header_row and index in others:
                    continue
                add_wrong_unit(layout, row_no, index, problems)


def add_wrong_unit(layout: Layout, row_no: int, index: int, problems: Problems) -> None:
    error = CellError("wrong_unit", _("金额单位不是元。"), _("请把金额改成以元为单位。"))
    cell = layout.sheet.rows[row_no - 1][index]
    problems.add(error, sheet=layout.sheet.name, row=row_no, column=index, cell=cell)


def split_body(layout: Layout) -> Body:
    """The claims below the header; empty rows, totals, signatures and repeated headers are not claims (M12, M13)."""
    body = Body([], [], amount_column=layout.columns["amount"])
    key = layout.key_column
    if key is None:
        key = layout.columns["beneficiary_id" if "beneficiary_id" in layout.columns else "head_id"]
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
    body.units += [
        (row_no, index)
        for index, cell in enumerate(row)
        if index not in layout.unknown and isinstance(cell, str) and _WAN.search(header_text(cell))
    ]
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
        names = "、".join(f"“{cell_text(name)[:20]}”" for name in list(layout.unknown.values())[:10])
        said.append(_("不认识的列%(names)s没有读，只随文件保存。") % {"names": names})
    hidden = [column_letter(i) for i in sorted(set(sheet.hidden_columns) & set(layout.columns.values()))]
    if hidden:
        said.append(_("隐藏的%(names)s列也读了。") % {"names": "、".join(hidden)})
    said += layout.said
    if sheet.formulas:
        said.append(_("有%(n)d个单元格是公式，按表里显示的数值读入。") % {"n": sheet.formulas})
    kept = [name for name in ("work_place", "transport", "filled_on") if name in layout.columns]
    if kept:
        labels = {"work_place": "务工地点", "transport": "乘坐交通工具", "filled_on": "填报日期"}
        names = "、".join(f"“{labels[name]}”" for name in kept)
        said.append(_("%(names)s只随文件保存，不进清册。") % {"names": names})
    return said

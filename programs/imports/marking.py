"""The clerk's own workbook back, with the bad cells coloured and commented and a summary in front."""

from __future__ import annotations

import logging
import zipfile
from collections import defaultdict
from io import BytesIO
from typing import Any

import openpyxl
from django.utils.translation import gettext as _
from openpyxl.cell import Cell as WrittenCell
from openpyxl.cell import MergedCell, WriteOnlyCell
from openpyxl.comments import Comment
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import column_index_from_string
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet.hyperlink import Hyperlink
from openpyxl.worksheet.worksheet import Worksheet

from programs.imports.layout import Layout
from programs.imports.problems import Problems
from subsidy_portal import sheets
from subsidy_portal.sheets import Problem

logger = logging.getLogger(__name__)

SUMMARY = "错误汇总"
# openpyxl needs a second for 2,000 rows: beyond this only the bad rows go back.
WHOLE_FILE_ROWS = 20_000

_BAD = PatternFill("solid", fgColor="FFD7D5")
_BOLD = Font(bold=True)
# What openpyxl raises on workbooks that other programs open; its readers have no error of their own.
_UNREADABLE = (
    InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError, IndexError,
)  # fmt: skip


def marked_workbook(content: bytes, layout: Layout | None, problems: Problems) -> bytes:
    """The workbook that goes back to the clerk: values are kept, formulas become their values."""
    if layout is None or len(layout.sheet.rows) <= WHOLE_FILE_ROWS:
        try:
            return _mark_own(content, problems)
        except _UNREADABLE as error:
            logger.warning("workbook not marked in place: %s", type(error).__name__)
    return _bad_rows(layout, problems)


def _mark_own(content: bytes, problems: Problems) -> bytes:
    workbook = openpyxl.load_workbook(BytesIO(content), data_only=True, keep_links=False)
    for problem in problems.found:
        if problem["sheet"] in workbook.sheetnames and problem["row"] and problem["column"]:
            _mark(workbook[problem["sheet"]][f"{problem['column']}{problem['row']}"], problem)
    summary = workbook.create_sheet(_free_name(workbook.sheetnames), 0)
    workbook.active = 0
    for sheet in workbook.worksheets[1:]:
        sheet.sheet_view.tabSelected = False
    _write_summary(summary, problems)
    return _saved(workbook)


def _free_name(taken: list[str]) -> str:
    """A second upload of a marked file brings its old summary along: that one is left to the clerk."""
    name, number = SUMMARY, 1
    while name in taken:
        number += 1
        name = f"{SUMMARY}{number}"
    return name


def _mark(cell: WrittenCell | MergedCell, problem: Problem) -> None:
    cell.fill = _BAD
    if isinstance(cell, MergedCell):
        return
    text = problem["message"] + problem["hint"]
    if cell.comment is not None and text not in cell.comment.text:
        text = f"{cell.comment.text}\n{text}"
    cell.comment = Comment(text, _("系统"), width=280, height=110)


def _write_summary(sheet: Worksheet, problems: Problems) -> None:
    """One line a problem, with a link to the cell; grouped counts first."""
    sheet.append([_("共%(n)d处错误，没有导入。改好后重新上传整份文件。") % {"n": problems.count}])
    sheet["A1"].font = Font(bold=True, size=14)
    by_message: dict[str, int] = defaultdict(int)
    for problem in problems.found:
        by_message[problem["message"]] += 1
    for message, count in sorted(by_message.items(), key=lambda item: -item[1])[:20]:
        sheet.append([_("%(n)d处") % {"n": count}, message])
    sheet.append([])
    titles = [_("工作表"), _("行"), _("列"), _("问题"), _("怎么改"), _("原内容")]
    sheet.append(titles)
    for cell in sheet[sheet.max_row]:
        cell.font = _BOLD
    sheet.freeze_panes = f"A{sheet.max_row + 1}"
    for problem in problems.found:
        sheet.append([""] * len(titles))
        row = sheet.max_row
        for index, value in enumerate(_summary_values(problem), 1):
            cell = sheet.cell(row, index)
            cell.value, cell.data_type = value, "s" if isinstance(value, str) else "n"
        if problem["row"] and problem["column"]:
            quoted = problem["sheet"].replace("'", "''")
            link = sheet.cell(row, 2)
            link.hyperlink = Hyperlink(link.coordinate, location=f"'{quoted}'!{problem['column']}{problem['row']}")
            link.style = "Hyperlink"
    for letter, width in zip("ABCDEF", (16, 8, 6, 60, 60, 24), strict=True):
        sheet.column_dimensions[letter].width = width


def _summary_values(problem: Problem) -> list[Any]:
    return [
        problem["sheet"],
        problem["row"] or "",
        problem["column"],
        problem["message"],
        problem["hint"],
        problem["shown"],
    ]


def _bad_rows(layout: Layout | None, problems: Problems) -> bytes:
    """A new workbook: the summary, and of the list only the header and the rows with something wrong."""
    workbook = openpyxl.Workbook()
    summary = workbook.worksheets[0]
    summary.title = SUMMARY
    _write_summary(summary, problems)
    if layout is not None:
        sheet = workbook.create_sheet(_("有错的行"))
        by_row: dict[int, dict[int, Problem]] = defaultdict(dict)
        for problem in problems.found:
            if problem["sheet"] == layout.sheet.name and problem["row"] and problem["column"]:
                by_row[problem["row"]][column_index_from_string(problem["column"]) - 1] = problem
        header = layout.sheet.rows[layout.header_row - 1]
        sheet.append([_text_cell(sheet, value) for value in (_("原行号"), *header)])
        for row_no, bad in sorted(by_row.items()):
            cells = [_text_cell(sheet, value) for value in layout.sheet.rows[row_no - 1]]
            for index, problem in bad.items():
                _mark(cells[index], problem)
            sheet.append([row_no, *cells])
        sheet.freeze_panes = "B2"
    return _saved(workbook)


def _text_cell(sheet: Worksheet, value: sheets.Cell) -> WrittenCell:
    """Everything as text: what begins with = stays what it looks like."""
    cell = WriteOnlyCell(sheet)
    cell.value = sheets.cell_text(value)
    cell.data_type, cell.number_format = "s", "@"
    return cell


def _saved(workbook: openpyxl.Workbook) -> bytes:
    out = BytesIO()
    workbook.save(out)
    return out.getvalue()

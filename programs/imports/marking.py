"""The clerk's own workbook back, with the bad cells coloured and commented and a summary in front.

What was corrected on screen stands in it as corrected. A file that is no .xlsx comes back as one, built from what was
read; a very large one as its bad rows alone.
"""

from __future__ import annotations

import logging
import re
import zipfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from io import BytesIO

import openpyxl
from django.utils.translation import gettext as _
from openpyxl.cell import Cell as WrittenCell
from openpyxl.cell import MergedCell, WriteOnlyCell
from openpyxl.comments import Comment
from openpyxl.styles import PatternFill
from openpyxl.utils import column_index_from_string, get_column_letter
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet.worksheet import Worksheet

from programs.imports.edits import Edit, apply_edits
from programs.imports.layout import Layout
from programs.imports.problems import Problems
from programs.imports.summary import SUMMARY, is_summary, write_summary
from subsidy_portal import sheets
from subsidy_portal.sheets import Problem

logger = logging.getLogger(__name__)

# openpyxl needs a second for 2,000 rows: beyond this only the bad rows go back.
WHOLE_FILE_ROWS = 20_000
AUTHOR = "一卡通"

_BAD_COLOUR, _CORRECTED_COLOUR = "FFFFD7D5", "FFE3F4E1"
_BAD = PatternFill("solid", fgColor=_BAD_COLOUR)
_CORRECTED = PatternFill("solid", fgColor=_CORRECTED_COLOUR)
# What openpyxl raises on workbooks that other programs open; its readers have no error of their own.
_UNREADABLE = (
    InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError, IndexError,
)  # fmt: skip
_MARKUP = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")

# Where a problem's cell stands in the workbook that goes back, as "'sheet'!P5"; empty for none.
Place = Callable[[Problem], str]


def marked_workbook(content: bytes, layout: Layout | None, problems: Problems, edits: Sequence[Edit] = ()) -> bytes:
    """The workbook that goes back to the clerk: values are kept, formulas become their values."""
    if layout is None or len(layout.sheet.rows) <= WHOLE_FILE_ROWS:
        try:
            return _mark_own(_whole(content, edits), problems)
        except _UNREADABLE as error:
            logger.warning("workbook not marked in place: %s", type(error).__name__)
    return _bad_rows(layout, problems)


def corrected_workbook(content: bytes, layout: Layout | None, edits: Sequence[Edit]) -> bytes:
    """The file as it was read when cells were corrected on screen, those cells coloured."""
    if layout is None or len(layout.sheet.rows) <= WHOLE_FILE_ROWS:
        try:
            return _saved(_whole(content, edits))
        except _UNREADABLE as error:
            logger.warning("workbook not corrected in place: %s", type(error).__name__)
    return _saved(_from_sheets([layout.sheet] if layout else [], edits))


def _whole(content: bytes, edits: Sequence[Edit]) -> openpyxl.Workbook:
    """The clerk's workbook with the corrections in it; marks of ours from an earlier time are gone."""
    if not content.startswith(b"PK\x03\x04"):
        read = sheets.read_workbook(content)
        apply_edits(read, edits)
        return _from_sheets(read.sheets, edits)
    workbook = openpyxl.load_workbook(BytesIO(content), data_only=True, keep_links=False)
    for sheet in workbook.worksheets:
        if is_summary(sheet):
            workbook.remove(sheet)
        else:
            _unmark(sheet)
    _write_edits(workbook, edits)
    return workbook


def _unmark(sheet: Worksheet) -> None:
    """A marked file that comes in again: our colour and our comments are not the clerk's."""
    for row in sheet.iter_rows():
        for cell in row:
            if cell.has_style and cell.fill.fgColor.rgb in {_BAD_COLOUR, _CORRECTED_COLOUR}:
                cell.fill = PatternFill()
            if cell.comment is not None and cell.comment.author == AUTHOR:
                cell.comment = None


def _write_edits(workbook: openpyxl.Workbook, edits: Sequence[Edit]) -> None:
    for edit in edits:
        if edit.sheet in workbook.sheetnames:
            cell = workbook[edit.sheet][f"{edit.column}{edit.row}"]
            if not isinstance(cell, MergedCell):
                cell.value, cell.data_type, cell.number_format = edit.value, "s", "@"
            cell.fill = _CORRECTED
            _comment(cell, _("已在网页上改正。"))


def _from_sheets(read: Sequence[sheets.Sheet], edits: Sequence[Edit]) -> openpyxl.Workbook:
    """A workbook built from what was read: texts stay texts, and nothing becomes a formula."""
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.worksheets[0])
    corrected = {edit.place for edit in edits}
    for sheet in read:
        page = workbook.create_sheet(sheet.name[:31])
        for row_no, row in enumerate(sheet.rows, 1):
            for index, value in enumerate(row):
                if value == "":
                    continue
                cell = page.cell(row_no, index + 1)
                cell.value = _MARKUP.sub("", value) if isinstance(value, str) else value
                if isinstance(value, str):
                    cell.data_type, cell.number_format = "s", "@"
                if corrected and (sheet.name, row_no, get_column_letter(index + 1)) in corrected:
                    cell.fill = _CORRECTED
        for (top, left), (bottom, right) in sheet.merged:
            page.merge_cells(start_row=top + 1, start_column=left + 1, end_row=bottom + 1, end_column=right + 1)
    return workbook


def _mark_own(workbook: openpyxl.Workbook, problems: Problems) -> bytes:
    for problem in problems.found:
        if problem["sheet"] in workbook.sheetnames and problem["row"] and problem["column"]:
            _mark(workbook[problem["sheet"]][f"{problem['column']}{problem['row']}"], problem)
    summary = workbook.create_sheet(_free_name(workbook.sheetnames), 0)
    workbook.active = 0
    for sheet in workbook.worksheets[1:]:
        sheet.sheet_view.tabSelected = False

    def place(problem: Problem) -> str:
        known = problem["sheet"] in workbook.sheetnames and problem["row"]
        return _location(problem["sheet"], problem["column"] or "A", problem["row"]) if known else ""

    write_summary(summary, problems, place)
    return _saved(workbook)


def _location(sheet: str, column: str, row: int) -> str:
    quoted = sheet.replace("'", "''")
    return f"'{quoted}'!{column}{row}"


def _free_name(taken: list[str]) -> str:
    """Beside a sheet that the clerk has called like ours."""
    name, number = SUMMARY, 1
    while name in taken:
        number += 1
        name = f"{SUMMARY}{number}"
    return name


def _mark(cell: WrittenCell | MergedCell, problem: Problem) -> None:
    cell.fill = _BAD
    _comment(cell, problem["message"] + problem["hint"])


def _comment(cell: WrittenCell | MergedCell, text: str) -> None:
    """Below what the clerk or we have written there already; high enough to be read without dragging."""
    if isinstance(cell, MergedCell):
        return
    if cell.comment is not None and text not in cell.comment.text:
        text = f"{cell.comment.text}\n{text}"
    lines = sum(1 + len(line) // 20 for line in text.split("\n"))
    cell.comment = Comment(text, AUTHOR, width=300, height=max(60, 24 + 20 * lines))


def _bad_rows(layout: Layout | None, problems: Problems) -> bytes:
    """A new workbook: the summary, and of the list only the header and the rows with something wrong."""
    workbook = openpyxl.Workbook()
    summary = workbook.worksheets[0]
    summary.title = SUMMARY
    places: dict[int, int] = {}  # row of the clerk → row here
    if layout is not None:
        places = _write_bad_rows(workbook.create_sheet(_("有错的行")), layout, problems)

    def place(problem: Problem) -> str:
        row = places.get(problem["row"])
        if row is None or layout is None or problem["sheet"] != layout.sheet.name:
            return ""
        shifted = column_index_from_string(problem["column"]) + 1 if problem["column"] else 1
        return _location(_("有错的行"), get_column_letter(shifted), row)

    write_summary(summary, problems, place)
    return _saved(workbook)


def _write_bad_rows(sheet: Worksheet, layout: Layout, problems: Problems) -> dict[int, int]:
    by_row: dict[int, dict[int, list[Problem]]] = defaultdict(lambda: defaultdict(list))
    for problem in problems.found:
        if problem["sheet"] == layout.sheet.name and problem["row"] and problem["column"]:
            by_row[problem["row"]][column_index_from_string(problem["column"]) - 1].append(problem)
    header = layout.sheet.rows[layout.header_row - 1]
    sheet.append([_text_cell(sheet, value) for value in (_("原行号"), *header)])
    for row_no, bad in sorted(by_row.items()):
        cells = [_text_cell(sheet, value) for value in layout.sheet.rows[row_no - 1]]
        for index, found in bad.items():
            for problem in found:
                _mark(cells[index], problem)
        sheet.append([row_no, *cells])
    sheet.freeze_panes = "B2"
    return {row_no: number for number, row_no in enumerate(sorted(by_row), 2)}


def _text_cell(sheet: Worksheet, value: sheets.Cell) -> WrittenCell:
    """Everything as text: what begins with = stays what it looks like."""
    cell = WriteOnlyCell(sheet)
    cell.value = _MARKUP.sub("", sheets.cell_text(value))
    cell.data_type, cell.number_format = "s", "@"
    return cell


def _saved(workbook: openpyxl.Workbook) -> bytes:
    out = BytesIO()
    workbook.save(out)
    return out.getvalue()

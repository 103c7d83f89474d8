"""An official table as .xlsx, laid out as the form prescribes: title, 填表单位 and unit, two-row header, remarks."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from selfcheck.official import TEXT, Line, Table
from subsidy_portal.tables import cell_value, save

ROW_HEIGHT = 21
TITLE_ROW, INFO_ROW, BAND_ROW, PART_ROW, FIRST_ROW = 1, 2, 3, 4, 5

_THIN = Side(style="thin", color="000000")
_BORDER = Border(left=_THIN, right=_THIN, top=_THIN, bottom=_THIN)
_CENTRE = Alignment(horizontal="center", vertical="center", wrap_text=True)
_LEFT = Alignment(horizontal="left", vertical="center", wrap_text=True)
_RIGHT = Alignment(horizontal="right", vertical="center")
_INDENT = Alignment(horizontal="left", vertical="center", wrap_text=True, indent=1)
_SMALL, _BOLD = Font(name="宋体", size=10), Font(name="宋体", size=10, bold=True)


def build_sheet(table: Table, name: str) -> bytes:
    """The workbook of ``table``; ``name`` names its only sheet. Nothing in it is a formula."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = name
    width = len(table.first) + len(table.heads)
    _write_title(sheet, table, width)
    _write_head(sheet, table)
    for row, line in enumerate(table.lines, FIRST_ROW):
        _write_line(sheet, row, line, table)
    after = FIRST_ROW + len(table.lines)
    for row, remark in enumerate(table.remarks, after):
        sheet.cell(row, 1, remark).font = _SMALL
        sheet.cell(row, 1).alignment = _LEFT
        sheet.merge_cells(start_row=row, end_row=row, start_column=1, end_column=width)
        sheet.row_dimensions[row].height = 20
    _set_page(sheet)
    return save(book)


def _write_title(sheet: Worksheet, table: Table, width: int) -> None:
    title = sheet.cell(TITLE_ROW, 1, table.title)
    title.font, title.alignment = Font(name="宋体", size=16, bold=True), _CENTRE
    sheet.merge_cells(start_row=TITLE_ROW, end_row=TITLE_ROW, start_column=1, end_column=width)
    half = width // 2
    sheet.cell(INFO_ROW, 1, f"填表单位：{table.unit}").font = _SMALL
    sheet.merge_cells(start_row=INFO_ROW, end_row=INFO_ROW, start_column=1, end_column=half)
    measure = sheet.cell(INFO_ROW, half + 1, table.measure)
    measure.font, measure.alignment = _SMALL, _RIGHT
    sheet.merge_cells(start_row=INFO_ROW, end_row=INFO_ROW, start_column=half + 1, end_column=width)


def _write_head(sheet: Worksheet, table: Table) -> None:
    """One name over several parts, or one name down both rows."""
    columns = [(name, "") for name in table.first] + [(head.band, head.part) for head in table.heads]
    names = (12,) if len(table.first) == 1 else (6, 34 if len(table.heads) < 18 else 16)
    widths = [*names, *(head.width for head in table.heads)]
    for place, width in enumerate(widths, 1):
        sheet.column_dimensions[get_column_letter(place)].width = width
    for place, texts in enumerate(columns, 1):
        for row, text in zip((BAND_ROW, PART_ROW), texts, strict=True):
            cell = sheet.cell(row, place, text or None)
            cell.font, cell.alignment, cell.border = _BOLD, _CENTRE, _BORDER
    place = 1
    for (_band, is_group), group in groupby(columns, key=lambda pair: (pair[0], bool(pair[1]))):
        last = place + len(list(group)) - 1
        bottom = BAND_ROW if is_group else PART_ROW
        sheet.merge_cells(start_row=BAND_ROW, end_row=bottom, start_column=place, end_column=last)
        place = last + 1


def _write_line(sheet: Worksheet, row: int, line: Line, table: Table) -> None:
    cell: Any
    font = _BOLD if line.look in {"head", "total"} else _SMALL
    names = (line.number, line.name) if len(table.first) > 1 else (line.name,)
    sheet.row_dimensions[row].height = ROW_HEIGHT
    for place, text in enumerate(names, 1):
        cell = sheet.cell(row, place, int(text) if text.isdecimal() and place < len(names) else text or None)
        cell.font, cell.border = font, _BORDER
        cell.alignment = _CENTRE if place < len(names) or line.look in {"head", "total"} else (
            _INDENT if line.look == "sub" else _LEFT)  # fmt: skip
    for place, head in enumerate(table.heads, len(names)):
        value: Any = line.cells[place - len(names)] if line.cells else None
        cell = sheet.cell(row, place + 1)
        cell.value = cell_value(value, head.format)
        if isinstance(value, str):
            cell.data_type = "s"  # text stays text, also when it begins with an equals sign
        cell.number_format = head.format.strip()
        cell.font, cell.border, cell.alignment = (
            font,
            _BORDER,
            _LEFT if head.format == TEXT and head.width > 10 else _RIGHT,
        )


def _set_page(sheet: Worksheet) -> None:
    sheet.freeze_panes = f"C{FIRST_ROW}"
    sheet.row_dimensions[TITLE_ROW].height = 34
    sheet.row_dimensions[BAND_ROW].height = 22
    sheet.row_dimensions[PART_ROW].height = 58
    sheet.row_dimensions[INFO_ROW].height = ROW_HEIGHT
    sheet.print_title_rows = f"{BAND_ROW}:{PART_ROW}"
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", sheet.PAPERSIZE_A3
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.oddFooter.center.text = "第 &P 页，共 &N 页"  # type: ignore[union-attr]

"""Tables as workbooks: official look, amounts as numbers in yuan, nothing in them is a formula."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO
from typing import Any
from urllib.parse import quote

from django.http import HttpResponse
from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from subsidy_portal import money

TEXT, COUNT, YUAN, WAN, DATE = "@", "#,##0", "#,##0.00", "#,##0.00 ", "yyyy-mm-dd"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_THIN = Side(style="thin", color="000000")
_BORDER = Border(left=_THIN, right=_THIN, top=_THIN, bottom=_THIN)
_CENTRE = Alignment(horizontal="center", vertical="center", wrap_text=True)
_SIDE = {TEXT: Alignment(horizontal="left", vertical="center", wrap_text=True), DATE: _CENTRE}
_RIGHT = Alignment(horizontal="right", vertical="center")


@dataclass(frozen=True)
class Column:
    """A column: YUAN and WAN take fen and show yuan or 万元; TEXT keeps identifiers as they are."""

    title: str
    width: int
    format: str = TEXT


def cell_value(value: Any, number_format: str) -> Any:
    """Fen as exact yuan or as 万元 rounded half up once; everything else as it is."""
    if value is None or isinstance(value, str):
        return value
    if number_format == YUAN:
        return Decimal(value).scaleb(-2)
    if number_format == WAN:
        return Decimal(money.format_wan(value).replace(",", ""))
    return value


def write_table(
    sheet: Worksheet,
    *,
    title: str,
    note: str,
    columns: Sequence[Column],
    rows: Iterable[Sequence[Any]],
    total: Sequence[Any] | None = None,
) -> None:
    """Title, one line of facts, a header that repeats on every printed page, rows, and their total."""
    width = len(columns)
    head = sheet.cell(1, 1, title)
    head.font, head.alignment = Font(name="宋体", size=16, bold=True), _CENTRE
    sheet.merge_cells(start_row=1, end_row=1, start_column=1, end_column=width)
    sheet.cell(2, 1, note).font = Font(name="宋体", size=10)
    for place, column in enumerate(columns, 1):
        cell = sheet.cell(3, place, column.title)
        cell.font, cell.alignment, cell.border = Font(name="宋体", size=10, bold=True), _CENTRE, _BORDER
        sheet.column_dimensions[get_column_letter(place)].width = column.width
    last = 3
    for last, row in enumerate(rows, 4):
        _write_row(sheet, last, columns, row)
    if total is not None:
        _write_row(sheet, last + 1, columns, total, bold=True)
    _set_page(sheet)


def _write_row(
    sheet: Worksheet, row: int, columns: Sequence[Column], values: Sequence[Any], bold: bool = False
) -> None:
    for place, (column, value) in enumerate(zip(columns, values, strict=True), 1):
        cell = sheet.cell(row, place)
        cell.value = cell_value(value, column.format)
        if isinstance(value, str):
            cell.data_type = "s"  # text stays text, also when it begins with an equals sign
        cell.number_format = column.format.strip()
        cell.font, cell.border = Font(name="宋体", size=10, bold=bold), _BORDER
        cell.alignment = _SIDE.get(column.format, _RIGHT)


def _set_page(sheet: Worksheet) -> None:
    sheet.freeze_panes = "A4"
    sheet.row_dimensions[1].height = 32
    sheet.row_dimensions[3].height = 28
    sheet.print_title_rows = "3:3"
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", sheet.PAPERSIZE_A4
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.oddFooter.center.text = "第 &P 页，共 &N 页"  # type: ignore[union-attr]


def save(book: Workbook) -> bytes:
    target = BytesIO()
    book.save(target)
    return target.getvalue()


def workbook_response(content: bytes, name: str) -> HttpResponse:
    """A workbook as a download under its Chinese name."""
    response = HttpResponse(content, content_type=XLSX)
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    response["Cache-Control"] = "no-store"
    return response

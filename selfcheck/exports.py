"""The ledger as the official table: the columns of domain §11, in their order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO
from typing import Any

from django.conf import settings
from openpyxl import Workbook
from openpyxl.cell import Cell, MergedCell
from openpyxl.styles import Alignment, Border, Font, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from selfcheck.models import Problem
from selfcheck.taxonomy import ANNEX2_COLUMNS
from subsidy_portal import clock

# More than this is not a table for people any more; the page asks for a narrower choice.
MAX_ROWS = 5_000

TEXT, COUNT, YUAN, DATE = "@", "#,##0", "#,##0.00", "yyyy-mm-dd"


@dataclass(frozen=True)
class Column:
    """One column: ``band`` is the name in domain §11, ``part`` its half below the band where it has several."""

    band: str
    part: str
    width: int
    format: str
    value: Callable[[Problem], Any]
    total: bool = False


def _day(at: dt.datetime | None) -> dt.date | None:
    return at.astimezone(clock.CHINA).date() if at else None


def _vouchers(problem: Problem) -> str:
    kept = [recovery for recovery in problem.recoveries.all() if recovery.voucher]
    return "、".join(dict.fromkeys(recovery.voucher for recovery in kept))


def _progress(problem: Problem) -> str:
    return "：".join(filter(None, (str(problem.get_status_display()), problem.progress)))


COLUMNS: tuple[Column, ...] = (
    Column("编号", "", 13, TEXT, lambda p: p.number),
    Column("来源", "", 10, TEXT, lambda p: p.get_source_display()),
    Column("发现日期", "", 12, DATE, lambda p: p.found_on),
    Column("责任单位", "", 20, TEXT, lambda p: p.unit.name),
    Column("涉及项目", "", 22, TEXT, lambda p: p.program.name if p.program else ""),
    Column("年度", "", 8, "0", lambda p: p.year),
    Column("问题类别", "", 26, TEXT, lambda p: f"{p.category} {p.get_category_display()}"),
    Column("附件2列", "", 18, TEXT, lambda p: f"{p.annex2_column} {ANNEX2_COLUMNS[p.annex2_column]}"),
    Column("问题描述", "", 44, TEXT, lambda p: p.description),
    Column("涉及人数/户数", "人数", 8, COUNT, lambda p: p.persons, True),
    Column("涉及人数/户数", "户数", 8, COUNT, lambda p: p.households, True),
    Column("涉及金额（元）", "", 15, YUAN, lambda p: p.amount_fen, True),
    Column("违规卡数", "", 9, COUNT, lambda p: p.cards, True),
    Column("是否立行立改", "", 9, TEXT, lambda p: "是" if p.fix_now else "否"),
    Column("整改措施", "", 36, TEXT, lambda p: p.measures),
    Column("责任领导", "", 10, TEXT, lambda p: p.leader),
    Column("责任人", "", 10, TEXT, lambda p: p.owner),
    Column("整改时限", "", 12, DATE, lambda p: p.due_on),
    Column("进展", "", 30, TEXT, _progress),
    Column("追缴应收/已收/缴入国库凭证", "应收（元）", 15, YUAN, lambda p: p.recovery_due_fen, True),
    Column("追缴应收/已收/缴入国库凭证", "已收（元）", 15, YUAN, lambda p: p.recovered_fen, True),
    Column("追缴应收/已收/缴入国库凭证", "缴入国库凭证", 20, TEXT, _vouchers),
    Column("返还发放应发/已发", "应发（元）", 15, YUAN, lambda p: p.restitution_due_fen, True),
    Column("返还发放应发/已发", "已发（元）", 15, YUAN, lambda p: p.restitution_paid_fen, True),
    Column("处理人员", "", 16, TEXT, lambda p: p.sanctions),
    Column("线索移交（单位、日期、编号、结果）", "", 24, TEXT, lambda p: p.transfer),
    Column("制度建设", "", 20, TEXT, lambda p: p.institution),
    Column("销号申请日/佐证", "申请日", 12, DATE, lambda p: _day(p.close_requested_at)),
    Column("销号申请日/佐证", "佐证", 24, TEXT, lambda p: "、".join(e.title for e in p.evidence.all())),
    Column("复核人/日期/结论", "复核人", 10, TEXT, lambda p: str(p.reviewed_by or "")),
    Column("复核人/日期/结论", "日期", 12, DATE, lambda p: p.closed_on if p.reviewed_by else None),
    Column("复核人/日期/结论", "结论", 26, TEXT, lambda p: p.review_note),
    Column("销号日期", "", 12, DATE, lambda p: p.closed_on),
    Column("公开日期与链接", "日期", 12, DATE, lambda p: p.published_on),
    Column("公开日期与链接", "链接", 24, TEXT, lambda p: p.published_url),
    Column("逾期天数", "", 9, COUNT, lambda p: p.overdue_days),
)
TITLE_ROW, INFO_ROW, BAND_ROW, PART_ROW = 1, 2, 3, 4

_THIN = Side(style="thin", color="000000")
_BORDER = Border(left=_THIN, right=_THIN, top=_THIN, bottom=_THIN)
_CENTRE = Alignment(horizontal="center", vertical="center", wrap_text=True)
_LEFT = Alignment(horizontal="left", vertical="center", wrap_text=True)
_RIGHT = Alignment(horizontal="right", vertical="center")


def build_ledger(problems: Iterable[Problem], *, unit: str) -> bytes:
    """The xlsx of ``problems`` (from ``for_export``), filled in by ``unit``.

    Amounts are numbers in yuan, numbers of things text; nothing in it is a formula.
    """
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "问题台账"
    _write_head(sheet, unit)
    totals = [0] * len(COLUMNS)
    row = PART_ROW
    for row, problem in enumerate(problems, PART_ROW + 1):
        values = [column.value(problem) for column in COLUMNS]
        _write_row(sheet, row, values)
        totals = [total + value if c.total else 0 for c, total, value in zip(COLUMNS, totals, values, strict=True)]
    sums: list[Any] = [total if c.total else None for c, total in zip(COLUMNS, totals, strict=True)]
    _write_row(sheet, row + 1, ["合计", *sums[1:]], bold=True)
    _set_page(sheet, row + 1)
    target = BytesIO()
    book.save(target)
    return target.getvalue()


def _write_head(sheet: Worksheet, unit: str) -> None:
    width = len(COLUMNS)
    title = sheet.cell(TITLE_ROW, 1, f"{settings.COUNTY_NAME}惠民惠农财政补贴资金“一卡通”问题台账")
    title.font, title.alignment = Font(name="宋体", size=18, bold=True), _CENTRE
    sheet.merge_cells(start_row=TITLE_ROW, end_row=TITLE_ROW, start_column=1, end_column=width)
    today = clock.today()
    _put(sheet.cell(INFO_ROW, 1), f"填表单位：{unit}", TEXT)
    _put(sheet.cell(INFO_ROW, width), f"{today.year}年{today.month}月{today.day}日", TEXT)
    sheet.cell(INFO_ROW, width).alignment = _RIGHT
    for place, column in enumerate(COLUMNS, 1):
        for row, text in ((BAND_ROW, column.band), (PART_ROW, column.part)):
            cell = sheet.cell(row, place, text)
            cell.font, cell.alignment, cell.border = Font(name="宋体", size=10, bold=True), _CENTRE, _BORDER
        sheet.column_dimensions[get_column_letter(place)].width = column.width
    _merge_bands(sheet)


def _merge_bands(sheet: Worksheet) -> None:
    """One name over several parts, or one name down both rows."""
    place = 1
    while place <= len(COLUMNS):
        band = COLUMNS[place - 1].band
        last = place
        while last < len(COLUMNS) and COLUMNS[last].band == band:
            last += 1
        bottom = BAND_ROW if last > place else PART_ROW
        sheet.merge_cells(start_row=BAND_ROW, end_row=bottom, start_column=place, end_column=last)
        place = last + 1


def _write_row(sheet: Worksheet, row: int, values: Sequence[Any], *, bold: bool = False) -> None:
    for place, (column, value) in enumerate(zip(COLUMNS, values, strict=True), 1):
        cell = sheet.cell(row, place)
        _put(cell, value, column.format)
        cell.font, cell.border = Font(name="宋体", size=10, bold=bold), _BORDER
        cell.alignment = {TEXT: _LEFT, DATE: _CENTRE}.get(column.format, _RIGHT)


def _put(cell: Cell | MergedCell, value: Any, number_format: str) -> None:
    """Fen become exact yuan; text stays text, also when it begins with an equals sign."""
    if isinstance(value, str):
        cell.value = "".join(c for c in value if c.isprintable() or c == "\n") or None
        cell.data_type = "s" if cell.value else "n"
    else:
        cell.value = Decimal(value).scaleb(-2) if number_format == YUAN and value is not None else value
    cell.number_format = number_format


def _set_page(sheet: Worksheet, last_row: int) -> None:
    sheet.freeze_panes = f"B{PART_ROW + 1}"
    sheet.row_dimensions[TITLE_ROW].height = 34
    sheet.row_dimensions[BAND_ROW].height = 30
    sheet.row_dimensions[PART_ROW].height = 20
    sheet.auto_filter.ref = f"A{PART_ROW}:{get_column_letter(len(COLUMNS))}{max(last_row - 1, PART_ROW)}"
    sheet.print_title_rows = f"{BAND_ROW}:{PART_ROW}"
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = sheet.PAPERSIZE_A3
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.oddFooter.center.text = "第 &P 页，共 &N 页"  # type: ignore[union-attr]

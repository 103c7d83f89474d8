"""Tables of money as workbooks: official look, amounts as numbers in yuan, nothing in them is a formula."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings
from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from disbursement.models import MonthClose
from disbursement.month_balances import balances
from disbursement.statistics import Share, Summary
from subsidy_portal import clock
from subsidy_portal.tables import COUNT, DATE, WAN, YUAN, Column, save, write_table

MONTH_COLUMNS = (
    Column("代发银行", 16),
    Column("补贴项目", 22),
    Column("日期", 12, DATE),
    Column("发送笔数", 10, COUNT),
    Column("发送金额（元）", 16, YUAN),
    Column("已付笔数", 10, COUNT),
    Column("已付金额（元）", 16, YUAN),
    Column("失败笔数", 10, COUNT),
    Column("失败金额（元）", 14, YUAN),
    Column("退票笔数", 10, COUNT),
    Column("退票金额（元）", 14, YUAN),
    Column("对账单付出（元）", 16, YUAN),
    Column("对账单退回（元）", 14, YUAN),
    Column("已查明（元）", 14, YUAN),
    Column("差额（元）", 14, YUAN),
)
_MONTH_FIGURES = (
    "sent_count", "sent_fen", "paid_count", "paid_fen", "failed_count", "failed_fen", "returned_count",
    "returned_fen", "debit_fen", "credit_fen", "explained_fen", "difference_fen",
)  # fmt: skip


BALANCE_COLUMNS = (
    Column("代发银行", 16),
    Column("首份对账单号", 12, COUNT),
    Column("末份对账单号", 12, COUNT),
    Column("份数", 8, COUNT),
    Column("缺号", 8, COUNT),
    Column("期初余额（元）", 16, YUAN),
    Column("拨入（元）", 16, YUAN),
    Column("付出（元）", 16, YUAN),
    Column("退回（元）", 14, YUAN),
    Column("期末余额（元）", 16, YUAN),
    Column("差额（元）", 14, YUAN),
)


def month_workbook(close: MonthClose) -> bytes:
    """The sheet of a month as it was signed or prepared, with its signatures."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = f"{close.month:%Y-%m}"
    closed = f"复核：{close.closed_by}（{_day(close.closed_at)}）" if close.closed_by else "复核：待签"
    rows = [
        (
            row["bank"],
            row["program"] or "（没有对应付款）",
            dt.date.fromisoformat(row["day"]),
            *(row[f] for f in _MONTH_FIGURES),
        )
        for row in close.sheet["rows"]
    ]
    write_table(
        sheet,
        title=f"{settings.COUNTY_NAME}惠民惠农补贴资金“一卡通”{close.month.year}年{close.month.month}月对账表",
        note=f"编制：{close.made_by}（{_day(close.made_at)}）　{closed}",
        columns=MONTH_COLUMNS,
        rows=rows,
        total=("合计", "", None, *(close.sheet["totals"][f] for f in _MONTH_FIGURES)),
    )
    signed_by = f"编制：{close.made_by}　复核：{close.closed_by or '待签'}"
    _write_balances(book.create_sheet("专户余额"), close, signed_by)
    return save(book)


def _write_balances(sheet: Worksheet, close: MonthClose, note: str) -> None:
    """Each account of the county: opening + funding − debits + credits = closing, and which statements say so."""
    write_table(
        sheet,
        title=f"{settings.COUNTY_NAME}{close.month.year}年{close.month.month}月代发专户余额",
        note=note,
        columns=BALANCE_COLUMNS,
        rows=[
            (
                line.bank, *line.numbers, line.statements, line.missing, line.opening_fen, line.funding_fen,
                line.debit_fen, line.credit_fen, line.closing_fen, line.difference_fen,
            )
            for line in balances(close.month)
        ],
    )  # fmt: skip


def _day(at: dt.datetime | None) -> str:
    return f"{at.astimezone(clock.CHINA):%Y-%m-%d}" if at else ""


SHARE_COLUMNS = (
    Column("人次", 12, COUNT),
    Column("应发（万元）", 14, WAN),
    Column("已发（万元）", 14, WAN),
    Column("已发（元）", 18, YUAN),
    Column("成功（笔）", 12, COUNT),
    Column("失败（笔）", 10, COUNT),
    Column("未出结果（笔）", 12, COUNT),
    Column("成功率", 10),
    Column("首次成功率", 12),
    Column("社保卡占比", 12),
)


def share_values(share: Share) -> tuple[Any, ...]:
    return (
        share.payments, share.amount_fen, share.paid_fen, share.paid_fen, share.paid, share.failed, share.open,
        share.success_rate, share.first_pass_rate, share.ssc_share,
    )  # fmt: skip


def statistics_workbook(found: Summary, *, unit: str) -> bytes:
    """The overview of one year as of one day: the official line, then by program, township, bank and month."""
    book = Workbook()
    county, year = settings.COUNTY_NAME, found.year
    day = f"{found.as_of.year}年{found.as_of.month}月{found.as_of.day}日"
    note = f"填表单位：{unit}　截至{day}"
    write_table(
        book.worksheets[0],
        title=f"{county}{year}年惠民惠农财政补贴资金“一卡通”发放情况",
        note=note,
        columns=(
            Column("补贴项目（项）", 16, COUNT),
            Column("发放批次（个）", 16, COUNT),
            Column("发放金额（万元）", 18, WAN),
            Column("享受补贴群众（人次）", 20, COUNT),
            Column("享受补贴群众（人）", 18, COUNT),
            Column("发放成功率", 14),
            Column("首次成功率", 14),
            Column("社保卡占比", 14),
        ),
        rows=[
            (
                found.programs, found.batches, found.amount_fen, found.payments, found.persons, found.success_rate,
                found.first_pass_rate, found.ssc_share,
            )
        ],
    )  # fmt: skip
    book.worksheets[0].title = "发放情况"
    parts = (
        ("按项目", "补贴项目", found.by_program),
        ("按乡镇", "乡镇（街道）", found.by_township),
        ("按银行", "代发银行", found.by_bank),
        ("按月", "放行月份", found.by_month),
    )
    for title, label, shares in parts:
        write_table(
            book.create_sheet(title),
            title=f"{county}{year}年惠民惠农补贴发放情况（{title}）",
            note=note,
            columns=(Column(label, 30), *SHARE_COLUMNS),
            rows=[(share.name, *share_values(share)) for share in shares],
            total=("合计", *share_values(found)),
        )
    return save(book)

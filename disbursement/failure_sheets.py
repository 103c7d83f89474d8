"""《发放失败未修改人信息》 by township (R41), and the sheet on which a township corrects many accounts at once."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.utils.translation import gettext as _
from openpyxl import Workbook
from openpyxl.styles import PatternFill, Protection
from openpyxl.worksheet.datavalidation import DataValidation

from disbursement.correction_columns import COLUMNS, FIXED, SHEET
from disbursement.failure_lines import FailedLine, by_township
from disbursement.models import Bank
from programs.models import Account
from subsidy_portal import clock
from subsidy_portal.tables import COUNT, DATE, YUAN, Column, save, write_table

_REPORT = (
    Column("序号", 6, COUNT), Column("村（居）", 14), Column("享受人", 10), Column("收款人", 10),
    Column("身份证号", 20), Column("补贴项目", 18), Column("期间", 10), Column("批次", 14),
    Column("金额（元）", 12, YUAN), Column("失败日期", 12, DATE), Column("原因", 26), Column("开户银行", 14),
    Column("账号尾号", 10), Column("由谁办", 10), Column("期限", 12, DATE), Column("逾期（天）", 10, COUNT),
)  # fmt: skip


def uncorrected_workbook(lines: Sequence[FailedLine]) -> bytes:
    """One sheet a township; ID numbers masked, accounts by their last four."""
    book = Workbook()
    first = book.worksheets[0]
    groups = by_township(lines) or {_("没有"): []}
    for n, (town, own) in enumerate(groups.items()):
        sheet = first if n == 0 else book.create_sheet()
        sheet.title = town[:31]
        write_table(
            sheet,
            title=f"{settings.COUNTY_NAME}{town}惠民惠农补贴发放失败未修改人信息",
            note=f"截至：{clock.today():%Y-%m-%d}　单位：元",
            columns=_REPORT,
            rows=[_report_row(at, line) for at, line in enumerate(own, 1)],
            total=(_("合计"), *[""] * 7, sum(line.payment.amount_fen for line in own), *[""] * 7),
        )
    return save(book)


def _report_row(at: int, line: FailedLine) -> tuple[object, ...]:
    p = line.payment
    return (
        at, p.area.name, p.beneficiary.name, p.payee.name, p.payee.masked_id, p.program.short_name, p.period,
        p.batch.number, p.amount_fen, line.failed_on, f"{line.reason.code} {line.reason.meaning}",
        p.account.bank.short_name, p.account.number_last4, str(line.reason.owner_label), line.due_on,
        max((clock.today() - line.due_on).days, 0),
    )  # fmt: skip


# --- Many corrections on one sheet ----------------------------------------------------------------------------

_YELLOW = PatternFill("solid", fgColor="FFF6D6")


def correction_workbook(lines: Sequence[FailedLine]) -> bytes:
    """The failed payments a township may correct, with only the account's cells open."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = SHEET
    rows = [(*_fixed(line), line.payment.account.bank.name, "社会保障卡", "", "") for line in lines]
    rows = [(*row[: len(FIXED)], "", *row[len(FIXED) :]) for row in rows]
    write_table(
        sheet,
        title=f"{settings.COUNTY_NAME}失败付款账户更正表",
        note="只填黄色的格：新账号照卡面填；银行户名和收款人相同的不填；不更正的行不填新账号。人和金额不能改。",
        columns=COLUMNS,
        rows=rows,
    )
    last = len(rows) + 3
    for row in sheet.iter_rows(min_row=4, max_row=last, min_col=len(FIXED) + 1, max_col=len(COLUMNS)):
        for cell in row:
            cell.protection, cell.fill, cell.number_format = Protection(locked=False), _YELLOW, "@"
    for letter, words in (("K", _banks()), ("L", [str(label) for _value, label in Account.Kind.choices])):
        choice = DataValidation(type="list", formula1=f'"{",".join(words)}"', allow_blank=True)
        sheet.add_data_validation(choice)
        choice.add(f"{letter}4:{letter}{max(last, 4)}")
    sheet.protection.sheet = True
    return save(book)


def _banks() -> list[str]:
    return [bank.organisation.name for bank in Bank.objects.filter(is_active=True).select_related("organisation")]


def _fixed(line: FailedLine) -> tuple[object, ...]:
    p = line.payment
    return (
        str(p.pk), p.payee.name, p.payee.masked_id, p.area.name, p.program.short_name, p.period, p.amount_fen,
        p.account.number_last4, f"{line.reason.code} {line.reason.meaning}",
    )  # fmt: skip

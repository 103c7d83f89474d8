"""Last period's roster as this period's file: the same people with the accounts they have now, to edit and upload."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from io import BytesIO
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from openpyxl import Workbook
from openpyxl.styles import Font

from programs import periods
from programs.amount_rules import AGE, QUANTITY, STANDARD, AmountRule, Number, RuleError, age_on, rule_name
from programs.imports.amounts import rule_of
from programs.imports.columns import template_columns
from programs.imports.template import FIRST_ROW, SHEET, add_header, template_workbook
from programs.models import Account, Dataset, DatasetRow, Person, Roster, RosterRow
from subsidy_portal import crypto
from subsidy_portal.money import format_yuan

LEFT_SHEET = "没有带过来的人"
# A workbook of more is not what a person edits, and openpyxl would take a gigabyte for it.
MAX_ROWS = 30_000


@dataclass(frozen=True)
class Remark:
    """One row of last period that is not simply the same again."""

    row_no: int
    name: str
    masked_id: str
    reason: str


@dataclass
class Forward:
    """The workbook and what it says about itself."""

    content: bytes = b""
    rows: int = 0
    amount_fen: int = 0
    left_out: list[Remark] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)  # of rows that came along


def copy_forward(before: Roster, period: str) -> Forward:
    """The current rows of ``before`` as a filled-in template for ``period``.

    Who was struck out, has died or moved away since is left out and listed. Accounts are those in use now; where
    the program has a rule the amount is reckoned anew. The file holds full ID and account numbers.
    """
    writer = _Writer(before, period)
    for row in _rows(before).iterator(chunk_size=2_000):
        writer.add(row)
    return writer.finish()


def _rows(before: Roster) -> QuerySet[RosterRow]:
    rows = RosterRow.objects.filter(roster=before, revision=before.revision).order_by("row_no")
    return rows.select_related("beneficiary", "payee", "head", "account__bank", "area")


def _gone(before: Roster) -> dict[bytes, str]:
    """Blind index of an ID number → why this person is not paid again, of everybody in ``before``."""
    rows = RosterRow.objects.filter(roster=before, revision=before.revision)
    people = Person.objects.filter(pk__in=rows.values("beneficiary")) | Person.objects.filter(
        pk__in=rows.values("payee")
    )
    kinds = (Dataset.Kind.MOVE_OUT, Dataset.Kind.DEATH)  # a death outweighs a move
    found: dict[bytes, str] = {}
    for kind in kinds:
        hits = DatasetRow.objects.filter(dataset__status="imported", kind=kind, id_hash__in=people.values("id_hash"))
        for id_hash, day in hits.values_list("id_hash", "event_on"):
            words = _("已死亡") if kind == Dataset.Kind.DEATH else _("户口已迁出")
            found[bytes(id_hash)] = f"{words}（{day}）" if day else words
    return found


class _Writer:
    def __init__(self, before: Roster, period: str) -> None:
        self.before, self.program = before, before.program
        self.first_on = periods.period_days(period)[0]
        self.rule = rule_of(self.program)
        self.gone = _gone(before)
        self.accounts = _accounts_in_use(before)
        self.own = list(self.program.columns.all())
        self.book = template_workbook(self.program, before.area, period)
        self.columns = [column.label for column in template_columns(self.program)]
        self.done = Forward()
        self._add_columns()

    def _add_columns(self) -> None:
        """Columns the template lacks, where last period needs them."""
        rows = RosterRow.objects.filter(roster=self.before, revision=self.before.revision)
        sheet = self.book[SHEET]
        needed = {
            "分项": rows.exclude(item="").exists(),
            "数量": rows.exclude(quantity=1).exists(),
            "户名": True,
            "账户种类": True,
        }
        for label in (label for label, is_needed in needed.items() if is_needed and label not in self.columns):
            self.columns.append(label)
            add_header(sheet, len(self.columns), label)

    def add(self, row: RosterRow) -> None:
        reason = self._why_not(row)
        if reason:
            self.done.left_out.append(_remark(row, reason))
            return
        account = self.accounts.get(row.payee_id, {})
        now = row.account if row.account_id in account else next(iter(account.values()), None)
        if now is None:
            self.done.remarks.append(_remark(row, _("没有在用的账户，请补填银行账号")))
        elif now.pk != row.account_id:
            self.done.remarks.append(_remark(row, _("账户已换成现在用的，尾号%s") % now.number_last4))
        fen = self._amount(row)
        values = self._values(row, now, fen)
        sheet = self.book[SHEET]
        for index, label in enumerate(self.columns, 1):
            if (value := values.get(label)) not in (None, ""):
                cell = sheet.cell(FIRST_ROW + self.done.rows, index)
                cell.value, cell.number_format = value, "@"
        self.done.rows += 1
        self.done.amount_fen += fen

    def _why_not(self, row: RosterRow) -> str:
        if row.status == RosterRow.Status.LEFT:
            return _("上期已剔除")
        if reason := self.gone.get(bytes(row.beneficiary.id_hash)):
            return reason
        payee = self.gone.get(bytes(row.payee.id_hash), "")
        return _("收款人%s，请换收款人后自行添上") % payee if payee else ""

    def _amount(self, row: RosterRow) -> int:
        if self.rule is None:
            return row.amount_fen
        fen = _reckon(self.rule, row, self.first_on)
        if fen is None or fen <= 0:
            self.done.remarks.append(_remark(row, _("按算法得不出金额，沿用上期的，请核对")))
            return row.amount_fen
        if fen != row.amount_fen:
            said = _("金额按算法由%(old)s元改为%(new)s元") % {
                "old": format_yuan(row.amount_fen), "new": format_yuan(fen)
            }  # fmt: skip
            self.done.remarks.append(_remark(row, said))
        return fen

    def _values(self, row: RosterRow, account: Account | None, fen: int) -> dict[str, str]:
        phone = row.beneficiary.phone_sealed
        head = row.head
        return {
            "排序序号": str(self.done.rows + 1),
            "户主姓名": head.name if head else "",
            "户主身份证号": head.reveal_id_number() if head else "",
            "收款人姓名": row.payee.name,
            "收款人身份证号": row.payee.reveal_id_number(),
            "银行账号": account.reveal_number() if account else "",
            "账户种类": str(account.get_kind_display()) if account else "",
            "户名": account.name_at_bank if account and account.name_at_bank != row.payee.name else "",
            "开户银行": account.bank.name if account else "",
            "村(居)委会": row.area.name,
            "村(居)民小组": row.group_no or "无",
            "享受人": row.beneficiary.name,
            "享受人身份证号": row.beneficiary.reveal_id_number(),
            "联系电话": crypto.decrypt(phone, Person.phone_place(row.beneficiary_id)) if phone else "",
            "分项": row.item,
            "数量": str(row.quantity),
            "补贴标准": format_yuan(row.standard_fen, comma=False) if row.standard_fen else "",
            "补贴金额": format_yuan(fen, comma=False),
            "备注": row.note,
            **{column.label: row.reveal_extra(column.label) for column in self.own},
        }

    def finish(self) -> Forward:
        if self.done.left_out or self.done.remarks:
            _write_remarks(self.book, self.done)
        out = BytesIO()
        self.book.save(out)
        self.done.content = out.getvalue()
        return self.done


def _accounts_in_use(before: Roster) -> dict[int, dict[int, Account]]:
    """Payee → the accounts in use, the newest first."""
    payees = RosterRow.objects.filter(roster=before, revision=before.revision).values("payee")
    found: dict[int, dict[int, Account]] = {}
    for account in Account.objects.filter(holder__in=payees, is_active=True).select_related("bank").order_by("-pk"):
        found.setdefault(account.holder_id, {})[account.pk] = account
    return found


def _reckon(rule: AmountRule, row: RosterRow, first_on: dt.date) -> int | None:
    values: dict[str, Number] = {
        STANDARD: Decimal(row.standard_fen).scaleb(-2),
        QUANTITY: row.quantity,
        AGE: age_on(row.beneficiary.born_on, first_on),
    }
    for label, value in row.extra.items():
        if rule_name(label) in rule.names:
            values[rule_name(label)] = Decimal(value)
    if not rule.names <= set(values):
        return None
    try:
        return rule.fen(values)
    except RuleError:
        return None


def _remark(row: RosterRow, reason: str) -> Remark:
    return Remark(row.row_no, row.beneficiary.name, row.beneficiary.masked_id, reason)


def _lines(done: Forward) -> Iterator[Sequence[Any]]:
    yield (_("没有带过来的"), "", "", "")
    yield from _table(done.left_out)
    yield (_("带过来但和上期不同的"), "", "", "")
    yield from _table(done.remarks)


def _table(remarks: Iterable[Remark]) -> Iterator[Sequence[Any]]:
    yield (_("上期第几行"), _("姓名"), _("身份证号"), _("情况"))
    yield from ((r.row_no, r.name, r.masked_id, r.reason) for r in remarks)


def _write_remarks(book: Workbook, done: Forward) -> None:
    """In plain sight, and with too few known headers to be taken for a second list."""
    sheet = book.create_sheet(LEFT_SHEET)
    for line in _lines(done):
        sheet.append(list(line))
    for letter, width in (("A", 22), ("B", 14), ("C", 24), ("D", 50)):
        sheet.column_dimensions[letter].width = width
    sheet["A1"].font = Font(bold=True)

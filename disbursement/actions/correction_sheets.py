"""Many corrections on one sheet: all of them or none; the person and the amount of a line are those of the payment."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from disbursement.actions.corrections import propose_correction
from disbursement.correction_columns import COLUMNS, SHEET
from disbursement.models import Payment
from programs.imports import cells
from programs.imports.problems import CellError
from programs.models import Account
from subsidy_portal.identifiers import IdentifierError, parse_account
from subsidy_portal.models import Organisation, User
from subsidy_portal.permissions import require
from subsidy_portal.sheets import Cell, cell_text, is_blank, read_workbook
from subsidy_portal.workflow import Refused

MAX_LINES = 1_000
_HEADER = [column.title for column in COLUMNS]


@transaction.atomic
def propose_corrections(content: bytes, *, actor: User) -> int:
    """Propose every line whose 新账号 is filled in; returns how many.

    Raises FileRefused for a file that is none, Refused naming the wrong lines; then nothing is proposed. A line of
    another person or amount than the payment's is refused: only the account may be changed.
    """
    require(actor, "correction.propose")
    filled = _filled(content)
    if len(filled) > MAX_LINES:
        raise Refused(_("一份表最多更正%(n)d笔。请分几次上传。") % {"n": MAX_LINES})
    mine = Payment.objects.visible_to(actor).select_related("payee", "account", "area")
    payments = mine.in_bulk([int(n) for _row, line in filled if (n := cell_text(line["付款号"])).isdecimal()])
    banks = {bank.name: bank for bank in Organisation.objects.filter(kind=Organisation.Kind.BANK, is_active=True)}
    wrong: list[str] = []
    for row_no, line in filled:
        try:
            payment = _payment(line, payments)
            with transaction.atomic():
                propose_correction(payment, **_account(line, banks), actor=actor)
        except Refused as refused:
            wrong.append(_("第%(row)d行：%(what)s") % {"row": row_no, "what": refused})
    if wrong:
        raise Refused(_("有%(n)d行不对，一笔也没有登记。%(first)s") % {"n": len(wrong), "first": "".join(wrong[:8])})
    return len(filled)


def _filled(content: bytes) -> list[tuple[int, dict[str, Cell]]]:
    sheet = next((one for one in read_workbook(content).sheets if one.name == SHEET), None)
    rows = sheet.rows if sheet else []
    at = next((n for n, row in enumerate(rows[:10]) if [cell_text(c) for c in row[: len(_HEADER)]] == _HEADER), None)
    if at is None:
        raise Refused(_("这不是账户更正表，或列被动过。请重新下载，只填黄色的格。"))
    lines = [(n, dict(zip(_HEADER, row, strict=False))) for n, row in enumerate(rows[at + 1 :], at + 2)]
    found = [(n, line) for n, line in lines if not is_blank(line.get("新账号", ""))]
    if not found:
        raise Refused(_("没有一行填了新账号。请在要更正的行里填新账号和更正原因。"))
    return found


def _payment(line: dict[str, Cell], payments: dict[int, Payment]) -> Payment:
    number = cell_text(line["付款号"])
    payment = payments.get(int(number)) if number.isdecimal() and len(number) < 19 else None
    if payment is None:
        raise Refused(_("付款号不认识，或不在您的范围里。请重新下载更正表。"))
    try:
        fen = cells.read_amount(line["金额（元）"])
    except CellError:
        fen = -1
    if cell_text(line["收款人"]) != payment.payee.name or fen != payment.amount_fen:
        raise Refused(_("收款人或金额和这笔付款不同。人和金额不能改，请重新下载更正表。"))
    return payment


def _account(line: dict[str, Cell], banks: dict[str, Organisation]) -> dict[str, Any]:
    """What the yellow cells say; raises Refused naming the cell."""
    cell = line["新账号"]
    try:
        number = parse_account(cell if isinstance(cell, str) else f"{Decimal(str(cell)):.0E}")
    except IdentifierError as error:
        raise Refused(str(error)) from None
    bank = banks.get(cell_text(line["开户银行"]))
    if bank is None:
        raise Refused(_("“开户银行”不是本县的代发银行。请从下拉里选。"))
    kinds = {str(label): value for value, label in Account.Kind.choices}
    kind = kinds.get(cell_text(line["账户种类"]))
    if kind is None:
        raise Refused(_("“账户种类”不认识。请从下拉里选。"))
    reason = cell_text(line["更正原因"])
    if not reason:
        raise Refused(_("“更正原因”是空的。请写明为什么更正，如：本人已换新卡。"))
    return {"number": number, "bank": bank, "kind": kind, "reason": reason, "name_at_bank": cell_text(line["银行户名"])}

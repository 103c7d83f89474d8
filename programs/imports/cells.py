"""One cell of one column: what it says, or a CellError with what is wrong and what to do."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from functools import partial

from django.utils.translation import gettext as _

from programs.imports.problems import CellError
from programs.models import Account
from subsidy_portal import clock, identifiers, money
from subsidy_portal.sheets import Cell, cell_text, clean_text

_QUANTITY = re.compile(r"\d{1,9}(\.\d{1,2})?\Z", re.ASCII)
_DATE = re.compile(r"(\d{4})(?:-|/|\.|年)(\d{1,2})(?:-|/|\.|月)(\d{1,2})日?\Z", re.ASCII)
_COMPACT_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})\Z", re.ASCII)

_ID_NUMBERS = re.compile(r"\d{17}[\dXx]|\d{15}", re.ASCII)

_KINDS = {
    "社会保障卡": Account.Kind.SSC, "社保卡": Account.Kind.SSC, "社会保障卡(金融)": Account.Kind.SSC,
    "银行卡": Account.Kind.CARD, "储蓄卡": Account.Kind.CARD, "借记卡": Account.Kind.CARD,
    "存折": Account.Kind.PASSBOOK, "一本通": Account.Kind.PASSBOOK, "一本通存折": Account.Kind.PASSBOOK,
}  # fmt: skip


def _identifier(code: str, parse: Callable[[str], str], cell: Cell) -> str:
    # A number has already lost its last digits or its leading zero, whatever it shows: never repaired (M3, M4).
    text = cell if isinstance(cell, str) else "1E17"
    try:
        return parse(text)
    except identifiers.IdentifierError as error:
        raise _told(code, text, error) from None


def _told(code: str, text: str, error: identifiers.IdentifierError) -> CellError:
    """What the parser says, and two things it does not know: several in one cell (M21), digits turned into 000 (M3)."""
    if code == "id" and error.code == "length" and len(_ID_NUMBERS.findall(text)) > 1:
        return CellError("id_several", _("一格里写了不止一个身份证号。"), _("请一人一行。"))
    if error.code == "check_digit" and text.strip().endswith("000"):
        try:
            identifiers.parse_id_number("1E17") if code == "id" else identifiers.parse_account("1E17")
        except identifiers.IdentifierError as lost:
            return CellError.of(f"{code}_as_number", str(lost))
    return CellError.of(f"{code}_{error.code}", str(error))


def id_number_reader() -> Callable[[Cell], str]:
    """Reads ID numbers as of today; the clock is asked once for a file, not once for a row."""
    parse = partial(identifiers.parse_id_number, today=clock.today())
    return partial(_identifier, "id", parse)


def read_account(cell: Cell) -> str:
    return _identifier("account", identifiers.parse_account, cell)


def read_name(cell: Cell) -> str:
    if not isinstance(cell, str):
        raise CellError("name_not_text", _("姓名里是数字或日期。"), _("请照身份证重填。"))
    try:
        return identifiers.parse_name(cell)
    except identifiers.IdentifierError as error:
        raise CellError.of(f"name_{error.code}", str(error)) from None


def read_phone(cell: Cell) -> str:
    text = f"{cell:.15g}" if isinstance(cell, (int, float)) else cell_text(cell)
    try:
        return identifiers.parse_phone(text)
    except identifiers.IdentifierError as error:
        raise CellError.of("phone", str(error)) from None


def read_account_kind(cell: Cell) -> str:
    kind = _KINDS.get(unicodedata.normalize("NFKC", cell_text(cell)).replace(" ", ""))
    if kind is None:
        raise CellError("account_kind", _("认不出账户种类。"), _("请填社会保障卡、银行卡或存折。"))
    return kind


def read_group(cell: Cell) -> str:
    text = clean_text(cell)
    if len(text) > 20:
        raise CellError("group_long", _("村民小组超过20个字。"), _("请只写组名，如“3组”。"))
    return "" if text in {"无", "-", "—", "/"} else text


def read_item(cell: Cell) -> str:
    return _short_text(cell, 40)


def read_note(cell: Cell) -> str:
    return _short_text(cell, 200)


def _short_text(cell: Cell, limit: int) -> str:
    text = clean_text(cell)
    if len(text) > limit:
        raise CellError(
            "text_long",
            _("内容超过%(limit)d个字。") % {"limit": limit},
            _("请缩短到%(limit)d个字以内。") % {"limit": limit},
        )
    return text


def read_amount(cell: Cell) -> int:
    """Fen, greater than zero. A number counts with the 15 digits a spreadsheet shows; text must be plain yuan."""
    text = number_text(cell)
    hint = _("请只填数字，以元为单位，最多两位小数，例如 1200.50。")
    try:
        fen = money.parse_yuan(text)
    except money.AmountError:
        if re.fullmatch(r"\d+\.\d{3,}", text, re.ASCII):
            raise CellError("amount_decimals", _("金额多于两位小数。"), hint) from None
        raise CellError("amount_text", _("这不是金额。"), hint) from None
    if fen <= 0:
        raise CellError("amount_not_positive", _("金额必须大于零。"), _("不发的人请整行删除。"))
    return fen


def read_quantity(cell: Cell) -> Decimal:
    text = number_text(cell)
    if not _QUANTITY.match(text) or not Decimal(text):
        raise CellError("quantity", _("数量不对。"), _("请填大于零的数字，最多两位小数，不带单位。"))
    return Decimal(text)


def number_text(cell: Cell) -> str:
    """A number as its cell shows it; empty for dates and truth values."""
    if isinstance(cell, (bool, dt.date)):
        return ""
    return cell_text(cell)


def read_date(cell: Cell) -> dt.date:
    """A day, not later than today, from a date cell or one of the spellings in use (M17)."""
    day = read_day(cell)
    if day > clock.today():
        raise CellError("date_future", _("填报日期还没到。"), _("请核对日期。"))
    return day


def read_day(cell: Cell) -> dt.date:
    """Any day, from a date cell or one of the spellings in use (M17)."""
    if isinstance(cell, dt.datetime):
        return cell.date()
    if isinstance(cell, dt.date):
        return cell
    text = f"{cell:.15g}" if isinstance(cell, (int, float)) else unicodedata.normalize("NFKC", cell_text(cell))
    found = _DATE.match(text.replace(" ", "")) or _COMPACT_DATE.match(text)
    try:
        if found is not None:
            return dt.date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        pass
    raise CellError("date", _("这不是存在的日期。"), _("请写成 2022-03-01 这样的日期。"))

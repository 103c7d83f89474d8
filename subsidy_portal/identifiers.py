"""Identifiers of people and accounts: read strictly, never repaired. Rules: domain §9, GB 11643."""

import datetime as dt
import re
import unicodedata
from functools import lru_cache

from django.utils.translation import gettext as _
from stdnum.cn import ric
from stdnum.exceptions import ValidationError as StdnumError

from subsidy_portal import clock

# Characters that look like X in a check digit: lower case, full width, Roman numeral ten, Cyrillic, Greek.
_LIKE_X = str.maketrans({"x": "X", "ｘ": "X", "Ｘ": "X", "Ⅹ": "X", "ⅹ": "X", "Х": "X", "х": "X", "Χ": "X", "χ": "X"})
_BLANKS = re.compile(r"[\s\u00a0\u3000\u200b-\u200f\u2060\ufeff\u202a-\u202e]+")
_FULL_DIGITS = str.maketrans("０１２３４５６７８９", "0123456789")
# 15 to 19 digits, also in groups: an ID number or an account. A date or a reference is shorter.
_LONG_NUMBER = re.compile(r"\d(?:(?: ?\d){13,}|(?:-?\d){13,})[ -]?[\dXxＸ]")
_DOTS = str.maketrans(dict.fromkeys("•・‧∙⋅･．●", "·"))
_CJK = r"\u3400-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_NAME = re.compile(rf"[{_CJK}\ue000-\uf8ff〇A-Za-z·]+(?: [A-Za-z]+)*\Z")


# Every second digit doubled, its digits added up (ISO/IEC 7812-1 annex B)
_DOUBLED = str.maketrans("0123456789", "0246813579")
_ID = re.compile(r"[0-9]{17}[0-9X]\Z")
_ACCOUNT = re.compile(r"[0-9]{8,32}\Z")
# Nothing in such a name is changed or refused: NFC leaves these characters alone.
_PLAIN_NAME = re.compile(r"[\u3400-\u9fff]{1,50}\Z")


class IdentifierError(ValueError):
    """What is wrong with an identifier, as a sentence for the person who typed it (no value inside).

    ``code`` names the kind of fault, so that many of one kind can be shown as one.
    """

    def __init__(self, sentence: str, code: str) -> None:
        super().__init__(sentence)
        self.code = code


def _plain_code(text: str) -> str:
    return _BLANKS.sub("", text).lstrip("'").translate(_FULL_DIGITS)


def mask_numbers(text: str) -> str:
    """``text`` with every ID or account number in it reduced to its last four characters; dates stay."""
    return _LONG_NUMBER.sub(lambda found: "••••" + found[0][-4:], text)


def parse_id_number(text: str, *, today: dt.date | None = None) -> str:
    """The 18-character resident ID number in ``text``; raises IdentifierError. ``today`` spares asking the clock.

    Check digit and a real birth date not in the future (GB 11643); the birthplace is not looked
    up, since codes are retired every year. Blanks, full-width digits and look-alikes of X are
    read as what they mean; digits are never filled in.
    """
    number = text if _ID.match(text) else _read_id(text)
    try:
        if ric.calc_check_digit(number) != number[-1]:
            raise IdentifierError(_("身份证号的校验位不对，可能填错一位。请照身份证核对。"), "check_digit")
        born = _birth_date(number[6:14])
    except StdnumError:
        raise IdentifierError(_("身份证号里的出生日期不存在。请照身份证核对。"), "birth_date") from None
    today = today or clock.today()
    if born > today:
        raise IdentifierError(_("身份证号里的出生日期还没到。请照身份证核对。"), "birth_date")
    if born.year < today.year - 120:
        raise IdentifierError(_("身份证号里的出生日期早于120年前。请照身份证核对。"), "birth_date")
    return number


@lru_cache(50_000)
def _birth_date(digits: str) -> dt.date:
    """The day of eight digits; a file of a hundred thousand people has a few thousand birthdays."""
    return ric.get_birth_date(f"000000{digits}0000")


def _read_id(text: str) -> str:
    """What stands in ``text`` as 18 characters, or IdentifierError: not yet looked at for sense."""
    number = _plain_code(text).translate(_LIKE_X)
    if re.fullmatch(r"\d(\.\d+)?[Ee]\+?\d+", number):
        raise IdentifierError(
            _("证号已被表格软件改写成数字，后几位已丢失，无法还原。请把该列设为“文本”，照身份证重填。"), "as_number"
        )
    if re.fullmatch(r"[0-9]{15}", number):
        raise IdentifierError(_old_number(number), "old_15")
    if len(number) != 18:
        raise IdentifierError(_("身份证号应为18位，这里是%(n)d位。请照身份证重填。") % {"n": len(number)}, "length")
    if not re.fullmatch(r"[0-9]{17}[0-9X]", number):
        raise IdentifierError(_("身份证号只能是17位数字加末位数字或X。请照身份证重填。"), "characters")
    return number


def upgrade_old(text: str) -> str:
    """The 18 characters of a 15-digit number issued before 1999: 19 behind the sixth, the check digit at the end.

    Raises IdentifierError when it is none or its birth date does not exist. Not for reading: a person has to confirm
    that it is the number on today's card (M8).
    """
    old = _plain_code(text)
    if not re.fullmatch(r"[0-9]{15}", old):
        raise IdentifierError(_("这不是15位旧证号。请照身份证填18位。"), "length")
    body = f"{old[:6]}19{old[6:]}"
    return parse_id_number(body + ric.calc_check_digit(body + "0"))


def _old_number(old: str) -> str:
    try:
        new = upgrade_old(old)
    except IdentifierError:
        return _("这是15位旧证号，里面的出生日期不存在。请照身份证填18位。")
    return _("这是15位旧证号，照规则换成18位尾号是%s。请照身份证核对，在网页上确认换成18位，或填18位。") % new[-4:]


def birth_date(id_number: str) -> dt.date:
    """The birth date inside a valid ID number."""
    return dt.date(int(id_number[6:10]), int(id_number[10:12]), int(id_number[12:14]))


def sex(id_number: str) -> str:
    """``M`` or ``F``, from the 17th digit."""
    return "M" if int(id_number[16]) % 2 else "F"


def parse_account(text: str) -> str:
    """A bank account number: 8–32 digits; raises IdentifierError.

    UnionPay cards (62…, 16–19 digits) must pass Luhn; passbooks and old accounts have no check digit.
    """
    number = text if _ACCOUNT.match(text) else _read_account(text)
    if number.startswith("62") and 16 <= len(number) <= 19 and not _passes_luhn(number):
        raise IdentifierError(_("银行卡号的校验位不对，可能填错一位。请照卡面核对。"), "check_digit")
    return number


def _read_account(text: str) -> str:
    """What stands in ``text`` as an account number, or IdentifierError: its check digit is not yet looked at."""
    number = re.sub(r"-", "", _plain_code(text))
    if re.fullmatch(r"\d(\.\d+)?[Ee]\+?\d+", number):
        raise IdentifierError(
            _("账号已被表格软件改写成数字，后几位已丢失，无法还原。请把该列设为“文本”，照存折或卡面重填。"), "as_number"
        )
    if not re.fullmatch(r"[0-9]{8,32}", number):
        raise IdentifierError(_("银行账号应为8到32位数字。请照存折或卡面重填。"), "length")
    return number


def _passes_luhn(digits: str) -> bool:
    """As stdnum.luhn says, eight times as fast: a roster has a hundred thousand."""
    return sum(map(int, digits[::-2] + digits[-2::-2].translate(_DOUBLED))) % 10 == 0


def parse_name(text: str) -> str:
    """A personal name as it is written; interval dots become U+00B7; raises IdentifierError.

    Never NFKC: 龑 and 䶮 are different people's names. Blanks between CJK characters go, blanks
    between Latin words become one.
    """
    if _PLAIN_NAME.match(text):
        return text
    name = unicodedata.normalize("NFC", text).translate(_DOTS)
    if any(unicodedata.category(c) in {"Cc", "Cf"} and not _BLANKS.match(c) for c in name):
        raise IdentifierError(_("姓名里有看不见的控制字符。请删掉后重新输入。"), "characters")
    words = _BLANKS.sub(" ", name).strip()
    words = re.sub(rf"(?<=[{_CJK}·]) (?=[{_CJK}·])", "", words)
    if not words:
        raise IdentifierError(_("姓名是空的。请填写姓名。"), "empty")
    if len(words) > 50:
        raise IdentifierError(_("姓名超过50个字。请核对。"), "length")
    if re.search(r"[、，,;；/]", words):
        raise IdentifierError(_("一格里写了不止一个人。请一人一行。"), "several")
    if not _NAME.match(words):
        raise IdentifierError(_("姓名里有不该有的字符。请照身份证重填。"), "characters")
    return words


def parse_phone(text: str) -> str:
    """A mainland mobile or a landline with area code, digits only; raises IdentifierError."""
    number = re.sub(r"[-()（）]", "", _plain_code(text)).removeprefix("+86")
    if not re.fullmatch(r"1[3-9][0-9]{9}|0[0-9]{9,11}", number):
        raise IdentifierError(_("电话应为11位手机号，或带区号的固定电话。请核对。"), "phone")
    return number


def mask_id(prefix: str, last4: str) -> str:
    """Staff mask: first six and last four of an ID number."""
    return f"{prefix}••••••••{last4}"


def mask_name(name: str) -> str:
    """First character kept, the rest starred."""
    return name[:1] + "*" * (len(name) - 1)

"""What every reader of bank files asks of a field. Nothing is repaired: what does not fit makes the file unfit."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable

from disbursement.banks.base import ResultLine
from subsidy_portal import clock

_YUAN = re.compile(r"(?:0|[1-9]\d{0,10})\.\d{2}", re.ASCII)
_FEN = re.compile(r"0|[1-9]\d{0,12}", re.ASCII)
_COUNT = re.compile(r"0|[1-9]\d{0,7}", re.ASCII)
_DATE = re.compile(r"\d{8}", re.ASCII)
_REF = re.compile(r"[A-Z]\d{11}", re.ASCII)
_ORDER = re.compile(r"[A-Z]B\d{9}", re.ASCII)
_ACCOUNT = re.compile(r"\d{4,32}", re.ASCII)
# One of our own references (kept), or a number long enough to be a person's (hidden)
_LONG_NUMBER = re.compile(r"(?<![A-Z0-9])[A-Z]\d{11}(?![\dXx])|(\d{8,}[Xx]?)")


class Unfit(Exception):
    """The file does not hold together; ``line_no`` says where (0: as a whole)."""

    def __init__(self, line_no: int, text: str) -> None:
        super().__init__(text)
        self.line_no = line_no


def read_yuan(text: str, line_no: int) -> int:
    """Fen of ``1200.00``."""
    if not _YUAN.fullmatch(text):
        raise Unfit(line_no, "金额格式不对，应为两位小数的数字")
    return int(text[:-3] + text[-2:])


def read_fen(text: str, line_no: int) -> int:
    """Fen of ``120000``: channels that count in 分."""
    if not _FEN.fullmatch(text):
        raise Unfit(line_no, "金额格式不对，应为以分为单位的整数")
    return int(text)


def read_count(text: str, line_no: int) -> int:
    if not _COUNT.fullmatch(text):
        raise Unfit(line_no, "笔数不是数字")
    return int(text)


def read_day(text: str, line_no: int) -> dt.date:
    """The day of ``20220305``; P096 when there is no such day."""
    try:
        if not _DATE.fullmatch(text):
            raise ValueError(text)
        return dt.date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        raise Unfit(line_no, "日期不对（P096）") from None


def read_date(text: str, line_no: int) -> dt.date:
    """As ``read_day``, and P096 for a day that has not come yet."""
    day = read_day(text, line_no)
    if day > clock.today():
        raise Unfit(line_no, "日期晚于今天（P096）")
    return day


def read_ref(text: str, line_no: int) -> str:
    if not _REF.fullmatch(text):
        raise Unfit(line_no, "代理编号格式不对")
    return text


def read_order_ref(text: str, line_no: int) -> str:
    if not _ORDER.fullmatch(text):
        raise Unfit(line_no, "指令号格式不对")
    return text


def read_last4(text: str, line_no: int) -> str:
    if not _ACCOUNT.fullmatch(text):
        raise Unfit(line_no, "账号格式不对")
    return text[-4:]


def words_of(text: str, limit: int = 120) -> str:
    """The bank's words with long numbers hidden; our own references stay."""
    return _LONG_NUMBER.sub(lambda found: "****" if found[1] else found[0], text.strip())[:limit]


def split_answer(text: str) -> tuple[str, str]:
    """Code and words of 处理结果 (``3009 账户不存在``)."""
    code, _sep, words = text.partition(" ")
    return code[:20], words_of(words)


def check_lines(lines: Iterable[ResultLine]) -> None:
    """Raise Unfit when a reference occurs twice in one file, or a line was booked on a day that has not come."""
    seen: set[str] = set()
    today = clock.today()
    for line in lines:
        if line.booked_on > today:
            raise Unfit(line.line_no, "日期晚于今天（P096）")
        if line.ref in seen:
            raise Unfit(line.line_no, "同一代理编号出现两次")
        seen.add(line.ref)

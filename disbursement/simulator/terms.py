"""The bank's own words: what an order holds, what is said of a line, and how money is written."""

from __future__ import annotations

import re
from typing import NamedTuple


class Refused(Exception):
    """The bank does not take the order: its code and words."""


class Header(NamedTuple):
    """``total`` in fen."""

    ref: str
    day: str
    unit: str
    batch: str
    account: str
    lines: int
    total: int


class Line(NamedTuple):
    """``amount`` in fen."""

    ref: str
    name: str
    amount: int
    account: str
    id_number: str
    times: str


class Said(NamedTuple):
    """What became of a line: ``outcome`` is success, failed, pending or returned; ``booked`` YYYYMMDD."""

    ref: str
    name: str
    amount: int
    id_number: str
    account: str
    times: str
    answer: str
    booked: str
    serial: str
    outcome: str


class Back(NamedTuple):
    """A payment that came back."""

    ref: str
    name: str
    account: str
    amount: int
    answer: str
    serial: str


class Entry(NamedTuple):
    """A booking of the county's account: ``side`` D or C."""

    side: str
    amount: int
    ref: str
    serial: str
    words: str


class File(NamedTuple):
    name: str
    content: bytes


_YUAN = re.compile(r"\d{1,11}\.\d\d", re.ASCII)


def fen(text: str) -> int:
    if not _YUAN.fullmatch(text):
        raise Refused("H019 金额格式错误")
    return int(text.replace(".", ""))


def yuan(amount: int) -> str:
    sign, amount = ("-", -amount) if amount < 0 else ("", amount)
    return f"{sign}{amount // 100}.{amount % 100:02d}"


def check_order(header: Header, lines: list[Line], today: str) -> None:
    """Refuse an order whose date, count, sum or references do not hold."""
    if not re.fullmatch(r"\d{8}", header.day) or header.day > today:
        raise Refused("P096 日期错误")
    if (len(lines), sum(line.amount for line in lines)) != (header.lines, header.total):
        raise Refused("H019 笔数或金额不符")
    if len({line.ref for line in lines}) != len(lines):
        raise Refused("H019 代理编号重复")

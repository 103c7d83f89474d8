"""The bank's own reader and writer of the pipe files. Written from docs/banks/pipe_text.md, not from the adapter."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Refused(Exception):
    """The bank does not take the file: its code and words."""


class Header(NamedTuple):
    ref: str
    day: str
    unit: str
    batch: str
    account: str
    lines: int
    total: int


class Line(NamedTuple):
    ref: str
    name: str
    amount: int
    account: str
    id_number: str
    times: str


_YUAN = re.compile(r"\d{1,11}\.\d\d", re.ASCII)


def fen(text: str) -> int:
    if not _YUAN.fullmatch(text):
        raise Refused("H019 金额格式错误")
    return int(text.replace(".", ""))


def yuan(amount: int) -> str:
    sign, amount = ("-", -amount) if amount < 0 else ("", amount)
    return f"{sign}{amount // 100}.{amount % 100:02d}"


def read_order(content: bytes, today: str) -> tuple[Header, list[Line]]:
    """Header and lines of a pay file; raises Refused when unit, date, count or sum do not hold."""
    try:
        text = content.decode("gb18030")
    except UnicodeDecodeError:
        raise Refused("H019 编码错误") from None
    if not text.endswith("\r\n"):
        raise Refused("H019 文件不完整")
    rows = text[:-2].split("\r\n")
    head = rows[0].split("|")
    if len(head) != 8 or head[0] != "DF01" or not head[6].isdigit():
        raise Refused("H019 文件头错误")
    header = Header(head[1], head[2], head[3], head[4], head[5], int(head[6]), fen(head[7]))
    if not re.fullmatch(r"\d{8}", header.day) or header.day > today:
        raise Refused("P096 日期错误")
    lines = []
    for row in rows[1:]:
        parts = row.split("|")
        if len(parts) != 8:
            raise Refused("H019 明细字段数错误")
        if parts[4] != header.unit:
            raise Refused("H035 单位编号不符")
        lines.append(Line(parts[0], parts[1], fen(parts[2]), parts[3], parts[6], parts[7]))
    if (len(lines), sum(line.amount for line in lines)) != (header.lines, header.total):
        raise Refused("H019 笔数或金额不符")
    if len({line.ref for line in lines}) != len(lines):
        raise Refused("H019 代理编号重复")
    return header, lines


def _file(rows: Iterable[str]) -> bytes:
    return ("\r\n".join(rows) + "\r\n").encode("gb18030")


# ref, name, amount, id number, account, times, answer, booked on (YYYYMMDD), serial
Said = tuple[str, str, int, str, str, str, str, str, str]


def write_results(
    order_ref: str, day: str, unit: str, number: int, lists: Sequence[tuple[str, Sequence[Said]]]
) -> bytes:
    """A result file: 成功清单, 失败清单, 处理中清单, each with its 合计, and the 总计."""
    every = [said for _title, lines in lists for said in lines]
    total = sum(said[2] for said in every)
    rows = [f"HP01|{order_ref}|{day}|{unit}|{number:02d}||{len(every)}|{yuan(total)}"]
    for title, lines in lists:
        rows.append(title)
        for ref, name, amount, id_number, account, times, answer, booked, serial in lines:
            if title == "成功清单":
                rows.append(f"{ref}|{name}|{yuan(amount)}|{id_number}|{account}|{answer}|{booked}|{serial}")
            else:
                rows.append(f"{ref}|{name}|{account}|{yuan(amount)}|{times}|{answer}|{booked}|{serial}")
        rows.append(f"合计|{len(lines)}|{yuan(sum(said[2] for said in lines))}")
    rows.append(f"总计|{len(every)}|{yuan(total)}")
    return _file(rows)


def write_rejection(header: Sequence[str], day: str, unit: str, reason: str) -> bytes:
    """The whole order refused; the header's own count and total come back as they were read."""
    ref, count, total = header
    return _file([f"JS01|{ref}|{day}|{unit}|||{count}|{total}", f"拒收|{reason}", f"合计|{count}|{total}"])


def write_returns(day: str, unit: str, number: int, lines: Sequence[tuple[str, str, str, int, str, str]]) -> bytes:
    """退票: (ref, name, account, amount, answer, serial), booked back on ``day``."""
    total = sum(line[3] for line in lines)
    rows = [f"TP01|{day}{number:02d}|{day}|{unit}|||{len(lines)}|{yuan(total)}"]
    rows += [
        f"{ref}|{name}|{account}|{yuan(amount)}|{day}|{answer}|{serial}"
        for ref, name, account, amount, answer, serial in lines
    ]
    rows.append(f"合计|{len(lines)}|{yuan(total)}")
    return _file(rows)


def write_statement(
    number: int,
    day: str,
    unit: str,
    account: str,
    opening: int,
    closing: int,
    entries: Sequence[tuple[str, int, str, str, str]],
) -> bytes:
    """One day: (side D or C, amount, ref, serial, words) in the order they were booked."""
    rows = [f"DZ01|{number}|{day}|{unit}|{account}|{yuan(opening)}|{len(entries)}|{yuan(closing)}"]
    sums = {"D": [0, 0], "C": [0, 0]}
    for n, (side, amount, ref, serial, words) in enumerate(entries, 1):
        rows.append(f"{n}|{serial}|{'借' if side == 'D' else '贷'}|{yuan(amount)}|{ref}|{words}")
        sums[side][0] += 1
        sums[side][1] += amount
    rows.append("|".join(["合计", str(sums["D"][0]), yuan(sums["D"][1]), str(sums["C"][0]), yuan(sums["C"][1])]))
    return _file(rows)

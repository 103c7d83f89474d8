"""The bank's own reader and writer of 报盘 and 回盘. Written from docs/banks/sheet_text.md, not from the adapter."""

from __future__ import annotations

import io
from collections.abc import Sequence

import xlwt

from disbursement.simulator.script import OK, PENDING, SUCCESS
from disbursement.simulator.script import RETURNED as WILL_COME_BACK
from disbursement.simulator.terms import Back, Entry, File, Header, Line, Refused, Said, check_order

asked = False
HEADINGS = ("姓名", "卡号", "应处理金额", "备注", "实处理金额", "处理标志", "记账日期", "银行流水号")


def takes(name: str) -> bool:
    return name.startswith("BP02_")


def _cut(record: bytes, *widths: int) -> list[str]:
    if len(record) != sum(widths):
        raise Refused("H019 记录长度错误")
    fields, at = [], 0
    for width in widths:
        fields.append(record[at : at + width].decode("gb18030", "replace").strip())
        at += width
    return fields


def read_order(content: bytes, today: str) -> tuple[Header, list[Line]]:
    records = content.split(b"\r\n")
    if records.pop() or not records:
        raise Refused("H019 文件不完整")
    mark, ref, day, unit, account, batch, count, total = _cut(records[-1], 2, 12, 8, 20, 32, 20, 8, 16)
    if mark != "ZJ" or not (count.isdigit() and total.isdigit()):
        raise Refused("H019 合计行错误")
    header = Header(ref, day, unit, batch, account, int(count), int(total))
    lines = []
    for record in records[:-1]:
        name, number, amount, line_ref, id_number, times = _cut(record, 60, 32, 12, 12, 18, 4)
        if not amount.isdigit():
            raise Refused("H019 金额格式错误")
        lines.append(Line(line_ref, name, int(amount), number, id_number, times.lstrip("0")))
    check_order(header, lines, today)
    return header, lines


def _fill(*fields: tuple[str, int]) -> bytes:
    return b"".join(text.encode("gb18030")[:width].ljust(width) for text, width in fields) + b"\r\n"


def refuse(content: bytes, name: str, today: str, reason: str) -> tuple[str, File]:
    """The order's reference is in the file's name; its figures come back when they can be read."""
    _kind, unit, _day, ref = name.removesuffix(".txt").split("_")
    end = content.rstrip(b"\r\n").rsplit(b"\r\n", 1)[-1]
    count, total = ("0", "0") if len(end) != 118 else (end[94:102].decode(), end[102:118].decode())
    answer = _fill(("JS", 2), (ref, 12), (today, 8), (unit, 20), (count, 8), (total, 16), (reason, 100))
    return ref, File(f"JS02_{unit}_{today}_{ref}.txt", answer)


def _book(title: Sequence[str], lines: Sequence[Sequence[str]], end: Sequence[str]) -> bytes:
    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet("Sheet1")
    for row, cells in enumerate([title, HEADINGS, *lines, end]):
        for column, text in enumerate([*cells, *[""] * (len(HEADINGS) - len(cells))]):
            sheet.write(row, column, text)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _end(lines: Sequence[Sequence[str]]) -> list[str]:
    done = [line for line in lines if line[4] != "0"]
    sums = [str(sum(int(line[2]) for line in lines)), str(len(done)), str(sum(int(line[4]) for line in lines))]
    return ["合计", str(len(lines)), *sums]


def results(order_ref: str, day: str, unit: str, number: int, said: Sequence[Said]) -> File:
    lines = []
    for line in said:
        done = line.outcome in {SUCCESS, WILL_COME_BACK}
        flag = "全部成功" if done else ("处理中" if line.outcome == PENDING else line.answer)
        fen = str(line.amount)
        lines.append((line.name, line.account, fen, line.ref, fen if done else "0", flag, line.booked, line.serial))
    content = _book(("回盘", order_ref, day, unit, f"{number:02d}"), lines, _end(lines))
    return File(f"HP02_{unit}_{day}_{order_ref}_{number:02d}.xls", content)


def returns(day: str, unit: str, account: str, number: int, backs: Sequence[Back]) -> File:
    lines = [
        (back.name, back.account, str(back.amount), back.ref, str(back.amount), back.answer or OK, day, back.serial)
        for back in backs
    ]
    content = _book(("退票", "", day, unit, f"{number:02d}"), lines, _end(lines))
    return File(f"TP02_{unit}_{day}_{number:02d}.xls", content)


def statement(
    number: int, day: str, unit: str, account: str, opening: int, closing: int, entries: Sequence[Entry]
) -> File:
    content = _fill(
        ("DZ", 2), (f"{number:08d}", 8), (day, 8), (unit, 20), (account, 32), (f"{opening:016d}", 16),
        (f"{len(entries):08d}", 8), (f"{closing:016d}", 16),
    )  # fmt: skip
    for side, amount, ref, serial, words in entries:
        content += _fill(("MX", 2), (serial, 40), (side, 1), (f"{amount:012d}", 12), (ref, 12), (words, 60))
    sums = {side: [entry.amount for entry in entries if entry.side == side] for side in ("D", "C")}
    content += _fill(
        ("ZJ", 2), (f"{len(sums['D']):08d}", 8), (f"{sum(sums['D']):016d}", 16),
        (f"{len(sums['C']):08d}", 8), (f"{sum(sums['C']):016d}", 16),
    )  # fmt: skip
    return File(f"DZ02_{unit}_{day}.txt", content)

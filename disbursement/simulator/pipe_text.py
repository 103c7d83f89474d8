"""The bank's own reader and writer of the pipe files. Written from docs/banks/pipe_text.md, not from the adapter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from disbursement.simulator.script import FAILED, PENDING, RETURNED, SUCCESS
from disbursement.simulator.terms import Back, Entry, File, Header, Line, Refused, Said, check_order, fen, yuan

asked = False
LISTS = (("成功清单", (SUCCESS, RETURNED)), ("失败清单", (FAILED,)), ("处理中清单", (PENDING,)))


def takes(name: str) -> bool:
    return name.startswith("DF01_")


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
    lines = []
    for row in rows[1:]:
        parts = row.split("|")
        if len(parts) != 8:
            raise Refused("H019 明细字段数错误")
        if parts[4] != header.unit:
            raise Refused("H035 单位编号不符")
        lines.append(Line(parts[0], parts[1], fen(parts[2]), parts[3], parts[6], parts[7]))
    check_order(header, lines, today)
    return header, lines


def refuse(content: bytes, name: str, today: str, reason: str) -> tuple[str, File]:
    """The order's reference and the refusal; an unreadable header is answered with empty figures."""
    head = content.split(b"\r\n", 1)[0].decode("gb18030", "replace").split("|")
    ref, unit, count, total = (
        (head[1], head[3], head[6], head[7]) if len(head) == 8 else (name.removesuffix(".txt")[-11:], "", "0", "0.00")
    )
    return ref, File(f"JS01_{unit}_{today}_{ref}.txt", write_rejection((ref, count, total), today, unit, reason))


def results(order_ref: str, day: str, unit: str, number: int, said: Sequence[Said]) -> File:
    content = write_results(order_ref, day, unit, number, said)
    return File(f"HP01_{unit}_{day}_{order_ref}_{number:02d}.txt", content)


def returns(day: str, unit: str, account: str, number: int, lines: Sequence[Back]) -> File:
    return File(f"TP01_{unit}_{day}_{number:02d}.txt", write_returns(day, unit, number, lines))


def statement(
    number: int, day: str, unit: str, account: str, opening: int, closing: int, entries: Sequence[Entry]
) -> File:
    return File(f"DZ01_{unit}_{day}.txt", write_statement(number, day, unit, account, opening, closing, entries))


def _file(rows: Iterable[str]) -> bytes:
    return ("\r\n".join(rows) + "\r\n").encode("gb18030")


def write_results(order_ref: str, day: str, unit: str, number: int, said: Sequence[Said]) -> bytes:
    """A result file: 成功清单, 失败清单, 处理中清单, each with its 合计, and the 总计."""
    total = sum(line.amount for line in said)
    rows = [f"HP01|{order_ref}|{day}|{unit}|{number:02d}||{len(said)}|{yuan(total)}"]
    for title, outcomes in LISTS:
        rows.append(title)
        part = [line for line in said if line.outcome in outcomes]
        for ref, name, amount, id_number, account, times, answer, booked, serial, _outcome in part:
            if title == "成功清单":
                rows.append(f"{ref}|{name}|{yuan(amount)}|{id_number}|{account}|{answer}|{booked}|{serial}")
            else:
                rows.append(f"{ref}|{name}|{account}|{yuan(amount)}|{times}|{answer}|{booked}|{serial}")
        rows.append(f"合计|{len(part)}|{yuan(sum(line.amount for line in part))}")
    rows.append(f"总计|{len(said)}|{yuan(total)}")
    return _file(rows)


def write_rejection(header: Sequence[str], day: str, unit: str, reason: str) -> bytes:
    """The whole order refused; the header's own count and total come back as they were read."""
    ref, count, total = header
    return _file([f"JS01|{ref}|{day}|{unit}|||{count}|{total}", f"拒收|{reason}", f"合计|{count}|{total}"])


def write_returns(day: str, unit: str, number: int, lines: Sequence[Back]) -> bytes:
    """退票, booked back on ``day``."""
    total = sum(line[3] for line in lines)
    rows = [f"TP01|{day}{number:02d}|{day}|{unit}|||{len(lines)}|{yuan(total)}"]
    rows += [
        f"{ref}|{name}|{account}|{yuan(amount)}|{day}|{answer}|{serial}"
        for ref, name, account, amount, answer, serial in lines
    ]
    rows.append(f"合计|{len(lines)}|{yuan(total)}")
    return _file(rows)


def write_statement(
    number: int, day: str, unit: str, account: str, opening: int, closing: int, entries: Sequence[Entry]
) -> bytes:
    """One day, in the order its entries were booked."""
    rows = [f"DZ01|{number}|{day}|{unit}|{account}|{yuan(opening)}|{len(entries)}|{yuan(closing)}"]
    sums = {"D": [0, 0], "C": [0, 0]}
    for n, (side, amount, ref, serial, words) in enumerate(entries, 1):
        rows.append(f"{n}|{serial}|{'借' if side == 'D' else '贷'}|{yuan(amount)}|{ref}|{words}")
        sums[side][0] += 1
        sums[side][1] += amount
    rows.append("|".join(["合计", str(sums["D"][0]), yuan(sums["D"][1]), str(sums["C"][0]), yuan(sums["C"][1])]))
    return _file(rows)

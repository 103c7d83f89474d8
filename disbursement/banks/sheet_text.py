"""Bank channel ``sheet_text``: 报盘 as text of fixed widths, 回盘 as .xls, amounts in 分 (docs/banks/sheet_text.md).

Widths are bytes of GB18030: a field is cut out first and decoded then, so a cut inside a character shows.
"""

from __future__ import annotations

import re
from typing import Literal

from disbursement.banks.base import (
    Document,
    LineError,
    Outcome,
    OutgoingLine,
    OutgoingOrder,
    Profile,
    ResultFile,
    ResultLine,
    StatementFile,
    StatementLine,
)
from disbursement.banks.folder import FolderChannel
from disbursement.banks.reading import (
    Unfit,
    check_lines,
    read_count,
    read_date,
    read_day,
    read_fen,
    read_last4,
    read_order_ref,
    read_ref,
    split_answer,
    words_of,
)
from subsidy_portal.sheets import FileRefused, cell_text, read_workbook

# name, account, fen, our reference, ID number, which payment of the day to this account
_LINE = (60, 32, 12, 12, 18, 4)
# mark, order, date, unit, county's account, batch, count, fen
_END = (2, 12, 8, 20, 32, 20, 8, 16)
# mark, order, date, unit, count, fen, reason
_REFUSAL = (2, 12, 8, 20, 8, 16, 100)
# mark, number, date, unit, county's account, opening, count, closing
_HEAD = (2, 8, 8, 20, 32, 16, 8, 16)
# mark, serial, side, fen, reference, narrative
_ENTRY = (2, 40, 1, 12, 12, 60)
# mark, debits, their fen, credits, their fen
_SUMS = (2, 8, 16, 8, 16)
_XLS = b"\xd0\xcf\x11\xe0"
_TITLES = {"回盘": "result", "退票": "return"}
DONE, WAITS = "全部成功", "处理中"
_OUTCOMES: dict[str, Outcome] = {DONE: "success", WAITS: "unknown"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def _pad(text: str, width: int) -> bytes:
    """The text in ``width`` bytes, cut between characters: the bank keeps names no longer than its field."""
    found = b""
    for letter in text:
        more = letter.encode("gb18030")
        if len(found) + len(more) > width:
            break
        found += more
    return found.ljust(width)


def _record(widths: tuple[int, ...], *values: str) -> bytes:
    return b"".join(_pad(value, width) for value, width in zip(values, widths, strict=True)) + b"\r\n"


def _records(content: bytes) -> list[bytes]:
    """The complete records; a file that does not end with CRLF was cut off."""
    if not content.endswith(b"\r\n"):
        raise Unfit(0, "文件不完整，末行没有写完")
    return content[:-2].split(b"\r\n")


def _fields(record: bytes, widths: tuple[int, ...], mark: str, line_no: int) -> list[str]:
    """The fields after the mark, without their padding."""
    if len(record) != sum(widths):
        raise Unfit(line_no, f"长度应为{sum(widths)}字节，实有{len(record)}字节")
    fields, at = [], 0
    for width in widths:
        try:
            text = record[at : at + width].decode("gb18030")
        except UnicodeDecodeError:
            raise Unfit(line_no, "字段从汉字中间断开，或不是GB18030编码") from None
        if _CONTROL.search(text):
            raise Unfit(line_no, "含有控制字符")
        fields.append(text.strip(" "))
        at += width
    if fields[0] != mark:
        raise Unfit(line_no, f"记录标志应为{mark}")
    return fields[1:]


class Adapter(FolderChannel):
    """The channel of one bank: unit number and account are those of the contract."""

    profile = Profile(
        channel="file",
        max_items=5_000,
        charset="gb18030",
        ref_max_len=12,
        absence_is_proof=True,
        answer_days=3,
        success_codes=frozenset({DONE}),
        pending_codes=frozenset({WAITS}),
    )

    # --- out ---

    def build(self, order: OutgoingOrder) -> Document:
        day = f"{order.made_on:%Y%m%d}"
        end = _record(
            _END, "ZJ", order.ref, day, self.unit_number, self.fiscal_account, order.batch_number,
            f"{len(order.lines):08d}", f"{order.total_fen:016d}",
        )  # fmt: skip
        content = b"".join(_payment(line) for line in order.lines) + end
        return Document(f"BP02_{self.unit_number}_{day}_{order.ref}.txt", content)

    # --- in ---

    def kind_of(self, content: bytes) -> Literal["result", "return", "statement"] | None:
        if content.startswith(_XLS):
            return "result"
        return {b"JS": "result", b"DZ": "statement"}.get(content[:2])  # type: ignore[return-value]

    def parse_result(self, content: bytes) -> tuple[ResultFile | None, list[LineError]]:
        try:
            return (self._sheet(content) if content.startswith(_XLS) else self._refusal(content)), []
        except Unfit as unfit:
            return None, [LineError(unfit.line_no, str(unfit))]

    def parse_statement(self, content: bytes) -> tuple[StatementFile | None, list[LineError]]:
        try:
            return self._statement(_records(content)), []
        except Unfit as unfit:
            return None, [LineError(unfit.line_no, str(unfit))]

    def _ours(self, unit: str) -> None:
        if unit != self.unit_number:
            raise Unfit(1, "单位编号不是本县的（H035）")

    def _sheet(self, content: bytes) -> ResultFile:
        rows = _sheet_rows(content)
        kind, ref, day, unit, _number, *_rest = rows[0]
        if kind not in _TITLES:
            raise Unfit(1, "文件类型不认识")
        self._ours(unit)
        returned = _TITLES[kind] == "return"
        lines = [_sheet_line(row, line_no, returned) for line_no, row in enumerate(rows[2:-1], 3)]
        check_lines(lines)
        _check_end(rows[-1], len(rows), lines)
        total = sum(line.amount_fen for line in lines)
        business_on = read_date(day, 1)
        if returned:
            return ResultFile("return", "", business_on, len(lines), total, tuple(lines))
        return ResultFile("result", read_order_ref(ref, 1), business_on, len(lines), total, tuple(lines))

    def _refusal(self, content: bytes) -> ResultFile:
        records = _records(content)
        if len(records) != 1:
            raise Unfit(2, "拒收文件应只有一行")
        ref, day, unit, count, total, reason = _fields(records[0], _REFUSAL, "JS", 1)
        self._ours(unit)
        code, words = split_answer(reason)
        fen, n = read_fen(total.lstrip("0") or "0", 1), read_count(count.lstrip("0") or "0", 1)
        return ResultFile("rejection", read_order_ref(ref, 1), read_date(day, 1), n, fen, (), code, words)

    def _statement(self, records: list[bytes]) -> StatementFile:
        number, day, unit, account, opening, count, closing = _fields(records[0], _HEAD, "DZ", 1)
        self._ours(unit)
        if account != self.fiscal_account:
            raise Unfit(1, "账号不是本县的代发专户（H035）")
        if len(records) < 2:
            raise Unfit(0, "文件不完整，缺合计行")
        lines = [_entry(record, line_no) for line_no, record in enumerate(records[1:-1], 2)]
        out = [line.amount_fen for line in lines if line.kind == "debit"]
        back = [line.amount_fen for line in lines if line.kind != "debit"]
        end = len(records)
        if [_number(text, end) for text in _fields(records[-1], _SUMS, "ZJ", end)] != [
            len(out), sum(out), len(back), sum(back),
        ]:  # fmt: skip
            raise Unfit(end, "合计与明细不符（H019）")
        if _number(count, 1) != len(lines):
            raise Unfit(1, "首行的笔数与明细不符（H019）")
        before, after = _number(opening, 1), _number(closing, 1)
        if before - sum(out) + sum(back) != after:
            raise Unfit(1, "期初、发生额与期末余额不平")
        return StatementFile(_number(number, 1), read_date(day, 1), account, before, after, tuple(lines))


def _payment(line: OutgoingLine) -> bytes:
    fen, times = f"{line.amount_fen:012d}", f"{line.times:04d}"
    return _record(_LINE, line.name, line.account, fen, line.ref, line.id_number, times)


def _number(text: str, line_no: int) -> int:
    """A number filled up with zeros on the left."""
    return read_fen(text.lstrip("0") or ("0" if text else ""), line_no)


def _sheet_rows(content: bytes) -> list[list[str]]:
    """The rows of the only sheet as text; title, headings, lines, total."""
    try:
        sheets = read_workbook(content).sheets
    except FileRefused as refused:
        raise Unfit(0, f"表格打不开：{refused}") from None
    if len(sheets) != 1 or len(sheets[0].rows) < 3:
        raise Unfit(0, "应只有一张表，含标题、栏目和合计行")
    rows = [[cell_text(cell) for cell in row] for row in sheets[0].rows]
    for line_no, row in enumerate(rows, 1):
        if len(row) < 8:
            raise Unfit(line_no, "栏目不全")
    return rows


def _sheet_line(row: list[str], line_no: int, returned: bool) -> ResultLine:
    _name, account, amount, ref, done, flag, booked, serial = row[:8]
    fen, done_fen = read_fen(amount, line_no), read_fen(done, line_no)
    if done_fen != (fen if flag == DONE or returned else 0):
        raise Unfit(line_no, "实处理金额与处理标志不符")
    if not flag:
        raise Unfit(line_no, "处理标志是空的")
    outcome: Outcome = "returned" if returned else _OUTCOMES.get(flag, "failed")
    code, words = split_answer(flag)
    day = read_day(booked, line_no)
    return ResultLine(
        line_no, read_ref(ref, line_no), fen, read_last4(account, line_no), outcome, code, words, day, serial[:40]
    )


def _check_end(row: list[str], line_no: int, lines: list[ResultLine]) -> None:
    if row[0] != "合计":
        raise Unfit(line_no, "文件不完整，缺合计行")
    done = [line.amount_fen for line in lines if line.outcome in {"success", "returned"}]
    told = [read_fen(text, line_no) for text in row[1:5]]
    if told != [len(lines), sum(line.amount_fen for line in lines), len(done), sum(done)]:
        raise Unfit(line_no, "合计与明细不符（H019）")


def _entry(record: bytes, line_no: int) -> StatementLine:
    serial, side, amount, ref, narrative = _fields(record, _ENTRY, "MX", line_no)
    if side not in {"D", "C"}:
        raise Unfit(line_no, "借贷标志不对")
    fen = _number(amount, line_no)
    if not fen:
        raise Unfit(line_no, "金额为零")
    kind: Literal["debit", "return", "funding"] = "debit" if side == "D" else ("return" if ref else "funding")
    return StatementLine(line_no, kind, fen, read_ref(ref, line_no) if ref else "", serial, words_of(narrative))

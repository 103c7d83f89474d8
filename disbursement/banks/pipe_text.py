"""Bank channel ``pipe_text``: GB18030 lines with ``|`` between fields, header and totals (docs/banks/pipe_text.md).

The whole file is decoded before it is split: 118 characters of GBK carry the byte of ``|`` inside.
Nothing is repaired. A file whose header, lines and totals do not agree to the fen is refused whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from disbursement.banks.base import (
    Document,
    LineError,
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
    read_last4,
    read_ref,
    read_yuan,
    split_answer,
    words_of,
)
from subsidy_portal.money import format_yuan

PAY, RESULT, REJECTION, RETURN, STATEMENT = "DF01", "HP01", "JS01", "TP01", "DZ01"
_KINDS: dict[str, Literal["result", "return", "statement"]] = {
    RESULT: "result",
    REJECTION: "result",
    RETURN: "return",
    STATEMENT: "statement",
}
SUCCESS_CODE = "0000"
PENDING_CODES = frozenset({"2000", "2007", "3028", "012015", "027019"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def _fields(line: str, count: int, line_no: int) -> list[str]:
    fields = line.split("|")
    if len(fields) != count:
        raise Unfit(line_no, f"应有{count}个字段，实有{len(fields)}个")
    return fields


def _lines(content: bytes) -> list[str]:
    """The complete lines; a file that does not end with CRLF was cut off."""
    try:
        text = content.decode("gb18030")
    except UnicodeDecodeError:
        raise Unfit(0, "不是GB18030编码") from None
    if not text.endswith("\r\n"):
        raise Unfit(0, "文件不完整，末行没有写完")
    lines = text[:-2].split("\r\n")
    for line_no, line in enumerate(lines, 1):
        if not line or "\r" in line or "\n" in line:
            raise Unfit(line_no, "有空行或错误的换行")
        if _CONTROL.search(line):
            raise Unfit(line_no, "含有控制字符")
    return lines


class _Cursor:
    """Walks the lines of a file once, with their numbers."""

    def __init__(self, lines: list[str]) -> None:
        self._lines, self.line_no = lines, 0

    def next(self) -> str:
        if self.line_no >= len(self._lines):
            raise Unfit(self.line_no, "文件不完整，缺合计行")
        self.line_no += 1
        return self._lines[self.line_no - 1]

    def until(self, mark: str) -> Iterator[str]:
        """Lines before the one that begins with ``mark|``, which is read next."""
        while self.line_no >= len(self._lines) or not self._lines[self.line_no].startswith(mark + "|"):
            yield self.next()

    def expect_end(self) -> None:
        if self.line_no != len(self._lines):
            raise Unfit(self.line_no + 1, "合计行之后还有内容")


def _check_total(cursor: _Cursor, mark: str, count: int, total_fen: int) -> None:
    fields = _fields(cursor.next(), 3, cursor.line_no)
    if fields[0] != mark or (read_count(fields[1], cursor.line_no), read_yuan(fields[2], cursor.line_no)) != (
        count,
        total_fen,
    ):
        raise Unfit(cursor.line_no, f"{mark}与明细不符（H019）")


# list of a result file → position of ref, amount, account, answer, booked on, serial
_LISTS: dict[str, tuple[int, int, int, int, int, int]] = {
    "成功清单": (0, 2, 4, 5, 6, 7),
    "失败清单": (0, 3, 2, 5, 6, 7),
    "处理中清单": (0, 3, 2, 5, 6, 7),
}
_OUTCOME: dict[str, Literal["success", "failed", "unknown"]] = {
    "成功清单": "success",
    "失败清单": "failed",
    "处理中清单": "unknown",
}


def _result_line(
    line: str, line_no: int, places: tuple[int, ...], outcome: Literal["success", "failed", "unknown"]
) -> ResultLine:
    fields = _fields(line, 8, line_no)
    ref, amount, account, answer, booked, serial = (fields[place] for place in places)
    code, words = split_answer(answer)
    if (outcome == "success") != (code == SUCCESS_CODE):
        raise Unfit(line_no, "处理结果与所在清单不符")
    if outcome == "failed" and code in PENDING_CODES:
        raise Unfit(line_no, "处理结果与所在清单不符")
    return ResultLine(
        line_no,
        read_ref(ref, line_no),
        read_yuan(amount, line_no),
        read_last4(account, line_no),
        outcome,
        code,
        words,
        read_day(booked, line_no),
        serial[:40],
    )


class Adapter(FolderChannel):
    """The channel of one bank: unit number and account are those of the contract."""

    profile = Profile(
        channel="file",
        max_items=10_000,
        charset="gb18030",
        ref_max_len=12,
        # The bank moves what it takes; nothing is ever deleted from both boxes.
        absence_is_proof=True,
        answer_days=3,
        success_codes=frozenset({SUCCESS_CODE}),
        pending_codes=PENDING_CODES,
    )

    # --- out ---

    def build(self, order: OutgoingOrder) -> Document:
        unit, day = self.unit_number, f"{order.made_on:%Y%m%d}"
        total = format_yuan(order.total_fen, comma=False)
        rows = [f"{PAY}|{order.ref}|{day}|{unit}|{order.batch_number}|{self.fiscal_account}|{len(order.lines)}|{total}"]
        for line in order.lines:
            amount = format_yuan(line.amount_fen, comma=False)
            name = line.name.replace("|", "")
            rows.append(f"{line.ref}|{name}|{amount}|{line.account}|{unit}|01|{line.id_number}|{line.times}")
        content = ("\r\n".join(rows) + "\r\n").encode("gb18030")
        return Document(f"{PAY}_{unit}_{day}_{order.ref}.txt", content)

    # --- in ---

    def kind_of(self, content: bytes) -> Literal["result", "return", "statement"] | None:
        return _KINDS.get(content[:4].decode("ascii", "replace")) if content[4:5] == b"|" else None

    def parse_result(self, content: bytes) -> tuple[ResultFile | None, list[LineError]]:
        try:
            cursor = _Cursor(_lines(content))
            kind = cursor.next().split("|", 1)[0]
            cursor.line_no = 0
            if kind == REJECTION:
                return self._rejection(cursor), []
            return (self._returns(cursor) if kind == RETURN else self._results(cursor)), []
        except Unfit as unfit:
            return None, [LineError(unfit.line_no, str(unfit))]

    def parse_statement(self, content: bytes) -> tuple[StatementFile | None, list[LineError]]:
        try:
            return self._statement(_Cursor(_lines(content))), []
        except Unfit as unfit:
            return None, [LineError(unfit.line_no, str(unfit))]

    def _header(self, cursor: _Cursor, kind: str) -> list[str]:
        header = _fields(cursor.next(), 8, 1)
        if header[0] != kind:
            raise Unfit(1, "文件类型不认识")
        if header[3] != self.unit_number:
            raise Unfit(1, "单位编号不是本县的（H035）")
        return header

    def _result_of(
        self, header: list[str], kind: Literal["result", "return"], lines: list[ResultLine], order_ref: str
    ) -> ResultFile:
        """The file, once its header agrees with its lines and no reference occurs twice."""
        count, total = read_count(header[6], 1), read_yuan(header[7], 1)
        if (count, total) != (len(lines), sum(line.amount_fen for line in lines)):
            raise Unfit(1, "首行的笔数或金额与明细不符（H019）")
        check_lines(lines)
        return ResultFile(kind, order_ref, read_date(header[2], 1), count, total, tuple(lines))

    def _results(self, cursor: _Cursor) -> ResultFile:
        header = self._header(cursor, RESULT)
        lines: list[ResultLine] = []
        for title, places in _LISTS.items():
            if cursor.next() != title:
                raise Unfit(cursor.line_no, f"缺少“{title}”")
            start = len(lines)
            lines.extend(_result_line(line, cursor.line_no, places, _OUTCOME[title]) for line in cursor.until("合计"))
            part = lines[start:]
            _check_total(cursor, "合计", len(part), sum(line.amount_fen for line in part))
        _check_total(cursor, "总计", len(lines), sum(line.amount_fen for line in lines))
        cursor.expect_end()
        return self._result_of(header, "result", lines, header[1])

    def _returns(self, cursor: _Cursor) -> ResultFile:
        header = self._header(cursor, RETURN)
        lines: list[ResultLine] = []
        for line in cursor.until("合计"):
            ref, _name, account, amount, day, answer, serial = _fields(line, 7, cursor.line_no)
            code, words = split_answer(answer)
            at = cursor.line_no
            lines.append(
                ResultLine(
                    at,
                    read_ref(ref, at),
                    read_yuan(amount, at),
                    read_last4(account, at),
                    "returned",
                    code,
                    words,
                    read_day(day, at),
                    serial[:40],
                )
            )
        _check_total(cursor, "合计", len(lines), sum(line.amount_fen for line in lines))
        cursor.expect_end()
        return self._result_of(header, "return", lines, "")

    def _rejection(self, cursor: _Cursor) -> ResultFile:
        header = self._header(cursor, REJECTION)
        mark, answer = _fields(cursor.next(), 2, 2)
        if mark != "拒收":
            raise Unfit(2, "缺少拒收原因")
        code, words = split_answer(answer)
        count, total = read_count(header[6], 1), read_yuan(header[7], 1)
        _check_total(cursor, "合计", count, total)
        cursor.expect_end()
        return ResultFile("rejection", header[1], read_date(header[2], 1), count, total, (), code, words)

    def _statement(self, cursor: _Cursor) -> StatementFile:
        header = self._header(cursor, STATEMENT)
        if header[4] != self.fiscal_account:
            raise Unfit(1, "账号不是本县的代发专户（H035）")
        lines: list[StatementLine] = []
        for line in cursor.until("合计"):
            lines.append(_statement_line(line, cursor.line_no))
        sums = {
            side: [entry.amount_fen for entry in lines if (entry.kind == "debit") is side] for side in (True, False)
        }
        totals = _fields(cursor.next(), 5, cursor.line_no)
        numbers = [
            read_count(totals[1], cursor.line_no),
            read_yuan(totals[2], cursor.line_no),
            read_count(totals[3], cursor.line_no),
            read_yuan(totals[4], cursor.line_no),
        ]
        if numbers != [len(sums[True]), sum(sums[True]), len(sums[False]), sum(sums[False])]:
            raise Unfit(cursor.line_no, "合计与明细不符（H019）")
        cursor.expect_end()
        opening, closing = read_yuan(header[5], 1), read_yuan(header[7], 1)
        if read_count(header[6], 1) != len(lines):
            raise Unfit(1, "首行的笔数与明细不符（H019）")
        if opening - sum(sums[True]) + sum(sums[False]) != closing:
            raise Unfit(1, "期初、发生额与期末余额不平")
        return StatementFile(
            read_count(header[1], 1), read_date(header[2], 1), header[4], opening, closing, tuple(lines)
        )


def _statement_line(line: str, line_no: int) -> StatementLine:
    _number, serial, side, amount, ref, narrative = _fields(line, 6, line_no)
    if side not in {"借", "贷"}:
        raise Unfit(line_no, "借贷标志不对")
    kind: Literal["debit", "return", "funding"] = "debit" if side == "借" else ("return" if ref else "funding")
    fen = read_yuan(amount, line_no)
    if not fen:
        raise Unfit(line_no, "金额为零")
    words = words_of(narrative)
    return StatementLine(line_no, kind, fen, read_ref(ref, line_no) if ref else "", serial[:40], words)

"""Bank channel ``xml_gateway`` (银企直连): signed XML in GBK over HTTP, described in docs/banks/xml_gateway.md.

One order is one message. The bank's "accepted" is no result: results, returns and statements are asked for. An
answer that is not on the list of refusals refuses nothing, and "not found" alone proves nothing.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Literal

from lxml import etree

from disbursement.banks.base import (
    Answer,
    BankRejected,
    BankUnavailable,
    Document,
    LineError,
    NameAnswer,
    Outcome,
    OutcomeUnknown,
    OutgoingLine,
    OutgoingOrder,
    Profile,
    Receipt,
    ResultFile,
    ResultLine,
    StatementFile,
    StatementLine,
)
from disbursement.banks.exchange import Exchange
from disbursement.banks.gateway import Gateway
from disbursement.banks.markup import Content, read_xml, write_xml
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
    words_of,
)

PAY, RESULT, STATEMENT, RETURN, NAME = "100001", "200004", "200002", "200005", "211003"
DONE, NOT_FOUND = "0000", "1002"
_KINDS: dict[str, Literal["result", "return", "statement"]] = {
    RESULT: "result",
    RETURN: "return",
    STATEMENT: "statement",
}
_OUTCOMES: dict[str, Outcome] = {"1": "success", "2": "failed", "3": "unknown"}
# Where the first 512 bytes of a message say what it is
_CODE = re.compile(rb"<TRX_CODE>(\d{6})</TRX_CODE>")
_SIGNATURE = re.compile(rb"<SIGNED_MSG>([0-9A-Za-z+/=]*)</SIGNED_MSG>")
# What only a person's own papers can change: name or number differ, or there is no such account
_NOT_THEIRS = frozenset({"3031", "3009", "3004", "3030", "3063"})


class Adapter:
    """The channel of one bank; what it answers is kept in its folder's ``in/`` like a file that it left there."""

    profile = Profile(
        channel="http",
        max_items=1_000,
        charset="gbk",
        ref_max_len=30,
        # A bank that does not know the order may still be about to: only statements prove that it never will.
        absence_is_proof=False,
        answer_days=1,
        success_codes=frozenset({"1"}),
        pending_codes=frozenset({"3"}),
        refusal_codes=frozenset({"1000", "1001", "1003", "1004", "1006"}),
        is_asked=True,
        checks_names=True,
    )

    def __init__(self, exchange: Exchange, *, unit_number: str, fiscal_account: str, gateway: Gateway) -> None:
        self.exchange, self.unit_number, self.fiscal_account = exchange, unit_number, fiscal_account
        self.gateway = gateway

    # --- out ---

    def build(self, order: OutgoingOrder) -> Document:
        head: Content = [
            ("BUSINESS_CODE", "00600"),
            ("MERCHANT_ID", self.fiscal_account),
            ("BATCH", order.batch_number),
            ("SUBMIT_TIME", f"{order.made_on:%Y%m%d}000000"),
            ("TOTAL_ITEM", str(len(order.lines))),
            ("TOTAL_SUM", str(order.total_fen)),
        ]
        details: Content = [("TRANS_DETAIL", _detail(line)) for line in order.lines]
        body: Content = [("TRANS_SUM", head), ("TRANS_DETAILS", details)]
        return Document(f"{PAY}_{order.ref}.xml", self._signed(PAY, order.ref, body))

    def send(self, order: OutgoingOrder, document: Document | None = None) -> Receipt:
        answer = self.gateway.post((document or self.build(order)).content)
        info = self._info(answer, PAY, order.ref)
        code, words = _text(info, "RET_CODE"), _said(info)
        if code == DONE:
            return Receipt("银行已受理")
        if code in self.profile.refusal_codes:
            raise BankRejected(f"{code} {words}")
        # "Number used before" (1005) belongs here: the earlier message may be booked.
        raise OutcomeUnknown(f"银行回应{code} {words}", answer)

    def query(self, order_ref: str, file_name: str) -> Answer:
        try:
            code = _text(self._info(self._ask(RESULT, order_ref), RESULT, order_ref), "RET_CODE")
        except (BankUnavailable, OutcomeUnknown):
            return Answer("unclear")
        if code == NOT_FOUND:
            return Answer("absent")
        return Answer("taken" if code == DONE or code.startswith("2") else "unclear")

    def ask_result(self, order_ref: str) -> Document | None:
        answer = self._ask(RESULT, order_ref)
        code = _text(self._info(answer, RESULT, order_ref), "RET_CODE")
        # A refusal without the order's own figures refuses the question, not the order.
        mark = {DONE: b"<QTDETAIL>"}.get(code, b"<QTRANSRSP>" if code in self.profile.refusal_codes else b"</none>")
        is_final = mark in answer
        return Document(f"{RESULT}_{order_ref}.xml", answer) if is_final else None

    def ask_statement(self, day: dt.date) -> Document | None:
        return self._of_day(STATEMENT, day)

    def ask_returns(self, day: dt.date) -> Document | None:
        return self._of_day(RETURN, day)

    def check_name(self, name: str, account: str, id_number: str) -> NameAnswer:
        asked: Content = [("ACCOUNT_NO", account), ("ACCOUNT_NAME", name), ("ID", id_number)]
        try:
            info = self._info(self.gateway.post(self._signed(NAME, "", [("VALID", asked)])), NAME, "")
        except (BankUnavailable, OutcomeUnknown):
            return NameAnswer("unclear")
        code, words = _text(info, "RET_CODE"), _said(info)
        if code == DONE:
            return NameAnswer("same", code, words)
        return NameAnswer("different" if code in _NOT_THEIRS else "unclear", code, words)

    def _ask(self, code: str, key: str) -> bytes:
        return self.gateway.post(self._signed(code, key, [("QUERY", [("QUERY_SN", key)])]))

    def _of_day(self, code: str, day: dt.date) -> Document | None:
        key = f"{day:%Y%m%d}"
        answer = self._ask(code, key)
        said = _text(self._info(answer, code, key), "RET_CODE")
        return Document(f"{code}_{self.unit_number}_{key}.xml", answer) if said == DONE else None

    def _signed(self, code: str, key: str, body: Content) -> bytes:
        info: Content = [
            ("TRX_CODE", code),
            ("VERSION", "03"),
            ("DATA_TYPE", "2"),
            ("LEVEL", "5"),
            ("USER_NAME", self.unit_number),
            ("REQ_SN", key),
        ]
        message = write_xml("GATEWAY", [("INFO", info), ("BODY", body)], "GBK")
        mark = f"<SIGNED_MSG>{self.gateway.signer.sign(message)}</SIGNED_MSG></INFO>".encode()
        return message.replace(b"</INFO>", mark, 1)

    # --- in ---

    def _open(self, content: bytes) -> etree._Element:
        """The message, once its signature and its addressee are right."""
        signatures = _SIGNATURE.findall(content)
        unsigned = _SIGNATURE.sub(b"", content)
        if len(signatures) != 1 or not self.gateway.signer.fits(unsigned, signatures[0].decode()):
            raise Unfit(1, "签名不对")
        root = read_xml(content, "GBK")
        if root.tag != "GATEWAY" or _text(root, "INFO/USER_NAME") != self.unit_number:
            raise Unfit(1, "单位编号不是本县的（H035）")
        return root

    def _info(self, answer: bytes, code: str, key: str) -> etree._Element:
        """INFO of an answer to what was asked; OutcomeUnknown for anything else that came."""
        try:
            info = _one(self._open(answer), "INFO")
            if (_text(info, "TRX_CODE"), _text(info, "REQ_SN")) != (code, key):
                raise Unfit(1, "不是对这次请求的回应")
        except Unfit as unfit:
            raise OutcomeUnknown(f"银行的回应不能识别（{unfit}）", answer) from None
        return info

    def kind_of(self, content: bytes) -> Literal["result", "return", "statement"] | None:
        named = _CODE.search(content[:512])
        return _KINDS.get(named[1].decode()) if named else None

    def parse_result(self, content: bytes) -> tuple[ResultFile | None, list[LineError]]:
        try:
            root = self._open(content)
            read = self._returns if _text(root, "INFO/TRX_CODE") == RETURN else self._result
            return read(root), []
        except Unfit as unfit:
            return None, [LineError(unfit.line_no, str(unfit))]

    def parse_statement(self, content: bytes) -> tuple[StatementFile | None, list[LineError]]:
        try:
            return self._statement(self._open(content)), []
        except Unfit as unfit:
            return None, [LineError(unfit.line_no, str(unfit))]

    def _result(self, root: etree._Element) -> ResultFile:
        info, told = _one(root, "INFO"), _one(root, "BODY/QTRANSRSP")
        ref = read_order_ref(_text(info, "REQ_SN"), 1)
        count, total = read_count(_text(told, "TOTAL_ITEM"), 1), read_fen(_text(told, "TOTAL_SUM"), 1)
        day = read_date(_text(told, "BUSINESS_DATE"), 1)
        code = _text(info, "RET_CODE")
        if code in self.profile.refusal_codes:
            return ResultFile("rejection", ref, day, count, total, (), code, _said(info))
        lines = [_line(item, line_no) for line_no, item in enumerate(told.iterfind("QTDETAILS/QTDETAIL"), 1)]
        _check_sums(lines, count, total)
        return ResultFile("result", ref, day, count, total, tuple(lines))

    def _returns(self, root: etree._Element) -> ResultFile:
        told = _one(root, "BODY/QRETURNRSP")
        count, total = read_count(_text(told, "TOTAL_ITEM"), 1), read_fen(_text(told, "TOTAL_SUM"), 1)
        lines = [
            _line(item, line_no, "returned") for line_no, item in enumerate(told.iterfind("QTDETAILS/QTDETAIL"), 1)
        ]
        _check_sums(lines, count, total)
        return ResultFile("return", "", read_date(_text(told, "BUSINESS_DATE"), 1), count, total, tuple(lines))

    def _statement(self, root: etree._Element) -> StatementFile:
        told = _one(root, "BODY/STATEMENT")
        if _text(told, "ACCOUNT") != self.fiscal_account:
            raise Unfit(1, "账号不是本县的代发专户（H035）")
        lines = tuple(_entry(item, line_no) for line_no, item in enumerate(told.iterfind("ENTRIES/ENTRY"), 1))
        out = [line.amount_fen for line in lines if line.kind == "debit"]
        back = [line.amount_fen for line in lines if line.kind != "debit"]
        sums = [read_fen(_text(told, tag), 1) for tag in ("DEBIT_ITEM", "DEBIT_SUM", "CREDIT_ITEM", "CREDIT_SUM")]
        if sums != [len(out), sum(out), len(back), sum(back)]:
            raise Unfit(1, "合计与明细不符（H019）")
        opening, closing = read_fen(_text(told, "OPENING"), 1), read_fen(_text(told, "CLOSING"), 1)
        if opening - sum(out) + sum(back) != closing:
            raise Unfit(1, "期初、发生额与期末余额不平")
        number = read_count(_text(told, "NUMBER"), 1)
        return StatementFile(number, read_date(_text(told, "DAY"), 1), self.fiscal_account, opening, closing, lines)


def _detail(line: OutgoingLine) -> Content:
    return [
        ("SN", line.ref),
        ("ACCOUNT_TYPE", "00"),
        ("ACCOUNT_NO", line.account),
        ("ACCOUNT_NAME", line.name),
        ("ACCOUNT_PROP", "0"),
        ("AMOUNT", str(line.amount_fen)),
        ("CURRENCY", "CNY"),
        ("ID_TYPE", "0"),
        ("ID", line.id_number),
        ("TIMES", str(line.times)),
    ]


def _one(parent: etree._Element, path: str) -> etree._Element:
    found = parent.findall(path)
    if len(found) != 1:
        raise Unfit(0, f"{path}应出现一次，实有{len(found)}次")
    return found[0]


def _text(parent: etree._Element, path: str) -> str:
    return (_one(parent, path).text or "").strip()


def _said(info: etree._Element) -> str:
    return words_of(info.findtext("ERR_MSG") or "")


def _line(item: etree._Element, line_no: int, outcome: Outcome | None = None) -> ResultLine:
    status = _text(item, "STATUS")
    if outcome is None and status not in _OUTCOMES:
        raise Unfit(line_no, "处理状态应为1、2或3")
    return ResultLine(
        line_no,
        read_ref(_text(item, "SN"), line_no),
        read_fen(_text(item, "AMOUNT"), line_no),
        read_last4(_text(item, "ACCOUNT_NO"), line_no),
        outcome or _OUTCOMES[status],
        _text(item, "RET_CODE")[:20],
        _said(item),
        read_day(_text(item, "FINTIME"), line_no),
        _text(item, "SERIAL")[:40],
    )


def _check_sums(lines: list[ResultLine], count: int, total: int) -> None:
    check_lines(lines)
    if (len(lines), sum(line.amount_fen for line in lines)) != (count, total):
        raise Unfit(1, "笔数或金额与明细不符（H019）")


def _entry(item: etree._Element, line_no: int) -> StatementLine:
    side, ref = _text(item, "SIDE"), _text(item, "SN")
    if side not in {"D", "C"}:
        raise Unfit(line_no, "借贷标志不对")
    fen = read_fen(_text(item, "AMOUNT"), line_no)
    if not fen:
        raise Unfit(line_no, "金额为零")
    kind: Literal["debit", "return", "funding"] = "debit" if side == "D" else ("return" if ref else "funding")
    words = words_of(item.findtext("WORDS") or "")
    return StatementLine(line_no, kind, fen, read_ref(ref, line_no) if ref else "", _text(item, "SERIAL")[:40], words)

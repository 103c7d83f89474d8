"""Bank channel ``iso20022``: pain.001.001.09 out; pain.002, camt.054 and camt.053 in (docs/banks/iso20022.md).

Each message is valid against the official schema (``schemas/``), both ways. Amounts are yuan (CNY), two decimals.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Literal

from lxml import etree

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
from disbursement.banks.markup import Content, check_schema, read_xml, write_xml
from disbursement.banks.reading import (
    Unfit,
    check_lines,
    read_count,
    read_date,
    read_day,
    read_last4,
    read_order_ref,
    read_ref,
    read_yuan,
    words_of,
)
from subsidy_portal.money import format_yuan

URN = "urn:iso:std:iso:20022:tech:xsd:"
PAY, RESULT, RETURN, STATEMENT = "pain.001.001.09", "pain.002.001.12", "camt.054.001.08", "camt.053.001.08"
_KINDS: dict[str, Literal["result", "return", "statement"]] = {
    RESULT: "result",
    RETURN: "return",
    STATEMENT: "statement",
}
_OUTCOMES: dict[str, Outcome] = {"ACSC": "success", "ACCC": "success", "RJCT": "failed"}
_NAMESPACE = re.compile(rb"urn:iso:std:iso:20022:tech:xsd:([a-z0-9.]{15})")
NO_REFERENCE = "NOTPROVIDED"


class Adapter(FolderChannel):
    """The channel of one bank: unit number and account are those of the contract."""

    profile = Profile(
        channel="file",
        max_items=10_000,
        charset="utf-8",
        ref_max_len=35,
        absence_is_proof=True,
        answer_days=3,
        success_codes=frozenset({"ACSC", "ACCC"}),
        pending_codes=frozenset({"RCVD", "ACTC", "ACCP", "ACSP", "PDNG"}),
    )

    # --- out ---

    def build(self, order: OutgoingOrder) -> Document:
        total = format_yuan(order.total_fen, comma=False)
        sums: Content = [("NbOfTxs", str(len(order.lines))), ("CtrlSum", total)]
        unit: Content = [("Id", [("OrgId", [("Othr", [("Id", self.unit_number)])])])]
        head: Content = [
            ("MsgId", order.ref),
            ("CreDtTm", f"{order.made_on}T00:00:00+08:00"),
            *sums,
            ("InitgPty", unit),
        ]
        payment: Content = [
            ("PmtInfId", order.ref),
            ("PmtMtd", "TRF"),
            ("BtchBookg", "false"),
            *sums,
            ("ReqdExctnDt", [("Dt", str(order.made_on))]),
            ("Dbtr", unit),
            ("DbtrAcct", [("Id", _other(self.fiscal_account)), ("Ccy", "CNY")]),
            ("DbtrAgt", [("FinInstnId", [("Othr", [("Id", NO_REFERENCE)])])]),
            *(("CdtTrfTxInf", _transfer(line, order.batch_number)) for line in order.lines),
        ]
        content = write_xml(
            "Document", [("CstmrCdtTrfInitn", [("GrpHdr", head), ("PmtInf", payment)])], "UTF-8", URN + PAY
        )
        check_schema(read_xml(content, "UTF-8"), PAY)
        return Document(f"{PAY}_{self.unit_number}_{order.made_on:%Y%m%d}_{order.ref}.xml", content)

    # --- in ---

    def kind_of(self, content: bytes) -> Literal["result", "return", "statement"] | None:
        named = _NAMESPACE.search(content[:512])
        return _KINDS.get(named[1].decode()) if named else None

    def parse_result(self, content: bytes) -> tuple[ResultFile | None, list[LineError]]:
        try:
            kind = self.kind_of(content)
            if kind == "result":
                return self._result(_message(content, RESULT)), []
            return self._returns(_message(content, RETURN)), []
        except Unfit as unfit:
            return None, [LineError(unfit.line_no, str(unfit))]

    def parse_statement(self, content: bytes) -> tuple[StatementFile | None, list[LineError]]:
        try:
            return self._statement(_message(content, STATEMENT)), []
        except Unfit as unfit:
            return None, [LineError(unfit.line_no, str(unfit))]

    def _result(self, report: etree._Element) -> ResultFile:
        if _text(report, "GrpHdr/InitgPty/Id/OrgId/Othr/Id") != self.unit_number:
            raise Unfit(1, "单位编号不是本县的（H035）")
        group = _one(report, "OrgnlGrpInfAndSts")
        ref = read_order_ref(_text(group, "OrgnlMsgId"), 1)
        if not _text(group, "OrgnlMsgNmId").startswith("pain.001"):
            raise Unfit(1, "不是对代发指令的回应")
        count = read_count(_text(group, "OrgnlNbOfTxs"), 1)
        total = read_yuan(_text(group, "OrgnlCtrlSum"), 1)
        business_on = _day(_text(report, "GrpHdr/CreDtTm"), 1)
        if _text(group, "GrpSts") == "RJCT":
            code, words = _reason(group)
            if code in {"AM05", "DUPL"}:
                raise Unfit(1, "银行说指令号重复，不能当作拒收，请查询原指令")
            return ResultFile("rejection", ref, business_on, count, total, (), code, words)
        lines = [_status(item) for item in report.iterfind("{*}OrgnlPmtInfAndSts/{*}TxInfAndSts")]
        check_lines(lines)
        if (len(lines), sum(line.amount_fen for line in lines)) != (count, total):
            raise Unfit(1, "报文头的笔数或金额与明细不符（H019）")
        return ResultFile("result", ref, business_on, count, total, tuple(lines))

    def _account(self, holder: etree._Element) -> None:
        if _text(holder, "Acct/Id/Othr/Id") != self.fiscal_account:
            raise Unfit(1, "账号不是本县的代发专户（H035）")

    def _returns(self, note: etree._Element) -> ResultFile:
        told = _one(note, "Ntfctn")
        self._account(told)
        lines = [_returned(entry) for entry in told.iterfind("{*}Ntry")]
        check_lines(lines)
        count = read_count(_text(told, "TxsSummry/TtlCdtNtries/NbOfNtries"), 1)
        total = read_yuan(_text(told, "TxsSummry/TtlCdtNtries/Sum"), 1)
        if (len(lines), sum(line.amount_fen for line in lines)) != (count, total):
            raise Unfit(1, "报文头的笔数或金额与明细不符（H019）")
        return ResultFile("return", "", _day(_text(note, "GrpHdr/CreDtTm"), 1), count, total, tuple(lines))

    def _statement(self, note: etree._Element) -> StatementFile:
        told = _one(note, "Stmt")
        self._account(told)
        lines = tuple(_entry(entry) for entry in told.iterfind("{*}Ntry"))
        out = [line.amount_fen for line in lines if line.kind == "debit"]
        back = [line.amount_fen for line in lines if line.kind != "debit"]
        for path, amounts in (("TtlDbtNtries", out), ("TtlCdtNtries", back)):
            count = read_count(_text(told, f"TxsSummry/{path}/NbOfNtries"), 1)
            if (count, read_yuan(_text(told, f"TxsSummry/{path}/Sum"), 1)) != (len(amounts), sum(amounts)):
                raise Unfit(1, "合计与明细不符（H019）")
        (opening, day), (closing, last) = _balance(told, "OPBD"), _balance(told, "CLBD")
        if day != last:
            raise Unfit(1, "对账单跨了不止一天")
        if opening - sum(out) + sum(back) != closing:
            raise Unfit(1, "期初、发生额与期末余额不平")
        number = read_count(_text(told, "ElctrncSeqNb"), 1)
        return StatementFile(number, day, self.fiscal_account, opening, closing, lines)


def _other(number: str) -> Content:
    return [("Othr", [("Id", number)])]


def _transfer(line: OutgoingLine, batch_number: str) -> Content:
    """One person's payment; the reference goes along as InstrId and EndToEndId."""
    fen = format_yuan(line.amount_fen, comma=False)
    identity: Content = [("Othr", [("Id", line.id_number), ("SchmeNm", [("Prtry", "CN-ID")])])]
    return [
        ("PmtId", [("InstrId", line.ref), ("EndToEndId", line.ref)]),
        ("Amt", [("InstdAmt", (fen, {"Ccy": "CNY"}))]),
        ("Cdtr", [("Nm", line.name), ("Id", [("PrvtId", identity)])]),
        ("CdtrAcct", [("Id", _other(line.account))]),
        ("RmtInf", [("Ustrd", f"{batch_number}/{line.times}")]),
    ]


def _message(content: bytes, name: str) -> etree._Element:
    """The message inside ``Document``, valid against its schema."""
    root = read_xml(content, "UTF-8")
    if root.tag != f"{{{URN}{name}}}Document":
        raise Unfit(1, "文件类型不认识")
    check_schema(root, name)
    return root[0]


def _one(parent: etree._Element, path: str) -> etree._Element:
    found = parent.findall("/".join("{*}" + step for step in path.split("/")))
    if len(found) != 1:
        raise Unfit(int(parent.sourceline or 0), f"{path}应出现一次，实有{len(found)}次")
    return found[0]


def _text(parent: etree._Element, path: str) -> str:
    return (_one(parent, path).text or "").strip()


def _line_no(item: etree._Element) -> int:
    return 1 + item.getparent().index(item)  # type: ignore[union-attr]  # an entry always stands in something


def _amount(item: etree._Element, path: str, line_no: int) -> int:
    amount = _one(item, path)
    if amount.get("Ccy") != "CNY":
        raise Unfit(line_no, "币种不是人民币")
    return read_yuan((amount.text or "").strip(), line_no)


def _day(text: str, line_no: int) -> dt.date:
    return read_date(text[:10].replace("-", ""), line_no)


def _reason(item: etree._Element) -> tuple[str, str]:
    """Code and words; the bank's own code before the words (``3018 账户已销户``) counts more than a general one."""
    given = item.find("{*}StsRsnInf")
    if given is None:
        return "", ""
    code = (given.findtext("{*}Rsn/{*}Cd") or given.findtext("{*}Rsn/{*}Prtry") or "").strip()
    words = words_of(" ".join(found.text or "" for found in given.iterfind("{*}AddtlInf")))
    return code[:20], words


def _status(item: etree._Element) -> ResultLine:
    """One transaction of a pain.002: a status that is neither final success nor refusal is unknown."""
    line_no = _line_no(item)
    code, words = _reason(item)
    status = _text(item, "TxSts")
    return ResultLine(
        line_no,
        read_ref(_text(item, "OrgnlEndToEndId"), line_no),
        _amount(item, "OrgnlTxRef/Amt/InstdAmt", line_no),
        read_last4(_text(item, "OrgnlTxRef/CdtrAcct/Id/Othr/Id"), line_no),
        # A duplicate is no refusal: the first one may have been paid.
        "unknown" if code in {"AM05", "DUPL"} else _OUTCOMES.get(status, "unknown"),
        code or status,
        words,
        read_day(_text(item, "AccptncDtTm")[:10].replace("-", ""), line_no),
        (item.findtext("{*}AcctSvcrRef") or "").strip(),
    )


def _booked(entry: etree._Element, side: str, line_no: int) -> int:
    """Fen of a booked entry on the right side."""
    if _text(entry, "CdtDbtInd") != side or _text(entry, "Sts/Cd") != "BOOK":
        raise Unfit(line_no, "借贷标志或状态不对")
    fen = _amount(entry, "Amt", line_no)
    if not fen:
        raise Unfit(line_no, "金额为零")
    return fen


def _returned(entry: etree._Element) -> ResultLine:
    line_no = _line_no(entry)
    fen = _booked(entry, "CRDT", line_no)
    details = _one(entry, "NtryDtls/TxDtls")
    back = _one(details, "RtrInf")
    return ResultLine(
        line_no,
        read_ref(_text(details, "Refs/EndToEndId"), line_no),
        fen,
        read_last4(_text(details, "RltdPties/DbtrAcct/Id/Othr/Id"), line_no),
        "returned",
        _text(back, "Rsn/Cd"),
        words_of(back.findtext("{*}AddtlInf") or ""),
        _day(_text(entry, "BookgDt/Dt"), line_no),
        _text(entry, "AcctSvcrRef"),
    )


def _entry(entry: etree._Element) -> StatementLine:
    line_no = _line_no(entry)
    side = _text(entry, "CdtDbtInd")
    fen = _booked(entry, side, line_no)
    ref = (entry.findtext("{*}NtryDtls/{*}TxDtls/{*}Refs/{*}EndToEndId") or "").strip()
    ref = "" if ref == NO_REFERENCE else read_ref(ref, line_no)
    kind: Literal["debit", "return", "funding"] = "debit" if side == "DBIT" else ("return" if ref else "funding")
    words = words_of(entry.findtext("{*}AddtlNtryInf") or "")
    return StatementLine(line_no, kind, fen, ref, _text(entry, "AcctSvcrRef"), words)


def _balance(told: etree._Element, kind: str) -> tuple[int, dt.date]:
    """Fen and day of the opening (OPBD) or closing (CLBD) balance; a debit balance is below zero."""
    found = [bal for bal in told.iterfind("{*}Bal") if bal.findtext("{*}Tp/{*}CdOrPrtry/{*}Cd") == kind]
    if len(found) != 1:
        raise Unfit(1, f"余额{kind}应出现一次")
    fen = _amount(found[0], "Amt", 1)
    return (-fen if _text(found[0], "CdtDbtInd") == "DBIT" else fen), _day(_text(found[0], "Dt/Dt"), 1)

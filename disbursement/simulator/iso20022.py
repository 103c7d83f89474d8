"""The bank's own reader and writer of ISO 20022. Written from docs/banks/iso20022.md, not from the adapter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

from defusedxml import ElementTree

from disbursement.simulator.script import PENDING, SUCCESS
from disbursement.simulator.script import RETURNED as WILL_COME_BACK
from disbursement.simulator.terms import Back, Entry, File, Header, Line, Refused, Said, check_order, fen, yuan

asked = False
URN = "urn:iso:std:iso:20022:tech:xsd:"
# Our own codes as the standard names them; the rest is MS03, a reason the bank does not tell.
REASONS = {
    "3009": "AC01", "3031": "BE01", "3018": "AC04", "3017": "AC06", "3008": "AM04", "MD07": "MD07", "AG01": "AG01",
    "3051": "AM05",
}  # fmt: skip


def takes(name: str) -> bool:
    return name.startswith("pain.001.001.09_")


def read_order(content: bytes, today: str) -> tuple[Header, list[Line]]:
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError):
        raise Refused("H019 报文格式错误") from None
    if root.tag != f"{{{URN}pain.001.001.09}}Document":
        raise Refused("H019 报文类型错误")

    def text(parent: Any, path: str) -> str:
        return (parent.findtext("/".join("{*}" + step for step in path.split("/"))) or "").strip()

    head, pay = root.find("{*}*/{*}GrpHdr"), root.find("{*}*/{*}PmtInf")
    if head is None or pay is None:
        raise Refused("H019 报文不完整")
    count = text(head, "NbOfTxs")
    batch = text(pay, "CdtTrfTxInf/RmtInf/Ustrd").split("/")[0]
    header = Header(
        text(head, "MsgId"), text(pay, "ReqdExctnDt/Dt").replace("-", ""), text(head, "InitgPty/Id/OrgId/Othr/Id"),
        batch, text(pay, "DbtrAcct/Id/Othr/Id"), int(count or 0), fen(text(head, "CtrlSum")),
    )  # fmt: skip
    lines = [
        Line(
            text(item, "PmtId/EndToEndId"), text(item, "Cdtr/Nm"), fen(text(item, "Amt/InstdAmt")),
            text(item, "CdtrAcct/Id/Othr/Id"), text(item, "Cdtr/Id/PrvtId/Othr/Id"),
            text(item, "RmtInf/Ustrd").rpartition("/")[2],
        )
        for item in pay.iterfind("{*}CdtTrfTxInf")
    ]  # fmt: skip
    check_order(header, lines, today)
    return header, lines


def _day(day: str) -> str:
    return f"{day[:4]}-{day[4:6]}-{day[6:]}"


def _document(message: str, tag: str, inner: str) -> bytes:
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{URN}{message}">\n'
    return f"{head}<{tag}>\n{inner}</{tag}>\n</Document>\n".encode()


def _head(key: str, day: str, unit: str = "") -> str:
    party = f"<InitgPty><Id><OrgId><Othr><Id>{escape(unit)}</Id></Othr></OrgId></Id></InitgPty>" if unit else ""
    return f"<GrpHdr><MsgId>{key}</MsgId><CreDtTm>{_day(day)}T20:00:00+08:00</CreDtTm>{party}</GrpHdr>\n"


def _why(answer: str) -> str:
    code = REASONS.get(answer.split(" ")[0], "MS03")
    return f"<StsRsnInf><Rsn><Cd>{code}</Cd></Rsn><AddtlInf>{escape(answer)}</AddtlInf></StsRsnInf>"


def _group(ref: str, count: str, total: str, status: str, why: str = "") -> str:
    return (
        f"<OrgnlGrpInfAndSts><OrgnlMsgId>{escape(ref)}</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>"
        f"<OrgnlNbOfTxs>{count}</OrgnlNbOfTxs><OrgnlCtrlSum>{total}</OrgnlCtrlSum><GrpSts>{status}</GrpSts>{why}"
        "</OrgnlGrpInfAndSts>\n"
    )


def refuse(content: bytes, name: str, today: str, reason: str) -> tuple[str, File]:
    """The order's reference and unit are in the file's name; its own figures come back when they can be read."""
    _kind, unit, _made, ref = name.removesuffix(".xml").split("_")
    count, total = "0", "0.00"
    try:
        root = ElementTree.fromstring(content)
        count = root.findtext("{*}*/{*}GrpHdr/{*}NbOfTxs") or count
        total = root.findtext("{*}*/{*}GrpHdr/{*}CtrlSum") or total
    except (ElementTree.ParseError, ValueError):
        pass
    inner = _head(f"JS{ref}", today, unit) + _group(ref, count, total, "RJCT", _why(reason))
    return ref, File(f"pain.002_{unit}_{today}_{ref}_JS.xml", _document("pain.002.001.12", "CstmrPmtStsRpt", inner))


def results(order_ref: str, day: str, unit: str, number: int, said: Sequence[Said]) -> File:
    total = yuan(sum(line.amount for line in said))
    rows = []
    for line in said:
        status = (
            "ACSC" if line.outcome in {SUCCESS, WILL_COME_BACK} else ("PDNG" if line.outcome == PENDING else "RJCT")
        )
        why = "" if status == "ACSC" else _why(line.answer)
        rows.append(
            f"<TxInfAndSts><OrgnlInstrId>{line.ref}</OrgnlInstrId><OrgnlEndToEndId>{line.ref}</OrgnlEndToEndId>"
            f"<TxSts>{status}</TxSts>{why}<AccptncDtTm>{_day(line.booked)}T20:00:00+08:00</AccptncDtTm>"
            f"<AcctSvcrRef>{line.serial}</AcctSvcrRef>"
            f'<OrgnlTxRef><Amt><InstdAmt Ccy="CNY">{yuan(line.amount)}</InstdAmt></Amt>'
            f"<Cdtr><Pty><Nm>{escape(line.name)}</Nm></Pty></Cdtr>"
            f"<CdtrAcct><Id><Othr><Id>{line.account}</Id></Othr></Id></CdtrAcct></OrgnlTxRef></TxInfAndSts>\n"
        )
    inner = _head(f"{order_ref}-{number:02d}", day, unit) + _group(order_ref, str(len(said)), total, "PART")
    inner += f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>{order_ref}</OrgnlPmtInfId>\n{''.join(rows)}</OrgnlPmtInfAndSts>\n"
    name = f"pain.002_{unit}_{day}_{order_ref}_{number:02d}.xml"
    return File(name, _document("pain.002.001.12", "CstmrPmtStsRpt", inner))


def _entry(side: str, amount: int, day: str, serial: str, details: str, words: str) -> str:
    return (
        f'<Ntry><Amt Ccy="CNY">{yuan(amount)}</Amt><CdtDbtInd>{side}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>'
        f"<BookgDt><Dt>{_day(day)}</Dt></BookgDt><AcctSvcrRef>{serial}</AcctSvcrRef>"
        "<BkTxCd><Prtry><Cd>DF</Cd></Prtry></BkTxCd>"
        f"<NtryDtls><TxDtls>{details}</TxDtls></NtryDtls><AddtlNtryInf>{escape(words)}</AddtlNtryInf></Ntry>\n"
    )


def _account(account: str) -> str:
    return f"<Acct><Id><Othr><Id>{account}</Id></Othr></Id><Ccy>CNY</Ccy></Acct>\n"


def _sums(tag: str, amounts: Sequence[int]) -> str:
    return f"<{tag}><NbOfNtries>{len(amounts)}</NbOfNtries><Sum>{yuan(sum(amounts))}</Sum></{tag}>"


def returns(day: str, unit: str, account: str, number: int, backs: Sequence[Back]) -> File:
    rows = []
    for back in backs:
        details = (
            f"<Refs><EndToEndId>{back.ref}</EndToEndId></Refs>"
            f"<RltdPties><Dbtr><Pty><Nm>{escape(back.name)}</Nm></Pty></Dbtr>"
            f"<DbtrAcct><Id><Othr><Id>{back.account}</Id></Othr></Id></DbtrAcct></RltdPties>"
            f"<RtrInf><Rsn><Cd>MS03</Cd></Rsn><AddtlInf>{escape(back.answer)}</AddtlInf></RtrInf>"
        )
        rows.append(_entry("CRDT", back.amount, day, back.serial, details, "退票"))
    key = f"TP{day}{number:02d}"
    summary = f"<TxsSummry>{_sums('TtlCdtNtries', [back.amount for back in backs])}</TxsSummry>\n"
    inner = _head(key, day) + f"<Ntfctn><Id>{key}</Id>{_account(account)}{summary}{''.join(rows)}</Ntfctn>\n"
    name = f"camt.054_{unit}_{day}_{number:02d}.xml"
    return File(name, _document("camt.054.001.08", "BkToCstmrDbtCdtNtfctn", inner))


def _balance(kind: str, amount: int, day: str) -> str:
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp><Amt Ccy="CNY">{yuan(abs(amount))}</Amt>'
        f"<CdtDbtInd>{'DBIT' if amount < 0 else 'CRDT'}</CdtDbtInd><Dt><Dt>{_day(day)}</Dt></Dt></Bal>\n"
    )


def statement(
    number: int, day: str, unit: str, account: str, opening: int, closing: int, entries: Sequence[Entry]
) -> File:
    rows = [
        _entry(
            "DBIT" if side == "D" else "CRDT", amount, day, serial,
            f"<Refs><EndToEndId>{ref or 'NOTPROVIDED'}</EndToEndId></Refs>", words,
        )
        for side, amount, ref, serial, words in entries
    ]  # fmt: skip
    sums = _sums("TtlCdtNtries", [entry.amount for entry in entries if entry.side == "C"])
    sums += _sums("TtlDbtNtries", [entry.amount for entry in entries if entry.side == "D"])
    inner = (
        _head(f"DZ{day}", day)
        + f"<Stmt><Id>{unit}-{number}</Id><ElctrncSeqNb>{number}</ElctrncSeqNb>{_account(account)}"
        + _balance("OPBD", opening, day)
        + _balance("CLBD", closing, day)
        + f"<TxsSummry>{sums}</TxsSummry>\n{''.join(rows)}</Stmt>\n"
    )
    return File(f"camt.053_{unit}_{day}.xml", _document("camt.053.001.08", "BkToCstmrStmt", inner))

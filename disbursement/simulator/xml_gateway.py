"""The bank's own reader and writer of gateway messages. Written from docs/banks/xml_gateway.md only."""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC
from defusedxml import ElementTree

from disbursement.simulator.script import PENDING, SUCCESS
from disbursement.simulator.script import RETURNED as WILL_COME_BACK
from disbursement.simulator.terms import Back, Entry, File, Header, Line, Refused, Said, check_order

# Nothing is left anywhere: the county asks.
asked = True
KEY = "golden"
_SIGNED = re.compile(rb"<SIGNED_MSG>([0-9a-f]*)</SIGNED_MSG>")


def takes(name: str) -> bool:
    return name.startswith("100001_")


def sign(message: bytes, key: str) -> str:
    mac = HMAC(key.encode(), hashes.SM3())
    mac.update(message)
    return mac.finalize().hex()


def open_message(content: bytes, key: str) -> Any:
    """The message's root; Refused when the signature or the form is wrong."""
    found = _SIGNED.search(content)
    if not found or not hmac.compare_digest(sign(_SIGNED.sub(b"", content), key).encode(), found[1]):
        raise Refused("1003 签名错误")
    return _parsed(content)


def _parsed(content: bytes) -> Any:
    try:
        # Python's own parser does not know GBK; the text without its declaration it reads.
        return ElementTree.fromstring(content.decode("gb18030").split("?>", 1)[1])
    except (UnicodeDecodeError, IndexError, ElementTree.ParseError, ValueError):
        raise Refused("1000 报文格式错误") from None


def message(code: str, unit: str, key: str, ret: str, words: str, body: str, secret: str) -> bytes:
    text = (
        f'<?xml version="1.0" encoding="GBK"?>\n<GATEWAY><INFO><TRX_CODE>{code}</TRX_CODE><VERSION>03</VERSION>'
        f"<USER_NAME>{escape(unit)}</USER_NAME><REQ_SN>{escape(key)}</REQ_SN><RET_CODE>{ret}</RET_CODE>"
        f"<ERR_MSG>{escape(words)}</ERR_MSG></INFO><BODY>{body}</BODY></GATEWAY>"
    )
    content = text.encode("gbk", "xmlcharrefreplace")
    return content.replace(b"</INFO>", f"<SIGNED_MSG>{sign(content, secret)}</SIGNED_MSG></INFO>".encode(), 1)


def read_order(content: bytes, today: str, key: str = KEY) -> tuple[Header, list[Line]]:
    header, lines = _order(open_message(content, key))
    check_order(header, lines, today)
    return header, lines


def read_parcel(content: bytes) -> tuple[Header, list[Line]]:
    """An order that was checked when it was taken."""
    return _order(_parsed(content))


def _order(root: Any) -> tuple[Header, list[Line]]:
    def text(parent: Any, path: str) -> str:
        return (parent.findtext(path) or "").strip()

    total, count = text(root, "BODY/TRANS_SUM/TOTAL_SUM"), text(root, "BODY/TRANS_SUM/TOTAL_ITEM")
    if not (total.isdigit() and count.isdigit()):
        raise Refused("1000 报文格式错误")
    header = Header(
        text(root, "INFO/REQ_SN"), text(root, "BODY/TRANS_SUM/SUBMIT_TIME")[:8], text(root, "INFO/USER_NAME"),
        text(root, "BODY/TRANS_SUM/BATCH"), text(root, "BODY/TRANS_SUM/MERCHANT_ID"), int(count), int(total),
    )  # fmt: skip
    lines = [
        Line(
            text(item, "SN"), text(item, "ACCOUNT_NAME"), int(text(item, "AMOUNT")), text(item, "ACCOUNT_NO"),
            text(item, "ID"), text(item, "TIMES"),
        )
        for item in root.iterfind("BODY/TRANS_DETAILS/TRANS_DETAIL")
    ]  # fmt: skip
    return header, lines


def refuse(content: bytes, name: str, today: str, reason: str, key: str = KEY) -> tuple[str, File]:
    """What a later question about a refused order is answered with."""
    root = open_message(content, key)
    ref, unit = root.findtext("INFO/REQ_SN"), root.findtext("INFO/USER_NAME")
    count, total = root.findtext("BODY/TRANS_SUM/TOTAL_ITEM"), root.findtext("BODY/TRANS_SUM/TOTAL_SUM")
    code, words = reason.split(" ", 1)
    code = {"H019": "1001", "P096": "1006", "H035": "1003", "T066": "1004"}.get(code, code)
    head = f"<BUSINESS_DATE>{today}</BUSINESS_DATE><TOTAL_ITEM>{count}</TOTAL_ITEM><TOTAL_SUM>{total}</TOTAL_SUM>"
    body = f"<QTRANSRSP>{head}</QTRANSRSP>"
    return ref, File(f"200004_{ref}.xml", message("200004", unit, ref, code, words, body, key))


def _detail(ref: str, account: str, name: str, amount: int, status: str, answer: str, day: str, serial: str) -> str:
    code, words = answer.split(" ", 1)
    return (
        f"<QTDETAIL><SN>{ref}</SN><ACCOUNT_NO>{account}</ACCOUNT_NO><ACCOUNT_NAME>{escape(name)}</ACCOUNT_NAME>"
        f"<AMOUNT>{amount}</AMOUNT><STATUS>{status}</STATUS><RET_CODE>{code}</RET_CODE>"
        f"<ERR_MSG>{escape(words)}</ERR_MSG><FINTIME>{day}</FINTIME><SERIAL>{serial}</SERIAL></QTDETAIL>"
    )


def _told(tag: str, day: str, amounts: Sequence[int], details: Sequence[str]) -> str:
    return (
        f"<{tag}><BUSINESS_DATE>{day}</BUSINESS_DATE><TOTAL_ITEM>{len(amounts)}</TOTAL_ITEM>"
        f"<TOTAL_SUM>{sum(amounts)}</TOTAL_SUM><QTDETAILS>{''.join(details)}</QTDETAILS></{tag}>"
    )


def told_results(day: str, said: Sequence[Said]) -> str:
    details = []
    for line in said:
        done = line.outcome in {SUCCESS, WILL_COME_BACK}
        status = "1" if done else ("3" if line.outcome == PENDING else "2")
        details.append(
            _detail(line.ref, line.account, line.name, line.amount, status, line.answer, line.booked, line.serial)
        )
    return _told("QTRANSRSP", day, [line.amount for line in said], details)


def results(order_ref: str, day: str, unit: str, number: int, said: Sequence[Said], key: str = KEY) -> File:
    body = told_results(day, said)
    return File(f"200004_{order_ref}.xml", message("200004", unit, order_ref, "0000", "处理完成", body, key))


def told_returns(day: str, backs: Sequence[Back]) -> str:
    details = [_detail(b.ref, b.account, b.name, b.amount, "2", b.answer, day, b.serial) for b in backs]
    return _told("QRETURNRSP", day, [back.amount for back in backs], details)


def returns(day: str, unit: str, account: str, number: int, backs: Sequence[Back], key: str = KEY) -> File:
    body = told_returns(day, backs)
    return File(f"200005_{unit}_{day}.xml", message("200005", unit, day, "0000", "处理完成", body, key))


def told_statement(number: int, day: str, account: str, opening: int, closing: int, entries: Sequence[Entry]) -> str:
    rows = [
        f"<ENTRY><SERIAL>{serial}</SERIAL><SIDE>{side}</SIDE><AMOUNT>{amount}</AMOUNT><SN>{ref}</SN>"
        f"<WORDS>{escape(words)}</WORDS></ENTRY>"
        for side, amount, ref, serial, words in entries
    ]
    out, back = ([entry.amount for entry in entries if entry.side == side] for side in ("D", "C"))
    return (
        f"<STATEMENT><NUMBER>{number}</NUMBER><DAY>{day}</DAY><ACCOUNT>{account}</ACCOUNT><OPENING>{opening}</OPENING>"
        f"<CLOSING>{closing}</CLOSING><DEBIT_ITEM>{len(out)}</DEBIT_ITEM><DEBIT_SUM>{sum(out)}</DEBIT_SUM>"
        f"<CREDIT_ITEM>{len(back)}</CREDIT_ITEM><CREDIT_SUM>{sum(back)}</CREDIT_SUM>"
        f"<ENTRIES>{''.join(rows)}</ENTRIES></STATEMENT>"
    )


def statement(
    number: int, day: str, unit: str, account: str, opening: int, closing: int, entries: Sequence[Entry], key: str = KEY
) -> File:
    body = told_statement(number, day, account, opening, closing, entries)
    return File(f"200002_{unit}_{day}.xml", message("200002", unit, day, "0000", "处理完成", body, key))

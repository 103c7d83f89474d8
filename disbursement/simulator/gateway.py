"""The bank's HTTP gateway (银企直连): takes orders for the bank to book, and answers what it is asked.

It listens on loopback only and writes address and key to ``banksim/gateway``. What goes wrong is scripted by the knob
``gateway``: {"100001": "cut-after"} cuts the link after the bank has taken an order; see docs/banks/xml_gateway.md.
"""

from __future__ import annotations

import gzip
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from disbursement.simulator import xml_gateway
from disbursement.simulator.bank import Banks
from disbursement.simulator.script import BACK, outcome_of
from disbursement.simulator.terms import Back, Refused

MAX_BYTES = 64 * 2**20
_REFUSALS = {"H019": "1001", "P096": "1006", "H035": "1003", "T066": "1004"}
_NAME_CODES = {"3009", "3031", "3063"}


class Gateway(ThreadingHTTPServer):
    """The bank's door; every folder is a path."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, home: Path, exchange: Path) -> None:
        self.home, self.exchange = home, exchange
        told = home / "banksim" / "gateway"
        told.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        port, self.key = _before(told)
        try:
            super().__init__(("127.0.0.1", port), Door)
        except OSError:
            super().__init__(("127.0.0.1", 0), Door)
        part = told.with_suffix(".part")
        part.touch(0o600)
        part.write_text(f"http://127.0.0.1:{self.server_address[1]} {self.key}\n")
        part.rename(told)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


def _before(told: Path) -> tuple[int, str]:
    """Port and key of the last time: a bank that starts again is where it was."""
    try:
        url, key = told.read_text().split()
        return int(url.rsplit(":", 1)[1]), key
    except (FileNotFoundError, ValueError):
        return 0, secrets.token_hex(16)


@contextmanager
def open_gateway(home: Path, exchange: Path) -> Iterator[Gateway]:
    """A gateway that listens while inside."""
    with Gateway(home, exchange) as gateway:
        threading.Thread(target=gateway.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield gateway
        finally:
            gateway.shutdown()


class Door(BaseHTTPRequestHandler):
    """One connection of a county; it has its own view of the ledger."""

    server: Gateway
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.bank = Banks(self.server.home, self.server.exchange)

    def finish(self) -> None:
        super().finish()
        self.bank.ledger.close()

    def log_message(self, format: str, *args: Any) -> None:
        """The ledger is the log."""

    def do_POST(self) -> None:
        self.bank.read_knobs()
        length = min(int(self.headers.get("Content-Length", 0)), MAX_BYTES)
        content = self.rfile.read(length)
        folder = self.path.strip("/")
        try:
            root = xml_gateway.open_message(content, self.server.key)
        except Refused as refused:
            self.answer(*_words(refused), "000000", "", "", "")
            return
        code = root.findtext("INFO/TRX_CODE") or ""
        way = dict(self.bank.knobs.get("gateway", {})).get(code, "")
        if way == "cut-before":
            self.hang_up()
            return
        self.act(folder, code, root, content, way)

    def act(self, folder: str, code: str, root: Any, content: bytes, way: str) -> None:
        unit = root.findtext("INFO/USER_NAME") or ""
        asked = root.findtext("INFO/REQ_SN") or ""
        tell = {"100001": self.take, "200004": self.tell_result, "200002": self.tell_statement,
                "200005": self.tell_returns, "211003": self.tell_name}.get(code)  # fmt: skip
        if tell is None:
            self.answer("1000", "交易码不认识", code, unit, asked, way)
            return
        try:
            ret, words, body = tell(folder, unit, asked, root, content)
        except Refused as refused:
            ret, words = _words(refused)
            body = ""
        self.answer(ret, words, code, unit, asked, way, body)

    def answer(self, ret: str, words: str, code: str, unit: str, asked: str, way: str, body: str = "") -> None:
        if way == "cut-after":
            self.hang_up()
            return
        message = xml_gateway.message(code, unit, asked, ret, words, body, self.server.key)
        head, content, status = {}, message, 200
        if way == "slow":
            time.sleep(float(self.bank.knobs.get("gateway_seconds", 40)))
        elif way == "html":
            content = "<html><body>系统维护</body></html>".encode()
        elif way == "empty":
            content = b""
        elif way == "error":
            status, content = 502, b"Bad Gateway"
        elif way == "half":
            content = message[: len(message) // 2]
        elif way == "unsigned":
            content = message.replace(b"<SIGNED_MSG>", b"<SIGNED_MSG>0")
        elif way == "gzip":
            head, content = {"Content-Encoding": "gzip"}, gzip.compress(b"0" * 2**20)
        elif way == "flood":
            content = b" " * (20 * 2**20)
        elif way == "elsewhere":
            status, head = 302, {"Location": "http://127.0.0.1:9/"}
        self.send_response(status)
        for name, value in {**head, "Content-Type": "application/xml", "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    # --- what the bank does and says: (code, words, body) ---

    def take(self, folder: str, unit: str, ref: str, _root: Any, content: bytes) -> tuple[str, str, str]:
        """Keep an order for booking; one that was taken before is not taken again, whatever is in it."""
        bank, ledger = self.bank, self.bank.ledger
        header, _lines = xml_gateway.read_order(content, bank.today(), self.server.key)
        contract = bank.bank(folder)
        if contract and (header.unit, header.account) != (contract["unit"], contract["account"]):
            raise Refused("H035 单位编号或账号与协议不符")
        with ledger:
            ledger.execute("BEGIN IMMEDIATE")
            fresh = ledger.execute(
                "INSERT OR IGNORE INTO parcel (folder, ref, content) VALUES (?, ?, ?)", (folder, ref, content)
            ).rowcount
        return ("0000", "受理成功", "") if fresh else ("1005", "流水号重复", "")

    def tell_result(self, folder: str, unit: str, ref: str, _root: Any, _content: bytes) -> tuple[str, str, str]:
        ledger = self.bank.ledger
        taken = ledger.execute("SELECT done FROM parcel WHERE folder = ? AND ref = ?", (folder, ref)).fetchone()
        if taken is None:
            return "1002", "没有这笔交易", ""
        said = self.bank.said_of(folder, ref)
        if not taken[0] or not said or self.bank.knobs.get("drop_result"):
            return "2000", "处理中", ""
        return "0000", "处理完成", xml_gateway.told_results(self.bank.today(), said)

    def tell_statement(self, folder: str, unit: str, day: str, _root: Any, _content: bytes) -> tuple[str, str, str]:
        end = self.bank.ledger.execute(
            "SELECT number, opening, closing FROM day_end WHERE folder = ? AND day = ?", (folder, day)
        ).fetchone()
        if end is None:
            return "1002", "没有当日对账单", ""
        contract, _half = self.bank.known(folder)
        entries = self.bank.entries_of(folder, day)
        return "0000", "处理完成", xml_gateway.told_statement(end[0], day, contract["account"], end[1], end[2], entries)

    def tell_returns(self, folder: str, unit: str, day: str, _root: Any, _content: bytes) -> tuple[str, str, str]:
        rows = self.bank.ledger.execute(
            "SELECT line.ref, line.name, line.account, line.amount, entry.serial FROM entry"
            " JOIN line ON line.ref = entry.ref WHERE entry.folder = ? AND entry.day = ? AND side = 'C'"
            " ORDER BY entry.id",
            (folder, day),
        ).fetchall()
        if not rows:
            return "1002", "当日没有退票", ""
        backs = [Back(ref, name, account, amount, BACK, serial) for ref, name, account, amount, serial in rows]
        return "0000", "处理完成", xml_gateway.told_returns(day, backs)

    def tell_name(self, folder: str, unit: str, _asked: str, root: Any, _content: bytes) -> tuple[str, str, str]:
        _outcome, answer = outcome_of(root.findtext("BODY/VALID/ACCOUNT_NO") or "")
        code, words = answer.split(" ", 1)
        return (code, words, "") if code in _NAME_CODES else ("0000", "户名相符", "")


def _words(refused: Refused) -> tuple[str, str]:
    code, words = str(refused).split(" ", 1)
    return _REFUSALS.get(code, code), words

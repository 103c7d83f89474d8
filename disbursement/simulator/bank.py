"""The bank at work: takes files, books lines once, answers, closes days. Killed anywhere it goes on where it was."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import sqlite3
import time
from pathlib import Path
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

from disbursement.simulator import iso20022, pipe_text, sheet_text, xml_gateway
from disbursement.simulator.ledger import open_ledger
from disbursement.simulator.script import BACK, FAILED, OK, PENDING, RETURNED, SILENT, SUCCESS, outcome_of
from disbursement.simulator.terms import Back, Entry, File, Header, Line, Refused, Said

CHINA = ZoneInfo("Asia/Shanghai")
CHUNK = 500
# What each kind of bank reads and writes; one that is asked (``asked``) answers over its gateway and leaves no files.
HALVES: dict[str, ModuleType] = {
    "pipe_text": pipe_text,
    "sheet_text": sheet_text,
    "iso20022": iso20022,
    "xml_gateway": xml_gateway,
}


def kind_of(name: str) -> str | None:
    """Whose order file it is; None for a file nobody takes."""
    return next((kind for kind, half in HALVES.items() if half.takes(name)), None)


class Banks:
    """Every bank folder of one exchange, served from one ledger under ``home``/banksim."""

    def __init__(self, home: Path, exchange: Path) -> None:
        self.home, self.exchange = home, exchange
        self.folder = home / "banksim"
        self.ledger = open_ledger(self.folder / "ledger.sqlite")
        self.knobs: dict[str, Any] = {}

    # --- time and knobs ---

    def today(self) -> str:
        """The business date, YYYYMMDD: the rehearsal's clock, else the real one in China."""
        try:
            text = (self.home / "clock").read_text().strip()
        except FileNotFoundError:
            text = dt.datetime.now(CHINA).date().isoformat()
        return text.replace("-", "")

    def read_knobs(self) -> None:
        """Knobs may change at any time; a file being written is read at the next round."""
        try:
            self.knobs = json.loads((self.folder / "knobs.json").read_text())
        except FileNotFoundError:
            self.knobs = {}
        except json.JSONDecodeError:
            return

    # --- rounds ---

    def serve(self, pause: float = 0.2) -> None:
        """Work for ever."""
        while True:
            if not self.round():
                time.sleep(pause)

    def round(self) -> int:
        """One look at everything; returns how much there was to do."""
        self.read_knobs()
        today = self.today()
        done = self.close_days_before(today)
        for (folder,) in self.ledger.execute("SELECT folder FROM bank ORDER BY 1").fetchall():
            done += self.answer_later(folder, today)
        done += self.book_parcels(today)
        for out in sorted(self.exchange.glob("*/out")):
            for path in sorted(out.iterdir()):
                kind = kind_of(path.name)
                if kind and not path.name.endswith(".part"):
                    done += self.take(out.parent.name, path, kind, today)
        done += self.close_on_request(today)
        return done + self.write_files()

    # --- orders ---

    def take(self, folder: str, path: Path, kind: str, today: str) -> int:
        """Book one order file and move it to ``taken/``. Nothing is booked on a day that was closed."""
        bank = self.bank(folder)
        if bank and bank["closed_day"] >= today:
            return 0
        self.deal_with(folder, path.name, path.read_bytes(), kind, today)
        taken = path.parent.parent / "taken"
        taken.mkdir(exist_ok=True, mode=0o700)
        path.rename(taken / path.name)
        return 1

    def book_parcels(self, today: str) -> int:
        """Book the orders that came over the gateway."""
        done = 0
        for folder, ref, content in self.ledger.execute(
            "SELECT folder, ref, content FROM parcel WHERE done = 0 ORDER BY id"
        ).fetchall():
            bank = self.bank(folder)
            if bank and bank["closed_day"] >= today:
                continue
            header, lines = xml_gateway.read_parcel(content)
            self.book(folder, ref, header, lines, "xml_gateway", today)
            with self.ledger:
                self.ledger.execute(
                    "UPDATE parcel SET done = 1, content = NULL WHERE folder = ? AND ref = ?", (folder, ref)
                )
            done += 1
        return done

    def deal_with(self, folder: str, name: str, content: bytes, kind: str, today: str) -> None:
        """Book an order, or refuse it as a whole."""
        bank = self.bank(folder)
        try:
            header, lines = HALVES[kind].read_order(content, today)
            if bank and (header.unit, header.account) != (bank["unit"], bank["account"]):
                raise Refused("H035 单位编号或账号与协议不符")
        except Refused as refused:
            ref, answer = HALVES[kind].refuse(content, name, today, str(refused))
            self.reject(folder, ref, answer, name, today)
        else:
            self.book(folder, name, header, lines, kind, today)

    def bank(self, folder: str) -> dict[str, Any] | None:
        cursor = self.ledger.execute("SELECT * FROM bank WHERE folder = ?", (folder,))
        row = cursor.fetchone()
        return dict(zip([c[0] for c in cursor.description], row, strict=True)) if row else None

    def reject(self, folder: str, ref: str, answer: File, name: str, today: str) -> None:
        """Refuse an order as a whole; nothing is booked."""
        with self.ledger:
            self.ledger.execute("BEGIN IMMEDIATE")
            fresh = self.ledger.execute(
                "INSERT OR IGNORE INTO orders VALUES (?, ?, ?, NULL, NULL, ?, 'rejected')",
                (folder, ref, name, today),
            ).rowcount
            if fresh:
                self.post(folder, answer, about=f"refusal:{ref}")

    def book(self, folder: str, name: str, header: Header, lines: list[Line], kind: str, today: str) -> None:
        """Book the lines in committed chunks, each reference once for ever; then answer.

        The date of the order is the one of its first chunk, so that a restart on a later day answers the same.
        """
        with self.ledger:
            self.ledger.execute("BEGIN IMMEDIATE")
            self.ledger.execute(
                "INSERT OR IGNORE INTO bank (folder, unit, account, kind) VALUES (?, ?, ?, ?)",
                (folder, header.unit, header.account, kind),
            )
            self.ledger.execute(
                "INSERT OR IGNORE INTO orders VALUES (?, ?, ?, ?, ?, ?, 'booking')",
                (folder, header.ref, name, header.lines, header.total, today),
            )
        state = self.ledger.execute(
            "SELECT state FROM orders WHERE folder = ? AND ref = ?", (folder, header.ref)
        ).fetchone()[0]
        if state != "booking":
            return
        for start in range(0, len(lines), CHUNK):
            self.book_chunk(folder, header.ref, lines[start : start + CHUNK], start + 1, today)
            self.slow_down(CHUNK)
        with self.ledger:
            self.ledger.execute("BEGIN IMMEDIATE")
            self.ledger.execute("UPDATE orders SET state = 'booked' WHERE folder = ? AND ref = ?", (folder, header.ref))
            self.answer(folder, header.ref, today)

    def slow_down(self, lines: int) -> None:
        rate = self.knobs.get("max_lines_per_second")
        if rate:
            time.sleep(lines / float(rate))

    def book_chunk(self, folder: str, order_ref: str, lines: list[Line], first: int, today: str) -> None:
        """One transaction: lines and debits, with money from the treasury first where the balance is short."""
        with self.ledger:
            self.ledger.execute("BEGIN IMMEDIATE")
            marks = ",".join("?" * len(lines))
            known = {
                row[0]
                for row in self.ledger.execute(
                    f"SELECT ref FROM line WHERE ref IN ({marks})",  # noqa: S608 - question marks only
                    [line.ref for line in lines],
                )
            }
            late = bool(self.knobs.get("late_success"))
            rows, debits = [], []
            serial = self.ledger.execute("SELECT serials FROM bank WHERE folder = ?", (folder,)).fetchone()[0]
            for line_no, line in enumerate(lines, first):
                if line.ref in known:
                    continue
                outcome, answer = outcome_of(line.account)
                serial += 1
                number = f"{today}{serial:010d}"
                later = {PENDING: "book", RETURNED: "return", FAILED: "book" if late else ""}.get(outcome, "")
                rows.append(
                    (line.ref, folder, order_ref, line_no, line.name, line.account, line.id_number, line.times,
                     line.amount, outcome, answer, number, today, later)
                )  # fmt: skip
                if outcome in (SUCCESS, RETURNED, SILENT):
                    debits.append((folder, today, "D", line.amount, line.ref, number, "代发补贴"))
            self.ledger.executemany("INSERT INTO line VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            self.ledger.execute("UPDATE bank SET serials = ? WHERE folder = ?", (serial, folder))
            self.debit(folder, today, debits)

    def debit(self, folder: str, day: str, debits: list[tuple[Any, ...]]) -> None:
        """Book money out; what the account lacks comes from the treasury first."""
        need = sum(row[3] for row in debits)
        balance = self.ledger.execute("SELECT balance FROM bank WHERE folder = ?", (folder,)).fetchone()[0]
        short = max(0, need - balance)
        put = "INSERT INTO entry (folder, day, side, amount, ref, serial, words) VALUES (?, ?, ?, ?, ?, ?, ?)"
        if short:
            number = self.ledger.execute("SELECT COALESCE(max(id), 0) + 1 FROM entry").fetchone()[0]
            self.ledger.execute(put, (folder, day, "C", short, "", f"{day}F{number:09d}", "国库拨入"))
        self.ledger.executemany(put, debits)
        self.ledger.execute("UPDATE bank SET balance = balance + ? - ? WHERE folder = ?", (short, need, folder))

    # --- answers ---

    def answer(self, folder: str, order_ref: str, day: str, refs: set[str] | None = None) -> None:
        """Put the result file of an order, or of its lines ``refs``, into the outbox. Silent lines stay out."""
        bank, half = self.known(folder)
        said = [line for line in self.said_of(folder, order_ref) if refs is None or line.ref in refs]
        if self.knobs.get("shuffle"):
            said.sort(key=lambda line: hashlib.sha256(line.ref.encode()).digest())
        if not said or half.asked or self.knobs.get("drop_result"):
            return
        about = f"result:{order_ref}"
        number = 1 + self.posted(folder, about)

        def write(number: int) -> File:
            file: File = half.results(order_ref, day, bank["unit"], number, said)
            return file

        if cut := self.knobs.get("truncate"):
            whole = write(number)
            self.post(folder, File(whole.name, whole.content[: -int(cut)]), about=about)
            number += 1
        first = write(number)
        self.post(folder, first, about=about)
        if self.knobs.get("duplicate_result"):
            # The same bytes under another name, and the same lines in another file.
            self.post(folder, File(write(number + 1).name, first.content), about=about)
            self.post(folder, write(number + 2), about=about)

    def said_of(self, folder: str, order_ref: str) -> list[Said]:
        """What the bank has to say of an order's lines; silent lines stay out."""
        rows = self.ledger.execute(
            "SELECT ref, name, amount, id_number, account, times, answer, booked_on, serial, outcome FROM line"
            " WHERE folder = ? AND order_ref = ? AND outcome <> ? ORDER BY line_no",
            (folder, order_ref, SILENT),
        )
        return [Said(*row) for row in rows]

    def known(self, folder: str) -> tuple[dict[str, Any], ModuleType]:
        """A bank with a contract, and how it speaks."""
        bank = self.bank(folder)
        if bank is None:
            raise RuntimeError(folder)
        return bank, HALVES[bank["kind"]]

    def posted(self, folder: str, about: str) -> int:
        """How many files were promised about something: the next one gets the next number."""
        row = self.ledger.execute("SELECT count(*) FROM outbox WHERE folder = ? AND about = ?", (folder, about))
        return int(row.fetchone()[0])

    def answer_later(self, folder: str, today: str) -> int:
        """What was announced for the next business day: pending ones are booked, returns come back."""
        bank = self.bank(folder)
        if bank is None or bank["closed_day"] >= today:
            return 0
        rows = self.ledger.execute(
            "SELECT ref, name, account, amount, order_ref, next, serial FROM line"
            " WHERE folder = ? AND next <> '' AND booked_on < ? ORDER BY ref",
            (folder, today),
        ).fetchall()
        if not rows:
            return 0
        with self.ledger:
            self.ledger.execute("BEGIN IMMEDIATE")
            self.book_late(folder, today, [row for row in rows if row[5] == "book"])
            self.give_back(folder, today, [row for row in rows if row[5] == "return"])
        return len(rows)

    def book_late(self, folder: str, today: str, rows: list[Any]) -> None:
        if not rows:
            return
        self.debit(folder, today, [(folder, today, "D", row[3], row[0], row[6], "代发补贴") for row in rows])
        self.ledger.executemany(
            "UPDATE line SET outcome = 'success', answer = ?, booked_on = ?, next = '' WHERE ref = ?",
            [(OK, today, row[0]) for row in rows],
        )
        by_order: dict[str, set[str]] = {}
        for row in rows:
            by_order.setdefault(row[4], set()).add(row[0])
        for order_ref, refs in by_order.items():
            self.answer(folder, order_ref, today, refs)

    def give_back(self, folder: str, today: str, rows: list[Any]) -> None:
        if not rows:
            return
        self.ledger.executemany(
            "INSERT INTO entry (folder, day, side, amount, ref, serial, words) VALUES (?, ?, 'C', ?, ?, ?, '退票')",
            [(folder, today, row[3], row[0], f"T{row[6]}") for row in rows],
        )
        self.ledger.execute(
            "UPDATE bank SET balance = balance + ? WHERE folder = ?", (sum(row[3] for row in rows), folder)
        )
        self.ledger.executemany("UPDATE line SET next = '' WHERE ref = ?", [(row[0],) for row in rows])
        bank, half = self.known(folder)
        if half.asked:
            return
        about = f"return:{today}"
        backs = [Back(row[0], row[1], row[2], row[3], BACK, f"T{row[6]}") for row in rows]
        self.post(
            folder,
            half.returns(today, bank["unit"], bank["account"], 1 + self.posted(folder, about), backs),
            about=about,
        )

    # --- days ---

    def close_days_before(self, today: str) -> int:
        """Statements of every day with bookings before ``today`` that has none yet."""
        rows = self.ledger.execute(
            "SELECT DISTINCT e.folder, e.day FROM bank b JOIN entry e ON e.folder = b.folder"
            " AND e.day > b.closed_day AND e.day < ? ORDER BY 1, 2",
            (today,),
        ).fetchall()
        for folder, day in rows:
            self.close_day(folder, day)
        return len(rows)

    def close_on_request(self, today: str) -> int:
        """The knob file ``close-day`` ends today's bookings now; it disappears when that is done."""
        knob = self.folder / "close-day"
        if not knob.exists():
            return 0
        for (folder,) in self.ledger.execute("SELECT folder FROM bank WHERE closed_day < ?", (today,)).fetchall():
            self.close_day(folder, today)
        self.write_files()
        knob.unlink()
        return 1

    def close_day(self, folder: str, day: str) -> None:
        bank, half = self.known(folder)
        with self.ledger:
            self.ledger.execute("BEGIN IMMEDIATE")
            entries = self.entries_of(folder, day)
            self.ledger.execute("UPDATE bank SET closed_day = ? WHERE folder = ?", (day, folder))
            if not entries:
                return
            number, opening = bank["statements"] + 1, bank["stated_balance"]
            closing = opening + sum(entry.amount if entry.side == "C" else -entry.amount for entry in entries)
            self.ledger.execute(
                "UPDATE bank SET statements = ?, stated_balance = ? WHERE folder = ?", (number, closing, folder)
            )
            self.ledger.execute("INSERT INTO day_end VALUES (?, ?, ?, ?, ?)", (folder, day, number, opening, closing))
            if not half.asked:
                file = half.statement(number, day, bank["unit"], bank["account"], opening, closing, entries)
                self.post(folder, file, about=f"statement:{day}", delay=False)

    def entries_of(self, folder: str, day: str) -> list[Entry]:
        rows = self.ledger.execute(
            "SELECT side, amount, ref, serial, words FROM entry WHERE folder = ? AND day = ? ORDER BY id", (folder, day)
        )
        return [Entry(*row) for row in rows]

    # --- files out ---

    def post(self, folder: str, file: File, *, about: str, delay: bool = True) -> None:
        """Promise a file, inside the transaction of what it tells about."""
        due = time.time() + float(self.knobs.get("result_delay", 0)) if delay else 0.0
        self.ledger.execute(
            "INSERT INTO outbox (folder, name, content, due, about) VALUES (?, ?, ?, ?, ?)",
            (folder, file.name, file.content, due, about),
        )

    def write_files(self) -> int:
        """Write every promised file that is due: .part, fsync, rename; then forget its bytes."""
        rows = self.ledger.execute(
            "SELECT id, folder, name, content FROM outbox WHERE written = 0 AND due <= ? ORDER BY id", (time.time(),)
        ).fetchall()
        for pk, folder, name, content in rows:
            box = self.exchange / folder / "in"
            box.mkdir(parents=True, exist_ok=True, mode=0o700)
            part = box / (name + ".part")
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as handle:
                handle.write(content)
                handle.flush()
                os.fsync(handle.fileno())
            part.rename(box / name)
            with self.ledger:
                self.ledger.execute("UPDATE outbox SET written = 1, content = NULL WHERE id = ?", (pk,))
        return len(rows)


def open_books(home: Path) -> sqlite3.Connection:
    """The ledger under ``home``, for reading."""
    return open_ledger(home / "banksim" / "ledger.sqlite")

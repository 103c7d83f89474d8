"""The bank's books in SQLite: what it took, what it booked, what it still has to say. One writer."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

SCHEMA = """
-- one row a bank folder; the first valid file opens the contract
CREATE TABLE IF NOT EXISTS bank (
    folder TEXT PRIMARY KEY, unit TEXT NOT NULL, account TEXT NOT NULL, balance INTEGER NOT NULL DEFAULT 0,
    statements INTEGER NOT NULL DEFAULT 0, stated_balance INTEGER NOT NULL DEFAULT 0,
    closed_day TEXT NOT NULL DEFAULT '', serials INTEGER NOT NULL DEFAULT 0, kind TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS orders (
    folder TEXT, ref TEXT, name TEXT NOT NULL, count INTEGER, total INTEGER, booked_on TEXT NOT NULL,
    state TEXT NOT NULL, PRIMARY KEY (folder, ref));
CREATE TABLE IF NOT EXISTS line (
    ref TEXT PRIMARY KEY, folder TEXT NOT NULL, order_ref TEXT NOT NULL, line_no INTEGER, name TEXT, account TEXT,
    id_number TEXT, times TEXT, amount INTEGER, outcome TEXT NOT NULL, answer TEXT NOT NULL, serial TEXT NOT NULL,
    booked_on TEXT NOT NULL, next TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS line_order ON line (folder, order_ref, line_no);
CREATE INDEX IF NOT EXISTS line_next ON line (folder, booked_on) WHERE next <> '';
CREATE TABLE IF NOT EXISTS entry (
    id INTEGER PRIMARY KEY, folder TEXT NOT NULL, day TEXT NOT NULL, side TEXT NOT NULL, amount INTEGER NOT NULL,
    ref TEXT NOT NULL, serial TEXT NOT NULL, words TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS entry_day ON entry (folder, day);
CREATE UNIQUE INDEX IF NOT EXISTS entry_debit_once ON entry (ref) WHERE side = 'D';
-- files that must appear in the exchange, written after their transaction and as often as needed
CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY, folder TEXT NOT NULL, name TEXT NOT NULL, content BLOB, due REAL NOT NULL DEFAULT 0,
    written INTEGER NOT NULL DEFAULT 0, about TEXT NOT NULL, UNIQUE (folder, name));
CREATE INDEX IF NOT EXISTS outbox_about ON outbox (folder, about);
-- orders that came over the gateway, taken once
CREATE TABLE IF NOT EXISTS parcel (
    id INTEGER PRIMARY KEY, folder TEXT NOT NULL, ref TEXT NOT NULL, content BLOB, done INTEGER NOT NULL DEFAULT 0,
    UNIQUE (folder, ref));
CREATE INDEX IF NOT EXISTS parcel_waiting ON parcel (id) WHERE done = 0;
-- statements as they were closed, amounts in fen
CREATE TABLE IF NOT EXISTS day_end (
    folder TEXT, day TEXT, number INTEGER, opening INTEGER, closing INTEGER, PRIMARY KEY (folder, day));
"""


def open_ledger(path: Path) -> sqlite3.Connection:
    """The ledger at ``path``; every committed transaction survives kill -9."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    ledger = sqlite3.connect(path, isolation_level=None)
    path.chmod(0o600)
    ledger.execute("PRAGMA journal_mode = WAL")
    ledger.execute("PRAGMA synchronous = NORMAL")
    ledger.executescript(SCHEMA)
    return ledger


def report(ledger: sqlite3.Connection) -> dict[str, Any]:
    """What the bank did, in fen: for tests to judge the portal by."""

    def one(sql: str) -> Any:
        return ledger.execute(sql).fetchone()[0]

    debits = "SELECT {} FROM entry WHERE side = 'D'"
    credits = "SELECT {} FROM entry WHERE side = 'C' AND ref <> ''"
    return {
        "orders": one("SELECT count(*) FROM orders WHERE state <> 'rejected'"),
        "rejected_orders": one("SELECT count(*) FROM orders WHERE state = 'rejected'"),
        "lines": one("SELECT count(*) FROM line"),
        "debits": one(debits.format("count(*)")),
        "debit_fen": one(debits.format("COALESCE(sum(amount), 0)")),
        "returns": one(credits.format("count(*)")),
        "return_fen": one(credits.format("COALESCE(sum(amount), 0)")),
        "refs_debited_twice": one(
            "SELECT count(*) FROM (SELECT ref FROM entry WHERE side = 'D' GROUP BY ref HAVING count(*) > 1)"
        ),
        "statements": one("SELECT COALESCE(sum(statements), 0) FROM bank"),
        "balance_fen": one("SELECT COALESCE(sum(balance), 0) FROM bank"),
        "files_waiting": one("SELECT count(*) FROM outbox WHERE written = 0"),
        "outcomes": dict(ledger.execute("SELECT outcome, count(*) FROM line GROUP BY 1")),
    }


def debits_by_ref(ledger: sqlite3.Connection) -> dict[str, int]:
    """Fen booked out under each reference, less what was given back."""
    return dict(
        ledger.execute(
            "SELECT ref, sum(CASE side WHEN 'D' THEN amount ELSE -amount END) FROM entry WHERE ref <> '' GROUP BY ref"
        )
    )

"""Three ways: payment ↔ bank result ↔ statement entry, by reference and to the fen. Nothing is guessed.

A debit proves a success and a credit a return, whether or not a result file said so: what the statement shows is
applied like any result. What cannot be matched becomes a discrepancy and keeps the month open.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from disbursement.banks.base import StatementFile, StatementLine
from disbursement.candidates import match_proven
from disbursement.failpoints import failpoint
from disbursement.models import Attempt, Bank, BankFile, Statement, StatementEntry
from disbursement.results import (
    SAID_COLUMNS,
    apply_said,
    apply_waiting_returns,
    begin_said,
    finish_said,
    resolve_by_system,
)
from disbursement.rollup import reconcile_batches
from subsidy_portal import clock
from subsidy_portal.bulk import copy_rows, execute, fetch, take_ids

_RESULT = {"debit": "success", "return": "returned"}


def _said(pk: int, line: StatementLine | StatementEntry, ref: str, kind: str, booked_on: dt.date) -> tuple[Any, ...]:
    """What a statement's line, stored as entry ``pk``, says about the payment ``ref``; in the order of SAID_COLUMNS."""
    code = "F16" if kind == "return" else ""
    return (
        pk, line.line_no, ref, line.amount_fen, None, _RESULT.get(kind), code, "", line.narrative, line.serial,
        booked_on,
    )  # fmt: skip


def take_statement(file: BankFile, found: StatementFile) -> str:
    """Store a statement, apply what it proves, match it. Returns a problem when it contradicts an earlier one."""
    bank = file.bank
    if Statement.objects.filter(bank=bank, number=found.number).exists():
        return f"对账单第{found.number}号已经收到过，内容不同"
    if Statement.objects.filter(bank=bank, booked_on=found.booked_on).exists():
        return f"{found.booked_on}的对账单已经收到过，内容不同"
    statement = Statement.objects.create(
        bank=bank,
        file=file,
        number=found.number,
        booked_on=found.booked_on,
        opening_fen=found.opening_fen,
        closing_fen=found.closing_fen,
    )
    touched: set[int] = set()
    ids = take_ids(StatementEntry._meta.db_table, len(found.lines))
    numbered = list(zip(ids, found.lines, strict=True))
    for kind in ("debit", "return", "funding"):
        begin_said()
        copy_rows(
            "said",
            SAID_COLUMNS,
            (_said(pk, line, line.ref, kind, found.booked_on) for pk, line in numbered if line.kind == kind),
        )
        if kind in _RESULT:
            apply_said(bank, file=file, source="entry")
            touched |= {row[0] for row in fetch("SELECT DISTINCT order_id FROM said WHERE order_id IS NOT NULL")}
        _keep_entries(statement, kind)
        failpoint("mid-statement")
    # A debit may be the success that an earlier return file waited for.
    begin_said()
    if apply_waiting_returns(bank):
        touched |= {row[0] for row in fetch("SELECT DISTINCT order_id FROM said WHERE order_id IS NOT NULL")}
    check_chain(bank)
    _report_unmatched(statement)
    finish_said(touched)
    _follow_up_statement(statement)
    return ""


def _keep_entries(statement: Statement, kind: str) -> None:
    """Store ``said`` as entries; matched to the attempt whose leg they are, unless that leg was booked before."""
    execute(
        """
        INSERT INTO disbursement_statemententry (id, statement_id, line_no, kind, amount_fen, ref, serial, narrative,
                                                 attempt_id, matched_by)
        SELECT source_id, %(statement)s, line_no, %(kind)s, amount_fen, ref, serial, bank_text,
               CASE WHEN fits THEN attempt_id END, CASE WHEN fits THEN 'ref' ELSE '' END
          FROM (SELECT said.*, COALESCE(
                    said.verdict IN ('succeeded', 'late', 'returned', 'repeat')
                    AND NOT EXISTS (SELECT 1 FROM disbursement_statemententry e
                                     WHERE e.attempt_id = said.attempt_id AND e.kind = %(kind)s), false) AS fits
                  FROM said) judged
         ORDER BY line_no
        """,
        {"statement": statement.pk, "kind": kind},
    )


# An entry that names an attempt of its bank with the same amount, in the state the entry proves, not matched before
_MATCHABLE = """
    SELECT DISTINCT ON (a.id, e.kind) e.id AS entry_id, a.id AS attempt_id
      FROM disbursement_statemententry e
      JOIN disbursement_statement s ON s.id = e.statement_id
      JOIN disbursement_attempt a ON a.ref = e.ref AND a.amount_fen = e.amount_fen
      JOIN disbursement_order o ON o.id = a.order_id AND o.bank_id = s.bank_id
     WHERE e.attempt_id IS NULL AND e.kind <> 'funding' AND e.ref <> '' AND s.bank_id = %(bank)s
       AND (%(statement)s IS NULL OR s.id = %(statement)s)
       AND a.status IN ('returned', CASE e.kind WHEN 'debit' THEN 'succeeded' ELSE 'returned' END)
       AND NOT EXISTS (SELECT 1 FROM disbursement_statemententry other
                        WHERE other.attempt_id = a.id AND other.kind = e.kind)
     ORDER BY a.id, e.kind, e.id
"""


def match_statement(statement: Statement) -> int:
    """Match what is still unmatched in ``statement``; returns how many entries found their payment."""
    return _match(statement.bank, statement.pk)


def _match(bank: Bank, statement_id: int | None = None) -> int:
    matched = execute(
        f"""
        UPDATE disbursement_statemententry e SET attempt_id = m.attempt_id, matched_by = 'ref'
          FROM ({_MATCHABLE}) m WHERE m.entry_id = e.id
        """,  # noqa: S608 - a constant
        {"bank": bank.pk, "statement": statement_id},
    )
    matched += match_proven(bank)
    if matched:
        resolve_by_system(
            "kind = 'unmatched'"
            " AND entry_id IN (SELECT id FROM disbursement_statemententry WHERE attempt_id IS NOT NULL)",
            "已与付款对上",
        )
    return matched


def match_by_persons(entry: StatementEntry, attempt: Attempt) -> None:
    """Two persons say that ``entry`` is ``attempt``'s: it proves what a line with its reference would. Order locked."""
    statement = entry.statement
    begin_said()
    copy_rows("said", SAID_COLUMNS, [_said(entry.pk, entry, attempt.ref, entry.kind, statement.booked_on)])
    apply_said(statement.bank, file=statement.file, source="entry")
    StatementEntry.objects.filter(pk=entry.pk, attempt=None).update(attempt=attempt, matched_by="persons")
    resolve_by_system("kind = 'unmatched' AND entry_id = %(entry)s", "两人已认定是哪一笔", {"entry": entry.pk})
    finish_said()
    _withdraw_missing(statement.bank)
    _withdraw_unknown(statement.bank)
    _reconcile(statement.bank)


def follow_up_results(bank: Bank) -> None:
    """After results in ``said``: nothing to do until a statement covers their days, which is the usual case."""
    _withdraw_unknown(bank)
    covered = fetch(
        "SELECT DISTINCT said.order_id FROM said JOIN disbursement_statement s"
        " ON s.bank_id = %s AND s.booked_on >= said.booked_on WHERE said.order_id IS NOT NULL",
        (bank.pk,),
    )
    if covered:
        _match(bank)
        _report_missing(bank, orders=[row[0] for row in covered])
        _withdraw_missing(bank)
        _reconcile(bank)


def _follow_up_statement(statement: Statement) -> None:
    bank = statement.bank
    _match(bank)
    _report_missing(bank, day=statement.booked_on)
    _withdraw_missing(bank)
    _withdraw_unknown(bank)
    _reconcile(bank)


def _reconcile(bank: Bank) -> None:
    reconcile_batches(
        row[0]
        for row in fetch(
            "SELECT DISTINCT b.id FROM disbursement_batch b JOIN disbursement_order o ON o.batch_id = b.id"
            " WHERE b.status = 'settled' AND o.bank_id = %s",
            (bank.pk,),
        )
    )


def _report_unmatched(statement: Statement) -> None:
    execute(
        """
        INSERT INTO disbursement_discrepancy (kind, status, bank_id, file_id, entry_id, order_id, payment_id,
                                              amount_fen, text, found_at, resolution)
        SELECT 'unmatched', 'open', s.bank_id, s.file_id, e.id, a.order_id, a.payment_id, e.amount_fen,
               CASE WHEN e.ref = ''
                    THEN '对账单' || s.booked_on || '第' || e.line_no || '行没有行号，我方没有这一笔。请与银行核对。'
                    WHEN a.id IS NULL THEN '对账单上的行号' || e.ref || '我方没有。请与银行核对。'
                    WHEN a.amount_fen <> e.amount_fen THEN '对账单上行号' || e.ref || '的金额与我方不同。请与银行核对。'
                    WHEN EXISTS (SELECT 1 FROM disbursement_statemententry x
                                  WHERE x.attempt_id = a.id AND x.kind = e.kind)
                    THEN '对账单上行号' || e.ref || '又记了一次，可能重复扣款。请与银行核对并追回。'
                    ELSE '对账单上行号' || e.ref || '与我方状态不符。请与银行核对。' END,
               %(now)s, ''
          FROM disbursement_statemententry e
          JOIN disbursement_statement s ON s.id = e.statement_id
          LEFT JOIN (disbursement_attempt a JOIN disbursement_order o ON o.id = a.order_id)
                 ON a.ref = e.ref AND o.bank_id = s.bank_id AND e.ref <> ''
         WHERE e.statement_id = %(statement)s AND e.attempt_id IS NULL AND e.kind <> 'funding'
        ON CONFLICT DO NOTHING
        """,
        {"statement": statement.pk, "now": clock.now()},
    )


def _report_missing(bank: Bank, *, orders: list[int] | None = None, day: dt.date | None = None) -> None:
    """Paid or returned by the bank's word on a day whose statement is here and does not show it."""
    execute(
        """
        INSERT INTO disbursement_discrepancy (kind, status, bank_id, order_id, payment_id, amount_fen, text, found_at,
                                              resolution)
        SELECT 'missing', 'open', o.bank_id, o.id, a.payment_id, a.amount_fen,
               '行号' || a.ref || '银行回盘为' || CASE leg.kind WHEN 'debit' THEN '成功' ELSE '退票' END || '，'
               || leg.day || '的对账单上没有。请与银行核对。', %(now)s, ''
          FROM disbursement_batch b
          JOIN disbursement_order o ON o.batch_id = b.id AND o.bank_id = %(bank)s
          JOIN disbursement_attempt a ON a.order_id = o.id AND a.status IN ('succeeded', 'returned')
          JOIN LATERAL (VALUES ('debit', a.result_on), ('return', a.returned_on)) AS leg(kind, day)
               ON leg.day IS NOT NULL
          JOIN disbursement_statement s ON s.bank_id = o.bank_id AND s.booked_on = leg.day
         WHERE b.status IN ('paying', 'settled', 'held')
           AND (%(orders)s::bigint[] IS NULL OR o.id = ANY(%(orders)s))
           AND (%(day)s::date IS NULL OR leg.day = %(day)s)
           AND NOT EXISTS (SELECT 1 FROM disbursement_statemententry e WHERE e.attempt_id = a.id AND e.kind = leg.kind)
           AND NOT EXISTS (SELECT 1 FROM disbursement_discrepancy d
                            WHERE d.payment_id = a.payment_id AND d.kind = 'missing' AND d.status = 'open')
        """,
        {"bank": bank.pk, "now": clock.now(), "orders": orders, "day": day},
    )


def _withdraw_missing(bank: Bank) -> None:
    resolve_by_system(
        """
        kind = 'missing' AND bank_id = %(bank)s AND NOT EXISTS (
            SELECT 1 FROM disbursement_attempt a
             WHERE a.payment_id = disbursement_discrepancy.payment_id AND a.status IN ('succeeded', 'returned')
               AND (NOT EXISTS (SELECT 1 FROM disbursement_statemententry e
                                 WHERE e.attempt_id = a.id AND e.kind = 'debit')
                    OR (a.status = 'returned' AND NOT EXISTS (
                        SELECT 1 FROM disbursement_statemententry e WHERE e.attempt_id = a.id AND e.kind = 'return'))))
        """,
        "后来的对账单上已有这一笔",
        {"bank": bank.pk},
    )


def _withdraw_unknown(bank: Bank) -> None:
    resolve_by_system(
        """
        kind = 'outcome' AND bank_id = %(bank)s AND NOT EXISTS (
            SELECT 1 FROM disbursement_attempt a WHERE a.order_id = disbursement_discrepancy.order_id
               AND a.status IN ('created', 'sending', 'sent', 'unknown'))
        """,
        "银行已给出结果",
        {"bank": bank.pk},
    )


_BROKEN = """
    SELECT s.file_id, s.booked_on, s.number,
           s.number <> previous.number + 1 AS gap, s.opening_fen - previous.closing_fen AS jump_fen
      FROM disbursement_statement s
      JOIN LATERAL (SELECT number, closing_fen FROM disbursement_statement p
                     WHERE p.bank_id = s.bank_id AND p.number < s.number ORDER BY p.number DESC LIMIT 1) previous
           ON true
     WHERE s.bank_id = %(bank)s
       AND (s.number <> previous.number + 1 OR s.opening_fen <> previous.closing_fen)
"""


def breaks(bank: Bank) -> list[dt.date]:
    """Days of the statements before which one is missing, or the balance jumps."""
    return [row[0] for row in fetch(f"SELECT booked_on FROM ({_BROKEN}) broken", {"bank": bank.pk})]  # noqa: S608


def check_chain(bank: Bank) -> None:
    """Each statement begins where the one before ended; a gap is open until the missing one has come."""
    params = {"bank": bank.pk, "now": clock.now()}
    execute(
        f"""
        INSERT INTO disbursement_discrepancy (kind, status, bank_id, file_id, amount_fen, text, found_at, resolution)
        SELECT 'gap', 'open', %(bank)s, file_id, jump_fen,
               CASE WHEN gap THEN '第' || number || '号对账单（' || booked_on || '）之前缺对账单。请银行补发。'
                    ELSE '第' || number || '号对账单（' || booked_on
                         || '）的期初余额与上一份的期末余额不同。请与银行核对。' END,
               %(now)s, ''
          FROM ({_BROKEN}) broken
        ON CONFLICT DO NOTHING
        """,  # noqa: S608 - a constant
        params,
    )
    resolve_by_system(
        f"kind = 'gap' AND bank_id = %(bank)s AND file_id NOT IN (SELECT file_id FROM ({_BROKEN}) broken)",  # noqa: S608
        "缺的对账单已收到，余额连续",
        {"bank": bank.pk},
    )

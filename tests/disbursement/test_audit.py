"""Every invariant of the money is checked, and every check can fail: here the data is broken behind its guards."""

from __future__ import annotations

import datetime as dt
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from disbursement import actions, journal
from disbursement.audit import CHECKS, run_audit
from disbursement.models import Batch
from subsidy_portal.bulk import execute, fetch
from tests import make
from tests.disbursement import stage

pytestmark = pytest.mark.django_db


@pytest.fixture
def closed(desk: stage.Desk, home: Path) -> Batch:
    """A batch of two payments, paid, matched, its month closed; every check passes."""
    batch, bank = stage.sent_batch(desk, 2), make.make_bank()
    for order in batch.orders.all():
        journal.intent(order.ref, file_name="x", sm3="0", count=2, total_fen=1)
    tries = stage.attempts(batch)
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(a) for a in tries]))
    debits = [("D", a.amount_fen, a.ref) for a in tries]
    stage.deliver(home, bank, stage.statement_file(bank, 1, "20220305", debits))
    (home / "clock").write_text("2022-03-31")
    month = actions.prepare_month(dt.date(2022, 3, 1), actor=desk.finance)
    actions.close_month(month, actor=desk.reviewer)
    assert broken() == set()
    return batch


def broken() -> set[str]:
    return {finding.name for finding in run_audit() if not finding.holds}


COPY_PAYMENT = """
    INSERT INTO disbursement_payment (batch_id, row_id, program_id, period, item, beneficiary_id, payee_id, account_id,
                                      area_id, amount_fen, row_hash, status, failure_code)
    SELECT batch_id, row_id, program_id, period, item, beneficiary_id, payee_id, account_id, area_id, amount_fen,
           row_hash, 'ready', '' FROM disbursement_payment ORDER BY id LIMIT 1
"""
COPY_ATTEMPT = """
    INSERT INTO disbursement_attempt (payment_id, order_id, seq, line_no, ref, account_id, amount_fen, status,
                                      result_code, result_text, bank_serial)
    SELECT payment_id, order_id, 2, 99, 'N99999999999', account_id, amount_fen, 'succeeded', '', '', ''
      FROM disbursement_attempt ORDER BY id LIMIT 1
"""
COPY_ENTRY = """
    INSERT INTO disbursement_statemententry (statement_id, line_no, kind, amount_fen, ref, serial, narrative,
                                             matched_by)
    SELECT statement_id, 99, kind, amount_fen, ref, 'again', '', '' FROM disbursement_statemententry
     WHERE kind = 'debit' ORDER BY id LIMIT 1
"""

# check → how to break what it guards: statements, constraints to drop first
BREAKS: dict[str, tuple[str, ...]] = {
    "claim-once": ("DROP INDEX payment_claim_once", "DROP INDEX payment_row_once", COPY_PAYMENT),
    "one-attempt": ("DROP INDEX attempt_one_success", COPY_ATTEMPT),
    "debited-once": (COPY_ENTRY,),
    "sent-once": ("UPDATE disbursement_order SET ref = 'NB999999999'",),
    "state-agrees": ("UPDATE disbursement_payment SET status = 'failed'",),
    "refunds-agree": ("UPDATE disbursement_payment SET status = 'refunded'",),
    "results-proven": (
        "UPDATE disbursement_statemententry SET attempt_id = NULL",
        "UPDATE disbursement_bankline SET applied = false",
    ),
    "matches-agreed": ("UPDATE disbursement_statemententry SET matched_by = 'persons' WHERE kind = 'debit'",),
    "amounts-agree": ("UPDATE disbursement_attempt SET amount_fen = amount_fen + 1",),
    "orders-add-up": ("UPDATE disbursement_order SET count = count + 1",),
    "files-add-up": ("UPDATE disbursement_bankfile SET total_fen = total_fen + 1 WHERE kind = 'result'",),
    "statements-chain": ("UPDATE disbursement_statement SET closing_fen = closing_fen + 1",),
    "months-tie": (COPY_ENTRY,),
    "unmatched-named": (COPY_ENTRY,),
    "content": ("UPDATE programs_rosterrow SET amount_fen = amount_fen + 1",),
    "approved-first": (
        "ALTER TABLE disbursement_batch DROP CONSTRAINT batch_released_has_approver",
        "UPDATE disbursement_batch SET released_by_id = NULL",
    ),
    "inside-plan": ("UPDATE programs_fundentry SET amount_fen = 1",),
    "different-people": (
        "ALTER TABLE disbursement_batch DROP CONSTRAINT batch_maker_not_approver",
        "UPDATE disbursement_batch SET released_by_id = made_by_id",
    ),
    "guards": ("ALTER TABLE disbursement_payment DISABLE TRIGGER payment_frozen",),
    "unknown-named": ("UPDATE disbursement_order SET status = 'unknown', claimed_until = NULL",),
}


def test_every_check_has_its_break() -> None:
    assert set(BREAKS) == set(CHECKS)


@pytest.mark.parametrize("name", BREAKS)
def test_the_check_fails_when_its_rule_is_broken(closed: Batch, name: str) -> None:
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    for (table,) in fetch("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^(programs|disbursement)_'"):
        execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    for statement in BREAKS[name]:
        execute(statement)
    assert name in broken()


def test_a_second_departure_of_an_order_is_found(closed: Batch) -> None:
    order = closed.orders.get()
    journal.intent(order.ref, file_name="x", sm3="0", count=2, total_fen=1)
    assert broken() == {"sent-once"}


def test_the_command_prints_every_check_and_ends_with_1_when_one_fails(closed: Batch) -> None:
    out = StringIO()
    call_command("audit_money", stdout=out)
    assert all(name in out.getvalue() for name in CHECKS)
    execute("UPDATE disbursement_payment SET status = 'failed'")
    err = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("audit_money", stdout=StringIO(), stderr=err)
    assert ended.value.code == 1
    assert "state-agrees" in err.getvalue()

"""What the bank says, applied by reference, once, in any order (design §4).

Every source (result file, return file, statement) puts its lines into the session's table ``said``; ``apply_said``
gives each line a verdict against what is known, moves attempts and payments, and turns whatever does not fit into
a discrepancy. A line that only repeats what is known changes nothing.
"""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from disbursement import journal
from disbursement.models import Attempt, Bank, BankFile, Order, Payment
from disbursement.rollup import settle_batches, settle_orders
from subsidy_portal import clock
from subsidy_portal.bulk import execute, fetch
from subsidy_portal.models import User
from subsidy_portal.workflow import check_step, move, move_many

SAID_COLUMNS = (
    "source_id",
    "line_no",
    "ref",
    "amount_fen",
    "last4",
    "result",
    "code",
    "bank_code",
    "bank_text",
    "serial",
    "booked_on",
)
_SAID = """
    CREATE TEMPORARY TABLE IF NOT EXISTS said (
        source_id bigint, line_no integer, ref text, amount_fen bigint, last4 text, result text, code text,
        bank_code text, bank_text text, serial text, booked_on date,
        attempt_id bigint, payment_id bigint, order_id bigint, was text, verdict text NOT NULL DEFAULT 'unknown_ref'
    ) ON COMMIT DELETE ROWS;
    DELETE FROM said
"""

# verdict → what the attempt and the payment become; every other verdict changes neither
BECOMES: dict[str, tuple[str, str]] = {
    "succeeded": ("succeeded", "paid"),
    "late": ("succeeded", "paid"),
    "failed": ("failed", "failed"),
    "unknown": ("unknown", "in_flight"),
    "returned": ("returned", "returned"),
}

# Only files name an account; a statement's entries are not asked for theirs.
_ACCOUNT = "JOIN programs_account account ON account.id = a.account_id"
_VERDICT = """
    UPDATE said SET attempt_id = a.id, payment_id = a.payment_id, order_id = a.order_id, was = a.status, verdict = CASE
        WHEN a.amount_fen <> said.amount_fen {or_account} THEN 'amount'
        WHEN a.status IN ('created', 'cancelled') THEN 'not_sent'
        WHEN said.result = 'success' THEN CASE
            WHEN a.status IN ('sent', 'unknown') THEN 'succeeded'
            WHEN a.status IN ('succeeded', 'returned') THEN 'repeat'
            WHEN p.status = 'failed' AND NOT EXISTS (
                SELECT 1 FROM disbursement_attempt other
                 WHERE other.payment_id = a.payment_id AND other.id <> a.id
                   AND other.status IN ('created', 'sending', 'sent', 'unknown', 'succeeded')) THEN 'late'
            ELSE 'late_double' END
        WHEN said.result = 'failed' THEN CASE
            WHEN a.status IN ('sent', 'unknown') THEN 'failed'
            WHEN a.status = 'failed' THEN 'repeat'
            ELSE 'conflict' END
        WHEN said.result = 'unknown' THEN CASE WHEN a.status = 'sent' THEN 'unknown' ELSE 'repeat' END
        WHEN a.status = 'succeeded' THEN 'returned'
        WHEN a.status = 'returned' THEN 'repeat'
        ELSE 'return_alone' END
      FROM disbursement_attempt a
      JOIN disbursement_order o ON o.id = a.order_id
      JOIN disbursement_payment p ON p.id = a.payment_id
      {account}
     WHERE a.ref = said.ref AND o.bank_id = %s
"""
_VERDICT_OF_LINES = _VERDICT.format(account=_ACCOUNT, or_account="OR said.last4 <> account.number_last4")
_VERDICT_OF_ENTRIES = _VERDICT.format(account="", or_account="")

# A statement may book one payment twice: the second booking proves nothing and stays unmatched.
_AGAIN = """
    UPDATE said SET verdict = 'again'
      FROM (SELECT source_id, row_number() OVER (PARTITION BY attempt_id ORDER BY line_no) AS nth
              FROM said WHERE attempt_id IS NOT NULL) numbered
     WHERE numbered.source_id = said.source_id AND numbered.nth > 1
"""

_MOVE_ATTEMPTS = """
    UPDATE disbursement_attempt a
       SET status = CASE said.verdict WHEN 'late' THEN 'succeeded' ELSE said.verdict END,
           result_code = said.code, result_text = said.bank_text,
           bank_serial = CASE WHEN said.serial = '' THEN a.bank_serial ELSE left(said.serial, 40) END,
           result_on = CASE WHEN said.verdict IN ('returned', 'unknown') THEN a.result_on ELSE said.booked_on END,
           returned_on = CASE WHEN said.verdict = 'returned' THEN said.booked_on ELSE a.returned_on END
      FROM said
     WHERE a.id = said.attempt_id AND said.verdict IN ('succeeded', 'late', 'failed', 'unknown', 'returned')
"""

# A payment paid again after a return is no longer returned; its earlier attempt keeps the day it came back.
_MOVE_PAYMENTS = """
    UPDATE disbursement_payment p
       SET status = CASE said.verdict WHEN 'failed' THEN 'failed' WHEN 'returned' THEN 'returned' ELSE 'paid' END,
           paid_on = CASE WHEN said.verdict IN ('succeeded', 'late') THEN said.booked_on ELSE p.paid_on END,
           returned_on = CASE said.verdict WHEN 'returned' THEN said.booked_on WHEN 'failed' THEN p.returned_on END,
           failed_on = CASE said.verdict WHEN 'failed' THEN said.booked_on ELSE p.failed_on END,
           failure_code = CASE WHEN said.verdict IN ('failed', 'returned') THEN said.code ELSE p.failure_code END
      FROM said
     WHERE p.id = said.payment_id AND said.verdict IN ('succeeded', 'late', 'failed', 'returned')
       AND p.status = CASE said.verdict WHEN 'late' THEN 'failed' WHEN 'returned' THEN 'paid' ELSE 'in_flight' END
"""

# verdict → discrepancy kind and its sentence; %ref% stands for the line's reference
_TROUBLE: dict[str, tuple[str, str]] = {
    "unknown_ref": ("unknown_ref", "银行返回了行号%ref%，我方没有这一笔。请与银行核对文件是否发错。"),
    "amount": ("amount", "银行返回的行号%ref%金额或账号尾号与我方不同，没有处理。请与银行核对。"),
    "not_sent": (
        "conflict",
        "行号%ref%所在的指令我方没有送出过，银行却返回了结果，没有处理。请与银行核对文件是否发错。",
    ),
    "conflict": ("conflict", "行号%ref%已确认成功，银行又返回失败，状态没有改。请与银行核对实际是否入账。"),
    "late": ("late_success", "行号%ref%先返回失败、后返回成功，已改为已付。请核对，已登记的账户更正请退回。"),
    "late_double": (
        "late_success",
        "行号%ref%先返回失败、后返回成功，而这一笔已另行重发或缴回国库，可能付了两次。请与银行核对并追回多付的一笔。",
    ),
    "return_alone": ("return_alone", "行号%ref%被退票，但还没有成功记录。收到成功结果后会自动处理。"),
}
_UNMATCHED = {"unknown_ref", "amount", "not_sent", "return_alone"}


class Inconsistent(RuntimeError):
    """Attempts and payments do not agree with each other: nothing is applied, somebody has to look."""


def begin_said() -> None:
    """Empty table for the lines of one source; lives until the transaction ends."""
    execute(_SAID)


def apply_said(bank: Bank, *, file: BankFile, source: str) -> dict[str, int]:
    """Apply the lines in ``said``; ``source`` (line or entry) names what their discrepancies point to.

    Returns how many lines got each verdict. Needs the caller's transaction; locks the orders concerned.
    """
    by_account = source == "line"
    _note_sent(_lock_orders(bank, by_account=by_account))
    execute(_VERDICT_OF_LINES if by_account else _VERDICT_OF_ENTRIES, (bank.pk,))
    if source == "entry":
        execute(_AGAIN)
    verdicts = _follow_verdicts()
    _report_trouble(bank, file, source, set(verdicts))
    if "late_double" in verdicts:
        _hold_doubles()
    return verdicts


def _follow_verdicts() -> dict[str, int]:
    """Attempts and payments become what the verdicts say; returns how many lines got each."""
    verdicts = _count_verdicts()
    execute(_MOVE_ATTEMPTS)
    moved = execute(_MOVE_PAYMENTS)
    expected = sum(verdicts.get(verdict, 0) for verdict in ("succeeded", "late", "failed", "returned"))
    if moved != expected:
        raise Inconsistent(f"{expected} results but {moved} payments could follow")
    return verdicts


def finish_said(touched: set[int] | None = None) -> None:
    """After the last ``apply_said`` of a source: orders and batches follow their lines."""
    orders = touched or {row[0] for row in fetch("SELECT DISTINCT order_id FROM said WHERE order_id IS NOT NULL")}
    batches = settle_orders(orders)
    settle_batches(batches)


def _lock_orders(bank: Bank, *, by_account: bool = True) -> list[Order]:
    """The bank's orders that ``said`` speaks of, locked in the order everybody locks them.

    Returns those of which at least one line has the right amount and account: only these prove anything.
    """
    same = "AND COALESCE(said.last4 = account.number_last4, true)" if by_account else ""
    sql = f"""
        SELECT o.id, bool_or(a.amount_fen = said.amount_fen {same})
          FROM said JOIN disbursement_attempt a ON a.ref = said.ref
          JOIN disbursement_order o ON o.id = a.order_id AND o.bank_id = %s
          {_ACCOUNT if by_account else ""}
         GROUP BY o.id
    """  # noqa: S608 - constants
    fits = dict(fetch(sql, (bank.pk,)))
    locked = Order.objects.select_for_update(of=("self",)).filter(pk__in=fits).order_by("pk")
    return [order for order in locked if fits[order.pk]]


def _note_sent(orders: list[Order]) -> None:
    """The bank speaks of an order we never noted as sent (the sender died, or is slower than the bank): it was sent.

    An order that waits was sent only when the journal says so (an older database was restored).
    """
    for order in orders:
        if order.status == Order.Status.CREATED and journal.may_have_left(order.ref):
            move(order, Order.Status.SENDING, actor=User.objects.system())
            move_many(order.attempts.all(), Attempt.Status.CREATED, Attempt.Status.SENDING)
        if order.status == Order.Status.SENDING:
            move(
                order,
                Order.Status.SENT,
                actor=User.objects.system(),
                note="银行已有回应，确认送达",
                sent_at=clock.now(),
            )
            move_many(order.attempts.all(), Attempt.Status.SENDING, Attempt.Status.SENT)


def _count_verdicts() -> dict[str, int]:
    """How many lines got each verdict; every step they ask for is checked to be one of the workflow."""
    counts: dict[str, int] = {}
    for old, verdict, count in fetch("SELECT was, verdict, count(*) FROM said GROUP BY 1, 2"):
        if verdict in BECOMES:
            check_step(Attempt, old, BECOMES[verdict][0])
        counts[verdict] = counts.get(verdict, 0) + count
    return counts


def _report_trouble(bank: Bank, file: BankFile, source: str, verdicts: set[str]) -> None:
    """One discrepancy a line that does not fit; a line that was reported before is not reported again.

    Statement entries that prove nothing (``_UNMATCHED``) are reported as unmatched instead.
    """
    for verdict, (kind, text) in _TROUBLE.items():
        if verdict not in verdicts or (source == "entry" and verdict in _UNMATCHED):
            continue
        before, after = text.split("%ref%")
        execute(
            f"""
            INSERT INTO disbursement_discrepancy (kind, status, bank_id, order_id, payment_id, file_id, {source}_id,
                                                  amount_fen, text, found_at, resolution)
            SELECT %s, 'open', %s, order_id, payment_id, %s, source_id, amount_fen, %s || ref || %s, %s, ''
              FROM said WHERE verdict = %s
            ON CONFLICT DO NOTHING
            """,  # noqa: S608 - source is one of two words
            (kind, bank.pk, file.pk, before, after, clock.now(), verdict),
        )


def _hold_doubles() -> None:
    """A late success whose reissue has not left yet: its batch stops sending until somebody has looked."""
    from disbursement.models import Batch

    held = Batch.objects.filter(
        pk__in=[
            row[0]
            for row in fetch(
                """
                SELECT DISTINCT o.batch_id FROM said
                  JOIN disbursement_attempt other ON other.payment_id = said.payment_id AND other.status = 'created'
                  JOIN disbursement_order o ON o.id = other.order_id
                 WHERE said.verdict = 'late_double'
                """
            )
        ],
        status="paying",
    ).select_for_update()
    for batch in held:
        move(batch, Batch.Status.HELD, actor=User.objects.system(), note="失败后又成功，而重发还没有送出，先暂停")


def keep_lines(file: BankFile) -> None:
    """Store what ``said`` holds as the lines of ``file``, with what became of each."""
    execute(
        """
        INSERT INTO disbursement_bankline (id, file_id, line_no, ref, amount_fen, account_last4, result, code,
                                           bank_code, bank_text, bank_serial, booked_on, attempt_id, applied)
        SELECT source_id, %s, line_no, ref, amount_fen, last4, result, code, bank_code, bank_text, serial, booked_on,
               attempt_id, verdict IN ('succeeded', 'late', 'failed', 'unknown', 'returned')
          FROM said ORDER BY line_no
        """,
        (file.pk,),
    )


def apply_waiting_returns(bank: Bank) -> int:
    """Returns that came before their success: apply them now that it is there; returns how many."""
    waiting = execute(
        """
        INSERT INTO said (source_id, line_no, ref, amount_fen, last4, result, code, bank_code, bank_text, serial,
                          booked_on)
        SELECT DISTINCT ON (a.id)
               line.id, line.line_no, line.ref, line.amount_fen, line.account_last4, 'returned', line.code,
               line.bank_code, line.bank_text, line.bank_serial, line.booked_on
          FROM disbursement_discrepancy d
          JOIN disbursement_bankline line ON line.id = d.line_id
          JOIN disbursement_attempt a ON a.id = line.attempt_id AND a.status = 'succeeded'
         WHERE d.kind = 'return_alone' AND d.status = 'open' AND d.bank_id = %s
         ORDER BY a.id, line.id
        """,
        (bank.pk,),
    )
    if waiting:
        file = BankFile.objects.filter(bank=bank, direction="in").latest("pk")
        apply_said(bank, file=file, source="line")
        execute(
            "UPDATE disbursement_bankline SET applied = true FROM said"
            " WHERE said.source_id = disbursement_bankline.id AND said.verdict = 'returned'"
        )
        resolve_by_system(
            "line_id IN (SELECT source_id FROM said WHERE verdict = 'returned') AND kind = 'return_alone'",
            "成功结果已到，退票已自动处理",
        )
    # The bank said it more than once: another return file, or the statement.
    resolve_by_system(
        "kind = 'return_alone' AND bank_id = %(bank)s AND line_id IN (SELECT line.id FROM disbursement_bankline line"
        " JOIN disbursement_attempt a ON a.id = line.attempt_id WHERE a.status = 'returned')",
        "同一笔退票已经处理，这一行是重复的",
        {"bank": bank.pk},
    )
    return waiting


_LATE = """
    INSERT INTO said (source_id, line_no, ref, amount_fen, last4, result, code, bank_code, bank_text, serial, booked_on)
    SELECT DISTINCT ON (late.ref) source_id, late.line_no, late.ref, late.amount_fen, last4, 'success', '',
           late.bank_code, late.bank_text, late.serial, late.booked_on
      FROM (SELECT line.id AS source_id, line.line_no, line.ref, line.amount_fen, line.account_last4 AS last4,
                   line.bank_code, line.bank_text, line.bank_serial AS serial, line.booked_on, d.payment_id
              FROM disbursement_discrepancy d JOIN disbursement_bankline line ON line.id = d.line_id
             WHERE d.kind = 'late_success' AND d.status = 'open'
            UNION ALL
            SELECT e.id, e.line_no, e.ref, e.amount_fen, NULL, '', e.narrative, e.serial, s.booked_on, d.payment_id
              FROM disbursement_discrepancy d JOIN disbursement_statemententry e ON e.id = d.entry_id
              JOIN disbursement_statement s ON s.id = e.statement_id
             WHERE d.kind = 'late_success' AND d.status = 'open') late
      JOIN disbursement_attempt withdrawn ON withdrawn.payment_id = late.payment_id AND withdrawn.order_id = %s
     ORDER BY late.ref, late.booked_on
"""


def apply_late_successes(order: Order) -> int:
    """Successes that could not count beside the reissue ``order``, now that it is withdrawn; returns how many."""
    begin_said()
    if not execute(_LATE, (order.pk,)):
        return 0
    _note_sent(_lock_orders(order.bank))
    execute(_VERDICT_OF_LINES, (order.bank_id,))
    applied = _follow_verdicts().get("late", 0)
    finish_said()
    resolve_by_system(
        "kind = 'late_success' AND payment_id IN (SELECT payment_id FROM said WHERE verdict = 'late')",
        "没有送出的重发已撤回，按银行的成功结果记为已付",
    )
    return applied


def apply_verdict(order: Order, *, result: str, code: str, text: str, on: dt.date) -> int:
    """What two persons decided about the lines of ``order`` that have no result; returns how many. It is locked."""
    begin_said()
    execute(
        """
        INSERT INTO said (line_no, ref, amount_fen, result, code, bank_code, bank_text, serial, booked_on)
        SELECT line_no, ref, amount_fen, %s, %s, '', %s, '', %s
          FROM disbursement_attempt WHERE order_id = %s AND status IN ('sent', 'unknown')
        """,
        (result, code, text, on, order.pk),
    )
    execute(_VERDICT_OF_LINES, (order.bank_id,))
    moved = sum(_follow_verdicts().values())
    finish_said()
    resolve_by_system(
        "kind = 'outcome' AND order_id = %(order)s AND NOT EXISTS (SELECT 1 FROM disbursement_attempt a"
        " WHERE a.order_id = %(order)s AND a.status IN ('created', 'sending', 'sent', 'unknown'))",
        "两人已凭证据认定",
        {"order": order.pk},
    )
    return moved


def resolve_by_system(condition: str, resolution: str, params: dict[str, object] | None = None) -> int:
    """Close open discrepancies whose cause has gone by itself; ``condition`` is SQL of the caller, never of a user."""
    return execute(
        f"""
        UPDATE disbursement_discrepancy
           SET status = 'resolved', resolution = %(resolution)s, resolved_at = %(now)s, 
               resolved_by_id = (SELECT id FROM subsidy_portal_user WHERE username = 'system')
         WHERE status = 'open' AND {condition}
        """,  # noqa: S608 - constants of this app
        {"resolution": resolution, "now": clock.now(), **(params or {})},
    )


@transaction.atomic
def reject_order(order: Order, *, code: str, text: str, on: dt.date) -> None:
    """The bank refused a whole order before booking: every open line fails with ``code``. The order is locked."""
    open_lines = order.attempts.filter(status__in=("sending", "sent", "unknown"))
    payments = Payment.objects.filter(pk__in=list(open_lines.values_list("payment_id", flat=True)))
    for status in (Attempt.Status.SENDING, Attempt.Status.SENT, Attempt.Status.UNKNOWN):
        move_many(
            order.attempts.all(), status, Attempt.Status.FAILED, result_code=code, result_text=text[:120], result_on=on
        )
    move_many(payments, Payment.Status.IN_FLIGHT, Payment.Status.FAILED, failure_code=code, failed_on=on)
    move(order, Order.Status.REJECTED, actor=User.objects.system(), note=text[:200], claimed_until=None)
    settle_batches([order.batch_id])

"""What always holds about money (design §3), checked over everything that is stored. Each check can fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from disbursement import funds, journal, months, restoring
from disbursement.contents import last_shown
from disbursement.models import MonthClose
from programs.models import FundPlan
from subsidy_portal.bulk import fetch
from subsidy_portal.money import format_yuan


@dataclass(frozen=True)
class Finding:
    """One check: what it looked at, and what it found wrong (nothing, when it holds)."""

    name: str
    rule: str
    looked_at: int
    wrong: list[str]

    @property
    def holds(self) -> bool:
        return not self.wrong


Check = Callable[[], tuple[int, list[str]]]
CHECKS: dict[str, tuple[str, Check]] = {}
SHOWN = 20


def check(name: str, rule: str) -> Callable[[Check], Check]:
    """Register a check under ``name``; ``rule`` is the sentence it holds."""

    def add(function: Check) -> Check:
        CHECKS[name] = (rule, function)
        return function

    return add


def run_audit() -> list[Finding]:
    """Every check, in order; one that fails does not keep the others from running."""
    found = []
    for name, (rule, function) in CHECKS.items():
        looked_at, wrong = function()
        found.append(Finding(name, rule, looked_at, wrong))
    return found


def _count(table: str) -> int:
    return int(fetch(f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608 - constants of this module


def _lines(sql: str) -> list[str]:
    """One line of text a wrong row."""
    return [" ".join(str(value) for value in row) for row in fetch(sql)]


# --- 1: one claim is paid once ---


@check("claim-once", "一项待遇只付一次")
def _claim_once() -> tuple[int, list[str]]:
    return _count("disbursement_payment"), _lines(
        """
        SELECT 'payments', array_agg(id ORDER BY id), 'claim the same' FROM disbursement_payment
         WHERE status <> 'cancelled' GROUP BY program_id, period, beneficiary_id, item HAVING count(*) > 1
        """
    )


@check("one-attempt", "一笔付款至多一次在途、一次成功")
def _one_attempt() -> tuple[int, list[str]]:
    return _count("disbursement_attempt"), _lines(
        """
        SELECT 'payment', payment_id,
               'open', count(*) FILTER (WHERE status IN ('created', 'sending', 'sent', 'unknown')),
               'succeeded', count(*) FILTER (WHERE status = 'succeeded')
          FROM disbursement_attempt GROUP BY payment_id
        HAVING count(*) FILTER (WHERE status IN ('created', 'sending', 'sent', 'unknown')) > 1
            OR count(*) FILTER (WHERE status = 'succeeded') > 1
        """
    )


@check("debited-once", "银行对一笔付款的净扣款至多一次")
def _debited_once() -> tuple[int, list[str]]:
    return _count("disbursement_statemententry"), _lines(
        """
        SELECT 'payment', a.payment_id, 'of', p.amount_fen,
               'net fen', sum(CASE e.kind WHEN 'debit' THEN e.amount_fen ELSE -e.amount_fen END)
          FROM disbursement_statemententry e
          JOIN disbursement_statement s ON s.id = e.statement_id
          JOIN disbursement_attempt a ON a.ref = e.ref
          JOIN disbursement_order o ON o.id = a.order_id AND o.bank_id = s.bank_id
          JOIN disbursement_payment p ON p.id = a.payment_id
         WHERE e.kind <> 'funding' GROUP BY a.payment_id, p.amount_fen
        HAVING sum(CASE e.kind WHEN 'debit' THEN e.amount_fen ELSE -e.amount_fen END) NOT IN (0, p.amount_fen)
        """
    )


@check("sent-once", "一条指令至多送出一次，送出前先记日志")
def _sent_once() -> tuple[int, list[str]]:
    left = journal.departures()
    known = dict(fetch("SELECT ref, status FROM disbursement_order"))
    wrong = [f"order {ref} left {times} times" for ref, times in left.items() if times not in (0, 1)]
    wrong += [
        f"order {ref} is {status} without a journal line"
        for ref, status in known.items()
        if status in {"sent", "answered", "settled"} and left[ref] != 1
    ]
    # What a restore lost was looked at by two persons.
    lost = restoring.accepted()
    wrong += [
        f"journal names order {ref}, the database does not" for ref in left if ref not in known and ref not in lost
    ]
    return len(known), wrong


# --- 2: nothing disappears ---


@check("state-agrees", "付款的状态与它的各次发送一致")
def _state_agrees() -> tuple[int, list[str]]:
    return _count("disbursement_payment"), _lines(
        """
        SELECT 'payment', p.id, 'is', p.status, 'with attempts', COALESCE(tries.states, '{}')
          FROM disbursement_payment p
          LEFT JOIN (SELECT payment_id, array_agg(status ORDER BY seq) AS states,
                            count(*) FILTER (WHERE status = 'succeeded') AS won,
                            count(*) FILTER (WHERE status IN ('created', 'sending', 'sent', 'unknown')) AS open,
                            (array_agg(status ORDER BY seq DESC) FILTER (WHERE status <> 'cancelled'))[1] AS last
                       FROM disbursement_attempt GROUP BY payment_id) tries ON tries.payment_id = p.id
         WHERE NOT COALESCE(CASE p.status
             WHEN 'paid' THEN tries.won = 1 AND tries.open = 0
             WHEN 'in_flight' THEN tries.open = 1 AND tries.won = 0
             WHEN 'failed' THEN tries.last = 'failed' AND tries.open = 0 AND tries.won = 0
             WHEN 'returned' THEN tries.last = 'returned' AND tries.open = 0 AND tries.won = 0
             WHEN 'refunded' THEN tries.open = 0 AND tries.won = 0
             ELSE tries.payment_id IS NULL END, false)
        """
    )


@check("refunds-agree", "缴回的付款与凭证一一对应，金额相等")
def _refunds_agree() -> tuple[int, list[str]]:
    return _count("disbursement_refundline"), _lines(
        """
        SELECT 'payment', p.id, p.status, p.amount_fen, 'in refunds', COALESCE(told.fen, 0)
          FROM disbursement_payment p
          LEFT JOIN (SELECT l.payment_id, sum(l.amount_fen) AS fen FROM disbursement_refundline l
                       JOIN disbursement_refund r ON r.id = l.refund_id
                      WHERE r.status = 'confirmed' AND NOT l.dropped GROUP BY l.payment_id) told
                 ON told.payment_id = p.id
         WHERE CASE WHEN p.status = 'refunded' THEN told.fen IS DISTINCT FROM p.amount_fen ELSE told.fen IS NOT NULL END
        """
    )


@check("results-proven", "每个结果都有银行的话、对账单或两人的认定作证")
def _results_proven() -> tuple[int, list[str]]:
    return _count("disbursement_attempt"), _lines(
        """
        SELECT 'attempt', a.id, 'is', a.status, 'and nothing says so' FROM disbursement_attempt a
          JOIN disbursement_order o ON o.id = a.order_id
         WHERE a.status IN ('succeeded', 'returned', 'failed')
           AND NOT (a.status = 'failed' AND o.status = 'rejected')
           AND NOT EXISTS (SELECT 1 FROM disbursement_bankline l WHERE l.attempt_id = a.id AND l.applied
                              AND l.result = CASE WHEN a.status = 'failed' THEN 'failed' ELSE 'success' END)
           AND NOT (a.status <> 'failed' AND EXISTS (
               SELECT 1 FROM disbursement_statemententry e WHERE e.attempt_id = a.id AND e.kind = 'debit'))
           AND NOT EXISTS (SELECT 1 FROM disbursement_verdict v WHERE v.order_id = o.id AND v.status = 'confirmed'
                              AND v.outcome = CASE WHEN a.status = 'failed' THEN 'failed' ELSE 'paid' END)
        """
    )


@check("matches-agreed", "人工认定的对账单行都由两个人认定")
def _matches_agreed() -> tuple[int, list[str]]:
    return _count("disbursement_entrymatch"), _lines(
        """
        SELECT 'entry', e.id, 'is matched by persons who did not agree' FROM disbursement_statemententry e
         WHERE e.matched_by = 'persons'
           AND NOT EXISTS (SELECT 1 FROM disbursement_entrymatch m WHERE m.entry_id = e.id
                              AND m.attempt_id = e.attempt_id AND m.status = 'confirmed')
        """
    )


@check("amounts-agree", "付款、清册、发送、回盘、对账单的金额处处相等")
def _amounts_agree() -> tuple[int, list[str]]:
    return _count("disbursement_attempt"), _lines(
        """
        SELECT 'payment', p.id, p.amount_fen, 'row', r.amount_fen FROM disbursement_payment p
          JOIN programs_rosterrow r ON r.id = p.row_id WHERE r.amount_fen <> p.amount_fen AND p.status <> 'cancelled'
        UNION ALL
        SELECT 'attempt', a.id, a.amount_fen, 'payment', p.amount_fen FROM disbursement_attempt a
          JOIN disbursement_payment p ON p.id = a.payment_id WHERE a.amount_fen <> p.amount_fen
        UNION ALL
        SELECT 'line', l.id, l.amount_fen, 'attempt', a.amount_fen FROM disbursement_bankline l
          JOIN disbursement_attempt a ON a.id = l.attempt_id WHERE l.applied AND a.amount_fen <> l.amount_fen
        UNION ALL
        SELECT 'entry', e.id, e.amount_fen, 'attempt', a.amount_fen FROM disbursement_statemententry e
          JOIN disbursement_attempt a ON a.id = e.attempt_id WHERE a.amount_fen <> e.amount_fen
        """
    )


@check("orders-add-up", "每条指令的笔数和金额等于它的明细")
def _orders_add_up() -> tuple[int, list[str]]:
    return _count("disbursement_order"), _lines(
        """
        SELECT 'order', o.ref, o.count, o.total_fen, 'holds', count(a.id), COALESCE(sum(a.amount_fen), 0)
          FROM disbursement_order o LEFT JOIN disbursement_attempt a ON a.order_id = o.id
         GROUP BY o.id HAVING o.count <> count(a.id) OR o.total_fen <> COALESCE(sum(a.amount_fen), 0)
        """
    )


@check("files-add-up", "每个银行文件的笔数和金额等于它的明细")
def _files_add_up() -> tuple[int, list[str]]:
    return _count("disbursement_bankfile"), _lines(
        """
        SELECT 'file', f.name, f.count, f.total_fen, 'holds', count(l.id), COALESCE(sum(l.amount_fen), 0)
          FROM disbursement_bankfile f JOIN disbursement_bankline l ON l.file_id = f.id
         WHERE f.status = 'applied' AND f.kind IN ('result', 'return')
         GROUP BY f.id HAVING f.count <> count(l.id) OR f.total_fen <> COALESCE(sum(l.amount_fen), 0)
        """
    )


@check("statements-chain", "每份对账单自身平衡并接上前一份，断处都有待处理事项")
def _statements_chain() -> tuple[int, list[str]]:
    return _count("disbursement_statement"), _lines(
        """
        SELECT 'statement', s.bank_id, s.number, 'closes at', s.closing_fen, 'entries say',
               s.opening_fen + COALESCE(sum(CASE e.kind WHEN 'debit' THEN -e.amount_fen ELSE e.amount_fen END), 0)
          FROM disbursement_statement s LEFT JOIN disbursement_statemententry e ON e.statement_id = s.id
         GROUP BY s.id
        HAVING s.closing_fen <> s.opening_fen
               + COALESCE(sum(CASE e.kind WHEN 'debit' THEN -e.amount_fen ELSE e.amount_fen END), 0)
        UNION ALL
        SELECT 'statement', bank_id, number, 'does not follow the one before', opening_fen, 'unreported', number FROM (
            SELECT s.*, lag(number) OVER w AS before, lag(closing_fen) OVER w AS before_fen
              FROM disbursement_statement s WINDOW w AS (PARTITION BY bank_id ORDER BY number)) chained
         WHERE (number <> before + 1 OR opening_fen <> before_fen)
           AND NOT EXISTS (SELECT 1 FROM disbursement_discrepancy d
                            WHERE d.kind = 'gap' AND d.file_id = chained.file_id)
        """
    )


@check("months-tie", "月结的月份没有差额，没有未了事项")
def _months_tie() -> tuple[int, list[str]]:
    wrong = []
    closed = MonthClose.objects.filter(status=MonthClose.Status.CLOSED).order_by("month")
    for month in closed:
        difference = months.difference_of(month.sheet)
        if difference or month.difference_fen:
            wrong.append(f"month {month} was closed with a difference of {format_yuan(difference)}")
    if closed:
        unmatched = fetch(
            """
            SELECT count(*) FROM disbursement_statemententry e JOIN disbursement_statement s ON s.id = e.statement_id
             WHERE e.attempt_id IS NULL AND e.kind <> 'funding' AND s.booked_on < %s
               AND NOT EXISTS (SELECT 1 FROM disbursement_discrepancy d
                                WHERE d.entry_id = e.id AND d.kind = 'unmatched' AND d.status = 'resolved')
            """,
            (months.after(closed[len(closed) - 1].month),),
        )[0][0]
        if unmatched:
            wrong.append(f"{unmatched} entries of closed months are unexplained")
    return len(closed), wrong


@check("unmatched-named", "没有对上的对账单条目都有待处理事项")
def _unmatched_named() -> tuple[int, list[str]]:
    return _count("disbursement_statemententry"), _lines(
        """
        SELECT 'entry', e.id, e.amount_fen FROM disbursement_statemententry e
         WHERE e.attempt_id IS NULL AND e.kind <> 'funding'
           AND NOT EXISTS (SELECT 1 FROM disbursement_discrepancy d WHERE d.entry_id = e.id AND d.kind = 'unmatched')
        """
    )


# --- 3: what was publicised is what is paid ---


@check("content", "发出的就是公示的：清册行、公示、付款的指纹一致")
def _content() -> tuple[int, list[str]]:
    return _count("disbursement_payment"), _lines(
        f"""
        SELECT 'payment', p.id, 'of batch', b.number, 'is not what was publicised'
          FROM disbursement_payment p
          JOIN disbursement_batch b ON b.id = p.batch_id AND b.released_by_id IS NOT NULL
          JOIN programs_rosterrow r ON r.id = p.row_id
          LEFT JOIN ({last_shown("SELECT id FROM programs_roster")}) shown
                 ON shown.roster_id = r.roster_id AND shown.row_hash = p.row_hash
         WHERE p.status <> 'cancelled' AND (p.row_hash <> r.row_hash OR shown.roster_id IS NULL)
        UNION ALL
        SELECT 'batch', b.id, b.number, 'content differs from', left(b.content_hash, 12)
          FROM disbursement_batch b WHERE b.released_by_id IS NOT NULL AND b.content_hash <> (
               SELECT encode(sha256(COALESCE(string_agg(p.row_hash, ''::bytea ORDER BY p.id), ''::bytea)), 'hex')
                 FROM disbursement_payment p WHERE p.batch_id = b.id AND p.status <> 'cancelled')
        """  # noqa: S608 - constants
    )


@check("approved-first", "没有批准放行的批次没有任何发送")
def _approved_first() -> tuple[int, list[str]]:
    return _count("disbursement_order"), _lines(
        """
        SELECT 'order', o.ref, 'of batch', b.number, b.status FROM disbursement_order o
          JOIN disbursement_batch b ON b.id = o.batch_id
         WHERE b.released_by_id IS NULL OR b.approved_by_id IS NULL
        """
    )


# --- 4: inside the plan ---


@check("inside-plan", "已付和已占用不超过资金计划")
def _inside_plan() -> tuple[int, list[str]]:
    found = funds.balances(FundPlan.objects.all())
    return len(found), [
        f"plan {pk}: planned {format_yuan(b.planned)} committed {format_yuan(b.committed)} paid {format_yuan(b.paid)}"
        for pk, b in found.items()
        if b.available < 0
    ]


# --- 5: different people ---

_TWO_PERSONS = {
    "disbursement_batch": ("made_by_id", "approved_by_id", "released_by_id"),
    "disbursement_correction": ("made_by_id", "approved_by_id"),
    "disbursement_refund": ("made_by_id", "confirmed_by_id"),
    "disbursement_reissue": ("made_by_id", "approved_by_id"),
    "disbursement_monthclose": ("made_by_id", "closed_by_id"),
    "programs_fundentry": ("made_by_id", "confirmed_by_id"),
    "programs_roster": ("submitted_by_id", "town_reviewed_by_id"),
}


@check("different-people", "经办、复核、批准不是同一人")
def _different_people() -> tuple[int, list[str]]:
    looked_at, wrong = 0, []
    for table, columns in _TWO_PERSONS.items():
        looked_at += _count(table)
        pairs = [(a, b) for n, a in enumerate(columns) for b in columns[n + 1 :]]
        where = " OR ".join(f"{a} = {b}" for a, b in pairs)
        wrong += _lines(f"SELECT '{table}', id FROM {table} WHERE {where}")  # noqa: S608 - constants above
    return looked_at, wrong


# --- 6: nothing that happened is changed ---

_GUARDS = {
    "event_append_only": "subsidy_portal_event",
    "payment_frozen": "disbursement_payment",
    "attempt_frozen": "disbursement_attempt",
    "order_frozen": "disbursement_order",
    "bank_line_frozen": "disbursement_bankline",
    "statement_frozen": "disbursement_statement",
    "statement_entry_frozen": "disbursement_statemententry",
    "month_closed": "disbursement_monthclose",
    "account_frozen": "programs_account",
    "fund_entry_frozen": "programs_fundentry",
    "notice_row_frozen": "programs_noticerow",
}


@check("guards", "数据库里防改防删的触发器都在并且开着")
def _guards() -> tuple[int, list[str]]:
    on = set(fetch("SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE tgenabled IN ('O', 'A')"))
    return len(_GUARDS), [
        f"trigger {name} on {table} is missing or off" for name, table in _GUARDS.items() if (name, table) not in on
    ]


@check("unknown-named", "超期没有结果的指令都有待处理事项")
def _unknown_named() -> tuple[int, list[str]]:
    return _count("disbursement_order"), _lines(
        """
        SELECT 'order', o.ref, 'is unknown and nobody was told' FROM disbursement_order o
         WHERE o.status = 'unknown' AND (o.claimed_until IS NULL OR o.claimed_until < now())
           AND NOT EXISTS (SELECT 1 FROM disbursement_discrepancy d WHERE d.order_id = o.id AND d.kind = 'outcome')
        """
    )

"""What has waited too long for a bank's answer is shown to somebody; nothing is decided by waiting."""

from __future__ import annotations

import datetime as dt

from disbursement.banks import profile_of
from disbursement.models import Bank, Order
from subsidy_portal import clock
from subsidy_portal.bulk import execute

# An order that could not be handed over so often is shown.
TRIES = 3


def report_overdue() -> int:
    """Open one discrepancy for each order that is unknown, unanswered for too long, or does not get out."""
    return sum(_report(bank) for bank in Bank.objects.filter(is_active=True))


def _since(bank: Bank) -> dt.datetime:
    """What was sent before should have been answered by now."""
    return dt.datetime.combine(clock.today(), dt.time(), clock.CHINA) - dt.timedelta(days=profile_of(bank).answer_days)


def is_overdue(order: Order) -> bool:
    """Nobody knows its end, or the bank has taken too long over some of its lines."""
    if order.status == Order.Status.UNKNOWN:
        return True
    waits = order.status in {Order.Status.SENT, Order.Status.ANSWERED}
    return waits and order.sent_at is not None and order.sent_at < _since(order.bank)


def _report(bank: Bank) -> int:
    since = _since(bank)
    return execute(
        """
        INSERT INTO disbursement_discrepancy (kind, status, bank_id, order_id, amount_fen, text, found_at, resolution)
        SELECT 'outcome', 'open', o.bank_id, o.id, waiting.fen,
               '指令' || o.ref || '有' || waiting.count || '笔没有结果。请向银行查询；结果明确前不会重发。', %(now)s, ''
          FROM disbursement_order o
          JOIN LATERAL (SELECT count(*) AS count, sum(amount_fen)::bigint AS fen FROM disbursement_attempt a
                         WHERE a.order_id = o.id AND a.status IN ('created', 'sent', 'unknown')) waiting
               ON waiting.count > 0
         WHERE o.bank_id = %(bank)s AND o.status NOT IN ('settled', 'rejected')
           AND (o.status = 'unknown' OR (o.status IN ('sent', 'answered') AND o.sent_at < %(since)s)
                OR (o.status = 'created' AND o.queries >= %(tries)s))
        ON CONFLICT DO NOTHING
        """,
        {"bank": bank.pk, "now": clock.now(), "since": since, "tries": TRIES},
    )

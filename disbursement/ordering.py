"""Orders and attempts out of payments: per bank, at most as many lines as its channel takes, set-based."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone
from django.utils.translation import gettext as _

from disbursement.banks import profile_of
from disbursement.models import Bank, Batch, Order, Reissue
from subsidy_portal import clock
from subsidy_portal.bulk import execute, fetch, next_number
from subsidy_portal.jobs import ring
from subsidy_portal.workflow import Refused

SEND = "disbursement.tasks.send_order"
# A bell that was rung is given so long to be heard; ``claimed_until`` of a created order says until when.
BELL = dt.timedelta(seconds=15)

# Payments that leave now, numbered within their account's bank
_LEAVING = """
    SELECT p.id, p.account_id, p.amount_fen, account.bank_id AS organisation_id,
           row_number() OVER (PARTITION BY account.bank_id ORDER BY p.id) AS position
      FROM disbursement_payment p JOIN programs_account account ON account.id = p.account_id
     WHERE p.batch_id = %(batch)s AND p.status = 'ready' AND p.id = ANY(%(only)s::bigint[])
"""


def _check_digit_sql(number: str, digits: int = 10) -> str:
    """SQL for the Luhn check digit of the last ``digits`` decimal places of the bigint expression ``number``."""
    parts = []
    for place in range(digits):
        digit = f"({number} / {10**place} %% 10)"
        # From the right every other digit counts double, less 9 when that makes two digits.
        parts.append(f"({digit} * 2 - CASE WHEN {digit} > 4 THEN 9 ELSE 0 END)" if place % 2 == 0 else digit)
    return f"((10 - ({' + '.join(parts)}) %% 10) %% 10)"


def make_orders(batch: Batch, reissue: Reissue | None = None, *, only: list[int]) -> list[Order]:
    """Orders with one attempt for each of the ready payments ``only`` of ``batch``; their bells ring after commit.

    The caller holds the batch's lock and moves the payments. Each order and each line has a reference of its own,
    from a sequence, never used again: bank letter + ``B`` + 9 digits; bank letter + 10 digits + check digit.
    """
    banks = {bank.organisation_id: bank for bank in Bank.objects.filter(is_active=True)}
    orders: dict[tuple[int, int], Order] = {}
    for organisation, part, count, total in _parts(batch, only, banks):
        bank = banks[organisation]
        orders[organisation, part] = Order.objects.create(
            batch=batch,
            reissue=reissue,
            bank=bank,
            ref=f"{bank.code}B{next_number('order_ref_seq'):09d}",
            count=count,
            total_fen=total,
            made_at=clock.now(),
            claimed_until=timezone.now() + BELL,
        )
    if not orders:
        raise Refused(_("没有可以发送的付款。请刷新页面查看最新状态。"))
    _make_attempts(batch, only, banks, orders)
    for order in orders.values():
        ring(SEND, order.pk)
    return list(orders.values())


def _parts(batch: Batch, only: list[int], banks: dict[int, Bank]) -> list[tuple[int, int, int, int]]:
    """(organisation, part from 0, count, total fen) of every order to be made."""
    organisations = [
        row[0]
        for row in fetch(
            f"SELECT DISTINCT organisation_id FROM ({_LEAVING}) leaving",  # noqa: S608 - a constant
            {"batch": batch.pk, "only": only},
        )
    ]
    if missing := [pk for pk in organisations if pk not in banks]:
        raise Refused(_("有%(n)d家开户银行还没有开通代发通道，不能放行。") % {"n": len(missing)})
    sizes = {pk: profile_of(banks[pk]).max_items for pk in organisations}
    return [
        (int(pk), int(part), int(count), int(total))
        for pk, part, count, total in fetch(
            f"""
            SELECT leaving.organisation_id, (position - 1) / size.items, count(*), sum(amount_fen)::bigint
              FROM ({_LEAVING}) leaving
              JOIN unnest(%(organisations)s::bigint[], %(sizes)s::bigint[]) AS size(organisation_id, items)
                   USING (organisation_id)
             GROUP BY 1, 2 ORDER BY 1, 2
            """,  # noqa: S608 - a constant
            {"batch": batch.pk, "only": only, "organisations": list(sizes), "sizes": list(sizes.values())},
        )
    ]


def _make_attempts(batch: Batch, only: list[int], banks: dict[int, Bank], orders: dict[tuple[int, int], Order]) -> None:
    keys = list(orders)
    execute(
        f"""
        INSERT INTO disbursement_attempt (payment_id, order_id, seq, line_no, ref, account_id, amount_fen, status,
                                          result_code, result_text, bank_serial)
        SELECT payment_id, order_id, seq, line_no, code || lpad(number::text, 10, '0') || {_check_digit_sql("number")},
               account_id, amount_fen, 'created', '', '', ''
          FROM (SELECT leaving.id AS payment_id, into_order.order_id, into_order.code, leaving.account_id,
                       leaving.amount_fen, 1 + (leaving.position - 1) %% into_order.items AS line_no,
                       1 + COALESCE((SELECT max(seq) FROM disbursement_attempt old
                                      WHERE old.payment_id = leaving.id), 0) AS seq,
                       nextval('attempt_ref_seq') AS number
                  FROM ({_LEAVING}) leaving
                  JOIN unnest(%(organisations)s::bigint[], %(parts)s::bigint[], %(orders)s::bigint[],
                              %(items)s::bigint[], %(codes)s::text[])
                       AS into_order(organisation_id, part, order_id, items, code)
                    ON into_order.organisation_id = leaving.organisation_id
                   AND into_order.part = (leaving.position - 1) / into_order.items
                 ORDER BY into_order.order_id, leaving.position) numbered
        """,  # noqa: S608 - constants
        {
            "batch": batch.pk,
            "only": only,
            "organisations": [pk for pk, _part in keys],
            "parts": [part for _pk, part in keys],
            "orders": [orders[key].pk for key in keys],
            "items": [profile_of(banks[pk]).max_items for pk, _part in keys],
            "codes": [banks[pk].code for pk, _part in keys],
        },
    )

"""Orders follow their lines, batches follow their payments. Called after every change, inside its transaction."""

from __future__ import annotations

from collections.abc import Iterable

from disbursement.models import Batch, Order
from subsidy_portal.bulk import fetch
from subsidy_portal.models import User
from subsidy_portal.workflow import move

B, O = Batch.Status, Order.Status  # noqa: E741


def settle_orders(order_ids: Iterable[int]) -> set[int]:
    """Answered or settled, as their attempts say; returns the batches concerned. The orders are locked."""
    rows = fetch(
        """
        SELECT o.id, o.batch_id, o.status, o.count,
               count(*) FILTER (WHERE a.status IN ('created', 'sending', 'sent', 'unknown')),
               count(*) FILTER (WHERE a.status IN ('created', 'sending', 'sent'))
          FROM disbursement_order o JOIN disbursement_attempt a ON a.order_id = o.id
         WHERE o.id = ANY(%s) GROUP BY o.id ORDER BY o.id
        """,
        (list(order_ids),),
    )
    for pk, _batch, status, count, still_open, silent in rows:
        to = O.SETTLED if not still_open else O.ANSWERED
        if silent < count and status != to and to in Order.NEXT.get(status, ()):
            move(Order.objects.get(pk=pk), to, actor=User.objects.system())
    return {batch for _pk, batch, *_rest in rows}


def _locked(batch_ids: Iterable[int], statuses: Iterable[str]) -> list[Batch]:
    """Locked, so that of two transactions that each end a part of a batch the second sees the first's."""
    return list(
        Batch.objects.select_for_update(of=("self",))
        .filter(pk__in=list(batch_ids), status__in=list(statuses))
        .order_by("pk")
    )


def settle_batches(batch_ids: Iterable[int]) -> None:
    """Paying → settled once no payment is under way; a payment that changed after that opens the batch again."""
    for batch in _locked(batch_ids, (B.PAYING, B.RECONCILED, B.CLOSED)):
        if batch.status != B.PAYING:
            if _unmatched(batch):
                move(batch, B.PAYING, actor=User.objects.system(), note="对账后又有新的结果")
            else:
                continue
        if not batch.payments.filter(status__in=("ready", "in_flight")).exists():
            move(batch, B.SETTLED, actor=User.objects.system())


def reconcile_batches(batch_ids: Iterable[int]) -> int:
    """Settled → reconciled once every leg of every attempt stands in a statement; returns how many."""
    done = 0
    for batch in _locked(batch_ids, (B.SETTLED,)):
        if not _unmatched(batch):
            move(batch, B.RECONCILED, actor=User.objects.system())
            done += 1
    return done


def _unmatched(batch: Batch) -> bool:
    """True while a success has no debit, or a return no credit, in any statement."""
    return bool(
        fetch(
            """
            SELECT EXISTS (
                SELECT 1 FROM disbursement_payment p JOIN disbursement_attempt a ON a.payment_id = p.id
                 WHERE p.batch_id = %s AND a.status IN ('succeeded', 'returned')
                   AND (NOT EXISTS (SELECT 1 FROM disbursement_statemententry e
                                     WHERE e.attempt_id = a.id AND e.kind = 'debit')
                        OR (a.status = 'returned'
                            AND NOT EXISTS (SELECT 1 FROM disbursement_statemententry e
                                             WHERE e.attempt_id = a.id AND e.kind = 'return'))))
            """,
            (batch.pk,),
        )[0][0]
    )

"""Bells of the disbursement: each says which row to look at; Postgres knows what is to be done."""

from __future__ import annotations

from celery import shared_task

from disbursement import collecting, restoring, sending, watching
from disbursement.models import Bank


@shared_task
def send_order(order_id: int) -> None:
    sending.send_order(order_id)


@shared_task
def recover_order(order_id: int) -> None:
    sending.recover_order(order_id)


@shared_task
def collect(bank_id: int) -> None:
    collecting.collect(Bank.objects.get(pk=bank_id))


@shared_task
def sweep() -> None:
    """Ring for everything a lost bell or a dead process left behind, and for what the banks left in their folders.

    Each thing is a task of its own: one that fails keeps none of the others from being done.
    """
    if restoring.sending_allowed():
        sending.ring_created()
    sending.ring_stale()
    collecting.ring_waiting()
    watching.report_overdue()

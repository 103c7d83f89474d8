"""Bells of the disbursement: each says which row to look at; Postgres knows what is to be done."""

from __future__ import annotations

from celery import shared_task
from django.urls import reverse
from django.utils.translation import gettext as _

from disbursement import collecting, names, restoring, sending, watching
from disbursement.models import Bank, Batch
from subsidy_portal.jobs import finish_job, progress, running


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
def ask_names(job_id: int) -> None:
    """Ask a bank for the names of a batch's accounts."""
    with running(job_id) as job:
        if job is None:
            return
        batch = Batch.objects.get(pk=job.params["batch"])
        held = names.check_names(batch, lambda done, total: progress(job, done, total))
        words = _("户名不符%(n)d笔，已暂缓") % {"n": held} if held else _("户名全部相符")
        finish_job(job, result_url=reverse("disbursement:batch", args=[batch.pk]), message=words)


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

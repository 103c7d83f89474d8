"""Jobs: long work asked for by a person, run by Celery, shown with a live bar, safe to run twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import models, transaction
from django.db.models.functions import Now
from django.utils import timezone

from subsidy_portal.celery import app
from subsidy_portal.models import Job, StoredFile, User
from subsidy_portal.workflow import label_of

LEASE = timedelta(seconds=60)
MAX_RUNS = 5


def ring(task: str, *args: Any) -> None:
    """Ring the bell for ``task`` once the transaction has committed. A lost ring is repeated by a sweeper."""

    # A function, not a partial: Django names what failed, and a partial has no name.
    def bell() -> None:
        _send(task, args)

    transaction.on_commit(bell, robust=True)


def _send(task: str, args: tuple[Any, ...]) -> None:
    app.send_task(task, args=args, retry=False)


def start_job(kind: str, task: str, *, owner: User, subject: models.Model | None = None, **params: Any) -> Job:
    """Create a job and ring ``task(job_id)`` after commit. ``params`` are JSON without personal data."""
    job = Job.objects.create(
        kind=kind,
        task=task,
        owner=owner,
        params=params,
        subject_type=label_of(subject) if subject is not None else "",
        subject_id=subject.pk if subject is not None else None,
    )
    ring(task, job.pk)
    return job


def claim_job(job_id: int) -> Job | None:
    """Take the job for this process; None when it is done, taken, or has died too often."""
    free = models.Q(status=Job.Status.QUEUED) | models.Q(status=Job.Status.RUNNING, beat_at__lt=Now() - LEASE)
    taken = Job.objects.filter(free, pk=job_id, runs__lt=MAX_RUNS).update(
        status=Job.Status.RUNNING, beat_at=Now(), runs=models.F("runs") + 1
    )
    return Job.objects.select_related("owner__organisation__area").get(pk=job_id) if taken else None


def progress(job: Job, done: int, total: int, message: str = "") -> None:
    """Show how far the job is; also renews its lease. Runs outside the work's own transaction when it can."""
    Job.objects.filter(pk=job.pk).update(done=done, total=total, message=message, beat_at=Now())


def finish_job(job: Job, *, result_url: str = "", result_file: StoredFile | None = None, message: str = "") -> None:
    Job.objects.filter(pk=job.pk).update(
        status=Job.Status.DONE,
        done=models.F("total"),
        result_url=result_url,
        result_file=result_file,
        message=message,
        finished_at=timezone.now(),
    )


def fail_job(job: Job, error: str) -> None:
    """``error`` is a sentence for the person who asked."""
    Job.objects.filter(pk=job.pk).update(status=Job.Status.FAILED, error=error[:500], finished_at=timezone.now())


@contextmanager
def running(job_id: int) -> Iterator[Job | None]:
    """Claim a job around its work. A crash leaves the lease to run out; an error is told to the owner and raised."""
    job = claim_job(job_id)
    try:
        yield job
    except Exception:
        if job is not None:
            fail_job(job, "系统出错，没有办成，数据没有改动。请稍后再试；仍不行请联系系统管理员。")
        raise


def sweep_jobs() -> int:
    """Ring again for jobs nobody picked up or whose worker died; give up after MAX_RUNS. Returns how many."""
    stale = Job.objects.filter(
        models.Q(status=Job.Status.QUEUED, created_at__lt=Now() - timedelta(seconds=15))
        | models.Q(status=Job.Status.RUNNING, beat_at__lt=Now() - LEASE)
    )
    for job in stale.filter(runs__gte=MAX_RUNS):
        fail_job(job, "多次中断，没有办成，数据没有改动。请联系系统管理员。")
    again = list(stale.filter(runs__lt=MAX_RUNS).values_list("task", "pk")[:500])
    for task, pk in again:
        _send(task, (pk,))
    return len(again)

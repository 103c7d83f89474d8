from datetime import timedelta

import pytest
from django.utils import timezone

from subsidy_portal import jobs
from subsidy_portal.models import Job
from tests.make import make_user

pytestmark = pytest.mark.django_db


def make_job(**fields: object) -> Job:
    return Job.objects.create(kind="roster-import", task="subsidy_portal.tasks.sweep", owner=make_user(), **fields)


def test_only_one_worker_gets_a_job():
    job = make_job()
    assert jobs.claim_job(job.pk) is not None
    assert jobs.claim_job(job.pk) is None


def test_a_job_whose_worker_died_is_taken_again():
    job = make_job(status="running", runs=1, beat_at=timezone.now() - timedelta(minutes=2))
    assert jobs.claim_job(job.pk).runs == 2


def test_an_error_is_told_to_the_owner_without_its_details():
    job = make_job()
    with pytest.raises(ZeroDivisionError), jobs.running(job.pk):
        raise ZeroDivisionError("990000195001010019")
    job.refresh_from_db()
    assert job.status == "failed"
    assert "没有办成" in job.error
    assert "990000" not in job.error


def test_a_lost_bell_is_rung_again(monkeypatch):
    rung = []
    monkeypatch.setattr(jobs, "_send", lambda task, args: rung.append(args))
    lost, fresh = make_job(), make_job()
    Job.objects.filter(pk=lost.pk).update(created_at=timezone.now() - timedelta(minutes=1))
    assert jobs.sweep_jobs() == 1
    assert rung == [(lost.pk,)]
    assert fresh.is_open


def test_a_job_that_kills_its_worker_is_given_up(monkeypatch):
    monkeypatch.setattr(jobs, "_send", lambda task, args: None)
    job = make_job(status="running", runs=jobs.MAX_RUNS, beat_at=timezone.now() - timedelta(minutes=2))
    jobs.sweep_jobs()
    job.refresh_from_db()
    assert (job.status, "没有办成" in job.error) == ("failed", True)

from celery import shared_task

from subsidy_portal.jobs import sweep_jobs


@shared_task
def sweep() -> None:
    sweep_jobs()

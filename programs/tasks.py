from celery import shared_task
from django.urls import reverse
from django.utils.translation import gettext as _

from programs import actions
from programs.checks import run_checks
from programs.models import Roster, RosterImport
from subsidy_portal import wording
from subsidy_portal.jobs import finish_job, running


@shared_task
def import_roster(job_id: int) -> None:
    """Read one uploaded roster file. An error of ours closes the import, so that the clerk may upload again."""
    with running(job_id) as job:
        if job is None:
            return
        pk = job.params["roster_import"]
        try:
            found = actions.import_roster(pk, job)
        except Exception:
            actions.abandon_import(pk)
            raise
        if found.status == RosterImport.Status.IMPORTED:
            url = reverse("programs:roster", args=[found.roster_id])
            finish_job(job, result_url=url, message=_("已导入%(n)s行") % {"n": wording.count(found.rows)})
        elif found.status == RosterImport.Status.ASKING:
            url = reverse("programs:roster-import-answer", args=[found.pk])
            finish_job(job, result_url=url, message=_("要您说明一下才能读下去"))
        else:
            url = reverse("programs:roster-import", args=[found.pk])
            finish_job(
                job, result_url=url, message=_("有%(n)s处错误，没有导入") % {"n": wording.count(found.problem_count)}
            )


@shared_task
def sweep() -> None:
    """End the notices whose days are over, and compare what a lost worker left uncompared."""
    actions.end_due_notices()
    for roster in Roster.objects.uncompared()[:20]:
        run_checks(roster)

from celery import shared_task
from django.urls import reverse
from django.utils.translation import gettext as _

from programs import actions
from programs.checks import run_checks
from programs.models import Dataset, Roster, RosterImport
from subsidy_portal import wording
from subsidy_portal.jobs import fail_job, finish_job, running
from subsidy_portal.models import User
from subsidy_portal.workflow import Refused


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
        if found.same_as_id is not None:
            url = reverse("programs:roster-import", args=[found.pk])
            finish_job(job, result_url=url, message=actions.same_words(found))
        elif found.status == RosterImport.Status.IMPORTED:
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
def import_dataset(job_id: int) -> None:
    """Read one list of another office and compare with it. An error of ours closes it, so that it may come again."""
    with running(job_id) as job:
        if job is None:
            return
        pk = job.params["dataset"]
        try:
            dataset = actions.read_dataset(pk, job)
        except Exception:
            actions.abandon_dataset(pk)
            raise
        words = _("有%(n)s处错误，没有导入") if dataset.status == Dataset.Status.REFUSED else _("已导入%(n)s行")
        count = dataset.problem_count if dataset.status == Dataset.Status.REFUSED else dataset.row_count
        url = reverse("programs:dataset", args=[dataset.pk])
        finish_job(job, result_url=url, message=words % {"n": wording.count(count)})


@shared_task
def copy_roster(job_id: int) -> None:
    """Write last period's people into a file for the new one, and import it when that was asked for."""
    with running(job_id) as job:
        if job is None:
            return
        wanted = {name: job.params[name] for name in ("sequence", "take_in")}
        before = Roster.objects.select_related("program", "area").get(pk=job.subject_id or 0)
        try:
            done = actions.write_copy(before, job.params["period"], actor=job.owner, **wanted)
        except Refused as refused:
            fail_job(job, str(refused))
            return
        if done.started is None:
            finish_job(job, result_file=done.file, message=done.message)
        else:
            finish_job(job, result_url=reverse("programs:roster", args=[done.started.roster_id]), message=done.message)


@shared_task
def search_eligible(job_id: int) -> None:
    """Search for those who should receive a program and do not, for who asked."""
    with running(job_id) as job:
        if job is None:
            return
        found = actions.search_eligible(by=job.owner, job=job)
        message = _("搜索完了，%(n)s人等处理") % {"n": wording.count(found)}
        finish_job(job, result_url=reverse("programs:eligible-list"), message=message)


@shared_task
def search_eligible_weekly() -> None:
    """The same for all programs, once a week."""
    actions.search_eligible(by=User.objects.system())


@shared_task
def find_card_anomalies(job_id: int) -> None:
    """Search the registry for cards that are not one to one, for who asked."""
    with running(job_id) as job:
        if job is None:
            return
        found = actions.find_anomalies(by=job.owner)
        message = _("查找完了，%(n)s条待处理") % {"n": wording.count(found)}
        finish_job(job, result_url=reverse("programs:anomaly-list"), message=message)


@shared_task
def find_card_anomalies_daily() -> None:
    actions.find_anomalies(by=User.objects.system())


@shared_task
def purge_datasets() -> None:
    """Remove comparison data that were kept long enough."""
    actions.purge_datasets()


@shared_task
def sweep() -> None:
    """End the notices whose days are over, and compare what a lost worker left uncompared."""
    actions.end_due_notices()
    for roster in Roster.objects.uncompared()[:20]:
        run_checks(roster)

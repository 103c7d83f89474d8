"""What finance lays down for comparison data, and the removal of what was kept long enough."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils.translation import gettext as _

from programs.actions.datasets import OPEN, abandon_dataset, drop_file
from programs.comparison_data import KINDS
from programs.imports.problems import CellError, Problems
from programs.models import Dataset, DatasetPolicy
from subsidy_portal import bulk, clock
from subsidy_portal.models import Job, Organisation, User
from subsidy_portal.permissions import require
from subsidy_portal.workflow import move, record

S = Dataset.Status
# A list that a caller began to hand over and did not close within this time is given up.
COLLECT_DAYS = 7


def policy_of(kind: str) -> DatasetPolicy:
    """What holds for the kind: the row finance saved, else a new one with what is shipped."""
    info = KINDS[kind]
    return DatasetPolicy.objects.select_related("department").filter(kind=kind).first() or DatasetPolicy(
        kind=kind, max_age_days=info.max_age, keep_days=info.keep
    )


@transaction.atomic
def set_dataset_policy(
    kind: str, *, max_age_days: int, keep_days: int, department: Organisation | None, actor: User
) -> DatasetPolicy:
    """Lay down age, retention and provider of a kind; the lists in force are kept as long as it now says."""
    require(actor, "dataset.policy")
    policy, _created = DatasetPolicy.objects.update_or_create(
        kind=Dataset.Kind(kind),
        defaults={"max_age_days": max_age_days, "keep_days": keep_days, "department": department},
    )
    bulk.execute(
        "UPDATE programs_dataset SET retain_until = (imported_at AT TIME ZONE 'Asia/Shanghai')::date + %s"
        " WHERE kind = %s AND status = 'imported'",
        [keep_days, kind],
    )
    record(
        policy,
        "changed",
        actor=actor,
        note=_("%(kind)s：%(age)d天内算新，保存%(keep)d天，%(who)s")
        % {"kind": policy, "age": max_age_days, "keep": keep_days, "who": department or _("不限部门")},
    )
    return policy


def purge_datasets() -> int:
    """Remove the rows of lists kept long enough, one list a transaction; the record of each stays. Returns how many.

    Also closes lists nobody goes on with: handed over in pages and never closed, or of a job that died for good.
    """
    today = clock.today()
    due = Dataset.objects.filter(status=S.IMPORTED, retain_until__lt=today)
    gone = [_purge(pk) for pk in due.values_list("pk", flat=True)]
    late = clock.now() - dt.timedelta(days=COLLECT_DAYS)
    for pk in Dataset.objects.filter(status=S.COLLECTING, imported_at__lt=late).values_list("pk", flat=True):
        _give_up(pk)
    for pk in Dataset.objects.filter(status__in=OPEN, job__status=Job.Status.FAILED).values_list("pk", flat=True):
        abandon_dataset(pk)
    return sum(gone)


@transaction.atomic
def _purge(pk: int) -> bool:
    dataset = Dataset.objects.select_for_update().filter(pk=pk, status=S.IMPORTED).first()
    if dataset is None:
        return False
    rows = bulk.execute("DELETE FROM programs_datasetrow WHERE dataset_id = %s", [pk])
    drop_file(dataset)
    move(dataset, S.PURGED, actor=User.objects.system(), note=_("清除%(n)d行") % {"n": rows})
    return True


@transaction.atomic
def _give_up(pk: int) -> None:
    dataset = Dataset.objects.select_for_update().filter(pk=pk, status=S.COLLECTING).first()
    if dataset is None:
        return
    bulk.execute("DELETE FROM programs_datasetrow WHERE dataset_id = %s", [pk])
    problems = Problems()
    problems.add(CellError("not_closed", _("%(n)d天没有交完。") % {"n": COLLECT_DAYS}, _("请换一个键重新提交。")))
    move(dataset, S.REFUSED, actor=User.objects.system(), row_count=0, problems=problems.shown(), problem_count=1)

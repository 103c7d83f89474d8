"""Comparison data of other offices: a list is taken, read in a job, kept by blind index only, and compared at once."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from programs.actions.uploads import safe_name
from programs.checks import rules_reading, run_checks_on
from programs.comparison_data import KINDS
from programs.imports.lists import ROW_COLUMNS, Line, open_list, read_lines, stored
from programs.imports.problems import CellError, Problems
from programs.imports.progress import Progress
from programs.models import Dataset, DatasetPolicy, Roster
from subsidy_portal import bulk, clock, crypto, wording
from subsidy_portal.identifiers import mask_numbers
from subsidy_portal.jobs import start_job
from subsidy_portal.models import Area, Job, Organisation, StoredFile, User
from subsidy_portal.permissions import require
from subsidy_portal.sheets import XLSX, FileRefused, check_kind
from subsidy_portal.workflow import NotPermitted, Refused, move, record

S = Dataset.Status
OPEN = (S.QUEUED, S.READING)
SHOWN_PROBLEMS = 500
_PIECE = 20_000


class AlreadyImported(Refused):
    """The same bytes are in already, or the same key: ``earlier`` is the list that took them."""

    http_status = 409
    code = "already_imported"

    def __init__(self, sentence: str, earlier: Dataset) -> None:
        super().__init__(sentence)
        self.earlier = earlier
        self.data = {"dataset_id": earlier.pk, "dataset_url": reverse("programs:dataset", args=[earlier.pk])}


# --- Taking it ---------------------------------------------------------------------------------------------


@transaction.atomic
def upload_dataset(
    kind: str,
    *,
    source: str,
    as_of: dt.date,
    file_name: str,
    content: bytes,
    actor: User,
    coverage: str = "",
    area: Area | None = None,
    key: str = "",
) -> Dataset:
    """Keep the file until it is read, and start reading it. ``area``: the township it covers; none: the county.

    The same ``key`` of the same caller with the same bytes is the list that was made before. Raises FileRefused for
    what is no workbook or too big, AlreadyImported for a file that is in already. What is inside is judged by the job.
    """
    check_bringer(kind, as_of, area, actor)
    check_kind(content)
    sm3 = crypto.sm3(content)
    if key and (known := Dataset.objects.filter(imported_by=actor, key=key).first()):
        if (known.kind, known.file_sm3) == (kind, sm3):
            return known
        raise AlreadyImported(_("这个键已经用于另一份名单。请换一个键。"), known)
    _check_not_in(kind, sm3)
    stored_file = StoredFile.keep(content, name=safe_name(file_name), content_type=XLSX, actor=actor)
    dataset = Dataset.objects.create(
        kind=Dataset.Kind(kind),
        status=S.QUEUED,
        area=area,
        source=source.strip(),
        as_of=as_of,
        coverage=coverage.strip(),
        file=stored_file,
        file_name=mask_numbers(stored_file.name)[-100:],
        file_sm3=sm3,
        key=key,
        imported_by=actor,
        imported_at=clock.now(),
    )
    start_reading(dataset, actor=actor)
    record(dataset, "uploaded", actor=actor, note=dataset.file_name)
    return dataset


def check_bringer(kind: str, as_of: dt.date, area: Area | None, actor: User) -> None:
    """Raises unless this user may bring a list of this kind, for this area, as of this day."""
    require(actor, "dataset.import")
    policy = DatasetPolicy.objects.filter(kind=kind).exclude(department=None).select_related("department").first()
    by_department = actor.kind == Organisation.Kind.DEPARTMENT
    if policy is not None and by_department and policy.department_id != actor.organisation_id:
        raise NotPermitted(
            _("“%(kind)s”由%(office)s提供。请交给他们导入。")
            % {"kind": Dataset.Kind(kind).label, "office": policy.department}
        )
    if as_of > clock.today():
        raise Refused(_("数据截至日期还没到。请核对。"))
    if area is not None and (area.level != Area.Level.TOWNSHIP or not area.code.startswith(actor.area_prefix)):
        raise Refused(_("只能选本县的乡镇。请重新选择覆盖的乡镇。"))


def _check_not_in(kind: str, sm3: str) -> None:
    # Two uploads of the same bytes at the same time: the second waits here for the first.
    bulk.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"dataset:{kind}:{sm3}"])
    earlier = Dataset.objects.filter(kind=kind, file_sm3=sm3, status__in=(*OPEN, S.IMPORTED)).first()
    if earlier is not None:
        raise AlreadyImported(
            _("这份文件已在%(when)s导入（%(source)s，截至%(as_of)s），没有重复导入。")
            % {"when": wording.cn_time(earlier.imported_at), "source": earlier.source, "as_of": earlier.as_of},
            earlier,
        )


def start_reading(dataset: Dataset, *, actor: User) -> None:
    """Queue the job that reads and compares ``dataset``."""
    dataset.job = start_job(
        "dataset-import", "programs.tasks.import_dataset", owner=actor, subject=dataset, dataset=dataset.pk
    )
    dataset.save(update_fields=["job"])


# --- Reading it --------------------------------------------------------------------------------------------


def read_dataset(dataset_id: int, job: Job | None = None) -> Dataset:
    """Read, check and store one list, then compare the rosters on their way with it. Safe to run again.

    Ends as IMPORTED, or as REFUSED with the problems and nothing stored; the file is removed either way.
    """
    dataset = Dataset.objects.select_related("imported_by__organisation", "file").get(pk=dataset_id)
    with Progress(job) as progress:
        if dataset.status == S.QUEUED:
            move(dataset, S.READING, actor=dataset.imported_by)
        if dataset.status == S.READING:
            _read_and_store(dataset, progress)
        if dataset.status == S.IMPORTED:
            progress.say(90, _("正在与未受理的清册比对"), at_once=True)
            compare_waiting(dataset.kind)
    return dataset


def abandon_dataset(dataset_id: int) -> None:
    """Close a list whose job failed for a reason of ours: it may be uploaded again at once."""
    dataset = Dataset.objects.select_related("imported_by__organisation", "file").get(pk=dataset_id)
    if dataset.status in OPEN:
        problems = Problems()
        problems.add(CellError("interrupted", _("系统中断，没有读完这份名单。"), _("请重新上传。")))
        _refuse(dataset, problems)


def _read_and_store(dataset: Dataset, progress: Progress) -> None:
    if dataset.file is None:  # collected by the API, checked and stored page by page
        _finish(dataset, None, progress)
        return
    progress.say(5, _("正在打开文件"), at_once=True)
    problems = Problems()
    lines = _lines(dataset.kind, dataset.file.read(), problems, progress)
    if problems:
        _refuse(dataset, problems)
    else:
        _finish(dataset, lines, progress)


def _lines(kind: str, content: bytes, problems: Problems, progress: Progress) -> list[Line]:
    info = KINDS[kind]
    try:
        place = open_list(content, info)
    except FileRefused as refused:
        problems.add(CellError.of(f"file_{refused.reason}", str(refused)))
        return []
    total = wording.count(len(place.sheet.rows) - place.header - 1)

    def report(done: int, of: int) -> None:
        progress.say(30 + min(30, 30 * done // max(of, 1)), _("正在逐格核对%(n)s行") % {"n": total})

    report(0, 1)
    return read_lines(place, info, problems, report)


@transaction.atomic
def _finish(dataset: Dataset, lines: list[Line] | None, progress: Progress) -> None:
    """Store the lines (none: they are stored already) and put the list in force."""
    if lines is not None:
        for start in range(0, len(lines), _PIECE):
            bulk.copy_rows(
                "programs_datasetrow", ROW_COLUMNS, stored(lines[start : start + _PIECE], dataset.pk, dataset.kind)
            )
            progress.say(60 + 28 * start // len(lines), _("正在保存"))
        dataset.row_count = len(lines)
        if len(lines) >= 1_000:
            bulk.execute("ANALYZE programs_datasetrow")
    drop_file(dataset)
    move(
        dataset,
        S.IMPORTED,
        actor=dataset.imported_by,
        note=_("%(n)s行") % {"n": wording.count(dataset.row_count)},
        row_count=dataset.row_count,
        retain_until=clock.today() + dt.timedelta(days=keep_days(dataset.kind)),
    )


@transaction.atomic
def _refuse(dataset: Dataset, problems: Problems) -> None:
    drop_file(dataset)
    dataset.rows.all().delete()
    move(
        dataset,
        S.REFUSED,
        actor=dataset.imported_by,
        problems=problems.shown()[:SHOWN_PROBLEMS],
        problem_count=problems.count,
        row_count=0,
    )


def drop_file(dataset: Dataset) -> None:
    """What stays of the file are its name and SM3."""
    file = dataset.file
    if file is not None:
        dataset.file = None
        dataset.save(update_fields=["file"])
        file.drop()


def keep_days(kind: str) -> int:
    """How long rows of this kind are kept: as finance laid down, else as shipped."""
    policy = DatasetPolicy.objects.filter(kind=kind).first()
    return policy.keep_days if policy else KINDS[kind].keep


# --- Comparing ---------------------------------------------------------------------------------------------


def compare_waiting(kind: str) -> None:
    """Run the checks that read this kind over every roster not yet accepted.

    Accepted rows are compared when their payment is next handled, as long as it has not left.
    """
    codes = [rule.code for rule in rules_reading(kind)]
    if not codes:
        return
    waiting = Roster.objects.filter(revision__gt=0).exclude(
        status__in=(Roster.Status.ACCEPTED, Roster.Status.CANCELLED)
    )
    run_checks_on(list(waiting.values_list("pk", flat=True)), codes=codes)

"""A township's file on its way in: kept as it came, read in a job, stored when it is clean, else given back marked."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, OperationalError, transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from programs import periods
from programs.actions.mappings import answers_of, remembered_of
from programs.checks import run_checks
from programs.imports import template_columns
from programs.imports.directory import load_directory
from programs.imports.edits import Edit, apply_edits, edits_of
from programs.imports.households import arrange
from programs.imports.layout import Body, Layout, remarks, split_body
from programs.imports.mapping import Asked, find_list
from programs.imports.marking import corrected_workbook, marked_workbook
from programs.imports.problems import CellError, Problems
from programs.imports.progress import Progress
from programs.imports.reading import Claims, check_ended, check_merged, check_registered_names, read_claims
from programs.imports.registry import KnownPerson, find_known, index_people, match
from programs.imports.storing import RosterMoved, refresh_statistics, store
from programs.models import Program, Roster, RosterImport
from subsidy_portal import bulk, clock, crypto, wording
from subsidy_portal.jobs import start_job
from subsidy_portal.models import Area, Job, StoredFile, User
from subsidy_portal.permissions import require
from subsidy_portal.sheets import XLSX, FileRefused, check_kind, mask_digits, read_workbook
from subsidy_portal.workflow import Refused, move, record

logger = logging.getLogger(__name__)

OPEN = (RosterImport.Status.QUEUED, RosterImport.Status.READING)
# Files of one user that may wait to be read: far more than anybody has, far fewer than would keep others waiting.
MAX_WAITING = 200
# How often the storing begins anew when other imports keep registering the same people first.
_TRIES = 4
_PERIOD_FORMS = {
    Program.Cycle.MONTHLY: "2022-03",
    Program.Cycle.QUARTERLY: "2022-Q1",
    Program.Cycle.YEARLY: "2022",
    Program.Cycle.ONE_OFF: "2022",
}


# --- Taking the file ---------------------------------------------------------------------------------------


@transaction.atomic
def upload_roster(
    program: Program,
    area: Area,
    period: str,
    *,
    file_name: str,
    content: bytes,
    actor: User,
    sequence: int = 1,
) -> RosterImport:
    """Keep the file and start reading it; the draft roster is made when there is none.

    Raises Refused for a program, period, township or roster that takes no file now, and for a file that is in
    already; FileRefused for what is no .xlsx, .xls or CSV, or too big. What is inside is judged by the job.
    """
    require(actor, "roster.upload")
    check_target(program, area, period, actor)
    kind = check_kind(content)
    _check_quota(actor)
    roster = _draft_roster(program, area, period, sequence, actor)
    _check_not_read_before(roster, crypto.sm3(content))
    stored = StoredFile.keep(content, name=safe_name(file_name), content_type=kind, actor=actor)
    found = start_import(roster, stored, actor=actor)
    record(roster, "uploaded", actor=actor, note=mask_digits(stored.name), data={"import": found.pk})
    return found


class TooManyWaiting(Refused):
    """Enough files of this user wait to be read."""

    http_status = 429
    code = "too_many_waiting"


def _check_quota(actor: User) -> None:
    if RosterImport.objects.filter(uploaded_by=actor, status__in=OPEN).count() >= MAX_WAITING:
        raise TooManyWaiting(_("您已有%(n)d份文件在排队读取。请等它们读完再上传。") % {"n": MAX_WAITING})


def start_import(roster: Roster, stored: StoredFile, *, actor: User, **fields: Any) -> RosterImport:
    """An import of a stored file, queued to be read; the caller has checked that the roster takes it."""
    found = RosterImport.objects.create(
        roster=roster, file=stored, uploaded_by=actor, uploaded_at=clock.now(), **fields
    )
    found.job = start_job(
        "roster-import", "programs.tasks.import_roster", owner=actor, subject=roster, roster_import=found.pk
    )
    found.save(update_fields=["job"])
    return found


def safe_name(name: str) -> str:
    """The last part of a file name, printable, at most 100 characters: for showing, never for a path on disk."""
    last = re.split(r"[/\\]", name)[-1]
    plain = "".join(c for c in last if c.isprintable()).strip()
    return plain[-100:] or "清册.xlsx"


def check_target(program: Program, area: Area, period: str, actor: User) -> None:
    """Raises Refused unless this user makes rosters of this program, township and period."""
    if area.level != Area.Level.TOWNSHIP or not area.code.startswith(actor.area_prefix):
        raise Refused(_("只能上传本乡镇的清册。请选择自己的乡镇。"))
    if not program.is_active:
        raise Refused(_("项目“%(name)s”已停用，不能再编清册。") % {"name": program.name})
    if not program.on_platform:
        raise Refused(_("项目“%(name)s”不通过平台发放，不用在这里上传清册。") % {"name": program.name})
    if not periods.fits(period, program.cycle):
        raise Refused(
            _("期间“%(period)s”与项目的发放周期（%(cycle)s）不符，应写成“%(form)s”的样子。")
            % {
                "period": period[:20],
                "cycle": program.get_cycle_display(),
                "form": _PERIOD_FORMS[Program.Cycle(program.cycle)],
            }
        )


def _draft_roster(program: Program, area: Area, period: str, sequence: int, actor: User) -> Roster:
    """The roster of this period, locked; made when there is none. Raises Refused when it is past its draft."""
    live = Roster.objects.filter(program=program, area=area, period=period, sequence=sequence).exclude(
        status=Roster.Status.CANCELLED
    )
    roster = live.select_for_update().first()
    if roster is None:
        try:
            with transaction.atomic():
                roster = _make_roster(program, area, period, sequence, actor)
        except IntegrityError:  # a colleague was faster
            roster = live.select_for_update().get()
    if roster.status != Roster.Status.DRAFT:
        raise Refused(
            _("清册%(number)s现在是“%(status)s”，不能换文件。要改，先由经手的岗位退回。")
            % {"number": roster.number, "status": roster.get_status_display()}
        )
    return roster


def _make_roster(program: Program, area: Area, period: str, sequence: int, actor: User) -> Roster:
    roster = Roster.objects.create(
        number=f"R-{period[:4]}-{bulk.next_number('roster_number_seq'):06d}",
        program=program,
        area=area,
        period=period,
        sequence=sequence,
        made_by=actor,
        created_at=clock.now(),
        due_on=clock.today() + timedelta(days=program.pay_by_days),
    )
    record(roster, "created", actor=actor, new=Roster.Status.DRAFT)
    return roster


class AlreadyUploaded(Refused):
    """The same bytes are in already: ``earlier`` is the import that took them."""

    http_status = 409
    code = "already_uploaded"

    def __init__(self, sentence: str, earlier: RosterImport) -> None:
        super().__init__(sentence)
        self.earlier = earlier
        self.data = {
            "roster_id": earlier.roster_id,
            "import_id": earlier.pk,
            "import_url": reverse("programs:roster-import", args=[earlier.pk]),
        }


def _check_not_read_before(roster: Roster, sm3: str) -> None:
    """The same bytes twice are one import (M27); and one file of a roster is read at a time.

    With cells corrected on screen the same bytes are another import than without.
    """
    last = roster.imports.select_related("file", "job").first()
    if last is None:
        return
    same = last.file.sm3 == sm3 and not last.edits.exists()
    if last.status in OPEN:
        if last.job is not None and last.job.is_open:
            if same:
                raise AlreadyUploaded(_("这份文件已经收到，正在读取，没有重复导入。"), last)
            raise Refused(_("上一份文件还在读取。请等它读完再上传。"))
        _refuse(last, _told(_interrupted()), actor=last.uploaded_by)
    if last.status == RosterImport.Status.ASKING:
        replaced = CellError("replaced", _("没有等到回答，又传了新的文件。"), _("以新的文件为准。"))
        _refuse(last, _told(replaced), actor=last.uploaded_by)
    if last.status == RosterImport.Status.IMPORTED and same:
        raise AlreadyUploaded(
            _("这份文件已在%(when)s导入清册%(number)s（第%(revision)d版），没有重复导入。")
            % {"when": wording.cn_time(last.uploaded_at), "number": roster.number, "revision": last.revision},
            last,
        )


def _interrupted() -> CellError:
    return CellError("interrupted", _("系统中断，没有读完这份文件。"), _("请重新上传。"))


# --- Reading it --------------------------------------------------------------------------------------------


def import_roster(roster_import_id: int, job: Job | None = None) -> RosterImport:
    """Read, check and store one uploaded file, then compare its rows with everything. Safe to run again.

    Acts for who uploaded it. Ends as IMPORTED, as REFUSED with the problems and the marked workbook, or as ASKING
    when the clerk has to say which sheet or column is meant.
    """
    found = RosterImport.objects.select_related("roster__program", "roster__area", "file", "uploaded_by").get(
        pk=roster_import_id
    )
    if found.status not in OPEN:
        return found
    if found.status == RosterImport.Status.QUEUED:
        move(found, RosterImport.Status.READING, actor=found.uploaded_by)
    with Progress(job) as progress, bulk.no_collecting():
        # A worker that died after storing left the revision: only the comparing is still to be done.
        if found.revision is None:
            _read_and_store(found, progress)
        if found.revision is not None:
            if found.same_as_id is None:
                progress.say(95, _("正在与登记和其他项目比对"), at_once=True)
                run_checks(Roster.objects.get(pk=found.roster_id), _compared(progress))
            _finish(found)
    return found


def _compared(progress: Progress) -> Callable[[int, int], None]:
    return lambda done, total: progress.say(95 + 4 * done // total, _("正在与登记和其他项目比对"))


def abandon_import(roster_import_id: int) -> None:
    """Close an import whose job failed for a reason of ours: the clerk may upload again at once."""
    found = RosterImport.objects.select_related("uploaded_by").get(pk=roster_import_id)
    if found.status in OPEN and found.revision is None:
        _refuse(found, _told(_interrupted()), actor=found.uploaded_by)


def _read_and_store(found: RosterImport, progress: Progress) -> None:
    progress.say(2, _("正在打开文件"), at_once=True)
    content = found.file.read()
    problems = Problems()
    try:
        read = _read(found, content, problems, progress)
    except Asked as asked:
        move(found, RosterImport.Status.ASKING, actor=found.uploaded_by, question=asked.question)
        return
    if read is not None and not problems and not _known_already(found, read[2]):
        _store(found, *read, problems, progress)
    layout = read[0] if read else None
    if problems:
        progress.say(90, _("正在标出错误"), at_once=True)
        marked = _marked(content, layout, problems, edits_of(found))
        _refuse(found, problems, actor=found.uploaded_by, marked=marked)
    elif edits := edits_of(found):
        progress.say(94, _("正在把改正的格写进文件"), at_once=True)
        name = _("%(name)s-改正.xlsx") % {"name": _bare_name(found)}
        corrected = corrected_workbook(content, layout, edits)
        found.marked_file = StoredFile.keep(corrected, name=name, content_type=XLSX, actor=found.uploaded_by)
        found.save(update_fields=["marked_file"])


def _known_already(found: RosterImport, claims: Claims) -> bool:
    """The rows of the roster's current revision under another name are no new revision (B14): ``same_as`` says so."""
    found.claims_digest = claims.digest()
    current = found.roster.imports.filter(revision=found.roster.revision).exclude(pk=found.pk).order_by("pk").first()
    if current is None or bytes(current.claims_digest) != found.claims_digest:
        return False
    found.same_as, found.revision = current, current.revision
    found.rows, found.amount_fen = current.rows, current.amount_fen
    found.save(update_fields=["same_as", "revision", "rows", "amount_fen", "claims_digest"])
    return True


def _read(
    found: RosterImport, content: bytes, problems: Problems, progress: Progress
) -> tuple[Layout, Body, Claims] | None:
    """The claims of the file; None when there is no list to read, then ``problems`` says why."""
    roster = found.roster
    try:
        workbook = read_workbook(content, lambda: progress.creep(24, _("正在打开文件")))
        apply_edits(workbook, edits_of(found))
    except FileRefused as refused:
        problems.add(CellError.of(f"file_{refused.reason}", str(refused)))
        return None
    progress.say(25, _("正在核对表头"), at_once=True)
    columns = template_columns(roster.program)
    there = find_list(workbook, columns, problems, answers=answers_of(found), remembered=remembered_of(roster.program))
    if there is None:
        return None
    layout, members = there
    body = split_body(layout)
    arrange(layout, body, columns, roster.program, members, problems)
    total = len(body.rows)

    def report(done: int, count: int) -> None:
        progress.say(25 + min(25, 25 * done // count), _("正在逐格核对%(n)s行") % {"n": wording.count(total)})

    claims = read_claims(
        layout,
        body,
        program=roster.program,
        period=roster.period,
        columns=columns,
        directory=load_directory(roster.area),
        problems=problems,
        report=report,
    )
    found.warnings = remarks(workbook, layout)
    return layout, body, claims


def _store(
    found: RosterImport, layout: Layout, body: Body, claims: Claims, problems: Problems, progress: Progress
) -> None:
    """Match with the registry and write; again from the matching when another import was faster."""
    progress.say(50, _("正在与登记的人员核对"), at_once=True)
    hashes = index_people(claims)

    def sealed(done: int, total: int) -> None:
        progress.say(55 + 5 * done // total, _("正在加密"))

    for attempt in range(1, _TRIES + 1):
        known = find_known(hashes)
        _check_names(layout, body, claims, known, problems)
        if problems:
            return
        progress.say(55, _("正在加密"), at_once=True)
        try:
            matched = match(claims, hashes, known, found.uploaded_by, sealed)
            check_ended(layout, body, matched.account, matched.ended, problems)
            if problems:
                return
            store(found, claims, matched, progress)
        except RosterMoved as moved:
            problems.add(CellError.of("roster_moved", str(moved)))
            return
        except (IntegrityError, OperationalError):  # the latter: a deadlock with it
            if attempt == _TRIES:
                raise
            logger.info("import %s was overtaken by another one, matching again", found.pk)
        else:
            refresh_statistics(claims, matched)
            return


def _check_names(layout: Layout, body: Body, claims: Claims, known: dict[str, KnownPerson], problems: Problems) -> None:
    names = {number: person.name for number, person in known.items()}
    check_registered_names(layout, body, claims, names, problems)
    check_merged(layout, body, claims, {n: p.merged for n, p in known.items() if p.merged}, problems)


def _marked(content: bytes, layout: Layout | None, problems: Problems, edits: list[Edit]) -> bytes | None:
    """The workbook to give back; None when the file could not even be opened."""
    if problems.found[0]["code"].startswith("file_"):
        return None
    return marked_workbook(content, layout, problems, edits)


# --- Ends --------------------------------------------------------------------------------------------------


@transaction.atomic
def _finish(found: RosterImport) -> None:
    move(found, RosterImport.Status.IMPORTED, actor=found.uploaded_by, warnings=found.warnings)
    if found.same_as_id is not None:
        record(found.roster, "repeated", actor=found.uploaded_by, note=same_words(found), data={"import": found.pk})
        return
    note = _("第%(revision)d版，%(rows)s行，%(yuan)s元") % {
        "revision": found.revision,
        "rows": wording.count(found.rows),
        "yuan": wording.yuan(found.amount_fen),
    }
    record(found.roster, "imported", actor=found.uploaded_by, note=note, data={"import": found.pk})


def same_words(found: RosterImport) -> str:
    """What is said of an import whose claims were in already."""
    return _("内容与第%(n)d次导入完全相同，没有重复导入") % {"n": found.revision}


def _bare_name(found: RosterImport) -> str:
    return re.sub(r"\.(xlsx|xls|csv)$", "", found.file.name, flags=re.IGNORECASE)


@transaction.atomic
def _refuse(found: RosterImport, problems: Problems, *, actor: User, marked: bytes | None = None) -> None:
    fields: dict[str, Any] = {
        "problems": problems.shown(),
        "problem_count": problems.count,
        "problem_groups": problems.groups(),
        "warnings": found.warnings,
    }
    if marked is not None:
        fields["marked_file"] = StoredFile.keep(
            marked, name=_("%(name)s-标错.xlsx") % {"name": _bare_name(found)}, content_type=XLSX, actor=actor
        )
    move(found, RosterImport.Status.REFUSED, actor=actor, **fields)


def _told(error: CellError) -> Problems:
    problems = Problems()
    problems.add(error)
    return problems

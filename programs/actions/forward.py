"""A new roster from the one of last period: as a file to edit, or taken in at once by the same import."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from programs.actions.uploads import check_target, upload_roster
from programs.imports.forward import LEFT_SHEET, MAX_ROWS, copy_forward
from programs.models import Program, Roster, RosterImport, RosterRow
from subsidy_portal import wording
from subsidy_portal.jobs import start_job
from subsidy_portal.models import Area, Job, StoredFile, User
from subsidy_portal.permissions import require
from subsidy_portal.sheets import XLSX
from subsidy_portal.workflow import Refused, record


@dataclass(frozen=True)
class Copied:
    """What came of it: the file, a sentence about it, and the import when it was taken in at once."""

    file: StoredFile
    message: str
    started: RosterImport | None


def last_roster(program: Program, area: Area, period: str, sequence: int = 1) -> Roster | None:
    """The roster of the nearest earlier period; of a further one in a period, the first when there is no other."""
    earlier = Roster.objects.filter(program=program, area=area, period__lt=period, revision__gt=0).exclude(
        status=Roster.Status.CANCELLED
    )
    return (
        earlier.filter(sequence=sequence).order_by("-period").first()
        or earlier.filter(sequence=1).order_by("-period").first()
    )


@transaction.atomic
def start_copy(
    program: Program, area: Area, period: str, *, actor: User, sequence: int = 1, take_in: bool = False
) -> Job:
    """Begin to write last period's people into the template of ``period``; with ``take_in`` also to import it.

    Raises Refused when there is no earlier roster, or a roster of this period is past its draft.
    """
    require(actor, "roster.upload")
    require(actor, "person.reveal")
    check_target(program, area, period, actor)
    before = last_roster(program, area, period, sequence)
    if before is None:
        raise Refused(_("%(town)s还没有这个项目以前的清册，没有可复制的。请下载模板填写。") % {"town": area.name})
    rows = RosterRow.objects.filter(roster=before, revision=before.revision).count()
    if rows > MAX_ROWS:
        raise Refused(
            _("上期清册有%(n)s行，超过%(max)s行，不能复制成表格。请在上期的文件上修改后上传。")
            % {"n": wording.count(rows), "max": wording.count(MAX_ROWS)}
        )
    made = Roster.objects.filter(program=program, area=area, period=period, sequence=sequence).exclude(
        status__in=(Roster.Status.CANCELLED, Roster.Status.DRAFT)
    )
    if roster := made.first():
        raise Refused(
            _("这一期的清册%(number)s已经是“%(status)s”，不能再编。")
            % {"number": roster.number, "status": roster.get_status_display()}
        )
    return start_job(
        "roster-forward", "programs.tasks.copy_roster", owner=actor, subject=before, period=period,
        sequence=sequence, take_in=take_in,
    )  # fmt: skip


def write_copy(before: Roster, period: str, *, actor: User, sequence: int = 1, take_in: bool = False) -> Copied:
    """Write the file of ``start_copy``, keep it, and with ``take_in`` hand it to the import. Raises Refused."""
    require(actor, "roster.upload")
    require(actor, "person.reveal")
    done = copy_forward(before, period)
    if not done.rows:
        raise Refused(_("上期的人都没有带过来（已剔除、死亡或迁出）。请下载模板填写。"))
    name = _("%(program)s-%(town)s-%(period)s-从上期复制.xlsx") % {
        "program": before.program.short_name, "town": before.area.name, "period": period
    }  # fmt: skip
    message = _("带过来%(rows)s行，%(yuan)s元") % {
        "rows": wording.count(done.rows), "yuan": wording.yuan(done.amount_fen)
    }  # fmt: skip
    if done.left_out:
        message += _("；%(n)s行没有带过来，见表里的“%(sheet)s”") % {
            "n": wording.count(len(done.left_out)), "sheet": LEFT_SHEET
        }  # fmt: skip
    with transaction.atomic():
        file = StoredFile.keep(done.content, name=name, content_type=XLSX, actor=actor)
        record(before, "copied", actor=actor, note=_("到%s期") % period, data={"file": file.pk})
    started = None
    if take_in:
        started = upload_roster(
            before.program, before.area, period, file_name=name, content=done.content, actor=actor, sequence=sequence
        )
    return Copied(file, message, started)

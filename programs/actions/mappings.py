"""What a clerk answers when a file alone does not say which sheet or column is meant; kept for the next file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from programs.imports import template_columns
from programs.imports.mapping import Answers, Remembered, check_answer
from programs.models import ColumnMapping, Program, Roster, RosterImport
from subsidy_portal import clock
from subsidy_portal.jobs import start_job
from subsidy_portal.models import User
from subsidy_portal.permissions import require
from subsidy_portal.workflow import InvalidTransition, Refused, move, record


@transaction.atomic
def choose_sheet(roster_import: RosterImport, name: str, *, actor: User) -> RosterImport:
    """Say which of several sheets is the list; the file is read on. Raises Refused for a sheet nobody offered."""
    require(actor, "roster.upload")
    found = _waiting(roster_import, "sheet", actor)
    if name not in {choice["name"] for choice in found.question["choices"]}:
        raise Refused(_("文件里没有这张工作表。请从列出的工作表中选一张。"))
    record(found.roster, "sheet_chosen", actor=actor, note=name, data={"import": found.pk})
    return _read_on(found, actor, sheet_name=name)


@transaction.atomic
def map_columns(
    roster_import: RosterImport, columns: Mapping[str, int], *, actor: User, header_row: int = 0
) -> RosterImport:
    """Say which column is what (our field → column index from 0); kept for the department, and the file is read on.

    ``header_row`` counts from 1 and is the one we guessed when it is 0. Raises Refused for a required field
    without a column, a column used twice, or one that is not there.
    """
    require(actor, "roster.upload")
    found = _waiting(roster_import, "columns", actor)
    program = found.roster.program
    row = header_row or found.question["header_row"]
    wrong = check_answer(found.question, row, columns, template_columns(program))
    if wrong:
        raise Refused(wrong)
    ColumnMapping.objects.update_or_create(
        department=program.department,
        signature=found.question["signature"][str(row)],
        defaults={
            "columns": dict(columns),
            "header": found.question["top"][row - 1],
            "made_by": actor,
            "made_at": clock.now(),
        },
    )
    record(found.roster, "columns_mapped", actor=actor, data={"import": found.pk, "columns": dict(columns)})
    question = {**found.question, "header_row": row}
    return _read_on(found, actor, sheet_name=question["sheet"], columns=dict(columns), question=question)


@transaction.atomic
def forget_mapping(mapping: ColumnMapping, *, actor: User) -> None:
    """The next file with this header is asked about again. Rosters that were read with it stay as they are."""
    require(actor, "roster.upload")
    record(mapping.department, "mapping_forgotten", actor=actor, data={"mapping": mapping.pk})
    mapping.delete()


def _waiting(roster_import: RosterImport, kind: str, actor: User) -> RosterImport:
    """The import under a lock, while it waits for this kind of answer and its roster takes files."""
    found = (
        RosterImport.objects.select_for_update(of=("self",))
        .select_related("roster__program__department")
        .get(pk=roster_import.pk)
    )
    if found.status != RosterImport.Status.ASKING or found.question.get("kind") != kind:
        raise InvalidTransition(_("这份文件现在不等这个回答。请刷新页面查看最新状态。"))
    if not found.roster.area_id.startswith(actor.area_prefix):
        raise Refused(_("只能回答本乡镇上传的文件。"))
    if found.roster.status != Roster.Status.DRAFT:
        raise Refused(_("清册已不在编制中，不能再导入。请刷新清册页面查看最新状态。"))
    return found


def _read_on(found: RosterImport, actor: User, **answer: Any) -> RosterImport:
    job = start_job(
        "roster-import", "programs.tasks.import_roster", owner=actor, subject=found.roster, roster_import=found.pk
    )
    move(found, RosterImport.Status.QUEUED, actor=actor, job=job, **answer)
    return found


def answers_of(found: RosterImport) -> Answers:
    """What was answered about this file so far."""
    header_row = found.question.get("header_row", 0) if found.columns else 0
    return Answers(found.sheet_name, header_row, found.columns)


def remembered_of(program: Program) -> dict[str, Remembered]:
    """Header signature → what the clerks of this program's department said about it."""
    kept = ColumnMapping.objects.filter(department=program.department_id)
    return {one.signature: Remembered(one.columns, one.made_at.astimezone(clock.CHINA).date()) for one in kept}

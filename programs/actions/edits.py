"""Small mistakes put right on screen: the same file is read again with some cells typed anew."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from programs.actions.uploads import start_import
from programs.imports.edits import Edit, can_edit
from programs.models import CellEdit, Roster, RosterImport
from subsidy_portal import bulk, clock, crypto
from subsidy_portal.models import User
from subsidy_portal.permissions import require
from subsidy_portal.sheets import clean_text
from subsidy_portal.workflow import Refused, record

# In one go: whoever has more to type corrects the file itself.
MAX_EDITS, MAX_LENGTH = 200, 200


@transaction.atomic
def correct_cells(found: RosterImport, edits: Sequence[Edit], *, actor: User) -> RosterImport:
    """Read the file of a refused import again with ``edits`` over it, in a job; returns the new import.

    Corrections made before are carried forward with who made them; the latest of a cell wins. The file is never
    touched. The event names the cells, never what was typed. Raises Refused for a file that is not the last one
    of its draft, for too many or too long texts, and for a cell without a problem.
    """
    require(actor, "roster.upload")
    roster = Roster.objects.select_for_update().get(pk=found.roster_id)
    found = RosterImport.objects.select_related("file").get(pk=found.pk)
    _check_open(found, roster, actor)
    wanted = {edit.place: edit for edit in map(_cleaned, edits)}
    _check_edits(found, wanted)
    again = start_import(
        roster, found.file, actor=actor, corrects=found, sheet_name=found.sheet_name, columns=found.columns
    )
    _keep(again, found, list(wanted.values()), actor)
    cells = [f"{edit.column}{edit.row}" for edit in wanted.values()]
    shown = "、".join(cells[:20]) + (_("等") if len(cells) > 20 else "")
    record(
        roster,
        "cells_corrected",
        actor=actor,
        note=_("%(n)d格：%(cells)s") % {"n": len(cells), "cells": shown},
        data={"import": again.pk, "corrects": found.pk, "cells": [list(place) for place in wanted]},
    )
    return again


def may_correct(found: RosterImport, roster: Roster, actor: User) -> bool:
    """Whether ``correct_cells`` would take corrections of this import now, for who may upload."""
    try:
        _check_open(found, roster, actor)
    except Refused:
        return False
    return True


def _check_open(found: RosterImport, roster: Roster, actor: User) -> None:
    if not roster.area_id.startswith(actor.area_prefix):
        raise Refused(_("只能改本乡镇的清册。"))
    if roster.status != Roster.Status.DRAFT:
        raise Refused(_("清册已不在编制中，不能再改。请刷新清册页面查看最新状态。"))
    if found.status != RosterImport.Status.REFUSED or roster.imports.values_list("pk", flat=True).first() != found.pk:
        raise Refused(_("这份文件后来又传过或改过。请到清册页面改最新的一份。"))


def _cleaned(edit: Edit) -> Edit:
    return Edit(edit.sheet, edit.row, edit.column.upper(), clean_text(edit.value))


def _check_edits(found: RosterImport, edits: dict[tuple[str, int, str], Edit]) -> None:
    if not edits:
        raise Refused(_("一格也没有改。请在要改的格子里填上新的内容。"))
    if len(edits) > MAX_EDITS:
        raise Refused(
            _("一次最多改%(limit)d格，这里有%(n)d格。请分几次改，或改好文件后重传。")
            % {"limit": MAX_EDITS, "n": len(edits)}
        )
    wrong = {(p["sheet"], p["row"], p["column"]) for p in found.problems if can_edit(p)}
    for edit in edits.values():
        place = {"cell": f"{edit.column}{edit.row}"[:12], "limit": MAX_LENGTH}
        if edit.place not in wrong:
            raise Refused(_("%(cell)s没有可以在网页上改的错误。请只改列出的格子。") % place)
        if len(edit.value) > MAX_LENGTH:
            raise Refused(_("%(cell)s填了超过%(limit)d个字。请缩短后再提交。") % place)


def _keep(again: RosterImport, before: RosterImport, edits: list[Edit], actor: User) -> None:
    """The corrections of ``before`` that still hold, and the new ones, sealed for their own rows."""
    new = {edit.place for edit in edits}
    carried = [e for e in before.edits.select_related("made_by") if (e.sheet, e.row, e.column) not in new]
    now = clock.now()
    rows = [(e.sheet, e.row, e.column, e.value, e.made_by, e.made_at) for e in carried]
    rows += [(e.sheet, e.row, e.column, e.value, actor, now) for e in edits]
    keys = bulk.take_ids("programs_celledit", len(rows))
    CellEdit.objects.bulk_create(
        CellEdit(
            pk=pk, roster_import=again, sheet=sheet, row=row, column=column,
            value_sealed=crypto.encrypt(value, CellEdit.place(pk)), made_by=who, made_at=at,
        )
        for pk, (sheet, row, column, value, who, at) in zip(keys, rows, strict=True)
    )  # fmt: skip

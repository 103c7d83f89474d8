"""A roster's way over the desks: township, public notice, department, finance; and back when it is returned."""

from __future__ import annotations

from typing import Any, Literal

from django.db import transaction
from django.utils.translation import gettext as _

from programs.actions.gates import (
    count_unpublicised,
    lock_roster,
    require_checked,
    require_decided,
    require_listed,
    require_note,
    require_publicised,
)
from programs.models import Notice, Roster
from subsidy_portal.models import User
from subsidy_portal.permissions import require, require_other
from subsidy_portal.workflow import Refused, move

S = Roster.Status
Desk = Literal["township", "department"]

# Status → who sits at that desk (an action of the permission table), and where this desk may return a roster to.
RETURNS: dict[str, tuple[str, tuple[Desk, ...]]] = {
    S.SUBMITTED: ("roster.town_approve", ("township",)),
    S.TOWN_APPROVED: ("roster.town_approve", ("township",)),
    S.ON_NOTICE: ("roster.town_approve", ("township",)),
    S.NOTICED: ("roster.dept_check", ("township",)),
    S.DEPT_CHECKED: ("roster.dept_approve", ("township", "department")),
    S.DEPT_APPROVED: ("roster.accept", ("township", "department")),
}
# Desks behind the notice: what comes back to them unchanged needs no new one.
BEHIND_NOTICE = (S.NOTICED, S.DEPT_CHECKED, S.DEPT_APPROVED)


@transaction.atomic
def submit_roster(roster: Roster, *, actor: User) -> None:
    """Submit a checked and decided draft to the township's reviewer.

    A returned roster whose rows are still those that were publicised goes straight to the desk that returned
    it; a changed one goes the whole way with a new notice. Raises Refused.
    """
    require(actor, "roster.submit")
    lock_roster(roster, S.DRAFT)
    require_checked(roster)
    require_decided(roster)
    if roster.returned_from in BEHIND_NOTICE and not count_unpublicised(roster):
        require_other(actor, roster.town_reviewed_by_id)
        move(roster, roster.returned_from, actor=actor, submitted_by=actor, returned_from="", return_note="")
        return
    # Every desk signs what it has seen: rows that changed since then are before all of them again.
    anew: dict[str, Any] = dict.fromkeys(("town_reviewed_by", "dept_checked_by", "dept_approved_by"))
    move(roster, S.SUBMITTED, actor=actor, submitted_by=actor, returned_from="", return_note="", **anew)


@transaction.atomic
def approve_roster_in_town(roster: Roster, *, actor: User, note: str = "") -> None:
    """The township's reviewer, who neither uploaded nor submitted it, sends the roster to notice."""
    require(actor, "roster.town_approve")
    # Whoever uploaded the file, had it read, or corrected a cell of it on screen.
    hands = ("uploaded_by", "file__created_by", "edits__made_by")
    uploads = {pk for row in roster.imports.filter(revision=roster.revision).values_list(*hands) for pk in row}
    require_other(actor, roster.made_by_id, roster.submitted_by_id, *uploads)
    lock_roster(roster, S.SUBMITTED)
    require_decided(roster)
    move(roster, S.TOWN_APPROVED, actor=actor, note=note, town_reviewed_by=actor)


@transaction.atomic
def check_roster_in_department(roster: Roster, *, actor: User, note: str = "") -> None:
    """The department's operator passes a publicised roster on: to the reviewer, or back to finance that returned it."""
    require(actor, "roster.dept_check")
    to = S.DEPT_APPROVED if roster.returned_from == S.DEPT_APPROVED else S.DEPT_CHECKED
    fields: dict[str, Any] = {"dept_checked_by": actor, "returned_from": "", "return_note": ""}
    if to == S.DEPT_APPROVED:
        require_other(actor, roster.dept_approved_by_id)
    else:
        fields["dept_approved_by"] = None
    _pass_publicised(roster, S.NOTICED, to, actor, note, roster.town_reviewed_by_id, **fields)


@transaction.atomic
def approve_roster_in_department(roster: Roster, *, actor: User, note: str = "") -> None:
    """The department's reviewer, another person than its operator, sends the roster to finance."""
    require(actor, "roster.dept_approve")
    _pass_publicised(
        roster,
        S.DEPT_CHECKED,
        S.DEPT_APPROVED,
        actor,
        note,
        roster.town_reviewed_by_id,
        roster.dept_checked_by_id,
        dept_approved_by=actor,
    )


@transaction.atomic
def accept_roster(roster: Roster, *, actor: User, note: str = "") -> None:
    """Finance accepts the roster for payment by the published list; its rows are what the next batch takes."""
    require(actor, "roster.accept")
    lock_roster(roster, S.DEPT_APPROVED)
    require_listed(roster)
    signed = (roster.town_reviewed_by_id, roster.dept_checked_by_id, roster.dept_approved_by_id)
    _pass_publicised(roster, S.DEPT_APPROVED, S.ACCEPTED, actor, note, *signed, accepted_by=actor)


def _pass_publicised(
    roster: Roster, old: str, to: str, actor: User, note: str, *signed: int | None, **fields: Any
) -> None:
    """One step behind the notice: by somebody new, all suspicions decided, every row as it was publicised."""
    require_other(actor, roster.made_by_id, roster.submitted_by_id, *signed)
    lock_roster(roster, old)
    require_decided(roster)
    require_publicised(roster)
    move(roster, to, actor=actor, note=note, **fields)


# What "approve" means at each desk.
NEXT_STEP = {
    S.SUBMITTED: approve_roster_in_town,
    S.NOTICED: check_roster_in_department,
    S.DEPT_CHECKED: approve_roster_in_department,
    S.DEPT_APPROVED: accept_roster,
}


@transaction.atomic
def return_roster(roster: Roster, *, to: Desk, note: str, actor: User) -> None:
    """Return the roster to the township or to the department's operator; it comes back to this desk.

    An open notice is withdrawn: it did not run its days. Raises Refused without a reason, NotPermitted for
    whoever does not sit at the roster's desk.
    """
    require(actor, "roster.return")
    note = require_note(note, _("退回的原因和要改什么"))
    lock_roster(roster, *RETURNS)
    desk, targets = RETURNS[roster.status]
    require(actor, desk)
    if to not in targets:
        raise Refused(_("这一步只能退回乡镇。"))
    here = S.SUBMITTED if desk == "roster.town_approve" else S(roster.status)
    for notice in roster.notices.filter(status=Notice.Status.OPEN):
        move(notice, Notice.Status.WITHDRAWN, actor=actor, note=note)
    target, words = (S.DRAFT, _("退回乡镇：")) if to == "township" else (S.NOTICED, _("退回部门经办："))
    move(roster, target, actor=actor, note=words + note, returned_from=here, return_note=note)


@transaction.atomic
def cancel_roster(roster: Roster, *, note: str, actor: User) -> None:
    """Give up a draft; its place (program, township, period) becomes free again."""
    require(actor, "roster.upload")
    note = require_note(note, _("作废的原因"))
    lock_roster(roster, S.DRAFT)
    move(roster, S.CANCELLED, actor=actor, note=note)

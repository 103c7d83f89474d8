"""Deciding a suspicion: confirmed, the row leaves; unfounded, with reason and evidence."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from programs.actions.gates import lock_roster, require_note
from programs.models import Roster, RosterRow, Rule, Suspicion
from subsidy_portal import clock
from subsidy_portal.models import StoredFile, User
from subsidy_portal.permissions import require
from subsidy_portal.workflow import Refused, move, record


@transaction.atomic
def decide_suspicion(
    suspicion: Suspicion, *, confirmed: bool, reason: str, attachment: StoredFile | None = None, actor: User
) -> None:
    """Decide one hit. A confirmed one before payment takes its row off the roster; after payment it becomes a case.

    Raises Refused without a reason, without evidence when a blocking hit before payment is called unfounded,
    and when a row that finance has accepted would have to leave for a mere warning.
    """
    require(actor, "suspicion.decide")
    reason = require_note(reason, _("核实情况和理由"))
    before = suspicion.stage == Suspicion.Stage.BEFORE
    if before and not confirmed and attachment is None and suspicion.rule.level == Rule.Level.BLOCK:
        raise Refused(_("认定不属实须附佐证材料。请上传照片、证明或记录。"))
    if before and suspicion.roster is not None:
        lock_roster(suspicion.roster)
    to = Suspicion.Status.CONFIRMED if confirmed else Suspicion.Status.UNFOUNDED
    move(
        suspicion,
        to,
        actor=actor,
        note=reason,
        reason=reason,
        attachment=attachment,
        decided_by=actor,
        decided_at=clock.now(),
    )
    if before and confirmed and suspicion.row is not None:
        _take_off(suspicion.row, suspicion, actor)


def _take_off(row: RosterRow, suspicion: Suspicion, actor: User) -> None:
    roster = row.roster
    if row.status == RosterRow.Status.LEFT or row.revision != roster.revision:
        return
    # An open blocking suspicion keeps an accepted row from being sent, so it can still leave. A warning keeps nobody.
    if roster.status == Roster.Status.ACCEPTED and suspicion.rule.level != Rule.Level.BLOCK:
        raise Refused(_("清册已由财政受理，不能再剔除这一行。请联系县财政局暂停这笔发放。"))
    RosterRow.objects.filter(pk=row.pk).update(status=RosterRow.Status.LEFT)
    record(
        roster,
        "row_left",
        actor=actor,
        note=_("第%(row)d行，%(rule)s") % {"row": row.row_no, "rule": suspicion.rule.name},
        data={"row": row.pk, "suspicion": suspicion.pk},
    )

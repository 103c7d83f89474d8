"""Deciding a suspicion: confirmed, the row leaves; unfounded, with reason and evidence."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from programs.actions.gates import lock_roster, require_note
from programs.models import Roster, RosterRow, Rule, Suspicion
from subsidy_portal import clock
from subsidy_portal.models import StoredFile, User
from subsidy_portal.permissions import require
from subsidy_portal.workflow import Refused, move, move_many, record


@transaction.atomic
def decide_suspicion(
    suspicion: Suspicion, *, confirmed: bool, reason: str, attachment: StoredFile | None = None, actor: User
) -> None:
    """Decide one hit. A confirmed one before payment takes its row off the roster; after payment it becomes a case.

    Raises Refused without a reason, without evidence when a hit before payment is called unfounded, and when a row
    that finance has accepted would have to leave for a mere warning.
    """
    require(actor, "suspicion.decide")
    reason = require_note(reason, _("核实情况和理由"))
    before = suspicion.stage == Suspicion.Stage.BEFORE
    if before and not confirmed and attachment is None:
        raise Refused(_no_proof())
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


@transaction.atomic
def decide_alike(suspicion: Suspicion, *, reason: str, attachment: StoredFile | None, actor: User) -> int:
    """Call every open hint like this one unfounded, on one reason and one proof (a visit, a list); returns how many.

    Raises Refused for what would pay wrongly, which is decided one by one, and without reason or proof.
    """
    require(actor, "suspicion.decide")
    reason = require_note(reason, _("核实情况和理由"))
    if attachment is None:
        raise Refused(_no_proof())
    if suspicion.rule.level == Rule.Level.BLOCK or suspicion.roster is None:
        raise Refused(_("“必须处理”的疑点要逐条核实，不能一并认定。请一条一条办。"))
    lock_roster(suspicion.roster)
    count = move_many(
        Suspicion.objects.alike(suspicion),
        Suspicion.Status.OPEN,
        Suspicion.Status.UNFOUNDED,
        reason=reason,
        attachment=attachment,
        decided_by=actor,
        decided_at=clock.now(),
    )
    note = _("%(rule)s，%(n)d条不属实：%(reason)s") % {"rule": suspicion.rule.name, "n": count, "reason": reason}
    record(suspicion.roster, "alike_decided", actor=actor, note=note, data={"rule": suspicion.rule_id, "count": count})
    return count


def _no_proof() -> str:
    return _("认定不属实须附佐证材料。请上传照片、证明或记录。")


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

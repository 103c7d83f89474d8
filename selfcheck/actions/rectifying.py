"""Putting a problem right: who does what until when, and how far it is."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from selfcheck.actions.gates import lock_problem, require_text
from selfcheck.models import Problem
from subsidy_portal import clock
from subsidy_portal.models import User
from subsidy_portal.permissions import require
from subsidy_portal.workflow import Refused, move, record

S = Problem.Status

# What the unit keeps up to date while it works; the rest of the ledger follows from the steps.
PROGRESS_FIELDS = {
    "progress": _lazy("进展"),
    "restitution_paid_fen": _lazy("已返还"),
    "sanctions": _lazy("处理人员"),
    "transfer": _lazy("线索移交"),
    "institution": _lazy("制度建设"),
}


@transaction.atomic
def plan_rectification(
    problem: Problem, *, measures: str, leader: str, owner: str, due_on: dt.date, actor: User
) -> None:
    """The responsible unit says what it does, who answers for it and until when (整改措施、责任、时限)."""
    require(actor, "problem.work")
    if due_on < clock.today():
        raise Refused(_("整改时限早于今天。请改为今天以后的日期。"))
    measures = require_text(measures, _("整改措施"), 2000)
    leader = require_text(leader, _("责任领导"), 30)
    owner = require_text(owner, _("责任人"), 30)
    lock_problem(problem, S.VERIFIED)
    move(
        problem,
        S.RECTIFYING,
        actor=actor,
        note=measures,
        data={"due_on": due_on.isoformat()},
        measures=measures,
        leader=leader,
        owner=owner,
        due_on=due_on,
    )


@transaction.atomic
def note_progress(problem: Problem, *, actor: User, **fields: Any) -> None:
    """Bring some of ``PROGRESS_FIELDS`` up to date; the event keeps what was written, so older progress stays readable.

    Raises Refused when more is given back than is due.
    """
    require(actor, "problem.work")
    now = lock_problem(problem, S.VERIFIED, S.RECTIFYING)
    changed = {name: fields[name] for name in PROGRESS_FIELDS if name in fields and fields[name] != getattr(now, name)}
    if not changed:
        raise Refused(_("没有改动，没有保存。"))
    if not 0 <= changed.get("restitution_paid_fen", 0) <= now.restitution_due_fen:
        raise Refused(_("已返还的金额不能超过应返还的金额。请核对。"))
    Problem.objects.filter(pk=problem.pk).update(**changed)
    labels = "、".join(str(PROGRESS_FIELDS[name]) for name in changed if name != "progress")
    note = "；".join(filter(None, (changed.get("progress"), labels)))
    record(problem, "changed", actor=actor, note=note, data={"before": {name: getattr(now, name) for name in changed}})
    problem.refresh_from_db()

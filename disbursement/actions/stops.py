"""Leaving restore mode: one person says what was checked, another one agrees; then orders may leave again."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from disbursement.locks import locked
from disbursement.models import SendingStop
from subsidy_portal import clock
from subsidy_portal.models import User
from subsidy_portal.permissions import require, require_other
from subsidy_portal.workflow import Refused, move

S = SendingStop.Status


@transaction.atomic
def propose_reopening(stop: SendingStop, *, note: str, actor: User) -> None:
    """Say what was checked with the banks; raises Refused without it."""
    require(actor, "sending.reopen")
    note = note.strip()[:300]
    if len(note) < 4:
        raise Refused(_("请写明查过什么：对账单补到哪天、缺的指令怎样处理。"))
    move(locked(stop), S.PROPOSED, actor=actor, note=note, proposed_by=actor, proposed_at=clock.now())
    stop.refresh_from_db()


@transaction.atomic
def confirm_reopening(stop: SendingStop, *, actor: User) -> None:
    """The second person agrees: orders leave again."""
    require(actor, "sending.reopen")
    fresh = locked(stop)
    require_other(actor, fresh.proposed_by_id)
    move(fresh, S.REOPENED, actor=actor, reopened_by=actor, reopened_at=clock.now())
    stop.refresh_from_db()


@transaction.atomic
def refuse_reopening(stop: SendingStop, *, note: str, actor: User) -> None:
    """Not yet: the stop stays on."""
    require(actor, "sending.reopen")
    fresh = locked(stop)
    require_other(actor, fresh.proposed_by_id)
    if not note.strip():
        raise Refused(_("请写明退回的原因。"))
    move(fresh, S.STOPPED, actor=actor, note=note.strip()[:200], proposed_by=None, proposed_at=None)
    stop.refresh_from_db()

"""What is paid off the platform: the decision about a program, and its amount of a year, always by two persons."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from programs.models import Program
from selfcheck.actions.gates import require_past, require_text
from selfcheck.models import OffPlatformProgram, YearlyAmount
from subsidy_portal import clock
from subsidy_portal.models import User
from subsidy_portal.money import MAX_FEN
from subsidy_portal.permissions import require, require_other
from subsidy_portal.workflow import Refused, move, record

D = OffPlatformProgram.Decision
S = YearlyAmount.Status


@transaction.atomic
def note_off_platform(program: Program, *, actor: User, **fields: Any) -> OffPlatformProgram:
    """Say why ``program`` is not on the platform and what was decided (R7).

    Raises Refused when it is to stay offline without rules and oversight filed with finance and discipline (R8).
    """
    require(actor, "offline.decide")
    fields["reason"] = require_text(fields["reason"], _("没有通过平台发放的原因"), 200)
    filed = all(fields.get(name) for name in ("rule", "oversight", "filed_on"))
    if fields["decision"] == D.OFFLINE and not filed:
        raise Refused(_("继续线下发放的项目，须有资金管理办法和监管措施，并报财政和纪检备案。请补齐这三项。"))
    if fields["decision"] != D.OPEN and not fields.get("decided_on"):
        raise Refused(_("请写明决定日期。"))
    for name, label in (("decided_on", _("决定日期")), ("filed_on", _("备案日期"))):
        if fields.get(name):
            require_past(fields[name], label)
    noted, _made = OffPlatformProgram.objects.update_or_create(program=program, defaults=fields)
    record(program, "off_platform_noted", actor=actor, note=str(noted.get_decision_display()))
    return noted


@transaction.atomic
def enter_yearly_amount(program: Program, *, actor: User, **fields: Any) -> YearlyAmount:
    """Propose what ``program`` paid in a year outside this portal. It counts once somebody else has confirmed it."""
    require(actor, "offline.enter")
    if not 2000 <= fields["year"] <= clock.today().year:
        raise Refused(_("年度不对。请填2000年到今年之间的年度。"))
    if not 0 < fields["amount_fen"] <= MAX_FEN:
        raise Refused(_("金额应大于0。"))
    fields["basis"] = require_text(fields["basis"], _("依据"), 120)
    fields["paid_to"] = fields.get("paid_to") or program.paid_to
    recipients = "persons" if fields["paid_to"] == Program.PaidTo.PERSON else "households"
    if not fields.get(recipients):
        raise Refused(_("到人的请填人数，到户的请填户数。"))
    try:
        with transaction.atomic():
            entered = YearlyAmount.objects.create(program=program, made_by=actor, made_at=clock.now(), **fields)
    except IntegrityError as error:
        raise Refused(_("这个项目这一年已有一笔在等复核。请先复核或退回它。")) from error
    record(entered, S.PROPOSED, actor=actor, new=S.PROPOSED)
    return entered


@transaction.atomic
def confirm_yearly_amount(amount: YearlyAmount, *, actor: User) -> None:
    """Make another person's amount count; what counted before for the same program and year is replaced by it."""
    require(actor, "offline.confirm")
    require_other(actor, amount.made_by_id)
    Program.objects.select_for_update().get(pk=amount.program_id)
    same = {name: getattr(amount, name) for name in ("program", "year", "channel", "paid_to")}
    for older in YearlyAmount.objects.counting().filter(**same):
        move(older, S.REPLACED, actor=actor)
    move(amount, S.CONFIRMED, actor=actor, confirmed_by=actor)


@transaction.atomic
def refuse_yearly_amount(amount: YearlyAmount, *, note: str, actor: User) -> None:
    """Send another person's amount back with the reason; it never counts."""
    require(actor, "offline.confirm")
    require_other(actor, amount.made_by_id)
    move(amount, S.REFUSED, actor=actor, note=require_text(note, _("退回的原因")), confirmed_by=actor)

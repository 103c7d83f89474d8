"""Fund plans: one person enters a change, another confirms it; only confirmed entries count."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from programs.actions.gates import require_note
from programs.models import FundEntry, FundPlan, Program
from subsidy_portal import clock
from subsidy_portal.models import StoredFile, User
from subsidy_portal.money import MAX_FEN, format_yuan
from subsidy_portal.permissions import require, require_other
from subsidy_portal.workflow import Refused, move, record


@transaction.atomic
def enter_funds(
    program: Program,
    year: int,
    *,
    kind: str,
    amount_fen: int,
    document_number: str = "",
    note: str = "",
    attachment: StoredFile | None = None,
    actor: User,
) -> FundEntry:
    """Propose ``amount_fen`` for the program's plan of ``year``; only an adjustment may be negative. Raises Refused."""
    require(actor, "fund.enter")
    if kind not in FundEntry.Kind.values:
        raise Refused(_("资金类别不对。请选上年结转、本年下达或追加调减。"))
    if not 0 < abs(amount_fen) <= MAX_FEN or (amount_fen < 0 and kind != FundEntry.Kind.ADJUSTED):
        raise Refused(_("金额应大于0；调减请选“追加或调减”，金额写负数。"))
    plan, _created = FundPlan.objects.get_or_create(program=program, year=year)
    entry = FundEntry.objects.create(
        plan=plan,
        kind=kind,
        amount_fen=amount_fen,
        document_number=document_number,
        note=note,
        attachment=attachment,
        entered_on=clock.today(),
        made_by=actor,
    )
    record(entry, FundEntry.Status.PROPOSED, actor=actor, new=FundEntry.Status.PROPOSED)
    return entry


@transaction.atomic
def confirm_funds(entry: FundEntry, *, actor: User) -> None:
    """Make another person's entry count. Raises Refused when a cut would take money that is already promised.

    The plan's row is locked, as it is when a batch is approved: of a cut and an approval one sees the other.
    """
    require(actor, "fund.confirm")
    require_other(actor, entry.made_by_id)
    FundPlan.objects.select_for_update().get(pk=entry.plan_id)
    if entry.amount_fen < 0:
        available_fen = import_string(settings.FUND_BALANCES)([entry.plan_id])[entry.plan_id].available
        if available_fen + entry.amount_fen < 0:
            raise Refused(
                _("可用资金只有%(available)s元，不够调减%(cut)s元。请核对，或先处理已安排的批次。")
                % {"available": format_yuan(available_fen), "cut": format_yuan(-entry.amount_fen)}
            )
    move(entry, FundEntry.Status.CONFIRMED, actor=actor, confirmed_by=actor)


@transaction.atomic
def refuse_funds(entry: FundEntry, *, note: str, actor: User) -> None:
    """Refuse another person's entry with a reason; it never counts."""
    require(actor, "fund.confirm")
    require_other(actor, entry.made_by_id)
    move(entry, FundEntry.Status.REFUSED, actor=actor, note=require_note(note, _("退回的原因")), confirmed_by=actor)

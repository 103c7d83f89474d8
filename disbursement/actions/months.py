"""The month's close: prepared by one person, signed by another, only when every fen is explained."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils.translation import gettext as _

from disbursement import months
from disbursement.locks import locked, own_month
from disbursement.models import Attempt, Batch, Discrepancy, MonthClose
from disbursement.models.orders import OPEN_ATTEMPTS
from subsidy_portal import clock
from subsidy_portal.models import User
from subsidy_portal.money import format_yuan
from subsidy_portal.permissions import require, require_other
from subsidy_portal.workflow import Refused, move, record

M = MonthClose.Status


class MonthOpen(Refused):
    """Something keeps the month open; the sentence names the first thing and how many there are."""

    code = "month_open"


@transaction.atomic
def prepare_month(month: dt.date, *, actor: User) -> MonthClose:
    """Compute the month's sheet, again as often as needed until it is closed; raises Refused once it is."""
    require(actor, "month.prepare")
    month = month.replace(day=1)
    if month > clock.today():
        raise Refused(_("这个月还没有到。"))
    if not Batch.objects.filter(made_at__date__lt=months.after(month)).exists():
        raise Refused(_("这个月平台还没有发放过补贴，不用月结。"))
    found = MonthClose.objects.select_for_update(of=("self",)).filter(month=month).first()
    if found is not None and found.status == M.CLOSED:
        raise Refused(_("%(month)s已经月结，不能再改；之后的结果计入下个月。") % {"month": f"{month:%Y-%m}"})
    sheet = months.make_sheet(month)
    values = {
        "sheet": sheet,
        "difference_fen": months.difference_of(sheet),
        "made_by": actor,
        "made_at": clock.now(),
    }
    if found is None:
        found = MonthClose.objects.create(month=month, **values)
        record(found, "created", actor=actor, new=M.PREPARED)
    else:
        MonthClose.objects.filter(pk=found.pk).update(**values)
        found.refresh_from_db()
        record(found, "changed", actor=actor)
    return found


@transaction.atomic
def close_month(month_close: MonthClose, *, actor: User) -> None:
    """Sign the month. Raises MonthOpen while anything is unexplained, or the sheet is no longer what was prepared."""
    require(actor, "month.close")
    require_other(actor, month_close.made_by)
    own_month()
    fresh = locked(month_close)
    _refuse_open(months.blockers(fresh.month))
    sheet = months.make_sheet(fresh.month)
    difference = months.difference_of(sheet)
    if difference:
        raise MonthOpen(_("本月还差%(yuan)s元对不上，不能月结。") % {"yuan": format_yuan(difference)})
    if sheet != fresh.sheet:
        raise MonthOpen(_("编制之后又有新的结果。请重新编制本月对账表再复核。"))
    move(fresh, M.CLOSED, actor=actor, closed_by=actor, closed_at=clock.now())
    for batch in months.closable_batches(fresh.month).select_for_update(of=("self",)):
        move(batch, Batch.Status.CLOSED, actor=actor)
    month_close.refresh_from_db()


def _refuse_open(found: list[str]) -> None:
    if found:
        more = _("（共%(n)d项）") % {"n": len(found)} if len(found) > 1 else ""
        raise MonthOpen(_("还不能月结：%(first)s%(more)s") % {"first": found[0], "more": more})


@transaction.atomic
def resolve_discrepancy(discrepancy: Discrepancy, *, resolution: str, actor: User) -> None:
    """Write down how a discrepancy was cleared up. An unknown outcome is closed by the bank's proof only."""
    require(actor, "discrepancy.resolve")
    if len(resolution.strip()) < 4:
        raise Refused(_("请写明怎么查的、结果如何。"))
    fresh = locked(discrepancy)
    waiting = Attempt.objects.filter(order=fresh.order_id, status__in=OPEN_ATTEMPTS)
    if fresh.kind == Discrepancy.Kind.OUTCOME and waiting.exists():
        raise Refused(_("银行还没有给出结果，不能人工了结。收到回盘或对账单后会自动处理。"))
    move(
        fresh,
        Discrepancy.Status.RESOLVED,
        actor=actor,
        note=resolution[:200],
        resolution=resolution.strip()[:300],
        resolved_by=actor,
        resolved_at=clock.now(),
    )
    discrepancy.refresh_from_db()

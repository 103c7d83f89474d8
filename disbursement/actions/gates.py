"""What payments must satisfy before they go on, shared by the actions on batches and on reissues."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from disbursement.locks import locked
from disbursement.models import Batch, Payment, Reissue
from programs.checks import run_checks_on
from programs.models import RosterRow, Suspicion
from subsidy_portal.workflow import Refused


@transaction.atomic
def compare_again(handled: Batch | Reissue, payments: QuerySet[Payment]) -> None:
    """Compare the rows of ``payments``, none of which is under way, with the death registers that came in since.

    A transaction of its own before that of the action: what is found stays when the action is refused for it.
    Raises StaleStatus when ``handled`` is no longer what the caller saw.
    """
    locked(handled)
    rows = dict(payments.values_list("row_id", "row__roster_id"))
    if rows:
        run_checks_on(sorted(set(rows.values())), check_names=["paid_after_death"], rows=list(rows))


def require_decided(payments: QuerySet[Payment]) -> None:
    """Raise Refused, naming one, while a blocking suspicion on a row of ``payments`` is open."""
    living = payments.exclude(status=Payment.Status.CANCELLED)
    found = Suspicion.objects.blocking().filter(row__in=living.values("row"))
    first = found.select_related("rule", "row__roster").order_by("pk").first()
    if first is not None and first.row is not None:
        raise Refused(
            _(
                "还有%(n)d条必须处理的疑点没有核定，例如清册%(roster)s第%(row)d行“%(rule)s”，没有继续。请先请乡镇或部门核定。"
            )
            % {
                "n": found.count(),
                "roster": first.row.roster.number,
                "row": first.row.row_no,
                "rule": first.rule.name,
            }
        )


def require_on_roster(payments: QuerySet[Payment]) -> None:
    """Raise Refused when a confirmed suspicion took a row off its roster since the maker submitted ``payments``."""
    left = payments.filter(row__status=RosterRow.Status.LEFT).exclude(status=Payment.Status.CANCELLED).count()
    if left:
        raise Refused(_("有%(n)d笔的人已从清册剔除，不能发放。请退回经办，重新提交时这些付款自动作废。") % {"n": left})

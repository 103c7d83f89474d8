"""What a fund plan has, owes, has paid and has left. Always summed from entries and payments, never kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from programs.models import FundPlan
from subsidy_portal.bulk import fetch
from subsidy_portal.money import format_yuan
from subsidy_portal.workflow import Refused


class PlanExceeded(Refused):
    """The money asked for is more than the plan has left."""

    code = "plan_exceeded"


@dataclass(frozen=True)
class Balance:
    """All in fen. ``committed``: approved for payment and not yet paid, failed and returned ones included."""

    planned: int = 0
    committed: int = 0
    paid: int = 0

    @property
    def available(self) -> int:
        return self.planned - self.committed - self.paid


_SQL = """
    SELECT plan.id, COALESCE(entries.fen, 0), COALESCE(money.committed, 0), COALESCE(money.paid, 0)
      FROM programs_fundplan plan
      LEFT JOIN (SELECT plan_id, sum(amount_fen)::bigint AS fen FROM programs_fundentry
                  WHERE status = 'confirmed' AND plan_id = ANY(%(plans)s) GROUP BY plan_id) entries
             ON entries.plan_id = plan.id
      LEFT JOIN (SELECT batch.plan_id,
                        (sum(p.amount_fen) FILTER (WHERE p.status = 'paid'))::bigint AS paid,
                        (sum(p.amount_fen) FILTER (WHERE p.status NOT IN ('paid', 'cancelled', 'refunded')))::bigint
                            AS committed
                   FROM disbursement_batch batch JOIN disbursement_payment p ON p.batch_id = batch.id
                  WHERE batch.plan_id = ANY(%(plans)s)
                    AND (batch.approved_by_id IS NOT NULL AND batch.status NOT IN ('draft', 'submitted', 'cancelled'))
                  GROUP BY batch.plan_id) money
             ON money.plan_id = plan.id
     WHERE plan.id = ANY(%(plans)s)
"""


def balances(plans: QuerySet[FundPlan] | Iterable[int]) -> dict[int, Balance]:
    """The balance of each plan, by primary key; ``plans`` is a queryset or primary keys."""
    ids = list(plans.values_list("pk", flat=True)) if isinstance(plans, QuerySet) else list(plans)
    return {pk: Balance(planned, committed, paid) for pk, planned, committed, paid in fetch(_SQL, {"plans": ids})}


def require_available(plan: FundPlan, amount_fen: int) -> None:
    """Raise PlanExceeded unless ``plan`` has ``amount_fen`` left. The caller holds the lock when it counts."""
    balance = balances([plan.pk])[plan.pk]
    if amount_fen > balance.available:
        raise PlanExceeded(
            _("资金计划不够：本批%(need)s元，可用%(left)s元，还差%(short)s元。请先追加资金计划，或减少本批。")
            % {
                "need": format_yuan(amount_fen),
                "left": format_yuan(balance.available),
                "short": format_yuan(amount_fen - balance.available),
            }
        )

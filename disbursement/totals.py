"""Where every fen of a batch is, counted from its payments. What a user may not see is not in the sums."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, fields

from django.db.models import Count, Sum

from disbursement.models import Attempt, Batch, Payment
from subsidy_portal.models import User

# payment status → the part of the bar it belongs to; what is cancelled belongs to none
PART = {
    Payment.Status.PAID: "paid",
    Payment.Status.READY: "ready",
    Payment.Status.IN_FLIGHT: "way",
    Payment.Status.FAILED: "failed",
    Payment.Status.RETURNED: "failed",
    Payment.Status.HELD: "held",
    Payment.Status.REFUNDED: "refunded",
}


@dataclass
class Totals:
    """Counts and fen of payments by where they are. A ready one waits for its release, an unknown one for an answer."""

    ready_count: int = 0
    ready_fen: int = 0
    paid_count: int = 0
    paid_fen: int = 0
    way_count: int = 0
    way_fen: int = 0
    failed_count: int = 0
    failed_fen: int = 0
    held_count: int = 0
    held_fen: int = 0
    unknown_count: int = 0
    unknown_fen: int = 0
    refunded_count: int = 0
    refunded_fen: int = 0

    @property
    def count(self) -> int:
        return sum(getattr(self, f.name) for f in fields(self) if f.name.endswith("_count"))

    @property
    def planned_fen(self) -> int:
        return sum(getattr(self, f.name) for f in fields(self) if f.name.endswith("_fen"))

    @property
    def open_count(self) -> int:
        """Payments the county still waits for."""
        return self.count - self.paid_count - self.refunded_count

    @property
    def open_fen(self) -> int:
        return self.planned_fen - self.paid_fen - self.refunded_fen

    def add(self, part: str, count: int, fen: int) -> None:
        setattr(self, f"{part}_count", getattr(self, f"{part}_count") + count)
        setattr(self, f"{part}_fen", getattr(self, f"{part}_fen") + fen)


def batch_totals(batches: Iterable[Batch], user: User) -> dict[int, Totals]:
    """The totals of each batch by its key: the part of it ``user`` may see, in two queries."""
    pks = [batch.pk for batch in batches]
    payments = Payment.objects.visible_to(user).filter(batch__in=pks).exclude(status=Payment.Status.CANCELLED)
    found: dict[int, Totals] = defaultdict(Totals)
    for pk, status, count, fen in (
        payments.order_by().values_list("batch_id", "status").annotate(Count("pk"), Sum("amount_fen"))
    ):
        found[pk].add(PART[status], count, fen)
    unknown = Attempt.objects.filter(status=Attempt.Status.UNKNOWN, payment__in=payments)
    for pk, count, fen in unknown.values_list("payment__batch_id").annotate(Count("pk"), Sum("amount_fen")):
        found[pk].add("unknown", count, fen)
        found[pk].add("way", -count, -fen)
    return found

"""A batch against the last one of its program: who is new, who is gone, whose amount changed. Before a release."""

from __future__ import annotations

from dataclasses import dataclass

from disbursement.models import Batch
from subsidy_portal.bulk import fetch

# One line a person and item of either batch; a cancelled payment is in neither.
_SQL = """
WITH now AS (
    SELECT beneficiary_id, item, amount_fen, account_id FROM disbursement_payment
    WHERE batch_id = %(batch)s AND status <> 'cancelled'
), before AS (
    SELECT beneficiary_id, item, amount_fen, account_id FROM disbursement_payment
    WHERE batch_id = %(before)s AND status <> 'cancelled'
)
SELECT count(b.beneficiary_id), COALESCE(sum(b.amount_fen), 0)::bigint,
    count(*) FILTER (WHERE b.beneficiary_id IS NULL),
    COALESCE(sum(n.amount_fen) FILTER (WHERE b.beneficiary_id IS NULL), 0)::bigint,
    count(*) FILTER (WHERE n.beneficiary_id IS NULL),
    COALESCE(sum(b.amount_fen) FILTER (WHERE n.beneficiary_id IS NULL), 0)::bigint,
    count(*) FILTER (WHERE n.amount_fen <> b.amount_fen),
    COALESCE(sum(n.amount_fen - b.amount_fen), 0)::bigint,
    count(*) FILTER (WHERE n.account_id <> b.account_id)
FROM now n FULL JOIN before b USING (beneficiary_id, item)
"""


@dataclass(frozen=True)
class Before:
    """Sums in fen; ``changed_fen`` is the difference of those in both."""

    batch: Batch
    count: int
    fen: int
    new: int
    new_fen: int
    gone: int
    gone_fen: int
    changed: int
    changed_fen: int
    accounts: int

    @property
    def difference(self) -> int:
        """How many payments more or fewer than last time."""
        return self.new - self.gone

    @property
    def difference_fen(self) -> int:
        return self.new_fen - self.gone_fen + self.changed_fen


def before(batch: Batch) -> Before | None:
    """The last batch of the program in an earlier period, and what is different now; None for the first."""
    earlier = Batch.objects.filter(program=batch.program_id, period__lt=batch.period).exclude(
        status=Batch.Status.CANCELLED
    )
    last = earlier.order_by("-period", "-sequence", "-pk").first()
    if last is None:
        return None
    return Before(last, *fetch(_SQL, {"batch": batch.pk, "before": last.pk})[0])

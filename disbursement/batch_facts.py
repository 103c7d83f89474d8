"""What the batch page says about one batch, each part read in one or two set-based queries."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Left

from disbursement import funds
from disbursement.contents import ROSTERS_OF_BATCH, last_shown
from disbursement.failures import FAILURES, Failure, Retry, describe
from disbursement.models import Attempt, Batch, Correction, Order, Payment, RefundLine, StatementEntry
from disbursement.rounds import Round, round_for
from disbursement.totals import Totals
from programs.models import FundPlan, Program, Roster, Rule, Suspicion
from subsidy_portal import bulk, clock
from subsidy_portal.models import Area, Organisation, User

COUNTY_KINDS = {
    Organisation.Kind.FINANCE,
    Organisation.Kind.DEPARTMENT,
    Organisation.Kind.AUDIT,
    Organisation.Kind.DISCIPLINE,
}
FAILED = (Payment.Status.FAILED, Payment.Status.RETURNED, Payment.Status.HELD)
# How long a payment may stay without an answer before its money counts as at risk.
UNKNOWN_LIMIT = dt.timedelta(hours=2)


@dataclass
class OrderLine:
    """An order and how many of its lines have come to what."""

    order: Order
    paid: int = 0
    failed: int = 0
    unknown: int = 0


_LINE_PART = {
    Attempt.Status.SUCCEEDED: "paid",
    Attempt.Status.FAILED: "failed",
    Attempt.Status.RETURNED: "failed",
    Attempt.Status.CANCELLED: "failed",
    Attempt.Status.UNKNOWN: "unknown",
}


def order_totals(lines: list[OrderLine]) -> dict[str, int]:
    """The foot of the orders' table; ``total_fen`` in fen."""
    return {
        "count": sum(line.order.count for line in lines),
        "total_fen": sum(line.order.total_fen for line in lines),
        "paid": sum(line.paid for line in lines),
        "failed": sum(line.failed for line in lines),
        "unknown": sum(line.unknown for line in lines),
    }


def order_lines(orders: QuerySet[Order]) -> list[OrderLine]:
    """The orders, oldest first, with their counts."""
    lines = {order.pk: OrderLine(order) for order in orders.select_related("bank__organisation").order_by("pk")}
    counts = Attempt.objects.filter(order__in=lines).values_list("order_id", "status").annotate(n=Count("pk"))
    for pk, status, n in counts.order_by():
        if part := _LINE_PART.get(status):
            setattr(lines[pk], part, getattr(lines[pk], part) + n)
    return list(lines.values())


@dataclass(frozen=True)
class UnknownLine:
    attempt: Attempt

    @cached_property
    def waiting(self) -> dt.timedelta:
        """How long it has been without an answer; an order that may not have left waits since it was made."""
        return clock.now() - (self.attempt.order.sent_at or self.attempt.order.made_at)

    @property
    def late(self) -> bool:
        return self.waiting > UNKNOWN_LIMIT


def unknown_lines(batch: Batch, user: User, limit: int = 20) -> list[UnknownLine]:
    """Payments sent and not answered, the oldest first: they are queried, never sent again."""
    mine = Payment.objects.visible_to(user).filter(batch=batch)
    waiting = Attempt.objects.filter(status=Attempt.Status.UNKNOWN, payment__in=mine)
    related = waiting.select_related("payment__beneficiary", "order__bank__organisation")
    return [UnknownLine(attempt) for attempt in related.order_by("pk")[:limit]]


@dataclass
class FailureGroup:
    """Failed payments of one cause: how many, how much, where, and how many have a new account already."""

    reason: Failure
    count: int = 0
    amount_fen: int = 0
    fixed: int = 0
    towns: dict[str, int] = field(default_factory=dict)

    @property
    def top_towns(self) -> list[tuple[str, int]]:
        return sorted(self.towns.items(), key=lambda item: -item[1])[:3]


def failure_groups(payments: QuerySet[Payment]) -> list[FailureGroup]:
    """The failed ones among ``payments`` by cause, the most frequent first."""
    approved = Correction.objects.filter(payment=OuterRef("pk"), status=Correction.Status.APPROVED)
    counted = (
        payments.filter(status__in=FAILED)
        .order_by()
        .annotate(town=Left("area_id", 9), fixed=Exists(approved))
        .values_list("failure_code", "town", "fixed")
        .annotate(n=Count("pk"), fen=Sum("amount_fen"))
    )
    rows = list(counted)
    codes = {f"{town}000" for _code, town, _fixed, _n, _fen in rows}
    names = dict(Area.objects.filter(code__in=codes).values_list("code", "name"))
    groups: dict[str, FailureGroup] = {}
    for code, town, fixed, n, fen in rows:
        group = groups.setdefault(code, FailureGroup(describe(code)))
        name = names.get(f"{town}000", town)
        group.count, group.amount_fen = group.count + n, group.amount_fen + fen
        group.fixed += n if fixed else 0
        group.towns[name] = group.towns.get(name, 0) + n
    return sorted(groups.values(), key=lambda group: (-group.count, group.reason.code))


AS_IT_IS = [code for code, failure in FAILURES.items() if failure.retry == Retry.AS_IT_IS]


def reissuable(payments: QuerySet[Payment]) -> QuerySet[Payment]:
    """Those of ``payments`` that a reissue would take up: corrected ones, and those whose account was not at fault."""
    open_ones = Correction.objects.filter(payment=OuterRef("pk"), status__in=("proposed", "approved"))
    corrected = Exists(open_ones.filter(status=Correction.Status.APPROVED, reissue=None))
    going_back = Exists(RefundLine.objects.filter(payment=OuterRef("pk"), dropped=False))
    as_it_is = Q(status=Payment.Status.FAILED, failure_code__in=AS_IT_IS) & ~Exists(open_ones) & ~going_back
    return payments.filter(corrected | as_it_is, status__in=FAILED)


def open_round(payments: QuerySet[Payment]) -> Round | None:
    """The dates for the failed ones among ``payments``, by the latest failure; None when nothing failed."""
    latest = payments.filter(status__in=FAILED).aggregate(Max("failed_on"), Max("returned_on"))
    days = [day for day in latest.values() if day is not None]
    return round_for(max(days)) if days else None


@dataclass(frozen=True)
class ThreeWay:
    """Roster, orders, bank: three counts of the same money, in fen."""

    roster_count: int
    roster_fen: int
    order_count: int
    order_fen: int
    debit_count: int
    debit_fen: int
    paid: Totals
    # Never sent: held for another name, or of a bank that was not released yet
    kept_count: int = 0
    kept_fen: int = 0

    @property
    def unpaid_fen(self) -> int:
        return self.order_fen - self.paid.paid_fen

    @property
    def unpaid_count(self) -> int:
        return self.order_count - self.paid.paid_count

    @property
    def ties(self) -> bool:
        """Roster and first orders agree, and all that is not paid is known to be somewhere."""
        elsewhere = self.paid.open_fen + self.paid.refunded_fen
        sent = self.roster_fen == self.order_fen + self.kept_fen
        return sent and self.unpaid_fen + self.kept_fen == elsewhere

    @property
    def statement_gap_fen(self) -> int:
        """Paid by result file, not yet (or not so) in a statement."""
        return self.paid.paid_fen - self.debit_fen


def three_way(batch: Batch, totals: Totals) -> ThreeWay:
    live = batch.payments.exclude(status=Payment.Status.CANCELLED)
    rows = live.aggregate(n=Count("pk"), fen=Sum("row__amount_fen"))
    orders = batch.orders.filter(reissue=None).aggregate(n=Sum("count"), fen=Sum("total_fen"))
    legs = {
        kind: (n, fen)
        for kind, n, fen in StatementEntry.objects.filter(attempt__payment__batch=batch)
        .order_by()
        .values_list("kind")
        .annotate(n=Count("pk"), fen=Sum("amount_fen"))
    }
    debits, returns = legs.get("debit", (0, 0)), legs.get("return", (0, 0))
    sent, kept = (orders["n"] or 0, orders["fen"] or 0), (0, 0)
    if sent[1] != (rows["fen"] or 0):
        late, kept = _sent_later(live)
        sent = (sent[0] + late[0], sent[1] + late[1])
    return ThreeWay(
        kept_count=kept[0],
        kept_fen=kept[1],
        roster_count=rows["n"],
        roster_fen=rows["fen"] or 0,
        order_count=sent[0],
        order_fen=sent[1],
        debit_count=debits[0] - returns[0],
        debit_fen=debits[1] - returns[1],
        paid=totals,
    )


def _sent_later(live: QuerySet[Payment]) -> tuple[tuple[int, int], tuple[int, int]]:
    """(count, fen) of what left in a reissue only, since it was held at first; and of what never left."""
    first = Attempt.objects.filter(payment=OuterRef("pk"), order__reissue=None)
    other = live.filter(~Exists(first))
    any_try = Attempt.objects.filter(payment=OuterRef("pk"))

    def summed(payments: QuerySet[Payment]) -> tuple[int, int]:
        found = payments.aggregate(n=Count("pk"), fen=Sum("amount_fen"))
        return found["n"], found["fen"] or 0

    return summed(other.filter(Exists(any_try))), summed(other.filter(~Exists(any_try)))


@dataclass(frozen=True)
class Checks:
    """What is looked at before money leaves; every ``wrong`` must be nought."""

    rows: int
    changed: int
    unpublished: int
    twice: int
    suspicions: int
    undecided: int
    signers: int

    @property
    def unlike(self) -> int:
        return self.changed + self.unpublished


_SAME_LIST = f"""
SELECT count(*),
       count(*) FILTER (WHERE p.row_hash <> r.row_hash OR p.amount_fen <> r.amount_fen),
       count(*) FILTER (WHERE shown.roster_id IS NULL),
       count(*) - count(DISTINCT (p.beneficiary_id, p.item))
FROM disbursement_payment p JOIN programs_rosterrow r ON r.id = p.row_id
LEFT JOIN ({last_shown(ROSTERS_OF_BATCH)}) shown ON shown.roster_id = r.roster_id AND shown.row_hash = p.row_hash
WHERE p.batch_id = %(batch)s AND p.status <> 'cancelled'
"""  # noqa: S608 - constants


def pre_send_checks(batch: Batch) -> Checks:
    """The checks of the batch, counted now."""
    rows, changed, unpublished, twice = bulk.fetch(_SAME_LIST, {"batch": batch.pk})[0]
    living = batch.payments.exclude(status=Payment.Status.CANCELLED)
    about = Suspicion.objects.filter(row__in=living.values("row"), stage=Suspicion.Stage.BEFORE)
    found = about.aggregate(
        n=Count("pk"),
        undecided=Count("pk", filter=Q(status=Suspicion.Status.OPEN, rule__level=Rule.Level.BLOCK)),
    )
    signers = {pk for pk in (batch.made_by_id, batch.approved_by_id, batch.released_by_id) if pk}
    return Checks(rows, changed, unpublished, twice, found["n"], found["undecided"], len(signers))


@dataclass
class RosterLine:
    """One roster's part of a batch: how many, how much, and how many did not arrive."""

    roster: Roster
    count: int = 0
    amount_fen: int = 0
    paid: int = 0
    failed: int = 0


def roster_lines(payments: QuerySet[Payment]) -> list[RosterLine]:
    """``payments`` by the roster they come from, in the order of its townships."""
    counted = (
        payments.exclude(status=Payment.Status.CANCELLED)
        .order_by()
        .values_list("row__roster")
        .annotate(
            n=Count("pk"),
            fen=Sum("amount_fen"),
            paid=Count("pk", filter=Q(status=Payment.Status.PAID)),
            failed=Count("pk", filter=Q(status__in=FAILED)),
        )
    )
    rows = {pk: numbers for pk, *numbers in counted}
    rosters = Roster.objects.filter(pk__in=rows).select_related("area").order_by("area_id", "pk")
    return [RosterLine(roster, *rows[roster.pk]) for roster in rosters]


def bank_sums(payments: QuerySet[Payment]) -> list[tuple[str, int, int]]:
    """``payments`` by the bank that is to pay them: short name, count, fen."""
    counted = payments.exclude(status=Payment.Status.CANCELLED).order_by().values_list("account__bank__short_name")
    return list(counted.annotate(n=Count("pk"), fen=Sum("amount_fen")).order_by("-fen"))


def plan_ledger(batch: Batch, totals: Totals) -> dict[str, Any]:
    """The fund plan around this batch, in fen. Before its approval the batch is not in ``committed`` yet."""
    plan = FundPlan.objects.with_planned_fen().get(pk=batch.plan_id)
    balance = funds.balances([plan.pk])[plan.pk]
    counted = batch.status not in {Batch.Status.DRAFT, Batch.Status.SUBMITTED, Batch.Status.CANCELLED}
    # What was paid back into the treasury uses nothing of the plan any more.
    mine = 0 if batch.status == Batch.Status.CANCELLED else totals.paid_fen + totals.open_fen
    return {
        "plan": plan,
        "minus_paid_fen": (totals.paid_fen if counted else 0) - balance.paid,
        "minus_committed_fen": (totals.open_fen if counted else 0) - balance.committed,
        "before_fen": balance.available + (mine if counted else 0),
        "minus_mine_fen": -mine,
        "after_fen": balance.available - (0 if counted else mine),
        "counted": counted,
    }


@dataclass(frozen=True)
class Ready:
    """Accepted rows of one program and period that no batch pays yet."""

    program: Program
    period: str
    rosters: int
    rows: int
    amount_fen: int

    @property
    def year(self) -> int:
        return int(self.period[:4])


_READY = """
SELECT r.program_id, r.period, count(DISTINCT r.id), count(*), sum(w.amount_fen)
FROM programs_roster r
JOIN programs_rosterrow w ON w.roster_id = r.id AND w.revision = r.revision AND w.status = 'included'
WHERE r.status = 'accepted'
  AND NOT EXISTS (SELECT 1 FROM disbursement_payment p WHERE p.row_id = w.id AND p.status <> 'cancelled')
GROUP BY r.program_id, r.period
ORDER BY r.period, r.program_id
"""


def ready_for_batch(user: User) -> list[Ready]:
    """What finance may put into a batch now, by program and period."""
    rows = bulk.fetch(_READY)
    programs = Program.objects.visible_to(user).select_related("department").in_bulk({row[0] for row in rows})
    return [
        Ready(programs[pk], period, rosters, count, int(fen))
        for pk, period, rosters, count, fen in rows
        if pk in programs
    ]

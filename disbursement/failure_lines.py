"""Failed and returned payments as people work on them: who must act by when, and which unit is late (R41, R42)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from django.db.models import Count, Exists, OuterRef, Prefetch, QuerySet, Sum
from django.db.models.functions import Left

from disbursement.actions import may_correct
from disbursement.batch_facts import FAILED
from disbursement.failures import Failure, Owner, Retry, describe
from disbursement.models import Attempt, Correction, Payment
from disbursement.rounds import clear_on, round_for
from subsidy_portal import clock
from subsidy_portal.models import Area, User

BY_ACCOUNT = {Retry.NEW_ACCOUNT, Retry.SAME_OR_NEW}
OPEN_CORRECTION = (Correction.Status.PROPOSED, Correction.Status.APPROVED)


@dataclass(frozen=True)
class FailedLine:
    """One failed payment with its cause, its date and the correction on its way."""

    payment: Payment
    user: User

    @cached_property
    def reason(self) -> Failure:
        return describe(self.payment.failure_code)

    @cached_property
    def attempt(self) -> Attempt | None:
        return next(iter(self.payment.attempts.all()), None)

    @cached_property
    def correction(self) -> Correction | None:
        return next(iter(self.payment.open_corrections), None)  # type: ignore[attr-defined]

    @property
    def failed_on(self) -> dt.date:
        return self.payment.returned_on or self.payment.failed_on or clock.today()

    @property
    def due_on(self) -> dt.date:
        return round_for(self.failed_on).due_on(self.reason.owner)

    @property
    def late(self) -> bool:
        return self.due_on < clock.today()

    @property
    def clear_on(self) -> dt.date:
        """By when it is paid or goes back to the treasury."""
        return clear_on(self.payment.program.cycle, self.payment.period, self.failed_on)

    @property
    def to_clear(self) -> bool:
        return self.clear_on < clock.today()

    @property
    def correctable(self) -> bool:
        """A new account (or the same one with a word from the bank) can put it right."""
        return self.correction is None and self.reason.retry in BY_ACCOUNT

    @property
    def may_correct(self) -> bool:
        return self.correctable and may_correct(self.user, self.payment.failure_code)

    @property
    def as_it_is(self) -> bool:
        """Nothing to correct: a reissue takes it up as it stands."""
        return self.correction is None and self.reason.retry == Retry.AS_IT_IS


def failed_payments(user: User) -> QuerySet[Payment]:
    """Failed and returned payments of this user's people, with all that a line says."""
    open_corrections = Correction.objects.filter(status__in=OPEN_CORRECTION).select_related("new_account", "made_by")
    return (
        Payment.objects.visible_to(user)
        .filter(status__in=FAILED)
        .select_related("batch", "beneficiary", "payee", "account")
        .prefetch_related(
            # Few and shared by many lines: fetched once beside them, not joined to each.
            "program",
            "account__bank",
            "area__parent",
            Prefetch("attempts", Attempt.objects.order_by("-seq")),
            Prefetch("corrections", open_corrections, to_attr="open_corrections"),
        )
    )


def uncorrected(payments: QuerySet[Payment]) -> QuerySet[Payment]:
    """Those nobody has proposed anything for."""
    on_its_way = Correction.objects.filter(payment=OuterRef("pk"), status__in=OPEN_CORRECTION)
    return payments.filter(~Exists(on_its_way), status__in=FAILED)


@dataclass
class Unit:
    """What one office has not done: how many, how many of them late, since when, and how much (fen)."""

    name: str
    count: int = 0
    late: int = 0
    days: int = 0
    fen: int = 0

    def add(self, due_on: dt.date, n: int, fen: int) -> None:
        over = (clock.today() - due_on).days
        self.count, self.fen = self.count + n, self.fen + fen
        self.late += n if over > 0 else 0
        self.days = max(self.days, over)


def lateness(payments: QuerySet[Payment]) -> list[Unit]:
    """By the office that has the next step, the latest first: township, department, bank or finance (domain §10.3)."""
    groups = (
        uncorrected(payments)
        .order_by()
        .annotate(town=Left("area_id", 9))
        .values_list(
            "failure_code", "failed_on", "returned_on", "town", "program__department__short_name",
            "account__bank__short_name",
        )
        .annotate(n=Count("pk"), fen=Sum("amount_fen"))
    )  # fmt: skip
    rows = list(groups)
    towns = Area.objects.in_bulk({f"{row[3]}000" for row in rows})
    units: dict[str, Unit] = {}
    for code, failed_on, returned_on, town, department, bank, n, fen in rows:
        owner = describe(code).owner
        place = towns.get(f"{town}000")
        names = {Owner.TOWNSHIP: place.name if place else town, Owner.DEPARTMENT: department, Owner.BANK: bank}
        name = names.get(owner) or str(describe(code).owner_label)
        due_on = round_for(returned_on or failed_on or clock.today()).due_on(owner)
        units.setdefault(name, Unit(name)).add(due_on, n, fen)
    return sorted(units.values(), key=lambda unit: (-unit.late, -unit.days, -unit.count))


def by_township(lines: Iterable[FailedLine]) -> dict[str, list[FailedLine]]:
    """Township → its lines, in the order of the codes."""
    found: dict[str, list[FailedLine]] = {}
    for line in sorted(lines, key=lambda line: (line.payment.area_id, line.payment.pk)):
        area = line.payment.area
        found.setdefault(str(area.parent or area), []).append(line)
    return found

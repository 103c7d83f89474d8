"""One day of paying: what left, what came back, how fast each bank is, what waits, and what needs a person now."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from functools import cached_property

from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from disbursement.batch_facts import UNKNOWN_LIMIT, OrderLine, order_lines
from disbursement.models import Bank, Batch, Discrepancy, Order, Statement
from disbursement.rounds import working_day_before
from subsidy_portal import clock
from subsidy_portal.bulk import fetch
from subsidy_portal.models import User

OPEN = ("created", "sending", "sent", "answered", "unknown")
# At most so many orders are listed, those that wait first; the sums count all.
LISTED = 100


@dataclass
class BankDay:
    """What passed between the county and one bank that day."""

    bank: Bank
    orders: int = 0
    lines: int = 0
    fen: int = 0
    answered: int = 0
    unknown: int = 0
    waiting: int = 0
    first_sent_at: dt.datetime | None = None
    last_answer_at: dt.datetime | None = None
    files: int = 0
    quarantined: int = 0
    statement: Statement | None = None
    missing_on: dt.date | None = None

    @property
    def rate(self) -> int | None:
        """Answered payments a minute, from the first order sent to the last file received."""
        if not self.answered or self.first_sent_at is None or self.last_answer_at is None:
            return None
        minutes = max((self.last_answer_at - self.first_sent_at).total_seconds() / 60, 1 / 60)
        return round(self.answered / minutes)


@dataclass(frozen=True)
class Task:
    """Something a person has to do now, and where."""

    text: str
    url: str
    n: int
    risky: bool = False


@dataclass
class Day:
    """The day ``on``; orders that are still open from before count as its own."""

    on: dt.date
    user: User
    banks: list[BankDay] = field(default_factory=list)

    @cached_property
    def orders(self) -> list[OrderLine]:
        """Those that wait first, the oldest first; then the day's others, the newest first."""
        ids = [row[0] for row in fetch(_LISTED, {**_bounds(self.on), "limit": LISTED})]
        lines = {line.order.pk: line for line in order_lines(self._listed(ids))}
        return [lines[pk] for pk in ids if pk in lines]

    def _listed(self, ids: list[int]) -> QuerySet[Order]:
        return Order.objects.visible_to(self.user).filter(pk__in=ids).select_related("batch__program")

    @property
    def totals(self) -> dict[str, int]:
        names = ("orders", "lines", "fen", "answered", "unknown", "waiting", "quarantined")
        return {name: sum(getattr(bank, name) for bank in self.banks) for name in names}

    @property
    def is_today(self) -> bool:
        return self.on == clock.today()


_LISTED = """
    SELECT id FROM disbursement_order
     WHERE (made_at >= %(from)s AND made_at < %(to)s) OR (status = ANY(%(open)s) AND made_at < %(to)s)
     ORDER BY CASE WHEN status = ANY(%(open)s) THEN 0 ELSE 1 END, CASE WHEN status = ANY(%(open)s) THEN id ELSE -id END
     LIMIT %(limit)s
"""
# One row a bank: its orders of the day and those still open from before
_SUMS = """
    WITH o AS MATERIALIZED (
        SELECT * FROM disbursement_order
         WHERE (made_at >= %(from)s AND made_at < %(to)s) OR (status = ANY(%(open)s) AND made_at < %(to)s))
    SELECT o.bank_id, count(DISTINCT o.id), count(a.id), sum(a.amount_fen)::bigint,
           count(a.id) FILTER (WHERE a.status IN ('succeeded', 'failed', 'returned')),
           count(a.id) FILTER (WHERE a.status = 'unknown'),
           count(a.id) FILTER (WHERE a.status IN ('created', 'sending', 'sent')), min(o.sent_at)
      FROM o JOIN disbursement_attempt a ON a.order_id = o.id GROUP BY o.bank_id
"""


def _bounds(on: dt.date) -> dict[str, object]:
    start = dt.datetime.combine(on, dt.time(), clock.CHINA)
    return {"from": start, "to": start + dt.timedelta(days=1), "open": list(OPEN)}


def day_of(on: dt.date, user: User) -> Day:
    """Everything about the day; set-based, the same few questions for any number of orders."""
    day = Day(on, user)
    banks = {bank.pk: BankDay(bank) for bank in Bank.objects.filter(is_active=True).select_related("organisation")}
    for pk, *figures in fetch(_SUMS, _bounds(on)):
        if pk in banks:
            found = banks[pk]
            (
                found.orders, found.lines, found.fen, found.answered, found.unknown, found.waiting, found.first_sent_at,
            ) = figures  # fmt: skip
    for pk, received, bad, last in fetch(
        "SELECT bank_id, count(*), count(*) FILTER (WHERE status = 'quarantined'),"
        " max(received_at) FILTER (WHERE kind = 'result' AND status = 'applied')"
        " FROM disbursement_bankfile WHERE direction = 'in' AND received_at >= %(from)s AND received_at < %(to)s"
        " GROUP BY bank_id",
        _bounds(on),
    ):
        if pk in banks:
            banks[pk].files, banks[pk].quarantined, banks[pk].last_answer_at = received, bad, last
    _add_statements(on, banks)
    day.banks = [bank for bank in banks.values() if bank.orders or bank.files or bank.statement or bank.missing_on]
    return day


def _add_statements(on: dt.date, banks: dict[int, BankDay]) -> None:
    """The last statement up to the day, and the last working day with bookings that has none."""
    last = Statement.objects.filter(booked_on__lte=on).order_by("bank_id", "-number").distinct("bank_id")
    for statement in last:
        if statement.bank_id in banks:
            banks[statement.bank_id].statement = statement
    before = working_day_before(on - dt.timedelta(days=1))
    for (pk,) in fetch(
        """
        SELECT DISTINCT o.bank_id FROM disbursement_attempt a JOIN disbursement_order o ON o.id = a.order_id
         WHERE a.result_on = %(day)s AND a.status IN ('succeeded', 'returned')
           AND NOT EXISTS (SELECT 1 FROM disbursement_statement s WHERE s.bank_id = o.bank_id AND s.booked_on = %(day)s)
        """,
        {"day": before},
    ):
        if pk in banks:
            banks[pk].missing_on = before


def tasks_of(day: Day) -> list[Task]:
    """What needs a person now, the riskiest first."""
    tasks = []
    late = Order.objects.filter(status="unknown", made_at__lt=clock.now() - UNKNOWN_LIMIT).order_by("pk")
    count = late.count()
    first = late.first()
    if first is not None:
        url = reverse("disbursement:order", args=[first.pk])
        tasks.append(Task(_("结果待查的指令，先查最久的一条"), url, count, risky=True))
    opened = Discrepancy.objects.visible_to(day.user).filter(status="open").order_by()
    kinds = dict(Discrepancy.Kind.choices)
    for kind, n in opened.values_list("kind").annotate(n=Count("pk")).order_by("-n"):
        url = f"{reverse('disbursement:discrepancy-list')}?status=open&kind={kind}"
        tasks.append(Task(str(kinds[kind]), url, n, risky=kind in {"late_success", "conflict", "unmatched"}))
    for status, text in ((Batch.Status.APPROVED, _("等批准放行的批次")), (Batch.Status.HELD, _("暂停的批次"))):
        n = Batch.objects.visible_to(day.user).filter(Q(status=status)).count()
        if n:
            tasks.append(Task(text, f"{reverse('disbursement:batch-list')}?status={status}", n))
    return sorted(tasks, key=lambda task: not task.risky)

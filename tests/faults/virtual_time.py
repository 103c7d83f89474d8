"""The protocol of sending in virtual time: a county, its journal, and banks that lose, delay, repeat and cut.

It holds the decisions of ``disbursement/sending.py``, ``collecting.py`` and ``absence.py`` and nothing else, so that
a million payments can be paid in minutes. Everything random comes from one seed: the same seed is the same history.

    python -m tests.faults.virtual_time --payments 1000000 --seed 7
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

MINUTE, HOUR, DAY = 1, 60, 1440
LINES = 50
# What may happen to one hand-over, and how often of a thousand
FAULTS = {
    "fine": 700,
    "not-reached": 60,
    "dies-before-journal": 40,
    "dies-after-journal": 40,
    "cut-before-bank": 50,
    "cut-after-bank": 60,
    "dies-after-bank": 50,
}
# The bank: may take a message from its letter-box only later; says nothing of some lines; repeats; answers backwards
PICKUP = (0, 0, 0, 5, HOUR, 20 * HOUR)
WINDOW = 2 * DAY


@dataclass
class Bank:
    """Books every reference it sees, as often as it sees it: a bank that does not look for doubles."""

    debits: Counter[int] = field(default_factory=Counter)
    known: set[int] = field(default_factory=set)
    # order → when its lines are booked
    booked_at: dict[int, int] = field(default_factory=dict)


@dataclass
class Order:
    ref: int
    payments: list[int]
    status: str = "created"
    sent_at: int = 0
    tries: int = 0


@dataclass
class World:
    """One county with one bank; ``resend`` is the policy that is not ours, to show that the model can fail."""

    seed: int
    payments: int
    resend: bool = False

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.now = 0
        self.events: list[tuple[int, int, Callable[[], None]]] = []
        self.count = itertools.count()
        self.refs = itertools.count(1)
        self.bank = Bank()
        self.orders: dict[int, Order] = {}
        self.journal: Counter[int] = Counter()
        self.paid: set[int] = set()
        self.line_ref: dict[tuple[int, int], int] = {}
        self.owner: dict[int, int] = {}
        self.waited: list[int] = []

    def after(self, minutes: int, do: Callable[[], None]) -> None:
        heapq.heappush(self.events, (self.now + minutes, next(self.count), do))

    def run(self) -> None:
        for first in range(0, self.payments, LINES):
            self.make(list(range(first, min(first + LINES, self.payments))))
        while self.events:
            self.now, _n, do = heapq.heappop(self.events)
            do()

    # --- the county ---

    def make(self, payments: list[int]) -> None:
        order = Order(next(self.refs), payments)
        self.orders[order.ref] = order
        for payment in payments:
            ref = next(self.refs)
            self.line_ref[order.ref, payment] = ref
            self.owner[ref] = payment
        self.after(self.random.randrange(HOUR), lambda: self.send(order))

    def send(self, order: Order) -> None:
        """Claim, journal, hand over; what is not certain becomes unknown."""
        if order.status != "created":
            return
        order.status, order.sent_at = "sending", self.now
        order.tries += 1
        fault = self.random.choices(list(FAULTS), list(FAULTS.values()))[0]
        if fault == "dies-before-journal":
            self.after(5, lambda: self.recover(order))
            return
        self.journal[order.ref] += 1
        if fault == "not-reached":
            # No connection was made: no byte left.
            self.journal[order.ref] -= 1
            order.status = "created"
            self.after(5, lambda: self.send(order))
            return
        if fault in {"fine", "cut-after-bank", "dies-after-bank"}:
            self.deliver(order)
        if fault == "fine":
            order.status = "sent"
            self.after(MINUTE, lambda: self.ask(order))
        elif fault.startswith("cut"):
            order.status = "unknown"
            self.after(5, lambda: self.recover(order))
        else:
            self.after(5, lambda: self.recover(order))

    def recover(self, order: Order) -> None:
        """Look for an order whose end nobody knows: the bank may know it; nothing in the journal means never left."""
        if order.status not in {"sending", "unknown"}:
            return
        if order.ref in self.bank.known:
            order.status = "sent"
            self.after(MINUTE, lambda: self.ask(order))
        elif order.status == "sending" and not self.journal[order.ref]:
            order.status = "created"
            self.after(MINUTE, lambda: self.send(order))
        elif self.resend:
            # The usual way: no answer, so once more, under the next number.
            order.status = "failed"
            self.make(order.payments)
        else:
            order.status = "unknown"
            self.after(6 * HOUR, lambda: self.prove(order))

    def prove(self, order: Order) -> None:
        """Negative proof: the bank does not know it, its day and two more are over, the statements do not show it."""
        if order.status != "unknown":
            return
        if order.ref in self.bank.known:
            self.recover(order)
        elif self.now - order.sent_at > DAY + WINDOW:
            # Two persons look, then it goes again under a new number.
            self.waited.append(self.now - order.sent_at)
            order.status = "failed"
            self.make(order.payments)
        else:
            self.after(12 * HOUR, lambda: self.prove(order))

    def ask(self, order: Order) -> None:
        """Results in any order, some twice, some never: the statement shows what no result said."""
        if order.status != "sent":
            return
        booked = self.bank.booked_at.get(order.ref, self.now + DAY)
        if self.now < booked:
            self.after(booked - self.now + 1, lambda: self.ask(order))
            return
        said = [payment for payment in order.payments if self.random.random() > 0.02]
        said += [payment for payment in said if self.random.random() < 0.05]
        self.random.shuffle(said)
        for payment in said:
            self.paid.add(payment)
        if set(order.payments) <= self.paid:
            order.status = "settled"
        else:
            self.after(DAY, lambda: self.state(order))

    def state(self, order: Order) -> None:
        """The day's statement: every debit proves a payment."""
        for payment in order.payments:
            if self.bank.debits[self.line_ref[order.ref, payment]]:
                self.paid.add(payment)
        order.status = "settled"

    # --- the bank ---

    def deliver(self, order: Order) -> None:
        """The bytes are at the bank; it picks them up when it pleases, and knows the order only then."""
        self.after(self.random.choice(PICKUP), lambda: self.book(order))

    def book(self, order: Order) -> None:
        self.bank.known.add(order.ref)
        self.bank.booked_at[order.ref] = self.now
        for payment in order.payments:
            self.bank.debits[self.line_ref[order.ref, payment]] += 1

    # --- the judge ---

    def verdict(self) -> tuple[int, int]:
        """(paid twice or more, never paid), by the bank's ledger alone."""
        times: Counter[int] = Counter()
        for ref, debits in self.bank.debits.items():
            times[self.owner[ref]] += debits
        double = sum(1 for n in times.values() if n > 1)
        return double, self.payments - sum(1 for n in times.values() if n)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--payments", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--resend", action="store_true", help="the usual policy, to see it fail")
    chosen = options.parse_args()
    world = World(chosen.seed, chosen.payments, resend=chosen.resend)
    world.run()
    double, lost = world.verdict()
    told = f"{chosen.payments} payments, {double} twice, {lost} lost, {len(world.waited)} orders proven unpaid"
    print(f"seed {chosen.seed}: {told}")


if __name__ == "__main__":
    main()

"""Payments over the HTTP channel against the simulated bank (a process of its own), and a bare client's same calls."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from disbursement import actions, collecting, sending
from disbursement.banks import adapter_for
from disbursement.banks.base import OutgoingOrder
from disbursement.models import Bank, Batch, NameCheck, Order
from disbursement.names import unchecked
from subsidy_portal import clock
from subsidy_portal.bench import Result, bench
from subsidy_portal.bench.money import accepted, finance, next_day, set_day
from subsidy_portal.bulk import execute
from subsidy_portal.models import Organisation

PAYMENTS = 20_000
# What others publish is 5 to 100 a second; fewer than this is over the bound however slow the bare client is.
AT_LEAST_A_SECOND = 500
_PATIENCE = 120


@bench("api")
def api() -> Result:
    """Released → every payment paid; the floor posts the same messages, asks the same questions and keeps nothing."""
    wanted = accepted(PAYMENTS, 1)
    bank = _bank()
    set_day(next_day())
    with _simulator(), _everybody_at(bank):
        batch = actions.make_batch(*wanted[0], actor=finance("jb"))
        actions.submit_batch(batch, actor=finance("jb"))
        actions.approve_batch(batch, actor=finance("fh"))
        _names_asked(batch)
        actions.release_batch(batch, actor=finance("pz"))
        orders = list(batch.orders.order_by("pk"))
        messages = [_copy(sending.outgoing_order(order), n) for n, order in enumerate(orders)]
        seconds = _portal(batch, orders, bank)
        floor = _bare(bank, messages)
    print(f"  api: {PAYMENTS / seconds:.0f} payments/s, a bare client {PAYMENTS / floor:.0f}", flush=True)  # noqa: T201
    return Result("api", PAYMENTS, seconds, floor, at_most=round(min(2, PAYMENTS / AT_LEAST_A_SECOND / floor), 2))


def _bank() -> Bank:
    """A bank that is reached over its gateway."""
    organisation = Organisation.objects.get_or_create(
        name="测量直连银行", kind="bank", defaults={"short_name": "直连", "area": Organisation.objects.all()[0].area}
    )[0]
    return Bank.objects.get_or_create(
        code="X",
        defaults={
            "organisation": organisation,
            "kind": "xml_gateway",
            "unit_number": "990001X01",
            "fiscal_account": "990001000088",
            "folder": "bank-x",
        },
    )[0]


@contextmanager
def _simulator() -> Iterator[None]:
    """The bank as a process of its own, listening once this begins."""
    told = Path(settings.PORTAL_HOME) / "banksim" / "gateway"
    told.unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, "manage.py", "banksim"], cwd=settings.BASE_DIR, stdout=subprocess.DEVNULL
    )
    try:
        _until(told.exists)
        yield
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def _everybody_at(bank: Bank) -> Iterator[None]:
    """The accounts of the newest roster belong to this bank: written by a statement the guards do not see."""
    execute("ALTER TABLE programs_account DISABLE TRIGGER USER")
    execute(
        "UPDATE programs_account SET bank_id = %s WHERE id IN (SELECT r.account_id FROM programs_rosterrow r"
        " JOIN programs_roster roster ON roster.id = r.roster_id ORDER BY roster.id DESC, r.id LIMIT %s)",
        (bank.organisation_id, PAYMENTS),
    )
    execute("ALTER TABLE programs_account ENABLE TRIGGER USER")
    yield


def _names_asked(batch: Batch) -> None:
    """As if the bank had been asked for every name: that is not what is measured."""
    NameCheck.objects.bulk_create(
        NameCheck(account=account, outcome=NameCheck.Outcome.SAME, checked_at=clock.now())
        for account in unchecked(batch)
    )


def _until(done: object) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        if done():  # type: ignore[operator]
            return
        time.sleep(0.02)
    raise RuntimeError("the simulated bank did not answer")


def _portal(batch: Batch, orders: list[Order], bank: Bank) -> float:
    began = time.perf_counter()
    for order in orders:
        sending.send_order(order.pk)

    def paid() -> bool:
        Order.objects.filter(bank=bank, status__in=("sent", "answered")).update(query_at=None)
        collecting.collect(bank)
        return not batch.payments.exclude(status="paid").exists()

    _until(paid)
    return time.perf_counter() - began


def _copy(outgoing: OutgoingOrder, n: int) -> OutgoingOrder:
    """The same order under references of its own."""
    lines = tuple(dataclasses.replace(line, ref=f"Y{line.ref[1:]}") for line in outgoing.lines)
    return dataclasses.replace(outgoing, ref=f"Y{outgoing.ref[1:]}", lines=lines)


def _bare(bank: Bank, messages: list[OutgoingOrder]) -> float:
    adapter = adapter_for(bank)
    began = time.perf_counter()
    for message in messages:
        adapter.send(message)
    for message in messages:
        _until(lambda ref=message.ref: adapter.ask_result(ref))
    return time.perf_counter() - began

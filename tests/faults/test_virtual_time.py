"""A million payments in virtual time, every seed printed and replayable: none twice, none lost."""

from __future__ import annotations

import os
import random

import pytest

from tests.faults.force import FULL, under
from tests.faults.virtual_time import World

SEEDS, PAYMENTS = (20, 50_000) if FULL else (3, 5_000)


def seeds() -> list[int]:
    """New ones every time; PORTAL_FAULT_SEED plays one again."""
    given = os.environ.get("PORTAL_FAULT_SEED")
    return [int(given)] if given else [random.randrange(2**32) for _n in range(SEEDS)]


def test_nobody_is_paid_twice_and_nobody_is_lost(capsys: pytest.CaptureFixture[str]) -> None:
    for seed in seeds():
        with under("virtual time", seed=seed) as fault:
            world = World(seed, PAYMENTS)
            world.run()
            fault.n, (fault.double, fault.lost) = PAYMENTS, world.verdict()
        with capsys.disabled():
            print(f"\nvirtual time, seed {seed}: {PAYMENTS} payments, {fault.double} twice, {fault.lost} lost", end="")
        assert (fault.double, fault.lost) == (0, 0), f"PORTAL_FAULT_SEED={seed} plays it again"
        assert {order.status for order in world.orders.values()} <= {"settled", "failed"}
        assert world.paid == set(range(PAYMENTS))


def test_a_seed_is_one_history() -> None:
    worlds = [World(7, 2_000), World(7, 2_000), World(8, 2_000)]
    for world in worlds:
        world.run()
    first, again, other = ([order.status for order in world.orders.values()] for world in worlds)
    assert first == again
    assert worlds[0].bank.debits == worlds[1].bank.debits
    assert (first, worlds[0].bank.booked_at) != (other, worlds[2].bank.booked_at)


def test_the_usual_policy_fails_in_the_same_world() -> None:
    """The model can fail: sending again on a lost answer pays people twice."""
    world = World(7, 5_000, resend=True)
    world.run()
    double, _lost = world.verdict()
    assert double > 100

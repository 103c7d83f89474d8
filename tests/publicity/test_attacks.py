"""Attacks on the lookup (corpus D01, D02): guessing from everywhere, and telling answers apart by time or length."""

from __future__ import annotations

import datetime as dt
import math
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

import publicity.lookup
from publicity import limits
from publicity.forms import LookupForm
from subsidy_portal.models import Event
from tests import make
from tests.publicity.conftest import Citizen
from tests.publicity.test_lookup import nobody, wrong

pytestmark = pytest.mark.django_db
LookUp = Callable[..., Any]
# ``./portal test --faults``: the run at its full length, in which every last four is tried ten times.
FULL = os.environ.get("PORTAL_FAULTS") == "full"
GUESSES, ADDRESSES = (100_000, 10_000) if FULL else (200, 100)
SAMPLES, ROUNDS_OF_SAMPLES = 40, 3


def address(number: int) -> str:
    number %= ADDRESSES
    return f"198.{18 + number // 62_500}.{number // 250 % 250}.{number % 250}"


def test_guessing_from_many_addresses_discloses_nobody(look_up: LookUp, citizen: Citizen) -> None:
    """D01: whoever solves every task still gets fifty guesses a day at one person, and the right one is refused too."""
    right, passed = int(citizen.factors["last4"]), 0
    for number in range(GUESSES):
        tried = citizen.factors | {"last4": f"{(right + 1 + number) % 10_000:04d}"}
        page = look_up(client=Client(), once=LookupForm().fresh, REMOTE_ADDR=address(number), **tried)
        passed += page.status_code == 200
        assert "100.00元" not in page.content.decode()
    assert passed == limits.PERSON_A_DAY
    assert look_up(client=Client(), REMOTE_ADDR="192.0.2.1", **citizen.factors).status_code == 429
    assert not Event.objects.filter(kind="lookup", data__outcome="found").exists()


def test_one_name_with_many_numbers_is_capped(
    look_up: LookUp, citizen: Citizen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D01: who knows a name and goes through the ID numbers."""
    if not FULL:
        monkeypatch.setattr(limits, "NAME_A_DAY", 30)
    passed = 0
    for number in range(2 * limits.NAME_A_DAY):
        tried = citizen.factors | {"id_number": _number(number)}
        page = look_up(client=Client(), once=LookupForm().fresh, REMOTE_ADDR=address(number), **tried)
        passed += page.status_code == 200
    assert passed == limits.NAME_A_DAY


def _number(number: int) -> str:
    """Valid ID numbers in order, of nobody."""
    return make.make_id_number(dt.date(1931, 5, 5) + dt.timedelta(days=number // 900), number % 900 + 1)


def kolmogorov_smirnov(first: Sequence[float], second: Sequence[float]) -> float:
    """The p of two samples being of one distribution (asymptotic, with Stephens' correction)."""
    points = sorted([*first, *second])
    apart = max(
        abs(sum(x <= point for x in first) / len(first) - sum(x <= point for x in second) / len(second))
        for point in points
    )
    size = math.sqrt(len(first) * len(second) / (len(first) + len(second)))
    reach = (size + 0.12 + 0.11 / size) * apart
    if reach < 0.3:  # where the series does not settle, and is 1 to five places
        return 1.0
    return min(1.0, max(0.0, 2 * sum((-1) ** (k - 1) * math.exp(-2 * (k * reach) ** 2) for k in range(1, 101))))


def test_the_comparison_of_times_can_fail() -> None:
    times = [n / 1000 for n in range(40)]
    assert kolmogorov_smirnov(times, times) > 0.99
    assert kolmogorov_smirnov(times, [moment + 0.03 for moment in times]) < 0.001


def test_misses_take_the_same_time(look_up: LookUp, citizen: Citizen, monkeypatch: pytest.MonkeyPatch) -> None:
    """D02: somebody on file with a wrong account, against nobody on file."""
    monkeypatch.setattr(publicity.lookup, "SLOT_SECONDS", 0.03)
    kinds = [wrong(citizen)[kind] for kind in ("another account", "nobody has this number")]
    _alike(look_up, kinds, fresh=True, status=200)


def test_refusals_take_the_same_time_and_length(look_up: LookUp, citizen: Citizen) -> None:
    """D02: once limited, the right answer, a wrong one and nobody are refused alike."""
    for _miss in range(limits.TRIES):
        look_up(**wrong(citizen)["another account"])
    _alike(look_up, [citizen.factors, citizen.factors | {"id_number": nobody()}], fresh=False, status=429)


def _alike(look_up: LookUp, kinds: list[dict[str, str]], *, fresh: bool, status: int) -> None:
    """Equal lengths, and times no test tells apart: of one distribution one round in a hundred fails by chance."""
    lengths: set[int] = set()
    for _round in range(ROUNDS_OF_SAMPLES):
        taken: list[list[float]] = [[], []]
        for number in range(2 * SAMPLES):
            if fresh:
                cache.clear()
            kind = number % 2
            once, client = LookupForm().fresh, Client()
            began = time.perf_counter()
            page = look_up(client=client, once=once, **kinds[kind])
            taken[kind].append(time.perf_counter() - began)
            assert page.status_code == status
            lengths.add(len(page.content))
        if kolmogorov_smirnov(*taken) > 0.01:
            break
    else:
        pytest.fail("the times tell the answers apart")
    assert len(lengths) == 1

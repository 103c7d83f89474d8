"""Every benchmark runs to its end on a hundredth of its data; how fast is asked of ``./portal bench`` alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from subsidy_portal import clock
from subsidy_portal.bench import BENCHES, audits, checks, gateway, imports, money, public, registry
from subsidy_portal.demo.catalogue import ENTRIES
from tests.faults.force import FULL


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for module, name, value in (
        (imports, "ROWS", 200),
        (imports, "FILES", 2),
        (imports, "SMALL", 50),
        (audits, "ROWS", 60),
        (audits, "BATCHES", 2),
        (registry, "PERSONS", 2_000),
        (public, "PAYMENTS", 600),
        (public, "LOOKUPS", 60),
        (public, "PAGES", 40),
        (public, "BURST", 20),
        (money, "ROWS", 300),
        (money, "BATCHES", 6),
        (money, "MILLION", 60),
        (money, "SMALL", 30),
        (money, "STATEMENT_LINES", 200),
        (gateway, "PAYMENTS", 100),
        (checks, "PERSONS", 3_000),
        (checks, "DEATHS", 2_000),
        (checks, "ENTRIES", tuple(replace(entry, members=max(entry.members // 100, 2)) for entry in ENTRIES)),
    ):
        monkeypatch.setattr(module, name, value)
    yield
    # The benches of money move the business date.
    clock.set_today(None)


@pytest.mark.django_db(transaction=True)
def test_every_bench_gives_a_ratio_to_a_floor() -> None:
    # The benches of the public site start a web server of their own: they run small in the long form.
    for name in BENCHES if FULL else BENCHES.keys() - {"lookup", "public"}:
        result = BENCHES[name]()
        assert result.bench == name
        assert result.n > 0
        assert result.seconds > 0
        assert result.floor_seconds > 0

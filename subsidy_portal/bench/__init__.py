"""Benchmarks: every figure is a ratio to a floor taken in the same run on the same data (design §10)."""

from __future__ import annotations

import resource
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Result:
    """One line of the table; seconds of the work and of its floor, over ``n`` rows."""

    bench: str
    n: int
    seconds: float
    floor_seconds: float
    at_most: float

    @property
    def ratio(self) -> float:
        return self.seconds / self.floor_seconds

    @property
    def is_over(self) -> bool:
        return self.ratio > self.at_most

    def as_json(self) -> dict[str, Any]:
        found = asdict(self) | {"ratio": round(self.ratio, 2), "peak_mb": peak_mb()}
        return found | {"seconds": round(self.seconds, 2), "floor_seconds": round(self.floor_seconds, 2)}


def peak_mb() -> int:
    """The largest memory this process or a child of it ever held."""
    kilobytes = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return round(kilobytes / 1024)


BENCHES: dict[str, Callable[[], Result]] = {}


def bench(name: str) -> Callable[[Callable[[], Result]], Callable[[], Result]]:
    """Register a benchmark under the name that ``./portal bench NAME`` takes."""

    def register(run: Callable[[], Result]) -> Callable[[], Result]:
        BENCHES[name] = run
        return run

    return register

"""The periods a clerk may choose for a new roster, by the program's cycle."""

from __future__ import annotations

import datetime as dt

from programs.models import Program
from subsidy_portal import wording

# How many periods back a roster may still be made: about a year of them.
BACK = {"monthly": 12, "quarterly": 5, "yearly": 2, "one_off": 2}


def _number(cycle: str, day: dt.date) -> int:
    """How many periods of ``cycle`` lie before the one of ``day``."""
    if cycle == Program.Cycle.MONTHLY:
        return day.year * 12 + day.month - 1
    if cycle == Program.Cycle.QUARTERLY:
        return day.year * 4 + (day.month - 1) // 3
    return day.year


def _period(cycle: str, number: int) -> str:
    if cycle == Program.Cycle.MONTHLY:
        return f"{number // 12}-{number % 12 + 1:02d}"
    if cycle == Program.Cycle.QUARTERLY:
        return f"{number // 4}-Q{number % 4 + 1}"
    return str(number)


def current_period(cycle: str, today: dt.date) -> str:
    """The period of ``cycle`` that ``today`` lies in."""
    return _period(cycle, _number(cycle, today))


def period_choices(cycle: str, today: dt.date) -> list[tuple[str, str]]:
    """(period, words): the next one, this one, and those of about a year back, latest first."""
    now = _number(cycle, today)
    return [(p, wording.period(p)) for p in (_period(cycle, n) for n in range(now + 1, now - BACK[cycle] - 1, -1))]

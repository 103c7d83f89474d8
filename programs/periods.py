"""Periods of payment: ``2022``, ``2022-Q1`` or ``2022-03``, as days in Python and in SQL."""

import calendar
import datetime as dt
import re

from programs.models import Program

_FORMS = {
    Program.Cycle.MONTHLY: re.compile(r"20\d\d-(0[1-9]|1[0-2])\Z", re.ASCII),
    Program.Cycle.QUARTERLY: re.compile(r"20\d\d-Q[1-4]\Z", re.ASCII),
    Program.Cycle.YEARLY: re.compile(r"20\d\d\Z", re.ASCII),
    Program.Cycle.ONE_OFF: re.compile(r"20\d\d\Z", re.ASCII),
}


def fits(period: str, cycle: str) -> bool:
    """True when ``period`` is written as a program of this ``cycle`` needs it."""
    return _FORMS[Program.Cycle(cycle)].match(period) is not None


def period_days(period: str) -> tuple[dt.date, dt.date]:
    """First and last day of a period; raises ValueError when it is none."""
    for cycle, form in _FORMS.items():
        if not form.match(period):
            continue
        year = int(period[:4])
        first, last = 1, 12
        if cycle == Program.Cycle.MONTHLY:
            first = last = int(period[5:])
        elif cycle == Program.Cycle.QUARTERLY:
            last = 3 * int(period[6:])
            first = last - 2
        return dt.date(year, first, 1), dt.date(year, last, calendar.monthrange(year, last)[1])
    raise ValueError(period)


def sql_first_on(column: str) -> str:
    """SQL for the first day of the period in ``column``."""
    return (
        f"make_date(left({column}, 4)::int, CASE WHEN length({column}) = 4 THEN 1"
        f" WHEN substr({column}, 6, 1) = 'Q' THEN 3 * substr({column}, 7, 1)::int - 2"
        f" ELSE substr({column}, 6, 2)::int END, 1)"
    )


def sql_last_on(column: str) -> str:
    """SQL for the last day of the period in ``column``."""
    months = sql_months(column)
    return f"({sql_first_on(column)} + make_interval(months => {months}) - interval '1 day')::date"


def sql_months(column: str) -> str:
    """SQL for how many months the period in ``column`` has."""
    return f"CASE WHEN length({column}) = 4 THEN 12 WHEN substr({column}, 6, 1) = 'Q' THEN 3 ELSE 1 END"

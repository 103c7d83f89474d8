"""The business clock. Dates that decide anything come from here, never from the machine directly.

A rehearsal (demo, training, tests) may set the date; a production portal cannot. The date lives in
a small file of PORTAL_HOME, so that every process of the rehearsal, the bank simulator included,
reads the same one.
"""

import datetime as dt
from zoneinfo import ZoneInfo

import chinese_calendar
from django.conf import settings

CHINA = ZoneInfo("Asia/Shanghai")


class ClockLocked(RuntimeError):
    """Somebody tried to set the date of a portal that is not a rehearsal."""


def _rehearsal_date() -> dt.date | None:
    if not settings.REHEARSAL:
        return None
    try:
        return dt.date.fromisoformat((settings.PORTAL_HOME / "clock").read_text().strip())
    except FileNotFoundError:
        return None


def now() -> dt.datetime:
    """The aware time in China; in a rehearsal the wall-clock time on the rehearsal's date."""
    wall = dt.datetime.now(CHINA)
    day = _rehearsal_date()
    return wall if day is None else dt.datetime.combine(day, wall.timetz())


def is_working_day(day: dt.date) -> bool:
    """State holidays and make-up Saturdays as the State Council set them; plain weekends in years not yet set."""
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.weekday() < 5


def today() -> dt.date:
    """The business date (Asia/Shanghai)."""
    return _rehearsal_date() or dt.datetime.now(CHINA).date()


def set_today(day: dt.date | None) -> None:
    """Set or clear the rehearsal's date; raises ClockLocked in production."""
    if not settings.REHEARSAL:
        raise ClockLocked("只有演练环境可以设定日期。")
    path = settings.PORTAL_HOME / "clock"
    if day is None:
        path.unlink(missing_ok=True)
        return
    part = path.with_suffix(".part")
    part.write_text(day.isoformat())
    part.replace(path)

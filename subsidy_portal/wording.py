"""How numbers, money, dates and ages are written for people, the same on pages, in messages and in exports."""

import datetime as dt
from collections.abc import Sequence
from fractions import Fraction

from django.utils import dateformat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from subsidy_portal import clock, money

NONE = "—"  # "does not apply"; zero is 0.00
MINUS = "−"
WEEKDAYS = (
    gettext_lazy("周一"),
    gettext_lazy("周二"),
    gettext_lazy("周三"),
    gettext_lazy("周四"),
    gettext_lazy("周五"),
    gettext_lazy("周六"),
    gettext_lazy("周日"),
)


def _fen(value: object) -> int:
    """``value`` if it is an integer number of fen; raises TypeError for all else, above all floats."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"money is an integer number of fen, not {type(value).__name__}")
    return value


def _true_minus(text: str) -> str:
    return text.replace("-", MINUS, 1)


def yuan(fen: int | None) -> str:
    """Fen as ``1,952,480.00``; ``—`` for None."""
    return NONE if fen is None else _true_minus(money.format_yuan(_fen(fen)))


def yuan_signed(fen: int | None) -> str:
    """A difference in fen: ``+420.00``, ``−20.00``, ``0.00``."""
    return ("+" if fen is not None and fen > 0 else "") + yuan(fen)


def yuan_plain(fen: int | None) -> str:
    """Fen as ``1952480.00`` for input fields; empty for None."""
    return "" if fen is None else money.format_yuan(_fen(fen), comma=False)


def wan(fen: int | None) -> str:
    """Fen as 万元 with two decimals, rounded half up once."""
    return NONE if fen is None else _true_minus(money.format_wan(_fen(fen)))


def capital_yuan(fen: int) -> str:
    """Fen in the capital characters of banking papers: 伍佰元整."""
    return money.capital_yuan(_fen(fen))


def count(number: int | None) -> str:
    """A number of things with thousands commas; ``—`` for None."""
    return NONE if number is None else _true_minus(f"{number:,}")


def pct(share: Fraction | Sequence[int] | None, places: int = 2) -> str:
    """A Fraction or a pair (part, whole) in percent, rounded half up: ``99.62%``; ``—`` without a whole."""
    if share is None:
        return NONE
    part, whole = (share.numerator, share.denominator) if isinstance(share, Fraction) else share
    return _true_minus(money.percent(part, whole, places))


def _day(value: dt.date) -> dt.date:
    return value.astimezone(clock.CHINA).date() if isinstance(value, dt.datetime) else value


def cn_date(value: dt.date | None) -> str:
    """``6月16日``; with its year when that is not the current one."""
    if value is None:
        return NONE
    day = _day(value)
    if day.year == clock.today().year:
        return dateformat.format(day, _("n月j日"))
    return full_date(day)


def full_date(value: dt.date | None) -> str:
    """``2026年6月16日``, for papers and wherever the year could be doubted."""
    if value is None:
        return NONE
    return dateformat.format(_day(value), _("Y年n月j日"))


def weekday(value: dt.date) -> str:
    """``周二``."""
    return str(WEEKDAYS[_day(value).weekday()])


def clock_time(value: dt.datetime | None) -> str:
    """``09:12`` in China."""
    return NONE if value is None else value.astimezone(clock.CHINA).strftime("%H:%M")


def cn_time(value: dt.datetime | None) -> str:
    """``今天 09:12``, ``昨天 16:05``, ``6月15日 16:40``."""
    if value is None:
        return NONE
    day = _day(value)
    days = (clock.today() - day).days
    name = {0: _("今天"), 1: _("昨天")}.get(days) or cn_date(day)
    return f"{name} {clock_time(value)}"


def due(value: dt.date | None) -> str:
    """How far off a date is: ``逾期 2 天``, ``今天``, ``明天``, otherwise the date."""
    if value is None:
        return NONE
    days = (_day(value) - clock.today()).days
    if days < 0:
        return _("逾期 %(n)d 天") % {"n": -days}
    return {0: _("今天"), 1: _("明天")}.get(days) or cn_date(value)


def ago(since: dt.datetime | dt.timedelta | None) -> str:
    """An age: ``28 分``, ``3 小时 12 分``, ``2 天``."""
    if since is None:
        return NONE
    age = since if isinstance(since, dt.timedelta) else clock.now() - since
    minutes = max(0, age // dt.timedelta(minutes=1))
    hours, rest = divmod(minutes, 60)
    if hours >= 24:
        return _("%(n)d 天") % {"n": hours // 24}
    if not hours:
        return _("%(n)d 分") % {"n": minutes}
    return _("%(h)d 小时 %(m)d 分") % {"h": hours, "m": rest} if rest else _("%(h)d 小时") % {"h": hours}


def period(value: str) -> str:
    """``2022-03`` as 2022年3月, ``2022-Q1`` as 2022年第1季度, ``2022`` as 2022年."""
    year, _dash, part = value.partition("-")
    if not part:
        return _("%(year)s年") % {"year": year}
    if part.startswith("Q"):
        return _("%(year)s年第%(quarter)s季度") % {"year": year, "quarter": part[1:]}
    return _("%(year)s年%(month)d月") % {"year": year, "month": int(part)}

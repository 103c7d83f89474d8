"""The monthly round of failed payments (S3: 20 township, 25 department, 28 bank, month end reconciliation)."""

from __future__ import annotations

import calendar
import datetime as dt
from dataclasses import dataclass

from django.utils.translation import gettext as _

from disbursement.failures import DUE_DAY, Owner
from programs.models import Program
from programs.periods import period_days
from subsidy_portal import clock
from subsidy_portal.wording import cn_date


def working_day_before(day: dt.date) -> dt.date:
    """``day``, or the last working day before it when it is a holiday."""
    while not clock.is_working_day(day):
        day -= dt.timedelta(days=1)
    return day


def working_days_after(day: dt.date, count: int) -> dt.date:
    """The ``count``-th working day after ``day``."""
    while count:
        day += dt.timedelta(days=1)
        count -= clock.is_working_day(day)
    return day


def working_days_between(start: dt.date, end: dt.date) -> int:
    """How many working days after ``start`` up to ``end``."""
    return sum(clock.is_working_day(start + dt.timedelta(days=n)) for n in range(1, (end - start).days + 1))


@dataclass(frozen=True)
class Round:
    """One month's dates by which each desk must have acted."""

    town_on: dt.date
    department_on: dt.date
    bank_on: dt.date
    books_on: dt.date
    month: dt.date

    def due_on(self, owner: str) -> dt.date:
        """By when ``owner`` must have acted."""
        return {Owner.TOWNSHIP: self.town_on, Owner.DEPARTMENT: self.department_on}.get(Owner(owner), self.bank_on)

    def steps(self) -> list[dict[str, str]]:
        """The round as a stage bar: what is past is done, the next date is now."""
        stages = (
            (self.town_on, DUE_DAY[Owner.TOWNSHIP], _("乡镇更正")),
            (self.department_on, DUE_DAY[Owner.DEPARTMENT], _("部门推送重发")),
            (self.bank_on, DUE_DAY[Owner.BANK], _("银行重发")),
            (self.books_on, self.books_on.day, _("对账")),
        )
        coming = [day for day, _rule, _label in stages if day >= clock.today()]
        return [
            {
                "label": f"{cn_date(day)} {label}",
                "note": self._rule(day, rule),
                "state": "now" if coming and day == coming[0] else "done" if day < clock.today() else "",
            }
            for day, rule, label in stages
        ]

    def _rule(self, day: dt.date, rule: int) -> str:
        if day == self.books_on:
            return _("月末")
        if day.day != rule or day.month != self.month.month:
            return _("%(day)d 日休息，提前") % {"day": rule}
        return _("每月 %(day)d 日前") % {"day": rule}


def round_of(month: dt.date) -> Round:
    """The dates of the month that holds ``month``."""
    last = calendar.monthrange(month.year, month.month)[1]
    town, department, bank = (
        working_day_before(month.replace(day=DUE_DAY[owner]))
        for owner in (Owner.TOWNSHIP, Owner.DEPARTMENT, Owner.BANK)
    )
    return Round(town, department, bank, month.replace(day=last), month.replace(day=1))


def round_for(failed_on: dt.date) -> Round:
    """The round in which a payment that failed on ``failed_on`` is put right: this month's while there is time."""
    this = round_of(failed_on)
    return this if failed_on <= this.town_on else round_of(this.books_on + dt.timedelta(days=1))


def clear_on(cycle: str, period: str, failed_on: dt.date) -> dt.date:
    """By when what nobody could put right goes back to the treasury (R44–R46, domain §4.1).

    A monthly program at the reconciliation that ends its round, a quarterly one in the month after its quarter, the
    others in the month after they were paid. What failed later than that gets the end of the month after its failure.
    """
    if cycle == Program.Cycle.MONTHLY:
        return round_for(failed_on).books_on
    if cycle == Program.Cycle.QUARTERLY:
        after_quarter = _end_of_next_month(period_days(period)[1])
        if failed_on <= after_quarter:
            return after_quarter
    return _end_of_next_month(failed_on)


def _end_of_next_month(day: dt.date) -> dt.date:
    first = (day.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
    return first.replace(day=calendar.monthrange(first.year, first.month)[1])

"""Who has reported and who has not, month by month: 已报, 零报送 and 未报 are three different things (R53)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from selfcheck.models import Report
from selfcheck.models.reports import due_day
from subsidy_portal import clock
from subsidy_portal.models import Organisation, User

# The campaign's months of S2; the stage and the annual summary have days of their own.
FIRST_MONTH, LAST_MONTH = 6, 11
REPORTING = (Organisation.Kind.TOWNSHIP, Organisation.Kind.DEPARTMENT)


@dataclass
class Cell:
    """One unit in one month. ``look`` is a chip's: done, warn, todo."""

    words: str
    look: str
    report: Report | None = None


@dataclass
class UnitState:
    unit: Organisation
    cells: list[Cell] = field(default_factory=list)
    zeros: int = 0

    @property
    def weight(self) -> int:
        """How many times as likely the unit is to be spot-checked: once, and once more for every zero report."""
        return 1 + self.zeros


def columns(user: User, year: int) -> list[tuple[str, int]]:
    """Kind and month of what is to be reported in ``year``, and of other months somebody reported; by day."""
    monthly = Report.objects.visible_to(user).filter(year=year, kind=Report.Kind.MONTHLY)
    months = {*range(FIRST_MONTH, LAST_MONTH + 1), *monthly.order_by().values_list("month", flat=True)}
    every = [(Report.Kind.MONTHLY.value, month) for month in months]
    every += [(Report.Kind.STAGE.value, 7), (Report.Kind.ANNUAL.value, 12)]
    return sorted(every, key=lambda pair: due_day(pair[0], year, pair[1]) or dt.date.min)


def months_of(user: User, year: int) -> list[str]:
    words = {Report.Kind.STAGE.value: _("7月5日"), Report.Kind.ANNUAL.value: _("12月5日")}
    return [words.get(kind) or _("%(month)d月") % {"month": month} for kind, month in columns(user, year)]


def state_of_units(user: User, year: int) -> list[UnitState]:
    """Every unit that has to report and that ``user`` may see."""
    visible = Report.objects.visible_to(user)
    units = Organisation.objects.filter(kind__in=REPORTING, is_active=True, area__code__startswith=user.area_prefix)
    if user.kind == Organisation.Kind.DEPARTMENT and user.organisation_id:
        units = units.filter(pk=user.organisation_id)
    latest: dict[tuple[int, str, int], Report] = {}
    for report in visible.filter(year=year).order_by("version"):
        latest[report.unit_id, report.kind, report.month] = report
    zeros = visible.with_zero(year)
    states = [UnitState(unit) for unit in units.select_related("area").order_by("-kind", "area_id", "pk")]
    wanted = columns(user, year)
    for state in states:
        mine = {(kind, month): latest.get((state.unit.pk, kind, month)) for kind, month in wanted}
        state.cells = [_cell(report, _expected(kind, year, month)) for (kind, month), report in mine.items()]
        state.zeros = sum(report.unit_id == state.unit.pk for report in zeros)
    return states


def _expected(kind: str, year: int, month: int) -> dt.date | None:
    """When everybody has to report; None for a month outside the campaign, in which somebody did."""
    inside = kind != Report.Kind.MONTHLY or FIRST_MONTH <= month <= LAST_MONTH
    return due_day(kind, year, month) if inside else None


def _cell(report: Report | None, due_on: dt.date | None) -> Cell:
    today = clock.today()
    if report is None or report.status == Report.Status.DRAFT:
        if due_on and due_on < today:
            return Cell(_("未报"), "warn", report)
        return Cell(_("起草中") if report else "—", "todo", report)
    if report.zero:
        return Cell(_("零报送"), "done", report)
    return Cell(_("迟报") if report.late_days else _("已报"), "done", report)


def sampling_weights(user: User, year: int) -> dict[int, int]:
    """Unit's key → its weight in the draw of spot checks."""
    return {state.unit.pk: state.weight for state in state_of_units(user, year)}

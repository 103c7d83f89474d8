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


def columns(year: int) -> list[tuple[str, int]]:
    """Kind and month of everything that is to be reported in ``year``, in the order of the days."""
    monthly = [(Report.Kind.MONTHLY.value, month) for month in range(FIRST_MONTH, LAST_MONTH + 1)]
    return [monthly[0], (Report.Kind.STAGE.value, 7), *monthly[1:], (Report.Kind.ANNUAL.value, 12)]


def months_of(year: int) -> list[str]:
    words = {Report.Kind.STAGE.value: _("7月5日"), Report.Kind.ANNUAL.value: _("12月5日")}
    return [words.get(kind) or _("%(month)d月") % {"month": month} for kind, month in columns(year)]


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
    for state in states:
        mine = {(kind, month): latest.get((state.unit.pk, kind, month)) for kind, month in columns(year)}
        state.cells = [_cell(report, due_day(kind, year, month)) for (kind, month), report in mine.items()]
        state.zeros = sum(report.unit_id == state.unit.pk for report in zeros)
    return states


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

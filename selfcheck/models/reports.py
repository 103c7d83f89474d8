"""What a unit reports: every month by the 23rd, the stage summary by 5 July, the year's by 5 December, and self-checks.

A version that was handed in never changes. The next one begins with its words.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from subsidy_portal import clock
from subsidy_portal.models import Organisation, StoredFile, User
from subsidy_portal.permissions import scope


class ReportQuerySet(models.QuerySet["Report"]):
    def visible_to(self, user: User) -> ReportQuerySet:
        """A department sees its own, a township those of its area, the county's offices all."""
        if user.kind == Organisation.Kind.DEPARTMENT:
            return self.filter(scope(user, area="unit__area") & Q(unit=user.organisation))
        return self.filter(scope(user, area="unit__area"))

    def submitted(self) -> ReportQuerySet:
        return self.filter(status=Report.Status.SUBMITTED)

    def last_of_each_unit(self) -> ReportQuerySet:
        """Of every unit the last one handed in that has the survey's figures."""
        ordered = self.submitted().order_by("unit_id", "-year", "-month", "-version", "-pk")
        return ordered.distinct("unit_id")

    def with_zero(self, year: int) -> ReportQuerySet:
        """Explicit zero reports of ``year`` (零报送): their units are checked first (R53)."""
        return self.submitted().filter(year=year, zero=True)


class Report(models.Model):
    """One report of one unit for one month, in one version."""

    class Kind(models.TextChoices):
        MONTHLY = "monthly", _("月报")
        STAGE = "stage", _("阶段性总结")
        ANNUAL = "annual", _("年度总结")
        SELF_CHECK = "self_check", _("自查报告")

    class Status(models.TextChoices):
        DRAFT = "draft", _("起草中")
        SUBMITTED = "submitted", _("已报送")

    NEXT: ClassVar[dict[Any, set[Any]]] = {Status.DRAFT: {Status.SUBMITTED}}

    kind = models.CharField(_("报告"), max_length=10, choices=Kind.choices)
    unit = models.ForeignKey(Organisation, models.PROTECT, related_name="reports", verbose_name=_("填报单位"))
    year = models.PositiveSmallIntegerField(_("年度"))
    month = models.PositiveSmallIntegerField(_("月份"))
    version = models.PositiveSmallIntegerField(_("版本"), default=1)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.DRAFT)
    # section of R66 → what the unit wrote
    texts = models.JSONField(default=dict)
    # column of 附件3 that only the unit knows → number (amounts in fen), added up since the campaign began
    figures = models.JSONField(default=dict)
    # classes of R68 the unit has looked for and not found
    not_found = models.JSONField(default=list)
    zero = models.BooleanField(_("零报送"), default=False)
    due_on = models.DateField(_("报送期限"))
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    submitted_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    submitted_at = models.DateTimeField(null=True)
    file = models.ForeignKey(StoredFile, models.PROTECT, null=True, related_name="+", help_text="as it was handed in")

    objects = ReportQuerySet.as_manager()

    class Meta:
        ordering = ("-year", "-month", "unit", "-version")
        constraints = (
            models.UniqueConstraint(fields=("unit", "kind", "year", "month", "version"), name="report_version"),
            models.UniqueConstraint(
                fields=("unit", "kind", "year", "month"), condition=Q(status="draft"), name="report_one_draft"
            ),
            models.CheckConstraint(condition=Q(month__range=(1, 12)), name="report_month"),
            models.CheckConstraint(condition=~Q(made_by=F("submitted_by")), name="report_two_persons"),
            models.CheckConstraint(
                condition=Q(status="draft") | (Q(submitted_by__isnull=False) & Q(file__isnull=False)),
                name="report_submitted_has_file",
            ),
        )

    def __str__(self) -> str:
        return f"{self.year}-{self.month:02d} {self.get_kind_display()}"

    @property
    def late_days(self) -> int:
        handed_in = self.submitted_at.astimezone(clock.CHINA).date() if self.submitted_at else clock.today()
        return max(0, (handed_in - self.due_on).days)


def due_day(kind: str, year: int, month: int) -> dt.date | None:
    """When S2 wants it: the month's 23rd, 5 July, 5 December; None for a report without a day of its own."""
    return {
        Report.Kind.MONTHLY.value: dt.date(year, month, 23),
        Report.Kind.STAGE.value: dt.date(year, 7, 5),
        Report.Kind.ANNUAL.value: dt.date(year, 12, 5),
    }.get(kind)

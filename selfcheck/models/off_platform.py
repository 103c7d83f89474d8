"""Subsidies that are not paid through the platform: why not, under which rules (R7, R8), and how much a year (R9).

S4 paid 54 % of its money off the platform. Totals without it are wrong.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from programs.models import Program
from subsidy_portal.models import User
from subsidy_portal.permissions import scope


class OffPlatformProgram(models.Model):
    """What was decided about a program that is not on the platform, and the rules filed for it."""

    class Decision(models.TextChoices):
        OPEN = "open", _("未决定")
        INCLUDE = "include", _("纳入平台")
        OFFLINE = "offline", _("继续线下")

    program = models.OneToOneField(Program, models.PROTECT, related_name="off_platform", verbose_name=_("项目"))
    decision = models.CharField(_("处理决定"), max_length=8, choices=Decision.choices, default=Decision.OPEN)
    decided_on = models.DateField(_("决定日期"), null=True, blank=True)
    reason = models.CharField(_("没有通过平台发放的原因"), max_length=200)
    rule = models.CharField(_("资金管理办法"), max_length=120, blank=True, help_text=_("文件名和文号"))
    oversight = models.CharField(_("监管措施"), max_length=300, blank=True)
    filed_on = models.DateField(_("报财政和纪检备案日期"), null=True, blank=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=~Q(decision="offline") | (~Q(rule="") & ~Q(oversight="") & Q(filed_on__isnull=False)),
                name="off_platform_offline_has_rules",
            ),
            models.CheckConstraint(
                condition=Q(decision="open") | Q(decided_on__isnull=False), name="off_platform_decision_has_day"
            ),
        )

    def __str__(self) -> str:
        return f"{self.program_id} {self.decision}"


class YearlyAmountQuerySet(models.QuerySet["YearlyAmount"]):
    def visible_to(self, user: User) -> YearlyAmountQuerySet:
        return self.filter(scope(user, area="program__department__area", department="program__department"))

    def counting(self) -> YearlyAmountQuerySet:
        return self.filter(status="confirmed")


class YearlyAmount(models.Model):
    """What one program paid in one year outside this portal. Never changed: a correction replaces it."""

    class Channel(models.TextChoices):
        OFFLINE = "offline", _("线下发放")
        FORMER = "former", _("原系统发放")

    class Status(models.TextChoices):
        PROPOSED = "proposed", _("待复核")
        CONFIRMED = "confirmed", _("已生效")
        REFUSED = "refused", _("已退回")
        REPLACED = "replaced", _("已更正")

    NEXT: ClassVar[dict[Any, set[Any]]] = {
        Status.PROPOSED: {Status.CONFIRMED, Status.REFUSED},
        Status.CONFIRMED: {Status.REPLACED},
    }

    program = models.ForeignKey(Program, models.PROTECT, related_name="yearly_amounts", verbose_name=_("项目"))
    year = models.PositiveSmallIntegerField(_("年度"))
    channel = models.CharField(_("渠道"), max_length=8, choices=Channel.choices, default=Channel.OFFLINE)
    paid_to = models.CharField(_("发放到人/到户"), max_length=10, choices=Program.PaidTo.choices)
    amount_fen = models.BigIntegerField(_("金额（分）"))
    persons = models.PositiveIntegerField(_("享受补贴人数"), default=0)
    households = models.PositiveIntegerField(_("享受补贴户数"), default=0)
    basis = models.CharField(_("依据"), max_length=120, help_text=_("决算表、拨款文件或发放清册的名称、文号"))
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PROPOSED)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    confirmed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    objects = YearlyAmountQuerySet.as_manager()

    class Meta:
        ordering = ("-year", "program__code", "-pk")
        constraints = (
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="yearly_amount_positive"),
            models.CheckConstraint(condition=~Q(made_by=F("confirmed_by")), name="yearly_amount_two_persons"),
            models.UniqueConstraint(
                fields=("program", "year", "channel", "paid_to"),
                condition=Q(status="confirmed"),
                name="yearly_amount_one_counts",
            ),
            models.UniqueConstraint(
                fields=("program", "year", "channel", "paid_to"),
                condition=Q(status="proposed"),
                name="yearly_amount_one_proposed",
            ),
        )

    def __str__(self) -> str:
        return f"{self.year} {self.program_id} {self.channel}"

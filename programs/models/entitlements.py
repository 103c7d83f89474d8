"""The search for the missing (应享受未享受, R40): who should receive a program, as data, and whom the search found."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from programs.models.registry import Person
from subsidy_portal.models import Area, Organisation, User
from subsidy_portal.permissions import scope


class EntitlementRule(models.Model):
    """Who is entitled to a program by age and certificates. The program may not be there yet: named by its code."""

    program_code = models.CharField(_("项目编码"), max_length=12)
    name = models.CharField(_("名称"), max_length=60, unique=True)
    age_min = models.PositiveSmallIntegerField(_("年满（岁）"), null=True, blank=True)
    age_max = models.PositiveSmallIntegerField(_("不超过（岁）"), null=True, blank=True)
    # [{"kind": "disability", "level_max": 2}, {"kind": "dibao", "standing": ["在享"]}]: all of them must be met.
    # <key>_max, <key>_min compare a number of the row's data; <key> names the values that count.
    requires = models.JSONField(_("须在名单"), default=list, blank=True)
    excluded_programs = models.JSONField(_("领了这些项目的除外"), default=list, blank=True)
    # Kinds as in ``requires``: who is met by one of them is not entitled. Deaths and moves always count.
    excluded_kinds = models.JSONField(_("在这些名单的除外"), default=list, blank=True)
    legal_basis = models.CharField(_("依据"), max_length=200, blank=True)
    is_active = models.BooleanField(_("启用"), default=True)
    searched_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("program_code", "name")
        constraints = (
            models.CheckConstraint(
                condition=Q(age_min__isnull=False) | Q(age_max__isnull=False) | ~Q(requires=[]),
                name="entitlement_has_condition",
            ),
        )

    def __str__(self) -> str:
        return self.name


class EligibleUnpaidQuerySet(models.QuerySet["EligibleUnpaid"]):
    def visible_to(self, user: User) -> EligibleUnpaidQuerySet:
        return self.filter(scope(user, area="area", department="department"))

    def waiting(self) -> EligibleUnpaidQuerySet:
        return self.filter(status__in=(EligibleUnpaid.Status.OPEN, EligibleUnpaid.Status.NOTIFIED))


class EligibleUnpaid(models.Model):
    """One registered person who should receive a program and is in none of its rosters. A hint, never a verdict."""

    class Status(models.TextChoices):
        OPEN = "open", _("待核实")
        NOTIFIED = "notified", _("已告知")
        CLAIMED = "claimed", _("已领上")
        NOT_ENTITLED = "not_entitled", _("不应享受")
        LAPSED = "lapsed", _("条件已不符")

    # Claimed: the person appears in a roster; lapsed: a later search no longer finds the person. Both by the system.
    NEXT: ClassVar[dict[Any, set[Any]]] = {
        Status.OPEN: {Status.NOTIFIED, Status.CLAIMED, Status.NOT_ENTITLED, Status.LAPSED},
        Status.NOTIFIED: {Status.CLAIMED, Status.NOT_ENTITLED, Status.LAPSED},
        Status.LAPSED: {Status.OPEN},
        Status.CLAIMED: {Status.OPEN},
    }

    rule = models.ForeignKey(EntitlementRule, models.PROTECT, related_name="found")
    person = models.ForeignKey(Person, models.PROTECT, related_name="eligible_unpaid")
    area = models.ForeignKey(Area, models.PROTECT, related_name="+")
    department = models.ForeignKey(Organisation, models.PROTECT, related_name="+")
    reason = models.CharField(_("为什么应享受"), max_length=300)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.OPEN)
    note = models.CharField(_("说明"), max_length=300, blank=True)
    found_at = models.DateTimeField()
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)

    objects = EligibleUnpaidQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.UniqueConstraint(fields=("rule", "person"), name="eligible_unpaid_once"),
            models.CheckConstraint(
                condition=~Q(status="not_entitled") | (Q(decided_by__isnull=False) & ~Q(note="")),
                name="eligible_unpaid_has_reason",
            ),
        )
        indexes = (
            models.Index(
                fields=("department", "area"),
                name="eligible_unpaid_waiting",
                condition=Q(status__in=("open", "notified")),
            ),
        )

    def __str__(self) -> str:
        return f"{self.rule_id} {self.pk}"

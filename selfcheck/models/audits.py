"""Hits of the audits over what was paid (疑点): each is decided by a person, never by the query that found it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from programs.models import Program
from selfcheck.models.problems import Problem
from subsidy_portal.models import Area, StoredFile, User
from subsidy_portal.permissions import scope


class AuditSetting(models.Model):
    """What the county set of one audit; what it did not set is as the audit ships."""

    code = models.CharField(max_length=24, unique=True)
    params = models.JSONField(default=dict)
    set_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    set_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.code


class AuditHitQuerySet(models.QuerySet["AuditHit"]):
    def visible_to(self, user: User) -> AuditHitQuerySet:
        return self.filter(scope(user, area="area", department="program__department"))


class AuditHit(models.Model):
    """One thing an audit found. The same thing is found once: what was decided is not asked again."""

    class Status(models.TextChoices):
        OPEN = "open", _("待核实")
        CONFIRMED = "confirmed", _("属实")
        UNFOUNDED = "unfounded", _("不属实")
        REGISTERED = "registered", _("已登记问题")

    NEXT: ClassVar[dict[Any, set[Any]]] = {
        Status.OPEN: {Status.CONFIRMED, Status.UNFOUNDED},
        Status.CONFIRMED: {Status.REGISTERED},
    }

    code = models.CharField(_("核查项"), max_length=24)
    digest = models.CharField(max_length=64, help_text="SHA-256 of code and subject: what makes it the same hit")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    year = models.PositiveSmallIntegerField(_("年度"))
    area = models.ForeignKey(Area, models.PROTECT, related_name="+")
    program = models.ForeignKey(Program, models.PROTECT, null=True, related_name="+")
    text = models.CharField(max_length=300)
    persons = models.PositiveIntegerField(default=0)
    count = models.PositiveIntegerField(default=0, help_text="payments")
    amount_fen = models.BigIntegerField(default=0)
    # The payments that show it: primary keys, at most 200
    payments = models.JSONField(default=list)
    found_at = models.DateTimeField()
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=300, blank=True)
    proof = models.ForeignKey(StoredFile, models.PROTECT, null=True, related_name="+")
    problem = models.ForeignKey(Problem, models.PROTECT, null=True, related_name="hits")

    objects = AuditHitQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.UniqueConstraint(fields=("digest",), name="audit_hit_once"),
            models.CheckConstraint(
                condition=Q(status="open") | (Q(decided_by__isnull=False) & ~Q(reason="")), name="audit_hit_decided"
            ),
            models.CheckConstraint(
                condition=~Q(status="registered") | Q(problem__isnull=False), name="audit_hit_has_problem"
            ),
        )
        indexes = (models.Index(fields=("code", "status", "-id"), name="audit_hit_code"),)

    def __str__(self) -> str:
        return f"{self.code} {self.pk}"

"""Restore mode: after an older database was put back nothing is sent until two persons have looked."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from subsidy_portal.models import User


class SendingStop(models.Model):
    """While one is not reopened no order of any bank leaves. ``found`` says what the send journal knows more."""

    class Status(models.TextChoices):
        STOPPED = "stopped", _("停止发送")
        PROPOSED = "proposed", _("待复核恢复")
        REOPENED = "reopened", _("已恢复发送")

    NEXT: ClassVar[dict[Any, set[Any]]] = {
        Status.STOPPED: {Status.PROPOSED},
        Status.PROPOSED: {Status.REOPENED, Status.STOPPED},
    }

    status = models.CharField(max_length=10, choices=Status.choices, default=Status.STOPPED)
    reason = models.CharField(max_length=200)
    # {"unknown": orders the journal saw leaving and the database did not, "missing": those it does not know at all}
    found = models.JSONField(default=dict)
    started_at = models.DateTimeField()
    note = models.CharField(_("查过什么"), max_length=300, blank=True)
    proposed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    proposed_at = models.DateTimeField(null=True)
    reopened_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    reopened_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.CheckConstraint(condition=~Q(proposed_by=F("reopened_by")), name="stop_two_persons"),
            models.CheckConstraint(
                condition=~Q(status="reopened") | (Q(proposed_by__isnull=False) & Q(reopened_by__isnull=False)),
                name="stop_reopened_by_two",
            ),
            models.UniqueConstraint(models.Value(1), condition=~Q(status="reopened"), name="stop_one_at_a_time"),
        )

    def __str__(self) -> str:
        return f"stop {self.pk}"

"""A statement line that no rule could match, bound to its payment by two persons."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from disbursement.models.orders import Attempt
from disbursement.models.reconciliation import StatementEntry
from subsidy_portal.models import User


class EntryMatch(models.Model):
    """What one person picked among the candidates of an entry, and another one agreed to or not."""

    class Status(models.TextChoices):
        PROPOSED = "proposed", _("待复核")
        CONFIRMED = "confirmed", _("已认定")
        REFUSED = "refused", _("已退回")

    NEXT: ClassVar[dict[Any, set[Any]]] = {Status.PROPOSED: {Status.CONFIRMED, Status.REFUSED}}

    entry = models.ForeignKey(StatementEntry, models.PROTECT, related_name="matches")
    attempt = models.ForeignKey(Attempt, models.PROTECT, related_name="matches")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PROPOSED)
    reason = models.CharField(_("依据"), max_length=200)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    confirmed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    confirmed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.CheckConstraint(condition=~Q(made_by=F("confirmed_by")), name="match_two_persons"),
            models.CheckConstraint(
                condition=~Q(status="confirmed") | Q(confirmed_by__isnull=False), name="match_confirmed_by_somebody"
            ),
            models.UniqueConstraint(fields=("entry",), condition=Q(status="proposed"), name="match_one_open"),
            models.UniqueConstraint(fields=("entry",), condition=Q(status="confirmed"), name="match_entry_once"),
        )

    def __str__(self) -> str:
        return f"match {self.pk}"

"""How an order whose end nobody knows was closed: by proof that the bank never paid it, or by the bank's letter."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from disbursement.models.orders import Order
from subsidy_portal.models import StoredFile, User


class VerdictQuerySet(models.QuerySet["Verdict"]):
    def visible_to(self, user: User) -> VerdictQuerySet:
        """Who may see the order may see how it was closed."""
        return self.filter(order__in=Order.objects.visible_to(user))


class Verdict(models.Model):
    """What two persons decided about the lines of an order that have no result. Waiting decides nothing."""

    class Status(models.TextChoices):
        PROPOSED = "proposed", _("待复核")
        CONFIRMED = "confirmed", _("已认定")
        REFUSED = "refused", _("已退回")

    class Basis(models.TextChoices):
        ABSENCE = "absence", _("对账单证明没有付出")
        LETTER = "letter", _("银行出具的书面答复")

    class Outcome(models.TextChoices):
        FAILED = "failed", _("没有付出")
        PAID = "paid", _("已经付出")

    NEXT: ClassVar[dict[Any, set[Any]]] = {Status.PROPOSED: {Status.CONFIRMED, Status.REFUSED}}

    order = models.ForeignKey(Order, models.PROTECT, related_name="verdicts")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PROPOSED)
    basis = models.CharField(max_length=10, choices=Basis.choices)
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    # What was looked at: {"sent_on", "until", "statements": [[number, date], …]}
    evidence = models.JSONField(default=dict)
    letter = models.ForeignKey(StoredFile, models.PROTECT, null=True, related_name="+")
    booked_on = models.DateField(_("银行记账日期"), null=True)
    reason = models.CharField(_("说明"), max_length=200)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    confirmed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    confirmed_at = models.DateTimeField(null=True)

    objects = VerdictQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.CheckConstraint(condition=~Q(made_by=F("confirmed_by")), name="verdict_two_persons"),
            models.CheckConstraint(
                condition=~Q(status="confirmed") | Q(confirmed_by__isnull=False), name="verdict_confirmed_by_somebody"
            ),
            models.CheckConstraint(condition=~Q(basis="letter") | Q(letter__isnull=False), name="verdict_has_letter"),
            models.CheckConstraint(
                condition=~Q(outcome="paid") | Q(basis="letter", booked_on__isnull=False), name="verdict_paid_by_letter"
            ),
            models.UniqueConstraint(fields=("order",), condition=Q(status="proposed"), name="verdict_one_open"),
        )

    def __str__(self) -> str:
        return f"verdict {self.pk}"

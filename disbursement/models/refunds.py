"""What cannot be paid goes back to the treasury (缴回国库): proposed by one, confirmed with its voucher by another."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from disbursement.models.batches import Batch, Payment
from subsidy_portal.models import User


class RefundQuerySet(models.QuerySet["Refund"]):
    def visible_to(self, user: User) -> RefundQuerySet:
        """Who may see the batch may see its refunds."""
        return self.filter(batch__in=Batch.objects.visible_to(user))


class Refund(models.Model):
    """Failed or returned payments of one batch whose money goes back together. The plan's balance rises by them."""

    class Status(models.TextChoices):
        PROPOSED = "proposed", _("待复核")
        CONFIRMED = "confirmed", _("已缴库")
        REFUSED = "refused", _("已退回")

    NEXT: ClassVar[dict[Any, set[Any]]] = {Status.PROPOSED: {Status.CONFIRMED, Status.REFUSED}}

    batch = models.ForeignKey(Batch, models.PROTECT, related_name="refunds")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PROPOSED)
    reason = models.CharField(_("为什么不再发"), max_length=200)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    voucher = models.CharField(_("缴库凭证号"), max_length=40, blank=True)
    remitted_on = models.DateField(_("缴库日期"), null=True)
    confirmed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    confirmed_at = models.DateTimeField(null=True)

    objects = RefundQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.CheckConstraint(condition=~Q(made_by=F("confirmed_by")), name="refund_two_persons"),
            models.CheckConstraint(
                condition=~Q(status="confirmed")
                | (Q(confirmed_by__isnull=False, remitted_on__isnull=False) & ~Q(voucher="")),
                name="refund_confirmed_with_voucher",
            ),
        )

    def __str__(self) -> str:
        return f"refund {self.pk}"


class RefundLine(models.Model):
    """One payment in a refund; ``dropped`` when the refund was refused, so that it can stand in another."""

    refund = models.ForeignKey(Refund, models.PROTECT, related_name="lines")
    payment = models.ForeignKey(Payment, models.PROTECT, related_name="refund_lines")
    amount_fen = models.BigIntegerField()
    dropped = models.BooleanField(default=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("payment",), condition=Q(dropped=False), name="refund_once"),
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="refund_line_positive"),
        )

    def __str__(self) -> str:
        return f"refund {self.refund_id} payment {self.payment_id}"

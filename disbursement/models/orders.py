"""An order is what one bank gets, once. An attempt is one payment inside one order."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from disbursement.models.banks import Bank
from disbursement.models.batches import Batch, Payment, Reissue
from programs.models import Account
from subsidy_portal.models import User
from subsidy_portal.permissions import scope


class OrderQuerySet(models.QuerySet["Order"]):
    def visible_to(self, user: User) -> OrderQuerySet:
        return self.filter(
            scope(
                user,
                area="batch__program__department__area",
                department="batch__program__department",
                bank="bank__organisation",
            )
        )


class Order(models.Model):
    """Leaves at most once: claimed (committed) → journal line (fsynced) → sent. Anything unclear is unknown:
    it is queried, never sent again."""

    class Status(models.TextChoices):
        CREATED = "created", _("待发送")
        SENDING = "sending", _("发送中")
        SENT = "sent", _("已发送")
        ANSWERED = "answered", _("回盘中")
        SETTLED = "settled", _("已结清")
        REJECTED = "rejected", _("银行拒收")
        UNKNOWN = "unknown", _("结果待查")
        CANCELLED = "cancelled", _("已撤回")

    NEXT: ClassVar[dict[Any, set[Any]]] = {
        Status.CREATED: {Status.SENDING, Status.CANCELLED},
        # Back to created only when it is proven that no byte left.
        Status.SENDING: {Status.SENT, Status.UNKNOWN, Status.REJECTED, Status.CREATED},
        Status.SENT: {Status.ANSWERED, Status.SETTLED, Status.REJECTED, Status.UNKNOWN},
        Status.UNKNOWN: {Status.SENT, Status.ANSWERED, Status.SETTLED, Status.REJECTED},
        Status.ANSWERED: {Status.SETTLED},
    }

    batch = models.ForeignKey(Batch, models.PROTECT, related_name="orders")
    reissue = models.ForeignKey(Reissue, models.PROTECT, null=True, related_name="orders")
    bank = models.ForeignKey(Bank, models.PROTECT, related_name="orders")
    ref = models.CharField(_("指令号"), max_length=12, unique=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.CREATED)
    count = models.PositiveIntegerField()
    total_fen = models.BigIntegerField()
    made_at = models.DateTimeField()
    claim_token = models.UUIDField(null=True)
    claimed_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    query_at = models.DateTimeField(null=True, help_text="when to ask the bank next")
    queries = models.PositiveSmallIntegerField(default=0)
    note = models.CharField(max_length=200, blank=True)

    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints = (models.CheckConstraint(condition=Q(count__gt=0) & Q(total_fen__gt=0), name="order_not_empty"),)
        indexes = (
            models.Index(fields=("status", "id"), name="order_open", condition=~Q(status__in=("settled", "rejected"))),
        )

    def __str__(self) -> str:
        return self.ref


OPEN_ATTEMPTS = ("created", "sending", "sent", "unknown")


class Attempt(models.Model):
    """One try to pay one payment to one account. At most one is open, at most one success stands."""

    class Status(models.TextChoices):
        CREATED = "created", _("待发送")
        SENDING = "sending", _("发送中")
        SENT = "sent", _("已发送")
        SUCCEEDED = "succeeded", _("成功")
        FAILED = "failed", _("失败")
        UNKNOWN = "unknown", _("结果待查")
        RETURNED = "returned", _("已退票")
        CANCELLED = "cancelled", _("已撤回")

    NEXT: ClassVar[dict[Any, set[Any]]] = {
        Status.CREATED: {Status.SENDING, Status.CANCELLED},
        Status.SENDING: {Status.SENT, Status.UNKNOWN, Status.FAILED, Status.CREATED},
        Status.SENT: {Status.SUCCEEDED, Status.FAILED, Status.UNKNOWN},
        Status.UNKNOWN: {Status.SENT, Status.SUCCEEDED, Status.FAILED},
        Status.FAILED: {Status.SUCCEEDED},
        Status.SUCCEEDED: {Status.RETURNED},
    }

    payment = models.ForeignKey(Payment, models.PROTECT, related_name="attempts", db_index=False)
    order = models.ForeignKey(Order, models.PROTECT, related_name="attempts", db_index=False)
    seq = models.PositiveSmallIntegerField(help_text="1 for the first try of the payment")
    line_no = models.PositiveIntegerField(help_text="line in the order")
    ref = models.CharField(_("行号"), max_length=12)
    account = models.ForeignKey(Account, models.PROTECT, related_name="attempts")
    amount_fen = models.BigIntegerField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.CREATED)
    result_code = models.CharField(max_length=4, blank=True, help_text="F code, domain §10.3")
    result_text = models.CharField(max_length=120, blank=True, help_text="the bank's own words")
    bank_serial = models.CharField(max_length=40, blank=True)
    result_on = models.DateField(null=True)
    returned_on = models.DateField(null=True)

    class Meta:
        constraints = (
            # Not ``unique=True``, which adds a second index for LIKE: every attempt is written four times.
            models.UniqueConstraint(fields=("ref",), name="attempt_ref_once"),
            models.UniqueConstraint(fields=("payment", "seq"), name="attempt_seq_once"),
            models.UniqueConstraint(fields=("order", "line_no"), name="attempt_line_once"),
            models.UniqueConstraint(
                fields=("payment",), condition=Q(status__in=OPEN_ATTEMPTS), name="attempt_one_open"
            ),
            models.UniqueConstraint(fields=("payment",), condition=Q(status="succeeded"), name="attempt_one_success"),
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="attempt_amount_positive"),
        )

    def __str__(self) -> str:
        return self.ref

"""Batch → Payment, and the way of a failed payment: correction of the account, approved reissue.

One payment is one claim of one person. Counters are computed, never kept.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Count, F, Q, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from programs.models import Account, FundPlan, Person, Program, RosterRow
from subsidy_portal.models import Area, StoredFile, User
from subsidy_portal.permissions import scope


class BatchQuerySet(models.QuerySet["Batch"]):
    def visible_to(self, user: User) -> BatchQuerySet:
        """Batches of the county; a department its programs', a township its people's, a bank its orders'."""
        if user.kind in {"township", "village"}:
            # Through the payments, not joined to them: a join would multiply what is summed afterwards.
            return self.filter(pk__in=Payment.objects.visible_to(user).values("batch_id"))
        if user.kind == "bank":
            ordered = scope(user, area="area", bank="orders__bank__organisation")
            return self.filter(pk__in=Batch.objects.filter(ordered).values("pk"))
        return self.filter(scope(user, area="program__department__area", department="program__department"))

    def with_totals(self) -> BatchQuerySet:
        """Annotate counts and fen over the batch's payments: planned, paid, way (in flight), failed, held."""

        def fen(**kinds: Any) -> Coalesce:
            return Coalesce(Sum("payments__amount_fen", filter=Q(**kinds)), 0, output_field=models.BigIntegerField())

        live = {"payments__status__in": ("ready", "in_flight", "paid", "returned", "failed", "held", "refunded")}
        failed = {"payments__status__in": ("failed", "returned")}
        return self.annotate(
            payment_count=Count("payments", filter=Q(**live)),
            planned_fen=fen(**live),
            paid_count=Count("payments", filter=Q(payments__status="paid")),
            paid_fen=fen(payments__status="paid"),
            way_count=Count("payments", filter=Q(payments__status__in=("ready", "in_flight"))),
            way_fen=fen(payments__status__in=("ready", "in_flight")),
            failed_count=Count("payments", filter=Q(**failed)),
            failed_fen=fen(**failed),
            held_count=Count("payments", filter=Q(payments__status="held")),
            held_fen=fen(payments__status="held"),
        )


class Batch(models.Model):
    """Accepted rosters of one program and period, paid together."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("编制中")
        SUBMITTED = "submitted", _("待复核")
        APPROVED = "approved", _("待放行")
        PAYING = "paying", _("发放中")
        SETTLED = "settled", _("已结清")
        RECONCILED = "reconciled", _("已对账")
        CLOSED = "closed", _("已月结")
        CANCELLED = "cancelled", _("已作废")
        HELD = "held", _("已暂停")

    NEXT: ClassVar[dict[Any, set[Any]]] = {
        Status.DRAFT: {Status.SUBMITTED, Status.CANCELLED},
        Status.SUBMITTED: {Status.APPROVED, Status.DRAFT, Status.CANCELLED},
        Status.APPROVED: {Status.PAYING, Status.DRAFT, Status.CANCELLED, Status.HELD},
        Status.HELD: {Status.APPROVED, Status.PAYING},
        Status.PAYING: {Status.SETTLED, Status.HELD},
        # A reissue or a return after success re-opens what was settled; a closed month never does.
        Status.SETTLED: {Status.RECONCILED, Status.PAYING},
        Status.RECONCILED: {Status.CLOSED, Status.PAYING},
        Status.CLOSED: {Status.PAYING},
    }

    number = models.CharField(_("批次号"), max_length=20, unique=True)
    program = models.ForeignKey(Program, models.PROTECT, related_name="batches")
    plan = models.ForeignKey(FundPlan, models.PROTECT, related_name="batches")
    period = models.CharField(_("期间"), max_length=10)
    sequence = models.PositiveSmallIntegerField(default=1)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.DRAFT)
    content_hash = models.CharField(
        max_length=64, blank=True, help_text="SHA-256 over row hashes, frozen at submission"
    )
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    approved_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    released_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    made_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True)
    approved_at = models.DateTimeField(null=True)
    released_at = models.DateTimeField(null=True)
    return_note = models.TextField(blank=True)

    objects = BatchQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.UniqueConstraint(
                fields=("program", "period", "sequence"), condition=~Q(status="cancelled"), name="batch_once"
            ),
            models.CheckConstraint(condition=~Q(made_by=F("approved_by")), name="batch_maker_not_reviewer"),
            models.CheckConstraint(condition=~Q(made_by=F("released_by")), name="batch_maker_not_approver"),
            models.CheckConstraint(condition=~Q(approved_by=F("released_by")), name="batch_reviewer_not_approver"),
            models.CheckConstraint(
                condition=Q(status__in=("draft", "submitted", "cancelled")) | Q(approved_by__isnull=False),
                name="batch_approved_has_reviewer",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=("paying", "settled", "reconciled", "closed")) | Q(released_by__isnull=False),
                name="batch_released_has_approver",
            ),
        )
        indexes = (models.Index(fields=("status", "-id"), name="batch_status"),)

    def __str__(self) -> str:
        return self.number


class PaymentQuerySet(models.QuerySet["Payment"]):
    def visible_to(self, user: User) -> PaymentQuerySet:
        return self.filter(scope(user, area="area", department="program__department", bank="account__bank"))


class Payment(models.Model):
    """One claim of one person in fen. Paid once: see the unique constraint."""

    class Status(models.TextChoices):
        READY = "ready", _("待发")
        IN_FLIGHT = "in_flight", _("在途")
        PAID = "paid", _("已付")
        RETURNED = "returned", _("已退票")
        FAILED = "failed", _("失败")
        REFUNDED = "refunded", _("已缴回")
        CANCELLED = "cancelled", _("已作废")
        HELD = "held", _("暂缓")

    NEXT: ClassVar[dict[Any, set[Any]]] = {
        Status.READY: {Status.IN_FLIGHT, Status.HELD, Status.CANCELLED},
        Status.HELD: {Status.READY, Status.CANCELLED, Status.REFUNDED},
        # Back to returned only when the reissue is withdrawn before it left.
        Status.IN_FLIGHT: {Status.PAID, Status.FAILED, Status.RETURNED},
        # Late success beats failure; a return (退票) comes after success.
        Status.FAILED: {Status.READY, Status.PAID, Status.REFUNDED},
        Status.PAID: {Status.RETURNED},
        Status.RETURNED: {Status.READY, Status.REFUNDED},
    }

    # Foreign keys without an index of their own lead one of the indexes or constraints below.
    batch = models.ForeignKey(Batch, models.PROTECT, related_name="payments", db_index=False)
    row = models.ForeignKey(RosterRow, models.PROTECT, related_name="payments")
    program = models.ForeignKey(Program, models.PROTECT, related_name="payments")
    period = models.CharField(max_length=10)
    item = models.CharField(max_length=40, blank=True)
    beneficiary = models.ForeignKey(Person, models.PROTECT, related_name="payments", db_index=False)
    payee = models.ForeignKey(Person, models.PROTECT, related_name="+", db_index=False)
    account = models.ForeignKey(Account, models.PROTECT, related_name="payments")
    area = models.ForeignKey(Area, models.PROTECT, related_name="+", db_index=False, help_text="village of the row")
    amount_fen = models.BigIntegerField()
    row_hash = models.BinaryField(max_length=32, help_text="of the roster row when the batch was made")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.READY)
    released_on = models.DateField(null=True)
    paid_on = models.DateField(null=True)
    returned_on = models.DateField(null=True)
    failed_on = models.DateField(null=True)
    failure_code = models.CharField(max_length=4, blank=True, help_text="F01–F99 of the last failure, domain §10.3")

    objects = PaymentQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("program", "period", "beneficiary", "item"),
                condition=~Q(status="cancelled"),
                name="payment_claim_once",
            ),
            models.UniqueConstraint(fields=("row",), condition=~Q(status="cancelled"), name="payment_row_once"),
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="payment_amount_positive"),
            models.CheckConstraint(
                condition=~Q(status="paid") | Q(paid_on__isnull=False), name="payment_paid_has_date"
            ),
        )
        indexes = (
            models.Index(fields=("batch", "status"), name="payment_batch_status"),
            models.Index(fields=("beneficiary", "-id"), name="payment_beneficiary"),
            models.Index(fields=("payee", "-id"), name="payment_payee"),
            models.Index(fields=("released_on",), name="payment_released"),
            # By the beginning of the area code: townships, villages
            models.Index(fields=("area",), name="payment_area", opclasses=("varchar_pattern_ops",)),
            models.Index(fields=("area", "-id"), name="payment_failed", condition=Q(status__in=("failed", "returned"))),
        )

    def __str__(self) -> str:
        return f"payment {self.pk}"


class CorrectionQuerySet(models.QuerySet["Correction"]):
    def visible_to(self, user: User) -> CorrectionQuerySet:
        return self.filter(scope(user, area="payment__area", department="payment__program__department"))


class Correction(models.Model):
    """A township's new account for one failed or returned payment; person and amount never change."""

    class Status(models.TextChoices):
        PROPOSED = "proposed", _("待复核")
        APPROVED = "approved", _("已改，待重发")
        REFUSED = "refused", _("已退回")
        REISSUED = "reissued", _("已重发")

    NEXT: ClassVar[dict[Any, set[Any]]] = {
        Status.PROPOSED: {Status.APPROVED, Status.REFUSED},
        Status.APPROVED: {Status.REISSUED, Status.REFUSED},
        # Its order was withdrawn before it left.
        Status.REISSUED: {Status.APPROVED},
    }

    payment = models.ForeignKey(Payment, models.PROTECT, related_name="corrections")
    failure_code = models.CharField(max_length=4)
    old_account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    new_account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    # The same account again (e.g. after the bank activated it) needs a reason.
    reason = models.CharField(_("说明"), max_length=200)
    proof = models.ForeignKey(StoredFile, models.PROTECT, null=True, related_name="+")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PROPOSED)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    approved_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    reissue = models.ForeignKey("Reissue", models.PROTECT, null=True, related_name="corrections")

    objects = CorrectionQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.UniqueConstraint(
                fields=("payment",), condition=Q(status__in=("proposed", "approved")), name="correction_one_open"
            ),
            models.CheckConstraint(condition=~Q(made_by=F("approved_by")), name="correction_two_persons"),
        )

    def __str__(self) -> str:
        return f"correction {self.pk}"


class Reissue(models.Model):
    """The corrected payments of one batch, sent again together after another person's approval."""

    class Status(models.TextChoices):
        SUBMITTED = "submitted", _("待批准")
        RELEASED = "released", _("已放行")
        REFUSED = "refused", _("已退回")

    NEXT: ClassVar[dict[Any, set[Any]]] = {Status.SUBMITTED: {Status.RELEASED, Status.REFUSED}}

    batch = models.ForeignKey(Batch, models.PROTECT, related_name="reissues")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.SUBMITTED)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    approved_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    approved_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.CheckConstraint(condition=~Q(made_by=F("approved_by")), name="reissue_two_persons"),
            models.CheckConstraint(
                condition=~Q(status="released") | Q(approved_by__isnull=False), name="reissue_released_has_approver"
            ),
            models.UniqueConstraint(fields=("batch",), condition=Q(status="submitted"), name="reissue_one_open"),
        )

    def __str__(self) -> str:
        return f"reissue {self.pk}"

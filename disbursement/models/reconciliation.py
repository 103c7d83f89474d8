"""Statements, what matches what, what does not, and the month's close."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from disbursement.models.banks import Bank, BankFile, BankLine
from disbursement.models.batches import Payment
from disbursement.models.orders import Attempt, Order
from subsidy_portal.models import User
from subsidy_portal.permissions import allowed, scope


class Statement(models.Model):
    """One day of the county's account at one bank: opening − debits + credits = closing, days chain."""

    bank = models.ForeignKey(Bank, models.PROTECT, related_name="statements")
    file = models.OneToOneField(BankFile, models.PROTECT, related_name="statement")
    number = models.PositiveIntegerField(help_text="counts up by one; a gap is a missing statement")
    booked_on = models.DateField()
    opening_fen = models.BigIntegerField()
    closing_fen = models.BigIntegerField()

    class Meta:
        ordering = ("bank_id", "number")
        constraints = (
            models.UniqueConstraint(fields=("bank", "number"), name="statement_number_once"),
            models.UniqueConstraint(fields=("bank", "booked_on"), name="statement_day_once"),
        )

    def __str__(self) -> str:
        return f"{self.bank_id} {self.booked_on}"


class StatementEntry(models.Model):
    """One booking. Debit: money to a person; credit: a return or funds from the treasury."""

    class Kind(models.TextChoices):
        DEBIT = "debit", _("付出")
        RETURN = "return", _("退回")
        FUNDING = "funding", _("拨入")

    statement = models.ForeignKey(Statement, models.PROTECT, related_name="entries", db_index=False)
    line_no = models.PositiveIntegerField()
    kind = models.CharField(max_length=8, choices=Kind.choices)
    amount_fen = models.BigIntegerField()
    ref = models.CharField(max_length=12, blank=True)
    serial = models.CharField(max_length=40)
    narrative = models.CharField(max_length=120, blank=True)
    attempt = models.ForeignKey(Attempt, models.PROTECT, null=True, related_name="entries", db_index=False)
    matched_by = models.CharField(max_length=20, blank=True, help_text="the rule that matched it")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("statement", "line_no"), name="entry_line_once"),
            models.UniqueConstraint(fields=("attempt", "kind"), name="entry_leg_once"),
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="entry_amount_positive"),
        )
        indexes = (
            models.Index(
                fields=("statement",),
                name="entry_unmatched",
                condition=Q(attempt__isnull=True) & ~Q(kind="funding"),
            ),
        )

    def __str__(self) -> str:
        return f"{self.statement_id}:{self.line_no}"


class DiscrepancyQuerySet(models.QuerySet["Discrepancy"]):
    def visible_to(self, user: User) -> DiscrepancyQuerySet:
        """County offices see all; a bank its own, a department its programs', a township its people's."""
        if allowed(user, "see.books"):
            return self
        mine = scope(user, area="payment__area", department="payment__program__department", bank="bank__organisation")
        if user.kind == "department":
            mine |= scope(
                user,
                area="order__batch__program__department__area",
                department="order__batch__program__department",
            )
        return self.filter(mine)

    def late_successes(self) -> DiscrepancyQuerySet:
        """Open ones about payments that the bank may have made although it said they failed."""
        return self.filter(kind=Discrepancy.Kind.LATE_SUCCESS, status=Discrepancy.Status.OPEN)


class Discrepancy(models.Model):
    """Something that does not fit, waiting for a person. Nothing is dropped and nothing is guessed."""

    class Kind(models.TextChoices):
        UNKNOWN_REF = "unknown_ref", _("找不到对应的付款")
        AMOUNT = "amount", _("金额或账户不一致")
        CONFLICT = "conflict", _("结果前后矛盾")
        LATE_SUCCESS = "late_success", _("失败后又成功")
        RETURN_WITHOUT_SUCCESS = "return_alone", _("退票但没有成功记录")
        QUARANTINE = "quarantine", _("文件不合格")
        OUTCOME = "outcome", _("结果待查")
        UNMATCHED_ENTRY = "unmatched", _("对账单有、我方没有")
        MISSING_ENTRY = "missing", _("我方已付、对账单没有")
        CONTENT = "content", _("名单与公示不一致")
        STATEMENT_GAP = "gap", _("对账单缺号或余额不连续")

    class Status(models.TextChoices):
        OPEN = "open", _("待处理")
        RESOLVED = "resolved", _("已处理")

    NEXT: ClassVar[dict[Any, set[Any]]] = {Status.OPEN: {Status.RESOLVED}}

    kind = models.CharField(max_length=14, choices=Kind.choices)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    bank = models.ForeignKey(Bank, models.PROTECT, null=True, related_name="discrepancies")
    order = models.ForeignKey(Order, models.PROTECT, null=True, related_name="discrepancies")
    payment = models.ForeignKey(Payment, models.PROTECT, null=True, related_name="discrepancies")
    file = models.ForeignKey(BankFile, models.PROTECT, null=True, related_name="discrepancies")
    line = models.ForeignKey(BankLine, models.PROTECT, null=True, related_name="discrepancies")
    entry = models.ForeignKey(StatementEntry, models.PROTECT, null=True, related_name="discrepancies")
    amount_fen = models.BigIntegerField(default=0)
    text = models.CharField(max_length=300)
    found_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    resolution = models.CharField(max_length=300, blank=True)

    objects = DiscrepancyQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.UniqueConstraint(fields=("kind", "line"), name="discrepancy_line_once"),
            models.UniqueConstraint(fields=("kind", "entry"), name="discrepancy_entry_once"),
            models.UniqueConstraint(
                fields=("kind", "file"),
                condition=Q(line__isnull=True, entry__isnull=True),
                name="discrepancy_file_once",
            ),
            models.UniqueConstraint(
                fields=("kind", "order"),
                condition=Q(
                    status="open", line__isnull=True, entry__isnull=True, file__isnull=True, payment__isnull=True
                ),
                name="discrepancy_order_once",
            ),
            models.CheckConstraint(condition=Q(status="open") | ~Q(resolution=""), name="discrepancy_has_resolution"),
        )
        indexes = (models.Index(fields=("-id",), name="discrepancy_open", condition=Q(status="open")),)

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class MonthCloseQuerySet(models.QuerySet["MonthClose"]):
    def visible_to(self, user: User) -> MonthCloseQuerySet:
        """The county's books are for county finance and for those who audit it."""
        return self if allowed(user, "see.books") else self.none()


class MonthClose(models.Model):
    """A month that ties to the fen, signed by two persons. Later events land in the next month."""

    class Status(models.TextChoices):
        PREPARED = "prepared", _("待复核")
        CLOSED = "closed", _("已月结")

    NEXT: ClassVar[dict[Any, set[Any]]] = {Status.PREPARED: {Status.CLOSED}}

    month = models.DateField(unique=True, help_text="first day of the month")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PREPARED)
    # Rows per bank, program and day, as signed: {"rows": [...], "totals": {...}}; amounts in fen
    sheet = models.JSONField(default=dict)
    difference_fen = models.BigIntegerField()
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    closed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    closed_at = models.DateTimeField(null=True)

    objects = MonthCloseQuerySet.as_manager()

    class Meta:
        ordering = ("-month",)
        constraints = (
            models.CheckConstraint(condition=~Q(made_by=F("closed_by")), name="month_two_persons"),
            models.CheckConstraint(
                condition=Q(status="prepared") | Q(closed_by__isnull=False), name="month_closed_has_signature"
            ),
            models.CheckConstraint(condition=Q(status="prepared") | Q(difference_fen=0), name="month_closes_at_zero"),
        )

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"

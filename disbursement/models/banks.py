"""The paying banks, and the files that pass between them and the county, kept as they came."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from subsidy_portal.models import Organisation, StoredFile


class Bank(models.Model):
    """How the county and one paying bank exchange files. ``code`` is the first letter of its references."""

    class PaysFrom(models.TextChoices):
        ZERO_BALANCE = "zero_balance", _("零余额账户，国库当日清算")
        DEPOSIT = "deposit", _("实存账户，先拨入再发")

    organisation = models.OneToOneField(Organisation, models.PROTECT, related_name="bank")
    code = models.CharField(_("代号"), max_length=1, unique=True)
    kind = models.CharField(_("通道"), max_length=20, help_text="adapter in settings.BANKS")
    unit_number = models.CharField(_("单位编号"), max_length=20)
    fiscal_account = models.CharField(
        _("代发专户"), max_length=32, help_text="the county's own account, not a person's"
    )
    pays_from = models.CharField(_("账户性质"), max_length=12, choices=PaysFrom.choices, default=PaysFrom.ZERO_BALANCE)
    folder = models.CharField(_("交换目录"), max_length=40, unique=True)
    is_active = models.BooleanField(_("在用"), default=True)
    # When the bank was last asked for days (``asking.py``): the business date, and the real time
    asked_on = models.DateField(null=True, editable=False)
    asked_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ("code",)
        constraints = (models.CheckConstraint(condition=Q(code__regex=r"^[A-Z]$"), name="bank_code_letter"),)

    def __str__(self) -> str:
        return self.organisation.short_name

    @property
    def is_known_kind(self) -> bool:
        return self.kind in settings.BANKS


class BankFile(models.Model):
    """One file, in or out, immutable; the bytes lie encrypted in ``stored``."""

    class Direction(models.TextChoices):
        OUT = "out", _("送出")
        IN = "in", _("收到")

    class Kind(models.TextChoices):
        PAY = "pay", _("代发文件")
        RESULT = "result", _("回盘文件")
        RETURN = "return", _("退票文件")
        STATEMENT = "statement", _("对账单")

    class Status(models.TextChoices):
        RECEIVED = "received", _("已收到")
        APPLIED = "applied", _("已处理")
        QUARANTINED = "quarantined", _("已隔离")
        SENT = "sent", _("已送出")

    NEXT: ClassVar[dict[Any, set[Any]]] = {Status.RECEIVED: {Status.APPLIED, Status.QUARANTINED}}

    bank = models.ForeignKey(Bank, models.PROTECT, related_name="files")
    order = models.ForeignKey("Order", models.PROTECT, null=True, related_name="files")
    direction = models.CharField(max_length=3, choices=Direction.choices)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    status = models.CharField(max_length=12, choices=Status.choices)
    name = models.CharField(max_length=120)
    sm3 = models.CharField(max_length=64)
    stored = models.ForeignKey(StoredFile, models.PROTECT, related_name="+")
    business_on = models.DateField(null=True)
    count = models.PositiveIntegerField(default=0)
    total_fen = models.BigIntegerField(default=0)
    problem = models.CharField(max_length=300, blank=True)
    received_at = models.DateTimeField()

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.UniqueConstraint(fields=("bank", "direction", "sm3"), name="bank_file_once"),
            models.UniqueConstraint(fields=("bank", "direction", "name"), name="bank_file_name_once"),
        )

    def __str__(self) -> str:
        return self.name


class BankLine(models.Model):
    """One line of a result or return file, as the bank sent it. Applied once, or left as a discrepancy."""

    class Result(models.TextChoices):
        SUCCESS = "success", _("成功")
        FAILED = "failed", _("失败")
        UNKNOWN = "unknown", _("处理中")
        RETURNED = "returned", _("退票")

    file = models.ForeignKey(BankFile, models.PROTECT, related_name="lines", db_index=False)
    line_no = models.PositiveIntegerField()
    ref = models.CharField(max_length=12)
    amount_fen = models.BigIntegerField()
    account_last4 = models.CharField(max_length=4)
    result = models.CharField(max_length=10, choices=Result.choices)
    code = models.CharField(max_length=4, blank=True, help_text="our F code")
    bank_code = models.CharField(max_length=20, blank=True)
    bank_text = models.CharField(max_length=120, blank=True)
    bank_serial = models.CharField(max_length=40, blank=True)
    booked_on = models.DateField(null=True)
    attempt = models.ForeignKey("Attempt", models.PROTECT, null=True, related_name="lines")
    applied = models.BooleanField(null=True, help_text="null: not looked at; false: became a discrepancy or repeats")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("file", "line_no"), name="bank_line_once"),)
        indexes = (models.Index(fields=("file",), name="bank_line_waiting", condition=Q(applied__isnull=True)),)

    def __str__(self) -> str:
        return f"{self.file_id}:{self.line_no}"

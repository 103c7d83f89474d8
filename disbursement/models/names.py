"""What a bank said when it was asked whether an account is that person's. Asked before money leaves."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from programs.models import Account


class NameCheck(models.Model):
    """One answer about one account; the last one counts. ``unclear`` decides nothing."""

    class Outcome(models.TextChoices):
        SAME = "same", _("户名相符")
        DIFFERENT = "different", _("户名不符")
        UNCLEAR = "unclear", _("没有答复")

    account = models.ForeignKey(Account, models.PROTECT, related_name="name_checks", db_index=False)
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    bank_code = models.CharField(max_length=20, blank=True)
    bank_text = models.CharField(max_length=120, blank=True)
    checked_at = models.DateTimeField()

    class Meta:
        indexes = (models.Index(fields=("account", "-id"), name="name_check_last"),)

    def __str__(self) -> str:
        return f"{self.account_id} {self.outcome}"

"""One card for one person: who has none yet (未办卡受益人台账, R19), and whose cards are not one to one (R20)."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from programs.models.policies import Program
from programs.models.registry import Account, Person
from subsidy_portal.models import Area, Organisation, StoredFile, User
from subsidy_portal.permissions import scope


class CardQuerySet(models.QuerySet[Any]):
    def visible_to(self, user: User) -> CardQuerySet:
        return self.filter(scope(user, area="area"))

    def unfinished(self) -> CardQuerySet:
        return self.exclude(status__in=("closed", "cancelled", "explained"))


class Uncarded(models.Model):
    """A beneficiary of a program who has no usable account yet, and what is done about it."""

    class Measure(models.TextChoices):
        TOGETHER = "together", _("集中办卡")
        AT_HOME = "at_home", _("上门办卡")
        BY_PROXY = "by_proxy", _("委托代办")
        PENDING = "pending", _("待补身份资料")

    class Status(models.TextChoices):
        OPEN = "open", _("待办卡")
        SENT = "sent", _("已送银行")
        CLOSED = "closed", _("已办好")
        CANCELLED = "cancelled", _("不用办")

    # Back to open: the bank could not open the account.
    NEXT: ClassVar[dict[Any, set[Any]]] = {
        Status.OPEN: {Status.SENT, Status.CLOSED, Status.CANCELLED},
        Status.SENT: {Status.CLOSED, Status.OPEN, Status.CANCELLED},
    }

    person = models.ForeignKey(Person, models.PROTECT, related_name="uncarded")
    program = models.ForeignKey(Program, models.PROTECT, related_name="+", verbose_name=_("项目"))
    area = models.ForeignKey(Area, models.PROTECT, related_name="+")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    measure = models.CharField(_("办卡方式"), max_length=10, choices=Measure.choices, default=Measure.TOGETHER)
    owner = models.CharField(_("责任人"), max_length=30)
    due_on = models.DateField(_("办结期限"))
    note = models.CharField(_("说明"), max_length=200, blank=True)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    # The batch-opening file it went to the bank in
    file = models.ForeignKey(StoredFile, models.PROTECT, null=True, related_name="+")
    bank = models.ForeignKey(Organisation, models.PROTECT, null=True, related_name="+")
    account = models.ForeignKey(Account, models.PROTECT, null=True, related_name="+")

    objects = CardQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.UniqueConstraint(
                fields=("person", "program"), condition=Q(status__in=("open", "sent")), name="uncarded_once"
            ),
            models.CheckConstraint(condition=~Q(status="closed") | Q(account__isnull=False), name="uncarded_closed"),
        )

    def __str__(self) -> str:
        return f"{self.person_id} {self.program_id}"


class CardAnomaly(models.Model):
    """One person with several cards in use, or one card in use by several persons; gone when each has one."""

    class Kind(models.TextChoices):
        MANY_CARDS = "many_cards", _("一人多卡")
        MANY_PEOPLE = "many_people", _("一卡多人")

    class Status(models.TextChoices):
        OPEN = "open", _("待处理")
        EXPLAINED = "explained", _("有正当理由")
        CLOSED = "closed", _("已消除")

    # Closed and opened again by the search: the fact decides.
    NEXT: ClassVar[dict[Any, set[Any]]] = {
        Status.OPEN: {Status.EXPLAINED, Status.CLOSED},
        Status.EXPLAINED: {Status.CLOSED},
        Status.CLOSED: {Status.OPEN},
    }

    kind = models.CharField(_("类别"), max_length=12, choices=Kind.choices)
    # The holder, or the first of several
    person = models.ForeignKey(Person, models.PROTECT, related_name="card_anomalies")
    number_hash = models.BinaryField(max_length=32, help_text="of the shared account; empty for several cards")
    area = models.ForeignKey(Area, models.PROTECT, related_name="+")
    count = models.PositiveSmallIntegerField(_("张数或人数"))
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    due_on = models.DateField(_("办结期限"))
    found_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    reason = models.CharField(_("理由"), max_length=300, blank=True)
    proof = models.ForeignKey(StoredFile, models.PROTECT, null=True, related_name="+")
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    objects = CardQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.UniqueConstraint(fields=("kind", "person", "number_hash"), name="card_anomaly_once"),
            models.CheckConstraint(condition=~Q(status="explained") | ~Q(reason=""), name="card_anomaly_reason"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.person_id}"

    def accounts(self) -> models.QuerySet[Account]:
        """The accounts in use that make it one."""
        used = Account.objects.filter(is_active=True).select_related("holder", "bank", "created_by").order_by("pk")
        if self.kind == self.Kind.MANY_CARDS:
            return used.filter(holder=self.person_id)
        return used.filter(number_hash=bytes(self.number_hash))

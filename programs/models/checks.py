"""Comparison data, the rules, and what they hit. A hit is a suspicion (疑点), never a verdict."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from programs.models.registry import Person
from programs.models.rosters import Roster, RosterRow
from subsidy_portal.models import Area, Organisation, StoredFile, User
from subsidy_portal.permissions import scope


class Rule(models.Model):
    """A check as data: which function in ``programs/checks`` runs, with what, and on which legal text."""

    class Level(models.TextChoices):
        BLOCK = "block", _("必须处理")
        WARN = "warn", _("提醒")

    code = models.CharField(_("编号"), max_length=10, unique=True)
    name = models.CharField(_("名称"), max_length=80)
    check_name = models.CharField(max_length=40, help_text="function in programs.checks.CHECKS")
    level = models.CharField(_("级别"), max_length=10, choices=Level.choices, default=Level.BLOCK)
    params = models.JSONField(default=dict, blank=True)
    legal_text = models.TextField(_("规定原文"), blank=True)
    legal_basis = models.CharField(_("依据"), max_length=200, blank=True)
    waiver = models.CharField(_("可排除的佐证"), max_length=200, blank=True)
    valid_from = models.DateField(null=True, blank=True)
    valid_to = models.DateField(null=True, blank=True)
    is_active = models.BooleanField(_("启用"), default=True)

    class Meta:
        ordering = ("code",)

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Dataset(models.Model):
    """Comparison data from another office, with its source, date and coverage (共享数据)."""

    class Kind(models.TextChoices):
        DEATH = "death", _("死亡登记")
        MOVE_OUT = "move_out", _("户口迁出")
        PUBLIC_PAYROLL = "public_payroll", _("财政供养人员")
        PENSION = "pension", _("养老和退休待遇")
        INJURY_CARE = "injury_care", _("工伤生活护理费")
        COMPANY = "company", _("企业登记")
        VEHICLE = "vehicle", _("车辆登记")
        HOUSE = "house", _("房产登记")
        LAND = "land", _("土地确权")
        DISABILITY = "disability", _("残疾人证")
        DIBAO = "dibao", _("低保对象")
        DESTITUTE = "destitute", _("特困人员")
        VETERAN = "veteran", _("优抚和退役军人")
        PRISON = "prison", _("服刑人员")
        SCHOOL = "school", _("在校学生")
        INCOME = "income", _("收入和财产核对")
        REVERIFY = "reverify", _("年度复核未通过")

    kind = models.CharField(_("类别"), max_length=20, choices=Kind.choices)
    source = models.CharField(_("来源"), max_length=80)
    as_of = models.DateField(_("数据截至"))
    coverage = models.CharField(_("覆盖范围"), max_length=120, blank=True)
    retain_until = models.DateField(_("保存到"), null=True, blank=True)
    file = models.ForeignKey(StoredFile, models.PROTECT, null=True, related_name="+")
    row_count = models.PositiveIntegerField(default=0)
    imported_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    imported_at = models.DateTimeField()

    class Meta:
        ordering = ("-as_of", "-pk")

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.as_of}"


class DatasetRow(models.Model):
    """One person in a dataset, by the blind index of the ID number. The number itself is not kept."""

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="rows")
    kind = models.CharField(max_length=20, choices=Dataset.Kind.choices)
    id_hash = models.BinaryField(max_length=32)
    name = models.CharField(max_length=50)
    event_on = models.DateField(null=True)
    until_on = models.DateField(null=True, help_text="until when it holds: a certificate, a term; none: still")
    item = models.CharField(max_length=40, blank=True, help_text="which of several: plot, plate, company")
    data = models.JSONField(default=dict)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("dataset", "id_hash", "item"), name="dataset_row_once"),)
        indexes = (models.Index(fields=("kind", "id_hash"), name="dataset_row_person"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class SuspicionQuerySet(models.QuerySet["Suspicion"]):
    def visible_to(self, user: User) -> SuspicionQuerySet:
        return self.filter(scope(user, area="area", department="department"))

    def blocking(self) -> SuspicionQuerySet:
        """Undecided ones that keep a roster from going on."""
        return self.filter(status="open", rule__level=Rule.Level.BLOCK)


class Suspicion(models.Model):
    """One hit of one rule, with the evidence it was found on. Decided by a person, never deleted.

    ``stage`` tells whether money had left: before (a roster row) or after payment (an overpayment case).
    """

    class Status(models.TextChoices):
        OPEN = "open", _("待核")
        CONFIRMED = "confirmed", _("属实")
        UNFOUNDED = "unfounded", _("不属实")
        SUPERSEDED = "superseded", _("已失效")

    class Stage(models.TextChoices):
        BEFORE = "before", _("发放前")
        AFTER = "after", _("发放后")

    # Superseded: the row or the other side changed before anybody decided; the checks set it, never a person.
    NEXT: ClassVar[dict[Any, set[Any]]] = {Status.OPEN: {Status.CONFIRMED, Status.UNFOUNDED, Status.SUPERSEDED}}

    rule = models.ForeignKey(Rule, models.PROTECT, related_name="suspicions")
    stage = models.CharField(max_length=10, choices=Stage.choices, default=Stage.BEFORE)
    roster = models.ForeignKey(Roster, models.PROTECT, null=True, related_name="suspicions")
    row = models.ForeignKey(RosterRow, models.PROTECT, null=True, related_name="suspicions")
    person = models.ForeignKey(Person, models.PROTECT, null=True, related_name="suspicions")
    area = models.ForeignKey(Area, models.PROTECT, related_name="+")
    department = models.ForeignKey(Organisation, models.PROTECT, related_name="+")
    amount_fen = models.BigIntegerField(default=0)
    # {"row_no", "text", "other_title", "other"}: what both sides say, masked
    evidence = models.JSONField(default=dict)
    # Same rule, person and facts give the same digest: what was decided once is not asked again.
    digest = models.CharField(max_length=64)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    found_at = models.DateTimeField()
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)
    attachment = models.ForeignKey(StoredFile, models.PROTECT, null=True, related_name="+")

    objects = SuspicionQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.UniqueConstraint(fields=("rule", "row", "stage", "digest"), name="suspicion_once"),
            models.CheckConstraint(
                condition=Q(status="open") | (Q(decided_by__isnull=False) & ~Q(reason="")), name="suspicion_has_reason"
            ),
        )
        indexes = (
            models.Index(fields=("roster",), name="suspicion_open", condition=Q(status="open")),
            models.Index(fields=("digest",), name="suspicion_digest"),
        )

    def __str__(self) -> str:
        return f"{self.rule_id} {self.pk}"

"""Comparison data, the rules, and what they hit. A hit is a suspicion (疑点), never a verdict."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from programs.models.registry import Person
from programs.models.rosters import Roster, RosterRow
from subsidy_portal.models import Area, Job, Organisation, StoredFile, User
from subsidy_portal.permissions import allowed, scope


class RuleQuerySet(models.QuerySet["Rule"]):
    def visible_to(self, user: User) -> RuleQuerySet:
        """The staff of the county reads them all."""
        return self if allowed(user, "see.rosters") else self.none()

    def in_force(self, day: dt.date) -> RuleQuerySet:
        return self.filter(
            Q(valid_from=None) | Q(valid_from__lte=day), Q(valid_to=None) | Q(valid_to__gte=day), is_active=True
        )


class Rule(models.Model):
    """A check as data: which function in ``programs/checks`` runs, with what, and on which legal text."""

    class Level(models.TextChoices):
        BLOCK = "block", _("必须处理")
        WARN = "warn", _("提醒")

    class Type(models.TextChoices):
        EXCLUDE = "exclude", _("不得同享")
        HIGHER_OF = "higher_of", _("就高不就低")
        REQUIRES = "requires", _("须具备资格")
        ALLOW = "allow", _("可以同享")
        ONE_PER = "one_per", _("只领一份")
        AGE = "age", _("年龄和年限")
        EXIT = "exit", _("退出")
        SUSPEND = "suspend", _("暂停发放")
        ACCOUNT = "account", _("账户和收款人")
        AMOUNT = "amount", _("金额")

    class Strength(models.TextChoices):
        DOCUMENT = "document", _("有文件")
        PRACTICE = "practice", _("通行做法")
        WEAK = "weak", _("依据较弱")

    # What a version keeps: everything finance may change
    VERSIONED: ClassVar[tuple[str, ...]] = (
        "level", "is_active", "valid_from", "valid_to", "area", "params", "legal_text", "legal_basis", "strength",
        "waiver", "note",
    )  # fmt: skip

    code = models.CharField(_("编号"), max_length=10, unique=True)
    name = models.CharField(_("名称"), max_length=80)
    type = models.CharField(_("类型"), max_length=10, choices=Type.choices, default=Type.EXCLUDE)
    check_name = models.CharField(max_length=40, help_text="function in programs.checks.CHECKS")
    level = models.CharField(_("级别"), max_length=10, choices=Level.choices, default=Level.BLOCK)
    params = models.JSONField(default=dict, blank=True)
    legal_text = models.TextField(_("规定原文"), blank=True)
    legal_basis = models.CharField(_("依据"), max_length=200, blank=True)
    waiver = models.CharField(_("可排除的佐证"), max_length=200, blank=True)
    strength = models.CharField(_("依据"), max_length=10, choices=Strength.choices, default=Strength.DOCUMENT)
    note = models.TextField(_("说明"), blank=True)
    valid_from = models.DateField(_("生效日期"), null=True, blank=True)
    valid_to = models.DateField(_("失效日期"), null=True, blank=True)
    # Rows of this area only; none: the whole county
    area = models.ForeignKey(Area, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("适用地区"))
    is_active = models.BooleanField(_("启用"), default=True)
    version = models.PositiveIntegerField(_("版本"), default=1)

    objects = RuleQuerySet.as_manager()

    class Meta:
        ordering = ("code",)

    def __str__(self) -> str:
        return f"{self.code} {self.name}"

    @property
    def values(self) -> dict[str, Any]:
        """The versioned fields as JSON: dates as ISO text, the area by its code."""
        found = {name: getattr(self, name) for name in self.VERSIONED if name != "area"} | {"area": self.area_id}
        return found | {name: found[name] and str(found[name]) for name in ("valid_from", "valid_to")}


class RuleVersion(models.Model):
    """A rule as it stood: what a hit was found and decided on. Append-only (trigger)."""

    rule = models.ForeignKey(Rule, models.PROTECT, related_name="versions")
    version = models.PositiveIntegerField(_("版本"))
    values = models.JSONField(help_text="as Rule.values")
    # None: as it was shipped
    made_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    made_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-version",)
        constraints = (models.UniqueConstraint(fields=("rule", "version"), name="rule_version_once"),)

    def __str__(self) -> str:
        return f"{self.rule_id} v{self.version}"


class DatasetQuerySet(models.QuerySet["Dataset"]):
    def visible_to(self, user: User) -> DatasetQuerySet:
        """Finance and oversight see all lists of the county, a department the kinds it keeps and what it brought,
        a township the lists of the whole county and its own.
        """
        if not allowed(user, "see.oversight") or user.organisation is None:
            return self.none()
        if user.kind == Organisation.Kind.DEPARTMENT:
            keeps = DatasetPolicy.objects.filter(department=user.organisation).values("kind")
            return self.filter(Q(kind__in=keeps) | Q(imported_by__organisation=user.organisation))
        if user.kind == Organisation.Kind.TOWNSHIP:
            return self.filter(Q(area=None) | Q(area__code__startswith=user.area_prefix))
        return self


class Dataset(models.Model):
    """Comparison data from another office, with its source, date and coverage (共享数据).

    The file it came in is removed once it is read: what stays are blind indexes, its name and its SM3.
    """

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
        MISSING = "missing", _("失踪人员")
        SCHOOL = "school", _("在校学生")
        INCOME = "income", _("收入和财产核对")
        REVERIFY = "reverify", _("年度复核未通过")

    class Status(models.TextChoices):
        COLLECTING = "collecting", _("接收中")
        QUEUED = "queued", _("排队中")
        READING = "reading", _("读取中")
        REFUSED = "refused", _("有错误，没有导入")
        IMPORTED = "imported", _("在用")
        PURGED = "purged", _("已到期清除")

    # Collecting: the API hands it over in pages.
    NEXT: ClassVar[dict[Any, set[Any]]] = {
        Status.COLLECTING: {Status.QUEUED, Status.REFUSED},
        Status.QUEUED: {Status.READING, Status.REFUSED},
        Status.READING: {Status.IMPORTED, Status.REFUSED},
        Status.IMPORTED: {Status.PURGED},
    }

    kind = models.CharField(_("类别"), max_length=20, choices=Kind.choices)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.IMPORTED)
    # The township it covers; none: the whole county
    area = models.ForeignKey(Area, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("覆盖乡镇"))
    source = models.CharField(_("来源"), max_length=80)
    as_of = models.DateField(_("数据截至"))
    coverage = models.CharField(_("覆盖范围"), max_length=120, blank=True)
    retain_until = models.DateField(_("保存到"), null=True, blank=True)
    file = models.ForeignKey(StoredFile, models.PROTECT, null=True, related_name="+")
    file_name = models.CharField(_("文件"), max_length=100, blank=True)
    file_sm3 = models.CharField(max_length=64, blank=True)
    key = models.CharField(max_length=64, blank=True, help_text="the caller's own key: the same key is the same list")
    pages = models.JSONField(default=dict, help_text='page number → {"sm3", "rows"} while it is collected')
    job = models.ForeignKey(Job, models.PROTECT, null=True, related_name="+")
    row_count = models.PositiveIntegerField(default=0)
    problem_count = models.PositiveIntegerField(default=0)
    problems = models.JSONField(default=list, help_text="as those of a roster file, at most 500; values masked")
    imported_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    imported_at = models.DateTimeField()

    objects = DatasetQuerySet.as_manager()

    class Meta:
        ordering = ("-as_of", "-pk")
        constraints = (
            models.UniqueConstraint(fields=("imported_by", "key"), condition=~Q(key=""), name="dataset_key_once"),
        )
        indexes = (models.Index(fields=("kind", "source", "-as_of"), name="dataset_newest"),)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.as_of}"


class DatasetPolicy(models.Model):
    """What finance lays down for one kind of comparison data: how old it may be, how long it is kept, who keeps it."""

    kind = models.CharField(_("类别"), max_length=20, choices=Dataset.Kind.choices, unique=True)
    max_age_days = models.PositiveSmallIntegerField(_("多少天内算新"))
    keep_days = models.PositiveSmallIntegerField(_("保存天数"))
    # None: any department may bring it
    department = models.ForeignKey(
        Organisation, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("由哪个部门提供")
    )

    class Meta:
        ordering = ("kind",)

    def __str__(self) -> str:
        return self.get_kind_display()


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

    def undecided(self) -> SuspicionQuerySet:
        """Those that keep a roster from going on, of either level: only a decided roster does."""
        return self.filter(status="open", stage="before")

    def blocking(self) -> SuspicionQuerySet:
        """The undecided that also keep money of an accepted roster from leaving; a late hint does not."""
        return self.undecided().filter(rule__level=Rule.Level.BLOCK)

    def alike(self, suspicion: Suspicion) -> SuspicionQuerySet:
        """The undecided ones of the same rule on the same roster, itself among them."""
        return self.undecided().filter(rule=suspicion.rule_id, roster=suspicion.roster_id)


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
    # The rule as it stood when this was last found: decided on that text, whatever the rule says later
    rule_version = models.ForeignKey(RuleVersion, models.PROTECT, null=True, related_name="+", db_index=False)
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

    @property
    def terms(self) -> dict[str, Any]:
        """Legal text, basis, waiver and params of the rule at the time this was found, as ``Rule.values``."""
        return self.rule_version.values if self.rule_version is not None else self.rule.values

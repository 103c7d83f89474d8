"""The policy list (政策清单) and the programs it governs. Columns: domain §6."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from subsidy_portal.models import Organisation, User
from subsidy_portal.permissions import scope


class ProgramQuerySet(models.QuerySet["Program"]):
    def visible_to(self, user: User) -> ProgramQuerySet:
        """Programs a user works with: departments their own, everybody else inside the county all."""
        if user.organisation is None or user.role == User.Role.ADMINISTRATOR:
            return self.none()
        return (
            self.filter(scope(user, area="department__area", department="department"))
            if (user.kind == Organisation.Kind.DEPARTMENT)
            else self
        )

    def public(self) -> ProgramQuerySet:
        """Programs that may be named outside: never a classified one (R2)."""
        return self.filter(is_classified=False)


class Program(models.Model):
    """One policy-defined subsidy (补贴项目)."""

    class Tier(models.TextChoices):
        CENTRAL = "central", _("中央")
        PROVINCE = "province", _("省")
        CITY = "city", _("市")
        COUNTY = "county", _("县")

    class PaidTo(models.TextChoices):
        PERSON = "person", _("到人")
        HOUSEHOLD = "household", _("到户")

    class Cycle(models.TextChoices):
        MONTHLY = "monthly", _("按月")
        QUARTERLY = "quarterly", _("按季")
        YEARLY = "yearly", _("按年")
        ONE_OFF = "one_off", _("一次性")

    class NameMask(models.TextChoices):
        FULL = "full", _("全名")
        SURNAME = "surname", _("只留姓")

    class RuleLevel(models.TextChoices):
        WARN = "warn", _("导入，列为疑点")
        REFUSE = "refuse", _("不导入，要改正")

    code = models.CharField(_("项目编码"), max_length=12, unique=True)
    name = models.CharField(_("补贴项目名称"), max_length=80, unique=True)
    short_name = models.CharField(_("项目简称"), max_length=30)
    tier = models.CharField(_("政策层级"), max_length=10, choices=Tier.choices, default=Tier.COUNTY)
    department = models.ForeignKey(
        Organisation,
        models.PROTECT,
        verbose_name=_("主管部门"),
        related_name="programs",
        limit_choices_to={"kind": Organisation.Kind.DEPARTMENT},
    )
    finance_division = models.CharField(_("财政业务股室"), max_length=40, blank=True)
    paid_to = models.CharField(_("发放到人/到户"), max_length=10, choices=PaidTo.choices)
    cycle = models.CharField(_("发放周期"), max_length=10, choices=Cycle.choices)
    standard_fen = models.BigIntegerField(_("标准（分）"), help_text="fen for one unit in one period; 0: no fixed one")
    standard_unit = models.CharField(_("标准单位"), max_length=20, default="人·月")
    standard_text = models.CharField(_("补贴标准"), max_length=200)
    # An expression over 标准, 数量 and the program's own columns that gives yuan; empty: standard × quantity.
    amount_rule = models.CharField(_("金额算法"), max_length=300, blank=True)
    rule_level = models.CharField(_("金额与算法不符时"), max_length=10, choices=RuleLevel.choices, default="warn")
    cap_fen = models.BigIntegerField(_("单笔上限（分）"), null=True, blank=True)
    pay_by_days = models.PositiveSmallIntegerField(_("兑付时限（天）"), default=30)
    notice_days = models.PositiveSmallIntegerField(_("公示天数"), default=7)
    notice_working_days = models.BooleanField(_("公示按工作日"), default=False)
    name_mask = models.CharField(_("公示姓名"), max_length=10, choices=NameMask.choices, default=NameMask.FULL)
    scope_text = models.TextField(_("补贴对象范围"), blank=True)
    audience = models.JSONField(_("适用人群"), default=list, blank=True)
    fund_source = models.CharField(_("资金来源"), max_length=80, blank=True)
    basis_title = models.CharField(_("政策文件"), max_length=120, blank=True)
    basis_number = models.CharField(_("文号"), max_length=60, blank=True)
    basis_issued_on = models.DateField(_("发文日期"), null=True, blank=True)
    how_to_apply = models.TextField(_("申领方式与材料"), blank=True)
    phone = models.CharField(_("咨询电话"), max_length=30, blank=True)
    complaint_phone = models.CharField(_("监督电话"), max_length=30, blank=True)
    on_platform = models.BooleanField(_("通过平台发放"), default=True)
    is_classified = models.BooleanField(_("涉密项目"), default=False)
    is_active = models.BooleanField(_("在用"), default=True)
    effective_from = models.DateField(_("生效日期"), null=True, blank=True)
    effective_to = models.DateField(_("失效日期"), null=True, blank=True)

    objects = ProgramQuerySet.as_manager()

    class Meta:
        ordering = ("code",)
        constraints = (
            models.CheckConstraint(condition=Q(standard_fen__gte=0), name="program_standard_not_negative"),
            models.CheckConstraint(condition=Q(notice_days__gte=1), name="program_notice_days_positive"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def terms(self) -> dict[str, Any]:
        """What decides an amount and who gets it; it holds as the list published it (fen)."""
        return {name: getattr(self, name) for name in ("paid_to", "standard_fen", "cap_fen", "amount_rule")}


class ProgramColumn(models.Model):
    """A column that this program's roster has besides those of the provincial template (domain §7)."""

    class Kind(models.TextChoices):
        TEXT = "text", _("文字")
        INTEGER = "integer", _("整数")
        DECIMAL = "decimal", _("小数")
        DATE = "date", _("日期")
        CHOICE = "choice", _("选项")
        ID_NUMBER = "id_number", _("身份证号")

    program = models.ForeignKey(Program, models.CASCADE, related_name="columns")
    position = models.PositiveSmallIntegerField(_("序号"))
    label = models.CharField(
        _("栏目"), max_length=20, help_text="what the header says, and its name in the amount rule"
    )
    kind = models.CharField(_("填什么"), max_length=10, choices=Kind.choices)
    required = models.BooleanField(_("必填"), default=True)
    choices = models.JSONField(_("选项"), default=list, blank=True)
    help = models.CharField(_("填写说明"), max_length=120, blank=True)
    example = models.CharField(_("例"), max_length=40, blank=True)

    class Meta:
        ordering = ("position",)
        constraints = (
            models.UniqueConstraint(fields=("program", "label"), name="program_column_label_once"),
            models.UniqueConstraint(fields=("program", "position"), name="program_column_position_once"),
        )

    def __str__(self) -> str:
        return self.label


class PolicyList(models.Model):
    """One year's list of policies in one version. A published version never changes."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("编制中")
        PUBLISHED = "published", _("已公布")
        SUPERSEDED = "superseded", _("已被新版替代")

    NEXT: ClassVar[dict[Any, set[Any]]] = {
        Status.DRAFT: {Status.PUBLISHED},
        Status.PUBLISHED: {Status.SUPERSEDED},
    }

    year = models.PositiveSmallIntegerField(_("年度"))
    version = models.PositiveSmallIntegerField(_("版本"))
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.DRAFT)
    note = models.CharField(_("说明"), max_length=200, blank=True)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    published_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    published_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-year", "-version")
        constraints = (
            models.UniqueConstraint(fields=("year", "version"), name="policy_list_version"),
            models.UniqueConstraint(
                fields=("year",), condition=Q(status="published"), name="policy_list_one_published"
            ),
            models.UniqueConstraint(fields=("year",), condition=Q(status="draft"), name="policy_list_one_draft"),
            models.CheckConstraint(condition=~Q(made_by=F("published_by")), name="policy_list_two_persons"),
        )

    def __str__(self) -> str:
        return f"{self.year}年第{self.version}版"

    @property
    def public_items(self) -> PolicyItemQuerySet:
        """Its lines in their order, without classified programs."""
        return PolicyItem.objects.filter(policy_list=self).public().select_related("program")


class PolicyItemQuerySet(models.QuerySet["PolicyItem"]):
    def public(self) -> PolicyItemQuerySet:
        """Lines that may be shown: a program classified later leaves every version that ever named it (R2)."""
        return self.filter(program__is_classified=False)

    def governing(self, program: Program, year: int) -> PolicyItem | None:
        """The program's line in the list that governs ``year``: the newest published one of that year or before."""
        published = self.filter(program=program, policy_list__status="published", policy_list__year__lte=year)
        return published.order_by("-policy_list__year").first()


class PolicyItem(models.Model):
    """One line of a list: a program as it stood when this version was made (values copied, not linked)."""

    policy_list = models.ForeignKey(PolicyList, models.CASCADE, related_name="items")
    position = models.PositiveSmallIntegerField(_("序号"))
    program = models.ForeignKey(Program, models.PROTECT, related_name="policy_items")
    values = models.JSONField(help_text="the columns of domain §6 by name, as published")
    terms = models.JSONField(default=dict, help_text="Program.terms as published")

    objects = PolicyItemQuerySet.as_manager()

    class Meta:
        ordering = ("position",)
        constraints = (
            models.UniqueConstraint(fields=("policy_list", "program"), name="policy_item_program_once"),
            models.UniqueConstraint(fields=("policy_list", "position"), name="policy_item_position_once"),
        )

    def __str__(self) -> str:
        return f"{self.policy_list_id}/{self.position}"

"""The problem ledger (问题台账): every problem is followed to 销号 with evidence. Columns: domain §11."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from disbursement.models import Payment
from programs.models import Program, Suspicion
from subsidy_portal import clock
from subsidy_portal.models import Area, Organisation, StoredFile, User
from subsidy_portal.permissions import scope


class ProblemQuerySet(models.QuerySet["Problem"]):
    def visible_to(self, user: User) -> ProblemQuerySet:
        if user.kind == Organisation.Kind.DEPARTMENT:
            mine = Q(unit=user.organisation) | Q(program__department=user.organisation)
            return self.filter(scope(user, area="area") & mine)
        return self.filter(scope(user, area="area"))

    def in_charge(self, user: User) -> ProblemQuerySet:
        """The visible ones that this user's office has to put right."""
        visible = self.visible_to(user)
        if user.kind == Organisation.Kind.DEPARTMENT:
            return visible
        if user.kind == Organisation.Kind.TOWNSHIP:
            return visible.filter(unit__kind__in=(Organisation.Kind.TOWNSHIP, Organisation.Kind.VILLAGE))
        return visible.filter(unit=user.organisation)

    def unfinished(self) -> ProblemQuerySet:
        """Everything that is neither closed nor unfounded (在办)."""
        return self.filter(status__in=Problem.UNFINISHED)

    def overdue(self) -> ProblemQuerySet:
        """Past the deadline and closing not yet asked for."""
        return self.filter(status__in=Problem.IN_WORK, due_on__lt=clock.today())

    def with_recovery(self) -> ProblemQuerySet:
        """Annotate ``recovered_fen``: what came back, ``remitted_fen``: of it, what reached the treasury.

        And ``missing_fen``: what is still out. Recovery due = recovered + written off + missing.
        """

        def fen(**kinds: Any) -> Coalesce:
            kept = Q(recoveries__voided_by=None, **kinds)
            return Coalesce(Sum("recoveries__amount_fen", filter=kept), 0, output_field=models.BigIntegerField())

        missing = F("recovery_due_fen") - F("write_off_fen") - F("recovered_fen")
        remitted = fen(recoveries__remitted_on__isnull=False)
        return self.annotate(recovered_fen=fen(), remitted_fen=remitted).annotate(missing_fen=missing)  # type: ignore[no-redef]

    def for_export(self) -> ProblemQuerySet:
        """With everything a line of the ledger names, in three queries."""
        recoveries = models.Prefetch("recoveries", Recovery.objects.valid())
        return (
            self.with_recovery()
            .select_related("unit", "program", "reviewed_by")
            .prefetch_related(recoveries, "evidence")
            .order_by("pk")
        )


class Problem(models.Model):
    """One problem of one unit, from registration to 销号."""

    class Status(models.TextChoices):
        REGISTERED = "registered", _("待核实")
        VERIFIED = "verified", _("待整改")
        RECTIFYING = "rectifying", _("整改中")
        CLOSE_REQUESTED = "close_requested", _("申请销号")
        CLOSED = "closed", _("已销号")
        UNFOUNDED = "unfounded", _("不属实")

    NEXT: ClassVar[dict[Any, set[Any]]] = {
        Status.REGISTERED: {Status.VERIFIED, Status.UNFOUNDED},
        Status.VERIFIED: {Status.RECTIFYING},
        Status.RECTIFYING: {Status.CLOSE_REQUESTED},
        Status.CLOSE_REQUESTED: {Status.CLOSED, Status.RECTIFYING},
    }

    # The unit still has something to do; a deadline can be missed.
    IN_WORK: ClassVar[tuple[str, ...]] = (Status.REGISTERED, Status.VERIFIED, Status.RECTIFYING)
    UNFINISHED: ClassVar[tuple[str, ...]] = (*IN_WORK, Status.CLOSE_REQUESTED)

    class Source(models.TextChoices):
        SELF_CHECK = "self_check", _("自查")
        SPOT_CHECK = "spot_check", _("抽查")
        INSPECTION = "inspection", _("重点检查")
        AUDIT = "audit", _("审计")
        REPORT = "report", _("举报")
        COMPARISON = "comparison", _("系统比对")
        SUPERVISION = "supervision", _("督查")

    class Category(models.TextChoices):
        """The 14 items of S2 in three groups; crosswalk to 附件2: domain §8."""

        G1_01 = "G1-01", _("拆分资金、多头管理")
        G1_02 = "G1-02", _("发放不及时、不足额、应享受未享受")
        G1_03 = "G1-03", _("超范围超标准、应退出未退出")
        G1_04 = "G1-04", _("未按规定形式发放、二次分配")
        G1_05 = "G1-05", _("清单或公示不到位")
        G1_06 = "G1-06", _("台账、审批、身份更新、结存资金不规范")
        G1_07 = "G1-07", _("政策漏洞")
        G2_01 = "G2-01", _("一人多卡")
        G2_02 = "G2-02", _("代理银行过多或未按要求选定")
        G2_03 = "G2-03", _("违规收费")
        G3_01 = "G3-01", _("优亲厚友、吃拿卡要")
        G3_02 = "G3-02", _("冒用他人证件办卡冒领")
        G3_03 = "G3-03", _("侵占、挪用")
        G3_04 = "G3-04", _("私自保管、扣押卡折")

    number = models.CharField(_("编号"), max_length=20, unique=True)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.REGISTERED)
    source = models.CharField(_("来源"), max_length=12, choices=Source.choices)
    found_on = models.DateField(_("发现日期"))
    area = models.ForeignKey(Area, models.PROTECT, related_name="+", verbose_name=_("所在区划"))
    unit = models.ForeignKey(Organisation, models.PROTECT, related_name="problems", verbose_name=_("责任单位"))
    program = models.ForeignKey(Program, models.PROTECT, null=True, blank=True, verbose_name=_("涉及项目"))
    year = models.PositiveSmallIntegerField(_("年度"))
    category = models.CharField(_("问题类别"), max_length=6, choices=Category.choices)
    annex2_column = models.PositiveSmallIntegerField(_("附件2列"), help_text="1–14")
    title = models.CharField(_("问题"), max_length=80)
    description = models.TextField(_("问题描述"))
    persons = models.PositiveIntegerField(_("涉及人数"), default=0)
    households = models.PositiveIntegerField(_("涉及户数"), default=0)
    amount_fen = models.BigIntegerField(_("涉及金额（分）"), default=0)
    cards = models.PositiveIntegerField(_("违规卡数"), default=0)
    fix_now = models.BooleanField(_("立行立改"), default=False)
    measures = models.TextField(_("整改措施"), blank=True)
    leader = models.CharField(_("责任领导"), max_length=30, blank=True)
    owner = models.CharField(_("责任人"), max_length=30, blank=True)
    due_on = models.DateField(_("整改时限"), null=True, blank=True)
    progress = models.TextField(_("进展"), blank=True)
    recovery_due_fen = models.BigIntegerField(_("应追缴（分）"), default=0)
    write_off_fen = models.BigIntegerField(_("核销（分）"), default=0)
    write_off_basis = models.CharField(_("核销依据"), max_length=200, blank=True)
    restitution_due_fen = models.BigIntegerField(_("应返还（分）"), default=0)
    restitution_paid_fen = models.BigIntegerField(_("已返还（分）"), default=0)
    sanctions = models.CharField(_("处理人员"), max_length=200, blank=True)
    transfer = models.CharField(_("线索移交"), max_length=200, blank=True, help_text="office, date, number, outcome")
    institution = models.CharField(_("制度建设"), max_length=200, blank=True)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    verified_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    close_requested_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    close_requested_at = models.DateTimeField(null=True)
    reviewed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    review_note = models.TextField(_("复核结论"), blank=True)
    closed_on = models.DateField(_("销号日期"), null=True)
    published_on = models.DateField(_("公开日期"), null=True)
    published_url = models.CharField(_("公开链接"), max_length=200, blank=True)

    # Annotated by ``with_recovery``.
    recovered_fen: int
    remitted_fen: int
    missing_fen: int

    objects = ProblemQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.CheckConstraint(
                condition=~Q(reviewed_by=F("close_requested_by")), name="problem_reviewer_not_requester"
            ),
            models.CheckConstraint(condition=~Q(reviewed_by=F("made_by")), name="problem_reviewer_not_author"),
            models.CheckConstraint(condition=Q(annex2_column__range=(1, 14)), name="problem_annex2_column"),
            models.CheckConstraint(
                condition=Q(write_off_fen=0) | ~Q(write_off_basis=""), name="problem_write_off_has_basis"
            ),
            models.CheckConstraint(
                condition=~Q(status="closed") | (Q(closed_on__isnull=False) & Q(reviewed_by__isnull=False)),
                name="problem_closed_has_review",
            ),
        )
        indexes = (models.Index(fields=("status", "due_on"), name="problem_status"),)

    def __str__(self) -> str:
        return self.number

    @property
    def is_in_work(self) -> bool:
        return self.status in self.IN_WORK

    @property
    def overdue_days(self) -> int:
        """Days the unit was or is late: the deadline against the day it asked for closing, else today."""
        if self.due_on is None or self.status == self.Status.UNFOUNDED:
            return 0
        asked = None if self.is_in_work else self.close_requested_at
        end: dt.date = asked.astimezone(clock.CHINA).date() if asked else clock.today()
        return max(0, (end - self.due_on).days)


class ProblemPaymentQuerySet(models.QuerySet["ProblemPayment"]):
    def with_missing(self) -> ProblemPaymentQuerySet:
        """Annotate fen recorded for this very payment: ``recovered_fen`` and ``missing_fen``."""
        of_payment = Recovery.objects.valid().filter(problem=OuterRef("problem"), payment=OuterRef("payment"))
        total = of_payment.order_by().values("payment").annotate(fen=Sum("amount_fen")).values("fen")
        recovered = Coalesce(Subquery(total), 0, output_field=models.BigIntegerField())
        return self.annotate(recovered_fen=recovered, missing_fen=F("amount_fen") - recovered)  # type: ignore[no-redef]

    def unregistered_suspicions(self, user: User) -> models.QuerySet[Suspicion]:
        """Confirmed suspicions after payment, visible to ``user``, that are in no standing problem."""
        taken = self.exclude(problem__status=Problem.Status.UNFOUNDED).exclude(suspicion=None)
        return (
            Suspicion.objects.visible_to(user)
            .filter(stage=Suspicion.Stage.AFTER, status=Suspicion.Status.CONFIRMED)
            .exclude(pk__in=taken.values("suspicion"))
        )

    def still_missing(self) -> ProblemPaymentQuerySet:
        return self.with_missing().filter(missing_fen__gt=0)  # type: ignore[misc]


class ProblemPayment(models.Model):
    """A payment that was wrong, with the fen of it that were. Found by the suspicion beside it."""

    problem = models.ForeignKey(Problem, models.PROTECT, related_name="payments")
    payment = models.ForeignKey(Payment, models.PROTECT, related_name="problems")
    suspicion = models.ForeignKey(Suspicion, models.PROTECT, null=True, related_name="+")
    amount_fen = models.BigIntegerField()

    # Annotated by ``with_missing``.
    recovered_fen: int
    missing_fen: int

    objects = ProblemPaymentQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        constraints = (
            models.UniqueConstraint(fields=("problem", "payment"), name="problem_payment_once"),
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="problem_payment_positive"),
        )

    def __str__(self) -> str:
        return f"{self.problem_id} {self.payment_id}"


class RecoveryQuerySet(models.QuerySet["Recovery"]):
    def valid(self) -> RecoveryQuerySet:
        """Those that count: a mistaken entry stays on record, but is void."""
        return self.filter(voided_by=None)

    def sum_fen(self) -> int:
        return self.aggregate(fen=Coalesce(Sum("amount_fen"), 0, output_field=models.BigIntegerField()))["fen"]


class Recovery(models.Model):
    """Money that came back for a problem, and its way into the treasury (缴入国库) with a voucher."""

    problem = models.ForeignKey(Problem, models.PROTECT, related_name="recoveries")
    payment = models.ForeignKey(Payment, models.PROTECT, null=True, related_name="recoveries")
    amount_fen = models.BigIntegerField(_("金额（分）"))
    received_on = models.DateField(_("收回日期"))
    voucher = models.CharField(_("缴库凭证号"), max_length=40, blank=True)
    remitted_on = models.DateField(_("缴库日期"), null=True, blank=True)
    recorded_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()
    # Amounts never change: a mistyped one is voided, with the reason, before it is remitted.
    voided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    void_note = models.CharField(_("作废原因"), max_length=200, blank=True)

    objects = RecoveryQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        constraints = (
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="recovery_positive"),
            models.CheckConstraint(
                condition=Q(voided_by=None) | (Q(remitted_on=None) & ~Q(void_note="")), name="recovery_void_has_note"
            ),
            models.CheckConstraint(
                condition=Q(remitted_on__isnull=True) | ~Q(voucher=""), name="recovery_remitted_has_voucher"
            ),
            models.UniqueConstraint(
                fields=("voucher", "problem", "payment"), condition=~Q(voucher=""), name="recovery_once"
            ),
        )

    def __str__(self) -> str:
        return f"recovery {self.pk}"


class Evidence(models.Model):
    """A file that proves something about a problem."""

    problem = models.ForeignKey(Problem, models.PROTECT, related_name="evidence")
    title = models.CharField(_("名称"), max_length=80)
    file = models.ForeignKey(StoredFile, models.PROTECT, related_name="+")
    added_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    added_at = models.DateTimeField()

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return self.title

"""Fund plans: carry-over and current-year money of one program (R12). Balances are sums of entries."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from programs.models.policies import Program
from subsidy_portal.models import StoredFile, User
from subsidy_portal.permissions import scope


class FundPlanQuerySet(models.QuerySet["FundPlan"]):
    def visible_to(self, user: User) -> FundPlanQuerySet:
        return self.filter(scope(user, area="program__department__area", department="program__department"))

    def with_planned_fen(self) -> FundPlanQuerySet:
        """Annotate ``planned_fen`` and its parts ``carried_fen``, ``issued_fen``: confirmed entries summed, in fen."""

        def total(**kinds: Any) -> Coalesce:
            return Coalesce(
                Sum("entries__amount_fen", filter=Q(entries__status="confirmed", **kinds)),
                0,
                output_field=models.BigIntegerField(),
            )

        return self.annotate(
            carried_fen=total(entries__kind="carry_over"),
            issued_fen=total(entries__kind__in=("issued", "adjusted")),
            planned_fen=total(),
        )


class FundPlan(models.Model):
    """The money of one program in one fund year. Its row is the lock that keeps payments inside the plan."""

    program = models.ForeignKey(Program, models.PROTECT, related_name="fund_plans")
    year = models.PositiveSmallIntegerField(_("年度"))

    objects = FundPlanQuerySet.as_manager()

    class Meta:
        ordering = ("-year", "program__code")
        constraints = (models.UniqueConstraint(fields=("program", "year"), name="fund_plan_once"),)

    def __str__(self) -> str:
        return f"{self.year} {self.program_id}"


class FundEntry(models.Model):
    """One change of a plan. Append-only: amounts never change; a mistake is corrected by another entry."""

    class Kind(models.TextChoices):
        CARRY_OVER = "carry_over", _("上年结转")
        ISSUED = "issued", _("本年下达")
        ADJUSTED = "adjusted", _("追加或调减")

    class Status(models.TextChoices):
        PROPOSED = "proposed", _("待复核")
        CONFIRMED = "confirmed", _("已生效")
        REFUSED = "refused", _("已退回")

    NEXT: ClassVar[dict[Any, set[Any]]] = {Status.PROPOSED: {Status.CONFIRMED, Status.REFUSED}}

    plan = models.ForeignKey(FundPlan, models.PROTECT, related_name="entries")
    kind = models.CharField(_("类别"), max_length=12, choices=Kind.choices)
    amount_fen = models.BigIntegerField(_("金额（分）"))
    document_number = models.CharField(_("文号"), max_length=60, blank=True)
    note = models.CharField(_("说明"), max_length=200, blank=True)
    attachment = models.ForeignKey(StoredFile, models.PROTECT, null=True, related_name="+")
    entered_on = models.DateField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PROPOSED)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    confirmed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ("pk",)
        constraints = (
            models.CheckConstraint(condition=~Q(amount_fen=0), name="fund_entry_not_zero"),
            models.CheckConstraint(
                condition=Q(kind="adjusted") | Q(amount_fen__gt=0), name="fund_entry_only_adjustment_negative"
            ),
            models.CheckConstraint(condition=~Q(made_by=F("confirmed_by")), name="fund_entry_two_persons"),
        )

    def __str__(self) -> str:
        return f"{self.plan_id} {self.kind}"

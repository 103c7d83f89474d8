"""What two must agree on in the registry: that two entries are one person, where one belongs, who heads a household."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from programs.models.registry import Household, Person
from subsidy_portal.models import Area, Organisation, User
from subsidy_portal.permissions import scope


class AgreementQuerySet(models.QuerySet[Any]):
    """``sides``: the area lookups of the two townships; either of them, and the county, sees it."""

    def visible_to(self, user: User) -> AgreementQuerySet:
        if user.kind == Organisation.Kind.DEPARTMENT:
            return self.filter(scope(user, area=self.model.SIDES[0]) & Q(made_by__organisation=user.organisation))
        first, second = self.model.SIDES
        return self.filter(scope(user, area=first) | scope(user, area=second))

    def waiting(self) -> AgreementQuerySet:
        return self.filter(status=Agreement.Status.ASKED)


class Agreement(models.Model):
    """Asked by one, agreed to or refused by another; until then the one who asked may take it back."""

    class Status(models.TextChoices):
        ASKED = "asked", _("待同意")
        AGREED = "agreed", _("已同意")
        REFUSED = "refused", _("不同意")
        WITHDRAWN = "withdrawn", _("已撤回")

    NEXT: ClassVar[dict[Any, set[Any]]] = {Status.ASKED: {Status.AGREED, Status.REFUSED, Status.WITHDRAWN}}
    SIDES: ClassVar[tuple[str, str]]

    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ASKED)
    reason = models.CharField(_("理由"), max_length=300)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    answer = models.CharField(_("答复"), max_length=300, blank=True)

    objects = AgreementQuerySet.as_manager()

    class Meta:
        abstract = True
        ordering = ("-pk",)


class PersonMerge(Agreement):
    """Two entries of the registry are one person. The claims and accounts of ``gone`` stay as they were written."""

    SIDES = ("keep__area", "gone__area")

    keep = models.ForeignKey(Person, models.PROTECT, related_name="merges_into", verbose_name=_("保留"))
    gone = models.ForeignKey(Person, models.PROTECT, related_name="merges_away", verbose_name=_("并入"))

    class Meta(Agreement.Meta):
        constraints = (
            models.UniqueConstraint(fields=("gone",), condition=Q(status__in=("asked", "agreed")), name="merge_once"),
            models.CheckConstraint(condition=~Q(keep=F("gone")), name="merge_of_two"),
            models.CheckConstraint(condition=~Q(status="refused") | ~Q(answer=""), name="merge_refused_with_answer"),
        )

    def __str__(self) -> str:
        return f"{self.gone_id} → {self.keep_id}"


class PersonMove(Agreement):
    """A person, or a head with the whole household, belongs to another village from now on."""

    SIDES = ("from_area", "to_area")

    person = models.ForeignKey(Person, models.PROTECT, related_name="moves")
    from_area = models.ForeignKey(Area, models.PROTECT, related_name="+", verbose_name=_("原村"))
    to_area = models.ForeignKey(Area, models.PROTECT, related_name="+", verbose_name=_("新村"))
    with_household = models.BooleanField(_("连户迁"), default=False)
    # The township that has to agree: the one that did not ask, or the own one for a move inside it.
    decides = models.ForeignKey(Area, models.PROTECT, related_name="+", verbose_name=_("由谁同意"))

    class Meta(Agreement.Meta):
        constraints = (
            models.UniqueConstraint(fields=("person",), condition=Q(status="asked"), name="move_one_open"),
            models.CheckConstraint(condition=~Q(from_area=F("to_area")), name="move_elsewhere"),
            models.CheckConstraint(condition=~Q(status="refused") | ~Q(answer=""), name="move_refused_with_answer"),
        )

    def __str__(self) -> str:
        return f"{self.person_id} {self.from_area_id} → {self.to_area_id}"


class HeadChange(Agreement):
    """A household gets another head. To-household money goes to the head, so a second person has to agree."""

    SIDES = ("household__area", "household__area")

    household = models.ForeignKey(Household, models.PROTECT, related_name="head_changes", verbose_name=_("户"))
    old_head = models.ForeignKey(Person, models.PROTECT, related_name="+", verbose_name=_("原户主"))
    new_head = models.ForeignKey(Person, models.PROTECT, related_name="+", verbose_name=_("新户主"))
    old_relation = models.CharField(
        _("原户主与新户主的关系"), max_length=20, help_text="empty: leaves the household", blank=True
    )

    class Meta(Agreement.Meta):
        constraints = (
            models.UniqueConstraint(fields=("household",), condition=Q(status="asked"), name="head_change_one_open"),
            models.CheckConstraint(condition=~Q(old_head=F("new_head")), name="head_change_of_two"),
            models.CheckConstraint(condition=~Q(made_by=F("decided_by")), name="head_change_two_persons"),
            models.CheckConstraint(condition=~Q(status="refused") | ~Q(answer=""), name="head_refused_with_answer"),
        )

    def __str__(self) -> str:
        return f"{self.household_id} {self.old_head_id} → {self.new_head_id}"

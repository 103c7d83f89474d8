"""The public notice (公示): the rows frozen and hashed. What was publicised is what is paid."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from programs.models.rosters import Roster, RosterRow
from subsidy_portal.models import Area, StoredFile, User
from subsidy_portal.permissions import scope


class NoticeQuerySet(models.QuerySet["Notice"]):
    def visible_to(self, user: User) -> NoticeQuerySet:
        return self.filter(scope(user, area="roster__area", department="roster__program__department"))

    def public_on(self, day: dt.date) -> NoticeQuerySet:
        """Notices whose rows anybody may read on ``day``: open, in time, program not classified."""
        return self.filter(status="open", starts_on__lte=day, ends_on__gte=day, roster__program__is_classified=False)


class Notice(models.Model):
    """One posting of one roster revision, for the program's notice days."""

    class Status(models.TextChoices):
        OPEN = "open", _("公示中")
        ENDED = "ended", _("已结束")
        WITHDRAWN = "withdrawn", _("已撤回")

    NEXT: ClassVar[dict[Any, set[Any]]] = {Status.OPEN: {Status.ENDED, Status.WITHDRAWN}}

    # What the address of the public page shows: it tells nothing about how many notices there are.
    slug = models.CharField(max_length=16, unique=True)
    roster = models.ForeignKey(Roster, models.PROTECT, related_name="notices")
    revision = models.PositiveSmallIntegerField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    starts_on = models.DateField(_("公示开始"))
    ends_on = models.DateField(_("公示结束"))
    row_count = models.PositiveIntegerField()
    amount_fen = models.BigIntegerField()
    content_hash = models.CharField(max_length=64, help_text="SHA-256 over the row hashes in row order, hex")
    opened_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    opened_at = models.DateTimeField()

    objects = NoticeQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints = (
            # A withdrawn notice did not run its days: the same revision may be posted again.
            models.UniqueConstraint(
                fields=("roster", "revision"), condition=~Q(status="withdrawn"), name="notice_once"
            ),
            models.UniqueConstraint(fields=("roster",), condition=Q(status="open"), name="notice_one_open"),
            models.CheckConstraint(condition=Q(ends_on__gte=F("starts_on")), name="notice_ends_after_start"),
        )
        indexes = (models.Index(fields=("ends_on",), name="notice_open", condition=Q(status="open")),)

    def __str__(self) -> str:
        return self.slug


class NoticeRow(models.Model):
    """One publicised row, frozen: what the sheet said, and the hash of the row it stands for."""

    notice = models.ForeignKey(Notice, models.PROTECT, related_name="rows", db_index=False)
    row = models.ForeignKey(RosterRow, models.PROTECT, related_name="notice_rows")
    row_hash = models.BinaryField(max_length=32)
    position = models.PositiveIntegerField()
    area = models.ForeignKey(Area, models.PROTECT, related_name="+")
    group_no = models.CharField(max_length=20, blank=True)
    public_name = models.CharField(max_length=50, help_text="masked as the program and the person's age ask")
    quantity = models.DecimalField(max_digits=12, decimal_places=2, default=1)
    amount_fen = models.BigIntegerField()

    class Meta:
        ordering = ("position",)
        constraints = (
            models.UniqueConstraint(fields=("notice", "row"), name="notice_row_once"),
            models.UniqueConstraint(fields=("notice", "position"), name="notice_row_position"),
        )

    def __str__(self) -> str:
        return f"{self.notice_id}/{self.position}"


class ObjectionQuerySet(models.QuerySet["Objection"]):
    def visible_to(self, user: User) -> ObjectionQuerySet:
        return self.filter(scope(user, area="notice__roster__area", department="notice__roster__program__department"))

    def held(self) -> dict[str, int]:
        """``n`` rows and ``fen`` that wait for an answer; a row has one open objection at most."""
        fen = Coalesce(Sum("row__amount_fen"), 0, output_field=models.BigIntegerField())
        return self.filter(status="open").aggregate(n=models.Count("pk"), fen=fen)


class Objection(models.Model):
    """Somebody objects to one publicised row: the row is held until it is decided."""

    class Status(models.TextChoices):
        OPEN = "open", _("核实中")
        UPHELD = "upheld", _("成立，已剔除")
        REJECTED = "rejected", _("不成立")

    NEXT: ClassVar[dict[Any, set[Any]]] = {Status.OPEN: {Status.UPHELD, Status.REJECTED}}

    number = models.CharField(_("受理号"), max_length=20, unique=True)
    notice = models.ForeignKey(Notice, models.PROTECT, related_name="objections")
    row = models.ForeignKey(RosterRow, models.PROTECT, related_name="objections")
    text = models.TextField(_("异议内容"))
    contact_sealed = models.BinaryField(null=True, help_text="name and phone of who objects, if given")
    attachment = models.ForeignKey(StoredFile, models.PROTECT, null=True, related_name="+")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    received_at = models.DateTimeField()
    recorded_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    answer = models.TextField(_("答复"), blank=True)

    objects = ObjectionQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.UniqueConstraint(fields=("row",), condition=Q(status="open"), name="objection_one_open"),
            models.CheckConstraint(
                condition=Q(status="open") | (Q(decided_by__isnull=False) & ~Q(answer="")), name="objection_answered"
            ),
        )

    def __str__(self) -> str:
        return self.number

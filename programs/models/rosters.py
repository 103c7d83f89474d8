"""A roster (清册): who in one township gets how much of one program in one period, from one clean file."""

from __future__ import annotations

import base64
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from programs.models.policies import Program
from programs.models.registry import GUARDED, Account, Household, Person
from subsidy_portal import crypto
from subsidy_portal.models import Area, Job, Organisation, StoredFile, User
from subsidy_portal.permissions import scope


class RosterQuerySet(models.QuerySet["Roster"]):
    def visible_to(self, user: User) -> RosterQuerySet:
        return self.filter(scope(user, area="area", department="program__department"))

    def uncompared(self) -> RosterQuerySet:
        """Drafts with a clean revision that nobody has compared yet: a worker died between the two."""
        return self.filter(status="draft", revision__gt=0, checked_at=None)

    def with_totals(self) -> RosterQuerySet:
        """Annotate ``row_count`` and ``amount_fen`` over the rows that stay in the current revision."""
        current = Q(rows__revision=F("revision"), rows__status__in=("included", "held"))
        return self.annotate(
            row_count=models.Count("rows", filter=current),
            amount_fen=Coalesce(
                models.Sum("rows__amount_fen", filter=current), 0, output_field=models.BigIntegerField()
            ),
        )


class Roster(models.Model):
    class Status(models.TextChoices):
        DRAFT = "draft", _("编制中")
        SUBMITTED = "submitted", _("乡镇审核")
        TOWN_APPROVED = "town_approved", _("待公示")
        ON_NOTICE = "on_notice", _("公示中")
        NOTICED = "noticed", _("公示期满")
        DEPT_CHECKED = "dept_checked", _("部门复核")
        DEPT_APPROVED = "dept_approved", _("待财政受理")
        ACCEPTED = "accepted", _("已受理")
        CANCELLED = "cancelled", _("已作废")

    # A returned roster goes to draft (or to the department's desk) and comes back to the desk that returned it.
    NEXT: ClassVar[dict[Any, set[Any]]] = {
        Status.DRAFT: {Status.SUBMITTED, Status.NOTICED, Status.DEPT_CHECKED, Status.DEPT_APPROVED, Status.CANCELLED},
        Status.SUBMITTED: {Status.TOWN_APPROVED, Status.DRAFT},
        Status.TOWN_APPROVED: {Status.ON_NOTICE, Status.DRAFT},
        Status.ON_NOTICE: {Status.NOTICED, Status.DRAFT},
        Status.NOTICED: {Status.DEPT_CHECKED, Status.DEPT_APPROVED, Status.DRAFT},
        Status.DEPT_CHECKED: {Status.DEPT_APPROVED, Status.NOTICED, Status.DRAFT},
        Status.DEPT_APPROVED: {Status.ACCEPTED, Status.NOTICED, Status.DRAFT},
    }

    number = models.CharField(_("清册号"), max_length=20, unique=True)
    program = models.ForeignKey(Program, models.PROTECT, related_name="rosters", verbose_name=_("项目"))
    area = models.ForeignKey(Area, models.PROTECT, related_name="rosters", verbose_name=_("乡镇"))
    period = models.CharField(_("期间"), max_length=10, help_text="2022, 2022-Q1 or 2022-03")
    sequence = models.PositiveSmallIntegerField(_("期内第几次"), default=1)
    status = models.CharField(max_length=15, choices=Status.choices, default=Status.DRAFT)
    revision = models.PositiveSmallIntegerField(default=0, help_text="0: no clean file yet")
    # The desk that returned it, as the status it had there; empty when it was never returned or has come back.
    returned_from = models.CharField(max_length=15, choices=Status.choices, blank=True)
    return_note = models.TextField(blank=True)
    checked_at = models.DateTimeField(null=True, help_text="when the current revision was compared with everything")
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    submitted_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    town_reviewed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    dept_checked_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    dept_approved_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    accepted_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    due_on = models.DateField(_("办理期限"), null=True)

    objects = RosterQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.UniqueConstraint(
                fields=("program", "area", "period", "sequence"), condition=~Q(status="cancelled"), name="roster_once"
            ),
            models.CheckConstraint(condition=~Q(submitted_by=F("town_reviewed_by")), name="roster_town_two_persons"),
            models.CheckConstraint(condition=~Q(dept_checked_by=F("dept_approved_by")), name="roster_dept_two_persons"),
            models.CheckConstraint(condition=~Q(dept_approved_by=F("accepted_by")), name="roster_accept_other_person"),
        )
        indexes = (models.Index(fields=("status", "-id"), name="roster_status"),)

    def __str__(self) -> str:
        return self.number


class RosterImport(models.Model):
    """One uploaded file and what was found in it. Nothing of it is stored in rows until it is clean."""

    class Status(models.TextChoices):
        QUEUED = "queued", _("排队中")
        READING = "reading", _("读取中")
        ASKING = "asking", _("等您选择")
        REFUSED = "refused", _("有错误，没有导入")
        IMPORTED = "imported", _("已导入")

    NEXT: ClassVar[dict[Any, set[Any]]] = {
        Status.QUEUED: {Status.READING, Status.REFUSED},
        # Asking: several sheets fit, or the headers are unknown; the answer goes on where reading stopped.
        Status.READING: {Status.ASKING, Status.REFUSED, Status.IMPORTED},
        Status.ASKING: {Status.QUEUED, Status.REFUSED},
    }

    roster = models.ForeignKey(Roster, models.PROTECT, related_name="imports")
    file = models.ForeignKey(StoredFile, models.PROTECT, related_name="+")
    marked_file = models.ForeignKey(StoredFile, models.PROTECT, null=True, related_name="+")
    job = models.ForeignKey(Job, models.PROTECT, null=True, related_name="+")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    revision = models.PositiveSmallIntegerField(null=True, help_text="the revision it became")
    rows = models.PositiveIntegerField(default=0)
    amount_fen = models.BigIntegerField(default=0)
    # What is asked while the status is ASKING; the clerk's answers: the sheet, and field → column index in it
    question = models.JSONField(default=dict)
    sheet_name = models.CharField(max_length=60, blank=True)
    columns = models.JSONField(default=dict)
    # The refused import whose cells were corrected on screen to make this one
    corrects = models.ForeignKey("self", models.PROTECT, null=True, related_name="corrected_by")
    # The earlier import with exactly these claims: nothing was stored, ``revision`` is that one's
    same_as = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")
    claims_digest = models.BinaryField(max_length=32, default=b"", help_text="keyed hash over the claims as a set")
    problem_count = models.PositiveIntegerField(default=0)
    # Every problem counted by its cause, the most blocking first: see programs.imports.causes
    problem_groups = models.JSONField(default=list)
    # [{"sheet", "row", "column", "code", "message", "hint", "shown"}]: at most 2,000; values masked
    problems = models.JSONField(default=list)
    warnings = models.JSONField(default=list)
    uploaded_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField()

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"import {self.pk}"


class CellEdit(models.Model):
    """One cell of an uploaded file, corrected on screen. The file itself stays as it came."""

    roster_import = models.ForeignKey(RosterImport, models.PROTECT, related_name="edits")
    sheet = models.CharField(max_length=60)
    row = models.PositiveIntegerField(help_text="row in the sheet, as the clerk sees it")
    column = models.CharField(max_length=3, help_text="column letter")
    value_sealed = models.BinaryField(help_text="the new text, encrypted: it may be an ID or account number")
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return f"{self.column}{self.row}"

    @staticmethod
    def place(pk: int) -> str:
        return f"programs_celledit.value:{pk}"

    @property
    def value(self) -> str:
        """The full new text: for reading the file again, and for the clerk's own workbook."""
        return crypto.decrypt(self.value_sealed, self.place(self.pk))


class ColumnMapping(models.Model):
    """How a department's own layout maps to our columns: asked once, recognised by its header words next time."""

    department = models.ForeignKey(Organisation, models.PROTECT, related_name="+")
    signature = models.CharField(max_length=64, help_text="SM3 of the normalised header words in order")
    columns = models.JSONField(help_text="field → column index")
    header = models.JSONField(help_text="the header words, for showing")
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("department", "signature"), name="column_mapping_once"),)

    def __str__(self) -> str:
        return f"mapping {self.pk}"


class RowHash(models.Func):
    """SHA-256 over everything that decides who is paid how much: the same row has the same hash for ever.

    Account and person rows never change number or holder, so their keys stand for them.
    """

    template = "sha256((%(expressions)s || md5(item))::bytea)"
    arg_joiner = "::text || '|' || "

    def __init__(self, *fields: Any, **extra: Any) -> None:
        super().__init__(*fields, models.Value(""), output_field=models.BinaryField(max_length=32), **extra)


class RosterRow(models.Model):
    """One claim of one person. Head, beneficiary and payee are kept apart."""

    class Status(models.TextChoices):
        INCLUDED = "included", _("在册")
        HELD = "held", _("暂缓")
        LEFT = "left", _("已剔除")

    NEXT: ClassVar[dict[Any, set[Any]]] = {
        Status.INCLUDED: {Status.HELD, Status.LEFT},
        Status.HELD: {Status.INCLUDED, Status.LEFT},
    }

    # roster_row_once leads with it
    roster = models.ForeignKey(Roster, models.PROTECT, related_name="rows", db_index=False, **GUARDED)
    revision = models.PositiveSmallIntegerField()
    row_no = models.PositiveIntegerField(_("行"), help_text="row in the sheet, as the clerk sees it")
    beneficiary = models.ForeignKey(Person, models.PROTECT, related_name="claims", **GUARDED)
    head = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+", db_index=False, **GUARDED)
    payee = models.ForeignKey(Person, models.PROTECT, related_name="+", **GUARDED)
    household = models.ForeignKey(Household, models.PROTECT, null=True, related_name="+", db_index=False, **GUARDED)
    account = models.ForeignKey(Account, models.PROTECT, related_name="+", **GUARDED)
    area = models.ForeignKey(Area, models.PROTECT, related_name="+", verbose_name=_("村"), db_index=False, **GUARDED)
    group_no = models.CharField(_("组"), max_length=20, blank=True)
    item = models.CharField(_("分项"), max_length=40, blank=True)
    quantity = models.DecimalField(_("数量"), max_digits=12, decimal_places=2, default=1)
    standard_fen = models.BigIntegerField(_("标准（分）"))
    amount_fen = models.BigIntegerField(_("金额（分）"))
    # What the program's amount rule gave when the row was read; None: the program had none.
    expected_fen = models.BigIntegerField(_("按算法应发（分）"), null=True)
    note = models.CharField(_("备注"), max_length=200, blank=True)
    # The program's own columns: label → text, int, decimal as text, ISO date; an ID number as
    # {"hash": hex, "last4", "sealed": base64}
    extra = models.JSONField(default=dict)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.INCLUDED)
    # Computed by the database, so that a change made behind the portal's back changes it too.
    row_hash = models.GeneratedField(
        expression=RowHash(
            "roster_id", "beneficiary_id", Coalesce("head_id", 0), "payee_id", "account_id", "amount_fen"
        ),
        output_field=models.BinaryField(max_length=32),
        db_persist=True,
    )

    class Meta:
        ordering = ("row_no",)
        constraints = (
            models.UniqueConstraint(fields=("roster", "revision", "row_no"), name="roster_row_once"),
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="roster_row_amount_positive"),
        )

    @property
    def account_words(self) -> str:
        """The account as two of one person are told apart: bank, last four, and the name where it is another's."""
        account = self.account
        words = [account.bank.short_name, _("尾号 %s") % account.number_last4]
        if account.name_at_bank != self.payee.name:
            words.append(_("户名%s") % account.name_at_bank)
        return " ".join(map(str, words))

    def __str__(self) -> str:
        return f"{self.roster_id} row {self.row_no}"

    @staticmethod
    def extra_place(roster_id: int, revision: int, row_no: int, label: str) -> str:
        """Where a sealed ID number in ``extra`` belongs: row keys are not known yet when it is written."""
        return f"programs_rosterrow.extra:{roster_id}:{revision}:{row_no}:{label}"

    @property
    def shown_extra(self) -> dict[str, str]:
        """The program's own columns as they may be shown: of an ID number the last four."""
        return {
            label: f"••••{value['last4']}" if isinstance(value, dict) else str(value)
            for label, value in self.extra.items()
        }

    def reveal_extra(self, label: str) -> str:
        """The full value of an own column, for files that go back to the township; the caller records an event."""
        value = self.extra.get(label, "")
        if not isinstance(value, dict):
            return str(value)
        place = self.extra_place(self.roster_id, self.revision, self.row_no, label)
        return crypto.decrypt(base64.b64decode(value["sealed"]), place)

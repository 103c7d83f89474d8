"""What citizens ask, complain of, report and request; and results of rectification as the public reads them."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from disbursement.models import Payment
from disbursement.rounds import working_days_between
from programs.models import Notice, Person, Program
from selfcheck.models import Problem
from subsidy_portal import clock, crypto
from subsidy_portal.models import Area, Organisation, StoredFile, User
from subsidy_portal.permissions import scope

K = Organisation.Kind


class InquiryQuerySet(models.QuerySet["Inquiry"]):
    def visible_to(self, user: User) -> InquiryQuerySet:
        """Finance all of its county, oversight what accuses somebody, other offices what is theirs to answer.

        What is about one's own unit does not exist, whoever one is: no page, count, search or API tells of it.
        """
        office = user.organisation
        if not user.is_active or office is None or user.role == User.Role.ADMINISTRATOR:
            return self.none()
        seen = Q(owner=office)
        if user.kind == K.FINANCE:
            seen |= Q(area__code__startswith=user.area_prefix)
        elif user.kind in {K.AUDIT, K.DISCIPLINE}:
            seen |= Q(area__code__startswith=user.area_prefix, kind__in=Inquiry.ACCUSING)
        return self.filter(seen).exclude(about__in=own_units(office))

    def unanswered(self) -> InquiryQuerySet:
        return self.filter(status__in=Inquiry.UNANSWERED)

    def overdue(self) -> InquiryQuerySet:
        """Not answered, and the day by which it had to be is over."""
        return self.unanswered().filter(due_on__lt=clock.today())

    def unrated(self) -> InquiryQuerySet:
        """Answered so long ago that silence closes it."""
        before = clock.now() - dt.timedelta(days=Inquiry.RATING_DAYS)
        return self.filter(status=Inquiry.Status.ANSWERED, answered_at__lt=before)


def own_units(office: Organisation) -> models.QuerySet[Organisation]:
    """The offices whose people ``office`` counts as its own: itself, and of a township every office of it."""
    same = Q(pk=office.pk)
    if office.kind == K.TOWNSHIP:
        same |= Q(kind=K.TOWNSHIP, area=office.area_id)
    return Organisation.objects.filter(same)


class Inquiry(models.Model):
    """One thing a citizen wants answered. Who it is, and what they wrote, lie sealed."""

    class Kind(models.TextChoices):
        CONSULT = "consult", _("咨询")
        COMPLAINT = "complaint", _("投诉")
        REPORT = "report", _("举报")
        DISCLOSURE = "disclosure", _("信息公开申请")

    class Status(models.TextChoices):
        RECEIVED = "received", _("待分办")
        ASSIGNED = "assigned", _("办理中")
        ANSWERED = "answered", _("已答复")
        ESCALATED = "escalated", _("升级办理")
        CLOSED = "closed", _("已办结")

    NEXT: ClassVar[dict[Any, set[Any]]] = {
        Status.RECEIVED: {Status.ASSIGNED},
        Status.ASSIGNED: {Status.ANSWERED, Status.RECEIVED},
        Status.ANSWERED: {Status.CLOSED, Status.ASSIGNED, Status.ESCALATED},
        Status.ESCALATED: {Status.ANSWERED},
    }

    UNANSWERED: ClassVar[tuple[str, ...]] = (Status.RECEIVED, Status.ASSIGNED, Status.ESCALATED)
    # Kinds that say something against somebody: who said it stays with the county.
    ACCUSING: ClassVar[tuple[str, ...]] = (Kind.COMPLAINT, Kind.REPORT)
    RATING_DAYS: ClassVar[int] = 7
    # The second "not" goes to the county itself.
    ROUNDS: ClassVar[int] = 2

    number = models.CharField(_("受理编号"), max_length=20, unique=True)
    code_hash = models.BinaryField(max_length=32, help_text="of the code that opens it together with the number")
    once_hash = models.BinaryField(max_length=32, null=True, unique=True, help_text="of the form it came by")
    kind = models.CharField(_("类别"), max_length=10, choices=Kind.choices)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.RECEIVED)
    area = models.ForeignKey(Area, models.PROTECT, related_name="+", verbose_name=_("所在区划"))
    program = models.ForeignKey(Program, models.PROTECT, null=True, related_name="+", verbose_name=_("涉及项目"))
    about = models.ForeignKey(Organisation, models.PROTECT, null=True, related_name="+", verbose_name=_("被反映的单位"))
    owner = models.ForeignKey(Organisation, models.PROTECT, null=True, related_name="+", verbose_name=_("承办单位"))
    text_sealed = models.BinaryField()
    contact_sealed = models.BinaryField(null=True, help_text="name and phone of who asks, if given")
    received_at = models.DateTimeField()
    due_on = models.DateField(_("答复期限"))
    # 1 when its office was told that the day comes near, 2 when it is over
    reminded = models.PositiveSmallIntegerField(default=0)
    refusals = models.PositiveSmallIntegerField(_("不满意次数"), default=0)
    answered_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    problem = models.OneToOneField(Problem, models.PROTECT, null=True, related_name="+")

    objects = InquiryQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.CheckConstraint(
                condition=Q(owner=None) | Q(about=None) | ~Q(owner=models.F("about")), name="inquiry_owner_not_accused"
            ),
            models.CheckConstraint(
                condition=~Q(status__in=("assigned", "answered", "escalated", "closed")) | Q(owner__isnull=False),
                name="inquiry_owned",
            ),
        )
        indexes = (models.Index(fields=("status", "due_on"), name="inquiry_status"),)

    def __str__(self) -> str:
        return self.number

    @staticmethod
    def text_place(pk: int) -> str:
        return f"publicity_inquiry.text:{pk}"

    @staticmethod
    def contact_place(pk: int) -> str:
        return f"publicity_inquiry.contact:{pk}"

    @staticmethod
    def code_index(number: str, code: str) -> bytes:
        """The code counts with its own number only."""
        return crypto.blind_index(f"{number}|{code}", "inquiry.code")

    @property
    def text(self) -> str:
        return crypto.decrypt(self.text_sealed, self.text_place(self.pk))

    @property
    def is_accusing(self) -> bool:
        return self.kind in self.ACCUSING

    @property
    def is_unanswered(self) -> bool:
        return self.status in self.UNANSWERED

    @property
    def is_overdue(self) -> bool:
        return self.is_unanswered and self.due_on < clock.today()

    @property
    def days_used(self) -> int:
        """Working days from the day it came to its last answer."""
        end = self.answered_at or clock.now()
        return working_days_between(self.received_at.astimezone(clock.CHINA).date(), end.astimezone(clock.CHINA).date())


class InquiryFile(models.Model):
    """A photograph or PDF that came with an inquiry, under a name of ours: the sender's may tell who sent it."""

    inquiry = models.ForeignKey(Inquiry, models.PROTECT, related_name="files")
    file = models.ForeignKey(StoredFile, models.PROTECT, related_name="+")

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return self.file.name


class InquiryAnswer(models.Model):
    """One answer, and what the citizen thought of it; a second answer is a second row."""

    inquiry = models.ForeignKey(Inquiry, models.PROTECT, related_name="answers")
    text = models.TextField(_("答复"))
    office = models.ForeignKey(Organisation, models.PROTECT, related_name="+")
    answered_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    answered_at = models.DateTimeField()
    satisfied = models.BooleanField(_("满意"), null=True)
    rated_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return f"{self.inquiry_id} {self.pk}"


class ResultQuerySet(models.QuerySet["Result"]):
    def current(self) -> ResultQuerySet:
        """What the public reads now: each problem's newest text."""
        return self.filter(replaced_at=None)


class Result(models.Model):
    """What the public reads about one rectified problem (R58). A corrected text is a new row."""

    problem = models.ForeignKey(Problem, models.PROTECT, related_name="+")
    summary = models.CharField(_("整改结果"), max_length=300)
    published_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    published_on = models.DateField()
    replaced_at = models.DateTimeField(null=True)

    objects = ResultQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.UniqueConstraint(fields=("problem",), condition=Q(replaced_at=None), name="result_one_current"),
        )

    def __str__(self) -> str:
        return f"result {self.problem_id}"


class MessageQuerySet(models.QuerySet["Message"]):
    def visible_to(self, user: User) -> MessageQuerySet:
        return self.filter(
            scope(user, area="person__area", department="program__department"), program__is_classified=False
        )


class Message(models.Model):
    """One short message to one person about one thing; nothing personal in it beyond the last four digits."""

    class Kind(models.TextChoices):
        PAID = "paid", _("到账")
        FAILED = "failed", _("没发成功")
        NOTICE = "notice", _("公示开始")

    class Status(models.TextChoices):
        QUEUED = "queued", _("待发")
        SENDING = "sending", _("发送中")
        SENT = "sent", _("已发")
        REFUSED = "refused", _("没发出")
        UNKNOWN = "unknown", _("不确定")

    NEXT: ClassVar[dict[Any, set[Any]]] = {
        Status.QUEUED: {Status.SENDING, Status.REFUSED},
        # Back to queued only when it is certain that nothing left.
        Status.SENDING: {Status.SENT, Status.REFUSED, Status.UNKNOWN, Status.QUEUED},
    }

    kind = models.CharField(max_length=8, choices=Kind.choices)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.QUEUED)
    person = models.ForeignKey(Person, models.PROTECT, related_name="messages")
    program = models.ForeignKey(Program, models.PROTECT, related_name="+")
    payment = models.ForeignKey(Payment, models.PROTECT, null=True, related_name="messages")
    notice = models.ForeignKey(Notice, models.PROTECT, null=True, related_name="messages")
    about_on = models.DateField(help_text="the day it happened")
    text = models.CharField(max_length=200)
    queued_at = models.DateTimeField()
    claimed_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=100, blank=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints = (
            # Told once, however often the timer comes round
            models.UniqueConstraint(
                fields=("payment", "kind", "about_on"), condition=Q(payment__isnull=False), name="message_payment_once"
            ),
            models.UniqueConstraint(
                fields=("notice", "person"), condition=Q(notice__isnull=False), name="message_notice_once"
            ),
            models.CheckConstraint(
                condition=Q(payment__isnull=False) | Q(notice__isnull=False), name="message_about_something"
            ),
        )
        indexes = (models.Index(fields=("id",), name="message_waiting", condition=Q(status__in=("queued", "sending"))),)

    def __str__(self) -> str:
        return f"message {self.pk}"


class MessageOptOut(models.Model):
    """This person wants no messages. Taken back by deleting it, which is an event like its making."""

    person = models.OneToOneField(Person, models.CASCADE, related_name="message_opt_out")
    made_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"no messages to {self.person_id}"

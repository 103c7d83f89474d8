"""The kernel: where (Area), who (Organisation, User), long work (Job, StoredFile) and what happened (Event)."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractUser, UserManager
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import models, transaction
from django.db.models import Q
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from subsidy_portal import crypto


class Area(models.Model):
    """A statistical division (统计用区划代码). The 12-digit code is the tenancy.

    Codes change every year: a retired one keeps its rows and names its successor.
    """

    class Level(models.TextChoices):
        COUNTY = "county", _("县")
        TOWNSHIP = "township", _("乡镇")
        VILLAGE = "village", _("村")

    PREFIX_LENGTH: ClassVar[dict[str, int]] = {"county": 6, "township": 9, "village": 12}

    code = models.CharField(_("区划代码"), max_length=12, primary_key=True)
    name = models.CharField(_("名称"), max_length=60)
    level = models.CharField(_("级别"), max_length=10, choices=Level.choices)
    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children")
    aliases = models.JSONField(_("别名"), default=list, blank=True)
    population = models.PositiveIntegerField(_("人口"), default=0)
    valid_from = models.DateField(_("启用日期"), null=True, blank=True)
    valid_to = models.DateField(_("停用日期"), null=True, blank=True)
    successor = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ("code",)
        constraints = (models.CheckConstraint(condition=Q(code__regex=r"^\d{12}$"), name="area_code_12_digits"),)

    def __str__(self) -> str:
        return self.name

    @property
    def prefix(self) -> str:
        """What every code inside this area begins with."""
        return self.code[: self.PREFIX_LENGTH[self.level]]


class Organisation(models.Model):
    """An office or a bank that works with the portal."""

    class Kind(models.TextChoices):
        FINANCE = "finance", _("财政")
        DEPARTMENT = "department", _("主管部门")
        TOWNSHIP = "township", _("乡镇")
        VILLAGE = "village", _("村（居）")
        BANK = "bank", _("代发银行")
        AUDIT = "audit", _("审计")
        DISCIPLINE = "discipline", _("纪检监察")

    kind = models.CharField(_("类别"), max_length=12, choices=Kind.choices)
    area = models.ForeignKey(Area, models.PROTECT, verbose_name=_("所在区划"), related_name="organisations")
    name = models.CharField(_("名称"), max_length=80, unique=True)
    short_name = models.CharField(_("简称"), max_length=20)
    phone = models.CharField(_("电话"), max_length=30, blank=True)
    address = models.CharField(_("地址"), max_length=120, blank=True)
    is_active = models.BooleanField(_("在用"), default=True)

    class Meta:
        ordering = ("kind", "area_id", "id")

    def __str__(self) -> str:
        return self.name


class PortalUserManager(UserManager["User"]):
    def system(self) -> User:
        """The account in whose name timers, imports and bank results act; nobody can log in as it."""
        user, created = self.get_or_create(
            username="system", defaults={"display_name": "系统", "is_active": False, "role": User.Role.VIEWER}
        )
        if created:
            user.set_unusable_password()
            user.save(update_fields=["password"])
        return user


class User(AbstractUser):
    """A person at a desk: one organisation, one role. What they may do stands in ``permissions.py``."""

    class Role(models.TextChoices):
        OPERATOR = "operator", _("经办岗")
        REVIEWER = "reviewer", _("复核岗")
        APPROVER = "approver", _("批准岗")
        VIEWER = "viewer", _("查看岗")
        ADMINISTRATOR = "administrator", _("系统管理岗")

    organisation = models.ForeignKey(
        Organisation, models.PROTECT, null=True, blank=True, verbose_name=_("单位"), related_name="users"
    )
    role = models.CharField(_("岗位"), max_length=14, choices=Role.choices, default=Role.VIEWER)
    display_name = models.CharField(_("姓名"), max_length=50, blank=True)
    must_change_password = models.BooleanField(_("下次登录须改密码"), default=False)

    objects: ClassVar[PortalUserManager] = PortalUserManager()

    def __str__(self) -> str:
        return self.display_name or self.username

    @property
    def kind(self) -> str:
        """The kind of the user's organisation; empty for the system account."""
        return self.organisation.kind if self.organisation else ""

    @cached_property
    def area_prefix(self) -> str:
        """What the codes of all areas this user may see begin with; ``-`` (none) without an organisation."""
        return self.organisation.area.prefix if self.organisation else "-"


class StoredFile(models.Model):
    """A file that holds or may hold personal data: encrypted at rest, read through its owner's page only."""

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=200)
    content_type = models.CharField(max_length=100, default="application/octet-stream")
    size = models.PositiveBigIntegerField()
    sm3 = models.CharField(max_length=64, db_index=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name

    @property
    def path(self) -> str:
        return f"{self.key.hex[:2]}/{self.key.hex}"

    @property
    def place(self) -> str:
        return f"stored_file:{self.key.hex}"

    def read(self) -> bytes:
        """The plain bytes; raises crypto.Unreadable when the stored ones were changed."""
        with storages["archive"].open(self.path) as handle:
            return crypto.decrypt_bytes(handle.read(), self.place)

    @classmethod
    def keep(cls, content: bytes, *, name: str, content_type: str, actor: User) -> StoredFile:
        """Encrypt and store ``content``; the bytes are on disk before the row is."""
        from subsidy_portal import clock

        kept = cls(
            name=name[-200:],
            content_type=content_type,
            size=len(content),
            sm3=crypto.sm3(content),
            created_by=actor,
            created_at=clock.now(),
        )
        storages["archive"].save(kept.path, ContentFile(crypto.encrypt(content, kept.place)))
        kept.save()
        return kept

    def drop(self) -> None:
        """Remove the row now, and the bytes once that is committed; nothing may refer to it any more."""
        path = self.path
        self.delete()
        transaction.on_commit(lambda: storages["archive"].delete(path))


class Job(models.Model):
    """Work that takes longer than a second: who asked, how far it is, what came of it. Safe to run twice."""

    class Status(models.TextChoices):
        QUEUED = "queued", _("排队中")
        RUNNING = "running", _("进行中")
        DONE = "done", _("已完成")
        FAILED = "failed", _("没有办成")

    kind = models.CharField(max_length=40)
    task = models.CharField(max_length=80)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    subject_type = models.CharField(max_length=60, blank=True)
    subject_id = models.BigIntegerField(null=True)
    params = models.JSONField(default=dict)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="jobs")
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    message = models.CharField(max_length=200, blank=True)
    error = models.CharField(max_length=500, blank=True)
    result_url = models.CharField(max_length=200, blank=True)
    result_file = models.ForeignKey(StoredFile, models.PROTECT, null=True, related_name="+")
    runs = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    beat_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            models.Index(fields=("created_at",), name="job_open", condition=Q(status__in=("queued", "running"))),
            models.Index(fields=("subject_type", "subject_id"), name="job_subject"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def is_open(self) -> bool:
        return self.status in {self.Status.QUEUED, self.Status.RUNNING}


class EventQuerySet(models.QuerySet["Event"]):
    def about(self, obj: models.Model) -> EventQuerySet:
        """What happened to ``obj``, newest first."""
        from subsidy_portal.workflow import label_of

        return self.filter(subject_type=label_of(obj), subject_id=obj.pk).select_related("actor").order_by("-pk")


class Event(models.Model):
    """Something that happened. Append-only: a trigger refuses UPDATE, DELETE and TRUNCATE."""

    at = models.DateTimeField(help_text="business time")
    recorded_at = models.DateTimeField(auto_now_add=True)
    kind = models.CharField(max_length=40)
    subject_type = models.CharField(max_length=60)
    subject_id = models.BigIntegerField(null=True)
    old_status = models.CharField(max_length=20, blank=True)
    new_status = models.CharField(max_length=20, blank=True)
    note = models.TextField(blank=True)
    data = models.JSONField(default=dict)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="events")
    organisation = models.ForeignKey(Organisation, models.PROTECT, null=True, related_name="+")
    area = models.ForeignKey(Area, models.PROTECT, null=True, related_name="+")

    objects = EventQuerySet.as_manager()

    class Meta:
        indexes = (
            models.Index(fields=("subject_type", "subject_id", "-id"), name="event_subject"),
            models.Index(fields=("actor", "-id"), name="event_actor"),
        )

    def __str__(self) -> str:
        return f"{self.subject_type} {self.subject_id} {self.kind}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk:
            raise TypeError("events are append-only")
        super().save(*args, **kwargs)

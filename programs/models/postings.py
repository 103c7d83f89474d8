"""That a notice hung in its village: when, where, and a photograph of it (R26, R71)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from programs.models.notices import Notice
from programs.models.policies import PolicyList
from subsidy_portal.models import Area, StoredFile, User
from subsidy_portal.permissions import scope


class PostingQuerySet(models.QuerySet["Posting"]):
    def visible_to(self, user: User) -> PostingQuerySet:
        return self.filter(scope(user, area="notice__roster__area", department="notice__roster__program__department"))


class Posting(models.Model):
    """One sheet of one notice on one board of one village. Never changed: a better photograph is another posting."""

    notice = models.ForeignKey(Notice, models.PROTECT, related_name="postings", db_index=False)
    area = models.ForeignKey(Area, models.PROTECT, related_name="+", verbose_name=_("村"))
    place = models.CharField(_("张贴地点"), max_length=60)
    posted_on = models.DateField(_("张贴日期"))
    photo = models.ForeignKey(StoredFile, models.PROTECT, related_name="+")
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    objects = PostingQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        indexes = (models.Index(fields=("notice", "area"), name="posting_of_village"),)

    def __str__(self) -> str:
        return f"{self.area} {self.place}"


class ListChannel(models.Model):
    """Where a published policy list was made known, or handed up to (R4, R71), with the proof when there is one."""

    class Channel(models.TextChoices):
        PORTAL = "portal", _("政府门户网站")
        WECHAT = "wechat", _("微信公众号")
        POSTER = "poster", _("宣传海报")
        BOARD = "board", _("村务公开栏")
        BROADCAST = "broadcast", _("广播")
        CITY = "city", _("报送市级")
        PROVINCE = "province", _("报送省级")

    policy_list = models.ForeignKey(PolicyList, models.PROTECT, related_name="channels")
    channel = models.CharField(_("渠道"), max_length=10, choices=Channel.choices)
    known_on = models.DateField(_("日期"))
    place = models.CharField(_("地点、网址或文号"), max_length=200)
    proof = models.ForeignKey(StoredFile, models.PROTECT, null=True, related_name="+")
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    class Meta:
        ordering = ("-known_on", "-pk")

    def __str__(self) -> str:
        return f"{self.get_channel_display()} {self.place}"

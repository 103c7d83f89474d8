"""That a notice hung in its village: when, where, and a photograph of it (R26, R71)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from programs.models.notices import Notice
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

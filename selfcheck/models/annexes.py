"""Which row of 附件2 a program belongs to, and the tables that units have handed in."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from programs.models import Program
from subsidy_portal.models import Organisation, StoredFile, User
from subsidy_portal.permissions import scope


class Annex2Program(models.Model):
    """What finance decided for one program, whatever its code says; no row: the block of its tier."""

    program = models.OneToOneField(Program, models.PROTECT, related_name="annex2")
    row = models.PositiveSmallIntegerField(_("附件2的行"), null=True, blank=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(row=None) | Q(row__range=(1, 20)), name="annex2_program_row"),
        )

    def __str__(self) -> str:
        return f"{self.program_id} → {self.row}"


class AnnexFileQuerySet(models.QuerySet["AnnexFile"]):
    def visible_to(self, user: User) -> AnnexFileQuerySet:
        """Everybody's own, and for the county's offices those of the whole county."""
        if user.kind == Organisation.Kind.DEPARTMENT:
            return self.filter(scope(user, area="unit__area") & Q(unit=user.organisation))
        return self.filter(scope(user, area="unit__area"))


class AnnexFile(models.Model):
    """A filled-in 附件2 or 附件3 as a unit handed it in: read, found well-formed, and kept."""

    class Kind(models.TextChoices):
        ANNEX2 = "annex2", _("附件2 问题统计表")
        ANNEX3 = "annex3", _("附件3 情况汇总表")

    kind = models.CharField(_("表"), max_length=8, choices=Kind.choices)
    unit = models.ForeignKey(Organisation, models.PROTECT, related_name="annex_files", verbose_name=_("填表单位"))
    from_year = models.PositiveSmallIntegerField(_("起始年度"))
    to_year = models.PositiveSmallIntegerField(_("截止年度"))
    # Rows by name with their cells; amounts are fen. [[name, [cell, …]], …]
    rows = models.JSONField()
    file = models.ForeignKey(StoredFile, models.PROTECT, related_name="+")
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    objects = AnnexFileQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.CheckConstraint(condition=Q(from_year__lte=models.F("to_year")), name="annex_file_years"),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.from_year}–{self.to_year}"

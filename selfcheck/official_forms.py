"""Forms of the official tables, the reports and the money off the platform."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from programs.fields import SheetField, YuanField
from programs.models import Program
from selfcheck.annexes import REPORTED, Scope
from selfcheck.forms import day_field, text_field
from selfcheck.models import AnnexFile, OffPlatformProgram, Problem, Report, YearlyAmount
from selfcheck.report_words import NOT_FOUND, OTHER, SECTIONS
from selfcheck.taxonomy import ANNEX2_ROWS
from subsidy_portal import clock
from subsidy_portal.models import Area, User

Y = YearlyAmount


def _year(label: Any) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(
        label=label, coerce=int, empty_value=None, required=False, widget=forms.Select(attrs={"class": "w-auto"})
    )


class ScopeForm(forms.Form):
    """Years and township of an official table. Wrong values are dropped, not complained about."""

    from_year, to_year = _year(_("起始年度")), _year(_("截止年度"))
    town = forms.ModelChoiceField(
        Area.objects.none(),
        required=False,
        label=_("乡镇"),
        empty_label=_("全部"),
        widget=forms.Select(attrs={"class": "w-auto"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        found = Problem.objects.visible_to(user).order_by().values_list("year", flat=True).distinct()
        self.years = sorted({*found, clock.today().year})
        towns = Area.objects.filter(level=Area.Level.TOWNSHIP, code__startswith=user.area_prefix)
        self.fields["town"].queryset = towns  # type: ignore[attr-defined]
        for name, default in (("from_year", self.years[0]), ("to_year", self.years[-1])):
            self.fields[name].choices = [(year, f"{year}年") for year in self.years]  # type: ignore[attr-defined]
            self.fields[name].initial = default
        if towns.count() < 2:
            del self.fields["town"]

    def scope(self) -> Scope:
        """What was asked for; without years every year the ledger knows."""
        self.is_valid()
        given = self.cleaned_data
        first, last = given.get("from_year") or self.years[0], given.get("to_year") or self.years[-1]
        return Scope(self.user, min(first, last), max(first, last), given.get("town"))


class AnnexFileForm(forms.Form):
    """A filled-in form to be read back."""

    kind = forms.ChoiceField(label=_("哪张表"), choices=AnnexFile.Kind.choices)
    from_year = forms.IntegerField(label=_("起始年度"), min_value=2000, max_value=2100)
    to_year = forms.IntegerField(label=_("截止年度"), min_value=2000, max_value=2100)
    file = SheetField(label=_("填好的表"), help_text=_("用本页下载的表填写，不增减列，金额按万元"))


class PlaceForm(forms.Form):
    """The row of 附件2 for one program."""

    row = forms.TypedChoiceField(
        label=_("附件2的行"),
        coerce=int,
        empty_value=None,
        required=False,
        widget=forms.Select(attrs={"class": "w-auto"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = [(number, f"{number} {name}") for number, (name, _codes) in ANNEX2_ROWS.items()]
        self.fields["row"].choices = [("", _("按层级另列")), *rows]  # type: ignore[attr-defined]


class ReportStartForm(forms.Form):
    kind = forms.ChoiceField(label=_("报告"), choices=Report.Kind.choices)
    year = forms.IntegerField(label=_("年度"), min_value=2000, max_value=2100)
    month = forms.IntegerField(label=_("月份"), min_value=1, max_value=12)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        today = clock.today()
        self.fields["year"].initial, self.fields["month"].initial = today.year, today.month


class ReportForm(forms.Form):
    """Words, figures and denials of a draft."""

    def __init__(self, *args: Any, report: Report, **kwargs: Any) -> None:
        initial: dict[str, Any] = {**report.texts, **report.figures, "zero": report.zero, "not_found": report.not_found}
        super().__init__(*args, **{"initial": initial, **kwargs})
        self.report = report
        if report.kind == Report.Kind.MONTHLY:
            self.fields["zero"] = forms.BooleanField(label=_("零报送：本月自查没有发现问题"), required=False)
        else:
            self.fields["not_found"] = forms.MultipleChoiceField(
                label=_("自查未发现"),
                required=False,
                widget=forms.CheckboxSelectMultiple,
                choices=[(key, label) for key, (label, _column) in NOT_FOUND.items()],
            )
        for key, (heading, hint) in SECTIONS.items():
            self.fields[key] = text_field(heading, 5, max_length=4000, required=False, help_text=hint)
        for key, label in REPORTED.items():
            if key.endswith("_fen"):
                self.fields[key] = YuanField(label=f"{label}（元）", required=False)
            else:
                self.fields[key] = forms.IntegerField(label=label, min_value=0, required=False)
        self.fields[OTHER] = text_field(_("其他"), 2, required=False, help_text=_("附件3最后一列"))

    def sections(self) -> list[forms.BoundField]:
        return [self[key] for key in SECTIONS]

    def numbers(self) -> list[forms.BoundField]:
        return [self[key] for key in (*REPORTED, OTHER)]

    def given(self) -> dict[str, Any]:
        """What ``save_report`` takes."""
        clean = self.cleaned_data
        return {
            "texts": {key: clean.get(key, "") for key in (*SECTIONS, OTHER)},
            "figures": {key: clean.get(key) or 0 for key in REPORTED},
            "not_found": clean.get("not_found", []),
            "zero": clean.get("zero", False),
        }


class OffPlatformForm(forms.ModelForm):  # type: ignore[type-arg]
    decided_on = day_field(_("决定日期"), required=False)
    filed_on = day_field(_("报财政和纪检备案日期"), required=False)

    class Meta:
        model = OffPlatformProgram
        fields = ("reason", "decision", "decided_on", "rule", "oversight", "filed_on")

    def _post_clean(self) -> None:
        """The action judges what belongs together, and says it in one sentence."""


class YearlyAmountForm(forms.Form):
    year = forms.IntegerField(label=_("年度"), min_value=2000, max_value=2100)
    channel = forms.ChoiceField(label=_("渠道"), choices=Y.Channel.choices)
    paid_to = forms.ChoiceField(label=_("到人/到户"), choices=Program.PaidTo.choices)
    amount_fen = YuanField(label=_("金额（元）"))
    persons = forms.IntegerField(label=_("享受补贴人数"), min_value=0, required=False)
    households = forms.IntegerField(label=_("享受补贴户数"), min_value=0, required=False)
    basis = forms.CharField(label=_("依据"), max_length=120, help_text=_("决算表、拨款文件或发放清册的名称、文号"))

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        cleaned["persons"], cleaned["households"] = cleaned.get("persons") or 0, cleaned.get("households") or 0
        if cleaned.get("year", 0) > clock.today().year:
            raise ValidationError(_("年度晚于今年。请核对。"))
        return cleaned

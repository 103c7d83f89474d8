"""Forms of the problem ledger. They check what was typed; the actions decide what may happen."""

from __future__ import annotations

import datetime as dt
from pathlib import PurePath
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from programs.fields import YuanField
from programs.models import Program, Suspicion
from selfcheck.actions import EVIDENCE_TYPES, PROGRESS_FIELDS
from selfcheck.models import Problem, ProblemPayment, ProblemQuerySet, Recovery
from selfcheck.taxonomy import ANNEX2_COLUMNS, COLUMNS_OF
from subsidy_portal import clock, wording
from subsidy_portal.models import Area, Organisation, User


def day_field(label: Any, **kwargs: Any) -> forms.DateField:
    """A date, picked or typed as 2022-03-31."""
    return forms.DateField(
        label=label, widget=forms.DateInput(attrs={"type": "date", "class": "short"}, format="%Y-%m-%d"), **kwargs
    )


def text_field(label: Any, rows: int = 2, **kwargs: Any) -> forms.CharField:
    return forms.CharField(
        **{"label": label, "max_length": 500, "widget": forms.Textarea(attrs={"rows": rows}), **kwargs}
    )


def units_of(user: User) -> QuerySet[Organisation]:
    """Offices that can answer for a problem this user may register."""
    kinds = (
        Organisation.Kind.FINANCE,
        Organisation.Kind.DEPARTMENT,
        Organisation.Kind.TOWNSHIP,
        Organisation.Kind.VILLAGE,
    )
    units = Organisation.objects.filter(kind__in=kinds, is_active=True, area__code__startswith=user.area_prefix)
    if user.kind == Organisation.Kind.DEPARTMENT:
        units = units.filter(Q(pk=user.organisation_id) | Q(kind__in=kinds[2:]))
    return units


class LedgerFilterForm(forms.Form):
    """Which problems the ledger shows. Wrong values are dropped, not complained about."""

    unit = forms.ModelChoiceField(
        Organisation.objects.none(), required=False, empty_label=_("全部责任单位"), label=_("责任单位")
    )
    program = forms.ModelChoiceField(
        Program.objects.none(), required=False, empty_label=_("全部项目"), label=_("项目"), to_field_name="code"
    )
    category = forms.ChoiceField(
        required=False, label=_("问题类别"), choices=[("", _("全部 14 类问题")), *Problem.Category.choices]
    )
    source = forms.ChoiceField(required=False, label=_("来源"), choices=[("", _("全部来源")), *Problem.Source.choices])
    year = forms.TypedChoiceField(required=False, label=_("年度"), coerce=int, empty_value=None)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        visible = Problem.objects.visible_to(user)
        units = Organisation.objects.filter(pk__in=visible.order_by().values("unit"))
        programs = Program.objects.filter(pk__in=visible.order_by().values("program"))
        years = visible.order_by("-year").values_list("year", flat=True).distinct()
        self.fields["unit"].queryset = units  # type: ignore[attr-defined]
        self.fields["program"].queryset = programs  # type: ignore[attr-defined]
        self.fields["program"].label_from_instance = lambda program: program.short_name  # type: ignore[attr-defined]
        self.fields["year"].choices = [("", _("全部年度")), *((year, f"{year}年") for year in years)]  # type: ignore[attr-defined]

    def narrow(self, problems: ProblemQuerySet) -> ProblemQuerySet:
        """``problems`` as far as the valid fields say."""
        self.is_valid()
        return problems.filter(**{name: value for name, value in self.cleaned_data.items() if value})


class ProblemForm(forms.Form):
    """A problem found otherwise than by comparison."""

    title = forms.CharField(label=_("问题"), max_length=80, help_text=_("一句话说清，不写个人姓名和证号"))
    description = text_field(_("问题描述"), 3, max_length=2000, help_text=_("什么时候、怎么发现的，涉及哪些村、哪些期"))
    source = forms.ChoiceField(label=_("来源"), choices=Problem.Source.choices)
    found_on = day_field(_("发现日期"))
    unit = forms.ModelChoiceField(Organisation.objects.none(), label=_("责任单位"), empty_label=_("选责任单位"))
    area = forms.ModelChoiceField(
        Area.objects.none(),
        label=_("所在乡镇"),
        required=False,
        empty_label=_("与责任单位相同"),
        help_text=_("只涉及一个乡镇时选，乡镇才看得到"),
    )
    program = forms.ModelChoiceField(
        Program.objects.none(), label=_("涉及项目"), required=False, empty_label=_("不涉及具体项目")
    )
    year = forms.IntegerField(
        label=_("年度"), min_value=2000, max_value=2100, widget=forms.NumberInput(attrs={"class": "short"})
    )
    category = forms.ChoiceField(label=_("问题类别"), choices=Problem.Category.choices)
    annex2_column = forms.TypedChoiceField(label=_("附件2列"), required=False, coerce=int, empty_value=None)
    persons = forms.IntegerField(label=_("涉及人数"), min_value=0, initial=0)
    households = forms.IntegerField(label=_("涉及户数"), min_value=0, initial=0)
    cards = forms.IntegerField(label=_("违规卡数"), min_value=0, initial=0)
    amount_fen = YuanField(label=_("涉及金额（元）"), initial=0)
    recovery_due_fen = YuanField(label=_("应追缴（元）"), initial=0, help_text=_("追齐并缴入国库才能销号"))
    restitution_due_fen = YuanField(label=_("应返还（元）"), initial=0, help_text=_("少发、克扣，要还给群众的"))
    due_on = day_field(_("整改时限"), required=False)
    fix_now = forms.BooleanField(label=_("立行立改"), required=False)

    SECTIONS = (
        (_("发现了什么"), ("title", "description", "source", "found_on", "category", "annex2_column")),
        (_("谁负责"), ("unit", "area", "program", "year", "due_on", "fix_now")),
        (_("涉及多少"), ("persons", "households", "cards", "amount_fen", "recovery_due_fen", "restitution_due_fen")),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        towns = Area.objects.filter(level=Area.Level.TOWNSHIP, code__startswith=user.area_prefix)
        self.fields["unit"].queryset = units_of(user)  # type: ignore[attr-defined]
        self.fields["area"].queryset = towns  # type: ignore[attr-defined]
        self.fields["program"].queryset = Program.objects.visible_to(user)  # type: ignore[attr-defined]
        columns = [(number, f"{number} {name}") for number, name in ANNEX2_COLUMNS.items()]
        self.fields["annex2_column"].choices = [("", _("按类别自动归列")), *columns]  # type: ignore[attr-defined]
        self.fields["found_on"].initial = clock.today
        self.fields["year"].initial = clock.today().year

    def clean_found_on(self) -> dt.date:
        day: dt.date = self.cleaned_data["found_on"]
        if day > clock.today():
            raise ValidationError(_("发现日期晚于今天。请核对日期。"))
        return day

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        columns = COLUMNS_OF.get(cleaned.get("category", ""), ())
        if cleaned.get("annex2_column") and columns and cleaned["annex2_column"] not in columns:
            names = "、".join(f"{number} {ANNEX2_COLUMNS[number]}" for number in columns)
            self.add_error("annex2_column", _("这类问题归在：%(names)s。请改选。") % {"names": names})
        return cleaned

    def sections(self) -> list[tuple[Any, list[forms.BoundField]]]:
        return [(title, [self[name] for name in names]) for title, names in self.SECTIONS]


class StepForm(forms.Form):
    """A form of one step on one problem; ``problem`` comes from ``with_recovery``."""

    def __init__(self, *args: Any, problem: Problem, **kwargs: Any) -> None:
        self.problem = problem
        super().__init__(*args, **kwargs)
        self.prepare()

    def prepare(self) -> None:
        """Choices and initial values that depend on the problem."""


class EmptyForm(StepForm):
    """A step without a word."""


class ReasonForm(StepForm):
    note = text_field(_("理由"), error_messages={"required": _("请写明理由，对方要看。")})


class ReviewForm(StepForm):
    note = text_field(_("复核结论"), error_messages={"required": _("请写明怎么复核的、结论是什么。")})


class ReturnForm(StepForm):
    note = text_field(_("退回原因"), error_messages={"required": _("请写明还缺什么，责任单位要照着补。")})


class PlanForm(StepForm):
    measures = text_field(_("整改措施"), 3, max_length=2000)
    leader = forms.CharField(label=_("责任领导"), max_length=30)
    owner = forms.CharField(label=_("责任人"), max_length=30)
    due_on = day_field(_("整改时限"))

    def prepare(self) -> None:
        self.fields["due_on"].initial = self.problem.due_on

    def clean_due_on(self) -> dt.date:
        day: dt.date = self.cleaned_data["due_on"]
        if day < clock.today():
            raise ValidationError(_("整改时限早于今天。请改为今天以后的日期。"))
        return day


class ProgressForm(StepForm):
    """What changes while the unit works; empty fields are emptied, so the form begins with what stands."""

    progress = text_field(PROGRESS_FIELDS["progress"], 3, required=False, max_length=2000)
    sanctions = forms.CharField(label=PROGRESS_FIELDS["sanctions"], max_length=200, required=False)
    transfer = forms.CharField(
        label=PROGRESS_FIELDS["transfer"], max_length=200, required=False, help_text=_("移交单位、日期、编号、结果")
    )
    institution = forms.CharField(label=PROGRESS_FIELDS["institution"], max_length=200, required=False)
    restitution_paid_fen = YuanField(label=_("已返还（元）"))

    def prepare(self) -> None:
        for name in PROGRESS_FIELDS:
            self.fields[name].initial = getattr(self.problem, name)
        if not self.problem.restitution_due_fen:
            del self.fields["restitution_paid_fen"]


class RecoveryForm(StepForm):
    """Money that came back, for one payment or for the problem as a whole."""

    link = forms.ModelChoiceField(
        ProblemPayment.objects.none(), label=_("对象"), required=False, empty_label=_("整件问题，不分笔")
    )
    amount_fen = YuanField(label=_("收回金额（元）"))
    received_on = day_field(_("收回日期"))

    def prepare(self) -> None:
        links = self.problem.payments.still_missing().select_related("payment__beneficiary")
        self.fields["link"].queryset = links  # type: ignore[attr-defined]
        self.fields["link"].label_from_instance = self._label  # type: ignore[attr-defined]
        self.fields["received_on"].initial = clock.today
        if not links:
            del self.fields["link"]
        elif len(links) == 1:
            self.initial.setdefault("link", links[0].pk)
            self.initial.setdefault("amount_fen", links[0].missing_fen)

    @staticmethod
    def _label(link: ProblemPayment) -> str:
        period = wording.period(link.payment.period)
        rest = _("还差 %(yuan)s 元") % {"yuan": wording.yuan(link.missing_fen)}
        return f"{link.payment.beneficiary.name} · {period} · {rest}"


class WriteOffForm(StepForm):
    amount_fen = YuanField(label=_("核销金额（元）"), help_text=_("填 0 撤回核销"))
    basis = forms.CharField(label=_("核销依据"), max_length=200, help_text=_("批准文件的名称和文号"))

    def prepare(self) -> None:
        self.fields["amount_fen"].initial = self.problem.write_off_fen + self.problem.missing_fen
        self.fields["basis"].initial = self.problem.write_off_basis


class OnRecoveryForm(StepForm):
    """A step on one of the problem's recoveries that is still open."""

    recovery = forms.ModelChoiceField(Recovery.objects.none(), widget=forms.HiddenInput)

    def prepare(self) -> None:
        self.fields["recovery"].queryset = self.problem.recoveries.all()  # type: ignore[attr-defined]


class RemitForm(OnRecoveryForm):
    voucher = forms.CharField(label=_("缴库凭证号"), max_length=40)
    remitted_on = day_field(_("缴库日期"))

    def prepare(self) -> None:
        super().prepare()
        self.fields["remitted_on"].initial = clock.today


class VoidForm(OnRecoveryForm):
    note = forms.CharField(label=_("作废原因"), max_length=200)


class EvidenceForm(StepForm):
    title = forms.CharField(label=_("名称"), max_length=80, help_text=_("如：缴款凭证、死亡证明"))
    file = forms.FileField(
        label=_("文件"),
        max_length=150,
        help_text=_("PDF、JPG、PNG、OFD、DOCX、XLSX"),
        widget=forms.ClearableFileInput(attrs={"accept": ",".join(EVIDENCE_TYPES)}),
    )

    def clean_file(self) -> UploadedFile[bytes]:
        """Its size and name, before it is read; what is inside is the action's business."""
        upload: UploadedFile[bytes] = self.cleaned_data["file"]
        if (upload.size or 0) > settings.UPLOAD_MAX_BYTES:
            megabytes = settings.UPLOAD_MAX_BYTES // 2**20
            raise ValidationError(_("文件超过 %(mb)d MB。请压缩或分开后再传。"), params={"mb": megabytes})
        if PurePath(upload.name or "").suffix.lower() not in EVIDENCE_TYPES:
            raise ValidationError(_("不收这种文件。请转成 PDF、JPG、PNG、OFD、DOCX 或 XLSX 后再传。"))
        return upload


class PublishForm(StepForm):
    published_on = day_field(_("公开日期"))
    url = forms.URLField(label=_("公开链接"), max_length=200, assume_scheme="https")

    def prepare(self) -> None:
        self.fields["published_on"].initial = clock.today


class OverpaymentForm(forms.Form):
    """Which confirmed suspicions become one problem."""

    suspicions = forms.ModelMultipleChoiceField(
        Suspicion.objects.none(), error_messages={"required": _("还没有选。请勾选要登记的补贴。")}
    )
    due_on = day_field(_("整改时限"), required=False)

    def __init__(self, *args: Any, suspicions: QuerySet[Suspicion], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["suspicions"].queryset = suspicions  # type: ignore[attr-defined]

"""Forms of rosters, notices, policies, funds and the registry. Yuan exist here; everything behind is fen."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from programs.actions import RETURNS
from programs.fields import ProofField, SheetField, YuanField
from programs.models import FundEntry, ListChannel, Notice, NoticeRow, Program, Roster, Rule, Suspicion
from programs.period_choices import current_period, period_choices
from programs.postings import VillageProof
from subsidy_portal import clock
from subsidy_portal.models import Area, User


class NoteForm(forms.Form):
    """A reason that somebody else will read."""

    note = forms.CharField(
        label=_("原因"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": _("请写明原因，对方要照着办。")},
    )


# --- Rosters -----------------------------------------------------------------------------------------------


class RosterFilterForm(forms.Form):
    """What the list shows. Wrong values show everything rather than an error page."""

    program = forms.ModelChoiceField(Program.objects.none(), required=False, empty_label=_("全部项目"), label=_("项目"))
    area = forms.ModelChoiceField(Area.objects.none(), required=False, empty_label=_("全部乡镇"), label=_("乡镇"))
    status = forms.ChoiceField(
        required=False,
        label=_("状态"),
        choices=[("", _("全部状态")), ("returned", _("被退回")), *Roster.Status.choices],
    )
    period = forms.CharField(
        required=False,
        max_length=7,
        label=_("期间"),
        widget=forms.TextInput(attrs={"placeholder": _("期间，如 2022-03"), "size": 16}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["program"].queryset = Program.objects.visible_to(user)  # type: ignore[attr-defined]
        self.fields["program"].label_from_instance = lambda program: program.short_name  # type: ignore[attr-defined]
        self.towns = townships_of(user)
        self.fields["area"].queryset = self.towns  # type: ignore[attr-defined]

    def narrow(self, rosters: QuerySet[Roster]) -> QuerySet[Roster]:
        """``rosters`` as far as the valid fields say."""
        self.is_valid()
        chosen = {name: value for name, value in self.cleaned_data.items() if value}
        if chosen.pop("status", "") == "returned":
            rosters = rosters.exclude(returned_from="")
        elif self.cleaned_data.get("status"):
            rosters = rosters.filter(status=self.cleaned_data["status"])
        if period := chosen.pop("period", ""):
            rosters = rosters.filter(period__startswith=period)
        return rosters.filter(**chosen)


def townships_of(user: User) -> QuerySet[Area]:
    """The townships in force inside the user's area."""
    today = clock.today()
    return Area.objects.filter(
        Q(valid_to=None) | Q(valid_to__gte=today), level=Area.Level.TOWNSHIP, code__startswith=user.area_prefix
    )


def payable_programs(user: User) -> QuerySet[Program]:
    """Programs whose money goes through the platform now."""
    return Program.objects.visible_to(user).filter(is_active=True, on_platform=True)


class RosterNewForm(forms.Form):
    """Township, period and file of a new roster of one program."""

    area = forms.ModelChoiceField(Area.objects.none(), label=_("乡镇"), empty_label=None)
    period = forms.ChoiceField(label=_("期间"))
    sequence = forms.IntegerField(
        label=_("期内第几次"),
        min_value=1,
        max_value=99,
        initial=1,
        help_text=_("同一期要补发，另做一册时填 2"),
        widget=forms.NumberInput(attrs={"class": "short"}),
    )
    file = SheetField(label=_("清册文件"), help_text=_("填好的 .xlsx、.xls 或 CSV，一个乡镇一份"))

    def __init__(self, *args: Any, program: Program, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        towns = townships_of(user)
        self.fields["area"].queryset = towns  # type: ignore[attr-defined]
        self.fields["area"].initial = towns.first() if user.kind == "township" else None
        self.fields["period"].choices = period_choices(program.cycle, clock.today())  # type: ignore[attr-defined]
        self.fields["period"].initial = current_period(program.cycle, clock.today())


class UploadForm(forms.Form):
    file = SheetField(label=_("更正后的文件"), help_text=_("整份重传，代替现在这一份；一行有错就整份不导入"))


class ReturnForm(NoteForm):
    """Send a roster back to the desk that can put it right."""

    to = forms.ChoiceField(label=_("退给"))

    field_order = ("to", "note")

    def __init__(self, *args: Any, roster: Roster, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = {
            "township": _("%(office)s经办岗") % {"office": roster.area.name},
            "department": _("%(office)s经办岗") % {"office": roster.program.department.name},
        }
        _desk, targets = RETURNS.get(roster.status, ("", ()))
        self.fields["to"].choices = [(target, names[target]) for target in targets]  # type: ignore[attr-defined]


# --- Suspicions, notices and objections --------------------------------------------------------------------


class DecideForm(forms.Form):
    """The verdict on a suspicion: both ways ask for a reason, "unfounded" before payment also for a proof."""

    confirmed = forms.TypedChoiceField(
        label=_("核实结果"),
        choices=(("1", _("属实")), ("0", _("不属实"))),
        coerce=lambda value: value == "1",
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(
        label=_("核实情况和理由"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": _("请写明怎么核实的、理由是什么。")},
    )
    attachment = ProofField(label=_("佐证"), required=False)
    alike = forms.BooleanField(label=_("同类的一并认定"), required=False)

    def __init__(self, *args: Any, suspicion: Suspicion, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.needs_proof = suspicion.stage == Suspicion.Stage.BEFORE
        if self.needs_proof:
            self.fields["attachment"].help_text = _("认定不属实时必须附；PDF、PNG 或 JPG，不超过 5 MB")
        is_hint = suspicion.rule.level == Rule.Level.WARN and suspicion.roster_id is not None
        others = Suspicion.objects.alike(suspicion).exclude(pk=suspicion.pk).count() if is_hint else 0
        if others:
            self.fields["alike"].label = _("这份清册里同一规则的其余 %(n)d 条提醒也不属实，佐证相同") % {"n": others}
        else:
            del self.fields["alike"]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.needs_proof and cleaned.get("confirmed") is False and not cleaned.get("attachment"):
            self.add_error("attachment", _("认定不属实要附佐证。请上传照片、证明或记录。"))
        if cleaned.get("alike") and cleaned.get("confirmed"):
            self.add_error("alike", _("属实的要一条一条认定。请去掉这个勾。"))
        return cleaned


class ChannelForm(forms.Form):
    """Where a published list was made known."""

    channel = forms.ChoiceField(label=_("渠道"), choices=ListChannel.Channel.choices)
    known_on = forms.DateField(label=_("日期"), widget=forms.DateInput(attrs={"type": "date"}))
    place = forms.CharField(label=_("地点、网址或文号"), max_length=200)
    proof = ProofField(label=_("截图或照片"), required=False)


class PostingForm(forms.Form):
    """The photograph of a sheet on a village's board."""

    village = forms.ChoiceField(label=_("哪个村"))
    place = forms.CharField(label=_("张贴地点"), max_length=60, help_text=_("例如村务公开栏"), initial=_("村务公开栏"))
    posted_on = forms.DateField(label=_("张贴日期"), widget=forms.DateInput(attrs={"type": "date"}))
    photo = forms.FileField(
        label=_("照片"),
        help_text=_("看得清公示表和周围，不超过 5 MB；照片里的位置等信息会去掉"),
        widget=forms.ClearableFileInput(attrs={"accept": "image/jpeg,image/png,image/webp"}),
    )

    def __init__(self, *args: Any, proofs: list[VillageProof], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        missing_first = sorted(proofs, key=lambda proof: bool(proof.postings))
        self.fields["village"].choices = [  # type: ignore[attr-defined]
            (proof.area.code, proof.area.name) for proof in missing_first
        ]


class ObjectionForm(forms.Form):
    """An objection somebody brought to the township; it holds the row."""

    position = forms.IntegerField(
        label=_("公示表序号"), min_value=1, widget=forms.NumberInput(attrs={"class": "short"})
    )
    text = forms.CharField(
        label=_("异议内容"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("不要写身份证号和账号"),
    )
    contact = forms.CharField(label=_("联系方式"), max_length=100, required=False, help_text=_("加密保存，只用来答复"))
    attachment = ProofField(label=_("材料"), required=False)

    def __init__(self, *args: Any, notice: Notice, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.notice = notice

    def clean_position(self) -> NoticeRow:
        """The publicised row itself."""
        row = self.notice.rows.filter(position=self.cleaned_data["position"]).select_related("row").first()
        if row is None:
            raise ValidationError(_("公示表里没有这个序号。请照公示表核对。"))
        return row


class ObjectionDecisionForm(forms.Form):
    upheld = forms.TypedChoiceField(
        label=_("核实结果"),
        choices=(("1", _("成立，剔除这一行")), ("0", _("不成立，恢复发放"))),
        coerce=lambda value: value == "1",
        widget=forms.RadioSelect,
    )
    answer = forms.CharField(
        label=_("答复"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": _("请写明核实情况，要答复提出异议的人。")},
    )


# --- Policies and funds ------------------------------------------------------------------------------------


class ProgramForm(forms.ModelForm):  # type: ignore[type-arg]
    standard_fen = YuanField(label=_("标准（元）"), help_text=_("一个单位一期的金额；没有统一标准的填 0"))
    cap_fen = YuanField(label=_("单笔上限（元）"), required=False)
    pay_by_days = forms.IntegerField(label=_("兑付时限（天）"), min_value=1, max_value=365)
    notice_days = forms.IntegerField(
        label=_("公示天数"), min_value=1, max_value=60, error_messages={"min_value": _("公示至少 1 天。")}
    )
    audience = forms.CharField(
        label=_("适用人群"), required=False, max_length=200, help_text=_("顿号隔开，如：老年人、残疾人")
    )

    class Meta:
        model = Program
        fields = (
            "code", "name", "short_name", "tier", "department", "finance_division",
            "paid_to", "cycle", "standard_fen", "standard_unit", "standard_text", "cap_fen", "pay_by_days",
            "notice_days", "notice_working_days", "name_mask",
            "scope_text", "audience", "how_to_apply", "fund_source",
            "basis_title", "basis_number", "basis_issued_on", "phone", "complaint_phone",
            "effective_from", "effective_to", "on_platform", "is_classified", "is_active",
        )  # fmt: skip
        widgets = {
            "scope_text": forms.Textarea(attrs={"rows": 2}),
            "how_to_apply": forms.Textarea(attrs={"rows": 2}),
            "basis_issued_on": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "effective_from": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "effective_to": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        }
        error_messages = {
            "code": {"unique": _("这个项目编码已经有了。请核对编码。")},
            "name": {"unique": _("这个项目名称已经有了。请核对名称。")},
        }

    SECTIONS = (
        (_("项目"), ("code", "name", "short_name", "tier", "department", "finance_division")),
        (_("标准与发放"), (
            "paid_to", "cycle", "standard_fen", "standard_unit", "standard_text", "cap_fen", "pay_by_days",
            "fund_source",
        )),
        (_("对象与申领"), ("scope_text", "audience", "how_to_apply", "phone", "complaint_phone")),
        (_("政策依据"), ("basis_title", "basis_number", "basis_issued_on", "effective_from", "effective_to")),
        (_("公示与范围"), (
            "notice_days", "name_mask", "notice_working_days", "on_platform", "is_classified", "is_active",
        )),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["audience"] = "、".join(self.instance.audience)

    def clean_audience(self) -> list[str]:
        text = self.cleaned_data["audience"].replace(",", "、").replace("，", "、")
        return [word.strip() for word in text.split("、") if word.strip()]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        first, last = cleaned.get("effective_from"), cleaned.get("effective_to")
        if first and last and last < first:
            self.add_error("effective_to", _("失效日期早于生效日期。请核对。"))
        return cleaned

    def sections(self) -> list[tuple[Any, list[forms.BoundField]]]:
        """The fields in the order of the paper form, by heading."""
        return [(title, [self[name] for name in names]) for title, names in self.SECTIONS]


class FundEntryForm(forms.Form):
    program = forms.ModelChoiceField(Program.objects.none(), label=_("项目"), empty_label=_("选项目"))
    year = forms.TypedChoiceField(label=_("年度"), coerce=int)
    kind = forms.ChoiceField(label=_("类别"), choices=FundEntry.Kind.choices)
    amount_fen = YuanField(label=_("金额（元）"), negative=True, help_text=_("只有调减填负数"))
    document_number = forms.CharField(label=_("文号"), max_length=60, required=False)
    note = forms.CharField(label=_("说明"), max_length=200, required=False)
    attachment = ProofField(label=_("下达文件"), required=False)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        year = clock.today().year
        self.fields["program"].queryset = Program.objects.visible_to(user).filter(is_active=True)  # type: ignore[attr-defined]
        self.fields["year"].choices = [(y, str(y)) for y in (year, year + 1, year - 1)]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        fen = cleaned.get("amount_fen")
        if fen == 0:
            self.add_error("amount_fen", _("金额不能是 0。"))
        elif fen is not None and fen < 0 and cleaned.get("kind") != FundEntry.Kind.ADJUSTED:
            self.add_error("amount_fen", _("只有“追加或调减”可以填负数。"))
        return cleaned


class YearForm(forms.Form):
    year = forms.TypedChoiceField(label=_("年度"), coerce=int)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        year = clock.today().year
        self.fields["year"].choices = [(y, str(y)) for y in (year, year + 1)]  # type: ignore[attr-defined]


# --- Data and people ---------------------------------------------------------------------------------------


class PersonSearchForm(forms.Form):
    """One field for a whole ID number, a name or its initials, or the last four of an account."""

    q = forms.CharField(
        label=_("身份证号、姓名、拼音首字母或账户后四位"),
        max_length=50,
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": _("身份证号、姓名、llx，或账户后四位")}),
    )


class RevealForm(forms.Form):
    reason = forms.CharField(
        label=_("查看原因"),
        min_length=4,
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={
            "required": _("请写明为什么要看，会留下记录。"),
            "min_length": _("请把原因写清楚，至少 4 个字。"),
        },
    )

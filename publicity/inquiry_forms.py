"""What citizens fill in to ask, complain, report or request, and to see how far it is."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from programs.models import Program
from publicity.forms import OnceForm, without_numbers
from publicity.models import Inquiry
from subsidy_portal import identifiers
from subsidy_portal.identifiers import IdentifierError
from subsidy_portal.models import Area, Organisation
from subsidy_portal.pictures import Clean, clean_uploads
from subsidy_portal.workflow import Refused

K = Organisation.Kind

# What each kind is for, in a citizen's words.
HINTS = {
    Inquiry.Kind.CONSULT: _("政策不明白，钱没到账"),
    Inquiry.Kind.COMPLAINT: _("办得慢、态度差、名单或钱数不对"),
    Inquiry.Kind.REPORT: _("冒领、克扣、收卡、照顾关系户，可以不留姓名"),
    Inquiry.Kind.DISCLOSURE: _("要看一份没有公布的文件或数据"),
}


class _Files(forms.FileInput):
    allow_multiple_selected = True

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        return files.getlist(name)


class FilesField(forms.FileField):
    """Several files, already clean."""

    widget = _Files

    def clean(self, data: Any, initial: Any = None) -> list[Clean]:
        try:
            return clean_uploads(data)
        except Refused as refused:
            raise forms.ValidationError(str(refused)) from None


class InquiryForm(OnceForm):
    """One inquiry. A person's name and phone have fields of their own, which are sealed."""

    kind = forms.ChoiceField(choices=Inquiry.Kind.choices, initial=Inquiry.Kind.CONSULT, label=_("您要做什么"))
    area = forms.ModelChoiceField(
        Area.objects.none(), label=_("在哪个乡镇"), required=False, empty_label=_("说不清，或和全县有关")
    )
    program = forms.ModelChoiceField(
        Program.objects.none(), label=_("关于哪项补贴"), required=False, empty_label=_("说不清，请你们看"),
        to_field_name="code",
    )  # fmt: skip
    about = forms.ModelChoiceField(
        Organisation.objects.none(), label=_("反映的是哪个单位"), required=False, empty_label=_("不是，或说不清"),
        help_text=_("投诉、举报时选。这个单位看不到这件事，也不会知道您是谁。"),
    )  # fmt: skip
    text = forms.CharField(
        label=_("说说是什么事"),
        help_text=_("什么时候、什么人、多少钱，知道多少写多少。不要写身份证号和银行卡号。"),
        min_length=5,
        max_length=2000,
        widget=forms.Textarea({"rows": 5}),
        error_messages={
            "required": _("请写几句话，说说是什么事。"),
            "min_length": _("请多写几个字，说清楚是什么事。"),
        },
    )
    uploads = FilesField(
        label=_("照片或PDF"),
        help_text=_("最多10个，每个不超过5 MB。照片里的拍摄地点等信息会去掉。"),
        required=False,
        widget=_Files({"accept": "image/jpeg,image/png,image/webp,application/pdf", "multiple": True}),
    )
    name = forms.CharField(
        label=_("怎么称呼您"),
        required=False,
        max_length=50,
        widget=forms.TextInput({"autocomplete": "name", "class": "id"}),
    )
    phone = forms.CharField(
        label=_("手机号"),
        help_text=_("留了，办的人好跟您联系；不留，凭受理编号和查询码来查。"),
        required=False,
        widget=forms.TextInput(
            {"type": "tel", "inputmode": "tel", "autocomplete": "tel", "maxlength": 20, "class": "id"}
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        towns = Area.objects.filter(level=Area.Level.TOWNSHIP, valid_to__isnull=True)
        kinds = (K.TOWNSHIP, K.VILLAGE, K.DEPARTMENT, K.FINANCE, K.BANK)
        offices = Organisation.objects.filter(kind__in=kinds, is_active=True)
        self.fields["area"].queryset = towns  # type: ignore[attr-defined]
        self.fields["program"].queryset = Program.objects.public()  # type: ignore[attr-defined]
        self.fields["program"].label_from_instance = lambda program: program.name  # type: ignore[attr-defined]
        self.fields["about"].queryset = offices  # type: ignore[attr-defined]

    def kinds(self) -> list[tuple[str, Any, Any, bool]]:
        """Value, name, hint and whether it is chosen."""
        chosen = self["kind"].value()
        return [(kind.value, kind.label, HINTS[kind], kind.value == chosen) for kind in Inquiry.Kind]

    def clean_text(self) -> str:
        return without_numbers(self.cleaned_data["text"])

    def clean_phone(self) -> str:
        text = str(self.cleaned_data["phone"])
        try:
            return identifiers.parse_phone(text) if text else ""
        except IdentifierError as error:
            raise forms.ValidationError(str(error)) from None

    def clean(self) -> dict[str, Any]:
        """A request for information needs a person to answer to, by law; all else may come without a name."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("kind") == Inquiry.Kind.DISCLOSURE:
            for name, words in (("name", _("申请公开信息要写姓名。")), ("phone", _("申请公开信息要留手机号。"))):
                if name in cleaned and not cleaned[name]:
                    self.add_error(name, words)
        return cleaned

    @property
    def contact(self) -> str:
        return "，".join(filter(None, (self.cleaned_data["name"], self.cleaned_data["phone"])))


class ProgressForm(forms.Form):
    """Number and code, as they stood on the page after sending."""

    number = forms.CharField(
        label=_("受理编号"), max_length=30, widget=forms.TextInput({"autocomplete": "off", "inputmode": "numeric"})
    )
    code = forms.CharField(
        label=_("查询码"),
        max_length=20,
        widget=forms.TextInput({"autocomplete": "off", "inputmode": "numeric", "class": "four"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.auto_id = "%s"

    def clean_number(self) -> str:
        digits = re.sub(r"[\s—–-]", "", unicodedata.normalize("NFKC", self.cleaned_data["number"]))
        if not re.fullmatch(r"[0-9]{8,14}", digits):
            raise forms.ValidationError(_("受理编号像2611-0042这样，请照抄下来的填。"))
        return f"{digits[:4]}-{digits[4:]}"

    def clean_code(self) -> str:
        digits = re.sub(r"\s", "", unicodedata.normalize("NFKC", self.cleaned_data["code"]))
        if not re.fullmatch(r"[0-9]{6}", digits):
            raise forms.ValidationError(_("查询码是6个数字。"))
        return digits

"""What citizens fill in. A form error speaks about how something is written, never about what is on file."""

from __future__ import annotations

import re
import secrets
import time
from typing import Any

from django import forms
from django.core import signing
from django.utils.translation import gettext_lazy as _

from subsidy_portal import identifiers
from subsidy_portal.identifiers import IdentifierError

# Digits of ID numbers and accounts, also with blanks or dashes between; they have no place in an objection.
_LONG_NUMBER = re.compile(r"\d(?:[\s-]*[\dXx]){13,}")
_PHONE = re.compile(r"(?<!\d)1[3-9]\d[\s-]?\d{4}[\s-]?\d{4}(?!\d)")


class OnceForm(forms.Form):
    """A form that counts once: its token is signed, good for an hour, and used up by the answer it brought."""

    HOURS = 1
    _signer = signing.TimestampSigner(salt="publicity.once")
    once = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.auto_id = "%s"
        self.fresh_token = secrets.token_hex(8)
        self.fresh = self._signer.sign(self.fresh_token)

    @property
    def token(self) -> str:
        """The token that came with the form; empty when it is forged or older than an hour."""
        try:
            return self._signer.unsign(self.cleaned_data.get("once", ""), max_age=self.HOURS * 3600)
        except signing.BadSignature:
            return ""

    @property
    def age_seconds(self) -> float:
        """How long ago the form that was sent was shown; 0 when its token is no good."""
        if not self.token:
            return 0.0
        at = signing.b62_decode(self.cleaned_data["once"].rsplit(":", 2)[1])
        return max(0.0, time.time() - at)


def without_numbers(text: str) -> str:
    """``text`` as it is; raises ValidationError when an ID number, an account or a phone seems to stand in it."""
    if _LONG_NUMBER.search(text):
        raise forms.ValidationError(_("里面像是有身份证号或银行卡号。请删掉，写姓名和组就够了。"))
    if _PHONE.search(text):
        raise forms.ValidationError(_("里面像是有手机号。请删掉，电话写在下面一格。"))
    return text


def _text(label: Any, hint: Any, **attrs: Any) -> forms.CharField:
    widget = forms.TextInput({"autocomplete": "off", "spellcheck": "false", **attrs})
    return forms.CharField(label=label, help_text=hint, widget=widget)


class LookupForm(OnceForm):
    """Name, ID number and the last four digits of the account: three factors, and nothing is kept."""

    altcha = forms.CharField(widget=forms.HiddenInput, required=False, max_length=4_000)
    name = _text(_("姓名"), _("和身份证上写的一样"), maxlength=50)
    id_number = _text(
        _("身份证号"), _("18位，最后一位可能是字母X"), maxlength=30, autocapitalize="characters", **{"class": "id"}
    )
    last4 = _text(
        _("社保卡银行卡号的后四位"),
        _("卡正面最长的那一串数字，只要最后4个"),
        maxlength=10,
        inputmode="numeric",
        **{"class": "four"},
    )

    def clean_name(self) -> str:
        return self._read(identifiers.parse_name, "name")

    def clean_id_number(self) -> str:
        return self._read(identifiers.parse_id_number, "id_number")

    def clean_last4(self) -> str:
        digits = re.sub(r"\s", "", self.cleaned_data["last4"])
        if not re.fullmatch(r"[0-9]{4}", digits, re.ASCII):
            raise forms.ValidationError(_("请填卡号的最后4个数字。"))
        return digits

    def _read(self, parse: Any, field: str) -> str:
        try:
            return str(parse(self.cleaned_data[field]))
        except IdentifierError as error:
            raise forms.ValidationError(str(error)) from None


class ObjectionForm(OnceForm):
    """An objection to one publicised row, with a phone number if the person wants to be called."""

    text = forms.CharField(
        label=_("哪里不对"),
        help_text=_("什么情况、怎么知道的，知道多少写多少。不要写身份证号和银行卡号。"),
        min_length=5,
        max_length=1000,
        widget=forms.Textarea({"rows": 5}),
        error_messages={"min_length": _("请多写几个字，说清楚哪里不对。")},
    )
    evidence = forms.FileField(
        label=_("照片或材料"),
        help_text=_("拍照或 PDF，一份，不超过 5 MB；照片里的位置等信息会去掉。"),
        required=False,
        widget=forms.ClearableFileInput(attrs={"accept": "image/*,application/pdf"}),
    )
    contact = forms.CharField(
        label=_("手机号"),
        help_text=_("留了，核实的人好跟您联系；只有办理的人看得到。"),
        required=False,
        widget=forms.TextInput(
            {"type": "tel", "inputmode": "tel", "autocomplete": "tel", "maxlength": 20, "class": "id"}
        ),
    )

    def clean_text(self) -> str:
        return without_numbers(self.cleaned_data["text"])

    def clean_contact(self) -> str:
        text = str(self.cleaned_data["contact"])
        try:
            return identifiers.parse_phone(text) if text else ""
        except IdentifierError as error:
            raise forms.ValidationError(str(error)) from None


class FindNameForm(forms.Form):
    """Looking for a name on one notice: at least two characters, so that nobody pages through by surnames."""

    name = forms.CharField(
        label=_("在名单里找人"),
        min_length=2,
        max_length=50,
        widget=forms.TextInput({"placeholder": _("输入姓名找人"), "autocomplete": "off", "maxlength": 50}),
        error_messages={"min_length": _("请输入完整的姓名。")},
    )

    def clean_name(self) -> str:
        try:
            return identifiers.parse_name(self.cleaned_data["name"])
        except IdentifierError as error:
            raise forms.ValidationError(str(error)) from None

"""Forms of the ledger of people without a card and of card anomalies."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from programs.fields import ProofField, SheetField
from programs.models import Program, Uncarded
from subsidy_portal import clock
from subsidy_portal.models import Area, Organisation, User


class UncardedForm(forms.Form):
    id_number = forms.CharField(label=_("身份证号"), max_length=24, widget=forms.TextInput({"autocomplete": "off"}))
    name = forms.CharField(label=_("姓名"), max_length=50, widget=forms.TextInput({"autocomplete": "off"}))
    area = forms.ModelChoiceField(Area.objects.none(), label=_("村（居）"), empty_label=_("选村"))
    program = forms.ModelChoiceField(Program.objects.none(), label=_("项目"), empty_label=_("选项目"))
    measure = forms.ChoiceField(label=_("办卡方式"), choices=Uncarded.Measure.choices)
    owner = forms.CharField(label=_("责任人"), max_length=30)
    due_on = forms.DateField(label=_("办结期限"), widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))
    note = forms.CharField(label=_("说明"), max_length=200, required=False)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        villages = Area.objects.filter(code__startswith=user.area_prefix, level=Area.Level.VILLAGE, valid_to=None)
        self.fields["area"].queryset = villages.order_by("code")  # type: ignore[attr-defined]
        programs = Program.objects.visible_to(user).filter(is_active=True)
        self.fields["program"].queryset = programs.order_by("code")  # type: ignore[attr-defined]
        self.fields["due_on"].initial = clock.today() + dt.timedelta(days=30)


class SendForm(forms.Form):
    bank = forms.ModelChoiceField(Organisation.objects.none(), label=_("送哪家银行"), empty_label=_("选银行"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        banks = Organisation.objects.filter(kind=Organisation.Kind.BANK, is_active=True)
        self.fields["bank"].queryset = banks.order_by("pk")  # type: ignore[attr-defined]


class AnswerFileForm(forms.Form):
    file = SheetField(
        label=_("银行填好账号的文件"), help_text=_("送银行的那份，填上“银行账号”一列；有一行不对就一行都不登记")
    )


class ListFileForm(forms.Form):
    file = SheetField(label=_("填好的名单"), help_text=_("一人一行，最多 1000 人；有一行不对就一行都不登记"))


class ExplainForm(forms.Form):
    reason = forms.CharField(label=_("正当理由"), max_length=300, widget=forms.Textarea({"rows": 2}))
    proof = ProofField(label=_("佐证"), required=False)

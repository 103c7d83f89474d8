"""Forms of comparison data: a new list, and what finance lays down for a kind."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from programs.fields import SheetField
from programs.models import Dataset, DatasetPolicy
from subsidy_portal import clock
from subsidy_portal.models import Area, Organisation, User


class DatasetForm(forms.Form):
    kind = forms.ChoiceField(label=_("类别"), choices=Dataset.Kind.choices)
    source = forms.CharField(label=_("来源单位"), max_length=80)
    as_of = forms.DateField(label=_("数据截至"), widget=forms.DateInput(attrs={"type": "date"}))
    area = forms.ModelChoiceField(
        Area.objects.none(), label=_("覆盖乡镇"), required=False, empty_label=_("全县"),
        help_text=_("只覆盖一个乡镇的名单，选那个乡镇"),
    )  # fmt: skip
    coverage = forms.CharField(
        label=_("覆盖范围"), max_length=120, required=False, help_text=_("如：全县 2022 年 1 至 6 月")
    )
    file = SheetField(label=_("文件"), help_text=_("要哪些列看本页的说明；导入后文件删除，只留比对码"))

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        towns = Area.objects.filter(level=Area.Level.TOWNSHIP, code__startswith=user.area_prefix, valid_to=None)
        self.fields["area"].queryset = towns  # type: ignore[attr-defined]

    def clean_as_of(self) -> Any:
        as_of = self.cleaned_data["as_of"]
        if as_of > clock.today():
            raise ValidationError(_("数据截至日期还没到。请核对。"))
        return as_of


class DatasetPolicyForm(forms.ModelForm):  # type: ignore[type-arg]
    max_age_days = forms.IntegerField(
        label=_("多少天内算新"), min_value=1, max_value=3650, help_text=_("从“数据截至”算起，超过的比对时提示过期")
    )
    keep_days = forms.IntegerField(
        label=_("保存天数"), min_value=30, max_value=3650, help_text=_("从导入那天算起，到期清除名单，只留记录")
    )

    class Meta:
        model = DatasetPolicy
        fields = ("max_age_days", "keep_days", "department")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["department"]
        field.queryset = Organisation.objects.filter(  # type: ignore[attr-defined]
            kind=Organisation.Kind.DEPARTMENT, is_active=True
        )
        field.empty_label = _("不限部门")  # type: ignore[attr-defined]
        field.required = False

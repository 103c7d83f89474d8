"""Forms of a program's own columns and of its amount rule."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from programs.actions import ColumnSpec, sample_values
from programs.models import Program, ProgramColumn


class ColumnForm(forms.Form):
    """One own column. What the action refuses is said there, once for pages and API."""

    label = forms.CharField(
        label=_("栏目名"), max_length=20, help_text=_("表头上写的字，如“月数”；上传的文件照它找这一列")
    )
    kind = forms.ChoiceField(label=_("填什么"), choices=ProgramColumn.Kind.choices)
    required = forms.BooleanField(label=_("必填"), required=False, initial=True)
    choices = forms.CharField(
        label=_("选项"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("只有“选项”栏目才写，一行一个"),
    )
    help = forms.CharField(label=_("填写说明"), required=False, max_length=120, help_text=_("写在模板的“填写说明”里"))
    example = forms.CharField(
        label=_("例"), required=False, max_length=40, help_text=_("身份证号不用写，模板里是虚构的号")
    )

    def __init__(self, data: Any, *, spec: ColumnSpec | None) -> None:
        initial = {**vars(spec), "choices": "\n".join(spec.choices)} if spec else {}
        super().__init__(data, initial=initial)

    def spec(self) -> ColumnSpec:
        given = self.cleaned_data
        return ColumnSpec(**{**given, "choices": tuple(given["choices"].splitlines())})


class AmountRuleForm(forms.Form):
    """The rule, what happens to other amounts, and a number for every name to try it on."""

    rule = forms.CharField(
        label=_("金额算法"),
        required=False,
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2, "autocomplete": "off", "spellcheck": "false"}),
        help_text=_("得出的是元，四舍五入到分。不写就按标准×数量提醒"),
    )
    level = forms.ChoiceField(
        label=_("金额与算法不符时"), choices=Program.RuleLevel.choices, widget=forms.RadioSelect, initial="warn"
    )

    def __init__(self, data: Any, *, program: Program) -> None:
        initial = {"rule": program.amount_rule, "level": program.rule_level}
        super().__init__(data, initial=initial)
        self.names = sample_values(program)
        # Numbered, not named: a column's label is no name of a field.
        for n, (name, value) in enumerate(self.names.items()):
            self.fields[f"value{n}"] = forms.DecimalField(
                label=name,
                initial=value,
                min_value=0,
                max_digits=13,
                decimal_places=4,
                widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "class": "short"}),
            )

    @property
    def text(self) -> str:
        return str(self.cleaned_data["rule"]).strip()

    def values(self) -> dict[str, Decimal]:
        return {name: self.cleaned_data[f"value{n}"] for n, name in enumerate(self.names)}

    def numbers(self) -> list[forms.BoundField]:
        return [self[f"value{n}"] for n in range(len(self.names))]

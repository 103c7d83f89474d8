"""The form of one rule: the fields every rule has, and those its check asks for (``checks.params.SCHEMAS``)."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from programs.checks.params import SCHEMAS, Param, program_names
from programs.comparison_data import KINDS
from programs.models import Dataset, Rule
from subsidy_portal.models import Area

_BREAKS = re.compile(r"[、，,;；\n]+")
_ALL_AREAS = _("全县")


def _day_field(label: Any) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date", "class": "short"}, format="%Y-%m-%d")
    return forms.DateField(label=label, required=False, widget=widget)


def _lines(rows: int) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows, "autocomplete": "off", "spellcheck": "false"})


def _codes(text: str) -> list[str]:
    """Codes as people write them: one a line or with commas, the name behind it or not."""
    return [part.split()[0] for part in _BREAKS.split(text) if part.strip()]


class RuleForm(forms.Form):
    """What the action refuses is said there, once for pages and API; here only the shape is read."""

    level = forms.ChoiceField(label=_("级别"), choices=Rule.Level.choices, widget=forms.RadioSelect)
    is_active = forms.BooleanField(label=_("启用"), required=False)
    valid_from = _day_field(_("生效日期"))
    valid_to = _day_field(_("失效日期"))
    area = forms.ModelChoiceField(Area.objects.none(), label=_("适用地区"), required=False, empty_label=_ALL_AREAS)
    legal_text = forms.CharField(label=_("规定原文"), max_length=4000, widget=forms.Textarea(attrs={"rows": 3}))
    legal_basis = forms.CharField(label=_("依据"), max_length=200, help_text=_("文件名和文号"))
    strength = forms.ChoiceField(label=_("依据有多硬"), choices=Rule.Strength.choices)
    waiver = forms.CharField(label=_("可排除的佐证"), required=False, max_length=200)
    note = forms.CharField(label=_("说明"), required=False, max_length=1000, widget=forms.Textarea(attrs={"rows": 2}))
    reason = forms.CharField(
        label=_("为什么改"), max_length=300, help_text=_("写清依据的文件或决定，留在经过里"),
        error_messages={"required": _("请写明为什么改，依据哪个文件。")},
    )  # fmt: skip

    def __init__(self, data: Any, *, rule: Rule) -> None:
        self.schema = SCHEMAS[rule.check_name]
        self.names = program_names()
        initial = rule.values | {f"param_{p.name}": self._shown(p, rule.params.get(p.name)) for p in self.schema}
        if (kind := rule.params.get("kind")) and rule.params.get("field"):
            initial["param_field"] = f"{kind}:{rule.params['field']}"
        super().__init__(data, initial=initial)
        towns = Area.objects.filter(level=Area.Level.TOWNSHIP)
        self.fields["area"].queryset = towns  # type: ignore[attr-defined]
        for param in self.schema:
            self.fields[f"param_{param.name}"] = field = self._field(param)
            # A rule that is off may wait for its programs
            field.required = param.needed and bool(data.get("is_active") if data else rule.is_active)

    def _shown(self, param: Param, value: Any) -> Any:
        """A param as it stands in its field: codes with their names, one a line."""
        if value is None:
            return None
        if param.form == "programs":
            return "\n".join(self._named(code) for code in value)
        if param.form == "groups":
            return "\n".join("、".join(self._named(code) for code in group) for group in value)
        if param.form == "words":
            return "\n".join(value)
        if param.form == "lags":
            return "\n".join(f"{code} {months}" for code, months in value.items())
        return value

    def _named(self, code: str) -> str:
        return f"{code} {self.names.get(code, '')}".strip()

    def _field(self, param: Param) -> forms.Field:
        common: dict[str, Any] = {"label": param.label, "help_text": param.help, "required": False}
        if param.form == "number":
            widget = forms.NumberInput(attrs={"class": "short", "min": param.low, "max": param.high})
            return forms.IntegerField(widget=widget, **common)
        if param.form == "choice":
            choices = [("", "—"), *(_field_choices() if param.name == "field" else param.choices)]
            return forms.ChoiceField(choices=choices, **common)
        if param.form == "day":
            return _day_field(param.label)
        if param.form == "text":
            return forms.CharField(max_length=20, **common)
        return forms.CharField(widget=_lines(4 if param.form in ("programs", "groups") else 3), **common)

    @property
    def sections(self) -> list[tuple[Any, list[forms.BoundField]]]:
        params = [self[f"param_{param.name}"] for param in self.schema]
        parts: list[tuple[Any, list[forms.BoundField]]] = [
            (_("怎么用"), [self["level"], self["is_active"], self["valid_from"], self["valid_to"], self["area"]]),
            (_("比对什么"), params),
            (_("凭什么"), [self[n] for n in ("legal_text", "legal_basis", "strength", "waiver", "note")]),
            (_("这次修改"), [self["reason"]]),
        ]
        return [(title, fields) for title, fields in parts if fields]

    def values(self) -> dict[str, Any]:
        """What was entered, as ``Rule.values``."""
        given = self.cleaned_data
        found = {name: given[name] for name in Rule.VERSIONED if name not in ("params", "area")}
        found |= {name: given[name].isoformat() if given[name] else None for name in ("valid_from", "valid_to")}
        found["area"] = given["area"].pk if given["area"] else None
        read = {param.name: self._read(param, given[f"param_{param.name}"]) for param in self.schema}
        found["params"] = {name: value for name, value in read.items() if value not in (None, "", {}, [])}
        return found

    def _read(self, param: Param, value: Any) -> Any:
        if param.name == "field" and value:
            kind, _colon, field = value.partition(":")
            return field if kind == self.cleaned_data.get("param_kind") else value
        if param.form == "programs":
            return _codes(value)
        if param.form == "groups":
            return [codes for line in value.splitlines() if (codes := _codes(line))]
        if param.form == "words":
            return [word.strip() for word in _BREAKS.split(value) if word.strip()]
        if param.form == "lags":
            pairs = (line.split() for line in value.splitlines() if line.strip())
            return {pair[0]: int(pair[-1]) if pair[-1].isdecimal() else None for pair in pairs}
        if param.form == "day":
            return value.isoformat() if value else None
        return value


def _field_choices() -> list[tuple[str, str]]:
    """Every column of every list a rule may look at, as ``kind:field``."""
    return [
        (f"{kind}:{field.to.removeprefix('data.')}", f"{Dataset.Kind(kind).label}：{field.label}")
        for kind, info in KINDS.items()
        for field in info.fields
        if field.to == "item" or field.to.startswith("data.")
    ]

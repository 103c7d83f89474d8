"""Forms of the search for the missing: a rule, and what came of one person."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from programs.comparison_data import KINDS
from programs.entitlements import requirement_words
from programs.models import EntitlementRule, Program

_PLACES = 3


def requirement_choices() -> list[dict[str, Any]]:
    """Each kind alone, and with each condition its choices offer (a level also as "this or a better one")."""
    offered: list[dict[str, Any]] = []
    for kind, info in KINDS.items():
        offered.append({"kind": kind})
        for field in info.fields:
            if not field.choices or not field.to.startswith("data."):
                continue
            key = field.to if field.to == "data.kind" else field.to.removeprefix("data.")
            for value in dict.fromkeys(kept for _word, kept in field.choices):
                condition = {f"{key}_max": value} if isinstance(value, int) else {key: [value]}
                offered.append({"kind": kind, **condition})
    return offered


def _options(present: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    offered = requirement_choices()
    offered += [one for one in present if one not in offered]
    return [("", _("不限")), *((_written(one), requirement_words(one)) for one in offered)]


def _written(requirement: dict[str, Any]) -> str:
    return json.dumps(requirement, sort_keys=True, ensure_ascii=False)


class EntitlementRuleForm(forms.ModelForm):  # type: ignore[type-arg]
    """Up to three lists a person must be in, and up to three that exclude."""

    program_code = forms.ChoiceField(label=_("补贴项目"))
    age_min = forms.IntegerField(label=_("年满（岁）"), required=False, min_value=0, max_value=120)
    age_max = forms.IntegerField(label=_("不超过（岁）"), required=False, min_value=0, max_value=120)
    excluded_programs = forms.MultipleChoiceField(
        label=_("领了这些项目的除外"), required=False, widget=forms.SelectMultiple(attrs={"size": 6}),
        help_text=_("按住 Ctrl 可多选"),
    )  # fmt: skip

    class Meta:
        model = EntitlementRule
        fields = (
            "name", "program_code", "age_min", "age_max", "excluded_programs", "legal_basis", "is_active",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        programs = list(Program.objects.filter(is_active=True).values_list("code", "name"))
        rule = self.instance
        known = {code for code, _name in programs}
        gone = [(code, code) for code in (rule.program_code, *rule.excluded_programs) if code and code not in known]
        self.fields["program_code"].choices = [*programs, *gone]  # type: ignore[attr-defined]
        self.fields["excluded_programs"].choices = [*programs, *gone]  # type: ignore[attr-defined]
        for name, label in (("requires", _("须在名单")), ("excluded_kinds", _("在这些名单的除外"))):
            present = getattr(rule, name)
            for place in range(max(_PLACES, len(present))):
                self.fields[f"{name}_{place}"] = forms.ChoiceField(
                    label=f"{label} {place + 1}",
                    choices=_options(present),
                    required=False,
                    initial=_written(present[place]) if place < len(present) else "",
                )

        lists = [name for name in self.fields if name.startswith(("requires_", "excluded_kinds_"))]
        self.order_fields(["name", "program_code", "age_min", "age_max", *lists])

    def _chosen(self, name: str) -> list[dict[str, Any]]:
        given = (value for key, value in self.cleaned_data.items() if key.startswith(f"{name}_") and value)
        return [json.loads(value) for value in dict.fromkeys(given)]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        low, high = cleaned.get("age_min"), cleaned.get("age_max")
        if low is not None and high is not None and low > high:
            self.add_error("age_max", _("小于年满的岁数。请核对。"))
        if low is None and high is None and not self._chosen("requires"):
            raise ValidationError(_("至少要有年龄或一份名单，不然人人都应享受。"))
        return cleaned

    def save(self, commit: bool = True) -> EntitlementRule:
        """The rule with what was chosen, unsaved: the action saves it."""
        self.instance.requires = self._chosen("requires")
        self.instance.excluded_kinds = self._chosen("excluded_kinds")
        return self.instance


class NotifyForm(forms.Form):
    note = forms.CharField(
        label=_("怎么告知的"), max_length=300, required=False, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("如：4月2日入户告知，本人说本月申请"),
    )  # fmt: skip


class DismissForm(forms.Form):
    note = forms.CharField(
        label=_("为什么不应享受"), max_length=300, widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": _("请写明为什么不应享受。")},
    )  # fmt: skip

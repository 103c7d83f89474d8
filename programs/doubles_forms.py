"""Forms of what two sides must agree on: a merge of two entries, a move to another village."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from programs.forms import NoteForm
from programs.models import Household, Person
from subsidy_portal import clock
from subsidy_portal.models import Area


class _NumberField(forms.CharField):
    def __init__(self, **kwargs: Any) -> None:
        widget = forms.TextInput(attrs={"autocomplete": "off", "inputmode": "text", "size": 22})
        super().__init__(**{"max_length": 24, "widget": widget, **kwargs})


class _VillageField(forms.ModelChoiceField):  # type: ignore[type-arg]  # not subscriptable when it runs
    def label_from_instance(self, village: Any) -> str:
        return f"{village.parent.name} {village.name}"


class MergeForm(forms.Form):
    keep = _NumberField(label=_("保留的身份证号"), help_text=_("现在的身份证上的号"))
    gone = _NumberField(label=_("并入的身份证号"), help_text=_("以后不再使用的号"))
    reason = forms.CharField(label=_("为什么是同一个人，依据什么"), max_length=300, widget=forms.Textarea({"rows": 2}))


class MoveForm(forms.Form):
    id_number = _NumberField(label=_("身份证号"))
    name = forms.CharField(label=_("姓名"), max_length=50, widget=forms.TextInput({"autocomplete": "off", "size": 12}))
    to_area = _VillageField(Area.objects.none(), label=_("迁到"), empty_label=_("选村（社区）"))
    with_household = forms.BooleanField(label=_("连户迁（本人是户主时）"), required=False)
    reason = forms.CharField(label=_("为什么迁，依据什么"), max_length=300, widget=forms.Textarea({"rows": 2}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        current = Q(valid_to=None) | Q(valid_to__gte=clock.today())
        villages = Area.objects.filter(current, level=Area.Level.VILLAGE).select_related("parent").order_by("code")
        self.fields["to_area"].queryset = villages  # type: ignore[attr-defined]


class AnswerForm(NoteForm):
    """Why not: whoever asked reads it."""


class MemberForm(forms.Form):
    id_number = _NumberField(label=_("身份证号"))
    name = forms.CharField(label=_("姓名"), max_length=50, widget=forms.TextInput({"autocomplete": "off", "size": 12}))
    relation = forms.CharField(label=_("与户主的关系"), max_length=20, help_text=_("如 妻、子、父"))
    reason = forms.CharField(label=_("原因和依据"), max_length=200)


class HeadForm(forms.Form):
    """``new_head`` is one of the members; an empty ``old_relation``: the old head leaves."""

    new_head = forms.ModelChoiceField(Person.objects.none(), label=_("新户主"), empty_label=_("选一位成员"))
    old_relation = forms.CharField(
        label=_("原户主与新户主的关系"), max_length=20, required=False, help_text=_("去世、迁走的不填，移出这一户")
    )
    reason = forms.CharField(label=_("原因和依据"), max_length=300, widget=forms.Textarea({"rows": 2}))

    def __init__(self, *args: Any, household: Household, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = household.members.exclude(pk=household.head_id).order_by("born_on")
        self.fields["new_head"].queryset = others  # type: ignore[attr-defined]

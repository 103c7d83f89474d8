"""Forms of the offices that assign and answer inquiries, and publish results."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from publicity.models import Inquiry
from subsidy_portal.models import Organisation, User

K = Organisation.Kind
ANSWERING = (K.FINANCE, K.DEPARTMENT, K.TOWNSHIP, K.AUDIT, K.DISCIPLINE)
ACCUSABLE = (K.FINANCE, K.DEPARTMENT, K.TOWNSHIP, K.VILLAGE, K.BANK)


def offices_for(user: User, kinds: tuple[str, ...]) -> Any:
    inside = Organisation.objects.filter(is_active=True, area__code__startswith=user.area_prefix[:6])
    return inside.filter(kind__in=kinds)


class InquiryFilterForm(forms.Form):
    kind = forms.ChoiceField(required=False, label=_("类别"), choices=[("", _("全部类别")), *Inquiry.Kind.choices])


class InquiryStepForm(forms.Form):
    """A form of one step on one inquiry."""

    def __init__(self, *args: Any, inquiry: Inquiry, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.prepare(inquiry, user)

    def prepare(self, inquiry: Inquiry, user: User) -> None:
        """Choices and initial values."""


class AssignForm(InquiryStepForm):
    about = forms.ModelChoiceField(
        Organisation.objects.none(), label=_("被反映的单位"), required=False, empty_label=_("没有反映哪个单位"),
        help_text=_("选了，这个单位就看不到这件事，也不能承办"),
    )  # fmt: skip
    owner = forms.ModelChoiceField(Organisation.objects.none(), label=_("承办单位"), empty_label=_("请选择"))

    def prepare(self, inquiry: Inquiry, user: User) -> None:
        self.fields["about"].queryset = offices_for(user, ACCUSABLE)  # type: ignore[attr-defined]
        self.fields["owner"].queryset = offices_for(user, ANSWERING)  # type: ignore[attr-defined]
        self.initial.setdefault("about", inquiry.about_id)
        self.initial.setdefault("owner", inquiry.owner_id or self._usual(inquiry))

    @staticmethod
    def _usual(inquiry: Inquiry) -> int | None:
        """The department of the program it is about, unless it is the one complained about."""
        owner = inquiry.program.department_id if inquiry.program else None
        return owner if owner != inquiry.about_id else None


class AnswerForm(InquiryStepForm):
    text = forms.CharField(
        label=_("答复"),
        max_length=2000,
        help_text=_("群众会看到，署您单位的名称。写清查到什么、怎么办、到哪里、什么时候。"),
        widget=forms.Textarea({"rows": 5}),
        error_messages={"required": _("请写明答复，群众要看。")},
    )


class ReturnInquiryForm(InquiryStepForm):
    note = forms.CharField(
        label=_("退回的原因"),
        max_length=200,
        help_text=_("应由哪个单位办"),
        error_messages={"required": _("请写明为什么不归您单位办。")},
    )


class ResultForm(forms.Form):
    summary = forms.CharField(
        label=_("公开的整改结果"),
        max_length=300,
        help_text=_("查清了什么、怎么改的。不写姓名、证号、账号、电话。"),
        widget=forms.Textarea({"rows": 4}),
        error_messages={"required": _("请写明整改结果，群众要看。")},
    )

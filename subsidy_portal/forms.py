"""Forms of the kernel: users and their desks."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from subsidy_portal.actions import manageable_organisations
from subsidy_portal.models import Organisation, User


class UserForm(forms.ModelForm):  # type: ignore[type-arg]
    """One person at one desk."""

    class Meta:
        model = User
        fields = ("username", "display_name", "organisation", "role", "is_active")
        labels = {"username": _("用户名"), "is_active": _("在岗，可以登录")}
        help_texts = {"username": _("登录用，如 shiqiao-jb；建好后不能改"), "is_active": ""}
        error_messages = {"username": {"unique": _("这个用户名已经有人用。请换一个。")}}

    def __init__(self, *args: Any, actor: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("display_name", "organisation"):
            self.fields[name].required = True
        offices = manageable_organisations(actor).filter(is_active=True)
        self.fields["organisation"].queryset = offices  # type: ignore[attr-defined]
        self.fields["organisation"].empty_label = None if offices.count() == 1 else _("选单位")  # type: ignore[attr-defined]
        if self.instance.pk:
            self.fields["username"].disabled = True
        elif actor.kind != Organisation.Kind.FINANCE:
            self.fields["organisation"].initial = actor.organisation_id

"""Changes of users by an administrator. First passwords are made here, shown once, and must be changed at login."""

from __future__ import annotations

import secrets

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from rest_framework.authtoken.models import Token

from subsidy_portal.models import Organisation, User
from subsidy_portal.permissions import require
from subsidy_portal.workflow import Refused, record

# Without letters and digits that look alike: a first password is read from paper.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


def manageable_organisations(actor: User) -> QuerySet[Organisation]:
    """The county finance office manages the county's users, every other office its own."""
    if actor.kind == Organisation.Kind.FINANCE:
        return Organisation.objects.filter(area__code__startswith=actor.area_prefix)
    return Organisation.objects.filter(users=actor)


def manageable_users(actor: User) -> QuerySet[User]:
    return User.objects.filter(organisation__in=manageable_organisations(actor)).select_related("organisation")


def _first_password() -> str:
    return "-".join("".join(secrets.choice(_LETTERS) for _n in range(4)) for _block in range(4))


def _require_manageable(organisation: Organisation | None, actor: User) -> None:
    require(actor, "user.manage")
    if organisation is None or not manageable_organisations(actor).filter(pk=organisation.pk).exists():
        raise Refused(_("这个单位的用户不归您管。请联系县财政局系统管理岗。"))


@transaction.atomic
def create_user(user: User, *, actor: User) -> str:
    """Save a new ``user`` with a first password; returns the password, which is stored nowhere readable."""
    _require_manageable(user.organisation, actor)
    password = _first_password()
    user.set_password(password)
    user.must_change_password = True
    user.save()
    record(user, "created", actor=actor, data={"role": user.role, "organisation": user.organisation_id})
    return password


@transaction.atomic
def change_user(user: User, *, actor: User) -> None:
    """Save a changed desk, name or activity. Nobody changes their own: raises Refused."""
    before = User.objects.select_for_update().get(pk=user.pk)
    _require_manageable(before.organisation, actor)
    _require_manageable(user.organisation, actor)
    if user.pk == actor.pk:
        raise Refused(_("不能改自己的岗位和状态。请由另一位系统管理岗办理。"))
    fields = ("display_name", "organisation_id", "role", "is_active")
    changed = [name for name in fields if getattr(before, name) != getattr(user, name)]
    user.save(update_fields=[name.removesuffix("_id") for name in fields])
    if changed:
        record(user, "changed", actor=actor, data={"fields": changed})
    if {"organisation_id", "role", "is_active"} & set(changed):
        _end_tokens(user)


@transaction.atomic
def reset_password(user: User, *, actor: User) -> str:
    """A new first password for somebody else; their open sessions end. Returns the password."""
    _require_manageable(user.organisation, actor)
    if user.pk == actor.pk:
        raise Refused(_("自己的密码请在右上角“修改密码”里改。"))
    password = _first_password()
    user.set_password(password)
    user.must_change_password = True
    user.save(update_fields=["password", "must_change_password"])
    _end_tokens(user)
    record(user, "password_reset", actor=actor)
    return password


@transaction.atomic
def own_password_chosen(user: User) -> None:
    """``user`` has just changed the password: the portal opens, and API tokens made with the old one end."""
    User.objects.filter(pk=user.pk).update(must_change_password=False)
    _end_tokens(user)
    record(user, "password_changed", actor=user)


@transaction.atomic
def issue_token(user: User) -> str:
    """A new API token in place of the last one; raises Refused while a first password is unchanged."""
    user = User.objects.select_for_update(of=("self",)).get(pk=user.pk)
    if user.must_change_password:
        raise Refused(_("请先在网页上登录，换成自己的密码。"))
    _end_tokens(user)
    record(user, "token_issued", actor=user)
    key: str = Token.objects.create(user=user).key
    return key


def _end_tokens(user: User) -> None:
    Token.objects.filter(user=user).delete()

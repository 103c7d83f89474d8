"""The policy list: programs as they stand, and the year's list in versions that never change once published."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from programs.models import PolicyItem, PolicyList, Program
from programs.policy_columns import values_of
from subsidy_portal import clock
from subsidy_portal.models import User
from subsidy_portal.permissions import require, require_other
from subsidy_portal.workflow import Refused, move, record


@transaction.atomic
def save_program(program: Program, *, actor: User) -> Program:
    """Create or change a program. Raises Refused, naming the fields, when it does not hold together.

    Published lists keep what they said; the change shows in the next version.
    """
    require(actor, "program.edit")
    try:
        program.full_clean()
    except ValidationError as error:
        raise Refused(_("补贴项目没有保存：") + _sentence(error)) from error
    before = Program.objects.filter(pk=program.pk).values().first()
    program.save()
    changed = [name for name, value in (before or {}).items() if value != getattr(program, name)]
    if before is None:
        record(program, "created", actor=actor)
    elif changed:
        record(program, "changed", actor=actor, data={"fields": changed})
    return program


def _sentence(error: ValidationError) -> str:
    """The messages with the labels of their fields, in one line."""
    parts = []
    for name, messages in error.message_dict.items():
        label = "" if name == "__all__" else f"{Program._meta.get_field(name).verbose_name}："  # type: ignore[union-attr]
        parts.append(label + "".join(messages))
    return "；".join(parts)


@transaction.atomic
def draft_policy_list(year: int, *, actor: User) -> PolicyList:
    """The year's next version as a draft: a copy of every program in use. Raises Refused while there is a draft."""
    require(actor, "policy.edit")
    last = PolicyList.objects.filter(year=year).aggregate(last=Max("version"))["last"] or 0
    try:
        with transaction.atomic():
            policy_list = PolicyList.objects.create(year=year, version=last + 1, made_by=actor)
    except IntegrityError as error:
        raise Refused(_("%(year)d年已有一版正在编制。请先公布它，或在它上面修改。") % {"year": year}) from error
    _copy_programs(policy_list)
    record(policy_list, "created", actor=actor)
    return policy_list


@transaction.atomic
def refresh_policy_list(policy_list: PolicyList, *, actor: User) -> None:
    """Copy the programs again into a draft. Raises Refused when it is published."""
    require(actor, "policy.edit")
    now = PolicyList.objects.select_for_update().get(pk=policy_list.pk)
    if now.status != PolicyList.Status.DRAFT:
        raise Refused(_("这一版已经公布，不能再改。请另编新版。"))
    policy_list.items.all().delete()
    _copy_programs(policy_list)
    record(policy_list, "changed", actor=actor)


def _copy_programs(policy_list: PolicyList) -> None:
    """One line a program in use; a classified one is never on the list (R2)."""
    programs = Program.objects.public().filter(is_active=True).select_related("department").order_by("code")
    PolicyItem.objects.bulk_create(
        PolicyItem(policy_list=policy_list, position=n, program=program, values=values_of(program), terms=program.terms)
        for n, program in enumerate(programs, 1)
    )


@transaction.atomic
def publish_policy_list(policy_list: PolicyList, *, actor: User) -> None:
    """Publish a draft made by somebody else; the year's published version becomes an older one, still readable."""
    require(actor, "policy.publish")
    require_other(actor, policy_list.made_by_id)
    if not policy_list.items.exists():
        raise Refused(_("清单是空的。请先录入补贴项目，再更新这一版。"))
    fields: dict[str, Any] = {"published_by": actor, "published_at": clock.now()}
    for older in PolicyList.objects.filter(year=policy_list.year, status=PolicyList.Status.PUBLISHED):
        move(older, PolicyList.Status.SUPERSEDED, actor=actor, note=str(policy_list))
    move(policy_list, PolicyList.Status.PUBLISHED, actor=actor, **fields)

"""Changing a rule: what it would hit is looked at first, and every change is a new version."""

from __future__ import annotations

import copy
import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from django.core.signing import Signer
from django.db import transaction
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from programs.actions.gates import require_note
from programs.checks import run_checks_on
from programs.checks.hits import version_of
from programs.checks.params import check_params
from programs.checks.previews import Preview, preview_hits
from programs.models import Roster, Rule, RuleVersion
from subsidy_portal import clock
from subsidy_portal.models import Area, User
from subsidy_portal.permissions import require
from subsidy_portal.workflow import Refused, record

_S = Roster.Status
_UNDER_WAY = (
    _S.DRAFT, _S.SUBMITTED, _S.TOWN_APPROVED, _S.ON_NOTICE, _S.NOTICED, _S.DEPT_CHECKED, _S.DEPT_APPROVED,
)  # fmt: skip
_LONG = {"legal_text": 4000, "note": 1000, "legal_basis": 200, "waiver": 200}


def preview_rule(rule: Rule, values: Mapping[str, Any], *, actor: User) -> tuple[Preview, Preview, str]:
    """What the rule hits today (nothing while it is switched off), what it would hit with ``values`` (as
    ``Rule.values``), and the token to save them.

    Nothing is stored. Raises Refused for values that do not hold together.
    """
    require(actor, "rule.edit")
    wanted = _with(rule, values)
    after = preview_hits(wanted)
    if not rule.is_active:
        return Preview(), after, _token(wanted, actor)
    same = (rule.params, rule.area_id) == (wanted.params, wanted.area_id)
    return after if same else preview_hits(rule), after, _token(wanted, actor)


@transaction.atomic
def change_rule(rule: Rule, values: Mapping[str, Any], *, seen: str, reason: str, actor: User) -> None:
    """Make ``values`` the rule's next version and compare the rosters under way again.

    ``seen`` is the token of ``preview_rule``. Raises Refused without it, without a reason, when the values changed
    since, or somebody else changed the rule meanwhile. Hits keep the version they were decided on.
    """
    require(actor, "rule.edit")
    reason = require_note(reason, _("为什么改，依据哪个文件"))
    now = Rule.objects.select_for_update(of=("self",)).select_related("area").get(pk=rule.pk)
    wanted = _with(now, values)
    if not seen or not constant_time_compare(seen, _token(wanted, actor)):
        raise Refused(_("没有保存：预览之后内容又改了，或规则刚被别人改过。请看过新的预览再保存。"))
    old, new = now.values, wanted.values
    changed = [name for name in Rule.VERSIONED if old[name] != new[name]]
    if not changed:
        raise Refused(_("内容没有变，不用保存。"))
    version_of(now)
    wanted.version = now.version + 1
    wanted.save()
    RuleVersion.objects.create(rule=wanted, version=wanted.version, values=new, made_by=actor, made_at=clock.now())
    record(
        wanted, "check_rule_changed", actor=actor, note=_sentence(now, wanted, changed, reason),
        data={"version": wanted.version, "old": {n: old[n] for n in changed}, "new": {n: new[n] for n in changed}},
    )  # fmt: skip
    rule.refresh_from_db()
    waiting = Roster.objects.filter(status__in=_UNDER_WAY, revision__gt=0).order_by("pk")
    if keys := list(waiting.values_list("pk", flat=True)):
        run_checks_on(keys, codes=[rule.code])


def _with(rule: Rule, values: Mapping[str, Any]) -> Rule:
    """A copy of ``rule`` with ``values``, not saved; what is not named stays. Raises Refused."""
    if unknown := sorted(set(values) - set(Rule.VERSIONED)):
        raise Refused(_("规则没有“%(names)s”这一项。请核对。") % {"names": "、".join(unknown)})
    given = rule.values | dict(values)
    wanted = copy.copy(rule)
    for name, choices in (("level", Rule.Level), ("strength", Rule.Strength)):
        if given[name] not in choices.values:
            raise Refused(_("“%(label)s”没有这个选项。请从列出的选项里选。") % {"label": _label(name)})
        setattr(wanted, name, given[name])
    if not isinstance(given["is_active"], bool):
        raise Refused(_("“%(label)s”没有这个选项。请从列出的选项里选。") % {"label": _label("is_active")})
    wanted.is_active = given["is_active"]
    for name, limit in _LONG.items():
        if not isinstance(given[name], str) or len(given[name].strip()) > limit:
            raise Refused(_("“%(label)s”最多%(n)d个字。") % {"label": _label(name), "n": limit})
        setattr(wanted, name, given[name].strip())
    if not (wanted.legal_text and wanted.legal_basis):
        raise Refused(_("规定原文和依据都要写：疑点凭它核实。"))
    wanted.valid_from, wanted.valid_to = _day(given, "valid_from"), _day(given, "valid_to")
    if wanted.valid_from and wanted.valid_to and wanted.valid_from > wanted.valid_to:
        raise Refused(_("生效日期在失效日期之后。请核对。"))
    wanted.area = _area(given["area"])
    if not isinstance(given["params"], dict):
        raise Refused(_("规则的参数不对。请核对。"))
    wanted.params = check_params(rule.check_name, given["params"], switched_on=wanted.is_active)
    return wanted


def _label(name: str) -> str:
    return str(Rule._meta.get_field(name).verbose_name)  # type: ignore[union-attr]


def _day(given: Mapping[str, Any], name: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(given[name]) if given[name] else None
    except (TypeError, ValueError):
        raise Refused(_("“%(label)s”应是日期，如 2025-01-01。") % {"label": _label(name)}) from None


def _area(code: Any) -> Area | None:
    """The county or one of its townships; raises Refused."""
    if not code:
        return None
    found = Area.objects.filter(code=str(code)).exclude(level=Area.Level.VILLAGE).first()
    if found is None:
        raise Refused(_("没有这个地区。请选全县或一个乡镇。"))
    return found


def _token(wanted: Rule, actor: User) -> str:
    """Vouches that ``actor`` saw today what these values would hit, at this version of the rule."""
    told = [wanted.pk, wanted.version, actor.pk, clock.today().isoformat(), wanted.values]
    return Signer(salt="programs.rule_preview").signature(json.dumps(told, sort_keys=True))


def _sentence(old: Rule, new: Rule, changed: list[str], reason: str) -> str:
    """Which version, what changed (short values with old and new), and why."""
    parts = []
    for name in changed:
        if name in ("level", "strength"):
            was, became = (getattr(rule, f"get_{name}_display")() for rule in (old, new))
        elif name == "is_active":
            was, became = (_("启用") if rule.is_active else _("停用") for rule in (old, new))
        elif name in ("valid_from", "valid_to", "area"):
            was, became = (str(getattr(rule, name) or _("不限")) for rule in (old, new))
        else:
            parts.append(_label(name) if name != "params" else _("参数"))
            continue
        parts.append(f"{_label(name)} {was}→{became}")
    return _("第%(n)d版：%(what)s。%(why)s") % {"n": new.version, "what": "、".join(parts), "why": reason}

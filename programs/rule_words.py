"""A rule's params as people read them."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from programs.checks.lists import field_label
from programs.checks.params import SCHEMAS, Param, program_names
from programs.models import Rule


def param_pairs(rule: Rule) -> list[tuple[str, str]]:
    """(label, words) of every param that is filled in, programs by code and name."""
    names = program_names()
    pairs = []
    for param in SCHEMAS[rule.check_name]:
        value = rule.params.get(param.name)
        if value not in (None, "", [], {}):
            pairs.append((str(param.label), _words(param, value, names, rule)))
        elif param.form in ("programs", "groups"):
            pairs.append((str(param.label), _("还没有填") if param.needed else _("所有项目")))
    return pairs


def _words(param: Param, value: Any, names: dict[str, str], rule: Rule) -> str:
    def named(codes: list[str]) -> str:
        return "、".join(f"{code} {names.get(code, '')}".strip() for code in codes)

    if param.form == "programs":
        return named(value)
    if param.form == "groups":
        return "；".join(named(group) for group in value)
    if param.form == "words":
        return "、".join(value)
    if param.form == "lags":
        return "；".join(_("%(name)s %(n)d 个月") % {"name": named([code]), "n": n} for code, n in value.items())
    if param.name == "field":
        return field_label(rule.params["kind"], value)
    return str(dict(param.choices).get(value, value))

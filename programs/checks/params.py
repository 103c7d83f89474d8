"""What each check wants to know from its rule: one small schema a check, held before a rule is saved.

``check_params`` refuses unknown program codes, lists and words with a sentence; the form of the edit page is made
from the same schemas.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from programs.comparison_data import KINDS
from programs.models import Dataset, Program, Rule
from programs.program_codes import NATIONAL
from subsidy_portal.workflow import Refused

Text = str | Promise


@dataclass(frozen=True)
class Param:
    """One param. ``form``: programs (codes), groups (lists of codes), number, choice, words, text, day, lags
    (code → months). ``needed``: the rule may be kept without it, but not switched on.
    """

    name: str
    form: str
    label: Text
    help: Text = ""
    needed: bool = False
    choices: tuple[tuple[str, Text], ...] = ()
    low: int = 0
    high: int = 150


_PROGRAMS = Param("programs", "programs", gettext_lazy("适用项目"), gettext_lazy("每行一个项目编码。"), needed=True)
_ALL = Param("programs", "programs", gettext_lazy("适用项目"), gettext_lazy("每行一个项目编码；不填：所有项目。"))
_A = Param("a", "programs", gettext_lazy("一方"), gettext_lazy("每行一个项目编码。"), needed=True)
_B = Param("b", "programs", gettext_lazy("另一方"), gettext_lazy("每行一个项目编码。"), needed=True)
_GROUPS = Param(
    "groups", "groups", gettext_lazy("分组"),
    gettext_lazy("每行一组，组内编码用顿号隔开；不同组之间不能同领。"), needed=True,
)  # fmt: skip
_LIST = (
    Param(
        "kind", "choice", gettext_lazy("比对数据"), needed=True,
        choices=tuple((str(kind.value), kind.label) for kind in Dataset.Kind),
    ),
    Param(
        "field", "choice", gettext_lazy("看哪一栏"), gettext_lazy("不选：在名单里就算。"),
        choices=tuple(
            (field.to.removeprefix("data."), f"{Dataset.Kind(info.kind).label}：{field.label}")
            for info in KINDS.values() for field in info.fields
            if field.to == "item" or field.to.startswith("data.")
        ),
    ),
    Param("values", "words", gettext_lazy("是下面这些就算"), gettext_lazy("每行一个，照名单里的写法。")),
)  # fmt: skip
_MAX = Param("max", "number", gettext_lazy("或不超过"), gettext_lazy("按数字比较的栏目，如残疾等级。"), high=1_000_000)
_LAG = Param("lag", "number", gettext_lazy("几个月后停发"), gettext_lazy("1：次月起停发；0：当月起停发。"), high=24)
_LAGS = Param("lags", "lags", gettext_lazy("单独规定的项目"), gettext_lazy("每行一个：项目编码 月数，如 2080502 2。"))
SCHEMAS: dict[str, tuple[Param, ...]] = {
    "same_claim": (),
    "excluded_pair": (_A, _B),
    "excluded_family": (_GROUPS,),
    "higher_of": (_GROUPS,),
    "allowed_pair": (_A, _B),
    "one_per": (
        _PROGRAMS,
        Param("key", "choice", gettext_lazy("同一个什么"), needed=True, choices=(
            ("item", gettext_lazy("分项")), ("household", gettext_lazy("户")), ("person", gettext_lazy("人")),
            ("column", gettext_lazy("清册自有栏目")),
        )),
        Param("column", "text", gettext_lazy("栏目名"), gettext_lazy("同一个“清册自有栏目”时填，如：出厂编号。")),
        Param("span", "choice", gettext_lazy("多久只领一次"), needed=True, choices=(
            ("period", gettext_lazy("同一期间")), ("year", gettext_lazy("一年")), ("ever", gettext_lazy("永远")),
        )),
    ),
    "excluded_list": (_PROGRAMS, *_LIST, _MAX),
    "required_list": (_PROGRAMS, *_LIST, _MAX),
    "lapsed_list": (_PROGRAMS, *_LIST, _MAX, _LAG, _LAGS),
    "exit_event": (_ALL, *_LIST, _MAX, _LAG, _LAGS),
    "institution_account": (_PROGRAMS, *_LIST),
    "age": (
        _PROGRAMS,
        Param("min", "number", gettext_lazy("年满（岁）"), low=1),
        Param("min_from", "choice", gettext_lazy("从何时起算"), choices=(
            ("birthday_month", gettext_lazy("生日当月")), ("next_month", gettext_lazy("生日次月")),
        )),
        Param("under", "number", gettext_lazy("不满（岁）"), low=1),
        Param("under_until", "choice", gettext_lazy("发到何时"), choices=(
            ("before", gettext_lazy("生日前一个月")), ("birthday_month", gettext_lazy("生日当月")),
        )),
        Param("sex", "choice", gettext_lazy("只看"), choices=(("M", gettext_lazy("男")), ("F", gettext_lazy("女")))),
        Param("or_under", "number", gettext_lazy("不满此岁数的除外"), low=1),
        Param("or_kind", "choice", gettext_lazy("在此名单的除外"), choices=_LIST[0].choices),
        Param("stage", "choice", gettext_lazy("看哪些申领"), choices=(
            ("all", gettext_lazy("都看")), ("first", gettext_lazy("首次申领")), ("again", gettext_lazy("续发")),
        )),
    ),
    "date_between": (
        _PROGRAMS,
        Param(
            "column", "text", gettext_lazy("栏目名"), gettext_lazy("清册自有的日期栏目，如：入伍日期。"), needed=True
        ),
        Param("first", "day", gettext_lazy("不早于")),
        Param("last", "day", gettext_lazy("不晚于")),
    ),
    "paid_after_death": (_LAG, _LAGS),
    "shared_account": (),
    "several_accounts": (),
    "foreign_payee": (),
    "off_standard": (),
    "over_cap": (),
}  # fmt: skip


def program_names() -> dict[str, str]:
    """Every code a rule may name: the national catalogue and the county's own programs."""
    return NATIONAL | dict(Program.objects.values_list("code", "short_name"))


def check_params(check_name: str, params: Mapping[str, Any], *, switched_on: bool) -> dict[str, Any]:
    """``params`` as they are kept, empty ones left out (empty lists of programs stay); raises Refused.

    ``switched_on``: what the check cannot do without must be there.
    """
    schema = {param.name: param for param in SCHEMAS[check_name]}
    if unknown := sorted(set(params) - set(schema)):
        raise Refused(_("规则没有“%(names)s”这一项。请核对。") % {"names": "、".join(unknown)})
    codes = program_names() if any(p.form in ("programs", "groups", "lags") for p in schema.values()) else {}
    kept: dict[str, Any] = {}
    for name, param in schema.items():
        value = params.get(name)
        if value is not None and value not in ("", {}):
            kept[name] = _READ[param.form](param, value, codes)
        elif param.form in ("programs", "groups"):
            kept[name] = []
        if switched_on and param.needed and not kept.get(name):
            raise Refused(_("“%(label)s”没有填，规则不能启用。请填好，或先停用。") % {"label": param.label})
    _check_together(check_name, kept, switched_on=switched_on)
    return kept


def _unfit(param: Param, what: str) -> Refused:
    return Refused(_("“%(label)s”%(what)s") % {"label": param.label, "what": what})


def _codes(param: Param, value: Any, codes: Mapping[str, str]) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(code, str) for code in value):
        raise _unfit(param, _("应是一列项目编码，如 2081107。"))
    for code in value:
        if code not in codes:
            raise _unfit(param, _("里的“%(code)s”不是项目编码。请照补贴项目表填写。") % {"code": code[:12]})
    return list(dict.fromkeys(value))


def _groups(param: Param, value: Any, codes: Mapping[str, str]) -> list[list[str]]:
    if not isinstance(value, list):
        raise _unfit(param, _("应是几组项目编码，每组一行。"))
    groups = [group for group in (_codes(param, one, codes) for one in value) if group]
    flat = [code for group in groups for code in group]
    if len(flat) != len(set(flat)):
        raise _unfit(param, _("里同一个编码出现在两组。请只留一处。"))
    if len(groups) == 1:
        raise _unfit(param, _("只有一组。请至少填两组。"))
    return groups


def _number(param: Param, value: Any, _codes: Mapping[str, str]) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not param.low <= value <= param.high:
        raise _unfit(param, _("应是%(low)d到%(high)d的整数。") % {"low": param.low, "high": param.high})
    return value


def _choice(param: Param, value: Any, _codes: Mapping[str, str]) -> str:
    if not isinstance(value, str) or value not in dict(param.choices):
        raise _unfit(param, _("没有这个选项。请从列出的选项里选。"))
    return value


def _words(param: Param, value: Any, _codes: Mapping[str, str]) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(word, str) and 0 < len(word) <= 40 for word in value):
        raise _unfit(param, _("应是一列文字，每个最多40个字。"))
    return list(dict.fromkeys(value))


def _text(param: Param, value: Any, _codes: Mapping[str, str]) -> str:
    if not isinstance(value, str) or len(value) > 20:
        raise _unfit(param, _("最多20个字。"))
    return value.strip()


def _day(param: Param, value: Any, _codes: Mapping[str, str]) -> str:
    try:
        return dt.date.fromisoformat(value).isoformat()
    except (TypeError, ValueError):
        raise _unfit(param, _("应是日期，如 1954-11-01。")) from None


def _lags(param: Param, value: Any, codes: Mapping[str, str]) -> dict[str, int]:
    if not isinstance(value, dict):
        raise _unfit(param, _("应是项目编码和月数。"))
    _codes(param, list(value), codes)
    return {code: _number(_LAG, months, codes) for code, months in value.items()}


_READ = {
    "programs": _codes, "groups": _groups, "number": _number, "choice": _choice, "words": _words, "text": _text,
    "day": _day, "lags": _lags,
}  # fmt: skip


def _check_together(check_name: str, kept: Mapping[str, Any], *, switched_on: bool) -> None:
    """What only several params together can get wrong; raises Refused."""
    if twice := set(kept.get("a", ())) & set(kept.get("b", ())):
        raise Refused(_("项目%(codes)s不能两边都写。") % {"codes": "、".join(sorted(twice))})
    if check_name == "one_per" and kept.get("key") == "column" and not kept.get("column"):
        raise Refused(_("“同一个”选了清册自有栏目，请填栏目名。"))
    if check_name == "age" and switched_on and not ("min" in kept or "under" in kept):
        raise Refused(_("年龄规则要填“年满”或“不满”的岁数。"))
    if "first" in kept and "last" in kept and kept["first"] > kept["last"]:
        raise Refused(_("“不早于”的日期在“不晚于”之后。请核对。"))
    if kept.get("kind"):
        _check_list_field(kept)


def _check_list_field(kept: Mapping[str, Any]) -> None:
    info, name = KINDS[kept["kind"]], kept.get("field", "")
    label = Dataset.Kind(kept["kind"]).label
    if not name:
        if kept.get("values") or "max" in kept:
            raise Refused(_("填了要比较的内容，请选“看哪一栏”。"))
        return
    field = next((f for f in info.fields if f.to.removeprefix("data.") == name), None)
    if field is None:
        raise Refused(_("“%(kind)s”没有这一栏。请另选“看哪一栏”。") % {"kind": label})
    if not kept.get("values") and "max" not in kept:
        raise Refused(_("选了“看哪一栏”，请填是哪些内容，或不超过多少。"))
    known = {str(kept_as) for _word, kept_as in field.choices}
    if known and (wrong := sorted(set(kept.get("values", ())) - known)):
        raise Refused(
            _("“%(field)s”里没有“%(words)s”。可以填：%(known)s。")
            % {"field": field.label, "words": "、".join(wrong), "known": "、".join(sorted(known))}
        )


def named_codes(rule: Rule) -> list[str]:
    """Every program code the rule names, in order."""
    params = rule.params
    grouped = [code for group in params.get("groups", ()) for code in group]
    named = [*params.get("programs", ()), *params.get("a", ()), *params.get("b", ()), *grouped]
    return list(dict.fromkeys([*named, *params.get("lags", {})]))

"""The rules: what each found and stopped, its legal text, and changing it after a look at what it would hit."""

from __future__ import annotations

from itertools import groupby

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from programs import actions
from programs.checks.params import SCHEMAS, program_names
from programs.models import Rule, Suspicion
from programs.rule_facts import RuleLine, rule_lines, rule_shares
from programs.rule_forms import RuleForm
from programs.rule_sheet import rules_workbook
from programs.rule_words import param_pairs
from subsidy_portal import clock
from subsidy_portal.permissions import allowed
from subsidy_portal.staff import StaffRequest, happened, staff_page
from subsidy_portal.tables import workbook_response
from subsidy_portal.workflow import Refused

_ORDER = list(Rule.Type.values)


def _rule(request: StaffRequest, pk: int) -> Rule:
    return get_object_or_404(Rule.objects.visible_to(request.user).select_related("area"), pk=pk)


@require_GET
@staff_page("see.rosters")
def rule_list(request: StaffRequest) -> HttpResponse:
    """All rules by type; ``?show=`` in force (on), switched off (off), or waiting for a list (missing)."""
    lines = rule_lines(request.user, Rule.objects.visible_to(request.user).select_related("area"))
    kinds = {
        "all": lines,
        "on": [line for line in lines if line.in_force],
        "off": [line for line in lines if not line.in_force],
        "missing": [line for line in lines if line.in_force and line.missing],
    }
    show = request.GET.get("show", "all")
    show = show if show in kinds else "all"
    words = {"all": _("全部"), "on": _("启用"), "missing": _("等数据"), "off": _("停用")}
    context = {
        "groups": _by_type(kinds[show]),
        "tabs": [(key, word, len(kinds[key])) for key, word in words.items()],
        "show": show,
        "stopped_fen": sum(line.sums.stopped_fen for line in lines),
        "open": sum(line.sums.open for line in lines),
        "in_force": len(kinds["on"]),
        "missing": sorted({label for line in kinds["missing"] for label in line.missing}),
        "may_import": allowed(request.user, "dataset.import"),
    }
    return render(request, "programs/rule_list.html", context)


def _by_type(lines: list[RuleLine]) -> list[tuple[str, list[RuleLine]]]:
    ordered = sorted(lines, key=lambda line: (_ORDER.index(line.rule.type), line.rule.code))
    return [(str(Rule.Type(kind).label), list(found)) for kind, found in groupby(ordered, lambda line: line.rule.type)]


@require_GET
@staff_page("see.rosters")
def rule_export(request: StaffRequest) -> HttpResponse:
    name = _("比对规则统计%(day)s.xlsx") % {"day": f"{clock.today():%Y%m%d}"}
    return workbook_response(rules_workbook(request.user), name)


@require_GET
@staff_page("see.rosters")
def rule(request: StaffRequest, pk: int) -> HttpResponse:
    """The legal text, what is compared, what it found, and the last hits as examples."""
    found = _rule(request, pk)
    hits = Suspicion.objects.visible_to(request.user).filter(rule=found).exclude(status="superseded")
    context = {
        "rule": found,
        "line": rule_lines(request.user, [found])[0],
        "shares": rule_shares(request.user, found),
        "pairs": param_pairs(found),
        "hits": hits.select_related("person", "roster__program", "roster__area")[:5],
        "events": happened(found),
        "may_edit": allowed(request.user, "rule.edit"),
    }
    return render(request, "programs/rule.html", context)


@staff_page("rule.edit")
def rule_edit(request: StaffRequest, pk: int) -> HttpResponse:
    """First the preview, then saving exactly what was previewed."""
    found = _rule(request, pk)
    form = RuleForm(request.POST or None, rule=found)
    context = {"rule": found, "form": form, "codes": _codes_of(found)}
    if request.method == "POST" and form.is_valid():
        try:
            values = form.values()
            if "save" in request.POST:
                reason, seen = form.cleaned_data["reason"], request.POST.get("seen", "")
                actions.change_rule(found, values, seen=seen, reason=reason, actor=request.user)
                messages.success(
                    request, _("已保存为第%(n)d版，没办完的清册已按新规则重新比对。") % {"n": found.version}
                )
                return redirect("programs:rule", pk)
            context["before"], context["preview"], context["seen"] = actions.preview_rule(
                found, values, actor=request.user
            )
        except Refused as refused:
            form.add_error(None, str(refused))
    return render(request, "programs/rule_edit.html", context, status=422 if form.errors else 200)


def _codes_of(found: Rule) -> list[tuple[str, str]]:
    """Codes with their names to copy from, where the rule's params are programs."""
    uses = {param.form for param in SCHEMAS[found.check_name]} & {"programs", "groups", "lags"}
    return sorted(program_names().items()) if uses else []

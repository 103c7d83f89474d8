"""What a program's roster has of its own, and how its amounts are reckoned: edited by finance, one thing a page."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from programs import actions
from programs.actions import ColumnSpec
from programs.amount_rules import rule_words
from programs.models import Program
from programs.template_forms import AmountRuleForm, ColumnForm
from subsidy_portal import wording
from subsidy_portal.staff import StaffRequest, staff_page
from subsidy_portal.workflow import Refused


def _program(request: StaffRequest, pk: int) -> Program:
    return get_object_or_404(Program.objects.visible_to(request.user), pk=pk)


def _specs(program: Program) -> list[ColumnSpec]:
    return [ColumnSpec.of(column) for column in program.columns.all()]


def _at(specs: list[ColumnSpec], position: int) -> int:
    """The place in the list of the column at ``position`` (from 1); 404 when there is none."""
    if not 1 <= position <= len(specs):
        raise Http404
    return position - 1


@staff_page("program.edit")
def column_edit(request: StaffRequest, pk: int, position: int | None = None) -> HttpResponse:
    """Add a column at the end, or change the one at ``position``."""
    found = _program(request, pk)
    specs = _specs(found)
    at = _at(specs, position) if position else None
    form = ColumnForm(request.POST or None, spec=specs[at] if at is not None else None)
    if request.method == "POST" and form.is_valid():
        wanted = [*specs, form.spec()] if at is None else [*specs[:at], form.spec(), *specs[at + 1 :]]
        try:
            actions.set_columns(found, wanted, actor=request.user)
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("栏目已保存，模板已更新。请乡镇重新下载模板。"))
            return redirect("programs:program", pk)
    context = {"program": found, "form": form, "position": position}
    return render(request, "programs/column_edit.html", context, status=422 if form.errors else 200)


@require_POST
@staff_page("program.edit")
def column_act(request: StaffRequest, pk: int, position: int, verb: str) -> HttpResponse:
    """Move a column one place forward, or remove it."""
    found = _program(request, pk)
    specs = _specs(found)
    at = _at(specs, position)
    if verb == "forward" and at:
        specs[at - 1], specs[at] = specs[at], specs[at - 1]
    elif verb == "remove":
        del specs[at]
    else:
        raise Http404
    try:
        actions.set_columns(found, specs, actor=request.user)
    except Refused as refused:
        messages.error(request, str(refused))
    return redirect("programs:program", pk)


@staff_page("program.edit")
def amount_rule(request: StaffRequest, pk: int) -> HttpResponse:
    """The rule with numbers to try it on: "try" shows what comes out and saves nothing, "save" saves."""
    found = _program(request, pk)
    form = AmountRuleForm(request.POST or None, program=found)
    tried = ""
    if request.method == "POST" and form.is_valid():
        try:
            tried = _try(found, form)
            if "save" in request.POST:
                actions.set_amount_rule(found, form.text, form.cleaned_data["level"], actor=request.user)
                messages.success(request, _("金额算法已保存，此后导入的清册照它核对。"))
                return redirect("programs:program", pk)
        except Refused as refused:
            form.add_error("rule", str(refused))
    context = {"program": found, "form": form, "tried": tried}
    return render(request, "programs/amount_rule.html", context, status=422 if form.errors else 200)


def _try(program: Program, form: AmountRuleForm) -> str:
    """``标准 100.00、月数 3 → 300.00 元``; empty without a rule."""
    if not form.text:
        return ""
    values = form.values()
    used = actions.check_rule(program, form.text).names
    fen = actions.try_rule(program, form.text, values)
    numbers = _("，").join(f"{name} {value:f}" for name, value in values.items() if name in used)
    return _("%(numbers)s → %(yuan)s 元") % {"numbers": numbers, "yuan": wording.yuan(fen)}


def shown_template(program: Program) -> dict[str, Any]:
    """What the program's page says about its template: the own columns, and the rule with one sum worked out."""
    columns = list(program.columns.all())
    example = ""
    if program.amount_rule:
        values = actions.sample_values(program)
        used = actions.check_rule(program, program.amount_rule).names
        try:
            fen = actions.try_rule(program, program.amount_rule, values)
        except Refused:
            fen = None
        numbers = _("，").join(f"{name} {value}" for name, value in values.items() if name in used)
        example = f"{numbers} → {wording.yuan(fen)}" if fen is not None else ""
    words = rule_words(program.amount_rule) if program.amount_rule else ""
    return {"columns": columns, "example": example, "rule_words": words}

"""The search for the missing (应享受未享受): the list, one person, and the rules finance edits."""

from __future__ import annotations

import io
from typing import Any

from django.contrib import messages
from django.db.models import Count, Q, QuerySet
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from programs import actions
from programs.entitlement_export import MAX_ROWS, build_eligible_list
from programs.entitlement_forms import DismissForm, EntitlementRuleForm, NotifyForm
from programs.entitlements import kinds_read, rule_words
from programs.models import EligibleUnpaid, EntitlementRule, Program
from programs.staleness import by_state, stale_kinds
from subsidy_portal import clock
from subsidy_portal.paging import keyset_page
from subsidy_portal.permissions import allowed
from subsidy_portal.sheets import XLSX
from subsidy_portal.staff import StaffRequest, happened, staff_page
from subsidy_portal.workflow import Refused, record

S = EligibleUnpaid.Status
TABS = (S.OPEN, S.NOTIFIED, S.CLAIMED, S.NOT_ENTITLED, S.LAPSED)


def _shown(request: StaffRequest, given: Any) -> tuple[QuerySet[EligibleUnpaid], str, EntitlementRule | None]:
    """What the list shows: one status, with ``rule`` of one rule."""
    tab = given.get("tab", "")
    tab = tab if tab in TABS else S.OPEN
    number = given.get("rule", "")
    rule = EntitlementRule.objects.filter(pk=number).first() if number.isdecimal() and len(number) < 10 else None
    found = EligibleUnpaid.objects.visible_to(request.user).select_related("rule", "person", "area__parent")
    return (found.filter(rule=rule) if rule else found).filter(status=tab), tab, rule


@require_GET
@staff_page("see.rosters")
def eligible_list(request: StaffRequest) -> HttpResponse:
    found, tab, rule = _shown(request, request.GET)
    rules = list(EntitlementRule.objects.filter(is_active=True))
    mine = EligibleUnpaid.objects.visible_to(request.user)
    counts = mine.filter(rule=rule) if rule else mine
    waiting = dict(counts.order_by().values_list("status").annotate(Count("pk")))
    context = {
        "page": keyset_page(found, request, size=50),
        "tabs": [(status.value, status.label, waiting.get(status.value, 0)) for status in TABS],
        "tab": tab,
        "rules": rules,
        "rule": rule,
        "searched_at": max((one.searched_at for one in rules if one.searched_at), default=None),
        "stale": by_state(stale_kinds(kinds_read(rules), clock.today())),
        "may_search": allowed(request.user, "entitlement.search"),
        "may_export": allowed(request.user, "entitlement.decide") or allowed(request.user, "entitlement.search"),
    }
    return render(request, "programs/eligible_list.html", context)


@require_POST
@staff_page("entitlement.search")
def eligible_search(request: StaffRequest) -> HttpResponse:
    return redirect("job", actions.start_search(actor=request.user).pk)


@require_POST
@staff_page("see.rosters")
def eligible_export(request: StaffRequest) -> HttpResponseBase:
    """What the list shows, as a workbook; recorded. Raises Refused when it is too long."""
    if not (allowed(request.user, "entitlement.decide") or allowed(request.user, "entitlement.search")):
        raise Http404
    found, _tab, _rule = _shown(request, request.POST)
    rows = list(found.order_by("area_id", "pk")[: MAX_ROWS + 1])
    if len(rows) > MAX_ROWS:
        raise Refused(_("要导出的人超过%(n)d名。请先选一条规则，再导出。") % {"n": MAX_ROWS})
    record(request.user, "exported", actor=request.user, note=_("应享受未享受%(n)d人") % {"n": len(rows)})
    name = _("应享受未享受-%(day)s.xlsx") % {"day": f"{clock.today():%Y%m%d}"}
    content = build_eligible_list(rows)
    response = FileResponse(io.BytesIO(content), as_attachment=True, filename=name, content_type=XLSX)
    response["Cache-Control"] = "no-store"
    return response


def _one(request: StaffRequest, pk: int) -> EligibleUnpaid:
    mine = EligibleUnpaid.objects.visible_to(request.user).select_related(
        "rule", "person", "area__parent", "department", "decided_by"
    )
    return get_object_or_404(mine, pk=pk)


@require_GET
@staff_page("see.rosters")
def eligible(request: StaffRequest, pk: int) -> HttpResponse:
    return _page(request, _one(request, pk), NotifyForm(), DismissForm())


def _page(request: StaffRequest, found: EligibleUnpaid, notify: NotifyForm, dismiss: DismissForm) -> HttpResponse:
    may = found.status in {S.OPEN, S.NOTIFIED} and allowed(request.user, "entitlement.decide")
    context = {
        "found": found,
        "program": Program.objects.filter(code=found.rule.program_code).first(),
        "words": rule_words(found.rule),
        "notify": notify if may and found.status == S.OPEN else None,
        "dismiss": dismiss if may else None,
        "events": happened(found),
        "facts": [
            (_("姓名"), found.person.name),
            (_("身份证号"), format_html('<span class="id">{}</span>', found.person.masked_id)),
            (_("乡镇、村"), f"{found.area.parent or ''} {found.area}"),
            (_("村民小组"), found.person.group_no or "—"),
            (_("主管部门"), str(found.department)),
        ],
    }
    return render(request, "programs/eligible.html", context, status=422 if dismiss.errors else 200)


@require_POST
@staff_page("see.rosters")
def eligible_act(request: StaffRequest, pk: int, verb: str) -> HttpResponse:
    """``notify`` or ``dismiss``."""
    found = _one(request, pk)
    if verb == "notify":
        form: NotifyForm | DismissForm = NotifyForm(request.POST)
        act: Any = actions.notify_eligible
    elif verb == "dismiss":
        form, act = DismissForm(request.POST), actions.dismiss_eligible
    else:
        raise Http404
    if not form.is_valid():
        return _page(request, found, NotifyForm(), form if isinstance(form, DismissForm) else DismissForm())
    act(found, note=form.cleaned_data["note"], actor=request.user)
    messages.success(request, _("已记下。"))
    return redirect("programs:eligible-list")


# --- The rules ---------------------------------------------------------------------------------------------


@require_GET
@staff_page("see.rosters")
def entitlement_rules(request: StaffRequest) -> HttpResponse:
    mine = EligibleUnpaid.objects.visible_to(request.user)
    rules = EntitlementRule.objects.annotate(waiting=Count("found", filter=Q(found__in=mine.waiting())))
    programs = dict(Program.objects.values_list("code", "name"))
    lines = [(rule, programs.get(rule.program_code, ""), rule_words(rule)) for rule in rules]
    context = {"lines": lines, "may_edit": allowed(request.user, "entitlement.edit")}
    return render(request, "programs/entitlement_rules.html", context)


@staff_page("entitlement.edit")
def entitlement_edit(request: StaffRequest, pk: int | None = None) -> HttpResponse:
    rule = get_object_or_404(EntitlementRule, pk=pk) if pk else EntitlementRule()
    form = EntitlementRuleForm(request.POST or None, instance=rule)
    if request.method == "POST" and form.is_valid():
        actions.save_entitlement_rule(form.save(), actor=request.user)
        messages.success(request, _("规则已保存，下次搜索起用。"))
        return redirect("programs:entitlement-rules")
    context = {"form": form, "rule": rule, "is_new": pk is None}
    return render(request, "programs/entitlement_edit.html", context, status=422 if form.errors else 200)

"""The policy list in its versions, and the programs it is made of."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.db.models import Count, Q
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from programs import actions
from programs.actions.gates import unlisted
from programs.forms import ChannelForm, ProgramForm, YearForm
from programs.models import FundPlan, ListChannel, PolicyItem, PolicyList, Program, Roster
from programs.policy_columns import values_of
from programs.views.templates import shown_template
from subsidy_portal import clock
from subsidy_portal.permissions import allowed, require
from subsidy_portal.staff import StaffRequest, download, happened, keep_upload, staff_page
from subsidy_portal.workflow import Refused

# The columns of a list that fit on a screen; the rest stands in each item's fold.
SHORT = ("项目编码", "补贴项目名称", "主管部门", "补贴标准", "发放周期", "发放方式")


@require_GET
@staff_page("see.oversight")
def policy_list(request: StaffRequest) -> HttpResponse:
    """The versions, newest first; the newest published one is what people are shown."""
    lists = PolicyList.objects.select_related("made_by", "published_by").annotate(
        item_count=Count("items", filter=Q(items__program__is_classified=False))
    )
    if not _sees_drafts(request):
        lists = lists.exclude(status=PolicyList.Status.DRAFT)
    context = {"lists": lists, "form": YearForm(), "may_edit": allowed(request.user, "policy.edit")}
    return render(request, "programs/policy_list.html", context)


def _sees_drafts(request: StaffRequest) -> bool:
    return allowed(request.user, "policy.edit") or allowed(request.user, "policy.publish")


@require_POST
@staff_page("policy.edit")
def policy_draft(request: StaffRequest) -> HttpResponse:
    form = YearForm(request.POST)
    if not form.is_valid():
        raise Http404
    made = actions.draft_policy_list(form.cleaned_data["year"], actor=request.user)
    return redirect("programs:policy-list-version", made.pk)


def _version(request: StaffRequest, pk: int) -> PolicyList:
    found = get_object_or_404(PolicyList.objects.select_related("made_by", "published_by"), pk=pk)
    if found.status == PolicyList.Status.DRAFT and not _sees_drafts(request):
        raise Http404
    return found


def _changes(item: PolicyItem, before: dict[str, str] | None) -> list[tuple[str, str, str]]:
    """(column, old, new) of what differs from the version before."""
    if before is None:
        return []
    sides = [(name, before.get(name, ""), item.values.get(name, "")) for name in {**before, **item.values}]
    return [(name, old, new) for name, old, new in sides if old != new]


@require_GET
@staff_page("see.oversight")
def policy_list_version(request: StaffRequest, pk: int) -> HttpResponse:
    """One version beside the one before it: what is new, changed and gone."""
    return _version_page(request, _version(request, pk))


def _version_page(request: StaffRequest, found: PolicyList, form: ChannelForm | None = None) -> HttpResponse:
    before = PolicyList.objects.filter(year=found.year, version__lt=found.version).order_by("-version").first()
    old = {item.program_id: item for item in before.public_items} if before else {}
    items: list[dict[str, Any]] = []
    for item in found.public_items:
        was = old.pop(item.program_id, None)
        items.append(
            {
                "item": item,
                "cells": {name: item.values.get(name, "") for name in SHORT},
                "is_new": before is not None and was is None,
                "changes": _changes(item, was.values if was else None),
            }
        )
    context = {
        "list": found,
        "before": before,
        "items": items,
        "gone": [{name: item.values.get(name, "") for name in SHORT} for item in old.values()],
        "changed": sum(bool(entry["changes"]) for entry in items),
        "new": sum(entry["is_new"] for entry in items),
        "columns": SHORT,
        "may_publish": allowed(request.user, "policy.publish"),
        "may_edit": allowed(request.user, "policy.edit"),
        "channels": found.channels.select_related("made_by"),
        "channel_form": _channel_form(request, found, form),
        "events": happened(found),
    }
    wrong = form is not None and form.errors
    return render(request, "programs/policy_list_version.html", context, status=422 if wrong else 200)


def _channel_form(request: StaffRequest, found: PolicyList, sent: ChannelForm | None) -> ChannelForm | None:
    if found.published_at is None or not allowed(request.user, "policy.edit"):
        return None
    return sent or ChannelForm(initial={"known_on": clock.today()})


@require_POST
@staff_page("policy.edit")
def channel_new(request: StaffRequest, pk: int) -> HttpResponse:
    """Where this version was made known, or handed up to."""
    found = _version(request, pk)
    form = ChannelForm(request.POST, request.FILES)
    if form.is_valid():
        given = form.cleaned_data
        try:
            with transaction.atomic():
                proof = keep_upload(given.pop("proof"), request.user, "policy.edit")
                actions.record_channel(found, **given, proof=proof, actor=request.user)
            return redirect("programs:policy-list-version", pk)
        except Refused as refused:
            form.add_error("known_on", str(refused))
    return _version_page(request, found, form)


@require_GET
@staff_page("see.oversight")
def channel_proof(request: StaffRequest, pk: int) -> HttpResponseBase:
    found = get_object_or_404(ListChannel.objects.select_related("proof", "policy_list"), pk=pk)
    return download(found.proof, found.policy_list, actor=request.user)


POLICY_VERBS = {"refresh": actions.refresh_policy_list, "publish": actions.publish_policy_list}


@require_POST
@staff_page("see.oversight")
def policy_act(request: StaffRequest, pk: int, verb: str) -> HttpResponse:
    found = _version(request, pk)
    if verb not in POLICY_VERBS:
        raise Http404
    POLICY_VERBS[verb](found, actor=request.user)
    return redirect("programs:policy-list-version", pk)


# --- Programs ----------------------------------------------------------------------------------------------


def _program(request: StaffRequest, pk: int) -> Program:
    return get_object_or_404(Program.objects.visible_to(request.user).select_related("department"), pk=pk)


@require_GET
@staff_page("see.oversight")
def program_list(request: StaffRequest) -> HttpResponse:
    """A county has some dozens of programs: all on one page."""
    retired = request.GET.get("tab") == "retired"
    programs = Program.objects.visible_to(request.user).filter(is_active=not retired).select_related("department")
    context = {
        "programs": programs,
        "tab": "retired" if retired else "active",
        "may_edit": allowed(request.user, "program.edit"),
    }
    return render(request, "programs/program_list.html", context)


@require_GET
@staff_page("see.oversight")
def program(request: StaffRequest, pk: int) -> HttpResponse:
    found = _program(request, pk)
    may_edit = allowed(request.user, "program.edit")
    plans = FundPlan.objects.visible_to(request.user).filter(program=found).with_planned_fen()
    context = {
        **shown_template(found),
        "program": found,
        "facts": list(values_of(found).items())[6:],
        "may_edit": may_edit,
        "unlisted": unlisted(found, clock.today().year) if found.is_active else "",
        "rosters": Roster.objects.visible_to(request.user).filter(program=found).select_related("area")[:12],
        "plans": plans if allowed(request.user, "see.funds") else None,
        "events": happened(found),
    }
    return render(request, "programs/program.html", context)


@staff_page("program.edit")
def program_edit(request: StaffRequest, pk: int | None = None) -> HttpResponse:
    """Create a program, or change one; what is already published keeps what it said."""
    require(request.user, "program.edit")
    found = _program(request, pk) if pk else Program()
    form = ProgramForm(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        try:
            saved = actions.save_program(form.instance, actor=request.user)
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("已保存。公布新版政策清单后，群众看到的才会变。"))
            return redirect("programs:program", saved.pk)
    context = {"form": form, "program": found if found.pk else None}
    return render(request, "programs/program_edit.html", context, status=422 if form.errors else 200)

"""A household: its people, what it draws, and who comes, goes and heads it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Count, F, Q, Sum
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from programs import actions
from programs.doubles_forms import HeadForm, MemberForm
from programs.forms import NoteForm
from programs.models import Household, Roster, RosterRow
from subsidy_portal.permissions import allowed
from subsidy_portal.staff import StaffRequest, happened, no_store, staff_page
from subsidy_portal.workflow import Refused


def _household(request: StaffRequest, pk: int) -> Household:
    mine = Household.objects.visible_to(request.user).select_related("head", "area__parent")
    return get_object_or_404(mine, pk=pk)


@require_GET
@staff_page("see.rosters")
def household(request: StaffRequest, pk: int) -> HttpResponse:
    return _page(request, _household(request, pk))


def _page(request: StaffRequest, found: Household, **bound: Any) -> HttpResponse:
    """The household's page; ``bound`` holds a form that came back."""
    may = allowed(request.user, "household.edit") and found.area_id.startswith(request.user.area_prefix[:9])
    context = {
        "household": found,
        "members": _members(found),
        "drawn": _drawn(request, found),
        "may_edit": may,
        "member_form": MemberForm(),
        "head_form": HeadForm(household=found),
        "waiting": found.head_changes.waiting().first(),
        "events": happened(found),
        **bound,
    }
    return no_store(render(request, "programs/household.html", context, status=422 if bound else 200))


def _members(found: Household) -> list[Any]:
    """The head first, then the oldest."""
    return sorted(found.members.all(), key=lambda person: (person.pk != found.head_id, person.born_on, person.pk))


def _drawn(request: StaffRequest, found: Household) -> Any:
    """What the household draws by program and period, in rosters the user may see: rows and fen."""
    rows = RosterRow.objects.filter(
        Q(household=found) | Q(beneficiary__in=found.members.all()),
        roster__in=Roster.objects.visible_to(request.user),
        revision=F("roster__revision"),
    ).exclude(status=RosterRow.Status.LEFT)
    groups = rows.order_by().values("roster", "roster__number", "roster__program__short_name", "roster__period")
    return groups.annotate(n=Count("pk"), fen=Sum("amount_fen")).order_by("-roster__period", "roster")[:40]


@require_POST
@staff_page("household.edit")
def member_add(request: StaffRequest, pk: int) -> HttpResponse:
    found, form = _household(request, pk), MemberForm(request.POST)
    if not form.is_valid():
        return _page(request, found, member_form=form)
    try:
        person = actions.add_member(found, **form.cleaned_data, actor=request.user)
    except Refused as refused:
        form.add_error(None, str(refused))
        return _page(request, found, member_form=form)
    messages.success(request, _("%s 已加入这一户。") % person.name)
    return redirect("programs:household", pk)


@require_POST
@staff_page("household.edit")
def member_remove(request: StaffRequest, pk: int, person: int) -> HttpResponse:
    found = _household(request, pk)
    member, form = get_object_or_404(found.members, pk=person), NoteForm(request.POST)
    if not form.is_valid():
        return _page(request, found, remove_form=form, remove_pk=person)
    actions.remove_member(found, member, reason=form.cleaned_data["note"], actor=request.user)
    messages.success(request, _("%s 已移出这一户。") % member.name)
    return redirect("programs:household", pk)


@require_POST
@staff_page("household.edit")
def head_ask(request: StaffRequest, pk: int) -> HttpResponse:
    found = _household(request, pk)
    form = HeadForm(request.POST, household=found)
    if not form.is_valid():
        return _page(request, found, head_form=form)
    try:
        made = actions.ask_head(found, **form.cleaned_data, actor=request.user)
    except Refused as refused:
        form.add_error(None, str(refused))
        return _page(request, found, head_form=form)
    messages.success(request, _("已提出，等复核岗同意。"))
    return redirect("programs:head-change", made.pk)

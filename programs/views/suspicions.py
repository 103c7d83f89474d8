"""Suspicions: both sides of the evidence, and a decision with its reason."""

from __future__ import annotations

from django.db import transaction
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from programs import actions
from programs.forms import DecideForm
from programs.models import Roster, Rule, Suspicion
from programs.staleness import by_state, checked_kinds, stale_kinds
from subsidy_portal import clock
from subsidy_portal.paging import keyset_page
from subsidy_portal.permissions import allowed
from subsidy_portal.staff import StaffRequest, download, happened, keep_upload, staff_page


def _suspicion(request: StaffRequest, pk: int) -> Suspicion:
    mine = Suspicion.objects.visible_to(request.user).select_related(
        "rule", "rule_version", "person", "row__area", "roster__program", "roster__area", "decided_by", "attachment"
    )
    return get_object_or_404(mine, pk=pk)


@require_GET
@staff_page("see.rosters")
def suspicion_list(request: StaffRequest) -> HttpResponse:
    """Open ones first of all; decided ones on the second tab; of one rule or roster with ``?rule=``, ``?roster=``."""
    decided = request.GET.get("tab") == "decided"
    found = Suspicion.objects.visible_to(request.user).select_related(
        "rule", "person", "roster__program", "roster__area", "decided_by"
    )
    found = found.filter(status__in=("confirmed", "unfounded")) if decided else found.filter(status="open")
    rule = Rule.objects.filter(code=request.GET.get("rule", "")).first()
    if rule is not None:
        found = found.filter(rule=rule)
    number = request.GET.get("roster", "")
    roster = Roster.objects.visible_to(request.user).filter(pk=number).first() if number.isdecimal() else None
    if roster is not None:
        found = found.filter(roster=roster)
    context = {
        "roster": roster,
        "page": keyset_page(found, request, size=40),
        "tab": "decided" if decided else "open",
        "rules": Rule.objects.filter(is_active=True),
        "rule": rule,
        "stale": [] if decided else by_state(stale_kinds(checked_kinds(), clock.today())),
    }
    return render(request, "programs/suspicion_list.html", context)


@require_GET
@staff_page("see.rosters")
def suspicion(request: StaffRequest, pk: int) -> HttpResponse:
    found = _suspicion(request, pk)
    return _page(request, found, DecideForm(suspicion=found))


def _page(request: StaffRequest, found: Suspicion, form: DecideForm) -> HttpResponse:
    may = found.status == Suspicion.Status.OPEN and allowed(request.user, "suspicion.decide")
    context = {"suspicion": found, "form": form if may else None, "events": happened(found)}
    return render(request, "programs/suspicion.html", context, status=422 if form.errors else 200)


@require_POST
@staff_page("see.rosters")
def suspicion_decide(request: StaffRequest, pk: int) -> HttpResponse:
    """Decide, and go back to where the question was asked: the roster or the suspicion's own page."""
    found = _suspicion(request, pk)
    form = DecideForm(request.POST, request.FILES, suspicion=found)
    if not form.is_valid():
        return _page(request, found, form)
    with transaction.atomic():
        reason = form.cleaned_data["reason"]
        proof = keep_upload(form.cleaned_data["attachment"], request.user, "suspicion.decide")
        if form.cleaned_data.get("alike"):
            actions.decide_alike(found, reason=reason, attachment=proof, actor=request.user)
        else:
            confirmed = form.cleaned_data["confirmed"]
            actions.decide_suspicion(found, confirmed=confirmed, reason=reason, attachment=proof, actor=request.user)
    back = request.POST.get("next", "")
    if back and url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure()):
        return redirect(back)
    return redirect("programs:suspicion", pk)


@require_GET
@staff_page("see.rosters")
def suspicion_attachment(request: StaffRequest, pk: int) -> HttpResponseBase:
    found = _suspicion(request, pk)
    return download(found.attachment, found, actor=request.user)

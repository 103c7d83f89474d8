"""What does not fit: listed until a person says how it was cleared up."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from disbursement import actions
from disbursement.candidates import candidates
from disbursement.forms import DiscrepancyFilterForm, MatchForm, NoteForm, ResolutionForm
from disbursement.models import Discrepancy, EntryMatch
from subsidy_portal.models import User
from subsidy_portal.paging import keyset_page
from subsidy_portal.permissions import allowed
from subsidy_portal.staff import StaffRequest, happened, staff_page


def discrepancies(user: User) -> QuerySet[Discrepancy]:
    # Fetched beside, not joined: planning a join of all of them takes longer than answering.
    return (
        Discrepancy.objects.visible_to(user)
        .select_related("bank__organisation")
        .prefetch_related("order__batch", "payment__batch__program", "payment__payee")
    )


@staff_page("see.money")
def discrepancy_list(request: StaffRequest) -> HttpResponse:
    form = DiscrepancyFilterForm(request.GET or {"status": Discrepancy.Status.OPEN})
    found = discrepancies(request.user)
    if form.is_valid():
        found = found.filter(**{name: value for name, value in form.cleaned_data.items() if value})
    page = keyset_page(found, request, size=50)
    context = {"form": form, "page": page, "filtered": bool(request.GET)}
    return render(request, "disbursement/discrepancy_list.html", context)


@staff_page("see.money")
def discrepancy(request: StaffRequest, pk: int) -> HttpResponse:
    """One discrepancy with both sides; a POST says how it was cleared up."""
    found = get_object_or_404(discrepancies(request.user), pk=pk)
    form = ResolutionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        actions.resolve_discrepancy(found, resolution=form.cleaned_data["resolution"], actor=request.user)
        messages.success(request, _("已记下怎么处理的。"))
        return redirect("disbursement:discrepancy", pk)
    may = found.status == Discrepancy.Status.OPEN and allowed(request.user, "discrepancy.resolve")
    return discrepancy_page(request, found, form=form if may else None)


def discrepancy_page(request: StaffRequest, found: Discrepancy, **forms: Form | None) -> HttpResponse:
    """The page with ``form`` (how it was cleared up) or ``match_form`` (which payment a line is) filled in."""
    wrong = any(form is not None and form.errors for form in forms.values())
    context = {"item": found, "events": happened(found), **_matching(found, request.user), **forms}
    return render(request, "disbursement/discrepancy.html", context, status=422 if wrong else 200)


def _matching(found: Discrepancy, user: User) -> dict[str, Any]:
    """For a statement line that still waits: its candidates, what somebody picked, and what ``user`` may do."""
    entry = found.entry
    if entry is None or found.kind != Discrepancy.Kind.UNMATCHED_ENTRY:
        return {}
    picked = entry.matches.select_related("attempt__payment__payee", "attempt__order", "made_by", "confirmed_by")
    if found.status != Discrepancy.Status.OPEN:
        return {"picked": picked.filter(status=EntryMatch.Status.CONFIRMED).first()}
    waits = picked.filter(status=EntryMatch.Status.PROPOSED).first()
    if waits is not None:
        mine = waits.made_by_id == user.pk
        may = allowed(user, "verdict.confirm") and not mine
        return {"picked": waits, "may_confirm": may, "mine": mine, "note_form": NoteForm()}
    shown = candidates(entry)
    may_pick = bool(shown) and allowed(user, "verdict.make")
    form = MatchForm(attempts=[one.attempt.pk for one in shown]) if may_pick else None
    return {"candidates": shown, "match_form": form}

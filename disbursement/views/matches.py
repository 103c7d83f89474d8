"""Binding a statement line to its payment: one person picks on the page of the discrepancy, another one agrees."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from disbursement import actions
from disbursement.candidates import candidates
from disbursement.forms import MatchForm, NoteForm
from disbursement.models import Attempt, Discrepancy, EntryMatch
from disbursement.views.discrepancies import discrepancies, discrepancy_page
from subsidy_portal.staff import StaffRequest, staff_page


@require_POST
@staff_page("verdict.make")
def match_new(request: StaffRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(discrepancies(request.user), pk=pk, kind=Discrepancy.Kind.UNMATCHED_ENTRY)
    if found.entry is None or found.status != Discrepancy.Status.OPEN:
        raise Http404
    shown = [one.attempt.pk for one in candidates(found.entry)]
    form = MatchForm(request.POST, attempts=shown)
    if not form.is_valid():
        return discrepancy_page(request, found, match_form=form)
    attempt = Attempt.objects.get(pk=form.cleaned_data["attempt"])
    actions.propose_match(found.entry, attempt, reason=form.cleaned_data["reason"], actor=request.user)
    messages.success(request, _("已选定，等复核岗确认。"))
    return redirect("disbursement:discrepancy", pk)


def _match(request: StaffRequest, pk: int) -> tuple[EntryMatch, Discrepancy]:
    found = get_object_or_404(EntryMatch.objects.select_related("attempt", "entry__statement"), pk=pk)
    about = discrepancies(request.user).filter(kind=Discrepancy.Kind.UNMATCHED_ENTRY, entry=found.entry_id)
    return found, get_object_or_404(about)


@staff_page("see.money")
def match(request: StaffRequest, pk: int) -> HttpResponse:
    """A match is shown on the page of its discrepancy."""
    return redirect("disbursement:discrepancy", _match(request, pk)[1].pk)


@require_POST
@staff_page("verdict.confirm")
def match_act(request: StaffRequest, pk: int, verb: str) -> HttpResponse:
    """``confirm``, or ``refuse`` with why."""
    found, item = _match(request, pk)
    if verb == "confirm":
        actions.confirm_match(found, actor=request.user)
        messages.success(request, _("已认定，这一行与付款对上了。"))
    elif verb == "refuse":
        form = NoteForm(request.POST)
        if not form.is_valid():
            return discrepancy_page(request, item, note_form=form)
        actions.refuse_match(found, note=form.cleaned_data["note"], actor=request.user)
        messages.success(request, _("已退回，这一行仍然没有对上。"))
    else:
        raise Http404
    return redirect("disbursement:discrepancy", item.pk)

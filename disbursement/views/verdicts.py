"""An order without a result: what the bank and its statements show, and what two persons make of it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from disbursement import actions
from disbursement.absence import look_for_payment
from disbursement.actions.verdicts import WITHOUT_RESULT
from disbursement.forms import LetterForm, NoteForm
from disbursement.models import Order, Verdict
from subsidy_portal.permissions import allowed
from subsidy_portal.staff import StaffRequest, download, happened, keep_upload, staff_page
from subsidy_portal.workflow import Refused


def _order(request: StaffRequest, pk: int) -> Order:
    mine = Order.objects.visible_to(request.user)
    return get_object_or_404(mine.select_related("batch__program__department", "bank__organisation"), pk=pk)


@staff_page("verdict.make")
def verdict_new(request: StaffRequest, pk: int) -> HttpResponse:
    """GET asks the bank and shows the proof; POST proposes: ``by=absence``, or the letter of the bank."""
    order = _order(request, pk)
    form = LetterForm(request.POST or None, request.FILES or None)
    if request.method == "POST":
        try:
            made = _propose(request, order, form)
        except Refused as refused:
            form.add_error(None, str(refused)) if form.is_bound else messages.error(request, str(refused))
        else:
            if made is not None:
                messages.success(request, _("已提出，等复核岗确认。"))
                return redirect("disbursement:verdict", made.pk)
    open_lines = order.attempts.filter(status__in=WITHOUT_RESULT)
    context = {
        "order": order,
        "form": form,
        "found": look_for_payment(order),
        "n": open_lines.count(),
        "amount_fen": sum(open_lines.values_list("amount_fen", flat=True)),
        "waiting": order.verdicts.filter(status=Verdict.Status.PROPOSED).first(),
    }
    return render(request, "disbursement/verdict_new.html", context, status=422 if form.errors else 200)


def _propose(request: StaffRequest, order: Order, form: LetterForm) -> Verdict | None:
    """The verdict that was proposed; None when the form has to be filled in again."""
    if request.POST.get("by") == "absence":
        return actions.propose_absence(order, actor=request.user)
    if not form.is_valid():
        return None
    fields: dict[str, Any] = form.cleaned_data
    with transaction.atomic():
        letter = keep_upload(fields["letter"], request.user, "verdict.make")
        return actions.propose_by_letter(order, actor=request.user, **{**fields, "letter": letter})


def _verdict(request: StaffRequest, pk: int) -> Verdict:
    mine = Verdict.objects.visible_to(request.user)
    return get_object_or_404(
        mine.select_related("order__batch__program", "order__bank__organisation", "made_by", "confirmed_by", "letter"),
        pk=pk,
    )


@staff_page("see.money")
def verdict(request: StaffRequest, pk: int) -> HttpResponse:
    return _page(request, _verdict(request, pk), NoteForm())


def _page(request: StaffRequest, found: Verdict, note_form: NoteForm) -> HttpResponse:
    waits = found.status == Verdict.Status.PROPOSED
    may, mine = waits and allowed(request.user, "verdict.confirm"), found.made_by_id == request.user.pk
    open_lines = found.order.attempts.filter(status__in=WITHOUT_RESULT)
    context = {
        "verdict": found,
        "order": found.order,
        "n": open_lines.count(),
        "amount_fen": sum(open_lines.values_list("amount_fen", flat=True)),
        "statements": [(number, dt.date.fromisoformat(day)) for number, day in found.evidence.get("statements", [])],
        "waits": waits,
        "may_confirm": may and not mine,
        "blocked": _("您提出的，须由他人复核。") if may and mine else "",
        "note_form": note_form,
        "events": happened(found),
    }
    return render(request, "disbursement/verdict.html", context, status=422 if note_form.errors else 200)


@require_POST
@staff_page("verdict.confirm")
def verdict_act(request: StaffRequest, pk: int, verb: str) -> HttpResponse:
    found = _verdict(request, pk)
    if verb == "confirm":
        actions.confirm_verdict(found, actor=request.user)
        messages.success(request, _("已认定。没有付出的可以重发，已经付出的记为已付。"))
    elif verb == "refuse":
        form = NoteForm(request.POST)
        if not form.is_valid():
            return _page(request, found, form)
        actions.refuse_verdict(found, note=form.cleaned_data["note"], actor=request.user)
        messages.success(request, _("已退回，这条指令仍然待查。"))
    else:
        raise Http404
    return redirect("disbursement:verdict", pk)


@staff_page("see.money")
def verdict_letter(request: StaffRequest, pk: int) -> HttpResponseBase:
    """The bank's letter; each download is an event."""
    found = _verdict(request, pk)
    if found.letter is None:
        raise Http404
    return download(found.letter, found, actor=request.user)

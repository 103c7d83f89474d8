"""What cannot be paid goes back to the treasury: chosen and proposed by one, confirmed with its voucher by another."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from disbursement import actions
from disbursement.failure_lines import FailedLine
from disbursement.failures import describe
from disbursement.forms import NoteForm, RefundForm, VoucherForm
from disbursement.models import Batch, Payment, Refund
from disbursement.views.reissues import plan_around
from subsidy_portal.permissions import allowed
from subsidy_portal.staff import StaffRequest, happened, staff_page
from subsidy_portal.workflow import Refused


@staff_page("refund.make")
def refund_new(request: StaffRequest, pk: int) -> HttpResponse:
    """Choose which failed payments of the batch go back, and say why; those past their clearing day are chosen."""
    batch = get_object_or_404(Batch.objects.visible_to(request.user).select_related("program"), pk=pk)
    form = RefundForm(request.POST or None)
    chosen = {int(n) for n in request.POST.getlist("payment") if n.isdecimal() and len(n) < 19}
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.propose_refund(batch, list(chosen), reason=form.cleaned_data["reason"], actor=request.user)
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("已提出，等复核岗凭缴库凭证确认。"))
            return redirect("disbursement:refund", made.pk)
    found = [FailedLine(p, request.user) for p in actions.refundable(batch)]
    if request.method == "GET":
        chosen = {line.payment.pk for line in found if line.to_clear}
    lines = [(line, line.payment.pk in chosen) for line in found]
    context = {"batch": batch, "form": form, "lines": lines}
    return render(request, "disbursement/refund_new.html", context, status=422 if form.errors else 200)


def _refund(request: StaffRequest, pk: int) -> Refund:
    mine = Refund.objects.visible_to(request.user)
    return get_object_or_404(mine.select_related("batch__program", "made_by", "confirmed_by"), pk=pk)


@require_GET
@staff_page("see.money")
def refund(request: StaffRequest, pk: int) -> HttpResponse:
    return _page(request, _refund(request, pk))


def _page(request: StaffRequest, found: Refund, **bound: Any) -> HttpResponse:
    user, waits = request.user, found.status == Refund.Status.PROPOSED
    lines = list(
        found.lines.filter(payment__in=Payment.objects.visible_to(user))
        .select_related("payment__payee", "payment__area__parent", "payment__account__bank")
        .order_by("payment__area_id", "pk")
    )
    may = waits and allowed(user, "refund.confirm")
    context = {
        "refund": found,
        "batch": found.batch,
        "lines": [(line, describe(line.payment.failure_code)) for line in lines],
        "amount_fen": sum(line.amount_fen for line in lines),
        "plan": plan_around(found.batch, user),
        "waits": waits,
        "may_confirm": may and found.made_by_id != user.pk,
        "blocked": _("您提出的，须由他人复核。") if may and found.made_by_id == user.pk else "",
        "voucher_form": VoucherForm(),
        "note_form": NoteForm(),
        "events": happened(found),
        **bound,
    }
    return render(request, "disbursement/refund.html", context, status=422 if bound else 200)


@require_POST
@staff_page("refund.confirm")
def refund_act(request: StaffRequest, pk: int, verb: str) -> HttpResponse:
    """``confirm`` with the voucher, or ``refuse`` with why."""
    found = _refund(request, pk)
    if verb == "confirm":
        form = VoucherForm(request.POST)
        if not form.is_valid():
            return _page(request, found, voucher_form=form)
        actions.confirm_refund(found, **form.cleaned_data, actor=request.user)
        messages.success(request, _("已记缴库，资金计划的余额已回升。"))
    elif verb == "refuse":
        note = NoteForm(request.POST)
        if not note.is_valid():
            return _page(request, found, note_form=note)
        actions.refuse_refund(found, note=note.cleaned_data["note"], actor=request.user)
        messages.success(request, _("已退回。这些付款可以再更正或另行缴回。"))
    else:
        raise Http404
    return redirect("disbursement:refund", pk)

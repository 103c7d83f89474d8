"""Restore mode: why nothing is sent, what the journal knows more than the database, and two persons to reopen."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from disbursement import actions
from disbursement.forms import NoteForm
from disbursement.models import Bank, Order, SendingStop
from subsidy_portal.permissions import allowed
from subsidy_portal.staff import StaffRequest, happened, staff_page


@staff_page("see.books")
def sending_stop(request: StaffRequest, pk: int) -> HttpResponse:
    return _page(request, get_object_or_404(SendingStop, pk=pk), NoteForm())


def _page(request: StaffRequest, stop: SendingStop, form: NoteForm) -> HttpResponse:
    S = SendingStop.Status
    may = allowed(request.user, "sending.reopen")
    unknown = Order.objects.filter(ref__in=stop.found.get("unknown", [])).select_related("bank__organisation", "batch")
    context = {
        "stop": stop,
        "unknown": unknown.order_by("ref"),
        "missing": stop.found.get("missing", []),
        "banks": [(bank, bank.statements.order_by("-number").first()) for bank in Bank.objects.filter(is_active=True)],
        "may_propose": may and stop.status == S.STOPPED,
        "may_confirm": may and stop.status == S.PROPOSED and stop.proposed_by_id != request.user.pk,
        "waits": stop.status == S.PROPOSED,
        "form": form,
        "events": happened(stop),
    }
    return render(request, "disbursement/sending_stop.html", context, status=422 if form.errors else 200)


@require_POST
@staff_page("sending.reopen")
def sending_stop_act(request: StaffRequest, pk: int, verb: str) -> HttpResponse:
    """``propose`` with what was checked, ``confirm``, or ``refuse`` with why."""
    stop = get_object_or_404(SendingStop, pk=pk)
    if verb == "confirm":
        actions.confirm_reopening(stop, actor=request.user)
        messages.success(request, _("已恢复向银行发送。"))
        return redirect("disbursement:sending-stop", pk)
    if verb not in {"propose", "refuse"}:
        raise Http404
    form = NoteForm(request.POST)
    if not form.is_valid():
        return _page(request, stop, form)
    act = actions.propose_reopening if verb == "propose" else actions.refuse_reopening
    act(stop, note=form.cleaned_data["note"], actor=request.user)
    messages.success(request, _("已提出，等另一人确认。") if verb == "propose" else _("已退回，仍然停止发送。"))
    return redirect("disbursement:sending-stop", pk)

"""A reissue: corrected payments of one batch, sent again after the approver typed the amount."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from disbursement import actions
from disbursement.batch_facts import COUNTY_KINDS, FAILED, order_lines, order_totals, plan_ledger
from disbursement.failures import describe
from disbursement.forms import AmountForm, NoteForm
from disbursement.models import Batch, Correction, Order, Reissue
from disbursement.totals import batch_totals
from subsidy_portal.models import User
from subsidy_portal.permissions import allowed
from subsidy_portal.staff import StaffRequest, happened, staff_page


def find_reissue(request: StaffRequest, pk: int) -> Reissue:
    """Who may see the batch may see its reissues."""
    found = Reissue.objects.filter(batch__in=Batch.objects.visible_to(request.user))
    return get_object_or_404(found.select_related("batch__program__department", "made_by", "approved_by"), pk=pk)


@staff_page("see.money")
def reissue(request: StaffRequest, pk: int) -> HttpResponse:
    return render(request, "disbursement/reissue.html", reissue_context(find_reissue(request, pk), request.user))


@staff_page("see.money")
@require_POST
def reissue_act(request: StaffRequest, pk: int, verb: str) -> HttpResponse:
    found = find_reissue(request, pk)
    context = reissue_context(found, request.user)
    form: Any
    if verb == "release":
        form = AmountForm(request.POST, expected_fen=context["amount_fen"])
        if not form.is_valid():
            return render(request, "disbursement/reissue.html", {**context, "release_form": form}, status=422)
        actions.release_reissue(found, actor=request.user)
        messages.success(request, _("已放行重发。指令正在发给银行，每条只发一次。"))
    elif verb == "refuse":
        form = NoteForm(request.POST)
        if not form.is_valid():
            return render(request, "disbursement/reissue.html", {**context, "note_form": form}, status=422)
        actions.refuse_reissue(found, note=form.cleaned_data["note"], actor=request.user)
        messages.success(request, _("已退回。更正仍然有效，可以重新提交重发。"))
    else:
        raise Http404
    return redirect("disbursement:reissue", pk)


def reissue_context(found: Reissue, user: User) -> dict[str, Any]:
    mine = Correction.objects.visible_to(user).filter(reissue=found).order_by("pk").select_related(
        "payment__beneficiary", "payment__payee", "payment__area__parent", "old_account__bank", "new_account__bank",
        "made_by", "approved_by",
    )  # fmt: skip
    corrections = [item for item in mine if stands(item)]
    orders = order_lines(Order.objects.visible_to(user).filter(reissue=found))
    return {
        "reissue": found,
        "batch": found.batch,
        "lines": [(item, describe(item.failure_code)) for item in corrections],
        "count": len(corrections),
        "amount_fen": sum(item.payment.amount_fen for item in corrections),
        "banks": "、".join(sorted({item.new_account.bank.short_name for item in corrections})),
        "orders": orders,
        "order_sums": order_totals(orders),
        "note_form": NoteForm(),
        "events": happened(found),
        "plan": plan_around(found.batch, user),
        **release_frame(found, corrections, user),
    }


def plan_around(batch: Batch, user: User) -> dict[str, Any] | None:
    """The fund plan as on the batch's page, where money is decided: for the county's desks only."""
    if user.kind not in COUNTY_KINDS:
        return None
    return plan_ledger(batch, batch_totals([batch], user)[batch.pk])


def stands(item: Correction) -> bool:
    """False for a correction whose payment was paid after all before the reissue left."""
    if item.status == Correction.Status.APPROVED:
        return item.payment.status in FAILED
    return item.status == Correction.Status.REISSUED


def release_frame(found: Reissue, corrections: list[Correction], user: User) -> dict[str, Any]:
    """Three signatures: the township's review, the department's order, finance's release."""
    waits = found.status == Reissue.Status.SUBMITTED
    reviewers = list(dict.fromkeys(str(item.approved_by) for item in corrections if item.approved_by))
    reviewer = reviewers[0] if len(reviewers) == 1 else _("%(n)d 人") % {"n": len(reviewers)}
    frame: dict[str, Any] = {
        "signs": [
            {"label": _("乡镇复核"), "who": reviewer, "at": max((c.made_at for c in corrections), default=None)},
            {"label": _("提交重发"), "who": found.made_by, "at": found.made_at},
            {"label": _("批准"), "who": found.approved_by or _("待签"), "at": found.approved_at},
        ],
        "waits": waits,
    }  # fmt: skip
    if not waits:
        return frame
    if not allowed(user, "reissue.approve"):
        return {**frame, "blocked": _("由财政批准岗放行。"), "waiting": _("等批准")}
    if found.made_by_id == user.pk:
        return {**frame, "blocked": _("您提交的，须由他人批准。"), "waiting": _("等他人批准")}
    frame["signs"][2]["who"] = _("您")
    return {**frame, "release_form": AmountForm(expected_fen=sum(c.payment.amount_fen for c in corrections))}

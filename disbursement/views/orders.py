"""One order: what one bank got, line by line, and the files that passed."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from disbursement import actions
from disbursement.batch_facts import OrderLine, order_lines
from disbursement.forms import NoteForm
from disbursement.models import Attempt, Order
from disbursement.watching import is_overdue
from subsidy_portal.paging import keyset_page
from subsidy_portal.permissions import allowed
from subsidy_portal.staff import StaffRequest, happened, staff_page
from subsidy_portal.wording import count, yuan


@staff_page("see.money")
def order(request: StaffRequest, pk: int) -> HttpResponse:
    return _page(request, _find(request, pk), NoteForm())


@staff_page("see.money")
@require_POST
def order_withdraw(request: StaffRequest, pk: int) -> HttpResponse:
    found, form = _find(request, pk), NoteForm(request.POST)
    if not form.is_valid():
        return _page(request, found, form, answer=422)
    actions.withdraw_order(found, note=form.cleaned_data["note"], actor=request.user)
    messages.success(request, _("已撤回，没有送出。更正仍然有效，可以重新提交重发。"))
    return redirect("disbursement:order", pk)


def _find(request: StaffRequest, pk: int) -> Order:
    orders = Order.objects.visible_to(request.user)
    return get_object_or_404(
        orders.select_related("batch__program__department", "bank__organisation", "reissue"), pk=pk
    )


def _page(request: StaffRequest, found: Order, form: NoteForm, answer: int = 200) -> HttpResponse:
    attempts = found.attempts.select_related("payment__beneficiary", "account__bank", "payment__area")
    withdrawable = found.status == Order.Status.CREATED and found.reissue_id is not None
    status = request.GET.get("status", "")
    if status in Attempt.Status.values:
        attempts = attempts.filter(status=status)
    page = keyset_page(attempts, request, size=50, key="line_no", descending=False)
    return render(
        request,
        "disbursement/order.html",
        {
            "order": found,
            "sums": order_sums(order_lines(Order.objects.filter(pk=found.pk))[0]),
            "page": page,
            "status": status,
            "statuses": Attempt.Status.choices,
            "files": found.files.order_by("pk"),
            "discrepancies": found.discrepancies.filter(status="open"),
            "events": happened(found),
            "verdicts": found.verdicts.all(),
            "may_judge": allowed(request.user, "verdict.make") and is_overdue(found),
            "note_form": form if withdrawable and allowed(request.user, "batch.hold") else None,
        },
        status=answer,
    )


def order_sums(line: OrderLine) -> list[dict[str, Any]]:
    """What was sent and what has come of it."""
    silent = line.order.count - line.paid - line.failed - line.unknown
    sums = [
        {"label": _("发送"), "value": yuan(line.order.total_fen), "unit": _("元"), "note": _said(line.order.count)},
        {"key": "paid", "label": _("已付"), "value": count(line.paid), "unit": _("笔")},
        {"key": "fail", "label": _("失败和退票"), "value": count(line.failed), "unit": _("笔")},
    ]
    if line.unknown:
        sums.append({"key": "unk", "label": _("待查"), "value": count(line.unknown), "unit": _("笔")})
    if silent or not line.unknown:
        sums.append({"key": "way", "label": _("未回盘"), "value": count(silent), "unit": _("笔")})
    return sums


def _said(number: int) -> str:
    return _("%(n)s 笔") % {"n": count(number)}

"""Failed and returned payments: who must act by when, the township's new account, its review."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from disbursement import actions
from disbursement.batch_facts import FAILED, failure_groups
from disbursement.failures import FAILURES, Failure, Retry, describe
from disbursement.forms import CorrectionForm, FailureFilterForm, NoteForm
from disbursement.models import Attempt, Correction, Payment
from disbursement.rounds import round_for, round_of
from subsidy_portal import clock
from subsidy_portal.models import User
from subsidy_portal.paging import keyset_page
from subsidy_portal.permissions import allowed
from subsidy_portal.staff import StaffRequest, download, happened, keep_upload, staff_page
from subsidy_portal.workflow import Refused

BY_ACCOUNT = {Retry.NEW_ACCOUNT, Retry.SAME_OR_NEW}
OPEN_CORRECTION = (Correction.Status.PROPOSED, Correction.Status.APPROVED)


@dataclass(frozen=True)
class FailedLine:
    """One failed payment with its cause, its date and the correction on its way."""

    payment: Payment
    user: User

    @cached_property
    def reason(self) -> Failure:
        return describe(self.payment.failure_code)

    @cached_property
    def attempt(self) -> Attempt | None:
        return next(iter(self.payment.attempts.all()), None)

    @cached_property
    def correction(self) -> Correction | None:
        return next(iter(self.payment.open_corrections), None)  # type: ignore[attr-defined]

    @property
    def failed_on(self) -> dt.date:
        return self.payment.returned_on or self.payment.failed_on or clock.today()

    @property
    def due_on(self) -> dt.date:
        return round_for(self.failed_on).due_on(self.reason.owner)

    @property
    def late(self) -> bool:
        return self.due_on < clock.today()

    @property
    def correctable(self) -> bool:
        """A new account (or the same one with a word from the bank) can put it right."""
        return self.correction is None and self.reason.retry in BY_ACCOUNT

    @property
    def may_correct(self) -> bool:
        return self.correctable and actions.may_correct(self.user, self.payment.failure_code)

    @property
    def as_it_is(self) -> bool:
        """Nothing to correct: a reissue takes it up as it stands."""
        return self.correction is None and self.reason.retry == Retry.AS_IT_IS


def failed_payments(user: User) -> QuerySet[Payment]:
    """Failed and returned payments of this user's people, with all that a line says."""
    open_corrections = Correction.objects.filter(status__in=OPEN_CORRECTION).select_related("new_account", "made_by")
    return (
        Payment.objects.visible_to(user)
        .filter(status__in=FAILED)
        .select_related("batch", "beneficiary", "payee", "account")
        .prefetch_related(
            # Few and shared by many lines: fetched once beside them, not joined to each.
            "program",
            "account__bank",
            "area__parent",
            Prefetch("attempts", Attempt.objects.order_by("-seq")),
            Prefetch("corrections", open_corrections, to_attr="open_corrections"),
        )
    )


def narrowed(payments: QuerySet[Payment], wanted: dict[str, Any], *, code: bool = True) -> QuerySet[Payment]:
    """``payments`` as the filter form asks."""
    step = FailureFilterForm.Step
    if wanted["town"]:
        payments = payments.filter(area__code__startswith=wanted["town"].prefix)
    if wanted["batch"]:
        payments = payments.filter(batch__number=wanted["batch"].strip())
    if wanted["step"] == step.OPEN:
        payments = payments.exclude(corrections__status__in=OPEN_CORRECTION)
    elif wanted["step"]:
        payments = payments.filter(corrections__status=wanted["step"])
    return payments.filter(failure_code=wanted["code"]) if code and wanted["code"] else payments


@staff_page("see.money")
def failure_list(request: StaffRequest) -> HttpResponse:
    user = request.user
    codes = [(code, f"{code} {failure.meaning}") for code, failure in FAILURES.items()]
    form = FailureFilterForm(request.GET, user=user, codes=codes)
    payments = failed_payments(user)
    counted: QuerySet[Payment] = Payment.objects.visible_to(user)
    if form.is_valid():
        payments = narrowed(payments, form.cleaned_data)
        counted = narrowed(counted, form.cleaned_data, code=False)
    page = keyset_page(payments, request, size=50)
    groups = failure_groups(counted)
    return render(
        request,
        "disbursement/failure_list.html",
        {
            "form": form,
            "page": page,
            "lines": [FailedLine(payment, user) for payment in page],
            "groups": groups,
            "count": sum(group.count for group in groups),
            "amount_fen": sum(group.amount_fen for group in groups),
            "fixed": sum(group.fixed for group in groups),
            "round": round_of(clock.today()),
            "may_approve": allowed(user, "correction.approve"),
            "filtered": any(request.GET.get(name) for name in form.fields),
            "code": request.GET.get("code", ""),
        },
    )


@staff_page("correction.propose")
def correction_new(request: StaffRequest, pk: int) -> HttpResponse:
    """The form for a new account; amount and person are shown and cannot be changed."""
    line = FailedLine(get_object_or_404(failed_payments(request.user), pk=pk), request.user)
    form = CorrectionForm(request.POST or None, request.FILES or None, initial={"bank": line.payment.account.bank_id})
    if request.method == "POST" and form.is_valid():
        try:
            propose(line.payment, form.cleaned_data, request.user)
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("已登记新账户，等本单位复核岗复核。"))
            return redirect("disbursement:failure-list")
    history = line.payment.attempts.all()
    context = {"line": line, "payment": line.payment, "form": form, "history": history}
    return render(request, "disbursement/correction_new.html", context, status=422 if form.errors else 200)


@transaction.atomic
def propose(payment: Payment, fields: dict[str, Any], actor: User) -> None:
    """The correction with its proof; a refused one leaves neither."""
    proof = keep_upload(fields["proof"], actor, "correction.propose")
    actions.propose_correction(payment, actor=actor, **{**fields, "proof": proof})


def find_correction(request: StaffRequest, pk: int) -> Correction:
    found = Correction.objects.visible_to(request.user).select_related(
        "payment__batch", "payment__program", "payment__beneficiary", "payment__payee", "payment__area__parent",
        "old_account__bank", "new_account__bank", "made_by", "approved_by", "proof", "reissue",
    )  # fmt: skip
    return get_object_or_404(found, pk=pk)


def correction_context(found: Correction, user: User, note_form: NoteForm) -> dict[str, Any]:
    mine = found.made_by_id == user.pk
    waits = found.status == Correction.Status.PROPOSED
    may = allowed(user, "correction.approve") and user.kind == found.made_by.kind
    return {
        "correction": found,
        "payment": found.payment,
        "reason": describe(found.failure_code),
        "may_decide": waits and may and not mine,
        "blocked": _("您登记的，须由他人复核。") if waits and may and mine else "",
        "waits": waits,
        "note_form": note_form,
        "events": happened(found),
    }


@staff_page("see.money")
def correction(request: StaffRequest, pk: int) -> HttpResponse:
    found = find_correction(request, pk)
    return render(request, "disbursement/correction.html", correction_context(found, request.user, NoteForm()))


@staff_page("see.money")
@require_POST
def correction_act(request: StaffRequest, pk: int, verb: str) -> HttpResponse:
    found = find_correction(request, pk)
    if verb == "approve":
        actions.approve_correction(found, actor=request.user)
        messages.success(request, _("已复核。等主管部门提交重发。"))
    elif verb == "refuse":
        form = NoteForm(request.POST)
        if not form.is_valid():
            context = correction_context(found, request.user, form)
            return render(request, "disbursement/correction.html", context, status=422)
        actions.refuse_correction(found, note=form.cleaned_data["note"], actor=request.user)
        messages.success(request, _("已退回经办重新登记。"))
    else:
        raise Http404
    return redirect("disbursement:correction", pk)


@staff_page("see.money")
def correction_proof(request: StaffRequest, pk: int) -> HttpResponseBase:
    """The proof of a correction; each download is an event."""
    found = find_correction(request, pk)
    return download(found.proof, found, actor=request.user)

"""Failed and returned payments: who must act by when, the township's new account, its review."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from disbursement import actions
from disbursement.batch_facts import failure_groups
from disbursement.failure_lines import OPEN_CORRECTION, FailedLine, failed_payments, lateness, uncorrected
from disbursement.failure_sheets import correction_workbook, uncorrected_workbook
from disbursement.failures import FAILURES, describe
from disbursement.forms import CorrectionForm, FailureFilterForm, NoteForm, SheetForm
from disbursement.models import Correction, Payment
from disbursement.rounds import round_of
from subsidy_portal import clock
from subsidy_portal.models import User
from subsidy_portal.paging import keyset_page
from subsidy_portal.permissions import allowed
from subsidy_portal.sheets import FileRefused
from subsidy_portal.staff import StaffRequest, download, happened, keep_upload, staff_page
from subsidy_portal.tables import workbook_response
from subsidy_portal.workflow import Refused, record

# More than all townships have open together
MAX_REPORT = 20_000


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


@require_GET
@staff_page("see.money")
def failure_list(request: StaffRequest) -> HttpResponse:
    return _list(request, SheetForm())


def _list(request: StaffRequest, sheet_form: SheetForm) -> HttpResponse:
    """The page; ``sheet_form`` may be one that came back."""
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
            "may_propose": allowed(user, "correction.propose"),
            "sheet_form": sheet_form,
            "units": lateness(counted),
            "query": request.GET.urlencode(),
            "filtered": any(request.GET.get(name) for name in form.fields),
            "code": request.GET.get("code", ""),
        },
        status=422 if sheet_form.errors else 200,
    )


def _lines(request: StaffRequest, limit: int) -> list[FailedLine]:
    """What the filter of the page asks for and nobody has proposed anything for; raises Refused when it is too much."""
    codes = [(code, f"{code} {failure.meaning}") for code, failure in FAILURES.items()]
    form = FailureFilterForm(request.GET, user=request.user, codes=codes)
    payments = uncorrected(failed_payments(request.user))
    if form.is_valid():
        payments = narrowed(payments, form.cleaned_data)
    lines = [FailedLine(payment, request.user) for payment in payments.order_by("area_id", "pk")[: limit + 1]]
    if len(lines) > limit:
        raise Refused(_("超过%(n)d笔。请先按乡镇、批次或原因筛选。") % {"n": limit})
    return lines


@require_GET
@staff_page("see.money")
def failure_report(request: StaffRequest) -> HttpResponse:
    """《发放失败未修改人信息》, one sheet a township; recorded."""
    lines = _lines(request, MAX_REPORT)
    record(request.user, "exported", actor=request.user, note=_("发放失败未修改人信息%(n)d笔") % {"n": len(lines)})
    name = _("发放失败未修改人信息%(day)s.xlsx") % {"day": f"{clock.today():%Y%m%d}"}
    return workbook_response(uncorrected_workbook(lines), name)


@require_GET
@staff_page("correction.propose")
def correction_sheet(request: StaffRequest) -> HttpResponse:
    """The sheet to fill in new accounts on, of what this office may correct."""
    lines = [line for line in _lines(request, MAX_REPORT) if line.may_correct][: actions.MAX_LINES]
    record(request.user, "exported", actor=request.user, note=_("账户更正表%(n)d笔") % {"n": len(lines)})
    name = _("失败付款账户更正表%(day)s.xlsx") % {"day": f"{clock.today():%Y%m%d}"}
    return workbook_response(correction_workbook(lines), name)


@require_POST
@staff_page("correction.propose")
def corrections_upload(request: StaffRequest) -> HttpResponse:
    form = SheetForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            count = actions.propose_corrections(form.cleaned_data["file"].read(), actor=request.user)
        except (Refused, FileRefused) as refused:
            form.add_error("file", str(refused))
        else:
            messages.success(request, _("已登记%(n)d笔更正，等本单位复核岗复核。") % {"n": count})
            return redirect("disbursement:failure-list")
    return _list(request, form)


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

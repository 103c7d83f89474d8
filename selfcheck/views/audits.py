"""The audits: what each looks for, what it found in a year, its thresholds with a preview, and one hit decided."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.db.models import Count, Sum
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from disbursement.models import Payment
from programs.fields import ProofField
from selfcheck import actions
from selfcheck.actions.audits import params_of, preview
from selfcheck.checks.audits import AUDITS, Audit
from selfcheck.models import AuditHit
from subsidy_portal import clock
from subsidy_portal.models import Organisation
from subsidy_portal.paging import keyset_page
from subsidy_portal.permissions import allowed
from subsidy_portal.staff import StaffRequest, download, happened, keep_upload, staff_page
from subsidy_portal.wording import count, yuan
from subsidy_portal.workflow import Refused

H = AuditHit.Status


class HitForm(forms.Form):
    """Whether a hit is true, why, and the proof."""

    confirmed = forms.TypedChoiceField(
        label=gettext_lazy("核实结果"),
        choices=(("1", gettext_lazy("属实")), ("0", gettext_lazy("不属实"))),
        coerce=lambda value: value == "1",
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(
        label=gettext_lazy("理由"), max_length=300, widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("怎么核实的、依据是什么。身份被冒用也写在这里。"),
    )  # fmt: skip
    proof = ProofField(label=gettext_lazy("证明材料"), required=False)


class ParamsForm(forms.Form):
    """The thresholds of one audit."""

    def __init__(self, *args: Any, audit: Audit, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, (words, _value) in audit.params.items():
            self.fields[name] = forms.IntegerField(
                label=words, min_value=0, max_value=10_000, widget=forms.NumberInput(attrs={"class": "short"})
            )


def _year(request: StaffRequest) -> int:
    text = request.GET.get("year", "") or request.POST.get("year", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) == 4 else clock.today().year


def _audit(code: str) -> Audit:
    if code not in AUDITS:
        raise Http404
    return AUDITS[code]


@require_GET
@staff_page("see.audits")
def audit_list(request: StaffRequest) -> HttpResponse:
    """Every audit with its definition and how many of its hits of a year are open."""
    year = _year(request)
    mine = AuditHit.objects.visible_to(request.user).filter(year=year).order_by()
    found = {
        (code, status): (n, fen)
        for code, status, n, fen in mine.values_list("code", "status").annotate(n=Count("pk"), fen=Sum("amount_fen"))
    }
    rows = [
        {
            "audit": audit,
            "open": found.get((audit.code, H.OPEN), (0, 0))[0],
            "fen": found.get((audit.code, H.OPEN), (0, 0))[1],
            "decided": sum(found.get((audit.code, status), (0, 0))[0] for status in H.values if status != H.OPEN),
        }
        for audit in AUDITS.values()
    ]
    context = {
        "rows": rows,
        "year": year,
        "years": range(clock.today().year, clock.today().year - 5, -1),
        "may_run": allowed(request.user, "audit.run"),
    }
    return render(request, "selfcheck/audit_list.html", context)


@require_POST
@staff_page("audit.run")
def audit_run(request: StaffRequest) -> HttpResponse:
    """All audits, or the one of ``code``, over what was paid for a year."""
    year, code = _year(request), request.POST.get("code", "")
    new = sum(actions.run_audit(one, year, actor=request.user) for one in ([_audit(code).code] if code else AUDITS))
    messages.success(request, _("核查完了，新发现疑点%(n)s条。") % {"n": count(new)})
    page = reverse("selfcheck:audit", args=(code,)) if code else reverse("selfcheck:audit-list")
    return redirect(f"{page}?year={year}")


@staff_page("see.audits")
def audit(request: StaffRequest, code: str) -> HttpResponse:
    """One audit: its hits of a year; POST previews or keeps other thresholds."""
    found, year = _audit(code), _year(request)
    form = ParamsForm(request.POST or None, audit=found, initial=params_of(found))
    told = ""
    if request.method == "POST" and form.is_valid():
        if "keep" in request.POST:
            actions.set_params(code, form.cleaned_data, actor=request.user)
            messages.success(request, _("已按新的标准，下次核查起用。"))
            return redirect("selfcheck:audit", code)
        hits, fen = preview(found, year, form.cleaned_data)
        told = _("%(year)s年按这个标准有%(n)s条、%(fen)s元。") % {"year": year, "n": count(hits), "fen": yuan(fen)}
    status = request.GET.get("status", H.OPEN)
    hits_of = AuditHit.objects.visible_to(request.user).filter(code=code, year=year)
    shown = hits_of.filter(status=status) if status in H.values else hits_of
    counts = dict(hits_of.order_by().values_list("status").annotate(n=Count("pk")))
    context = {
        "audit": found,
        "year": year,
        "page": keyset_page(shown.select_related("area", "program"), request, size=50),
        "status": status,
        "tabs": [(value, label, counts.get(value, 0)) for value, label in H.choices],
        "form": form if found.params else None,
        "told": told,
        "may_set": allowed(request.user, "audit.set"),
        "may_run": allowed(request.user, "audit.run"),
    }
    return render(request, "selfcheck/audit.html", context, status=422 if form.errors else 200)


def _hit(request: StaffRequest, pk: int) -> AuditHit:
    mine = AuditHit.objects.visible_to(request.user)
    return get_object_or_404(mine.select_related("area", "program__department", "decided_by", "problem"), pk=pk)


@staff_page("see.audits")
def audit_hit(request: StaffRequest, pk: int) -> HttpResponse:
    """One hit with the payments that show it; POST decides it, or enters it into the ledger."""
    found = _hit(request, pk)
    form = HitForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and "register" in request.POST:
        unit = found.program.department if found.program else None
        if unit is None:
            unit = get_object_or_404(Organisation, kind=Organisation.Kind.FINANCE)
        problem = actions.register_hit(found, unit=unit, actor=request.user)
        messages.success(request, _("已登记为问题%(number)s。") % {"number": problem.number})
        return redirect("selfcheck:problem", problem.pk)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                given = form.cleaned_data
                proof = keep_upload(given["proof"], request.user, "audit.decide")
                actions.decide_hit(
                    found, confirmed=given["confirmed"], reason=given["reason"], proof=proof, actor=request.user
                )
            return redirect("selfcheck:audit-hit", pk)
        except Refused as refused:
            form.add_error("proof", str(refused))
    payments = Payment.objects.visible_to(request.user).filter(pk__in=found.payments).order_by("pk")
    context = {
        "hit": found,
        "audit": AUDITS[found.code],
        "payments": payments.select_related("beneficiary", "account", "program", "batch", "row__roster", "area")[:200],
        "form": form if found.status == H.OPEN and allowed(request.user, "audit.decide") else None,
        "may_register": found.status == H.CONFIRMED and allowed(request.user, "problem.register"),
        "events": happened(found),
    }
    return render(request, "selfcheck/audit_hit.html", context, status=422 if form.errors else 200)


@require_GET
@staff_page("see.audits")
def audit_hit_proof(request: StaffRequest, pk: int) -> HttpResponseBase:
    found = _hit(request, pk)
    return download(found.proof, found, actor=request.user)

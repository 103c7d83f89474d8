"""The part of a fund plan's page that only payments can tell."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render

from disbursement import funds
from programs.models import FundPlan
from subsidy_portal.staff import StaffRequest, staff_page


@staff_page("see.funds")
def fund_balance(request: StaffRequest, pk: int) -> HttpResponse:
    """Planned, committed, paid and available of one plan, as a part for another page."""
    plan = get_object_or_404(FundPlan.objects.visible_to(request.user), pk=pk)
    context = {"plan": plan, "balance": funds.balances([plan.pk])[plan.pk]}
    return render(request, "disbursement/parts/fund_balance.html", context)

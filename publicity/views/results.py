"""Results of rectification as anybody may read them (R58)."""

from __future__ import annotations

from django.db.models import OuterRef, Q, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from publicity.models import Result
from selfcheck.models import Problem, ProblemQuerySet
from subsidy_portal.paging import keyset_page

SIZE = 20


def public_problems() -> ProblemQuerySet:
    """Closed and published; of the free texts of the ledger only the summary written for the public is shown."""
    summary = Result.objects.current().filter(problem=OuterRef("pk")).values("summary")[:1]
    open_program = Q(program=None) | Q(program__is_classified=False)
    return (
        Problem.objects.filter(open_program, status=Problem.Status.CLOSED, published_on__isnull=False)
        .with_recovery()
        .annotate(summary=Subquery(summary))
        .select_related("unit", "program")
    )


@require_GET
def results(request: HttpRequest) -> HttpResponse:
    page = keyset_page(public_problems(), request, size=SIZE)
    return render(request, "publicity/results.html", {"section": "inquiry", "page": page})

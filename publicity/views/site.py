"""The first page, whom to ask, and what search engines read."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from disbursement import statistics
from programs.models import Program
from publicity.notices import known_notices, public_address, running, withheld
from publicity.policies import Policy, audiences, current_list, policies_of
from subsidy_portal import clock
from subsidy_portal.models import Organisation

CHIPS, LATEST = 5, 4
# What search engines may list, beside the policies.
PAGES = ("home", "policies", "notices", "inquiry", "offices", "results")
FRESH_SECONDS, KEPT_SECONDS = 60, 3600


def home(request: HttpRequest) -> HttpResponse:
    """The three questions, the latest notices and this year's totals."""
    policies = policies_of(current_list())
    link = reverse("publicity:policies")
    who = [(word, f"{link}?{urlencode({'who': word})}") for word in audiences(policies)[:CHIPS]]
    latest = list(running(known_notices())[:LATEST])
    if len(latest) < LATEST:
        latest += list(known_notices().exclude(pk__in=[n.pk for n in latest])[: LATEST - len(latest)])
    sentence = ngettext("%(n)d项补贴，选一选您是谁", "%(n)d项补贴，选一选您是谁", len(policies)) % {"n": len(policies)}
    return render(
        request,
        "publicity/home.html",
        {
            "enjoy": sentence if policies else _("政策清单还没有公布"),
            "who": [*who, (_("更多…"), link)] if who else [],
            "notices": latest,
            "withheld": withheld(latest),
            "year": _year_totals(),
        },
    )


@dataclass(frozen=True)
class YearTotals:
    """This year's payments without classified programs."""

    programs: int
    whole: statistics.Share


def _year_totals() -> YearTotals:
    """The totals up to today, counted at most once a minute: while one request counts, the others show the last."""
    key = f"public:year:{clock.today().year}"
    mine = cache.add(f"{key}:fresh", 1, FRESH_SECONDS)
    kept: dict[str, Any] | None = None if mine else cache.get(key)
    if kept is None:
        kept = asdict(_count_year())
        cache.set(key, kept, KEPT_SECONDS)
    return YearTotals(kept["programs"], statistics.Share(**kept["whole"]))


def _count_year() -> YearTotals:
    today = clock.today()
    public = set(Program.objects.public().values_list("pk", flat=True))
    by_program = statistics.program_shares(today, year=today.year)
    shares = [share for key, share in by_program.items() if key in public]
    whole = statistics.Share()
    for share in shares:
        whole.add(share)
    return YearTotals(len(shares), whole)


def offices(request: HttpRequest) -> HttpResponse:
    """Whom to ask: the offices of the published list with their phones, the townships, and how to object."""
    offices: dict[tuple[str, str], list[Policy]] = {}
    for policy in policies_of(current_list()):
        offices.setdefault((policy.department, policy.phone), []).append(policy)
    towns = Organisation.objects.filter(kind=Organisation.Kind.TOWNSHIP, is_active=True).exclude(phone="")
    return render(
        request,
        "publicity/offices.html",
        {
            "section": "inquiry",
            "offices": [(*key, policies) for key, policies in offices.items()],
            "towns": towns.order_by("area_id"),
        },
    )


def robots(request: HttpRequest) -> HttpResponse:
    """Policies may be found by search engines; lists of names and personal answers may not."""
    lines = ["User-agent: *"]
    lines += [f"Disallow: {path}" for path in ("/staff/", "/api/", "/lookup/", "/notices/", "/inquiry/progress/")]
    lines += ["Allow: /notices/$", f"Sitemap: {public_address(request, 'publicity:sitemap')}"]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")


def sitemap(request: HttpRequest) -> HttpResponse:
    """The pages without anybody's name, and each policy of the current list."""
    pages = [public_address(request, f"publicity:{name}") for name in PAGES]
    pages += [public_address(request, "publicity:policy", policy.code) for policy in policies_of(current_list())]
    return render(request, "publicity/sitemap.xml", {"pages": pages}, content_type="application/xml")

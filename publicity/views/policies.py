"""What am I entitled to: the published list, by year and version, and one plain page for each policy."""

from __future__ import annotations

from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import override

from programs.models import PolicyList
from publicity.notices import offices_of, public_address, qr_code
from publicity.policies import (
    Policy,
    audiences,
    current_list,
    policies_of,
    policy_workbook,
    readable_items,
    readable_lists,
)
from subsidy_portal.models import Area
from subsidy_portal.tables import workbook_response

AREAS = 6


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 6 else None


def _chosen_list(request: HttpRequest, newest: PolicyList | None) -> PolicyList | None:
    """The version of ``?year=&version=``: a year alone means its newest; nothing means the current one."""
    year, version = _number(request.GET.get("year", "")), _number(request.GET.get("version", ""))
    if year is None:
        return newest
    versions = readable_lists().filter(year=year)
    return get_object_or_404(versions, version=version) if version else versions.first()


def policies(request: HttpRequest) -> HttpResponse:
    """The list, filtered by who I am and by words; a village's name leads on to its notices."""
    newest = current_list()
    chosen = _chosen_list(request, newest)
    if chosen is None and request.GET.get("year"):
        raise Http404
    whole = policies_of(chosen)
    who, words = request.GET.get("who", "").strip(), request.GET.get("q", "").strip()[:50]
    shown = [policy for policy in whole if (not who or who in policy.audience) and (not words or policy.matches(words))]
    return render(
        request,
        "publicity/policies.html",
        {
            "section": "policies",
            "list": chosen,
            "is_current": chosen == newest,
            "total": len(whole),
            "policies": shown,
            "audiences": audiences(whole),
            "who": who,
            "words": words,
            "areas": _areas_called(words),
            "versions": readable_lists(),
        },
    )


def _areas_called(words: str) -> QuerySet[Area]:
    """Townships and villages whose name holds the words: the search field of the first page promises them too."""
    if len(words) < 2:
        return Area.objects.none()
    called = Q(name__contains=words) | Q(aliases__contains=[words])
    return Area.objects.filter(called).exclude(level=Area.Level.COUNTY).select_related("parent")[:AREAS]


def policy(request: HttpRequest, code: str) -> HttpResponse:
    """One policy in plain words: as the version asked for says, else as the newest one that holds it."""
    items = readable_items().filter(program__code=code).order_by("-policy_list__year", "-policy_list__version")
    last = items.first()
    chosen = _chosen_list(request, None)
    item = items.filter(policy_list=chosen).first() if chosen else last
    if item is None or last is None:
        raise Http404
    newest = current_list()
    return render(
        request,
        "publicity/policy.html",
        {
            "section": "policies",
            "policy": Policy.from_item(item),
            "list": item.policy_list,
            "is_current": item.policy_list == newest,
            "newer": last.policy_list if last != item else None,
        },
    )


def policies_file(request: HttpRequest) -> HttpResponse:
    """The published list as a workbook in the columns it is handed up in (县→市→省, R4)."""
    chosen = _chosen_list(request, current_list())
    if chosen is None:
        raise Http404
    name = f"{settings.COUNTY_NAME}补贴政策清单{chosen.year}-{chosen.version}.xlsx"
    return workbook_response(policy_workbook(chosen), name)


def policies_sheet(request: HttpRequest) -> HttpResponse:
    """The list on paper, A4 across: name, who, how much, how, whom to ask; in Chinese like the list itself."""
    chosen = _chosen_list(request, current_list())
    if chosen is None:
        raise Http404
    with override("zh-hans"):
        context = {
            "section": "policies",
            "list": chosen,
            "policies": policies_of(chosen),
            "qr": qr_code(public_address(request, "publicity:policies")),
        }
        return render(request, "publicity/policies_sheet.html", context)


def poster(request: HttpRequest, code: str = "") -> HttpResponse:
    """An A3 poster for a township, a village or the county: the three questions, the phones, and a QR code home."""
    area = get_object_or_404(Area.objects.select_related("parent"), code=code) if code else None
    with override("zh-hans"):
        context = {
            "area": area,
            "offices": offices_of(area) if area else [],
            "qr": qr_code(public_address(request, "publicity:home")),
            "address": public_address(request, "publicity:home"),
            "policies": policies_of(current_list()),
        }
        return render(request, "publicity/poster.html", context)

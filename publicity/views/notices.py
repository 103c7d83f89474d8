"""What was my village given: public notices, their printable sheets, and objections to single rows."""

from __future__ import annotations

import re
from typing import Any

from django.core.cache import cache
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.csrf import csrf_exempt

from programs import actions
from programs.models import Notice, NoticeRow, Objection, Program
from publicity.forms import FindNameForm, ObjectionForm
from publicity.limits import Limited, take_notice_page, take_objection
from publicity.notices import (
    Columns,
    Village,
    check_code,
    days_left,
    is_running,
    known_notices,
    naming,
    offices_of,
    public_address,
    qr_code,
    running,
    seals,
    strip,
    villages_of,
    whole,
    withheld,
)
from subsidy_portal import clock
from subsidy_portal.models import Area, Organisation, StoredFile, User
from subsidy_portal.paging import keyset_page
from subsidy_portal.pictures import clean_uploads
from subsidy_portal.workflow import Refused

LIST_SIZE, ROWS, FOUND = 20, 60, 20


def unlisted(response: HttpResponse) -> HttpResponse:
    """Names are for the people here, not for search engines and their copies."""
    response["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    return response


def notices(request: HttpRequest) -> HttpResponse:
    """Notices under way, or those that are over; by township or village, by department, and by program."""
    over = request.GET.get("state") == "over"
    shown = known_notices()
    shown = shown.exclude(pk__in=running(known_notices()).values("pk")) if over else running(shown)
    area = Area.objects.filter(code=request.GET.get("area", "")).exclude(level=Area.Level.COUNTY).first()
    program = Program.objects.public().filter(code=request.GET.get("program", "")).first()
    if area:
        shown = naming(shown, area)
    if program:
        shown = shown.filter(roster__program=program)
    departments = Organisation.objects.filter(
        kind=Organisation.Kind.DEPARTMENT, programs__rosters__notices__in=known_notices().order_by()
    ).distinct()
    department = _chosen_department(request, departments)
    if department:
        shown = shown.filter(roster__program__department=department)
    page = keyset_page(shown, request, size=LIST_SIZE)
    response = render(
        request,
        "publicity/notices.html",
        {
            "section": "notices",
            "page": page,
            "withheld": withheld(page),
            "over": over,
            "area": area,
            "program": program,
            "department": department,
            "departments": departments.order_by("name"),
            "towns": Area.objects.filter(level=Area.Level.TOWNSHIP, valid_to__isnull=True),
            "programs": Program.objects.public().filter(rosters__notices__in=known_notices().order_by()).distinct(),
        },
    )
    return unlisted(response)


def _chosen_department(request: HttpRequest, departments: QuerySet[Organisation]) -> Organisation | None:
    number = request.GET.get("department", "")
    return departments.filter(pk=number).first() if re.fullmatch(r"[0-9]{1,9}", number) else None


def _notice(slug: str) -> Notice:
    return get_object_or_404(known_notices(), slug=slug)


def _chosen_village(request: HttpRequest, villages: list[Village]) -> Village | None:
    if len(villages) == 1:
        return villages[0]
    code = request.GET.get("village", "")
    return next((village for village in villages if village.area.code == code), None)


def _facts(notice: Notice) -> dict[str, Any]:
    return {
        "section": "notices",
        "notice": notice,
        "roster": notice.roster,
        "program": notice.roster.program,
        "town": notice.roster.area,
        "check_code": check_code(notice),
    }


@csrf_exempt
def notice(request: HttpRequest, slug: str) -> HttpResponse:
    """The rows of one village, or the choice of a village; when the notice is over, its totals.

    Looking for a name changes nothing, so it needs no token against forged requests: the page is the same for all.
    """
    found = _notice(slug)
    if not is_running(found):
        return unlisted(render(request, "publicity/notice_over.html", _facts(found) | {"withheld": withheld([found])}))
    try:
        take_notice_page(request)
    except Limited as limited:
        return limited_page(request, limited, reading=True)
    villages = villages_of(found)
    columns = Columns.of(found.roster.program, villages)
    village = _chosen_village(request, villages)
    context = _facts(found) | {
        "villages": villages,
        "village": village,
        "columns": columns,
        "days_left": days_left(found),
        "strip": strip(found),
        "today": clock.today(),
        "offices": offices_of(village.area if village else found.roster.area),
        "checking": found.objections.filter(status=Objection.Status.OPEN).count(),
        "form": FindNameForm(),
    }
    if request.method == "POST":
        context |= _find(request, found)
    elif village:
        rows = found.rows.filter(area=village.area).select_related("area")
        context["page"] = keyset_page(rows, request, size=ROWS, key="position", descending=False)
    return unlisted(render(request, "publicity/notice.html", context))


def _find(request: HttpRequest, notice: Notice) -> dict[str, Any]:
    """A name on this notice, in any of its villages; POST, so that no name stands in an address or a log."""
    form = FindNameForm(request.POST)
    rows: QuerySet[NoticeRow] = notice.rows.none()
    if form.is_valid():
        rows = notice.rows.filter(public_name__contains=form.cleaned_data["name"]).select_related("area")[:FOUND]
    return {"form": form, "found": rows if form.is_valid() else None}


def sheet(request: HttpRequest, slug: str) -> HttpResponse:
    """One village's sheet for the notice board, or the township's (``?village=all``), on A4 or A3 (``?paper=a3``).

    In Chinese, whatever language the clerk works in.
    """
    found = _notice(slug)
    if not is_running(found):
        return redirect("publicity:notice", slug)
    villages = villages_of(found)
    everybody = request.GET.get("village") == "all" and len(villages) > 1
    village = whole(found, villages) if everybody else _chosen_village(request, villages)
    paper = "a3" if request.GET.get("paper") == "a3" else "a4"
    context = _facts(found) | {"villages": villages, "village": village, "everybody": everybody, "paper": paper}
    with override("zh-hans"):
        if village:
            context |= {
                "columns": Columns.of(found.roster.program, villages),
                "rows": found.rows.select_related("area") if everybody else found.rows.filter(area=village.area),
                "offices": offices_of(village.area),
                "seals": seals(village.area),
                "qr": qr_code(public_address(request, "publicity:notice", slug)),
            }
        return unlisted(render(request, "publicity/sheet.html", context))


def objection(request: HttpRequest, slug: str, position: int) -> HttpResponse:
    """Object to one row: it is held until somebody has looked into it. The answer is an acceptance number."""
    found = _notice(slug)
    if not is_running(found):
        return redirect("publicity:notice", slug)
    row = get_object_or_404(found.rows.select_related("row", "area"), position=position)
    form = ObjectionForm(request.POST or None, request.FILES or None)
    context = _facts(found) | {
        "row": row,
        "form": form,
        "offices": offices_of(row.area),
        "columns": Columns.of(found.roster.program, villages_of(found)),
    }
    if request.method == "POST" and form.is_valid():
        try:
            context["number"] = _file(request, form, row)
        except Limited as limited:
            return limited_page(request, limited)
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            return unlisted(render(request, "publicity/objection_received.html", context))
    return unlisted(render(request, "publicity/objection.html", context))


def _file(request: HttpRequest, form: ObjectionForm, row: NoticeRow) -> str:
    """The acceptance number; a form that comes twice (a second tap) gets the number of the first."""
    if not form.token:
        raise Refused(_("这一页放得太久了，请再提交一次。"))
    key = f"objection:{form.token}"
    if number := cache.get(key):
        return str(number)
    upload = form.cleaned_data["evidence"]
    evidence = clean_uploads([upload]) if upload else []
    take_objection(request)
    system = User.objects.system()
    try:
        with transaction.atomic():
            kept = [
                StoredFile.keep(f.content, name=f.name, content_type=f.content_type, actor=system) for f in evidence
            ]
            filed = actions.file_objection(
                row.notice,
                row.row,
                text=form.cleaned_data["text"],
                contact=form.cleaned_data["contact"],
                attachment=kept[0] if kept else None,
                actor=system,
            )
    except Refused:
        if number := cache.get(key):
            return str(number)
        raise
    cache.set(key, filed.number, ObjectionForm.HOURS * 3600)
    return filed.number


def limited_page(request: HttpRequest, limited: Limited, *, reading: bool = False) -> HttpResponse:
    """Objections or pages of names are asked for too fast from here: when to go on, and which phones to use."""
    context = {"section": "notices", "limited": limited, "objections": not reading, "reading": reading}
    response = render(request, "publicity/limited.html", context, status=429)
    response["Retry-After"] = str(limited.seconds)
    return response

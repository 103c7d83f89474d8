"""Persons and their accounts: searched by POST, shown masked, full values only with a recorded reason."""

from __future__ import annotations

import io
from typing import Any

from django.db.models import F
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from programs import actions
from programs.forms import PersonSearchForm, RevealForm
from programs.models import Account, Person, Roster
from programs.person_search import Found, search_people
from programs.registry_book import MAX_ROWS, book_lines, book_sums, build_book
from subsidy_portal import identifiers
from subsidy_portal.models import Area
from subsidy_portal.permissions import allowed
from subsidy_portal.sheets import XLSX
from subsidy_portal.staff import StaffRequest, download, happened, no_store, staff_page
from subsidy_portal.workflow import Refused, record

SIZE = 50


@staff_page("see.rosters")
def person_list(request: StaffRequest) -> HttpResponse:
    """The search. Its answer is no page with an address: what was typed stands in no URL and no log."""
    form = PersonSearchForm(request.POST or None)
    found: Found | None = None
    if request.method == "POST" and form.is_valid():
        try:
            found = search_people(form.cleaned_data["q"], request.user)
        except identifiers.IdentifierError as error:
            form.add_error("q", str(error))
    page = _page_number(request)
    people = found.people if found else []
    context = {
        "form": form,
        "found": found,
        "people": people[page * SIZE : (page + 1) * SIZE],
        "before": page - 1 if page else None,
        "after": page + 1 if len(people) > (page + 1) * SIZE else None,
    }
    return no_store(render(request, "programs/person_list.html", context, status=422 if form.errors else 200))


def _page_number(request: StaffRequest) -> int:
    given = request.POST.get("page", "")
    return int(given) if given.isdecimal() and len(given) < 3 else 0


def _person(request: StaffRequest, pk: int) -> Person:
    mine = Person.objects.visible_to(request.user).select_related("area__parent", "household__head")
    return get_object_or_404(mine, pk=pk)


@require_GET
@staff_page("see.rosters")
def person(request: StaffRequest, pk: int) -> HttpResponse:
    return _page(request, _person(request, pk))


def _page(request: StaffRequest, found: Person, **shown: Any) -> HttpResponse:
    """The person's page; ``shown`` may carry one revealed value, on this answer only."""
    user = request.user
    claims = (
        found.claims.filter(roster__in=Roster.objects.visible_to(user), revision=F("roster__revision"))
        .select_related("roster__program", "roster__area", "account", "payee")
        .order_by("-roster_id", "row_no")
    )
    accounts = found.accounts.select_related("bank", "created_by", "replaces", "proof")
    context = {
        "person": found,
        "accounts": accounts.order_by("-is_active", "-pk"),
        "members": found.household.members.all() if found.household else (),
        "claims": claims[:60],
        "merged": found.merged.all(),
        "reveal_form": RevealForm() if allowed(user, "person.reveal") else None,
        "events": happened(found),
        **shown,
    }
    wrong = getattr(shown.get("reveal_form"), "errors", None)
    return no_store(render(request, "programs/person.html", context, status=422 if wrong else 200))


@require_POST
@staff_page("person.reveal")
def person_reveal(request: StaffRequest, pk: int) -> HttpResponse:
    """The full ID number, once, with a recorded reason."""
    found = _person(request, pk)
    form = RevealForm(request.POST)
    if not form.is_valid():
        return _page(request, found, reveal_form=form)
    number = actions.reveal_id_number(found, reason=form.cleaned_data["reason"], actor=request.user)
    return _page(request, found, id_number=number)


@require_POST
@staff_page("person.reveal")
def account_reveal(request: StaffRequest, pk: int) -> HttpResponse:
    """A full account number, once, with a recorded reason."""
    account = get_object_or_404(
        Account.objects.filter(holder__in=Person.objects.visible_to(request.user)).select_related("holder"), pk=pk
    )
    found = _person(request, account.holder_id)
    form = RevealForm(request.POST)
    if not form.is_valid():
        return _page(request, found, reveal_form=form)
    number = actions.reveal_account_number(account, reason=form.cleaned_data["reason"], actor=request.user)
    return _page(request, found, revealed_account=account.pk, account_number=number)


@require_GET
@staff_page("see.rosters")
def account_proof(request: StaffRequest, pk: int) -> HttpResponseBase:
    """What was shown when the account was registered; each download is an event."""
    mine = Account.objects.filter(holder__in=Person.objects.visible_to(request.user))
    account = get_object_or_404(mine.select_related("proof__file", "holder"), pk=pk, proof__isnull=False)
    return download(account.proof.file, account, actor=request.user)


# --- The 底册 ------------------------------------------------------------------------------------------------


def _area(request: StaffRequest, code: str) -> Area:
    """An area inside the user's own; without a code the user's own."""
    own = request.user.organisation.area if request.user.organisation else None
    if own is None:
        raise Http404
    mine = Area.objects.filter(code__startswith=request.user.area_prefix).select_related("parent")
    return get_object_or_404(mine, pk=code or own.pk)


@require_GET
@staff_page("see.rosters")
def registry_book(request: StaffRequest, code: str = "") -> HttpResponse:
    """Households and people of a village, a township or the county, a page at a time."""
    area, user = _area(request, code), request.user
    lines = book_lines(area, user, after=request.GET.get("after", ""), size=SIZE + 1)
    context = {
        "area": area,
        "sums": book_sums(area, user),
        "below": area.children.filter(valid_to=None).order_by("code"),
        "lines": lines[:SIZE],
        "next": lines[SIZE - 1].place if len(lines) > SIZE else "",
        "is_later": "after" in request.GET,
    }
    return render(request, "programs/registry_book.html", context)


@require_POST
@staff_page("see.rosters")
def registry_book_export(request: StaffRequest, code: str) -> HttpResponseBase:
    """The whole of it as a workbook, masked; recorded."""
    area = _area(request, code)
    lines = book_lines(area, request.user, size=MAX_ROWS + 1)
    if len(lines) > MAX_ROWS:
        raise Refused(_("超过%(n)d人。请按乡镇或村导出。") % {"n": MAX_ROWS})
    record(area, "exported", actor=request.user, note=_("补贴底册%(n)d人") % {"n": len(lines)})
    name = _("补贴底册-%(area)s.xlsx") % {"area": area.name}
    response = FileResponse(io.BytesIO(build_book(lines)), as_attachment=True, filename=name, content_type=XLSX)
    response["Cache-Control"] = "no-store"
    return response

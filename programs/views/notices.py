"""Notices as the staff see them: days left, objections, the public page and the printable sheet."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Count, Q
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from programs import actions
from programs.forms import ObjectionDecisionForm, ObjectionForm, PostingForm, RevealForm
from programs.models import Notice, Objection, Posting
from programs.postings import VillageProof, proof_counts, proofs_of, unposted
from subsidy_portal import clock
from subsidy_portal.models import Area
from subsidy_portal.paging import keyset_page
from subsidy_portal.permissions import allowed
from subsidy_portal.pictures import clean_uploads
from subsidy_portal.staff import StaffRequest, download, happened, keep_upload, no_store, staff_page
from subsidy_portal.workflow import Refused

TABS = ("open", "objected", "unposted", "over")


def _notice(request: StaffRequest, pk: int) -> Notice:
    mine = Notice.objects.visible_to(request.user).select_related(
        "roster__program__department", "roster__area", "opened_by"
    )
    return get_object_or_404(mine, pk=pk)


@require_GET
@staff_page("see.rosters")
def notice_list(request: StaffRequest) -> HttpResponse:
    """Running notices, those with an undecided objection, those without proof of posting, and what is over."""
    tab = request.GET.get("tab", "open")
    tab = tab if tab in TABS else "open"
    found = Notice.objects.visible_to(request.user).select_related("roster__program", "roster__area")
    if tab == "objected":
        undecided = Objection.objects.visible_to(request.user).filter(status="open")
        found = found.filter(pk__in=undecided.values("notice"))
    elif tab == "unposted":
        found = found.filter(status__in=("open", "ended"), pk__in=unposted())
    else:
        found = found.filter(status="open") if tab == "open" else found.exclude(status="open")
    page = keyset_page(found, request, size=40)
    counts = {
        notice.pk: notice
        for notice in Notice.objects.filter(pk__in=[n.pk for n in page]).annotate(
            objected=Count("objections"), undecided=Count("objections", filter=Q(objections__status="open"))
        )
    }
    proofs = proof_counts(counts)
    rows = [(notice, counts[notice.pk], proofs.get(notice.pk, (0, 0))) for notice in page]
    return render(request, "programs/notice_list.html", {"page": page, "rows": rows, "tab": tab})


@require_GET
@staff_page("see.rosters")
def notice(request: StaffRequest, pk: int) -> HttpResponse:
    found = _notice(request, pk)
    return _page(request, found, ObjectionForm(notice=found))


def _page(
    request: StaffRequest, found: Notice, form: ObjectionForm, posting_form: PostingForm | None = None
) -> HttpResponse:
    today = clock.today()
    running = found.status == Notice.Status.OPEN and found.starts_on <= today <= found.ends_on
    proofs = proofs_of(found)
    may_post = found.status != Notice.Status.WITHDRAWN and allowed(request.user, "notice.post")
    context = {
        "notice": found,
        "objections": found.objections.select_related("row__beneficiary", "row__area").order_by("-pk")[:100],
        "held": found.objections.held(),
        "proofs": proofs,
        "unproven": sum(not proof.postings for proof in proofs),
        "posting_form": (posting_form or PostingForm(proofs=proofs, initial={"posted_on": today}))
        if may_post
        else None,
        "form": form if running and allowed(request.user, "objection.record") else None,
        "days_left": (found.ends_on - today).days + 1 if running else 0,
        "events": happened(found),
    }
    wrong = form.errors or (posting_form and posting_form.errors)
    return render(request, "programs/notice.html", context, status=422 if wrong else 200)


def _posting_form(sent: PostingForm | None, proofs: list[VillageProof]) -> PostingForm:
    return sent or PostingForm(proofs=proofs, initial={"posted_on": clock.today()})


@require_POST
@staff_page("notice.post")
def posting_new(request: StaffRequest, pk: int) -> HttpResponse:
    """The photograph of the sheet on a village's board."""
    found = _notice(request, pk)
    form = PostingForm(request.POST, request.FILES, proofs=proofs_of(found))
    if form.is_valid():
        given = form.cleaned_data
        try:
            (photo,) = clean_uploads([given["photo"]])
            village = Area.objects.get(code=given["village"])
            actions.record_posting(
                found, village, place=given["place"], posted_on=given["posted_on"], photo=photo, actor=request.user
            )
            return redirect("programs:notice", pk)
        except Refused as refused:
            form.add_error("photo", str(refused))
    return _page(request, found, ObjectionForm(notice=found), form)


@require_GET
@staff_page("see.rosters")
def posting_photo(request: StaffRequest, pk: int) -> HttpResponseBase:
    found = get_object_or_404(Posting.objects.visible_to(request.user).select_related("photo", "notice"), pk=pk)
    return download(found.photo, found.notice, actor=request.user)


@require_GET
@staff_page("see.rosters")
def notice_print(request: StaffRequest, pk: int) -> HttpResponse:
    """The printable A4 sheet is the public one: what hangs in the village is what the site shows."""
    return redirect("publicity:notice-sheet", _notice(request, pk).slug)


# --- Objections --------------------------------------------------------------------------------------------


@require_POST
@staff_page("see.rosters")
def objection_new(request: StaffRequest, pk: int) -> HttpResponse:
    """Record what somebody told the township; the row is held from now on."""
    found = _notice(request, pk)
    form = ObjectionForm(request.POST, request.FILES, notice=found)
    if form.is_valid():
        given = form.cleaned_data
        try:
            with transaction.atomic():
                made = actions.file_objection(
                    found,
                    given["position"].row,
                    text=given["text"],
                    contact=given["contact"],
                    attachment=keep_upload(given["attachment"], request.user, "objection.record"),
                    actor=request.user,
                )
            return redirect("programs:objection", made.pk)
        except Refused as refused:
            form.add_error(None, str(refused))
    return _page(request, found, form)


def _objection(request: StaffRequest, pk: int) -> Objection:
    mine = Objection.objects.visible_to(request.user).select_related(
        "notice__roster__program", "notice__roster__area", "row__beneficiary", "row__area", "row__account",
        "recorded_by", "decided_by", "attachment",
    )  # fmt: skip
    return get_object_or_404(mine, pk=pk)


@staff_page("see.rosters")
def objection(request: StaffRequest, pk: int) -> HttpResponse:
    """One objection; POST decides it."""
    found = _objection(request, pk)
    if request.method != "POST":
        return _objection_page(request, found, ObjectionDecisionForm())
    form = ObjectionDecisionForm(request.POST)
    if not form.is_valid():
        return _objection_page(request, found, form)
    given = form.cleaned_data
    actions.decide_objection(found, upheld=given["upheld"], answer=given["answer"], actor=request.user)
    return redirect("programs:objection", pk)


def _objection_page(
    request: StaffRequest,
    found: Objection,
    form: ObjectionDecisionForm,
    contact: str = "",
    reveal: RevealForm | None = None,
) -> HttpResponse:
    undecided = found.status == Objection.Status.OPEN
    context = {
        "objection": found,
        "position": found.notice.rows.filter(row=found.row_id).values_list("position", flat=True).first(),
        "form": form if undecided and allowed(request.user, "objection.decide") else None,
        "reveal_form": (reveal or RevealForm()) if allowed(request.user, "person.reveal") else None,
        "contact": contact,
        "events": happened(found),
    }
    wrong = form.errors or (reveal and reveal.errors)
    return no_store(render(request, "programs/objection.html", context, status=422 if wrong else 200))


@require_POST
@staff_page("person.reveal")
def objection_contact(request: StaffRequest, pk: int) -> HttpResponse:
    """Who objected and how to reach them: shown once, with a recorded reason."""
    found = _objection(request, pk)
    reveal = RevealForm(request.POST)
    contact = ""
    if reveal.is_valid():
        contact = actions.reveal_contact(found, reason=reveal.cleaned_data["reason"], actor=request.user)
    return _objection_page(request, found, ObjectionDecisionForm(), contact, reveal)


@require_GET
@staff_page("see.rosters")
def objection_attachment(request: StaffRequest, pk: int) -> HttpResponseBase:
    found = _objection(request, pk)
    return download(found.attachment, found, actor=request.user)

"""Ask, complain, report, request: the form, the number and code it brings, and the progress they open."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.debug import sensitive_post_parameters

from publicity.actions_inquiries import code_of, due_from, file_inquiry, rate_answer
from publicity.inquiry_forms import InquiryForm, ProgressForm
from publicity.inquiry_page import InquiryPage, find_inquiry
from publicity.limits import InquiryLimit, Limited, take_inquiry
from publicity.models import Inquiry
from subsidy_portal import clock, crypto
from subsidy_portal.models import Area
from subsidy_portal.pictures import AT_MOST, MAX_BYTES
from subsidy_portal.workflow import Refused

# Everything a form may weigh: the files and the words around them.
MOST_BYTES = AT_MOST * MAX_BYTES + 2**18


def _page(request: HttpRequest, name: str, status: int = 200, **context: Any) -> HttpResponse:
    """No cache keeps what a citizen wrote, and the switches of look lead to the form."""
    here = reverse("publicity:inquiry")
    response = render(request, f"publicity/{name}.html", {"section": "inquiry", "here": here, **context}, status=status)
    response["Cache-Control"] = "no-store, private"
    return response


def _form_page(
    request: HttpRequest,
    form: InquiryForm | None = None,
    progress: ProgressForm | None = None,
    *,
    status: int = 200,
    **context: Any,
) -> HttpResponse:
    form = form or InquiryForm(initial={"kind": _asked_kind(request)})
    days = {kind: due_from(kind, clock.today()) for kind in Inquiry.Kind.values}
    return _page(
        request, "inquiry", status, form=form, progress=progress or ProgressForm(),
        due_on=days[Inquiry.Kind.CONSULT], disclosure_due_on=days[Inquiry.Kind.DISCLOSURE], **context,
    )  # fmt: skip


def _asked_kind(request: HttpRequest) -> str:
    kind = request.GET.get("kind", "")
    return kind if kind in Inquiry.Kind.values else Inquiry.Kind.CONSULT.value


@csrf_exempt
def inquiry(request: HttpRequest) -> HttpResponse:
    """The form. What weighs too much is refused before a byte of it is read, and so before the check for forgery."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BYTES:
        return _form_page(request, status=413, too_large=True)
    return _inquiry(request)


@csrf_protect
@sensitive_post_parameters()
def _inquiry(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _form_page(request)
    form = InquiryForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            filed = _file(request, form)
        except Limited as limited:
            return _limited(request, limited, "filing")
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            return _page(request, "inquiry_received", inquiry=filed, code=code_of(form.token))
    return _form_page(request, form)


def _file(request: HttpRequest, form: InquiryForm) -> Inquiry:
    if not form.token:
        raise Refused(_("这一页放得太久了，请再提交一次。"))
    given = form.cleaned_data
    if not Inquiry.objects.filter(once_hash=crypto.blind_index(form.token, "inquiry.once")).exists():
        take_inquiry(request)
    return file_inquiry(
        token=form.token,
        kind=given["kind"],
        text=given["text"],
        area=given["area"] or Area.objects.filter(level=Area.Level.COUNTY).order_by("code")[0],
        program=given["program"],
        about=given["about"],
        contact=form.contact,
        files=given["uploads"],
    )


@sensitive_post_parameters()
def progress(request: HttpRequest) -> HttpResponse:
    """How far it is, by POST only; with ``rate`` the citizen's judgement of the last answer."""
    if request.method != "POST":
        return redirect(f"{reverse('publicity:inquiry')}#progress")
    form = ProgressForm(request.POST)
    if not form.is_valid():
        return _form_page(request, progress=form)
    number, code = form.cleaned_data["number"], form.cleaned_data["code"]
    limit = InquiryLimit(request, number)
    try:
        limit.begin()
    except Limited as limited:
        return _limited(request, limited, "progress")
    found = find_inquiry(number, code)
    if found is None:
        form.add_error(None, _("没有查到。可能有一项填错，请对着抄下来的编号和查询码再看一遍。"))
        return _form_page(request, progress=form)
    limit.found()
    refused = _rate(found, request.POST.get("rate", ""))
    context = {"page": InquiryPage(found), "inquiry": found, "number": number, "code": code, "refused": refused}
    answers = found.answers.select_related("office").order_by("-pk")
    response = _page(request, "inquiry_progress", answers=answers, **context)
    response["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    return response


def _rate(found: Inquiry, said: str) -> str:
    """Judge the answer; a second tap or a change of mind too late is told, not an error."""
    if said not in {"0", "1"}:
        return ""
    try:
        rate_answer(found, satisfied=said == "1")
    except Refused as refused:
        found.refresh_from_db()
        return str(refused)
    return ""


def _limited(request: HttpRequest, limited: Limited, what: str) -> HttpResponse:
    response = _page(request, "limited", 429, limited=limited, what=what)
    response["Retry-After"] = str(limited.seconds)
    return response

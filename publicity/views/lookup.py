"""My own payments: by POST, without an account, gone when one leaves."""

from __future__ import annotations

import time

from django.conf import settings
from django.core import signing
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters

from programs.models import Person
from publicity import challenge
from publicity.actions import raise_alarm, record_lookup
from publicity.actions_messages import set_messages
from publicity.forms import LookupForm
from publicity.limits import Limited, LookupLimit
from publicity.lookup import find_person, wait_for_slot
from publicity.models import MessageOptOut
from publicity.own import own_money
from subsidy_portal import clock

RESULT_SECONDS = 10 * 60


def _page(request: HttpRequest, name: str, status: int = 200, **context: object) -> HttpResponse:
    """A page that no cache keeps and no search engine reads; its links lead to the form, never to a result.

    The site-wide referrer policy (same-origin) stays on pages with a form: under no-referrer browsers send
    ``Origin: null``, which the check against forged requests must refuse.
    """
    here = reverse("publicity:lookup")
    response = render(request, f"publicity/{name}.html", {"section": "lookup", "here": here, **context}, status=status)
    response["Cache-Control"] = "no-store, private"
    response["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    return response


def lookup(request: HttpRequest) -> HttpResponse:
    """The form."""
    return _page(request, "lookup", form=LookupForm())


def _form_page(request: HttpRequest, form: LookupForm, limit: LookupLimit, **context: bool) -> HttpResponse:
    """The form again, with what has to be earned before the next try."""
    due = challenge.make_challenge(form) if limit.is_doubtful else ""
    return _page(request, "lookup", form=form, challenge=due, wait=challenge.WAIT_SECONDS, **context)


@sensitive_post_parameters()
def lookup_result(request: HttpRequest) -> HttpResponse:
    """One answer to one form. A miss is the same page whatever was wrong; nothing is ever read from the address."""
    began = time.monotonic()
    if request.method != "POST":
        response = _page(request, "lookup_gone", 405)
        response["Allow"] = "POST"
        return response
    form = LookupForm(request.POST)
    if not form.is_valid():
        return _page(request, "lookup", form=form)
    factors = form.cleaned_data
    limit = LookupLimit(request, factors["name"], factors["id_number"])
    if form.token and limit.is_doubtful and not challenge.is_met(form, limit):
        return _form_page(request, form, limit, hurried=True)
    # Going back and sending the form again would show the answer to whoever holds the phone next.
    if not form.token or not cache.add(f"lookup:{form.token}", 1, LookupForm.HOURS * 3600):
        return _page(request, "lookup_gone", 410)
    try:
        limit.begin()
    except Limited as limited:
        if limit.refused():
            record_lookup("limited")
        response = _page(request, "limited", 429, limited=limited)
        response["Retry-After"] = str(limited.seconds)
        return response
    person = find_person(factors["name"], factors["id_number"], factors["last4"])
    if person is None:
        return _missed(request, form, limit, began)
    return _found(request, person, factors["last4"], limit)


def _missed(request: HttpRequest, form: LookupForm, limit: LookupLimit, began: float) -> HttpResponse:
    if limit.missed():
        raise_alarm()
    record_lookup("missed")
    response = _form_page(request, form, limit, missed=True)
    wait_for_slot(began)
    return response


def _found(request: HttpRequest, person: Person, last4: str, limit: LookupLimit) -> HttpResponse:
    limit.found()
    record_lookup("found")
    money, this_year = own_money(person), clock.today().year
    response = _page(
        request,
        "result",
        person=person,
        masked_id=f"{person.id_prefix[0]}{'*' * 16}{person.id_last4[-1]}",
        last4=last4,
        messages=_messages_offer(person),
        money=money,
        this_year=next((year for year in money.years if year.number == this_year), None),
    )
    response["Referrer-Policy"] = "no-referrer"
    # Without a script: after ten minutes the browser goes back to the empty form by itself.
    response["Refresh"] = f"{RESULT_SECONDS}; url={reverse('publicity:lookup')}"
    limit.device.remember(limit.id_number, response, reverse("publicity:lookup"))
    return response


_switch_signer = signing.TimestampSigner(salt="publicity.messages")


def _messages_offer(person: Person) -> dict[str, object] | None:
    """What the result page offers about short messages; None where the county sends none or has no number."""
    if not settings.MESSAGE_SENDER or person.phone_sealed is None:
        return None
    wanted = not MessageOptOut.objects.filter(person=person).exists()
    return {"wanted": wanted, "phone_last4": person.phone_last4, "token": _switch_signer.sign(str(person.pk))}


def messages_switch(request: HttpRequest) -> HttpResponse:
    """Short messages on or off, for who was just found: the token is good as long as the result is."""
    if request.method != "POST":
        return redirect("publicity:lookup")
    try:
        pk = _switch_signer.unsign(request.POST.get("token", ""), max_age=RESULT_SECONDS)
    except signing.BadSignature:
        return _page(request, "lookup_gone", 410)
    wanted = request.POST.get("wanted") == "1"
    set_messages(Person.objects.get(pk=int(pk)), wanted=wanted)
    return _page(request, "messages_switched", wanted=wanted)

"""Pages of the kernel: desk, jobs, search, password, health."""

from __future__ import annotations

import datetime as dt
from typing import Any, cast

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import PasswordChangeView as DjangoPasswordChangeView
from django.db import connection
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse_lazy
from django.utils.dateparse import parse_date
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from subsidy_portal import actions, clock
from subsidy_portal import desk as desks
from subsidy_portal.models import Event, Job, User


def healthz(request: HttpRequest) -> JsonResponse:
    """200 while the database answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok"})


def _day(text: str) -> dt.date | None:
    """An ISO date from an address; nonsense means none."""
    try:
        return parse_date(text)
    except ValueError:
        return None


@login_required
def desk(request: HttpRequest) -> HttpResponse:
    """What waits for me (of one day with ``?due=``), what others have of mine, what is late, what is new."""
    user: User = request.user  # type: ignore[assignment]
    items = desks.waiting(user)
    last = Event.objects.filter(actor=user).select_related("actor").order_by("-pk")[:40]
    mine = sorted(last, key=lambda event: (event.at, event.pk), reverse=True)
    day = _day(request.GET.get("due", ""))
    tabs = {
        "todo": [item for item in items if day is None or item.due_on == day],
        "away": desks.away(user),
        "returned": [item for item in items if item.returned],
        "done": [],
    }
    tab = request.GET.get("tab", "")
    tab = tab if tab in tabs else "todo"
    context = {
        "tab": tab,
        "items": tabs[tab],
        "away_count": len(tabs["away"]),
        "returned_count": len(tabs["returned"]),
        "news": desks.news(user) if tab == "todo" else [],
        "panel": import_string(settings.DESK_PANEL)(user),
        "all_count": len(items),
        "day": day,
        "late": sum(item.due_on is not None and item.due_on < clock.today() for item in items),
        "due_today": sum(item.due_on == clock.today() for item in items),
        "due_days": desks.due_days(items),
        "mine": desks.lines(mine),
    }
    return render(request, "desk.html", context)


@login_required
def job(request: HttpRequest, pk: int) -> HttpResponse:
    """The live progress of one of the user's own jobs; the page asks again every second."""
    found = get_object_or_404(Job, pk=pk, owner=request.user)
    if request.htmx and not found.is_open:  # type: ignore[attr-defined]
        response = HttpResponse()
        response["HX-Refresh"] = "true"
        return response
    template = "parts/job_progress.html" if request.htmx else "job.html"  # type: ignore[attr-defined]
    return render(request, template, {"job": found})


@login_required
def job_file(request: HttpRequest, pk: int) -> FileResponse:
    """The file a job of this user made."""
    found = get_object_or_404(Job.objects.select_related("result_file"), pk=pk, owner=request.user)
    if found.result_file is None:
        raise Http404
    return file_response(found.result_file)


def file_response(stored: Any) -> FileResponse:
    """A stored file as a download, never shown inside the portal's own pages."""
    from io import BytesIO

    response = FileResponse(BytesIO(stored.read()), as_attachment=True, filename=stored.name)
    response["Content-Type"] = stored.content_type
    response["Cache-Control"] = "no-store"
    return response


@login_required
def search(request: HttpRequest) -> HttpResponse:
    """Numbers lead straight to their page; names go to the registry's search."""
    if request.method != "POST":  # the address opened again: what was typed is in no address
        return redirect("desk")
    text = request.POST.get("q", "").replace("\0", "").strip()
    for source in settings.SEARCHES:
        url = import_string(source)(request.user, text)
        if url:
            return redirect(url)
    return render(request, "search_none.html", {"text": text})


class PasswordChangeView(DjangoPasswordChangeView):
    success_url = reverse_lazy("desk")

    def form_valid(self, form: Any) -> HttpResponse:
        if form.cleaned_data["new_password1"] == form.cleaned_data["old_password"]:
            form.add_error("new_password1", _("新密码和原来的一样。请换一个新的。"))
            return self.form_invalid(form)
        response = super().form_valid(form)
        actions.own_password_chosen(cast(User, self.request.user))
        return response

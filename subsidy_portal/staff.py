"""What staff pages share: who asks, 404 for parts a role never sees, uploads kept, downloads recorded."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.db import models
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django_htmx.middleware import HtmxDetails

from subsidy_portal.models import Event, StoredFile, User
from subsidy_portal.permissions import allowed, require
from subsidy_portal.proofs import proof_type
from subsidy_portal.views import file_response
from subsidy_portal.workflow import record

P = ParamSpec("P")


class StaffRequest(HttpRequest):
    """A request of a logged-in member of staff, as the views behind ``staff_page`` get it."""

    user: User
    htmx: HtmxDetails


def staff_page(
    need: str,
) -> Callable[[Callable[Concatenate[StaffRequest, P], HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Log in first; a page whose permission ``need`` the user's role lacks does not exist (404)."""

    def wrap(view: Callable[Concatenate[StaffRequest, P], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @login_required
        @wraps(view)
        def page(request: Any, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not allowed(request.user, need):
                raise Http404
            return view(request, *args, **kwargs)

        return page

    return wrap


def keep_upload(upload: UploadedFile[Any] | None, actor: User, need: str) -> StoredFile | None:
    """An uploaded proof, encrypted and stored for the action that permission ``need`` allows; None without one.

    Raises NotPermitted before anything is read and kept. Call it in the action's transaction.
    """
    require(actor, need)
    if upload is None:
        return None
    return StoredFile.keep(
        upload.read(),
        name=upload.name or "",
        content_type=proof_type(upload),
        actor=actor,
    )


def download(stored: StoredFile | None, about: models.Model, *, actor: User) -> FileResponse:
    """``stored`` as a download, recorded as an event of ``about``; 404 when there is no file."""
    if stored is None:
        raise Http404
    record(about, "downloaded", actor=actor, data={"file": stored.pk})
    return file_response(stored)


def happened(about: models.Model, limit: int = 30) -> list[Event]:
    """The last events of ``about``, newest first."""
    return list(Event.objects.about(about)[:limit])


def no_store(response: HttpResponse) -> HttpResponse:
    """A page with a revealed value stays in no cache and no history."""
    response["Cache-Control"] = "no-store"
    return response

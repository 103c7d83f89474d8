"""Two small doors: a forced password change, and refusals turned into sentences."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from subsidy_portal.workflow import Refused

GetResponse = Callable[[HttpRequest], HttpResponse]


class PasswordChangeMiddleware:
    """A first or reset password opens nothing but the page that changes it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        if user.is_authenticated and user.must_change_password:
            free = {reverse("password_change"), reverse("logout"), reverse("set_language")}
            if request.path not in free and request.path.startswith(("/staff/", "/api/")):
                return redirect("password_change")
        return self.get_response(request)


class RefusalMiddleware:
    """A refused action on a page becomes its sentence on the page the user came from; nothing was changed.

    An address with a NUL in it names nothing that exists: Postgres cannot even be asked.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "%00" in request.META.get("QUERY_STRING", ""):
            return HttpResponseNotFound(render_to_string("404.html", request=request))
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, Refused):
            return None
        messages.error(request, str(exception))
        back = request.headers.get("Referer", "")
        if not url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure()):
            back = reverse("desk")
        return redirect(back)

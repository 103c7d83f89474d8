"""The elder version, high contrast and the language: chosen by a link, kept in a cookie, without a script or form."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import escape_leading_slashes

SWITCHES = ("elder", "contrast")
A_YEAR = 365 * 24 * 3600


class DisplayMiddleware:
    """``?elder=1/0``, ``?contrast=1/0`` and ``?language=…`` on any page set the cookie and lead back to the page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        chosen = {name: request.GET[name] for name in SWITCHES if request.GET.get(name) in {"0", "1"}}
        language = request.GET.get("language", "")
        if language in dict(settings.LANGUAGES):
            chosen["language"] = language
        if request.method not in {"GET", "HEAD"} or not chosen:
            return self.get_response(request)
        rest = request.GET.copy()
        for name in chosen:
            del rest[name]
        query = f"?{rest.urlencode()}" if rest else ""
        response = redirect(escape_leading_slashes(request.path) + query)
        if chosen.pop("language", ""):
            response.set_cookie(settings.LANGUAGE_COOKIE_NAME, language, A_YEAR, secure=settings.HTTPS, samesite="Lax")
        for name, value in chosen.items():
            if value == "1":
                response.set_cookie(name, "1", A_YEAR, secure=settings.HTTPS, httponly=True, samesite="Lax")
            else:
                response.delete_cookie(name, samesite="Lax")
        return response

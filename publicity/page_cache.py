"""Public pages are kept for some seconds: on a payday everybody looks at the same few.

Kept are pages that are the same for everybody: answered with 200, no cookie set, no form that counts, nothing that
says no-store. Who is logged in gets every page fresh. A page is made anew after ``PAGE_SECONDS`` (settings), by one
request, while the others still get the one before; none is older than twice that. Without Redis every page is made.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language_from_request

from publicity.middleware import SWITCHES

PLACES = ("/policies/", "/notices/", "/offices/", "/results/", "/open-data/", "/places/", "/poster/")
# A form with one of these is made for one visitor: its token must not reach another.
_PERSONAL = (b"csrfmiddlewaretoken", b'name="once"')
# Pages with a question in their address share this many drawers: endless addresses push each other out, no more.
DRAWERS, LARGEST = 256, 300_000


class PageCacheMiddleware:
    """Answers from the shared store before anything else is done."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not settings.PAGE_SECONDS or not _may_be_kept(request):
            return self.get_response(request)
        name, drawer = _name(request)
        page = cache.get(drawer)
        mine = cache.add(f"{drawer}:new", 1, settings.PAGE_SECONDS)
        if page and page["name"] == name and not mine:
            return HttpResponse(page["body"], headers=page["headers"])
        response = self.get_response(request)
        if _is_for_everybody(request, response):
            cache.set(drawer, _kept(name, response), 2 * settings.PAGE_SECONDS)
        return response


def _may_be_kept(request: HttpRequest) -> bool:
    return (
        request.method == "GET"
        and (request.path == "/" or request.path.startswith(PLACES))
        and settings.SESSION_COOKIE_NAME not in request.COOKIES
    )


def _name(request: HttpRequest) -> tuple[str, str]:
    """What the page depends on, and where it is kept."""
    look = "".join("1" if request.COOKIES.get(switch) == "1" else "0" for switch in SWITCHES)
    name = f"{request.get_host()}|{get_language_from_request(request)}|{look}|{request.get_full_path()}"
    drawer = f"page:{zlib.crc32(name.encode()) % DRAWERS}" if request.META.get("QUERY_STRING") else f"page:{name}"
    return name, drawer


def _is_for_everybody(request: HttpRequest, response: HttpResponse) -> bool:
    return (
        response.status_code == 200
        and not response.streaming
        and not response.cookies
        and not request.META.get("CSRF_COOKIE_NEEDS_UPDATE")
        and "no-store" not in response.get("Cache-Control", "")
        and len(response.content) <= LARGEST
        and not any(mark in response.content for mark in _PERSONAL)
        and "text/html" in response.get("Content-Type", "")
    )


def _kept(name: str, response: HttpResponse) -> dict[str, Any]:
    return {"name": name, "body": response.content.decode(), "headers": dict(response.items())}

"""What money adds to every staff page."""

from __future__ import annotations

from typing import Any

from django.core.cache import cache
from django.http import HttpRequest

from disbursement import restoring
from subsidy_portal.permissions import allowed

_SECONDS = 10


def sending_stop(request: HttpRequest) -> dict[str, Any]:
    """The stop that is on, for those who keep the county's books; looked up every few seconds, not on every page."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated or not request.path.startswith("/staff/"):
        return {}
    if not allowed(user, "see.books"):
        return {}

    def look() -> int:
        stop = restoring.current()
        return stop.pk if stop else 0

    return {"sending_stop": cache.get_or_set("sending-stop", look, _SECONDS)}

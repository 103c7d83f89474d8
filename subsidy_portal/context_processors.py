"""What every template may rely on."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from subsidy_portal import clock
from subsidy_portal import desk as desks


def site(request: HttpRequest) -> dict[str, Any]:
    """County name, footer slots, elder version, high contrast, and the rehearsal's date while there is one."""
    return {
        "county": settings.COUNTY_NAME,
        "site": settings.SITE,
        "elder": request.COOKIES.get("elder") == "1",
        "contrast": request.COOKIES.get("contrast") == "1",
        "today": clock.today(),
        "rehearsal_date": clock.today() if settings.REHEARSAL else None,
    }


def desk(request: HttpRequest) -> dict[str, Any]:
    """The side menu of a logged-in member of staff."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated or not request.path.startswith("/staff/"):
        return {}
    return {"menu": desks.menu(user, request.path)}

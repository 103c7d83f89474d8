"""One router for the whole API; each app registers its own viewsets."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from disbursement import api as disbursement
from programs import api as programs
from publicity import api as publicity
from selfcheck import api as selfcheck
from subsidy_portal.api_views import TokenView, nothing_here

router = SimpleRouter()
for app in (programs, disbursement, selfcheck, publicity):
    app.register(router)

urlpatterns = [
    path("token/", TokenView.as_view(), name="api-token"),
    path("", include(router.urls)),
    path("<path:rest>", nothing_here),
]

"""The viewsets every API view is made from. Apart from api.py, which the settings name while DRF itself is loading."""

from __future__ import annotations

from typing import Any, cast

from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, mixins, serializers, status, viewsets
from rest_framework.authtoken.views import ObtainAuthToken
from rest_framework.decorators import api_view
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from subsidy_portal import actions
from subsidy_portal.models import User

# Parsers of a view that also takes a file
WITH_FILES = (JSONParser, MultiPartParser, FormParser)
# What a form around a file may take besides it.
FORM_BYTES = 64 * 2**10


class TooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"


class Scoped(viewsets.GenericViewSet[Any]):
    """A viewset whose objects are those the asking user may see; everything else does not exist."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse a body over the limit before a byte of it is read: no Content-Length means no body."""
        if int(request.META.get("CONTENT_LENGTH") or 0) > settings.UPLOAD_MAX_BYTES + FORM_BYTES:
            raise TooLarge(_("文件超过 %(mb)d MB。请拆成几份再传。") % {"mb": settings.UPLOAD_MAX_BYTES // 2**20})
        super().initial(request, *args, **kwargs)

    @property
    def actor(self) -> User:
        return cast(User, self.request.user)

    def get_queryset(self) -> QuerySet[Any]:
        queryset = super().get_queryset()
        return queryset if getattr(self, "swagger_fake_view", False) else self.visible(queryset)

    def visible(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.visible_to(self.actor)  # type: ignore[attr-defined]

    def body(self, serializer: type[serializers.BaseSerializer[Any]], **context: Any) -> Any:
        """The validated body of the request; raises ValidationError."""
        read = serializer(data=self.request.data, context=context)
        read.is_valid(raise_exception=True)
        return read.validated_data

    def answer(self, pk: int | str, code: int = status.HTTP_200_OK) -> Response:
        """The object as it is now."""
        self.kwargs[self.lookup_field] = pk
        return Response(self.get_serializer(self.get_object()).data, status=code)


class Listed(mixins.ListModelMixin, mixins.RetrieveModelMixin, Scoped):
    """A scoped viewset that is listed and read one by one."""


class TokenView(ObtainAuthToken):
    """A token for a name and a password; the one issued before ends."""

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        asked = self.get_serializer(data=request.data)
        asked.is_valid(raise_exception=True)
        return Response({"token": actions.issue_token(asked.validated_data["user"])})


@extend_schema(exclude=True)
@api_view(["GET", "POST", "PUT", "PATCH", "DELETE"])
def nothing_here(request: Request, rest: str) -> Response:
    """An address the API does not have: told like everything else it refuses."""
    raise exceptions.NotFound

"""What every API view shares: keyset pages, one error shape, jobs."""

from __future__ import annotations

import re
from typing import Any

from django.http import Http404
from rest_framework import exceptions, serializers, status
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler

from subsidy_portal.models import Job
from subsidy_portal.workflow import Refused


class KeysetPagination(CursorPagination):
    """Pages by primary key; ``page_size`` up to 200."""

    ordering = "-pk"
    page_size_query_param = "page_size"
    max_page_size = 200

    def decode_cursor(self, request: Request) -> Any:
        """As DRF does; a position that is no primary key is 404, as any other cursor we never gave."""
        cursor = super().decode_cursor(request)
        if cursor is not None and not re.fullmatch("[0-9]{1,18}", str(cursor.position or 0)):
            raise exceptions.NotFound(self.invalid_cursor_message)
        return cursor


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Refusals as ``{"code", "message"}`` with their HTTP status; everything else as DRF does."""
    if isinstance(exc, Refused):
        return Response({"code": exc.code, "message": str(exc), **exc.data}, status=exc.http_status)
    response = drf_exception_handler(exc, context)
    if response is None:
        return None
    if isinstance(exc, exceptions.ValidationError):
        response.data = {"code": "invalid", "message": "请改正下列各项后再提交。", "fields": response.data}
    elif isinstance(exc, (Http404, exceptions.NotFound)):
        response.data = {"code": "not_found", "message": "没有找到，或者不归您管。"}
    else:
        response.data = {"code": getattr(exc, "default_code", "error"), "message": str(getattr(exc, "detail", exc))}
    return response


class JobSerializer(serializers.ModelSerializer[Job]):
    class Meta:
        model = Job
        fields = (
            "id",
            "kind",
            "status",
            "done",
            "total",
            "message",
            "error",
            "result_url",
            "created_at",
            "finished_at",
        )


class NoteSerializer(serializers.Serializer[Any]):
    """A body that carries a reason or an opinion."""

    note = serializers.CharField(required=False, allow_blank=True, default="", max_length=500)


class ReasonSerializer(serializers.Serializer[Any]):
    """A body that must say why."""

    note = serializers.CharField(max_length=500)


class EmptySerializer(serializers.Serializer[Any]):
    """An action without a body."""


HTTP_ACCEPTED = status.HTTP_202_ACCEPTED

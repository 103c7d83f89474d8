"""Inquiries under /api/v1/inquiries/: the same actions as the pages. Who sent one is never answered here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from publicity.actions_inquiries import answer_inquiry, assign_inquiry, make_problem, return_inquiry
from publicity.models import Inquiry, InquiryAnswer, InquiryQuerySet
from publicity.staff_forms import ACCUSABLE, ANSWERING, offices_for
from selfcheck.serializers import RegisterSerializer
from subsidy_portal.api import ReasonSerializer
from subsidy_portal.api_views import Listed
from subsidy_portal.models import User
from subsidy_portal.permissions import allowed


class InquiryFilter(filters.FilterSet):
    overdue = filters.BooleanFilter(method="is_overdue", label="not answered and past its day")

    class Meta:
        model = Inquiry
        fields = ("status", "kind", "owner", "number")

    def is_overdue(self, inquiries: InquiryQuerySet, name: str, value: bool) -> QuerySet[Inquiry]:
        late = inquiries.overdue()
        return late if value else inquiries.exclude(pk__in=late.order_by().values("pk"))


class InquiryAnswerSerializer(serializers.ModelSerializer[InquiryAnswer]):
    class Meta:
        model = InquiryAnswer
        fields = ("text", "office", "answered_at", "satisfied", "rated_at")


class InquirySerializer(serializers.ModelSerializer[Inquiry]):
    """``has_contact`` says that a contact was left, not which: that is revealed on the page, with a reason."""

    text = serializers.CharField(read_only=True)
    has_contact = serializers.SerializerMethodField()
    is_overdue = serializers.BooleanField(read_only=True)
    answers = InquiryAnswerSerializer(many=True, read_only=True)

    class Meta:
        model = Inquiry
        fields = (
            "id", "number", "kind", "status", "area", "program", "about", "owner", "text", "has_contact",
            "received_at", "due_on", "is_overdue", "refusals", "answered_at", "closed_at", "problem", "answers",
        )  # fmt: skip

    @extend_schema_field(bool)
    def get_has_contact(self, inquiry: Inquiry) -> bool:
        return inquiry.contact_sealed is not None


class AssignInquirySerializer(serializers.ModelSerializer[Inquiry]):
    class Meta:
        model = Inquiry
        fields = ("owner", "about")
        extra_kwargs = {"owner": {"required": True, "allow_null": False}, "about": {"required": False}}

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        user = getattr(self.context.get("request"), "user", None)
        if isinstance(user, User):
            fields["owner"].queryset = offices_for(user, ANSWERING)  # type: ignore[attr-defined]
            fields["about"].queryset = offices_for(user, ACCUSABLE)  # type: ignore[attr-defined]
        return fields


class AnswerInquirySerializer(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=2000)


def step(body: type[serializers.BaseSerializer[Any]], **options: Any) -> Callable[..., Any]:
    """A POST on one inquiry that takes ``body`` and answers with the inquiry as it is then."""

    def wrap(method: Callable[..., Any]) -> Callable[..., Any]:
        posted: Callable[..., Any] = action(detail=True, methods=["post"], **options)(method)
        return extend_schema(request=body, responses=InquirySerializer)(posted)

    return wrap


class InquiryViewSet(Listed):
    """A refused step says why as ``{"code", "message"}``; what is about one's own unit is 404."""

    queryset = Inquiry.objects.prefetch_related("answers")
    serializer_class = InquirySerializer
    filterset_class = InquiryFilter
    http_method_names = ("get", "post", "head", "options")

    def visible(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return super().visible(queryset) if allowed(self.actor, "see.inquiries") else queryset.none()

    def _done(self, inquiry: Inquiry) -> Response:
        """As it is now; nothing when it went where this user does not see it."""
        if self.get_queryset().filter(pk=inquiry.pk).exists():
            return self.answer(inquiry.pk)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @step(AssignInquirySerializer)
    def assign(self, request: Request, pk: str | None = None) -> Response:
        """Give it to the office that answers. ``about`` kept out of the body stays as it is."""
        inquiry = self.get_object()
        given = {"about": inquiry.about, **self.body(AssignInquirySerializer, request=request)}
        assign_inquiry(inquiry, actor=self.actor, **given)
        return self._done(inquiry)

    @step(AnswerInquirySerializer, url_path="answer", url_name="answer")
    def reply(self, request: Request, pk: str | None = None) -> Response:
        inquiry = self.get_object()
        answer_inquiry(inquiry, actor=self.actor, **self.body(AnswerInquirySerializer))
        return self._done(inquiry)

    @step(ReasonSerializer, url_path="return", url_name="return")
    def send_back(self, request: Request, pk: str | None = None) -> Response:
        inquiry = self.get_object()
        return_inquiry(inquiry, actor=self.actor, **self.body(ReasonSerializer))
        return self._done(inquiry)

    @step(RegisterSerializer)
    def problem(self, request: Request, pk: str | None = None) -> Response:
        """Enter it in the ledger; the source is always "report"."""
        inquiry = self.get_object()
        make_problem(inquiry, actor=self.actor, **self.body(RegisterSerializer, request=request))
        return self._done(inquiry)


def register(router: SimpleRouter) -> None:
    router.register("inquiries", InquiryViewSet, basename="inquiry")

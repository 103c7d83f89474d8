"""What no bank's word settles, over the API: verdicts on orders, matches of statement lines, the stop of sending."""

from __future__ import annotations

from typing import Any, cast

import django_filters
from django.db import transaction
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from disbursement import actions
from disbursement.absence import look_for_payment
from disbursement.models import Attempt, Discrepancy, EntryMatch, Order, SendingStop, StatementEntry, Verdict
from subsidy_portal.api import EmptySerializer, ReasonSerializer
from subsidy_portal.api_views import Listed
from subsidy_portal.models import StoredFile
from subsidy_portal.permissions import allowed
from subsidy_portal.proofs import check_proof
from subsidy_portal.staff import keep_upload


class VerdictSerializer(serializers.ModelSerializer[Verdict]):
    order_ref = serializers.CharField(source="order.ref", read_only=True)

    class Meta:
        model = Verdict
        fields = (
            "id", "order", "order_ref", "status", "basis", "outcome", "evidence", "booked_on", "reason", "made_at",
            "confirmed_at",
        )  # fmt: skip


class AbsenceSerializer(serializers.Serializer[Any]):
    """Whether it is proven that the bank never paid an order, and what is still missing for that."""

    holds = serializers.BooleanField(read_only=True)
    until = serializers.DateField(read_only=True)
    missing = serializers.ListField(child=serializers.CharField(), read_only=True)


class VerdictProposeSerializer(serializers.Serializer[Any]):
    order = serializers.IntegerField()


class VerdictLetterSerializer(serializers.Serializer[Any]):
    order = serializers.IntegerField()
    outcome = serializers.ChoiceField(choices=Verdict.Outcome.choices)
    reason = serializers.CharField(max_length=200)
    booked_on = serializers.DateField(required=False, allow_null=True, default=None)
    letter = serializers.FileField(validators=[check_proof], help_text="the bank's letter: PDF, PNG or JPEG")


class VerdictFilter(django_filters.FilterSet):
    status = django_filters.ChoiceFilter(choices=Verdict.Status.choices)
    order = django_filters.CharFilter(field_name="order__ref")


class VerdictViewSet(Listed):
    queryset = Verdict.objects.select_related("order")
    serializer_class = VerdictSerializer
    filterset_class = VerdictFilter

    def _order(self, pk: int) -> Order:
        return get_object_or_404(Order.objects.visible_to(self.actor), pk=pk)

    @extend_schema(request=VerdictProposeSerializer, responses={201: VerdictSerializer})
    def create(self, request: Request) -> Response:
        """Propose that an order was never paid, because the bank and its statements prove it."""
        order = self._order(self.body(VerdictProposeSerializer)["order"])
        made = actions.propose_absence(order, actor=self.actor)
        return self.answer(made.pk, status.HTTP_201_CREATED)

    @extend_schema(request={"multipart/form-data": VerdictLetterSerializer}, responses={201: VerdictSerializer})
    @action(detail=False, methods=["post"], url_path="by-letter", parser_classes=[MultiPartParser])
    def by_letter(self, request: Request) -> Response:
        """Propose what the bank wrote, with its letter."""
        given = dict(self.body(VerdictLetterSerializer))
        order = self._order(given.pop("order"))
        with transaction.atomic():
            letter = cast(StoredFile, keep_upload(given.pop("letter"), self.actor, "verdict.make"))
            made = actions.propose_by_letter(order, letter=letter, actor=self.actor, **given)
        return self.answer(made.pk, status.HTTP_201_CREATED)

    @extend_schema(request=EmptySerializer)
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, pk: str) -> Response:
        """The second person agrees; the lines without a result become paid or failed."""
        actions.confirm_verdict(self.get_object(), actor=self.actor)
        return self.answer(pk)

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def refuse(self, request: Request, pk: str) -> Response:
        actions.refuse_verdict(self.get_object(), note=self.body(ReasonSerializer)["note"], actor=self.actor)
        return self.answer(pk)


class MatchSerializer(serializers.ModelSerializer[EntryMatch]):
    attempt_ref = serializers.CharField(source="attempt.ref", read_only=True)
    amount_fen = serializers.IntegerField(source="entry.amount_fen", read_only=True)
    booked_on = serializers.DateField(source="entry.statement.booked_on", read_only=True)

    class Meta:
        model = EntryMatch
        fields = (
            "id", "entry", "attempt", "attempt_ref", "amount_fen", "booked_on", "status", "reason", "made_at",
            "confirmed_at",
        )  # fmt: skip


class MatchProposeSerializer(serializers.Serializer[Any]):
    discrepancy = serializers.IntegerField(help_text="an open one of kind unmatched")
    attempt_ref = serializers.CharField(max_length=12)
    reason = serializers.CharField(max_length=200)


class MatchFilter(django_filters.FilterSet):
    status = django_filters.ChoiceFilter(choices=EntryMatch.Status.choices)


class MatchViewSet(Listed):
    queryset = EntryMatch.objects.select_related("attempt", "entry__statement")
    serializer_class = MatchSerializer
    filterset_class = MatchFilter

    def visible(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Of the statement lines whose discrepancy one sees."""
        seen = Discrepancy.objects.visible_to(self.actor).filter(kind=Discrepancy.Kind.UNMATCHED_ENTRY)
        return queryset.filter(entry__in=seen.values("entry"))

    @extend_schema(request=MatchProposeSerializer, responses={201: MatchSerializer})
    def create(self, request: Request) -> Response:
        """Say which payment an unmatched statement line is."""
        given = self.body(MatchProposeSerializer)
        unmatched = Discrepancy.objects.visible_to(self.actor).filter(kind=Discrepancy.Kind.UNMATCHED_ENTRY)
        item = get_object_or_404(unmatched, pk=given["discrepancy"])
        entry = get_object_or_404(StatementEntry, pk=item.entry_id)
        mine = Attempt.objects.filter(order__in=Order.objects.visible_to(self.actor))
        attempt = get_object_or_404(mine, ref=given["attempt_ref"])
        made = actions.propose_match(entry, attempt, reason=given["reason"], actor=self.actor)
        return self.answer(made.pk, status.HTTP_201_CREATED)

    @extend_schema(request=EmptySerializer)
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, pk: str) -> Response:
        actions.confirm_match(self.get_object(), actor=self.actor)
        return self.answer(pk)

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def refuse(self, request: Request, pk: str) -> Response:
        actions.refuse_match(self.get_object(), note=self.body(ReasonSerializer)["note"], actor=self.actor)
        return self.answer(pk)


class SendingStopSerializer(serializers.ModelSerializer[SendingStop]):
    class Meta:
        model = SendingStop
        fields = ("id", "status", "reason", "found", "started_at", "note", "proposed_at", "reopened_at")


class SendingStopViewSet(Listed):
    """Restore mode: while one is not reopened no order leaves."""

    queryset = SendingStop.objects.all()
    serializer_class = SendingStopSerializer

    def visible(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if allowed(self.actor, "see.books") else queryset.none()

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def propose(self, request: Request, pk: str) -> Response:
        """Say what was checked with the banks."""
        actions.propose_reopening(self.get_object(), note=self.body(ReasonSerializer)["note"], actor=self.actor)
        return self.answer(pk)

    @extend_schema(request=EmptySerializer)
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, pk: str) -> Response:
        actions.confirm_reopening(self.get_object(), actor=self.actor)
        return self.answer(pk)

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def refuse(self, request: Request, pk: str) -> Response:
        actions.refuse_reopening(self.get_object(), note=self.body(ReasonSerializer)["note"], actor=self.actor)
        return self.answer(pk)


def absence_of(order: Order) -> Response:
    """What the bank and its statements show about an order nobody knows the end of."""
    return Response(AbsenceSerializer(look_for_payment(order)).data)


def register(router: SimpleRouter) -> None:
    router.register("verdicts", VerdictViewSet)
    router.register("matches", MatchViewSet)
    router.register("sending-stops", SendingStopViewSet)

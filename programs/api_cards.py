"""The ledger of people without a card, and card anomalies, over the API."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db import transaction
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from programs import actions
from programs.models import CardAnomaly, Program, Uncarded
from subsidy_portal.api import ReasonSerializer
from subsidy_portal.api_views import WITH_FILES, Listed
from subsidy_portal.models import Area, Organisation
from subsidy_portal.proofs import check_proof
from subsidy_portal.staff import keep_upload


class UncardedSerializer(serializers.ModelSerializer[Uncarded]):
    person_name = serializers.CharField(source="person.name", read_only=True)
    person_id_number = serializers.CharField(source="person.masked_id", read_only=True)
    program = serializers.CharField(source="program.code", read_only=True)

    class Meta:
        model = Uncarded
        fields = (
            "id", "status", "person_name", "person_id_number", "program", "area", "measure", "owner", "due_on", "note",
            "bank", "file", "made_at",
        )  # fmt: skip


class UncardedNewSerializer(serializers.Serializer[Any]):
    id_number = serializers.CharField(max_length=24)
    name = serializers.CharField(max_length=50)
    area = serializers.PrimaryKeyRelatedField(queryset=Area.objects.filter(level=Area.Level.VILLAGE))
    program = serializers.SlugRelatedField(slug_field="code", queryset=Program.objects.all())
    measure = serializers.ChoiceField(choices=Uncarded.Measure.choices)
    owner = serializers.CharField(max_length=30)
    due_on = serializers.DateField()
    note = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class ListFileSerializer(serializers.Serializer[Any]):
    file = serializers.FileField(help_text="an .xlsx, .xls or CSV")


class DoneSerializer(serializers.Serializer[Any]):
    done = serializers.IntegerField(help_text="people")


class SendSerializer(serializers.Serializer[Any]):
    bank = serializers.PrimaryKeyRelatedField(queryset=Organisation.objects.filter(kind=Organisation.Kind.BANK))
    rows = serializers.ListField(child=serializers.IntegerField(), required=False, help_text="none: all that are open")


class SentSerializer(serializers.Serializer[Any]):
    file = serializers.IntegerField()
    name = serializers.CharField()


class UncardedFilter(django_filters.FilterSet):
    status = django_filters.ChoiceFilter(choices=Uncarded.Status.choices)
    program = django_filters.CharFilter(field_name="program__code")
    due_before = django_filters.DateFilter(field_name="due_on", lookup_expr="lt")


class UncardedViewSet(Listed):
    queryset = Uncarded.objects.select_related("person", "program")
    serializer_class = UncardedSerializer
    filterset_class = UncardedFilter
    parser_classes = WITH_FILES

    @extend_schema(request=UncardedNewSerializer, responses={201: UncardedSerializer})
    def create(self, request: Request) -> Response:
        """Write one person down."""
        made = actions.add_uncarded(**self.body(UncardedNewSerializer), actor=self.actor)
        return self.answer(made.pk, status.HTTP_201_CREATED)

    @extend_schema(request={"multipart/form-data": ListFileSerializer}, responses={200: DoneSerializer})
    @action(detail=False, methods=["post"])
    def upload(self, request: Request) -> Response:
        """A whole list; one wrong line and none is taken in."""
        given = self.body(ListFileSerializer)
        return Response({"done": actions.read_uncarded(given["file"].read(), actor=self.actor)})

    @extend_schema(request=SendSerializer, responses={200: SentSerializer})
    @action(detail=False, methods=["post"])
    def send(self, request: Request) -> Response:
        """Put open ones into one batch-opening file for a bank."""
        given = self.body(SendSerializer)
        rows = Uncarded.objects.visible_to(self.actor).filter(status=Uncarded.Status.OPEN)
        rows = rows.filter(pk__in=given["rows"]) if given.get("rows") else rows
        file = actions.send_uncarded(list(rows), given["bank"], actor=self.actor)
        return Response({"file": file.pk, "name": file.name})

    @extend_schema(request={"multipart/form-data": ListFileSerializer}, responses={200: DoneSerializer})
    @action(detail=False, methods=["post"])
    def opened(self, request: Request) -> Response:
        """The bank's answer with the account numbers filled in."""
        given = self.body(ListFileSerializer)
        return Response({"done": actions.read_opened(given["file"].read(), actor=self.actor)})

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, pk: str) -> Response:
        """The bank opened no account, and why."""
        actions.reopen_uncarded(self.get_object(), note=self.body(ReasonSerializer)["note"], actor=self.actor)
        return self.answer(pk)

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """No card is needed, and why."""
        actions.cancel_uncarded(self.get_object(), note=self.body(ReasonSerializer)["note"], actor=self.actor)
        return self.answer(pk)


class CardAnomalySerializer(serializers.ModelSerializer[CardAnomaly]):
    person_name = serializers.CharField(source="person.name", read_only=True)
    person_id_number = serializers.CharField(source="person.masked_id", read_only=True)
    accounts = serializers.SerializerMethodField()

    class Meta:
        model = CardAnomaly
        fields = (
            "id", "kind", "status", "person_name", "person_id_number", "area", "count", "due_on", "found_at", "reason",
            "accounts",
        )  # fmt: skip

    def get_accounts(self, found: CardAnomaly) -> list[dict[str, Any]]:
        return [
            {"id": one.pk, "holder": one.holder.name, "bank": one.bank_id, "last4": one.number_last4}
            for one in found.accounts()
        ]


class EndAccountSerializer(serializers.Serializer[Any]):
    account = serializers.IntegerField()
    reason = serializers.CharField(max_length=200)


class ExplainSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=300)
    proof = serializers.FileField(required=False, allow_null=True, default=None, validators=[check_proof])


class CardAnomalyFilter(django_filters.FilterSet):
    status = django_filters.ChoiceFilter(choices=CardAnomaly.Status.choices)
    kind = django_filters.ChoiceFilter(choices=CardAnomaly.Kind.choices)


class CardAnomalyViewSet(Listed):
    queryset = CardAnomaly.objects.select_related("person")
    serializer_class = CardAnomalySerializer
    filterset_class = CardAnomalyFilter
    parser_classes = WITH_FILES

    @extend_schema(request=EndAccountSerializer)
    @action(detail=True, methods=["post"], url_path="end-account")
    def end_account(self, request: Request, pk: str) -> Response:
        """Take one of the accounts out of use."""
        given, found = self.body(EndAccountSerializer), self.get_object()
        account = get_object_or_404(found.accounts(), pk=given["account"])
        actions.end_account(found, account, reason=given["reason"], actor=self.actor)
        return self.answer(pk)

    @extend_schema(request={"multipart/form-data": ExplainSerializer, "application/json": ExplainSerializer})
    @action(detail=True, methods=["post"])
    def explain(self, request: Request, pk: str) -> Response:
        """It is right as it is, and why."""
        given, found = self.body(ExplainSerializer), self.get_object()
        with transaction.atomic():
            proof = keep_upload(given["proof"], self.actor, "card.explain")
            actions.explain_anomaly(found, reason=given["reason"], proof=proof, actor=self.actor)
        return self.answer(pk)


def register(router: SimpleRouter) -> None:
    router.register("uncarded", UncardedViewSet)
    router.register("card-anomalies", CardAnomalyViewSet)

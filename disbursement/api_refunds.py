"""Refunds to the treasury over the API."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Count, Q, QuerySet, Sum
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from disbursement import actions
from disbursement.models import Batch, Payment, Refund
from subsidy_portal.api import ReasonSerializer
from subsidy_portal.api_views import Listed


class RefundSerializer(serializers.ModelSerializer[Refund]):
    batch_number = serializers.CharField(source="batch.number", read_only=True)
    count = serializers.IntegerField(read_only=True)
    amount_fen = serializers.IntegerField(read_only=True)

    class Meta:
        model = Refund
        fields = (
            "id", "batch", "batch_number", "status", "reason", "count", "amount_fen", "voucher", "remitted_on",
            "made_at", "confirmed_at",
        )  # fmt: skip


class RefundProposeSerializer(serializers.Serializer[Any]):
    batch = serializers.IntegerField()
    payments = serializers.ListField(child=serializers.IntegerField(), allow_empty=False)
    reason = serializers.CharField(max_length=200)


class RefundConfirmSerializer(serializers.Serializer[Any]):
    voucher = serializers.CharField(max_length=40)
    remitted_on = serializers.DateField()


class RefundFilter(django_filters.FilterSet):
    batch = django_filters.CharFilter(field_name="batch__number")
    status = django_filters.ChoiceFilter(choices=Refund.Status.choices)


class RefundViewSet(Listed):
    queryset = Refund.objects.select_related("batch")
    serializer_class = RefundSerializer
    filterset_class = RefundFilter

    def visible(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Refunds of the batches one sees; count and amount are of the payments one sees."""
        seen = Q(lines__payment__in=Payment.objects.visible_to(self.actor))
        mine = super().visible(queryset)
        return mine.annotate(count=Count("lines", filter=seen), amount_fen=Sum("lines__amount_fen", filter=seen))

    @extend_schema(request=RefundProposeSerializer, responses={201: RefundSerializer})
    def create(self, request: Request) -> Response:
        """Propose that failed payments of one batch go back to the treasury."""
        given = self.body(RefundProposeSerializer)
        batch = get_object_or_404(Batch.objects.visible_to(self.actor), pk=given["batch"])
        made = actions.propose_refund(batch, given["payments"], reason=given["reason"], actor=self.actor)
        return self.answer(made.pk, status.HTTP_201_CREATED)

    @extend_schema(request=RefundConfirmSerializer)
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, pk: str) -> Response:
        """The money is in the treasury, by its voucher."""
        actions.confirm_refund(self.get_object(), **self.body(RefundConfirmSerializer), actor=self.actor)
        return self.answer(pk)

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def refuse(self, request: Request, pk: str) -> Response:
        """Not now, and why."""
        actions.refuse_refund(self.get_object(), note=self.body(ReasonSerializer)["note"], actor=self.actor)
        return self.answer(pk)


def register(router: SimpleRouter) -> None:
    router.register("refunds", RefundViewSet)

"""The money part of the API: the same actions as the pages, objects only within ``visible_to`` (else 404)."""

from __future__ import annotations

import datetime as dt
from typing import Any, cast

import django_filters
from django.db.models import Count, Q, QuerySet, Sum
from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from disbursement import actions, api_refunds, api_unknowns
from disbursement import serializers as shapes
from disbursement.batch_facts import FAILED
from disbursement.batch_steps import STEPS
from disbursement.models import Bank, Batch, Correction, Discrepancy, MonthClose, Order, Payment, Reissue
from disbursement.shares import ready_shares
from disbursement.statistics import summary
from disbursement.totals import batch_totals
from programs.models import Program
from subsidy_portal import clock
from subsidy_portal.api import EmptySerializer, JobSerializer, ReasonSerializer
from subsidy_portal.api_views import Listed
from subsidy_portal.models import User
from subsidy_portal.permissions import require


class BatchFilter(django_filters.FilterSet):
    program = django_filters.CharFilter(field_name="program__code")
    period = django_filters.CharFilter()
    year = django_filters.CharFilter(field_name="period", lookup_expr="startswith")
    status = django_filters.ChoiceFilter(choices=Batch.Status.choices)
    number = django_filters.CharFilter()


class BatchViewSet(Listed):
    queryset = Batch.objects.select_related("program", "made_by", "approved_by", "released_by")
    serializer_class = shapes.BatchSerializer
    filterset_class = BatchFilter

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        """Totals of all the batches shown, read at once."""
        shown = args[0] if args else None
        batches: list[Batch] = list(shown or ()) if kwargs.get("many") else [shown] if shown is not None else []
        kwargs["context"] = {**self.get_serializer_context(), "totals": batch_totals(batches, self.actor)}
        return self.get_serializer_class()(*args, **kwargs)

    @extend_schema(request=shapes.BatchMakeSerializer, responses={201: shapes.BatchSerializer})
    def create(self, request: Request) -> Response:
        wanted = self.body(shapes.BatchMakeSerializer)
        program = get_object_or_404(Program.objects.visible_to(self.actor), pk=wanted["program"].pk)
        batch = actions.make_batch(program, wanted["period"], actor=self.actor)
        return self.answer(batch.pk, status.HTTP_201_CREATED)

    def step(self, verb: str, **note: str) -> Response:
        batch = self.get_object()
        STEPS[verb].run(batch, actor=self.actor, **note)
        return self.answer(batch.pk)

    @extend_schema(request=EmptySerializer)
    @action(detail=True, methods=["post"])
    def submit(self, request: Request, pk: str) -> Response:
        return self.step("submit")

    @extend_schema(request=EmptySerializer)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        return self.step("approve")

    @extend_schema(request=shapes.ReleaseSerializer)
    @action(detail=True, methods=["post"])
    def release(self, request: Request, pk: str) -> Response:
        """Send the money on its way, all of it or the part of some banks. The body repeats the amount in yuan."""
        batch = self.get_object()
        codes = dict(Bank.objects.values_list("pk", "code"))
        shares = {codes.get(share.bank, ""): share for share in ready_shares(batch)}
        wanted = self.body(shapes.ReleaseSerializer, shares={code: share.fen for code, share in shares.items()})
        banks = [shares[code].bank for code in wanted.get("banks", ())]
        actions.release_batch(batch, banks=banks, funding=wanted.get("funding", ""), actor=self.actor)
        return self.answer(batch.pk)

    @extend_schema(request=EmptySerializer, responses={202: JobSerializer})
    @action(detail=True, methods=["post"], url_path="ask-names")
    def ask_names(self, request: Request, pk: str) -> Response:
        """Ask the banks for the names of the accounts; the job tells how far it is."""
        job = actions.ask_names(self.get_object(), actor=self.actor)
        return Response(JobSerializer(job).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"], url_path="return")
    def send_back(self, request: Request, pk: str) -> Response:
        return self.step("return", note=self.body(ReasonSerializer)["note"])

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def hold(self, request: Request, pk: str) -> Response:
        return self.step("hold", note=self.body(ReasonSerializer)["note"])

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        return self.step("resume", note=self.body(ReasonSerializer)["note"])

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        return self.step("cancel", note=self.body(ReasonSerializer)["note"])


class PaymentFilter(django_filters.FilterSet):
    program = django_filters.CharFilter(field_name="program__code")
    period = django_filters.CharFilter()
    batch = django_filters.CharFilter(field_name="batch__number", help_text="B-2022-0001")
    status = django_filters.ChoiceFilter(choices=Payment.Status.choices)
    failure_code = django_filters.CharFilter()
    area = django_filters.CharFilter(
        field_name="area__code", lookup_expr="startswith", help_text="an area code or the beginning of one"
    )


class PaymentViewSet(Listed):
    queryset = Payment.objects.select_related("batch", "program", "beneficiary", "payee", "account__bank")
    serializer_class = shapes.PaymentSerializer
    filterset_class = PaymentFilter


class OrderFilter(django_filters.FilterSet):
    batch = django_filters.CharFilter(field_name="batch__number")
    status = django_filters.ChoiceFilter(choices=Order.Status.choices)
    ref = django_filters.CharFilter()


class OrderViewSet(Listed):
    queryset = Order.objects.select_related("batch", "bank__organisation")
    serializer_class = shapes.OrderSerializer
    filterset_class = OrderFilter

    @extend_schema(responses=api_unknowns.AbsenceSerializer)
    @action(detail=True, methods=["get"])
    def absence(self, request: Request, pk: str) -> Response:
        """Asks the bank: whether it is proven that the order was never paid, and what is missing for that."""
        require(self.actor, "verdict.make")
        return api_unknowns.absence_of(self.get_object())


class CorrectionFilter(django_filters.FilterSet):
    status = django_filters.ChoiceFilter(choices=Correction.Status.choices)
    payment = django_filters.NumberFilter(field_name="payment_id")
    batch = django_filters.CharFilter(field_name="payment__batch__number")


class CorrectionViewSet(Listed):
    queryset = Correction.objects.select_related(
        "payment__payee", "old_account__bank", "new_account__bank", "made_by", "approved_by"
    )
    serializer_class = shapes.CorrectionSerializer
    filterset_class = CorrectionFilter

    @extend_schema(request=shapes.CorrectionProposeSerializer, responses={201: shapes.CorrectionSerializer})
    def create(self, request: Request) -> Response:
        wanted = self.body(shapes.CorrectionProposeSerializer)
        payment = get_object_or_404(Payment.objects.visible_to(self.actor), pk=wanted.pop("payment"))
        correction = actions.propose_correction(payment, actor=self.actor, **wanted)
        return self.answer(correction.pk, status.HTTP_201_CREATED)

    @extend_schema(request=EmptySerializer)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        correction = self.get_object()
        actions.approve_correction(correction, actor=self.actor)
        return self.answer(correction.pk)

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def refuse(self, request: Request, pk: str) -> Response:
        correction = self.get_object()
        actions.refuse_correction(correction, note=self.body(ReasonSerializer)["note"], actor=self.actor)
        return self.answer(correction.pk)


class ReissueFilter(django_filters.FilterSet):
    batch = django_filters.CharFilter(field_name="batch__number")
    status = django_filters.ChoiceFilter(choices=Reissue.Status.choices)


# Corrections that stand: one whose payment was paid after all leaves the reissue.
_STANDS = Q(corrections__status="reissued") | Q(corrections__status="approved", corrections__payment__status__in=FAILED)


class ReissueViewSet(Listed):
    queryset = Reissue.objects.select_related("batch", "made_by", "approved_by")
    serializer_class = shapes.ReissueSerializer
    filterset_class = ReissueFilter

    def visible(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Reissues of the batches one sees; count and amount are of the corrections one sees."""
        mine = _STANDS & Q(corrections__in=Correction.objects.visible_to(self.actor))
        return queryset.filter(batch__in=Batch.objects.visible_to(self.actor)).annotate(
            count=Count("corrections", filter=mine),
            amount_fen=Sum("corrections__payment__amount_fen", filter=mine, default=0),
        )

    @extend_schema(request=shapes.ReissueMakeSerializer, responses={201: shapes.ReissueSerializer})
    def create(self, request: Request) -> Response:
        wanted = self.body(shapes.ReissueMakeSerializer)
        batch = get_object_or_404(Batch.objects.visible_to(self.actor), pk=wanted["batch"])
        return self.answer(actions.make_reissue(batch, actor=self.actor).pk, status.HTTP_201_CREATED)

    @extend_schema(request=shapes.AmountSerializer)
    @action(detail=True, methods=["post"])
    def release(self, request: Request, pk: str) -> Response:
        """Send the corrected payments. The body repeats the amount in yuan."""
        reissue = self.get_object()
        self.body(shapes.AmountSerializer, expected_fen=reissue.amount_fen)
        actions.release_reissue(reissue, actor=self.actor)
        return self.answer(reissue.pk)

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def refuse(self, request: Request, pk: str) -> Response:
        reissue = self.get_object()
        actions.refuse_reissue(reissue, note=self.body(ReasonSerializer)["note"], actor=self.actor)
        return self.answer(reissue.pk)


class DiscrepancyFilter(django_filters.FilterSet):
    status = django_filters.ChoiceFilter(choices=Discrepancy.Status.choices)
    kind = django_filters.ChoiceFilter(choices=Discrepancy.Kind.choices)


class DiscrepancyViewSet(Listed):
    queryset = Discrepancy.objects.select_related("bank__organisation", "resolved_by")
    serializer_class = shapes.DiscrepancySerializer
    filterset_class = DiscrepancyFilter

    @extend_schema(request=shapes.ResolveSerializer)
    @action(detail=True, methods=["post"])
    def resolve(self, request: Request, pk: str) -> Response:
        found = self.get_object()
        wanted = self.body(shapes.ResolveSerializer)
        actions.resolve_discrepancy(found, resolution=wanted["resolution"], actor=self.actor)
        return self.answer(found.pk)


_MONTH = OpenApiParameter("month", str, OpenApiParameter.PATH, description="2022-03")


class MonthViewSet(Listed):
    """Month closes by ``YYYY-MM``."""

    queryset = MonthClose.objects.select_related("made_by", "closed_by")
    serializer_class = shapes.MonthSerializer
    lookup_field = "month"
    lookup_value_regex = r"\d{4}-\d{2}"

    def get_object(self) -> MonthClose:
        try:
            month = dt.date.fromisoformat(f"{self.kwargs['month']}-01")
        except ValueError:
            raise Http404 from None
        return get_object_or_404(self.get_queryset(), month=month)

    @extend_schema(parameters=[_MONTH])
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(request=shapes.MonthMakeSerializer, responses={201: shapes.MonthSerializer})
    def create(self, request: Request) -> Response:
        month = self.body(shapes.MonthMakeSerializer)["month"]
        made = actions.prepare_month(month, actor=self.actor)
        return self.answer(f"{made.month:%Y-%m}", status.HTTP_201_CREATED)

    @extend_schema(request=EmptySerializer, parameters=[_MONTH])
    @action(detail=True, methods=["post"])
    def close(self, request: Request, month: str) -> Response:
        found = self.get_object()
        actions.close_month(found, actor=self.actor)
        return self.answer(f"{found.month:%Y-%m}")


class StatisticsViewSet(viewsets.ViewSet):
    """The year's payments as of a day, of what the asking user may see."""

    @extend_schema(parameters=[shapes.StatisticsAskSerializer], responses=shapes.StatisticsSerializer)
    def list(self, request: Request) -> Response:
        actor = cast(User, request.user)
        require(actor, "statistics.view")
        wanted = shapes.StatisticsAskSerializer(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        as_of = min(wanted.validated_data.get("as_of") or clock.today(), clock.today())
        found = summary(as_of, year=wanted.validated_data.get("year") or as_of.year, user=actor)
        return Response(shapes.StatisticsSerializer(found).data)


def register(router: SimpleRouter) -> None:
    router.register("batches", BatchViewSet)
    router.register("payments", PaymentViewSet)
    router.register("orders", OrderViewSet)
    router.register("corrections", CorrectionViewSet)
    router.register("reissues", ReissueViewSet)
    api_refunds.register(router)
    api_unknowns.register(router)
    router.register("discrepancies", DiscrepancyViewSet)
    router.register("months", MonthViewSet)
    router.register("statistics", StatisticsViewSet, basename="statistics")

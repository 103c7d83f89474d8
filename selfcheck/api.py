"""The problem ledger under /api/v1/problems/: the same actions as the pages, objects only within ``visible_to``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from programs.models import Suspicion
from selfcheck import actions, api_tables
from selfcheck import serializers as shapes
from selfcheck.checks.deaths import find_paid_after_death
from selfcheck.models import Problem, ProblemQuerySet
from subsidy_portal.api import EmptySerializer, NoteSerializer, ReasonSerializer
from subsidy_portal.api_views import Listed
from subsidy_portal.permissions import allowed, require


class ProblemFilter(filters.FilterSet):
    overdue = filters.BooleanFilter(method="is_overdue", label="past its deadline")

    class Meta:
        model = Problem
        fields = ("status", "unit", "program", "category", "source", "year")

    def is_overdue(self, problems: ProblemQuerySet, name: str, value: bool) -> QuerySet[Problem]:
        late = problems.overdue()
        return late if value else problems.exclude(pk__in=late.order_by().values("pk"))


def step(body: type[serializers.BaseSerializer[Any]] | None, **options: Any) -> Callable[..., Any]:
    """A POST on one problem that takes ``body`` and answers with the problem as it is then."""

    def wrap(method: Callable[..., Any]) -> Callable[..., Any]:
        posted: Callable[..., Any] = action(detail=True, methods=["post"], **options)(method)
        return extend_schema(request=body, responses=shapes.ProblemDetailSerializer)(posted)

    return wrap


class ProblemViewSet(Listed):
    """A refused step says why as ``{"code", "message"}``."""

    queryset = Problem.objects.all()
    serializer_class = shapes.ProblemSerializer
    filterset_class = ProblemFilter
    http_method_names = ("get", "post", "head", "options")

    def visible(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not allowed(self.actor, "see.oversight"):
            return queryset.none()
        return Problem.objects.visible_to(self.actor).with_recovery()

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Problem]]:
        return shapes.ProblemSerializer if self.action == "list" else shapes.ProblemDetailSerializer

    def _take(self, run: Callable[..., Any], body: type[serializers.BaseSerializer[Any]]) -> Response:
        problem = self.get_object()
        run(problem, actor=self.actor, **self.body(body))
        return self.answer(problem.pk)

    @extend_schema(request=shapes.RegisterSerializer, responses={201: shapes.ProblemDetailSerializer})
    def create(self, request: Request) -> Response:
        """Register a problem."""
        require(self.actor, "problem.register")
        fields = self.body(shapes.RegisterSerializer, request=request)
        return self.answer(actions.register_problem(actor=self.actor, **fields).pk, status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=shapes.FoundSerializer)
    @action(detail=False, methods=["post"], url_path="find-paid-after-death", filterset_class=None)
    def find_overpayments(self, request: Request) -> Response:
        """Compare what was paid with the death registers; answers how many suspicions are new."""
        return Response({"found": find_paid_after_death(actor=self.actor)})

    @extend_schema(request=shapes.OverpaymentSerializer, responses={201: shapes.ProblemDetailSerializer})
    @action(detail=False, methods=["post"], url_path="overpayments", filterset_class=None)
    def overpayments(self, request: Request) -> Response:
        """Register confirmed suspicions after payment as one problem; 404 when one of them is not to be seen."""
        given = self.body(shapes.OverpaymentSerializer)
        ids = set(given.pop("suspicions"))
        cases = list(Suspicion.objects.visible_to(self.actor).filter(pk__in=ids))
        if len(cases) != len(ids):
            raise Http404
        made = actions.register_overpayment(cases, actor=self.actor, **given)
        return self.answer(made.pk, status.HTTP_201_CREATED)

    @step(NoteSerializer)
    def verify(self, request: Request, pk: str | None = None) -> Response:
        return self._take(actions.verify_problem, NoteSerializer)

    @step(ReasonSerializer)
    def refute(self, request: Request, pk: str | None = None) -> Response:
        return self._take(actions.refute_problem, ReasonSerializer)

    @step(shapes.PlanSerializer)
    def plan(self, request: Request, pk: str | None = None) -> Response:
        return self._take(actions.plan_rectification, shapes.PlanSerializer)

    @step(shapes.ProgressSerializer)
    def progress(self, request: Request, pk: str | None = None) -> Response:
        return self._take(actions.note_progress, shapes.ProgressSerializer)

    @step(shapes.RecordRecoverySerializer)
    def recover(self, request: Request, pk: str | None = None) -> Response:
        problem = self.get_object()
        given = dict(self.body(shapes.RecordRecoverySerializer))
        if given["payment"] is not None:
            links = problem.payments.select_related("payment")
            given["payment"] = get_object_or_404(links, payment=given["payment"]).payment
        actions.record_recovery(problem, actor=self.actor, **given)
        return self.answer(problem.pk)

    @step(shapes.RemitSerializer)
    def remit(self, request: Request, pk: str | None = None) -> Response:
        return self._take_on_recovery(actions.remit_recovery, shapes.RemitSerializer)

    @step(shapes.VoidSerializer)
    def void(self, request: Request, pk: str | None = None) -> Response:
        return self._take_on_recovery(actions.void_recovery, shapes.VoidSerializer)

    def _take_on_recovery(self, run: Callable[..., Any], body: type[serializers.BaseSerializer[Any]]) -> Response:
        problem = self.get_object()
        given = dict(self.body(body))
        run(get_object_or_404(problem.recoveries, pk=given.pop("recovery")), actor=self.actor, **given)
        return self.answer(problem.pk)

    @step(shapes.WriteOffSerializer, url_path="write-off")
    def write_off(self, request: Request, pk: str | None = None) -> Response:
        return self._take(actions.write_off, shapes.WriteOffSerializer)

    @step(shapes.AddEvidenceSerializer, parser_classes=[MultiPartParser])
    def evidence(self, request: Request, pk: str | None = None) -> Response:
        problem = self.get_object()
        given = self.body(shapes.AddEvidenceSerializer)
        content, name = given["file"].read(), given["file"].name
        actions.add_evidence(problem, title=given["title"], file_name=name, content=content, actor=self.actor)
        return self.answer(problem.pk)

    @step(None, url_path="request-close")
    def request_close(self, request: Request, pk: str | None = None) -> Response:
        return self._take(actions.request_close, EmptySerializer)

    @step(ReasonSerializer)
    def close(self, request: Request, pk: str | None = None) -> Response:
        return self._take(actions.close_problem, ReasonSerializer)

    @step(ReasonSerializer, url_path="return", url_name="return")
    def send_back(self, request: Request, pk: str | None = None) -> Response:
        return self._take(actions.return_problem, ReasonSerializer)

    @step(shapes.PublishSerializer)
    def publish(self, request: Request, pk: str | None = None) -> Response:
        return self._take(actions.publish_result, shapes.PublishSerializer)


def register(router: SimpleRouter) -> None:
    router.register("problems", ProblemViewSet, basename="problem")
    api_tables.register(router)

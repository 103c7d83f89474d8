"""The official tables under /api/v1/tables/, filled-in forms, reports and yearly amounts: the actions of the pages."""

from __future__ import annotations

from typing import Any, cast

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from programs.models import Program
from selfcheck import actions
from selfcheck import table_serializers as shapes
from selfcheck.models import AnnexFile, Report, YearlyAmount
from selfcheck.official_forms import ScopeForm
from selfcheck.views.tables import SOURCES, TABLES
from subsidy_portal.api import EmptySerializer, ReasonSerializer
from subsidy_portal.api_views import Listed
from subsidy_portal.models import User
from subsidy_portal.permissions import allowed, require


class TableViewSet(viewsets.ViewSet):
    """``annex2``, ``annex3`` and ``yearly``; amounts are fen, an empty cell is null."""

    lookup_value_regex = "annex2|annex3|yearly"

    def _scope(self, request: Request) -> tuple[Any, dict[str, Any]]:
        actor = cast(User, request.user)
        require(actor, "see.oversight")
        asked = shapes.TableAskSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        form = ScopeForm(asked.validated_data, user=actor)
        return form.scope(), asked.validated_data

    @extend_schema(parameters=[shapes.TableAskSerializer], responses=shapes.OfficialTableSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """The table of these years, of what the asking user may see."""
        scope, _asked = self._scope(request)
        return Response(shapes.OfficialTableSerializer(TABLES[pk](scope)).data)

    @extend_schema(parameters=[shapes.CellAskSerializer], responses=shapes.CellSerializer)
    @action(detail=True)
    def cells(self, request: Request, pk: str) -> Response:
        """What one figure is made of: ``line`` is the line's key, ``column`` the head's."""
        scope, _asked = self._scope(request)
        asked = shapes.CellAskSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        key, column = asked.validated_data["line"], asked.validated_data["column"]
        try:
            value = TABLES[pk](scope).cell(key, column)
        except KeyError:
            raise Http404 from None
        return Response(shapes.CellSerializer({"value": value, "sources": SOURCES[pk](scope, key, column)}).data)


class AnnexFileViewSet(Listed):
    """Filled-in forms as they were handed in."""

    queryset = AnnexFile.objects.select_related("file")
    serializer_class = shapes.AnnexFileSerializer
    filterset_fields = ("kind", "unit")
    parser_classes = (MultiPartParser,)

    def visible(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return super().visible(queryset) if allowed(self.actor, "see.oversight") else queryset.none()

    @extend_schema(
        request={"multipart/form-data": shapes.FileAnnexSerializer}, responses={201: shapes.AnnexFileSerializer}
    )
    def create(self, request: Request) -> Response:
        """Hand in a filled-in 附件2 or 附件3; ``file_refused`` says which cell and what to do."""
        given = self.body(shapes.FileAnnexSerializer)
        upload = given.pop("file")
        kept = actions.file_annex(content=upload.read(), file_name=upload.name, actor=self.actor, **given)
        return self.answer(kept.pk, status.HTTP_201_CREATED)


class ReportViewSet(Listed):
    """Monthly, stage, annual and self-check reports of the units."""

    queryset = Report.objects.all()
    serializer_class = shapes.ReportSerializer
    filterset_fields = ("unit", "kind", "year", "month", "status", "zero")

    def visible(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return super().visible(queryset) if allowed(self.actor, "see.oversight") else queryset.none()

    def _own(self) -> Report:
        found: Report = self.get_object()
        if found.unit_id != self.actor.organisation_id:
            raise Http404
        return found

    @extend_schema(request=shapes.StartReportSerializer, responses={201: shapes.ReportSerializer})
    def create(self, request: Request) -> Response:
        """Begin a draft with the words of the last report of this kind."""
        made = actions.start_report(actor=self.actor, **self.body(shapes.StartReportSerializer))
        return self.answer(made.pk, status.HTTP_201_CREATED)

    @extend_schema(request=shapes.SaveReportSerializer, responses=shapes.ReportSerializer)
    @action(detail=True, methods=["post"])
    def save(self, request: Request, pk: str) -> Response:
        """Write the draft of one's own unit."""
        report = self._own()
        actions.save_report(report, actor=self.actor, **self.body(shapes.SaveReportSerializer))
        return self.answer(report.pk)

    @extend_schema(request=EmptySerializer, responses=shapes.ReportSerializer)
    @action(detail=True, methods=["post"])
    def submit(self, request: Request, pk: str) -> Response:
        """Hand in what a colleague wrote."""
        report = self._own()
        actions.submit_report(report, actor=self.actor)
        return self.answer(report.pk)


class YearlyAmountViewSet(Listed):
    """What programs paid in a year outside this portal."""

    queryset = YearlyAmount.objects.all()
    serializer_class = shapes.YearlyAmountSerializer
    filterset_fields = ("program", "year", "channel", "status")

    def visible(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return super().visible(queryset) if allowed(self.actor, "see.funds") else queryset.none()

    @extend_schema(request=shapes.EnterAmountSerializer, responses={201: shapes.YearlyAmountSerializer})
    def create(self, request: Request) -> Response:
        """Propose an amount; it counts once finance has confirmed it."""
        given = self.body(shapes.EnterAmountSerializer)
        program = Program.objects.visible_to(self.actor).filter(pk=given.pop("program")).first()
        if program is None:
            raise Http404
        entered = actions.enter_yearly_amount(program, actor=self.actor, **given)
        return self.answer(entered.pk, status.HTTP_201_CREATED)

    @extend_schema(request=EmptySerializer, responses=shapes.YearlyAmountSerializer)
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, pk: str) -> Response:
        """Make another person's amount count; it replaces the one before."""
        amount = self.get_object()
        actions.confirm_yearly_amount(amount, actor=self.actor)
        return self.answer(amount.pk)

    @extend_schema(request=ReasonSerializer, responses=shapes.YearlyAmountSerializer)
    @action(detail=True, methods=["post"])
    def refuse(self, request: Request, pk: str) -> Response:
        """Send another person's amount back with the reason."""
        amount = self.get_object()
        actions.refuse_yearly_amount(amount, actor=self.actor, **self.body(ReasonSerializer))
        return self.answer(amount.pk)


def register(router: SimpleRouter) -> None:
    router.register("tables", TableViewSet, basename="table")
    router.register("annex-files", AnnexFileViewSet)
    router.register("reports", ReportViewSet)
    router.register("yearly-amounts", YearlyAmountViewSet)

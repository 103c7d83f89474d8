"""The API of policies, funds, rosters and notices: the same actions as the pages, only what one may see (else 404)."""

from __future__ import annotations

import io
from typing import Any

import django_filters
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.http import FileResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from programs import actions, api_cards, api_datasets, api_doubles
from programs import serializers as shapes
from programs.imports import build_template
from programs.imports.edits import Edit
from programs.models import (
    FundEntry,
    FundPlan,
    Notice,
    Objection,
    PolicyList,
    Program,
    Roster,
    RosterImport,
    Rule,
    Suspicion,
)
from programs.totals import roster_totals
from subsidy_portal.api import EmptySerializer, NoteSerializer, ReasonSerializer
from subsidy_portal.api_views import WITH_FILES, Listed
from subsidy_portal.models import Organisation
from subsidy_portal.permissions import allowed
from subsidy_portal.sheets import XLSX
from subsidy_portal.staff import keep_upload
from subsidy_portal.workflow import InvalidTransition


class ProgramFilter(django_filters.FilterSet):
    code = django_filters.CharFilter()
    department = django_filters.CharFilter(field_name="department__name")
    cycle = django_filters.ChoiceFilter(choices=Program.Cycle.choices)
    is_active = django_filters.BooleanFilter()


class ProgramViewSet(Listed):
    queryset = Program.objects.select_related("department").prefetch_related("columns")
    serializer_class = shapes.ProgramSerializer
    filterset_class = ProgramFilter

    @extend_schema(responses={(200, XLSX): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"])
    def template(self, request: Request, pk: str) -> FileResponse:
        """The program's roster template as .xlsx."""
        program = self.get_object()
        return FileResponse(
            io.BytesIO(build_template(program)), as_attachment=True, filename=f"{program.name}.xlsx", content_type=XLSX
        )

    @extend_schema(request=shapes.ColumnsSerializer)
    @action(detail=True, methods=["put"])
    def columns(self, request: Request, pk: str) -> Response:
        """All own columns of the roster template, in order; those not named are removed."""
        specs = [
            actions.ColumnSpec(**{**spec, "choices": tuple(spec["choices"])})
            for spec in self.body(shapes.ColumnsSerializer)["columns"]
        ]
        actions.set_columns(self.get_object(), specs, actor=self.actor)
        return self.answer(pk)

    @extend_schema(request=shapes.AmountRuleSerializer)
    @action(detail=True, methods=["put"], url_path="amount-rule")
    def amount_rule(self, request: Request, pk: str) -> Response:
        """The expression that gives a claim's amount in yuan, and what happens to other amounts."""
        wanted = self.body(shapes.AmountRuleSerializer)
        actions.set_amount_rule(self.get_object(), wanted["amount_rule"], wanted["rule_level"], actor=self.actor)
        return self.answer(pk)


class PolicyListFilter(django_filters.FilterSet):
    year = django_filters.NumberFilter()
    status = django_filters.ChoiceFilter(choices=PolicyList.Status.choices)


class PolicyListViewSet(Listed):
    queryset = PolicyList.objects.all()
    filterset_class = PolicyListFilter

    def get_serializer_class(self) -> Any:
        return shapes.PolicyListSerializer if self.action == "list" else shapes.PolicyListDetailSerializer

    def visible(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Published versions for everybody on the staff, drafts for finance."""
        if not allowed(self.actor, "see.oversight"):
            return queryset.none()
        drafts = self.actor.kind == Organisation.Kind.FINANCE
        return queryset if drafts else queryset.exclude(status=PolicyList.Status.DRAFT)

    @extend_schema(request=shapes.YearSerializer, responses={201: shapes.PolicyListDetailSerializer})
    def create(self, request: Request) -> Response:
        made = actions.draft_policy_list(self.body(shapes.YearSerializer)["year"], actor=self.actor)
        return self.answer(made.pk, status.HTTP_201_CREATED)

    @extend_schema(request=EmptySerializer)
    @action(detail=True, methods=["post"])
    def refresh(self, request: Request, pk: str) -> Response:
        actions.refresh_policy_list(self.get_object(), actor=self.actor)
        return self.answer(pk)

    @extend_schema(request=EmptySerializer)
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, pk: str) -> Response:
        actions.publish_policy_list(self.get_object(), actor=self.actor)
        return self.answer(pk)


class FundPlanFilter(django_filters.FilterSet):
    program = django_filters.CharFilter(field_name="program__code")
    year = django_filters.NumberFilter()


class FundPlanViewSet(Listed):
    queryset = FundPlan.objects.select_related("program").with_planned_fen()
    serializer_class = shapes.FundPlanSerializer
    filterset_class = FundPlanFilter

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        shown: Any = args[0] if args else []
        plans = list(shown) if kwargs.get("many") else [shown] if shown else []
        balances = import_string(settings.FUND_BALANCES)([plan.pk for plan in plans]) if plans else {}
        kwargs["context"] = {**self.get_serializer_context(), "balances": balances}
        return shapes.FundPlanSerializer(*args, **kwargs)


class FundEntryFilter(django_filters.FilterSet):
    program = django_filters.CharFilter(field_name="plan__program__code")
    year = django_filters.NumberFilter(field_name="plan__year")
    status = django_filters.ChoiceFilter(choices=FundEntry.Status.choices)


class FundEntryViewSet(Listed):
    queryset = FundEntry.objects.select_related("plan__program", "made_by")
    serializer_class = shapes.FundEntrySerializer
    filterset_class = FundEntryFilter

    def visible(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(plan__in=FundPlan.objects.visible_to(self.actor))

    @extend_schema(request=shapes.FundEnterSerializer, responses={201: shapes.FundEntrySerializer})
    def create(self, request: Request) -> Response:
        wanted = self.body(shapes.FundEnterSerializer)
        program = get_object_or_404(Program.objects.visible_to(self.actor), code=wanted.pop("program"))
        entry = actions.enter_funds(program, wanted.pop("year"), actor=self.actor, **wanted)
        return self.answer(entry.pk, status.HTTP_201_CREATED)

    @extend_schema(request=EmptySerializer)
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, pk: str) -> Response:
        actions.confirm_funds(self.get_object(), actor=self.actor)
        return self.answer(pk)

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def refuse(self, request: Request, pk: str) -> Response:
        actions.refuse_funds(self.get_object(), note=self.body(ReasonSerializer)["note"], actor=self.actor)
        return self.answer(pk)


class RosterFilter(django_filters.FilterSet):
    program = django_filters.CharFilter(field_name="program__code")
    area = django_filters.CharFilter(field_name="area_id")
    period = django_filters.CharFilter()
    year = django_filters.CharFilter(field_name="period", lookup_expr="startswith")
    status = django_filters.ChoiceFilter(choices=Roster.Status.choices)
    number = django_filters.CharFilter()


class RosterViewSet(Listed):
    queryset = Roster.objects.select_related("program", "area")
    filterset_class = RosterFilter
    parser_classes = WITH_FILES

    def get_serializer_class(self) -> Any:
        return shapes.RosterSerializer if self.action == "list" else shapes.RosterDetailSerializer

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        """Totals of all the rosters shown, read at once."""
        shown: Any = args[0] if args else []
        rosters = list(shown) if kwargs.get("many") else [shown] if shown else []
        kwargs["context"] = {**self.get_serializer_context(), "totals": roster_totals(rosters)}
        return self.get_serializer_class()(*args, **kwargs)

    @extend_schema(
        request={"multipart/form-data": shapes.RosterUploadSerializer}, responses={202: shapes.RosterUploadedSerializer}
    )
    def create(self, request: Request) -> Response:
        """Upload a file: it is read in the background. A refused one shows its ``problems`` on the roster."""
        wanted = self.body(shapes.RosterUploadSerializer)
        program = get_object_or_404(Program.objects.visible_to(self.actor), code=wanted["program"])
        file = wanted["file"]
        made = actions.upload_roster(
            program,
            wanted["area"],
            wanted["period"],
            sequence=wanted["sequence"],
            file_name=file.name,
            content=file.read(),
            actor=self.actor,
        )
        told = {"id": made.roster_id, "number": made.roster.number, "import_id": made.pk}
        return Response(shapes.RosterUploadedSerializer(told).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=shapes.CellCorrectionSerializer(many=True), responses={202: shapes.RosterUploadedSerializer})
    @action(detail=True, methods=["post"])
    def corrections(self, request: Request, pk: str) -> Response:
        """Put cells of the refused file right: it is read again in the background with the new texts in them."""
        roster = self.get_object()
        wanted = shapes.CellCorrectionSerializer(data=request.data, many=True)
        wanted.is_valid(raise_exception=True)
        refused = get_object_or_404(roster.imports.all()[:1])
        made = actions.correct_cells(refused, [Edit(**cell) for cell in wanted.validated_data], actor=self.actor)
        told = {"id": roster.pk, "number": roster.number, "import_id": made.pk}
        return Response(shapes.RosterUploadedSerializer(told).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=shapes.RosterForwardSerializer, responses={202: shapes.JobStartedSerializer})
    @action(detail=False, methods=["post"])
    def forward(self, request: Request) -> Response:
        """Copy the roster of the nearest earlier period into a file for ``period``, or import the copy at once."""
        wanted = self.body(shapes.RosterForwardSerializer)
        program = get_object_or_404(Program.objects.visible_to(self.actor), code=wanted.pop("program"))
        job = actions.start_copy(program, **wanted, actor=self.actor)
        told = {"job_id": job.pk, "job_url": reverse("job", args=[job.pk])}
        return Response(shapes.JobStartedSerializer(told).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=shapes.ChooseSheetSerializer)
    @action(detail=True, methods=["post"], url_path="choose-sheet")
    def choose_sheet(self, request: Request, pk: str) -> Response:
        """Answer the question of the last import: which sheet is the list."""
        name = self.body(shapes.ChooseSheetSerializer)["name"]
        actions.choose_sheet(self._asking(), name, actor=self.actor)
        return self.answer(pk)

    @extend_schema(request=shapes.MapColumnsSerializer)
    @action(detail=True, methods=["post"], url_path="map-columns")
    def map_columns(self, request: Request, pk: str) -> Response:
        """Answer the question of the last import: which column is what. Kept for the department."""
        actions.map_columns(self._asking(), **self.body(shapes.MapColumnsSerializer), actor=self.actor)
        return self.answer(pk)

    def _asking(self) -> RosterImport:
        return get_object_or_404(self.get_object().imports.order_by("-pk")[:1])

    @extend_schema(request=EmptySerializer)
    @action(detail=True, methods=["post"])
    def submit(self, request: Request, pk: str) -> Response:
        actions.submit_roster(self.get_object(), actor=self.actor)
        return self.answer(pk)

    @extend_schema(request=NoteSerializer)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        """The step of the desk where the roster lies: township review, department check and approval, acceptance."""
        roster = self.get_object()
        step = actions.NEXT_STEP.get(roster.status)
        if step is None:
            raise InvalidTransition(_("清册现在不在审批环节。请刷新查看最新状态。"))
        step(roster, note=self.body(NoteSerializer)["note"], actor=self.actor)
        return self.answer(pk)

    @extend_schema(request=shapes.ReturnSerializer)
    @action(detail=True, methods=["post"], url_path="return")
    def send_back(self, request: Request, pk: str) -> Response:
        actions.return_roster(self.get_object(), **self.body(shapes.ReturnSerializer), actor=self.actor)
        return self.answer(pk)

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        actions.cancel_roster(self.get_object(), note=self.body(ReasonSerializer)["note"], actor=self.actor)
        return self.answer(pk)

    @extend_schema(request=EmptySerializer, responses={201: shapes.NoticeSerializer})
    @action(detail=True, methods=["post"], url_path="open-notice")
    def open_notice(self, request: Request, pk: str) -> Response:
        notice = actions.open_notice(self.get_object(), actor=self.actor)
        return Response(shapes.NoticeSerializer(notice).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=shapes.RosterRowSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"])
    def rows(self, request: Request, pk: str) -> Response:
        """Rows of the current revision, a page at a time."""
        roster = self.get_object()
        rows = roster.rows.filter(revision=roster.revision)
        page = self.paginate_queryset(rows.select_related("beneficiary", "payee", "account", "area"))
        return self.get_paginated_response(shapes.RosterRowSerializer(page, many=True).data)

    @extend_schema(responses=shapes.RowChangeSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def changes(self, request: Request, pk: str) -> Response:
        """What differs from the last notice."""
        return Response(shapes.RowChangeSerializer(actions.roster_changes(self.get_object()), many=True).data)


class SuspicionFilter(django_filters.FilterSet):
    roster = django_filters.NumberFilter(field_name="roster_id")
    rule = django_filters.CharFilter(field_name="rule__code")
    status = django_filters.ChoiceFilter(choices=Suspicion.Status.choices)
    stage = django_filters.ChoiceFilter(choices=Suspicion.Stage.choices)


class SuspicionViewSet(Listed):
    queryset = Suspicion.objects.select_related("rule", "roster", "row")
    serializer_class = shapes.SuspicionSerializer
    filterset_class = SuspicionFilter
    parser_classes = WITH_FILES

    @extend_schema(
        request={"multipart/form-data": shapes.DecideSerializer, "application/json": shapes.DecideSerializer}
    )
    @action(detail=True, methods=["post"])
    def decide(self, request: Request, pk: str) -> Response:
        suspicion = self.get_object()
        wanted = self.body(shapes.DecideSerializer)
        with transaction.atomic():
            wanted["attachment"] = keep_upload(wanted["attachment"], self.actor, "suspicion.decide")
            if wanted.pop("alike"):
                del wanted["confirmed"]
                actions.decide_alike(suspicion, **wanted, actor=self.actor)
            else:
                actions.decide_suspicion(suspicion, **wanted, actor=self.actor)
        return self.answer(pk)


class NoticeFilter(django_filters.FilterSet):
    roster = django_filters.NumberFilter(field_name="roster_id")
    status = django_filters.ChoiceFilter(choices=Notice.Status.choices)
    slug = django_filters.CharFilter()


class NoticeViewSet(Listed):
    queryset = Notice.objects.all()
    serializer_class = shapes.NoticeSerializer
    filterset_class = NoticeFilter
    parser_classes = WITH_FILES

    @extend_schema(responses=shapes.NoticeRowSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"])
    def rows(self, request: Request, pk: str) -> Response:
        """The rows as they are publicised, a page at a time."""
        page = self.paginate_queryset(self.get_object().rows.select_related("area"))
        return self.get_paginated_response(shapes.NoticeRowSerializer(page, many=True).data)

    @extend_schema(request=shapes.ObjectionFileSerializer, responses={201: shapes.ObjectionSerializer})
    @action(detail=True, methods=["post"])
    def object(self, request: Request, pk: str) -> Response:
        """Record an objection to one row; the row is held from now on."""
        notice = self.get_object()
        wanted = self.body(shapes.ObjectionFileSerializer)
        row = get_object_or_404(notice.rows.select_related("row"), position=wanted.pop("position")).row
        with transaction.atomic():
            wanted["attachment"] = keep_upload(wanted["attachment"], self.actor, "objection.record")
            made = actions.file_objection(notice, row, **wanted, actor=self.actor)
        return Response(shapes.ObjectionSerializer(made).data, status=status.HTTP_201_CREATED)


class ObjectionFilter(django_filters.FilterSet):
    notice = django_filters.NumberFilter(field_name="notice_id")
    status = django_filters.ChoiceFilter(choices=Objection.Status.choices)
    number = django_filters.CharFilter()


class ObjectionViewSet(Listed):
    queryset = Objection.objects.select_related("notice", "row__roster")
    serializer_class = shapes.ObjectionSerializer
    filterset_class = ObjectionFilter

    @extend_schema(request=shapes.ObjectionDecideSerializer)
    @action(detail=True, methods=["post"])
    def decide(self, request: Request, pk: str) -> Response:
        actions.decide_objection(self.get_object(), **self.body(shapes.ObjectionDecideSerializer), actor=self.actor)
        return self.answer(pk)


class RuleFilter(django_filters.FilterSet):
    code = django_filters.CharFilter()
    type = django_filters.ChoiceFilter(choices=Rule.Type.choices)
    is_active = django_filters.BooleanFilter()


class RuleViewSet(Listed):
    queryset = Rule.objects.all()
    serializer_class = shapes.RuleSerializer
    filterset_class = RuleFilter

    @extend_schema(request=shapes.RuleValuesSerializer, responses=shapes.RulePreviewSerializer)
    @action(detail=True, methods=["post"])
    def preview(self, request: Request, pk: str) -> Response:
        """What these values would hit in today's registry. Nothing is stored; ``seen`` allows saving them."""
        before, after, seen = actions.preview_rule(
            self.get_object(), self.body(shapes.RuleValuesSerializer), actor=self.actor
        )
        return Response(shapes.RulePreviewSerializer({"before": before, "after": after, "seen": seen}).data)

    @extend_schema(request=shapes.RuleChangeSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """The next version of the rule: exactly what was previewed."""
        rule = self.get_object()
        values = self.body(shapes.RuleChangeSerializer)
        seen, reason = values.pop("seen"), values.pop("reason")
        actions.change_rule(rule, values, seen=seen, reason=reason, actor=self.actor)
        return self.answer(pk)


def register(router: SimpleRouter) -> None:
    router.register("programs", ProgramViewSet)
    router.register("policy-lists", PolicyListViewSet)
    router.register("fund-plans", FundPlanViewSet)
    router.register("fund-entries", FundEntryViewSet)
    router.register("rosters", RosterViewSet)
    router.register("suspicions", SuspicionViewSet)
    router.register("notices", NoticeViewSet)
    router.register("objections", ObjectionViewSet)
    router.register("rules", RuleViewSet)
    api_datasets.register(router)
    api_doubles.register(router)
    api_cards.register(router)

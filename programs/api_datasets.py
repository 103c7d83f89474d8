"""The API of comparison data and of the search for the missing: the same actions as the pages."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from programs import actions
from programs.models import Dataset, EligibleUnpaid, EntitlementRule
from subsidy_portal.api import EmptySerializer, NoteSerializer, ReasonSerializer
from subsidy_portal.api_views import WITH_FILES, Listed
from subsidy_portal.models import Area
from subsidy_portal.permissions import allowed


class ListProblemSerializer(serializers.Serializer[Any]):
    """One thing wrong: where, what, what to do; the cell masked."""

    sheet = serializers.CharField()
    row = serializers.IntegerField()
    column = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()
    hint = serializers.CharField()
    shown = serializers.CharField()


class DatasetSerializer(serializers.ModelSerializer[Dataset]):
    """``pages`` is how many were handed over, ``row_count`` the persons they name."""

    problems = ListProblemSerializer(many=True, read_only=True)
    pages = serializers.SerializerMethodField()

    class Meta:
        model = Dataset
        fields = (
            "id", "kind", "status", "source", "as_of", "area", "coverage", "retain_until", "pages", "row_count", "key",
            "problem_count", "problems", "imported_at",
        )  # fmt: skip

    def get_pages(self, dataset: Dataset) -> int:
        return len(dataset.pages)


class DatasetFactsSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=Dataset.Kind.choices)
    source = serializers.CharField(max_length=80)  # type: ignore[assignment]
    as_of = serializers.DateField()
    area = serializers.PrimaryKeyRelatedField(
        queryset=Area.objects.filter(level=Area.Level.TOWNSHIP), required=False, allow_null=True, default=None
    )
    coverage = serializers.CharField(required=False, allow_blank=True, max_length=120, default="")


class DatasetUploadSerializer(DatasetFactsSerializer):
    key = serializers.CharField(required=False, allow_blank=True, max_length=64, default="")
    file = serializers.FileField()


class DatasetBeginSerializer(DatasetFactsSerializer):
    """``key`` is the caller's own: repeated with the same facts it gives the same list."""

    key = serializers.CharField(max_length=64)


class DatasetPageSerializer(serializers.Serializer[Any]):
    """``rows``: objects whose names are the columns of the kind's template, e.g. 姓名, 身份证号, 死亡日期."""

    page = serializers.IntegerField(min_value=1)
    rows = serializers.ListField(child=serializers.DictField(), allow_empty=False, max_length=5_000)


class DatasetCloseSerializer(serializers.Serializer[Any]):
    """How many pages and rows were handed over in all."""

    pages = serializers.IntegerField(min_value=1)
    rows = serializers.IntegerField(min_value=1)


class DatasetFilter(django_filters.FilterSet):
    kind = django_filters.ChoiceFilter(choices=Dataset.Kind.choices)
    status = django_filters.ChoiceFilter(choices=Dataset.Status.choices)
    key = django_filters.CharFilter()


class DatasetViewSet(Listed):
    queryset = Dataset.objects.all()
    serializer_class = DatasetSerializer
    filterset_class = DatasetFilter
    parser_classes = WITH_FILES

    @extend_schema(request={"multipart/form-data": DatasetUploadSerializer}, responses={202: DatasetSerializer})
    def create(self, request: Request) -> Response:
        """Upload a list as a workbook: it is read in the background; a refused one shows its ``problems``."""
        wanted = self.body(DatasetUploadSerializer)
        file = wanted.pop("file")
        made = actions.upload_dataset(
            wanted.pop("kind"), file_name=file.name, content=file.read(), actor=self.actor, **wanted
        )
        return self.answer(made.pk, status.HTTP_202_ACCEPTED)

    @extend_schema(request=DatasetBeginSerializer, responses={201: DatasetSerializer})
    @action(detail=False, methods=["post"])
    def collect(self, request: Request) -> Response:
        """Begin a list that is handed over in pages; nothing of it counts before ``close``."""
        wanted = self.body(DatasetBeginSerializer)
        made = actions.begin_collecting(wanted.pop("kind"), actor=self.actor, **wanted)
        return self.answer(made.pk, status.HTTP_201_CREATED)

    @extend_schema(request=DatasetPageSerializer)
    @action(detail=True, methods=["post"])
    def pages(self, request: Request, pk: str) -> Response:
        """Hand over one page: all of it is stored or, with its ``problems`` named, nothing. Repeating it is safe."""
        wanted = self.body(DatasetPageSerializer)
        actions.add_page(self.get_object(), wanted["page"], wanted["rows"], actor=self.actor)
        return self.answer(pk)

    @extend_schema(request=DatasetCloseSerializer, responses={202: DatasetSerializer})
    @action(detail=True, methods=["post"])
    def close(self, request: Request, pk: str) -> Response:
        """All pages are there: the list is put in force and compared in the background. Repeating it is safe."""
        actions.close_collecting(self.get_object(), **self.body(DatasetCloseSerializer), actor=self.actor)
        return self.answer(pk, status.HTTP_202_ACCEPTED)


class EntitlementRuleSerializer(serializers.ModelSerializer[EntitlementRule]):
    class Meta:
        model = EntitlementRule
        fields = (
            "id", "name", "program_code", "age_min", "age_max", "requires", "excluded_programs", "excluded_kinds",
            "legal_basis", "is_active", "searched_at",
        )  # fmt: skip


class EntitlementRuleViewSet(Listed):
    queryset = EntitlementRule.objects.all()
    serializer_class = EntitlementRuleSerializer

    def visible(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if allowed(self.actor, "see.rosters") else queryset.none()


class EligibleUnpaidSerializer(serializers.ModelSerializer[EligibleUnpaid]):
    rule = serializers.CharField(source="rule.name")
    program_code = serializers.CharField(source="rule.program_code")
    person_name = serializers.CharField(source="person.name")
    person_id_number = serializers.CharField(source="person.masked_id")

    class Meta:
        model = EligibleUnpaid
        fields = (
            "id", "rule", "program_code", "person_name", "person_id_number", "area", "reason", "status", "note",
            "found_at", "decided_at",
        )  # fmt: skip


class EligibleUnpaidFilter(django_filters.FilterSet):
    rule = django_filters.NumberFilter(field_name="rule_id")
    program = django_filters.CharFilter(field_name="rule__program_code")
    status = django_filters.ChoiceFilter(choices=EligibleUnpaid.Status.choices)


class SearchStartedSerializer(serializers.Serializer[Any]):
    job_id = serializers.IntegerField()
    job_url = serializers.CharField()


class EligibleUnpaidViewSet(Listed):
    queryset = EligibleUnpaid.objects.select_related("rule", "person")
    serializer_class = EligibleUnpaidSerializer
    filterset_class = EligibleUnpaidFilter

    @extend_schema(request=EmptySerializer, responses={202: SearchStartedSerializer})
    @action(detail=False, methods=["post"])
    def search(self, request: Request) -> Response:
        """Search now, in the background, over the programs of the caller."""
        job = actions.start_search(actor=self.actor)
        told = {"job_id": job.pk, "job_url": reverse("job", args=[job.pk])}
        return Response(SearchStartedSerializer(told).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=NoteSerializer)
    @action(detail=True, methods=["post"])
    def notify(self, request: Request, pk: str) -> Response:
        actions.notify_eligible(self.get_object(), note=self.body(NoteSerializer)["note"], actor=self.actor)
        return self.answer(pk)

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def dismiss(self, request: Request, pk: str) -> Response:
        actions.dismiss_eligible(self.get_object(), note=self.body(ReasonSerializer)["note"], actor=self.actor)
        return self.answer(pk)


def register(router: SimpleRouter) -> None:
    router.register("datasets", DatasetViewSet)
    router.register("entitlement-rules", EntitlementRuleViewSet)
    router.register("eligible-unpaid", EligibleUnpaidViewSet)

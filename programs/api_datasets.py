"""The API of comparison data: the same actions as the pages."""

from __future__ import annotations

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from programs import actions
from programs.models import Dataset
from subsidy_portal.api_views import Listed
from subsidy_portal.models import Area


class ProblemSerializer(serializers.Serializer[Any]):
    """One thing wrong: where, what, what to do; the cell masked."""

    sheet = serializers.CharField()
    row = serializers.IntegerField()
    column = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()
    hint = serializers.CharField()
    shown = serializers.CharField()


class DatasetSerializer(serializers.ModelSerializer[Dataset]):
    problems = ProblemSerializer(many=True, read_only=True)

    class Meta:
        model = Dataset
        fields = (
            "id", "kind", "status", "source", "as_of", "area", "coverage", "retain_until", "row_count", "key",
            "problem_count", "problems", "imported_at",
        )  # fmt: skip


class DatasetFactsSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=Dataset.Kind.choices)
    source = serializers.CharField(max_length=80)  # type: ignore[assignment]
    as_of = serializers.DateField()
    area = serializers.PrimaryKeyRelatedField(
        queryset=Area.objects.filter(level=Area.Level.TOWNSHIP), required=False, allow_null=True, default=None
    )
    coverage = serializers.CharField(required=False, allow_blank=True, max_length=120, default="")


class DatasetUploadSerializer(DatasetFactsSerializer):
    file = serializers.FileField()


class DatasetFilter(django_filters.FilterSet):
    kind = django_filters.ChoiceFilter(choices=Dataset.Kind.choices)
    status = django_filters.ChoiceFilter(choices=Dataset.Status.choices)
    key = django_filters.CharFilter()


class DatasetViewSet(Listed):
    queryset = Dataset.objects.all()
    serializer_class = DatasetSerializer
    filterset_class = DatasetFilter
    parser_classes = (JSONParser, MultiPartParser, FormParser)

    @extend_schema(request={"multipart/form-data": DatasetUploadSerializer}, responses={202: DatasetSerializer})
    def create(self, request: Request) -> Response:
        """Upload a list as a workbook: it is read in the background; a refused one shows its ``problems``."""
        wanted = self.body(DatasetUploadSerializer)
        file = wanted.pop("file")
        made = actions.upload_dataset(
            wanted.pop("kind"), file_name=file.name, content=file.read(), actor=self.actor, **wanted
        )
        return self.answer(made.pk, status.HTTP_202_ACCEPTED)


def register(router: SimpleRouter) -> None:
    router.register("datasets", DatasetViewSet)

"""What the API of the official tables and reports takes and answers. Amounts are fen."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from selfcheck.annexes import REPORTED
from selfcheck.models import AnnexFile, Report, YearlyAmount
from selfcheck.report_words import NOT_FOUND, OTHER, SECTIONS


class TableAskSerializer(serializers.Serializer[Any]):
    """Without years: all that the ledger knows. ``town``: the code of a township."""

    from_year = serializers.IntegerField(required=False, min_value=2000, max_value=2100)
    to_year = serializers.IntegerField(required=False, min_value=2000, max_value=2100)
    town = serializers.RegexField(r"^\d{12}$", required=False)


class CellAskSerializer(TableAskSerializer):
    line = serializers.SlugField(max_length=40)
    column = serializers.SlugField(max_length=40)


class HeadSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    band = serializers.CharField()
    part = serializers.CharField(allow_blank=True)


@extend_schema_field(OpenApiTypes.ANY)
class AnyCellField(serializers.Field[Any, Any, Any, Any]):
    """Fen, a count, a text or nothing, as the column says."""

    def to_representation(self, value: Any) -> Any:
        return value


class LineSerializer(serializers.Serializer[Any]):
    key = serializers.CharField(allow_blank=True)
    number = serializers.CharField(allow_blank=True)
    name = serializers.CharField(allow_blank=True)
    cells = serializers.ListField(child=AnyCellField(allow_null=True))


class OfficialTableSerializer(serializers.Serializer[Any]):
    title = serializers.CharField()
    unit = serializers.CharField()
    measure = serializers.CharField()
    heads = HeadSerializer(many=True)
    lines = LineSerializer(many=True)
    remarks = serializers.ListField(child=serializers.CharField())


class SourceSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    url = serializers.CharField(allow_blank=True)
    facts = serializers.CharField()
    value = AnyCellField()


class CellSerializer(serializers.Serializer[Any]):
    value = AnyCellField(allow_null=True)
    sources = SourceSerializer(many=True)


class AnnexFileSerializer(serializers.ModelSerializer[AnnexFile]):
    sm3 = serializers.CharField(source="file.sm3", read_only=True)

    class Meta:
        model = AnnexFile
        fields = ("id", "kind", "unit", "from_year", "to_year", "rows", "sm3", "made_at")


class FileAnnexSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=AnnexFile.Kind.choices)
    from_year = serializers.IntegerField(min_value=2000, max_value=2100)
    to_year = serializers.IntegerField(min_value=2000, max_value=2100)
    file = serializers.FileField(max_length=150)


class ReportSerializer(serializers.ModelSerializer[Report]):
    late_days = serializers.IntegerField(read_only=True)

    class Meta:
        model = Report
        fields = (
            "id", "kind", "unit", "year", "month", "version", "status", "texts", "figures", "not_found", "zero",
            "due_on", "late_days", "made_at", "submitted_at",
        )  # fmt: skip


class StartReportSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=Report.Kind.choices)
    year = serializers.IntegerField(min_value=2000, max_value=2100)
    month = serializers.IntegerField(min_value=1, max_value=12)


class TextsSerializer(serializers.Serializer[Any]):
    def get_fields(self) -> dict[str, Any]:
        keys = (*SECTIONS, OTHER)
        return {key: serializers.CharField(required=False, allow_blank=True, max_length=4000) for key in keys}


class FiguresSerializer(serializers.Serializer[Any]):
    def get_fields(self) -> dict[str, Any]:
        return {key: serializers.IntegerField(required=False, min_value=0, max_value=10**13) for key in REPORTED}


class SaveReportSerializer(serializers.Serializer[Any]):
    texts = TextsSerializer(required=False, default=dict)
    figures = FiguresSerializer(required=False, default=dict)
    not_found = serializers.ListField(
        child=serializers.ChoiceField(choices=[(key, label) for key, (label, _column) in NOT_FOUND.items()]),
        required=False,
        default=list,
    )
    zero = serializers.BooleanField(required=False, default=False)


class YearlyAmountSerializer(serializers.ModelSerializer[YearlyAmount]):
    class Meta:
        model = YearlyAmount
        fields = (
            "id", "program", "year", "channel", "paid_to", "amount_fen", "persons", "households", "basis", "status",
            "made_at",
        )  # fmt: skip


class EnterAmountSerializer(serializers.ModelSerializer[YearlyAmount]):
    program = serializers.IntegerField()

    class Meta:
        model = YearlyAmount
        fields = ("program", "year", "channel", "paid_to", "amount_fen", "persons", "households", "basis")
        extra_kwargs = {"paid_to": {"required": False}}

"""What the API of the ledger takes and answers. Amounts are fen."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from programs.models import Program
from selfcheck.actions import PROGRESS_FIELDS
from selfcheck.forms import units_of
from selfcheck.models import Evidence, Problem, ProblemPayment, Recovery
from subsidy_portal.models import Area, User


class RecoverySerializer(serializers.ModelSerializer[Recovery]):
    class Meta:
        model = Recovery
        fields = ("id", "payment", "amount_fen", "received_on", "voucher", "remitted_on", "void_note", "recorded_at")


class ProblemPaymentSerializer(serializers.ModelSerializer[ProblemPayment]):
    class Meta:
        model = ProblemPayment
        fields = ("payment", "suspicion", "amount_fen")


class EvidenceSerializer(serializers.ModelSerializer[Evidence]):
    name = serializers.CharField(source="file.name", read_only=True)
    size = serializers.IntegerField(source="file.size", read_only=True)
    sm3 = serializers.CharField(source="file.sm3", read_only=True)

    class Meta:
        model = Evidence
        fields = ("id", "title", "name", "size", "sm3", "added_at")


class ProblemSerializer(serializers.ModelSerializer[Problem]):
    """One line of the ledger; ``missing_fen`` = due − written off − recovered."""

    recovered_fen = serializers.IntegerField(read_only=True)
    remitted_fen = serializers.IntegerField(read_only=True)
    missing_fen = serializers.IntegerField(read_only=True)
    overdue_days = serializers.IntegerField(read_only=True)

    class Meta:
        model = Problem
        fields = (
            "id", "number", "status", "source", "found_on", "area", "unit", "program", "year", "category",
            "annex2_column", "title", "description", "persons", "households", "amount_fen", "cards", "fix_now",
            "measures", "leader", "owner", "due_on", "overdue_days", "progress",
            "recovery_due_fen", "recovered_fen", "remitted_fen", "write_off_fen", "write_off_basis", "missing_fen",
            "restitution_due_fen", "restitution_paid_fen", "sanctions", "transfer", "institution",
            "made_at", "close_requested_at", "review_note", "closed_on", "published_on", "published_url",
        )  # fmt: skip


class ProblemDetailSerializer(ProblemSerializer):
    payments = ProblemPaymentSerializer(many=True, read_only=True)
    recoveries = RecoverySerializer(many=True, read_only=True)
    evidence = EvidenceSerializer(many=True, read_only=True)

    class Meta(ProblemSerializer.Meta):
        fields = (*ProblemSerializer.Meta.fields, "payments", "recoveries", "evidence")  # type: ignore[assignment]


class RegisterSerializer(serializers.ModelSerializer[Problem]):
    """What registering takes. Unit, area and program must be the caller's to name."""

    class Meta:
        model = Problem
        fields = (
            "source", "found_on", "area", "unit", "program", "year", "category", "annex2_column", "title",
            "description", "persons", "households", "amount_fen", "cards", "fix_now", "due_on",
            "recovery_due_fen", "restitution_due_fen",
        )  # fmt: skip
        extra_kwargs = {
            "found_on": {"required": False},
            "area": {"required": False},
            "annex2_column": {"required": False},
            **{name: {"min_value": 0} for name in ("amount_fen", "recovery_due_fen", "restitution_due_fen")},
        }

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        user = getattr(self.context.get("request"), "user", None)
        if isinstance(user, User):
            fields["unit"].queryset = units_of(user)  # type: ignore[attr-defined]
            fields["area"].queryset = Area.objects.filter(code__startswith=user.area_prefix)  # type: ignore[attr-defined]
            fields["program"].queryset = Program.objects.visible_to(user)  # type: ignore[attr-defined]
        return fields


class OverpaymentSerializer(serializers.Serializer[Any]):
    suspicions = serializers.ListField(child=serializers.IntegerField(min_value=1), min_length=1, max_length=1000)
    title = serializers.CharField(required=False, allow_blank=True, default="", max_length=80)
    due_on = serializers.DateField(required=False, allow_null=True, default=None)


class FoundSerializer(serializers.Serializer[Any]):
    found = serializers.IntegerField()


class PlanSerializer(serializers.Serializer[Any]):
    measures = serializers.CharField(max_length=2000)
    leader = serializers.CharField(max_length=30)
    owner = serializers.CharField(max_length=30)
    due_on = serializers.DateField()


class ProgressSerializer(serializers.ModelSerializer[Problem]):
    class Meta:
        model = Problem
        fields = tuple(PROGRESS_FIELDS)
        extra_kwargs = {name: {"required": False} for name in PROGRESS_FIELDS}


class RecordRecoverySerializer(serializers.Serializer[Any]):
    payment = serializers.IntegerField(required=False, allow_null=True, default=None)
    amount_fen = serializers.IntegerField(min_value=1)
    received_on = serializers.DateField()


class RemitSerializer(serializers.Serializer[Any]):
    recovery = serializers.IntegerField()
    voucher = serializers.CharField(max_length=40)
    remitted_on = serializers.DateField()


class VoidSerializer(serializers.Serializer[Any]):
    recovery = serializers.IntegerField()
    note = serializers.CharField(max_length=200)


class WriteOffSerializer(serializers.Serializer[Any]):
    amount_fen = serializers.IntegerField(min_value=0)
    basis = serializers.CharField(max_length=200)


class AddEvidenceSerializer(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=80)
    file = serializers.FileField(max_length=150)


class PublishSerializer(serializers.Serializer[Any]):
    published_on = serializers.DateField()
    url = serializers.URLField(max_length=200)

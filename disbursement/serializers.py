"""What the API says about money. Personal data is masked here as on the pages; amounts are integer fen."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from disbursement.failures import describe
from disbursement.models import Batch, Correction, Discrepancy, MonthClose, Order, Payment, Reissue
from disbursement.statistics import Share
from disbursement.totals import Totals
from programs.models import Account, Program
from subsidy_portal import identifiers, money
from subsidy_portal.models import Organisation


class TotalsSerializer(serializers.Serializer[Totals]):
    """Where the money of a batch is: counts and fen; they add up to ``count`` and ``planned_fen``."""

    count = serializers.IntegerField()
    planned_fen = serializers.IntegerField()
    ready_count = serializers.IntegerField()
    ready_fen = serializers.IntegerField()
    paid_count = serializers.IntegerField()
    paid_fen = serializers.IntegerField()
    way_count = serializers.IntegerField()
    way_fen = serializers.IntegerField()
    failed_count = serializers.IntegerField()
    failed_fen = serializers.IntegerField()
    held_count = serializers.IntegerField()
    held_fen = serializers.IntegerField()
    unknown_count = serializers.IntegerField()
    unknown_fen = serializers.IntegerField()
    refunded_count = serializers.IntegerField()
    refunded_fen = serializers.IntegerField()


class BatchSerializer(serializers.ModelSerializer[Batch]):
    program = serializers.CharField(source="program.code")
    program_name = serializers.CharField(source="program.name")
    status = serializers.CharField()
    status_label = serializers.CharField(source="get_status_display")
    made_by = serializers.CharField(source="made_by.display_name")
    approved_by = serializers.CharField(source="approved_by.display_name", allow_null=True, default=None)
    released_by = serializers.CharField(source="released_by.display_name", allow_null=True, default=None)
    totals = serializers.SerializerMethodField()

    class Meta:
        model = Batch
        fields = (
            "id", "number", "program", "program_name", "period", "sequence", "status", "status_label", "content_hash",
            "made_by", "made_at", "submitted_at", "approved_by", "approved_at", "released_by", "released_at",
            "return_note", "totals",
        )  # fmt: skip

    @extend_schema_field(TotalsSerializer)
    def get_totals(self, batch: Batch) -> dict[str, Any]:
        totals = self.context["totals"].get(batch.pk, Totals())
        return dict(TotalsSerializer(totals).data)


class BatchMakeSerializer(serializers.Serializer[Any]):
    program = serializers.SlugRelatedField(slug_field="code", queryset=Program.objects.all(), help_text="项目编码")
    period = serializers.CharField(max_length=10, help_text="2022, 2022-Q1 or 2022-03")


class AmountSerializer(serializers.Serializer[Any]):
    """The amount in yuan, typed again by who releases it; it must be the planned one to the fen."""

    amount = serializers.CharField(max_length=20, help_text="641200.00")

    def validate_amount(self, text: str) -> int:
        try:
            fen = money.parse_yuan(text)
        except money.AmountError:
            raise serializers.ValidationError("这不是金额。请写数字，最多两位小数，如 1200.50。") from None
        if fen != self.expected_fen():
            planned = money.format_yuan(self.expected_fen())
            raise serializers.ValidationError(f"输入的是 {money.format_yuan(fen)} 元，应放行的是 {planned} 元。")
        return fen

    def expected_fen(self) -> int:
        return int(self.context["expected_fen"])


class ReleaseSerializer(AmountSerializer):
    """``banks`` (codes) releases only their part; the amount is then theirs."""

    banks = serializers.ListField(child=serializers.CharField(max_length=1), required=False, help_text='["N"]')
    funding = serializers.CharField(
        max_length=200, required=False, help_text="who puts in what a deposit account lacks, and when"
    )

    def validate_banks(self, codes: list[str]) -> list[str]:
        if not codes or not set(codes) <= set(self.context["shares"]):
            raise serializers.ValidationError("没有这家银行的待发付款。请写银行代号，如 N。")
        return codes

    def expected_fen(self) -> int:
        """That of the chosen banks; of all when none is named."""
        shares: dict[str, int] = self.context["shares"]
        chosen = self.initial_data.get("banks") if isinstance(self.initial_data, dict) else None
        wanted = [code for code in chosen if isinstance(code, str)] if isinstance(chosen, list) else list(shares)
        return sum(shares.get(code, 0) for code in wanted)


class AccountSerializer(serializers.Serializer[Account]):
    """An account by bank, kind and last four digits."""

    bank = serializers.CharField(source="bank.short_name")
    kind = serializers.CharField()
    number_last4 = serializers.CharField()


class PaymentSerializer(serializers.ModelSerializer[Payment]):
    batch_number = serializers.CharField(source="batch.number")
    program = serializers.CharField(source="program.code")
    status = serializers.CharField()
    status_label = serializers.CharField(source="get_status_display")
    beneficiary = serializers.CharField(source="beneficiary.name")
    beneficiary_id_number = serializers.CharField(source="beneficiary.masked_id", help_text="masked")
    payee = serializers.CharField(source="payee.name")
    account = AccountSerializer()
    area = serializers.CharField(source="area_id")
    failure = serializers.SerializerMethodField()

    class Meta:
        model = Payment
        fields = (
            "id", "batch", "batch_number", "program", "period", "item", "area", "beneficiary",
            "beneficiary_id_number", "payee", "account", "amount_fen", "status", "status_label", "released_on",
            "paid_on", "returned_on", "failed_on", "failure_code", "failure",
        )  # fmt: skip

    def get_failure(self, payment: Payment) -> str:
        """The cause in words, empty when there is none."""
        return str(describe(payment.failure_code).meaning) if payment.failure_code else ""


class OrderSerializer(serializers.ModelSerializer[Order]):
    batch_number = serializers.CharField(source="batch.number")
    bank = serializers.CharField(source="bank.organisation.short_name")
    status = serializers.CharField()
    status_label = serializers.CharField(source="get_status_display")

    class Meta:
        model = Order
        fields = (
            "id", "ref", "batch", "batch_number", "reissue", "bank", "status", "status_label", "count", "total_fen",
            "made_at", "sent_at", "query_at", "queries", "note",
        )  # fmt: skip


class CorrectionSerializer(serializers.ModelSerializer[Correction]):
    status = serializers.CharField()
    status_label = serializers.CharField(source="get_status_display")
    amount_fen = serializers.IntegerField(source="payment.amount_fen")
    payee = serializers.CharField(source="payment.payee.name")
    old_account = AccountSerializer()
    new_account = AccountSerializer()
    made_by = serializers.CharField(source="made_by.display_name")
    approved_by = serializers.CharField(source="approved_by.display_name", allow_null=True, default=None)

    class Meta:
        model = Correction
        fields = (
            "id", "payment", "payee", "amount_fen", "failure_code", "old_account", "new_account", "reason", "status",
            "status_label", "made_by", "made_at", "approved_by", "reissue",
        )  # fmt: skip


class CorrectionProposeSerializer(serializers.Serializer[Any]):
    payment = serializers.IntegerField()
    number = serializers.CharField(max_length=40, write_only=True, help_text="the new account number")
    bank = serializers.PrimaryKeyRelatedField(
        queryset=Organisation.objects.filter(kind=Organisation.Kind.BANK), help_text="organisation of the bank"
    )
    kind = serializers.CharField(default=Account.Kind.SSC.value, help_text="ssc, card or passbook")
    name_at_bank = serializers.CharField(max_length=50, required=False, allow_blank=True, default="")
    reason = serializers.CharField(max_length=200)

    def validate_number(self, text: str) -> str:
        try:
            return identifiers.parse_account(text)
        except identifiers.IdentifierError as error:
            raise serializers.ValidationError(str(error)) from None

    def validate_kind(self, kind: str) -> str:
        if kind not in Account.Kind.values:
            raise serializers.ValidationError("账户种类只能是 ssc、card 或 passbook。")
        return kind


class ReissueSerializer(serializers.ModelSerializer[Reissue]):
    batch_number = serializers.CharField(source="batch.number")
    status = serializers.CharField()
    status_label = serializers.CharField(source="get_status_display")
    count = serializers.IntegerField()
    amount_fen = serializers.IntegerField()
    made_by = serializers.CharField(source="made_by.display_name")
    approved_by = serializers.CharField(source="approved_by.display_name", allow_null=True, default=None)

    class Meta:
        model = Reissue
        fields = (
            "id", "batch", "batch_number", "status", "status_label", "count", "amount_fen", "made_by", "made_at",
            "approved_by", "approved_at",
        )  # fmt: skip


class ReissueMakeSerializer(serializers.Serializer[Any]):
    batch = serializers.IntegerField()


class DiscrepancySerializer(serializers.ModelSerializer[Discrepancy]):
    kind = serializers.CharField()
    kind_label = serializers.CharField(source="get_kind_display")
    status = serializers.CharField()
    bank = serializers.CharField(source="bank.organisation.short_name", allow_null=True, default=None)
    resolved_by = serializers.CharField(source="resolved_by.display_name", allow_null=True, default=None)

    class Meta:
        model = Discrepancy
        fields = (
            "id", "kind", "kind_label", "status", "bank", "order", "payment", "amount_fen", "text", "found_at",
            "resolved_at", "resolved_by", "resolution",
        )  # fmt: skip


class ResolveSerializer(serializers.Serializer[Any]):
    resolution = serializers.CharField(max_length=300)


class MonthSerializer(serializers.ModelSerializer[MonthClose]):
    month = serializers.DateField(format="%Y-%m", help_text="2022-03")
    status = serializers.CharField()
    status_label = serializers.CharField(source="get_status_display")
    made_by = serializers.CharField(source="made_by.display_name")
    closed_by = serializers.CharField(source="closed_by.display_name", allow_null=True, default=None)

    class Meta:
        model = MonthClose
        fields = (
            "month", "status", "status_label", "difference_fen", "sheet", "made_by", "made_at", "closed_by",
            "closed_at",
        )  # fmt: skip


class MonthMakeSerializer(serializers.Serializer[Any]):
    month = serializers.DateField(input_formats=["%Y-%m"], help_text="2022-03")


class ShareSerializer(serializers.Serializer[Share]):
    """One slice of the overview: counts and fen."""

    key = serializers.CharField()
    name = serializers.CharField()
    payments = serializers.IntegerField()
    amount_fen = serializers.IntegerField()
    paid = serializers.IntegerField()
    paid_fen = serializers.IntegerField()
    failed = serializers.IntegerField()
    failed_fen = serializers.IntegerField()
    open = serializers.IntegerField()
    open_fen = serializers.IntegerField()
    success_rate = serializers.CharField()
    first_pass_rate = serializers.CharField()
    ssc_share = serializers.CharField()


class StatisticsSerializer(ShareSerializer):
    year = serializers.IntegerField()
    as_of = serializers.DateField()
    programs = serializers.IntegerField()
    batches = serializers.IntegerField()
    persons = serializers.IntegerField()
    by_program = ShareSerializer(many=True)
    by_bank = ShareSerializer(many=True)
    by_township = ShareSerializer(many=True)
    by_month = ShareSerializer(many=True)


class StatisticsAskSerializer(serializers.Serializer[Any]):
    year = serializers.IntegerField(required=False, help_text="fund year; this year when left out")
    as_of = serializers.DateField(required=False, help_text="today when left out; never later than today")

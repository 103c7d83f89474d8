"""What the API says about policies, funds, rosters and notices: personal data masked as on the pages, integer fen."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from programs.imports import mapping
from programs.models import (
    FundEntry,
    FundPlan,
    Notice,
    NoticeRow,
    Objection,
    PolicyItem,
    PolicyList,
    Program,
    ProgramColumn,
    Roster,
    RosterImport,
    RosterRow,
    Rule,
    Suspicion,
)
from programs.totals import Totals
from subsidy_portal.api import JobSerializer
from subsidy_portal.models import Area
from subsidy_portal.proofs import check_proof


class ProgramColumnSerializer(serializers.ModelSerializer[ProgramColumn]):
    class Meta:
        model = ProgramColumn
        fields = ("label", "kind", "required", "choices", "help", "example")


class ColumnSpecSerializer(serializers.Serializer[Any]):
    """One own column as it shall be; what no column may be is refused by the action, with a sentence."""

    label = serializers.CharField(max_length=20)  # type: ignore[assignment]  # a field of that name
    kind = serializers.ChoiceField(choices=ProgramColumn.Kind.choices)
    required = serializers.BooleanField(default=True)  # type: ignore[assignment]
    choices = serializers.ListField(child=serializers.CharField(max_length=30), default=list, max_length=60)
    help = serializers.CharField(max_length=120, default="", allow_blank=True)
    example = serializers.CharField(max_length=40, default="", allow_blank=True)


class ColumnsSerializer(serializers.Serializer[Any]):
    columns = ColumnSpecSerializer(many=True)


class AmountRuleSerializer(serializers.Serializer[Any]):
    amount_rule = serializers.CharField(max_length=300, allow_blank=True)
    rule_level = serializers.ChoiceField(choices=Program.RuleLevel.choices, default=Program.RuleLevel.WARN)


class ProgramSerializer(serializers.ModelSerializer[Program]):
    department = serializers.CharField(source="department.name")
    columns = ProgramColumnSerializer(many=True, help_text="the program's own columns of its roster template")

    class Meta:
        model = Program
        fields = (
            "id", "code", "name", "short_name", "tier", "department", "paid_to", "cycle", "standard_fen",
            "standard_unit", "standard_text", "amount_rule", "rule_level", "columns",
            "cap_fen", "pay_by_days", "notice_days", "notice_working_days",
            "scope_text", "audience", "fund_source", "basis_title", "basis_number", "basis_issued_on", "how_to_apply",
            "phone", "complaint_phone", "on_platform", "is_active", "effective_from", "effective_to",
        )  # fmt: skip


class PolicyItemSerializer(serializers.ModelSerializer[PolicyItem]):
    program = serializers.CharField(source="program.code")

    class Meta:
        model = PolicyItem
        fields = ("position", "program", "values")


class PolicyListSerializer(serializers.ModelSerializer[PolicyList]):
    class Meta:
        model = PolicyList
        fields = ("id", "year", "version", "status", "note", "published_at")


class PolicyListDetailSerializer(PolicyListSerializer):
    items = PolicyItemSerializer(many=True, source="public_items")

    class Meta(PolicyListSerializer.Meta):
        fields = (*PolicyListSerializer.Meta.fields, "items")  # type: ignore[assignment]


class YearSerializer(serializers.Serializer[Any]):
    year = serializers.IntegerField(min_value=2000, max_value=2099)


class FundEntrySerializer(serializers.ModelSerializer[FundEntry]):
    program = serializers.CharField(source="plan.program.code", read_only=True)
    year = serializers.IntegerField(source="plan.year", read_only=True)
    made_by = serializers.CharField(source="made_by.display_name", read_only=True)

    class Meta:
        model = FundEntry
        fields = (
            "id", "plan", "program", "year", "kind", "amount_fen", "document_number", "note", "entered_on", "status",
            "made_by",
        )  # fmt: skip


class FundPlanSerializer(serializers.ModelSerializer[FundPlan]):
    """Fen: carried over and issued make the plan; committed and paid are taken from it, available is left."""

    program = serializers.CharField(source="program.code")
    program_name = serializers.CharField(source="program.name")
    carried_fen = serializers.IntegerField()
    issued_fen = serializers.IntegerField()
    planned_fen = serializers.IntegerField()
    committed_fen = serializers.SerializerMethodField()
    paid_fen = serializers.SerializerMethodField()
    available_fen = serializers.SerializerMethodField()

    class Meta:
        model = FundPlan
        fields = (
            "id", "program", "program_name", "year", "carried_fen", "issued_fen", "planned_fen", "committed_fen",
            "paid_fen", "available_fen",
        )  # fmt: skip

    def get_committed_fen(self, plan: FundPlan) -> int:
        return int(self.context["balances"][plan.pk].committed)

    def get_paid_fen(self, plan: FundPlan) -> int:
        return int(self.context["balances"][plan.pk].paid)

    def get_available_fen(self, plan: FundPlan) -> int:
        return int(self.context["balances"][plan.pk].available)


class FundEnterSerializer(serializers.Serializer[Any]):
    program = serializers.CharField(help_text="the program's code")
    year = serializers.IntegerField(min_value=2000, max_value=2099)
    kind = serializers.ChoiceField(choices=FundEntry.Kind.choices)
    amount_fen = serializers.IntegerField(help_text="negative only for an adjustment")
    document_number = serializers.CharField(required=False, allow_blank=True, max_length=60, default="")
    note = serializers.CharField(required=False, allow_blank=True, max_length=200, default="")


class RosterSerializer(serializers.ModelSerializer[Roster]):
    program = serializers.CharField(source="program.code")
    program_name = serializers.CharField(source="program.name")
    area_name = serializers.CharField(source="area.name")
    status_label = serializers.CharField(source="get_status_display")
    rows = serializers.SerializerMethodField(help_text="rows that stay in the current revision")
    amount_fen = serializers.SerializerMethodField()

    class Meta:
        model = Roster
        fields = (
            "id", "number", "program", "program_name", "area", "area_name", "period", "sequence", "status",
            "status_label", "revision", "rows", "amount_fen", "returned_from", "return_note", "checked_at",
            "created_at", "due_on",
        )  # fmt: skip

    def get_rows(self, roster: Roster) -> int:
        return self._totals(roster).rows

    def get_amount_fen(self, roster: Roster) -> int:
        return self._totals(roster).amount_fen

    def _totals(self, roster: Roster) -> Totals:
        found: Totals = self.context["totals"].get(roster.pk, Totals())
        return found


class FileProblemSerializer(serializers.Serializer[Any]):
    """One thing wrong in the file: where, what, and what to do. ``shown`` is the cell's text, identifiers masked."""

    sheet = serializers.CharField()
    row = serializers.IntegerField(help_text="as the spreadsheet counts; 0: the whole sheet or file")
    column = serializers.CharField(help_text="letter; empty: the whole row")
    code = serializers.CharField()
    message = serializers.CharField()
    hint = serializers.CharField()
    shown = serializers.CharField()


class SheetChoiceSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    rows = serializers.IntegerField(help_text="below the header")
    words = serializers.ListField(child=serializers.CharField(), help_text="of the header, the first eight")


class TheirColumnSerializer(serializers.Serializer[Any]):
    index = serializers.IntegerField(help_text="from 0")
    letter = serializers.CharField()
    words = serializers.CharField(help_text="of its header")
    samples = serializers.ListField(child=serializers.CharField(), help_text="the first cells, identifiers masked")
    guess = serializers.CharField(help_text="the field we would take it for; empty without one")


class OurFieldSerializer(serializers.Serializer[Any]):
    field = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    required = serializers.BooleanField()  # type: ignore[assignment]


class QuestionSerializer(serializers.Serializer[Any]):
    """What the clerk has to say before a file is read on: the sheet (``choices``), or the columns."""

    kind = serializers.ChoiceField(choices=["sheet", "columns"])
    choices = SheetChoiceSerializer(many=True, required=False)
    sheet = serializers.CharField(required=False)
    header_row = serializers.IntegerField(required=False, help_text="from 1")
    header_rows = serializers.ListField(child=serializers.IntegerField(), required=False, help_text="that can be it")
    columns = TheirColumnSerializer(many=True, required=False)
    our_fields = OurFieldSerializer(many=True, required=False)


class ChooseSheetSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=60)


class MapColumnsSerializer(serializers.Serializer[Any]):
    columns = serializers.DictField(child=serializers.IntegerField(min_value=0), help_text="our field → column index")
    header_row = serializers.IntegerField(min_value=1, required=False, default=0)


class RosterImportSerializer(serializers.ModelSerializer[RosterImport]):
    job = JobSerializer(allow_null=True)

    class Meta:
        model = RosterImport
        fields = ("id", "status", "revision", "rows", "amount_fen", "problem_count", "uploaded_at", "job")


class RosterDetailSerializer(RosterSerializer):
    """``problems`` are those of the last file while it is refused; nothing of such a file is stored."""

    last_import = serializers.SerializerMethodField()
    problems = serializers.SerializerMethodField()
    question = serializers.SerializerMethodField(help_text="while the last import's status is asking")
    open_suspicions = serializers.SerializerMethodField(help_text="undecided hits that hold the roster")

    class Meta(RosterSerializer.Meta):
        fields = (*RosterSerializer.Meta.fields, "open_suspicions", "last_import", "question", "problems")  # type: ignore[assignment]

    @extend_schema_field(RosterImportSerializer(allow_null=True))
    def get_last_import(self, roster: Roster) -> Any:
        last = self._last(roster)
        return RosterImportSerializer(last).data if last else None

    @extend_schema_field(QuestionSerializer(allow_null=True))
    def get_question(self, roster: Roster) -> Any:
        last = self._last(roster)
        asking = last is not None and last.status == RosterImport.Status.ASKING
        return QuestionSerializer(mapping.described(last.question, roster.program)).data if last and asking else None

    @extend_schema_field(FileProblemSerializer(many=True))
    def get_problems(self, roster: Roster) -> Any:
        last = self._last(roster)
        refused = last is not None and last.status == RosterImport.Status.REFUSED
        return FileProblemSerializer(last.problems, many=True).data if last and refused else []

    def get_open_suspicions(self, roster: Roster) -> int:
        return roster.suspicions.undecided().count()

    def _last(self, roster: Roster) -> RosterImport | None:
        if not hasattr(self, "_last_import"):
            self._last_import = roster.imports.select_related("job").order_by("-pk").first()
        return self._last_import


class TownshipField(serializers.PrimaryKeyRelatedField):  # type: ignore[type-arg]
    default_error_messages: ClassVar[dict[str, Any]] = {
        "does_not_exist": _("没有代码为“{pk_value}”的乡镇。请填乡镇的12位区划代码。"),
    }


class RosterUploadSerializer(serializers.Serializer[Any]):
    program = serializers.CharField(help_text="the program's code")
    area = TownshipField(queryset=Area.objects.filter(level="township"))
    period = serializers.CharField(max_length=10, help_text="2022, 2022-Q1 or 2022-03, as the program's cycle asks")
    sequence = serializers.IntegerField(min_value=1, max_value=99, default=1)
    file = serializers.FileField(help_text="the program's .xlsx template, filled in")


class RosterForwardSerializer(serializers.Serializer[Any]):
    program = serializers.CharField(help_text="the program's code")
    area = TownshipField(queryset=Area.objects.filter(level="township"))
    period = serializers.CharField(max_length=10, help_text="of the new roster")
    sequence = serializers.IntegerField(min_value=1, max_value=99, default=1)
    take_in = serializers.BooleanField(default=False, help_text="import the copy at once")


class JobStartedSerializer(serializers.Serializer[Any]):
    job_id = serializers.IntegerField()
    job_url = serializers.CharField(help_text="the page of its progress, and of its file")


class RosterUploadedSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField(help_text="of the roster; ask for it to see how far the import is")
    number = serializers.CharField()
    import_id = serializers.IntegerField()


class ReturnSerializer(serializers.Serializer[Any]):
    to = serializers.ChoiceField(choices=(("township", "乡镇"), ("department", "部门经办")))
    note = serializers.CharField(max_length=500)


class RosterRowSerializer(serializers.ModelSerializer[RosterRow]):
    """Identifiers are masked; a full value is only shown on the person's page, with a recorded reason."""

    beneficiary = serializers.CharField(source="beneficiary.name")
    beneficiary_id_number = serializers.CharField(source="beneficiary.masked_id")
    payee = serializers.CharField(source="payee.name")
    account_last4 = serializers.CharField(source="account.number_last4")
    area_name = serializers.CharField(source="area.name")
    extra = serializers.DictField(
        source="shown_extra", child=serializers.CharField(), help_text="the program's own columns; ID numbers masked"
    )

    class Meta:
        model = RosterRow
        fields = (
            "id", "row_no", "beneficiary", "beneficiary_id_number", "payee", "account_last4", "area", "area_name",
            "group_no", "item", "quantity", "standard_fen", "amount_fen", "expected_fen", "status",
            "note", "extra",
        )  # fmt: skip


class CellCorrectionSerializer(serializers.Serializer[Any]):
    sheet = serializers.CharField(max_length=60)
    row = serializers.IntegerField(min_value=1)
    column = serializers.RegexField(r"^[A-Za-z]{1,3}$")
    value = serializers.CharField(max_length=200)


class RowChangeSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=["added", "gone", "amount", "account", "other"])
    name = serializers.CharField()
    area_name = serializers.CharField()
    row_no = serializers.IntegerField()
    item = serializers.CharField()
    old_amount_fen = serializers.IntegerField(allow_null=True)
    new_amount_fen = serializers.IntegerField(allow_null=True)
    old_account = serializers.CharField(help_text="last four digits")
    new_account = serializers.CharField(help_text="last four digits")
    needs_notice = serializers.BooleanField()


class SuspicionSerializer(serializers.ModelSerializer[Suspicion]):
    rule = serializers.CharField(source="rule.code")
    rule_name = serializers.CharField(source="rule.name")
    level = serializers.CharField(source="rule.level")
    legal_text = serializers.CharField(source="rule.legal_text")
    legal_basis = serializers.CharField(source="rule.legal_basis")

    class Meta:
        model = Suspicion
        fields = (
            "id", "rule", "rule_name", "level", "legal_text", "legal_basis", "stage", "roster", "row", "area",
            "amount_fen", "evidence", "status", "reason", "found_at", "decided_at",
        )  # fmt: skip


class DecideSerializer(serializers.Serializer[Any]):
    confirmed = serializers.BooleanField(help_text="true: the row leaves; false: unfounded, with evidence")
    reason = serializers.CharField(max_length=1000)
    attachment = serializers.FileField(required=False, allow_null=True, default=None, validators=[check_proof])
    alike = serializers.BooleanField(
        default=False, help_text="hints only, when unfounded: all of this rule on this roster, on one proof"
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["alike"] and attrs["confirmed"]:
            raise serializers.ValidationError({"alike": _("属实的要一条一条认定。")})
        return attrs


class NoticeSerializer(serializers.ModelSerializer[Notice]):
    class Meta:
        model = Notice
        fields = (
            "id", "slug", "roster", "revision", "status", "starts_on", "ends_on", "row_count", "amount_fen",
            "content_hash",
        )  # fmt: skip


class NoticeRowSerializer(serializers.ModelSerializer[NoticeRow]):
    area_name = serializers.CharField(source="area.name")

    class Meta:
        model = NoticeRow
        fields = ("position", "area_name", "group_no", "public_name", "quantity", "amount_fen")


class ObjectionSerializer(serializers.ModelSerializer[Objection]):
    position = serializers.SerializerMethodField(help_text="of the row on the notice")

    class Meta:
        model = Objection
        fields = ("id", "number", "notice", "position", "text", "status", "received_at", "decided_at", "answer")

    def get_position(self, objection: Objection) -> int:
        return objection.notice.rows.values_list("position", flat=True).get(row=objection.row_id)


class ObjectionFileSerializer(serializers.Serializer[Any]):
    position = serializers.IntegerField(min_value=1, help_text="of the row on the notice")
    text = serializers.CharField(max_length=1000)
    contact = serializers.CharField(required=False, allow_blank=True, max_length=100, default="")
    attachment = serializers.FileField(required=False, allow_null=True, default=None, validators=[check_proof])


class ObjectionDecideSerializer(serializers.Serializer[Any]):
    upheld = serializers.BooleanField(help_text="true: the row leaves; false: it is included again")
    answer = serializers.CharField(max_length=1000)


class RuleSerializer(serializers.ModelSerializer[Rule]):
    class Meta:
        model = Rule
        fields = (
            "id", "code", "name", "type", "check_name", "version", "level", "is_active", "valid_from", "valid_to",
            "area", "params", "legal_text", "legal_basis", "strength", "waiver", "note",
        )  # fmt: skip


class RuleValuesSerializer(serializers.Serializer[Any]):
    """What shall be otherwise; what is not named stays."""

    level = serializers.ChoiceField(choices=Rule.Level.choices, required=False)
    is_active = serializers.BooleanField(required=False)
    valid_from = serializers.DateField(required=False, allow_null=True)
    valid_to = serializers.DateField(required=False, allow_null=True)
    area = serializers.CharField(required=False, allow_null=True, max_length=12)
    params = serializers.DictField(required=False)
    legal_text = serializers.CharField(required=False, max_length=4000)
    legal_basis = serializers.CharField(required=False, max_length=200)
    strength = serializers.ChoiceField(choices=Rule.Strength.choices, required=False)
    waiver = serializers.CharField(required=False, allow_blank=True, max_length=200)
    note = serializers.CharField(required=False, allow_blank=True, max_length=1000)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        days = {name: given[name] and given[name].isoformat() for name in ("valid_from", "valid_to") if name in given}
        return given | days


class RuleChangeSerializer(RuleValuesSerializer):
    seen = serializers.CharField(max_length=200, help_text="the token of the preview of exactly these values")
    reason = serializers.CharField(max_length=300)


class PreviewRowSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    masked_id = serializers.CharField()
    program = serializers.CharField()
    area = serializers.CharField()
    period = serializers.CharField()
    amount_fen = serializers.IntegerField()
    evidence = serializers.DictField()


class PreviewSerializer(serializers.Serializer[Any]):
    rosters = serializers.IntegerField(help_text="how many rosters were looked at")
    count = serializers.IntegerField()
    amount_fen = serializers.IntegerField()
    known = serializers.IntegerField(help_text="rows this rule hit before")
    rows = PreviewRowSerializer(many=True, help_text="at most 20, the largest amounts first")
    missing = serializers.ListField(child=serializers.CharField(), help_text="lists never imported")


class RulePreviewSerializer(serializers.Serializer[Any]):
    before = PreviewSerializer()
    after = PreviewSerializer()
    seen = serializers.CharField()

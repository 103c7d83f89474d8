"""A program's own columns: who sets them, how files fill them, what is kept; and amounts beside the program's rule."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from io import BytesIO
from typing import Any

import openpyxl
import pytest

from programs import actions
from programs.actions import ColumnSpec
from programs.imports import build_template, template_columns
from programs.imports.template import FIRST_ROW, HEADER_ROW, NOTES, SHEET
from programs.models import Program, RosterImport, RosterRow, Suspicion
from subsidy_portal import crypto
from subsidy_portal.models import Event, User
from subsidy_portal.workflow import NotPermitted, Refused
from tests import make
from tests.corpus import rosters as corpus

pytestmark = pytest.mark.django_db

CARER_ID = corpus.id_number(77)
ALL_KINDS = [
    ColumnSpec("地块名称", "text", required=False, help="村里的叫法"),
    ColumnSpec("月数", "integer", example="1"),
    ColumnSpec("面积", "decimal", example="3.20"),
    ColumnSpec("起领日期", "date", required=False, example="2022-01-01"),
    ColumnSpec("残疾等级", "choice", choices=("一级", "二级")),
    ColumnSpec("照料人身份证号", "id_number", required=False),
]
FILLED = {
    "地块名称": "东大田", "月数": "2", "面积": "3.20", "起领日期": "2022年1月1日", "残疾等级": " 一 级",
    "照料人身份证号": CARER_ID,
}  # fmt: skip


@pytest.fixture
def clerk(set_today: Callable[[str], None]) -> User:
    set_today("2022-03-05")
    make.make_area(make.VILLAGE)
    make.make_bank("N")
    return make.make_user(make.K.TOWNSHIP, make.R.OPERATOR)


@pytest.fixture
def finance(clerk: User) -> User:
    return make.make_user(make.K.FINANCE, make.R.OPERATOR)


@pytest.fixture
def program(finance: User) -> Program:
    made = make.make_program()
    actions.set_columns(made, ALL_KINDS, actor=finance)
    return made


def take_in(program: Program, clerk: User, *rows: dict[str, Any], more: tuple[str, ...] = ()) -> RosterImport:
    assert clerk.organisation is not None
    labels = (*corpus.LABELS, *(c.label for c in program.columns.all()), *more)
    content = corpus.saved(corpus.write(list(rows), labels))
    area = clerk.organisation.area
    found = actions.upload_roster(program, area, "2022-03", file_name="a.xlsx", content=content, actor=clerk)
    return actions.import_roster(found.pk)


def claim(n: int = 0, **changes: Any) -> dict[str, Any]:
    return corpus.claim(n) | FILLED | changes


# --- What a file fills in ----------------------------------------------------------------------------------


def test_each_kind_is_kept_as_what_it_is(program: Program, clerk: User) -> None:
    found = take_in(program, clerk, claim(), claim(1, 地块名称="", 起领日期="", 照料人身份证号=""))
    assert found.problems == []
    first, second = RosterRow.objects.order_by("row_no")
    sealed = first.extra.pop("照料人身份证号")
    assert first.extra == {
        "地块名称": "东大田", "月数": 2, "面积": "3.20", "起领日期": "2022-01-01", "残疾等级": "一级",
    }  # fmt: skip
    assert second.extra == {"月数": 2, "面积": "3.20", "残疾等级": "一级"}
    assert sealed["last4"] == CARER_ID[-4:]
    assert sealed["hash"] == crypto.blind_index(CARER_ID, "roster_row.extra").hex()
    assert CARER_ID not in str(sealed)


def test_a_sealed_id_number_opens_in_its_own_row_only(program: Program, clerk: User) -> None:
    take_in(program, clerk, claim(), claim(1))
    first, second = RosterRow.objects.order_by("row_no")
    assert first.reveal_extra("照料人身份证号") == CARER_ID
    assert first.shown_extra["照料人身份证号"] == "••••" + CARER_ID[-4:]
    second.extra = first.extra
    with pytest.raises(crypto.Unreadable):
        second.reveal_extra("照料人身份证号")


@pytest.mark.parametrize(
    ("label", "cell", "message"),
    [
        ("月数", "2.5", "这一格要填整数。"),
        ("月数", "两个月", "这一格要填整数。"),
        ("月数", "-1", "这一格要填整数。"),
        ("面积", "3.2亩", "这一格要填数字。"),
        ("面积", "1.23456", "这一格要填数字。"),
        ("起领日期", "2022-02-30", "这不是存在的日期。"),
        ("残疾等级", "三级", "这一格不在可填的选项里。"),
        ("照料人身份证号", 990000195001010019, "证号被存成了数字"),
        ("月数", "", "必填的一格是空的。"),
        ("地块名称", "长" * 201, "内容超过200个字。"),
    ],
)
def test_a_wrong_cell_is_named_and_nothing_is_stored(
    program: Program, clerk: User, label: str, cell: Any, message: str
) -> None:
    found = take_in(program, clerk, claim(), claim(1, **{label: cell}))
    assert found.status == "refused"
    assert len(found.problems) == 1
    problem = found.problems[0]
    assert problem["row"] == corpus.FIRST_ROW + 1
    assert message in problem["message"] or label == "照料人身份证号"
    assert problem["hint"]
    assert "9900001950" not in str(problem)
    assert not RosterRow.objects.exists()


def test_a_header_is_found_with_blanks_breaks_and_units(program: Program, clerk: User) -> None:
    assert clerk.organisation is not None
    workbook = corpus.write([claim()], (*corpus.LABELS, *(c.label for c in program.columns.all())))
    sheet = workbook.worksheets[0]
    for cell in sheet[3]:
        cell.value = {"月数": "月\n数", "面积": " 面积（亩）", "残疾等级": "＊残疾 等级"}.get(cell.value, cell.value)
    found = actions.upload_roster(
        program, clerk.organisation.area, "2022-03", file_name="a.xlsx", content=corpus.saved(workbook), actor=clerk
    )
    assert actions.import_roster(found.pk).problems == []


def test_a_missing_required_column_is_asked_for(program: Program, clerk: User) -> None:
    assert clerk.organisation is not None
    found = actions.upload_roster(
        program, clerk.organisation.area, "2022-03", file_name="a.xlsx", content=corpus.clean_file(1), actor=clerk
    )
    [problem] = actions.import_roster(found.pk).problems
    assert problem["message"] == "缺少必填的列：“月数”、“面积”、“残疾等级”。"


def test_without_own_columns_months_and_area_are_the_quantity(clerk: User) -> None:
    found = take_in(make.make_program(), clerk, corpus.claim(0) | {"面积": "2.00", "补贴金额": "200"}, more=("面积",))
    assert found.problems == []
    row = RosterRow.objects.get()
    assert (row.quantity, row.extra, row.expected_fen) == (2, {}, None)


# --- The template ------------------------------------------------------------------------------------------


def test_the_template_has_the_columns_their_guards_and_notes(program: Program, clerk: User) -> None:
    assert clerk.organisation is not None
    book = openpyxl.load_workbook(BytesIO(build_template(program, clerk.organisation.area)))
    sheet, notes = book[SHEET], book[NOTES]
    labels = [cell.value for cell in sheet[HEADER_ROW + 1]]
    at = labels.index("地块名称")
    assert labels[at : at + 6] == [spec.label for spec in ALL_KINDS]
    assert sheet.cell(HEADER_ROW, at + 1).value == "本项目"
    guards = {}
    for guard in sheet.data_validations.dataValidation:
        column = openpyxl.utils.cell.coordinate_from_string(str(guard.sqref).split(":", maxsplit=1)[0])[0]
        guards[labels[openpyxl.utils.column_index_from_string(column) - 1]] = guard
    assert {label: guards[label].type for label in FILLED if label in guards} == {
        "月数": "whole", "面积": "decimal", "起领日期": "date", "残疾等级": "list", "照料人身份证号": "textLength",
    }  # fmt: skip
    assert all(guards[label].error for label in FILLED if label in guards)
    assert sheet.cell(FIRST_ROW, labels.index("照料人身份证号") + 1).number_format == "@"
    rows = {row[0]: row for row in notes.iter_rows(values_only=True) if row[0]}
    assert rows["地块名称"][1:3] == ("选填", "村里的叫法 文字，最多200字。")
    assert rows["面积"][3] == "3.20"
    assert rows["照料人身份证号"][3] == "990000195001010019"


def test_the_template_filled_in_is_clean_and_explains_the_rule(program: Program, clerk: User, finance: User) -> None:
    assert clerk.organisation is not None
    actions.set_amount_rule(program, "标准*月数", "refuse", actor=finance)
    book = openpyxl.load_workbook(BytesIO(build_template(program, clerk.organisation.area)))
    assert any("金额怎么算：标准×月数" in str(row[0]) for row in book[NOTES].iter_rows(values_only=True))
    row = claim(补贴金额="200.00")
    for index, column in enumerate(template_columns(program), 1):
        book[SHEET].cell(FIRST_ROW, index).value = row[column.label]
    assert not any(str(cell.value).startswith("=") for line in book[SHEET].iter_rows() for cell in line)
    found = actions.upload_roster(
        program, clerk.organisation.area, "2022-03", file_name="a.xlsx", content=corpus.saved(book), actor=clerk
    )
    assert actions.import_roster(found.pk).problems == []


# --- Amounts beside the rule -------------------------------------------------------------------------------


def test_an_amount_off_the_rule_is_refused_where_the_program_says_so(
    program: Program, clerk: User, finance: User
) -> None:
    actions.set_amount_rule(program, "标准*月数", "refuse", actor=finance)
    found = take_in(program, clerk, claim(补贴金额="200.00"), claim(1, 补贴金额="210.00"))
    [problem] = found.problems
    assert (problem["row"], problem["code"]) == (corpus.FIRST_ROW + 1, "off_rule")
    assert problem["message"] == "金额和项目的算法不符：标准×月数，应是200.00元。"
    assert not RosterRow.objects.exists()


def test_else_it_is_a_suspicion_of_c04_with_the_rule_in_its_evidence(
    program: Program, clerk: User, finance: User
) -> None:
    make.load_rules()
    actions.set_amount_rule(program, "标准*月数", "warn", actor=finance)
    found = take_in(program, clerk, claim(补贴金额="200.00"), claim(1, 补贴金额="210.00"))
    assert found.problems == []
    assert [row.expected_fen for row in RosterRow.objects.order_by("row_no")] == [20_000, 20_000]
    [doubt] = Suspicion.objects.filter(rule__check_name="off_standard")
    assert doubt.evidence["row_no"] == corpus.FIRST_ROW + 1
    assert doubt.evidence["other"] == "按算法应发200.00元"


def test_tiers_go_by_the_age_on_the_first_day_of_the_period(clerk: User, finance: User) -> None:
    make.load_rules()
    tiered = make.make_program()
    actions.set_amount_rule(tiered, "60 if 年龄>=72 else 50", "warn", actor=finance)
    # Born on 1 and 2 January 1950: both 72 on 1 March 2022. What the standard column says does not matter here.
    found = take_in(tiered, clerk, claim(补贴标准="60", 补贴金额="60"), claim(1, 补贴金额="50"))
    assert found.problems == []
    assert [row.expected_fen for row in RosterRow.objects.order_by("row_no")] == [6_000, 6_000]
    [doubt] = Suspicion.objects.filter(rule__check_name="off_standard")
    assert doubt.evidence["row_no"] == corpus.FIRST_ROW + 1


def test_a_rule_that_gives_no_amount_for_a_row_is_said_at_the_row(program: Program, clerk: User, finance: User) -> None:
    actions.set_amount_rule(program, "标准/月数", "warn", actor=finance)
    found = take_in(program, clerk, claim(月数="0"))
    assert [p["code"] for p in found.problems] == ["rule_failed"]


# --- Who sets them, and when not ---------------------------------------------------------------------------


def test_only_finance_sets_columns_and_rule(program: Program, clerk: User) -> None:
    with pytest.raises(NotPermitted):
        actions.set_columns(program, [], actor=clerk)
    with pytest.raises(NotPermitted):
        actions.set_amount_rule(program, "标准", "warn", actor=clerk)
    program.refresh_from_db()
    assert (program.columns.count(), program.amount_rule) == (6, "")


def test_each_change_is_one_event(program: Program, finance: User) -> None:
    actions.set_columns(program, [*ALL_KINDS[1:], ColumnSpec("乡镇备注", "text", required=False)], actor=finance)
    actions.set_columns(program, [*ALL_KINDS[1:], ColumnSpec("乡镇备注", "text", required=False)], actor=finance)
    actions.set_amount_rule(program, "标准×月数", "refuse", actor=finance)
    notes = [event.note for event in Event.objects.about(program)]
    assert notes[:2] == ["标准×月数；不导入，要改正", "新增“乡镇备注”、删去“地块名称”"]


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (ColumnSpec("", "text"), "栏目名要写1到20个字"),
        (ColumnSpec("很" * 21, "text"), "栏目名要写1到20个字"),
        (ColumnSpec("银行帐号", "text"), "清册原有栏目的名字"),
        (ColumnSpec("姓名", "text"), "清册原有栏目的名字"),
        (ColumnSpec("等级", "colour"), "没有选填什么"),
        (ColumnSpec("等级", "choice"), "没有选项"),
        (ColumnSpec("等级", "text", choices=("一",)), "只有“选项”栏目才写选项"),
        (ColumnSpec("等级", "choice", choices=("很" * 31,)), "每个最多30个字"),
        (ColumnSpec("亩", "decimal", example="三亩"), "例子自己就填错了：这一格要填数字"),
        (ColumnSpec("月 数", "integer"), "“月 数”已经有了"),
    ],
)
def test_a_column_nobody_could_fill_in_is_refused(
    program: Program, finance: User, spec: ColumnSpec, sentence: str
) -> None:
    with pytest.raises(Refused, match=sentence):
        actions.set_columns(program, [*ALL_KINDS, spec], actor=finance)
    assert program.columns.count() == 6


def test_a_column_in_use_stays_until_the_roster_is_done(program: Program, clerk: User, finance: User) -> None:
    found = take_in(program, clerk, claim(地块名称=""))
    retyped = [ColumnSpec("月数", "decimal") if spec.label == "月数" else spec for spec in ALL_KINDS]
    for specs in (retyped, [spec for spec in ALL_KINDS if spec.label != "月数"]):
        with pytest.raises(Refused, match=f"“月数”正用在没办完的清册{found.roster.number}里"):
            actions.set_columns(program, specs, actor=finance)
    assert [ColumnSpec.of(column) for column in program.columns.all()] == ALL_KINDS
    # What no row of it uses may go, others may come, and words may change.
    reworded = [ColumnSpec("月数", "integer", help="几个月"), *ALL_KINDS[2:], ColumnSpec("说法", "text")]
    actions.set_columns(program, reworded, actor=finance)
    actions.cancel_roster(found.roster, note="重做", actor=clerk)
    actions.set_columns(program, [], actor=finance)
    assert not program.columns.exists()


def test_a_column_in_the_rule_stays_a_required_number(program: Program, finance: User) -> None:
    actions.set_amount_rule(program, "标准*月数", "warn", actor=finance)
    for change in (ColumnSpec("月数", "text"), ColumnSpec("月数", "integer", required=False)):
        with pytest.raises(Refused, match="请先改算法"):
            actions.set_columns(program, [change], actor=finance)
    assert program.columns.count() == 6


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ("标准*亩数", "“亩数”不认识。可以用：标准、数量、年龄、月数、面积。"),
        ("标准*地块名称", "“地块名称”不是必填的整数或小数，不能用在算法里。"),
        ("标准**2", "没有乘方"),
        ("__import__('os')", "三个函数"),
    ],
)
def test_a_bad_rule_is_not_saved(program: Program, finance: User, rule: str, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence.replace("*", r"\*")):
        actions.set_amount_rule(program, rule, "warn", actor=finance)
    program.refresh_from_db()
    assert program.amount_rule == ""


def test_a_rule_is_tried_before_it_is_saved(program: Program) -> None:
    values = actions.sample_values(program)
    assert values == {"标准": 100, "数量": 1, "年龄": 70, "月数": 1, "面积": Decimal("3.20")}
    assert actions.try_rule(program, "标准*月数", {**values, "月数": 3}) == 30_000
    with pytest.raises(Refused, match="除以了零"):
        actions.try_rule(program, "标准/月数", {**values, "月数": 0})

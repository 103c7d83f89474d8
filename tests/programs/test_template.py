"""The template is what the import reads: downloaded, filled, uploaded, clean."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import openpyxl
import pytest

from programs import actions
from programs.imports import build_template, template_columns
from programs.imports.template import FIRST_ROW, HEADER_ROW, NOTES, PREPARED_ROWS, SHEET
from programs.models import Program
from subsidy_portal.models import User
from tests import make
from tests.corpus import rosters as corpus

pytestmark = pytest.mark.django_db


@pytest.fixture
def clerk(set_today: Callable[[str], None]) -> User:
    set_today("2022-03-05")
    make.make_area(make.VILLAGE)
    make.make_bank("N")
    return make.make_user(make.K.TOWNSHIP, make.R.OPERATOR)


def opened(program: Program, **options: Any) -> openpyxl.Workbook:
    return openpyxl.load_workbook(BytesIO(build_template(program, **options)))


def test_the_provincial_columns_in_their_order() -> None:
    assert tuple(column.label for column in template_columns(make.make_program())) == corpus.LABELS


def test_who_is_required_depends_on_who_is_paid() -> None:
    def required(program: Program) -> set[str]:
        return {column.field for column in template_columns(program) if column.required}

    persons = required(make.make_program())
    households = required(make.make_program(paid_to=Program.PaidTo.HOUSEHOLD))
    assert households - persons == {"head_name", "head_id"}
    assert {"payee_name", "payee_id", "account", "bank", "village", "group_no", "amount"} <= persons


@pytest.mark.parametrize(("unit", "asked"), [("亩", True), ("台", True), ("人·月", False), ("户·季", False)])
def test_a_quantity_is_asked_where_something_is_counted(unit: str, asked: bool) -> None:
    fields = [column.field for column in template_columns(make.make_program(standard_unit=unit))]
    assert ("quantity" in fields) is asked


def test_two_header_rows_text_identifiers_and_choices(clerk: User) -> None:
    sheet = opened(make.make_program(), area=clerk.organisation.area)[SHEET]
    assert [sheet.cell(HEADER_ROW, index).value for index in (1, 2, 4, 8, 13)] == [
        "排序序号", "户主", "收款人", "享受人", "其他",
    ]  # fmt: skip
    assert [sheet.cell(HEADER_ROW + 1, index).value for index in range(2, 19)] == list(corpus.LABELS[1:])
    assert "B3:C3" in {str(merged) for merged in sheet.merged_cells.ranges}
    assert sheet.freeze_panes == f"B{FIRST_ROW}"
    for letter in "CEFKL":
        for row in (FIRST_ROW, FIRST_ROW + PREPARED_ROWS - 1):
            assert sheet[f"{letter}{row}"].number_format == "@"
    choices = {str(found.sqref).split(":")[0]: found.formula1 for found in sheet.data_validations.dataValidation}
    assert choices == {f"G{FIRST_ROW}": f"'{NOTES}'!$F$2:$F$2", f"H{FIRST_ROW}": f"'{NOTES}'!$G$2:$G$2"}


def test_the_notes_say_every_column_and_only_invented_numbers() -> None:
    program = make.make_program()
    notes = opened(program)[NOTES]
    rows = {row[0]: row for row in notes.iter_rows(values_only=True) if row[0]}
    assert set(corpus.LABELS) <= set(rows)
    assert all(rows[column.label][2] for column in template_columns(program))
    assert rows["享受人身份证号"][3].startswith("990000")


@pytest.mark.parametrize(
    "options",
    [{}, {"paid_to": Program.PaidTo.HOUSEHOLD}, {"standard_unit": "亩", "standard_fen": 10_320}],
)
def test_downloaded_filled_uploaded_clean(options: dict[str, Any], clerk: User) -> None:
    program = make.make_program(**options)
    workbook = opened(program, area=clerk.organisation.area)
    for n in range(3):
        row = corpus.claim(n) | {"数量": "3.2", "补贴标准": "", "务工地点": "本地"}
        for index, column in enumerate(template_columns(program), 1):
            workbook[SHEET].cell(FIRST_ROW + n, index).value = row[column.label]
    started = actions.upload_roster(
        program, clerk.organisation.area, "2022-03", file_name="a.xlsx", content=corpus.saved(workbook), actor=clerk
    )
    found = actions.import_roster(started.pk)
    assert found.problems == []
    assert (found.rows, found.amount_fen) == (3, 30_000)
    assert {row.standard_fen for row in found.roster.rows.all()} == {program.standard_fen}


def test_an_empty_template_says_that_there_are_no_rows(clerk: User) -> None:
    program = make.make_program()
    started = actions.upload_roster(
        program, clerk.organisation.area, "2022-03", file_name="a.xlsx", content=build_template(program), actor=clerk
    )
    assert [p["message"] for p in actions.import_roster(started.pk).problems] == ["表头下面没有一行数据。"]


def test_the_example_account_is_no_social_card_number() -> None:
    from subsidy_portal.identifiers import parse_account, parse_id_number, parse_phone

    examples = {column.field: column.example for column in template_columns(make.make_program())}
    assert parse_id_number(examples["beneficiary_id"]) == examples["beneficiary_id"]
    assert parse_account(examples["account"]) == examples["account"]
    assert parse_phone(examples["phone"]) == examples["phone"]

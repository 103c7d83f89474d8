"""The clerk gets the own workbook back: values kept, bad cells coloured and commented, a summary in front."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import openpyxl
import pytest

from programs import actions
from programs.imports import marking
from programs.models import Program, RosterImport
from subsidy_portal import sheets
from subsidy_portal.models import User
from tests import make
from tests.corpus import rosters as corpus

pytestmark = pytest.mark.django_db
RED = "FFFFD7D5"


@pytest.fixture
def clerk(set_today: Callable[[str], None]) -> User:
    set_today("2022-03-05")
    make.make_area(make.VILLAGE)
    make.make_bank("N")
    return make.make_user(make.K.TOWNSHIP, make.R.OPERATOR)


def take_in(clerk: User, content: bytes, program: Program | None = None) -> RosterImport:
    started = actions.upload_roster(
        program or make.make_program(),
        clerk.organisation.area,
        "2022-03",
        file_name="三月清册.xlsx",
        content=content,
        actor=clerk,
    )
    return actions.import_roster(started.pk)


def marked(found: RosterImport) -> openpyxl.Workbook:
    return openpyxl.load_workbook(BytesIO(found.marked_file.read()))


def test_bad_cells_are_coloured_and_commented_and_the_rest_is_as_it_was(clerk: User) -> None:
    workbook = corpus.write([corpus.claim(n) for n in range(3)])
    sheet = workbook.worksheets[0]
    sheet["P5"], sheet["K6"], sheet["R4"] = "壹佰元", 990000195001010019, '=HYPERLINK("http://x")'
    sheet["R4"].data_type = "s"
    found = take_in(clerk, corpus.saved(workbook))
    assert found.marked_file.name == "三月清册-标错.xlsx"
    back = marked(found)
    assert back.sheetnames == ["错误汇总", "清册"]
    page = back["清册"]
    assert page["P5"].value == "壹佰元"
    assert page["P5"].fill.fgColor.rgb == RED
    assert page["P5"].comment.text == "这不是金额。请只填数字，以元为单位，最多两位小数，例如 1200.50。"
    assert page["K6"].fill.fgColor.rgb == RED
    assert page["P4"].fill.fgColor.rgb != RED
    assert page["P4"].comment is None
    assert page["K4"].value == corpus.id_number(0)
    assert (page["R4"].value, page["R4"].data_type) == ('=HYPERLINK("http://x")', "s")


def test_the_summary_counts_and_links_and_masks(clerk: User) -> None:
    workbook = corpus.write([corpus.claim(n) for n in range(3)])
    workbook.worksheets[0]["K5"] = corpus.id_number(1)[:17]
    found = take_in(clerk, corpus.saved(workbook))
    rows = list(marked(found)["错误汇总"].iter_rows(values_only=True))
    assert rows[0][0] == "共1处错误，没有导入。改好后重新上传整份文件。"
    assert rows[-1] == (
        "清册", 5, "K", "身份证号应为18位，这里是17位。", "请照身份证重填。", "••••" + corpus.id_number(1)[13:17],
    )  # fmt: skip
    assert marked(found)["错误汇总"].cell(len(rows), 2).hyperlink.location == "'清册'!K5"


def test_formulas_go_back_as_values(clerk: User) -> None:
    workbook = corpus.write([corpus.claim(0)])
    workbook.worksheets[0]["P4"] = '=CMD|"/c calc"!A1'
    found = take_in(clerk, corpus.saved(workbook))
    assert found.problems[0]["code"] == "formula_cell"
    assert all(cell.data_type != "f" for sheet in marked(found) for row in sheet.iter_rows() for cell in row)


def test_a_corrected_marked_workbook_is_a_clean_file(clerk: User) -> None:
    program = make.make_program()
    found = take_in(clerk, corpus.spoiled_file(corpus.DEFECTS["amount_zero"]), program)
    back = marked(found)
    back["清册"]["P5"] = "100"
    again = take_in(clerk, corpus.saved(back), program)
    assert again.problems == []
    assert again.status == RosterImport.Status.IMPORTED


def test_of_a_large_file_only_the_bad_rows_go_back(clerk: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marking, "WHOLE_FILE_ROWS", 5)
    workbook = corpus.write([corpus.claim(n) for n in range(8)])
    sheet = workbook.worksheets[0]
    sheet["P7"], sheet["R7"] = "0", "=1+1"
    sheet["R7"].data_type = "s"
    page = marked(take_in(clerk, corpus.saved(workbook)))["有错的行"]
    rows = list(page.iter_rows(values_only=True))
    assert len(rows) == 2
    assert rows[0] == ("原行号", *corpus.LABELS)
    assert rows[1][0] == 7
    assert rows[1][11] == corpus.id_number(3)
    assert (page["Q2"].fill.fgColor.rgb, page["Q2"].comment.text) == (RED, "金额必须大于零。不发的人请整行删除。")
    assert (page["S2"].value, page["S2"].data_type) == ("=1+1", "s")


def test_two_thousand_problems_are_kept_and_all_are_counted(clerk: User) -> None:
    found = take_in(clerk, corpus.saved(corpus.write([corpus.claim(n) | {"补贴金额": "0"} for n in range(2_010)])))
    assert (len(found.problems), found.problem_count) == (2_000, 2_010)
    marks = [cell for cell in marked(found)["清册"]["P"] if cell.comment]
    assert len(marks) == 2_010


def test_a_file_that_cannot_be_opened_has_a_sentence_and_no_marked_workbook(clerk: User) -> None:
    found = take_in(clerk, corpus.clean_file(1)[:-200])
    assert [(p["sheet"], p["row"], p["column"], p["message"]) for p in found.problems] == [
        ("", 0, "", "文件已损坏，或不是普通的Excel工作簿。")
    ]
    assert found.marked_file is None


def test_masks() -> None:
    assert sheets.mask_digits("原号990000195001010019，电话13800000000") == "原号••••0019，电话••••0000"
    assert sheets.mask_digits("第12行 100.00 元") == "第12行 100.00 元"

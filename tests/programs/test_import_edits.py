"""Small mistakes put right on screen: the same file is read again with the typed cells over it; the file stays."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from programs import actions
from programs.actions.uploads import AlreadyUploaded
from programs.imports.edits import Edit
from programs.models import CellEdit, Person, Program, Roster, RosterImport
from subsidy_portal.models import Event, User
from subsidy_portal.workflow import NotPermitted, Refused
from tests import make
from tests.corpus import rosters as corpus
from tests.programs.pages import read, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def clerk(set_today: Callable[[str], None]) -> User:
    set_today("2022-03-05")
    make.make_area(make.VILLAGE)
    make.make_bank("N")
    return make.make_user(make.K.TOWNSHIP, make.R.OPERATOR)


@pytest.fixture
def program() -> Program:
    return make.make_program()


def upload(program: Program, clerk: User, content: bytes, name: str = "三月清册.xlsx") -> RosterImport:
    started = actions.upload_roster(
        program, clerk.organisation.area, "2022-03", file_name=name, content=content, actor=clerk
    )
    return actions.import_roster(started.pk)


def spoiled() -> bytes:
    """Three claims; the second's amount is a word and its ID number lacks a digit."""
    workbook = corpus.write([corpus.claim(n) for n in range(3)])
    sheet = workbook.worksheets[0]
    sheet["P5"], sheet["K5"] = "壹佰元", corpus.id_number(1)[:17]
    return corpus.saved(workbook)


def fixes() -> list[Edit]:
    return [Edit(corpus.SHEET, 5, "P", "100"), Edit(corpus.SHEET, 5, "K", corpus.id_number(1))]


def test_corrected_cells_make_the_file_clean_and_the_file_stays_as_it_came(clerk: User, program: Program) -> None:
    content = spoiled()
    first = upload(program, clerk, content)
    assert first.status == RosterImport.Status.REFUSED
    again = actions.import_roster(actions.correct_cells(first, fixes(), actor=clerk).pk)
    assert (again.status, again.problems, again.corrects_id) == ("imported", [], first.pk)
    assert again.file_id == first.file_id
    assert first.file.read() == content
    assert Roster.objects.get().rows.count() == 3
    page = openpyxl.load_workbook(BytesIO(again.marked_file.read()))["清册"]
    assert (page["P5"].value, page["K5"].value) == ("100", corpus.id_number(1))


def test_what_was_typed_is_sealed_and_stands_in_no_event(clerk: User, program: Program) -> None:
    first = upload(program, clerk, spoiled())
    again = actions.correct_cells(first, fixes(), actor=clerk)
    number = corpus.id_number(1)
    assert {edit.value for edit in again.edits.all()} == {"100", number}
    assert number.encode() not in bytes(again.edits.get(column="K").value_sealed)
    event = Event.objects.get(kind="cells_corrected")
    assert event.note == "2格：P5、K5"
    assert number not in f"{event.note}{event.data}"


def test_corrections_are_carried_forward_and_the_latest_of_a_cell_wins(clerk: User, program: Program) -> None:
    first = upload(program, clerk, spoiled())
    amount, number = fixes()
    second = actions.import_roster(actions.correct_cells(first, [amount], actor=clerk).pk)
    assert [(p["column"], p["row"]) for p in second.problems] == [("K", 5)]
    third = actions.import_roster(actions.correct_cells(second, [number], actor=clerk).pk)
    assert third.status == RosterImport.Status.IMPORTED
    assert third.edits.count() == 2


@pytest.mark.parametrize(
    ("edits", "sentence"),
    [
        ([], "一格也没有改。"),
        ([Edit(corpus.SHEET, 4, "P", "900")], "P4没有可以在网页上改的错误。"),
        ([Edit(corpus.SHEET, 5, "P", "9" * 201)], "P5填了超过200个字。"),
        (
            [Edit(corpus.SHEET, 5, "P", "1")] + [Edit(corpus.SHEET, n, "P", "1") for n in range(6, 207)],
            "一次最多改200格",
        ),
    ],
)
def test_only_bad_cells_within_measure_may_be_typed(
    edits: list[Edit], sentence: str, clerk: User, program: Program
) -> None:
    first = upload(program, clerk, spoiled())
    with pytest.raises(Refused, match=sentence):
        actions.correct_cells(first, edits, actor=clerk)
    assert RosterImport.objects.count() == 1
    assert not CellEdit.objects.exists()
    assert not Person.objects.exists()


def test_an_older_file_is_not_corrected(clerk: User, program: Program) -> None:
    first = upload(program, clerk, spoiled())
    upload(program, clerk, corpus.spoiled_file(corpus.DEFECTS["amount_zero"]))
    with pytest.raises(Refused, match="后来又传过"):
        actions.correct_cells(first, fixes(), actor=clerk)


def test_whoever_corrected_a_cell_does_not_review_the_roster(clerk: User, program: Program) -> None:
    first = upload(program, clerk, spoiled())
    helper = make.make_user(make.K.TOWNSHIP, make.R.OPERATOR, clerk.organisation)
    actions.import_roster(actions.correct_cells(first, fixes(), actor=helper).pk)
    roster = Roster.objects.get()
    actions.submit_roster(roster, actor=clerk)
    User.objects.filter(pk=helper.pk).update(role=make.R.REVIEWER)
    with pytest.raises(NotPermitted):
        actions.approve_roster_in_town(roster, actor=User.objects.get(pk=helper.pk))


def test_the_page_takes_corrections_and_shows_them_masked(clerk: User, program: Program) -> None:
    first = upload(program, clerk, spoiled())
    browser, url = signed_in(clerk), reverse("programs:roster-import", args=[first.pk])
    text = read(browser.get(url))
    assert "改好这些格，重新读取" in text
    places = {f"{p['column']}{p['row']}": n for n, p in enumerate(first.problems)}
    typed = {f"cell-{places['P5']}": "100", f"cell-{places['K5']}": corpus.id_number(1)}
    answer = browser.post(reverse("programs:roster-import-correct", args=[first.pk]), typed)
    assert answer["Location"] == reverse("programs:roster", args=[first.roster_id])
    again = actions.import_roster(RosterImport.objects.latest("pk").pk)
    assert again.status == RosterImport.Status.IMPORTED
    page = read(browser.get(reverse("programs:roster-import", args=[again.pk])))
    assert "2 格在网页上改正" in page
    assert corpus.id_number(1) not in page
    assert "其中 2 格在网页上改正" in read(browser.get(answer["Location"]))
    assert "重新读取" not in read(browser.get(url))


def test_another_township_neither_sees_nor_corrects(clerk: User, program: Program) -> None:
    first = upload(program, clerk, spoiled())
    town = make.make_organisation(make.K.TOWNSHIP, make.make_area("990001102000"))
    stranger = signed_in(make.make_user(make.K.TOWNSHIP, make.R.OPERATOR, town))
    assert stranger.post(reverse("programs:roster-import-correct", args=[first.pk]), {"cell-0": "1"}).status_code == 404
    assert RosterImport.objects.count() == 1


def test_corrections_come_by_api_too(clerk: User, program: Program) -> None:
    first = upload(program, clerk, spoiled())
    cells = [{"sheet": e.sheet, "row": e.row, "column": e.column, "value": e.value} for e in fixes()]
    answer = signed_in(clerk).post(
        f"/api/v1/rosters/{first.roster_id}/corrections/", cells, content_type="application/json"
    )
    assert answer.status_code == 202
    assert actions.import_roster(answer.json()["import_id"]).status == RosterImport.Status.IMPORTED


def test_the_same_file_again_leads_to_the_import_that_took_it(clerk: User, program: Program) -> None:
    content = corpus.saved(corpus.write([corpus.claim(0)]))
    first = upload(program, clerk, content)
    with pytest.raises(AlreadyUploaded) as refused:
        upload(program, clerk, content)
    assert refused.value.data["import_id"] == first.pk
    file = SimpleUploadedFile("三月清册.xlsx", content)
    answer = signed_in(clerk).post(reverse("programs:roster-upload", args=[first.roster_id]), {"file": file})
    assert answer["Location"] == reverse("programs:roster-import", args=[first.pk])
    assert RosterImport.objects.count() == 1


def test_the_same_rows_under_another_name_are_no_new_revision(clerk: User, program: Program) -> None:
    upload(program, clerk, corpus.saved(corpus.write([corpus.claim(n) for n in range(2)])))
    workbook = corpus.write([corpus.claim(n) for n in range(2)])
    workbook.properties.creator = "另一台电脑"
    again = upload(program, clerk, corpus.saved(workbook), "三月清册（副本）.xlsx")
    assert (again.status, again.revision) == ("imported", 1)
    roster = Roster.objects.get()
    assert (roster.revision, roster.rows.count()) == (1, 2)
    text = read(signed_in(clerk).get(reverse("programs:roster-import", args=[again.pk])))
    assert "内容与第1次导入完全相同，没有重复导入" in text


def test_an_old_number_is_read_as_eighteen_when_the_clerk_has_confirmed_it(program: Program, clerk: User) -> None:
    number = corpus.id_number(1)
    assert number[6:8] == "19"
    workbook = corpus.write([corpus.claim(n) for n in range(3)])
    sheet = workbook.worksheets[0]
    for column in "BCDEFGHIJKLMNOP":
        for row in range(4, 8):
            if sheet[f"{column}{row}"].value == number:
                sheet[f"{column}{row}"] = number[:6] + number[8:17]
    found = upload(program, clerk, corpus.saved(workbook))
    assert {problem["code"] for problem in found.problems} == {"id_old_15"}
    assert number[-4:] in found.problems[0]["message"]
    browser = signed_in(clerk)
    url = reverse("programs:roster-import", args=[found.pk])
    assert "核对过，换成18位" in read(browser.get(url))
    browser.post(reverse("programs:roster-import-correct", args=[found.pk]), {"upgrade-all": "1"})
    again = actions.import_roster(RosterImport.objects.latest("pk").pk)
    assert again.status == RosterImport.Status.IMPORTED
    assert Person.objects.with_id_number(number).exists()


def test_what_was_typed_stays_when_it_is_refused_and_a_cell_can_be_cleared(program: Program, clerk: User) -> None:
    workbook = corpus.write([corpus.claim(n) for n in range(2)])
    header = {cell.value: cell.column_letter for cell in workbook.worksheets[0][3]}
    phone = next(letter for label, letter in header.items() if label and "电话" in str(label))
    workbook.worksheets[0][f"{phone}4"] = "12"
    found = upload(program, clerk, corpus.saved(workbook))
    url = reverse("programs:roster-import-correct", args=[found.pk])
    browser = signed_in(clerk)
    refused = browser.post(url, {"cell-0": "1" * 201})
    assert refused.status_code == 422
    assert "超过200个字" in read(refused)
    assert "1" * 201 in read(refused)
    browser.post(url, {"clear-0": "on"})
    again = actions.import_roster(RosterImport.objects.latest("pk").pk)
    assert again.status == RosterImport.Status.IMPORTED

"""A file that does not say which sheet or column is meant: asked, answered, kept for the department, forgotten."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.urls import reverse
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from programs import actions
from programs.models import ColumnMapping, Person, Program, Roster, RosterImport, RosterRow
from programs.tasks import import_roster as import_task
from programs.tasks import sweep
from subsidy_portal.desk import waiting
from subsidy_portal.jobs import sweep_jobs
from subsidy_portal.models import Event, Job, User
from subsidy_portal.workflow import InvalidTransition, NotPermitted, Refused
from tests import make
from tests.corpus import rosters as corpus
from tests.corpus.rosters.files import FILES, unknown_layout
from tests.programs.pages import read, signed_in

pytestmark = pytest.mark.django_db

ANSWER = {"beneficiary_name": 0, "beneficiary_id": 1, "account": 2, "bank": 3, "village": 4, "amount": 5}


@pytest.fixture
def clerk(set_today: Callable[[str], None]) -> User:
    set_today("2022-03-05")
    make.make_area(make.VILLAGE)
    make.make_bank("N")
    return make.make_user(make.K.TOWNSHIP, make.R.OPERATOR)


@pytest.fixture
def program() -> Program:
    return make.make_program()


def take_in(program: Program, clerk: User, content: bytes, period: str = "2022-03") -> RosterImport:
    started = actions.upload_roster(
        program, clerk.organisation.area, period, file_name="表.xlsx", content=content, actor=clerk
    )
    return actions.import_roster(started.pk)


def two_sheets() -> bytes:
    return FILES["m14_two_sheets_fit.xlsx"].make()


# --- The sheet ----------------------------------------------------------------------------------------------


def test_of_several_lists_the_clerk_chooses_one_and_only_that_is_read(program: Program, clerk: User) -> None:
    found = take_in(program, clerk, two_sheets())
    assert found.status == "asking"
    assert [(one["name"], one["rows"]) for one in found.question["choices"]] == [("清册", 3), ("清册(2)", 3)]
    assert Person.objects.count() == 0
    answered = actions.choose_sheet(found, "清册(2)", actor=clerk)
    assert (answered.status, answered.job.status) == ("queued", "queued")
    found = actions.import_roster(found.pk)
    assert (found.status, found.rows, found.sheet_name) == ("imported", 3, "清册(2)")
    assert "工作表“清册”没有读。" in found.warnings


def test_a_sheet_nobody_offered_is_no_answer(program: Program, clerk: User) -> None:
    found = take_in(program, clerk, two_sheets())
    with pytest.raises(Refused, match="没有这张工作表"):
        actions.choose_sheet(found, "别的", actor=clerk)
    found.refresh_from_db()
    assert (found.status, found.sheet_name) == ("asking", "")


# --- The columns --------------------------------------------------------------------------------------------


def test_an_unknown_layout_is_mapped_once_and_recognised_next_time(program: Program, clerk: User) -> None:
    found = take_in(program, clerk, unknown_layout())
    assert (found.status, found.question["kind"], found.question["header_row"]) == ("asking", "columns", 2)
    actions.map_columns(found, ANSWER, actor=clerk)
    found = actions.import_roster(found.pk)
    assert (found.status, found.rows, found.amount_fen) == ("imported", 3, 30_000)
    assert found.roster.rows.first().beneficiary.reveal_id_number() == corpus.id_number(0)
    again = take_in(program, clerk, unknown_layout(4, title="四月发放"), "2022-04")
    assert (again.status, again.rows) == ("imported", 4)
    assert again.warnings[0] == "按2022年3月5日保存的对应关系读取。"


def test_a_mapping_is_kept_for_the_department_and_no_other(program: Program, clerk: User) -> None:
    found = take_in(program, clerk, unknown_layout())
    actions.map_columns(found, ANSWER, actor=clerk)
    sibling = make.make_program(department=program.department)
    stranger = make.make_program(department=make.make_organisation(make.K.DEPARTMENT, name="示范县农业农村局"))
    assert take_in(sibling, clerk, unknown_layout()).status == "imported"
    assert take_in(stranger, clerk, unknown_layout()).status == "asking"


def test_a_forgotten_mapping_is_asked_about_again(program: Program, clerk: User) -> None:
    found = take_in(program, clerk, unknown_layout())
    actions.map_columns(found, ANSWER, actor=clerk)
    actions.import_roster(found.pk)
    actions.forget_mapping(ColumnMapping.objects.get(), actor=clerk)
    assert take_in(program, clerk, unknown_layout(4), "2022-04").status == "asking"
    assert RosterRow.objects.count() == 3


def test_wrong_cells_of_a_mapped_file_are_told_by_their_place(program: Program, clerk: User) -> None:
    found = take_in(program, clerk, unknown_layout())
    actions.map_columns(found, {**ANSWER, "bank": 4, "village": 3}, actor=clerk)
    found = actions.import_roster(found.pk)
    assert {(p["column"], p["code"]) for p in found.problems} == {("D", "village_unknown"), ("E", "bank_unknown")}
    assert found.marked_file is not None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"amount": None}, "还缺必填的“补贴金额”"),
        ({"beneficiary_id": 0}, "A列同时对应"),
        ({"amount": 6}, "不在这张表里"),
        ({"amount": -1}, "不在这张表里"),
        ({"password": 5}, "不在这张表里"),
    ],
)
def test_an_answer_is_checked_and_nothing_is_kept_of_a_wrong_one(
    change: dict[str, int | None], said: str, program: Program, clerk: User
) -> None:
    found = take_in(program, clerk, unknown_layout())
    given = {name: index for name, index in {**ANSWER, **change}.items() if index is not None}
    with pytest.raises(Refused, match=said):
        actions.map_columns(found, given, actor=clerk)
    found.refresh_from_db()
    assert (found.status, found.columns, ColumnMapping.objects.count()) == ("asking", {}, 0)


def test_a_row_of_people_is_no_header(program: Program, clerk: User) -> None:
    found = take_in(program, clerk, unknown_layout())
    with pytest.raises(Refused, match="第3行不像表头"):
        actions.map_columns(found, ANSWER, actor=clerk, header_row=3)
    assert ColumnMapping.objects.count() == 0


def test_the_question_holds_no_full_identifier(program: Program, clerk: User) -> None:
    found = take_in(program, clerk, unknown_layout())
    kept = json.dumps(found.question, ensure_ascii=False)
    for n in range(3):
        assert corpus.id_number(n) not in kept
        assert corpus.account_number(n) not in kept
    assert "••••" + corpus.id_number(0)[-4:] in kept


def test_a_household_list_needs_only_the_head(clerk: User) -> None:
    program = make.make_program(paid_to=Program.PaidTo.HOUSEHOLD)
    found = take_in(program, clerk, unknown_layout())
    head = {"head_name": 0, "head_id": 1, **{k: v for k, v in ANSWER.items() if "beneficiary" not in k}}
    actions.map_columns(found, head, actor=clerk)
    found = actions.import_roster(found.pk)
    assert (found.status, found.rows) == ("imported", 3)
    row = found.roster.rows.first()
    assert row.head_id == row.beneficiary_id == row.payee_id


# --- While it asks ------------------------------------------------------------------------------------------


def test_a_waiting_file_is_not_taken_for_an_interrupted_one(program: Program, clerk: User) -> None:
    started = actions.upload_roster(
        program, clerk.organisation.area, "2022-03", file_name="表.xlsx", content=two_sheets(), actor=clerk
    )
    import_task(started.job_id)
    job = Job.objects.get(pk=started.job_id)
    assert (job.status, job.message) == ("done", "要您说明一下才能读下去")
    assert job.result_url == reverse("programs:roster-import-answer", args=[started.pk])
    sweep()
    sweep_jobs()
    actions.abandon_import(started.pk)
    started.refresh_from_db()
    assert actions.import_roster(started.pk).status == started.status == "asking"


def test_a_new_file_takes_the_place_of_a_waiting_one(program: Program, clerk: User) -> None:
    waiting = take_in(program, clerk, two_sheets())
    found = take_in(program, clerk, corpus.clean_file(2))
    waiting.refresh_from_db()
    assert (found.status, waiting.status, waiting.problems[0]["code"]) == ("imported", "refused", "replaced")
    with pytest.raises(InvalidTransition):
        actions.choose_sheet(waiting, "清册", actor=clerk)


def test_who_may_answer(program: Program, clerk: User) -> None:
    found = take_in(program, clerk, two_sheets())
    with pytest.raises(NotPermitted):
        actions.choose_sheet(found, "清册", actor=make.make_user(make.K.TOWNSHIP, make.R.REVIEWER))
    other = make.make_organisation(make.K.TOWNSHIP, make.make_area("990001102000"))
    stranger = make.make_user(make.K.TOWNSHIP, make.R.OPERATOR, other)
    with pytest.raises(Refused, match="只能回答本乡镇"):
        actions.choose_sheet(found, "清册", actor=stranger)
    Roster.objects.update(status=Roster.Status.CANCELLED)
    with pytest.raises(Refused, match="不在编制中"):
        actions.choose_sheet(found, "清册", actor=clerk)
    found.refresh_from_db()
    assert (found.status, Event.objects.filter(kind="sheet_chosen").count()) == ("asking", 0)


# --- On the page --------------------------------------------------------------------------------------------


def test_the_desk_and_the_roster_lead_to_the_question(program: Program, clerk: User) -> None:
    found = take_in(program, clerk, unknown_layout())
    assert "文件待说明" in [item.kind for item in waiting(clerk)]
    browser, url = signed_in(clerk), reverse("programs:roster-import-answer", args=[found.pk])
    assert url in read(browser.get(reverse("programs:roster", args=[found.roster_id])))
    assert url in read(browser.get(reverse("programs:roster-import", args=[found.pk])))


def test_the_mapping_page_guesses_shows_samples_and_takes_the_answer(program: Program, clerk: User) -> None:
    found = take_in(program, clerk, FILES["m02_one_unknown_word.xlsx"].make())
    browser, url = signed_in(clerk), reverse("programs:roster-import-answer", args=[found.pk])
    page = read(browser.get(url))
    assert "打款号" in page
    assert "••••" + corpus.account_number(0)[-4:] in page
    assert corpus.id_number(0) not in page
    assert page.count(" selected") == 7  # six columns and the header row: all is guessed
    twice = {"column-1": "amount", "column-2": "amount"}
    wrong = browser.post(url, twice)
    assert wrong.status_code == 422
    assert "选了两列：B列和C列" in read(wrong)
    names = {1: "beneficiary_name", 2: "beneficiary_id", 3: "account", 4: "bank", 5: "village", 6: "amount"}
    answer = browser.post(url, {f"column-{index}": name for index, name in names.items()})
    assert answer.headers["Location"] == reverse("programs:roster", args=[found.roster_id])
    assert actions.import_roster(found.pk).rows == 3
    assert browser.get(url).status_code == 302


def test_another_header_row_is_looked_at_without_writing(program: Program, clerk: User) -> None:
    found = take_in(program, clerk, unknown_layout())
    browser, url = signed_in(clerk), reverse("programs:roster-import-answer", args=[found.pk])
    page = read(browser.get(url, {"header": "1"}))
    assert '<option value="1" selected>' in page
    found.refresh_from_db()
    assert found.question["header_row"] == 2


def test_the_sheet_page(program: Program, clerk: User) -> None:
    found = take_in(program, clerk, two_sheets())
    browser, url = signed_in(clerk), reverse("programs:roster-import-answer", args=[found.pk])
    assert "清册(2)" in read(browser.get(url))
    assert browser.post(url, {"sheet": "没有的"}).status_code == 422
    assert browser.post(url, {"sheet": "清册"}).status_code == 302
    assert actions.import_roster(found.pk).status == "imported"


def test_kept_mappings_are_listed_and_forgotten_by_who_uploads(program: Program, clerk: User) -> None:
    found = take_in(program, clerk, unknown_layout())
    actions.map_columns(found, ANSWER, actor=clerk)
    kept, browser = ColumnMapping.objects.get(), signed_in(clerk)
    url = reverse("programs:mapping-list")
    assert "存到哪 → 银行账号" in read(browser.get(url))
    forget = reverse("programs:mapping-forget", args=[kept.pk])
    reviewer = signed_in(make.make_user(make.K.TOWNSHIP, make.R.REVIEWER))
    assert forget not in read(reviewer.get(url))
    assert reviewer.post(forget).status_code == 404
    assert ColumnMapping.objects.count() == 1
    assert browser.post(forget).headers["Location"] == url
    assert ColumnMapping.objects.count() == 0


def test_a_stranger_sees_no_question(program: Program, clerk: User) -> None:
    found = take_in(program, clerk, two_sheets())
    other = make.make_organisation(make.K.TOWNSHIP, make.make_area("990001102000"))
    stranger = signed_in(make.make_user(make.K.TOWNSHIP, make.R.OPERATOR, other))
    assert stranger.get(reverse("programs:roster-import-answer", args=[found.pk])).status_code == 404


# --- Through the API ----------------------------------------------------------------------------------------


def api_of(user: User) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=user).key}")
    return client


def test_the_api_asks_for_columns_and_takes_the_answer(program: Program, clerk: User) -> None:
    found = take_in(program, clerk, unknown_layout())
    client, url = api_of(clerk), f"/api/v1/rosters/{found.roster_id}/"
    told = client.get(url).json()
    assert told["last_import"]["status"] == "asking"
    assert [one["words"] for one in told["question"]["columns"]][:2] == ["人", "证"]
    assert told["question"]["columns"][1]["guess"] == "beneficiary_id"
    wrong = client.post(f"{url}map-columns/", {"columns": {"amount": 5}}, format="json")
    assert wrong.status_code == 422
    answer = client.post(f"{url}map-columns/", {"columns": ANSWER, "header_row": 2}, format="json")
    assert (answer.status_code, answer.json()["last_import"]["status"]) == (200, "queued")
    assert actions.import_roster(found.pk).rows == 3
    assert client.get(url).json()["question"] is None


def test_the_api_asks_for_the_sheet_and_takes_the_answer(program: Program, clerk: User) -> None:
    found = take_in(program, clerk, two_sheets())
    client, url = api_of(clerk), f"/api/v1/rosters/{found.roster_id}/"
    assert [one["name"] for one in client.get(url).json()["question"]["choices"]] == ["清册", "清册(2)"]
    assert client.post(f"{url}choose-sheet/", {"name": "清册"}, format="json").status_code == 200
    again = client.post(f"{url}choose-sheet/", {"name": "清册"}, format="json")
    assert again.status_code == 409

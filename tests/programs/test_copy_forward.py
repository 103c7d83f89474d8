"""Last period's roster copied forward: who comes along, with which account and amount; and the differences shown."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from io import BytesIO
from typing import Any

import openpyxl
import pytest

from programs import actions, comparison
from programs.actions import ColumnSpec
from programs.imports.forward import LEFT_SHEET
from programs.imports.template import FIRST_ROW, SHEET
from programs.models import Person, Program, Roster, RosterRow
from programs.tasks import copy_roster
from subsidy_portal.models import Event, Job, StoredFile, User
from subsidy_portal.workflow import NotPermitted, Refused
from tests import make
from tests.corpus import rosters as corpus
from tests.programs.pages import read, signed_in

pytestmark = pytest.mark.django_db

APRIL = "2022-04"


@pytest.fixture
def clerk(set_today: Callable[[str], None]) -> User:
    set_today("2022-04-05")
    make.make_area(make.VILLAGE)
    make.make_bank("N")
    return make.make_user(make.K.TOWNSHIP, make.R.OPERATOR)


@pytest.fixture
def program() -> Program:
    made = make.make_program()
    finance = make.make_user(make.K.FINANCE, make.R.OPERATOR)
    actions.set_columns(made, [ColumnSpec("月数", "integer"), ColumnSpec("照料人证号", "id_number")], actor=finance)
    return made


def march(program: Program, clerk: User, count: int = 4, **changes: Any) -> Roster:
    assert clerk.organisation is not None
    own = {"月数": "1", "照料人证号": corpus.id_number(88)}
    rows = [corpus.claim(n) | own | changes for n in range(count)]
    content = corpus.saved(corpus.write(rows, (*corpus.LABELS, *own)))
    area = clerk.organisation.area
    found = actions.upload_roster(program, area, "2022-03", file_name="a.xlsx", content=content, actor=clerk)
    assert actions.import_roster(found.pk).problems == []
    return Roster.objects.get()


def copied(before: Roster, clerk: User) -> tuple[list[dict[str, Any]], list[tuple[Any, ...]]]:
    """The claims of the written file, and the lines of what is said about it."""
    done = actions.write_copy(before, APRIL, actor=clerk)
    book = openpyxl.load_workbook(BytesIO(done.file.read()))
    labels = [a.value or b.value for a, b in zip(book[SHEET][3], book[SHEET][4], strict=True)]
    labels = [below.value or label for below, label in zip(book[SHEET][4], labels, strict=True)]
    rows = book[SHEET].iter_rows(min_row=FIRST_ROW, values_only=True)
    claims = [dict(zip(labels, row, strict=True)) for row in rows if row[0]]
    said = list(book[LEFT_SHEET].iter_rows(values_only=True)) if LEFT_SHEET in book.sheetnames else []
    return claims, said


def test_the_same_people_with_everything_the_file_asks_for(program: Program, clerk: User) -> None:
    claims, said = copied(march(program, clerk), clerk)
    assert [claim["享受人身份证号"] for claim in claims] == [corpus.id_number(n) for n in range(4)]
    first = claims[0]
    assert (first["银行账号"], first["联系电话"]) == (corpus.account_number(0), "13800000000")
    assert (first["月数"], first["照料人证号"], first["补贴金额"]) == ("1", corpus.id_number(88), "100.00")
    assert said == []


def test_uploaded_as_it_is_nothing_has_changed(program: Program, clerk: User) -> None:
    before = march(program, clerk)
    done = actions.write_copy(before, APRIL, actor=clerk, take_in=True)
    assert done.started is not None
    found = actions.import_roster(done.started.pk)
    assert found.problems == []
    assert found.roster.period == APRIL
    sums = comparison.compare(Roster.objects.get(pk=found.roster_id), before)
    assert (sums.now, sums.changes) == (4, 0)
    opened = RosterRow.objects.get(roster=found.roster, row_no=FIRST_ROW)
    assert opened.reveal_extra("照料人证号") == corpus.id_number(88)


def test_the_struck_out_the_dead_and_the_moved_stay_behind_and_are_listed(program: Program, clerk: User) -> None:
    before = march(program, clerk)
    rows = list(before.rows.select_related("beneficiary"))
    RosterRow.objects.filter(pk=rows[0].pk).update(status="left")
    make.make_deaths({rows[1].beneficiary: dt.date(2022, 3, 20)})
    moved = make.make_deaths({rows[2].beneficiary: dt.date(2022, 3, 21)})
    moved.rows.update(kind="move_out")
    claims, said = copied(before, clerk)
    assert [claim["享受人身份证号"] for claim in claims] == [corpus.id_number(3)]
    assert [line[3] for line in said[2:5]] == ["上期已剔除", "已死亡（2022-03-20）", "户口已迁出（2022-03-21）"]
    assert not any(corpus.id_number(n) in str(said) for n in range(4))


def test_the_account_is_the_one_in_use_now(program: Program, clerk: User) -> None:
    before = march(program, clerk, count=2)
    first, second = (row.payee for row in before.rows.order_by("row_no"))
    for person in (first, second):
        person.accounts.update(is_active=False)
    newer = make.make_account(first)
    claims, said = copied(before, clerk)
    assert [claim["银行账号"] for claim in claims] == [newer.reveal_number(), None]
    reasons = [line[3] for line in said]
    assert f"账户已换成现在用的，尾号{newer.number_last4}" in reasons
    assert "没有在用的账户，请补填银行账号" in reasons


def test_an_account_under_another_name_stays_that_account(program: Program, clerk: User) -> None:
    before = march(program, clerk, count=1)
    person = Person.objects.get(id_hash=Person.id_index(corpus.id_number(0)))
    person.accounts.update(is_active=False)
    person.name = "林立厦"  # as the bank wrote it; the registry keeps the right name
    other = make.make_account(person)
    done = actions.write_copy(before, APRIL, actor=clerk, take_in=True)
    assert done.started is not None
    assert actions.import_roster(done.started.pk).problems == []
    assert RosterRow.objects.get(roster__period=APRIL).account_id == other.pk


def test_amounts_are_reckoned_anew_by_the_rule(program: Program, clerk: User) -> None:
    before = march(program, clerk, count=1)
    finance = make.make_user(make.K.FINANCE, make.R.OPERATOR)
    actions.set_amount_rule(program, "标准*月数+20", "refuse", actor=finance)
    claims, said = copied(Roster.objects.select_related("program").get(pk=before.pk), clerk)
    assert claims[0]["补贴金额"] == "120.00"
    assert said[-1][3] == "金额按算法由100.00元改为120.00元"


def test_the_job_gives_the_file_or_starts_the_import(program: Program, clerk: User) -> None:
    before = march(program, clerk)
    job = actions.start_copy(program, before.area, APRIL, actor=clerk)
    copy_roster(job.pk)
    job.refresh_from_db()
    assert (job.status, job.message) == ("done", "带过来4行，400.00元")
    assert job.result_file is not None
    assert "照料" not in str(job.params)
    assert Event.objects.about(before).filter(kind="copied").count() == 1
    job = actions.start_copy(program, before.area, APRIL, actor=clerk, take_in=True)
    copy_roster(job.pk)
    job.refresh_from_db()
    assert job.result_url == f"/staff/rosters/{Roster.objects.get(period=APRIL).pk}/"


def test_nothing_to_copy_is_said_at_once(program: Program, clerk: User) -> None:
    assert clerk.organisation is not None
    with pytest.raises(Refused, match="还没有这个项目以前的清册"):
        actions.start_copy(program, clerk.organisation.area, APRIL, actor=clerk)
    with pytest.raises(NotPermitted):
        actions.start_copy(
            program, clerk.organisation.area, APRIL, actor=make.make_user(make.K.TOWNSHIP, make.R.REVIEWER)
        )
    assert not Job.objects.exists()
    assert not StoredFile.objects.exists()


def test_nobody_left_to_copy_ends_the_job_with_a_sentence(program: Program, clerk: User) -> None:
    before = march(program, clerk)
    before.rows.update(status="left")
    job = actions.start_copy(program, before.area, APRIL, actor=clerk)
    copy_roster(job.pk)
    job.refresh_from_db()
    assert (job.status, job.result_file) == ("failed", None)
    assert job.error.startswith("上期的人都没有带过来")


# --- The differences, each with its count and its filter ---------------------------------------------------


def test_each_kind_of_difference_has_a_count_and_a_filter(clerk: User) -> None:
    program = make.make_program()
    stays, gone, more, moved, new = (make.make_person(name) for name in ("林甲", "林乙", "林丙", "林丁", "林戊"))
    before = make.make_roster(program, rows=[(person, 10_000) for person in (stays, gone, more, moved)])
    moved.accounts.update(is_active=False)
    now = make.make_roster(program, period=APRIL, rows=[(stays, 10_000), (more, 12_000), (moved, 10_000), (new, 5_000)])
    RosterRow.objects.filter(roster=now, beneficiary=moved).update(account=make.make_account(moved))
    sums = comparison.compare(now, before)
    wanted = {"added": "林戊", "gone": "林乙", "amount": "林丙", "account": "林丁"}
    for tab, name in wanted.items():
        assert sums.tab_count(tab) == 1
        [line] = comparison.lines(now, before, tab=tab)
        assert line.shown.beneficiary.name == name
    browser = signed_in(clerk)
    page = read(browser.get(f"/staff/rosters/{now.pk}/rows/?tab=account", headers={"HX-Request": "true"}, follow=True))
    assert "林丁" in page
    assert "林丙" not in page
    assert all(word in page for word in ("新增", "退出", "金额变动", "账户变动"))


def test_own_columns_are_shown_masked_on_the_page_and_in_the_api(program: Program, clerk: User) -> None:
    roster = march(program, clerk, count=1)
    page = read(signed_in(clerk).get(f"/staff/rosters/{roster.pk}/", follow=True))
    assert "月数 1 · 照料人证号 ••••" in page
    assert corpus.id_number(88) not in page
    [row] = signed_in(clerk).get(f"/api/v1/rosters/{roster.pk}/rows/").json()["results"]
    assert row["extra"] == {"月数": "1", "照料人证号": "••••" + corpus.id_number(88)[-4:]}

"""Results of rectification go public without anybody's data (R58)."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client

from programs.models import Program
from publicity.actions_results import publish_rectification
from publicity.models import Result
from selfcheck import actions as ledger
from selfcheck.models import Problem, ProblemPayment
from subsidy_portal.models import User
from subsidy_portal.workflow import InvalidTransition, NotPermitted, Refused
from tests import make
from tests.make import K, R

pytestmark = pytest.mark.django_db
TEXT, URL = "多发的补贴已全部追回，并改为按月比对死亡登记。", "https://butie.example.cn/results/"


@pytest.fixture
def clerk(db: None) -> User:
    return make.make_user(K.DEPARTMENT, R.OPERATOR, make.make_organisation(K.DEPARTMENT, name="示范县民政局"))


@pytest.fixture
def closed(clerk: User) -> Problem:
    """A closed problem of 邵冬至's payment: 300.00 yuan came back."""
    person = make.make_person("邵冬至")
    program = make.make_program(name="高龄津贴")
    (payment,) = make.make_paid(make.make_roster(program, period="2022-01", rows=[(person, 30_000)]))
    problem = ledger.register_problem(
        actor=make.make_user(K.AUDIT, R.OPERATOR), source="audit", unit=program.department, program=program, year=2022,
        category="G1-03", title="邵冬至去世后仍领", description="邵冬至去世后又领了一个月。", amount_fen=30_000,
        restitution_due_fen=0,
    )  # fmt: skip
    ProblemPayment.objects.create(problem=problem, payment=payment, amount_fen=30_000)
    reviewer = make.make_user(K.AUDIT, R.REVIEWER)
    Problem.objects.filter(pk=problem.pk).update(
        status="closed", closed_on=dt.date(2022, 3, 7), reviewed_by=reviewer, leader="何立春", owner="吴小雪"
    )
    problem.refresh_from_db()
    return problem


def test_the_public_reads_the_summary_and_the_figures_only(client: Client, closed: Problem, clerk: User) -> None:
    assert "还没有公开的整改结果" in client.get("/results/").content.decode()
    publish_rectification(closed, summary=TEXT, url=URL, actor=clerk)
    page = client.get("/results/").content.decode()
    for shown in (TEXT, "示范县民政局", "高龄津贴", "300.00元", "超范围超标准"):
        assert shown in page
    for hidden in ("邵冬至", "何立春", "吴小雪", closed.description, closed.title):
        assert hidden not in page
    assert (closed.published_on, closed.published_url) == (dt.date(2022, 3, 8), URL)


@pytest.mark.parametrize(
    ("summary", "said"),
    [
        ("邵冬至多领的补贴已经全部追回。", "补贴对象的姓名"),
        ("已追回，责任人吴小雪受到批评教育。", "责任人的姓名"),
        ("卡号6217 9900 1234 5678 901已停用并追回。", "证号、账号或电话"),
        ("有疑问请打0990-1234567，已经追回。", "证号、账号或电话"),
        ("已整改", "10到300个字"),
    ],
)
def test_a_summary_with_somebodys_data_is_refused(closed: Problem, clerk: User, summary: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        publish_rectification(closed, summary=summary, url=URL, actor=clerk)
    closed.refresh_from_db()
    assert (closed.published_on, Result.objects.count()) == (None, 0)


def test_amounts_and_dates_may_stand_in_a_summary(closed: Problem, clerk: User) -> None:
    publish_rectification(closed, summary="2022年3月7日追回1,234,567.00元，已缴入国库。", url=URL, actor=clerk)
    assert Result.objects.current().count() == 1


def test_a_corrected_text_takes_the_place_of_the_first(client: Client, closed: Problem, clerk: User) -> None:
    publish_rectification(closed, summary=TEXT, url=URL, actor=clerk)
    publish_rectification(closed, summary="款已追回，责任单位已作检讨。", url=URL, actor=clerk)
    page = client.get("/results/").content.decode()
    assert TEXT not in page
    assert "责任单位已作检讨" in page
    assert Result.objects.count() == 2


def test_classified_programs_and_open_problems_stay_in(client: Client, closed: Problem, clerk: User) -> None:
    publish_rectification(closed, summary=TEXT, url=URL, actor=clerk)
    Program.objects.update(is_classified=True)
    assert TEXT not in client.get("/results/").content.decode()
    closed.refresh_from_db()
    with pytest.raises(Refused, match="涉密"):
        publish_rectification(closed, summary=TEXT, url=URL, actor=clerk)
    Program.objects.update(is_classified=False)
    Problem.objects.update(status="rectifying")
    still = Problem.objects.get()
    with pytest.raises(InvalidTransition):
        publish_rectification(still, summary=TEXT, url=URL, actor=clerk)


def test_only_who_works_on_problems_publishes(client: Client, closed: Problem, clerk: User) -> None:
    with pytest.raises(NotPermitted):
        publish_rectification(closed, summary=TEXT, url=URL, actor=make.make_user(K.AUDIT, R.VIEWER))
    client.force_login(clerk)
    url = f"/staff/results/{closed.pk}/"
    assert client.post(url, {"summary": "邵冬至的钱已经追回来了。"}).status_code == 422
    assert client.post(url, {"summary": TEXT})["Location"] == f"/staff/problems/{closed.pk}/"
    assert Problem.objects.get().published_url == f"http://testserver/results/#{closed.number}"
    client.force_login(make.make_user(K.DEPARTMENT, R.OPERATOR, make.make_organisation(K.DEPARTMENT, name="别的局")))
    assert client.get(url).status_code == 404

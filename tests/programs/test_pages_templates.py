"""The pages of own columns, the amount rule and the copy of last period: what they show, save and refuse."""

from __future__ import annotations

import pytest

from programs import actions
from programs.actions import ColumnSpec
from programs.models import Program
from subsidy_portal.models import Job
from tests import make
from tests.programs.pages import read, signed_in

pytestmark = pytest.mark.django_db

MONTHS = {"label": "月数", "kind": "integer", "required": "on", "choices": "", "help": "发几个月", "example": "3"}


@pytest.fixture
def program() -> Program:
    return make.make_program()


@pytest.fixture
def finance() -> object:
    return signed_in(make.make_user(make.K.FINANCE, make.R.OPERATOR))


def test_a_column_is_added_changed_moved_and_removed(program, finance):
    url = f"/staff/programs/{program.pk}/columns/"
    assert finance.post(f"{url}new/", MONTHS).status_code == 302
    level = MONTHS | {"label": "等级", "kind": "choice", "choices": "一级\n二级\n", "example": "", "help": ""}
    assert finance.post(f"{url}new/", level).status_code == 302
    page = read(finance.get(f"/staff/programs/{program.pk}/"))
    assert all(words in page for words in ("月数", "发几个月", "一级、二级", "新增栏目"))
    finance.post(f"{url}2/", level | {"required": ""})
    finance.post(f"{url}2/forward/do/")
    assert [(c.label, c.required, c.choices) for c in program.columns.all()] == [
        ("等级", False, ["一级", "二级"]),
        ("月数", True, []),
    ]
    finance.post(f"{url}1/remove/do/")
    assert [column.label for column in program.columns.all()] == ["月数"]
    assert finance.post(f"{url}9/remove/do/").status_code == 404
    assert finance.post(f"{url}1/burn/do/").status_code == 404


def test_a_wrong_column_comes_back_with_the_sentence(program, finance):
    response = finance.post(f"/staff/programs/{program.pk}/columns/new/", MONTHS | {"label": "姓名"})
    assert response.status_code == 422
    assert "是清册原有栏目的名字" in read(response)
    assert not program.columns.exists()


def test_the_rule_is_tried_then_saved(program, finance):
    url = f"/staff/programs/{program.pk}/amount-rule/"
    finance.post(f"/staff/programs/{program.pk}/columns/new/", MONTHS)
    form = {"rule": "标准×月数", "level": "refuse", "value0": "100", "value1": "1", "value2": "70", "value3": "3"}
    tried = finance.post(url, form | {"try": "1"})
    assert "标准 100，月数 3 → 300.00 元" in read(tried)
    program.refresh_from_db()
    assert program.amount_rule == ""
    wrong = finance.post(url, form | {"rule": "标准*亩数", "save": "1"})
    assert wrong.status_code == 422
    assert "“亩数”不认识。可以用：标准、数量、年龄、月数。" in read(wrong)
    assert finance.post(url, form | {"save": "1"}).status_code == 302
    program.refresh_from_db()
    assert (program.amount_rule, program.rule_level) == ("标准*月数", "refuse")
    assert "标准 100，月数 3 → 300.00 元" in read(finance.get(f"/staff/programs/{program.pk}/")).replace(
        "100.00，", "100，"
    )


def test_pages_of_templates_are_finance_only(program):
    clerk = signed_in(make.make_user(make.K.TOWNSHIP, make.R.OPERATOR))
    for path in ("columns/new/", "amount-rule/"):
        assert clerk.get(f"/staff/programs/{program.pk}/{path}").status_code == 404


def test_copying_from_the_page_starts_a_job_or_says_why_not(program):
    user = make.make_user(make.K.TOWNSHIP, make.R.OPERATOR)
    clerk = signed_in(user)
    period = read(clerk.get(f"/staff/rosters/new/?program={program.pk}"))
    assert "用上期名单直接建清册" in period
    from programs.period_choices import current_period
    from subsidy_portal import clock

    form = {
        "program": program.pk, "area": user.organisation.area.pk, "sequence": "1",
        "period": current_period(program.cycle, clock.today()),
    }  # fmt: skip
    refused = clerk.post("/staff/rosters/forward/", form | {"take_in": ""})
    assert refused.status_code == 422
    assert "还没有这个项目以前的清册" in read(refused)
    assert not Job.objects.exists()
    make.make_roster(program, user.organisation.area, period="2021-01")
    assert clerk.post("/staff/rosters/forward/", form | {"take_in": "1"}).status_code == 302
    job = Job.objects.get()
    assert (job.kind, job.params["take_in"]) == ("roster-forward", True)


def test_the_api_sets_columns_and_rule(program):
    browser = signed_in(make.make_user(make.K.FINANCE, make.R.OPERATOR))
    url = f"/api/v1/programs/{program.pk}/"
    columns = {"columns": [{"label": "月数", "kind": "integer"}]}
    answer = browser.put(f"{url}columns/", columns, content_type="application/json")
    assert answer.status_code == 200, answer.content
    assert answer.json()["columns"][0]["label"] == "月数"
    rule = {"amount_rule": "标准*月数", "rule_level": "refuse"}
    assert browser.put(f"{url}amount-rule/", rule, content_type="application/json").json()["amount_rule"] == "标准*月数"
    bad = browser.put(f"{url}amount-rule/", rule | {"amount_rule": "9**9"}, content_type="application/json")
    assert bad.status_code in {400, 409, 422}
    program.refresh_from_db()
    assert program.amount_rule == "标准*月数"
    clerk = signed_in(make.make_user(make.K.TOWNSHIP, make.R.OPERATOR))
    assert clerk.put(f"{url}columns/", {"columns": []}, content_type="application/json").status_code == 403
    assert actions.ColumnSpec.of(program.columns.get()) == ColumnSpec("月数", "integer")

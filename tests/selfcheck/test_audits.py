"""Audits over what was paid: each finds its case and nothing else; a person decides, the ledger follows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from disbursement.models import Payment
from programs.models import Program
from selfcheck import actions
from selfcheck.actions.audits import preview
from selfcheck.checks.audits import AUDITS
from selfcheck.models import AuditHit
from subsidy_portal.models import User
from subsidy_portal.workflow import NotPermitted, Refused
from tests import make
from tests.make import K, R

pytestmark = pytest.mark.django_db


@pytest.fixture
def finance() -> User:
    return make.make_user(K.FINANCE, R.OPERATOR)


def paid(
    people: int = 1, fen: int = 10_000, period: str = "2022-02", program: Program | None = None, sequence: int = 1
) -> list[Payment]:
    rows = [(make.make_person(), fen) for _n in range(people)]
    return make.make_paid(
        make.make_roster(program, period=period, rows=rows, sequence=sequence), dt.date(2022, 2, 12)
    )  # fmt: skip


def found(code: str, finance: User) -> list[AuditHit]:
    actions.run_audit(code, 2022, actor=finance)
    return list(AuditHit.objects.filter(code=code))


def on_one_card(people: int) -> list[Payment]:
    """People of whom each has registered the same card."""
    number, rows = make.make_account_number(), []
    for _n in range(people):
        person = make.make_person()
        make.make_account(person, number)
        rows.append((person, 10_000))
    return make.make_paid(make.make_roster(period="2022-02", rows=rows), dt.date(2022, 2, 12))


def test_clean_payments_give_no_hits(finance: User) -> None:
    paid(3)
    quiet = set(AUDITS) - {"changed-after-notice", "plan-unspent"}  # these payments were made past any notice
    assert [code for code in quiet if found(code, finance)] == []


def test_one_account_for_many(finance: User) -> None:
    payments = on_one_card(4)
    (hit,) = found("one-account-for-many", finance)
    assert (hit.persons, hit.count, hit.amount_fen) == (4, 4, 40_000)
    assert f"尾号{payments[0].account.number_last4}的账户收了4个人的补贴" == hit.text
    assert hit.payments == [payment.pk for payment in payments]


def test_a_household_of_three_on_one_card_is_below_the_threshold(finance: User) -> None:
    on_one_card(3)
    assert found("one-account-for-many", finance) == []
    assert preview(AUDITS["one-account-for-many"], 2022, {"people": 2}) == (1, 30_000)


def test_paid_long_after_its_period(finance: User) -> None:
    program = make.make_program(pay_by_days=30)
    payments = paid(2, period="2022-01", program=program)
    Payment.objects.filter(pk__in=[p.pk for p in payments]).update(paid_on=dt.date(2022, 4, 1))
    (hit,) = found("paid-late", finance)
    assert hit.persons == 2
    assert "期晚了30天到账" in hit.text  # 31 January + 30 days = 2 March


def test_far_above_the_neighbours(finance: User) -> None:
    program = make.make_program()
    paid(5, program=program)
    (odd,) = paid(1, 60_000, program=program, sequence=2)
    (hit,) = found("far-above-neighbours", finance)
    assert hit.payments == [odd.pk]
    assert "领了600.00元，全县中位数100.00元" in hit.text


def test_one_amount_from_two_programs_of_one_department(finance: User) -> None:
    person = make.make_person("林立夏")
    for name in ("甲补贴", "乙补贴"):
        make.make_paid(make.make_roster(make.make_program(short_name=name), period="2022-02", rows=[(person, 7_500)]))
    (hit,) = found("same-amount-two-programs", finance)
    assert (hit.count, hit.amount_fen) == (2, 15_000)
    assert "林立夏" in hit.text


def test_what_was_paid_past_the_notice(finance: User) -> None:
    (payment,) = paid(1)
    (hit,) = found("changed-after-notice", finance)
    assert hit.payments == [payment.pk]


def test_notices_without_a_photograph(finance: User, set_today: Callable[[str], None]) -> None:
    set_today("2022-02-01")
    roster = make.drive(make.make_roster(period="2022-02", rows=[(make.make_person(), 10_000)]), "on_notice")
    make.end_notice(roster)
    roster.refresh_from_db()
    make.make_paid(roster)
    (hit,) = found("not-posted", finance)
    assert "没有" in hit.text
    assert hit.area_id == make.VILLAGE


def test_money_of_the_plan_that_stayed(finance: User) -> None:
    program = make.make_program(short_name="测补")
    make.make_fund_plan(program, year=2022)
    hits = found("plan-unspent", finance)
    assert [hit.program_id for hit in hits] == [program.pk]
    assert "还有100%没有发" in hits[0].text


def test_one_source_split_into_many_programs(finance: User) -> None:
    for n in range(4):
        make.make_program(fund_source="中央财政残疾人补助", short_name=f"项{n}")
    (hit,) = found("split-fund", finance)
    assert "分成了4个项目" in hit.text


@pytest.mark.parametrize("code", AUDITS)
def test_every_audit_runs_twice_and_finds_the_same_once(code: str, finance: User) -> None:
    on_one_card(4)
    first = actions.run_audit(code, 2022, actor=finance)
    assert actions.run_audit(code, 2022, actor=finance) == 0
    assert AuditHit.objects.filter(code=code).count() == first
    assert AUDITS[code].definition


def test_a_hit_is_decided_with_a_reason_and_enters_the_ledger(finance: User) -> None:
    payments = on_one_card(4)
    (hit,) = found("one-account-for-many", finance)
    with pytest.raises(Refused, match="核实属实以后"):
        actions.register_hit(hit, unit=payments[0].program.department, actor=finance)
    actions.decide_hit(hit, confirmed=True, reason="村干部代领，卡在其家中", proof=None, actor=finance)
    problem = actions.register_hit(hit, unit=payments[0].program.department, actor=finance)
    assert (problem.category, problem.persons, problem.amount_fen) == ("G2-01", 4, 40_000)
    assert problem.payments.count() == 4
    assert hit.status == "registered"


def test_unfounded_needs_a_proof_and_is_not_asked_again(finance: User) -> None:
    on_one_card(4)
    (hit,) = found("one-account-for-many", finance)
    with pytest.raises(Refused, match="附证明材料"):
        actions.decide_hit(hit, confirmed=False, reason="同一户，户主账户", proof=None, actor=finance)
    actions.decide_hit(hit, confirmed=False, reason="同一户，户主账户", proof=make.proof(), actor=finance)
    assert [one.status for one in found("one-account-for-many", finance)] == ["unfounded"]
    with pytest.raises(IntegrityError), transaction.atomic():
        AuditHit.objects.update(reason="")


def test_thresholds_are_the_countys_and_only_by_who_may(finance: User) -> None:
    on_one_card(3)
    with pytest.raises(NotPermitted):
        actions.set_params("one-account-for-many", {"people": 2}, actor=make.make_user(K.TOWNSHIP))
    with pytest.raises(Refused):
        actions.set_params("one-account-for-many", {"people": -1}, actor=finance)
    actions.set_params("one-account-for-many", {"people": 2}, actor=finance)
    assert len(found("one-account-for-many", finance)) == 1


def test_the_pages_lead_from_the_list_to_the_row_of_the_roster(finance: User) -> None:
    on_one_card(4)
    browser = Client()
    browser.force_login(finance)
    done: Any = browser.post("/staff/audits/run/", {"year": "2022"}, follow=True)
    assert "一卡多人" in done.content.decode()
    hit = AuditHit.objects.get(code="one-account-for-many")
    listed = browser.get("/staff/audits/one-account-for-many/?year=2022").content.decode()
    assert hit.text in listed
    page = browser.get(f"/staff/audits/hits/{hit.pk}/").content.decode()
    assert "/staff/rosters/" in page
    told = browser.post("/staff/audits/one-account-for-many/", {"year": "2022", "people": "1"}).content.decode()
    assert "按这个标准有1条" in told
    sent = browser.post(f"/staff/audits/hits/{hit.pk}/", {"confirmed": "1", "reason": "村干部代领"})
    assert sent.status_code == 302
    registered = browser.post(f"/staff/audits/hits/{hit.pk}/", {"register": "1"})
    assert "/staff/problems/" in registered["Location"]


def test_a_township_sees_its_own_hits_only(finance: User) -> None:
    on_one_card(4)
    (hit,) = found("one-account-for-many", finance)
    elsewhere = make.make_user(
        K.TOWNSHIP, organisation=make.make_organisation(K.TOWNSHIP, make.make_area("990001102000"))
    )
    browser = Client()
    browser.force_login(elsewhere)
    assert browser.get(f"/staff/audits/hits/{hit.pk}/").status_code == 404

"""Payments after death: found set-based, each once, and never decided by the machine (domain §12 Q01, R36, R37)."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from disbursement.models import Payment
from programs import actions as roster_actions
from programs.models import Rule, Suspicion
from selfcheck.checks.deaths import find_paid_after_death
from subsidy_portal.models import Event
from subsidy_portal.workflow import NotPermitted, Refused
from tests import make
from tests.make import K, R
from tests.selfcheck.ledger import Staff


def after() -> list[Suspicion]:
    return list(Suspicion.objects.filter(stage="after").order_by("row__roster__period", "amount_fen"))


def test_every_payment_from_the_month_after_death_on_is_found(staff: Staff, veterans: SimpleNamespace) -> None:
    assert find_paid_after_death(actor=staff.audit) == 3
    assert [(s.person.name, s.row.roster.period, s.amount_fen) for s in after()] == [
        ("邵冬至", "2022-06", 93_000),
        ("邵冬至", "2022-07", 93_000),
        ("阮立冬", "2022-07", 124_000),
    ]
    assert {s.status for s in after()} == {"open"}
    assert {(s.department, s.rule.code) for s in after()} == {(staff.bureau, "Q01")}
    event = Event.objects.get(kind="compared")
    assert "3" in event.note
    assert event.actor == staff.audit


def test_the_evidence_names_both_days_and_no_identifier(staff: Staff, veterans: SimpleNamespace) -> None:
    find_paid_after_death(actor=staff.audit)
    evidence = after()[0].evidence
    assert "2022年6月20日已到账" in evidence["text"]
    assert "930.00元" in evidence["text"]
    assert "2022年5月11日死亡" in evidence["other"]
    assert "示范县公安局" in evidence["other_title"]
    assert veterans.shao.id_last4 not in str(evidence)


def test_looking_twice_finds_nothing_twice(staff: Staff, veterans: SimpleNamespace) -> None:
    assert find_paid_after_death(actor=staff.audit) == 3
    assert find_paid_after_death(actor=staff.finance) == 0
    assert len(after()) == 3


def test_what_was_found_unfounded_once_is_not_asked_again(staff: Staff, veterans: SimpleNamespace) -> None:
    find_paid_after_death(actor=staff.audit)
    for suspicion in after():
        if suspicion.person == veterans.shao:
            roster_actions.decide_suspicion(
                suspicion, confirmed=False, reason="登记错人，本人健在。", actor=staff.department
            )
    assert find_paid_after_death(actor=staff.audit) == 0
    late = make.make_roster(veterans.program, period="2022-08", status="accepted", rows=[(veterans.shao, 93_000)])
    make.make_paid(late)
    assert find_paid_after_death(actor=staff.audit) == 0


def test_a_corrected_day_of_death_does_not_open_a_second_case_for_the_same_payment(
    staff: Staff, veterans: SimpleNamespace
) -> None:
    find_paid_after_death(actor=staff.audit)
    make.make_deaths({veterans.shao: dt.date(2022, 5, 12)}, as_of=dt.date(2023, 3, 5))
    assert find_paid_after_death(actor=staff.audit) == 0


@pytest.mark.parametrize("status", ["in_flight", "failed", "returned", "refunded", "cancelled"])
def test_money_that_has_not_arrived_or_came_back_is_no_case(
    staff: Staff, veterans: SimpleNamespace, status: str
) -> None:
    Payment.objects.filter(pk=veterans.payments[1].pk).update(status=status)
    assert find_paid_after_death(actor=staff.audit) == 2


def test_a_quarter_that_began_before_the_death_is_paid_rightly(staff: Staff, veterans: SimpleNamespace) -> None:
    program = make.make_program(cycle="quarterly", department=staff.bureau)
    for period in ("2022-Q2", "2022-Q3"):
        make.make_paid(make.make_roster(program, period=period, status="accepted", rows=[(veterans.shao, 30_000)]))
    find_paid_after_death(actor=staff.audit)
    assert [s.row.roster.period for s in after() if s.row.roster.program == program] == ["2022-Q3"]


def test_a_department_compares_its_own_programs_only(staff: Staff, veterans: SimpleNamespace) -> None:
    other = make.make_program(department=make.make_organisation(K.DEPARTMENT, name="示范县民政局"))
    make.make_paid(make.make_roster(other, period="2022-08", status="accepted", rows=[(veterans.shao, 5_000)]))
    civil_affairs = make.make_user(K.DEPARTMENT, R.OPERATOR, other.department)
    assert find_paid_after_death(actor=civil_affairs) == 1
    assert find_paid_after_death(actor=staff.department) == 3


def test_a_dead_payee_of_a_living_beneficiary_owes_nothing(staff: Staff, veterans: SimpleNamespace) -> None:
    roster = make.make_roster(veterans.program, period="2022-09", status="accepted")
    roster.rows.update(payee=veterans.shao)
    make.make_paid(roster)
    assert find_paid_after_death(actor=staff.audit) == 3


def test_nobody_compares_without_the_right_or_without_the_rule(staff: Staff, veterans: SimpleNamespace) -> None:
    with pytest.raises(NotPermitted):
        find_paid_after_death(actor=staff.town)
    Rule.objects.filter(code="Q01").update(is_active=False)
    with pytest.raises(Refused, match="Q01"):
        find_paid_after_death(actor=staff.audit)
    assert not after()


def test_the_number_of_queries_does_not_grow_with_the_number_of_dead(staff: Staff, veterans: SimpleNamespace) -> None:
    with CaptureQueriesContext(
        connection,
    ) as few:
        find_paid_after_death(actor=staff.audit)
    rows = [(make.make_person(), 1_000) for _ in range(12)]
    make.make_paid(make.make_roster(veterans.program, period="2022-10", status="accepted", rows=rows))
    make.make_deaths({person: dt.date(2022, 1, 1) for person, _fen in rows})
    with CaptureQueriesContext(connection) as many:
        assert find_paid_after_death(actor=staff.audit) == 12
    assert len(many) == len(few)

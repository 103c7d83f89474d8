"""The people of the ledger, and the overpaid veterans of S0: two persons, 3,100.00 yuan (domain A9, T5)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from disbursement.models import Payment
from programs import actions as roster_actions
from programs.models import Suspicion
from selfcheck import actions
from selfcheck.checks.deaths import find_paid_after_death
from selfcheck.models import Problem
from tests import make
from tests.make import K, R
from tests.selfcheck.ledger import Staff, plan


@pytest.fixture
def staff(db: None, set_today: Callable[[str], None]) -> Staff:
    set_today("2023-03-06")
    bureau = make.make_organisation(K.DEPARTMENT, name="示范县退役军人事务局")
    return Staff(
        bureau,
        make.make_user(K.AUDIT, R.OPERATOR),
        make.make_user(K.AUDIT, R.REVIEWER),
        make.make_user(K.FINANCE, R.OPERATOR),
        make.make_user(K.FINANCE, R.REVIEWER),
        make.make_user(K.DEPARTMENT, R.OPERATOR, bureau),
        make.make_user(K.DEPARTMENT, R.REVIEWER, bureau),
        make.make_user(K.TOWNSHIP, R.OPERATOR),
        make.make_user(K.TOWNSHIP, R.REVIEWER),
    )


@pytest.fixture
def veterans(staff: Staff) -> SimpleNamespace:
    """邵冬至 died in May 2022 and was paid until July, 阮立冬 in June and was paid for July: 3,100 yuan too much."""
    program = make.make_program(name="农村籍退役士兵老年生活补助", short_name="退役士兵补助", department=staff.bureau)
    shao, ruan, alive = make.make_person("邵冬至"), make.make_person("阮立冬"), make.make_person("林立夏")
    rows = {"2022-05": [(shao, 93_000)], "2022-06": [(shao, 93_000), (ruan, 124_000)]}
    rows["2022-07"] = [(shao, 93_000), (ruan, 124_000), (alive, 93_000)]
    payments: list[Payment] = []
    for period, claims in rows.items():
        roster = make.make_roster(program, period=period, status="accepted", rows=claims)
        payments += make.make_paid(roster, dt.date(2022, int(period[5:]), 20))
    make.load_rules()
    make.make_deaths({shao: dt.date(2022, 5, 11), ruan: dt.date(2022, 6, 2)}, as_of=dt.date(2023, 3, 1))
    return SimpleNamespace(program=program, shao=shao, ruan=ruan, payments=payments)


@pytest.fixture
def confirmed(staff: Staff, veterans: SimpleNamespace) -> list[Suspicion]:
    """Found, and confirmed by the department."""
    find_paid_after_death(actor=staff.audit)
    found = list(Suspicion.objects.filter(stage="after").order_by("pk"))
    for suspicion in found:
        roster_actions.decide_suspicion(
            suspicion, confirmed=True, reason="与死亡证明一致，家属未报。", actor=staff.department
        )
    return found


@pytest.fixture
def overpaid(staff: Staff, confirmed: list[Suspicion]) -> Problem:
    """The registered problem."""
    return actions.register_overpayment(confirmed, actor=staff.audit)


@pytest.fixture
def in_work(staff: Staff, overpaid: Problem) -> Problem:
    """Verified, with measures and a deadline: the department works on it."""
    actions.verify_problem(overpaid, actor=staff.department_reviewer)
    plan(overpaid, staff.department)
    return overpaid

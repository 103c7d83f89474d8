"""Several people at the same problem at once: one wins, no fen counts twice."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection

from programs import actions as roster_actions
from programs.models import Suspicion
from selfcheck import actions
from selfcheck.checks.deaths import find_paid_after_death
from selfcheck.models import Problem, Recovery
from subsidy_portal.models import Event, User
from subsidy_portal.workflow import Refused
from tests import make
from tests.make import K, R

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 8
TODAY = dt.date(2023, 3, 6)


def at_once(act: Callable[[int], Any]) -> list[Any]:
    """What came of ``act(n)`` run by eight sessions that all begin together: a value or the refusal."""
    ready = Barrier(MANY)

    def run(n: int) -> Any:
        try:
            ready.wait(timeout=30)
            return act(n)
        except Refused as refused:
            return refused
        finally:
            connection.close()

    with ThreadPoolExecutor(MANY) as pool:
        return list(pool.map(run, range(MANY)))


def won(results: list[Any]) -> int:
    return sum(not isinstance(result, Refused) for result in results)


@pytest.fixture
def desks(set_today: Callable[[str], None]) -> SimpleNamespace:
    set_today("2023-03-06")
    bureau = make.make_organisation(K.DEPARTMENT, name="示范县退役军人事务局")
    dead = make.make_person("邵冬至")
    program = make.make_program(department=bureau)
    payments = []
    for period in ("2022-06", "2022-07"):
        roster = make.make_roster(program, period=period, status="accepted", rows=[(dead, 50_000)])
        payments += make.make_paid(roster)
    make.load_rules()
    make.make_deaths({dead: dt.date(2022, 5, 1)})
    return SimpleNamespace(
        audit=make.make_user(K.AUDIT, R.OPERATOR),
        department=make.make_user(K.DEPARTMENT, R.OPERATOR, bureau),
        verifier=make.make_user(K.DEPARTMENT, R.REVIEWER, bureau),
        payments=payments,
    )


@pytest.fixture
def cases(desks: SimpleNamespace) -> list[Suspicion]:
    find_paid_after_death(actor=desks.audit)
    found = list(Suspicion.objects.filter(stage="after"))
    for case in found:
        roster_actions.decide_suspicion(case, confirmed=True, reason="属实", actor=desks.department)
    return found


@pytest.fixture
def in_work(desks: SimpleNamespace, cases: list[Suspicion]) -> Problem:
    problem = actions.register_overpayment(cases, actor=desks.audit)
    actions.verify_problem(problem, actor=desks.verifier)
    actions.plan_rectification(
        problem, measures="追回", leader="局长", owner="股长", due_on=TODAY, actor=desks.department
    )
    return problem


def fresh(problem: Problem) -> Problem:
    return Problem.objects.get(pk=problem.pk)


def test_of_eight_reviewers_closing_at_once_one_closes(desks: SimpleNamespace, in_work: Problem) -> None:
    recovery = actions.record_recovery(in_work, amount_fen=100_000, received_on=TODAY, actor=desks.department)
    actions.remit_recovery(recovery, voucher="0417", remitted_on=TODAY, actor=desks.department)
    actions.add_evidence(in_work, title="凭证", file_name="a.pdf", content=b"%PDF-1", actor=desks.department)
    actions.request_close(in_work, actor=desks.department)
    reviewers = [make.make_user(K.AUDIT, R.REVIEWER) for _ in range(MANY)]
    seen = [fresh(in_work) for _ in range(MANY)]
    results = at_once(lambda n: actions.close_problem(seen[n], note=f"同意{n}", actor=reviewers[n]))
    assert won(results) == 1
    winner = reviewers[next(n for n, result in enumerate(results) if not isinstance(result, Refused))]
    assert fresh(in_work).reviewed_by == winner
    assert Event.objects.about(in_work).filter(new_status="closed").count() == 1


def test_closing_and_returning_at_once_do_not_both_happen(desks: SimpleNamespace, in_work: Problem) -> None:
    actions.write_off(in_work, amount_fen=100_000, basis="纪要", actor=desks.department)
    actions.add_evidence(in_work, title="凭证", file_name="a.pdf", content=b"%PDF-1", actor=desks.department)
    actions.request_close(in_work, actor=desks.department)
    reviewers = [make.make_user(K.AUDIT, R.REVIEWER) for _ in range(MANY)]
    seen = [fresh(in_work) for _ in range(MANY)]
    verdicts = (actions.close_problem, actions.return_problem)
    assert won(at_once(lambda n: verdicts[n % 2](seen[n], note="看过", actor=reviewers[n]))) == 1


def test_the_same_recovery_entered_eight_times_at_once_counts_once(desks: SimpleNamespace, in_work: Problem) -> None:
    seen = [fresh(in_work) for _ in range(MANY)]
    results = at_once(
        lambda n: actions.record_recovery(
            seen[n], payment=desks.payments[0], amount_fen=50_000, received_on=TODAY, actor=desks.department
        )
    )
    assert won(results) == 1
    assert Recovery.objects.valid().sum_fen() == 50_000


def test_one_recovery_is_remitted_by_one_of_eight(desks: SimpleNamespace, in_work: Problem) -> None:
    recovery = actions.record_recovery(in_work, amount_fen=50_000, received_on=TODAY, actor=desks.department)
    seen = [Recovery.objects.select_related("problem").get(pk=recovery.pk) for _ in range(MANY)]
    results = at_once(
        lambda n: actions.remit_recovery(seen[n], voucher=f"04{n}", remitted_on=TODAY, actor=desks.department)
    )
    assert won(results) == 1
    assert Event.objects.about(in_work).filter(kind="remitted").count() == 1


def test_the_same_cases_become_one_problem_however_many_register_them(
    desks: SimpleNamespace, cases: list[Suspicion]
) -> None:
    operators = [make.make_user(K.AUDIT, R.OPERATOR) for _ in range(MANY)]
    results = at_once(lambda n: actions.register_overpayment(cases, actor=operators[n]))
    assert won(results) == 1
    assert Problem.objects.get().recovery_due_fen == 100_000


def test_comparing_at_once_finds_each_payment_once(desks: SimpleNamespace) -> None:
    operators: list[User] = [make.make_user(K.AUDIT, R.OPERATOR) for _ in range(MANY)]
    results = at_once(lambda n: find_paid_after_death(actor=operators[n]))
    assert sum(results) == 2
    assert Suspicion.objects.filter(stage="after").count() == 2

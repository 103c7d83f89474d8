"""Many sessions do the same step at once, on real connections: exactly one does it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from programs import actions
from programs.checks import run_checks
from programs.models import Notice, Objection, Roster, Suspicion
from subsidy_portal.models import Event, Organisation, User
from subsidy_portal.workflow import InvalidTransition, Refused, StaleStatus
from tests.make import desk_of, drive, load_rules, make_person, make_program, make_roster, make_user, proof, publish

pytestmark = pytest.mark.django_db(transaction=True)
K, R, S = Organisation.Kind, User.Role, Roster.Status
SESSIONS = 8


def at_once(act: Callable[[int], object]) -> list[object]:
    """What each of eight sessions got when all began together: its answer or its refusal."""
    together = Barrier(SESSIONS)

    def session(n: int) -> object:
        try:
            together.wait(timeout=10)
            return act(n)
        except Refused as refused:
            return refused
        finally:
            connection.close()

    with ThreadPoolExecutor(SESSIONS) as pool:
        return list(pool.map(session, range(SESSIONS)))


def losers(found: list[object]) -> list[object]:
    return [answer for answer in found if isinstance(answer, (StaleStatus, InvalidTransition))]


@pytest.mark.parametrize(
    ("status", "step", "kind", "role", "lands"),
    [
        ("draft", actions.submit_roster, K.TOWNSHIP, R.OPERATOR, "submitted"),
        ("submitted", actions.approve_roster_in_town, K.TOWNSHIP, R.REVIEWER, "town_approved"),
        ("noticed", actions.check_roster_in_department, K.DEPARTMENT, R.OPERATOR, "dept_checked"),
        ("dept_checked", actions.approve_roster_in_department, K.DEPARTMENT, R.REVIEWER, "dept_approved"),
        ("dept_approved", actions.accept_roster, K.FINANCE, R.OPERATOR, "accepted"),
    ],
)
def test_eight_sessions_pass_the_same_roster_on_and_one_wins(status, step, kind, role, lands):
    roster = make_roster()
    publish(roster.program)
    if status != "draft":
        drive(roster, status)
    actors = [desk_of(roster, kind, role) for _n in range(SESSIONS)]
    seen = [Roster.objects.get(pk=roster.pk) for _n in range(SESSIONS)]
    found = at_once(lambda n: step(seen[n], actor=actors[n]))
    assert found.count(None) == 1
    assert len(losers(found)) == SESSIONS - 1
    roster.refresh_from_db()
    assert roster.status == lands
    assert Event.objects.about(roster).filter(new_status=lands).count() == 1


def test_eight_sessions_with_a_fresh_page_each_still_approve_once():
    roster = drive(make_roster(), "submitted")
    actors = [desk_of(roster, K.TOWNSHIP, R.REVIEWER) for _n in range(SESSIONS)]
    found = at_once(lambda n: actions.approve_roster_in_town(Roster.objects.get(pk=roster.pk), actor=actors[n]))
    assert found.count(None) == 1
    assert Event.objects.about(roster).filter(new_status="town_approved").count() == 1


def test_one_notice_is_opened():
    roster = drive(make_roster(), "town_approved")
    actors = [desk_of(roster, K.TOWNSHIP, R.OPERATOR) for _n in range(SESSIONS)]
    seen = [Roster.objects.get(pk=roster.pk) for _n in range(SESSIONS)]
    found = at_once(lambda n: actions.open_notice(seen[n], actor=actors[n]))
    assert sum(isinstance(answer, Notice) for answer in found) == 1
    assert (Notice.objects.count(), len(losers(found))) == (1, SESSIONS - 1)


def test_approve_and_return_at_once_do_one_of_the_two():
    roster = drive(make_roster(), "submitted")
    actors = [desk_of(roster, K.TOWNSHIP, R.REVIEWER) for _n in range(SESSIONS)]
    seen = [Roster.objects.get(pk=roster.pk) for _n in range(SESSIONS)]

    def act(n: int) -> None:
        if n % 2:
            actions.approve_roster_in_town(seen[n], actor=actors[n])
        else:
            actions.return_roster(seen[n], to="township", note="改", actor=actors[n])

    found = at_once(act)
    assert found.count(None) == 1
    roster.refresh_from_db()
    assert roster.status in {S.TOWN_APPROVED, S.DRAFT}
    assert bool(roster.town_reviewed_by_id) is (roster.status == S.TOWN_APPROVED)


def test_notices_end_once_under_eight_timers(set_today):
    set_today("2022-03-01")
    program = make_program()
    rosters = [drive(make_roster(program, period=f"2022-0{n}"), "on_notice") for n in range(1, 5)]
    set_today("2022-03-20")
    found = at_once(lambda n: actions.end_due_notices())
    assert sum(int(str(n)) for n in found) == 4
    for roster in rosters:
        assert Event.objects.about(roster).filter(new_status="noticed").count() == 1


def test_one_objection_holds_a_row():
    roster = drive(make_roster(), "on_notice")
    notice = roster.notices.get()
    row = notice.rows.get().row
    actors = [desk_of(roster, K.TOWNSHIP, R.REVIEWER) for _n in range(SESSIONS)]
    found = at_once(lambda n: actions.file_objection(notice, row, text="不符合", actor=actors[n]))
    assert sum(isinstance(answer, Objection) for answer in found) == 1
    assert Objection.objects.count() == 1


def test_one_decision_on_a_suspicion():
    load_rules()
    roster = make_roster(make_program(standard_fen=8_000), rows=[(make_person(), 10_000), (make_person(), 8_000)])
    run_checks(roster)
    pk = roster.suspicions.get().pk
    actors = [desk_of(roster, K.TOWNSHIP, R.OPERATOR) for _n in range(SESSIONS)]
    seen = [Suspicion.objects.get(pk=pk) for _n in range(SESSIONS)]
    photo = proof()
    found = at_once(
        lambda n: actions.decide_suspicion(
            seen[n], confirmed=bool(n % 2), reason=f"核实{n}", attachment=photo, actor=actors[n]
        )
    )
    assert (found.count(None), len(losers(found))) == (1, SESSIONS - 1)
    decided = Suspicion.objects.get(pk=pk)
    assert roster.rows.filter(status="left").exists() is (decided.status == "confirmed")


def test_one_fund_entry_is_confirmed_and_two_cuts_cannot_both_take_the_rest():
    maker = make_user(K.FINANCE, R.OPERATOR)
    program = make_program()
    issued = actions.enter_funds(program, 2022, kind="issued", amount_fen=1_000, actor=maker)
    actions.confirm_funds(issued, actor=make_user(K.FINANCE, R.REVIEWER))
    cuts = [actions.enter_funds(program, 2022, kind="adjusted", amount_fen=-600, actor=maker) for _n in range(SESSIONS)]
    actors = [make_user(K.FINANCE, R.REVIEWER) for _n in range(SESSIONS)]
    found = at_once(lambda n: actions.confirm_funds(cuts[n], actor=actors[n]))
    assert found.count(None) == 1
    assert all("可用资金只有4.00元" in str(answer) for answer in found if answer is not None)


def test_a_row_that_leaves_while_finance_accepts_is_off_or_refused_never_both():
    load_rules()
    roster = drive(
        make_roster(make_program(standard_fen=8_000), rows=[(make_person(), 10_000), (make_person(), 8_000)]),
        "dept_approved",
    )
    publish(roster.program)
    run_checks(roster)
    suspicion = roster.suspicions.get()
    clerk, finance = desk_of(roster, K.DEPARTMENT, R.OPERATOR), desk_of(roster, K.FINANCE, R.OPERATOR)
    seen = Roster.objects.get(pk=roster.pk)

    def act(n: int) -> None:
        if n == 0:
            actions.decide_suspicion(suspicion, confirmed=True, reason="核实", actor=clerk)
        elif n == 1:
            actions.accept_roster(seen, actor=finance)

    found = at_once(act)
    left = roster.rows.filter(status="left").exists()
    assert left is (found[0] is None)

"""A roster's way: who may pass it on, what holds it back, and where it goes when it is returned."""

import pytest

from programs import actions
from programs.checks import run_checks
from programs.models import Notice, Program, Roster, RosterRow, Rule, Suspicion
from subsidy_portal.models import Event, Organisation, User
from subsidy_portal.workflow import InvalidTransition, NotPermitted, Refused, StaleStatus
from tests.make import (
    desk_of,
    drive,
    end_notice,
    load_rules,
    make_account,
    make_person,
    make_program,
    make_roster,
    make_user,
    proof,
    publish,
)

pytestmark = pytest.mark.django_db
K, R, S = Organisation.Kind, User.Role, Roster.Status


def town(roster: Roster, role: str = R.OPERATOR) -> User:
    return desk_of(roster, K.TOWNSHIP, role)


def department(roster: Roster, role: str = R.OPERATOR) -> User:
    return desk_of(roster, K.DEPARTMENT, role)


def finance(roster: Roster) -> User:
    return desk_of(roster, K.FINANCE, R.OPERATOR)


def next_revision(roster: Roster, **changes: object) -> None:
    """The township uploads the sheet again; ``changes`` go into the first row."""
    rows = list(roster.rows.filter(revision=roster.revision))
    for n, row in enumerate(rows):
        row.pk, row.revision, row.status = None, roster.revision + 1, RosterRow.Status.INCLUDED
        for name, value in changes.items() if n == 0 else ():
            setattr(row, name, value)
        row.save()
    roster.revision += 1
    roster.save(update_fields=["revision"])


def test_it_goes_over_every_desk_to_acceptance_and_each_step_is_told():
    roster = drive(make_roster(), "accepted")
    assert roster.status == S.ACCEPTED
    steps = Event.objects.about(roster).order_by("pk").values_list("new_status", flat=True)
    assert list(steps) == [
        "submitted",
        "town_approved",
        "on_notice",
        "noticed",
        "dept_checked",
        "dept_approved",
        "accepted",
    ]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"revision": 0}, "还没有导入成功的文件"),
        ({"checked_at": None}, "还没有比对完"),
    ],
)
def test_a_draft_without_a_clean_compared_file_is_not_submitted(fields, sentence):
    roster = make_roster()
    Roster.objects.filter(pk=roster.pk).update(**fields)
    roster.refresh_from_db()
    with pytest.raises(Refused, match=sentence):
        actions.submit_roster(roster, actor=town(roster))
    roster.refresh_from_db()
    assert roster.status == S.DRAFT


def test_a_draft_whose_rows_have_all_left_is_not_submitted():
    roster = make_roster()
    roster.rows.update(status="left")
    with pytest.raises(Refused, match="没有在册的人"):
        actions.submit_roster(roster, actor=town(roster))


def test_an_open_blocking_suspicion_holds_the_roster_at_every_desk():
    load_rules()
    for status, step, kind, role in (
        ("draft", actions.submit_roster, K.TOWNSHIP, R.OPERATOR),
        ("submitted", actions.approve_roster_in_town, K.TOWNSHIP, R.REVIEWER),
        ("town_approved", actions.open_notice, K.TOWNSHIP, R.OPERATOR),
        ("noticed", actions.check_roster_in_department, K.DEPARTMENT, R.OPERATOR),
        ("dept_checked", actions.approve_roster_in_department, K.DEPARTMENT, R.REVIEWER),
        ("dept_approved", actions.accept_roster, K.FINANCE, R.OPERATOR),
    ):
        roster = make_roster(make_program(cap_fen=5_000), rows=[(make_person(), 10_000)])
        publish(roster.program)
        if status != "draft":
            drive(roster, status)
        run_checks(roster)
        with pytest.raises(Refused, match=r"还有1条疑点没有核实"):
            step(roster, actor=desk_of(roster, kind, role))
        roster.refresh_from_db()
        assert roster.status == status


def test_a_reminder_too_is_decided_before_the_roster_goes_on():
    load_rules()
    Rule.objects.filter(code="C04").update(level="warn")
    roster = make_roster(make_program(standard_fen=8_000), rows=[(make_person(), 10_000)])
    assert run_checks(roster) == 1
    with pytest.raises(Refused, match="还有1条疑点没有核实"):
        actions.submit_roster(roster, actor=town(roster))
    with pytest.raises(Refused, match="须附佐证"):
        actions.decide_suspicion(roster.suspicions.get(), confirmed=False, reason="属实", actor=town(roster))
    actions.decide_suspicion(
        roster.suspicions.get(), confirmed=False, reason="批文另有标准", attachment=proof(), actor=town(roster)
    )
    actions.submit_roster(roster, actor=town(roster))
    assert roster.status == S.SUBMITTED


def test_reminders_of_one_rule_are_decided_together_on_one_proof():
    load_rules()
    Rule.objects.filter(code="C04").update(level="warn")
    roster = make_roster(make_program(standard_fen=8_000), rows=[(make_person(), 10_000) for _n in range(3)])
    assert run_checks(roster) == 3
    first = roster.suspicions.first()
    with pytest.raises(Refused, match="须附佐证"):
        actions.decide_alike(first, reason="批文另有标准", attachment=None, actor=town(roster))
    assert actions.decide_alike(first, reason="批文另有标准", attachment=proof(), actor=town(roster)) == 3
    assert not roster.suspicions.undecided().exists()
    assert roster.rows.filter(status="included").count() == 3
    assert Event.objects.about(roster).get(kind="alike_decided").data["count"] == 3


def test_what_would_pay_wrongly_is_decided_one_by_one():
    load_rules()
    roster = make_roster(make_program(cap_fen=5_000), rows=[(make_person(), 10_000) for _n in range(2)])
    assert run_checks(roster) >= 2
    hit = roster.suspicions.filter(rule__level="block").first()
    with pytest.raises(Refused, match="逐条核实"):
        actions.decide_alike(hit, reason="批文另有标准", attachment=proof(), actor=town(roster))


def test_finance_accepts_by_the_published_list_only():
    roster = drive(make_roster(), "dept_approved")
    with pytest.raises(Refused, match="不在已公布的政策清单里"):
        actions.accept_roster(roster, actor=finance(roster))
    publish(roster.program, year=int(roster.period[:4]) + 1)  # a later year's list does not govern this one
    with pytest.raises(Refused, match="不在已公布的政策清单里"):
        actions.accept_roster(roster, actor=finance(roster))
    publish(roster.program)
    Program.objects.filter(pk=roster.program_id).update(standard_fen=99_900)  # one person changed it
    roster = Roster.objects.get(pk=roster.pk)
    with pytest.raises(Refused, match="新版清单还没有公布"):
        actions.accept_roster(roster, actor=finance(roster))
    publish(roster.program)  # and a second one published it
    actions.accept_roster(roster, actor=finance(roster))
    assert roster.status == S.ACCEPTED


def test_a_classified_program_is_paid_without_a_list():
    roster = drive(make_roster(make_program(is_classified=True)), "dept_approved")
    actions.accept_roster(roster, actor=finance(roster))
    assert roster.status == S.ACCEPTED


def test_who_submitted_or_uploaded_does_not_review():
    roster = drive(make_roster(), "submitted")
    for signed in (roster.submitted_by, roster.made_by):
        User.objects.filter(pk=signed.pk).update(role=R.REVIEWER)
        with pytest.raises(NotPermitted, match="须由他人办理"):
            actions.approve_roster_in_town(roster, actor=User.objects.get(pk=signed.pk))
    roster.refresh_from_db()
    assert roster.status == S.SUBMITTED


def test_who_checked_in_the_department_does_not_approve_there():
    roster = drive(make_roster(), "dept_checked")
    User.objects.filter(pk=roster.dept_checked_by_id).update(role=R.REVIEWER)
    with pytest.raises(NotPermitted, match="须由他人办理"):
        actions.approve_roster_in_department(roster, actor=User.objects.get(pk=roster.dept_checked_by_id))


@pytest.mark.parametrize("status", ["submitted", "town_approved", "on_notice", "noticed", "dept_checked"])
def test_no_desk_is_skipped(status):
    roster = drive(make_roster(), status)
    with pytest.raises(InvalidTransition):
        actions.accept_roster(roster, actor=finance(roster))
    roster.refresh_from_db()
    assert roster.status == status


def test_the_department_cannot_take_a_draft_although_a_returned_draft_may_go_back_there():
    roster = make_roster()
    for step, role in (
        (actions.check_roster_in_department, R.OPERATOR),
        (actions.approve_roster_in_department, R.REVIEWER),
    ):
        with pytest.raises(InvalidTransition):
            step(roster, actor=department(roster, role))


def test_a_page_that_is_out_of_date_changes_nothing():
    roster = drive(make_roster(), "submitted")
    old = Roster.objects.get(pk=roster.pk)
    drive(roster, "town_approved")
    with pytest.raises(StaleStatus):
        actions.approve_roster_in_town(old, actor=town(roster, R.REVIEWER))


def test_nobody_submits_a_revision_they_have_not_seen():
    roster = make_roster()
    old = Roster.objects.get(pk=roster.pk)
    next_revision(roster, amount_fen=99_000)
    with pytest.raises(StaleStatus):
        actions.submit_roster(old, actor=town(roster))
    roster.refresh_from_db()
    assert roster.status == S.DRAFT


@pytest.mark.parametrize(
    ("status", "kind", "role", "to", "lands"),
    [
        ("submitted", K.TOWNSHIP, R.REVIEWER, "township", "draft"),
        ("town_approved", K.TOWNSHIP, R.REVIEWER, "township", "draft"),
        ("on_notice", K.TOWNSHIP, R.REVIEWER, "township", "draft"),
        ("noticed", K.DEPARTMENT, R.OPERATOR, "township", "draft"),
        ("dept_checked", K.DEPARTMENT, R.REVIEWER, "township", "draft"),
        ("dept_checked", K.DEPARTMENT, R.REVIEWER, "department", "noticed"),
        ("dept_approved", K.FINANCE, R.OPERATOR, "township", "draft"),
        ("dept_approved", K.FINANCE, R.OPERATOR, "department", "noticed"),
    ],
)
def test_it_is_returned_to_the_desk_named(status, kind, role, to, lands):
    roster = drive(make_roster(), status)
    actions.return_roster(roster, to=to, note="请核对3组两户", actor=desk_of(roster, kind, role))
    assert (roster.status, roster.return_note) == (lands, "请核对3组两户")


def test_only_the_desk_where_it_lies_returns_it():
    roster = drive(make_roster(), "dept_approved")
    for actor in (town(roster, R.REVIEWER), department(roster), department(roster, R.REVIEWER)):
        with pytest.raises(NotPermitted):
            actions.return_roster(roster, to="township", note="退", actor=actor)


def test_a_return_without_a_reason_or_to_a_desk_out_of_reach_is_refused():
    roster = drive(make_roster(), "submitted")
    reviewer = town(roster, R.REVIEWER)
    with pytest.raises(Refused, match="退回的原因"):
        actions.return_roster(roster, to="township", note="  ", actor=reviewer)
    with pytest.raises(Refused, match="只能退回乡镇"):
        actions.return_roster(roster, to="department", note="退", actor=reviewer)
    roster.refresh_from_db()
    assert roster.status == S.SUBMITTED


@pytest.mark.parametrize(
    ("status", "kind", "role"),
    [
        ("noticed", K.DEPARTMENT, R.OPERATOR),
        ("dept_checked", K.DEPARTMENT, R.REVIEWER),
        ("dept_approved", K.FINANCE, R.OPERATOR),
    ],
)
def test_unchanged_it_comes_straight_back_to_the_desk_that_returned_it(status, kind, role):
    roster = drive(make_roster(), status)
    actions.return_roster(roster, to="township", note="请补材料", actor=desk_of(roster, kind, role))
    actions.submit_roster(roster, actor=town(roster))
    assert (roster.status, roster.returned_from, roster.return_note) == (status, "", "")


def test_a_new_file_with_the_same_rows_is_unchanged():
    roster = drive(make_roster(), "dept_approved")
    actions.return_roster(roster, to="township", note="请重传清晰的表", actor=finance(roster))
    next_revision(roster)
    actions.submit_roster(roster, actor=town(roster))
    assert roster.status == S.DEPT_APPROVED


def test_changed_it_goes_the_whole_way_and_every_desk_signs_what_it_has_seen():
    roster = drive(make_roster(rows=[(make_person(), 10_000), (make_person(), 20_000)]), "dept_approved")
    actions.return_roster(roster, to="township", note="第4行金额不对", actor=finance(roster))
    next_revision(roster, amount_fen=9_000)
    actions.submit_roster(roster, actor=town(roster))
    assert roster.status == S.SUBMITTED
    drive(roster, "on_notice")
    end_notice(roster)
    assert (roster.status, roster.returned_from) == (S.NOTICED, "")
    assert (roster.dept_checked_by, roster.dept_approved_by) == (None, None)
    drive(roster, "accepted")
    assert roster.status == S.ACCEPTED


def test_returned_to_the_department_it_comes_back_to_finance():
    roster = drive(make_roster(), "dept_approved")
    actions.return_roster(roster, to="department", note="请核对依据", actor=finance(roster))
    actions.check_roster_in_department(roster, actor=department(roster))
    assert roster.status == S.DEPT_APPROVED


def test_a_roster_changed_after_its_notice_cannot_go_on():
    """T11: somebody changes a row behind the portal's back."""
    roster = drive(make_roster(), "dept_checked")
    roster.rows.update(amount_fen=99_000)
    with pytest.raises(Refused, match="有1行与公示的内容不一致"):
        actions.approve_roster_in_department(roster, actor=department(roster, R.REVIEWER))
    roster.refresh_from_db()
    assert roster.status == S.DEPT_CHECKED


def test_the_last_notice_counts_not_an_older_one():
    roster = drive(make_roster(), "noticed")
    actions.return_roster(roster, to="township", note="金额", actor=department(roster))
    next_revision(roster, amount_fen=5_000)
    drive(roster, "noticed")
    roster.rows.filter(revision=2).update(amount_fen=10_000)  # what notice 1 showed, not notice 2
    with pytest.raises(Refused, match="有1行与公示的内容不一致"):
        actions.check_roster_in_department(roster, actor=department(roster))


def test_changes_since_the_notice_are_shown_one_by_one():
    people = [make_person(name) for name in ("张一", "李二", "王三", "赵四")]
    roster = drive(make_roster(rows=[(p, 10_000) for p in people[:3]]), "noticed")
    assert actions.roster_changes(roster) == []
    actions.return_roster(roster, to="township", note="改", actor=department(roster))
    next_revision(roster, amount_fen=8_000)
    rows = {row.beneficiary.name: row for row in roster.rows.filter(revision=2)}
    rows["李二"].account = make_account(people[1])
    rows["李二"].save()
    rows["王三"].beneficiary = rows["王三"].payee = people[3]
    rows["王三"].account = make_account(people[3])
    rows["王三"].save()
    found = {change.name: change for change in actions.roster_changes(roster)}
    assert {name: change.kind for name, change in found.items()} == {
        "张一": "amount",
        "李二": "account",
        "王三": "gone",
        "赵四": "added",
    }
    assert (found["张一"].old_amount_fen, found["张一"].new_amount_fen) == (10_000, 8_000)
    assert found["李二"].old_account != found["李二"].new_account
    assert [found[name].needs_notice for name in ("张一", "李二", "王三", "赵四")] == [True, True, False, True]


def test_somebody_gone_needs_no_new_notice():
    roster = drive(make_roster(rows=[(make_person(), 10_000), (make_person(), 20_000)]), "dept_approved")
    actions.return_roster(roster, to="township", note="有人去世", actor=finance(roster))
    roster.rows.filter(row_no=4).update(status="left")
    actions.submit_roster(roster, actor=town(roster))
    assert roster.status == S.DEPT_APPROVED


def test_returned_on_notice_the_notice_is_withdrawn_and_the_same_rows_are_posted_again():
    roster = drive(make_roster(), "on_notice")
    actions.return_roster(roster, to="township", note="漏了一户", actor=town(roster, R.REVIEWER))
    assert roster.notices.get().status == Notice.Status.WITHDRAWN
    actions.submit_roster(roster, actor=town(roster))
    assert roster.status == S.SUBMITTED
    drive(roster, "noticed")
    assert sorted(roster.notices.values_list("status", flat=True)) == ["ended", "withdrawn"]


def test_a_draft_is_cancelled_with_a_reason_and_its_place_is_free_again():
    roster = make_roster()
    with pytest.raises(Refused, match="作废的原因"):
        actions.cancel_roster(roster, note="", actor=town(roster))
    actions.cancel_roster(roster, note="选错期间", actor=town(roster))
    assert roster.status == S.CANCELLED
    make_roster(roster.program, period=roster.period)


def test_a_submitted_roster_is_not_cancelled():
    roster = drive(make_roster(), "submitted")
    with pytest.raises(InvalidTransition):
        actions.cancel_roster(roster, note="不要了", actor=town(roster))


def test_suspicions_of_another_roster_do_not_hold_this_one():
    load_rules()
    other = make_roster(make_program(cap_fen=1), rows=[(make_person(), 10_000)])
    run_checks(other)
    assert Suspicion.objects.blocking().count() == 1
    drive(make_roster(), "submitted")


def test_a_finance_clerk_does_not_submit():
    roster = make_roster()
    with pytest.raises(NotPermitted):
        actions.submit_roster(roster, actor=make_user(K.FINANCE, R.OPERATOR))

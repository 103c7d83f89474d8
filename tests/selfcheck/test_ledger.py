"""The problem ledger: registered, verified, put right, closed by another person; no fen and no signature missing."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import pytest
from django.db import IntegrityError, transaction

from disbursement.models import Payment
from programs.models import RosterRow, Suspicion
from selfcheck import actions
from selfcheck.desk import waiting
from selfcheck.models import Problem, ProblemPayment, Recovery
from selfcheck.taxonomy import ANNEX2_COLUMNS, COLUMNS_OF
from subsidy_portal import clock
from subsidy_portal.models import Event
from subsidy_portal.workflow import InvalidTransition, NotPermitted, Refused, StaleStatus
from tests import make
from tests.make import K
from tests.selfcheck.ledger import PDF, Staff, add_proof, finish, kinds, make_problem, plan, recover_all

TODAY = dt.date(2023, 3, 6)


def money(problem: Problem) -> tuple[int, int, int, int]:
    """Due, recovered, remitted, missing."""
    now = Problem.objects.with_recovery().get(pk=problem.pk)
    return now.recovery_due_fen, now.recovered_fen, now.remitted_fen, now.missing_fen


# --- T5: from the death register to 销号 -------------------------------------------------------------------


def test_the_veterans_who_died_are_recovered_remitted_and_closed(staff: Staff, confirmed: list[Suspicion]) -> None:
    problem = actions.register_overpayment(confirmed, actor=staff.audit)
    assert (problem.persons, problem.amount_fen, problem.recovery_due_fen) == (2, 310_000, 310_000)
    assert (problem.unit, problem.category, problem.annex2_column) == (staff.bureau, "G1-03", 6)
    assert (problem.source, problem.year, problem.status) == ("comparison", 2022, "registered")
    actions.verify_problem(problem, actor=staff.department_reviewer)
    plan(problem, staff.department)
    recover_all(problem, staff.department)
    assert money(problem) == (310_000, 310_000, 310_000, 0)
    add_proof(problem, staff.department)
    actions.request_close(problem, actor=staff.department)
    actions.close_problem(problem, note="款已缴入国库，凭证齐全。", actor=staff.audit_reviewer)
    assert (problem.status, problem.closed_on) == ("closed", TODAY)
    assert kinds(problem) == [
        "registered",
        "verified",
        "rectifying",
        *["recovered", "remitted"] * 3,
        "evidence_added",
        "close_requested",
        "closed",
    ]


def test_a_case_after_payment_leaves_the_roster_as_it_was_paid(confirmed: list[Suspicion]) -> None:
    assert set(RosterRow.objects.values_list("status", flat=True)) == {"included"}


# --- Registering -------------------------------------------------------------------------------------------


def test_numbers_name_the_year_and_are_never_the_same(staff: Staff) -> None:
    first, second = (make_problem(staff.audit, staff.bureau) for _ in range(2))
    assert first.number.startswith("P-2023-")
    assert int(second.number[7:]) == int(first.number[7:]) + 1


def test_only_confirmed_suspicions_after_payment_become_a_problem(staff: Staff, confirmed: list[Suspicion]) -> None:
    Suspicion.objects.filter(pk=confirmed[0].pk).update(status="open", decided_by=None)
    with pytest.raises(Refused, match="核实属实"):
        actions.register_overpayment(confirmed, actor=staff.audit)
    with pytest.raises(Refused, match="核实属实"):
        actions.register_overpayment([], actor=staff.audit)
    assert not Problem.objects.exists()


def test_the_same_payment_is_owed_back_once(staff: Staff, confirmed: list[Suspicion], overpaid: Problem) -> None:
    with pytest.raises(Refused, match=overpaid.number):
        actions.register_overpayment(confirmed[:1], actor=staff.finance)
    assert Problem.objects.count() == 1


def test_after_an_unfounded_problem_its_payments_can_be_registered_again(
    staff: Staff, confirmed: list[Suspicion], overpaid: Problem
) -> None:
    actions.refute_problem(overpaid, note="项目登记错了，重新登记。", actor=staff.department_reviewer)
    again = actions.register_overpayment(confirmed, actor=staff.audit)
    assert again.recovery_due_fen == 310_000


def test_one_problem_names_one_program(staff: Staff, confirmed: list[Suspicion], veterans: SimpleNamespace) -> None:
    other = make.make_program(department=staff.bureau)
    Payment.objects.filter(pk=veterans.payments[1].pk).update(status="cancelled")
    row = RosterRow.objects.get(pk=confirmed[0].row_id)
    moved = make.make_roster(other, period=row.roster.period, status="accepted", rows=[(row.beneficiary, 93_000)])
    make.make_paid(moved)
    Suspicion.objects.filter(pk=confirmed[0].pk).update(row=moved.rows.get(), roster=moved)
    with pytest.raises(Refused, match="几个项目"):
        actions.register_overpayment(confirmed, actor=staff.audit)


def test_money_the_bank_gave_back_meanwhile_is_not_owed(
    staff: Staff, confirmed: list[Suspicion], veterans: SimpleNamespace
) -> None:
    Payment.objects.filter(pk=veterans.payments[1].pk).update(status="returned")
    with pytest.raises(Refused, match="退票"):
        actions.register_overpayment(confirmed, actor=staff.audit)


def test_a_case_of_one_township_belongs_to_it_and_one_of_several_to_the_county(
    staff: Staff, overpaid: Problem, veterans: SimpleNamespace
) -> None:
    assert overpaid.area_id == make.TOWN
    far = make.make_person("庄谷雨", area=make.make_area("990001102201"))
    near = make.make_person("祁白露")
    for person in (far, near):
        roster = make.make_roster(
            veterans.program, person.area.parent, period="2022-11", status="accepted", rows=[(person, 7_000)]
        )
        make.make_paid(roster)
    cases = [
        Suspicion.objects.create(
            rule=overpaid.payments.get(payment=veterans.payments[1]).suspicion.rule,
            stage="after",
            row=payment.row,
            person=payment.beneficiary,
            area=payment.area,
            department=staff.bureau,
            amount_fen=payment.amount_fen,
            digest=str(payment.pk),
            status="confirmed",
            decided_by=staff.department,
            reason="属实",
            found_at=clock.now(),
        )
        for payment in Payment.objects.filter(period="2022-11")
    ]
    both = actions.register_overpayment(cases, actor=staff.audit)
    assert both.area_id == make.COUNTY
    assert not Problem.objects.visible_to(staff.town).filter(pk=both.pk).exists()


def test_households_are_counted_once(staff: Staff, confirmed: list[Suspicion], veterans: SimpleNamespace) -> None:
    household = make.make_household(veterans.shao)
    veterans.ruan.household = household
    veterans.ruan.save()
    problem = actions.register_overpayment(confirmed, actor=staff.audit)
    assert (problem.persons, problem.households) == (2, 1)


def test_nobody_registers_what_they_could_not_see_afterwards(staff: Staff) -> None:
    other = make.make_organisation(K.DEPARTMENT, name="示范县教育局")
    with pytest.raises(Refused, match="不归您单位管"):
        make_problem(staff.department, other)
    assert not Problem.objects.exists()


def test_a_kind_of_problem_goes_into_its_own_columns_of_the_annex(staff: Staff) -> None:
    assert {column for columns in COLUMNS_OF.values() for column in columns} == set(ANNEX2_COLUMNS)
    assert set(COLUMNS_OF) == set(Problem.Category.values)
    late = make_problem(staff.audit, staff.bureau, category="G1-02", annex2_column=13)
    assert late.annex2_column == 13
    with pytest.raises(Refused, match="7、8、13"):
        make_problem(staff.audit, staff.bureau, category="G1-02", annex2_column=6)


def test_a_problem_is_not_found_tomorrow(staff: Staff) -> None:
    with pytest.raises(Refused, match="晚于今天"):
        make_problem(staff.audit, staff.bureau, found_on=dt.date(2023, 3, 7))


# --- Verifying ---------------------------------------------------------------------------------------------


def test_the_author_does_not_verify_the_own_problem(staff: Staff) -> None:
    problem = make_problem(staff.department, staff.bureau)
    Problem.objects.filter(pk=problem.pk).update(made_by=staff.department_reviewer)
    problem.refresh_from_db()
    for verdict in (actions.verify_problem, lambda p, actor: actions.refute_problem(p, note="不属实", actor=actor)):
        with pytest.raises(NotPermitted):
            verdict(problem, actor=staff.department_reviewer)
    problem.refresh_from_db()
    assert problem.status == "registered"


def test_unfounded_needs_a_reason_and_ends_it(staff: Staff, overpaid: Problem) -> None:
    with pytest.raises(Refused, match="理由"):
        actions.refute_problem(overpaid, note="  ", actor=staff.town_reviewer)
    actions.refute_problem(overpaid, note="两人都健在。", actor=staff.town_reviewer)
    assert (overpaid.status, overpaid.review_note) == ("unfounded", "两人都健在。")
    with pytest.raises(InvalidTransition):
        actions.verify_problem(overpaid, actor=staff.town_reviewer)


# --- Putting it right --------------------------------------------------------------------------------------


def test_measures_name_who_answers_and_a_day_to_come(staff: Staff, overpaid: Problem) -> None:
    actions.verify_problem(overpaid, actor=staff.town_reviewer)
    with pytest.raises(Refused, match="早于今天"):
        plan(overpaid, staff.department, due_on=dt.date(2023, 3, 5))
    with pytest.raises(Refused, match="责任领导"):
        actions.plan_rectification(
            overpaid, measures="追回", leader="", owner="股长", due_on=TODAY, actor=staff.department
        )
    plan(overpaid, staff.department)
    assert (overpaid.status, overpaid.owner) == ("rectifying", "业务股长")


def test_progress_keeps_what_was_written_before(staff: Staff, in_work: Problem) -> None:
    actions.note_progress(in_work, progress="已上门一户。", actor=staff.department)
    actions.note_progress(in_work, progress="两户都已联系。", transfer="县纪委，3月20日", actor=staff.department)
    notes = [event.note for event in Event.objects.about(in_work).filter(kind="changed")]
    assert notes == ["两户都已联系。；线索移交", "已上门一户。"]
    assert in_work.progress == "两户都已联系。"
    with pytest.raises(Refused, match="没有改动"):
        actions.note_progress(in_work, progress="两户都已联系。", actor=staff.department)


def test_no_more_comes_back_than_was_paid(staff: Staff, in_work: Problem) -> None:
    payment = in_work.payments.first().payment
    with pytest.raises(Refused, match=r"还差930\.00元"):
        actions.record_recovery(in_work, payment=payment, amount_fen=93_001, received_on=TODAY, actor=staff.department)
    with pytest.raises(Refused):
        actions.record_recovery(in_work, amount_fen=0, received_on=TODAY, actor=staff.department)
    with pytest.raises(Refused, match=r"还差3,100\.00元"):
        actions.record_recovery(in_work, amount_fen=310_001, received_on=TODAY, actor=staff.department)
    actions.record_recovery(in_work, payment=payment, amount_fen=90_000, received_on=TODAY, actor=staff.department)
    with pytest.raises(Refused, match=r"还差30\.00元"):
        actions.record_recovery(in_work, payment=payment, amount_fen=3_001, received_on=TODAY, actor=staff.department)
    assert money(in_work) == (310_000, 90_000, 0, 220_000)


def test_money_comes_back_for_a_payment_of_this_problem_and_not_in_the_future(
    staff: Staff, in_work: Problem, veterans: SimpleNamespace
) -> None:
    with pytest.raises(Refused, match="不在本问题里"):
        actions.record_recovery(
            in_work, payment=veterans.payments[0], amount_fen=100, received_on=TODAY, actor=staff.department
        )
    with pytest.raises(Refused, match="晚于今天"):
        actions.record_recovery(in_work, amount_fen=100, received_on=dt.date(2023, 3, 7), actor=staff.department)
    assert not Recovery.objects.exists()


def test_a_recovery_reaches_the_treasury_once_and_with_a_voucher(staff: Staff, in_work: Problem) -> None:
    recovery = actions.record_recovery(in_work, amount_fen=50_000, received_on=TODAY, actor=staff.department)
    with pytest.raises(Refused, match="凭证号"):
        actions.remit_recovery(recovery, voucher=" ", remitted_on=TODAY, actor=staff.department)
    with pytest.raises(Refused, match="早于收回"):
        actions.remit_recovery(recovery, voucher="0417", remitted_on=dt.date(2023, 3, 5), actor=staff.department)
    actions.remit_recovery(recovery, voucher="0417", remitted_on=TODAY, actor=staff.department)
    with pytest.raises(Refused, match="0417"):
        actions.remit_recovery(recovery, voucher="0526", remitted_on=TODAY, actor=staff.department)
    assert money(in_work) == (310_000, 50_000, 50_000, 260_000)


def test_one_voucher_counts_once_for_one_payment(staff: Staff, in_work: Problem) -> None:
    payment = in_work.payments.first().payment
    parts = [
        actions.record_recovery(in_work, payment=payment, amount_fen=fen, received_on=TODAY, actor=staff.department)
        for fen in (50_000, 43_000)
    ]
    actions.remit_recovery(parts[0], voucher="0417", remitted_on=TODAY, actor=staff.department)
    with pytest.raises(Refused, match="0417"):
        actions.remit_recovery(parts[1], voucher="0417", remitted_on=TODAY, actor=staff.department)


def test_a_mistyped_recovery_is_voided_with_a_reason_and_stays_on_record(staff: Staff, in_work: Problem) -> None:
    wrong = actions.record_recovery(in_work, amount_fen=124_000, received_on=TODAY, actor=staff.department)
    with pytest.raises(Refused, match="作废原因"):
        actions.void_recovery(wrong, note="", actor=staff.department)
    actions.void_recovery(wrong, note="金额看错，实收740元。", actor=staff.department)
    assert money(in_work) == (310_000, 0, 0, 310_000)
    assert Recovery.objects.filter(pk=wrong.pk).exists()
    with pytest.raises(Refused, match="已作废"):
        actions.remit_recovery(wrong, voucher="0417", remitted_on=TODAY, actor=staff.department)
    with pytest.raises(IntegrityError), transaction.atomic():
        Recovery.objects.filter(pk=wrong.pk).update(voucher="0417", remitted_on=TODAY)


def test_what_reached_the_treasury_is_not_voided(staff: Staff, in_work: Problem) -> None:
    recovery = actions.record_recovery(in_work, amount_fen=50_000, received_on=TODAY, actor=staff.department)
    actions.remit_recovery(recovery, voucher="0417", remitted_on=TODAY, actor=staff.department)
    with pytest.raises(Refused, match="不能再改"):
        actions.void_recovery(recovery, note="看错了", actor=staff.department)


@pytest.mark.parametrize("column", ["amount_fen", "received_on"])
def test_the_database_keeps_a_recovery_as_it_was(staff: Staff, in_work: Problem, column: str) -> None:
    recovery = actions.record_recovery(in_work, amount_fen=50_000, received_on=TODAY, actor=staff.department)
    value = {"amount_fen": 1, "received_on": dt.date(2023, 1, 1)}[column]
    with pytest.raises(IntegrityError), transaction.atomic():
        Recovery.objects.filter(pk=recovery.pk).update(**{column: value})
    with pytest.raises(IntegrityError), transaction.atomic():
        recovery.delete()


def test_writing_off_needs_a_basis_and_never_exceeds_what_is_missing(staff: Staff, in_work: Problem) -> None:
    actions.record_recovery(in_work, amount_fen=300_000, received_on=TODAY, actor=staff.department)
    with pytest.raises(Refused, match="核销依据"):
        actions.write_off(in_work, amount_fen=10_000, basis="", actor=staff.department)
    with pytest.raises(Refused, match=r"100\.00元"):
        actions.write_off(in_work, amount_fen=10_001, basis="县政府会议纪要〔2023〕5号", actor=staff.department)
    actions.write_off(in_work, amount_fen=10_000, basis="县政府会议纪要〔2023〕5号", actor=staff.department)
    assert money(in_work)[3] == 0


def test_only_those_who_work_on_it_record_money(staff: Staff, in_work: Problem) -> None:
    for actor in (staff.audit, staff.finance_reviewer, staff.town_reviewer, staff.department_reviewer):
        with pytest.raises(NotPermitted):
            actions.record_recovery(in_work, amount_fen=100, received_on=TODAY, actor=actor)
    assert not Recovery.objects.exists()


def test_money_is_recorded_only_while_the_unit_works(staff: Staff, overpaid: Problem) -> None:
    with pytest.raises(InvalidTransition):
        actions.record_recovery(overpaid, amount_fen=100, received_on=TODAY, actor=staff.department)
    assert not Recovery.objects.exists()


# --- Evidence ----------------------------------------------------------------------------------------------


def test_evidence_lies_encrypted_and_comes_back_as_it_was(staff: Staff, in_work: Problem) -> None:
    add_proof(in_work, staff.department)
    stored = in_work.evidence.get().file
    assert stored.read() == PDF
    assert stored.content_type == "application/pdf"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("凭证.exe", b"MZ"),
        ("凭证.pdf", b"<html><script>"),
        ("凭证.svg", b"<svg onload=alert(1)>"),
        ("凭证", PDF),
        ("凭证.xlsm", b"PK\x03\x04"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_no_evidence(
    staff: Staff, in_work: Problem, name: str, content: bytes
) -> None:
    with pytest.raises(Refused, match="佐证只收"):
        actions.add_evidence(in_work, title="凭证", file_name=name, content=content, actor=staff.department)
    assert not in_work.evidence.exists()


def test_evidence_has_a_limit_and_no_second_copy(staff: Staff, in_work: Problem, settings: object) -> None:
    add_proof(in_work, staff.department)
    with pytest.raises(Refused, match="已经传过"):
        add_proof(in_work, staff.town)
    settings.UPLOAD_MAX_BYTES = 10  # type: ignore[attr-defined]
    with pytest.raises(Refused, match="超过"):
        add_proof(in_work, staff.department, PDF + b"other")


# --- Closing -----------------------------------------------------------------------------------------------


def test_closing_is_refused_while_money_is_missing(staff: Staff, in_work: Problem) -> None:
    add_proof(in_work, staff.department)
    with pytest.raises(Refused, match=r"还有3,100\.00元没有缴入国库"):
        actions.request_close(in_work, actor=staff.department)
    assert in_work.status == "rectifying"


def test_money_in_hand_is_not_money_in_the_treasury(staff: Staff, in_work: Problem) -> None:
    add_proof(in_work, staff.department)
    recovery = actions.record_recovery(in_work, amount_fen=310_000, received_on=TODAY, actor=staff.department)
    with pytest.raises(Refused, match="没有缴入国库"):
        actions.request_close(in_work, actor=staff.department)
    actions.remit_recovery(recovery, voucher="0417", remitted_on=TODAY, actor=staff.department)
    actions.request_close(in_work, actor=staff.department)
    assert in_work.status == "close_requested"


def test_what_is_written_off_needs_not_come_back(staff: Staff, in_work: Problem) -> None:
    actions.write_off(in_work, amount_fen=310_000, basis="县政府会议纪要〔2023〕5号", actor=staff.department)
    add_proof(in_work, staff.department)
    actions.request_close(in_work, actor=staff.department)
    assert in_work.status == "close_requested"


def test_closing_is_refused_without_evidence(staff: Staff, in_work: Problem) -> None:
    recover_all(in_work, staff.department)
    with pytest.raises(Refused, match="还没有佐证"):
        actions.request_close(in_work, actor=staff.department)


def test_people_get_back_what_was_withheld_before_it_is_closed(staff: Staff) -> None:
    problem = make_problem(staff.audit, staff.bureau, category="G1-02", restitution_due_fen=20_000)
    actions.verify_problem(problem, actor=staff.town_reviewer)
    plan(problem, staff.department)
    add_proof(problem, staff.department)
    with pytest.raises(Refused, match=r"还有200\.00元没有返还"):
        actions.request_close(problem, actor=staff.department)
    with pytest.raises(Refused, match="不能超过"):
        actions.note_progress(problem, restitution_paid_fen=20_001, actor=staff.department)
    actions.note_progress(problem, restitution_paid_fen=20_000, actor=staff.department)
    actions.request_close(problem, actor=staff.department)
    assert problem.status == "close_requested"


def test_the_reviewer_is_neither_the_author_nor_who_asked(staff: Staff, in_work: Problem) -> None:
    finish(in_work, staff)
    for column in ("made_by", "close_requested_by"):
        before = getattr(in_work, column)
        Problem.objects.filter(pk=in_work.pk).update(**{column: staff.audit_reviewer})
        in_work.refresh_from_db()
        for verdict in (actions.close_problem, actions.return_problem):
            with pytest.raises(NotPermitted):
                verdict(in_work, note="同意", actor=staff.audit_reviewer)
        with pytest.raises(IntegrityError), transaction.atomic():
            Problem.objects.filter(pk=in_work.pk).update(reviewed_by=staff.audit_reviewer)
        Problem.objects.filter(pk=in_work.pk).update(**{column: before})
        in_work.refresh_from_db()
    assert in_work.status == "close_requested"


def test_only_reviewers_of_finance_audit_and_discipline_close(staff: Staff, in_work: Problem) -> None:
    finish(in_work, staff)
    for actor in (staff.department_reviewer, staff.town_reviewer, staff.finance, staff.audit):
        with pytest.raises(NotPermitted):
            actions.close_problem(in_work, note="同意", actor=actor)
    with pytest.raises(Refused, match="复核结论"):
        actions.close_problem(in_work, note=" ", actor=staff.finance_reviewer)
    actions.close_problem(in_work, note="同意", actor=staff.finance_reviewer)
    assert in_work.reviewed_by == staff.finance_reviewer


def test_the_reviewer_sends_it_back_and_it_can_be_asked_for_again(staff: Staff, in_work: Problem) -> None:
    finish(in_work, staff)
    actions.return_problem(in_work, note="凭证看不清，请重传。", actor=staff.audit_reviewer)
    assert (in_work.status, in_work.close_requested_by) == ("rectifying", None)
    (back,) = (item for item in waiting(staff.department) if item.returned)
    assert (back.kind, back.facts.split("，")[2:], back.by) == (
        "退回整改", ["凭证看不清", "请重传。"], str(staff.audit_reviewer)
    )  # fmt: skip
    actions.request_close(in_work, actor=staff.department)
    actions.close_problem(in_work, note="已重传，同意。", actor=staff.audit_reviewer)
    assert in_work.status == "closed"


def test_a_closed_problem_changes_no_more_but_its_publication(staff: Staff, in_work: Problem) -> None:
    finish(in_work, staff)
    actions.close_problem(in_work, note="同意", actor=staff.audit_reviewer)
    with pytest.raises(InvalidTransition):
        add_proof(in_work, staff.department, PDF + b"late")
    with pytest.raises(InvalidTransition):
        actions.note_progress(in_work, progress="补记", actor=staff.department)
    with pytest.raises(Refused, match="http"):
        actions.publish_result(in_work, published_on=TODAY, url="javascript:alert(1)", actor=staff.department)
    actions.publish_result(in_work, published_on=TODAY, url="https://example.gov.cn/1", actor=staff.department)
    assert in_work.published_on == TODAY


def test_who_looked_at_an_old_page_changes_nothing(staff: Staff, in_work: Problem) -> None:
    finish(in_work, staff)
    seen_before = Problem.objects.get(pk=in_work.pk)
    actions.close_problem(in_work, note="同意", actor=staff.audit_reviewer)
    with pytest.raises(StaleStatus):
        actions.return_problem(seen_before, note="再看看", actor=staff.finance_reviewer)
    in_work.refresh_from_db()
    assert in_work.status == "closed"


# --- Deadlines ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("today", "days"), [("2023-03-25", 0), ("2023-03-26", 0), ("2023-03-27", 1), ("2023-04-05", 10)]
)
def test_the_day_after_the_deadline_is_the_first_day_late(
    staff: Staff, in_work: Problem, set_today: object, today: str, days: int
) -> None:
    set_today(today)  # type: ignore[operator]
    assert in_work.overdue_days == days
    assert list(Problem.objects.overdue()) == ([in_work] if days else [])


def test_who_asked_for_closing_in_time_is_not_late_while_the_reviewer_thinks(
    staff: Staff, in_work: Problem, set_today: object
) -> None:
    finish(in_work, staff)
    set_today("2023-05-01")  # type: ignore[operator]
    assert in_work.overdue_days == 0
    actions.return_problem(in_work, note="凭证看不清", actor=staff.audit_reviewer)
    assert in_work.overdue_days == 36


def test_the_payments_of_a_problem_are_never_taken_out(overpaid: Problem) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        ProblemPayment.objects.filter(problem=overpaid).delete()

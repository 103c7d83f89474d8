"""A batch is what was publicised, inside its plan, signed by three people; anything else does not go on."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from stdnum import luhn

from disbursement import actions, funds
from disbursement.banks.pipe_text import Adapter
from disbursement.batch_before import Before, before
from disbursement.batch_facts import plan_ledger
from disbursement.models import Attempt, Batch, Discrepancy, Order, Payment
from disbursement.simulator.bank import Banks
from disbursement.totals import batch_totals
from programs.models import Notice, Roster, RosterRow, Rule, Suspicion
from subsidy_portal import clock
from subsidy_portal.bulk import execute
from subsidy_portal.workflow import InvalidTransition, NotPermitted, Refused, StaleStatus
from tests import make
from tests.disbursement import stage

pytestmark = pytest.mark.django_db


def roster_of(batch: Batch) -> Roster:
    payment = batch.payments.first()
    assert payment is not None
    return payment.row.roster


def suspect(row: RosterRow) -> Suspicion:
    rule = Rule.objects.create(code="X99", name="测试", check_name="x", level=Rule.Level.BLOCK)
    return Suspicion.objects.create(
        rule=rule, roster=row.roster, row=row, person=row.beneficiary, area=row.area,
        department=row.roster.program.department, digest="d", found_at=clock.now(),
    )  # fmt: skip


# --- make ---


def test_every_included_row_of_the_accepted_rosters_becomes_one_payment(desk: stage.Desk) -> None:
    program = make.make_program()
    make.make_fund_plan(program, year=2022)
    first = stage.accepted_roster([(make.make_person(), 10_000), (make.make_person(), 20_000)], program=program)
    stage.accepted_roster([(make.make_person(), 5)], program=program, area=make.make_area("990001102000"))
    make.make_roster(program, make.make_area("990001103000"), status=Roster.Status.NOTICED)
    RosterRow.objects.filter(roster=first, amount_fen=20_000).update(status="held")

    batch = actions.make_batch(program, "2022-03", actor=desk.finance)

    assert sorted(batch.payments.values_list("amount_fen", flat=True)) == [5, 10_000]
    assert set(batch.payments.values_list("status", flat=True)) == {"ready"}
    assert re.fullmatch(r"B-2022-\d{4,}", batch.number)
    for payment in batch.payments.select_related("row"):
        assert bytes(payment.row_hash) == bytes(payment.row.row_hash)


def test_rows_of_an_older_revision_are_not_paid(desk: stage.Desk) -> None:
    program = make.make_program()
    make.make_fund_plan(program, year=2022)
    roster = stage.accepted_roster([(make.make_person(), 10_000)], program=program)
    Roster.objects.filter(pk=roster.pk).update(revision=2)
    with pytest.raises(Refused, match="没有可发放的人"):
        actions.make_batch(program, "2022-03", actor=desk.finance)
    assert not Batch.objects.exists()


def test_what_is_in_a_batch_is_not_put_into_another(desk: stage.Desk) -> None:
    batch = stage.make_batch(desk, [0])
    with pytest.raises(Refused, match="没有可发放的人"):
        actions.make_batch(batch.program, "2022-03", actor=desk.finance)


def test_a_later_roster_of_the_period_makes_the_next_sequence(desk: stage.Desk) -> None:
    batch = stage.make_batch(desk, [0])
    stage.accepted_roster([(make.make_person(), 100)], program=batch.program, area=make.make_area("990001102000"))
    second = actions.make_batch(batch.program, "2022-03", actor=desk.finance)
    assert (batch.sequence, second.sequence, second.payments.count()) == (1, 2, 1)


def test_a_claim_that_has_a_payment_is_refused_with_its_row(desk: stage.Desk) -> None:
    batch = stage.make_batch(desk, [0])
    person = batch.payments.get().beneficiary
    again = stage.accepted_roster([(person, 7)], program=batch.program, sequence=2)
    with pytest.raises(Refused, match=f"有1人.*{again.number}第4行"):
        actions.make_batch(batch.program, "2022-03", actor=desk.finance)


def test_a_batch_needs_the_plan_of_its_periods_year(desk: stage.Desk) -> None:
    program = make.make_program()
    make.make_fund_plan(program, year=2023)
    stage.accepted_roster([(make.make_person(), 1)], program=program)
    with pytest.raises(Refused, match="2022年的资金计划"):
        actions.make_batch(program, "2022-03", actor=desk.finance)


@pytest.mark.parametrize("period", ["", "22", "2022-13", "2022-Q5", "2022/03", "2022-3"])
def test_a_period_is_written_one_way(desk: stage.Desk, period: str) -> None:
    with pytest.raises(Refused, match="期间应写成"):
        actions.make_batch(make.make_program(), period, actor=desk.finance)


# --- submit: what was publicised is what is paid ---


def change_amount(batch: Batch) -> None:
    RosterRow.objects.filter(payments__batch=batch).update(amount_fen=99)


def change_account(batch: Batch) -> None:
    payment = batch.payments.get()
    RosterRow.objects.filter(pk=payment.row_id).update(account=make.make_account(payment.payee))


def reopen_notice(batch: Batch) -> None:
    Notice.objects.filter(roster=roster_of(batch)).update(status="withdrawn")


def hold_row(batch: Batch) -> None:
    RosterRow.objects.filter(payments__batch=batch).update(status="held")


@pytest.mark.parametrize("change", [change_amount, change_account, reopen_notice, hold_row])
def test_a_batch_that_is_not_what_was_publicised_is_not_submitted(desk: stage.Desk, change: Any) -> None:
    batch = stage.make_batch(desk, [0])
    change(batch)
    with pytest.raises(actions.ContentChanged):
        actions.submit_batch(batch, actor=desk.finance)
    batch.refresh_from_db()
    found = Discrepancy.objects.get()
    assert (batch.status, found.kind, found.payment) == ("draft", "content", batch.payments.get())
    assert roster_of(batch).number in found.text

    with pytest.raises(actions.ContentChanged):
        actions.submit_batch(batch, actor=desk.finance)
    assert Discrepancy.objects.count() == 1, "the same difference is named once"


def test_an_undecided_blocking_suspicion_keeps_the_batch_back(desk: stage.Desk) -> None:
    batch = stage.make_batch(desk, [0])
    suspicion = suspect(batch.payments.get().row)
    with pytest.raises(Refused, match="1条必须处理的疑点"):
        actions.submit_batch(batch, actor=desk.finance)
    Suspicion.objects.filter(pk=suspicion.pk).update(status="unfounded", reason="查无此事", decided_by=desk.town)
    actions.submit_batch(batch, actor=desk.finance)
    assert batch.status == "submitted"


def test_an_account_at_a_bank_without_channel_keeps_the_batch_back(desk: stage.Desk) -> None:
    bank = make.make_bank()
    batch = stage.make_batch(desk, [0], bank=bank)
    type(bank).objects.update(is_active=False)
    with pytest.raises(Refused, match="示范N银行还没有开通"):
        actions.submit_batch(batch, actor=desk.finance)


# --- the plan ---


def test_a_plan_that_is_too_small_is_said_in_yuan(desk: stage.Desk) -> None:
    program = make.make_program()
    make.make_fund_plan(program, planned_fen=150_000, year=2022)
    stage.accepted_roster([(make.make_person(), 100_000), (make.make_person(), 100_050)], program=program)
    batch = actions.make_batch(program, "2022-03", actor=desk.finance)
    with pytest.raises(actions.PlanExceeded, match=r"本批2,000\.50元，可用1,500\.00元，还差500\.50元"):
        actions.submit_batch(batch, actor=desk.finance)


def test_approval_counts_what_other_batches_committed_since_submission(desk: stage.Desk) -> None:
    program = make.make_program()
    plan = make.make_fund_plan(program, planned_fen=150_000, year=2022)
    batches = []
    for period in ("2022-03", "2022-04"):
        stage.accepted_roster([(make.make_person(), 100_000)], program=program, period=period)
        batches.append(actions.make_batch(program, period, actor=desk.finance))
        actions.submit_batch(batches[-1], actor=desk.finance)
    actions.approve_batch(batches[0], actor=desk.reviewer)
    assert funds.balances([plan.pk])[plan.pk] == funds.Balance(planned=150_000, committed=100_000, paid=0)
    with pytest.raises(actions.PlanExceeded):
        actions.approve_batch(batches[1], actor=desk.reviewer)


def test_paid_money_moves_from_committed_to_paid_and_failed_money_stays_committed(desk: stage.Desk, home: Path) -> None:
    batch = stage.sent_batch(desk, 2)
    first, second = stage.attempts(batch)
    bank = make.make_bank()
    stage.deliver(
        home, bank, stage.result_file(bank, ok=[stage.said(first)], failed=[stage.said(second, stage.FAILED)])
    )
    balance = funds.balances([batch.plan_id])[batch.plan_id]
    assert (balance.paid, balance.committed) == (10_000, 10_001)


# --- three people ---


def test_the_maker_does_not_review_and_neither_of_them_releases(desk: stage.Desk) -> None:
    batch = stage.make_batch(desk, [0])
    actions.submit_batch(batch, actor=desk.finance)
    desk.finance.role = "reviewer"
    with pytest.raises(NotPermitted):
        actions.approve_batch(batch, actor=desk.finance)
    actions.approve_batch(batch, actor=desk.reviewer)
    desk.reviewer.role = "approver"
    with pytest.raises(NotPermitted):
        actions.release_batch(batch, actor=desk.reviewer)
    with pytest.raises(NotPermitted):
        actions.release_batch(batch, actor=desk.town)
    assert not Order.objects.exists()


# --- release ---


def test_release_makes_orders_by_bank_with_lines_and_references(desk: stage.Desk) -> None:
    near, far = make.make_bank("N"), make.make_bank("F")
    program = make.make_program()
    make.make_fund_plan(program, year=2022)
    people = [(stage.person_paid_at(bank), 100 + n) for n, bank in enumerate((near, far, near))]
    stage.accepted_roster(people, program=program)
    batch = actions.make_batch(program, "2022-03", actor=desk.finance)
    orders = {order.bank.code: order for order in stage.release(desk, batch)}

    assert {code: (order.count, order.total_fen) for code, order in orders.items()} == {"N": (2, 202), "F": (1, 101)}
    for code, order in orders.items():
        assert re.fullmatch(rf"{code}B\d{{9}}", order.ref)
        for attempt in order.attempts.all():
            assert re.fullmatch(rf"{code}\d{{11}}", attempt.ref)
            assert luhn.is_valid(attempt.ref[1:])
            assert (attempt.seq, attempt.status) == (1, "created")
            assert attempt.account == attempt.payment.account
    assert list(orders["N"].attempts.order_by("pk").values_list("line_no", flat=True)) == [1, 2]
    assert set(batch.payments.values_list("status", "released_on")) == {("in_flight", dt.date(2022, 3, 5))}


def test_an_order_holds_at_most_what_its_channel_takes(desk: stage.Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Adapter, "profile", dataclasses.replace(Adapter.profile, max_items=2))
    batch = stage.make_batch(desk, [0] * 5)
    orders = stage.release(desk, batch)
    assert [order.count for order in orders] == [2, 2, 1]
    assert Attempt.objects.filter(order__batch=batch).count() == 5
    assert [list(o.attempts.order_by("pk").values_list("line_no", flat=True)) for o in orders] == [[1, 2], [1, 2], [1]]


def test_content_that_changed_after_approval_holds_the_batch_and_nothing_leaves(desk: stage.Desk) -> None:
    batch = stage.approve(desk, stage.make_batch(desk, [0]))
    change_amount(batch)
    with pytest.raises(actions.ContentChanged):
        actions.release_batch(batch, actor=desk.approver)
    batch.refresh_from_db()
    assert (batch.status, stage.open_kinds(), Order.objects.count()) == ("held", ["content"], 0)


def test_a_payment_slipped_in_after_approval_holds_the_batch(desk: stage.Desk) -> None:
    batch = stage.approve(desk, stage.make_batch(desk, [0]))
    Batch.objects.filter(pk=batch.pk).update(content_hash="f" * 64)
    with pytest.raises(actions.ContentChanged):
        actions.release_batch(batch, actor=desk.approver)
    batch.refresh_from_db()
    assert (batch.status, stage.open_kinds()) == ("held", ["content"])


def test_a_suspicion_found_after_approval_stops_the_release(desk: stage.Desk) -> None:
    batch = stage.approve(desk, stage.make_batch(desk, [0]))
    suspect(batch.payments.get().row)
    with pytest.raises(Refused, match="疑点"):
        actions.release_batch(batch, actor=desk.approver)
    batch.refresh_from_db()
    assert batch.status == "approved"


def test_a_batch_is_released_once(desk: stage.Desk) -> None:
    batch = stage.approve(desk, stage.make_batch(desk, [0]))
    seen_before = Batch.objects.get(pk=batch.pk)
    actions.release_batch(batch, actor=desk.approver)
    with pytest.raises(StaleStatus):
        actions.release_batch(seen_before, actor=desk.approver)
    with pytest.raises(InvalidTransition):
        actions.release_batch(batch, actor=desk.approver)
    assert Order.objects.count() == 1


# --- back, away, aside ---


def test_a_returned_batch_loses_its_review_and_may_be_submitted_again(desk: stage.Desk) -> None:
    batch = stage.approve(desk, stage.make_batch(desk, [0]))
    actions.return_batch(batch, note="金额请再核", actor=desk.approver)
    assert (batch.status, batch.approved_by, batch.content_hash, batch.return_note) == ("draft", None, "", "金额请再核")
    stage.approve(desk, batch)
    assert batch.status == "approved"


def test_returning_asks_for_a_reason(desk: stage.Desk) -> None:
    batch = stage.approve(desk, stage.make_batch(desk, [0]))
    with pytest.raises(Refused, match="写明原因"):
        actions.return_batch(batch, note="  ", actor=desk.reviewer)


def test_rows_of_a_cancelled_batch_may_be_paid_by_another(desk: stage.Desk) -> None:
    batch = stage.approve(desk, stage.make_batch(desk, [0]))
    actions.cancel_batch(batch, actor=desk.finance)
    assert stage.statuses(batch) == ["cancelled"]
    again = actions.make_batch(batch.program, "2022-03", actor=desk.finance)
    assert (again.sequence, again.payments.count()) == (1, 1)


def test_nothing_is_cancelled_once_money_is_on_its_way(desk: stage.Desk) -> None:
    batch = stage.make_batch(desk, [0])
    stage.release(desk, batch)
    with pytest.raises(InvalidTransition):
        actions.cancel_batch(batch, actor=desk.finance)
    assert stage.statuses(batch) == ["in_flight"]


def test_resuming_leads_back_to_where_the_batch_was_held(desk: stage.Desk) -> None:
    waiting = stage.approve(desk, stage.make_batch(desk, [0]))
    actions.hold_batch(waiting, note="等待核实", actor=desk.reviewer)
    actions.resume_batch(waiting, note="已核实", actor=desk.approver)
    assert waiting.status == "approved"
    paying = stage.sent_batch(desk)
    actions.hold_batch(paying, note="等待核实", actor=desk.reviewer)
    actions.resume_batch(paying, note="已核实", actor=desk.approver)
    assert paying.status == "paying"


def test_what_was_answered_while_held_settles_when_resumed(desk: stage.Desk, home: Path) -> None:
    batch, bank = stage.sent_batch(desk, 1), make.make_bank()
    actions.hold_batch(batch, note="等待核实", actor=desk.reviewer)
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(stage.attempts(batch)[0])]))
    assert stage.statuses(batch) == ["paid"]
    actions.resume_batch(batch, note="已核实", actor=desk.approver)
    assert batch.status == "settled"


def test_payments_say_who_is_paid_what_for_ever(desk: stage.Desk) -> None:
    batch = stage.make_batch(desk, [0])
    for column in ("amount_fen", "payee_id", "row_id"):
        with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
            execute(f"UPDATE disbursement_payment SET {column} = {column} + 1 WHERE batch_id = %s", (batch.pk,))
    assert Payment.objects.get().amount_fen == 10_000


def test_a_held_batch_is_released_by_nobody_until_it_is_resumed(desk: stage.Desk) -> None:
    batch = stage.approve(desk, stage.make_batch(desk, [0]))
    actions.hold_batch(batch, note="等乡镇核实", actor=desk.reviewer)
    with pytest.raises(InvalidTransition):
        actions.release_batch(batch, actor=desk.approver)
    batch.refresh_from_db()
    assert (batch.status, batch.orders.count()) == ("held", 0)


def test_submitting_a_batch_that_is_under_way_finds_no_differences_in_it(desk: stage.Desk) -> None:
    batch = stage.approve(desk, stage.make_batch(desk, [0]))
    with pytest.raises(InvalidTransition):
        actions.submit_batch(batch, actor=desk.finance)
    assert not Discrepancy.objects.exists()


def test_a_batch_at_its_release_is_compared_with_the_last_one_of_its_program(desk: stage.Desk) -> None:
    bank = make.make_bank()
    stays, leaves, comes = (stage.person_paid_at(bank) for _n in range(3))
    program = make.make_program()
    make.make_fund_plan(program, year=2022)
    stage.accepted_roster([(stays, 10_000), (leaves, 5_000)], program=program, period="2022-02")
    first = actions.make_batch(program, "2022-02", actor=desk.finance)
    assert before(first) is None
    stage.accepted_roster([(stays, 12_000), (comes, 7_000)], program=program, period="2022-03")
    second = actions.make_batch(program, "2022-03", actor=desk.finance)
    found = before(second)
    assert found == Before(first, 2, 15_000, 1, 7_000, 1, 5_000, 1, 2_000, 0)
    assert (found.difference, found.difference_fen) == (0, 4_000)


@pytest.mark.django_db(transaction=True)
def test_the_plan_at_a_release_tells_what_others_paid_and_hold_and_what_is_left_after(
    desk: stage.Desk, banks: Banks
) -> None:
    others = stage.pay(desk, banks, [0, 2])  # 100.00 arrives, 100.01 fails and stays taken
    assert sorted(stage.statuses(others)) == ["failed", "paid"]
    planned = funds.balances([others.plan_id])[others.plan_id].planned
    stage.accepted_roster([(stage.person_paid_at(make.make_bank()), 7_000)], program=others.program, period="2022-04")
    batch = actions.make_batch(others.program, "2022-04", actor=desk.finance)

    def told() -> dict[str, Any]:
        return plan_ledger(batch, batch_totals([batch], desk.approver)[batch.pk])

    before_it = told()
    assert (before_it["minus_paid_fen"], before_it["minus_committed_fen"]) == (-10_000, -10_001)
    assert (before_it["before_fen"], before_it["minus_mine_fen"]) == (planned - 20_001, -7_000)
    assert (before_it["after_fen"], before_it["counted"]) == (planned - 27_001, False)
    stage.approve(desk, batch)
    assert {**told(), "counted": False} == before_it

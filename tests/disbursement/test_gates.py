"""What stops a payment between the acceptance of its roster and its release, and how it goes on."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from disbursement import actions
from disbursement.audit import run_audit
from disbursement.batch_facts import pre_send_checks
from disbursement.models import Batch, Discrepancy, Payment
from programs import actions as programs
from programs.models import Roster, RosterRow, Suspicion
from subsidy_portal.models import Event
from subsidy_portal.workflow import Refused
from tests import make
from tests.disbursement import stage
from tests.make import K, R, desk_of, drive, make_deaths, make_person, make_program, make_roster

pytestmark = pytest.mark.django_db


def upload_again(roster: Roster, *, without: int = 0) -> None:
    """The township uploads the same sheet again, as new rows, the last ``without`` people left out."""
    rows = list(roster.rows.filter(revision=roster.revision))
    roster.revision += 1
    for row in rows[: len(rows) - without]:
        row.pk, row.revision = None, roster.revision
        row.save()
    roster.save(update_fields=["revision"])


@pytest.mark.parametrize("without", [0, 1])
def test_a_returned_roster_uploaded_again_with_publicised_rows_is_paid(desk: stage.Desk, without: int) -> None:
    program = make_program()
    make.make_fund_plan(program, year=2022)
    roster = drive(make_roster(program, rows=[(make_person(), 10_000), (make_person(), 20_000)]), "dept_approved")
    programs.return_roster(roster, to="township", note="请重传", actor=desk_of(roster, K.FINANCE, R.OPERATOR))
    upload_again(roster, without=without)
    programs.submit_roster(roster, actor=desk_of(roster, K.TOWNSHIP, R.OPERATOR))
    drive(roster, "accepted")
    batch = actions.make_batch(program, "2022-03", actor=desk.finance)
    stage.approve(desk, batch)
    checks = pre_send_checks(batch)
    assert (checks.rows, checks.unlike) == (2 - without, 0)
    actions.release_batch(batch, actor=desk.approver)
    assert (batch.status, stage.statuses(batch)) == ("paying", ["in_flight"] * (2 - without))
    assert content_holds()


def test_only_the_last_notice_that_ended_counts(desk: stage.Desk) -> None:
    """What an older notice showed and the last one did not is not paid."""
    batch = stage.make_batch(desk, [0])
    roster = batch.payments.get().row.roster
    RosterRow.objects.filter(roster=roster).update(revision=2)
    Roster.objects.filter(pk=roster.pk).update(revision=2)
    RosterRow.objects.filter(roster=roster).update(amount_fen=77)
    roster.refresh_from_db()
    stage.publicise(roster)
    RosterRow.objects.filter(roster=roster).update(amount_fen=10_000)
    with pytest.raises(actions.ContentChanged):
        actions.submit_batch(batch, actor=desk.finance)
    assert "与公示的内容不一致" in Discrepancy.objects.get().text


def content_holds() -> bool:
    return {finding.name: finding.holds for finding in run_audit()}["content"]


def died(payment: Payment) -> None:
    """A death register that names the beneficiary comes in now, after acceptance."""
    make_deaths({payment.beneficiary: dt.date(2022, 1, 11)})


def confirm(payment: Payment) -> None:
    suspicion = Suspicion.objects.get(row=payment.row_id, status="open")
    clerk = desk_of(payment.row.roster, K.TOWNSHIP, R.OPERATOR)
    programs.decide_suspicion(suspicion, confirmed=True, reason="已去世", actor=clerk)


@pytest.fixture
def batch(desk: stage.Desk) -> Batch:
    make.load_rules()
    return stage.make_batch(desk, [0, 0])


def test_a_death_told_while_the_batch_is_a_draft_takes_that_payment_out(desk: stage.Desk, batch: Batch) -> None:
    dead, living = batch.payments.order_by("pk")
    died(dead)
    with pytest.raises(Refused, match=f"1条.*{dead.row.roster.number}第4行“死亡后仍在发放”"):
        actions.submit_batch(batch, actor=desk.finance)
    assert (stage.statuses(batch), batch.status) == (["ready", "ready"], "draft")
    confirm(dead)
    actions.submit_batch(batch, actor=desk.finance)
    assert stage.statuses(batch) == ["cancelled", "ready"]
    assert Event.objects.about(batch).filter(kind="changed", note="1笔的人已从清册剔除，付款作废").count() == 1
    actions.approve_batch(batch, actor=desk.reviewer)
    actions.release_batch(batch, actor=desk.approver)
    order = batch.orders.get()
    assert (order.count, order.total_fen) == (1, living.amount_fen)
    totals = Batch.objects.with_totals().get(pk=batch.pk)
    assert (totals.payment_count, totals.planned_fen) == (1, living.amount_fen)  # type: ignore[attr-defined]
    assert [finding.name for finding in run_audit() if not finding.holds] == []


def test_a_death_told_after_submission_stops_review_and_release(desk: stage.Desk, batch: Batch) -> None:
    first, second = batch.payments.order_by("pk")
    actions.submit_batch(batch, actor=desk.finance)
    died(first)
    with pytest.raises(Refused, match="疑点"):
        actions.approve_batch(batch, actor=desk.reviewer)
    confirm(first)
    with pytest.raises(Refused, match="1笔的人已从清册剔除"):
        actions.approve_batch(batch, actor=desk.reviewer)
    actions.return_batch(batch, note="有人去世", actor=desk.reviewer)
    stage.approve(desk, batch)
    died(second)
    with pytest.raises(Refused, match="疑点"):
        actions.release_batch(batch, actor=desk.approver)
    confirm(second)
    with pytest.raises(Refused, match="1笔的人已从清册剔除"):
        actions.release_batch(batch, actor=desk.approver)
    assert (batch.status, stage.statuses(batch)) == ("approved", ["cancelled", "ready"])


def test_a_batch_of_which_everybody_left_is_not_submitted(desk: stage.Desk, batch: Batch) -> None:
    RosterRow.objects.filter(payments__batch=batch).update(status="left")
    with pytest.raises(Refused, match="请作废本批"):
        actions.submit_batch(batch, actor=desk.finance)
    assert stage.statuses(batch) == ["ready", "ready"]


def test_rows_whose_payment_has_left_get_no_hit_of_before_payment(desk: stage.Desk, batch: Batch) -> None:
    first, second = batch.payments.order_by("pk")
    RosterRow.objects.filter(pk=second.row_id).update(status="held")
    actions.cancel_batch(batch, actor=desk.finance)
    paid = actions.make_batch(batch.program, "2022-03", actor=desk.finance)
    stage.release(desk, paid)
    RosterRow.objects.filter(pk=second.row_id).update(status="included")
    late = actions.make_batch(batch.program, "2022-03", actor=desk.finance)
    died(first)
    actions.submit_batch(late, actor=desk.finance)
    assert (late.status, Suspicion.objects.count()) == ("submitted", 0)


def test_a_death_told_after_the_failure_stops_the_reissue(desk: stage.Desk, home: Path, batch: Batch) -> None:
    stage.release(desk, batch)
    stage.mark_sent(batch)
    bank = make.make_bank()
    lines = [stage.said(a, stage.FAILED) for a in stage.attempts(batch)]
    stage.deliver(home, bank, stage.result_file(bank, failed=lines))
    batch.refresh_from_db()
    for payment in batch.payments.all():
        correction = actions.propose_correction(
            payment, number=make.make_account_number(), bank=bank.organisation, kind="ssc", reason="本人换了新卡",
            actor=desk.town,
        )  # fmt: skip
        actions.approve_correction(correction, actor=desk.town_reviewer)
    reissue = actions.make_reissue(batch, actor=desk.department)
    dead = batch.payments.order_by("pk").first()
    assert dead is not None
    died(dead)
    with pytest.raises(Refused, match="1条必须处理的疑点"):
        actions.release_reissue(reissue, actor=desk.approver)
    assert (stage.statuses(batch), batch.orders.count()) == (["failed", "failed"], 1)
    confirm(dead)
    actions.release_reissue(reissue, actor=desk.approver)
    assert (reissue.status, stage.statuses(batch)) == ("released", ["failed", "in_flight"])
    assert list(reissue.corrections.order_by("pk").values_list("status", flat=True)) == ["refused", "reissued"]

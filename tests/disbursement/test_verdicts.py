"""An order nobody knows the end of: only proof or the bank's letter closes it, and only two persons together."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from disbursement import actions, sending
from disbursement.absence import look_for_payment
from disbursement.audit import run_audit
from disbursement.models import Batch, Order, Payment, Verdict
from disbursement.simulator.bank import Banks
from disbursement.simulator.gateway import open_gateway
from disbursement.simulator.ledger import debits_by_ref
from subsidy_portal.workflow import NotPermitted, Refused
from tests import make
from tests.disbursement import stage

pytestmark = pytest.mark.django_db(transaction=True)
Day = Callable[[str], None]


@pytest.fixture
def lost(desk: stage.Desk, home: Path) -> Iterator[Order]:
    """An order whose link was cut before the bank took it: bytes left, the bank knows nothing."""
    with open_gateway(home, home / "exchange"):
        bank = make.make_bank("N", kind="xml_gateway")
        order = stage.release(desk, stage.make_batch(desk, [0, 0], bank=bank))[0]
        knobs(home, {"gateway": {"100001": "cut-before"}})
        sending.send_order(order.pk)
        knobs(home, {})
        order.refresh_from_db()
        assert order.status == "unknown"
        yield order


def knobs(home: Path, turned: dict[str, object]) -> None:
    (home / "banksim" / "knobs.json").write_text(json.dumps(turned))


def bank_days(desk: stage.Desk, banks: Banks, day: Day, order: Order, *days: str) -> None:
    """On each of these days the bank pays somebody else, and its statement arrives."""
    for text in days:
        day(text)
        batch = stage.make_batch(desk, [0], bank=order.bank)
        stage.release(desk, batch)
        stage.send_all()
        banks.round()
        stage.collect_all()


def prove(desk: stage.Desk, banks: Banks, day: Day, order: Order) -> None:
    """Statements of every banking day until the window is over."""
    bank_days(desk, banks, day, order, "2022-03-07", "2022-03-08", "2022-03-09")
    day("2022-03-10")
    banks.round()
    stage.collect_all()


def test_nothing_is_proven_on_the_day_itself(lost: Order, desk: stage.Desk) -> None:
    found = look_for_payment(lost)
    assert not found.holds
    with pytest.raises(Refused, match="还不能认定"):
        actions.propose_absence(lost, actor=desk.finance)


def test_the_window_ends_after_two_working_days(lost: Order) -> None:
    """Sent on Saturday 5 March: Monday and Tuesday must be over."""
    assert str(look_for_payment(lost).until) == "2022-03-08"


def test_without_the_statements_waiting_proves_nothing(lost: Order, day: Day) -> None:
    day("2022-05-01")
    assert any("对账单" in text for text in look_for_payment(lost).missing)


def test_proof_and_two_persons_make_it_failed_and_it_is_paid_once(
    lost: Order, desk: stage.Desk, banks: Banks, day: Day
) -> None:
    prove(desk, banks, day, lost)
    verdict = actions.propose_absence(lost, actor=desk.finance)
    lost.refresh_from_db()
    assert lost.status == "unknown", "one person decides nothing"
    actions.confirm_verdict(verdict, actor=desk.reviewer)
    lost.refresh_from_db()
    batch = lost.batch
    assert (lost.status, stage.statuses(batch)) == ("settled", ["failed", "failed"])
    assert set(batch.payments.values_list("failure_code", flat=True)) == {"F19"}

    reissue = actions.make_reissue(batch, actor=desk.finance)
    actions.release_reissue(reissue, actor=desk.approver)
    stage.send_all()
    banks.round()
    stage.collect_all()
    assert stage.statuses(batch) == ["paid", "paid"]
    own = set(Payment.objects.filter(batch=batch).values_list("attempts__ref", flat=True))
    assert len(own & set(debits_by_ref(banks.ledger))) == 2, "each of the two was debited once"
    assert [finding.name for finding in run_audit() if not finding.holds] == []


def test_the_proof_is_looked_at_again_before_it_counts(
    lost: Order, desk: stage.Desk, banks: Banks, day: Day, home: Path
) -> None:
    prove(desk, banks, day, lost)
    verdict = actions.propose_absence(lost, actor=desk.finance)
    knobs(home, {"gateway": {"200004": "error"}})
    with pytest.raises(Refused, match="没有得到明确答复"):
        actions.confirm_verdict(verdict, actor=desk.reviewer)
    lost.refresh_from_db()
    assert lost.status == "unknown"


def test_a_gap_in_the_statements_is_no_proof(lost: Order, desk: stage.Desk, banks: Banks, day: Day) -> None:
    bank_days(desk, banks, day, lost, "2022-03-07", "2022-03-08")
    with banks.ledger:
        banks.ledger.execute("UPDATE bank SET statements = statements + 1")
    bank_days(desk, banks, day, lost, "2022-03-09")
    day("2022-03-10")
    banks.round()
    stage.collect_all()
    assert any("缺号" in text for text in look_for_payment(lost).missing)


def test_an_unexplained_debit_might_be_this_one(lost: Order, desk: stage.Desk, banks: Banks, day: Day) -> None:
    bank_days(desk, banks, day, lost, "2022-03-07")
    with banks.ledger:
        banks.ledger.execute("BEGIN")
        banks.debit(lost.bank.folder, "20220307", [(lost.bank.folder, "20220307", "D", 10_000, "", "X1", "手工付款")])
    bank_days(desk, banks, day, lost, "2022-03-08", "2022-03-09")
    day("2022-03-10")
    banks.round()
    stage.collect_all()
    assert any("可能就是这一笔" in text for text in look_for_payment(lost).missing)


def test_what_the_bank_has_taken_is_not_proven_absent(desk: stage.Desk, banks: Banks, day: Day, home: Path) -> None:
    batch = stage.make_batch(desk, [20])
    order = stage.release(desk, batch)[0]
    knobs(home, {"drop_result": True})
    stage.send_all()
    banks.round()
    day("2022-03-10")
    assert any("收到了" in text for text in look_for_payment(order).missing)


def test_the_same_person_confirms_nothing_not_even_in_the_table(lost: Order, desk: stage.Desk) -> None:
    verdict = by_letter(lost, desk, "failed")
    with pytest.raises(NotPermitted):
        actions.confirm_verdict(verdict, actor=desk.finance)
    with pytest.raises(IntegrityError), transaction.atomic():
        Verdict.objects.filter(pk=verdict.pk).update(confirmed_by=desk.finance)


def by_letter(order: Order, desk: stage.Desk, outcome: str) -> Verdict:
    from subsidy_portal import clock

    return actions.propose_by_letter(
        order, outcome=outcome, letter=make.proof(), reason="银行来函说明", booked_on=clock.today(), actor=desk.finance
    )


@pytest.mark.parametrize(("outcome", "becomes"), [("failed", "failed"), ("paid", "paid")])
def test_the_banks_letter_closes_it_either_way(lost: Order, desk: stage.Desk, outcome: str, becomes: str) -> None:
    actions.confirm_verdict(by_letter(lost, desk, outcome), actor=desk.reviewer)
    assert stage.statuses(lost.batch) == [becomes, becomes]
    assert "results-proven" not in {finding.name for finding in run_audit() if not finding.holds}


def test_a_letter_that_was_wrong_comes_to_light(lost: Order, desk: stage.Desk, home: Path) -> None:
    """Called failed, and then the statement shows a debit: paid after all, and somebody is told."""
    actions.confirm_verdict(by_letter(lost, desk, "failed"), actor=desk.reviewer)
    first = lost.attempts.order_by("line_no")[0]
    bank = lost.bank
    bank.kind = "pipe_text"
    bank.save()
    stage.deliver(home, bank, stage.statement_file(bank, 1, "20220305", [("D", first.amount_fen, first.ref)]))
    assert stage.statuses(lost.batch) == ["paid", "failed"]
    assert stage.open_kinds() == ["late_success"]


def test_a_refused_verdict_changes_nothing_and_another_may_follow(lost: Order, desk: stage.Desk) -> None:
    verdict = by_letter(lost, desk, "failed")
    with pytest.raises(Refused, match="已经有人提出"):
        by_letter(lost, desk, "paid")
    actions.refuse_verdict(verdict, note="印章不清", actor=desk.reviewer)
    lost.refresh_from_db()
    assert lost.status == "unknown"
    assert by_letter(lost, desk, "paid").status == "proposed"


def test_a_result_that_comes_first_wins(lost: Order, desk: stage.Desk, home: Path) -> None:
    verdict = by_letter(lost, desk, "failed")
    bank = lost.bank
    bank.kind = "pipe_text"
    bank.save()
    tries = list(lost.attempts.order_by("line_no"))
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(a) for a in tries], order_ref=lost.ref))
    with pytest.raises(Refused, match="已经到了"):
        actions.confirm_verdict(verdict, actor=desk.reviewer)
    assert Batch.objects.get(pk=lost.batch_id).payments.filter(status="paid").count() == 2


def test_the_pages_lead_from_the_order_to_the_verdict(
    lost: Order, desk: stage.Desk, login: stage.Login, banks: Banks, day: Day
) -> None:
    clerk, reviewer = login(desk.finance), login(desk.reviewer)
    page = clerk.get(reverse("disbursement:order", args=[lost.pk])).content.decode()
    new = reverse("disbursement:verdict-new", args=[lost.pk])
    assert new in page
    assert "绝不再发" in clerk.get(new).content.decode()
    assert clerk.post(new, {"outcome": "failed"}).status_code == 422
    prove(desk, banks, day, lost)
    made = clerk.post(new, {"by": "absence"})
    assert made.status_code == 302
    assert "认定待查" in reviewer.get(reverse("desk")).content.decode()
    verdict = Verdict.objects.get()
    assert "等财政复核岗" in clerk.get(made["Location"]).content.decode()
    act = reverse("disbursement:verdict-act", args=[verdict.pk, "confirm"])
    assert clerk.post(act).status_code == 404
    assert reviewer.post(act).status_code == 302
    assert "没有付出" in reviewer.get(made["Location"]).content.decode()
    assert login(desk.town).get(new).status_code == 404

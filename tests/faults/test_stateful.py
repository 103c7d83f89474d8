"""Any order of steps over the real tables: released, sent, answered, corrected, held; every invariant holds."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from disbursement import actions, sending
from disbursement.audit import run_audit
from disbursement.models import Batch, Order, Payment
from disbursement.simulator.bank import Banks
from disbursement.simulator.ledger import debits_by_ref
from subsidy_portal import clock
from subsidy_portal.workflow import Refused
from tests import make
from tests.disbursement import stage
from tests.disbursement.conftest import banks, day, desk, home  # noqa: F401 - fixtures
from tests.faults.force import FULL, under

pytestmark = pytest.mark.django_db(transaction=True)
EXAMPLES, STEPS = (60, 40) if FULL else (8, 20)
OUTCOMES = (0, 0, 0, 1, 3, 15, 16, 20)


class Money(RuleBasedStateMachine):
    """What people, processes and the bank may do, in whatever order. A step that has nothing to do does nothing."""

    desk: stage.Desk
    bank: Banks
    home: Any
    payments = 0

    @rule(outcomes=st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=4))
    def release_a_batch(self, outcomes: list[int]) -> None:
        bank = make.make_bank()
        accounts = [account for outcome in outcomes for account in stage.crowd(1, bank, outcome=outcome)]
        stage.release(self.desk, stage.crowd_batch(self.desk, accounts))

    @rule()
    def send(self) -> None:
        Order.objects.filter(status="created").update(query_at=None)
        stage.send_all()

    @rule()
    def sender_dies_after_the_claim(self) -> None:
        order = Order.objects.filter(status="created", batch__status="paying").first()
        if order is not None:
            sending._claim(order.pk)
            Order.objects.filter(pk=order.pk).update(claimed_until=clock.now() - dt.timedelta(minutes=1))

    @rule()
    def recover(self) -> None:
        sending.recover_stale()

    @rule()
    def bank_works(self) -> None:
        self.bank.round()

    @rule()
    def collect(self) -> None:
        stage.collect_all()

    @rule()
    def a_file_comes_again(self) -> None:
        """Under another name, from what was read before."""
        for done in sorted((self.home / "exchange").glob("*/done/*"))[:1]:
            (done.parent.parent / "in").mkdir(exist_ok=True)
            (done.parent.parent / "in" / f"again-{done.name}").write_bytes(done.read_bytes())

    @rule()
    def next_day(self) -> None:
        (self.home / "clock").write_text(str(clock.today() + dt.timedelta(days=1)))

    @rule()
    def hold_and_resume(self) -> None:
        batch = Batch.objects.filter(status="paying").first()
        if batch is not None:
            actions.hold_batch(batch, note="核对", actor=self.desk.reviewer)
            self.send()
            try:
                actions.resume_batch(batch, note="已核实", actor=self.desk.reviewer)
            except Refused:
                return

    @rule()
    def correct_and_reissue(self) -> None:
        payment = Payment.objects.filter(status__in=("failed", "returned")).first()
        if payment is None or payment.corrections.filter(status__in=("proposed", "approved")).exists():
            return
        try:
            correction = actions.propose_correction(
                payment, number=make.make_account_number(), bank=make.make_bank().organisation, kind="ssc",
                reason="本人换了新卡", actor=self.desk.town,
            )  # fmt: skip
            actions.approve_correction(correction, actor=self.desk.town_reviewer)
            reissue = actions.make_reissue(payment.batch, actor=self.desk.finance)
            actions.release_reissue(reissue, actor=self.desk.approver)
        except Refused:
            return

    @invariant()
    def every_invariant_holds(self) -> None:
        assert [(finding.name, finding.wrong) for finding in run_audit() if not finding.holds] == []

    @invariant()
    def the_bank_has_paid_nobody_twice(self) -> None:
        owner = dict(Payment.objects.values_list("attempts__ref", "pk"))
        net: dict[int, int] = {}
        for ref, fen in debits_by_ref(self.bank.ledger).items():
            assert ref in owner, "nothing is booked that we did not send"
            net[owner[ref]] = net.get(owner[ref], 0) + fen
        amounts = dict(Payment.objects.values_list("pk", "amount_fen"))
        assert all(fen in (0, amounts[pk]) for pk, fen in net.items())

    def teardown(self) -> None:
        """In the end everything that was released is answered: nothing is lost."""
        for _day in range(3):
            self.recover()
            self.send()
            self.bank_works()
            self.next_day()
            self.bank_works()
            self.collect()
        left = Payment.objects.filter(status="in_flight", batch__status="paying")
        assert not left.exists()
        type(self).payments = Payment.objects.count()


def test_any_order_of_steps_keeps_every_invariant(desk: stage.Desk, banks: Banks, home: Any) -> None:  # noqa: F811
    Money.desk, Money.bank, Money.home = desk, banks, home
    few = settings(
        max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, suppress_health_check=list(HealthCheck)
    )
    with under("stateful model") as fault:
        run_state_machine_as_test(Money, settings=few)
        fault.n = Money.payments

"""kill -9 of the worker and of the bank in the middle of paying: afterwards everybody is paid, once."""

from __future__ import annotations

import pytest

from disbursement import actions
from disbursement.models import Attempt, Batch, Order, Payment
from disbursement.simulator.bank import open_books
from disbursement.simulator.ledger import debits_by_ref
from tests import make
from tests.disbursement import stage
from tests.faults.force import FULL
from tests.stack import Stack, wait

pytestmark = pytest.mark.stack


def test_worker_and_bank_killed_in_the_middle_of_paying(stack: Stack) -> None:
    (stack.home / "clock").write_text("2022-03-07")
    stack.knobs(max_lines_per_second=1500 if FULL else 300)
    with stack.django():
        desk = stage.Desk()
        near, far = make.make_bank("N"), make.make_bank("F")
        large, small = (1_500, 100) if FULL else (150, 10)
        batches = [stage.crowd_batch(desk, stage.crowd(large, near))]
        batches += [stage.crowd_batch(desk, stage.crowd(small, near) + stage.crowd(small, far)) for _ in range(5)]
        for batch in batches:
            stage.approve(desk, batch)
        # Until it is replaced each process of this worker dies at its second file, between bytes and name.
        stack.start("worker", PORTAL_FAILPOINT="before-rename:2")
        stack.start("beat", "banksim")
        for batch in batches:
            actions.release_batch(batch, actor=desk.approver)

        def booked() -> int:
            return len(debits_by_ref(open_books(stack.home)))

        wait(lambda: "exitcode 9" in stack.log("worker"), 60, "the failpoint killing a sender")
        for at_least in (1, large // 2, large * 5 // 6) if FULL else (large // 2,):
            wait(lambda least=at_least: booked() >= least, 60, f"{at_least} bookings")
            for name in ("worker", "banksim"):
                stack.kill(name)
            stack.start("worker", "banksim")
        stack.knobs()
        wait(lambda: not Payment.objects.exclude(status="paid").exists(), 120, "every payment paid")

        owed = dict(Attempt.objects.values_list("ref", "amount_fen"))
        assert len(owed) == Payment.objects.count() == large + 10 * small, "nothing was sent under a second reference"
        assert debits_by_ref(open_books(stack.home)) == owed, "each reference was debited once, with its amount"
        assert not Order.objects.exclude(status="settled").exists()

        stack.manage("banksim", "--close-day")
        wait(lambda: not Batch.objects.exclude(status="reconciled").exists(), 60, "statements matched")
    audit = stack.manage("audit_money", check=False)
    assert audit.returncode == 0, audit.stdout

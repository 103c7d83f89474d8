"""A batch's whole life against the bank simulator: made, released, sent, answered, stated, matched, closed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from disbursement import actions
from disbursement.models import Bank, Discrepancy, MonthClose, StatementEntry
from disbursement.simulator.bank import HALVES, Banks
from disbursement.simulator.gateway import open_gateway
from disbursement.simulator.ledger import report
from tests import make
from tests.disbursement import stage

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("kind", sorted(HALVES))
def test_a_batch_from_accepted_rosters_to_a_closed_month_over_every_channel(
    desk: stage.Desk, banks: Banks, day: Callable[[str], None], home: Path, kind: str
) -> None:
    with open_gateway(home, home / "exchange"):
        live(desk, banks, day, make.make_bank(kind=kind))


def live(desk: stage.Desk, banks: Banks, day: Callable[[str], None], bank: Bank) -> None:
    batch = stage.pay(desk, banks, [0, 0, 3, 15, 16], bank=bank)
    assert stage.statuses(batch) == ["paid", "paid", "failed", "in_flight", "paid"]
    assert batch.payments.get(status="failed").failure_code == "F03"
    assert batch.status == "paying"

    day("2022-03-07")
    banks.round()
    stage.collect_all()
    batch.refresh_from_db()
    assert stage.statuses(batch) == ["paid", "paid", "failed", "paid", "returned"]
    assert batch.status == "settled"

    for status in ("failed", "returned"):
        payment = batch.payments.get(status=status)
        correction = actions.propose_correction(
            payment, number=make.make_account_number(), bank=bank.organisation, kind="ssc",
            reason="本人换了新卡", actor=desk.town,
        )  # fmt: skip
        actions.approve_correction(correction, actor=desk.town_reviewer)
    reissue = actions.make_reissue(batch, actor=desk.department)
    actions.release_reissue(reissue, actor=desk.approver)
    stage.send_all()
    banks.round()
    stage.collect_all()
    assert stage.statuses(batch) == ["paid"] * 5

    day("2022-03-31")
    banks.round()
    stage.collect_all()
    batch.refresh_from_db()
    assert batch.status == "reconciled"
    assert not Discrepancy.objects.filter(status="open").exists()
    assert StatementEntry.objects.filter(attempt=None).exclude(kind="funding").count() == 0

    month = actions.prepare_month(dt.date(2022, 3, 1), actor=desk.finance)
    assert month.sheet["totals"]["paid_fen"] - month.sheet["totals"]["returned_fen"] == 50_010
    assert month.difference_fen == 0
    actions.close_month(month, actor=desk.reviewer)
    batch.refresh_from_db()
    assert (month.status, batch.status) == (MonthClose.Status.CLOSED, "closed")
    assert report(banks.ledger)["debit_fen"] - report(banks.ledger)["return_fen"] == 50_010

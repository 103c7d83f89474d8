"""The overview counts what had happened by a day, from what is stored."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from disbursement import actions
from disbursement.models import Batch
from disbursement.statistics import Share, program_shares, summary
from programs.models import Account
from subsidy_portal.models import Organisation, User
from tests import make
from tests.disbursement import stage

pytestmark = pytest.mark.django_db


def on(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


@pytest.fixture
def batch(desk: stage.Desk, home: Path) -> Batch:
    """Of 5 March: one paid, one failed and paid again on the 9th, one paid and returned on the 6th, one open."""
    batch, bank = stage.sent_batch(desk, 4), make.make_bank()
    a, b, c, _d = stage.attempts(batch)
    (home / "clock").write_text("2022-03-09")
    stage.deliver(
        home, bank,
        stage.result_file(bank, ok=[stage.said(a), stage.said(c)], failed=[stage.said(b, stage.FAILED)]),
        stage.return_file(bank, [c]),
    )  # fmt: skip
    correction = actions.propose_correction(
        b.payment.__class__.objects.get(pk=b.payment_id), number=make.make_account_number(), bank=bank.organisation,
        kind=Account.Kind.PASSBOOK, reason="本人换了存折", actor=desk.town,
    )  # fmt: skip
    actions.approve_correction(correction, actor=desk.town_reviewer)
    actions.release_reissue(actions.make_reissue(batch, actor=desk.department), actor=desk.approver)
    stage.mark_sent(batch)
    again = batch.orders.exclude(reissue=None).get().attempts.get()
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(again, day="20220309")], number=2))
    return batch


def counts(as_of: str, user: User | None = None) -> tuple[int, int, int, int]:
    found = summary(on(as_of), year=2022, user=user)
    return found.payments, found.paid, found.failed, found.open


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        ("2022-03-04", (0, 0, 0, 0)),
        ("2022-03-05", (4, 2, 1, 1)),
        ("2022-03-06", (4, 1, 2, 1)),
        ("2022-03-08", (4, 1, 2, 1)),
        ("2022-03-09", (4, 2, 1, 1)),
        ("2023-01-01", (4, 2, 1, 1)),
    ],
)
def test_the_figures_of_any_day(batch: Batch, as_of: str, expected: tuple[int, int, int, int]) -> None:
    assert counts(as_of) == expected


def test_rates_amounts_and_distinct_things(batch: Batch) -> None:
    found = summary(on("2022-03-09"), year=2022)
    assert (found.programs, found.batches, found.persons) == (1, 1, 4)
    assert (found.amount_fen, found.paid_fen, found.failed_fen, found.open_fen) == (40_006, 20_001, 10_002, 10_003)
    assert (found.success_rate, found.first_pass_rate, found.ssc_share) == ("50.00%", "25.00%", "75.00%")


def test_every_breakdown_adds_up_to_the_whole(batch: Batch) -> None:
    found = summary(on("2022-03-09"), year=2022)
    for parts in (found.by_program, found.by_bank, found.by_township, found.by_month):
        total = Share()
        for part in parts:
            total.add(part)
        assert (total.payments, total.amount_fen, total.paid, total.failed, total.ssc) == (4, 40_006, 2, 1, 3)
    assert [part.name for part in found.by_month] == ["2022-03"]
    assert found.by_township[0].key == make.TOWN


def test_the_programs_alone_are_those_of_the_whole(batch: Batch) -> None:
    found = summary(on("2022-03-09"), year=2022)
    alone = program_shares(on("2022-03-09"), year=2022)
    assert {share.key: share.paid_fen for share in found.by_program} == {k: s.paid_fen for k, s in alone.items()}
    assert sum(share.payments for share in alone.values()) == found.payments


def test_another_fund_year_is_another_summary(batch: Batch) -> None:
    assert summary(on("2022-03-09"), year=2021).payments == 0


def test_a_batch_that_was_not_released_does_not_count(batch: Batch, desk: stage.Desk) -> None:
    stage.approve(desk, stage.make_batch(desk, [0]))
    assert summary(on("2022-03-09"), year=2022).batches == 1


def test_everybody_sees_the_figures_of_what_they_may_see(batch: Batch, desk: stage.Desk) -> None:
    other_town = make.make_organisation(Organisation.Kind.TOWNSHIP, make.make_area("990001102000"))
    stranger = make.make_user(Organisation.Kind.TOWNSHIP, User.Role.OPERATOR, other_town)
    assert counts("2022-03-09", desk.finance) == (4, 2, 1, 1)
    assert counts("2022-03-09", desk.town) == (4, 2, 1, 1)
    assert counts("2022-03-09", stranger) == (0, 0, 0, 0)

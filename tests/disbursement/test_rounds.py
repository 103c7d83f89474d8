"""The monthly round of S3: 20 township, 25 department, 28 bank; a holiday brings the date forward."""

import datetime as dt

import pytest

from disbursement.failures import Owner
from disbursement.rounds import clear_on, round_for, round_of, working_day_before


def test_a_holiday_brings_the_date_forward() -> None:
    june = round_of(dt.date(2026, 6, 1))
    # 20 June 2026 is the Saturday after the dragon boat holiday, 28 June a Sunday.
    assert (june.town_on, june.department_on, june.bank_on) == (
        dt.date(2026, 6, 18),
        dt.date(2026, 6, 25),
        dt.date(2026, 6, 26),
    )
    assert june.books_on == dt.date(2026, 6, 30)


def test_a_make_up_saturday_is_a_working_day() -> None:
    assert working_day_before(dt.date(2022, 4, 24)) == dt.date(2022, 4, 24)


def test_years_without_a_published_calendar_use_weekends() -> None:
    assert working_day_before(dt.date(2040, 5, 20)) == dt.date(2040, 5, 18)


@pytest.mark.parametrize(("failed", "due"), [("2022-03-18", "2022-03-18"), ("2022-03-19", "2022-04-20")])
def test_who_fails_too_late_for_this_month_is_due_in_the_next(failed: str, due: str) -> None:
    assert round_for(dt.date.fromisoformat(failed)).town_on == dt.date.fromisoformat(due)


def test_each_owner_has_a_date() -> None:
    march = round_of(dt.date(2022, 3, 1))
    assert [march.due_on(owner).day for owner in (Owner.TOWNSHIP, Owner.DEPARTMENT, Owner.BANK, Owner.FINANCE)] == [
        18, 25, 28, 28,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cycle", "period", "failed_on", "clear"),
    [
        ("monthly", "2022-03", "2022-03-10", "2022-03-31"),  # at the reconciliation of its round (R44)
        ("monthly", "2022-03", "2022-03-25", "2022-04-30"),  # too late for this round: the next one
        ("quarterly", "2022-Q1", "2022-02-10", "2022-04-30"),  # the month after the quarter (R45)
        ("quarterly", "2022-Q1", "2022-04-15", "2022-04-30"),
        ("quarterly", "2022-Q4", "2022-12-10", "2023-01-31"),
        ("quarterly", "2022-Q1", "2022-06-02", "2022-07-31"),  # paid after that: the month after it failed
        ("one_off", "2022", "2022-05-20", "2022-06-30"),  # the month after all are paid (R46)
        ("yearly", "2022", "2022-12-20", "2023-01-31"),
    ],
)
def test_what_nobody_put_right_goes_back_in_time(cycle: str, period: str, failed_on: str, clear: str) -> None:
    assert str(clear_on(cycle, period, dt.date.fromisoformat(failed_on))) == clear

"""The page of one day: what left, what waits, how fast each bank is, and what needs a person now."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.urls import reverse

from disbursement.day_facts import day_of, tasks_of
from disbursement.models import Order
from disbursement.simulator.bank import Banks
from subsidy_portal import clock
from tests import make
from tests.disbursement import stage
from tests.disbursement.test_pages_batches import queries

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bad_day(desk: stage.Desk, banks: Banks, home: Path) -> None:
    """One bank answers, one is silent, one file is cut."""
    stage.pay(desk, banks, [0, 3, 15], bank=make.make_bank("N"))
    (home / "banksim" / "knobs.json").write_text(json.dumps({"drop_result": True}))
    stage.pay(desk, banks, [0, 0], bank=make.make_bank("C"))
    (home / "banksim" / "knobs.json").write_text(json.dumps({"truncate": 9}))
    stage.pay(desk, banks, [0], bank=make.make_bank("N"))


def test_every_bank_is_counted(bad_day: None, desk: stage.Desk) -> None:
    day = day_of(clock.today(), desk.finance)
    figures = {
        line.bank.code: (line.orders, line.lines, line.answered, line.unknown, line.waiting) for line in day.banks
    }
    assert figures == {"N": (2, 4, 3, 1, 0), "C": (1, 2, 0, 0, 2)}
    assert {line.bank.code: line.quarantined for line in day.banks} == {"N": 1, "C": 0}
    assert next(line for line in day.banks if line.bank.code == "N").rate is not None
    assert next(line for line in day.banks if line.bank.code == "C").rate is None


def test_what_is_open_from_before_counts_today_and_stands_first(
    bad_day: None, desk: stage.Desk, day: Callable[[str], None]
) -> None:
    day("2022-03-08")
    found = day_of(clock.today(), desk.finance)
    assert found.totals["waiting"] == 2
    assert [line.order.status for line in found.orders] == ["answered", "sent"]


def test_a_day_with_bookings_and_no_statement_is_named(
    bad_day: None, desk: stage.Desk, banks: Banks, day: Callable[[str], None]
) -> None:
    day("2022-03-07")
    stage.pay(desk, banks, [0], bank=make.make_bank("N"))
    day("2022-03-08")
    found = {line.bank.code: line.missing_on for line in day_of(clock.today(), desk.finance).banks}
    assert str(found["N"]) == "2022-03-07"
    banks.round()
    stage.collect_all()
    assert {line.bank.code: line.missing_on for line in day_of(clock.today(), desk.finance).banks}["N"] is None


def test_what_needs_a_person_leads_to_where_it_is_done(bad_day: None, desk: stage.Desk) -> None:
    tasks = tasks_of(day_of(clock.today(), desk.finance))
    assert any("kind=quarantine" in task.url and task.n == 1 for task in tasks)


def test_the_page_asks_the_same_number_of_questions_and_looks_again_by_itself(
    bad_day: None, desk: stage.Desk, banks: Banks, login: stage.Login
) -> None:
    browser = login(desk.finance)
    page = reverse("disbursement:today")
    text = browser.get(page).content.decode()
    assert "every 15s" in text
    assert Order.objects.first().ref in text  # type: ignore[union-attr]
    few = queries(browser, page)
    stage.pay(desk, banks, [0, 0], bank=make.make_bank("N"))
    assert queries(browser, page) == few
    part = browser.get(page, headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith("<div id=")


def test_only_the_countys_books_and_no_day_to_come(desk: stage.Desk, login: stage.Login) -> None:
    assert login(desk.town).get(reverse("disbursement:today")).status_code == 404
    browser = login(desk.finance)
    assert browser.get(reverse("disbursement:day", args=["2022-03-05"])).status_code == 200
    for wrong in ("2022-03-06", "2022-02-30", "morgen"):
        assert browser.get(reverse("disbursement:day", args=[wrong])).status_code == 404

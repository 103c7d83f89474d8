"""A real Chromium and a portal of its own, whose county stands and has seen no money yet."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from programs import actions
from subsidy_portal import clock
from subsidy_portal.demo.catalogue import ENTRIES, LONGEVITY_CODE
from subsidy_portal.demo.world import R, build_world, fund_programs
from subsidy_portal.testrun import CHROMIUM, in_ci
from tests.browser.seat import SHOTS, Seat
from tests.stack import Stack

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
SEATS = Callable[..., Seat]


@pytest.fixture
def county(stack: Stack) -> Stack:
    """Offices, people at desks, banks, the published policy list and money for one program; it is 1 March 2022."""
    with stack.django():
        clock.set_today(dt.date(2022, 3, 1))
        world = build_world(ENTRIES, towns=1)
        fund_programs(world, {LONGEVITY_CODE: 3_000_000}, 2022)
        policies = actions.draft_policy_list(2022, actor=world.finance(R.OPERATOR))
        actions.publish_policy_list(policies, actor=world.finance(R.REVIEWER))
    stack.start("web")
    return stack


@pytest.fixture
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        message = f"{CHROMIUM} is not installed: apt-get install chromium fonts-noto-cjk"
        if in_ci():
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def pictures() -> None:
    """An empty folder for the pictures of this run."""
    shutil.rmtree(SHOTS, ignore_errors=True)
    SHOTS.mkdir()


@pytest.fixture
def seats(county: Stack, browser: Browser, pictures: None) -> Iterator[SEATS]:
    """``seats("caizheng-jb")``: that person's own window, logged in; ``seats()``: a citizen's."""
    taken: dict[str, Seat] = {}

    def seat(username: str = "", **window: object) -> Seat:
        if username not in taken:
            taken[username] = Seat(browser, county.url, **window)  # type: ignore[arg-type]
            if username:
                taken[username].log_in(username)
        return taken[username]

    yield seat
    complaints = [said for one in taken.values() for said in one.complaints]
    assert not complaints, "\n".join(complaints)

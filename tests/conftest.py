"""Shared fixtures. Postgres and Redis are real: `./portal test` starts them and sets their addresses."""

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.utils import translation

from subsidy_portal import clock
from tests import stack as stacks


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: object) -> None:
    """Tests that commit clean up with TRUNCATE, which the event table refuses; one test turns the refusal on again.

    There is no test database when all tests of a run have a stack, and so a database, of their own.
    """
    if not connection.settings_dict["NAME"].startswith("test_"):
        return
    with django_db_blocker.unblock(), connection.cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute("ALTER TABLE subsidy_portal_event DISABLE TRIGGER event_no_truncate")


@pytest.fixture(autouse=True)
def _fresh_start() -> None:
    """No test sees what another kept, nor speaks the language another's visitor chose."""
    cache.clear()
    translation.activate(settings.LANGUAGE_CODE)


@pytest.fixture
def set_today() -> Iterator[Callable[[dt.date | str], None]]:
    """Set the business date for one test: ``set_today("2022-03-05")``."""

    def set_to(day: dt.date | str) -> None:
        clock.set_today(dt.date.fromisoformat(day) if isinstance(day, str) else day)

    yield set_to
    clock.set_today(None)


@pytest.fixture(scope="session")
def stack_template(django_db_setup: None) -> Iterator[str]:
    name = stacks.make_template()
    yield name
    stacks.drop_database(name)


@pytest.fixture
def stack(stack_template: str, tmp_path: Path, django_db_blocker: Any) -> Iterator[stacks.Stack]:
    """A fresh database, data folder and no service yet: ``stack.start("worker", "beat", "banksim")``."""
    with django_db_blocker.unblock():
        made = stacks.Stack(tmp_path / "home", stack_template)
        try:
            yield made
        finally:
            made.stop()

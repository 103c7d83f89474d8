"""A portal folder of its own for every money test: exchange, journal, archive and the bank simulator's books."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from disbursement import collecting, ordering, restoring, sending
from disbursement.simulator.bank import Banks
from subsidy_portal.models import User
from tests.disbursement import stage


@pytest.fixture
def home(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """PORTAL_HOME for one test, on 5 March 2022; bells do not ring, tests send what they want sent."""
    storages = copy.deepcopy(settings.STORAGES)
    storages["exchange"]["OPTIONS"]["location"] = tmp_path / "exchange"
    storages["archive"]["OPTIONS"]["location"] = tmp_path / "files"
    settings.PORTAL_HOME, settings.STORAGES, settings.SEND_JOURNAL = tmp_path, storages, tmp_path / "journal"
    (tmp_path / "clock").write_text("2022-03-05")
    monkeypatch.setattr(restoring, "_seen", set())
    monkeypatch.setattr(ordering, "ring", lambda *args: None)
    monkeypatch.setattr(sending, "ring", lambda *args: None)
    monkeypatch.setattr(collecting, "ring", lambda *args: None)
    return tmp_path


@pytest.fixture
def banks(home: Path) -> Banks:
    """The simulator at work in this process; ``banks.round()`` lets it do what there is to do."""
    return Banks(home, home / "exchange")


@pytest.fixture
def day(home: Path) -> Callable[[str], None]:
    """Move the business date: ``day("2022-03-06")``."""

    def set_to(text: str) -> None:
        (home / "clock").write_text(text)

    return set_to


@pytest.fixture
def desk(db: None, home: Path) -> stage.Desk:
    """One user at every desk that handles money."""
    return stage.Desk()


@pytest.fixture
def login() -> stage.Login:
    """``login(user)`` is a browser of that user, in Chinese."""

    def as_user(user: User) -> Client:
        client = Client(headers={"accept-language": "zh-hans"})
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return as_user

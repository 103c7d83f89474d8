"""A citizen in front of the public site: what there is to see, and the three factors."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

import publicity.challenge
import publicity.lookup
from programs.models import Account, Notice, Person, Roster
from tests import make

TODAY = "2022-03-08"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, settings: Any, set_today: Callable[[str], None]) -> None:
    """Misses wait for a shorter slot, and nobody for the next try; tests of both take the real ones."""
    monkeypatch.setattr(publicity.lookup, "SLOT_SECONDS", 0.005)
    monkeypatch.setattr(publicity.challenge, "WAIT_SECONDS", 0)
    settings.PAGE_SECONDS = 0  # what a test changes it sees at once; test_page_cache.py keeps pages
    set_today(TODAY)


@dataclass
class Citizen:
    person: Person
    id_number: str
    account: Account
    account_number: str

    @property
    def factors(self) -> dict[str, str]:
        return {"name": self.person.name, "id_number": self.id_number, "last4": self.account_number[-4:]}


@pytest.fixture
def citizen(db: None) -> Citizen:
    """陈谷雨 of 柳树村201, who got 100.00 yuan for February."""
    id_number, number = make.make_id_number(dt.date(1944, 4, 20), 7), make.make_account_number()
    person = make.make_person("陈谷雨", id_number)
    account = make.make_account(person, number)
    office = make.make_organisation("township", make.make_area(make.TOWN), "石桥镇财政所")
    office.phone, office.address = "0990-1234567", "和平路6号"
    office.save()
    make.make_paid(
        make.make_roster(make.make_program(name="高龄津贴"), period="2022-02", rows=[(person, 10_000)]),
        dt.date(2022, 2, 12),
    )
    return Citizen(person, id_number, account, number)


@pytest.fixture
def look_up(client: Client) -> Callable[..., HttpResponse]:
    """Open the form and send it: ``look_up(name=…, id_number=…, last4=…, REMOTE_ADDR=…)``."""

    def send(client: Client = client, once: str = "", REMOTE_ADDR: str = "203.0.113.7", **factors: str) -> Any:
        once = once or token_of(client.get("/lookup/"))
        return client.post("/lookup/result/", {**factors, "once": once}, REMOTE_ADDR=REMOTE_ADDR)

    return send


def token_of(page: HttpResponse) -> str:
    found = re.search(r'name="once" value="([^"]+)"', page.content.decode())
    assert found
    return found[1]


def open_notice(roster: Roster | None = None, **fields: Any) -> Notice:
    """A notice opened today by the real actions, of ``roster`` or of one made of ``fields``."""
    return make.drive(roster or make.make_roster(**fields), "on_notice").notices.get()

"""Guessing is slow, and nobody can shut a citizen out by guessing (corpus D01, D04, D06)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from typing import Any

import pytest
from django.test import Client, RequestFactory

from publicity import limits
from publicity.limits import Counter, Limited, take
from subsidy_portal.addresses import address_of, network_of
from subsidy_portal.models import Event
from tests import make
from tests.publicity.conftest import Citizen

LookUp = Callable[..., Any]
_names = cycle("春夏秋冬雨露霜雪风云")


def guess(citizen: Citizen, number: int = 0) -> dict[str, str]:
    """A wrong last four."""
    last4 = f"{(int(citizen.factors['last4']) + 1 + number) % 10_000:04d}"
    return citizen.factors | {"last4": last4}


def stranger() -> dict[str, str]:
    """Somebody the registry does not know, each time somebody else."""
    return {"name": f"林{next(_names)}", "id_number": make.make_id_number(dt.date(1931, 5, 5)), "last4": "1234"}


def test_sixth_try_is_limited(look_up: LookUp, citizen: Citizen) -> None:
    for number in range(5):
        assert look_up(**guess(citizen, number)).status_code == 200
    page = look_up(**citizen.factors)
    assert page.status_code == 429
    assert 0 < int(page["Retry-After"]) <= 15 * 60
    assert "以后再来" in page.content.decode()
    assert "陈谷雨" not in page.content.decode()
    outcomes = [event.data["outcome"] for event in Event.objects.filter(kind="lookup").order_by("pk")]
    assert outcomes == ["missed"] * 5 + ["limited"]


def test_a_flood_of_refused_tries_is_one_event_a_network(look_up: LookUp, citizen: Citizen) -> None:
    for number in range(9):
        look_up(**guess(citizen, number))
    assert Event.objects.filter(kind="lookup", data__outcome="limited").count() == 1


def test_limit_holds_whoever_is_guessed(look_up: LookUp, db: None) -> None:
    pages = [look_up(**stranger()).status_code for _n in range(6)]
    assert pages == [200] * 5 + [429]


def test_stranger_elsewhere_does_not_shut_the_citizen_out(look_up: LookUp, citizen: Citizen) -> None:
    for number in range(8):
        look_up(client=Client(), REMOTE_ADDR="198.51.100.9", **guess(citizen, number))
    assert look_up(**citizen.factors).status_code == 200


def test_guesses_from_many_networks_are_capped_but_not_for_a_known_device(look_up: LookUp, citizen: Citizen) -> None:
    """A botnet gets fifty guesses a day at one person; the person's own phone does not notice."""
    phone = Client()
    assert look_up(client=phone, **citizen.factors).status_code == 200
    answers = [
        look_up(client=Client(), REMOTE_ADDR=f"198.51.{n // 5}.1", **guess(citizen, n)).status_code for n in range(60)
    ]
    assert answers == [200] * 50 + [429] * 10
    assert look_up(client=Client(), REMOTE_ADDR="192.0.2.1", **citizen.factors).status_code == 429
    assert "陈谷雨的补贴" in look_up(client=phone, **citizen.factors).content.decode()


def test_one_network_cannot_use_up_the_cap(look_up: LookUp, citizen: Citizen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WINDOW", 1)
    passed = 0
    for number in range(15):
        if number % 5 == 0:
            _forget_windows()
        passed += look_up(client=Client(), **guess(citizen, number)).status_code == 200
    assert passed == limits.TRIES_A_DAY


def _forget_windows() -> None:
    """A quarter of an hour passes: the counters of that length run out, those of the day stay."""
    store = limits._store()
    for key in store.scan_iter("limit:*"):
        if 0 <= store.ttl(key) <= 15 * 60:
            store.delete(key)


def test_known_device_is_limited_too(look_up: LookUp, citizen: Citizen) -> None:
    phone = Client()
    look_up(client=phone, **citizen.factors)
    answers = [look_up(client=phone, **guess(citizen, n)).status_code for n in range(6)]
    assert answers == [200] * 5 + [429]


def test_device_mark_opens_nothing_for_others(look_up: LookUp, citizen: Citizen) -> None:
    """The mark tells nothing, cannot be made, and counts for its own person only."""
    phone = Client()
    look_up(client=phone, **citizen.factors)
    mark = phone.cookies["known"].value
    assert not any(citizen.factors[factor] in mark for factor in ("name", "id_number"))  # four digits stand by chance
    assert phone.cookies["known"]["httponly"]
    forger = Client()
    forger.cookies["known"] = mark[:-1] + ("A" if mark[-1] != "A" else "B")
    for number in range(5):
        look_up(client=forger, **guess(citizen, number))
    assert look_up(client=forger, **citizen.factors).status_code == 429


def test_many_honest_people_behind_one_address(look_up: LookUp, citizen: Citizen) -> None:
    """Who is found earns the network another miss; one person found again and again does not."""
    neighbour = make.make_person("林立夏")
    make.make_paid(make.make_roster(period="2022-02", rows=[(neighbour, 10_000)]))
    right = {
        "name": "林立夏",
        "id_number": neighbour.reveal_id_number(),
        "last4": neighbour.accounts.get().number_last4,
    }
    for _again in range(3):
        look_up(client=Client(), **citizen.factors)
    look_up(client=Client(), **right)
    answers = [look_up(client=Client(), **stranger()).status_code for _n in range(8)]
    assert answers == [200] * 7 + [429]


@pytest.mark.django_db
def test_alarm_goes_off_once(look_up: LookUp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ALARM", 3)
    for n in range(5):
        look_up(REMOTE_ADDR=f"203.0.113.{n}", **stranger())
    assert Event.objects.filter(kind="lookup_alarm").count() == 1


def test_guesses_at_once_pass_no_more_than_in_turn() -> None:
    counters = [Counter("limit:test:a", 5, 60), Counter("limit:test:b", 100, 60)]

    def one(_n: int) -> bool:
        try:
            take(counters)
        except Limited:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(one, range(200))) == 5
    # What was refused counts nowhere.
    assert int(limits._store().get("limit:test:b")) == 5
    assert 0 < limits._store().ttl("limit:test:a") <= 60


def test_no_personal_data_reaches_the_store(look_up: LookUp, citizen: Citizen) -> None:
    look_up(**citizen.factors)
    look_up(**guess(citizen))
    store = limits._store()
    kept = b" ".join(key + b"=" + (store.get(key) or b"") for key in store.scan_iter("*"))
    # Four digits stand in a hexadecimal digest by chance; what would be kept of a person stands between its ends.
    told = re.split(rb"[0-9a-f]{32,}", kept)
    for value in (*citizen.factors.values(), citizen.account_number, "203.0.113.7"):
        assert not any(value.encode() in part for part in told)


@pytest.mark.parametrize(
    ("proxies", "remote", "forwarded", "network"),
    [
        (0, "203.0.113.7", "10.0.0.1", "203.0.113.7"),  # nobody is trusted: the header is only a claim
        (1, "127.0.0.1", "6.6.6.6, 203.0.113.7", "203.0.113.7"),  # what the client claims stands left
        (2, "127.0.0.1", "6.6.6.6, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
        (1, "127.0.0.1", "", "127.0.0.1"),
        (0, "2001:db8:1:2:aaaa::1", "", "2001:db8:1:2::/64"),
        (0, "2001:db8:1:2:bbbb::2", "", "2001:db8:1:2::/64"),
        (0, "::ffff:203.0.113.7", "", "203.0.113.7"),
        (1, "", "not an address", "unknown"),
    ],
)
def test_where_a_request_comes_from(
    settings: Any, rf: RequestFactory, proxies: int, remote: str, forwarded: str, network: str
) -> None:
    settings.AXES_IPWARE_PROXY_COUNT = proxies
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = rf.get("/", REMOTE_ADDR=remote, headers=headers)
    assert network_of(request) == network
    # The login's lock-out counts the same place, by one address of it.
    assert address_of(request) == (None if network == "unknown" else network.removesuffix("/64"))

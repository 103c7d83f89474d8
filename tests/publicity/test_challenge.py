"""After two misses a lookup is earned: by work made for this very form, or by waiting, one at a time."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from typing import Any

import altcha
import pytest
from django.test import Client

import publicity.challenge
from publicity import forms, limits
from tests.publicity.conftest import Citizen, token_of
from tests.publicity.test_limits import guess, stranger

pytestmark = pytest.mark.django_db
LookUp = Callable[..., Any]
ELSEWHERE = "203.0.113.99"


@pytest.fixture(autouse=True)
def _wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publicity.challenge, "WAIT_SECONDS", 30)
    monkeypatch.setattr(publicity.challenge, "ROUNDS", 10)


def miss_twice(look_up: LookUp, citizen: Citizen) -> Any:
    pages = [look_up(client=Client(), **guess(citizen, n)) for n in range(2)]
    assert "data-challenge" not in pages[0].content.decode()
    return pages[1]


def solved(page: Any) -> dict[str, str]:
    """What the browser sends back: the token of the form, and the work done for it."""
    found = re.search(r'data-challenge="([^"]+)"', page.content.decode())
    assert found
    challenge = altcha.Challenge.from_dict(json.loads(html.unescape(found[1])))
    solution = altcha.solve_challenge(challenge)
    assert solution is not None
    return {"once": token_of(page), "altcha": altcha.Payload(challenge, solution).to_base64()}


def test_the_third_try_needs_work_and_then_finds(look_up: LookUp, citizen: Citizen) -> None:
    second = miss_twice(look_up, citizen)
    hurried = look_up(client=Client(), **citizen.factors)
    text = hurried.content.decode()
    assert "请再按一次查询" in text
    assert "陈谷雨的补贴" not in text
    found = look_up(client=Client(), **citizen.factors, **solved(second))
    assert "陈谷雨的补贴" in found.content.decode()


def test_work_counts_for_its_own_form_only(look_up: LookUp, citizen: Citizen) -> None:
    second = miss_twice(look_up, citizen)
    work = solved(second)
    other = {**work, "once": token_of(Client().get("/lookup/"))}
    assert "请再按一次查询" in look_up(client=Client(), **citizen.factors, **other).content.decode()


@pytest.mark.parametrize("solution", ["x", "e30=", "AAAA", "中", "A" * 5_000])
def test_rubbish_is_no_work(look_up: LookUp, citizen: Citizen, solution: str) -> None:
    second = miss_twice(look_up, citizen)
    sent = look_up(client=Client(), **citizen.factors, once=token_of(second), altcha=solution)
    assert sent.status_code == 200
    assert "陈谷雨的补贴" not in sent.content.decode()


def test_a_signature_is_not_lent(look_up: LookUp, citizen: Citizen) -> None:
    second = miss_twice(look_up, citizen)
    own = altcha.create_challenge(
        "PBKDF2/SHA-256", 1, key_prefix="", data={"once": "x"}, hmac_secret=b"somebody else's secret"
    )
    solution = altcha.solve_challenge(own)
    assert solution is not None
    forged = altcha.Payload(own, solution).to_base64()
    page = look_up(client=Client(), **citizen.factors, once=token_of(second), altcha=forged)
    assert "陈谷雨的补贴" not in page.content.decode()


def test_without_a_script_one_waits_and_only_one_of_a_network_at_a_time(
    look_up: LookUp, citizen: Citizen, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = miss_twice(look_up, citizen)
    tokens = [token_of(second), token_of(Client().get("/lookup/"))]
    real = forms.time.time
    monkeypatch.setattr(forms.time, "time", lambda: real() + 31)
    missed = look_up(client=Client(), **guess(citizen, 3), once=tokens[0])
    assert "没有查到" in missed.content.decode()
    at_once = look_up(client=Client(), **citizen.factors, once=tokens[1])
    assert "请再按一次查询" in at_once.content.decode()


def test_a_person_many_guess_at_is_earned_from_everywhere(look_up: LookUp, citizen: Citizen) -> None:
    for n in range(2):
        look_up(client=Client(), REMOTE_ADDR=f"203.0.113.{n}", **guess(citizen, n))
    there = look_up(client=Client(), REMOTE_ADDR=ELSEWHERE, **citizen.factors)
    assert "请再按一次查询" in there.content.decode()
    found = look_up(client=Client(), REMOTE_ADDR=ELSEWHERE, **citizen.factors, **solved(there))
    assert "陈谷雨的补贴" in found.content.decode()


def test_a_known_phone_is_not_asked(look_up: LookUp, citizen: Citizen) -> None:
    phone = Client()
    look_up(client=phone, **citizen.factors)
    for n in range(3):
        look_up(client=Client(), **guess(citizen, n))
    assert "陈谷雨的补贴" in look_up(client=phone, **citizen.factors).content.decode()


def test_hurried_answers_tell_nothing_and_count_nowhere(look_up: LookUp, citizen: Citizen) -> None:
    miss_twice(look_up, citizen)
    before = {key: limits._store().get(key) for key in limits._store().scan_iter("limit:*")}
    pages = [look_up(client=Client(), **factors) for factors in (citizen.factors, guess(citizen, 5), stranger())]
    assert len({(page.status_code, "请再按一次查询" in page.content.decode()) for page in pages}) == 1
    assert {key: limits._store().get(key) for key in limits._store().scan_iter("limit:*")} == before

"""Public pages come from the shared store, never somebody's own, and are never older than five seconds."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from programs.models import Program
from publicity import limits, page_cache
from subsidy_portal.json_cache import ForgetfulCache
from tests import make
from tests.publicity.conftest import open_notice

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _kept(settings: Any) -> None:
    settings.PAGE_SECONDS = 2


@pytest.fixture
def notice_url() -> str:
    program = make.make_program(name="春耕补贴", paid_to="household")
    return f"/notices/{open_notice(program=program, rows=[(make.make_person('林立夏'), 7_000)]).slug}/"


def rename(name: str) -> None:
    Program.objects.filter(name__endswith="补贴").update(name=name)


def test_second_visitor_gets_the_kept_page(notice_url: str, django_assert_num_queries: Any) -> None:
    first = Client().get(notice_url)
    with django_assert_num_queries(0):
        second = Client().get(notice_url)
    assert second.content == first.content
    assert dict(second.items()) == dict(first.items())


def test_change_is_seen_within_five_seconds(notice_url: str) -> None:
    assert holds("春耕补贴", Client().get(notice_url))
    rename("秋收补贴")
    assert holds("春耕补贴", Client().get(notice_url))
    began = time.monotonic()
    while not holds("秋收补贴", Client().get(notice_url)):
        time.sleep(0.1)
    assert time.monotonic() - began < 5


def holds(words: str, page: Any) -> bool:
    return words in page.content.decode()


def test_kept_apart_by_language_and_look(notice_url: str) -> None:
    shown = set()
    for cookies in ({}, {"elder": "1"}, {"contrast": "1"}, {"django_language": "en"}):
        for _again in range(2):
            visitor = Client()
            visitor.cookies.load(cookies)
            shown.add(visitor.get(notice_url).content)
    assert len(shown) == 4


def test_page_with_a_form_that_counts_or_a_cookie_is_never_kept(notice_url: str) -> None:
    for url in (f"{notice_url}objection/1/", "/lookup/"):
        tokens = {Client().get(url).context["csrf_token"] for _visitor in range(2)}
        assert len(tokens) == 2, url
    # A visitor who has the cookie already gets no new one, and the page still carries that visitor's token.
    again = Client()
    for _visit in range(2):
        again.get(f"{notice_url}objection/1/")
    kept = [name for name in _kept_names() if not name.endswith(b":new")]
    assert not any(b"objection" in name or b"lookup" in name for name in kept)


def _kept_names() -> list[bytes]:
    return list(limits._store().scan_iter("*page:*"))


def test_cached_pages_set_no_cookie(notice_url: str) -> None:
    for url in ("/", "/policies/", "/notices/", "/offices/", "/open-data/", notice_url):
        assert not Client().get(url).cookies, url
        assert any(url.encode() in name for name in _kept_names()), url


def test_who_is_logged_in_sees_every_page_fresh(notice_url: str) -> None:
    Client().get(notice_url)
    rename("秋收补贴")
    staff = Client()
    staff.force_login(make.make_user("finance", "operator"))
    assert "秋收补贴" in staff.get(notice_url).content.decode()


def test_endless_addresses_fill_no_store(notice_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_cache, "DRAWERS", 4)
    for number in range(30):
        Client().get(notice_url, {"village": str(number)})
    assert len([name for name in _kept_names() if not name.endswith(b":new")]) <= 4


def test_pages_come_without_redis(notice_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each visitor's page is made, none is an error."""
    monkeypatch.setattr(page_cache, "cache", ForgetfulCache("redis://127.0.0.1:1/0", {}))
    for _visitor in range(2):
        with CaptureQueriesContext(connection) as asked:
            assert Client().get(notice_url).status_code == 200
        assert asked.captured_queries

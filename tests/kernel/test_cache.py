"""A Redis that is away: pages go on, nothing is remembered, and what may be done once is refused."""

from __future__ import annotations

import socket

import pytest

from subsidy_portal.json_cache import ForgetfulCache


@pytest.fixture
def away() -> ForgetfulCache:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {"serializer": "subsidy_portal.json_cache.JsonSerializer"}
    return ForgetfulCache(f"redis://127.0.0.1:{port}/0", {"OPTIONS": options})


def test_nothing_is_found_and_nothing_is_kept(away: ForgetfulCache) -> None:
    away.set("a", 1)
    assert away.get("a", "default") == "default"
    assert away.get_or_set("a", lambda: 7) == 7


def test_what_may_be_done_once_is_refused(away: ForgetfulCache) -> None:
    assert away.add("token", 1) is False

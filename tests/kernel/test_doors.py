"""What a stranger or a stale key may not get past: tokens, proxies, odd cursors, the cache."""

import datetime as dt
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from subsidy_portal import actions
from subsidy_portal.models import Event, Organisation, User
from tests.make import make_user

pytestmark = pytest.mark.django_db
K, R = Organisation.Kind, User.Role
PASSWORD = "correct horse battery"
LIST = "/api/v1/programs/"


def ask_token(user: User, **extra: Any) -> Any:
    return APIClient().post("/api/v1/token/", {"username": user.username, "password": PASSWORD}, **extra)


def status_with(key: str) -> int:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {key}")
    return client.get(LIST).status_code


class TestTokens:
    def test_a_token_opens_the_api_is_recorded_and_replaces_the_last(self) -> None:
        user = make_user()
        first, second = (ask_token(user).json()["token"] for _n in range(2))
        assert (status_with(first), status_with(second)) == (403, 200)
        assert Event.objects.filter(kind="token_issued", actor=user).count() == 2

    def test_a_first_password_gets_no_token_and_opens_nothing_with_an_old_one(self) -> None:
        user = make_user()
        key = ask_token(user).json()["token"]
        User.objects.filter(pk=user.pk).update(must_change_password=True)
        assert ask_token(user).status_code == 422
        assert status_with(key) == 403

    def test_a_token_lasts_a_day(self) -> None:
        key = ask_token(make_user()).json()["token"]
        Token.objects.update(created=timezone.now() - dt.timedelta(hours=23, minutes=59))
        assert status_with(key) == 200
        Token.objects.update(created=timezone.now() - dt.timedelta(hours=24, minutes=1))
        assert status_with(key) == 403

    @pytest.mark.parametrize("change", ["reset", "role", "is_active", "own password"])
    def test_a_token_ends_with_what_it_was_given_for(self, change: str) -> None:
        user, admin = make_user(K.TOWNSHIP, R.OPERATOR), make_user(K.FINANCE, R.ADMINISTRATOR)
        assert ask_token(user).status_code == 200
        if change == "reset":
            actions.reset_password(user, actor=admin)
        elif change == "own password":
            client = Client()
            client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
            new = "plum blossom river stone"
            said = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
            assert client.post("/staff/password/", said).status_code == 302
        else:
            setattr(user, change, R.REVIEWER if change == "role" else False)
            actions.change_user(user, actor=admin)
        assert not Token.objects.filter(user=user).exists()


def test_behind_a_proxy_a_strangers_wrong_passwords_lock_only_the_stranger(settings: Any) -> None:
    settings.AXES_IPWARE_PROXY_COUNT = 1
    user = make_user()

    def sign_in(address: str, password: str) -> int:
        said = {"username": user.username, "password": password}
        return Client().post("/staff/login/", said, headers={"X-Forwarded-For": address}).status_code

    for _n in range(5):
        sign_in("203.0.113.9", "wrong")
    assert sign_in("203.0.113.9", PASSWORD) == 429
    assert sign_in("198.51.100.4", PASSWORD) == 302


@pytest.mark.parametrize("after", ["--5", "-", "٣", "9" * 40])
def test_a_senseless_page_key_shows_the_first_page(client: Client, after: str) -> None:
    assert client.get("/notices/", {"after": after}).status_code == 200


@pytest.mark.parametrize("cursor", ["cD1hYmM=", "cD05OTk5OTk5OTk5OTk5OTk5OTk5OTk="])
def test_a_cursor_we_never_gave_is_not_found(cursor: str) -> None:
    client = APIClient()
    client.force_authenticate(make_user())
    assert client.get(LIST, {"cursor": cursor}).status_code == 404


def test_the_schema_is_for_the_staff(client: Client) -> None:
    assert client.get("/api/schema/").status_code == 403


def test_the_cache_runs_no_code_and_keeps_no_objects() -> None:
    cache.set("doors", {"a": [1, "二"], "b": None})
    assert cache.get("doors") == {"a": [1, "二"], "b": None}
    cache.set("count", 1)
    assert cache.incr("count") == 2
    with pytest.raises(TypeError):
        cache.set("doors", object())

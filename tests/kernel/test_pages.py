"""Desk, users and the permission table."""

import re

import pytest
from django.contrib.auth import authenticate
from django.test import Client, RequestFactory
from django.urls import get_resolver, reverse

from subsidy_portal import permission_words
from subsidy_portal.desk import BELOW, MENU, menu
from subsidy_portal.models import Event, Organisation, User
from subsidy_portal.permissions import PERMISSIONS
from subsidy_portal.workflow import record
from tests.make import K, R, desk_of, make_area, make_organisation, make_roster, make_user
from tests.programs.pages import read, signed_in

pytestmark = pytest.mark.django_db


# --- Desk --------------------------------------------------------------------------------------------------


def test_the_desk_shows_what_waits_when_it_is_due_and_where_to_do_it(set_today):
    set_today("2022-03-10")
    roster = make_roster(status="submitted", due_on="2022-03-09")
    text = read(signed_in(desk_of(roster, K.TOWNSHIP, R.REVIEWER)).get(reverse("desk")))
    assert reverse("programs:roster", args=[roster.pk]) in text
    assert "其中 1 件已逾期" in text
    assert "逾期 1 天" in text


def test_the_desk_of_one_day(set_today):
    set_today("2022-03-10")
    soon = make_roster(status="submitted", due_on="2022-03-12")
    later = make_roster(soon.program, period="2022-02", status="submitted", due_on="2022-03-20")
    browser = signed_in(desk_of(soon, K.TOWNSHIP, R.REVIEWER))
    table = read(browser.get(reverse("desk"), {"due": "2022-03-12"})).split('<ol class="dues">')[0]
    assert soon.number in table
    assert later.number not in table
    assert browser.get(reverse("desk"), {"due": "nonsense"}).status_code == 200


def test_an_empty_desk_says_so():
    assert "没有待处理的事项" in read(signed_in(make_user(K.AUDIT, R.VIEWER)).get(reverse("desk")))


def test_what_i_did_last_leads_to_the_thing():
    roster = make_roster()
    user = desk_of(roster, K.TOWNSHIP, R.OPERATOR)
    browser = signed_in(user)
    browser.post(reverse("programs:roster-act", args=[roster.pk, "submit"]))
    text = read(browser.get(reverse("desk"), {"tab": "done"}))
    assert re.search(rf'<a href="{reverse("programs:roster", args=[roster.pk])}">清册 {roster.number} 变为', text)
    assert roster.number not in read(signed_in(make_user(K.FINANCE, R.VIEWER)).get(reverse("desk"), {"tab": "done"}))


def _staff_parts() -> set[str]:
    """The first parts of all staff addresses: ``rosters``, ``imports``…"""
    patterns: list[str] = []

    def walk(found, prefix: str = "") -> None:
        for one in found:
            if hasattr(one, "url_patterns"):
                walk(one.url_patterns, prefix + str(one.pattern))
            else:
                patterns.append(prefix + str(one.pattern))

    walk(get_resolver().url_patterns)
    return {pattern.split("/")[1] for pattern in patterns if pattern.startswith("staff/")} - {""}


def test_every_staff_page_lights_the_menu_entry_it_belongs_to():
    entries = {reverse(name).split("/")[2]: key for _label, group in MENU for key, _text, name, _need in group}
    # Login, password, search and jobs belong to everybody's desk.
    assert _staff_parts() - entries.keys() - BELOW.keys() == {"login", "logout", "password", "search", "jobs"}
    assert set(BELOW.values()) <= set(entries.values())
    lit = [e["key"] for g in menu(make_user(K.FINANCE), "/staff/discrepancies/7/") for e in g["items"] if e["current"]]
    assert lit == ["reconciliation"]


def test_what_happened_last_comes_first_also_when_it_was_entered_earlier(set_today):
    set_today("2022-03-14")
    late = make_roster()
    user = desk_of(late, K.TOWNSHIP, R.OPERATOR)
    record(late, "uploaded", actor=user)
    set_today("2022-03-10")
    early = make_roster(late.program, period="2022-02")
    record(early, "uploaded", actor=user)
    set_today("2022-03-15")
    text = read(signed_in(user).get(reverse("desk"), {"tab": "done"}))
    assert text.index(late.number) < text.index(early.number)


def test_a_search_for_nothing_says_what_can_be_searched():
    response = signed_in(make_user(K.FINANCE, R.OPERATOR)).post(reverse("search"), {"q": "没有这个人"})
    assert "没有找到" in read(response)
    assert "没有这个人" not in read(response)  # what was typed may be a number: it is not repeated


def test_the_address_of_a_search_opened_again_is_no_dead_end():
    assert signed_in(make_user()).get(reverse("search"))["Location"] == reverse("desk")


# --- Users -------------------------------------------------------------------------------------------------


@pytest.fixture
def admin() -> User:
    return make_user(K.FINANCE, R.ADMINISTRATOR)


def new_user(organisation: Organisation, **fields) -> dict:
    return {
        "username": "lh-jb", "display_name": "江白鹭", "organisation": organisation.pk, "role": "operator",
        "is_active": "on", **fields,
    }  # fmt: skip


def password_in(text: str) -> str:
    return re.search(r'<p class="once">([^<]+)</p>', text)[1]


def test_a_new_user_gets_a_first_password_that_is_shown_once_and_must_be_changed(admin):
    organisation = make_organisation(K.TOWNSHIP)
    response = signed_in(admin).post(reverse("user-new"), new_user(organisation))
    password = password_in(read(response))
    user = User.objects.get(username="lh-jb")
    assert authenticate(RequestFactory().get("/"), username="lh-jb", password=password) == user
    assert response["Cache-Control"] == "no-store"
    assert password not in read(signed_in(admin).get(reverse("user-edit", args=[user.pk])))
    assert Event.objects.about(user).get().kind == "created"
    first = Client()
    first.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    assert first.get(reverse("desk"))["Location"] == reverse("password_change")


def test_a_reset_ends_the_old_password_and_the_open_sessions(admin):
    user = make_user(K.TOWNSHIP, R.OPERATOR)
    session = signed_in(user)
    text = read(signed_in(admin).post(reverse("user-password", args=[user.pk])))
    assert authenticate(RequestFactory().get("/"), username=user.username, password="correct horse battery") is None
    assert authenticate(RequestFactory().get("/"), username=user.username, password=password_in(text)) == user
    assert session.get(reverse("desk"))["Location"].startswith(reverse("login"))


def test_a_taken_user_name_is_named_and_nothing_is_made(admin):
    taken = make_user(K.TOWNSHIP, R.OPERATOR)
    response = signed_in(admin).post(reverse("user-new"), new_user(taken.organisation, username=taken.username))
    assert response.status_code == 422
    assert "这个用户名已经有人用" in read(response)
    assert User.objects.filter(username=taken.username).count() == 1


def test_nobody_gives_themselves_another_role(admin):
    data = new_user(admin.organisation, username=admin.username, role="approver")
    signed_in(admin).post(reverse("user-edit", args=[admin.pk]), data)
    signed_in(admin).post(reverse("user-password", args=[admin.pk]))
    admin.refresh_from_db()
    assert admin.role == "administrator"
    assert not admin.must_change_password


def test_a_user_name_never_changes(admin):
    user = make_user(K.TOWNSHIP, R.OPERATOR)
    signed_in(admin).post(reverse("user-edit", args=[user.pk]), new_user(user.organisation, username="other"))
    user.refresh_from_db()
    assert (user.username != "other", user.display_name) == (True, "江白鹭")


def test_an_office_manages_its_own_users_only():
    town = make_organisation(K.TOWNSHIP)
    local = signed_in(make_user(K.TOWNSHIP, R.ADMINISTRATOR, town))
    colleague = make_user(K.TOWNSHIP, R.OPERATOR, town)
    stranger = make_user(K.TOWNSHIP, R.OPERATOR, make_organisation(K.TOWNSHIP, make_area("990001102000")))
    text = read(local.get(reverse("user-list")))
    assert colleague.username in text
    assert stranger.username not in text
    assert local.get(reverse("user-edit", args=[stranger.pk])).status_code == 404
    assert local.post(reverse("user-password", args=[stranger.pk])).status_code == 404
    response = local.post(reverse("user-new"), new_user(stranger.organisation))
    assert response.status_code == 422
    assert not User.objects.filter(username="lh-jb").exists()


@pytest.mark.parametrize("name", ["user-list", "user-new", "permission-table"])
def test_only_administrators_manage_users(name):
    assert signed_in(make_user(K.FINANCE, R.APPROVER)).get(reverse(name)).status_code == 404


def test_the_permission_table_names_every_action_and_shows_the_table_itself(admin):
    named = {action for _title, words in permission_words.SECTIONS for action in words}
    assert named == set(PERMISSIONS)
    rows = {row.action: dict(row.cells) for _title, rows in permission_words.table() for row in rows}
    assert rows["batch.release"]["财政"] == "批准"
    assert set(rows["batch.release"].values()) == {"批准", ""}
    assert "放行批次" in read(signed_in(admin).get(reverse("permission-table")))

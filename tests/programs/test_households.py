"""Who belongs to a household: members come and go by the township's word, another head needs a second person."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.urls import reverse

from programs import actions
from programs.models import HeadChange, Household, Person
from subsidy_portal.models import Event, User
from subsidy_portal.workflow import NotPermitted, Refused
from tests import make
from tests.corpus import rosters as corpus
from tests.make import K, R
from tests.programs.pages import read, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _day(set_today: Callable[[str], None]) -> None:
    set_today("2022-03-05")


@pytest.fixture
def head() -> Person:
    return make.make_person("林立夏", corpus.id_number(1))


@pytest.fixture
def home(head: Person) -> Household:
    return make.make_household(head)


@pytest.fixture
def clerk() -> User:
    return make.make_user(K.TOWNSHIP, R.OPERATOR)


@pytest.fixture
def wife(home: Household, clerk: User) -> Person:
    person = make.make_person("何白鹭", corpus.id_number(2))
    add(home, person, clerk)
    person.refresh_from_db()
    return person


def add(home: Household, person: Person, clerk: User, relation: str = "妻") -> Person:
    return actions.add_member(
        home, id_number=person.reveal_id_number(), name=person.name, relation=relation, reason="户口簿", actor=clerk
    )


def test_a_registered_person_of_the_village_joins_and_leaves_and_both_are_told(
    home: Household, wife: Person, clerk: User
) -> None:
    assert (wife.household, wife.relation) == (home, "妻")
    actions.remove_member(home, wife, reason="分户，见派出所证明", actor=clerk)
    wife.refresh_from_db()
    assert (wife.household, wife.relation) == (None, "")
    assert [event.kind for event in Event.objects.about(home)] == ["member_removed", "member_added"]


def test_nobody_joins_who_is_unknown_lives_elsewhere_or_heads_others(home: Household, clerk: User) -> None:
    stranger = {"id_number": corpus.id_number(9), "name": "无此人", "relation": "子", "reason": "户口簿"}
    with pytest.raises(Refused, match="没有登记这个人"):
        actions.add_member(home, **stranger, actor=clerk)
    away = make.make_person("江知秋", corpus.id_number(3), area=make.make_area("990001102201"))
    with pytest.raises(Refused, match="登记在别的村"):
        add(home, away, clerk, "子")
    other = make.make_person("赵谷雨", corpus.id_number(4))
    busy = make.make_household(other)
    add(busy, make.make_person("赵小满", corpus.id_number(5)), clerk, "子")
    with pytest.raises(Refused, match="那一户还有别人"):
        add(home, other, clerk, "弟")


def test_somebody_of_another_household_leaves_that_one(home: Household, wife: Person, clerk: User) -> None:
    second = make.make_household(make.make_person("赵谷雨", corpus.id_number(4)))
    add(second, wife, clerk, "女")
    wife.refresh_from_db()
    assert (wife.household, wife.relation) == (second, "女")
    assert Event.objects.about(home).first().kind == "member_removed"  # type: ignore[union-attr]


def test_another_head_needs_a_second_person_and_the_old_one_stays_as_told(
    home: Household, head: Person, wife: Person, clerk: User
) -> None:
    made = actions.ask_head(home, wife, old_relation="夫", reason="户主变更登记", actor=clerk)
    with pytest.raises(Refused, match="待同意"):
        actions.ask_head(home, wife, reason="户主变更登记", actor=clerk)
    with pytest.raises(NotPermitted):
        actions.decide_head(made, True, actor=clerk)
    with pytest.raises(Refused, match="正在提出由这个人当户主"):
        actions.remove_member(home, wife, reason="分户", actor=clerk)
    actions.decide_head(made, True, actor=make.make_user(K.TOWNSHIP, R.REVIEWER))
    for changed in (home, head, wife):
        changed.refresh_from_db()
    assert (home.head, head.relation, wife.relation) == (wife, "夫", "户主")
    assert head.household == home
    assert Event.objects.about(home).first().kind == "head_changed"  # type: ignore[union-attr]


def test_a_head_who_died_leaves(home: Household, head: Person, wife: Person, clerk: User) -> None:
    made = actions.ask_head(home, wife, reason="原户主去世", actor=clerk)
    actions.decide_head(made, True, actor=make.make_user(K.TOWNSHIP, R.REVIEWER))
    head.refresh_from_db()
    assert (head.household, head.relation) == (None, "")


def test_the_head_is_not_removed_and_a_refusal_says_why(
    home: Household, head: Person, wife: Person, clerk: User
) -> None:
    with pytest.raises(Refused, match="先提出换户主"):
        actions.remove_member(home, head, reason="迁走", actor=clerk)
    made = actions.ask_head(home, wife, reason="户主变更", actor=clerk)
    reviewer = make.make_user(K.TOWNSHIP, R.REVIEWER)
    with pytest.raises(Refused, match="为什么不同意"):
        actions.decide_head(made, False, actor=reviewer)
    actions.decide_head(made, False, answer="户口簿没有变更", actor=reviewer)
    home.refresh_from_db()
    assert (made.status, home.head) == ("refused", head)


def test_another_township_neither_sees_nor_changes_it(home: Household, wife: Person) -> None:
    organisation = make.make_organisation(K.TOWNSHIP, make.make_area("990001102000"))
    other = make.make_user(K.TOWNSHIP, R.OPERATOR, organisation)
    assert signed_in(other).get(reverse("programs:household", args=[home.pk])).status_code == 404
    with pytest.raises(NotPermitted, match="只能办本乡镇的户"):
        actions.remove_member(home, wife, reason="分户", actor=other)


def test_the_pages_add_a_member_and_change_the_head_on_two_desks(home: Household, head: Person, clerk: User) -> None:
    son = make.make_person("林小雪", corpus.id_number(6))
    browser, url = signed_in(clerk), reverse("programs:household", args=[home.pk])
    given = {"id_number": corpus.id_number(6), "name": "林小雪", "relation": "子", "reason": "户口簿"}
    page = read(browser.post(reverse("programs:member-add", args=[home.pk]), given, follow=True))
    assert "林小雪 已加入这一户" in page
    assert corpus.id_number(6) not in page
    wrong = browser.post(reverse("programs:member-add", args=[home.pk]), {**given, "id_number": "12"})
    assert wrong.status_code == 422
    assert "身份证号应为18位" in read(wrong)
    asked = {"new_head": son.pk, "old_relation": "父", "reason": "年老"}
    assert "待同意" in read(browser.post(reverse("programs:head-ask", args=[home.pk]), asked, follow=True))
    reviewer = signed_in(make.make_user(K.TOWNSHIP, R.REVIEWER))
    assert "换户主待同意" in read(reviewer.get(reverse("desk")))
    change = HeadChange.objects.get()
    assert "同意，换户主" in read(reviewer.get(reverse("programs:head-change", args=[change.pk])))
    reviewer.post(reverse("programs:agreement-act", args=["heads", change.pk, "agree"]))
    assert "林小雪户" in read(browser.get(url))
    assert "从林立夏换为林小雪" in read(browser.get(url))

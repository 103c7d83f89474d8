"""A person moves between townships: one asks, the other agrees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from programs import actions
from programs.models import Household, Person, PersonMove
from subsidy_portal.models import Area, User
from subsidy_portal.workflow import NotPermitted, Refused
from tests import make
from tests.corpus import rosters as corpus
from tests.make import K, R

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _day(set_today: Callable[[str], None]) -> None:
    set_today("2022-03-05")


@pytest.fixture
def there() -> Area:
    return make.make_area("990001102201")


@pytest.fixture
def person() -> Person:
    return make.make_person("林立夏", corpus.id_number(1))


def desk(area: Area, role: str = R.OPERATOR) -> User:
    return make.make_user(K.TOWNSHIP, role, make.make_organisation(K.TOWNSHIP, area=area.parent))


def asked(person: Person, there: Area, clerk: User | None = None, **more: Any) -> PersonMove:
    wanted = {"name": person.name, "reason": "婚迁，户口页已核", **more}
    return actions.ask_move(
        id_number=person.reveal_id_number(), to_area=there, actor=clerk or desk(person.area), **wanted
    )


def test_the_other_township_agrees_and_the_person_is_registered_there(person: Person, there: Area) -> None:
    move = asked(person, there)
    assert move.decides == there.parent
    actions.decide_move(move, True, actor=desk(there, R.REVIEWER))
    person.refresh_from_db()
    assert (move.status, person.area) == ("agreed", there)


def test_the_receiving_township_may_ask_and_then_the_giving_one_agrees(person: Person, there: Area) -> None:
    move = asked(person, there, desk(there))
    assert move.decides == person.area.parent
    with pytest.raises(NotPermitted, match="要由"):
        actions.decide_move(move, True, actor=desk(there, R.REVIEWER))
    actions.decide_move(move, True, actor=desk(person.area, R.REVIEWER))
    person.refresh_from_db()
    assert person.area == there


def test_refused_with_a_reason_nothing_moves(person: Person, there: Area) -> None:
    move, reviewer, before = asked(person, there), desk(there, R.REVIEWER), person.area
    with pytest.raises(Refused, match="写明为什么不同意"):
        actions.decide_move(move, False, actor=reviewer)
    actions.decide_move(move, False, answer="人还在外地", actor=reviewer)
    person.refresh_from_db()
    assert (move.status, person.area) == ("refused", before)


def test_a_third_township_has_no_say(person: Person, there: Area) -> None:
    third = make.make_area("990001103201")
    with pytest.raises(NotPermitted):
        asked(person, there, desk(third))
    assert not PersonMove.objects.visible_to(desk(third)).exists()


@pytest.mark.parametrize("change", [{"name": "沈知秋"}, {"id_number": corpus.id_number(9)}])
def test_nobody_learns_who_lives_elsewhere(change: dict[str, str], person: Person, there: Area) -> None:
    given = {"id_number": person.reveal_id_number(), "name": person.name} | change
    with pytest.raises(Refused, match=r"^没有登记这个人，或姓名与登记的不同。"):
        actions.ask_move(**given, to_area=there, reason="x", actor=desk(there))
    assert not PersonMove.objects.exists()


def test_a_head_moves_with_the_household_or_not_at_all(person: Person, there: Area) -> None:
    child = make.make_person()
    household = Household.objects.create(head=person, area=person.area)
    Person.objects.filter(pk__in=(person.pk, child.pk)).update(household=household)
    with pytest.raises(Refused, match="连户迁"):
        asked(person, there)
    actions.decide_move(asked(person, there, with_household=True), True, actor=desk(there, R.REVIEWER))
    household.refresh_from_db()
    child.refresh_from_db()
    assert (household.area, child.area) == (there, there)


def test_a_member_who_moves_alone_leaves_the_household(person: Person, there: Area) -> None:
    head = make.make_person()
    household = Household.objects.create(head=head, area=head.area)
    Person.objects.filter(pk=person.pk).update(household=household, relation="子")
    actions.decide_move(asked(person, there), True, actor=desk(there, R.REVIEWER))
    person.refresh_from_db()
    assert (person.household, person.relation) == (None, "")


def test_rosters_under_way_stay_as_they_are(person: Person, there: Area) -> None:
    roster = make.make_roster(rows=[(person, 10_000)])
    before = roster.rows.get().area
    actions.decide_move(asked(person, there), True, actor=desk(there, R.REVIEWER))
    assert roster.rows.get().area == before != there


def test_one_request_at_a_time_and_it_can_be_taken_back(person: Person, there: Area) -> None:
    move = asked(person, there)
    with pytest.raises(Refused, match="已经有一件迁移待同意"):
        asked(person, there)
    with pytest.raises(NotPermitted):
        actions.withdraw_move(move, actor=desk(person.area))
    actions.withdraw_move(move, actor=move.made_by)
    assert asked(person, there).status == "asked"


def test_inside_one_township_a_reviewer_agrees(person: Person) -> None:
    next_door = make.make_area("990001101202")
    move = asked(person, next_door)
    actions.decide_move(move, True, actor=desk(person.area, R.REVIEWER))
    person.refresh_from_db()
    assert person.area == next_door

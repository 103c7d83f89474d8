"""The pages of merges and moves: asked on one desk, answered on the other."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.urls import reverse

from programs import actions
from programs.models import PersonMerge, PersonMove
from tests import make
from tests.corpus import rosters as corpus
from tests.make import K, R
from tests.programs.pages import read, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _day(set_today: Callable[[str], None]) -> None:
    set_today("2022-03-05")


def test_a_merge_is_proposed_and_agreed_on_two_desks() -> None:
    keep, gone = (make.make_person("林立夏", corpus.id_number(n)) for n in (1, 2))
    clerk = signed_in(make.make_user(K.TOWNSHIP, R.OPERATOR))
    given = {"keep": corpus.id_number(1), "gone": corpus.id_number(2), "reason": "换过证"}
    asked = read(clerk.post(reverse("programs:merge-new"), given, follow=True))
    assert "待同意" in asked
    assert corpus.id_number(1) not in asked
    merge = PersonMerge.objects.get()
    finance = signed_in(make.make_user(K.FINANCE, R.REVIEWER))
    assert "合并待同意" in read(finance.get(reverse("desk")))
    page = read(finance.get(reverse("programs:merge", args=[merge.pk])))
    assert "同意，合成一个人" in page
    finance.post(reverse("programs:agreement-act", args=["merges", merge.pk, "agree"]))
    gone.refresh_from_db()
    assert gone.merged_into == keep
    assert "已并入另一条" in read(finance.get(reverse("programs:person", args=[gone.pk])))
    assert "的登记并入了这里" in read(finance.get(reverse("programs:person", args=[keep.pk])))


def test_a_wrong_number_is_told_on_the_form() -> None:
    clerk = signed_in(make.make_user(K.TOWNSHIP, R.OPERATOR))
    answer = clerk.post(reverse("programs:merge-new"), {"keep": "1", "gone": "2", "reason": "x"})
    assert answer.status_code == 422
    assert "身份证号应为18位" in read(answer)
    assert not PersonMerge.objects.exists()


def test_a_move_is_refused_with_words_on_the_other_desk() -> None:
    person, there = make.make_person("林立夏", corpus.id_number(1)), make.make_area("990001102201")
    clerk = make.make_user(K.TOWNSHIP, R.OPERATOR)
    given = {"id_number": corpus.id_number(1), "name": "林立夏", "to_area": there.pk, "reason": "婚迁"}
    signed_in(clerk).post(reverse("programs:move-new"), given)
    move = PersonMove.objects.get()
    organisation = make.make_organisation(K.TOWNSHIP, area=there.parent)
    other = signed_in(make.make_user(K.TOWNSHIP, R.REVIEWER, organisation))
    assert "迁移待同意" in read(other.get(reverse("desk")))
    act = reverse("programs:agreement-act", args=["moves", move.pk, "refuse"])
    assert other.post(act, {"note": ""}).status_code == 422
    other.post(act, {"note": "人还在外地"})
    assert "人还在外地" in read(signed_in(clerk).get(reverse("programs:move", args=[move.pk])))
    person.refresh_from_db()
    assert person.area != there


def test_what_one_may_not_see_is_404() -> None:
    person, there = make.make_person("林立夏", corpus.id_number(1)), make.make_area("990001102201")
    clerk = make.make_user(K.TOWNSHIP, R.OPERATOR)
    move = actions.ask_move(id_number=corpus.id_number(1), name=person.name, to_area=there, reason="婚迁", actor=clerk)
    third = make.make_organisation(K.TOWNSHIP, area=make.make_area("990001103000"))
    stranger = signed_in(make.make_user(K.TOWNSHIP, R.REVIEWER, third))
    assert stranger.get(reverse("programs:move", args=[move.pk])).status_code == 404
    assert stranger.post(reverse("programs:agreement-act", args=["moves", move.pk, "agree"])).status_code == 404


def test_over_the_api(client: object) -> None:
    make.make_person("林立夏", corpus.id_number(1))
    there = make.make_area("990001102201")
    clerk = signed_in(make.make_user(K.TOWNSHIP, R.OPERATOR))
    body = {"id_number": corpus.id_number(1), "name": "林立夏", "to_area": there.pk, "reason": "婚迁"}
    made = clerk.post("/api/v1/person-moves/", body, content_type="application/json")
    assert made.status_code == 201, made.content
    assert corpus.id_number(1) not in made.content.decode()
    back = clerk.post(f"/api/v1/person-moves/{made.json()['id']}/withdraw/", {}, content_type="application/json")
    assert back.json()["status"] == "withdrawn"

"""The 补贴底册: who lives where, in which household, with which accounts and programs."""

from __future__ import annotations

import pytest
from django.urls import reverse

from programs.models import Household, Person
from programs.registry_book import book_lines, book_sums
from subsidy_portal.models import Event
from subsidy_portal.sheets import read_workbook
from tests import make
from tests.make import K, R
from tests.programs.pages import read, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def family() -> list[Person]:
    people = [make.make_person(name) for name in ("江白鹭", "林立夏", "沈知秋")]
    child, head, _single = people
    household = Household.objects.create(head=head, area=head.area)
    Person.objects.filter(pk__in=(child.pk, head.pk)).update(household=household)
    Person.objects.filter(pk=child.pk).update(relation="子")
    make.make_account(head)
    make.make_roster(rows=[(head, 10_000)])
    return people


def test_the_head_stands_before_the_members_of_the_household(family: list[Person]) -> None:
    clerk = make.make_user(K.TOWNSHIP, R.OPERATOR)
    lines = book_lines(clerk.organisation.area, clerk)
    assert [(line.head, line.name, line.relation) for line in lines] == [
        (None, "沈知秋", ""), ("林立夏", "林立夏", ""), ("林立夏", "江白鹭", "子"),
    ]  # fmt: skip
    assert lines[1].accounts
    assert "高龄津贴" in lines[1].programs
    sums = book_sums(clerk.organisation.area, clerk)
    assert (sums.persons, sums.households) == (3, 1)


def test_every_page_goes_on_where_the_last_ended(family: list[Person]) -> None:
    clerk = make.make_user(K.TOWNSHIP, R.OPERATOR)
    seen, after = [], ""
    while page := book_lines(clerk.organisation.area, clerk, after=after, size=1):
        seen += [line.name for line in page]
        after = page[-1].place
    assert seen == ["沈知秋", "林立夏", "江白鹭"]


def test_a_village_and_nobody_of_elsewhere(family: list[Person]) -> None:
    elsewhere = make.make_person("陈䶮", area=make.make_area("990001102201"))
    clerk = signed_in(make.make_user(K.TOWNSHIP, R.OPERATOR))
    page = read(clerk.get(reverse("programs:registry-book", args=[make.VILLAGE])))
    assert "林立夏" in page
    assert elsewhere.name not in page
    assert clerk.get(reverse("programs:registry-book", args=["990001102201"])).status_code == 404
    assert family[1].reveal_id_number() not in page


def test_the_workbook_is_masked_and_recorded(family: list[Person]) -> None:
    clerk = signed_in(make.make_user(K.TOWNSHIP, R.OPERATOR))
    answer = clerk.post(reverse("programs:registry-book-export", args=[make.TOWN]))
    rows = read_workbook(b"".join(answer.streaming_content)).sheets[0].rows
    assert rows[0][:4] == ["村（居）", "村民小组", "户主", "姓名"]
    assert [row[3] for row in rows[1:]] == ["沈知秋", "林立夏", "江白鹭"]
    assert rows[2][5] == family[1].masked_id
    assert Event.objects.filter(kind="exported", note__contains="底册3人").count() == 1

"""How old comparison data are is said wherever something was compared with them."""

import datetime as dt

import pytest
from django.urls import reverse

from programs.comparison_data import CHECK_KINDS, KINDS, kinds_of
from programs.models import Dataset, DatasetPolicy, Rule
from programs.staleness import ages, by_state, checked_kinds, stale_kinds
from subsidy_portal import clock
from tests.make import K, R, desk_of, load_rules, make_area, make_roster, make_user
from tests.programs.pages import read, roster_with_a_dead_person, signed_in

pytestmark = pytest.mark.django_db
ON = dt.date(2022, 3, 17)


def a_list(kind: str, as_of: dt.date, **fields) -> Dataset:
    return Dataset.objects.create(
        kind=kind, source="县局", as_of=as_of, imported_by=make_user(), imported_at=clock.now(), **fields
    )


def test_older_than_finance_lets_it_be_is_stale():
    a_list("death", dt.date(2022, 2, 14))
    assert stale_kinds(["death"], ON) == []
    (age,) = stale_kinds(["death"], dt.date(2022, 3, 18))
    assert (age.days, age.max_age) == (32, KINDS["death"].max_age)
    DatasetPolicy.objects.create(kind="death", max_age_days=40, keep_days=100)
    assert stale_kinds(["death"], dt.date(2022, 3, 18)) == []


def test_it_says_since_when_and_how_many_days():
    a_list("death", dt.date(2022, 1, 31))
    a_list("death", dt.date(2021, 1, 31))
    assert [age.sentence for age in ages(["death"], ON)] == ["死亡登记 数据截至 2022-01-31，已 45 天"]


def test_missing_is_stale_and_says_so():
    a_list("death", ON, status="refused")
    a_list("death", ON, status="collecting")
    a_list("death", ON, status="purged")
    (age,) = stale_kinds(["death"], ON)
    assert (age.as_of, age.words, age.sentence) == (None, "没有数据", "死亡登记 没有数据，比对不到")


def test_lists_in_the_same_state_are_told_together_what_is_missing_first():
    a_list("death", ON)
    a_list("dibao", dt.date(2021, 1, 31))
    groups = by_state(ages(["death", "dibao", "prison", "school"], ON))
    assert [(group.words, group.tone, [age.kind for age in group.ages]) for group in groups] == [
        ("没有数据", "warn", ["prison", "school"]),
        ("已过期", "warn", ["dibao"]),
        ("在期内", "done", ["death"]),
    ]


def test_a_list_of_another_township_does_not_help():
    here, there = make_area(), make_area("990001102000")
    a_list("dibao", ON, area=there)
    assert [age.is_stale for age in ages(["dibao"], ON, here)] == [True]
    assert [age.is_stale for age in ages(["dibao"], ON, there)] == [False]


def test_a_rule_reads_what_its_check_reads_and_what_its_params_name():
    rule = Rule(check_name="paid_after_death", params={"kind": "dibao", "or_kind": "school"})
    assert kinds_of(rule) == {"death", "dibao", "school"}
    assert set(CHECK_KINDS["paid_after_death"]) <= set(KINDS)
    load_rules()
    Rule.objects.filter(check_name="paid_after_death").update(is_active=False)
    assert "death" not in checked_kinds()


def test_the_roster_page_says_it_while_the_roster_is_on_its_way(set_today):
    set_today("2022-03-17")
    roster, _dead = roster_with_a_dead_person()
    Dataset.objects.update(as_of=dt.date(2022, 1, 31))
    browser = signed_in(desk_of(roster, K.TOWNSHIP, R.OPERATOR))
    said = read(browser.get(reverse("programs:roster", args=[roster.pk])))
    assert "死亡登记（截至1月31日，已 45 天）" in said
    done = make_roster(roster.program, period="2022-01", status="accepted")
    assert "死亡登记（截至" not in read(browser.get(reverse("programs:roster", args=[done.pk])))


def test_the_suspicion_page_says_what_could_not_be_compared(set_today):
    set_today("2022-03-17")
    load_rules()
    browser = signed_in(make_user(K.FINANCE, R.OPERATOR))
    said = read(browser.get(reverse("programs:suspicion-list")))
    assert said.count("没有数据") == 1
    assert "死亡登记" in said
    a_list("death", ON)
    assert "死亡登记" not in read(browser.get(reverse("programs:suspicion-list")))

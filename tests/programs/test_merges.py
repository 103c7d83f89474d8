"""Two entries that are one person: agreed by two offices; histories stay, checks read them as one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from programs import actions
from programs.checks import run_checks
from programs.models import Account, Household, Person, PersonMerge, RosterRow, Suspicion
from subsidy_portal.models import Event, User
from subsidy_portal.workflow import NotPermitted, Refused
from tests import make
from tests.corpus import rosters as corpus
from tests.make import K, R

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _day(set_today: Callable[[str], None]) -> None:
    set_today("2022-03-05")
    make.load_rules()


@pytest.fixture
def keep() -> Person:
    return make.make_person("林立夏", corpus.id_number(1))


@pytest.fixture
def gone() -> Person:
    return make.make_person("林立夏", corpus.id_number(2))


def proposed(keep: Person, gone: Person, clerk: User | None = None) -> PersonMerge:
    clerk = clerk or make.make_user(K.TOWNSHIP, R.OPERATOR)
    return actions.propose_merge(
        keep=keep.reveal_id_number(), gone=gone.reveal_id_number(), reason="换过证，派出所证明", actor=clerk
    )


def merged(keep: Person, gone: Person) -> PersonMerge:
    merge = proposed(keep, gone)
    actions.decide_merge(merge, True, actor=make.make_user(K.FINANCE, R.REVIEWER))
    return merge


def test_agreed_the_other_entry_leads_to_the_one_that_stays(keep: Person, gone: Person) -> None:
    merge = merged(keep, gone)
    gone.refresh_from_db()
    assert (merge.status, gone.merged_into) == ("agreed", keep)
    kinds = set(Event.objects.filter(subject_type="programs.person").values_list("subject_id", "kind"))
    assert kinds == {(keep.pk, "merged_in"), (gone.pk, "merged_away")}


def test_nothing_is_merged_before_the_county_agrees_or_when_it_refuses(keep: Person, gone: Person) -> None:
    merge = proposed(keep, gone)
    gone.refresh_from_db()
    assert gone.merged_into is None
    reviewer = make.make_user(K.FINANCE, R.REVIEWER)
    with pytest.raises(Refused, match="写明为什么不合并"):
        actions.decide_merge(merge, False, actor=reviewer)
    actions.decide_merge(merge, False, answer="是姐妹两人", actor=reviewer)
    gone.refresh_from_db()
    assert (merge.status, merge.answer, gone.merged_into) == ("refused", "是姐妹两人", None)


def test_who_proposes_does_not_agree_and_only_who_proposed_takes_back(keep: Person, gone: Person) -> None:
    merge = proposed(keep, gone)
    with pytest.raises(NotPermitted):
        actions.decide_merge(merge, True, actor=merge.made_by)
    with pytest.raises(NotPermitted):
        actions.withdraw_merge(merge, actor=make.make_user(K.TOWNSHIP, R.OPERATOR))
    actions.withdraw_merge(merge, actor=merge.made_by)
    assert merge.status == "withdrawn"
    assert proposed(keep, gone).status == "asked"


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ((1, 1), "同一个人，不用合并"),
        ((1, 77), "没有登记"),
        ((1, 3), "已经并入别的登记"),
    ],
)
def test_what_cannot_be_proposed(numbers: tuple[int, int], sentence: str, keep: Person, gone: Person) -> None:
    third = make.make_person("林立夏", corpus.id_number(3))
    merged(keep, third)
    clerk = make.make_user(K.TOWNSHIP, R.OPERATOR)
    one, two = map(corpus.id_number, numbers)
    with pytest.raises(Refused, match=sentence):
        actions.propose_merge(keep=one, gone=two, reason="x", actor=clerk)
    assert PersonMerge.objects.filter(status="asked").count() == 0


def test_one_proposal_at_a_time(keep: Person, gone: Person) -> None:
    proposed(keep, gone)
    with pytest.raises(Refused, match="已经有一件合并待同意"):
        proposed(keep, gone)


def test_a_township_proposes_only_for_its_own_people(keep: Person, gone: Person) -> None:
    office = make.make_organisation(K.TOWNSHIP, area=make.make_area("990001102000"))
    elsewhere = make.make_user(K.TOWNSHIP, R.OPERATOR, office)
    with pytest.raises(NotPermitted):
        proposed(keep, gone, elsewhere)


def test_accounts_in_use_go_on_under_the_entry_that_stays(keep: Person, gone: Person) -> None:
    account = make.make_account(gone)
    number = account.reveal_number()
    merged(keep, gone)
    account.refresh_from_db()
    carried = Account.objects.get(holder=keep)
    assert (account.is_active, carried.is_active, carried.reveal_number()) == (False, True, number)
    assert carried.replaces == account


def test_the_household_follows(keep: Person, gone: Person) -> None:
    child = make.make_person()
    household = Household.objects.create(head=gone, area=gone.area)
    Person.objects.filter(pk__in=(gone.pk, child.pk)).update(household=household)
    merged(keep, gone)
    household.refresh_from_db()
    assert household.head == keep
    assert set(household.members.all()) == {keep, child}


def test_what_was_claimed_stays_with_the_entry_it_was_written_for(keep: Person, gone: Person) -> None:
    roster = make.make_roster(period="2022-01", rows=[(gone, 10_000)])
    before = roster.rows.get().row_hash
    merged(keep, gone)
    row = RosterRow.objects.get()
    assert (row.beneficiary, bytes(row.row_hash)) == (gone, bytes(before))


def test_checks_read_both_entries_as_one_person(keep: Person, gone: Person) -> None:
    """The same program and period under the old number and the new one is one claim twice (X26)."""
    program = make.make_program()
    first = make.make_roster(program, period="2022-03", rows=[(gone, 10_000)])
    second = make.make_roster(program, period="2022-03", sequence=2, rows=[(keep, 10_000)])
    assert run_checks(second) == 0
    merged(keep, gone)
    assert run_checks(second) == 1
    hit = second.suspicions.get()
    assert (hit.rule.code, hit.person, hit.row) == ("X26", keep, second.rows.get())
    assert run_checks(first) == 1
    assert Suspicion.objects.count() == 2


def test_a_later_merge_takes_the_earlier_ones_along(keep: Person, gone: Person) -> None:
    third = make.make_person("林立夏", corpus.id_number(3))
    merged(gone, third)
    merged(keep, gone)
    third.refresh_from_db()
    assert third.merged_into == keep


def test_a_file_with_the_old_number_is_refused_with_the_new_ones_last_four(keep: Person, gone: Person) -> None:
    make.make_area(make.VILLAGE)
    make.make_bank("N")
    clerk = make.make_user(K.TOWNSHIP, R.OPERATOR)
    merged(keep, gone)
    workbook = corpus.write([corpus.claim(2) | {label: "林立夏" for label in ("户主姓名", "收款人姓名", "享受人")}])
    area = clerk.organisation.area
    started = actions.upload_roster(
        make.make_program(), area, "2022-03", file_name="a.xlsx", content=corpus.saved(workbook), actor=clerk
    )
    found = actions.import_roster(started.pk)
    told = {p["column"]: p["message"] + p["hint"] for p in found.problems}
    sentence = f"这个身份证号已并入尾号{keep.id_last4}的登记，不再使用。请照现在的身份证填写。"
    assert told == dict.fromkeys("CEK", sentence)
    assert not RosterRow.objects.exists()


def test_where_both_were_paid_is_shown_before_agreeing(keep: Person, gone: Person) -> None:
    program = make.make_program()
    make.make_roster(program, period="2022-01", rows=[(gone, 10_000)])
    make.make_roster(program, period="2022-01", sequence=2, rows=[(keep, 12_000)])
    make.make_roster(program, period="2022-02", rows=[(keep, 12_000)])
    (double,) = actions.overlaps(keep, gone)
    assert (double.program, double.period) == (program.short_name, "2022-01")
    assert (double.keep_fen, double.gone_fen) == (12_000, 10_000)

"""The registry by hand: one more account, and full numbers only with a recorded reason."""

from __future__ import annotations

import pytest

from programs import actions
from programs.models import Account, Person
from subsidy_portal.models import Event, User
from subsidy_portal.workflow import NotPermitted, Refused
from tests import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def clerk() -> User:
    return make.make_user(make.K.TOWNSHIP, make.R.OPERATOR)


@pytest.fixture
def person() -> Person:
    return make.make_person()


def test_an_account_is_added_once(person: Person, clerk: User) -> None:
    bank, number = make.make_bank().organisation, make.make_account_number()
    old = make.make_account(person)
    given = {"number": f" {number[:4]} {number[4:]}", "bank": bank, "kind": Account.Kind.CARD}
    account = actions.add_account(person, **given, reason="旧卡挂失", replaces=old, actor=clerk)
    assert account.reveal_number() == number
    assert (account.name_at_bank, account.kind, account.replaces, account.created_by) == (
        person.name, "card", old, clerk,
    )  # fmt: skip
    assert actions.add_account(person, **given, actor=clerk) == account
    other_name = actions.add_account(person, **given, name_at_bank="林立厦", actor=clerk)
    assert other_name.pk != account.pk
    assert person.accounts.count() == 3
    event = Event.objects.about(person).last()
    assert (event.kind, event.note, event.data) == ("account_added", "旧卡挂失", {"account": account.pk})


@pytest.mark.parametrize(("number", "said"), [("6217990000000000018", "校验位不对"), ("12", "8到32位")])
def test_a_number_that_cannot_be_is_refused(number: str, said: str, person: Person, clerk: User) -> None:
    with pytest.raises(Refused, match=said):
        actions.add_account(person, number=number, bank=make.make_bank().organisation, kind="ssc", actor=clerk)
    assert Account.objects.count() == 0


def test_only_a_paying_bank_and_only_who_may(person: Person, clerk: User) -> None:
    number = make.make_account_number()
    with pytest.raises(Refused, match="不是本县的代发银行"):
        actions.add_account(person, number=number, bank=make.make_organisation(), kind="ssc", actor=clerk)
    with pytest.raises(NotPermitted):
        actions.add_account(
            person, number=number, bank=make.make_bank().organisation, kind="ssc",
            actor=make.make_user(make.K.AUDIT, make.R.VIEWER),
        )  # fmt: skip


def test_a_reveal_is_recorded_with_its_reason_and_without_the_number(person: Person, clerk: User) -> None:
    account = make.make_account(person)
    number = actions.reveal_id_number(person, reason=" 电话核实，号码13800000000 ", actor=clerk)
    assert number == person.reveal_id_number()
    assert actions.reveal_account_number(account, reason="核对卡面", actor=clerk) == account.reveal_number()
    looked, at_card = Event.objects.about(person).get(), Event.objects.about(account).get()
    assert (looked.kind, looked.note, looked.data) == ("revealed", "电话核实，号码••••0000", {})
    assert (at_card.kind, at_card.actor) == ("revealed", clerk)


def test_no_reveal_without_reason_permission_or_from_another_township(person: Person, clerk: User) -> None:
    with pytest.raises(Refused, match="请写明查看完整信息的理由"):
        actions.reveal_id_number(person, reason="  ", actor=clerk)
    with pytest.raises(NotPermitted):
        actions.reveal_id_number(person, reason="核实", actor=make.make_user(make.K.TOWNSHIP, make.R.REVIEWER))
    elsewhere = make.make_organisation(make.K.TOWNSHIP, make.make_area("990001102000"))
    stranger = make.make_user(make.K.TOWNSHIP, make.R.OPERATOR, elsewhere)
    with pytest.raises(NotPermitted):
        actions.reveal_id_number(person, reason="核实", actor=stranger)
    assert Event.objects.filter(kind="revealed").count() == 0

"""Own payments: three factors or nothing, nothing learnt from a miss, nothing left behind (T13, corpus D)."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

import publicity.lookup
from disbursement.failures import FAILURES
from disbursement.models import Correction, Payment
from programs.models import Program, Roster
from publicity import limits
from publicity.lookup import find_person
from publicity.own import WHY, own_money
from subsidy_portal.models import Event
from tests import make
from tests.publicity.conftest import Citizen, open_notice, token_of

pytestmark = pytest.mark.django_db
LookUp = Callable[..., Any]


def forget_tries() -> None:
    """Each way to be wrong as a first try: the challenge follows the number of tries, whoever was asked for."""
    store = limits._store()
    store.delete(*store.scan_iter("limit:*"), "limit:none")


def nobody() -> str:
    return make.make_id_number(dt.date(1931, 5, 5), 11)


def wrong(citizen: Citizen) -> dict[str, dict[str, str]]:
    """Each way to be wrong, with values as long as the right ones."""
    last4 = f"{(int(citizen.account_number[-4:]) + 1) % 10_000:04d}"
    return {
        "nobody has this number": citizen.factors | {"id_number": nobody()},
        "another name": citizen.factors | {"name": "陈立夏"},
        "another account": citizen.factors | {"last4": last4},
        "all wrong": {"name": "林芒种", "id_number": nobody(), "last4": last4},
    }


def test_right_factors_show_own_payments(look_up: LookUp, citizen: Citizen) -> None:
    page = look_up(**citizen.factors)
    text = page.content.decode()
    assert page.status_code == 200
    for shown in (
        "陈谷雨的补贴",
        "高龄津贴",
        "100.00元",
        "2022年2月",
        "2月12日",
        f"9{'*' * 16}{citizen.id_number[-1]}",
    ):
        assert shown in text
    assert citizen.id_number not in text
    assert citizen.account_number not in text


def test_name_and_number_are_read_as_people_type_them(look_up: LookUp, citizen: Citizen) -> None:
    typed = citizen.id_number[:6] + " " + citizen.id_number[6:].lower()
    page = look_up(name=" 陈 谷雨", id_number=typed, last4=citizen.factors["last4"] + " ")
    assert "陈谷雨的补贴" in page.content.decode()


def test_every_miss_looks_the_same(look_up: LookUp, citizen: Citizen) -> None:
    """Status, length, headers and text, but for what the person typed and the form's fresh tokens."""
    seen = set()
    for number, factors in enumerate(wrong(citizen).values()):
        forget_tries()
        client = Client()
        page = look_up(client=client, REMOTE_ADDR=f"203.0.113.{number}", **factors)
        text = page.content.decode()
        assert "没有查到" in text
        for fresh in (token_of(page), page.context["csrf_token"], *factors.values()):
            text = text.replace(f'value="{fresh}"', "·")  # four digits may stand elsewhere: in the name of a file
        headers = tuple(sorted(name for name, _value in page.items()))
        seen.add((page.status_code, len(page.content), headers, text))
    assert len(seen) == 1


def test_every_miss_asks_the_database_the_same(look_up: LookUp, citizen: Citizen) -> None:
    asked = set()
    look_up(REMOTE_ADDR="198.51.100.1", **wrong(citizen)["all wrong"])  # the system account exists from now on
    for number, factors in enumerate(wrong(citizen).values()):
        once = token_of(Client().get("/lookup/"))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            look_up(once=once, REMOTE_ADDR=f"203.0.113.{number}", **factors)
        asked.add(tuple(query["sql"].split("WHERE")[0].split("VALUES")[0] for query in queries))
    assert len(asked) == 1


def test_a_miss_takes_its_slot_of_time(look_up: LookUp, citizen: Citizen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publicity.lookup, "SLOT_SECONDS", 0.15)
    for factors in wrong(citizen).values():
        began = time.monotonic()
        look_up(client=Client(), once=token_of(Client().get("/lookup/")), **factors)
        assert time.monotonic() - began >= 0.15


def test_form_errors_speak_about_writing_only(look_up: LookUp, citizen: Citizen) -> None:
    page = look_up(name="", id_number=citizen.id_number[:-1], last4="12")
    text = page.content.decode()
    assert "身份证号应为18位，这里是17位" in text
    assert "请填卡号的最后4个数字" in text
    assert 'href="#id_number"' in text
    assert not Event.objects.filter(kind="lookup").exists()


def test_every_lookup_is_an_event_without_the_person(look_up: LookUp, citizen: Citizen) -> None:
    look_up(**citizen.factors)
    look_up(**wrong(citizen)["another name"])
    events = Event.objects.filter(kind="lookup").order_by("pk")
    assert [event.data for event in events] == [{"outcome": "found"}, {"outcome": "missed"}]
    for event in events:
        stored = " ".join(map(str, (event.note, event.data, event.subject_type, event.subject_id)))
        assert event.subject_type == "subsidy_portal.user"
        assert not any(value in stored for value in citizen.factors.values())


def test_nothing_is_read_from_the_address(client: Client, citizen: Citizen) -> None:
    page = client.get("/lookup/result/", citizen.factors)
    assert page.status_code == 405
    assert page["Allow"] == "POST"
    assert "陈谷雨" not in page.content.decode()
    assert client.get("/lookup/", citizen.factors).content.decode().count(citizen.id_number) == 0


def test_answers_are_kept_nowhere(look_up: LookUp, citizen: Citizen) -> None:
    found, missed = look_up(**citizen.factors), look_up(**wrong(citizen)["all wrong"])
    for page in (found, missed):
        assert page["Cache-Control"] == "no-store, private"
        assert "noindex" in page["X-Robots-Tag"]
    assert found["Referrer-Policy"] == "no-referrer"
    assert found["Refresh"] == "600; url=/lookup/"


def test_going_back_and_sending_again_shows_nothing(look_up: LookUp, client: Client, citizen: Citizen) -> None:
    once = token_of(client.get("/lookup/"))
    assert look_up(once=once, **citizen.factors).status_code == 200
    again = look_up(once=once, **citizen.factors)
    assert again.status_code == 410
    assert "陈谷雨" not in again.content.decode()
    assert look_up(once="forged", **citizen.factors).status_code == 410


def test_form_page_lets_browsers_send_their_origin(client: Client) -> None:
    """Under no-referrer browsers send ``Origin: null`` and the check against forged requests refuses the form."""
    page = client.get("/lookup/")
    assert page["Referrer-Policy"] == "same-origin"
    assert "no-referrer" not in page.content.decode()


def test_forged_request_is_refused(citizen: Citizen) -> None:
    strict = Client(enforce_csrf_checks=True)
    once = token_of(strict.get("/lookup/"))
    assert strict.post("/lookup/result/", {**citizen.factors, "once": once}).status_code == 403


def test_account_must_belong_to_one_of_the_payments(citizen: Citizen) -> None:
    unpaid = make.make_account(citizen.person, "6217990000009999994")
    name, number = citizen.factors["name"], citizen.id_number
    assert find_person(name, number, unpaid.number_last4) is None
    assert find_person(name, number, citizen.factors["last4"]) == citizen.person


def test_classified_program_neither_shows_nor_opens(citizen: Citizen) -> None:
    """R2: not a line of it, and its account proves nothing."""
    other = make.make_person("陈谷雨")
    secret = make.make_program(name="绝不公开的补助", is_classified=True)
    make.make_paid(make.make_roster(secret, period="2022-01", rows=[(other, 5_000), (citizen.person, 7_000)]))
    payment = Payment.objects.get(beneficiary=other)
    assert find_person("陈谷雨", other.reveal_id_number(), payment.account.number_last4) is None
    assert [year.total_fen for year in own_money(citizen.person).years] == [10_000]


def fail(citizen: Citizen, code: str, **fields: Any) -> Payment:
    """The citizen's payment of a program of its own, failed with ``code``."""
    (payment,) = make.make_paid(make.make_roster(period="2022-03", rows=[(citizen.person, 96_000)]))
    Payment.objects.filter(pk=payment.pk).update(
        status="failed", failure_code=code, failed_on=dt.date(2022, 3, 7), paid_on=None, **fields
    )
    return payment


def test_failed_payment_says_why_what_where_and_until_when(look_up: LookUp, citizen: Citizen) -> None:
    fail(citizen, "F03")
    text = look_up(**citizen.factors).content.decode()
    for shown in (
        "960.00元",
        "登记的这个账户已经注销了",
        "钱没有丢",
        str(FAILURES["F03"].public),
        "石桥镇财政所，和平路6号",
        "0990-1234567",
        "3月18日（周五）前办好",  # the 20th is a Sunday
        "3月28日前补发",
    ):
        assert shown in text


@pytest.mark.parametrize(
    ("code", "must_act", "is_safe"), [("F13", False, True), ("F15", False, False), ("F17", True, False)]
)
def test_only_who_must_come_is_asked_to(citizen: Citizen, code: str, must_act: bool, is_safe: bool) -> None:
    fail(citizen, code)
    (trouble,) = own_money(citizen.person).troubles
    assert (trouble.must_act, trouble.money_is_safe) == (must_act, is_safe)


def test_every_failure_code_has_its_plain_reason() -> None:
    assert set(WHY) == set(FAILURES)


def test_corrected_payment_waits_for_its_reissue(citizen: Citizen) -> None:
    payment = fail(citizen, "F03")
    Correction.objects.create(
        payment=payment,
        failure_code="F03",
        old_account=citizen.account,
        new_account=make.make_account(citizen.person),
        reason="换了新卡",
        made_by=make.make_user("township"),
        made_at=payment.batch.made_at,
    )
    money = own_money(citizen.person)
    assert money.troubles == []
    assert [str(step.tag) for step in money.steps] == ["等着补发"]


def test_claim_shows_from_its_notice_on(citizen: Citizen) -> None:
    """Before, the roster is the township's draft and its amount may still change."""
    roster = make.make_roster(make.make_program(name="春耕补贴"), period="2022", rows=[(citizen.person, 36_112)])
    assert own_money(citizen.person).steps == []
    notice = open_notice(roster)
    (step,) = own_money(citizen.person).steps
    assert (step.amount_fen, step.stage, step.notice_slug) == (36_112, 1, notice.slug)
    make.end_notice(roster)
    (step,) = own_money(citizen.person).steps
    assert (step.stage, step.notice_slug) == (2, "")


def test_payee_sees_what_came_to_the_payee(citizen: Citizen) -> None:
    """A child's money goes to a parent's account: the parent may look it up with that account."""
    child = make.make_person("周子轩", make.make_id_number(dt.date(2015, 1, 1), 3))
    roster = make.make_roster(period="2022-03", rows=[(citizen.person, 20_000)])
    roster.rows.update(beneficiary=child)
    make.make_paid(Roster.objects.get(pk=roster.pk))
    (year,) = own_money(citizen.person).years
    assert year.total_fen == 30_000
    assert find_person("周子轩", child.reveal_id_number(), citizen.factors["last4"]) == child


def test_queries_do_not_grow_with_the_payments(citizen: Citizen, django_assert_max_num_queries: Any) -> None:
    for month in range(3, 13):
        make.make_paid(
            make.make_roster(make.make_program(), period=f"2021-{month:02d}", rows=[(citizen.person, 5_000)])
        )
    with django_assert_max_num_queries(6):
        money = own_money(citizen.person)
    assert sum(year.count for year in money.years) == 11
    assert Program.objects.count() == 11

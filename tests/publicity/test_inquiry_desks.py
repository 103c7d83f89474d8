"""Inquiries on the desks: whoever is accused learns nothing, what is reported enters the ledger without its sender."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from publicity import actions_inquiries as actions
from publicity import desk
from publicity.models import Inquiry
from selfcheck.models import Problem
from subsidy_portal import desk as desks
from subsidy_portal.models import Event, Organisation, User
from subsidy_portal.workflow import NotPermitted, Refused
from tests import make
from tests.make import K, R
from tests.publicity.test_inquiries import (
    NAME,
    PHONE,
    SAID,
    Offices,
    answered,
    assigned,
    filed,
    office_of,
    offices,
    photograph,
    send,
    upload,
)

__all__ = ["offices"]
pytestmark = pytest.mark.django_db
CONTACT = f"{NAME}，{PHONE}"


def at(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def api(user: User) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=user).key}")
    return client


def ledger_words(unit: Organisation, **fields: Any) -> dict[str, Any]:
    return {
        "unit": unit, "year": 2022, "category": Problem.Category.G3_04, "title": "违规保管群众卡折",
        "description": "有人收走群众的卡，正在核对。", **fields,
    }  # fmt: skip


@pytest.fixture
def against_town(offices: Offices, client: Client) -> Inquiry:
    """The township is reported, with a name, a phone and a photograph, and the bureau looks into it."""
    town = office_of(offices.town)
    said = {"kind": "report", "about": town.pk, "name": NAME, "phone": PHONE, "area": town.area_id}
    send(client, **said, uploads=[upload(photograph())])
    inquiry = Inquiry.objects.get()
    actions.assign_inquiry(inquiry, owner=office_of(offices.bureau), about=town, actor=offices.finance)
    return inquiry


def test_for_the_unit_complained_about_the_inquiry_does_not_exist(against_town: Inquiry, offices: Offices) -> None:
    colleague = make.make_organisation(K.TOWNSHIP, make.make_area(make.TOWN), "石桥镇便民服务中心")
    town, number = office_of(offices.town), against_town.number
    roles = [make.make_user(K.TOWNSHIP, role, unit) for unit in (town, colleague) for role in (R.OPERATOR, R.REVIEWER)]
    for user in roles:
        page = at(user)
        pk, file = against_town.pk, against_town.files.get()
        for url in (f"/staff/inquiries/{pk}/", f"/staff/inquiries/files/{file.pk}/", f"/staff/inquiries/{pk}/problem/"):
            assert page.get(url).status_code == 404, url
        for verb in ("assign", "answer", "return", "contact"):
            assert page.post(f"/staff/inquiries/{pk}/{verb}/", {"reason": "想知道是谁"}).status_code == 404, verb
        listed = page.get("/staff/inquiries/?tab=all")
        assert [tab["count"] for tab in listed.context["tabs"]] == [0, 0, 0, 0]
        assert number not in page.post("/staff/search/", {"q": number}, follow=True).content.decode().split("<main")[0]
        assert desk.search(user, number) == ""
        assert [item for item in (*desks.waiting(user), *desks.away(user)) if item.menu == "inquiries"] == []
        asked = api(user)
        assert asked.get("/api/v1/inquiries/").json()["results"] == []
        assert asked.get(f"/api/v1/inquiries/?number={number}").json()["results"] == []
        assert asked.get(f"/api/v1/inquiries/{pk}/").status_code == 404
        for url in ("/staff/", "/staff/inquiries/?tab=all", "/staff/problems/?tab=all"):
            text = page.get(url).content.decode()
            for secret in (NAME, PHONE, SAID, number):
                assert secret not in text, (url, secret)
    assert not Event.objects.filter(kind="revealed").exists()


def test_finance_that_is_complained_about_sees_nothing_and_discipline_does(offices: Offices) -> None:
    inquiry = filed(kind="complaint", about=office_of(offices.finance))
    assert at(offices.finance).get(f"/staff/inquiries/{inquiry.pk}/").status_code == 404
    assert at(offices.discipline).get(f"/staff/inquiries/{inquiry.pk}/").status_code == 200
    assert actions.county_office(inquiry) == office_of(offices.discipline)


def test_nobody_answers_what_is_said_about_themselves(against_town: Inquiry, offices: Offices) -> None:
    town = office_of(offices.town)
    sister = make.make_organisation(K.TOWNSHIP, make.make_area(make.TOWN), "石桥镇便民服务中心")
    for owner in (town, sister):
        with pytest.raises(Refused, match="交给它自己办"):
            actions.assign_inquiry(against_town, owner=owner, about=town, actor=offices.finance)
    against_town.refresh_from_db()
    assert against_town.owner == office_of(offices.bureau)


def test_other_offices_see_only_what_is_theirs(offices: Offices) -> None:
    asked, reported = filed("a"), filed("b", kind="report")
    for user, seen in ((offices.finance, {asked, reported}), (offices.discipline, {reported}), (offices.bureau, set())):
        assert set(Inquiry.objects.visible_to(user)) == seen
    actions.assign_inquiry(asked, owner=office_of(offices.bureau), actor=offices.finance)
    assert set(Inquiry.objects.visible_to(offices.bureau)) == {asked}
    for user in (make.make_user(K.FINANCE, R.ADMINISTRATOR), make.make_user(K.BANK, R.OPERATOR)):
        assert not Inquiry.objects.visible_to(user).exists()


def test_who_reports_is_known_to_the_county_alone_and_every_look_is_recorded(offices: Offices) -> None:
    report = assigned(offices, token="a", kind="report", contact=CONTACT)
    with pytest.raises(NotPermitted):
        actions.reveal_contact(report, reason="想打电话", actor=offices.bureau)
    page = at(offices.bureau).post(f"/staff/inquiries/{report.pk}/contact/", {"reason": "想打电话问问"})
    assert PHONE not in page.content.decode()
    assert not Event.objects.filter(kind="revealed").exists()
    shown = at(offices.finance).post(f"/staff/inquiries/{report.pk}/contact/", {"reason": "补充情况"}).content.decode()
    assert CONTACT in shown
    assert Event.objects.get(kind="revealed").note == "补充情况"
    question = assigned(offices, token="b", contact=CONTACT)
    assert actions.reveal_contact(question, reason="回电话", actor=offices.bureau) == CONTACT


def test_no_page_and_no_answer_of_the_api_holds_a_contact(against_town: Inquiry, offices: Offices) -> None:
    for user in (offices.finance, offices.discipline, offices.bureau):
        texts = [at(user).get(url).content.decode() for url in (f"/staff/inquiries/{against_town.pk}/", "/staff/")]
        answer = api(user).get(f"/api/v1/inquiries/{against_town.pk}/")
        assert answer.json()["has_contact"] is True
        for text in (*texts, answer.content.decode()):
            assert NAME not in text
            assert PHONE not in text


def test_a_report_becomes_a_problem_that_does_not_tell_who_reported(against_town: Inquiry, offices: Offices) -> None:
    town = office_of(offices.town)
    begun = at(offices.finance).get(f"/staff/inquiries/{against_town.pk}/problem/")
    assert begun.context["form"]["unit"].value() == town.pk
    words = {**ledger_words(town), "unit": town.pk, "source": "audit", "found_on": "2022-03-08", "persons": 0}
    words |= {"households": 0, "cards": 0, "amount_fen": "0", "recovery_due_fen": "0", "restitution_due_fen": "0"}
    made = at(offices.finance).post(f"/staff/inquiries/{against_town.pk}/problem/", words)
    problem = Problem.objects.get()
    assert made["Location"] == f"/staff/problems/{problem.pk}/"
    against_town.refresh_from_db()
    assert (problem.source, problem.unit, against_town.problem) == ("report", town, problem)
    seen = at(offices.town).get(f"/staff/problems/{problem.pk}/").content.decode()
    assert "违规保管群众卡折" in seen
    for secret in (NAME, PHONE, SAID, against_town.number):
        assert secret not in seen
    with pytest.raises(Refused, match="已经登记为问题"):
        actions.make_problem(against_town, actor=offices.finance, **ledger_words(town))


@pytest.mark.parametrize("slip", [NAME, PHONE, "number"])
def test_the_ledger_refuses_words_that_tell_who_reported(against_town: Inquiry, offices: Offices, slip: str) -> None:
    slip = against_town.number if slip == "number" else slip
    words = ledger_words(office_of(offices.town), description=f"据{slip}反映，有人收卡。")
    with pytest.raises(Refused, match="里面有反映人的信息"):
        actions.make_problem(against_town, actor=offices.finance, **words)
    assert not Problem.objects.exists()


def test_a_question_is_no_problem(offices: Offices) -> None:
    with pytest.raises(Refused, match="只有投诉和举报"):
        actions.make_problem(filed(), actor=offices.finance, **ledger_words(office_of(offices.town)))
    assert not Problem.objects.exists()


def test_the_way_over_pages(offices: Offices) -> None:
    inquiry, finance, bureau = filed(), at(offices.finance), at(offices.bureau)
    url = f"/staff/inquiries/{inquiry.pk}/"
    assert "分办" in [item.action for item in desk.waiting(offices.finance)]
    assert finance.post(f"{url}assign/", {"owner": ""}).status_code == 422
    assert finance.post(f"{url}assign/", {"owner": office_of(offices.bureau).pk}).status_code == 302
    assert [item.action for item in desk.waiting(offices.bureau)] == ["答复"]
    assert bureau.post("/staff/search/", {"q": inquiry.number})["Location"] == url
    assert bureau.post(f"{url}answer/", {"text": "已经补发。"}).status_code == 302
    assert "已经补发。" in bureau.get(url).content.decode()
    assert bureau.post(f"{url}explode/").status_code == 404
    assert desk.waiting(offices.bureau) == []


def test_given_back_it_leaves_the_office(offices: Offices) -> None:
    inquiry, bureau = assigned(offices), at(offices.bureau)
    gone = bureau.post(f"/staff/inquiries/{inquiry.pk}/return/", {"note": "归残联办"})
    assert gone["Location"] == "/staff/inquiries/"
    assert bureau.get(f"/staff/inquiries/{inquiry.pk}/").status_code == 404


def test_a_file_is_a_download_and_recorded(against_town: Inquiry, offices: Offices) -> None:
    page = at(offices.bureau).get(f"/staff/inquiries/files/{against_town.files.get().pk}/")
    assert page["Content-Disposition"].startswith("attachment")
    assert Event.objects.about(against_town).filter(kind="downloaded").exists()


def test_the_way_over_the_api(offices: Offices) -> None:
    inquiry, finance, bureau = filed(kind="complaint"), api(offices.finance), api(offices.bureau)
    url, town = f"/api/v1/inquiries/{inquiry.pk}/", office_of(offices.town).pk
    assert finance.post(f"{url}answer/", {"text": "我来。"}).status_code == 409
    done = finance.post(f"{url}assign/", {"owner": office_of(offices.bureau).pk, "about": town})
    assert (done.status_code, done.json()["status"], done.json()["about"]) == (
        200,
        "assigned",
        office_of(offices.town).pk,
    )
    assert finance.get("/api/v1/inquiries/?overdue=true").json()["results"] == []
    assert bureau.post(f"{url}answer/", {"text": "已经查清。"}).json()["answers"][0]["text"] == "已经查清。"
    problem = {**ledger_words(office_of(offices.town)), "unit": office_of(offices.town).pk, "source": "report"}
    assert finance.post(f"{url}problem/", problem).json()["problem"] == Problem.objects.get().pk
    other = filed("b")
    actions.assign_inquiry(other, owner=office_of(offices.bureau), actor=offices.finance)
    assert bureau.post(f"/api/v1/inquiries/{other.pk}/return/", {"note": "不归我们"}).status_code == 204


def test_the_list_asks_the_same_for_many(offices: Offices, django_assert_max_num_queries: Any) -> None:
    client = at(offices.finance)
    client.get("/staff/inquiries/?tab=all")
    for n in range(3):
        answered(offices, token=str(n))
    with django_assert_max_num_queries(40) as few:
        client.get("/staff/inquiries/?tab=all")
    for n in range(3, 9):
        answered(offices, token=str(n))
    with django_assert_max_num_queries(len(few)):
        page = client.get("/staff/inquiries/?tab=all")
    assert len(re.findall(r"2203-\d{4}", page.content.decode())) == 9

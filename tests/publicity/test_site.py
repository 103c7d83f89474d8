"""The frame: every page without a script, the switches of look and language, what search engines may read."""

from __future__ import annotations

import datetime as dt
import re
from io import BytesIO
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import get_resolver, reverse
from openpyxl import load_workbook

from disbursement.models import Payment
from programs import actions
from programs.models import NoticeRow, Objection
from publicity import urls
from publicity.middleware import DisplayMiddleware
from publicity.models import Inquiry
from publicity.views import site
from subsidy_portal import crypto
from tests import make
from tests.publicity.conftest import Citizen, open_notice, token_of

pytestmark = pytest.mark.django_db
PHONE = "13911112222"


def text_in(answer: Any) -> str:
    """What a page says, or what the cells of a workbook say."""
    if "spreadsheet" not in answer["Content-Type"]:
        return str(answer.content.decode())
    book = load_workbook(BytesIO(answer.content))
    return "\n".join(str(cell.value) for sheet in book for row in sheet.iter_rows() for cell in row if cell.value)


@pytest.fixture
def pages(client: Client, citizen: Citizen) -> dict[str, str]:
    """Every public page by its URL name, rendered from a county whose people carry marks."""
    person = citizen.person
    person.phone_sealed, person.phone_last4 = crypto.encrypt(PHONE, "test"), PHONE[-4:]
    person.save(update_fields=["phone_sealed", "phone_last4"])
    (failed,) = make.make_paid(make.make_roster(period="2022-01", rows=[(person, 5_000)]))
    Payment.objects.filter(pk=failed.pk).update(status="failed", failure_code="F02", paid_on=None)
    program = make.make_program(name="春耕补贴", code="2130122", paid_to="household", phone="0990-1111111")
    policy_list = actions.draft_policy_list(2022, actor=make.make_user("finance", "operator"))
    actions.publish_policy_list(policy_list, actor=make.make_user("finance", "reviewer"))
    over = open_notice(program=program, period="2021", rows=[(person, 9_000)])
    make.end_notice(over.roster)
    notice = open_notice(program=program, rows=[(person, 8_000), (make.make_person("林立夏"), 7_000)])
    row = NoticeRow.objects.get(notice=notice, public_name="林立夏")
    shown: dict[str, str] = {}

    def see(name: str, *args: object, label: str = "", **query: str) -> str:
        answer = client.get(reverse(f"publicity:{name}", args=args), query)
        assert answer.status_code == 200, name
        shown[name + label] = text_in(answer)
        return shown[name + label]

    for name in ("home", "policies", "notices", "lookup", "inquiry", "offices", "results", "robots", "sitemap"):
        see(name)
    see("notices", label=" over", state="over")
    see("policy", "2130122")
    see("open-data")
    see("open-data-file", 2022, "village", "csv")
    see("open-data-file", 2022, "township", "json", label=" json")
    see("place", make.TOWN)
    see("place", person.area_id, label=" village")
    see("policies-file")
    see("policies-sheet")
    see("poster", make.TOWN)
    see("poster", label=" county")
    see("notice", notice.slug)
    see("notice", over.slug, label=" over")
    see("notice-sheet", notice.slug)
    form = see("objection", notice.slug, row.position)
    once = re.search(r'name="once" value="([^"]+)"', form)
    assert once
    url = reverse("publicity:objection", args=(notice.slug, row.position))
    sent = client.post(url, {"text": "这户已经搬走三年了。", "contact": PHONE, "once": once[1]})
    shown["objection received"] = sent.content.decode()
    assert Objection.objects.get().number in shown["objection received"]
    said = {"kind": "report", "text": "有人收走了我们的卡。", "name": "周小满", "phone": PHONE}
    sent = client.post("/inquiry/", {**said, "once": token_of(client.get("/inquiry/"))})
    shown["inquiry received"] = sent.content.decode()
    opened = {"number": Inquiry.objects.get().number, "code": sent.context["code"]}
    shown["inquiry-progress"] = client.post("/inquiry/progress/", opened).content.decode()
    shown["notice found"] = client.post(
        reverse("publicity:notice", args=(notice.slug,)), {"name": "陈谷雨"}
    ).content.decode()
    for label, last4 in ((" missed", "0000"), ("", citizen.factors["last4"])):
        form = {**citizen.factors, "last4": last4, "once": token_of(client.get("/lookup/"))}
        shown["lookup-result" + label] = client.post("/lookup/result/", form).content.decode()
    shown["messages-switch"] = client.post("/lookup/messages/", {"token": "x"}).content.decode()
    return shown


def test_every_page_is_among_them(pages: dict[str, str]) -> None:
    """A new page of the public site must be added above, or the tests below do not see it."""
    assert {pattern.name for pattern in urls.urlpatterns} <= set(pages)


def test_no_page_shows_a_mark(pages: dict[str, str], citizen: Citizen) -> None:
    """ID number, account, phone of a person or of who objects: nowhere. What was typed into a form comes back to it."""
    marks = {citizen.account_number, PHONE, citizen.id_number, citizen.id_number[6:14]}
    for name, text in pages.items():
        own = {citizen.id_number, citizen.id_number[6:14]} if name == "lookup-result missed" else set()
        for mark in marks - own:
            assert mark not in text, name
        assert not re.search(r"(?<!\d)\d{17}[\dX](?!\d)", re.sub(r'value="[^"]*"|\sd="[^"]*"', "", text)), name
    assert "陈谷雨的补贴" in pages["lookup-result"]  # the pages were not empty


def test_pages_need_no_script_and_obey_the_content_policy(pages: dict[str, str]) -> None:
    for name, text in pages.items():
        for forbidden in ("<script", " style=", " onclick=", "javascript:"):
            assert forbidden not in text, name


def test_switches_are_kept_in_a_cookie(client: Client) -> None:
    page = client.get("/policies/?q=a&elder=1")
    assert (page.status_code, page["Location"]) == (302, "/policies/?q=a")
    assert "data-elder" in client.get("/").content.decode()
    client.get("/?contrast=1")
    assert "data-contrast" in client.get("/").content.decode()
    client.get("/?elder=0&contrast=0")
    assert not re.search("<html[^>]* data-", client.get("/").content.decode())


def test_switches_lead_nowhere_else(client: Client, rf: RequestFactory) -> None:
    request = rf.get("/?elder=1")
    request.path = "//evil.example/"
    answer = DisplayMiddleware(lambda _request: HttpResponse())(request)
    assert answer["Location"] == "/%2Fevil.example/"
    assert client.post("/lookup/result/?elder=1").status_code == 200  # a form is never redirected away


def test_answers_to_a_form_switch_on_the_form_page(pages: dict[str, str]) -> None:
    assert 'href="/lookup/?elder=1"' in pages["lookup-result"]
    assert 'href="/lookup/?language=en"' in pages["lookup-result missed"]


def test_search_engines_get_policies_only(pages: dict[str, str]) -> None:
    assert "<loc>http://testserver/policies/2130122/</loc>" in pages["sitemap"]
    assert "/notices/" in pages["sitemap"]
    assert pages["sitemap"].count("/notices/") == 1
    for path in ("/staff/", "/api/", "/lookup/", "/notices/"):
        assert f"Disallow: {path}\n" in pages["robots"]


def test_totals_of_the_year_leave_classified_programs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    public, secret = make.make_program(), make.make_program(is_classified=True)
    shares = {p.pk: site.statistics.Share(payments=3, paid=2, paid_fen=1_000_000) for p in (public, secret)}
    monkeypatch.setattr(site.statistics, "program_shares", lambda as_of, *, year: shares)
    totals = site._count_year()
    assert (totals.programs, totals.whole.payments, totals.whole.paid_fen) == (1, 3, 1_000_000)


def test_totals_are_counted_once_a_minute(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[dt.date] = []

    def program_shares(as_of: dt.date, *, year: int) -> dict[int, site.statistics.Share]:
        counted.append(as_of)
        return {}

    monkeypatch.setattr(site.statistics, "program_shares", program_shares)
    for _again in range(3):
        client.get("/")
    assert counted == [dt.date(2022, 3, 8)]


def test_staff_addresses_are_not_public_ones() -> None:
    assert all(not str(pattern.pattern).startswith(("staff", "api")) for pattern in urls.urlpatterns)
    assert "publicity" in get_resolver().app_dict

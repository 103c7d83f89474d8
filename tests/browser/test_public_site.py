"""The public site as citizens meet it: every page without a fault for axe, and one citizen's way on a phone."""

from __future__ import annotations

import datetime as dt

import pytest

from disbursement.models import Payment
from programs.models import Notice, NoticeRow, Person
from publicity.actions_inquiries import answer_inquiry, assign_inquiry
from publicity.models import Inquiry
from subsidy_portal.models import Area, User
from tests import make
from tests.browser.conftest import SEATS
from tests.browser.seat import AXE, Seat
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack]
_ALL = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations
    .map(v => `${v.id}: ${v.help} ${v.nodes.slice(0, 2).map(n => n.html.slice(0, 140)).join(' | ')}`)"""
_FIRST_PAGE_BYTES = 200 * 1024
_WEIGHT = """() => performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))
    .reduce((sum, e) => sum + e.transferSize, 0)"""


class Place:
    """A village where one payment arrived, one failed, and a list hangs out."""

    def __init__(self) -> None:
        self.id_number, self.number = make.make_id_number(dt.date(1944, 4, 20), 7), make.make_account_number()
        village = Area.objects.filter(level="village").first()
        assert village is not None
        self.village, self.town = village, village.parent_id
        self.person = make.make_person("陈谷雨", self.id_number, area=village)
        make.make_account(self.person, self.number)
        program = make.make_program(name="测试高龄津贴", short_name="测试高龄津贴")
        town = Area.objects.get(code=self.town)
        make.make_paid(make.make_roster(program, town, period="2022-01", rows=[(self.person, 10_000)]))
        (failed,) = make.make_paid(make.make_roster(program, town, period="2022-02", rows=[(self.person, 10_000)]))
        Payment.objects.filter(pk=failed.pk).update(
            status="failed", failure_code="F03", paid_on=None, failed_on=dt.date(2022, 2, 20)
        )
        neighbours: list[tuple[Person, int]] = [(make.make_person(area=village), 12_000) for _n in range(4)]
        roster = make.make_roster(program, town, period="2022-03", rows=neighbours)
        self.notice: Notice = make.drive(roster, "on_notice").notices.get()
        self.position = NoticeRow.objects.filter(notice=self.notice).values_list("position", flat=True)[0]

    @property
    def factors(self) -> dict[str, str]:
        return {"name": self.person.name, "id_number": self.id_number, "last4": self.number[-4:]}


@pytest.fixture
def place(county: Stack, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with county.django():
        made = Place()
    (county.home / "clock").write_text("2022-03-02")
    return made


def fill_lookup(seat: Seat, factors: dict[str, str]) -> None:
    seat.open("/lookup/")
    for name, value in factors.items():
        seat.page.fill(f"#{name}", value)
    seat.page.click("main form button.btn")


def test_no_public_page_has_a_fault(county: Stack, seats: SEATS, place: Place) -> None:
    """axe without any finding, and nothing wider than the page: at 360 and 1280 pixels, normal and elder version."""
    notice = f"/notices/{place.notice.slug}/"
    paths = [
        "/", "/policies/", "/policies/2080502/", "/policies/sheet/", "/poster/", "/notices/", "/notices/?state=over",
        notice, f"{notice}sheet/?village={place.village.code}", f"{notice}objection/{place.position}/", "/lookup/",
        "/inquiry/", "/offices/", "/results/", "/open-data/", f"/places/{place.town}/",
        f"/places/{place.village.code}/",
    ]  # fmt: skip
    seat = seats()
    found: list[str] = []
    for elder in ("0", "1"):
        seat.page.goto(f"{seat.url}/?elder={elder}")
        for path in [*paths, "result"]:
            if path == "result":
                fill_lookup(seat, place.factors)
                seat.sees("陈谷雨的补贴")
            else:
                seat.open(path)
            seat.page.evaluate(AXE)
            for width in (360, 1280):
                seat.page.set_viewport_size({"width": width, "height": 800})
                found += [f"{path} {width} elder={elder}: {fault}" for fault in seat.page.evaluate(_ALL)]
                wide = seat.page.evaluate("document.documentElement.scrollWidth")
                found += [f"{path} is {wide} wide at {width}"] * (wide > width)
    assert not found, "\n".join(found)


def test_the_first_page_is_light(county: Stack, seats: SEATS, place: Place) -> None:
    """At most 200 KB over the wire with everything it loads, and nothing from anywhere else."""
    seat = seats()
    asked: list[str] = []
    seat.page.on("request", lambda request: asked.append(request.url))
    seat.open("/")
    assert seat.page.evaluate(_WEIGHT) < _FIRST_PAGE_BYTES
    assert all(url.startswith(seat.url) for url in asked)
    assert not [url for url in asked if url.endswith((".woff", ".woff2", ".ttf"))]


def test_a_citizen_on_a_phone_finds_what_failed_and_gets_an_answer(county: Stack, seats: SEATS, place: Place) -> None:
    """Find the policy → look oneself up → what failed and what to do → complain → the office answers → satisfied."""
    phone = seats(width=360, scripts=False)
    phone.open("/policies/?q=高龄")
    phone.sees("高龄津贴", "领多少")
    fill_lookup(phone, place.factors)
    phone.sees("陈谷雨的补贴", "要您办一下", "这个账户已经注销了")
    phone.look("public-failed")

    phone.open("/inquiry/")
    phone.page.get_by_label("投诉").check()
    phone.page.select_option("select[name=area]", place.town)
    phone.page.fill("textarea", "卡已经换了半个月，镇里还没有给我更正账户。")
    phone.page.get_by_role("button", name="提交").click()
    phone.sees("受理编号", "查询码")
    phone.look("public-inquiry-received")
    number, code = (dd.strip() for dd in phone.page.locator("dd.big").all_inner_texts())

    with county.django():
        inquiry, clerk = Inquiry.objects.get(), User.objects.get(username="shiqiao-jb")
        assert clerk.organisation
        assign_inquiry(inquiry, owner=clerk.organisation, actor=User.objects.get(username="caizheng-jb"))
        answer_inquiry(inquiry, text="已更正账户，本月随补发一并到账。", actor=clerk)

    phone.open("/inquiry/")
    phone.page.fill("#number", number)
    phone.page.fill("#code", code)
    phone.page.get_by_role("button", name="查进度").click()
    phone.sees("已更正账户，本月随补发一并到账。")
    phone.look("public-inquiry-answered")
    phone.page.get_by_role("button", name="满意", exact=True).click()
    phone.sees("办结")

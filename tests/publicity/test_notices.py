"""Public notices: the frozen rows and nothing else, one village at a time, only totals afterwards (T12)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from programs.models import Notice, NoticeRow, Objection, Program, RosterRow
from publicity import limits
from publicity.notices import check_code, seals
from subsidy_portal import crypto, money
from subsidy_portal.models import Event
from tests import make
from tests.programs.test_postings import photograph
from tests.publicity.conftest import open_notice, token_of

pytestmark = pytest.mark.django_db
OTHER_VILLAGE = "990001101202"
AMOUNT = re.compile(r'class="r fen"[^>]*>([\d,.]+)</td>')


def text_of(client: Client, url: str, **data: Any) -> str:
    page = client.get(url, data)
    assert page.status_code == 200, url
    return page.content.decode()


def village_of(count: int, code: str = make.VILLAGE, name: str = "王守田") -> list[tuple[Any, int]]:
    """``count`` persons of one village with 100.00, 100.01 … yuan."""
    area = make.make_area(code)
    return [(make.make_person(name, area=area), 10_000 + n) for n in range(count)]


def shown_fen(text: str) -> int:
    """The sum of the rows on the page (the last amount of a page with a foot is the total, left out)."""
    body = text.split("<tbody>")[1].split("</tbody>")[0]
    return sum(money.parse_yuan(amount) for amount in AMOUNT.findall(body))


def test_pages_and_sheets_add_up_to_the_roster(client: Client) -> None:
    notice = open_notice(rows=village_of(70) + village_of(3, OTHER_VILLAGE))
    in_roster = sum(RosterRow.objects.values_list("amount_fen", flat=True))
    on_pages, on_sheets = 0, 0
    for code in (make.VILLAGE, OTHER_VILLAGE):
        url: str | None = f"/notices/{notice.slug}/?village={code}"
        while url:
            page = client.get(url)
            on_pages += shown_fen(page.content.decode())
            following = page.context["page"].next_url
            url = f"/notices/{notice.slug}/{following}" if following else None
        sheet = client.get(f"/notices/{notice.slug}/sheet/?village={code}")
        on_sheets += sum(row.amount_fen for row in sheet.context["rows"])
        assert f"{money.format_yuan(sheet.context['village'].fen)}</td>" in sheet.content.decode()
    assert on_pages == on_sheets == in_roster == notice.amount_fen


def test_no_page_of_the_notice_holds_an_identifier(client: Client) -> None:
    notice = open_notice(rows=village_of(5))
    for path in ("", "sheet/", "objection/1/"):
        text = text_of(client, f"/notices/{notice.slug}/{path}")
        assert not re.search(r"\d{15}", re.sub(r'd="[^"]+"', "", text))


def test_one_village_at_a_time(client: Client) -> None:
    notice = open_notice(rows=village_of(2, name="王守田") + village_of(2, OTHER_VILLAGE, name="李春禾"))
    whole = text_of(client, f"/notices/{notice.slug}/")
    assert "王守田" not in whole
    assert "李春禾" not in whole
    one = text_of(client, f"/notices/{notice.slug}/", village=OTHER_VILLAGE)
    assert "李春禾" in one
    assert "王守田" not in one
    assert "王守田" not in text_of(client, f"/notices/{notice.slug}/sheet/", village=OTHER_VILLAGE)


def test_minors_and_masked_programs_keep_their_surname_only(client: Client) -> None:
    child = make.make_person("周子轩", make.make_id_number(dt.date(2015, 4, 20), 1))
    notice = open_notice(rows=[(child, 5_000)])
    assert "周**" in text_of(client, f"/notices/{notice.slug}/")
    assert "周子轩" not in text_of(client, f"/notices/{notice.slug}/sheet/")
    masked = make.make_program(name_mask=Program.NameMask.SURNAME)
    other = open_notice(program=masked, rows=[(make.make_person("沈白露"), 5_000)])
    assert "沈白露" not in text_of(client, f"/notices/{other.slug}/")


def test_after_the_end_only_totals_stay(client: Client, set_today: Callable[[str], None]) -> None:
    notice = open_notice(rows=village_of(3))
    set_today("2022-03-15")  # seven days from the 8th are over, whether the timer has run or not
    text = text_of(client, f"/notices/{notice.slug}/", village=make.VILLAGE)
    assert "王守田" not in text
    assert "300.03" in text
    assert "公示已经结束" in text
    for path in ("sheet/", "objection/1/"):
        assert client.get(f"/notices/{notice.slug}/{path}").status_code == 302
    assert client.post(f"/notices/{notice.slug}/", {"name": "王守田"}).content.decode().count("王守田") == 0


@pytest.mark.parametrize("hidden", ["classified", "withdrawn"])
def test_hidden_notices_do_not_exist(client: Client, hidden: str) -> None:
    notice = open_notice(rows=village_of(1))
    if hidden == "classified":
        Program.objects.update(is_classified=True)
    else:
        Notice.objects.update(status=Notice.Status.WITHDRAWN)
    for path in ("", "sheet/", "objection/1/"):
        assert client.get(f"/notices/{notice.slug}/{path}").status_code == 404
    for url in ("/", "/notices/", "/notices/?state=over"):
        assert notice.slug not in text_of(client, url)


def test_lists_of_names_stay_out_of_search_engines(client: Client) -> None:
    notice = open_notice(rows=village_of(1))
    for path in ("", "sheet/", "objection/1/"):
        assert "noindex" in client.get(f"/notices/{notice.slug}/{path}")["X-Robots-Tag"]
    assert "Disallow: /notices/" in text_of(client, "/robots.txt")


def test_a_name_is_found_by_post_and_in_part(client: Client) -> None:
    notice = open_notice(rows=village_of(2) + village_of(1, OTHER_VILLAGE, name="李春禾"))
    page = client.post(f"/notices/{notice.slug}/", {"name": "李春禾"}).content.decode()
    assert "李春禾" in page
    assert "王守田" not in page
    one_letter = client.post(f"/notices/{notice.slug}/", {"name": "王"}).content.decode()
    assert "请输入完整的姓名" in one_letter
    assert "王守田" not in one_letter


def test_notices_by_township_village_and_program(client: Client) -> None:
    here = open_notice(rows=village_of(1))
    there = open_notice(area=make.make_area("990001102000"), rows=village_of(1, "990001102201"))
    assert here.slug in text_of(client, "/notices/", area=make.TOWN)
    assert there.slug not in text_of(client, "/notices/", area=make.TOWN)
    assert there.slug in text_of(client, "/notices/", area="990001102201")
    assert here.slug not in text_of(client, "/notices/", program=there.roster.program.code)


def test_sheet_carries_what_the_board_must_show(client: Client, settings: Any) -> None:
    settings.SITE = {**settings.SITE, "public_url": "https://butie.example.cn"}
    program = make.make_program(
        name="耕地补贴",
        basis_number="示农发〔2022〕9号",
        standard_text="每亩100元",
        phone="0990-7654321",
        paid_to="household",
    )
    office = make.make_organisation("township", make.make_area(make.TOWN), "石桥镇财政所")
    office.phone = "0990-1234567"
    office.save()
    notice = open_notice(program=program, rows=village_of(2))
    page = client.get(f"/notices/{notice.slug}/sheet/", headers={"Accept-Language": "en"})
    text = page.content.decode()
    for shown in (
        "耕地补贴发放公示",
        "示农发〔2022〕9号",
        "每亩100元",
        "2022年3月8日至2022年3月14日",
        "0990-7654321",
        "0990-1234567",
        "户主",
        "合计2户",
        "200.01",
        check_code(notice),
        "村民委员会（盖章）",
        "人民政府（盖章）",
    ):
        assert shown in text, shown
    assert "<svg" in text
    assert "style=" not in text
    assert "<script" not in text
    assert check_code(notice) == f"{notice.content_hash[:4]}-{notice.content_hash[4:8]}".upper()


def test_seals_are_called_what_they_are() -> None:
    street = make.make_area("990001001000", "青龙街道")
    community = make.make_area("990001001201", "河滩社区")
    community.parent = street
    assert seals(community) == ["青龙街道河滩社区居民委员会", "青龙街道办事处"]


# --- Objections ----------------------------------------------------------------------------------------------


def object_to(client: Client, notice: Notice, position: int = 1, once: str = "", **fields: Any) -> Any:
    url = f"/notices/{notice.slug}/objection/{position}/"
    once = once or token_of(client.get(url))
    return client.post(url, {"text": "这户已经搬走三年了。", "once": once, **fields})


def test_objection_holds_its_row_and_gives_a_number(client: Client) -> None:
    notice = open_notice(rows=village_of(2))
    page = object_to(client, notice, 2, contact="139 0000 0000")
    objection = Objection.objects.get()
    assert objection.number in page.content.decode()
    assert objection.row == NoticeRow.objects.get(notice=notice, position=2).row
    assert list(RosterRow.objects.order_by("pk").values_list("status", flat=True)).count("held") == 1
    assert b"139" not in bytes(objection.contact_sealed or b"")
    assert crypto.decrypt(bytes(objection.contact_sealed or b""), f"programs_objection.contact:{objection.pk}") == (
        "13900000000"
    )
    assert not Event.objects.filter(note__contains="13900000000").exists()


def test_the_list_tells_how_many_are_checked_but_not_who(client: Client) -> None:
    notice = open_notice(rows=village_of(3))
    before = text_of(client, f"/notices/{notice.slug}/").split("<tbody>")[1].split("</tbody>")[0]
    object_to(client, notice)
    after = text_of(client, f"/notices/{notice.slug}/")
    assert after.split("<tbody>")[1].split("</tbody>")[0] == before
    assert "有1人正在核实" in after


def test_the_total_of_all_villages_tells_how_many_are_checked(client: Client) -> None:
    notice = open_notice(rows=village_of(2) + village_of(2, OTHER_VILLAGE))
    object_to(client, notice)
    whole = text_of(client, f"/notices/{notice.slug}/")
    assert "选一选村" in whole
    assert "有1人正在核实" in whole


def test_a_second_tap_gets_the_same_number(client: Client) -> None:
    notice = open_notice(rows=village_of(1))
    once = token_of(client.get(f"/notices/{notice.slug}/objection/1/"))
    first, second = (object_to(client, notice, once=once) for _tap in range(2))
    assert Objection.objects.count() == 1
    assert Objection.objects.get().number in second.content.decode()
    assert first.status_code == second.status_code == 200


def test_a_second_objector_is_told(client: Client) -> None:
    notice = open_notice(rows=village_of(1))
    object_to(client, notice)
    assert "已有异议正在核实" in object_to(Client(), notice).content.decode()
    assert Objection.objects.count() == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("他的身份证是990000194404200071", "身份证号或银行卡号"),
        ("打我电话13900000000", "手机号"),
        ("不对", "多写几个字"),
    ],
)
def test_no_numbers_in_the_words_of_an_objection(client: Client, text: str, said: str) -> None:
    notice = open_notice(rows=village_of(1))
    assert said in object_to(client, notice, text=text).content.decode()
    assert not Objection.objects.exists()


def test_objections_are_limited(client: Client) -> None:
    """Each holds a payment: nobody may hold a whole village's."""
    notice = open_notice(rows=village_of(8))
    answers = [object_to(client, notice, n).status_code for n in range(1, 8)]
    assert answers == [200] * 5 + [429] * 2
    assert Objection.objects.count() == 5


def test_a_notice_page_asks_the_same_for_many_rows(client: Client, django_assert_max_num_queries: Any) -> None:
    notice = open_notice(rows=village_of(50))
    with django_assert_max_num_queries(7):
        client.get(f"/notices/{notice.slug}/")


def test_english_puts_a_space_between_a_number_and_what_it_counts(client: Client) -> None:
    notice = open_notice(rows=village_of(2) + village_of(2, OTHER_VILLAGE))
    client.cookies["django_language"] = "en"
    pages = text_of(client, f"/notices/{notice.slug}/") + text_of(
        client, f"/notices/{notice.slug}/?village={OTHER_VILLAGE}"
    )
    said = re.sub("<[^>]+>", "", pages)
    assert "2 people" in said
    assert not re.search(r"[0-9]people", said)


def test_township_hangs_all_its_villages_on_one_sheet(client: Client) -> None:
    """The same frozen rows, the village beside each, the whole sum; on A3 when asked."""
    notice = open_notice(rows=village_of(2) + village_of(3, OTHER_VILLAGE, "李有粮"))
    sheet = f"/notices/{notice.slug}/sheet/"
    text = text_of(client, sheet, village="all", paper="a3")
    assert 'class="a4 a3"' in text
    assert text.count('<th scope="row">王守田</th>') == 2
    assert text.count('<th scope="row">李有粮</th>') == 3
    assert money.format_yuan(notice.amount_fen) in text
    assert "合计5人" in text
    assert "village=all" in text_of(client, sheet)
    one = text_of(client, sheet, village=OTHER_VILLAGE)
    assert "王守田" not in one


def test_department_finds_its_notices_in_all_townships(client: Client) -> None:
    near, far = make.make_area(make.TOWN), make.make_area("990001102000")
    own = make.make_program(name="测试耕地补贴")
    other = make.make_program(
        name="测试高龄津贴", department=make.make_organisation(make.K.DEPARTMENT, name="示范县卫健局")
    )
    for program, town in ((own, near), (own, far), (other, near)):
        open_notice(program=program, area=town, rows=[(make.make_person(), 100)])
    text = text_of(client, "/notices/", department=str(own.department_id))
    assert text.count("测试耕地补贴") >= 2
    assert "测试高龄津贴</a>" not in text
    assert "测试高龄津贴" in text_of(client, "/notices/", department="x1")


def test_nobody_copies_a_county_page_by_page(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "NOTICE_PAGES", 3)
    notice = open_notice(rows=village_of(1))
    answers = [client.get(f"/notices/{notice.slug}/", REMOTE_ADDR="203.0.113.9").status_code for _n in range(5)]
    assert answers == [200] * 3 + [429] * 2
    assert client.get(f"/notices/{notice.slug}/", REMOTE_ADDR="198.51.100.9").status_code == 200


def test_evidence_comes_with_an_objection_and_keeps_only_its_picture(client: Client) -> None:
    notice = open_notice(rows=village_of(1))
    page = object_to(client, notice, evidence=photograph())
    assert page.status_code == 200
    attachment = Objection.objects.get().attachment
    assert attachment is not None
    assert b"31.2304N" not in attachment.read()


def test_evidence_that_is_none_is_refused_and_nothing_is_held(client: Client) -> None:
    notice = open_notice(rows=village_of(1))
    page = object_to(client, notice, evidence=SimpleUploadedFile("a.jpg", b"<script>"))
    assert "不是照片，也不是PDF" in page.content.decode()
    assert not Objection.objects.exists()
    assert RosterRow.objects.get().status == "included"

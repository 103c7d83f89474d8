"""The published list: every version readable, no classified program in any, in plain words."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

import pytest
from django.test import Client
from openpyxl import load_workbook

from programs import actions
from programs.models import PolicyList, Program
from programs.policy_columns import COLUMNS
from subsidy_portal import clock
from subsidy_portal.workflow import Refused
from tests import make

pytestmark = pytest.mark.django_db


def publish(year: int = 2022) -> PolicyList:
    policy_list = actions.draft_policy_list(year, actor=make.make_user("finance", "operator"))
    actions.publish_policy_list(policy_list, actor=make.make_user("finance", "reviewer"))
    return policy_list


@pytest.fixture
def longevity() -> Program:
    return make.make_program(
        code="2080502",
        name="高龄津贴",
        audience=["老年人"],
        scope_text="满80周岁的本县户籍老人",
        standard_text="每人每月50元",
        how_to_apply="到村里登记一次",
        phone="0990-1111111",
        complaint_phone="0990-2222222",
        basis_title="示范县高龄津贴发放办法",
        basis_number="示民发〔2022〕18号",
    )


def test_before_the_first_list_the_page_says_so(client: Client) -> None:
    assert "政策清单还没有公布" in client.get("/policies/").content.decode()
    assert client.get("/").status_code == 200


def test_drafts_are_not_public(client: Client, longevity: Program) -> None:
    actions.draft_policy_list(2022, actor=make.make_user("finance", "operator"))
    assert "高龄津贴" not in client.get("/policies/").content.decode()
    assert client.get("/policies/?year=2022&version=1").status_code == 404
    assert client.get("/policies/2080502/").status_code == 404


def test_the_page_from_an_older_version_says_what_that_version_said(client: Client, longevity: Program) -> None:
    publish()
    longevity.standard_text = "每人每月80元"
    longevity.save()
    publish()
    older = client.get("/policies/?year=2022&version=1").content.decode()
    assert "/policies/2080502/?year=2022&amp;version=1" in older
    page = client.get("/policies/2080502/?year=2022&version=1").content.decode()
    assert "每人每月50元" in page
    assert "每人每月80元" not in page
    assert "这是2022年第1版的内容，已经改过" in page
    assert "每人每月80元" in client.get("/policies/2080502/").content.decode()
    assert client.get("/policies/2080502/?year=2022&version=7").status_code == 404


def test_policy_page_tells_who_how_much_how_and_whom_to_ask(client: Client, longevity: Program) -> None:
    publish()
    text = client.get("/policies/2080502/").content.decode()
    for shown in (
        "满80周岁的本县户籍老人",
        "每人每月50元",
        "到村里登记一次",
        "示范县民政局",
        "0990-1111111",
        "0990-2222222",
        "示民发〔2022〕18号",
    ):
        assert shown in text


def test_older_versions_stay_as_they_were(client: Client, longevity: Program) -> None:
    publish()
    Program.objects.update(standard_text="每人每月60元")
    assert "每人每月50元" in client.get("/policies/").content.decode()  # the program changed, the list did not
    publish()
    newest, first = client.get("/policies/"), client.get("/policies/?year=2022&version=1")
    assert "每人每月60元" in newest.content.decode()
    assert "每人每月50元" in first.content.decode()
    assert "不是现在执行的" in first.content.decode()
    assert client.get("/policies/?year=2022&version=9").status_code == 404


def test_filter_by_who_i_am_and_by_words(client: Client, longevity: Program) -> None:
    make.make_program(name="耕地补贴", audience=["农民"])
    publish()
    old = client.get("/policies/", {"who": "老年人"}).content.decode()
    assert "高龄津贴" in old
    assert "耕地补贴" not in old
    found = client.get("/policies/", {"q": "耕地"}).content.decode()
    assert "耕地补贴" in found
    assert "高龄津贴" not in found


def test_village_name_leads_to_its_notices(client: Client, longevity: Program) -> None:
    make.make_area(make.VILLAGE, "柳湾村")
    publish()
    assert f"/notices/?area={make.VILLAGE}" in client.get("/policies/", {"q": "柳湾"}).content.decode()


def test_classified_program_is_nowhere_even_when_it_was_listed(client: Client, longevity: Program) -> None:
    """R2: a program classified later vanishes from every version that ever named it."""
    make.make_program(name="普通补贴", audience=["农民"])
    publish(2021)
    publish()
    publish()
    Program.objects.filter(pk=longevity.pk).update(is_classified=True)
    pages = [
        "/",
        "/policies/",
        "/policies/?who=老年人",
        "/policies/?q=高龄",
        "/inquiry/",
        "/offices/",
        "/sitemap.xml",
        "/notices/",
    ]
    pages += [f"/policies/?year={year}&version={version}" for year, version in ((2021, 1), (2022, 1), (2022, 2))]
    for url in pages:
        text = client.get(url).content.decode().replace("“高龄”", "").replace('value="高龄"', "")
        assert not re.search("高龄|2080502", text), url
    assert client.get("/policies/2080502/").status_code == 404


def test_whom_to_ask_names_offices_and_phones(client: Client, longevity: Program) -> None:
    publish()
    town = make.make_organisation("township", make.make_area(make.TOWN), "石桥镇财政所")
    town.phone = "0990-3333333"
    town.save()
    text = client.get("/offices/").content.decode()
    for shown in ("示范县民政局", "0990-1111111", "0990-3333333", "12345", "12388", "正在公示的名单"):
        assert shown in text


def test_list_asks_the_same_for_many_policies(client: Client, django_assert_max_num_queries: Any) -> None:
    for _n in range(30):
        make.make_program()
    publish()
    with django_assert_max_num_queries(4):
        client.get("/policies/")


def test_the_list_goes_up_as_a_workbook_without_what_is_classified(client: Client) -> None:
    """R4: the columns of domain §6 as published; a program classified later is in no version's file either."""
    maker, other = make.make_user("finance", "operator"), make.make_user("finance", "reviewer")
    make.make_program(name="高龄津贴", code="2080502", short_name="高龄津贴")
    secret = make.make_program(name="保密补贴", code="2089999", short_name="保密补贴")
    made = actions.draft_policy_list(2022, actor=maker)
    actions.publish_policy_list(made, actor=other)
    type(secret).objects.filter(pk=secret.pk).update(is_classified=True)
    answer = client.get("/policies/list.xlsx")
    (sheet,) = load_workbook(BytesIO(answer.content)).worksheets
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert rows[2] == ["序号", *COLUMNS]
    assert [row[:3] for row in rows[3:]] == [[1, "2080502", "高龄津贴"]]
    assert "保密补贴" not in client.get("/policies/sheet/").content.decode()
    assert client.get("/policies/list.xlsx?year=2019").status_code == 404


def test_where_a_list_was_made_known_is_written_down(client: Client) -> None:
    """R71: channel, day, place and proof; nothing before it was published, and by who edits the list."""
    maker, other = make.make_user("finance", "operator"), make.make_user("finance", "reviewer")
    make.make_program()
    made = actions.draft_policy_list(2022, actor=maker)
    with pytest.raises(Refused, match="还没有公布"):
        actions.record_channel(made, channel="portal", known_on=clock.today(), place="x", proof=None, actor=maker)
    actions.publish_policy_list(made, actor=other)
    client.force_login(maker)
    url = f"/staff/policies/{made.pk}/channels/"
    early = client.post(url, {"channel": "wechat", "known_on": "2020-01-01", "place": "示范县财政"})
    assert (early.status_code, made.channels.count()) == (422, 0)
    sent = {"channel": "city", "known_on": clock.today().isoformat(), "place": "示财函〔2022〕3号"}
    assert client.post(url, sent).status_code == 302
    page = client.get(f"/staff/policies/{made.pk}/").content.decode()
    assert "报送市级" in page
    assert "示财函〔2022〕3号" in page
    client.force_login(other)
    assert client.post(url, sent).status_code == 404


def test_a_poster_carries_the_villages_own_phone_and_a_code_home(client: Client) -> None:
    office = make.make_organisation("township", make.make_area(make.TOWN), "石桥镇财政所")
    office.phone = "0990-1234567"
    office.save()
    text = client.get(f"/poster/{make.TOWN}/").content.decode()
    assert "0990-1234567" in text
    assert "<svg" in text
    assert client.get("/poster/").status_code == 200
    assert client.get("/poster/990001999999/").status_code == 404


def test_classified_later_it_leaves_the_staff_pages_and_the_api_too(client: Client, longevity: Program) -> None:
    make.make_program(name="普通补贴", short_name="普通")
    listed = publish()
    Program.objects.filter(pk=longevity.pk).update(is_classified=True)
    client.force_login(make.make_user("department", "viewer"))
    for url in (f"/staff/policies/{listed.pk}/", f"/api/v1/policy-lists/{listed.pk}/"):
        text = client.get(url).content.decode()
        assert "普通补贴" in text
        assert "高龄津贴" not in text, url

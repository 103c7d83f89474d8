"""The ledger of people without a card as a list and over the API; anomalies by township; proofs of accounts."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from rest_framework.test import APIClient

from programs import actions
from programs.models import Account, AccountProof, CardAnomaly, Person, Program, Uncarded
from subsidy_portal.models import Event, User
from subsidy_portal.workflow import Refused
from tests import make
from tests.corpus import rosters as corpus
from tests.make import K, R
from tests.programs.pages import read, signed_in

pytestmark = pytest.mark.django_db
HEADER = ("姓名", "身份证号", "村（居）", "补贴项目", "办卡方式", "责任人", "办结期限", "说明")


@pytest.fixture(autouse=True)
def _day(set_today: Callable[[str], None]) -> None:
    set_today("2022-03-05")


@pytest.fixture
def program() -> Program:
    return make.make_program(short_name="高龄津贴")


@pytest.fixture
def clerk() -> User:
    make.make_area(make.VILLAGE)
    return make.make_user(K.TOWNSHIP, R.OPERATOR)


def workbook(*rows: tuple[Any, ...], header: tuple[str, ...] = HEADER) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (header, *rows):
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def line(n: int, **changes: str) -> tuple[str, ...]:
    given = dict(zip(HEADER, ("林立夏", corpus.id_number(n), make.make_area(make.VILLAGE).name, "高龄津贴", "上门办卡",
                              "张三", "2022-06-30", ""), strict=True))  # fmt: skip
    return tuple({**given, **changes}.values())


def test_a_township_writes_down_a_whole_list(program: Program, clerk: User) -> None:
    assert actions.read_uncarded(workbook(line(1), line(2, 姓名="何白鹭")), actor=clerk) == 2
    first = Uncarded.objects.get(person__name="林立夏")
    assert (first.owner, first.measure, str(first.due_on), first.program) == ("张三", "at_home", "2022-06-30", program)


def test_one_wrong_line_and_none_is_taken_in(program: Program, clerk: User) -> None:
    content = workbook(line(1), line(2, 办卡方式="飞鸽"), line(3, 身份证号="12"), line(4, 责任人=""))
    with pytest.raises(Refused) as refused:
        actions.read_uncarded(content, actor=clerk)
    said = str(refused.value)
    assert said.startswith("有3行不对，一行也没有登记。第3行：“办卡方式”一格不认识。请填：集中办卡、上门办卡")
    assert "第4行：身份证号应为18位" in said
    assert "第5行：“责任人”一格是空的" in said
    assert not Uncarded.objects.exists()
    assert not Person.objects.exists()


def test_a_file_without_the_columns_says_where_the_template_is(program: Program, clerk: User) -> None:
    with pytest.raises(Refused, match="请下载名单模板"):
        actions.read_uncarded(workbook(("林立夏",), header=("姓名",)), actor=clerk)
    with pytest.raises(Refused, match="没有一行数据"):
        actions.read_uncarded(workbook(), actor=clerk)


def test_the_template_fits_its_reader(program: Program, clerk: User) -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(actions.uncarded_template())).active
    assert sheet is not None
    assert tuple(cell.value for cell in sheet[1]) == HEADER


def test_the_page_takes_the_list_or_says_what_is_wrong(program: Program, clerk: User) -> None:
    browser, url = signed_in(clerk), reverse("programs:uncarded-upload")
    bad = browser.post(url, {"file": SimpleUploadedFile("名单.xlsx", workbook(line(1, 姓名="")))})
    assert bad.status_code == 422
    assert "一行也没有登记" in read(bad)
    page = read(browser.post(url, {"file": SimpleUploadedFile("名单.xlsx", workbook(line(1)))}, follow=True))
    assert "1人已登记" in page
    assert corpus.id_number(1) not in page
    assert browser.get(reverse("programs:uncarded-template")).status_code == 200


def api(user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


def test_the_ledger_over_the_api_from_entry_to_account(program: Program, clerk: User) -> None:
    client, bank = api(clerk), make.make_bank()
    made = client.post(
        "/api/v1/uncarded/",
        {
            "id_number": corpus.id_number(1), "name": "林立夏", "area": make.VILLAGE, "program": program.code,
            "measure": "together", "owner": "张三", "due_on": "2022-06-30",
        },
        format="json",
    )  # fmt: skip
    assert made.status_code == 201, made.json()
    assert corpus.id_number(1) not in made.content.decode()
    pk = made.json()["id"]
    sent = client.post("/api/v1/uncarded/send/", {"bank": bank.organisation.pk}, format="json")
    assert sent.json()["name"].startswith("批量开户-")
    row = Uncarded.objects.get(pk=pk)
    assert row.file is not None
    book = openpyxl.load_workbook(io.BytesIO(row.file.read()))
    sheet = book.worksheets[0]
    sheet.cell(2, [cell.value for cell in sheet[1]].index("银行账号") + 1, make.make_account_number())
    out = io.BytesIO()
    book.save(out)
    answer = client.post("/api/v1/uncarded/opened/", {"file": SimpleUploadedFile("a.xlsx", out.getvalue())})
    assert answer.json() == {"done": 1}
    assert client.get(f"/api/v1/uncarded/{pk}/").json()["status"] == "closed"
    assert client.get("/api/v1/uncarded/?status=open").json()["results"] == []


def test_an_anomaly_over_the_api_is_settled_account_by_account(clerk: User) -> None:
    person = make.make_person("林立夏", corpus.id_number(1))
    keep, drop = make.make_account(person), make.make_account(person)
    Account.objects.update(reason="手工登记")
    actions.find_anomalies(by=User.objects.system())
    (found,) = api(clerk).get("/api/v1/card-anomalies/?kind=many_cards").json()["results"]
    assert [one["id"] for one in found["accounts"]] == [keep.pk, drop.pk]
    given = {"account": drop.pk, "reason": "旧卡已销"}
    done = api(clerk).post(f"/api/v1/card-anomalies/{found['id']}/end-account/", given, format="json")
    assert (done.status_code, done.json()["status"]) == (200, "closed")
    organisation = make.make_organisation(K.TOWNSHIP, make.make_area("990001102000"))
    stranger = api(make.make_user(K.TOWNSHIP, R.OPERATOR, organisation))
    assert stranger.get(f"/api/v1/card-anomalies/{found['id']}/").status_code == 404


def test_open_anomalies_are_counted_by_township_and_taken_home(clerk: User) -> None:
    for n, village in ((1, make.VILLAGE), (2, "990001102201"), (3, "990001102201")):
        person = make.make_person("林立夏", corpus.id_number(n), area=make.make_area(village))
        for _n in range(2):
            make.make_account(person)
    Account.objects.update(reason="手工登记")
    actions.find_anomalies(by=User.objects.system())
    finance = signed_in(make.make_user(K.FINANCE, R.OPERATOR))
    page = read(finance.get(reverse("programs:anomaly-list")))
    assert "各乡镇还没处理的" in page
    answer = finance.post(reverse("programs:anomaly-export"))
    book = openpyxl.load_workbook(io.BytesIO(b"".join(answer.streaming_content)))  # type: ignore[attr-defined]
    assert book.worksheets[0].max_row == 4
    assert CardAnomaly.objects.count() == 3


def test_an_account_keeps_the_proof_it_was_registered_on_and_every_look_is_told(clerk: User) -> None:
    person = make.make_person("林立夏", corpus.id_number(1))
    account = actions.add_account(
        person, number=make.make_account_number(), bank=make.make_bank().organisation, kind="ssc", reason="换卡",
        proof=make.proof(), actor=clerk,
    )  # fmt: skip
    assert AccountProof.objects.get().account == account
    browser, url = signed_in(clerk), reverse("programs:account-proof", args=[account.pk])
    assert url in read(browser.get(reverse("programs:person", args=[person.pk])))
    assert browser.get(url).status_code == 200
    assert Event.objects.about(account).filter(kind="downloaded").count() == 1
    without = make.make_account(person)
    assert browser.get(reverse("programs:account-proof", args=[without.pk])).status_code == 404

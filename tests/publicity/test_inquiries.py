"""Inquiries: received once, answered in time, judged by who asked; who wrote stays unknown to whom it is about."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, transaction
from django.test import Client
from PIL import Image

from publicity import actions_inquiries as actions
from publicity import desk
from publicity.models import Inquiry, InquiryAnswer
from publicity.tasks import inquiries_hourly
from subsidy_portal import crypto
from subsidy_portal.models import Event, Organisation, StoredFile, User
from subsidy_portal.workflow import InvalidTransition, NotPermitted, Refused, StaleStatus
from tests import make
from tests.make import K, R
from tests.publicity.conftest import token_of

pytestmark = pytest.mark.django_db
NAME, PHONE = "周小满", "13911112222"
SAID = "村里有人收走了我们的卡，每张要五十元。"


@dataclass
class Offices:
    finance: User
    discipline: User
    bureau: User
    town: User


@pytest.fixture
def offices(db: None) -> Offices:
    bureau = make.make_organisation(K.DEPARTMENT, name="示范县民政局")
    return Offices(
        make.make_user(K.FINANCE, R.OPERATOR),
        make.make_user(K.DISCIPLINE, R.OPERATOR),
        make.make_user(K.DEPARTMENT, R.OPERATOR, bureau),
        make.make_user(K.TOWNSHIP, R.OPERATOR),
    )


@pytest.fixture(autouse=True)
def _county(db: None) -> None:
    make.make_area(make.COUNTY)


def office_of(user: User) -> Organisation:
    assert user.organisation
    return user.organisation


def send(client: Client, **given: Any) -> Any:
    once = given.pop("once", "") or token_of(client.get("/inquiry/"))
    address = given.pop("REMOTE_ADDR", "203.0.113.7")
    return client.post("/inquiry/", {"kind": "consult", "text": SAID, **given, "once": once}, REMOTE_ADDR=address)


def look(client: Client, number: str, code: str, **given: Any) -> Any:
    address = given.pop("REMOTE_ADDR", "203.0.113.7")
    return client.post("/inquiry/progress/", {"number": number, "code": code, **given}, REMOTE_ADDR=address)


def filed(token: str = "token", **fields: Any) -> Inquiry:
    defaults: dict[str, Any] = {"kind": "consult", "text": SAID, "area": make.make_area(make.TOWN)}
    return actions.file_inquiry(token=token, **{**defaults, **fields})


def assigned(offices: Offices, **fields: Any) -> Inquiry:
    inquiry = filed(**fields)
    actions.assign_inquiry(inquiry, owner=office_of(offices.bureau), about=inquiry.about, actor=offices.finance)
    return inquiry


def answered(offices: Offices, **fields: Any) -> Inquiry:
    inquiry = assigned(offices, **fields)
    actions.answer_inquiry(inquiry, text="已经查清，十日内补发。", actor=offices.bureau)
    return inquiry


def photograph(size: tuple[int, int] = (60, 40)) -> bytes:
    """A JPEG that tells where and with what it was taken."""
    picture, exif, out = Image.new("RGB", size, "green"), Image.Exif(), io.BytesIO()
    exif[0x010F], exif[0x0112], exif[0x8825] = "SECRETCAMERA", 6, {1: "N", 2: (26.0, 35.0, 1.0)}
    picture.save(out, "JPEG", exif=exif)
    return out.getvalue()


def upload(content: bytes, name: str = "周小满的照片.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


# --- Sending -----------------------------------------------------------------------------------------------


def test_a_consultation_brings_a_number_a_code_and_the_last_working_day(client: Client, offices: Offices) -> None:
    page = send(client)
    inquiry = Inquiry.objects.get()
    assert (inquiry.status, inquiry.kind, inquiry.text) == ("received", "consult", SAID)
    assert inquiry.due_on == dt.date(2022, 3, 29)  # the 15th working day after Tuesday the 8th
    text = page.content.decode()
    for shown in (inquiry.number, page.context["code"], "3月29日（周二）"):
        assert shown in text
    opened = look(client, inquiry.number, page.context["code"]).content.decode()
    assert "您的咨询收到了" in opened
    assert SAID in opened


def test_working_days_leave_out_holidays_and_count_make_up_days(set_today: Callable[[str], None]) -> None:
    # Saturday 2 April 2022 was worked, the 3rd to the 5th were free.
    assert actions.due_from("disclosure", dt.date(2022, 3, 7)) == dt.date(2022, 4, 2)
    assert actions.due_from("disclosure", dt.date(2022, 3, 8)) == dt.date(2022, 4, 6)


def test_a_form_counts_once_and_says_the_same_twice(client: Client) -> None:
    once = token_of(client.get("/inquiry/"))
    first, second = send(client, once=once), send(client, once=once)
    assert first.context["code"] == second.context["code"]
    assert Inquiry.objects.count() == 1


@pytest.mark.parametrize("once", ["", "forged:1:x"])
def test_a_form_without_our_token_is_not_received(client: Client, once: str) -> None:
    page = client.post("/inquiry/", {"kind": "consult", "text": SAID, "once": once})
    assert "这一页放得太久了" in page.content.decode()
    assert not Inquiry.objects.exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"text": "我的卡号是6217990012345678901"}, "身份证号或银行卡号"),
        ({"text": "请打我的电话13911112222"}, "电话写在下面一格"),
        ({"text": "太慢"}, "请多写几个字"),
        ({"phone": "12"}, "手机号"),
        ({"kind": "disclosure"}, "申请公开信息要写姓名"),
        ({"kind": "praise"}, "处要改"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_and_nothing_is_received(client: Client, given: dict[str, str], said: str) -> None:
    assert said in send(client, **given).content.decode()
    assert not Inquiry.objects.exists()


def test_too_many_from_one_network_wait_and_another_network_does_not(client: Client) -> None:
    for _n in range(5):
        assert send(client).status_code == 200
    full = send(client)
    assert (full.status_code, Inquiry.objects.count()) == (429, 5)
    assert "从这里提交的太多了" in full.content.decode()
    assert send(client, REMOTE_ADDR="198.51.100.9").status_code == 200


def test_name_phone_and_words_lie_sealed(client: Client) -> None:
    send(client, kind="report", name=NAME, phone=PHONE)
    with connection.cursor() as cursor:
        cursor.execute("SELECT i::text FROM publicity_inquiry i")
        stored = cursor.fetchone()[0]
        cursor.execute("SELECT coalesce(string_agg(e::text, ''), '') FROM subsidy_portal_event e")
        events = cursor.fetchone()[0]
    for secret in (NAME, PHONE, SAID):
        for place in (stored, events):
            assert secret not in place
            assert secret.encode().hex() not in place


# --- Files -------------------------------------------------------------------------------------------------


def test_a_photograph_is_drawn_anew_under_a_name_of_ours(client: Client) -> None:
    send(client, uploads=[upload(photograph()), upload(b"%PDF-1.4 paper", "材料.pdf")])
    photo, paper = [file.file for file in Inquiry.objects.get().files.all()]
    assert (photo.name, photo.content_type, paper.name) == ("照片1.jpg", "image/jpeg", "材料2.pdf")
    kept = Image.open(io.BytesIO(photo.read()))
    assert b"SECRETCAMERA" not in photo.read()
    assert not kept.getexif()
    assert kept.size == (40, 60)  # turned as the camera said
    assert paper.read() == b"%PDF-1.4 paper"


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"<html><script>", "photo.jpg", "不是照片，也不是PDF"),
        (b"MZ\x90\x00", "scan.pdf", "不是照片，也不是PDF"),
        (b"GIF89a" + bytes(40), "x.gif", "不是照片，也不是PDF"),
        (photograph()[:200], "cut.jpg", "不是照片，也不是PDF"),
        (b"%PDF-" + bytes(5 * 2**20), "big.pdf", "超过5 MB"),
    ],
    ids=["html", "program", "gif", "cut off", "too large"],
)
def test_other_files_are_refused_by_their_content(client: Client, content: bytes, name: str, said: str) -> None:
    page = send(client, uploads=[upload(content, name)]).content.decode()
    assert said in page
    assert "选过的文件要再选一次" in page
    assert not Inquiry.objects.exists()
    assert not StoredFile.objects.exists()


def test_a_picture_that_would_fill_the_memory_is_not_unpacked(client: Client) -> None:
    out = io.BytesIO()
    Image.new("1", (9_000, 9_000)).save(out, "PNG")
    assert "张照片太大了" in send(client, uploads=[upload(out.getvalue(), "bomb.png")]).content.decode()


def test_more_than_ten_files_or_too_heavy_a_form_are_refused(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    many = [upload(photograph(), f"{n}.jpg") for n in range(11)]
    assert "最多传10个文件" in send(client, uploads=many).content.decode()
    monkeypatch.setattr("publicity.views.inquiries.MOST_BYTES", 100)
    heavy = send(client, once="x", text="长" * 200)
    assert (heavy.status_code, Inquiry.objects.count()) == (413, 0)


def test_the_form_is_checked_for_forgery() -> None:
    strict = Client(enforce_csrf_checks=True)
    assert strict.post("/inquiry/", {"kind": "consult", "text": SAID}).status_code == 403


# --- Looking ------------------------------------------------------------------------------------------------


def test_a_wrong_code_and_an_unknown_number_read_alike(client: Client) -> None:
    inquiry = filed()
    code = actions.code_of("token")
    other = f"{(int(code) + 1) % 10**6:06d}"
    wrong, nobody = look(client, inquiry.number, other), look(client, "2203-9999", code)
    for page in (wrong, nobody):
        assert "没有查到" in page.content.decode()
        assert SAID not in page.content.decode()


def test_a_code_cannot_be_tried_through(client: Client) -> None:
    inquiry, code = filed(), actions.code_of("token")
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    for _n in range(5):
        assert look(client, inquiry.number, wrong).status_code == 200
    full = look(client, inquiry.number, code)
    assert full.status_code == 429
    assert SAID not in full.content.decode()
    assert SAID in look(client, inquiry.number, code, REMOTE_ADDR="198.51.100.9").content.decode()


def test_codes_are_not_tried_on_one_number_after_the_other(client: Client) -> None:
    pages = [look(client, f"2203-{n:04d}", "123456").status_code for n in range(21)]
    assert pages == [200] * 20 + [429]


def test_progress_is_in_no_address_and_in_no_cache(client: Client) -> None:
    inquiry, code = filed(), actions.code_of("token")
    assert client.get(f"/inquiry/progress/?number={inquiry.number}&code={code}").status_code == 302
    page = look(client, inquiry.number, f" {code} ")
    assert "no-store" in page["Cache-Control"]
    assert "noindex" in page["X-Robots-Tag"]


# --- Answering ----------------------------------------------------------------------------------------------


def test_the_way_of_an_inquiry(client: Client, offices: Offices) -> None:
    inquiry = answered(offices)
    page = look(client, inquiry.number, actions.code_of("token")).content.decode()
    for shown in ("您的咨询有答复了", "已经查清，十日内补发。", "示范县民政局", "满意吗？", "转给示范县民政局"):
        assert shown in page
    assert str(offices.bureau) not in page  # people are not named
    done = look(client, inquiry.number, actions.code_of("token"), rate="1").content.decode()
    assert "您的咨询办结了" in done
    inquiry.refresh_from_db()
    assert (inquiry.status, inquiry.answers.get().satisfied) == ("closed", True)


def test_the_first_not_begins_anew_and_the_second_goes_up(offices: Offices, set_today: Callable[[str], None]) -> None:
    inquiry = answered(offices)
    set_today("2022-03-14")
    actions.rate_answer(inquiry, satisfied=False)
    assert (inquiry.status, inquiry.owner, inquiry.due_on) == (
        "assigned", office_of(offices.bureau), actions.due_from("consult", dt.date(2022, 3, 14)),
    )  # fmt: skip
    actions.answer_inquiry(inquiry, text="又查了一次，仍是这样。", actor=offices.bureau)
    actions.rate_answer(inquiry, satisfied=False)
    assert (inquiry.status, inquiry.owner) == ("escalated", office_of(offices.finance))
    with pytest.raises(NotPermitted):
        actions.answer_inquiry(inquiry, text="再答一次。", actor=offices.bureau)
    actions.answer_inquiry(inquiry, text="县里直接查清了。", actor=offices.finance)
    actions.rate_answer(inquiry, satisfied=False)
    assert inquiry.status == "closed"
    assert [answer.satisfied for answer in inquiry.answers.all()] == [False, False, False]


def test_what_is_reported_goes_up_to_discipline(offices: Offices) -> None:
    inquiry = answered(offices, kind="report")
    actions.rate_answer(inquiry, satisfied=False)
    actions.answer_inquiry(inquiry, text="又查了一次。", actor=offices.bureau)
    actions.rate_answer(inquiry, satisfied=False)
    assert inquiry.owner == office_of(offices.discipline)


def test_an_answer_is_judged_once(client: Client, offices: Offices) -> None:
    inquiry = answered(offices)
    stale = Inquiry.objects.get()
    actions.rate_answer(inquiry, satisfied=True)
    with pytest.raises(StaleStatus):
        actions.rate_answer(stale, satisfied=False)
    page = look(client, inquiry.number, actions.code_of("token"), rate="0").content.decode()
    assert "您的咨询办结了" in page
    assert inquiry.answers.get().satisfied is True


def test_only_the_owner_answers_and_gives_back(offices: Offices) -> None:
    inquiry = assigned(offices)
    for step in (
        lambda: actions.answer_inquiry(inquiry, text="我来答。", actor=offices.town),
        lambda: actions.return_inquiry(inquiry, note="不归我们", actor=offices.finance),
        lambda: actions.assign_inquiry(inquiry, owner=office_of(offices.town), actor=offices.bureau),
    ):
        with pytest.raises(NotPermitted):
            step()
    with pytest.raises(Refused, match="请写明答复"):
        actions.answer_inquiry(inquiry, text="  ", actor=offices.bureau)
    assert not InquiryAnswer.objects.exists()
    actions.return_inquiry(inquiry, note="归残联办", actor=offices.bureau)
    assert (inquiry.status, inquiry.owner) == ("received", None)
    with pytest.raises(InvalidTransition):
        actions.answer_inquiry(inquiry, text="晚了。", actor=offices.bureau)


def test_an_answer_never_changes_and_an_inquiry_is_never_deleted(offices: Offices) -> None:
    inquiry = answered(offices)
    for change in (
        lambda: InquiryAnswer.objects.update(text="改了"),
        lambda: Inquiry.objects.update(contact_sealed=b"x"),
        lambda: inquiry.answers.all().delete(),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()


# --- Time ---------------------------------------------------------------------------------------------------


def test_offices_are_reminded_before_and_after_the_day_once_each(
    offices: Offices, set_today: Callable[[str], None]
) -> None:
    inquiry = assigned(offices)
    told = Event.objects.filter(kind="reminded")
    for day, so_far in (("2022-03-23", 0), ("2022-03-24", 1), ("2022-03-29", 1), ("2022-03-30", 2), ("2022-04-06", 2)):
        set_today(day)
        inquiries_hourly()
        assert told.count() == so_far, day
    (late,) = [item for item in desk.waiting(offices.bureau) if item.url.endswith(f"/{inquiry.pk}/")]
    assert late.due_on == dt.date(2022, 3, 29)
    assert "督办" in [item.action for item in desk.waiting(offices.finance)]


def test_silence_for_seven_days_closes(offices: Offices, set_today: Callable[[str], None]) -> None:
    inquiry = answered(offices)
    set_today("2022-03-14")
    inquiries_hourly()
    assert Inquiry.objects.get().status == "answered"
    set_today("2022-03-16")
    inquiries_hourly()
    inquiry.refresh_from_db()
    assert (inquiry.status, inquiry.answers.get().satisfied) == ("closed", None)


def test_place_of_the_sealed_contact_is_bound_to_its_row(offices: Offices) -> None:
    one, other = filed("a", contact=NAME), filed("b", contact=NAME)
    assert one.contact_sealed
    with pytest.raises(crypto.Unreadable):
        crypto.decrypt(one.contact_sealed, Inquiry.contact_place(other.pk))

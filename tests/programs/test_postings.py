"""A notice hangs in every village and a photograph proves it; what is missing is named to who must see to it."""

from __future__ import annotations

import datetime as dt
from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image

from programs.desk import waiting
from programs.models import Notice, Posting
from tests.make import K, R, desk_of, drive, make_person, make_roster
from tests.programs.pages import read, signed_in

pytestmark = pytest.mark.django_db


def photograph(place: bytes = b"31.2304N") -> SimpleUploadedFile:
    """A photograph that says in its EXIF data where it was taken."""
    picture = Image.new("RGB", (640, 480), "white")
    exif = Image.Exif()
    exif[0x9286] = place.decode()  # the user's comment
    kept = BytesIO()
    picture.save(kept, "JPEG", exif=exif)
    return SimpleUploadedFile("IMG_0001.jpg", kept.getvalue(), "image/jpeg")


@pytest.fixture
def notice() -> Notice:
    return drive(make_roster(rows=[(make_person("林春甲"), 10_000)]), "on_notice").notices.get()


def send(notice: Notice, *, kind: str = K.TOWNSHIP, **fields: Any) -> Any:
    village = notice.rows.values_list("area", flat=True)[0]
    given = {
        "village": village, "place": "村务公开栏", "posted_on": notice.starts_on.isoformat(), "photo": photograph(),
    }  # fmt: skip
    browser = signed_in(desk_of(notice.roster, kind, R.OPERATOR))
    return browser.post(reverse("programs:posting-new", args=[notice.pk]), given | fields)


def page(notice: Notice, kind: str = K.DEPARTMENT) -> str:
    return read(signed_in(desk_of(notice.roster, kind, R.OPERATOR)).get(reverse("programs:notice", args=[notice.pk])))


def test_a_missing_proof_is_seen_by_the_department_and_waits_at_the_township(notice: Notice) -> None:
    assert "还有 1 个村没有张贴照片" in page(notice)
    listed = signed_in(desk_of(notice.roster, K.DEPARTMENT, R.OPERATOR)).get(
        reverse("programs:notice-list"), {"tab": "unposted"}
    )
    assert notice.roster.number in read(listed)
    here = waiting(desk_of(notice.roster, K.TOWNSHIP, R.OPERATOR))
    assert [item.facts for item in here if item.kind == "张贴照片"] == ["缺 1 个村的张贴照片"]


def test_a_photograph_proves_it_and_keeps_nothing_but_its_picture(notice: Notice) -> None:
    assert send(notice).status_code == 302
    posting = Posting.objects.get()
    assert (posting.place, posting.posted_on) == ("村务公开栏", notice.starts_on)
    content = posting.photo.read()
    assert b"31.2304N" not in content
    assert Image.open(BytesIO(content)).size == (640, 480)
    text = page(notice)
    assert "都有照片" in text
    assert "村务公开栏" in text
    photo = signed_in(desk_of(notice.roster, K.DEPARTMENT, R.OPERATOR)).get(
        reverse("programs:posting-photo", args=[posting.pk])
    )
    assert photo["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"photo": SimpleUploadedFile("a.jpg", b"\xff\xd8\xff not really")}, "不是照片"),
        ({"photo": SimpleUploadedFile("a.pdf", b"%PDF-1.4")}, "不要传PDF"),
        ({"posted_on": "2021-01-01"}, "公示期内"),
        ({"village": "990001999999"}, "village"),
    ],
)
def test_what_proves_nothing_is_refused_with_a_sentence(notice: Notice, fields: dict[str, Any], words: str) -> None:
    answer = send(notice, **fields)
    assert answer.status_code == 422
    assert words in read(answer)
    assert not Posting.objects.exists()


def test_only_the_township_records_it(notice: Notice) -> None:
    assert send(notice, kind=K.DEPARTMENT).status_code == 404
    assert not Posting.objects.exists()


def test_a_posting_after_the_last_day_proves_nothing(notice: Notice) -> None:
    late = notice.ends_on + dt.timedelta(days=1)
    assert send(notice, posted_on=late.isoformat()).status_code == 422

"""The staff's notice pages: days left, objections that hold a row, and who may see who objected."""

import pytest
from django.urls import reverse

from programs.models import Notice, Objection, RosterRow
from subsidy_portal.models import Event
from tests.make import (
    K,
    R,
    desk_of,
    drive,
    end_notice,
    make_area,
    make_organisation,
    make_person,
    make_roster,
    make_user,
)
from tests.programs.pages import proof, read, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def notice() -> Notice:
    people = [make_person(name) for name in ("林春甲", "林春乙", "林春丙")]
    return drive(make_roster(rows=[(p, 10_000) for p in people]), "on_notice").notices.get()


def page_of(notice: Notice) -> str:
    return reverse("programs:notice", args=[notice.pk])


def clerk(notice: Notice, role: str = R.OPERATOR):
    return signed_in(desk_of(notice.roster, K.TOWNSHIP, role))


def record(notice: Notice, **fields):
    data = {"position": 2, "text": "人已迁走。", "contact": "赵先生 0990-7654321", **fields}
    return clerk(notice).post(reverse("programs:objection-new", args=[notice.pk]), data)


def test_the_page_tells_the_days_left_and_leads_to_the_public_page_and_the_sheet(notice):
    text = read(clerk(notice).get(page_of(notice)))
    assert f"还剩 {notice.roster.program.notice_days} 天" in text
    assert reverse("publicity:notice", args=[notice.slug]) in text
    printed = clerk(notice).get(reverse("programs:notice-print", args=[notice.pk]))
    assert printed["Location"] == reverse("publicity:notice-sheet", args=[notice.slug])


def test_totals_say_how_many_rows_and_how_much_an_objection_holds_back(notice):
    said = "1 行 100.00 元因异议暂缓"
    pages = [page_of(notice), reverse("programs:roster", args=[notice.roster_id])]
    assert all("因异议暂缓" not in read(clerk(notice).get(page)) for page in pages)
    record(notice)
    for page in pages:
        text = read(clerk(notice).get(page))
        assert said in text
        assert "300.00" in text  # the total itself stays what was publicised
    clerk(notice, R.REVIEWER).post(
        reverse("programs:objection", args=[Objection.objects.get().pk]), {"upheld": "0", "answer": "已核实。"}
    )
    assert all(said not in read(clerk(notice).get(page)) for page in pages)


def test_another_townships_notice_does_not_exist(notice):
    neighbour = signed_in(make_user(K.TOWNSHIP, R.OPERATOR, make_organisation(K.TOWNSHIP, make_area("990001102000"))))
    assert neighbour.get(page_of(notice)).status_code == 404
    assert neighbour.get(reverse("programs:notice-print", args=[notice.pk])).status_code == 404
    assert notice.roster.number not in read(neighbour.get(reverse("programs:notice-list")))


def test_an_objection_holds_exactly_the_row_of_that_number_on_the_sheet(notice):
    row = notice.rows.get(position=2).row
    response = record(notice, attachment=proof())
    objection = Objection.objects.get()
    assert response["Location"] == reverse("programs:objection", args=[objection.pk])
    assert objection.row == row
    assert set(RosterRow.objects.filter(status="held")) == {row}
    text = read(clerk(notice).get(page_of(notice)))
    assert objection.number in text
    assert "暂缓" in read(clerk(notice).get(response["Location"]))


def test_a_number_that_is_not_on_the_sheet_is_refused_with_a_sentence(notice):
    response = record(notice, position=9)
    assert response.status_code == 422
    assert "公示表里没有这个序号" in read(response)
    assert "人已迁走。" in read(response)  # what was typed stays
    assert not Objection.objects.exists()


def test_the_same_row_twice_is_refused_in_the_form(notice):
    record(notice)
    response = record(notice)
    assert response.status_code == 422
    assert "已有异议正在核实" in read(response)
    assert Objection.objects.count() == 1


def test_after_the_end_there_is_no_form(notice):
    end_notice(notice.roster)
    text = read(clerk(notice).get(page_of(notice)))
    assert "公示已经结束，不再登记异议" in text
    assert reverse("programs:objection-new", args=[notice.pk]) not in text


@pytest.mark.parametrize(("upheld", "status"), [("1", "left"), ("0", "included")])
def test_the_reviewer_answers_and_the_row_leaves_or_returns(notice, upheld, status):
    record(notice)
    objection = Objection.objects.get()
    url = reverse("programs:objection", args=[objection.pk])
    assert "答复</button>" not in read(clerk(notice).get(url))  # an operator records, a reviewer decides
    reviewer = clerk(notice, R.REVIEWER)
    assert "请写明核实情况" in read(reviewer.post(url, {"upheld": upheld, "answer": ""}))
    reviewer.post(url, {"upheld": upheld, "answer": "已核实。"})
    objection.refresh_from_db()
    assert objection.answer == "已核实。"
    assert objection.row.status == status


def test_who_objected_is_shown_once_with_a_reason_that_is_recorded(notice):
    record(notice)
    objection = Objection.objects.get()
    page, reveal = (reverse(f"programs:{name}", args=[objection.pk]) for name in ("objection", "objection-contact"))
    browser = clerk(notice)
    assert "赵先生" not in read(browser.get(page))
    assert "赵先生" not in read(browser.post(reveal, {"reason": ""}))
    response = browser.post(reveal, {"reason": "要答复异议人"})
    assert "赵先生 0990-7654321" in read(response)
    assert response["Cache-Control"] == "no-store"
    assert "赵先生" not in read(browser.get(page))
    event = Event.objects.about(objection).get(kind="revealed")
    assert "赵先生" not in event.note
    assert clerk(notice, R.REVIEWER).post(reveal, {"reason": "想看看"}).status_code == 404


def test_the_tabs_of_the_list(notice):
    browser, url = clerk(notice), reverse("programs:notice-list")
    assert notice.roster.number in read(browser.get(url))
    assert notice.roster.number not in read(browser.get(url, {"tab": "objected"}))
    record(notice)
    assert "1 条待核实" in read(browser.get(url, {"tab": "objected"}))
    end_notice(notice.roster)
    assert notice.roster.number not in read(browser.get(url))
    assert notice.roster.number in read(browser.get(url, {"tab": "over"}))

"""The roster pages: who sees what, what is next and what keeps it, and the numbers that tie."""

import re
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from openpyxl import load_workbook

from programs import comparison
from programs.imports.causes import read_groups, tally
from programs.models import Roster, RosterImport, RosterRow, Suspicion
from programs.period_choices import period_choices
from subsidy_portal import clock
from subsidy_portal.models import Event, StoredFile, User
from tests.make import (
    K,
    R,
    desk_of,
    drive,
    make_account,
    make_area,
    make_fund_plan,
    make_organisation,
    make_person,
    make_program,
    make_roster,
    make_user,
    publish,
)
from tests.programs.pages import proof, read, roster_with_a_dead_person, signed_in

pytestmark = pytest.mark.django_db


def page_of(roster: Roster) -> str:
    return reverse("programs:roster", args=[roster.pk])


def act(roster: Roster, verb: str) -> str:
    return reverse("programs:roster-act", args=[roster.pk, verb])


def people(count: int) -> list:
    return [make_person(f"林春{'甲乙丙丁戊己庚辛壬癸'[n % 10]}") for n in range(count)]


# --- Who sees what -----------------------------------------------------------------------------------------


def test_a_stranger_is_asked_to_log_in(client):
    for name in ("programs:roster-list", "programs:roster-new", "programs:suspicion-list", "programs:notice-list"):
        response = client.get(reverse(name))
        assert response.status_code == 302
        assert response["Location"].startswith(reverse("login"))


def test_another_townships_roster_does_not_exist():
    roster = make_roster()
    neighbour = signed_in(make_user(K.TOWNSHIP, R.OPERATOR, make_organisation(K.TOWNSHIP, make_area("990001102000"))))
    for url in (page_of(roster), reverse("programs:roster-rows", args=[roster.pk]), page_of(roster) + "file/"):
        assert neighbour.get(url).status_code == 404
    assert neighbour.post(act(roster, "submit")).status_code == 404
    assert roster.number not in read(neighbour.get(reverse("programs:roster-list")))
    roster.refresh_from_db()
    assert roster.status == "draft"


@pytest.mark.parametrize("name", ["roster-list", "suspicion-list", "notice-list", "person-list", "fund-list"])
def test_an_administrator_sees_no_business(name):
    admin = signed_in(make_user(K.FINANCE, R.ADMINISTRATOR))
    assert admin.get(reverse(f"programs:{name}")).status_code == 404


def test_only_a_township_operator_uploads():
    assert signed_in(make_user(K.TOWNSHIP, R.REVIEWER)).get(reverse("programs:roster-new")).status_code == 404
    assert signed_in(make_user(K.FINANCE, R.OPERATOR)).get(reverse("programs:roster-new")).status_code == 404


# --- The list ----------------------------------------------------------------------------------------------


def test_the_list_narrows_by_every_field_and_ignores_nonsense():
    old, land = make_program(), make_program(short_name="耕地补贴")
    a = make_roster(old, period="2022-02", status="submitted")
    b = make_roster(land, period="2022-03")
    browser = signed_in(make_user(K.FINANCE, R.VIEWER))

    def shown(**query):
        text = read(browser.get(reverse("programs:roster-list"), query))
        return {roster for roster in (a, b) if roster.number in text}

    assert shown() == {a, b}
    assert shown(program=old.pk) == {a}
    assert shown(status="submitted") == {a}
    assert shown(period="2022-03") == {b}
    assert shown(period="2022") == {a, b}
    assert shown(area=a.area_id) == {a, b}
    assert shown(program="x", status="nowhere", area="'") == {a, b}


def test_returned_rosters_can_be_found():
    mine, other = make_roster(status="submitted"), make_roster(period="2022-04")
    desk = desk_of(mine, K.TOWNSHIP, R.REVIEWER)
    signed_in(desk).post(act(mine, "return"), {"to": "township", "note": "核对第 5 行"})
    text = read(signed_in(desk).get(reverse("programs:roster-list"), {"status": "returned"}))
    assert mine.number in text
    assert other.number not in text


def test_list_and_page_ask_the_same_number_of_questions_however_long_they_are():
    user = make_user(K.FINANCE, R.VIEWER)
    browser = signed_in(user)
    small = make_roster(rows=[(p, 10_000) for p in people(3)])

    def questions(url):
        browser.get(url)  # the menu's counts are cached
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(url).status_code == 200
        return len(captured)

    list_before, page_before = questions(reverse("programs:roster-list")), questions(page_of(small))
    big = make_roster(period="2022-04", rows=[(p, 10_000) for p in people(30)])
    for n in range(6):
        make_roster(period=f"2021-{n + 1:02d}", rows=[(p, 10_000) for p in people(2)])
    assert questions(reverse("programs:roster-list")) == list_before == 11
    # The big one has an earlier period beside it: its rows come with the same two questions.
    assert questions(page_of(big)) == page_before == 20


# --- A new roster ------------------------------------------------------------------------------------------


def test_the_template_is_a_workbook_of_the_program():
    program = make_program(short_name="高龄津贴")
    browser = signed_in(make_user(K.TOWNSHIP, R.OPERATOR))
    page = read(browser.get(reverse("programs:roster-new"), {"program": program.pk}))
    url = reverse("programs:roster-template", args=[program.pk])
    assert url in page
    response = browser.get(url)
    sheet = load_workbook(BytesIO(b"".join(response.streaming_content))).worksheets[0]
    assert any("享受人身份证号" in str(cell.value) for row in sheet.iter_rows(max_row=6) for cell in row)


def test_periods_follow_the_cycle(set_today):
    set_today("2022-05-16")
    today = clock.today()
    assert [p for p, _ in period_choices("monthly", today)][:3] == ["2022-06", "2022-05", "2022-04"]
    assert [p for p, _ in period_choices("quarterly", today)][:3] == ["2022-Q3", "2022-Q2", "2022-Q1"]
    assert ("2022-Q2", "2022年第2季度") in period_choices("quarterly", today)
    assert [p for p, _ in period_choices("yearly", today)] == ["2023", "2022", "2021", "2020"]
    set_today("2022-12-31")
    assert period_choices("monthly", clock.today())[0] == ("2023-01", "2023年1月")


def test_what_is_no_workbook_is_refused_in_the_form_and_nothing_is_kept():
    program, user = make_program(), make_user(K.TOWNSHIP, R.OPERATOR)
    period = period_choices("monthly", clock.today())[1][0]
    data = {"program": program.pk, "area": user.organisation.area_id, "period": period, "sequence": 1}
    file = SimpleUploadedFile("名单.xlsx", b"<html>")
    response = signed_in(user).post(reverse("programs:roster-new"), {**data, "file": file})
    assert response.status_code == 422
    assert "有 1 处要改" in read(response)
    assert f'<option value="{period}" selected' in read(response)
    assert not Roster.objects.exists()
    assert not StoredFile.objects.exists()


def test_an_upload_leads_to_its_roster_with_a_progress_bar(django_capture_on_commit_callbacks):
    program, user = make_program(), make_user(K.TOWNSHIP, R.OPERATOR)
    browser = signed_in(user)
    template = b"".join(browser.get(reverse("programs:roster-template", args=[program.pk])).streaming_content)
    data = {
        "program": program.pk,
        "area": user.organisation.area_id,
        "period": period_choices("monthly", clock.today())[1][0],
        "sequence": 1,
        "file": SimpleUploadedFile("高龄津贴.xlsx", template),
    }
    response = browser.post(reverse("programs:roster-new"), data)
    roster = Roster.objects.get()
    assert response["Location"] == page_of(roster)
    text = read(browser.get(page_of(roster)))
    assert f'hx-get="{reverse("job", args=[roster.imports.get().job_id])}"' in text
    assert "正在读取上传的文件" in text


# --- What is wrong in a file -------------------------------------------------------------------------------


def refused_import(roster: Roster, user: User, problems: list[dict]) -> RosterImport:
    file = StoredFile.keep(b"x", name="石桥镇3月.xlsx", content_type="x", actor=user)
    return RosterImport.objects.create(
        roster=roster, file=file, marked_file=file, status="refused", problems=problems, problem_count=len(problems),
        problem_groups=tally(problems),
        uploaded_by=user, uploaded_at=clock.now(),
    )  # fmt: skip


def problem(row: int, code: str = "village", column: str = "H") -> dict:
    return {
        "sheet": "清册", "row": row, "column": column, "code": code, "message": f"{code}不对。", "hint": "请照表填。",
        "shown": "老柳树",
    }  # fmt: skip


def test_problems_are_grouped_by_cause_with_rows_as_ranges():
    rows = [*range(38, 42), 9, 60]
    first, second = read_groups(tally([*(problem(n) for n in rows), problem(7, "amount", "P")]))
    assert (first.code, first.where, first.count) == ("village", "H 列 第 9、38–41、60 行", 6)
    assert (second.title, second.example) == ("amount不对", "老柳树")
    (many,) = read_groups(tally([problem(n) for n in range(1, 40, 2)]))
    assert many.where == "H 列 第 1、3、5、7、9、11、13、15等 行"


def test_the_roster_shows_the_groups_and_the_errors_page_every_cell():
    roster = make_roster()
    user = desk_of(roster, K.TOWNSHIP, R.OPERATOR)
    found = refused_import(roster, user, [problem(n) for n in range(10, 140)])
    browser = signed_in(user)
    text = read(browser.get(page_of(roster)))
    assert "文件有 130 处错误，没有导入" in text
    assert "第 10–139 行" in text
    url = reverse("programs:roster-import", args=[found.pk])
    first = read(browser.get(url))
    assert first.count('<span class="cell">老柳树</span>') == 100
    assert read(browser.get(url, {"after": 100})).count('<span class="cell">老柳树</span>') == 30
    assert "没有错误" not in first
    assert read(browser.get(url, {"code": "amount"})).count('<span class="cell">') == 0


def test_the_marked_workbook_is_the_clerks_alone_and_its_download_is_an_event():
    roster = make_roster()
    user = desk_of(roster, K.TOWNSHIP, R.OPERATOR)
    url = reverse("programs:roster-import-file", args=[refused_import(roster, user, [problem(9)]).pk])
    assert signed_in(make_user(K.FINANCE, R.OPERATOR)).get(url).status_code == 404
    response = signed_in(user).get(url)
    assert b"".join(response.streaming_content) == b"x"
    assert response["Cache-Control"] == "no-store"
    assert Event.objects.about(roster).filter(kind="downloaded", actor=user).count() == 1


# --- Compared with the period before -----------------------------------------------------------------------


def two_periods() -> tuple[Roster, Roster]:
    """Last period 甲 to 戊; this one without 甲, 乙 doubled, 丙 with another account, 戊 struck out, and 己 new."""
    program = make_program()
    a, b, c, d, e, f = (make_person(name) for name in ("林春甲", "林春乙", "林春丙", "林春丁", "林春戊", "林春己"))
    before = make_roster(program, period="2022-02", rows=[(p, 10_000) for p in (a, b, c, d, e)])
    now = make_roster(program, period="2022-03", rows=[(b, 20_000), (c, 10_000), (d, 10_000), (e, 10_000), (f, 30_000)])
    now.rows.filter(beneficiary=c).update(account=make_account(c))
    now.rows.filter(beneficiary=e).update(status="left")
    return before, now


def test_before_plus_added_minus_gone_plus_changed_is_now():
    before, now = two_periods()
    assert comparison.roster_before(now) == before
    sums = comparison.compare(now, before)
    assert (sums.before, sums.before_fen) == (5, 50_000)
    assert (sums.added, sums.added_fen) == (1, 30_000)
    assert (sums.gone, sums.gone_fen) == (2, 20_000)
    assert (sums.changed, sums.changed_fen) == (1, 10_000)
    assert (sums.now, sums.now_fen) == (4, 70_000)
    assert sums.before_fen + sums.added_fen - sums.gone_fen + sums.changed_fen == sums.now_fen
    assert sums.average_fen == 17_500
    totals = Roster.objects.with_totals().get(pk=now.pk)
    assert (totals.row_count, totals.amount_fen) == (sums.now, sums.now_fen)


def test_each_line_says_what_is_different():
    before, now = two_periods()
    lines = comparison.lines(now, before, tab="changed")
    said = {line.shown.beneficiary.name: (line.words, line.difference_fen) for line in lines}
    assert said == {
        "林春乙": ("金额变动", 10_000),
        "林春丙": ("账户变动", 0),
        "林春戊": ("已剔除", -10_000),
        "林春己": ("新增", 30_000),
        "林春甲": ("退出", -10_000),
    }
    assert len(lines) == comparison.compare(now, before).changes
    assert [line.shown.beneficiary.name for line in comparison.lines(now, before, tab="held")] == ["林春戊"]


def test_the_nearest_earlier_period_is_compared_and_never_a_cancelled_one():
    program = make_program()
    make_roster(program, period="2021-12")
    make_roster(program, period="2022-02", status="cancelled")
    earlier = make_roster(program, period="2022-01")
    now = make_roster(program, period="2022-03")
    assert comparison.roster_before(now) == earlier
    assert comparison.roster_before(Roster.objects.get(period="2021-12")) is None


def test_without_an_earlier_period_nothing_is_called_new():
    roster = make_roster()
    sums = comparison.compare(roster, None)
    assert (sums.before, sums.changes) == (0, 0)
    (line,) = comparison.lines(roster, None)
    assert (line.words, line.is_new) == ("", False)
    text = read(signed_in(desk_of(roster, K.TOWNSHIP, R.OPERATOR)).get(page_of(roster)))
    assert "本期合计" in text
    assert "有变化" not in text


def test_pages_of_rows_show_every_row_once(monkeypatch):
    monkeypatch.setattr("programs.views.rosters.ROWS_SIZE", 4)
    roster = make_roster(rows=[(p, 10_000) for p in people(10)])
    browser = signed_in(desk_of(roster, K.TOWNSHIP, R.OPERATOR))
    url, seen = page_of(roster), []
    for _turn in range(5):
        text = read(browser.get(url))
        seen += re.findall(r'<td class="num hide-s">(\d+)</td>', text)
        following = re.search(r'rel="next" href="([^"#]+)', text)
        if following is None:
            break
        url = following[1].replace("&amp;", "&")
    assert [int(n) for n in seen] == list(range(4, 14))


def test_the_rows_part_serves_htmx_and_sends_others_to_the_page():
    roster = make_roster()
    browser, url = signed_in(desk_of(roster, K.TOWNSHIP, R.OPERATOR)), reverse("programs:roster-rows", args=[roster.pk])
    part = browser.get(url, {"tab": "all"}, headers={"HX-Request": "true"})
    assert read(part).lstrip().startswith('<section class="card" id="rows"')
    plain = browser.get(url, {"tab": "held"})
    assert plain["Location"] == f"{page_of(roster)}?tab=held#rows"


# --- Steps -------------------------------------------------------------------------------------------------


def test_the_button_of_the_next_step_is_there_for_its_desk_only():
    roster = make_roster()
    operator, reviewer = (desk_of(roster, K.TOWNSHIP, role) for role in (R.OPERATOR, R.REVIEWER))
    assert act(roster, "submit") in read(signed_in(operator).get(page_of(roster)))
    assert act(roster, "submit") not in read(signed_in(reviewer).get(page_of(roster)))
    assert signed_in(operator).get(act(roster, "submit")).status_code == 405
    response = signed_in(operator).post(act(roster, "submit"))
    assert response["Location"] == page_of(roster)
    roster.refresh_from_db()
    assert roster.status == "submitted"
    text = read(signed_in(reviewer).get(page_of(roster)))
    assert "等您审核" in text
    assert act(roster, "town-approve") in text
    assert signed_in(reviewer).post(act(roster, "no-such-verb")).status_code == 404


def test_the_pages_take_a_roster_all_the_way():
    roster = make_roster(rows=[(make_person(), 10_000)])
    way = (
        ("submit", K.TOWNSHIP, R.OPERATOR, "submitted"),
        ("town-approve", K.TOWNSHIP, R.REVIEWER, "town_approved"),
        ("open-notice", K.TOWNSHIP, R.OPERATOR, "on_notice"),
        (None, None, None, "noticed"),
        ("dept-check", K.DEPARTMENT, R.OPERATOR, "dept_checked"),
        ("dept-approve", K.DEPARTMENT, R.REVIEWER, "dept_approved"),
        ("accept", K.FINANCE, R.OPERATOR, "accepted"),
    )
    for verb, kind, role, status in way:
        if verb == "accept":
            publish(roster.program)
        if verb is None:
            drive(roster, "noticed")
        else:
            browser = signed_in(desk_of(roster, kind, role))
            assert act(roster, verb) in read(browser.get(page_of(roster)))
            browser.post(act(roster, verb))
        roster.refresh_from_db()
        assert roster.status == status


def test_a_refused_step_comes_back_as_its_sentence_and_changes_nothing():
    roster = make_roster()
    finance = signed_in(make_user(K.FINANCE, R.OPERATOR))
    response = finance.post(
        act(roster, "accept"), headers={"Referer": f"http://testserver{page_of(roster)}"}, follow=True
    )
    assert 'class="advice warned"' in read(response)
    roster.refresh_from_db()
    assert roster.status == "draft"


def test_an_undecided_suspicion_disables_the_button_and_says_why():
    roster, _dead = roster_with_a_dead_person()
    text = read(signed_in(desk_of(roster, K.TOWNSHIP, R.OPERATOR)).get(page_of(roster)))
    assert re.search(r"<button[^>]* disabled aria-describedby=\"blocked\">提交乡镇审核", text)
    assert "还有 1 条疑点没有核实" in text


def test_whoever_uploaded_does_not_approve():
    roster = make_roster(status="submitted")
    reviewer = desk_of(roster, K.TOWNSHIP, R.REVIEWER)
    Roster.objects.filter(pk=roster.pk).update(made_by=reviewer)
    text = read(signed_in(reviewer).get(page_of(roster)))
    assert re.search(r"<button[^>]* disabled[^>]*>审核通过", text)
    assert "这一步须由他人办理" in text


def test_returning_asks_for_a_reason_and_names_the_desk():
    roster = drive(make_roster(rows=[(make_person(), 10_000)]), "dept_approved")
    browser = signed_in(make_user(K.FINANCE, R.OPERATOR))
    response = browser.post(act(roster, "return"), {"to": "department", "note": ""})
    assert response.status_code == 422
    assert "请写明原因" in read(response)
    assert '<option value="department" selected' in read(response)
    browser.post(act(roster, "return"), {"to": "township", "note": "第 8 行换了卡"})
    roster.refresh_from_db()
    assert (roster.status, roster.returned_from) == ("draft", "dept_approved")
    text = read(signed_in(desk_of(roster, K.TOWNSHIP, R.OPERATOR)).get(page_of(roster)))
    assert "县财政局退回：</b>第 8 行换了卡" in text
    assert '<li class="back" aria-current="step"><b>财政受理</b>' in text
    assert "交回县财政局" in text


def test_what_changed_since_the_notice_is_shown_and_needs_a_new_one():
    roster = drive(make_roster(rows=[(p, 10_000) for p in people(3)]), "noticed")
    signed_in(desk_of(roster, K.DEPARTMENT, R.OPERATOR)).post(act(roster, "return"), {"to": "township", "note": "核对"})
    RosterRow.objects.filter(roster=roster, row_no=5).update(amount_fen=12_300)
    text = read(signed_in(desk_of(roster, K.TOWNSHIP, R.OPERATOR)).get(page_of(roster)))
    assert "和公示相比有 1 行不同" in text
    assert "<ins>123.00</ins>" in text
    assert "提交后要重新审核、公示" in text
    assert "交回" not in re.search(r"<button[^>]*>([^<]*)</button></form>", text.split('class="advice')[1])[1]


def test_cancelling_asks_for_a_reason():
    roster = make_roster()
    browser = signed_in(desk_of(roster, K.TOWNSHIP, R.OPERATOR))
    assert browser.post(act(roster, "cancel"), {"cancel-note": ""}).status_code == 422
    browser.post(act(roster, "cancel"), {"cancel-note": "选错了期间"})
    roster.refresh_from_db()
    assert roster.status == "cancelled"


# --- Suspicions --------------------------------------------------------------------------------------------


def test_a_confirmed_suspicion_takes_the_row_off_from_the_roster_page():
    roster, dead = roster_with_a_dead_person()
    browser = signed_in(desk_of(roster, K.TOWNSHIP, R.OPERATOR))
    text = read(browser.get(page_of(roster)))
    assert "死亡" in text
    assert "补贴对象死亡的" in text  # the rule's legal text
    doubt = roster.suspicions.get()
    url = reverse("programs:suspicion-decide", args=[doubt.pk])
    back = f"{page_of(roster)}#doubts"
    response = browser.post(url, {"confirmed": "1", "reason": "家属证实", "next": back})
    assert response["Location"] == back
    assert roster.rows.get(beneficiary=dead).status == "left"
    assert "疑点 1 条，都已核实" in read(browser.get(page_of(roster)))


def test_unfounded_needs_a_proof_and_keeps_what_was_typed():
    roster, _dead = roster_with_a_dead_person()
    browser = signed_in(desk_of(roster, K.TOWNSHIP, R.OPERATOR))
    doubt = roster.suspicions.get()
    url = reverse("programs:suspicion-decide", args=[doubt.pk])
    response = browser.post(url, {"confirmed": "0", "reason": "本人健在，登记有误"})
    assert response.status_code == 422
    assert "认定不属实要附佐证" in read(response)
    assert "本人健在，登记有误" in read(response)
    fake = proof("证明.pdf", b"MZ\x90\x00 not a pdf")
    assert "只收 PDF、PNG、JPG" in read(browser.post(url, {"confirmed": "0", "reason": "本人健在", "attachment": fake}))
    doubt.refresh_from_db()
    assert doubt.status == "open"
    browser.post(url, {"confirmed": "0", "reason": "本人健在", "attachment": proof()})
    doubt.refresh_from_db()
    assert doubt.status == "unfounded"
    file = browser.get(reverse("programs:suspicion-attachment", args=[doubt.pk]))
    assert b"".join(file.streaming_content).startswith(b"\x89PNG")
    assert Event.objects.about(doubt).filter(kind="downloaded").exists()


def test_a_decision_never_leads_to_another_site():
    roster, _dead = roster_with_a_dead_person()
    browser = signed_in(desk_of(roster, K.TOWNSHIP, R.OPERATOR))
    doubt = roster.suspicions.get()
    url = reverse("programs:suspicion-decide", args=[doubt.pk])
    response = browser.post(url, {"confirmed": "1", "reason": "属实", "next": "https://example.com/"})
    assert response["Location"] == reverse("programs:suspicion", args=[doubt.pk])


def test_finance_sees_suspicions_but_decides_none():
    roster, _dead = roster_with_a_dead_person()
    doubt = roster.suspicions.get()
    browser = signed_in(make_user(K.FINANCE, R.OPERATOR))
    assert "核实完毕" not in read(browser.get(reverse("programs:suspicion", args=[doubt.pk])))
    browser.post(reverse("programs:suspicion-decide", args=[doubt.pk]), {"confirmed": "1", "reason": "属实"})
    doubt.refresh_from_db()
    assert doubt.status == "open"


def test_the_list_of_suspicions_narrows_by_rule_and_roster():
    roster, _dead = roster_with_a_dead_person()
    browser, url = signed_in(desk_of(roster, K.TOWNSHIP, R.OPERATOR)), reverse("programs:suspicion-list")
    link = reverse("programs:suspicion", args=[Suspicion.objects.get().pk])
    assert link in read(browser.get(url))
    assert link in read(browser.get(url, {"rule": "Q01", "roster": roster.pk}))
    assert link not in read(browser.get(url, {"rule": "X26"}))
    assert link not in read(browser.get(url, {"tab": "decided"}))


def test_where_finance_accepts_it_sees_what_the_plan_has_left():
    roster = drive(make_roster(rows=[(make_person(), 10_000)]), "dept_approved")
    finance = signed_in(make_user(K.FINANCE, R.OPERATOR))
    page = reverse("programs:roster", args=[roster.pk])
    assert f"{roster.period[:4]}年没有这个项目的资金计划" in read(finance.get(page))
    make_fund_plan(roster.program, planned_fen=5_000, year=int(roster.period[:4]))
    assert "可用50.00元；这份清册100.00元。可用的不够，要先追加资金。" in read(finance.get(page))

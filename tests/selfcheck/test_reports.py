"""Reports: zero said and not left blank, denials held against the ledger, the paper frozen (T15; R53, R66, R68)."""

from __future__ import annotations

import datetime as dt
from io import BytesIO
from types import SimpleNamespace

import pytest
from django.test import Client
from django.urls import reverse
from docx import Document

from disbursement.statistics import Summary
from selfcheck import actions
from selfcheck.models import Problem, Report
from selfcheck.report import build_report, sentence
from selfcheck.report_state import sampling_weights, state_of_units
from selfcheck.report_words import NOT_FOUND
from subsidy_portal.models import User
from subsidy_portal.workflow import InvalidTransition, NotPermitted, Refused
from tests import make
from tests.make import K, R
from tests.selfcheck.ledger import Staff, make_problem, recover_all
from tests.selfcheck.tables import make_s4

C = Problem.Category


def write(
    kind: str, user: User, *, month: int = 3, zero: bool = False, not_found: tuple[str, ...] = (), **texts: str
) -> Report:
    report = actions.start_report(kind, year=2023, month=month, actor=user)
    actions.save_report(
        report, texts={**report.texts, **texts}, figures={}, not_found=list(not_found), zero=zero, actor=user
    )
    return report


def words_of(content: bytes) -> str:
    document = Document(BytesIO(content))
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    return "\n".join([paragraph.text for paragraph in document.paragraphs] + cells)


# --- Zero reports and denials -------------------------------------------------------------------------------


def test_a_zero_report_is_stored_and_raises_the_sampling_weight(staff: Staff) -> None:
    town = staff.town.organisation.pk
    assert sampling_weights(staff.audit, 2023)[town] == 1
    report = write("monthly", staff.town, zero=True)
    assert sampling_weights(staff.audit, 2023)[town] == 1
    actions.submit_report(report, actor=staff.town_reviewer)
    assert (report.status, report.zero) == ("submitted", True)
    assert sampling_weights(staff.audit, 2023)[town] == 2
    assert "零报送" in words_of(report.file.read())


def test_nothing_said_is_not_zero(staff: Staff) -> None:
    report = write("monthly", staff.town)
    with pytest.raises(Refused, match="确实没有发现的，请选“零报送”"):
        actions.submit_report(report, actor=staff.town_reviewer)
    report.refresh_from_db()
    assert (report.status, report.file) == ("draft", None)


def test_zero_is_refused_while_the_ledger_knows_better(staff: Staff) -> None:
    make_problem(staff.audit, staff.town.organisation)
    report = write("monthly", staff.town, zero=True)
    with pytest.raises(Refused, match="登记了1个问题，不能零报送"):
        actions.submit_report(report, actor=staff.town_reviewer)
    report.refresh_from_db()
    assert report.status == "draft"


def test_who_has_not_reported_shows_as_未报(client: Client, staff: Staff, set_today: object) -> None:
    set_today("2023-07-24")  # type: ignore[operator]
    report = write("monthly", staff.town, month=6, zero=True)
    actions.submit_report(report, actor=staff.town_reviewer)
    state = next(one for one in state_of_units(staff.audit, 2023) if one.unit == staff.town.organisation)
    # June by the 23rd, stage by 5 July, July by the 23rd, then days that have not come
    assert [cell.words for cell in state.cells] == ["零报送", "未报", "未报", "—", "—", "—", "—", "—"]
    client.force_login(staff.audit)
    page = client.get(reverse("selfcheck:report-list")).content.decode()
    assert "未报" in page
    assert "零报送" in page


@pytest.mark.parametrize(("kind", "month", "due"), [("monthly", 6, "2023-06-23"), ("stage", 6, "2023-07-05"),
                                                    ("annual", 6, "2023-12-05")])  # fmt: skip
def test_each_report_has_its_day(staff: Staff, kind: str, month: int, due: str) -> None:
    assert str(actions.start_report(kind, year=2023, month=month, actor=staff.town).due_on) == due


def test_each_class_is_denied_or_stands_in_the_ledger(staff: Staff) -> None:
    every = tuple(NOT_FOUND)
    report = write("self_check", staff.department, not_found=every[:-1])
    with pytest.raises(Refused, match="“违规代管、办理、借用卡折”没有说明"):
        actions.submit_report(report, actor=staff.department_reviewer)
    make_problem(staff.audit, staff.bureau, category=C.G3_04, cards=6)
    write("self_check", staff.department, not_found=every)
    with pytest.raises(Refused, match="台账里有1个“违规代管、办理、借用卡折”问题"):
        actions.submit_report(report, actor=staff.department_reviewer)
    report.refresh_from_db()
    assert report.status == "draft"
    write("self_check", staff.department, not_found=every[:-1])
    report.refresh_from_db()
    actions.submit_report(report, actor=staff.department_reviewer)
    assert "未发现贪污侵占、截留挪用、虚报冒领、私存私分、克扣索要问题" in words_of(report.file.read())


# --- Who writes, who hands in, what stays -------------------------------------------------------------------


def test_the_writer_does_not_hand_in(staff: Staff) -> None:
    report = write("monthly", staff.town, zero=True)
    with pytest.raises(NotPermitted):
        actions.submit_report(report, actor=staff.town)
    Report.objects.filter(pk=report.pk).update(made_by=staff.town_reviewer)
    report.refresh_from_db()
    with pytest.raises(NotPermitted, match="前面的步骤是您办的"):
        actions.submit_report(report, actor=staff.town_reviewer)
    report.refresh_from_db()
    assert report.status == "draft"


def test_a_report_that_was_handed_in_never_changes_and_the_next_keeps_its_words(staff: Staff) -> None:
    report = write("monthly", staff.town, zero=True, difficulties="信息不同步。", next="按月比对。")
    actions.submit_report(report, actor=staff.town_reviewer)
    before = report.file.read()
    with pytest.raises(InvalidTransition, match="请另起新版"):
        write_into(report, staff.town)
    second = actions.start_report("monthly", year=2023, month=3, actor=staff.town)
    assert (second.version, second.status) == (2, "draft")
    assert second.texts == {"difficulties": "信息不同步。", "next": "按月比对。"}
    assert actions.start_report("monthly", year=2023, month=3, actor=staff.town) == second
    report.refresh_from_db()
    assert report.file.read() == before


def write_into(report: Report, user: User) -> None:
    actions.save_report(report, texts={}, figures={}, not_found=[], zero=False, actor=user)


def test_another_unit_sees_nothing_of_it(client: Client, staff: Staff) -> None:
    report = write("monthly", staff.town, zero=True)
    other = make.make_organisation(K.TOWNSHIP, make.make_area("990001102000"))
    client.force_login(make.make_user(K.TOWNSHIP, R.OPERATOR, other))
    for name in ("report", "report-paper"):
        assert client.get(reverse(f"selfcheck:{name}", args=(report.pk,))).status_code == 404
    client.force_login(make.make_user(K.TOWNSHIP, R.REVIEWER, other))
    assert client.post(reverse("selfcheck:report-submit", args=(report.pk,))).status_code == 404
    client.force_login(staff.audit)
    assert client.get(reverse("selfcheck:report", args=(report.pk,))).status_code == 200
    assert client.post(reverse("selfcheck:report", args=(report.pk,)), {"next": "x"}).status_code == 404


# --- The paper ----------------------------------------------------------------------------------------------


def test_the_sentence_is_that_of_the_source() -> None:
    """A1–A4 in the words of S0."""
    found = Summary(
        payments=271_733, amount_fen=7_046_240_000, paid=270_700, ssc=271_679, as_of=dt.date(2022, 12, 31), year=2022,
        programs=46, batches=312,
    )  # fmt: skip
    assert sentence(found) == (
        "2022年全年共通过“一卡通”系统发放各类补贴46项312个批次，发放财政补贴资金7046.24万元，"
        "享受补贴群众271733人次，发放成功率99.62%，社保卡占比99.98%。"
    )


def test_the_paper_has_the_sections_figures_tables_and_charts(
    staff: Staff, in_work: Problem, veterans: SimpleNamespace
) -> None:
    recover_all(in_work, staff.department)
    make_problem(staff.audit, staff.bureau, category=C.G3_04, cards=6)
    report = write("self_check", staff.department, management="印发了管理办法。", proposals="信息共享。")
    content = build_report(report)
    text = words_of(content)
    headings = ["一、管理工作开展情况", "二、发放补贴情况", "三、自查发现的问题和整改情况", "四、存在的困难",
                "五、工作建议",                "六、下步工作打算"]  # fmt: skip
    places = [text.index(heading) for heading in headings]
    assert places == sorted(places)
    assert "示范县退役军人事务局" in text
    assert "印发了管理办法。" in text
    assert "自查发现问题2个" in text
    assert "应追缴0.31万元，已追缴收回0.31万元" in text
    assert in_work.number in text
    parts = [part for part in Document(BytesIO(content)).part.package.iter_parts() if "/charts/" in part.partname]
    assert parts
    assert all(b"chartSpace" in part.blob for part in parts)


def test_money_off_the_platform_is_in_the_paper(staff: Staff) -> None:
    make_s4()
    text = words_of(build_report(write("self_check", staff.finance)))
    assert "2017年至2018年共发放补贴资金37项，资金总额22657.25万元（到人金额19936.20万元，到户金额2721.05万元）" in text
    assert "通过系统发放21项，资金总额10483.32万元；未通过系统发放16项，资金总额12173.93万元，占53.73%" in text


def test_no_identity_is_in_the_paper(staff: Staff, in_work: Problem, veterans: SimpleNamespace) -> None:
    text = words_of(build_report(write("self_check", staff.department)))
    for person in (veterans.shao, veterans.ruan):
        assert person.reveal_id_number() not in text
        assert person.name not in text


def test_written_and_handed_in_on_the_pages(client: Client, staff: Staff) -> None:
    client.force_login(staff.town)
    answer = client.post(reverse("selfcheck:report-new"), {"kind": "monthly", "year": 2023, "month": 3})
    page = answer.url
    assert client.get(page).status_code == 200
    saved = {"zero": "on", "next": "继续比对。", "survey_persons": "12", "disclosed_fen": "1,200.50", "other": ""}
    assert client.post(page, saved).url == page
    report = Report.objects.get()
    assert (report.texts, report.figures, report.zero) == (
        {"next": "继续比对。"}, {"survey_persons": 12, "disclosed_fen": 120_050}, True)  # fmt: skip
    wrong = client.post(page, {"disclosed_fen": "很多"})
    assert wrong.status_code == 422
    assert client.get(reverse("selfcheck:report-paper", args=(report.pk,))).status_code == 200
    client.force_login(staff.town_reviewer)
    assert "报送后不能再改" in client.get(page).content.decode()
    client.post(reverse("selfcheck:report-submit", args=(report.pk,)))
    report.refresh_from_db()
    assert report.status == "submitted"
    paper = client.get(reverse("selfcheck:report-paper", args=(report.pk,)))
    assert b"".join(paper.streaming_content) == report.file.read()

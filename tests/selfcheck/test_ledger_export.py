"""The exported ledger: exactly the columns of domain §11, numbers as numbers, nothing that calculates."""

from __future__ import annotations

import datetime as dt
from io import BytesIO
from typing import Any

from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook

from selfcheck import actions, exports
from selfcheck.models import Problem
from subsidy_portal.models import Event
from tests.selfcheck.ledger import Staff, finish, make_problem

EXPORT = reverse("selfcheck:problem-export")
TODAY = dt.date(2023, 3, 6)

# Domain §11, word for word; what stands behind a slash there is a part of its column here.
COLUMNS = [
    "编号", "来源", "发现日期", "责任单位", "涉及项目", "年度", "问题类别", "附件2列", "问题描述", "涉及人数/户数",
    "涉及金额（元）", "违规卡数", "是否立行立改", "整改措施", "责任领导", "责任人", "整改时限", "进展",
    "追缴应收/已收/缴入国库凭证", "返还发放应发/已发", "处理人员", "线索移交（单位、日期、编号、结果）", "制度建设",
    "销号申请日/佐证", "复核人/日期/结论", "销号日期", "公开日期与链接", "逾期天数",
]  # fmt: skip


def export(client: Client, **query: str) -> Any:
    answer = client.get(EXPORT, query)
    assert answer.status_code == 200
    return load_workbook(BytesIO(b"".join(answer.streaming_content))).active


def line(sheet: Any, row: int) -> dict[str, Any]:
    """Values of a row by band and part."""
    found, band = {}, ""
    for place in range(1, sheet.max_column + 1):
        band = sheet.cell(3, place).value or band
        part = sheet.cell(4, place).value
        found[f"{band}:{part}" if part else band] = sheet.cell(row, place).value
    return found


def test_the_columns_are_those_of_the_official_ledger_in_order(client: Client, staff: Staff, overpaid: Problem) -> None:
    client.force_login(staff.finance)
    sheet = export(client, tab="all")
    assert [cell.value for cell in sheet[3] if cell.value] == COLUMNS
    assert sheet["A1"].value == "示范县惠民惠农财政补贴资金“一卡通”问题台账"
    assert sheet["A2"].value == "填表单位：示范县财政"
    assert sheet.freeze_panes == "B5"


def test_a_closed_problem_is_one_complete_line(client: Client, staff: Staff, in_work: Problem) -> None:
    finish(in_work, staff)
    actions.close_problem(in_work, note="凭证齐全，同意。", actor=staff.audit_reviewer)
    actions.publish_result(in_work, published_on=TODAY, url="https://example.gov.cn/1", actor=staff.department)
    client.force_login(staff.finance)
    found = line(export(client, tab="closed"), 5)
    assert found["编号"] == in_work.number
    assert found["来源"] == "系统比对"
    assert found["责任单位"] == "示范县退役军人事务局"
    assert found["问题类别"] == "G1-03 超范围超标准、应退出未退出"
    assert found["附件2列"] == "6 超范围超标准发放"
    assert (found["涉及人数/户数:人数"], found["涉及人数/户数:户数"]) == (2, 2)
    assert found["涉及金额（元）"] == 3100
    assert found["追缴应收/已收/缴入国库凭证:应收（元）"] == 3100
    assert found["追缴应收/已收/缴入国库凭证:已收（元）"] == 3100
    assert found["追缴应收/已收/缴入国库凭证:缴入国库凭证"] == "JK0306-0、JK0306-1、JK0306-2"
    assert found["销号申请日/佐证:申请日"].date() == TODAY
    assert found["销号申请日/佐证:佐证"] == "缴款凭证"
    assert found["复核人/日期/结论:复核人"] == str(staff.audit_reviewer)
    assert found["复核人/日期/结论:结论"] == "凭证齐全，同意。"
    assert found["销号日期"].date() == TODAY
    assert found["公开日期与链接:链接"] == "https://example.gov.cn/1"
    assert found["逾期天数"] == 0


def test_amounts_are_exact_numbers_and_their_sum_stands_below(client: Client, staff: Staff) -> None:
    for fen in (1, 310_000, 999_999_999_999):
        make_problem(staff.audit, staff.bureau, amount_fen=fen)
    client.force_login(staff.finance)
    sheet = export(client, tab="all")
    place = next(n for n, cell in enumerate(sheet[3], 1) if cell.value == "涉及金额（元）")
    cells = [sheet.cell(row, place) for row in range(5, 9)]
    assert [str(cell.value) for cell in cells] == ["0.01", "3100", "9999999999.99", "10000003100"]
    assert {(cell.data_type, cell.number_format) for cell in cells} == {("n", "#,##0.00")}
    assert sheet.cell(8, 1).value == "合计"


def test_what_somebody_typed_never_calculates(client: Client, staff: Staff) -> None:
    for text in ('=HYPERLINK("http://x","点我")', "+cmd|' /C calc'!A0", "@SUM(A1)", "-1+1", "\t=1+1"):
        make_problem(staff.audit, staff.bureau, description=text, title=text[:20])
    client.force_login(staff.finance)
    sheet = export(client, tab="all")
    assert {cell.data_type for row in sheet.iter_rows(min_row=5) for cell in row} <= {"s", "n", "d"}
    descriptions = [row[8].value for row in sheet.iter_rows(min_row=5, max_row=9)]
    assert descriptions[0] == '=HYPERLINK("http://x","点我")'


def test_the_export_holds_what_the_list_shows_and_leaves_a_trace(
    client: Client, staff: Staff, overpaid: Problem
) -> None:
    make_problem(staff.audit, staff.bureau)
    client.force_login(staff.finance)
    sheet = export(client, year="2022")
    assert [sheet.cell(row, 1).value for row in range(5, sheet.max_row + 1)] == [overpaid.number, "合计"]
    event = Event.objects.get(kind="exported")
    assert (event.actor, event.subject_id) == (staff.finance, staff.finance.pk)
    client.force_login(staff.town)
    assert export(client, tab="all").max_row == 6


def test_an_empty_ledger_exports_its_head(client: Client, staff: Staff) -> None:
    client.force_login(staff.finance)
    sheet = export(client)
    assert sheet.cell(5, 1).value == "合计"


def test_a_ledger_too_long_for_a_table_asks_for_less(client: Client, staff: Staff, monkeypatch: Any) -> None:
    monkeypatch.setattr("selfcheck.views.problems.MAX_ROWS", 1)
    for _ in range(2):
        make_problem(staff.audit, staff.bureau)
    client.force_login(staff.finance)
    answer = client.get(EXPORT, follow=True, headers={"referer": reverse("selfcheck:problem-list")})
    assert "请先按年度或单位筛选" in answer.content.decode()
    assert not Event.objects.filter(kind="exported").exists()
    assert exports.MAX_ROWS >= 1_000

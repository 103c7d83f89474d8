"""附件2 and 附件3 exactly as prescribed, filled from the ledger, every cell traceable (T3, T4)."""

from __future__ import annotations

from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook

from selfcheck import actions
from selfcheck.annexes import ANNEX2_HEADS, ANNEX3_HEADS, Scope, annex2, annex2_sources, annex3, annex3_sources
from selfcheck.models import Problem, Report
from selfcheck.official_sheet import build_sheet
from subsidy_portal.models import User
from subsidy_portal.workflow import NotPermitted, Refused
from tests import make
from tests.make import K, R
from tests.selfcheck.ledger import Staff, make_problem, recover_all
from tests.selfcheck.tables import wan

C = Problem.Category

# S2 附件2 and 附件3, word for word.
FUNDS = [
    "困难群众救助资金", "社会救助资金", "残疾人两项补贴", "残疾人事业发展补助资金", "城乡医疗救助补助资金",
    "就业补助资金",
    "计划生育转移支付资金", "优抚对象补助资金", "高龄津贴财政补助资金", "大中型水库移民后期扶持基金(移民补助)",
    "耕地地力保护补贴", "实际种粮农民一次性补贴", "农机购置补贴", "省级生态公益林补偿资金", "完善退耕还林政策补助资金",
    "新一轮退耕还林还草补助资金", "生态护林员补助资金", "2021年中央和省级农村危房改造资金",
    "2021年中央和省级自然灾害救灾资金", "2021年租赁住房补贴",
]  # fmt: skip
COLUMNS2 = [
    "贪污侵占", "截留挪用", "虚报冒领", "私存私分", "克扣索要", "超范围超标准发放", "发放不及时", "未足额发放",
    "结存资金未按规定存放", "未按规定形式发放", "未按规定进行公示公告", "违规代管“一卡通”数量", "应享受未享受", "其他",
]  # fmt: skip
COLUMNS3 = [
    "县总人口数", "治理的乡镇数量", "治理的村集体数量", "人数", "户数", "摸排出“一卡通”的总量", "涉及到的银行家数",
    "违规代管“一卡通”数量", "向纪检监察部门主动说明情况的人数", "主动上缴资金金额", "移交给纪检监察部门的问题线索",
    "党纪处分人数", "政务处理人数", "通报曝光案件数量", "通报曝光人数", "追缴收回资金金额", "返还发放资金金额", "其他",
]  # fmt: skip
BANDS3 = ["到村到户调查情况", "“一卡通”摸排情况", "主动说清情况事项", "整改问责情况"]


def scope(user: User, first: int = 2017, last: int = 2023) -> Scope:
    return Scope(user, first, last)


def sheet_of(client: Client, kind: str, **query: str) -> Any:
    answer = client.get(reverse("selfcheck:table-export", args=(kind,)), query)
    assert answer.status_code == 200
    return load_workbook(BytesIO(answer.content)).active


@pytest.fixture
def found(staff: Staff) -> SimpleNamespace:
    """Problems in two programs of one fund, one of a city program, one of the county, one of no program."""
    low = make.make_program(code="2081902", name="农村最低生活保障金")
    poor = make.make_program(code="2082102", name="农村分散供养特困人员救助金")
    city = make.make_program(code="9000001", name="春节慰问金", tier="city")
    county = make.make_program(code="9000002", name="县级养老补贴", tier="county")
    for program, fields in (
        (low, {"year": 2017, "category": C.G1_03, "amount_fen": wan("10.89")}),
        (low, {"year": 2018, "category": C.G1_03, "amount_fen": wan("4.70")}),
        (poor, {"year": 2019, "category": C.G1_03, "amount_fen": wan("0.42")}),
        (poor, {"year": 2018, "category": C.G1_04, "amount_fen": wan("46.51")}),
        (city, {"year": 2018, "category": C.G3_04, "cards": 6}),
        (county, {"year": 2018, "category": C.G1_02, "annex2_column": 8, "amount_fen": wan("1.00")}),
        (None, {"year": 2018, "category": C.G2_01, "amount_fen": 0}),
    ):
        make_problem(staff.audit, staff.bureau, program=program, **fields)
    return SimpleNamespace(low=low, poor=poor, city=city, county=county)


# --- 附件2 --------------------------------------------------------------------------------------------------


def test_the_form_is_the_prescribed_one(client: Client, staff: Staff) -> None:
    client.force_login(staff.finance)
    sheet = sheet_of(client, "annex2")
    assert "一卡通”突出问题专项治理“回头看”问题统计表" in sheet["A1"].value
    assert (sheet["A2"].value, sheet["I2"].value) == ("填表单位：示范县财政", "单位：万元")
    assert [sheet["A3"].value, sheet["B3"].value, sheet["C3"].value] == ["序号", "项目资金名称", "检查发现存在问题"]
    assert [cell.value for cell in sheet[4]][2:] == COLUMNS2
    assert {str(area) for area in sheet.merged_cells.ranges} >= {"A3:A4", "B3:B4", "C3:P3"}
    assert [(sheet.cell(4 + n, 1).value, sheet.cell(4 + n, 2).value) for n in range(1, 21)] == list(enumerate(FUNDS, 1))
    names = [sheet.cell(row, 2).value for row in range(25, 33)]
    city, county = "(市级财政安排的惠农补贴项目)", "(县级财政安排的惠农补贴项目)"
    assert names == [city, None, None, None, county, None, None, "合计"]
    assert [sheet.cell(row, 1).value[:3] for row in (33, 34, 35)] == ["备注：", "2.惠", "3.未"]


def test_a_fund_with_several_programs_has_a_row_for_each(staff: Staff, found: SimpleNamespace) -> None:
    table = annex2(scope(staff.audit))
    names = [(line.number, line.name) for line in table.lines if line.cells][:3]
    assert names == [("1", FUNDS[0]), ("", "其中：农村最低生活保障金"), ("", "其中：农村分散供养特困人员救助金")]
    assert table.cell("fund-1", "6") == wan("16.01")
    assert table.cell(f"of-{found.low.pk}", "6") == wan("15.59")
    assert table.cell(f"of-{found.poor.pk}", "10") == wan("46.51")
    assert table.cell("fund-3", "6") is None


def test_city_and_county_have_blocks_of_their_own_and_nothing_is_lost(staff: Staff, found: SimpleNamespace) -> None:
    table = annex2(scope(staff.audit))
    heads = [line.name for line in table.lines if line.look == "head"]
    names = [line.name for line in table.lines]
    assert names.index("春节慰问金") == names.index(heads[0]) + 1
    assert names.index("县级养老补贴") == names.index(heads[1]) + 1
    assert table.cell("own-none", "14") == 0
    assert table.cell(f"own-{found.city.pk}", "12") == 6
    parts = [line for line in table.lines if line.cells and line.look not in {"sub", "total"}]
    for head in ANNEX2_HEADS:
        assert (table.cell("total", head.key) or 0) == sum(table.cell(line.key, head.key) or 0 for line in parts)
    assert table.cell("total", "12") == 6


def test_s4_overpaid_money_splits_by_year(staff: Staff, found: SimpleNamespace) -> None:
    by_year = [annex2(scope(staff.audit, year, year)).cell("total", "6") for year in (2017, 2018, 2019)]
    assert by_year == [wan("10.89"), wan("4.70"), wan("0.42")]
    assert sum(by_year) == wan("16.01")


def test_cells_are_万元_with_two_decimals_and_cards_are_whole(
    client: Client, staff: Staff, found: SimpleNamespace
) -> None:
    make_problem(staff.audit, staff.bureau, program=found.low, category=C.G3_02, amount_fen=310_000)
    client.force_login(staff.audit)
    sheet = sheet_of(client, "annex2")
    assert (sheet["E5"].value, sheet["E5"].number_format) == (0.31, "#,##0.00")
    column = next(sheet.iter_cols(min_row=5, min_col=14, max_col=14))
    cards = [cell for cell in column if cell.value is not None]
    assert [(cell.value, cell.number_format) for cell in cards] == [(6, "#,##0")] * 2
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n"}


def test_a_rounding_difference_is_told_not_hidden(staff: Staff, found: SimpleNamespace) -> None:
    for program in (found.low, found.county, found.city):
        make_problem(staff.audit, staff.bureau, program=program, category=C.G3_02, amount_fen=5_000)
    table = annex2(scope(staff.audit))
    assert "虚报冒领-0.01" in table.remarks[-1]  # 0.005 × 3 rounds to 0.02, the three rows show 0.01 each
    assert table.cell("total", "3") == 15_000


def test_an_unfounded_problem_is_in_no_table(staff: Staff) -> None:
    problem = make_problem(staff.audit, staff.bureau, amount_fen=100_000)
    actions.refute_problem(problem, note="查无此事。", actor=staff.department_reviewer)
    assert annex2(scope(staff.audit)).cell("total", "11") is None


def test_finance_puts_a_program_into_another_row(staff: Staff, found: SimpleNamespace) -> None:
    actions.place_program(found.county, row=9, actor=staff.finance)
    assert annex2(scope(staff.audit)).cell("fund-9", "8") == wan("1.00")
    with pytest.raises(Refused, match="没有第21行"):
        actions.place_program(found.county, row=21, actor=staff.finance)
    with pytest.raises(NotPermitted):
        actions.place_program(found.county, row=1, actor=staff.audit)
    assert annex2(scope(staff.audit)).cell("fund-9", "8") == wan("1.00")
    actions.place_program(found.county, row=None, actor=staff.finance)
    assert annex2(scope(staff.audit)).cell(f"own-{found.county.pk}", "8") == wan("1.00")


def test_every_cell_of_annex2_is_the_sum_of_the_problems_behind_it(staff: Staff, found: SimpleNamespace) -> None:
    table = annex2(scope(staff.audit))
    checked = 0
    for line in table.lines:
        for head in ANNEX2_HEADS if line.cells else ():
            value = table.cell(line.key, head.key)
            sources = annex2_sources(scope(staff.audit), line.key, head.key)
            assert sum(int(one.value) for one in sources) == (value or 0)
            assert bool(sources) == (value is not None)
            checked += bool(sources)
    assert checked >= 12


def test_the_page_leads_from_a_figure_to_its_problems(client: Client, staff: Staff, found: SimpleNamespace) -> None:
    client.force_login(staff.audit)
    years = {"from_year": "2018", "to_year": "2018"}
    page = client.get(reverse("selfcheck:table", args=("annex2",)), years).content.decode()
    cell = reverse("selfcheck:table-cell", args=("annex2", "fund-1", "6"))
    assert f'{cell}?from_year=2018&amp;to_year=2018"' in page
    inside = client.get(cell, years).content.decode()
    problem = Problem.objects.get(program=found.low, year=2018)
    assert reverse("selfcheck:problem", args=(problem.pk,)) in inside
    assert "47,000.00" in inside
    assert client.get(reverse("selfcheck:table-cell", args=("annex2", "fund-21", "6"))).status_code == 404
    assert client.get(reverse("selfcheck:table", args=("annex9",))).status_code == 404


def test_a_department_sees_its_own_problems_only(staff: Staff, found: SimpleNamespace) -> None:
    other = make.make_organisation(K.DEPARTMENT, name="示范县教育局")
    user = make.make_user(K.DEPARTMENT, R.OPERATOR, other)
    assert set(annex2(scope(user)).line("total").cells) == {None}


# --- 附件3 --------------------------------------------------------------------------------------------------


def test_annex3_has_18_columns_under_four_bands(client: Client, staff: Staff) -> None:
    client.force_login(staff.finance)
    sheet = sheet_of(client, "annex3")
    heads = [sheet.cell(4, n).value or sheet.cell(3, n).value for n in range(3, 21)]
    assert heads == COLUMNS3
    assert [cell.value for cell in sheet[3] if cell.value in BANDS3] == BANDS3
    assert {str(area) for area in sheet.merged_cells.ranges} >= {"F3:G3", "H3:J3", "K3:L3", "M3:S3", "T3:T4"}
    assert [sheet.cell(row, 1).value for row in range(5, 18)] == list(range(1, 14))
    assert sheet["B5"].value == "示范县"


@pytest.mark.parametrize(("due", "shown"), [(310_000, 0.31), (12_650_000, 12.65)])
def test_recovered_money_stands_in_its_column(client: Client, staff: Staff, due: int, shown: float) -> None:
    problem = make_problem(staff.audit, staff.bureau, amount_fen=due, recovery_due_fen=due)
    actions.verify_problem(problem, actor=staff.department_reviewer)
    actions.plan_rectification(
        problem, measures="追回", leader="局长", owner="股长", due_on=problem.found_on, actor=staff.department
    )
    actions.record_recovery(problem, amount_fen=due, received_on=problem.found_on, actor=staff.department)
    client.force_login(staff.audit)
    sheet = sheet_of(client, "annex3")
    column = 3 + COLUMNS3.index("追缴收回资金金额")
    assert sheet.cell(5, column).value == shown
    assert sheet.cell(5, column - 2).value == 0


def test_two_veterans_are_followed_to_the_treasury_and_into_the_table(staff: Staff, in_work: Problem) -> None:
    """A9, T5: 3,100.00 yuan of 2022, recovered and remitted in March 2023."""
    recover_all(in_work, staff.department)
    table = annex3(scope(staff.audit))
    assert table.cell("county", "recovered_fen") == 310_000
    parts = [one.value for one in annex3_sources(scope(staff.audit), "county", "recovered_fen")]
    assert sorted(parts) == [93_000, 93_000, 124_000]
    assert annex2(scope(staff.audit)).cell("total", "6") == 310_000


def submitted(user: User, reviewer: User, **figures: int) -> Report:
    report = actions.start_report("monthly", year=2023, month=3, actor=user)
    actions.save_report(report, texts={"other": "入户摸底"}, figures=figures, not_found=[], zero=True, actor=user)
    actions.submit_report(report, actor=reviewer)
    return report


def test_the_county_is_what_its_townships_and_offices_add_up_to(staff: Staff) -> None:
    submitted(staff.town, staff.town_reviewer, survey_persons=120, survey_households=40, disclosed_fen=500_000)
    submitted(staff.department, staff.department_reviewer, survey_persons=9, survey_households=5)
    make_problem(staff.audit, staff.bureau, category=C.G3_04, cards=6)
    make_problem(staff.audit, staff.town.organisation, category=C.G3_04, cards=2)
    make.make_account(make.make_person())
    table = annex3(scope(staff.audit))
    parts = [line.key for line in table.lines if line.look == "sub"]
    assert parts == [make.TOWN, "offices"]
    for head in ANNEX3_HEADS:
        if head.key not in {"population", "banks", "other"}:
            added = sum(table.cell(key, head.key) or 0 for key in parts)
            assert table.cell("county", head.key) == added, head.key
    assert table.cell("county", "survey_persons") == 129
    assert table.cell(make.TOWN, "disclosed_fen") == 500_000
    assert (table.cell("county", "cards_held"), table.cell("county", "cards_found"), table.cell("county", "banks")) == (
        8, 1, 1)  # fmt: skip
    assert "入户摸底" in table.cell(make.TOWN, "other")


def test_every_cell_of_annex3_leads_to_what_it_is_made_of(client: Client, staff: Staff) -> None:
    report = submitted(staff.town, staff.town_reviewer, survey_persons=120)
    make_problem(staff.audit, staff.town.organisation, category=C.G3_04, cards=2)
    make.make_account(make.make_person())
    table = annex3(scope(staff.audit))
    for line in (line for line in table.lines if line.cells):
        for head in ANNEX3_HEADS[1:-1]:
            sources = annex3_sources(scope(staff.audit), line.key, head.key)
            assert sum(int(one.value) for one in sources) == table.cell(line.key, head.key), (line.key, head.key)
    client.force_login(staff.audit)
    inside = client.get(reverse("selfcheck:table-cell", args=("annex3", make.TOWN, "survey_persons")))
    assert reverse("selfcheck:report", args=(report.pk,)) in inside.content.decode()


def test_a_township_gets_its_own_row(staff: Staff) -> None:
    make_problem(staff.audit, staff.bureau, category=C.G3_04, cards=6)
    table = annex3(scope(staff.town))
    assert [line.key for line in table.lines if line.cells] == [make.TOWN]
    assert table.cell(make.TOWN, "cards_held") == 0
    with pytest.raises(KeyError):
        table.cell("county", "cards_held")


def test_the_last_report_counts_not_the_sum_of_all(staff: Staff) -> None:
    submitted(staff.town, staff.town_reviewer, survey_persons=100)
    submitted(staff.town, staff.town_reviewer, survey_persons=120)
    assert annex3(scope(staff.audit)).cell("county", "survey_persons") == 120
    assert build_sheet(annex3(scope(staff.audit)), "附件3")

"""The yearly table of S4: on and off the platform, to persons and to households, every total of A21–A24 (T2)."""

from __future__ import annotations

import datetime as dt
from io import BytesIO

import pytest
from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook

from disbursement.statistics import summary
from selfcheck.models import YearlyAmount
from selfcheck.yearly import HEADS, yearly_sources, yearly_table
from subsidy_portal.money import format_wan
from tests import make
from tests.make import K, R
from tests.selfcheck.tables import OFFLINE, H, make_amount, make_s4

pytestmark = pytest.mark.django_db

# (items, 万元, to persons, to households) of all, on the platform (items, 万元), off it; persons, households.
A21_A24 = {
    "2017": (37, "10,514.21", "9,201.46", "1,312.75", 21, "4,976.06", 16, "5,538.15", 144_515, 38_542),
    "2018": (36, "12,143.04", "10,734.74", "1,408.30", 20, "5,507.26", 16, "6,635.78", 148_253, 38_220),
    "total": (37, "22,657.25", "19,936.20", "2,721.05", 21, "10,483.32", 16, "12,173.93", None, None),
}


@pytest.mark.parametrize("year", list(A21_A24))
def test_all_totals_of_the_source_tie(year: str) -> None:
    make_s4()
    table = yearly_table(make.make_user(K.AUDIT, R.VIEWER))
    cell = {head.key: table.cell(year, head.key) for head in HEADS}
    assert (
        cell["all_items"], format_wan(cell["all_fen"]), format_wan(cell["all_person_fen"]),
        format_wan(cell["all_household_fen"]), cell["on_items"], format_wan(cell["on_fen"]), cell["off_items"],
        format_wan(cell["off_fen"]), cell["persons"], cell["households"],
    ) == A21_A24[year]  # fmt: skip
    assert cell["on_fen"] + cell["off_fen"] == cell["all_fen"] == cell["all_person_fen"] + cell["all_household_fen"]


def test_more_than_half_of_the_money_went_past_the_platform() -> None:
    make_s4()
    assert yearly_table(make.make_user(K.AUDIT)).cell("total", "off_share") == "53.73%"


def test_what_the_portal_pays_is_counted_as_in_the_overview() -> None:
    head, member = make.make_person("甲"), make.make_person("乙")
    home = make.make_household(head)
    type(member).objects.filter(pk=member.pk).update(household=home)
    for program, rows in (
        (make.make_program(), [(head, 10_000), (member, 20_000)]),
        (make.make_program(), [(head, 5_000)]),
        (make.make_program(paid_to=H), [(head, 40_000)]),
    ):
        make.make_paid(make.make_roster(program, period="2022-03", status="accepted", rows=rows), dt.date(2022, 3, 9))
    audit = make.make_user(K.AUDIT)
    table = yearly_table(audit)
    cell = {head.key: table.cell("2022", head.key) for head in HEADS}
    assert (cell["all_items"], cell["all_fen"], cell["on_fen"], cell["off_fen"]) == (3, 75_000, 75_000, 0)
    assert (cell["all_person_fen"], cell["all_household_fen"]) == (35_000, 40_000)
    # 甲 draws two programs and is one person; both live in one household.
    assert (cell["persons"], cell["households"]) == (2, 1)
    assert summary(dt.date(2022, 3, 9), year=2022).programs in {0, 3}


def test_an_amount_counts_only_once_it_is_confirmed() -> None:
    one = make_amount(make.make_program(on_platform=False), 2020, 500, persons=1)
    YearlyAmount.objects.filter(pk=one.pk).update(status="proposed", confirmed_by=None)
    assert yearly_table(make.make_user(K.AUDIT)).lines == []


def test_a_department_sees_the_money_of_its_own_programs() -> None:
    make_amount(make.make_program(on_platform=False), 2020, 500, persons=1)
    other = make.make_organisation(K.DEPARTMENT, name="示范县教育局")
    assert yearly_table(make.make_user(K.DEPARTMENT, R.OPERATOR, other)).lines == []


@pytest.mark.parametrize("column", ["all_fen", "on_fen", "off_fen", "all_household_fen", "all_items", "off_items"])
def test_every_figure_is_the_sum_of_the_rows_it_leads_to(column: str) -> None:
    make_s4()
    audit = make.make_user(K.AUDIT)
    table = yearly_table(audit)
    for key in ("2017", "2018", "total"):
        assert sum(int(one.value) for one in yearly_sources(audit, key, column)) == table.cell(key, column)


def test_the_workbook_says_the_same(client: Client) -> None:
    make_s4()
    client.force_login(make.make_user(K.AUDIT, R.VIEWER))
    answer = client.get(reverse("selfcheck:table-export", args=("yearly",)))
    sheet = load_workbook(BytesIO(answer.content)).active
    assert [cell.value for cell in sheet[7]][:5] == ["合计", 37, 22657.25, 19936.2, 2721.05]
    assert sheet["C7"].number_format == "#,##0.00"


def test_a_figure_leads_to_its_programs_and_they_lead_on(client: Client) -> None:
    make_s4()
    client.force_login(make.make_user(K.AUDIT, R.VIEWER))
    page = client.get(reverse("selfcheck:table", args=("yearly",))).content.decode()
    cell = reverse("selfcheck:table-cell", args=("yearly", "2017", "off_fen"))
    assert f'href="{cell}"' in page
    inside = client.get(cell).content.decode()
    assert "由 16 条记录合成，相符" in inside
    assert "55,381,500.00" in inside
    one = YearlyAmount.objects.filter(year=2017, channel=OFFLINE).first()
    assert reverse("selfcheck:off-platform", args=(one.program_id,)) in inside

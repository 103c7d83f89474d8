"""A filled-in form comes back as it went out; another file or another unit is refused with where and why (T3)."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from openpyxl import Workbook, load_workbook

from selfcheck import actions
from selfcheck.annexes import Scope, annex2, annex3
from selfcheck.filed import comparison
from selfcheck.models import AnnexFile, Problem
from selfcheck.official_sheet import build_sheet
from subsidy_portal.models import StoredFile
from subsidy_portal.sheets import FileRefused
from subsidy_portal.workflow import NotPermitted
from tests import make
from tests.selfcheck.ledger import Staff, make_problem
from tests.selfcheck.tables import make_amount, wan

C = Problem.Category


def exported(staff: Staff, kind: str = "annex2", change: Callable[[Any], None] | None = None) -> bytes:
    table = (annex2 if kind == "annex2" else annex3)(Scope(staff.finance, 2022, 2023))
    content = build_sheet(table, "表")
    if change is None:
        return content
    book = load_workbook(BytesIO(content))
    change(book.active)
    target = BytesIO()
    book.save(target)
    return target.getvalue()


def take(staff: Staff, content: bytes, kind: str = "annex2") -> AnnexFile:
    return actions.file_annex(
        kind, content=content, file_name="附件.xlsx", from_year=2022, to_year=2023, actor=staff.finance
    )


@pytest.fixture
def found(staff: Staff) -> None:
    program = make.make_program(code="2081902", name="农村最低生活保障金")
    make.make_program(code="2082102", name="特困金")
    make_problem(staff.audit, staff.bureau, program=program, category=C.G1_03, amount_fen=wan("16.01"))
    make_problem(staff.audit, staff.bureau, program=program, category=C.G3_04, cards=6)
    make_problem(staff.audit, staff.bureau, category=C.G3_02, amount_fen=wan("0.31"))


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize("kind", ["annex2", "annex3"])
def test_what_went_out_comes_back_the_same(staff: Staff, kind: str) -> None:
    kept = take(staff, exported(staff, kind), kind)
    table, rows, apart = comparison(kept)
    assert apart == 0
    assert [row[1] for row in rows] == [line.name for line in table.lines if line.name]
    assert kept.unit == staff.finance.organisation
    cells = {name: cells for _number, name, cells in kept.rows}
    if kind == "annex2":
        assert cells["合计"][5] == wan("16.01")
        assert cells["其中：农村最低生活保障金"][11] == 6


@pytest.mark.usefixtures("found")
def test_the_same_file_twice_is_kept_once_and_a_kept_one_never_changes(staff: Staff) -> None:
    content = exported(staff)
    assert take(staff, content) == take(staff, content)
    kept = AnnexFile.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        AnnexFile.objects.filter(pk=kept.pk).update(to_year=2024)
    with pytest.raises(IntegrityError), transaction.atomic():
        kept.delete()


def other_unit(sheet: Any) -> None:
    sheet["I2"] = "单位：元"


def no_unit(sheet: Any) -> None:
    sheet["I2"] = None


def other_header(sheet: Any) -> None:
    sheet["H4"] = "超标准"


def words(sheet: Any) -> None:
    sheet["C7"] = "约0.5"


def three_places(sheet: Any) -> None:
    sheet["C7"] = 0.315


def half_a_card(sheet: Any) -> None:
    sheet["N7"] = 1.5


def fund_renamed(sheet: Any) -> None:
    sheet["B20"] = "林业补贴"


def total_off(sheet: Any) -> None:
    sheet["D5"] = 3.5


def total_gone(sheet: Any) -> None:
    last = next(row for row in range(5, 60) if sheet.cell(row, 2).value == "合计")
    sheet.delete_rows(last)


def nameless(sheet: Any) -> None:
    sheet["B26"], sheet["D28"] = None, 1


def negative(sheet: Any) -> None:
    sheet["D5"] = -3


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (other_unit, "单位是元，应为万元"),
        (no_unit, "没有写“单位：万元”"),
        (other_header, "H列应为“超范围超标准发放”，文件里是“超标准”"),
        (words, "C7“贪污侵占”应填金额（万元），文件里是“约0.5”"),
        (three_places, "C7“贪污侵占”是0.315，超过两位小数"),
        (half_a_card, "N7“违规代管“一卡通”数量”应填数量（整数）"),
        (fund_renamed, "或序号、名称被改过"),
        (total_off, "“截留挪用”列的合计与各行之和不符"),
        (total_gone, "没有“合计”行"),
        (nameless, "第28行有数，没有名称"),
        (negative, "D5“截留挪用”应填金额"),
    ],
)
def test_a_form_that_does_not_hold_is_refused_and_nothing_is_kept(
    staff: Staff, change: Callable[[Any], None], said: str
) -> None:
    with pytest.raises(FileRefused, match=said.replace("（", "（")):
        take(staff, exported(staff, change=change))
    assert not AnnexFile.objects.exists()
    assert not StoredFile.objects.exists()


def test_a_foreign_file_is_refused(staff: Staff) -> None:
    book = Workbook()
    book.active.append(["姓名", "身份证号", "金额"])
    target = BytesIO()
    book.save(target)
    for content, said in ((target.getvalue(), "这不是附件2"), (b"%PDF-1.4", "PDF"), (b"", "空")):
        with pytest.raises(FileRefused, match=said):
            take(staff, content)
    assert not AnnexFile.objects.exists()


@pytest.mark.usefixtures("found")
def test_annex3_is_no_annex2(staff: Staff) -> None:
    with pytest.raises(FileRefused, match="这不是附件2"):
        take(staff, exported(staff, "annex3"))


def test_yuan_written_as_万元_is_found_by_its_size(staff: Staff) -> None:
    make_amount(make.make_program(on_platform=False), 2022, wan("100.00"), persons=9)

    def in_yuan(sheet: Any) -> None:
        for row in (5, next(row for row in range(5, 60) if sheet.cell(row, 2).value == "合计")):
            sheet.cell(row, 5).value = 3100

    with pytest.raises(FileRefused, match="多半是按元填的"):
        take(staff, exported(staff, change=in_yuan))
    assert not AnnexFile.objects.exists()


@pytest.mark.usefixtures("found")
def test_what_differs_from_the_ledger_is_shown_cell_by_cell(client: Client, staff: Staff) -> None:
    def more(sheet: Any) -> None:
        for row in (7, next(row for row in range(5, 60) if sheet.cell(row, 2).value == "合计")):
            sheet.cell(row, 6).value = 2

    kept = take(staff, exported(staff, change=more))
    _table, _rows, apart = comparison(kept)
    assert apart == 2
    client.force_login(staff.audit)
    page = client.get(reverse("selfcheck:annex-file", args=(kept.pk,))).content.decode()
    assert "2 格与台账不同" in page
    assert page.count('class="num changed"') == 2


def test_the_page_says_beside_the_field_what_is_wrong(client: Client, staff: Staff) -> None:
    client.force_login(staff.finance)
    form = {"kind": "annex2", "from_year": 2022, "to_year": 2023}
    new = reverse("selfcheck:annex-file-new")
    answer = client.post(new, {**form, "file": SimpleUploadedFile("a.xlsx", exported(staff, change=other_unit))})
    assert answer.status_code == 422
    assert "应为万元" in answer.content.decode()
    answer = client.post(new, {**form, "file": SimpleUploadedFile("a.xlsx", exported(staff))})
    kept = AnnexFile.objects.get()
    assert answer.url == reverse("selfcheck:annex-file", args=(kept.pk,))
    assert client.get(reverse("selfcheck:annex-file-download", args=(kept.pk,))).status_code == 200
    other = make.make_user("department", "operator", make.make_organisation("department", name="示范县教育局"))
    client.force_login(other)
    assert client.get(reverse("selfcheck:annex-file", args=(kept.pk,))).status_code == 404
    assert client.get(reverse("selfcheck:annex-file-download", args=(kept.pk,))).status_code == 404


def test_who_may_hand_in(staff: Staff) -> None:
    with pytest.raises(NotPermitted):
        actions.file_annex(
            "annex2", content=b"", file_name="a", from_year=2022, to_year=2023, actor=staff.finance_reviewer
        )

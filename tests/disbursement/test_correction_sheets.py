"""Failures by township as the official sheet, who is late, and many corrections on one sheet, all or none."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from disbursement import actions
from disbursement.correction_columns import COLUMNS, SHEET
from disbursement.failure_lines import lateness
from disbursement.models import Batch, Correction, Payment
from subsidy_portal.models import Event, User
from subsidy_portal.workflow import Refused
from tests import make
from tests.disbursement import stage
from tests.disbursement.test_corrections import failed

pytestmark = pytest.mark.django_db
TITLES = [column.title for column in COLUMNS]


def client(user: User) -> Client:
    made = Client()
    made.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return made


def downloaded(user: User, name: str) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(client(user).get(reverse(f"disbursement:{name}")).content))


@pytest.fixture
def batch(desk: stage.Desk, home: Path) -> Batch:
    return failed(desk, home, count=3)


def filled(user: User, change: Callable[[Any, int], None]) -> bytes:
    """The sheet as it is downloaded, with ``change(cell_of(title), row)`` applied to every line."""
    book = downloaded(user, "correction-sheet")
    sheet = book[SHEET]
    for row in range(4, sheet.max_row + 1):
        change(lambda title, row=row: sheet.cell(row, TITLES.index(title) + 1), row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def new_account(cell: Any, _row: int) -> None:
    cell("新账号").value = make.make_account_number()
    cell("更正原因").value = "本人换了新卡"


def test_a_township_corrects_all_its_failures_on_one_sheet(desk: stage.Desk, batch: Batch) -> None:
    assert actions.propose_corrections(filled(desk.town, new_account), actor=desk.town) == 3
    assert set(Correction.objects.values_list("status", "made_by")) == {("proposed", desk.town.pk)}
    with pytest.raises(Refused, match="没有一行"):
        actions.propose_corrections(filled(desk.town, lambda *_given: None), actor=desk.town)


def test_only_the_account_cells_are_open_and_numbers_are_masked(desk: stage.Desk, batch: Batch) -> None:
    sheet = downloaded(desk.town, "correction-sheet")[SHEET]
    assert sheet.protection.sheet
    locked = [sheet.cell(4, n).protection.locked for n in range(1, len(TITLES) + 1)]
    assert locked == [True] * 9 + [False] * 5
    payee = batch.payments.earliest("area_id", "pk").payee
    assert sheet.cell(4, 3).value == payee.masked_id


def test_another_person_or_amount_is_refused_and_nothing_is_proposed(desk: stage.Desk, batch: Batch) -> None:
    def more_money(cell: Any, row: int) -> None:
        new_account(cell, row)
        if row == 5:
            cell("金额（元）").value = 999

    with pytest.raises(Refused, match=r"有1行不对，一笔也没有登记。第5行：收款人或金额和这笔付款不同"):
        actions.propose_corrections(filled(desk.town, more_money), actor=desk.town)
    assert not Correction.objects.exists()


def test_every_wrong_cell_is_named(desk: stage.Desk, batch: Batch) -> None:
    def spoil(cell: Any, row: int) -> None:
        new_account(cell, row)
        if row == 4:
            cell("新账号").value = "12"
        elif row == 5:
            cell("开户银行").value = "月球银行"
        else:
            cell("更正原因").value = ""

    with pytest.raises(Refused) as refused:
        actions.propose_corrections(filled(desk.town, spoil), actor=desk.town)
    said = str(refused.value)
    assert "第4行：银行账号应为8到32位数字" in said
    assert "第5行：“开户银行”不是本县的代发银行" in said
    assert "第6行：“更正原因”是空的" in said


def test_a_payment_of_another_township_is_not_known(desk: stage.Desk, batch: Batch) -> None:
    content = filled(desk.town, new_account)
    office = make.make_organisation("township", make.make_area("990001102000"))
    with pytest.raises(Refused, match="付款号不认识"):
        actions.propose_corrections(content, actor=make.make_user("township", "operator", office))


def test_a_sheet_that_is_none_is_told(desk: stage.Desk, batch: Batch) -> None:
    book = openpyxl.Workbook()
    out = io.BytesIO()
    book.save(out)
    with pytest.raises(Refused, match="这不是账户更正表"):
        actions.propose_corrections(out.getvalue(), actor=desk.town)


def test_the_page_takes_the_sheet_or_says_why_not(desk: stage.Desk, batch: Batch) -> None:
    browser, url = client(desk.town), reverse("disbursement:corrections-upload")
    bad = browser.post(url, {"file": SimpleUploadedFile("a.xlsx", b"nothing")})
    assert bad.status_code == 422
    good = SimpleUploadedFile("a.xlsx", filled(desk.town, new_account))
    assert "已登记3笔更正" in browser.post(url, {"file": good}, follow=True).content.decode()


def test_the_official_sheet_names_who_has_not_been_corrected_by_township(desk: stage.Desk, batch: Batch) -> None:
    first = batch.payments.earliest("area_id", "pk")
    actions.propose_correction(
        first, number=make.make_account_number(), bank=make.make_bank().organisation, kind="ssc", reason="换卡",
        actor=desk.town,
    )  # fmt: skip
    book = downloaded(desk.finance, "failure-report")
    (sheet,) = book.worksheets
    assert "发放失败未修改人信息" in str(sheet["A1"].value)
    rows = [row for row in sheet.iter_rows(min_row=4, values_only=True) if isinstance(row[0], int)]
    assert len(rows) == 2
    assert first.payee.masked_id not in {row[4] for row in rows}
    assert Event.objects.filter(kind="exported", actor=desk.finance).exists()


def test_late_units_come_first_with_days_and_money(
    desk: stage.Desk, batch: Batch, set_today: Callable[[dt.date | str], None]
) -> None:
    payments = Payment.objects.filter(batch=batch)
    (unit,) = lateness(payments)
    assert (unit.count, unit.late, unit.days) == (3, 0, 0)
    set_today("2022-05-10")
    (unit,) = lateness(payments)
    assert (unit.count, unit.late, unit.fen) == (3, 3, sum(p.amount_fen for p in payments))
    assert unit.days > 0
    page = client(desk.finance).get(reverse("disbursement:failure-list")).content.decode()
    assert "各单位还没办的" in page
    assert f"最久 {unit.days} 天" in page

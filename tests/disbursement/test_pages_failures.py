"""Pages of what did not arrive: corrections, reissues, discrepancies and the month's close."""

from __future__ import annotations

import datetime as dt
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook

from disbursement import actions
from disbursement.models import Batch, Correction, Discrepancy, MonthClose, Payment, Reissue
from disbursement.simulator.bank import Banks
from programs.models import Account
from subsidy_portal import desk as desks
from subsidy_portal.models import Event, StoredFile, User
from tests import make
from tests.disbursement import stage
from tests.disbursement.stage import Login
from tests.make import K, R

pytestmark = pytest.mark.django_db(transaction=True)
FAILURES = "/staff/failures/"
NEW = "6217990012345678909"
PNG = b"\x89PNG\r\n\x1a\nproof"


def correction_url(payment: Payment) -> str:
    return reverse("disbursement:correction-new", args=(payment.pk,))


def filled(payment: Payment, **fields: object) -> dict[str, object]:
    return {
        "number": make.make_account_number(),
        "bank": payment.account.bank_id,
        "kind": "ssc",
        "reason": "本人已换新社保卡",
        **fields,
    }


def corrected(desk: stage.Desk, batch: Batch) -> Reissue:
    for payment in batch.payments.filter(status="failed"):
        correction = actions.propose_correction(
            payment, number=make.make_account_number(), bank=payment.account.bank, kind="ssc",
            reason="本人已换新社保卡", actor=desk.town,
        )  # fmt: skip
        actions.approve_correction(correction, actor=desk.town_reviewer)
    batch.refresh_from_db()
    return actions.make_reissue(batch, actor=desk.department)


# --- Failures and corrections ------------------------------------------------------------------------------


def test_a_failure_says_why_who_acts_until_when_and_what_the_bank_said(
    desk: stage.Desk, banks: Banks, login: Login
) -> None:
    stage.pay(desk, banks, [0, 2, 6])
    shown = login(desk.town).get(FAILURES).content.decode()
    assert all(text in shown for text in ("2 笔没有发到，200.03 元", "户名不符", "F02", "乡镇", "3月18日前", "银行：“"))
    assert "代发银行" in shown
    assert "3月28日前" in shown


def test_what_no_account_can_put_right_offers_no_correction(desk: stage.Desk, banks: Banks, login: Login) -> None:
    batch = stage.pay(desk, banks, [2, 17])
    named, dead = batch.payments.order_by("pk")
    shown = login(desk.town).get(FAILURES).content.decode()
    assert correction_url(named) in shown
    assert correction_url(dead) not in shown
    assert "不得重发" in shown


def test_filters_narrow_the_list(desk: stage.Desk, banks: Banks, login: Login) -> None:
    first, second = stage.pay(desk, banks, [2, 3]), stage.pay(desk, banks, [3])
    client = login(desk.finance)

    def listed(**wanted: str) -> int:
        return len(client.get(FAILURES, wanted).context["lines"])

    assert listed() == 3
    assert listed(code="F03") == 2
    assert listed(batch=second.number) == 1
    assert listed(batch=first.number, code="F02") == 1
    assert listed(town="990001101000") == 3
    corrected(desk, second)
    assert (listed(step="open"), listed(step="approved")) == (2, 1)


def test_only_the_own_township_is_shown_and_corrected(desk: stage.Desk, banks: Banks, login: Login) -> None:
    batch = stage.pay(desk, banks, [2])
    town = make.make_organisation(K.TOWNSHIP, make.make_area("990001103000"))
    stranger = login(make.make_user(K.TOWNSHIP, R.OPERATOR, town))
    assert stranger.get(FAILURES).context["lines"] == []
    assert stranger.get(correction_url(batch.payments.get())).status_code == 404
    assert login(desk.finance).get(correction_url(batch.payments.get())).status_code == 404


def test_mistakes_are_named_at_their_field_and_nothing_is_stored(desk: stage.Desk, banks: Banks, login: Login) -> None:
    payment = stage.pay(desk, banks, [2]).payments.get()
    client = login(desk.town)
    wrong = filled(payment, number="6217990012345678900", reason="", name_at_bank="林立夏；温谷雨")
    wrong["proof"] = SimpleUploadedFile("proof.exe", b"MZ")
    response = client.post(correction_url(payment), wrong)
    text = response.content.decode()
    assert response.status_code == 422
    assert set(response.context["form"].errors) == {"number", "reason", "name_at_bank", "proof"}
    assert "银行卡号的校验位不对" in text
    assert not Correction.objects.exists()


def test_a_refused_proposal_keeps_what_was_typed_and_stores_nothing(
    desk: stage.Desk, banks: Banks, login: Login
) -> None:
    payment = stage.pay(desk, banks, [3]).payments.get()
    proof = SimpleUploadedFile("card.png", PNG, content_type="image/png")
    same = filled(payment, number=payment.account.reveal_number(), reason="还是这张卡", proof=proof)
    kept = StoredFile.objects.count()
    response = login(desk.town).post(correction_url(payment), same)
    assert response.status_code == 422
    assert "还是原来的账户" in response.content.decode()
    assert "还是这张卡" in response.content.decode()
    assert not Correction.objects.exists()
    assert StoredFile.objects.count() == kept


def test_a_correction_goes_from_the_township_over_a_second_person_to_the_reissue(
    desk: stage.Desk, banks: Banks, login: Login
) -> None:
    batch = stage.pay(desk, banks, [0, 2])
    payment = batch.payments.get(status="failed")
    proof = SimpleUploadedFile("card.png", PNG, content_type="image/png")
    login(desk.town).post(correction_url(payment), filled(payment, number=NEW, proof=proof))
    correction = Correction.objects.get()
    page = reverse("disbursement:correction", args=(correction.pk,))

    maker = login(desk.town).get(page).content.decode()
    assert "复核岗复核，之后由主管部门提交重发" in maker
    assert "复核通过" not in maker  # a button one may never press is not there
    reviewer = login(desk.town_reviewer)
    shown = reviewer.get(page).content.decode()
    assert "尾号" in shown
    assert NEW not in shown
    assert NEW[-4:] in shown
    response = reviewer.get(reverse("disbursement:correction-proof", args=(correction.pk,)))
    assert b"".join(response.streaming_content) == PNG
    assert Event.objects.filter(kind="downloaded", subject_id=correction.pk, actor=desk.town_reviewer).count() == 1

    reviewer.post(reverse("disbursement:correction-act", args=(correction.pk, "approve")))
    correction.refresh_from_db()
    assert correction.status == "approved"
    department = login(desk.department)
    batch_page = reverse("disbursement:batch", args=(batch.pk,))
    assert "提交重发 1 笔" in department.get(batch_page).content.decode()
    department.post(reverse("disbursement:batch-act", args=(batch.pk, "reissue")))
    assert correction.pk in Reissue.objects.get().corrections.values_list("pk", flat=True)


def test_a_refused_correction_goes_back_with_its_reason(desk: stage.Desk, banks: Banks, login: Login) -> None:
    payment = stage.pay(desk, banks, [2]).payments.get()
    login(desk.town).post(correction_url(payment), filled(payment))
    correction = Correction.objects.get()
    act = reverse("disbursement:correction-act", args=(correction.pk, "refuse"))
    reviewer = login(desk.town_reviewer)
    assert reviewer.post(act, {"note": ""}).status_code == 422
    reviewer.post(act, {"note": "照片看不清"})
    correction.refresh_from_db()
    assert correction.status == "refused"
    assert "照片看不清" in login(desk.town).get(act.replace("/refuse/", "/")).content.decode()
    assert correction_url(payment) in login(desk.town).get(FAILURES).content.decode()


def test_no_page_address_or_event_carries_the_number(desk: stage.Desk, banks: Banks, login: Login) -> None:
    payment = stage.pay(desk, banks, [2]).payments.get()
    client = login(desk.town)
    response = client.post(correction_url(payment), filled(payment, number=NEW))
    assert NEW not in response.url
    assert Account.objects.with_number(NEW).count() == 1
    events = " ".join(f"{event.note} {event.data}" for event in Event.objects.all())
    assert NEW not in events


# --- Reissues ----------------------------------------------------------------------------------------------


def test_a_reissue_asks_for_its_own_amount_from_a_third_person(desk: stage.Desk, banks: Banks, login: Login) -> None:
    batch = stage.pay(desk, banks, [0, 2, 3])
    reissue = corrected(desk, batch)
    page = reverse("disbursement:reissue", args=(reissue.pk,))
    act = reverse("disbursement:reissue-act", args=(reissue.pk, "release"))
    approver = login(desk.approver)
    assert "200.03 元" in approver.get(page).content.decode()
    assert 'name="amount"' not in login(desk.department).get(page).content.decode()
    assert approver.post(act, {"amount": "300.03"}).status_code == 422
    assert batch.orders.count() == 1
    approver.post(act, {"amount": "200.03"})
    stage.send_all()
    banks.round()
    stage.collect_all()
    assert stage.statuses(batch) == ["paid"] * 3
    assert "已放行" in approver.get(page).content.decode()


def test_a_refused_reissue_leaves_the_corrections_good(desk: stage.Desk, banks: Banks, login: Login) -> None:
    batch = stage.pay(desk, banks, [2])
    reissue = corrected(desk, batch)
    login(desk.approver).post(reverse("disbursement:reissue-act", args=(reissue.pk, "refuse")), {"note": "等月末一起"})
    reissue.refresh_from_db()
    assert reissue.status == "refused"
    shown = login(desk.department).get(reverse("disbursement:batch", args=(batch.pk,))).content.decode()
    assert "提交重发 1 笔" in shown


def test_a_reissue_of_another_department_does_not_exist(desk: stage.Desk, banks: Banks, login: Login) -> None:
    reissue = corrected(desk, stage.pay(desk, banks, [2]))
    other = make.make_organisation(K.DEPARTMENT, name="示范县教育局")
    client = login(make.make_user(K.DEPARTMENT, R.OPERATOR, other))
    assert client.get(reverse("disbursement:reissue", args=(reissue.pk,))).status_code == 404


def test_the_desks_pass_a_failure_on(desk: stage.Desk, banks: Banks) -> None:
    steps = {"失败更正", "更正复核", "提交重发", "重发放行"}

    def kinds(user: User) -> list[str]:
        return [item.kind for item in desks.waiting(user) if item.kind in steps]

    batch = stage.pay(desk, banks, [2, 17])
    assert kinds(desk.town) == ["失败更正"]
    payment = batch.payments.get(failure_code="F02")
    correction = actions.propose_correction(
        payment, number=make.make_account_number(), bank=payment.account.bank, kind="ssc", reason="换了新卡",
        actor=desk.town,
    )  # fmt: skip
    assert (kinds(desk.town), kinds(desk.town_reviewer)) == ([], ["更正复核"])
    actions.approve_correction(correction, actor=desk.town_reviewer)
    assert (kinds(desk.town_reviewer), kinds(desk.department)) == ([], ["提交重发"])
    batch.refresh_from_db()
    actions.make_reissue(batch, actor=desk.department)
    assert (kinds(desk.department), kinds(desk.approver)) == ([], ["重发放行"])


# --- Discrepancies and months ------------------------------------------------------------------------------


def test_a_discrepancy_is_cleared_up_in_words_by_finance_only(desk: stage.Desk, home: Path, login: Login) -> None:
    bank = make.make_bank()
    inbox = stage.inbox(home, bank)
    (inbox / "HP01_rubbish.txt").write_bytes(b"not a result file")
    stage.collect_all()
    item = Discrepancy.objects.get()
    page = reverse("disbursement:discrepancy", args=(item.pk,))
    finance, audit = login(desk.finance), login(make.make_user(K.AUDIT, R.VIEWER))
    assert "文件不合格" in finance.get("/staff/discrepancies/").content.decode()
    assert 'name="resolution"' not in audit.get(page).content.decode()
    assert finance.post(page, {"resolution": ""}).status_code == 422
    finance.post(page, {"resolution": "银行误放，已电话核对并重送"})
    item.refresh_from_db()
    assert (item.status, item.resolved_by) == ("resolved", desk.finance)
    assert "银行误放" in audit.get(page).content.decode()
    assert login(desk.town).get(page).status_code == 404


def month_page(client: Client) -> str:
    return client.get("/staff/months/2022-03/").content.decode()


def test_the_month_names_what_keeps_it_open_and_closes_by_a_second_person(
    desk: stage.Desk, banks: Banks, day: Callable[[str], None], login: Login
) -> None:
    stage.pay(desk, banks, [0, 15, 1])
    finance, reviewer = login(desk.finance), login(desk.reviewer)
    assert "没有结果" in month_page(finance)
    finance.post("/staff/months/2022-03/prepare/")
    assert re.search(r"<button[^>]*disabled[^>]*>\s*复核并月结", month_page(reviewer))
    reviewer.post("/staff/months/2022-03/close/", headers={"referer": "http://testserver/staff/months/2022-03/"})
    assert "还不能月结" in month_page(reviewer)

    for text in ("2022-03-07", "2022-03-31"):
        day(text)
        banks.round()
        stage.collect_all()
    finance.post("/staff/months/2022-03/prepare/")
    shown = month_page(reviewer)
    assert "三方相符" in shown
    assert "disabled" not in shown
    reviewer.post("/staff/months/2022-03/close/")
    assert MonthClose.objects.get().status == "closed"
    assert "已月结" in month_page(finance)


def test_who_prepared_a_month_does_not_close_it(
    desk: stage.Desk, banks: Banks, day: Callable[[str], None], login: Login
) -> None:
    stage.pay(desk, banks, [0])
    day("2022-03-31")
    banks.round()
    stage.collect_all()
    actions.prepare_month(dt.date(2022, 3, 1), actor=desk.finance)
    MonthClose.objects.update(made_by=desk.reviewer)
    shown = month_page(login(desk.reviewer))
    assert "您编制的，须由他人复核。" in shown
    assert "复核并月结" not in shown


def test_todays_payments_wait_for_the_statement_without_alarm(desk: stage.Desk, banks: Banks, login: Login) -> None:
    stage.pay(desk, banks, [0])
    shown = month_page(login(desk.finance))
    assert "待当日对账单" in shown
    assert "要等银行日终对账单" in shown
    assert "对不上</span>" not in shown


def test_the_months_workbook_says_what_the_sheet_says(
    desk: stage.Desk, banks: Banks, day: Callable[[str], None], login: Login
) -> None:
    stage.pay(desk, banks, [0, 0, 2])
    day("2022-03-06")
    banks.round()
    stage.collect_all()
    finance = login(desk.finance)
    assert finance.get("/staff/months/2022-03/export/").status_code == 404
    finance.post("/staff/months/2022-03/prepare/")
    response = finance.get("/staff/months/2022-03/export/")
    sheet = load_workbook(io.BytesIO(response.content)).active
    rows = list(sheet.iter_rows(min_row=3, values_only=True))
    total = dict(zip(rows[0], rows[-1], strict=True))
    assert total["已付金额（元）"] == 200.01
    assert total["对账单付出（元）"] == 200.01
    assert total["失败笔数"] == 1
    assert total["差额（元）"] == 0
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)


def test_the_books_are_for_the_county_and_its_auditors(desk: stage.Desk, banks: Banks, login: Login) -> None:
    stage.pay(desk, banks, [0])
    for user in (desk.finance, make.make_user(K.AUDIT, R.VIEWER)):
        assert login(user).get("/staff/months/").status_code == 200
        assert login(user).get("/staff/months/2022-03/").status_code == 200
    for user in (desk.town, desk.department, make.make_user(K.BANK, R.VIEWER, make.make_bank().organisation)):
        assert login(user).get("/staff/months/").status_code == 404
        assert login(user).get("/staff/months/2022-03/").status_code == 404
    assert login(desk.finance).get("/staff/months/2021-13/").status_code == 404
    assert login(desk.finance).get("/staff/months/2019-01/").status_code == 404


def test_the_statistics_workbook_says_what_the_page_says(
    desk: stage.Desk, banks: Banks, day: Callable[[str], None], login: Login
) -> None:
    stage.pay(desk, banks, [0, 0, 0, 1], fen=1_000_000)
    day("2022-04-01")
    response = login(desk.finance).get("/staff/statistics/export/", {"year": 2022, "as_of": "2022-03-31"})
    book = load_workbook(io.BytesIO(response.content))
    names = [cell.value for cell in book.worksheets[0][3]]
    row = dict(zip(names, (cell.value for cell in book.worksheets[0][4]), strict=True))
    assert row["发放金额（万元）"] == 4
    assert (row["享受补贴群众（人次）"], row["发放成功率"], row["社保卡占比"]) == (4, "75.00%", "100.00%")
    assert book.sheetnames == ["发放情况", "按项目", "按乡镇", "按银行", "按月"]
    towns = book["按乡镇"]
    assert [cell.value for cell in towns[towns.max_row]][:2] == ["合计", 4]

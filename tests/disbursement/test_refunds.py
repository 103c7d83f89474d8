"""What cannot be paid goes back to the treasury: two people, a voucher, and the plan has its money again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from rest_framework.test import APIClient

from disbursement import actions, funds
from disbursement.audit import run_audit
from disbursement.models import Batch, Discrepancy, Payment, Refund
from subsidy_portal import clock
from subsidy_portal.models import Event
from subsidy_portal.workflow import NotPermitted, Refused, StaleStatus
from tests import make
from tests.disbursement import stage
from tests.disbursement.test_correction_sheets import client
from tests.disbursement.test_corrections import failed, propose

pytestmark = pytest.mark.django_db


@pytest.fixture
def batch(desk: stage.Desk, home: Path) -> Batch:
    return failed(desk, home, count=2)


def proposed(desk: stage.Desk, batch: Batch) -> Refund:
    ids = list(batch.payments.values_list("pk", flat=True))
    return actions.propose_refund(batch, ids, reason="享受人已死亡", actor=desk.finance)


def confirm(desk: stage.Desk, refund: Refund) -> None:
    actions.confirm_refund(refund, voucher="JK-2022-001", remitted_on=clock.today(), actor=desk.reviewer)


def test_it_goes_back_with_its_voucher_and_the_plan_has_it_again(desk: stage.Desk, batch: Batch) -> None:
    before = funds.balances([batch.plan_id])[batch.plan_id]
    refund = proposed(desk, batch)
    assert funds.balances([batch.plan_id])[batch.plan_id] == before
    confirm(desk, refund)
    after = funds.balances([batch.plan_id])[batch.plan_id]
    amount = sum(batch.payments.values_list("amount_fen", flat=True))
    assert (after.committed, after.available) == (before.committed - amount, before.available + amount)
    assert stage.statuses(batch) == ["refunded", "refunded"]
    assert (refund.status, refund.voucher, refund.confirmed_by) == ("confirmed", "JK-2022-001", desk.reviewer)
    assert "凭证JK-2022-001" in Event.objects.about(batch).get(kind="refunded").note
    # The stage hands orders over without a journal; everything else about the money holds.
    assert [finding.name for finding in run_audit() if not finding.holds] == ["sent-once"]
    batch.payments.filter(pk=batch.payments.earliest("pk").pk).update(status="failed")
    assert "refunds-agree" in {finding.name for finding in run_audit() if not finding.holds}


def test_who_proposes_does_not_confirm_and_the_database_holds_it(desk: stage.Desk, batch: Batch) -> None:
    refund = proposed(desk, batch)
    with pytest.raises(NotPermitted):
        actions.confirm_refund(refund, voucher="1", remitted_on=clock.today(), actor=desk.finance)
    with pytest.raises(IntegrityError), transaction.atomic():
        Refund.objects.filter(pk=refund.pk).update(confirmed_by=refund.made_by)
    with pytest.raises(IntegrityError), transaction.atomic():
        Refund.objects.filter(pk=refund.pk).update(status="confirmed")


def test_no_voucher_no_refund(desk: stage.Desk, batch: Batch) -> None:
    refund = proposed(desk, batch)
    with pytest.raises(Refused, match="缴库凭证号"):
        actions.confirm_refund(refund, voucher=" ", remitted_on=clock.today(), actor=desk.reviewer)
    tomorrow = clock.today() + dt.timedelta(days=1)
    with pytest.raises(Refused, match="缴库日期还没到"):
        actions.confirm_refund(refund, voucher="1", remitted_on=tomorrow, actor=desk.reviewer)
    assert stage.statuses(batch) == ["failed", "failed"]


def test_a_payment_is_corrected_or_refunded_never_both(desk: stage.Desk, batch: Batch) -> None:
    first, second = batch.payments.order_by("pk")
    propose(desk, first)
    with pytest.raises(Refused, match="正在更正或已在缴回"):
        proposed(desk, batch)
    refund = actions.propose_refund(batch, [second.pk], reason="无法联系", actor=desk.finance)
    with pytest.raises(Refused, match="正在缴回国库"):
        propose(desk, second)
    with pytest.raises(Refused, match="正在更正或已在缴回"):
        actions.propose_refund(batch, [second.pk, first.pk], reason="无法联系", actor=desk.finance)
    actions.refuse_refund(refund, note="已找到本人", actor=desk.reviewer)
    assert propose(desk, second).status == "proposed"


def test_what_is_paid_is_not_refunded(desk: stage.Desk, home: Path) -> None:
    batch, bank = stage.sent_batch(desk, 1), make.make_bank()
    with pytest.raises(Refused, match="请选要缴回的付款"):
        actions.propose_refund(batch, [], reason="试", actor=desk.finance)
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(stage.attempts(batch)[0])]))
    with pytest.raises(Refused):
        proposed(desk, batch)


def test_a_success_that_comes_before_the_voucher_stops_the_refund(desk: stage.Desk, home: Path, batch: Batch) -> None:
    refund = proposed(desk, batch)
    first = stage.attempts(batch)[0]
    stage.deliver(home, make.make_bank(), stage.result_file(make.make_bank(), ok=[stage.said(first)], number=2))
    assert first.payment.pk in Payment.objects.filter(status="paid").values_list("pk", flat=True)
    with pytest.raises(StaleStatus, match="结果刚刚变了"):
        confirm(desk, refund)
    assert Refund.objects.get(pk=refund.pk).status == "proposed"


def test_a_success_that_comes_after_it_is_told_and_changes_nothing(desk: stage.Desk, home: Path, batch: Batch) -> None:
    confirm(desk, proposed(desk, batch))
    first = stage.attempts(batch)[0]
    stage.deliver(home, make.make_bank(), stage.result_file(make.make_bank(), ok=[stage.said(first)], number=2))
    assert stage.statuses(batch) == ["refunded", "refunded"]
    trouble = Discrepancy.objects.get(kind="late_success")
    assert "缴回国库" in trouble.text


def test_the_pages_take_it_from_the_batch_to_the_voucher(desk: stage.Desk, batch: Batch) -> None:
    maker, reviewer = client(desk.finance), client(desk.reviewer)
    url = reverse("disbursement:refund-new", args=[batch.pk])
    assert url in maker.get(reverse("disbursement:batch", args=[batch.pk])).content.decode()
    one = batch.payments.earliest("pk")
    assert maker.post(url, {"payment": [one.pk], "reason": ""}).status_code == 422
    made = maker.post(url, {"payment": [one.pk], "reason": "无法联系"}, follow=True).content.decode()
    assert "等财政复核岗凭缴库凭证确认" in made or "您提出的" in made
    assert "缴回国库" in reviewer.get("/staff/").content.decode()
    refund = Refund.objects.get()
    act = reverse("disbursement:refund-act", args=[refund.pk, "confirm"])
    assert reviewer.post(act, {"voucher": ""}).status_code == 422
    page = reviewer.post(act, {"voucher": "JK1", "remitted_on": f"{clock.today()}"}, follow=True).content.decode()
    assert "凭证 JK1" in page
    assert "缴回国库，凭证 JK1" in maker.get(reverse("disbursement:batch", args=[batch.pk])).content.decode()


def test_over_the_api_and_out_of_sight_for_another_township(desk: stage.Desk, batch: Batch) -> None:
    api = APIClient()
    api.force_authenticate(desk.finance)
    ids = list(batch.payments.values_list("pk", flat=True))
    given = {"batch": batch.pk, "payments": ids, "reason": "无法联系"}
    made = api.post("/api/v1/refunds/", given, format="json")
    assert (made.status_code, made.json()["count"]) == (201, 2)
    api.force_authenticate(desk.reviewer)
    done = api.post(
        f"/api/v1/refunds/{made.json()['id']}/confirm/", {"voucher": "JK1", "remitted_on": str(clock.today())},
        format="json",
    )  # fmt: skip
    assert done.json()["status"] == "confirmed"
    office = make.make_organisation("township", make.make_area("990001102000"))
    api.force_authenticate(make.make_user("township", "operator", office))
    assert api.get(f"/api/v1/refunds/{made.json()['id']}/").status_code == 404


def test_failures_past_their_clearing_day_wait_on_finances_desk_already_chosen(
    desk: stage.Desk, batch: Batch, set_today: Callable[[dt.date | str], None]
) -> None:
    finance = client(desk.finance)
    assert "该缴回" not in finance.get("/staff/").content.decode()
    set_today("2022-06-01")
    shown = finance.get("/staff/?tab=todo").content.decode()
    url = reverse("disbursement:refund-new", args=[batch.pk])
    assert "2 笔过了清算期限" in shown
    assert url in shown
    assert finance.get(url).content.decode().count(" checked>") == 2

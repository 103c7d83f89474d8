"""A failed payment comes back with a corrected account after two people agreed; person and amount never change."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.urls import reverse

from disbursement import actions
from disbursement.desk import away, waiting
from disbursement.models import Batch, Correction, Payment
from subsidy_portal.models import Event
from subsidy_portal.workflow import NotPermitted, Refused, StaleStatus
from tests import make
from tests.disbursement import stage

pytestmark = pytest.mark.django_db


def failed(desk: stage.Desk, home: Path, answer: str = stage.FAILED, count: int = 1) -> Batch:
    """A settled batch whose payments all failed with ``answer``."""
    batch, bank = stage.sent_batch(desk, count), make.make_bank()
    lines = [stage.said(a, answer) for a in stage.attempts(batch)]
    stage.deliver(home, bank, stage.result_file(bank, failed=lines))
    batch.refresh_from_db()
    return batch


def propose(desk: stage.Desk, payment: Payment, number: str = "", reason: str = "本人换了新卡") -> Correction:
    return actions.propose_correction(
        payment, number=number or make.make_account_number(), bank=make.make_bank().organisation, kind="ssc",
        reason=reason, actor=desk.town,
    )  # fmt: skip


def test_the_whole_way_back_to_paid(desk: stage.Desk, home: Path) -> None:
    batch, bank = failed(desk, home), make.make_bank()
    payment = batch.payments.get()
    old = payment.account
    correction = propose(desk, payment)
    assert (correction.failure_code, correction.old_account, correction.status) == ("F03", old, "proposed")
    actions.approve_correction(correction, actor=desk.town_reviewer)
    reissue = actions.make_reissue(batch, actor=desk.department)
    actions.release_reissue(reissue, actor=desk.approver)

    batch.refresh_from_db()
    correction.refresh_from_db()
    payment.refresh_from_db()
    first, second = stage.attempts(batch)
    assert (batch.status, correction.status, payment.status) == ("paying", "reissued", "in_flight")
    assert (payment.account, second.account, first.account) == (correction.new_account, correction.new_account, old)
    assert (second.seq, second.amount_fen, second.order.reissue) == (2, first.amount_fen, reissue)
    assert second.ref != first.ref

    stage.mark_sent(batch)
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(second)], number=2))
    batch.refresh_from_db()
    assert (batch.status, stage.statuses(batch)) == ("settled", ["paid"])


def test_a_payment_that_is_not_failed_is_not_corrected(desk: stage.Desk) -> None:
    batch = stage.sent_batch(desk, 1)
    with pytest.raises(StaleStatus, match="在途"):
        propose(desk, batch.payments.get())


@pytest.mark.parametrize("answer", ["3051 重复业务", "MD07 持有人死亡"])
def test_some_failures_are_not_put_right_by_an_account(desk: stage.Desk, home: Path, answer: str) -> None:
    batch = failed(desk, home, answer)
    with pytest.raises(Refused, match="不能更正重发"):
        propose(desk, batch.payments.get())


@pytest.mark.parametrize("answer", ["3009 账户不存在", "3018 账户已销户", "3017 账户冻结"])
def test_the_same_account_needs_a_word_on_what_the_bank_did(desk: stage.Desk, home: Path, answer: str) -> None:
    payment = failed(desk, home, answer).payments.get()
    same = payment.account.reveal_number()
    with pytest.raises(Refused, match="还是原来的账户"):
        propose(desk, payment, same, "请再试")
    assert propose(desk, payment, same, "银行已于3月8日恢复该账户").new_account == payment.account


def test_one_correction_at_a_time(desk: stage.Desk, home: Path) -> None:
    payment = failed(desk, home).payments.get()
    first = propose(desk, payment)
    with pytest.raises(Refused, match="已经有更正在办"):
        propose(desk, payment)
    actions.refuse_correction(first, note="账号看不清", actor=desk.town_reviewer)
    assert propose(desk, payment).status == "proposed"


def test_what_a_reviewer_gave_back_is_on_the_desk_once_with_the_reason(desk: stage.Desk, home: Path) -> None:
    first, second = failed(desk, home, count=2).payments.order_by("pk")
    actions.refuse_correction(propose(desk, first), note="账号看不清", actor=desk.town_reviewer)
    back, others = (item for item in waiting(desk.town) if item.menu == "failures")
    assert (back.kind, back.returned, back.by) == ("更正退回", True, str(desk.town_reviewer))
    assert back.facts.startswith("账号看不清，")
    assert back.url == reverse("disbursement:correction-new", args=(first.pk,))
    assert (others.returned, others.n, others.amount_fen) == (False, 1, second.amount_fen)
    propose(desk, first)
    assert not any(item.returned for item in waiting(desk.town))
    assert [item.kind for item in away(desk.town)] == ["更正"]


def test_a_reissue_finance_gave_back_is_on_the_desk_of_who_put_it_up(desk: stage.Desk, home: Path) -> None:
    batch = failed(desk, home)
    actions.approve_correction(propose(desk, batch.payments.get()), actor=desk.town_reviewer)
    reissue = actions.make_reissue(batch, actor=desk.department)
    assert [(item.kind, item.url) for item in away(desk.department)] == [
        ("重发", reverse("disbursement:reissue", args=(reissue.pk,)))
    ]
    actions.refuse_reissue(reissue, note="请附新卡照片", actor=desk.approver)
    (back,) = (item for item in waiting(desk.department) if item.returned)
    assert (back.kind, back.facts.split("，")[0]) == ("重发退回", "请附新卡照片")
    assert away(desk.department) == []


def test_a_department_corrects_what_came_back_and_nothing_else(desk: stage.Desk, home: Path) -> None:
    payment = failed(desk, home).payments.get()
    fields = {
        "number": make.make_account_number(), "bank": make.make_bank().organisation, "kind": "ssc",
        "reason": "已查明退票原因", "actor": desk.department,
    }  # fmt: skip
    with pytest.raises(NotPermitted, match="由乡镇更正账户"):
        actions.propose_correction(payment, **fields)
    Payment.objects.filter(pk=payment.pk).update(status="returned", failure_code="F16")
    payment.refresh_from_db()
    correction = actions.propose_correction(payment, **fields)
    with pytest.raises(NotPermitted, match="请由登记更正的示范县民政局复核"):
        actions.approve_correction(correction, actor=desk.town_reviewer)
    reviewer = make.make_user("department", "reviewer", desk.department.organisation)
    actions.approve_correction(correction, actor=reviewer)
    assert correction.status == "approved"


def test_who_proposes_does_not_approve(desk: stage.Desk, home: Path) -> None:
    correction = propose(desk, failed(desk, home).payments.get())
    desk.town.role = "reviewer"
    with pytest.raises(NotPermitted):
        actions.approve_correction(correction, actor=desk.town)


def test_a_correction_of_a_payment_that_was_paid_meanwhile_is_not_approved(desk: stage.Desk, home: Path) -> None:
    batch, bank = failed(desk, home), make.make_bank()
    correction = propose(desk, batch.payments.get())
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(stage.attempts(batch)[0])], number=2))
    with pytest.raises(StaleStatus, match="已付"):
        actions.approve_correction(correction, actor=desk.town_reviewer)


def test_a_reissue_needs_something_approved(desk: stage.Desk, home: Path) -> None:
    batch = failed(desk, home)
    propose(desk, batch.payments.get())
    with pytest.raises(Refused, match="还没有可以重发的付款"):
        actions.make_reissue(batch, actor=desk.department)


def approved(desk: stage.Desk, batch: Batch) -> None:
    for payment in batch.payments.filter(status="failed"):
        actions.approve_correction(propose(desk, payment), actor=desk.town_reviewer)


def test_a_late_success_stays_out_of_the_reissue(desk: stage.Desk, home: Path) -> None:
    batch, bank = failed(desk, home, count=2), make.make_bank()
    approved(desk, batch)
    reissue = actions.make_reissue(batch, actor=desk.department)
    first, _second = stage.attempts(batch)
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(first)], number=2))
    actions.release_reissue(reissue, actor=desk.approver)
    assert stage.statuses(batch) == ["paid", "in_flight"]
    assert list(Correction.objects.order_by("pk").values_list("status", flat=True)) == ["refused", "reissued"]
    assert batch.orders.get(reissue=reissue).count == 1


def test_a_reissue_whose_payments_were_all_paid_meanwhile_is_not_released(desk: stage.Desk, home: Path) -> None:
    batch, bank = failed(desk, home), make.make_bank()
    approved(desk, batch)
    reissue = actions.make_reissue(batch, actor=desk.department)
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(stage.attempts(batch)[0])], number=2))
    with pytest.raises(Refused, match="都已付出"):
        actions.release_reissue(reissue, actor=desk.approver)
    reissue.refresh_from_db()
    assert (reissue.status, batch.orders.count()) == ("submitted", 1)


def test_a_refused_reissue_leaves_its_corrections_good(desk: stage.Desk, home: Path) -> None:
    batch = failed(desk, home)
    approved(desk, batch)
    reissue = actions.make_reissue(batch, actor=desk.department)
    with pytest.raises(Refused, match="已有一份重发"):
        actions.make_reissue(batch, actor=desk.finance)
    actions.refuse_reissue(reissue, note="等本月资金", actor=desk.approver)
    again = actions.make_reissue(batch, actor=desk.department)
    assert again.corrections.count() == 1


def test_a_reissue_is_released_by_nobody_who_signed_before(desk: stage.Desk, home: Path) -> None:
    batch = failed(desk, home)
    approved(desk, batch)
    reissue = actions.make_reissue(batch, actor=desk.finance)
    desk.finance.role = "approver"
    with pytest.raises(NotPermitted):
        actions.release_reissue(reissue, actor=desk.finance)


def test_a_returned_payment_is_paid_again_and_keeps_its_history(desk: stage.Desk, home: Path) -> None:
    batch, bank = stage.sent_batch(desk, 1), make.make_bank()
    (first,) = stage.attempts(batch)
    (home / "clock").write_text("2022-03-07")
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(first)]), stage.return_file(bank, [first]))
    payment = batch.payments.get()
    actions.approve_correction(propose(desk, payment), actor=desk.town_reviewer)
    actions.release_reissue(actions.make_reissue(batch, actor=desk.department), actor=desk.approver)
    stage.mark_sent(batch)
    second = stage.attempts(batch)[1]
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(second, day="20220307")], number=2))
    payment.refresh_from_db()
    first.refresh_from_db()
    assert (payment.status, str(payment.paid_on), payment.returned_on) == ("paid", "2022-03-07", None)
    assert (first.status, str(first.result_on), str(first.returned_on)) == ("returned", "2022-03-05", "2022-03-06")


def test_no_number_stays_in_a_reason_or_an_event(desk: stage.Desk, home: Path) -> None:
    number = make.make_account_number()
    correction = propose(desk, failed(desk, home).payments.get(), number, reason=f"换新卡{number}")
    assert correction.reason == f"换新卡••••{number[-4:]}"
    actions.refuse_correction(correction, note=f"与{number}不符", actor=desk.town_reviewer)
    assert not Event.objects.filter(note__contains=number).exists()


def test_an_account_in_another_name_or_of_another_person_needs_a_proof(desk: stage.Desk, home: Path) -> None:
    payment = failed(desk, home).payments.get()
    stranger = make.make_account(make.make_person("王大拿"))
    for number, name in ((make.make_account_number(), "王大拿"), (stranger.reveal_number(), "")):
        with pytest.raises(Refused, match="证明材料"):
            actions.propose_correction(
                payment, number=number, bank=payment.account.bank, kind="ssc", name_at_bank=name,
                reason="本人已换卡", actor=desk.town,
            )  # fmt: skip
    assert not payment.corrections.exists()

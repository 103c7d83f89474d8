"""What banks say is applied by reference, once, in any order; what does not fit waits for a person."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from django.urls import reverse

from disbursement import actions, collecting, journal, sending
from disbursement.audit import run_audit
from disbursement.banks.exchange import MAX_BYTES, Exchange
from disbursement.models import BankFile, BankLine, Batch, Discrepancy, Order, Payment
from disbursement.simulator import pipe_text as files
from disbursement.watching import report_overdue
from subsidy_portal.models import Event
from subsidy_portal.workflow import Refused
from tests import make
from tests.disbursement import stage

pytestmark = pytest.mark.django_db
Day = Callable[[str], None]


def state(batch: Batch) -> list[tuple[str, str]]:
    """(payment, attempt) statuses, in order."""
    return [(a.payment.status, a.status) for a in stage.attempts(batch)]


def snapshot(batch: Batch) -> list[object]:
    """Everything results may change, for comparing ends."""
    batch.refresh_from_db()
    payments = batch.payments.order_by("pk").values_list(
        "status", "paid_on", "failed_on", "returned_on", "failure_code"
    )
    tries = [(a.status, a.result_code, a.result_on, a.returned_on) for a in stage.attempts(batch)]
    return [batch.status, list(payments), tries, list(batch.orders.values_list("status", flat=True))]


# --- what a result does ---


def test_each_answer_moves_its_payment(desk: stage.Desk, home: Path) -> None:
    batch, bank = stage.sent_batch(desk, 4), make.make_bank()
    a, b, c, _silent = stage.attempts(batch)
    stage.deliver(home, bank, stage.result_file(
        bank, ok=[stage.said(a)], failed=[stage.said(b, stage.FAILED)], waits=[stage.said(c, stage.WAITS)]
    ))  # fmt: skip
    assert state(batch) == [
        ("paid", "succeeded"), ("failed", "failed"), ("in_flight", "unknown"), ("in_flight", "sent")
    ]  # fmt: skip
    paid, failed = batch.payments.get(status="paid"), batch.payments.get(status="failed")
    assert str(paid.paid_on) == "2022-03-05"
    assert (str(failed.failed_on), failed.failure_code) == ("2022-03-05", "F03")
    assert stage.attempts(batch)[1].result_text == "账户已销户"
    batch.refresh_from_db()
    assert (batch.status, batch.orders.get().status) == ("paying", "answered")
    assert stage.open_kinds() == []


def test_partial_answers_accumulate_until_the_batch_is_settled(desk: stage.Desk, home: Path) -> None:
    batch, bank = stage.sent_batch(desk, 2), make.make_bank()
    a, b = stage.attempts(batch)
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(a)], number=1))
    batch.refresh_from_db()
    assert batch.status == "paying"
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(b)], number=2))
    batch.refresh_from_db()
    assert (batch.status, batch.orders.get().status) == ("settled", "settled")


def test_a_result_file_is_kept_line_by_line(desk: stage.Desk, home: Path) -> None:
    batch, bank = stage.sent_batch(desk, 2), make.make_bank()
    a, b = stage.attempts(batch)
    content = stage.result_file(bank, ok=[stage.said(a)], failed=[stage.said(b, stage.FAILED)])
    stage.deliver(home, bank, content)
    file = BankFile.objects.get(direction="in")
    assert (file.status, file.count, file.total_fen) == ("applied", 2, 20_001)
    assert list(BankLine.objects.order_by("line_no").values_list("ref", "result", "code", "applied")) == [
        (a.ref, "success", "", True),
        (b.ref, "failed", "F03", True),
    ]
    assert file.stored.read() == content
    raw = (home / "files" / file.stored.path).read_bytes()
    assert a.account.reveal_number().encode() not in raw, "archived files lie encrypted"
    assert not list(stage.inbox(home, bank).iterdir())
    assert len(list((home / "exchange" / bank.folder / "done").iterdir())) == 1


# --- once ---


def test_the_same_bytes_again_change_nothing_and_are_noted(desk: stage.Desk, home: Path) -> None:
    batch, bank = stage.sent_batch(desk, 1), make.make_bank()
    content = stage.result_file(bank, ok=[stage.said(stage.attempts(batch)[0])])
    stage.deliver(home, bank, content)
    before, events = snapshot(batch), Event.objects.count()
    stage.deliver(home, bank, content)
    assert snapshot(batch) == before
    assert (BankFile.objects.filter(direction="in").count(), BankLine.objects.count()) == (1, 1)
    assert Event.objects.count() == events + 1
    assert Event.objects.latest("pk").kind == "repeated"


def test_the_same_lines_in_another_file_change_nothing(desk: stage.Desk, home: Path) -> None:
    batch, bank = stage.sent_batch(desk, 3), make.make_bank()
    a, b, c = stage.attempts(batch)
    lists = {"ok": [stage.said(a)], "failed": [stage.said(b, stage.FAILED)], "waits": [stage.said(c, stage.WAITS)]}
    stage.deliver(home, bank, stage.result_file(bank, number=1, **lists))
    before = snapshot(batch)
    stage.deliver(home, bank, stage.result_file(bank, number=2, **lists))
    assert snapshot(batch) == before
    assert list(BankLine.objects.order_by("pk").values_list("applied", flat=True)) == [True] * 3 + [False] * 3
    assert stage.open_kinds() == []


def test_a_used_name_with_other_bytes_is_set_aside(desk: stage.Desk, home: Path) -> None:
    batch, bank = stage.sent_batch(desk, 2), make.make_bank()
    a, b = stage.attempts(batch)
    for content in (stage.result_file(bank, ok=[stage.said(a)]), stage.result_file(bank, ok=[stage.said(b)])):
        (stage.inbox(home, bank) / "HP01.txt").write_bytes(content)
        collecting.collect(bank)
    assert stage.statuses(batch) == ["paid", "in_flight"]
    assert stage.open_kinds() == ["quarantine"]
    assert "同名文件内容不同" in Discrepancy.objects.get().text


# --- in any order ---


def test_every_order_of_the_banks_files_ends_the_same(desk: stage.Desk, home: Path, day: Day) -> None:
    """A success with a pending one, a failure, the late answer and a return: 24 orders of arrival, one end."""
    ends = []
    bank = make.make_bank("N")
    for order in itertools.permutations(range(4)):
        day("2022-03-05")
        batch = stage.sent_batch(desk, 3)
        a, b, c = stage.attempts(batch)
        day("2022-03-07")
        contents = [
            stage.result_file(bank, ok=[stage.said(a)], waits=[stage.said(c, stage.WAITS)], number=1),
            stage.result_file(bank, failed=[stage.said(b, stage.FAILED)], number=2),
            stage.result_file(bank, ok=[stage.said(c, day="20220306")], number=3),
            stage.return_file(bank, [a]),
        ]
        stage.deliver(home, bank, *(contents[n] for n in order))
        ends.append(snapshot(batch))
        assert stage.open_kinds() == [], order
    assert all(end == ends[0] for end in ends)
    assert ends[0][0] == "settled"


# --- what does not fit ---


def test_a_reference_we_never_gave_is_named_and_nothing_moves(desk: stage.Desk, home: Path) -> None:
    batch, bank = stage.sent_batch(desk, 2), make.make_bank()
    a, b = stage.attempts(batch)
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(a, ref="N99999999999"), stage.said(b)]))
    assert stage.statuses(batch) == ["in_flight", "paid"]
    found = Discrepancy.objects.get()
    assert (found.kind, found.status, found.payment) == ("unknown_ref", "open", None)
    assert "N99999999999" in found.text


def test_another_banks_reference_is_unknown_to_this_bank(desk: stage.Desk, home: Path) -> None:
    batch = stage.sent_batch(desk, 1, bank=make.make_bank("N"))
    other = make.make_bank("F")
    stage.deliver(home, other, stage.result_file(other, ok=[stage.said(stage.attempts(batch)[0])]))
    assert stage.statuses(batch) == ["in_flight"]
    assert stage.open_kinds() == ["unknown_ref"]


@pytest.mark.parametrize("other", [{"amount": 9_999}, {"account": "6217990000000000000"}])
def test_another_amount_or_account_changes_nothing(desk: stage.Desk, home: Path, other: dict[str, object]) -> None:
    batch, bank = stage.sent_batch(desk, 1), make.make_bank()
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(stage.attempts(batch)[0], **other)]))
    assert state(batch) == [("in_flight", "sent")]
    assert stage.open_kinds() == ["amount"]


def test_a_failure_after_success_keeps_the_success(desk: stage.Desk, home: Path) -> None:
    batch, bank = stage.sent_batch(desk, 1), make.make_bank()
    (a,) = stage.attempts(batch)
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(a)], number=1))
    stage.deliver(home, bank, stage.result_file(bank, failed=[stage.said(a, stage.FAILED)], number=2))
    assert state(batch) == [("paid", "succeeded")]
    assert stage.open_kinds() == ["conflict"]


def test_a_late_success_beats_the_failure_and_is_shown(desk: stage.Desk, home: Path) -> None:
    batch, bank = stage.sent_batch(desk, 1), make.make_bank()
    (a,) = stage.attempts(batch)
    stage.deliver(home, bank, stage.result_file(bank, failed=[stage.said(a, stage.FAILED)], number=1))
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(a)], number=2))
    assert state(batch) == [("paid", "succeeded")]
    assert stage.open_kinds() == ["late_success"]


def correct(desk: stage.Desk, payment: Payment) -> None:
    correction = actions.propose_correction(
        payment, number=make.make_account_number(), bank=make.make_bank().organisation, kind="ssc",
        reason="本人换了新卡", actor=desk.town,
    )  # fmt: skip
    actions.approve_correction(correction, actor=desk.town_reviewer)


def test_a_late_success_beside_an_unsent_reissue_stops_the_reissue(desk: stage.Desk, home: Path) -> None:
    batch, bank = stage.sent_batch(desk, 1), make.make_bank()
    (a,) = stage.attempts(batch)
    stage.deliver(home, bank, stage.result_file(bank, failed=[stage.said(a, stage.FAILED)], number=1))
    correct(desk, batch.payments.get())
    actions.release_reissue(actions.make_reissue(batch, actor=desk.department), actor=desk.approver)
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(a)], number=2))
    batch.refresh_from_db()
    assert state(batch) == [("in_flight", "failed"), ("in_flight", "created")]
    assert (batch.status, stage.open_kinds()) == ("held", ["late_success"])
    assert "可能付了两次" in Discrepancy.objects.get().text


def late_double(desk: stage.Desk, home: Path) -> tuple[Batch, Order]:
    """Two failed payments reissued in one order that waits; the first failure turns out to be a success."""
    batch, bank = stage.sent_batch(desk, 2), make.make_bank()
    a, b = stage.attempts(batch)
    lines = [stage.said(a, stage.FAILED), stage.said(b, stage.FAILED)]
    stage.deliver(home, bank, stage.result_file(bank, failed=lines, number=1))
    for payment in batch.payments.order_by("pk"):
        correct(desk, payment)
    actions.release_reissue(actions.make_reissue(batch, actor=desk.department), actor=desk.approver)
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(a)], number=2))
    batch.refresh_from_db()
    return batch, batch.orders.get(status="created")


def test_a_late_success_blocks_its_reissue_until_somebody_has_looked(desk: stage.Desk, home: Path) -> None:
    batch, order = late_double(desk, home)
    with pytest.raises(Refused, match="可能付两次"):
        actions.resume_batch(batch, note="已核实", actor=desk.reviewer)
    Batch.objects.update(status="paying")
    assert sending._claim(order.pk) is None, "not even when the batch pays"


def test_a_withdrawn_reissue_leaves_the_late_success_paid_and_the_rest_to_be_reissued(
    desk: stage.Desk, home: Path
) -> None:
    batch, order = late_double(desk, home)
    actions.withdraw_order(order, note="银行又报成功", actor=desk.reviewer)
    first, second = batch.payments.order_by("pk")
    assert (order.status, first.status, second.status) == ("cancelled", "paid", "failed")
    assert [a.status for a in stage.attempts(batch)] == ["succeeded", "failed", "cancelled", "cancelled"]
    assert (first.account_id, stage.open_kinds()) == (stage.attempts(batch)[0].account_id, [])
    assert [f for f in run_audit() if f.name == "state-agrees" and f.wrong] == []
    actions.resume_batch(batch, note="已核实", actor=desk.reviewer)
    batch.refresh_from_db()
    reissue = actions.make_reissue(batch, actor=desk.department)
    actions.release_reissue(reissue, actor=desk.approver)
    assert list(batch.orders.get(reissue=reissue).attempts.values_list("payment", "seq")) == [(second.pk, 3)]


def test_who_may_hold_withdraws_on_the_orders_page(desk: stage.Desk, home: Path, login: stage.Login) -> None:
    _batch, order = late_double(desk, home)
    page, act = (reverse(f"disbursement:{name}", args=[order.pk]) for name in ("order", "order-withdraw"))
    assert act not in login(desk.finance).get(page).text
    assert login(desk.finance).post(act, {"note": "银行又报成功"}).status_code != 200
    order.refresh_from_db()
    assert order.status == "created"
    assert act in login(desk.reviewer).get(page).text
    assert login(desk.reviewer).post(act, {"note": "银行又报成功"}).status_code == 302
    order.refresh_from_db()
    assert order.status == "cancelled"


def test_a_late_success_beside_a_paid_reissue_never_makes_two_successes(desk: stage.Desk, home: Path) -> None:
    batch, bank = stage.sent_batch(desk, 1), make.make_bank()
    (a,) = stage.attempts(batch)
    stage.deliver(home, bank, stage.result_file(bank, failed=[stage.said(a, stage.FAILED)], number=1))
    correct(desk, batch.payments.get())
    actions.release_reissue(actions.make_reissue(batch, actor=desk.department), actor=desk.approver)
    stage.mark_sent(batch)
    b = stage.attempts(batch)[1]
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(b)], number=2))
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(a)], number=3))
    assert state(batch) == [("paid", "failed"), ("paid", "succeeded")]
    assert stage.open_kinds() == ["late_success"]


def test_a_return_without_success_waits_for_it(desk: stage.Desk, home: Path, day: Day) -> None:
    batch, bank = stage.sent_batch(desk, 1), make.make_bank()
    (a,) = stage.attempts(batch)
    day("2022-03-06")
    stage.deliver(home, bank, stage.return_file(bank, [a]))
    assert state(batch) == [("in_flight", "sent")]
    assert stage.open_kinds() == ["return_alone"]
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(a)]))
    assert state(batch) == [("returned", "returned")]
    assert stage.open_kinds() == []
    payment = batch.payments.get()
    assert (str(payment.paid_on), str(payment.returned_on), payment.failure_code) == ("2022-03-05", "2022-03-06", "F16")


def test_a_refused_order_fails_all_its_lines_and_may_go_again_as_it_is(desk: stage.Desk, home: Path) -> None:
    batch, bank = stage.sent_batch(desk, 2), make.make_bank()
    order = batch.orders.get()
    refusal = files.write_rejection((order.ref, "2", "200.01"), "20220305", bank.unit_number, "T066 付款账户余额不足")
    stage.deliver(home, bank, refusal)
    assert state(batch) == [("failed", "failed")] * 2
    order.refresh_from_db()
    batch.refresh_from_db()
    assert (order.status, batch.status) == ("rejected", "settled")
    assert set(batch.payments.values_list("failure_code", flat=True)) == {"F13"}

    reissue = actions.make_reissue(batch, actor=desk.department)
    actions.release_reissue(reissue, actor=desk.approver)
    again = batch.orders.get(reissue=reissue)
    assert (again.count, again.total_fen) == (2, 20_001)
    assert set(again.attempts.values_list("seq", flat=True)) == {2}


def test_a_refusal_of_an_order_that_was_paid_is_not_believed(desk: stage.Desk, home: Path) -> None:
    batch, bank = stage.sent_batch(desk, 1), make.make_bank()
    (a,) = stage.attempts(batch)
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(a)]))
    refusal = files.write_rejection((batch.orders.get().ref, "1", "100.00"), "20220305", bank.unit_number, "H019 金额")
    stage.deliver(home, bank, refusal)
    assert state(batch) == [("paid", "succeeded")]
    assert stage.open_kinds() == ["quarantine"]


def test_an_unfit_file_is_quarantined_with_its_reason(desk: stage.Desk, home: Path) -> None:
    batch, bank = stage.sent_batch(desk, 1), make.make_bank()
    content = stage.result_file(bank, ok=[stage.said(stage.attempts(batch)[0])])
    stage.deliver(home, bank, content[:-1], b"PK\x03\x04 not ours", content.replace(b"DWN001", b"DWX001"))
    assert stage.statuses(batch) == ["in_flight"]
    assert BankLine.objects.count() == 0
    assert [f.status for f in BankFile.objects.filter(direction="in")] == ["quarantined"] * 3
    texts = " ".join(Discrepancy.objects.values_list("text", flat=True))
    assert all(why in texts for why in ("末行没有写完", "文件类型不认识", "H035"))
    assert len(list((home / "exchange" / bank.folder / "quarantine").iterdir())) == 3
    stage.deliver(home, bank, content)
    assert stage.statuses(batch) == ["paid"], "the bank sent it again, whole"


def test_files_being_written_are_left_alone(desk: stage.Desk, home: Path) -> None:
    batch, bank = stage.sent_batch(desk, 1), make.make_bank()
    part = stage.inbox(home, bank) / "HP01_1.txt.part"
    part.write_bytes(stage.result_file(bank, ok=[stage.said(stage.attempts(batch)[0])]))
    assert collecting.collect(bank) == 0
    assert part.exists()


def test_a_file_stored_but_not_applied_before_a_crash_is_applied_later(desk: stage.Desk, home: Path) -> None:
    from disbursement.banks import adapter_for

    batch, bank = stage.sent_batch(desk, 1), make.make_bank()
    content = stage.result_file(bank, ok=[stage.said(stage.attempts(batch)[0])])
    collecting.receive(bank, adapter_for(bank), "HP01_1.txt", content)
    assert stage.statuses(batch) == ["in_flight"]
    assert collecting.ring_waiting() == 1
    collecting.collect(bank)
    assert collecting.ring_waiting() == 0
    assert stage.statuses(batch) == ["paid"]


def test_an_answer_to_an_order_only_the_journal_knows_as_sent_proves_it_was_sent(desk: stage.Desk, home: Path) -> None:
    bank = make.make_bank()
    batch = stage.make_batch(desk, [0])
    (order,) = stage.release(desk, batch)
    journal.intent(order.ref, file_name="x", sm3="0", count=1, total_fen=10_000)
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(stage.attempts(batch)[0])]))
    assert state(batch) == [("paid", "succeeded")]
    assert Order.objects.get().status == "settled"


def test_an_answer_to_an_order_that_never_left_changes_nothing(desk: stage.Desk, home: Path) -> None:
    bank = make.make_bank()
    batch = stage.make_batch(desk, [0, 0])
    stage.release(desk, batch)
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(stage.attempts(batch)[0])]))
    assert state(batch) == [("in_flight", "created")] * 2
    assert Order.objects.get().status == "created", "it is still to be sent"
    assert stage.open_kinds() == ["conflict"]
    assert "没有送出过" in Discrepancy.objects.get().text


def test_a_line_with_another_amount_does_not_prove_that_its_order_was_sent(desk: stage.Desk, home: Path) -> None:
    bank = make.make_bank()
    batch = stage.make_batch(desk, [0])
    (order,) = stage.release(desk, batch)
    Order.objects.update(status="sending")
    order.attempts.update(status="sending")
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(stage.attempts(batch)[0], amount=1)]))
    assert (Order.objects.get().status, state(batch)) == ("sending", [("in_flight", "sending")])
    assert stage.open_kinds() == ["amount"]


# --- one odd file stops no other ---


def test_a_control_character_is_named_and_the_next_file_is_applied(desk: stage.Desk, home: Path) -> None:
    batch, bank = stage.sent_batch(desk, 1), make.make_bank()
    content = stage.result_file(bank, ok=[stage.said(stage.attempts(batch)[0])])
    (stage.inbox(home, bank) / "a.txt").write_bytes(content.replace("交易成功".encode("gb18030"), b"\0"))
    (stage.inbox(home, bank) / "b.txt").write_bytes(content)
    collecting.collect(bank)
    assert stage.statuses(batch) == ["paid"]
    assert "控制字符" in Discrepancy.objects.get(kind="quarantine").text


def test_names_in_other_bytes_and_with_equal_beginnings_are_taken_in(desk: stage.Desk, home: Path) -> None:
    batch, bank = stage.sent_batch(desk, 2), make.make_bank()
    contents = [stage.result_file(bank, ok=[stage.said(a)]) for a in stage.attempts(batch)]
    folder = os.fsencode(stage.inbox(home, bank))
    for name, content in zip(("回盘.txt".encode("gbk"), b"n" * 200 + b"1"), contents, strict=True):
        with open(os.path.join(folder, name), "wb") as handle:
            handle.write(content)
    collecting.collect(bank)
    assert stage.statuses(batch) == ["paid", "paid"]
    stage.inbox(home, bank).joinpath("n" * 200 + "2").write_bytes(b"HP01|other")
    collecting.collect(bank)
    assert stage.open_kinds() == ["quarantine"], "kept under the name of the one before, and set aside"
    assert not list(stage.inbox(home, bank).iterdir())


def test_a_file_that_cannot_be_read_is_shown_once_and_stops_no_other(
    desk: stage.Desk, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, bank = stage.sent_batch(desk, 1), make.make_bank()
    content, read = stage.result_file(bank, ok=[stage.said(stage.attempts(batch)[0])]), Exchange.read
    for name in ("a.txt", "b.txt"):
        (stage.inbox(home, bank) / name).write_bytes(content)

    def denied(self: Exchange, name: str, limit: int = MAX_BYTES + 1) -> bytes:
        if name == "a.txt":
            raise PermissionError(13, "Permission denied")
        return read(self, name, limit)

    monkeypatch.setattr(Exchange, "read", denied)
    assert [collecting.collect(bank), collecting.collect(bank)] == [1, 0]
    assert stage.statuses(batch) == ["paid"]
    assert "a.txt" in Discrepancy.objects.get(kind="quarantine").text


# --- the same return more than once ---


def test_two_return_files_before_the_success_return_it_once(desk: stage.Desk, home: Path, day: Day) -> None:
    batch, bank = stage.sent_batch(desk, 1), make.make_bank()
    (a,) = stage.attempts(batch)
    day("2022-03-07")
    stage.deliver(home, bank, stage.return_file(bank, [a]), stage.return_file(bank, [a], day="20220307"))
    assert stage.open_kinds() == ["return_alone"] * 2
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(a)]))
    assert state(batch) == [("returned", "returned")]
    assert stage.open_kinds() == []


def test_a_return_waits_for_the_statement_too(desk: stage.Desk, home: Path, day: Day) -> None:
    batch, bank = stage.sent_batch(desk, 1), make.make_bank()
    (a,) = stage.attempts(batch)
    day("2022-03-07")
    stage.deliver(home, bank, stage.return_file(bank, [a]))
    stage.deliver(home, bank, stage.statement_file(bank, 1, "20220305", [("D", a.amount_fen, a.ref)]))
    assert state(batch) == [("returned", "returned")]
    assert stage.open_kinds() == []


# --- waiting ---


def test_an_order_without_answer_is_named_after_the_agreed_days_and_withdrawn_by_the_answer(
    desk: stage.Desk, home: Path, day: Day
) -> None:
    batch, bank = stage.sent_batch(desk, 1), make.make_bank()
    day("2022-03-08")
    assert report_overdue() == 0
    day("2022-03-09")
    assert (report_overdue(), report_overdue()) == (1, 0)
    found = Discrepancy.objects.get()
    assert (found.kind, found.amount_fen) == ("outcome", 10_000)
    with pytest.raises(Refused, match="不能人工了结"):
        actions.resolve_discrepancy(found, resolution="电话问过银行", actor=desk.finance)
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(stage.attempts(batch)[0])]))
    found.refresh_from_db()
    assert (found.status, found.resolution) == ("resolved", "银行已给出结果")

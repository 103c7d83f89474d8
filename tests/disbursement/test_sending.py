"""An order leaves at most once: claimed, noted, sent; whatever is unclear is looked for, never sent again."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from disbursement import actions, journal, sending
from disbursement.banks.base import BankRejected, BankUnavailable, OutcomeUnknown, Receipt
from disbursement.banks.pipe_text import Adapter
from disbursement.locks import ORDER, only_one
from disbursement.models import BankFile, Order
from disbursement.simulator import pipe_text as files
from disbursement.watching import TRIES, report_overdue
from programs.models import Account
from subsidy_portal.bulk import execute
from tests import make
from tests.disbursement import stage

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def order(desk: stage.Desk) -> Order:
    """One released order of two payments, not yet sent."""
    return stage.release(desk, stage.make_batch(desk, [0, 0]))[0]


def out(home: Path) -> list[Path]:
    return sorted((home / "exchange/bank-n/out").glob("*"))


def attempts(order: Order) -> set[str]:
    return set(order.attempts.values_list("status", flat=True))


def lease_over(order: Order) -> None:
    Order.objects.filter(pk=order.pk).update(claimed_until=Now() - sending.LEASE)


def test_an_order_is_sent_with_its_people_and_accounts(order: Order, home: Path) -> None:
    sending.send_order(order.pk)
    order.refresh_from_db()
    assert (order.status, attempts(order)) == ("sent", {"sent"})
    (path,) = out(home)
    header, lines = files.read_order(path.read_bytes(), "20220305")
    assert (header.ref, header.total) == (order.ref, 20_001)
    for line, attempt in zip(lines, order.attempts.order_by("line_no"), strict=True):
        holder = attempt.account.holder
        assert line.account == attempt.account.reveal_number()
        assert line.id_number == holder.reveal_id_number()
        assert (line.ref, line.name, line.times) == (attempt.ref, holder.name, "1")


def test_what_leaves_is_archived_encrypted_before(order: Order, home: Path) -> None:
    sending.send_order(order.pk)
    kept = BankFile.objects.get(direction="out")
    assert kept.stored.read() == out(home)[0].read_bytes()
    number = order.attempts.first().account.reveal_number()  # type: ignore[union-attr]
    assert number.encode() not in (home / "files" / kept.stored.path).read_bytes()


def test_the_journal_names_what_leaves_and_no_person(order: Order, home: Path) -> None:
    sending.send_order(order.pk)
    (fact,) = journal.facts()
    assert (fact["what"], fact["ref"], fact["count"], fact["total_fen"]) == ("INTENT", order.ref, 2, 20_001)
    text = "".join(path.read_text() for path in (home / "journal").iterdir())
    account = order.attempts.first().account  # type: ignore[union-attr]
    assert account.reveal_number() not in text
    assert account.holder.name not in json.dumps(text, ensure_ascii=False)
    assert journal.departures()[order.ref] == 1


def test_a_second_bell_sends_nothing(order: Order, home: Path) -> None:
    sending.send_order(order.pk)
    sending.send_order(order.pk)
    assert len(out(home)) == 1
    assert journal.departures()[order.ref] == 1


def test_an_order_is_never_sent_inside_a_transaction(order: Order) -> None:
    with transaction.atomic(), pytest.raises(RuntimeError, match="inside a transaction"):
        sending.send_order(order.pk)


def test_no_transaction_is_open_while_bytes_leave(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(self: Adapter, order: object, document: object = None) -> Receipt:
        assert not connection.in_atomic_block
        return Receipt()

    monkeypatch.setattr(Adapter, "send", look)
    sending.send_order(order.pk)
    order.refresh_from_db()
    assert order.status == "sent"


def test_orders_of_a_held_batch_stay(order: Order, desk: stage.Desk, home: Path) -> None:
    actions.hold_batch(order.batch, note="等待核实", actor=desk.reviewer)
    sending.send_order(order.pk)
    order.refresh_from_db()
    assert (order.status, out(home)) == ("created", [])


def test_rows_changed_after_the_release_are_not_sent(order: Order, home: Path) -> None:
    """The hash of the submission is compared once more before the claim (F06)."""
    with transaction.atomic():
        execute("ALTER TABLE disbursement_payment DISABLE TRIGGER payment_frozen")
        execute("UPDATE disbursement_payment SET row_hash = sha256(row_hash) WHERE batch_id = %s", (order.batch_id,))
        execute("ALTER TABLE disbursement_payment ENABLE TRIGGER payment_frozen")
    sending.send_order(order.pk)
    order.refresh_from_db()
    order.batch.refresh_from_db()
    assert (order.status, order.batch.status, out(home)) == ("created", "held", [])
    assert stage.open_kinds() == ["content"]


def fail(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def refuse(self: Adapter, order: object, document: object = None) -> Receipt:
        raise error

    monkeypatch.setattr(Adapter, "send", refuse)


def test_a_bank_that_was_not_reached_is_tried_again_later(
    order: Order, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as down:
        fail(down, BankUnavailable("交换目录写不进去"))
        sending.send_order(order.pk)
    order.refresh_from_db()
    assert (order.status, attempts(order), order.queries) == ("created", {"created"}, 1)
    assert journal.departures()[order.ref] == 0
    sending.send_order(order.pk)
    assert out(home) == [], "not before the pause is over"
    Order.objects.update(query_at=Now())
    sending.send_order(order.pk)
    order.refresh_from_db()
    assert (order.status, len(out(home)), journal.departures()[order.ref]) == ("sent", 1, 1)


def test_an_unclear_end_is_unknown_and_not_sent_again(
    order: Order, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        fail(broken, OutcomeUnknown("连接中断"))
        sending.send_order(order.pk)
    order.refresh_from_db()
    assert (order.status, attempts(order)) == ("unknown", {"unknown"})
    sending.send_order(order.pk)
    sending.recover_stale()
    assert out(home) == []
    assert Order.objects.get().status == "unknown"


def test_a_definite_refusal_fails_every_line(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    fail(monkeypatch, BankRejected("H019 笔数或金额不符"))
    sending.send_order(order.pk)
    order.refresh_from_db()
    assert (order.status, attempts(order)) == ("rejected", {"failed"})
    assert set(order.batch.payments.values_list("status", "failure_code")) == {("failed", "F14")}


def test_an_account_that_does_not_open_sends_nothing(order: Order, home: Path) -> None:
    execute("ALTER TABLE programs_account DISABLE TRIGGER account_frozen")
    try:
        account = order.attempts.first().account  # type: ignore[union-attr]
        Account.objects.filter(pk=account.pk).update(number_sealed=bytes(60))
    finally:
        execute("ALTER TABLE programs_account ENABLE TRIGGER account_frozen")
    sending.send_order(order.pk)
    order.refresh_from_db()
    assert (order.status, out(home), list(journal.facts())) == ("created", [], [])


# --- the sender died ---


def claim(order: Order) -> None:
    """As after a crash right behind the claim."""
    assert sending._claim(order.pk) is not None
    lease_over(order)


def test_a_dead_sender_whose_file_is_nowhere_is_proven_and_sent_once(order: Order, home: Path) -> None:
    claim(order)
    outgoing = sending.outgoing_order(order)
    sending.archive(order, sending.adapter_for(order.bank).build(outgoing))
    journal.intent(order.ref, file_name="x", sm3="0", count=2, total_fen=1)
    sending.recover_stale()
    order.refresh_from_db()
    assert (order.status, attempts(order)) == ("created", {"created"})
    assert journal.departures()[order.ref] == 0
    Order.objects.update(query_at=None)
    sending.send_order(order.pk)
    assert (len(out(home)), journal.departures()[order.ref]) == (1, 1)


@pytest.mark.parametrize("taken", [False, True])
def test_a_dead_sender_whose_file_is_there_had_sent(order: Order, home: Path, taken: bool) -> None:
    claim(order)
    outgoing = sending.outgoing_order(order)
    sending.archive(order, sending.adapter_for(order.bank).build(outgoing))
    sending.adapter_for(order.bank).send(outgoing)
    if taken:
        (home / "exchange/bank-n/taken").mkdir(exist_ok=True)
        out(home)[0].rename(home / "exchange/bank-n/taken" / out(home)[0].name)
    sending.recover_stale()
    order.refresh_from_db()
    assert (order.status, attempts(order)) == ("sent", {"sent"})
    assert len(out(home)) == (0 if taken else 1)


def test_a_living_sender_is_left_alone(order: Order) -> None:

    claim(order)
    held, done = threading.Event(), threading.Event()

    def other_session() -> None:
        with only_one(ORDER, order.pk) as mine:
            assert mine
            held.set()
            done.wait(10)
        connection.close()

    thread = threading.Thread(target=other_session)
    thread.start()
    held.wait(10)
    sending.recover_stale()
    order.refresh_from_db()
    done.set()
    thread.join()
    assert order.status == "sending"


def test_a_claim_within_its_lease_is_left_alone(order: Order) -> None:
    assert sending._claim(order.pk) is not None
    sending.recover_stale()
    order.refresh_from_db()
    assert order.status == "sending"


def test_the_same_account_twice_a_day_is_counted(desk: stage.Desk, home: Path) -> None:
    person = stage.person_paid_at(make.make_bank())
    for _ in range(2):
        program = make.make_program()
        make.make_fund_plan(program, year=2022)
        stage.accepted_roster([(person, 100)], program=program)
        stage.release(desk, actions.make_batch(program, "2022-03", actor=desk.finance))
    stage.send_all()
    times = [files.read_order(path.read_bytes(), "20220305")[1][0].times for path in out(home)]
    assert times == ["1", "2"]


def test_an_order_that_does_not_get_out_is_shown_and_withdrawn_once_it_is_paid(
    order: Order, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as down:
        fail(down, BankUnavailable("交换目录写不进去"))
        for _ in range(TRIES):
            Order.objects.update(query_at=None)
            sending.send_order(order.pk)
    assert report_overdue() == 1
    assert stage.open_kinds() == ["outcome"]
    Order.objects.update(query_at=None)
    sending.send_order(order.pk)
    lines = [stage.said(a) for a in stage.attempts(order.batch)]
    stage.deliver(home, order.bank, stage.result_file(order.bank, ok=lines))
    assert stage.open_kinds() == []


def test_a_claim_before_anything_was_built_goes_back_without_a_journal_line(order: Order) -> None:
    claim(order)
    sending.recover_stale()
    order.refresh_from_db()
    assert (order.status, list(journal.facts())) == ("created", [])


def test_a_sweep_that_comes_round_often_rings_once_in_a_while(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[tuple[object, ...]] = []
    monkeypatch.setattr(sending, "ring", lambda *args: rung.append(args))
    assert sending.ring_created() == 0, "the release has just rung"
    Order.objects.update(claimed_until=Now() - sending.LEASE)
    assert [sending.ring_created() for _ in range(3)] == [1, 0, 0]
    assert rung == [("disbursement.tasks.send_order", order.pk)]


# --- the journal knows more than the database ---


def test_an_order_the_journal_knows_is_not_sent_again_after_a_restore(order: Order, home: Path) -> None:
    journal.intent(order.ref, file_name="gone.txt", sm3="0", count=2, total_fen=20_001)
    sending.send_order(order.pk)
    sending.recover_stale()
    order.refresh_from_db()
    assert (order.status, attempts(order), out(home)) == ("unknown", {"unknown"}, [])
    assert journal.departures()[order.ref] == 1, "nothing says that it did not leave"


def test_a_restored_order_whose_file_the_bank_has_was_sent(order: Order, home: Path) -> None:
    outgoing = sending.outgoing_order(order)
    document = sending.adapter_for(order.bank).build(outgoing)
    journal.intent(order.ref, file_name=document.name, sm3="0", count=2, total_fen=20_001)
    sending.adapter_for(order.bank).send(outgoing)
    claim(order)
    sending.recover_stale()
    order.refresh_from_db()
    assert (order.status, len(out(home)), journal.departures()[order.ref]) == ("sent", 1, 1)


def test_a_torn_line_spoils_no_other(order: Order, home: Path) -> None:
    sending.send_order(order.pk)
    (path,) = (home / "journal").iterdir()
    with path.open("ab") as handle:
        handle.write('{"what": "INTENT", "ref": "断'.encode()[:-1])
    journal.intent("NB000000009", file_name="x", sm3="0", count=1, total_fen=1)
    assert [fact["what"] for fact in journal.facts()] == ["INTENT", "TORN", "INTENT"]
    assert journal.departures() == {order.ref: 1, "NB000000009": 1}


def test_a_disk_that_takes_bytes_one_by_one_still_gets_the_whole_line(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, content: write(handle, content[:1]))
    journal.intent("NB000000009", file_name="x", sm3="0", count=1, total_fen=1)
    assert journal.may_have_left("NB000000009")


def test_an_intent_that_could_not_be_made_durable_is_taken_back_and_tried_again(
    order: Order, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        fsync = iter([OSError(5, "I/O error")])

        def fail_once(handle: int) -> None:
            for error in fsync:
                raise error

        broken.setattr(os, "fsync", fail_once)
        sending._send(sending._claim(order.pk) or order)
    order.refresh_from_db()
    assert (order.status, journal.departures()[order.ref]) == ("created", 0)
    Order.objects.update(query_at=None)
    sending.send_order(order.pk)
    assert (len(out(home)), journal.departures()[order.ref]) == (1, 1)

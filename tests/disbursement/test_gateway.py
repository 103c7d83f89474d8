"""The HTTP channel against a real server: an unclear answer makes an order unknown; it is asked about, never resent."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.db.models.functions import Now

from disbursement import asking, collecting, journal, sending
from disbursement.audit import run_audit
from disbursement.banks import adapter_for
from disbursement.models import Bank, BankFile, Batch, Discrepancy, Order
from disbursement.simulator.bank import Banks
from disbursement.simulator.gateway import Gateway, open_gateway
from disbursement.simulator.ledger import debits_by_ref
from programs.models import Account
from tests import make
from tests.disbursement import stage

pytestmark = pytest.mark.django_db(transaction=True)
PAY, RESULT, STATEMENT = "100001", "200004", "200002"


@pytest.fixture
def gateway(home: Path) -> Iterator[Gateway]:
    with open_gateway(home, home / "exchange") as listening:
        yield listening


@pytest.fixture
def bank(db: None, gateway: Gateway) -> Bank:
    return make.make_bank("N", kind="xml_gateway")


@pytest.fixture
def order(desk: stage.Desk, bank: Bank) -> Order:
    """One released order of three payments: one will succeed, one fail, one come back."""
    return stage.release(desk, stage.make_batch(desk, [0, 3, 16], bank=bank))[0]


@pytest.fixture
def goes_wrong(home: Path) -> Callable[..., None]:
    """``goes_wrong(PAY="html")``: how the bank answers messages of a kind."""

    def turn(**ways: str) -> None:
        codes = {"PAY": PAY, "RESULT": RESULT, "STATEMENT": STATEMENT}
        knobs = {"gateway": {codes[name]: way for name, way in ways.items()}}
        (home / "banksim" / "knobs.json").write_text(json.dumps(knobs))

    return turn


def send(order: Order) -> str:
    sending.send_order(order.pk)
    order.refresh_from_db()
    return order.status


def statuses(order: Order) -> list[str]:
    return list(order.attempts.order_by("line_no").values_list("status", flat=True))


def test_an_order_is_accepted_asked_about_and_settled(
    order: Order, banks: Banks, day: Callable[[str], None], desk: stage.Desk
) -> None:
    assert send(order) == "sent"
    stage.collect_all()
    assert statuses(order) == ["sent"] * 3, "accepted is no result"
    banks.round()
    stage.collect_all()
    order.refresh_from_db()
    assert (order.status, statuses(order)) == ("settled", ["succeeded", "failed", "succeeded"])
    day("2022-03-06")
    banks.round()
    stage.collect_all()
    assert statuses(order) == ["succeeded", "failed", "returned"]
    day("2022-03-07")
    banks.round()
    stage.collect_all()
    assert Batch.objects.get().status == "reconciled", "both days' statements were fetched and matched"
    assert stage.open_kinds() == []
    assert [finding.name for finding in run_audit() if not finding.holds] == []


def test_asking_again_changes_and_stores_nothing(order: Order, banks: Banks) -> None:
    send(order)
    banks.round()
    stage.collect_all()
    before = BankFile.objects.count()
    Order.objects.update(status="answered")
    stage.collect_all()
    stage.collect_all()
    assert BankFile.objects.count() == before


def test_an_order_is_asked_about_less_and_less_often(order: Order) -> None:
    send(order)
    assert asking.is_due(order.bank)
    collecting.collect(order.bank)
    order.refresh_from_db()
    assert order.query_at is not None
    assert not asking.is_due(order.bank), "neither the order nor the days are due again"


@pytest.mark.parametrize(
    "way", ["cut-after", "html", "empty", "error", "half", "unsigned", "gzip", "flood", "elsewhere"]
)
def test_what_is_no_clear_answer_is_unknown_and_found_by_asking(
    order: Order, banks: Banks, goes_wrong: Callable[..., None], way: str
) -> None:
    goes_wrong(PAY=way)
    assert send(order) == "unknown"
    assert set(statuses(order)) == {"unknown"}
    kept = BankFile.objects.filter(status="quarantined")
    assert kept.exists() == (way not in {"cut-after", "empty"}), "what came instead of an answer is kept"
    goes_wrong()
    banks.round()
    for _again in range(3):
        sending.send_order(order.pk)
    stage.collect_all()
    order.refresh_from_db()
    assert (order.status, statuses(order)[0]) == ("settled", "succeeded")
    assert journal.departures()[order.ref] == 1
    assert len(debits_by_ref(banks.ledger)) == 2, "each person once"


def test_a_link_cut_before_the_bank_took_it_stays_unknown(
    order: Order, banks: Banks, goes_wrong: Callable[..., None]
) -> None:
    """Bytes left; that the bank does not know the order proves nothing yet."""
    goes_wrong(PAY="cut-before")
    assert send(order) == "unknown"
    goes_wrong()
    banks.round()
    stage.collect_all()
    sending.recover_order(order.pk)
    order.refresh_from_db()
    assert order.status == "unknown"
    assert adapter_for(order.bank).query(order.ref, "").state == "absent"
    assert debits_by_ref(banks.ledger) == {}


def test_a_bank_that_is_not_there_got_no_byte_and_the_order_waits(order: Order, home: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (home / "banksim" / "gateway").write_text(f"http://127.0.0.1:{port} key")
    assert send(order) == "created"
    assert journal.departures()[order.ref] == 0
    assert order.query_at is not None


def test_a_bank_nobody_has_named_got_no_byte(order: Order, home: Path) -> None:
    (home / "banksim" / "gateway").unlink()
    assert send(order) == "created"
    assert journal.departures()[order.ref] == 0


def test_a_number_used_before_is_unknown_never_failed(
    order: Order, banks: Banks, goes_wrong: Callable[..., None]
) -> None:
    goes_wrong(PAY="cut-after")
    send(order)
    goes_wrong()
    # As after a restore of a database that knows nothing: the same message once more.
    Order.objects.filter(pk=order.pk).update(status="sending")
    outgoing = sending.outgoing_order(order)
    from disbursement.banks.base import OutcomeUnknown

    with pytest.raises(OutcomeUnknown, match="1005"):
        adapter_for(order.bank).send(outgoing)
    banks.round()
    assert len(debits_by_ref(banks.ledger)) == 2


def test_a_refusal_on_the_list_fails_every_line(order: Order, bank: Bank, banks: Banks) -> None:
    with banks.ledger:
        banks.ledger.execute(
            "INSERT INTO bank (folder, unit, account, kind) VALUES (?, 'OTHER', '1', 'xml_gateway')", (bank.folder,)
        )
    assert send(order) == "rejected"
    assert statuses(order) == ["failed"] * 3


def test_a_refused_question_refuses_no_order(order: Order, home: Path) -> None:
    """A key that has changed makes the bank refuse whatever we ask; the order was taken all the same."""
    assert send(order) == "sent"
    told = home / "banksim" / "gateway"
    told.write_text(told.read_text().rsplit(" ", 1)[0] + " another-key")
    stage.collect_all()
    order.refresh_from_db()
    assert (order.status, set(statuses(order))) == ("sent", {"sent"})


def test_a_bank_is_never_asked_inside_a_transaction(bank: Bank) -> None:
    with transaction.atomic(), pytest.raises(RuntimeError):
        asking.ask(bank, adapter_for(bank))


def test_strange_answers_to_a_question_are_shown_once(order: Order, goes_wrong: Callable[..., None]) -> None:
    send(order)
    goes_wrong(RESULT="html")
    stage.collect_all()
    stage.collect_all()
    assert Discrepancy.objects.filter(kind="quarantine").count() == 1
    assert set(statuses(order)) == {"sent"}


def test_a_dead_sender_is_found_by_asking(order: Order, banks: Banks) -> None:
    """kill -9 after the bank's answer and before it was noted."""
    send(order)
    Order.objects.filter(pk=order.pk).update(status="sending", claimed_until=Now() - sending.LEASE)
    order.attempts.update(status="sending")
    sending.recover_order(order.pk)
    order.refresh_from_db()
    assert order.status == "sent"


@pytest.mark.parametrize(("outcome", "said"), [(0, "same"), (2, "different"), (1, "different"), (3, "same")])
def test_the_bank_says_whether_a_name_belongs_to_an_account(bank: Bank, outcome: int, said: str) -> None:
    person = stage.person_paid_at(bank, outcome)
    number = Account.objects.get(holder=person).reveal_number()
    assert adapter_for(bank).check_name(person.name, number, person.reveal_id_number()).outcome == said


def test_no_answer_about_a_name_decides_nothing(bank: Bank, home: Path) -> None:
    (home / "banksim" / "gateway").unlink()
    assert adapter_for(bank).check_name("林", "6217990000000000018", "99000019500101001X").outcome == "unclear"


def test_the_gateway_takes_an_order_once_whoever_is_asked_first(gateway: Gateway, home: Path, order: Order) -> None:
    """A gateway that was stopped and started again listens where it did and knows what it took."""
    send(order)
    gateway.shutdown()
    gateway.server_close()
    port: Any = gateway.server_address[1]
    with open_gateway(home, home / "exchange") as again:
        assert again.server_address[1] == port
        assert adapter_for(order.bank).query(order.ref, "").state == "taken"

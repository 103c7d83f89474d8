"""What no bank's word settles, by requests: the same two persons, the same refusals as on the pages."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from disbursement.models import Discrepancy, Order, SendingStop, StatementEntry
from disbursement.simulator.terms import Entry
from subsidy_portal import clock
from tests import make
from tests.disbursement import stage
from tests.disbursement.test_api import API, client, get, post
from tests.disbursement.test_candidates import state
from tests.selfcheck.ledger import PDF

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def unknown(desk: stage.Desk) -> Order:
    """Sent, and nobody knows what became of it."""
    batch = stage.make_batch(desk, [0])
    order = stage.release(desk, batch)[0]
    stage.send_all()
    Order.objects.filter(pk=order.pk).update(status="unknown")
    order.attempts.update(status="unknown")
    order.refresh_from_db()
    return order


def test_a_letter_and_two_persons_settle_an_order(unknown: Order, desk: stage.Desk) -> None:
    asked = {"order": unknown.pk, "outcome": "failed", "reason": "银行来函：没有付出"}
    path = f"{API}/verdicts/by-letter/"
    bare = client(desk.finance).post(path, {**asked, "letter": SimpleUploadedFile("函.pdf", b"not a pdf")})
    assert bare.status_code == 400
    made = client(desk.finance).post(path, {**asked, "letter": SimpleUploadedFile("函.pdf", PDF)})
    assert made.status_code == 201, made.data
    assert made.data["status"] == "proposed"
    at = f"verdicts/{made.data['id']}"
    post(desk.finance, f"{at}/confirm", expect=403)
    assert post(desk.reviewer, f"{at}/confirm")["status"] == "confirmed"
    assert stage.statuses(unknown.batch) == ["failed"]


def test_without_proof_absence_is_refused_with_what_is_missing(unknown: Order, desk: stage.Desk) -> None:
    told = get(desk.finance, f"orders/{unknown.pk}/absence")
    assert told["holds"] is False
    assert told["missing"]
    refused = post(desk.finance, "verdicts", {"order": unknown.pk}, expect=422)
    assert told["missing"][0] in refused["message"]
    post(desk.town, "verdicts", {"order": unknown.pk}, expect=404)


def test_a_statement_line_is_bound_by_two_persons(desk: stage.Desk, home: Path) -> None:
    batch = stage.make_batch(desk, [0])
    stage.release(desk, batch)
    stage.send_all()
    (attempt,) = stage.attempts(batch)
    state(home, Entry("D", attempt.amount_fen, "", "X7", "代发"))
    item = Discrepancy.objects.get(kind="unmatched")
    asked = {"discrepancy": item.pk, "attempt_ref": attempt.ref, "reason": "银行回单17号"}
    post(desk.reviewer, "matches", asked, expect=403)
    made = post(desk.finance, "matches", asked, expect=201)
    assert (made["status"], made["amount_fen"]) == ("proposed", attempt.amount_fen)
    assert post(desk.reviewer, f"matches/{made['id']}/confirm")["status"] == "confirmed"
    assert StatementEntry.objects.get(pk=item.entry_id).attempt_id == attempt.pk
    assert stage.statuses(batch) == ["paid"]


def test_restore_mode_is_left_by_two_persons(desk: stage.Desk) -> None:
    stop = SendingStop.objects.create(reason="恢复了旧的数据库", started_at=clock.now())
    at = f"sending-stops/{stop.pk}"
    assert get(desk.town, "sending-stops")["results"] == []
    note = {"note": "对账单已补到3月4日"}
    assert post(desk.approver, f"{at}/propose", note)["status"] == "proposed"
    post(desk.approver, f"{at}/confirm", expect=403)
    other = make.make_user(make.K.FINANCE, make.R.APPROVER)
    assert post(other, f"{at}/confirm")["status"] == "reopened"


def test_names_that_no_channel_can_tell_are_refused_with_a_sentence(desk: stage.Desk) -> None:
    batch = stage.make_batch(desk, [0])
    told = post(desk.finance, f"batches/{batch.pk}/ask-names", expect=422)
    assert "没有要核验的账户" in told["message"]

"""The process dies (kill -9) at every named point of sending and collecting; then everything is paid, once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from disbursement import sending
from disbursement.audit import run_audit
from disbursement.failpoints import FAILPOINTS
from disbursement.models import Batch, Order, Payment
from disbursement.simulator.bank import Banks
from disbursement.simulator.ledger import debits_by_ref
from tests.disbursement import stage
from tests.disbursement.conftest import banks, day, desk, home  # noqa: F401 - fixtures
from tests.stack import database_url

pytestmark = [pytest.mark.stack, pytest.mark.django_db(transaction=True)]

SENDING = [
    "claim-before-commit", "after-claim", "before-journal", "after-journal", "half-written", "before-rename",
    "after-rename", "after-send",
]  # fmt: skip
COLLECTING = ["after-receive", "mid-apply", "mid-statement", "before-move"]
PROGRAM = """
import django
django.setup()
from disbursement import collecting, sending
from disbursement.models import Bank, Order
for pk in Order.objects.filter(status="created").values_list("pk", flat=True):
    sending.send_order(pk)
for bank in Bank.objects.all():
    collecting.collect(bank)
"""


def run(home: Path, failpoint: str = "") -> int:  # noqa: F811
    """Send and collect in a process of its own; returns how it ended."""
    # The process reads the keys of its own folder; they are those of this one.
    if not (home / "secrets").exists():
        (home / "secrets").symlink_to(Path(settings.BASE_DIR) / os.environ["PORTAL_HOME"] / "secrets")
    env = {
        **os.environ,
        "PORTAL_HOME": str(home),
        "DATABASE_URL": database_url(connection.settings_dict["NAME"]),
        **({"PORTAL_FAILPOINT": failpoint} if failpoint else {}),
    }
    return subprocess.run([sys.executable, "-c", PROGRAM], cwd=settings.BASE_DIR, env=env, timeout=60).returncode


def recover() -> None:
    """What the sweep does, without waiting for leases and pauses."""
    Order.objects.filter(status="sending").update(claimed_until=Now() - sending.LEASE)
    sending.recover_stale()
    Order.objects.update(query_at=None)
    stage.send_all()


def settle(bank: Banks, to_day: Callable[[str], None]) -> None:
    bank.round()
    stage.collect_all()
    to_day("2022-03-31")
    bank.round()
    stage.collect_all()


def judge(bank: Banks, batch: Batch) -> None:
    """The bank's own ledger decides: each payment debited once, under one reference; and every invariant holds."""
    batch.refresh_from_db()
    assert (batch.status, set(stage.statuses(batch))) == ("reconciled", {"paid"})
    assert debits_by_ref(bank.ledger) == {a.ref: a.amount_fen for a in stage.attempts(batch)}
    assert len(stage.attempts(batch)) == Payment.objects.count()
    assert [finding.name for finding in run_audit() if not finding.holds] == []


@pytest.mark.parametrize("point", SENDING)
def test_killed_while_sending(desk: Any, banks: Banks, home: Path, day: Any, point: str) -> None:  # noqa: F811
    batch = stage.make_batch(desk, [0, 0, 0])
    stage.release(desk, batch)
    assert run(home, point) == 9
    recover()
    settle(banks, day)
    judge(banks, batch)


@pytest.mark.parametrize("point", COLLECTING)
def test_killed_while_collecting(desk: Any, banks: Banks, home: Path, day: Any, point: str) -> None:  # noqa: F811
    batch = stage.make_batch(desk, [0, 0, 0])
    stage.release(desk, batch)
    stage.send_all()
    banks.round()
    if point == "mid-statement":
        day("2022-03-31")
        banks.round()
    assert run(home, point) == 9
    assert run(home) == 0
    settle(banks, day)
    judge(banks, batch)


def test_every_failpoint_is_visited() -> None:
    assert {*SENDING, *COLLECTING} == set(FAILPOINTS)

"""The process dies (kill -9) at every named point of sending and collecting; then everything is paid, once."""

# ruff: noqa: F811 - fixtures are imported
from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from disbursement import actions, sending
from disbursement.audit import run_audit
from disbursement.failpoints import FAILPOINTS
from disbursement.models import Batch, Order, Payment, Reissue
from disbursement.simulator.bank import HALVES, Banks
from disbursement.simulator.gateway import open_gateway
from disbursement.simulator.ledger import debits_by_ref
from tests import make
from tests.disbursement import stage
from tests.disbursement.conftest import banks, day, desk, home  # noqa: F401 - fixtures
from tests.faults.force import FULL
from tests.stack import database_url

pytestmark = [pytest.mark.stack, pytest.mark.django_db(transaction=True)]

FOLDER = ["half-written", "before-rename", "after-rename"]
GATEWAY = ["before-post", "after-post"]
SENDING = ["claim-before-commit", "after-claim", "before-journal", "after-journal", "after-send"]
COLLECTING = ["after-receive", "mid-apply", "mid-statement", "before-move"]
KINDS = sorted(HALVES)
# Where each channel can die on the way out, and on the way in: what a gateway answers is placed like a file.
OUT = [(kind, point) for kind in KINDS for point in SENDING + (GATEWAY if kind == "xml_gateway" else FOLDER)]
IN = [(kind, point) for kind in KINDS for point in COLLECTING]
# The journal says that bytes may have left, the bank knows nothing: only proof closes it (test_verdicts).
NOBODY_KNOWS = {("xml_gateway", "after-journal"), ("xml_gateway", "before-post")}
IN += [("xml_gateway", point) for point in ["after-question", *FOLDER, *GATEWAY]]
if not FULL:
    # The short form kills one channel everywhere, and the others where they differ from it.
    DIFFERENT = {"mid-apply", "after-question", *GATEWAY}
    OUT, IN = (
        [pair for pair in pairs if pair[0] == "pipe_text" or pair[1] in DIFFERENT or pair in NOBODY_KNOWS]
        for pairs in (OUT, IN)
    )
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


DECIDE = """
import django
django.setup()
from disbursement import actions
from disbursement.models import {model}
from subsidy_portal.models import User
actions.{action}({model}.objects.get(pk={pk}), actor=User.objects.get(pk={actor}))
"""


def run(home: Path, failpoint: str = "", program: str = PROGRAM) -> int:
    """Send and collect in a process of its own; returns how it ended."""
    # The process reads the keys of its own folder; they are those of this one.
    with contextlib.suppress(FileExistsError):
        (home / "secrets").symlink_to(Path(settings.BASE_DIR) / os.environ["PORTAL_HOME"] / "secrets")
    env = {
        **os.environ,
        "PORTAL_HOME": str(home),
        "DATABASE_URL": database_url(connection.settings_dict["NAME"]),
        **({"PORTAL_FAILPOINT": failpoint} if failpoint else {}),
    }
    return subprocess.run([sys.executable, "-c", program], cwd=settings.BASE_DIR, env=env, timeout=60).returncode


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


@pytest.fixture
def gateway(home: Path) -> Iterator[None]:
    with open_gateway(home, home / "exchange"):
        yield


@pytest.mark.parametrize("action", ["submit", "approve", "release"])
def test_killed_while_deciding(desk: Any, banks: Banks, home: Path, day: Any, action: str) -> None:
    """Killed before the commit nothing was decided; the same step again is the first."""
    batch = stage.make_batch(desk, [0, 0, 3])
    signs = {"submit": desk.finance, "approve": desk.reviewer, "release": desk.approver}
    for step, actor in signs.items():
        if step == action:
            before = (Batch.objects.get(pk=batch.pk).status, Order.objects.count())
            program = DECIDE.format(model="Batch", action=f"{step}_batch", pk=batch.pk, actor=actor.pk)
            assert run(home, f"{step}-before-commit", program) == 9
            assert (Batch.objects.get(pk=batch.pk).status, Order.objects.count()) == before
            batch.refresh_from_db()
        getattr(actions, f"{step}_batch")(batch, actor=actor)
    stage.send_all()
    banks.round()
    stage.collect_all()
    assert stage.statuses(batch) == ["paid", "paid", "failed"]
    assert len(debits_by_ref(banks.ledger)) == 2


def to_reissue(desk: Any, banks: Banks) -> Reissue:
    """A reissue of one corrected payment, waiting for its release."""
    batch = stage.pay(desk, banks, [0, 3])
    correction = actions.propose_correction(
        batch.payments.get(status="failed"), number=make.make_account_number(), bank=make.make_bank().organisation,
        kind="ssc", reason="本人换了新卡", actor=desk.town,
    )  # fmt: skip
    actions.approve_correction(correction, actor=desk.town_reviewer)
    return actions.make_reissue(batch, actor=desk.department)


def test_killed_while_a_reissue_is_released(desk: Any, banks: Banks, home: Path, day: Any) -> None:
    reissue = to_reissue(desk, banks)
    program = DECIDE.format(model="Reissue", action="release_reissue", pk=reissue.pk, actor=desk.approver.pk)
    assert run(home, "reissue-before-commit", program) == 9
    assert Order.objects.count() == 1, "nothing was made of it"
    actions.release_reissue(reissue, actor=desk.approver)
    stage.send_all()
    settle(banks, day)
    assert stage.statuses(reissue.batch) == ["paid", "paid"]
    assert len(debits_by_ref(banks.ledger)) == 2


def test_two_persons_release_one_reissue_at_once(desk: Any, banks: Banks, home: Path) -> None:
    reissue = to_reissue(desk, banks)
    other = make.make_user(make.K.FINANCE, make.R.APPROVER)
    program = DECIDE.format(model="Reissue", action="release_reissue", pk=reissue.pk, actor="{}")
    with ThreadPoolExecutor(2) as hands:
        ended = list(hands.map(lambda pk: run(home, "", program.replace("{}", str(pk))), [desk.approver.pk, other.pk]))
    assert sorted(ended) == [0, 1], "one of them wins, the other is told"
    assert Order.objects.count() == 2


@pytest.mark.parametrize(("kind", "point"), OUT)
def test_killed_while_sending(
    desk: Any,
    banks: Banks,
    gateway: None,
    home: Path,
    day: Any,
    kind: str,
    point: str,
) -> None:
    batch = stage.make_batch(desk, [0, 0, 0], bank=make.make_bank(kind=kind))
    stage.release(desk, batch)
    assert run(home, point) == 9
    recover()
    settle(banks, day)
    if (kind, point) in NOBODY_KNOWS:
        assert set(stage.statuses(batch)) == {"in_flight"}
        assert debits_by_ref(banks.ledger) == {}
        assert {item.status for item in Order.objects.all()} == {"unknown"}, "waits for proof, is never sent again"
        assert [finding.name for finding in run_audit() if not finding.holds] == []
        return
    judge(banks, batch)


@pytest.mark.parametrize(("kind", "point"), IN)
def test_killed_while_collecting(
    desk: Any,
    banks: Banks,
    gateway: None,
    home: Path,
    day: Any,
    kind: str,
    point: str,
) -> None:
    batch = stage.make_batch(desk, [0, 0, 0], bank=make.make_bank(kind=kind))
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
    decided = {f"{step}-before-commit" for step in ("submit", "approve", "release", "reissue")}
    assert {point for _kind, point in OUT + IN} | decided == set(FAILPOINTS)

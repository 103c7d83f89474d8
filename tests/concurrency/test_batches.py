"""Eight sessions press the same button at the same moment: exactly one wins, the others are told so."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from disbursement import actions, sending
from disbursement.models import Batch, Order, Payment
from programs.models import FundPlan
from subsidy_portal.models import Event, User
from subsidy_portal.workflow import Refused
from tests import make
from tests.disbursement import stage
from tests.disbursement.conftest import desk, home  # noqa: F401 - fixtures
from tests.make import K, R

pytestmark = pytest.mark.django_db(transaction=True)
SESSIONS = 8


def race(*sessions: Callable[[], Any]) -> list[Any]:
    """Run every session in a thread with a connection of its own, started together; results or refusals."""
    gate, ends = threading.Barrier(len(sessions)), [None] * len(sessions)

    def one(n: int) -> None:
        try:
            connection.ensure_connection()
            gate.wait(20)
            ends[n] = sessions[n]()
        except Refused as refused:
            ends[n] = refused  # type: ignore[call-overload]
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=(n,)) for n in range(len(sessions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return ends


def refused(ends: list[Any]) -> list[Refused]:
    return [end for end in ends if isinstance(end, Refused)]


def users(role: str) -> list[User]:
    return [make.make_user(K.FINANCE, role) for _ in range(SESSIONS)]


def test_eight_sessions_approve_one_batch(desk: Any) -> None:  # noqa: F811
    batch = stage.make_batch(desk, [0])
    actions.submit_batch(batch, actor=desk.finance)
    seen = [Batch.objects.get(pk=batch.pk) for _ in range(SESSIONS)]
    ends = race(
        *(lambda b=b, u=u: actions.approve_batch(b, actor=u) for b, u in zip(seen, users(R.REVIEWER), strict=True))
    )
    assert len(refused(ends)) == SESSIONS - 1
    assert Event.objects.filter(subject_type="disbursement.batch", new_status="approved").count() == 1


def test_eight_sessions_release_one_batch(desk: Any) -> None:  # noqa: F811
    batch = stage.approve(desk, stage.make_batch(desk, [0, 0]))
    seen = [Batch.objects.get(pk=batch.pk) for _ in range(SESSIONS)]
    ends = race(
        *(lambda b=b, u=u: actions.release_batch(b, actor=u) for b, u in zip(seen, users(R.APPROVER), strict=True))
    )
    assert len(refused(ends)) == SESSIONS - 1
    assert Order.objects.count() == 1
    assert Payment.objects.filter(attempts__seq=1, status="in_flight").count() == 2


def test_eight_sessions_make_the_same_batch(desk: Any) -> None:  # noqa: F811
    program = make.make_program()
    make.make_fund_plan(program, year=2022)
    stage.accepted_roster([(make.make_person(), 100)], program=program)
    ends = race(*(lambda u=u: actions.make_batch(program, "2022-03", actor=u) for u in users(R.OPERATOR)))
    assert len(refused(ends)) == SESSIONS - 1
    assert (Batch.objects.count(), Payment.objects.count()) == (1, 1)


def test_eight_batches_share_a_plan_that_holds_three(desk: Any) -> None:  # noqa: F811
    program = make.make_program()
    plan = make.make_fund_plan(program, planned_fen=350, year=2022)
    batches = []
    for month in range(1, SESSIONS + 1):
        stage.accepted_roster([(make.make_person(), 100)], program=program, period=f"2022-{month:02d}")
        batches.append(actions.make_batch(program, f"2022-{month:02d}", actor=desk.finance))
        actions.submit_batch(batches[-1], actor=desk.finance)
    ends = race(
        *(lambda b=b, u=u: actions.approve_batch(b, actor=u) for b, u in zip(batches, users(R.REVIEWER), strict=True))
    )
    assert len(refused(ends)) == 5
    assert Batch.objects.filter(status="approved").count() == 3
    assert FundPlan.objects.get() == plan


def test_eight_workers_send_one_order_once(desk: Any, home: Path) -> None:  # noqa: F811
    (order,) = stage.release(desk, stage.make_batch(desk, [0]))
    race(*(lambda: sending.send_order(order.pk) for _ in range(SESSIONS)))
    order.refresh_from_db()
    assert order.status == "sent"
    assert len(list((home / "exchange/bank-n/out").iterdir())) == 1
    assert Event.objects.filter(subject_type="disbursement.order", new_status="sending").count() == 1

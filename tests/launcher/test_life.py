"""Start, use, stop, break and start again: data stays, processes do not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from subsidy_portal import supervisor
from tests.launcher.conftest import Clone, alive, family, wait_gone

MAKE_SOMETHING = """
from subsidy_portal.models import User
from subsidy_portal.workflow import record
user = User.objects.create_user("keeper")
record(user, "kept", actor=user)
"""
COUNT = "from subsidy_portal.models import User; print('keepers', User.objects.filter(username='keeper').count())"


def interrupt(process: subprocess.Popen[str]) -> int:
    os.kill(process.pid, signal.SIGINT)
    return process.wait(60)


def command_line(process: psutil.Process) -> str:
    return " ".join(process.cmdline())


@pytest.mark.stack
def test_data_stays_and_processes_do_not(clone: Clone):
    first = clone.up()
    with urllib.request.urlopen(f"http://127.0.0.1:{clone.port}/healthz", timeout=10) as answer:
        assert answer.status == 200
    processes = family(first)
    lines = "\n".join(map(command_line, processes))
    for part in ("bin/postgres", "redis-server", "celery -A subsidy_portal worker", "beat", "gunicorn", "banksim"):
        assert part in lines

    # Beside the running portal: manage.py joins its servers, a second portal is sent away.
    assert clone.run("manage", "shell", "-c", MAKE_SOMETHING).returncode == 0
    second = clone.run("up")
    assert second.returncode == 2
    assert str(first.pid) in second.stderr
    assert f"127.0.0.1:{clone.port}" in second.stderr

    assert interrupt(first) == 0
    assert alive(processes) == []

    # Alone: manage.py starts the servers for itself, and the data is there.
    assert "keepers 1" in clone.run("manage", "shell", "-c", COUNT).stdout

    # A demo never plays on data that is no rehearsal.
    refused = clone.run("demo", "--exit")
    assert refused.returncode == 2
    assert "PORTAL_HOME" in refused.stderr

    # Killed with no chance to clean up: the watchman ends what is left, and nothing is lost.
    again = clone.up()
    processes = family(again)
    os.kill(again.pid, signal.SIGKILL)
    again.wait()
    assert wait_gone(processes, 20) == []
    assert "keepers 1" in clone.run("manage", "shell", "-c", COUNT).stdout


@pytest.mark.stack
def test_after_kill_9_of_everything_the_next_start_recovers(clone: Clone):
    assert clone.run("manage", "migrate").returncode == 0
    assert clone.run("manage", "shell", "-c", MAKE_SOMETHING).returncode == 0
    processes = family(clone.up())
    # The database is spared: an orphan on the data folder is the harder case than a dead one.
    database = [process for process in processes if "bin/postgres" in command_line(process)]
    for process in processes:
        if process not in database and process.is_running() and not process.name().startswith("postgres"):
            process.kill()
    counted = clone.run("manage", "shell", "-c", COUNT)
    assert "keepers 1" in counted.stdout, counted.stderr
    assert wait_gone(processes, 5) == []


@pytest.mark.stack
def test_a_service_that_dies_is_started_again_and_told(clone: Clone):
    portal = clone.up()
    worker = next(p for p in psutil.Process(portal.pid).children() if "worker" in command_line(p))
    worker.kill()
    assert portal.stdout is not None
    assert any("worker" in line and "重新启动" in line for line in portal.stdout)
    deadline = time.monotonic() + 15
    while not any("worker" in command_line(p) for p in psutil.Process(portal.pid).children() if p.pid != worker.pid):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.kill(portal.pid, signal.SIGTERM)
    assert portal.wait(60) == 0


def test_leftovers_are_ended_only_when_they_are_really_ours(tmp_path: Path):
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        born = psutil.Process(sleeper.pid).create_time()
        record = tmp_path / "services.json"
        for written, ended in ((born - 3600, []), (born, ["sleeper"])):
            services = {"sleeper": [sleeper.pid, written, int(signal.SIGTERM)]}
            record.write_text(json.dumps({"supervisor": 1, "services": services}))
            assert supervisor.end_leftovers(record, supervisor=2) == []
            assert supervisor.end_leftovers(record) == ended
        assert sleeper.wait(5) == -signal.SIGTERM
    finally:
        sleeper.kill()
        sleeper.wait()

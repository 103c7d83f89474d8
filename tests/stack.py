"""The real services of one throw-away portal (database, worker, beat, banks, web), killed like the real ones."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import redis
from django.conf import settings
from django.db import connection
from django.test.utils import override_settings

ROOT = Path(settings.BASE_DIR)
PYTHON = sys.executable
CELERY = [PYTHON, "-m", "celery", "-A", "subsidy_portal"]


def database_url(name: str) -> str:
    """DATABASE_URL with another database."""
    return urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))


def _admin(*statements: str) -> None:
    admin = psycopg2.connect(database_url("postgres"))
    admin.autocommit = True
    with contextlib.closing(admin), admin.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def make_template() -> str:
    """A migrated, empty database to clone from; returns its name."""
    name = f"stack_template_{os.getpid()}"
    _admin(f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
    env = {**os.environ, "DATABASE_URL": database_url(name)}
    subprocess.run([PYTHON, "manage.py", "migrate", "-v0"], cwd=ROOT, env=env, check=True, timeout=120)
    return name


def drop_database(name: str) -> None:
    _admin(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


class Stack:
    """One portal of its own. ``with stack.django():`` points this process's ORM, clock and files at it."""

    def __init__(self, home: Path, template: str) -> None:
        self.home = home
        self.database = f"stack_{os.getpid()}_{time.monotonic_ns()}"
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.port = 0
        for folder in ("banksim", "exchange", "files", "journal", "log", "run"):
            (home / folder).mkdir(parents=True)
        # The same keys as this process, so that what a test encrypts the services can read.
        shutil.copytree(Path(settings.PORTAL_HOME) / "secrets", home / "secrets")
        _admin(f"CREATE DATABASE {self.database} TEMPLATE {template}")
        redis.Redis.from_url(settings.REDIS_URL).flushdb()

    @property
    def env(self) -> dict[str, str]:
        return {
            **os.environ,
            "PORTAL_HOME": str(self.home),
            "PORTAL_REHEARSAL": "1",
            "DATABASE_URL": database_url(self.database),
            "PORTAL_LOG_LEVEL": "INFO",
        }

    def command(self, name: str) -> list[str]:
        return {
            "worker": [
                *CELERY,
                "worker",
                "-c",
                "2",
                "-Q",
                "default,import,bank",
                "--without-gossip",
                "--without-mingle",
            ],
            "beat": [*CELERY, "beat", "-s", str(self.home / "run" / "schedule"), "--pidfile="],
            "banksim": [PYTHON, "manage.py", "banksim"],
            "web": [PYTHON, "-m", "gunicorn", "subsidy_portal.wsgi", "-b", f"127.0.0.1:{self.port}", "--threads", "8"],
        }[name]

    def start(self, *names: str, **env: str) -> None:
        """Start services, each in a process group of its own; logs go to ``home``/log."""
        for name in names:
            if name == "web":
                self.port = self.port or _free_port()
            with (self.home / "log" / f"{name}.log").open("ab") as log:
                self.running[name] = subprocess.Popen(
                    self.command(name),
                    cwd=ROOT,
                    env={**self.env, **env},
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            if name == "web":
                wait(self._web_answers, 30, "web")

    def _web_answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def kill(self, name: str) -> None:
        """kill -9 of the service and all its children."""
        process = self.running.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)

    def stop(self) -> None:
        for name in list(self.running):
            self.kill(name)
        connection.close()
        drop_database(self.database)

    def manage(self, *arguments: str, check: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PYTHON, "manage.py", *arguments],
            cwd=ROOT,
            env={**self.env, **env},
            capture_output=True,
            text=True,
            check=check,
            timeout=300,
        )

    def knobs(self, **knobs: Any) -> None:
        """Turn the simulator's knobs; it reads them at its next round."""
        path = self.home / "banksim" / "knobs.json"
        part = path.with_suffix(".part")
        part.write_text(json.dumps(knobs))
        part.rename(path)

    def bank_report(self) -> dict[str, Any]:
        return dict(json.loads(self.manage("banksim", "--report").stdout))

    def log(self, name: str) -> str:
        return (self.home / "log" / f"{name}.log").read_text(errors="replace")

    @contextlib.contextmanager
    def django(self) -> Iterator[None]:
        """The ORM, the clock and the stored files of this process are the stack's while inside."""
        storages = {
            name: {**storage, "OPTIONS": {**storage["OPTIONS"], "location": self.home / folder}}
            for name, storage, folder in (
                ("exchange", settings.STORAGES["exchange"], "exchange"),
                ("archive", settings.STORAGES["archive"], "files"),
            )
        }
        before = connection.settings_dict["NAME"]
        connection.close()
        connection.settings_dict["NAME"] = self.database
        try:
            with override_settings(
                PORTAL_HOME=self.home,
                SEND_JOURNAL=self.home / "journal",
                STORAGES={**settings.STORAGES, **storages},
            ):
                yield
        finally:
            connection.close()
            connection.settings_dict["NAME"] = before


def wait(until: Callable[[], Any], seconds: float, what: str) -> Any:
    """The first true answer of ``until``; AssertionError naming ``what`` when it does not come in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = until()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen within {seconds} s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

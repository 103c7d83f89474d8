"""A copy of the portal as a stranger would clone it, and the commands a stranger would type."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

BASE_DIR = Path(__file__).resolve().parent.parent.parent
LEFT_OUT = (".git", ".venv", ".portal", "tests", "docs", "*_cache", ".hypothesis", "__pycache__")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Clone:
    """A working copy with its own data folder; ``env`` is all its commands see of ours."""

    path: Path
    home: Path
    port: int = field(default_factory=free_port)
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def env(self) -> dict[str, str]:
        return {
            "HOME": str(self.home.parent),
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "PORTAL_HOME": str(self.home),
            "PORTAL_PORT": str(self.port),
        }

    def run(
        self, *arguments: str, python: Sequence[str] = (sys.executable,), **env: str
    ) -> subprocess.CompletedProcess[str]:
        command = [*python, str(self.path / "portal"), *arguments]
        return subprocess.run(
            command, env={**self.env, **env}, cwd=self.path, capture_output=True, text=True, timeout=120
        )

    def up(self) -> subprocess.Popen[str]:
        """`./portal up`, once it has said that it serves."""
        process = subprocess.Popen(
            [sys.executable, str(self.path / "portal"), "up"],
            env=self.env,
            cwd=self.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.running.append(process)
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if "Ctrl-C" in line:
                return process
        raise AssertionError("".join(said))


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The supervisor and everything below it; a later reuse of a number does not count as the same process."""
    top = psutil.Process(process.pid)
    return [top, *top.children(recursive=True)]


def alive(processes: list[psutil.Process]) -> list[str]:
    return [p.name() for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def wait_gone(processes: list[psutil.Process], seconds: float) -> list[str]:
    """Who is still there after at most ``seconds``."""
    deadline = time.monotonic() + seconds
    while (left := alive(processes)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


@pytest.fixture(scope="session")
def source() -> Iterator[Path]:
    # Not below pytest's own folder: every pytest that starts takes away the passage which root's
    # database account needs there.
    with tempfile.TemporaryDirectory(prefix="portal-clone-") as folder:
        path = Path(folder) / "portal"
        shutil.copytree(BASE_DIR, path, ignore=shutil.ignore_patterns(*LEFT_OUT))
        yield path


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty folder for HOME and the data folder of one test."""
    with tempfile.TemporaryDirectory(prefix="portal-home-") as folder:
        yield Path(folder)


@pytest.fixture
def bare(source: Path, place: Path) -> Clone:
    """A clone without .venv."""
    (source / ".venv").unlink(missing_ok=True)
    return Clone(source, place / "home")


@pytest.fixture
def clone(source: Path, place: Path) -> Iterator[Clone]:
    """A clone whose environment is installed already (ours, by a link)."""
    link = source / ".venv"
    if not link.exists():
        link.symlink_to(BASE_DIR / ".venv")
    made = Clone(source, place / "home")
    yield made
    for process in made.running:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGTERM)
            process.wait(60)

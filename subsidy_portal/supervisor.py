"""Start processes, watch them, stop them: what `./portal up` and `./portal demo` stand on.

Knows nothing of Django. Every service runs in a process group of its own, is written down in
``run/services.json`` while it lives, and is ended by a watchman (``python -m
subsidy_portal.supervisor``) when the supervisor itself is killed with no chance to clean up.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType

import psutil

BASE_DIR = Path(__file__).resolve().parent.parent
LOGS_KEPT = 5
FIRST_PAUSE, LONGEST_PAUSE, SETTLED_AFTER = 1.0, 60.0, 60.0
WATCHMAN_PATIENCE = 8.0


class CannotStart(Exception):
    """Why the portal cannot run here, and what to do, in one sentence."""


def say(text: str) -> None:
    """One line on screen, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@dataclass
class Service:
    """One process. ``account`` is another system account to run it under (only root can).

    ``on_screen`` writes to the screen instead of a log; ``terminal`` shares our terminal too, for
    commands a person talks to: Ctrl-C is then theirs to answer.
    """

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    account: str | None = None
    cwd: Path = BASE_DIR
    stop_signal: signal.Signals = signal.SIGTERM
    hard_signal: signal.Signals = signal.SIGKILL
    patience: float = 10.0
    on_screen: bool = False
    terminal: bool = False
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    pause: float = 0.0
    restart_at: float = 0.0

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner only."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    part.replace(path)


def rotate(log: Path) -> None:
    """``web.log`` becomes ``web.log.1`` and so on; the oldest goes."""
    for number in range(LOGS_KEPT - 1, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{number + 1}"))
    if log.exists():
        log.replace(log.with_name(f"{log.name}.1"))


def last_line(log: Path, *marks: str) -> str:
    """The last line of a log that carries one of ``marks``, else its last line; for error sentences."""
    try:
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    except FileNotFoundError:
        return ""
    marked = [line for line in lines if any(mark in line for mark in marks)]
    return (marked or lines or [""])[-1].strip()


class Supervisor:
    """Owns the services of one data folder: ``with Supervisor(home) as portal: portal.start(...)``.

    Leaving the block stops everything, the last started first. Inside it SIGTERM and SIGHUP count
    as Ctrl-C; while stopping, another Ctrl-C stops the hard way.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.services: list[Service] = []
        self._command: Service | None = None
        self._record = home / "run" / "services.json"
        self._watchman: subprocess.Popen[bytes] | None = None
        self._starting = self._interrupted = self._hurry = self._stopping = self._terminal_lent = False
        self._old_handlers: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}

    def __enter__(self) -> Supervisor:
        for name in end_leftovers(self._record):
            say(f"已结束上次没有正常停止的进程：{name}。(leftover ended)")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._old_handlers[number] = signal.signal(number, self._on_signal)
        self._watchman = subprocess.Popen(
            [sys.executable, "-m", "subsidy_portal.supervisor", str(self._record), str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd=BASE_DIR,
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopping = True
        for service in reversed(self.services):
            self._stop(service)
        self._record.unlink(missing_ok=True)
        if self._watchman is not None and self._watchman.stdin is not None:
            self._watchman.stdin.close()
            self._watchman.wait()
        for number, handler in self._old_handlers.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._stopping:
            self._hurry = True
        elif number == signal.SIGINT and self._terminal_lent:
            return  # the terminal sent it to the command in front as well
        elif self._starting:
            # Between fork and bookkeeping a child would be forgotten: finish that first.
            self._interrupted = True
        else:
            raise KeyboardInterrupt

    @contextmanager
    def _uninterrupted(self) -> Iterator[None]:
        self._starting = True
        try:
            yield
        finally:
            self._starting = False
        if self._interrupted:
            self._interrupted = False
            raise KeyboardInterrupt

    def log_of(self, name: str) -> Path:
        return self.home / "log" / f"{name}.log"

    def start(self, service: Service) -> None:
        """Start a service for the first time, with a fresh log."""
        rotate(self.log_of(service.name))
        self.services.append(service)
        self._spawn(service)

    def _spawn(self, service: Service) -> None:
        log = None if service.on_screen else self.log_of(service.name).open("ab")
        with self._uninterrupted(), log or nullcontext():
            service.process = subprocess.Popen(
                service.command,
                env={**os.environ, **service.env},
                cwd=service.cwd,
                stdin=None if service.terminal else subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT if log else None,
                start_new_session=not service.terminal,
                user=service.account,
                group=account_group(service.account),
                extra_groups=None if service.account is None else [],
            )
            service.started_at = time.monotonic()
            self._write_record()

    def _write_record(self) -> None:
        entries = {}
        for service in [*self.services, *filter(None, [self._command])]:
            if service.process is None or not service.alive:
                continue
            try:
                born = psutil.Process(service.process.pid).create_time()
            except psutil.NoSuchProcess:
                continue
            entries[service.name] = [service.process.pid, born, int(service.stop_signal)]
        write_private(self._record, json.dumps({"supervisor": os.getpid(), "services": entries}))

    def check(self) -> None:
        """Start again what has died, each time after a longer pause."""
        now = time.monotonic()
        for service in self.services:
            if service.alive or service.process is None:
                continue
            if service.restart_at == 0:
                settled = now - service.started_at > SETTLED_AFTER
                service.pause = FIRST_PAUSE if settled or not service.pause else min(service.pause * 2, LONGEST_PAUSE)
                service.restart_at = now + service.pause
                say(
                    f"{service.name} 意外停止（代码 {service.process.returncode}），{service.pause:.0f} 秒后重新启动；"
                    f"日志 {self.log_of(service.name)} (died, restarting)"
                )
                kill_group(service.process.pid, signal.SIGKILL)
            elif now >= service.restart_at:
                service.restart_at = 0
                self._spawn(service)

    def wait_until(self, ready: Callable[[], bool], service: Service, *, seconds: float, marks: Sequence[str]) -> None:
        """Wait for a freshly started service; raises CannotStart with its last words when it dies or is too slow."""
        deadline = time.monotonic() + seconds
        while not ready():
            log = self.log_of(service.name)
            if not service.alive:
                raise CannotStart(
                    f"{service.name} 不能启动：{last_line(log, *marks)}（日志 {log}）。({service.name} does not start.)"
                )
            if time.monotonic() > deadline:
                raise CannotStart(f"{service.name} 在 {seconds:.0f} 秒内没有就绪，请看日志 {log}。(not ready in time)")
            self.check()
            time.sleep(0.05)

    def run(self, command: Service) -> int:
        """Run a command to its end while watching the services; its exit code."""
        self._command, self._terminal_lent = command, command.terminal
        if not command.on_screen:
            rotate(self.log_of(command.name))
        try:
            self._spawn(command)
            assert command.process is not None  # noqa: S101 - for the type checker
            while (code := _poll(command.process, 0.2)) is None:
                self.check()
            return code
        finally:
            self._terminal_lent = False
            self._stop(command)
            self._command = None

    def serve(self) -> None:
        """Watch the services until somebody stops us (KeyboardInterrupt)."""
        while True:
            self.check()
            time.sleep(0.5)

    def _stop(self, service: Service) -> None:
        process = service.process
        if process is None:
            return
        if service.alive:
            process.send_signal(service.stop_signal)
        deadline = time.monotonic() + service.patience
        while service.alive and time.monotonic() < deadline and not self._hurry:
            _poll(process, 0.1)
        if service.alive:
            process.send_signal(service.hard_signal)
            _poll(process, 5)
        process.kill()
        kill_group(process.pid, signal.SIGKILL)
        process.wait()


def account_group(account: str | None) -> int | None:
    if account is None:
        return None
    import pwd

    return pwd.getpwnam(account).pw_gid


def _poll(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def kill_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return


def _born(pid: int) -> float | None:
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.NoSuchProcess:
        return None


def _members(pid: int, born: float) -> list[int]:
    """The living processes of what was started as ``pid`` at ``born``.

    Numbers are reused, so the leader must have the start time written down. A group whose leader is
    gone is still ours: its number cannot be taken while it has members.
    """
    leader = _born(pid)
    if leader is not None and abs(leader - born) > 2:
        return []
    found = [] if leader is None else [pid]
    for other in psutil.pids():
        try:
            if other != pid and os.getpgid(other) == pid and _born(other) is not None:
                found.append(other)
        except ProcessLookupError:
            continue
    return found


def end_leftovers(record: Path, supervisor: int | None = None) -> list[str]:
    """End what a killed supervisor left behind; names what was still alive."""
    try:
        content = json.loads(record.read_text())
    except (FileNotFoundError, ValueError):
        return []
    if supervisor not in (None, content["supervisor"]):
        return []
    entries = list(reversed(content["services"].items()))
    left = [name for name, (pid, born, _stop) in entries if _members(pid, born)]
    for _name, (pid, born, stop) in entries:
        if pid in _members(pid, born):
            _signal(pid, stop)
    deadline = time.monotonic() + WATCHMAN_PATIENCE
    while any(_members(pid, born) for _name, (pid, born, _stop) in entries):
        time.sleep(0.1)
        if time.monotonic() > deadline:
            for _name, (pid, born, _stop) in entries:
                for member in _members(pid, born):
                    _signal(member, signal.SIGKILL)
            break
    return left


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def watch(record: Path, supervisor: int) -> None:
    """The watchman: waits until the supervisor is gone, however it went, then ends what it left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    end_leftovers(record, supervisor)


if __name__ == "__main__":
    watch(Path(sys.argv[1]), int(sys.argv[2]))

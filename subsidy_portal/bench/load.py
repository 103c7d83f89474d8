"""A real gunicorn, and visitors that ask it over keep-alive connections as fast as it answers."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.db import connection

from subsidy_portal.launcher import portal_services, web_answers


@dataclass(frozen=True)
class Answers:
    """What came back: seconds and status of every request, and how long the whole took."""

    seconds: list[float]
    statuses: list[int]
    whole: float

    @property
    def p95(self) -> float:
        return sorted(self.seconds)[-(-len(self.seconds) * 95 // 100) - 1]

    @property
    def rate(self) -> float:
        return len(self.seconds) / self.whole


@contextmanager
def web() -> Iterator[int]:
    """The web service as ``./portal up`` starts it, on this database, on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    home = Path(settings.PORTAL_HOME)
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    env = {
        **os.environ,
        "PORTAL_PORT": str(port),
        "PORTAL_REHEARSAL": "1",
        "PORTAL_LOG_LEVEL": "ERROR",
        "DATABASE_URL": urlunsplit(url),
        "DJANGO_SETTINGS_MODULE": "subsidy_portal.bench.bare_settings",
    }
    service = portal_services(home, env)[-1]
    with (home / "bench-web.log").open("wb") as log:
        process = subprocess.Popen(
            service.command, cwd=settings.BASE_DIR, env=env, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            end = time.monotonic() + 60
            while not web_answers(port):
                if time.monotonic() > end or process.poll() is not None:
                    raise RuntimeError(f"the web of the bench did not start: {home / 'bench-web.log'}")
                time.sleep(0.1)
            yield port
        finally:
            process.terminate()
            process.wait(30)


def ask(port: int, requests: Sequence[bytes], visitors: int) -> Answers:
    """Send every request once; each visitor waits for an answer before asking again."""
    shares = [requests[n::visitors] for n in range(visitors)]
    began = time.perf_counter()
    with ThreadPoolExecutor(visitors) as pool:
        told = [one for share in pool.map(lambda share: _visit(port, share), shares) for one in share]
    whole = time.perf_counter() - began
    return Answers([seconds for seconds, _status in told], [status for _seconds, status in told], whole)


def _visit(port: int, requests: Sequence[bytes]) -> list[tuple[float, int]]:
    told = []
    with socket.create_connection(("127.0.0.1", port), 60) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for request in requests:
            began = time.perf_counter()
            line.sendall(request)
            told.append(_answer(line, began))
    return told


def _answer(line: socket.socket, began: float) -> tuple[float, int]:
    """Read one whole answer; its seconds since ``began`` and its status."""
    got = b""
    while (end := got.find(b"\r\n\r\n")) < 0:
        part = line.recv(65536)
        if not part:
            raise RuntimeError("the web dropped a visitor")
        got += part
    head = got[:end].decode("latin-1").lower()
    length = int(head.split("content-length: ")[1].split("\r\n")[0])
    left = length - (len(got) - end - 4)
    while left > 0:
        part = line.recv(65536)
        if not part:
            raise RuntimeError("the web dropped a visitor")
        left -= len(part)
    return time.perf_counter() - began, int(head.split(" ")[1])


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Language: zh-CN\r\n\r\n".encode()


def post(path: str, body: str, cookie: str) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Language: zh-CN\r\nCookie: {cookie}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode()

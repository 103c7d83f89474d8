"""While the county works, somebody reads: the web pages' response times during the rehearsal."""

from __future__ import annotations

import http.client
import re
import threading
import time
from urllib.parse import urlencode, urlsplit


class Probe(threading.Thread):
    """Logs in and reads a few pages again and again; ``p95_ms`` afterwards. Stops when told to."""

    PAGES = ("/staff/", "/staff/rosters/", "/staff/batches/", "/staff/problems/", "/", "/policies/", "/notices/")

    def __init__(self, address: str, username: str, password: str) -> None:
        super().__init__(daemon=True)
        self.address, self.username, self.password = urlsplit(address), username, password
        self.times_ms: list[int] = []
        self.errors = 0
        self._halt = threading.Event()
        self._cookies: dict[str, str] = {}

    def _ask(self, method: str, path: str, body: str = "") -> tuple[int, str]:
        connection = http.client.HTTPConnection(self.address.hostname or "127.0.0.1", self.address.port, timeout=30)
        headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in self._cookies.items())}
        if body:
            headers |= {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            for name, value in answer.getheaders():
                if name.lower() == "set-cookie":
                    key, _sep, rest = value.partition("=")
                    self._cookies[key] = rest.split(";")[0]
            return answer.status, answer.read().decode(errors="replace")
        finally:
            connection.close()

    def log_in(self) -> None:
        _status, page = self._ask("GET", "/staff/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        form = {"username": self.username, "password": self.password}
        form["csrfmiddlewaretoken"] = token[1] if token else ""
        status, _page = self._ask("POST", "/staff/login/", urlencode(form))
        if status != 302:
            raise RuntimeError(f"the probe could not log in: {status}")

    def run(self) -> None:
        self.log_in()
        while not self._halt.is_set():
            for path in self.PAGES:
                began = time.perf_counter()
                status, _page = self._ask("GET", path)
                self.times_ms.append(round((time.perf_counter() - began) * 1000))
                self.errors += status != 200
                if self._halt.wait(1):
                    return

    def stop(self) -> None:
        self._halt.set()
        self.join(timeout=30)

    @property
    def p95_ms(self) -> int | None:
        ordered = sorted(self.times_ms)
        return ordered[int(len(ordered) * 0.95)] if ordered else None

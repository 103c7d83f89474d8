"""The send journal: what was about to leave, written and fsynced outside the database before it leaves.

One JSON line a fact, one file a month in ``settings.SEND_JOURNAL``. ``INTENT`` is written before the first
byte, ``NO_BYTES`` when it is certain that none left. After a restore of an older database it alone knows what went out.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from subsidy_portal import clock

INTENT, NO_BYTES = "INTENT", "NO_BYTES"


def intent(ref: str, *, file_name: str, sm3: str, count: int, total_fen: int, last_line: str = "") -> None:
    """The order ``ref`` is about to leave; durable when this returns, OSError when it cannot be.

    ``last_line`` is the highest line reference in it: after a restore none up to it may be used again.
    """
    fact = {"file": file_name, "sm3": sm3, "count": count, "total_fen": total_fen, "last_line": last_line}
    _append({"what": INTENT, "ref": ref, **fact})


def no_bytes(ref: str, *, reason: str) -> None:
    """It is certain that nothing of ``ref`` left; it may be sent again under the same reference."""
    _append({"what": NO_BYTES, "ref": ref, "reason": reason})


def _append(fact: dict[str, Any]) -> None:
    folder = settings.SEND_JOURNAL
    new_folder = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{clock.today():%Y-%m}.jsonl"
    new_file = not path.exists()
    line = (json.dumps({**fact, "at": clock.now().isoformat()}, ensure_ascii=False) + "\n").encode()
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        size = os.fstat(handle).st_size
        # A line torn by a power cut or a full disk stays alone on its line.
        _write_all(handle, line if not size or os.pread(handle, 1, size - 1) == b"\n" else b"\n" + line)
        os.fsync(handle)
    finally:
        os.close(handle)
    for directory in [folder] * (new_file or new_folder) + [folder.parent] * new_folder:
        _fsync(directory)


def _write_all(handle: int, content: bytes) -> None:
    """Every byte, or OSError: a full disk may take a part of a line without complaint."""
    while content:
        written = os.write(handle, content)
        if not written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        content = content[written:]


def _fsync(directory: os.PathLike[str]) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def facts() -> Iterator[dict[str, Any]]:
    """Every line ever written, oldest month first. A torn line (power cut) is reported as ``TORN``."""
    for path in sorted(settings.SEND_JOURNAL.glob("*.jsonl")):
        for line in path.read_bytes().split(b"\n"):
            if line:
                yield _read(line, path.name)


def _read(line: bytes, file_name: str) -> dict[str, Any]:
    try:
        fact: dict[str, Any] = json.loads(line)
    except ValueError:
        return {"what": "TORN", "ref": "", "file": file_name}
    return fact


@dataclass
class _Month:
    """What one file says so far; what was read is never read again, for the file only grows."""

    inode: int = 0
    read_to: int = 0
    left: Counter[str] = field(default_factory=Counter)
    names: dict[str, str] = field(default_factory=dict)
    last_line: str = ""

    def take(self, fact: dict[str, Any]) -> None:
        if fact["what"] == INTENT:
            self.left[fact["ref"]] += 1
            self.names[fact["ref"]] = fact["file"]
            self.last_line = max(self.last_line, fact.get("last_line", ""), key=_line_number)
        elif fact["what"] == NO_BYTES:
            self.left[fact["ref"]] -= 1


_months: dict[Path, _Month] = {}
_reading = threading.Lock()


def _up_to_date(path: Path) -> _Month:
    """The month of ``path``, read on from where the last look ended; a line being written is left for the next."""
    with path.open("rb") as handle:
        status = os.fstat(handle.fileno())
        month = _months.get(path)
        if month is None or month.inode != status.st_ino or status.st_size < month.read_to:
            month = _months[path] = _Month(status.st_ino)
        handle.seek(month.read_to)
        fresh = handle.read()
    whole, _newline, _rest = fresh.rpartition(b"\n")
    for line in whole.split(b"\n"):
        if line:
            month.take(_read(line, path.name))
    month.read_to += len(whole) + len(_newline)
    return month


def _all_months() -> list[_Month]:
    with _reading:
        return [_up_to_date(path) for path in sorted(settings.SEND_JOURNAL.glob("*.jsonl"))]


def departures() -> Counter[str]:
    """How often each order may have left: INTENT less NO_BYTES lines. Never more than 1."""
    left: Counter[str] = Counter()
    for month in _all_months():
        left.update(month.left)
    return left


def _line_number(ref: str) -> int:
    """The number in a line reference: letter, ten digits, check digit."""
    return int(ref[1:11]) if ref else 0


def highest() -> dict[str, int]:
    """The highest number the journal holds of each sequence that references are made from."""
    months = _all_months()
    orders = [int(ref[2:]) for month in months for ref in month.left]
    return {
        "order_ref_seq": max(orders, default=0),
        "attempt_ref_seq": max((_line_number(month.last_line) for month in months), default=0),
    }


def may_have_left(ref: str) -> bool:
    """True when the order ``ref`` was about to leave and nothing says that no byte did."""
    return sum(month.left[ref] for month in _all_months()) > 0


def file_name(ref: str) -> str:
    """Under which name the order ``ref`` was last about to leave; empty when it never was."""
    return next((month.names[ref] for month in reversed(_all_months()) if ref in month.names), "")

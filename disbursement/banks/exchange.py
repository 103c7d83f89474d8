"""The folder a bank and the county share: ``out/`` to the bank, ``taken/`` what it took, ``in/`` from the bank.

A file is complete when it has its final name: both sides write ``name.part`` and rename. The bank moves what it
takes from ``out/`` to ``taken/`` in one rename, so a file is always in one of the two; we move what we have read
to ``done/`` or ``quarantine/``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from django.core.files.storage import Storage

from disbursement.failpoints import failpoint

PART = ".part"
MAX_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Exchange:
    """One bank's folder in the exchange storage (``settings.STORAGES["exchange"]``)."""

    storage: Storage
    folder: str

    def _path(self, box: str, name: str = "") -> Path:
        path = Path(self.storage.path(f"{self.folder}/{box}/{name}" if name else f"{self.folder}/{box}"))
        (path.parent if name else path).mkdir(parents=True, exist_ok=True, mode=0o700)
        return path

    def put(self, name: str, content: bytes) -> None:
        """Place a file in ``out/`` under its final name, durable on disk; raises OSError and leaves no such name."""
        target = self._path("out", name)
        part = target.with_name(name + PART)
        half = len(content) // 2
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as handle:
            handle.write(content[:half])
            handle.flush()
            failpoint("half-written")
            handle.write(content[half:])
            handle.flush()
            os.fsync(handle.fileno())
        failpoint("before-rename")
        part.rename(target)
        failpoint("after-rename")
        _fsync_directory(target.parent)

    def find(self, name: str) -> bytes | None:
        """The file in ``out/`` or ``taken/``. Asked in this order nothing can slip through between the two looks."""
        for box in ("out", "taken"):
            try:
                return self._path(box, name).read_bytes()
            except FileNotFoundError:
                continue
        return None

    def waiting(self) -> list[str]:
        """Complete files in ``in/``, by name."""
        return sorted(
            entry.name
            for entry in os.scandir(self._path("in"))
            if entry.is_file(follow_symlinks=False) and not entry.name.endswith(PART) and entry.name[:1] != "."
        )

    def read(self, name: str, limit: int = MAX_BYTES + 1) -> bytes:
        """A file of ``in/``; one byte more than MAX_BYTES at most, so that the reader sees it is too large."""
        with self._path("in", name).open("rb") as handle:
            return handle.read(limit)

    def set_aside(self, name: str, box: str) -> None:
        """Move a file from ``in/`` to ``done`` or ``quarantine``; keeps both when the name is taken there."""
        target = self._path(box, name)
        number = 1
        while target.exists():
            number += 1
            target = self._path(box, f"{name}~{number}")
        self._path("in", name).rename(target)


def _fsync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

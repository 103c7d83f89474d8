"""The folder a bank and the county share: ``out/`` to the bank, ``taken/`` what it took, ``in/`` from the bank.

A file is complete when it has its final name: both sides write ``name.part`` and rename. The bank moves what it
takes from ``out/`` to ``taken/`` in one rename, so a file is always in one of the two; we move what we have read
to ``done/`` or ``quarantine/``. The folder may lie here or on the bank's SFTP server (``banks/places.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from disbursement.banks.places import FolderStorage, SftpStorage
from disbursement.failpoints import failpoint

PART = ".part"
MAX_BYTES = 64 * 2**20


class NotPlaced(OSError):
    """The file has not got its final name: nobody can have taken it."""


@dataclass(frozen=True)
class Exchange:
    """One bank's folder in its exchange storage (``settings.STORAGES``)."""

    storage: FolderStorage | SftpStorage
    folder: str

    def _name(self, box: str, name: str) -> str:
        return f"{self.folder}/{box}/{name}"

    def put(self, name: str, content: bytes, box: str = "out") -> None:
        """Place a file under its final name, durable when this returns.

        Raises NotPlaced when it has not got that name, any other OSError when that is not known.
        """
        part = self._name(box, name + PART)
        try:
            self.storage.write_whole(part, _halves(content))
        except OSError as error:
            raise NotPlaced(error.errno, error.strerror or str(error)) from error
        failpoint("before-rename")
        self.storage.rename(part, self._name(box, name))
        failpoint("after-rename")

    def find(self, name: str) -> bytes | None:
        """The file in ``out/`` or ``taken/``. Asked in this order nothing can slip through between the two looks."""
        for box in ("out", "taken"):
            try:
                return self.storage.read(self._name(box, name), MAX_BYTES)
            except FileNotFoundError:
                continue
        return None

    def waiting(self) -> list[str]:
        """Complete files in ``in/``, by name."""
        names = self.storage.files(f"{self.folder}/in")
        return sorted(name for name in names if not name.endswith(PART) and name[:1] != ".")

    def read(self, name: str, limit: int = MAX_BYTES + 1) -> bytes:
        """A file of ``in/``; one byte more than MAX_BYTES at most, so that the reader sees it is too large."""
        return self.storage.read(self._name("in", name), limit)

    def set_aside(self, name: str, box: str) -> None:
        """Move a file from ``in/`` to ``done`` or ``quarantine``; keeps both when the name is taken there."""
        target = self._name(box, name)
        number = 1
        while self.storage.exists(target):
            number += 1
            target = self._name(box, f"{name}~{number}")
        self.storage.rename(self._name("in", name), target)

    def take_back(self) -> int:
        """Move what was read back to ``in/``, for a database that has forgotten it; returns how many files."""
        names = self.storage.files(f"{self.folder}/done")
        for name in names:
            self.storage.rename(self._name("done", name), self._name("in", name))
        return len(names)


def _halves(content: bytes) -> Iterator[bytes]:
    """The content in two parts, so that a test can stop between them."""
    middle = len(content) // 2
    yield content[:middle]
    failpoint("half-written")
    yield content[middle:]

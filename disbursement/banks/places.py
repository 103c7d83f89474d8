"""Where files for and from a bank lie: a folder of this machine, or the bank's SFTP server. Both are Django storages.

Beyond Django's own they know the steps the exchange needs: write all bytes under a name nobody looks at, rename in
one step, list, read with a limit. Every trouble with the link is an OSError.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paramiko
from django.core.files.storage import FileSystemStorage
from storages.backends.sftpstorage import SFTPStorage


class FolderStorage(FileSystemStorage):
    """A folder; what ``write_whole`` and ``rename`` did survives a power cut."""

    # After an error a look at the folder tells what was done.
    tells_after_error = True

    def _place(self, name: str) -> Path:
        path = Path(self.path(name))
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path

    def write_whole(self, name: str, chunks: Iterable[bytes]) -> None:
        """Replace ``name`` by ``chunks``, on disk when this returns."""
        with open(os.open(self._place(name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as handle:
            for chunk in chunks:
                handle.write(chunk)
                handle.flush()
            os.fsync(handle.fileno())

    def rename(self, old: str, new: str) -> None:
        target = self._place(new)
        self._place(old).rename(target)
        directory = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def read(self, name: str, limit: int) -> bytes:
        """At most ``limit`` bytes of ``name``; FileNotFoundError when it is not there."""
        with self._place(name).open("rb") as handle:
            return handle.read(limit)

    def files(self, folder: str) -> list[str]:
        """Names of the plain files in ``folder``; an empty list when there is no such folder."""
        try:
            entries = list(os.scandir(self.path(folder)))
        except FileNotFoundError:
            return []
        return [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]


class SftpStorage(SFTPStorage):
    """The bank's SFTP server (settings: ``host``, ``params``, ``root_path``, ``known_host_file``).

    Only a host whose key is in ``known_host_file`` is talked to, and nobody waits for it longer than PATIENCE.
    """

    # A lost link may have carried the rename to the other side.
    tells_after_error = False
    PATIENCE = 30

    def _connect(self) -> None:
        ssh = paramiko.SSHClient()
        ssh.load_host_keys(str(self.known_host_file))
        ssh.set_missing_host_key_policy(paramiko.RejectPolicy())
        waits = dict.fromkeys(("timeout", "banner_timeout", "auth_timeout", "channel_timeout"), self.PATIENCE)
        ssh.connect(self.host, **{**waits, "allow_agent": False, "look_for_keys": False, **self.params})
        self._ssh, self._sftp = ssh, ssh.open_sftp()
        channel = self._sftp.get_channel()
        if channel is not None:
            channel.settimeout(self.PATIENCE)

    @contextmanager
    def _link(self) -> Iterator[paramiko.SFTPClient]:
        """The connection; whatever goes wrong with it is an OSError, and the next use connects anew."""
        try:
            yield self.sftp
        except FileNotFoundError:
            raise
        except (paramiko.SSHException, EOFError, OSError) as error:
            self.close()
            self._sftp = None  # type: ignore[assignment]
            if isinstance(error, OSError):
                raise
            raise ConnectionError(f"SFTP: {type(error).__name__}") from error

    def _make_parents(self, sftp: paramiko.SFTPClient, path: str) -> None:
        parent = path.rpartition("/")[0]
        if not parent:
            return
        try:
            sftp.stat(parent)
        except FileNotFoundError:
            self._make_parents(sftp, parent)
            sftp.mkdir(parent, 0o700)

    def write_whole(self, name: str, chunks: Iterable[bytes]) -> None:
        """Replace ``name`` by ``chunks``; the server confirmed every byte and the size when this returns."""
        path = self._remote_path(name)
        with self._link() as sftp:
            self._make_parents(sftp, path)
            size = 0
            with sftp.open(path, "wb") as handle:
                handle.set_pipelined(False)
                for chunk in chunks:
                    handle.write(chunk)
                    size += len(chunk)
            if sftp.stat(path).st_size != size:
                raise ConnectionError("SFTP: size differs")

    def rename(self, old: str, new: str) -> None:
        """In one step; OSError when ``new`` exists."""
        with self._link() as sftp:
            self._make_parents(sftp, self._remote_path(new))
            sftp.rename(self._remote_path(old), self._remote_path(new))

    def read(self, name: str, limit: int) -> bytes:
        with self._link() as sftp, sftp.open(self._remote_path(name), "rb") as handle:
            handle.prefetch(min(handle.stat().st_size or 0, limit))
            found: bytes = handle.read(limit)
            return found

    def files(self, folder: str) -> list[str]:
        try:
            with self._link() as sftp:
                entries: list[Any] = sftp.listdir_attr(self._remote_path(folder))
        except FileNotFoundError:
            return []
        return [entry.filename for entry in entries if not self._isdir_attr(entry)]

    def exists(self, name: str) -> bool:
        with self._link():
            return bool(super().exists(name))

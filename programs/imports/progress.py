"""How far an import is, for the bar on the clerk's screen."""

from __future__ import annotations

import time
from types import TracebackType

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from subsidy_portal.models import Job

_PAUSE = 0.4


class Progress:
    """Writes per cent and a sentence to the job, also while the rows are being stored.

    The storing is one transaction, and what it writes nobody sees before its end. So the bar has a
    connection of its own, opened at the first word and closed at the end; without a job it says nothing.
    """

    def __init__(self, job: Job | None) -> None:
        self.job = job
        self._connection: BaseDatabaseWrapper | None = None
        self._said_at = 0.0
        self._crept = 0

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()

    def creep(self, most: int, message: str) -> None:
        """One per cent on, up to ``most``: for work that does not tell how far it is."""
        self._crept = min(most, self._crept + 1)
        self.say(self._crept, message)

    def say(self, per_cent: int, message: str, *, at_once: bool = False) -> None:
        """Show ``per_cent`` of 100 and ``message``; more often than every 0.4 s only with ``at_once``."""
        now = time.monotonic()
        if self.job is None or (now - self._said_at < _PAUSE and not at_once):
            return
        self._said_at, self._crept = now, per_cent
        if self._connection is None:
            self._connection = connections.create_connection(DEFAULT_DB_ALIAS)
        with self._connection.cursor() as cursor:
            cursor.execute(
                "UPDATE subsidy_portal_job SET done = %s, total = 100, message = %s, beat_at = statement_timestamp()"
                " WHERE id = %s AND status = 'running'",
                [per_cent, message, self.job.pk],
            )

"""Who waits for whom. Order of row locks everywhere: fund plan → orders → batch; so nobody waits in a circle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import models
from django.utils.translation import gettext as _

from subsidy_portal.bulk import fetch
from subsidy_portal.workflow import StaleStatus

Locked = TypeVar("Locked", bound=models.Model)

# First keys of Postgres' two-part advisory locks; the second is a primary key.
BANK, ORDER, MONTH = 7101, 7102, 7103


def locked(obj: Locked) -> Locked:
    """The row of ``obj``, fresh and locked; raises StaleStatus when its status is no longer what the caller saw."""
    fresh: Locked = type(obj)._base_manager.select_for_update(of=("self",)).get(pk=obj.pk)
    if fresh.status != obj.status:  # type: ignore[attr-defined]
        raise StaleStatus(_("别人刚刚处理过，状态已经变了。没有重复办理，请刷新后再看。"))
    return fresh


@contextmanager
def only_one(what: int, key: int) -> Iterator[bool]:
    """True for the one process that holds (what, key) now; the lock dies with its database session."""
    got = bool(fetch("SELECT pg_try_advisory_lock(%s, %s)", (what, key % 2**31))[0][0])
    try:
        yield got
    finally:
        if got:
            fetch("SELECT pg_advisory_unlock(%s, %s)", (what, key % 2**31))


def share_month() -> None:
    """Taken by whatever changes results, until commit: a month cannot close over it half-way."""
    fetch("SELECT pg_advisory_xact_lock_shared(%s, 0)", (MONTH,))


def own_month() -> None:
    """Taken by the close of a month: waits for every result that is being applied."""
    fetch("SELECT pg_advisory_xact_lock(%s, 0)", (MONTH,))

"""What the public site writes: that somebody looked something up, and nothing about whom."""

from __future__ import annotations

import logging
from typing import Literal

from subsidy_portal.models import Event, User
from subsidy_portal.workflow import record

logger = logging.getLogger(__name__)

Outcome = Literal["found", "missed", "limited"]


def record_lookup(outcome: Outcome) -> Event:
    """A lookup as an event with the class of its outcome only: no name, number, address or person.

    Every answered one is recorded; of the refused ones only a network's first in a while, or who floods the form
    would fill the history.
    """
    system = User.objects.system()
    return record(system, "lookup", actor=system, data={"outcome": outcome})


def raise_alarm() -> Event:
    """The whole site sees more misses than citizens make: an event for the auditors and a line in the log."""
    logger.warning("own-payment lookup: unusually many misses in the last quarter of an hour")
    system = User.objects.system()
    return record(system, "lookup_alarm", actor=system)

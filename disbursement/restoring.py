"""The send journal lies outside the database. When it knows more, an older database was put back: nothing is sent.

Orders the journal saw leaving become unknown, those the database lacks are named, and no reference is used twice:
the sequences go past everything the journal holds. Two persons reopen (``actions.stops``).
"""

from __future__ import annotations

import logging

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from disbursement import journal
from disbursement.models import Attempt, Order, SendingStop
from subsidy_portal import clock
from subsidy_portal.bulk import execute, fetch
from subsidy_portal.models import User
from subsidy_portal.workflow import move, move_many, record

log = logging.getLogger(__name__)
O, A = Order.Status, Attempt.Status  # noqa: E741
# Orders of the journal this process has found in the database as having left; each is looked up once.
_seen: set[str] = set()


def current() -> SendingStop | None:
    """The stop that is on now."""
    return open_stops().first()


def open_stops() -> QuerySet[SendingStop]:
    return SendingStop.objects.exclude(status=SendingStop.Status.REOPENED)


def sending_allowed() -> bool:
    """False in restore mode, which begins here when the journal knows more than the database."""
    if open_stops().exists():
        return False
    missing, forgotten = _what_the_journal_knows()
    if not missing and not forgotten:
        return True
    stop_sending("发送日志记有数据库里没有的发送，数据库可能恢复过", missing, forgotten)
    return False


def _what_the_journal_knows() -> tuple[list[str], list[str]]:
    """References that left: those without an order here, and those whose order has never left by this database."""
    fresh = [ref for ref, times in journal.departures().items() if times > 0 and ref not in _seen]
    if not fresh:
        return [], []
    here = dict(fetch("SELECT ref, status FROM disbursement_order WHERE ref = ANY(%s)", (fresh,)))
    _seen.update(ref for ref, status in here.items() if status not in {O.CREATED, O.CANCELLED})
    odd = [ref for ref in fresh if here.get(ref, O.CREATED) in {O.CREATED, O.CANCELLED}]
    if odd:
        _seen.update(accepted())
        odd = sorted(ref for ref in odd if ref not in _seen)
    return [ref for ref in odd if ref not in here], [ref for ref in odd if ref in here]


def accepted() -> set[str]:
    """What two persons have looked at in an earlier stop."""
    closed = SendingStop.objects.filter(status=SendingStop.Status.REOPENED)
    return {ref for found in closed.values_list("found", flat=True) for refs in found.values() for ref in refs}


def stop_sending(reason: str, missing: list[str] | None = None, forgotten: list[str] | None = None) -> SendingStop:
    """Enter restore mode; a second process that sees the same finds it on already."""
    try:
        with transaction.atomic():
            found = {"missing": missing or [], "unknown": forgotten or []}
            stop = SendingStop.objects.create(reason=reason, found=found, started_at=clock.now())
            record(stop, "created", actor=User.objects.system(), new=SendingStop.Status.STOPPED, note=reason)
            for ref in forgotten or []:
                _unknown(ref)
            _go_past(journal.highest())
    except IntegrityError:
        return open_stops().get()
    log.error("restore mode: %s orders unknown, %s missing", len(forgotten or []), len(missing or []))
    return stop


def _unknown(ref: str) -> None:
    """An order that left although this database never knew: it is looked for, never sent again."""
    system = User.objects.system()
    order = Order.objects.select_for_update(of=("self",)).get(ref=ref)
    if order.status == O.CREATED:
        move(order, O.SENDING, actor=system)
        move_many(order.attempts.all(), A.CREATED, A.SENDING)
        move(order, O.UNKNOWN, actor=system, note="发送日志记有这条指令曾经送出", claimed_until=None)
        move_many(order.attempts.all(), A.SENDING, A.UNKNOWN)


def _go_past(highest: dict[str, int]) -> None:
    """New references begin above those that were ever used."""
    for sequence, number in highest.items():
        execute(
            f"SELECT setval('{sequence}', greatest(%s, (SELECT last_value FROM {sequence})))",  # noqa: S608 - constants
            (number + 1,),
        )

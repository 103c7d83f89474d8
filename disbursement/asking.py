"""Banks that leave nothing by themselves are asked: for results of orders, for returns, for statements.

What they answer is placed in the bank's ``in/`` like a file it left there; from there on all channels are the same.
Asking again is harmless: an answer that came before is not placed a second time.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator

from django.db import connection
from django.db.models import F, Max, Min, Q, QuerySet
from django.db.models.functions import Now

from disbursement.banks.base import Adapter, BankUnavailable, Document, OutcomeUnknown
from disbursement.failpoints import failpoint
from disbursement.models import Bank, BankFile, Order, Statement
from disbursement.reconcile import breaks
from subsidy_portal import clock, crypto

log = logging.getLogger(__name__)
# An order is asked about again after a quarter of its age, within these bounds.
_SOONEST, _LATEST = dt.timedelta(seconds=2), dt.timedelta(minutes=15)
# Days are asked for as often as this, and at once when a new day has begun.
_DAYS_PAUSE = dt.timedelta(minutes=1)
_ORDERS, _DAYS = 200, 40


def is_due(bank: Bank) -> bool:
    """Something is to be asked now."""
    return _open_orders(bank).exists() or (_days_due(bank) and bank.orders.exclude(sent_at=None).exists())


def ask(bank: Bank, adapter: Adapter) -> int:
    """Ask what is due; returns how many answers were placed. Stops at the first that does not come."""
    if connection.in_atomic_block:
        raise RuntimeError("a bank is never asked inside a transaction")
    placed = 0
    try:
        for document in _answers(bank, adapter):
            failpoint("after-question")
            placed += _place(bank, adapter, document)
    except BankUnavailable as error:
        log.warning("bank %s: %s", bank.code, error)
    except OutcomeUnknown as error:
        from disbursement.collecting import keep_answer

        log.warning("bank %s: %s", bank.code, error)
        keep_answer(bank, adapter, error)
    return placed


def _answers(bank: Bank, adapter: Adapter) -> Iterator[Document]:
    for order in _open_orders(bank).order_by("pk")[:_ORDERS]:
        # Noted before the question, so that a bank that hangs is not asked the same again at once.
        pause = min(max((clock.now() - (order.sent_at or order.made_at)) / 4, _SOONEST), _LATEST)
        Order.objects.filter(pk=order.pk).update(query_at=Now() + pause, queries=F("queries") + 1)
        document = adapter.ask_result(order.ref)
        if document is not None:
            yield document
    if _days_due(bank):
        for day in _days(bank):
            for found in (adapter.ask_returns(day), adapter.ask_statement(day)):
                if found is not None:
                    yield found
        Bank.objects.filter(pk=bank.pk).update(asked_on=clock.today(), asked_at=Now())


def _open_orders(bank: Bank) -> QuerySet[Order]:
    open_ones = bank.orders.filter(status__in=("sent", "answered", "unknown"))
    return open_ones.filter(Q(query_at__isnull=True) | Q(query_at__lte=Now()))


def _days_due(bank: Bank) -> bool:
    fresh = Bank.objects.filter(pk=bank.pk, asked_on=clock.today(), asked_at__gt=Now() - _DAYS_PAUSE)
    return not fresh.exists()


def _days(bank: Bank) -> list[dt.date]:
    """Every day since the last statement before a gap, at most _DAYS; before the first one, since the first order."""
    known = Statement.objects.filter(bank=bank)
    if gaps := breaks(bank):
        known = known.filter(booked_on__lt=min(gaps))
    last = known.aggregate(day=Max("booked_on"))["day"]
    if last is None:
        first = bank.orders.exclude(sent_at=None).aggregate(at=Min("made_at"))["at"]
        if first is None:
            return []
        last = first.astimezone(clock.CHINA).date() - dt.timedelta(days=1)
    count = min((clock.today() - last).days, _DAYS)
    return [last + dt.timedelta(days=n) for n in range(1, count + 1)]


def _place(bank: Bank, adapter: Adapter, document: Document) -> bool:
    """Put an answer into ``in/`` under a name of its own, unless the same one is known."""
    sm3 = crypto.sm3(document.content)
    if BankFile.objects.filter(bank=bank, direction=BankFile.Direction.IN, sm3=sm3).exists():
        return False
    stem, _dot, suffix = document.name.rpartition(".")
    adapter.exchange.put(f"{stem}_{sm3[:8]}.{suffix}", document.content, box="in")
    return True

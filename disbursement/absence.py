"""Proof that the bank never paid an order: it does not know it, its day is over, and its statements do not show it.

All three are needed (design §4). A bank that says "not found" may still have the order in its letter-box.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from disbursement.banks import adapter_for
from disbursement.models import BankFile, Order
from disbursement.reconcile import breaks
from disbursement.rounds import working_days_after
from subsidy_portal import clock
from subsidy_portal.bulk import fetch
from subsidy_portal.wording import cn_date

# Working days after the sending day whose statements must be there
WINDOW = 2


@dataclass(frozen=True)
class Absence:
    """What was looked at, and what is still missing for the proof, in words."""

    sent_on: dt.date
    until: dt.date
    statements: list[tuple[int, dt.date]]
    missing: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.missing

    def as_evidence(self) -> dict[str, Any]:
        return {
            "sent_on": str(self.sent_on),
            "until": str(self.until),
            "statements": [[number, str(day)] for number, day in self.statements],
        }


def look_for_payment(order: Order) -> Absence:
    """Ask the bank and read its statements; never inside a transaction, for the bank may take its time."""
    sent_on = _sent_on(order)
    until = working_days_after(sent_on, WINDOW)
    statements = _statements(order, sent_on)
    return Absence(sent_on, until, statements, [*_bank_says(order), *_books_say(order, sent_on, until, statements)])


def _sent_on(order: Order) -> dt.date:
    """The day the bytes were ready to leave; before that nothing can have been paid."""
    archived = order.files.filter(direction=BankFile.Direction.OUT).order_by("pk").first()
    at = order.sent_at or (archived.received_at if archived else order.made_at)
    return at.astimezone(clock.CHINA).date()


def _statements(order: Order, since: dt.date) -> list[tuple[int, dt.date]]:
    found = order.bank.statements.filter(booked_on__gte=since).order_by("number")
    return list(found.values_list("number", "booked_on"))


def _bank_says(order: Order) -> list[str]:
    file = order.files.filter(direction=BankFile.Direction.OUT).first()
    state = adapter_for(order.bank).query(order.ref, file.name if file else "").state
    if state == "taken":
        return [_("银行说收到了这条指令，要等它的结果。")]
    if state == "unclear":
        return [_("向银行查询没有得到明确答复，请稍后再查。")]
    return []


def _books_say(order: Order, sent_on: dt.date, until: dt.date, statements: list[tuple[int, dt.date]]) -> list[str]:
    """Statements without a gap from before the sending day to the end of the window, and nothing open in them."""
    missing = []
    if clock.today() <= until:
        missing.append(_("%(day)s以前银行还可能入账，过了这一天再看。") % {"day": cn_date(until)})
    if not statements or statements[-1][1] < until:
        missing.append(_("还没有收到%(day)s及以后的对账单。") % {"day": cn_date(until)})
    elif statements[0][0] > 1 and not order.bank.statements.filter(number=statements[0][0] - 1).exists():
        missing.append(_("缺第%(n)d号对账单。") % {"n": statements[0][0] - 1})
    if any(day >= sent_on for day in breaks(order.bank)):
        missing.append(_("对账单缺号或余额不连续，请先请银行补齐。"))
    unexplained = fetch(
        """
        SELECT count(*) FROM disbursement_statemententry e JOIN disbursement_statement s ON s.id = e.statement_id
         WHERE s.bank_id = %s AND s.booked_on >= %s AND e.kind = 'debit' AND e.attempt_id IS NULL
           AND EXISTS (SELECT 1 FROM disbursement_discrepancy d
                        WHERE d.entry_id = e.id AND d.kind = 'unmatched' AND d.status = 'open')
        """,
        (order.bank_id, sent_on),
    )[0][0]
    if unexplained:
        missing.append(_("对账单上有%(n)d笔付出还没有查清，可能就是这一笔。") % {"n": unexplained})
    return missing

"""What each bank is to pay of a batch, held against the county's account there, before anything leaves."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Sum
from django.utils.translation import gettext as _

from disbursement.models import Attempt, Bank, Batch, Payment, Statement
from disbursement.models.orders import OPEN_ATTEMPTS
from subsidy_portal.money import format_yuan
from subsidy_portal.workflow import Refused


class AccountShort(Refused):
    """A deposit account of the county does not hold what is to leave, and nobody said how it gets there."""

    code = "account_short"


@dataclass(frozen=True)
class BankShare:
    """What one bank is still to be given of a batch."""

    bank: int
    name: str
    count: int
    fen: int


def ready_shares(batch: Batch) -> list[BankShare]:
    """What is ready, by the bank that is to pay it, the largest first."""
    ready = batch.payments.filter(status=Payment.Status.READY).order_by()
    found = ready.values_list("account__bank__bank", "account__bank__short_name")
    return [BankShare(*row) for row in found.annotate(n=Count("pk"), fen=Sum("amount_fen")).order_by("-fen")]


@dataclass(frozen=True)
class FiscalAccount:
    """The county's account at one bank before a release, in fen: what its last statement left, what is under way."""

    name: str
    stated_on: dt.date | None
    balance_fen: int
    way_fen: int
    now_fen: int
    pays_from: str

    @property
    def short_fen(self) -> int:
        """What the treasury has to put in before this leaves."""
        return max(0, self.now_fen + self.way_fen - self.balance_fen)

    @property
    def stops(self) -> bool:
        """A deposit account with a known balance that is too small. The treasury fills a zero-balance one each day."""
        return self.pays_from == Bank.PaysFrom.DEPOSIT and self.stated_on is not None and self.short_fen > 0


def fiscal_accounts(shares: list[BankShare]) -> list[FiscalAccount]:
    """The accounts that are to pay ``shares``."""
    banks = [share.bank for share in shares]
    kinds = dict(Bank.objects.filter(pk__in=banks).values_list("pk", "pays_from"))
    last = Statement.objects.filter(bank__in=banks).order_by("bank_id", "-number").distinct("bank_id")
    stated = {statement.bank_id: statement for statement in last}
    waiting = Attempt.objects.filter(order__bank__in=banks, status__in=OPEN_ATTEMPTS).order_by()
    way = dict(waiting.values_list("order__bank").annotate(fen=Sum("amount_fen")))
    return [
        FiscalAccount(
            share.name,
            stated[share.bank].booked_on if share.bank in stated else None,
            stated[share.bank].closing_fen if share.bank in stated else 0,
            way.get(share.bank, 0),
            share.fen,
            kinds[share.bank],
        )
        for share in shares
    ]


def require_covered(batch: Batch, banks: Sequence[int], note: str) -> None:
    """Raise AccountShort when a deposit account cannot cover its part, unless ``note`` says who puts in the rest."""
    deposits = set(Bank.objects.filter(pays_from=Bank.PaysFrom.DEPOSIT).values_list("pk", flat=True))
    if not deposits:
        return
    shares = [share for share in ready_shares(batch) if share.bank in deposits and (not banks or share.bank in banks)]
    short = [account for account in fiscal_accounts(shares) if account.stops]
    if not short or len(note.strip()) >= 4:
        return
    parts = [
        _("%(bank)s还要拨入%(yuan)s元") % {"bank": account.name, "yuan": format_yuan(account.short_fen)}
        for account in short
    ]
    raise AccountShort(
        _("代发专户余额不够：%(parts)s。请先拨入并等对账单到，或写明何时由谁拨入再放行。") % {"parts": "，".join(parts)}
    )

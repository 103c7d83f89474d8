"""Account and name, asked of the bank before money leaves, where its channel can tell (``profile.checks_names``).

An account whose name differs is held singly; the rest of the batch goes on (R38).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from importlib import import_module

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet, Subquery

from disbursement.banks import adapter_for
from disbursement.models import Bank, Batch, NameCheck, Payment
from programs.models import Account
from subsidy_portal import clock
from subsidy_portal.models import User
from subsidy_portal.workflow import move_many, record

# An answer is believed so long; names and accounts change rarely.
GOOD_FOR = dt.timedelta(days=180)
_AT_ONCE = 200


def _asking_banks() -> QuerySet[Bank]:
    kinds = [kind for kind, module in settings.BANKS.items() if import_module(module).Adapter.profile.checks_names]
    return Bank.objects.filter(is_active=True, kind__in=kinds)


def unchecked(batch: Batch) -> QuerySet[Account]:
    """Accounts of payments still to be released whose bank can be asked and was not, in the order they are paid."""
    fresh = NameCheck.objects.filter(account=OuterRef("pk"), checked_at__gt=clock.now() - GOOD_FOR)
    waiting = batch.payments.filter(
        status=Payment.Status.READY, account__bank__in=_asking_banks().values("organisation")
    )
    return Account.objects.filter(~Exists(fresh), pk__in=waiting.values("account")).order_by("pk")


def check_names(batch: Batch, told: Callable[[int, int], None]) -> int:
    """Ask about every unchecked account, outside any transaction; ``told(done, total)``. Returns how many were held."""
    banks = {bank.organisation_id: adapter_for(bank) for bank in _asking_banks()}
    wanted = list(unchecked(batch).select_related("holder"))
    for start in range(0, len(wanted), _AT_ONCE):
        part = wanted[start : start + _AT_ONCE]
        answers = [
            banks[account.bank_id].check_name(
                account.name_at_bank, account.reveal_number(), account.holder.reveal_id_number()
            )
            for account in part
        ]
        NameCheck.objects.bulk_create(
            NameCheck(
                account=account, outcome=answer.outcome, bank_code=answer.bank_code[:20],
                bank_text=answer.bank_text[:120], checked_at=clock.now(),
            )
            for account, answer in zip(part, answers, strict=True)
        )  # fmt: skip
        told(start + len(part), len(wanted))
    return hold_different(batch)


def different(batch: Batch) -> QuerySet[Payment]:
    """Ready payments whose account is in another name, by the bank's last word."""
    last = NameCheck.objects.filter(account=OuterRef("account")).order_by("-pk").values("outcome")[:1]
    ready = batch.payments.filter(status=Payment.Status.READY)
    return ready.annotate(name=Subquery(last)).filter(name=NameCheck.Outcome.DIFFERENT)


def is_asked(batch: Batch) -> bool:
    """Every name that can be asked for was, and what differs is held: the rest may be released."""
    return not unchecked(batch).exists() and not different(batch).exists()


@transaction.atomic
def hold_different(batch: Batch) -> int:
    """Hold what is in another name, so that who releases sees what will leave; returns how many."""
    fresh = Batch.objects.select_for_update(of=("self",)).get(pk=batch.pk)
    rows = Payment.objects.filter(pk__in=list(different(fresh).values_list("pk", flat=True)))
    held = move_many(rows, Payment.Status.READY, Payment.Status.HELD, failure_code="F02", failed_on=clock.today())
    if held:
        note = f"{held}笔户名不符，暂缓发放"
        record(fresh, "changed", actor=User.objects.system(), note=note)
    return held

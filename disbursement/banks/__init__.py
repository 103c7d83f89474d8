"""Bank channels: one module a kind, named in ``settings.BANKS``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.files.storage import storages

from disbursement.banks.base import Adapter, Profile
from disbursement.banks.exchange import Exchange

if TYPE_CHECKING:
    from disbursement.models import Bank


def adapter_for(bank: Bank) -> Adapter:
    """The channel of ``bank``, bound to its folder; KeyError when the kind is not in settings.BANKS."""
    adapter: Adapter = import_module(settings.BANKS[bank.kind]).Adapter(
        Exchange(storages["exchange"], bank.folder), unit_number=bank.unit_number, fiscal_account=bank.fiscal_account
    )
    return adapter


def profile_of(bank: Bank) -> Profile:
    profile: Profile = import_module(settings.BANKS[bank.kind]).Adapter.profile
    return profile

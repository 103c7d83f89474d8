"""Bank channels: one module a kind, named in ``settings.BANKS``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.files.storage import storages

from disbursement.banks.base import Adapter, Profile
from disbursement.banks.exchange import Exchange
from disbursement.banks.gateway import gateway_of

if TYPE_CHECKING:
    from disbursement.models import Bank


def _channel(bank: Bank) -> Any:
    return import_module(settings.BANKS[bank.kind]).Adapter


def exchange_of(bank: Bank) -> Exchange:
    """The bank's folder: in ``STORAGES["exchange-<folder>"]`` when there is one (its SFTP server), else here."""
    own = f"exchange-{bank.folder}"
    return Exchange(storages[own if own in settings.STORAGES else "exchange"], bank.folder)  # type: ignore[arg-type]


def adapter_for(bank: Bank) -> Adapter:
    """The channel of ``bank``; KeyError when its kind is not in settings.BANKS."""
    contract: dict[str, Any] = {"unit_number": bank.unit_number, "fiscal_account": bank.fiscal_account}
    channel = _channel(bank)
    if channel.profile.channel == "http":
        contract["gateway"] = gateway_of(bank.folder)
    adapter: Adapter = channel(exchange_of(bank), **contract)
    return adapter


def profile_of(bank: Bank) -> Profile:
    profile: Profile = _channel(bank).profile
    return profile

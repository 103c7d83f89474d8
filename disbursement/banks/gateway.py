"""HTTP to a bank: one POST, one answer of limited size, no redirects, no retries; and the signature both sides make.

Which errors prove that no byte of the message left is decided here and nowhere else.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import urllib3
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC
from django.conf import settings

from disbursement.banks.base import BankUnavailable, OutcomeUnknown
from disbursement.failpoints import failpoint

MAX_ANSWER = 16 * 2**20
_CONNECT, _READ = 5.0, 30.0
_pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=_CONNECT, read=_READ))


class Signer(Protocol):
    """How the county signs and checks what the bank signed; a bank's own library is put behind this."""

    def sign(self, message: bytes) -> str: ...

    def fits(self, message: bytes, signature: str) -> bool: ...


class HmacSigner:
    """HMAC-SM3 with a key both sides hold."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def sign(self, message: bytes) -> str:
        mac = HMAC(self._key, hashes.SM3())
        mac.update(message)
        return mac.finalize().hex()

    def fits(self, message: bytes, signature: str) -> bool:
        return hmac.compare_digest(self.sign(message).encode(), signature.encode())


@dataclass(frozen=True)
class Gateway:
    """The bank's address and the signer agreed with it."""

    url: str
    signer: Signer

    def post(self, message: bytes) -> bytes:
        """The bank's answer, at most MAX_ANSWER bytes.

        Raises BankUnavailable when no connection was made, so no byte left; OutcomeUnknown for everything else
        that is no answer, with what came instead in ``answer``.
        """
        if not self.url:
            raise BankUnavailable("没有登记银行的接口地址")
        head = {"Content-Type": "application/xml; charset=GBK", "Accept-Encoding": "identity"}
        failpoint("before-post")
        try:
            answer = _pool.request("POST", self.url, body=message, headers=head, redirect=False, preload_content=False)
        except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError) as error:
            raise BankUnavailable("连不上银行") from error
        except urllib3.exceptions.HTTPError as error:
            raise OutcomeUnknown("与银行的连接中断，没有收到回应") from error
        content = _read(answer)
        failpoint("after-post")
        return content


def _read(answer: Any) -> bytes:
    whole = False
    try:
        content: bytes = answer.read(MAX_ANSWER + 1, decode_content=False)
        whole = len(content) <= MAX_ANSWER
    except urllib3.exceptions.HTTPError as error:
        raise OutcomeUnknown("银行的回应没有收完") from error
    finally:
        # A connection with bytes left on it is not used again.
        (answer.release_conn if whole else answer.close)()
    if not whole:
        raise OutcomeUnknown("银行的回应过大", content[:65_536])
    if answer.status != 200 or answer.headers.get("Content-Encoding", "identity") != "identity":
        raise OutcomeUnknown(f"银行的回应不能识别（HTTP {answer.status}）", content[:65_536])
    return content


def gateway_of(folder: str) -> Gateway:
    """Address and signer of the bank with this folder, from settings.BANK_GATEWAYS; in a rehearsal the simulator's.

    A bank of which nobody has said where it is cannot be reached, and nothing it may have signed is believed.
    """
    entry = settings.BANK_GATEWAYS.get(folder)
    if entry is None and settings.REHEARSAL:
        entry = _simulated(Path(settings.PORTAL_HOME) / "banksim" / "gateway", folder)
    if entry is None:
        return Gateway("", HmacSigner(secrets.token_hex()))
    module, _dot, name = entry.get("signer", "disbursement.banks.gateway.HmacSigner").rpartition(".")
    return Gateway(entry["url"], getattr(import_module(module), name)(entry["key"]))


def _simulated(told: Path, folder: str) -> dict[str, str] | None:
    """Where the rehearsal's bank listens: it writes address and key down when it starts."""
    try:
        url, key = told.read_text().split()
    except (FileNotFoundError, ValueError):
        return None
    return {"url": f"{url}/{folder}", "key": key}

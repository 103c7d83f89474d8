"""Personal data at rest: SM4-GCM with key versions, and a keyed HMAC-SM3 for equality search.

A ciphertext is bound to its place (``table.column:row``): copied to another row it does not open.
The index key is guarded like the data key, since an unkeyed hash of an ID number is broken by
trying all of them.
"""

import hashlib
import hmac
import secrets
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hmac import HMAC
from django.conf import settings

_SM4_GCM = 1


class Unreadable(Exception):
    """A ciphertext does not open: wrong place, wrong key, or changed bytes. Never treated as empty."""


@cache
def _data_key(version: int) -> bytes:
    return bytes.fromhex(settings.DATA_KEYS[version])[:16]


@cache
def _sealing(version: int) -> algorithms.SM4:
    return algorithms.SM4(_data_key(version))


@cache
def _indexing(field: str) -> HMAC:
    # One key per index, so that equal values in two columns do not look equal.
    return HMAC(hmac.new(bytes.fromhex(settings.INDEX_KEY), field.encode(), hashlib.sha256).digest(), hashes.SM3())


def encrypt(value: str | bytes, place: str) -> bytes:
    """``alg | key version | nonce | tag | ciphertext`` of ``value``, bound to ``place``."""
    version = max(settings.DATA_KEYS)
    nonce = secrets.token_bytes(12)
    head = bytes((_SM4_GCM, version))
    sealer = Cipher(_sealing(version), modes.GCM(nonce)).encryptor()
    sealer.authenticate_additional_data(head + place.encode())
    sealed = sealer.update(value.encode() if isinstance(value, str) else value) + sealer.finalize()
    return head + nonce + sealer.tag + sealed


def decrypt_bytes(blob: bytes | memoryview, place: str) -> bytes:
    """Open what ``encrypt`` sealed for the same place; raises Unreadable."""
    blob = bytes(blob)
    if len(blob) < 30 or blob[0] != _SM4_GCM or blob[1] not in settings.DATA_KEYS:
        raise Unreadable(place.split(":")[0])
    opener = Cipher(_sealing(blob[1]), modes.GCM(blob[2:14], blob[14:30])).decryptor()
    opener.authenticate_additional_data(blob[:2] + place.encode())
    try:
        return opener.update(blob[30:]) + opener.finalize()
    except InvalidTag:
        raise Unreadable(place.split(":")[0]) from None


def decrypt(blob: bytes | memoryview, place: str) -> str:
    return decrypt_bytes(blob, place).decode()


def blind_index(value: str, field: str) -> bytes:
    """32 bytes for equality search of ``value`` in ``field`` (HMAC-SM3 with that field's own key)."""
    mac = _indexing(field).copy()
    mac.update(value.encode())
    return mac.finalize()


def sm3(data: bytes) -> str:
    """Hex SM3 digest (GB/T 32905), used for files."""
    digest = hashes.Hash(hashes.SM3())
    digest.update(data)
    return digest.finalize().hex()

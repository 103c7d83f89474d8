"""How short messages leave: a line on the console, a line in a file, or an HTTP gateway of the county's operator.

A sender says what became of one message: ``True`` it was taken, ``False`` it was refused. It raises NothingLeft when no
connection was made, so it may be tried again, and OutcomeUnknown when it may have left: then never again.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Protocol

import urllib3
from django.conf import settings
from django.utils.crypto import salted_hmac

from subsidy_portal import clock

_pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=5.0, read=10.0))
MAX_ANSWER = 64 * 2**10


class NothingLeft(Exception):
    """No byte of the message left."""


class OutcomeUnknown(Exception):
    """The message may have left."""


class Sender(Protocol):
    def send(self, ref: str, phone: str, text: str) -> bool: ...


def masked(phone: str) -> str:
    return f"{phone[:3]}****{phone[-4:]}"


class ConsoleSender:
    """For trying out: the message and a masked number on the worker's output."""

    def send(self, ref: str, phone: str, text: str) -> bool:
        print(f"[{ref}] {masked(phone)} {text}", flush=True)  # noqa: T201 - that is what it is for
        return True


class FileSender:
    """For rehearsals: one JSON line a message in ``PORTAL_HOME/messages.jsonl``, the number masked."""

    def send(self, ref: str, phone: str, text: str) -> bool:
        line = json.dumps({"ref": ref, "phone": masked(phone), "text": text, "at": clock.now().isoformat()})
        handle = os.open(Path(settings.PORTAL_HOME) / "messages.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, line.encode() + b"\n")
        finally:
            os.close(handle)
        return True


class HttpSender:
    """One signed POST of JSON ``{"ref", "phone", "text"}`` to ``PORTAL_SMS_URL``; 2xx takes it, 4xx refuses it.

    ``X-Signature`` is HMAC-SHA-256 of the body under PORTAL_SMS_KEY; the gateway drops a ``ref`` it has seen.
    """

    def send(self, ref: str, phone: str, text: str) -> bool:
        body = json.dumps({"ref": ref, "phone": phone, "text": text}, ensure_ascii=False).encode()
        signature = salted_hmac("publicity.sms", body, secret=settings.SMS_KEY, algorithm="sha256").hexdigest()
        head = {"Content-Type": "application/json; charset=utf-8", "X-Signature": signature}
        try:
            answer = _pool.request("POST", settings.SMS_URL, body=body, headers=head, redirect=False)
        except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError) as error:
            raise NothingLeft from error
        except urllib3.exceptions.HTTPError as error:
            raise OutcomeUnknown from error
        if 200 <= answer.status < 300:
            return True
        if 400 <= answer.status < 500:
            return False
        raise OutcomeUnknown


SENDERS: dict[str, type[Sender]] = {"console": ConsoleSender, "file": FileSender, "http": HttpSender}


def sender() -> Sender | None:
    """The one of settings.MESSAGE_SENDER; None when the county sends no messages."""
    return SENDERS[settings.MESSAGE_SENDER]() if settings.MESSAGE_SENDER else None

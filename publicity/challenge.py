"""After two misses a lookup has to be earned: by a piece of work of the browser, or by waiting without a script.

ALTCHA's proof of work (PBKDF2, no pictures, nothing to read or hear). A solution counts for the one form it was made
for. Without JavaScript the form is taken when it is old enough, one at a time from one network. Whether a challenge is
due depends on counts of misses only, never on what is on file, so it tells nothing.
"""

from __future__ import annotations

import base64
import datetime as dt
import json

import altcha
from django.utils import timezone
from django.utils.crypto import salted_hmac

from publicity.forms import LookupForm
from publicity.limits import Limited, LookupLimit

# Expected work: 256 tries of 3,000 rounds; about a second on an old phone, two milliseconds for the server to check.
ALGORITHM, ROUNDS, PREFIX = "PBKDF2/SHA-256", 3_000, "00"
WAIT_SECONDS = 30
AFTER_MISSES = 2


def _secret() -> bytes:
    return salted_hmac("publicity.challenge", "altcha", algorithm="sha256").digest()


def make_challenge(form: LookupForm) -> str:
    """The challenge for ``form``'s fresh token, as JSON for the page."""
    made = altcha.create_challenge(
        ALGORITHM,
        ROUNDS,
        key_prefix=PREFIX,
        data={"once": _mark(form.fresh_token)},
        expires_at=timezone.now() + dt.timedelta(hours=LookupForm.HOURS),
        hmac_secret=_secret(),
    )
    return json.dumps(made.to_dict())


def _mark(token: str) -> str:
    return salted_hmac("publicity.challenge.once", token).hexdigest()[:24]


def is_met(form: LookupForm, limit: LookupLimit) -> bool:
    """``form`` brings a solution made for it, or is old enough and the only one of its network to have waited."""
    return _is_solved(form.cleaned_data.get("altcha", ""), form.token) or _has_waited(form, limit)


def _is_solved(solution: str, token: str) -> bool:
    if not solution or len(solution) > 4_000 or not altcha.verify_solution(solution, _secret()).verified:
        return False
    # Signed by us, as was just verified
    parameters = json.loads(base64.b64decode(solution))["challenge"]["parameters"]
    return bool(parameters["data"]["once"] == _mark(token))


def _has_waited(form: LookupForm, limit: LookupLimit) -> bool:
    if form.age_seconds < WAIT_SECONDS:
        return False
    try:
        limit.take_waited(WAIT_SECONDS)
    except Limited:
        return False
    return True

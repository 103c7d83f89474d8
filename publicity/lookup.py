"""Finding a person by three factors, so that a miss tells nothing: same queries, same crypto, same time."""

from __future__ import annotations

import time
from hmac import compare_digest

from django.db.models import Q, QuerySet

from disbursement.models import Payment
from programs.models import Person

# A miss is answered at the next multiple of this after it began; whatever a lookup really takes is well below.
SLOT_SECONDS = 0.15


def payments_of(person_pk: int) -> QuerySet[Payment]:
    """What is paid for or to a person, without classified programs and what was cancelled before it left."""
    mine = Q(beneficiary=person_pk) | Q(payee=person_pk)
    return Payment.objects.filter(mine, program__is_classified=False).exclude(status=Payment.Status.CANCELLED)


def find_person(name: str, id_number: str, last4: str) -> Person | None:
    """The person of all three factors: valid ID number, name in normal form, last four of an account of a payment.

    Two queries and one keyed hash whatever is wrong.
    """
    person = Person.objects.with_id_number(id_number).select_related("area__parent").first()
    same_account = payments_of(person.pk if person else 0).filter(account__number_last4=last4).exists()
    same_name = compare_digest((person.name if person else "").encode(), name.encode())
    return person if person and same_account and same_name else None


def wait_for_slot(began: float) -> None:
    """Sleep until the next multiple of the slot after ``began`` (time.monotonic).

    It costs a sleeping thread, no work: misses are limited, and who is found or refused is answered at once,
    for these answers tell by themselves what they are.
    """
    time.sleep(SLOT_SECONDS - (time.monotonic() - began) % SLOT_SECONDS)

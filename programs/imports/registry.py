"""Who of a file the registry knows, and everybody it does not: matched by the blind index of the ID number.

Looking up, numbering and encrypting happen before the storing transaction, so that it stays short. If
another import was faster with one of these people, the unique index refuses the copy and all begins anew.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db import transaction

from programs.imports.reading import Claims, Report
from programs.models import Account, Person
from programs.pinyin import initials
from subsidy_portal import bulk, clock, crypto, identifiers
from subsidy_portal.models import User

# People and accounts between two words on how far the sealing is
_TOLD = 2_000


class KnownPerson(NamedTuple):
    pk: int
    name: str
    has_phone: bool
    household: int | None
    heads: int | None  # the household this person is the head of
    merged: str | None  # the last four of the number that counts now, when this entry was merged


@dataclass
class Matched:
    """Keys of everybody and every account in a file, and the rows that are still to be written."""

    person: dict[str, int]  # ID number → key
    household: dict[str, int]  # head's ID number → key
    account: list[int]  # per claim
    at: dt.datetime
    ended: set[int] = field(default_factory=set)  # of those, accounts that were taken out of use
    persons: list[tuple[Any, ...]] = field(default_factory=list)
    households: list[tuple[Any, ...]] = field(default_factory=list)
    accounts: list[tuple[Any, ...]] = field(default_factory=list)
    # (person, household, relation, sealed phone, its last four): filled in only where the registry has nothing.
    additions: list[tuple[Any, ...]] = field(default_factory=list)


PERSON_COLUMNS = (
    "id", "id_sealed", "id_hash", "id_prefix", "id_last4", "name", "initials", "sex", "born_on", "phone_sealed",
    "phone_last4", "area_id", "group_no", "household_id", "relation", "created_at",
)  # fmt: skip
HOUSEHOLD_COLUMNS = ("id", "head_id", "area_id", "group_no")
ACCOUNT_COLUMNS = (
    "id", "holder_id", "bank_id", "kind", "number_sealed", "number_hash", "number_last4", "name_at_bank", "is_active",
    "reason", "replaces_id", "created_by_id", "created_at",
)  # fmt: skip
ADDITION_COLUMNS = ("person_id", "household_id", "relation", "phone_sealed", "phone_last4")


@transaction.atomic
def find_known(hashes: dict[str, bytes]) -> dict[str, KnownPerson]:
    """The registered persons among these ID numbers (number → blind index), in one join."""
    numbers = list(hashes)
    bulk.execute("CREATE TEMPORARY TABLE import_key (n int, id_hash bytea) ON COMMIT DROP")
    bulk.copy_rows("import_key", ("n", "id_hash"), enumerate(hashes.values()))
    bulk.execute("ANALYZE import_key")
    found = bulk.fetch(
        """
        SELECT k.n, p.id, p.name, p.phone_sealed IS NOT NULL, p.household_id, h.id, m.id_last4
        FROM import_key k JOIN programs_person p ON p.id_hash = k.id_hash
        LEFT JOIN programs_household h ON h.head_id = p.id
        LEFT JOIN programs_person m ON m.id = p.merged_into_id
        """
    )
    bulk.execute("DROP TABLE import_key")
    return {numbers[n]: KnownPerson(*rest) for n, *rest in found}


def index_people(claims: Claims) -> dict[str, bytes]:
    """ID number → blind index of everybody the file names, in order of first appearance."""
    numbers = dict.fromkeys(number for _role, column, _names in claims.people() for number in column if number)
    return {number: Person.id_index(number) for number in numbers}


class _Home(NamedTuple):
    """Where a person of the file lives, as its row says."""

    name: str
    area: str
    group_no: str
    head: str | None
    phone: str | None


def _homes(claims: Claims) -> dict[str, _Home]:
    homes: dict[str, _Home] = {}
    rows = zip(
        claims.beneficiary_id, claims.beneficiary_name, claims.payee_id, claims.payee_name, claims.head_id,
        claims.head_name, claims.village, claims.group_no, claims.phone, strict=True,
    )  # fmt: skip
    for person, name, payee, payee_name, head, head_name, area, group, phone in rows:
        # The phone is the beneficiary's; the beneficiary's row says most about a person.
        known = homes.get(person)
        if known is None or (known.phone is None and phone is not None):
            homes[person] = _Home(name, area, group, head, phone)
        if head is not None and head_name is not None:
            homes.setdefault(head, _Home(head_name, area, group, head, None))
        homes.setdefault(payee, _Home(payee_name, area, group, head, None))
    return homes


def match(
    claims: Claims, hashes: dict[str, bytes], known: dict[str, KnownPerson], actor: User, report: Report
) -> Matched:
    """Give everybody and every account of the file a key, and seal what is new under it; tells how far it is."""
    homes = _homes(claims)
    heads = dict.fromkeys(number for number in claims.head_id if number)
    new = [number for number in hashes if number not in known]
    person = {number: found.pk for number, found in known.items()}
    person |= zip(new, bulk.take_ids("programs_person", len(new)), strict=True)

    household = {n: known[n].heads for n in heads if n in known and known[n].heads is not None}
    founded = [number for number in heads if number not in household]
    household |= zip(founded, bulk.take_ids("programs_household", len(founded)), strict=True)

    matched = Matched(person, household, [], clock.now())  # type: ignore[arg-type]  # the None ones were left out
    # In one order for everybody: two imports of the same people queue up instead of waiting for each other.
    founded.sort(key=person.__getitem__)
    matched.households = [(household[n], person[n], homes[n].area, homes[n].group_no) for n in founded]
    for done, number in enumerate(sorted(new, key=hashes.__getitem__)):
        if not done % _TOLD:
            report(done, 2 * len(new))
        matched.persons.append(_person_row(number, homes[number], hashes[number], matched))
    for number, found in known.items():
        addition = _addition(number, homes[number], found, matched)
        if addition is not None:
            matched.additions.append(addition)
    _match_accounts(claims, known, matched, actor, report)
    return matched


def _household_of(number: str, home: _Home, matched: Matched) -> tuple[int | None, str]:
    """(household, relation): a head belongs to the own one, everybody else to that of the row's head."""
    if number in matched.household:
        return matched.household[number], "户主"
    return (matched.household[home.head] if home.head else None), ""


def _sealed_phone(pk: int, phone: str | None) -> tuple[bytes | None, str]:
    return (crypto.encrypt(phone, Person.phone_place(pk)), phone[-4:]) if phone else (None, "")


def _person_row(number: str, home: _Home, id_hash: bytes, matched: Matched) -> tuple[Any, ...]:
    pk = matched.person[number]
    return (
        pk,
        crypto.encrypt(number, Person.place(pk)),
        id_hash,
        number[:6],
        number[-4:],
        home.name,
        initials(home.name),
        identifiers.sex(number),
        identifiers.birth_date(number),
        *_sealed_phone(pk, home.phone),
        home.area,
        home.group_no,
        *_household_of(number, home, matched),
        matched.at,
    )


def _addition(number: str, home: _Home, found: KnownPerson, matched: Matched) -> tuple[Any, ...] | None:
    household, relation = _household_of(number, home, matched) if found.household is None else (None, "")
    phone = _sealed_phone(found.pk, home.phone if not found.has_phone else None)
    return (found.pk, household, relation, *phone) if household or phone[0] else None


# --- Accounts ----------------------------------------------------------------------------------------------

_Key = tuple[int, bytes, int, str]  # holder, number's index, bank, name at the bank: what makes an account one


def _match_accounts(
    claims: Claims, known: dict[str, KnownPerson], matched: Matched, actor: User, report: Report
) -> None:
    indexes = {number: Account.number_index(number) for number in dict.fromkeys(claims.account)}
    wanted: dict[_Key, int] = {}  # key → the claim that names it first
    keys: list[_Key] = []
    rows = zip(claims.payee_id, claims.account, claims.bank, claims.account_name, claims.payee_name, strict=True)
    for at, (payee, number, bank, at_bank, name) in enumerate(rows):
        key = (matched.person[payee], indexes[number], bank, at_bank or name)
        wanted.setdefault(key, at)
        keys.append(key)
    registered = {found.pk for found in known.values()}
    accounts, matched.ended = _find_accounts([key for key in wanted if key[0] in registered])
    new = [key for key in wanted if key not in accounts]
    accounts |= zip(new, bulk.take_ids("programs_account", len(new)), strict=True)
    for done, key in enumerate(sorted(new)):
        if not done % _TOLD:
            report(len(new) + done, 2 * len(new))
        number = claims.account[wanted[key]]
        kind = claims.account_kind[wanted[key]] or account_kind_of(number)
        pk = accounts[key]
        sealed = crypto.encrypt(number, Account.place(pk))
        matched.accounts.append(
            (pk, key[0], key[2], kind, sealed, key[1], number[-4:], key[3], True, "", None, actor.pk, matched.at)
        )
    matched.account = [accounts[key] for key in keys]


def account_kind_of(number: str) -> str:
    """What an account number tells when the file does not: cards begin with 62, passbooks do not."""
    is_card = number.startswith("62") and 16 <= len(number) <= 19
    return Account.Kind.SSC if is_card else Account.Kind.PASSBOOK


@transaction.atomic
def _find_accounts(keys: Sequence[_Key]) -> tuple[dict[_Key, int], set[int]]:
    """The registered accounts among ``keys``, and which of them are out of use."""
    if not keys:
        return {}, set()
    columns = ("holder_id", "number_hash", "bank_id", "name_at_bank")
    bulk.execute(
        "CREATE TEMPORARY TABLE import_account"
        " (n int, holder_id bigint, number_hash bytea, bank_id bigint, name_at_bank text) ON COMMIT DROP"
    )
    bulk.copy_rows("import_account", ("n", *columns), ((n, *key) for n, key in enumerate(keys)))
    bulk.execute("ANALYZE import_account")
    found = bulk.fetch(
        "SELECT k.n, a.id, a.is_active FROM import_account k JOIN programs_account a"
        " USING (holder_id, number_hash, bank_id, name_at_bank)"
    )
    bulk.execute("DROP TABLE import_account")
    return {keys[n]: pk for n, pk, _active in found}, {pk for _n, pk, active in found if not active}

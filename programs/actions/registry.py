"""The registry by hand: a further account of a person, and the recorded look at a full number."""

from __future__ import annotations

from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext as _

from programs.models import Account, AccountProof, Person
from subsidy_portal import bulk, clock, crypto
from subsidy_portal.identifiers import IdentifierError, parse_account, parse_name
from subsidy_portal.models import Organisation, StoredFile, User
from subsidy_portal.permissions import require
from subsidy_portal.sheets import mask_digits
from subsidy_portal.workflow import NotPermitted, Refused, record


@transaction.atomic
def add_account(
    person: Person,
    *,
    number: str,
    bank: Organisation,
    kind: str,
    actor: User,
    name_at_bank: str = "",
    reason: str = "",
    replaces: Account | None = None,
    proof: StoredFile | None = None,
) -> Account:
    """Register an account of ``person``; the one with the same number, bank and name is returned when there is one.

    ``proof`` is kept with an account that is new. ``name_at_bank`` is the holder's name unless the bank writes it
    differently. Raises Refused for a number or name that cannot be, and for a bank that pays nothing out.
    """
    require(actor, "correction.propose")
    if bank.kind != Organisation.Kind.BANK or not bank.is_active:
        raise Refused(_("这不是本县的代发银行。请从列表中选择。"))
    try:
        number = parse_account(number)
        name = parse_name(name_at_bank or person.name)
    except IdentifierError as error:
        raise Refused(str(error)) from None
    same = person.accounts.with_number(number).filter(bank=bank, name_at_bank=name)
    found = same.first()
    if found is not None:
        return found
    try:
        with transaction.atomic():
            account = _create(person, number, name, bank=bank, kind=kind, reason=reason, replaces=replaces, actor=actor)
    except IntegrityError:  # a colleague or an import registered the same one in between
        return same.get()
    if proof is not None:
        AccountProof.objects.create(account=account, file=proof)
    record(person, "account_added", actor=actor, note=mask_digits(reason), data={"account": account.pk})
    return account


def _create(person: Person, number: str, name: str, *, reason: str, actor: User, **fields: object) -> Account:
    (pk,) = bulk.take_ids("programs_account", 1)
    return Account.objects.create(
        pk=pk,
        holder=person,
        number_sealed=crypto.encrypt(number, Account.place(pk)),
        number_hash=Account.number_index(number),
        number_last4=number[-4:],
        name_at_bank=name,
        reason=mask_digits(reason)[:120],
        created_by=actor,
        created_at=clock.now(),
        **fields,
    )


def carry_account(account: Account, holder: Person, *, actor: User) -> None:
    """``account`` goes on under another entry of the same person: a new row for ``holder``, the old one ends."""
    number = account.reveal_number()
    same = holder.accounts.with_number(number).filter(bank=account.bank_id, name_at_bank=account.name_at_bank)
    if not same.exists():
        _create(
            holder,
            number,
            account.name_at_bank,
            bank=account.bank,
            kind=account.kind,
            reason=_("合并登记"),
            replaces=account,
            actor=actor,
        )
    Account.objects.filter(pk=account.pk).update(is_active=False)


@transaction.atomic
def reveal_id_number(person: Person, *, reason: str, actor: User) -> str:
    """The full ID number, for one look; who looked and why is recorded first. Raises Refused without a reason."""
    _record_reveal(person, person, reason, actor)
    return person.reveal_id_number()


@transaction.atomic
def reveal_account_number(account: Account, *, reason: str, actor: User) -> str:
    """The full account number, for one look; who looked and why is recorded first. Raises Refused without a reason."""
    _record_reveal(account, account.holder, reason, actor)
    return account.reveal_number()


def _record_reveal(thing: models.Model, person: Person, reason: str, actor: User) -> None:
    require(actor, "person.reveal")
    if not Person.objects.visible_to(actor).filter(pk=person.pk).exists():
        raise NotPermitted(_("您的岗位不能查看这个人的信息。"))
    if not reason.strip():
        raise Refused(_("请写明查看完整信息的理由。"))
    record(thing, "revealed", actor=actor, note=mask_digits(reason.strip()))

"""Two entries that are one person: proposed by a township, decided by the county's finance. Both histories stay."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from programs.actions.registry import carry_account
from programs.checks import run_checks_on
from programs.models import Household, Person, PersonMerge, Roster, RosterRow
from subsidy_portal import bulk, clock
from subsidy_portal.identifiers import IdentifierError, parse_id_number
from subsidy_portal.models import User
from subsidy_portal.permissions import require, require_other
from subsidy_portal.sheets import mask_digits
from subsidy_portal.workflow import NotPermitted, Refused, move, record

S = PersonMerge.Status


@dataclass(frozen=True)
class Overlap:
    """A program and period that both entries were in; amounts in fen."""

    program: str
    period: str
    keep_fen: int
    gone_fen: int


def overlaps(keep: Person, gone: Person) -> list[Overlap]:
    """Where both were in the same program and period: perhaps paid twice."""
    found = bulk.fetch(
        """
        SELECT p.short_name, b.period, sum(r.amount_fen) FILTER (WHERE r.beneficiary_id = %(keep)s),
            sum(r.amount_fen) FILTER (WHERE r.beneficiary_id = %(gone)s)
        FROM programs_rosterrow r
        JOIN programs_roster b ON b.id = r.roster_id AND b.revision = r.revision AND b.status <> 'cancelled'
        JOIN programs_program p ON p.id = b.program_id
        WHERE r.beneficiary_id IN (%(keep)s, %(gone)s) AND r.status <> 'left'
        GROUP BY p.id, p.short_name, b.period HAVING count(DISTINCT r.beneficiary_id) = 2
        ORDER BY b.period, p.short_name
        """,
        {"keep": keep.pk, "gone": gone.pk},
    )
    return [Overlap(name, period, int(mine), int(other)) for name, period, mine, other in found]


@transaction.atomic
def propose_merge(*, keep: str, gone: str, reason: str, actor: User) -> PersonMerge:
    """Say that the person with ID number ``gone`` is the one with ``keep``, and why.

    Raises Refused for a number that is not registered, somebody already merged, and an open proposal; the caller
    must see at least one of the two.
    """
    require(actor, "merge.propose")
    kept, going = _registered(keep), _registered(gone)
    if kept.pk == going.pk:
        raise Refused(_("两个证号是同一个人，不用合并。"))
    if not Person.objects.visible_to(actor).filter(pk__in=(kept.pk, going.pk)).exists():
        raise NotPermitted(_("这两个人都不在您的范围里。请由所在乡镇提出。"))
    if not reason.strip():
        raise Refused(_("请写明为什么是同一个人，依据什么。"))
    try:
        with transaction.atomic():
            made = PersonMerge.objects.create(
                keep=kept, gone=going, reason=mask_digits(reason.strip())[:300], made_by=actor, made_at=clock.now()
            )
    except IntegrityError:
        raise Refused(_("这个人已经有一件合并待同意。请先等它办完。")) from None
    record(made, "created", actor=actor, new=S.ASKED, note=made.reason)
    return made


def _registered(number: str) -> Person:
    try:
        found = Person.objects.with_id_number(parse_id_number(number)).first()
    except IdentifierError as error:
        raise Refused(str(error)) from None
    if found is None:
        raise Refused(_("尾号%(last4)s的证号没有登记。请核对证号。") % {"last4": number.strip()[-4:]})
    if found.merged_into_id is not None:
        raise Refused(_("尾号%(last4)s的证号已经并入别的登记。") % {"last4": found.id_last4})
    return found


@transaction.atomic
def decide_merge(merge: PersonMerge, agree: bool, *, answer: str = "", actor: User) -> None:
    """Agree or refuse, by somebody else than who proposed it.

    Agreed: ``gone`` takes no new claims, its accounts in use go on under ``keep``, its household too; what was
    claimed and paid stays with the entry it was written for, and checks read both as one from now on.
    """
    require(actor, "merge.decide")
    require_other(actor, merge.made_by_id)
    answer = mask_digits(answer.strip())[:300]
    if not agree and not answer:
        raise Refused(_("请写明为什么不合并。"))
    to = S.AGREED if agree else S.REFUSED
    move(merge, to, actor=actor, note=answer, answer=answer, decided_by=actor, decided_at=clock.now())
    if agree:
        _merge(merge.keep, merge.gone, actor)


@transaction.atomic
def withdraw_merge(merge: PersonMerge, *, actor: User) -> None:
    """Take the proposal back; only who made it may."""
    require(actor, "merge.propose")
    if merge.made_by_id != actor.pk:
        raise NotPermitted(_("只有提出的人能撤回。"))
    move(merge, S.WITHDRAWN, actor=actor)


def _merge(keep: Person, gone: Person, actor: User) -> None:
    keep, gone = (Person.objects.select_for_update().get(pk=one.pk) for one in (keep, gone))
    if keep.merged_into_id is not None or gone.merged_into_id is not None:
        raise Refused(_("其中一个人刚刚已被合并。请刷新后再看。"))
    Person.objects.filter(merged_into=gone).update(merged_into=keep)
    Person.objects.filter(pk=gone.pk).update(merged_into=keep)
    for account in gone.accounts.filter(is_active=True):
        carry_account(account, keep, actor=actor)
    _merge_households(keep, gone)
    double = overlaps(keep, gone)
    note = _("尾号%(last4)s") % {"last4": gone.id_last4}
    record(keep, "merged_in", actor=actor, note=note, data={"double": len(double)})
    record(gone, "merged_away", actor=actor, note=_("尾号%(last4)s") % {"last4": keep.id_last4})
    rows = RosterRow.objects.filter(beneficiary__in=(keep, gone))
    waiting = Roster.objects.filter(pk__in=rows.values("roster"), revision__gt=0).exclude(
        status__in=(Roster.Status.ACCEPTED, Roster.Status.CANCELLED)
    )
    transaction.on_commit(partial(run_checks_on, list(waiting.values_list("pk", flat=True))))


def _merge_households(keep: Person, gone: Person) -> None:
    """The household that ``gone`` headed is headed by ``keep``; with one of its own, the members join that."""
    old = Household.objects.filter(head=gone).first()
    own = Household.objects.filter(head=keep).first()
    if old is not None and own is None:
        Household.objects.filter(pk=old.pk).update(head=keep)
        Person.objects.filter(pk=keep.pk).update(household=old, relation="户主")
    elif old is not None:
        old.members.exclude(pk=gone.pk).update(household=own)
    elif gone.household_id is not None and keep.household_id is None:
        Person.objects.filter(pk=keep.pk).update(household=gone.household_id, relation=gone.relation)
    Person.objects.filter(pk=gone.pk).update(household=None, relation="")

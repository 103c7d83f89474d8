"""Who belongs to a household. A member comes and goes by the township's word; another head needs a second person.

Rosters keep the head and household they were imported with; what happened to a household stays in its events.
"""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from programs.actions.gates import require_note
from programs.actions.moves import person_named
from programs.models import HeadChange, Household, Person
from subsidy_portal import clock
from subsidy_portal.models import User
from subsidy_portal.permissions import require, require_other
from subsidy_portal.sheets import mask_digits
from subsidy_portal.workflow import NotPermitted, Refused, move, record

S = HeadChange.Status
HEAD = "户主"


def _locked(household: Household, actor: User) -> Household:
    """The household under a lock; raises NotPermitted for another township's."""
    if not household.area_id.startswith(actor.area_prefix[:9]):
        raise NotPermitted(_("只能办本乡镇的户。"))
    return Household.objects.select_for_update(of=("self",)).select_related("head", "area").get(pk=household.pk)


@transaction.atomic
def add_member(household: Household, *, id_number: str, name: str, relation: str, reason: str, actor: User) -> Person:
    """Take a registered person of the same village into the household, out of another one if need be.

    Raises Refused for somebody who is not registered, lives elsewhere, heads others or is a member already.
    """
    require(actor, "household.edit")
    reason = require_note(mask_digits(reason), _("原因和依据"))
    relation = require_note(relation, _("与户主的关系"))
    found = _locked(household, actor)
    person = Person.objects.select_for_update(of=("self",)).get(pk=person_named(id_number, name).pk)
    if person.area_id != found.area_id:
        raise Refused(_("这个人登记在别的村。请先办迁移，再加到这一户。"))
    if relation == HEAD:
        raise Refused(_("一户只有一个户主。请填与户主的关系；要换户主，加进来以后再提出。"))
    if person.household_id == found.pk:
        raise Refused(_("这个人已经在这一户。"))
    _leave_old(person, actor)
    Person.objects.filter(pk=person.pk).update(household=found, relation=relation[:20])
    note = _("%(name)s（%(relation)s）：%(reason)s") % {"name": person.name, "relation": relation, "reason": reason}
    record(found, "member_added", actor=actor, note=note, data={"person": person.pk})
    return person


def _leave_old(person: Person, actor: User) -> None:
    own = Household.objects.filter(head=person).first()
    if own is not None and own.members.exclude(pk=person.pk).exists():
        raise Refused(_("这个人是另一户的户主，那一户还有别人。请先给那一户换户主。"))
    if person.household is not None:
        record(person.household, "member_removed", actor=actor, note=_("%s，转到另一户") % person.name)


@transaction.atomic
def remove_member(household: Household, person: Person, *, reason: str, actor: User) -> None:
    """Take somebody out of the household who is not its head; raises Refused for the head and for a stranger."""
    require(actor, "household.edit")
    reason = require_note(mask_digits(reason), _("原因和依据"))
    found = _locked(household, actor)
    if person.pk == found.head_id:
        raise Refused(_("户主不能直接移出。请先提出换户主。"))
    if found.head_changes.filter(status=S.ASKED, new_head=person).exists():
        raise Refused(_("正在提出由这个人当户主。请先办完或撤回。"))
    if not Person.objects.filter(pk=person.pk, household=found).update(household=None, relation=""):
        raise Refused(_("这个人已经不在这一户。请刷新后再看。"))
    note = _("%(name)s：%(reason)s") % {"name": person.name, "reason": reason}
    record(found, "member_removed", actor=actor, note=note, data={"person": person.pk})


@transaction.atomic
def ask_head(household: Household, new_head: Person, *, old_relation: str = "", reason: str, actor: User) -> HeadChange:
    """Ask that a member becomes the head; the old one stays as ``old_relation`` or, when empty, leaves (died, moved).

    Raises Refused while another change waits, and for somebody who is no member.
    """
    require(actor, "household.edit")
    reason = require_note(mask_digits(reason), _("原因和依据"))
    found = _locked(household, actor)
    if new_head.household_id != found.pk or new_head.pk == found.head_id:
        raise Refused(_("请在这一户的其他成员里选新户主。"))
    try:
        with transaction.atomic():
            made = HeadChange.objects.create(
                household=found, old_head=found.head, new_head=new_head, old_relation=old_relation.strip()[:20],
                reason=reason[:300], made_by=actor, made_at=clock.now(),
            )  # fmt: skip
    except IntegrityError:
        raise Refused(_("这一户已经有一件换户主待同意。请先等它办完。")) from None
    record(made, "created", actor=actor, new=S.ASKED, note=made.reason)
    return made


@transaction.atomic
def decide_head(found: HeadChange, agree: bool, *, answer: str = "", actor: User) -> None:
    """Agree or refuse, by the township's reviewer. Agreed: rosters from now on name the new head."""
    require(actor, "household.decide")
    require_other(actor, found.made_by_id)
    household = _locked(found.household, actor)
    answer = mask_digits(answer.strip())[:300]
    if not agree and not answer:
        raise Refused(_("请写明为什么不同意，对方要照着办。"))
    to = S.AGREED if agree else S.REFUSED
    move(found, to, actor=actor, note=answer, answer=answer, decided_by=actor, decided_at=clock.now())
    if agree:
        _settle(found, household, actor)


@transaction.atomic
def withdraw_head(found: HeadChange, *, actor: User) -> None:
    """Take the request back; only who made it may."""
    require(actor, "household.edit")
    if found.made_by_id != actor.pk:
        raise NotPermitted(_("只有提出的人能撤回。"))
    move(found, S.WITHDRAWN, actor=actor)


def _settle(found: HeadChange, household: Household, actor: User) -> None:
    new = Person.objects.select_for_update(of=("self",)).get(pk=found.new_head_id)
    if household.head_id != found.old_head_id or new.household_id != household.pk:
        raise Refused(_("这一户的人已经变了。请撤回后重新提出。"))
    Household.objects.filter(pk=household.pk).update(head=new)
    Person.objects.filter(pk=new.pk).update(relation=HEAD)
    stays = {"relation": found.old_relation} if found.old_relation else {"household": None, "relation": ""}
    Person.objects.filter(pk=found.old_head_id).update(**stays)
    note = _("从%(old)s换为%(new)s") % {"old": found.old_head.name, "new": new.name}
    record(household, "head_changed", actor=actor, note=note, data={"old": found.old_head_id, "new": new.pk})

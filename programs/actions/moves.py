"""A person moves to another village: one township asks, the other agrees. Rosters under way stay as they are."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from programs.models import Household, Person, PersonMove
from subsidy_portal import clock
from subsidy_portal.identifiers import IdentifierError, parse_id_number, parse_name
from subsidy_portal.models import Area, User
from subsidy_portal.permissions import require, require_other
from subsidy_portal.sheets import mask_digits
from subsidy_portal.workflow import NotPermitted, Refused, move, record

S = PersonMove.Status


@transaction.atomic
def ask_move(
    *, id_number: str, name: str, to_area: Area, with_household: bool = False, reason: str, actor: User
) -> PersonMove:
    """Ask that the person with this number and name belongs to the village ``to_area``.

    The township that gives or the one that receives may ask. The answer is the same for a number that is not
    registered and for another name, so that nobody learns who lives elsewhere. Raises Refused.
    """
    require(actor, "move.ask")
    person = person_named(id_number, name)
    here, there = person.area, to_area
    if there.level != Area.Level.VILLAGE or (there.valid_to is not None and there.valid_to < clock.today()):
        raise Refused(_("请选择要迁到的村（社区）。"))
    if here == there:
        raise Refused(_("这个人已经在这个村。"))
    sides = {here.code[:9], there.code[:9]}
    mine = actor.area_prefix[:9]
    if mine not in sides:
        raise NotPermitted(_("只能办从本乡镇迁出或迁入本乡镇的。"))
    heads = Household.objects.filter(head=person).first()
    if heads is not None and not with_household and heads.members.exclude(pk=person.pk).exists():
        raise Refused(_("这是户主，户里还有别人。请选“连户迁”，或先换户主。"))
    if not reason.strip():
        raise Refused(_("请写明为什么迁，依据什么。"))
    other = (sides - {mine}).pop() if len(sides) == 2 else mine
    try:
        with transaction.atomic():
            made = PersonMove.objects.create(
                person=person, from_area=here, to_area=there, with_household=with_household and heads is not None,
                decides=Area.objects.get(code=f"{other}000"), reason=mask_digits(reason.strip())[:300],
                made_by=actor, made_at=clock.now(),
            )  # fmt: skip
    except IntegrityError:
        raise Refused(_("这个人已经有一件迁移待同意。请先等它办完。")) from None
    record(made, "created", actor=actor, new=S.ASKED, note=made.reason)
    return made


def person_named(id_number: str, name: str) -> Person:
    """The registered person; raises Refused with the same words for an unknown number and for another name."""
    try:
        number, written = parse_id_number(id_number), parse_name(name)
    except IdentifierError as error:
        raise Refused(str(error)) from None
    person = Person.objects.with_id_number(number).filter(name=written, merged_into=None).select_related("area").first()
    if person is None:
        raise Refused(_("没有登记这个人，或姓名与登记的不同。请核对身份证号和姓名。"))
    return person


@transaction.atomic
def decide_move(found: PersonMove, agree: bool, *, answer: str = "", actor: User) -> None:
    """Agree or refuse, by a reviewer of the township that has to. Agreed: registered there from now on."""
    require(actor, "move.decide")
    require_other(actor, found.made_by_id)
    if actor.area_prefix[:9] != found.decides_id[:9]:
        raise NotPermitted(_("要由%(area)s同意。") % {"area": found.decides})
    answer = mask_digits(answer.strip())[:300]
    if not agree and not answer:
        raise Refused(_("请写明为什么不同意，对方要照着办。"))
    to = S.AGREED if agree else S.REFUSED
    move(found, to, actor=actor, note=answer, answer=answer, decided_by=actor, decided_at=clock.now())
    if agree:
        _settle(found, actor)


@transaction.atomic
def withdraw_move(found: PersonMove, *, actor: User) -> None:
    """Take the request back; only who made it may."""
    require(actor, "move.ask")
    if found.made_by_id != actor.pk:
        raise NotPermitted(_("只有提出的人能撤回。"))
    move(found, S.WITHDRAWN, actor=actor)


def _settle(found: PersonMove, actor: User) -> None:
    person = Person.objects.select_for_update().get(pk=found.person_id)
    if person.area_id != found.from_area_id:
        raise Refused(_("这个人已经不在原来的村了。请撤回后重新提出。"))
    household = Household.objects.filter(head=person).first()
    if household is not None:
        Household.objects.filter(pk=household.pk).update(area=found.to_area, group_no="")
        household.members.update(area=found.to_area, group_no="")
        Person.objects.filter(pk=person.pk).update(area=found.to_area, group_no="")
    else:
        # Whoever leaves without the head leaves the household.
        Person.objects.filter(pk=person.pk).update(area=found.to_area, group_no="", household=None, relation="")
    note = _("从%(old)s到%(new)s") % {"old": found.from_area, "new": found.to_area}
    record(person, "moved", actor=actor, note=note)

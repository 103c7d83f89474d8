"""Who is meant by what was typed: an ID number, an account's last four, the beginning of a name or its initials."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q
from django.utils.translation import gettext as _

from programs.models import Account, Person
from subsidy_portal.identifiers import IdentifierError, parse_id_number, parse_name
from subsidy_portal.models import User

# More than anybody reads; beyond it the answer says to type more. So one search never costs more than this.
MOST = 200
_LEAST_LETTERS = 2


@dataclass(frozen=True)
class Found:
    """``people`` by name, at most ``MOST``; ``by`` says what was looked for."""

    by: str
    people: list[Person]
    is_cut: bool


def search_people(text: str, user: User) -> Found:
    """Those ``user`` may see. Raises IdentifierError for a number or name that cannot be one."""
    by, wanted = _meant(text.strip())
    mine = Person.objects.visible_to(user).filter(wanted)
    # First few, in no order, through the index of what was typed; sorted afterwards: an order would tempt the planner
    # to walk the whole registry for a rare name.
    keys = list(mine.order_by().values_list("pk", flat=True)[: MOST + 1])
    people = Person.objects.filter(pk__in=keys[:MOST]).select_related("area__parent").order_by("name", "pk")
    return Found(by, list(people), len(keys) > MOST)


def _meant(text: str) -> tuple[str, Q]:
    if len(text) == 4 and text.isdecimal() and text.isascii():
        holders = Account.objects.filter(number_last4=text).values("holder")
        return _("账户后四位"), Q(pk__in=holders)
    if any(c.isdecimal() for c in text):
        return _("身份证号"), Q(id_hash=Person.id_index(parse_id_number(text)))
    if text.isascii() and text.isalpha():
        if len(text) < _LEAST_LETTERS:
            raise IdentifierError(_("拼音首字母至少两个，如 llx。"), "letters")
        return _("拼音首字母"), Q(initials__startswith=text.lower())
    return _("姓名"), Q(name__startswith=parse_name(text))

"""Inquiries on the desk: to assign, to answer, late; and where a number leads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from publicity.models import Inquiry
from subsidy_portal.desk import DeskItem
from subsidy_portal.models import Organisation, User
from subsidy_portal.permissions import allowed

K, S = Organisation.Kind, Inquiry.Status
AT_MOST = 50


def waiting(user: User) -> list[DeskItem]:
    return [*_to_assign(user), *_to_answer(user), *_to_press(user)]


def away(user: User) -> list[DeskItem]:
    """What the offices that assign gave to others."""
    if not allowed(user, "inquiry.assign"):
        return []
    given = Inquiry.objects.visible_to(user).filter(status__in=(S.ASSIGNED, S.ESCALATED))
    return [_item(one, _("看"), str(one.owner)) for one in _near(given.exclude(owner=user.organisation))]


def _near(found: Any) -> Any:
    return found.select_related("owner", "area").order_by("due_on", "pk")[:AT_MOST]


def _item(inquiry: Inquiry, action: str, facts: str) -> DeskItem:
    return DeskItem(
        menu="inquiries",
        kind=inquiry.get_kind_display(),
        title=inquiry.text[:40],
        facts="，".join((inquiry.number, inquiry.area.name, facts)),
        url=reverse("inquiries:inquiry", args=(inquiry.pk,)),
        action=action,
        at=inquiry.received_at,
        due_on=inquiry.due_on,
    )


def _to_assign(user: User) -> Iterator[DeskItem]:
    if allowed(user, "inquiry.assign"):
        for one in _near(Inquiry.objects.visible_to(user).filter(status=S.RECEIVED)):
            yield _item(one, _("分办"), _("等分办"))


def _to_answer(user: User) -> Iterator[DeskItem]:
    if not allowed(user, "inquiry.answer"):
        return
    mine = Inquiry.objects.visible_to(user).filter(owner=user.organisation, status__in=(S.ASSIGNED, S.ESCALATED))
    for one in _near(mine):
        if one.status == S.ESCALATED:
            yield _item(one, _("直接答复"), _("群众两次不满意"))
        elif one.refusals:
            yield _item(one, _("再办"), _("群众不满意"))
        else:
            yield _item(one, _("答复"), _("等答复"))


def _to_press(user: User) -> Iterator[DeskItem]:
    """What other offices are late with, for those who gave it to them."""
    if allowed(user, "inquiry.assign"):
        late = Inquiry.objects.visible_to(user).overdue().exclude(status=S.RECEIVED)
        for one in _near(late.exclude(owner=user.organisation)):
            yield _item(one, _("督办"), _("%(unit)s逾期未答复") % {"unit": one.owner})


def search(user: User, text: str) -> str:
    """The page of the inquiry with exactly this number; empty when there is none to see."""
    number = text.strip()
    if not re.fullmatch(r"[0-9]{4}-[0-9]{4,10}", number) or not allowed(user, "see.inquiries"):
        return ""
    found = Inquiry.objects.visible_to(user).filter(number=number).values_list("pk", flat=True).first()
    return reverse("inquiries:inquiry", args=(found,)) if found else ""

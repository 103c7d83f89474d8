"""The yearly table of S4: on and off the platform × to persons and to households × year (R9, R10).

What the portal pays is counted as in 发放总览: released, by fund year. Everything else is registered by year.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Count, F, Sum
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.translation import gettext as _

from disbursement.models import Payment
from programs.models import Program
from selfcheck.models import YearlyAmount
from selfcheck.official import COUNT, WAN, Head, Line, Source, Table
from subsidy_portal.models import User
from subsidy_portal.money import percent

PORTAL = "portal"
_ON, _OFF = "通过系统发放", "未通过系统发放"
_MONEY = (("fen", "金额", WAN), ("person_fen", "到人金额", WAN), ("household_fen", "到户金额", WAN))


def _heads(side: str, band: str) -> tuple[Head, ...]:
    items = Head(f"{side}_items", band, "项数", COUNT, 8)
    return (items, *(Head(f"{side}_{key}", band, name, kind, 12) for key, name, kind in _MONEY))


HEADS = (
    *_heads("all", "全部发放"),
    Head("persons", "享受补贴", "人数", COUNT, 10),
    Head("households", "享受补贴", "户数", COUNT, 10),
    *_heads("on", _ON),
    *_heads("off", _OFF),
    Head("off_share", "未通过系统占比", format="@", width=10),
)


@dataclass(frozen=True)
class Fact:
    """What one program paid in one year through one channel."""

    year: int
    program: int
    channel: str
    paid_to: str
    fen: int
    persons: int
    households: int

    @property
    def on(self) -> bool:
        return self.channel != YearlyAmount.Channel.OFFLINE


def _payments(user: User, **only: Any) -> Any:
    released = Payment.objects.visible_to(user).exclude(status=Payment.Status.CANCELLED)
    return released.filter(released_on__isnull=False, **only).order_by()


# Who belongs to no household of the registry counts as one.
_HOUSEHOLD = Coalesce(F("beneficiary__household"), -F("beneficiary"))
_COUNTS: dict[str, Any] = {
    "persons": Count("beneficiary", distinct=True),
    "homes": Count(_HOUSEHOLD, distinct=True),
}


def facts(user: User) -> list[Fact]:
    """Everything ever paid that ``user`` may see, by year, program and channel."""
    found = [
        Fact(one.year, one.program_id, one.channel, one.paid_to, one.amount_fen, one.persons, one.households)
        for one in YearlyAmount.objects.visible_to(user).counting().order_by("year", "program__code")
    ]
    groups = _payments(user).values("batch__plan__year", "program", "program__paid_to")
    for group in groups.annotate(fen=Sum("amount_fen"), **_COUNTS):
        to_person = group["program__paid_to"] == Program.PaidTo.PERSON
        people, homes = (group["persons"], 0) if to_person else (0, group["homes"])
        key = (group["batch__plan__year"], group["program"], PORTAL, group["program__paid_to"])
        found.append(Fact(*key, group["fen"], people, homes))
    return found


def _distinct(user: User) -> dict[int, tuple[int, int]]:
    """Year → different persons and households the portal paid, whatever number of programs they draw."""
    found: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for group in _payments(user).values("batch__plan__year", "program__paid_to").annotate(**_COUNTS):
        to_person = group["program__paid_to"] == Program.PaidTo.PERSON
        found[group["batch__plan__year"]][0 if to_person else 1] = group["persons" if to_person else "homes"]
    return {year: (persons, homes) for year, (persons, homes) in found.items()}


def _sums(some: Iterable[Fact]) -> dict[str, int]:
    here = list(some)
    person = sum(fact.fen for fact in here if fact.paid_to == Program.PaidTo.PERSON)
    whole = sum(fact.fen for fact in here)
    items = len({fact.program for fact in here})
    return {"items": items, "fen": whole, "person_fen": person, "household_fen": whole - person}


def _cells(some: list[Fact], people: tuple[int | None, int | None]) -> tuple[Any, ...]:
    sides = {"all": some, "on": [f for f in some if f.on], "off": [f for f in some if not f.on]}
    values: dict[str, Any] = {
        f"{side}_{key}": value for side, part in sides.items() for key, value in _sums(part).items()
    }
    values |= {"persons": people[0], "households": people[1]}
    values["off_share"] = percent(values["off_fen"], values["all_fen"])
    return tuple(values[head.key] for head in HEADS)


def yearly_table(user: User, years: Iterable[int] = ()) -> Table:
    """A line for each year and one for all of them; persons of several years cannot be added up and stay open."""
    wanted = set(years)
    known = [fact for fact in facts(user) if not wanted or fact.year in wanted]
    distinct = _distinct(user)
    lines = []
    for year in sorted({fact.year for fact in known}):
        mine = [fact for fact in known if fact.year == year]
        told = [fact for fact in mine if fact.channel != PORTAL]
        persons, households = distinct.get(year, (0, 0))
        people = (persons + sum(f.persons for f in told), households + sum(f.households for f in told))
        lines.append(Line(str(year), "", f"{year}年", _cells(mine, people)))
    if len(lines) > 1:
        lines.append(Line("total", "", "合计", _cells(known, (None, None)), "total"))
    return Table(
        title=f"{settings.COUNTY_NAME}惠民惠农财政补贴资金“一卡通”分年度发放情况表",
        unit=str(user.organisation),
        measure="单位：万元、项、人、户",
        first=("年度",),
        heads=HEADS,
        lines=lines,
        remarks=[
            "备注：1.本系统发放的按资金年度、放行金额统计，与“发放总览”一致；原系统和线下发放的按登记的年度数。",
            "2.项数按不同项目计，跨年合计不重复；人数、户数跨年不能相加，合计行不填。",
        ],
    )


def yearly_sources(user: User, key: str, column: str) -> list[Source]:
    """The programs behind one cell, with where each amount comes from."""
    side, _dash, what = column.partition("_")
    here = [fact for fact in facts(user) if key in {"total", str(fact.year)}]
    if column in {"persons", "households"}:
        what, here = column, [fact for fact in here if getattr(fact, column)]
    elif side in {"on", "off"}:
        here = [fact for fact in here if fact.on == (side == "on" and what != "share")]
    if what in {"person_fen", "household_fen"}:
        here = [fact for fact in here if f"{fact.paid_to}_fen" == what]
    programs = {one.pk: one for one in Program.objects.filter(pk__in={fact.program for fact in here})}
    ordered = sorted(here, key=lambda fact: (programs[fact.program].code, fact.year))
    if what == "items":
        first: dict[int, Fact] = {}
        for fact in ordered:
            first.setdefault(fact.program, fact)
        ordered = list(first.values())
    return [_source(fact, programs[fact.program], what) for fact in ordered]


def _source(fact: Fact, program: Program, what: str) -> Source:
    if fact.channel == PORTAL:
        channel, url = _("本系统"), f"{reverse('disbursement:batch-list')}?program={program.code}&year={fact.year}"
    else:
        channel = str(YearlyAmount.Channel(fact.channel).label)
        url = reverse("selfcheck:off-platform", args=(program.pk,))
    value = 1 if what == "items" else getattr(fact, what) if what in {"persons", "households"} else fact.fen
    words = f"{program.code} · {fact.year}年 · {channel} · {Program.PaidTo(fact.paid_to).label}"
    return Source(program.name, url, words, value)

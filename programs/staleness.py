"""How old the comparison data are, and which are too old or missing for the checks that read them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from django.db.models import Max, Q
from django.utils.translation import gettext as _

from programs.comparison_data import KINDS, kinds_of
from programs.models import Dataset, DatasetPolicy, Rule
from subsidy_portal.models import Area
from subsidy_portal.wording import cn_date


@dataclass(frozen=True)
class Age:
    """One kind on one day: ``as_of`` is the date of its newest list in force, None without one."""

    kind: str
    as_of: dt.date | None
    max_age: int
    on: dt.date

    @property
    def label(self) -> str:
        return str(Dataset.Kind(self.kind).label)

    @property
    def days(self) -> int:
        return (self.on - self.as_of).days if self.as_of else 0

    @property
    def is_stale(self) -> bool:
        """Missing, or older than finance lets it be."""
        return self.as_of is None or self.days > self.max_age

    @property
    def tone(self) -> str:
        return "warn" if self.is_stale else "done"

    @property
    def words(self) -> str:
        """The state in a word or two, beside which colour says the same."""
        if self.as_of is None:
            return _("没有数据")
        return _("已过期") if self.is_stale else _("在期内")

    @property
    def brief(self) -> str:
        """The name, and from when it is: beside what ``words`` says."""
        if self.as_of is None:
            return self.label
        told = {"kind": self.label, "as_of": cn_date(self.as_of), "days": self.days}
        return (
            _("%(kind)s（截至%(as_of)s，已 %(days)d 天）") if self.is_stale else _("%(kind)s（截至%(as_of)s）")
        ) % told

    @property
    def sentence(self) -> str:
        if self.as_of is None:
            return _("%(kind)s 没有数据，比对不到") % {"kind": self.label}
        return _("%(kind)s 数据截至 %(as_of)s，已 %(days)d 天") % {
            "kind": self.label, "as_of": self.as_of, "days": self.days
        }  # fmt: skip


@dataclass(frozen=True)
class InState:
    """Kinds in the same state: a dozen lines that say the same hide the one that does not."""

    words: str
    tone: str
    ages: list[Age]


def by_state(found: Iterable[Age]) -> list[InState]:
    """``found`` in one group a state: what is missing first, then what is too old, then what is in date."""
    order = sorted(found, key=lambda age: (age.as_of is not None, not age.is_stale))
    return [
        InState(words, of[0].tone, of) for words, of in ((w, list(g)) for w, g in groupby(order, lambda a: a.words))
    ]


def ages(kinds: Iterable[str], on: dt.date, area: Area | None = None) -> list[Age]:
    """The age of each of ``kinds`` on a day, in the order of ``KINDS``; with ``area`` only lists that cover it."""
    wanted = [kind for kind in KINDS if kind in set(kinds)]
    found = Dataset.objects.filter(kind__in=wanted, status=Dataset.Status.IMPORTED)
    if area is not None:
        found = found.filter(Q(area=None) | Q(area=area))
    newest = dict(found.order_by().values_list("kind").annotate(Max("as_of")))
    limits = dict(DatasetPolicy.objects.filter(kind__in=wanted).values_list("kind", "max_age_days"))
    return [Age(kind, newest.get(kind), limits.get(kind, KINDS[kind].max_age), on) for kind in wanted]


def stale_kinds(kinds: Iterable[str], on: dt.date, area: Area | None = None) -> list[Age]:
    """Those of ``kinds`` whose newest list is missing or too old on that day."""
    return [age for age in ages(kinds, on, area) if age.is_stale]


def checked_kinds() -> set[str]:
    """The kinds that the rules in use read."""
    return {kind for rule in Rule.objects.filter(is_active=True) for kind in kinds_of(rule)}

"""What a run stands on: the county's programs, those with rows under check, and the comparison data that is there.

Looked up once a run, so that a rule whose programs or lists are not concerned costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from programs.models import Dataset, Program, Roster


@dataclass(frozen=True)
class Ground:
    """``programs``: code → key. ``checked``: programs with rows under check. ``lists``: kind → areas it covers,
    None among them for the whole county.
    """

    programs: Mapping[str, int]
    checked: frozenset[int]
    lists: Mapping[str, frozenset[str | None]]

    def keys(self, codes: Iterable[str]) -> list[int]:
        """The county's programs of these codes; codes it does not pay are left out."""
        return [self.programs[code] for code in codes if code in self.programs]

    def concerned(self, codes: Sequence[str]) -> list[int]:
        """``keys`` if any of them is under check, else nothing. No codes: every program."""
        keys = self.keys(codes) if codes else list(self.programs.values())
        return keys if self.checked.intersection(keys) else []

    def covered(self, kind: str) -> list[str] | None:
        """Nine-digit prefixes of the townships a list of ``kind`` covers; None: all of them."""
        areas = self.lists.get(kind, frozenset())
        return None if None in areas else sorted(area[:9] for area in areas if area)


def look_around(rosters: Sequence[int] | None) -> Ground:
    """The ground of a run over these rosters; None: over any."""
    programs = dict(Program.objects.values_list("code", "pk"))
    if rosters is None:
        checked = frozenset(programs.values())
    else:
        checked = frozenset(Roster.objects.filter(pk__in=rosters).values_list("program_id", flat=True))
    lists: dict[str, set[str | None]] = {}
    there = Dataset.objects.filter(status=Dataset.Status.IMPORTED).order_by()
    for kind, area in there.values_list("kind", "area_id").distinct():
        lists.setdefault(kind, set()).add(area)
    return Ground(programs, checked, {kind: frozenset(areas) for kind, areas in lists.items()})

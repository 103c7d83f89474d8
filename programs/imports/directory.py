"""What the words in a file stand for: villages of one township, paying banks."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass

from django.utils.translation import gettext as _

from programs.imports.problems import CellError
from subsidy_portal import clock
from subsidy_portal.models import Area, Organisation
from subsidy_portal.sheets import Cell, cell_text

_VILLAGE_ENDS = ("民委员会", "委会", "委员会", "居委会", "居民委员会", "社区居民委员会")
_BRANCH = re.compile(r"(支行|分行|分理处|营业部|营业室|营业所|储蓄所|网点|信用社|办事处)$")
_BLANKS = re.compile(r"[\s\u200b-\u200f\ufeff]+")


def _key(cell: Cell) -> str:
    return _BLANKS.sub("", unicodedata.normalize("NFKC", cell_text(cell)))


@dataclass
class Directory:
    """Names and codes → keys. Built once for a file, read a hundred thousand times."""

    township: Area
    villages: dict[str, set[str]]  # spelling → area codes
    retired: dict[str, str]  # spelling of a village that is no more → the name of its successor
    banks: dict[str, set[int]]  # spelling → organisation keys
    bank_names: list[str]
    village_names: list[str]

    def village(self, cell: Cell) -> str:
        """The 12-digit code of the village the cell names; raises CellError."""
        spelling = _key(cell)
        found = self.villages.get(spelling) or self.villages.get(spelling.removeprefix(self.township.name))
        if found and len(found) == 1:
            return next(iter(found))
        if found:
            raise CellError("village_ambiguous", _("本乡镇有几个村叫这个名字。"), _("请改填12位区划代码。"))
        if spelling in self.retired:
            raise CellError(
                "village_retired",
                _("这个村已撤并。"),
                _("请改填现在的村：%(name)s。") % {"name": self.retired[spelling] or self._some_villages()},
            )
        raise CellError(
            "village_unknown",
            _("%(town)s没有叫这个名字的村（居）。") % {"town": self.township.name},
            self._suggestion(spelling),
        )

    def _suggestion(self, spelling: str) -> str:
        """The village that was meant, when one is spelled nearly so; else the names there are (M18)."""
        near = difflib.get_close_matches(spelling, self.village_names, n=2, cutoff=0.5)
        if near:
            return _("是不是%(names)s？请照区划名称填写。") % {"names": _("或").join(f"“{name}”" for name in near)}
        return _("请照区划名称填写：%(names)s。") % {"names": self._some_villages()}

    def bank(self, cell: Cell) -> int:
        """The key of the paying bank the cell names, as it is or as one of its branches; raises CellError."""
        spelling = _key(cell)
        found = self.banks.get(spelling)
        if not found and _BRANCH.search(spelling):
            heads = [name for name in self.banks if spelling.startswith(name)]
            found = self.banks[max(heads, key=len)] if heads else None
        if found and len(found) == 1:
            return next(iter(found))
        raise CellError(
            "bank_unknown",
            _("这不是本县的代发银行。"),
            _("请照代发银行的名称填写：%(names)s。") % {"names": "、".join(self.bank_names[:10])},
        )

    def _some_villages(self) -> str:
        more = _("等") if len(self.village_names) > 12 else ""
        return "、".join(self.village_names[:12]) + more


def _spellings(area: Area) -> set[str]:
    spelled = {_key(name) for name in (area.name, *area.aliases)}
    # 柳树 for 柳树村: never so short that it is no name any more.
    short = {name.removesuffix(end) for name in spelled for end in ("村", "社区") if name.endswith(end)}
    spelled |= {name for name in short if len(name) >= 2}
    return {area.code} | spelled | {name + end for name in spelled for end in _VILLAGE_ENDS}


def load_directory(township: Area) -> Directory:
    """The villages of ``township`` that are valid today, and the banks in use."""
    today = clock.today()
    villages: dict[str, set[str]] = defaultdict(set)
    retired: dict[str, str] = {}
    names = []
    for area in township.children.filter(level=Area.Level.VILLAGE).select_related("successor"):
        started = area.valid_from is None or area.valid_from <= today
        if started and (area.valid_to is None or area.valid_to >= today):
            names.append(area.name)
            for spelling in _spellings(area):
                villages[spelling].add(area.code)
        elif started:
            retired |= dict.fromkeys(_spellings(area), area.successor.name if area.successor else "")
    banks: dict[str, set[int]] = defaultdict(set)
    bank_names = []
    for bank in Organisation.objects.filter(kind=Organisation.Kind.BANK, is_active=True):
        bank_names.append(bank.name)
        for name in (bank.name, bank.short_name):
            banks[_key(name)].add(bank.pk)
    return Directory(township, dict(villages), retired, dict(banks), bank_names, names)

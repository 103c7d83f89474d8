"""A filled-in form held against the ledger: which figures the unit wrote and the portal has otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from selfcheck.annexes import Scope, annex2, annex3
from selfcheck.models import AnnexFile
from selfcheck.official import TEXT, WAN, Head, Table, shown


@dataclass(frozen=True)
class Pair:
    """One cell: as it was filed, and as the portal has it where that differs."""

    filed: str
    own: str
    differs: bool


def comparison(filed: AnnexFile) -> tuple[Table, list[tuple[str, str, list[Pair]]], int]:
    """The portal's table, the filed rows cell by cell beside it, and how many cells differ.

    Rows go by name. What the portal has and the file leaves out comes below, every cell of it different.
    """
    build = annex2 if filed.kind == AnnexFile.Kind.ANNEX2 else annex3
    own = build(Scope(filed.made_by, filed.from_year, filed.to_year))
    known = {line.name: line for line in own.lines if line.name and line.cells}
    rows = []
    for number, name, cells in filed.rows:
        line = known.pop(name, None)
        beside = line.cells if line else (None,) * len(cells)
        pairs = [_pair(said, has, head) for said, has, head in zip(cells, beside, own.heads, strict=True)]
        rows.append((number, name, pairs))
    for line in known.values():
        pairs = [_pair(None, value, head) for value, head in zip(line.cells, own.heads, strict=True)]
        rows.append((line.number, line.name, pairs))
    return own, rows, sum(pair.differs for _number, _name, pairs in rows for pair in pairs)


def _pair(filed: Any, own: Any, head: Head) -> Pair:
    left, right = shown(filed or None, head), shown(own or None, head)
    nothing = {"", "0", "0.00"} if head.format in {WAN, TEXT} else {"", "0"}
    differs = left != right and not (left in nothing and right in nothing)
    return Pair(left or ("" if not differs else "—"), right or "—", differs)

"""Totals anybody may take away: per program, period and township or village. Nobody can be computed out of them.

The figures form a tree: the year, its programs, their periods, the townships, the villages. A cell of fewer than three
persons is left out. Alone it could be computed from the total above, so others are left out beside it (secondary
suppression), also where the total is that of the year on the first page.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TypeAlias

from django.core.cache import cache

from programs.models import Program
from subsidy_portal.bulk import fetch
from subsidy_portal.models import Area

FEWEST, KEPT_SECONDS = 3, 600


@dataclass(frozen=True)
class Cell:
    """What one township or village was paid of one program and period; ``None`` where it is left out. Fen."""

    period: str
    program: str
    program_name: str
    area: str
    area_name: str
    town: str
    persons: int | None
    payments: int | None
    fen: int | None

    @property
    def is_hidden(self) -> bool:
        return self.persons is None


# (program code, period, township, village) or its beginning; () is the whole year, which the first page tells.
Path: TypeAlias = tuple[str, ...]

# Every level counts its own people: one may be paid in two villages, and in every month.
_COUNTS = """
    SELECT p.period, program.code, town.code, village.code,
           grouping(program.code) + grouping(p.period) + grouping(town.code) + grouping(village.code),
           count(DISTINCT p.beneficiary_id), count(*), sum(p.amount_fen)::bigint
      FROM disbursement_payment p
      JOIN programs_program program ON program.id = p.program_id AND NOT program.is_classified
      JOIN subsidy_portal_area village ON village.code = p.area_id
      JOIN subsidy_portal_area town ON town.code = CASE village.level WHEN 'village' THEN village.parent_id
                                                                      ELSE village.code END
     WHERE p.status = 'paid' AND p.period >= %(first)s AND p.period < %(next)s
     GROUP BY GROUPING SETS ((program.code, p.period, town.code, village.code), (program.code, p.period, town.code),
                             (program.code, p.period), (program.code), ())
"""


def years() -> list[int]:
    """Years something was paid for, the newest first."""
    rows = fetch("SELECT DISTINCT left(period, 4) FROM disbursement_payment WHERE status = 'paid' ORDER BY 1 DESC")
    return [int(year) for (year,) in rows]


def _count(year: int) -> dict[Path, tuple[int, int, int]]:
    """Persons, payments and fen of every cell of the tree."""
    found = fetch(_COUNTS, {"first": str(year), "next": str(year + 1)})
    return {
        (program, period, town, village)[: 4 - above]: (persons, payments, fen)
        for period, program, town, village, above, persons, payments, fen in found
        if payments
    }


def hidden_paths(persons: Mapping[Path, int]) -> set[Path]:
    """What is left out so that no small cell can be computed from what is published.

    Under a published cell either all parts are left out, or at least two, one of them of FEWEST or more: what can
    be computed is the sum of such a group. A cell left out for the sake of another leaves out a part of its own.
    """
    parts: dict[Path, list[Path]] = defaultdict(list)
    for path in persons:
        if path:
            parts[path[:-1]].append(path)
    hidden = {path for path, n in persons.items() if n < FEWEST}
    for path in sorted(persons, key=len):
        _hide_beside(parts[path], persons, hidden, fewest=1 if path in hidden else 2)
    return hidden


def _hide_beside(parts: Iterable[Path], persons: Mapping[Path, int], hidden: set[Path], *, fewest: int) -> None:
    """Leave out the smallest that will do, until those left out tell nothing about a single small one."""
    ordered = sorted(parts, key=lambda path: (persons[path], path))
    gone = [path for path in ordered if path in hidden]
    if fewest == 2 and not gone:
        return  # nothing needs cover
    rest = [path for path in ordered if path not in hidden]
    while rest and (len(gone) < fewest or all(persons[path] < FEWEST for path in gone)):
        gone.append(rest.pop(0))
    hidden.update(gone)


def _cells(year: int, depth: int) -> list[Cell]:
    """The cells of one depth of the tree, 3 for townships and 4 for villages, without what is left out."""
    counted = _count(year)
    hidden = hidden_paths({path: figures[0] for path, figures in counted.items()})
    programs = dict(Program.objects.public().values_list("code", "short_name"))
    areas = dict(Area.objects.values_list("code", "name"))
    shown: list[Cell] = []
    for path, figures in counted.items():
        if len(path) == depth:
            code, period, town, area = path[0], path[1], path[2], path[-1]
            told = (None, None, None) if path in hidden else figures
            shown.append(Cell(period, code, programs[code], area, areas[area], town, *told))
    return sorted(shown, key=lambda cell: (cell.period, cell.program, cell.area))


def township_cells(year: int) -> list[Cell]:
    """Every program and period of ``year`` by township."""
    return _cells(year, 3)


def village_cells(year: int) -> list[Cell]:
    """The same by village."""
    return _cells(year, 4)


def kept_cells(year: int, level: str) -> list[Cell]:
    """``township`` or ``village`` cells, counted at most every ten minutes."""
    key = f"open-data:{level}:{year}"
    kept = cache.get(key)
    if kept is None:
        cells = township_cells(year) if level == "township" else village_cells(year)
        kept = [asdict(cell) for cell in cells]
        cache.set(key, kept, KEPT_SECONDS)
    return [Cell(**cell) for cell in kept]


def hidden_townships(years: Iterable[int]) -> set[tuple[str, str, str]]:
    """(program code, period, township) of what is left out: no other page may tell it either."""
    cells = [cell for year in years for cell in kept_cells(year, "township")]
    return {(cell.program, cell.period, cell.area) for cell in cells if cell.is_hidden}


HEADER = ("期间", "项目编码", "项目", "区划代码", "乡镇或村", "人数", "人次", "金额（元）")


def as_csv(cells: Iterable[Cell]) -> str:
    """With a mark of UTF-8 for spreadsheets; a cell that is left out says so in each of its figures."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(HEADER)
    for cell in cells:
        figures = ("少于3人不列",) * 3 if cell.fen is None else (cell.persons, cell.payments, _yuan(cell.fen))
        writer.writerow((cell.period, cell.program, cell.program_name, cell.area, cell.area_name, *figures))
    return "\ufeff" + out.getvalue()


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def as_json(cells: Iterable[Cell]) -> list[dict[str, object]]:
    """``amount_fen`` is in fen; the figures of a cell that is left out are null."""
    return [
        {
            "period": cell.period,
            "program": cell.program,
            "program_name": cell.program_name,
            "area": cell.area,
            "area_name": cell.area_name,
            "persons": cell.persons,
            "payments": cell.payments,
            "amount_fen": cell.fen,
        }
        for cell in cells
    ]

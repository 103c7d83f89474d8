"""Totals anybody may take away: per program, period and township or village. Nobody can be computed out of them.

A cell of fewer than three persons is left out, and so is another one beside it wherever the difference to the total
above would give it back (secondary suppression). Whatever lies inside a cell that is left out is left out too.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from django.core.cache import cache

from subsidy_portal.bulk import fetch

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


# One line a program, period and village; and one for each township, for a person may be paid in two villages.
_CELLS = """
    SELECT p.period, program.code, program.short_name, area.code, area.name, town.code,
           count(DISTINCT p.beneficiary_id), count(*), sum(p.amount_fen)::bigint
      FROM disbursement_payment p
      JOIN programs_program program ON program.id = p.program_id AND NOT program.is_classified
      JOIN subsidy_portal_area village ON village.code = p.area_id
      JOIN subsidy_portal_area town ON town.code = CASE village.level WHEN 'village' THEN village.parent_id
                                                                      ELSE village.code END
      JOIN subsidy_portal_area area ON area.code = {by}.code
     WHERE p.status = 'paid' AND p.period >= %(first)s AND p.period < %(next)s
     GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 4
"""


def years() -> list[int]:
    """Years something was paid for, the newest first."""
    rows = fetch("SELECT DISTINCT left(period, 4) FROM disbursement_payment WHERE status = 'paid' ORDER BY 1 DESC")
    return [int(year) for (year,) in rows]


def _read(year: int, by: str) -> list[Cell]:
    bounds = {"first": str(year), "next": str(year + 1)}
    return [Cell(*row) for row in fetch(_CELLS.format(by=by), bounds)]


def hide_small(cells: Iterable[Cell]) -> list[Cell]:
    """The cells under one published total, those left out that could give away fewer than FEWEST persons."""
    group = sorted(cells, key=lambda cell: (cell.persons or 0, cell.fen or 0))
    hidden = sum((cell.persons or 0) < FEWEST for cell in group)
    # One alone is the difference to the total; two together may still be fewer than three persons.
    while 0 < hidden < len(group) and (hidden == 1 or sum(cell.persons or 0 for cell in group[:hidden]) < FEWEST):
        hidden += 1
    return [_without(cell) for cell in group[:hidden]] + group[hidden:]


def _without(cell: Cell) -> Cell:
    return replace(cell, persons=None, payments=None, fen=None)


def township_cells(year: int) -> list[Cell]:
    """Every program and period of ``year`` by township."""
    groups: dict[tuple[str, str], list[Cell]] = defaultdict(list)
    for cell in _read(year, "town"):
        groups[cell.period, cell.program].append(cell)
    return _ordered(cell for group in groups.values() for cell in hide_small(group))


def village_cells(year: int) -> list[Cell]:
    """The same by village; nothing of a village whose township's cell is left out."""
    closed = {(cell.period, cell.program, cell.area) for cell in township_cells(year) if cell.is_hidden}
    groups: dict[tuple[str, str, str], list[Cell]] = defaultdict(list)
    for cell in _read(year, "village"):
        groups[cell.period, cell.program, cell.town].append(cell)
    shown: list[Cell] = []
    for key, group in groups.items():
        shown += map(_without, group) if key in closed else hide_small(group)
    return _ordered(shown)


def _ordered(cells: Iterable[Cell]) -> list[Cell]:
    return sorted(cells, key=lambda cell: (cell.period, cell.program, cell.area))


def kept_cells(year: int, level: str) -> list[Cell]:
    """``township`` or ``village`` cells, counted at most every ten minutes."""
    key = f"open-data:{level}:{year}"
    kept = cache.get(key)
    if kept is None:
        cells = township_cells(year) if level == "township" else village_cells(year)
        kept = [asdict(cell) for cell in cells]
        cache.set(key, kept, KEPT_SECONDS)
    return [Cell(**cell) for cell in kept]


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

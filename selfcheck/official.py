"""An official table as plain data: what the page shows, the workbook holds and the API answers is one and the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from subsidy_portal import money
from subsidy_portal.tables import COUNT, TEXT, WAN


@dataclass(frozen=True)
class Head:
    """A column. ``band`` is the name over it and its neighbours; without ``part`` it stands over this one alone."""

    key: str
    band: str
    part: str = ""
    format: str = WAN  # WAN: cells are fen
    width: int = 11

    @property
    def name(self) -> str:
        return self.part or self.band


@dataclass(frozen=True)
class Line:
    """A row. ``cells`` has None where nothing is to be written. ``look``: sub, head, blank, total or nothing."""

    key: str
    number: str
    name: str
    cells: tuple[Any, ...]
    look: str = ""


@dataclass(frozen=True)
class Table:
    title: str
    unit: str  # 填表单位
    measure: str  # what stands on the right above the header
    first: tuple[str, ...]  # the columns before the figures: 序号 and 名称
    heads: tuple[Head, ...]
    lines: list[Line]
    remarks: list[str] = field(default_factory=list)

    def line(self, key: str) -> Line | None:
        return next((line for line in self.lines if line.key == key), None)

    def cell(self, key: str, column: str) -> Any:
        """The figure at row ``key`` and column ``column``; None where there is none. Raises KeyError for no such."""
        line = self.line(key)
        places = [place for place, head in enumerate(self.heads) if head.key == column]
        if line is None or not places:
            raise KeyError((key, column))
        return line.cells[places[0]] if line.cells else None

    def head(self, column: str) -> Head:
        return next(head for head in self.heads if head.key == column)


def add_up(rows: Sequence[Sequence[int | None]], width: int) -> tuple[int | None, ...]:
    """The sum of every column; None where no row has anything."""
    columns = ([value for row in rows if (value := row[place]) is not None] for place in range(width))
    return tuple(sum(column) if column else None for column in columns)


def shown(value: Any, head: Head) -> str:
    """A cell as text: 万元 with two decimals, counts with commas."""
    if value is None:
        return ""
    if head.format == WAN:
        return money.format_wan(value)
    return f"{value:,}" if head.format == COUNT else str(value)


def rounding_note(lines: Sequence[Line], total: Line, heads: Sequence[Head]) -> str:
    """Where the rounded cells of a column do not add up to its rounded total, by how much; else nothing."""
    apart = []
    for place, head in enumerate(heads):
        if head.format != WAN:
            continue
        cells = [line.cells[place] or 0 for line in lines]
        rounded = sum(_hundredths(cell) for cell in cells)
        difference = _hundredths(total.cells[place] or 0) - rounded
        if difference:
            apart.append(f"{head.name}{money.format_wan(difference * 10_000)}")
    return f"合计按元汇总后四舍五入，与各行之和相差（万元）：{'、'.join(apart)}。" if apart else ""


def _hundredths(fen: int) -> int:
    """Fen in hundredths of 万元, half up as ``format_wan`` does."""
    return int(money.format_wan(fen).replace(",", "").replace(".", ""))


@dataclass(frozen=True)
class Source:
    """One of the things a figure is made of."""

    name: str
    url: str
    facts: str
    value: int | str


__all__ = ["COUNT", "TEXT", "WAN", "Head", "Line", "Source", "Table", "add_up", "rounding_note", "shown"]

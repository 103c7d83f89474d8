"""Cells corrected on screen: put over the workbook as it was read, before anything else looks at it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from openpyxl.utils import column_index_from_string

from programs.models import RosterImport
from subsidy_portal.identifiers import IdentifierError, upgrade_old
from subsidy_portal.sheets import Cell, Workbook, cell_text, mask_digits

# Problems of a cell that typing into this cell cannot put right, or must not: the unit of a header is no slip.
NOT_BY_TYPING = frozenset({"hidden_row", "wrong_unit", "duplicate_column"})


# What stands for a cell's text when the clerk confirms that an old ID number is to be read as its 18 characters.
UPGRADE = "换成18位"


@dataclass(frozen=True)
class Edit:
    """The new text of one cell; ``row`` and ``column`` (letters) as the clerk sees them. Empty text clears it."""

    sheet: str
    row: int
    column: str
    value: str

    @property
    def place(self) -> tuple[str, int, str]:
        return self.sheet, self.row, self.column


def edits_of(roster_import: RosterImport) -> list[Edit]:
    """The corrections that this import is read with."""
    return [Edit(e.sheet, e.row, e.column, e.value) for e in roster_import.edits.all()]


def apply_edits(workbook: Workbook, edits: Iterable[Edit]) -> None:
    """Put every new text into its cell, as text; what the cell was before (an error, a formula) is forgotten."""
    sheets = {sheet.name: sheet for sheet in workbook.sheets}
    for edit in edits:
        sheet, index = sheets.get(edit.sheet), column_index_from_string(edit.column) - 1
        if sheet is None or not 0 < edit.row <= len(sheet.rows):
            continue
        row = sheet.rows[edit.row - 1]
        row += [""] * (index + 1 - len(row))
        row[index] = _upgraded(row[index]) if edit.value == UPGRADE else edit.value
        for unreadable in (sheet.errors, sheet.empty_formulas):
            if (edit.row, index) in unreadable:
                unreadable.remove((edit.row, index))


def _upgraded(cell: Cell) -> Cell:
    try:
        return upgrade_old(cell_text(cell))
    except IdentifierError:
        return cell  # told as what it is when it is read


def can_edit(problem: Mapping[str, Any]) -> bool:
    """Whether the problem stands in a cell that may be typed anew."""
    return bool(problem["sheet"] and problem["row"] and problem["column"]) and problem["code"] not in NOT_BY_TYPING


def mask_typed(text: str) -> str:
    """What may be shown of a typed value: long numbers keep their last four, however they are written."""
    if sum(c.isdigit() for c in text) >= 12:
        return "••••" + text[-4:]
    return mask_digits(text)[:60]

"""What is wrong in a file, collected: every cell with what to do. Nothing in here holds a full identifier."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from subsidy_portal.sheets import Cell, Problem, cell_text, column_letter, mask_digits, split_sentence

# Kept with the import and shown; more than that nobody reads, and the count says how many there are.
SHOWN = 500
# Marked in the workbook that goes back.
MARKED = 5_000

_PERSONAL = frozenset({"head_id", "payee_id", "beneficiary_id", "account", "phone"})


class CellError(ValueError):
    """A cell that cannot be read as what its column says. ``code`` groups problems of one kind."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint

    @classmethod
    def of(cls, code: str, sentence: str) -> CellError:
        """From one sentence that says both what is wrong and what to do."""
        return cls(code, *split_sentence(sentence))


def mask_cell(cell: Cell, column_field: str = "") -> str:
    """What may be shown of a cell: identifiers keep their last four, numbers in other text too."""
    if isinstance(cell, (int, float)) and not isinstance(cell, bool) and _may_be_identifier(cell, column_field):
        return f"{cell:.1E}"
    text = cell_text(cell)
    if column_field in _PERSONAL:
        return "••••" + text[-4:] if len(text) > 4 else text
    return mask_digits(text)[:60]


def _may_be_identifier(cell: float, column_field: str) -> bool:
    # A long number in a column of the program's own may be an ID number that a spreadsheet spoilt.
    return column_field in _PERSONAL or (column_field.startswith("own:") and abs(cell) >= 1e9)


@dataclass
class Problems:
    """The problems of one file, in the order they were found; the first ``MARKED`` are kept, all are counted."""

    found: list[Problem] = field(default_factory=list)
    count: int = 0

    def __bool__(self) -> bool:
        return self.count > 0

    def add(
        self,
        error: CellError,
        *,
        sheet: str = "",
        row: int = 0,
        column: int | None = None,
        cell: Cell = "",
        column_field: str = "",
    ) -> None:
        self.count += 1
        if self.count > MARKED:
            return
        self.found.append(
            {
                "sheet": sheet,
                "row": row,
                "column": "" if column is None else column_letter(column),
                "code": error.code,
                "message": error.message,
                "hint": error.hint,
                "shown": mask_cell(cell, column_field),
            }
        )

    def shown(self) -> list[dict[str, Any]]:
        """What is stored with the import: by row, at most ``SHOWN``."""
        return [dict(p) for p in sorted(self.found, key=_place)[:SHOWN]]


def _place(problem: Problem) -> tuple[int, int, str]:
    return problem["row"], len(problem["column"]), problem["column"]

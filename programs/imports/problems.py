"""What is wrong in a file, collected: every cell with what to do. Nothing in here holds a full identifier."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from programs.imports.causes import Tallies
from subsidy_portal.sheets import Cell, Problem, cell_text, column_letter, mask_digits, split_sentence

# Kept with the import and shown; more than that nobody reads, and the counts say how many there are.
SHOWN = 2_000
# Marked in the workbook that goes back; of every cause at least some, however many another one has.
MARKED, MARKED_OF_EACH = 5_000, 200

_LIKE_DATE = re.compile(r"[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}")
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
    # A wrong date is no identifier, and half of it would not say what is wrong.
    return text if _LIKE_DATE.fullmatch(text) else mask_digits(text)[:60]


def _may_be_identifier(cell: float, column_field: str) -> bool:
    # A long number in a column of the program's own may be an ID number that a spreadsheet spoilt.
    return column_field in _PERSONAL or (column_field.startswith("own:") and abs(cell) >= 1e9)


@dataclass
class Problems:
    """The problems of one file, in the order they were found; about ``MARKED`` are kept, all are counted by cause."""

    found: list[Problem] = field(default_factory=list)
    count: int = 0
    tallies: Tallies = field(default_factory=Tallies)

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
        problem: Problem = {
            "sheet": sheet,
            "row": row,
            "column": "" if column is None else column_letter(column),
            "code": error.code,
            "message": error.message,
            "hint": error.hint,
            "shown": mask_cell(cell, column_field),
        }
        self.tallies.add(problem)
        if self.count <= MARKED or self.tallies.by_code[error.code].count <= MARKED_OF_EACH:
            self.found.append(problem)

    def groups(self) -> list[dict[str, Any]]:
        """Every problem counted by its cause, as it is stored with the import."""
        return self.tallies.stored()

    def shown(self) -> list[dict[str, Any]]:
        """What is stored with the import: by row, at most about ``SHOWN``, and of every cause its share."""
        ordered = sorted(self.found, key=_place)
        share = SHOWN // max(1, len(self.tallies.by_code))
        taken: Counter[str] = Counter()
        chosen: list[dict[str, Any]] = []
        spare = SHOWN - sum(min(share, t.count) for t in self.tallies.by_code.values())
        for problem in ordered:
            taken[problem["code"]] += 1
            if taken[problem["code"]] > share:
                if spare <= 0:
                    continue
                spare -= 1
            chosen.append(dict(problem))
        return chosen


def _place(problem: Problem) -> tuple[int, int, str]:
    return problem["row"], len(problem["column"]), problem["column"]

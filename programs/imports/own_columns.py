"""The columns a program has of its own: read strictly by their kind, and kept with the row as JSON."""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from programs.imports import cells
from programs.imports.columns import Column
from programs.imports.problems import CellError
from programs.models import ProgramColumn, RosterRow
from subsidy_portal import crypto
from subsidy_portal.sheets import Cell, cell_text

_INTEGER = re.compile(r"\d{1,9}\Z", re.ASCII)
_DECIMAL = re.compile(r"\d{1,9}(\.\d{1,4})?\Z", re.ASCII)
K = ProgramColumn.Kind


class IdNumber(str):
    """An ID number in a column of the program: it is sealed before it is stored."""

    __slots__ = ()


def reader_of(column: Column) -> Callable[[Cell], Any]:
    """How a cell of this own column is read: text, int, Decimal, date, one of the choices or IdNumber."""
    if column.kind == K.ID_NUMBER:
        read = cells.id_number_reader()
        return lambda cell: IdNumber(read(cell))
    if column.kind == K.CHOICE:
        return _choice_reader(column.choices)
    return {K.TEXT: cells.read_note, K.INTEGER: _integer, K.DECIMAL: _decimal, K.DATE: cells.read_day}[K(column.kind)]


def _integer(cell: Cell) -> int:
    text = cells.number_text(cell)
    if not _INTEGER.match(text):
        raise CellError("own_integer", _("这一格要填整数。"), _("请只写数字，如 12，不带单位和小数。"))
    return int(text)


def _decimal(cell: Cell) -> Decimal:
    text = cells.number_text(cell)
    if not _DECIMAL.match(text):
        raise CellError("own_decimal", _("这一格要填数字。"), _("请只写数字，最多四位小数，如 3.20，不带单位。"))
    return Decimal(text)


def _choice_reader(choices: tuple[str, ...]) -> Callable[[Cell], str]:
    known = {_choice_key(choice): choice for choice in choices}

    def read(cell: Cell) -> str:
        found = known.get(_choice_key(cell))
        if found is None:
            offered = "、".join(f"“{choice}”" for choice in choices[:12])
            raise CellError(
                "own_choice", _("这一格不在可填的选项里。"), _("请填其中一项：%(choices)s。") % {"choices": offered}
            )
        return found

    return read


def _choice_key(cell: Cell) -> str:
    return unicodedata.normalize("NFKC", cell_text(cell)).replace(" ", "")


def extra_json(values: dict[str, Any], roster_id: int, revision: int, row_no: int) -> str:
    """``RosterRow.extra`` of one row: label → text, int, decimal as text, ISO date, sealed ID; no blanks."""
    if not values:
        return "{}"
    kept = {
        label: _kept(value, RosterRow.extra_place(roster_id, revision, row_no, label))
        for label, value in values.items()
        if value is not None
    }
    return json.dumps(kept, ensure_ascii=False)


def _kept(value: Any, place: str) -> Any:
    if isinstance(value, IdNumber):
        return {
            "hash": crypto.blind_index(value, "roster_row.extra").hex(),
            "last4": value[-4:],
            "sealed": base64.b64encode(crypto.encrypt(value, place)).decode(),
        }
    if isinstance(value, dt.date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value

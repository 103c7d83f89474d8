"""Set-based writing: COPY, blocks of ids, numbers from sequences. For more than a thousand rows."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection

_SPECIAL = re.compile(r"[\\\t\n\r]")
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _copy_text(value: Any) -> str:
    if type(value) is int:
        return str(value)
    if value is None:
        return r"\N"
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "\\\\x" + bytes(value).hex()
    if value is True:
        return "t"
    if value is False:
        return "f"
    return str(value)


def _column_texts(values: Sequence[Any]) -> Iterable[str]:
    """A column as COPY wants it; most are of one type throughout and need no look at each value."""
    kinds = set(map(type, values))
    if kinds == {int}:
        return map(str, values)
    if kinds == {str} and not _SPECIAL.search("".join(values)):
        return values
    if kinds == {bytes}:
        return [f"\\\\x{value.hex()}" for value in values]
    return map(_copy_text, values)


def copy_rows(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """COPY ``rows`` into ``table`` (text, int, date, aware datetime, bool, bytes, None) in the open transaction."""
    texts = map(_column_texts, zip(*rows, strict=True))
    buffer = io.StringIO("".join(f"{line}\n" for line in map("\t".join, zip(*texts, strict=True))))
    quoted = ", ".join(connection.ops.quote_name(name) for name in columns)
    # Django's cursor does not know COPY; without the wrapper a caller would meet the driver's own errors.
    with connection.cursor() as cursor, connection.wrap_database_errors:
        cursor.copy_expert(f"COPY {connection.ops.quote_name(table)} ({quoted}) FROM STDIN", buffer)


def execute(sql: str, params: Sequence[Any] | dict[str, Any] = ()) -> int:
    """Run one set-based statement; returns how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)


def fetch(sql: str, params: Sequence[Any] | dict[str, Any] = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


def take_ids(table: str, count: int) -> list[int]:
    """``count`` fresh primary keys of ``table``: a ciphertext is bound to its row before the row exists."""
    ((sequence,),) = fetch("SELECT pg_get_serial_sequence(%s, 'id')", (table,))
    return [row[0] for row in fetch("SELECT nextval(%s::regclass) FROM generate_series(1, %s)", (sequence, count))]


def next_number(sequence: str) -> int:
    """The next value of a sequence such as ``roster_number_seq``: unique for ever, gaps allowed."""
    return int(fetch("SELECT nextval(%s)", (sequence,))[0][0])

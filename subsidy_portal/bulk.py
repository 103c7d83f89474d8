"""Set-based writing: COPY, blocks of ids, numbers from sequences. For more than a thousand rows."""

from __future__ import annotations

import gc
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import Any

from django.db import connection

_PIECE = 20_000
_CHUNK = 2**18  # characters a COPY asks for at once
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


def _as_text(rows: Iterable[Sequence[Any]]) -> str:
    texts = map(_column_texts, zip(*rows, strict=True))
    return "".join(f"{line}\n" for line in map("\t".join, zip(*texts, strict=True)))


def _copy_statement(table: str, columns: Sequence[str]) -> str:
    quoted = ", ".join(connection.ops.quote_name(name) for name in columns)
    return f"COPY {connection.ops.quote_name(table)} ({quoted}) FROM STDIN"


def copy_rows(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """COPY ``rows`` into ``table`` (text, int, date, aware datetime, bool, bytes, None) in the open transaction."""
    # Django's cursor does not know COPY; without the wrapper a caller would meet the driver's own errors.
    with connection.cursor() as cursor, connection.wrap_database_errors:
        cursor.copy_expert(_copy_statement(table, columns), io.StringIO(_as_text(rows)))


def copy_pieces(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[int]:
    """``copy_rows`` in pieces: yields how many rows are on their way, so that a bar can move.

    One piece is put into words while the database takes in the one before; all are in when the iteration ends.
    """
    statement, waiting = _copy_statement(table, columns), iter(rows)
    # Only the sender uses the connection meanwhile: whoever iterates runs no statement of the same transaction.
    with connection.cursor() as cursor, connection.wrap_database_errors, ThreadPoolExecutor(1) as sender:
        sending: Future[None] | None = None
        while piece := list(islice(waiting, _PIECE)):
            text = io.StringIO(_as_text(piece))
            if sending is not None:
                sending.result()
            sending = sender.submit(cursor.copy_expert, statement, text, _CHUNK)
            yield len(piece)
        if sending is not None:
            sending.result()


@contextmanager
def no_collecting() -> Iterator[None]:
    """Pause the collector of cycles while millions of cells are held: it would look at all of them, again and again."""
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.enable()


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

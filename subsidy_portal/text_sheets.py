"""Lists that come as text: CSV and tab-separated files as old systems and ``另存为CSV`` write them (M24).

Read in this process: unlike a workbook, text has nothing in it that unpacks or refers to elsewhere.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter

from subsidy_portal.sheet_reader import AROUND, MAX_CELLS, MAX_COLUMN, MAX_ROW, Refused

# What a list in text is called where workbooks have the names of sheets.
NAME = "文本"
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_FIRST_CHINESE = "\u2e80"
_DELIMITERS = ",\t;|"
_LOOKED_AT = 20
# ="990000…" is how some systems keep a spreadsheet from taking a number for a number.
_FORCED_TEXT = re.compile(r'="(.*)"\Z', re.DOTALL)
# What an .xls or a picture would have, and no text has
_CONTROL = re.compile("[\\x00-\\x08\\x0e-\\x1f]")


def has_text_mark(content: bytes) -> bool:
    """Whether the first bytes say that this is text of a certain encoding."""
    return any(content.startswith(bom) for bom, _encoding in _BOMS)


def read_text(content: bytes) -> list[list[str]]:
    """The rows of the file, all of one width; raises Refused with where reading failed."""
    text = _decode(content)
    found = _CONTROL.search(text)
    if found:
        raise Refused("text_control", row=text.count("\n", 0, found.start()) + 1)
    first, _newline, rest = text.partition("\n")
    if first.strip().lower().startswith("sep=") and len(first.strip()) <= 5:
        return _rows(rest, first.strip()[4:] or ",")
    return _rows(text, _delimiter(text))


def _decode(content: bytes) -> str:
    """By the mark at the start, else UTF-8, else GB18030, which is wider than GBK and reads all of it."""
    for bom, encoding in _BOMS:
        if content.startswith(bom):
            return _decoded(content, encoding, len(bom))
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return _decoded(content, "gb18030", 0)
    # A few characters of GBK may by chance be letters of UTF-8, but never Chinese ones.
    by_chance = not text.isascii() and max(text) < _FIRST_CHINESE
    return _decoded(content, "gb18030", 0) if by_chance else text


def _decoded(content: bytes, encoding: str, start: int) -> str:
    try:
        return content[start:].decode(encoding)
    except UnicodeDecodeError as error:
        at = start + error.start
        raise Refused("text_encoding", row=content.count(b"\n", 0, at) + 1, byte=at + 1) from None


def _delimiter(text: str) -> str:
    """What most of the first lines have most of; a title line has none of it."""
    counts: Counter[str] = Counter()
    for line in text[:100_000].splitlines()[:_LOOKED_AT]:
        counts.update({mark: line.count(mark) for mark in _DELIMITERS})
    return max(_DELIMITERS, key=lambda mark: counts[mark])


def _rows(text: str, delimiter: str) -> list[list[str]]:
    rows: list[list[str]] = []
    cells = 0
    # A lone carriage return ends a line too.
    lines = re.split("\r\n|\n|\r", text)
    if not lines[-1]:
        lines.pop()
    reader = csv.reader((line + "\n" for line in lines), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            cells += len(row)
            if len(row) > MAX_COLUMN and any(row[MAX_COLUMN:]):
                raise Refused("too_wide", limit=MAX_COLUMN)
            if len(rows) == MAX_ROW + AROUND:
                raise Refused("too_many_rows", row=len(rows) + 1, limit=MAX_ROW)
            if cells > MAX_CELLS:
                raise Refused("too_many_cells")
            rows.append([_cell(cell) for cell in row[:MAX_COLUMN]])
    except csv.Error as error:
        code = "huge_cell" if "field" in str(error) else "text_quotes"
        raise Refused(code, row=len(rows) + 1) from None
    width = max(map(len, rows), default=0)
    if width * len(rows) > MAX_CELLS:
        raise Refused("too_many_cells")
    return [row + [""] * (width - len(row)) for row in rows]


def _cell(cell: str) -> str:
    forced = _FORCED_TEXT.match(cell)
    return forced[1].replace('""', '"') if forced else cell

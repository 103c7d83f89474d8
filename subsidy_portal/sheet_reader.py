"""Reads one workbook (.xlsx or the old .xls) in a process of its own: bytes in on stdin, plain values out on stdout.

Run by path from ``sheets.py``, never imported into a server for reading: a hostile file may eat this process,
not the worker. It imports no Django, knows no database, and gives itself limits before it looks at a byte.
The answer is one marshalled dict: ``{"error": code, "detail": {…}}`` or ``{"sheets": […], "hidden": […]}``.
Why calamine needs a guard before it: a cell at XFD1048576 makes it reserve the whole sheet, and a zip bomb
is inflated without asking.
"""

from __future__ import annotations

import gc
import io
import marshal
import re
import resource
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

MAX_ROW, MAX_COLUMN, MAX_CELLS = 200_000, 200, 5_000_000
# Titles, headers, notes and totals are lines of the sheet and no rows of the list.
AROUND = 20
MAX_MEMBERS, MAX_INFLATED, MAX_RATIO = 1_000, 512 * 2**20, 200
MEMORY_BYTES, CPU_SECONDS = 2**30, 60
OLE = b"\xd0\xcf\x11\xe0"
_CHUNK, _MAX_ROW_BYTES, _MAX_LISTED = 4 * 2**20, 16 * 2**20, 2_000

_ROW = re.compile(rb"<row\b([^>]*)>")
_ROW_NUMBER = re.compile(rb"""\sr\s*=\s*["']([^"']*)["']""")
# What no ordinary sheet has, looked for first because it is quick: a row without a number of five digits; two letters
_ODD_ROW = re.compile(rb'<row\b(?![^>]*\sr="[0-9]{1,5}")|<row\b[^>]*\shidden=')
_ODD_CELL = re.compile(rb' r="(?:[A-Z]{2}|[A-Z]\d{7})')
# Beyond column 200 (GR), or a row number of seven digits or more.
_FAR_CELL = re.compile(rb' r="(?:(?:G[S-Z]|[H-Z][A-Z]|[A-Z]{3,})\d|[A-Z]{1,2}\d{7,})')
_HIDDEN = re.compile(rb'\shidden="(?:1|true)"')
_COLUMN = re.compile(rb"<col\b([^>]*)>")
_FORMULA = re.compile(rb"<c\b([^>]*)>\s*<f\b(?:[^>]*/>|[^>]*>[^<]*</f\s*>)\s*(?:<v>([^<]*)</v>)?", re.DOTALL)
_ERROR_CELL = re.compile(rb'<c\b([^>]*\st="e"[^>]*)>')
_REF = re.compile(rb'\br="([A-Z]{1,3})(\d{1,7})"')
_ATTRIBUTE = re.compile(r"""([\w:]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")


class Refused(Exception):
    """The file is not read; ``code`` says why, ``detail`` holds numbers for the sentence (never cell values)."""

    def __init__(self, code: str, **detail: int | str) -> None:
        super().__init__(code)
        self.code, self.detail = code, detail


def column_index(letters: str) -> int:
    """0 for A, 25 for Z, 26 for AA."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


# --- The archive ------------------------------------------------------------------------------------------


def open_archive(content: bytes) -> zipfile.ZipFile:
    """The zip of an ordinary .xlsx; raises Refused for anything else or anything that looks like an attack."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError, UnicodeError):
        raise Refused("damaged") from None
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise Refused("zip_members")
    names = [member.filename for member in members]
    if len({name.lower() for name in names}) < len(names):
        raise Refused("zip_names")
    for member in members:
        _check_member(member)
    if sum(member.file_size for member in members) > MAX_INFLATED:
        raise Refused("zip_bomb")
    _check_kind(set(names))
    return archive


def _check_member(member: zipfile.ZipInfo) -> None:
    name = member.filename
    # A symbolic link, a way out of the folder, or a name that two readers would read differently.
    if name.startswith("/") or "\\" in name or ":" in name or ".." in name.split("/") or not name.isprintable():
        raise Refused("zip_names")
    if member.external_attr >> 16 & 0o170000 == 0o120000:
        raise Refused("zip_names")
    if member.flag_bits & 0x41:
        raise Refused("encrypted")
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise Refused("damaged")
    if member.file_size > 2**20 and member.file_size > MAX_RATIO * max(member.compress_size, 1):
        raise Refused("zip_bomb")


def _check_kind(names: set[str]) -> None:
    if "xl/vbaProject.bin" in names or any(name.startswith("xl/macrosheets/") for name in names):
        raise Refused("macro")
    if "word/document.xml" in names or "ppt/presentation.xml" in names:
        raise Refused("document")
    if "xl/workbook.bin" in names or "content.xml" in names:
        raise Refused("other_spreadsheet")
    if "xl/workbook.xml" not in names or "[Content_Types].xml" not in names:
        raise Refused("archive")
    if any(name.startswith("xl/externalLinks/") for name in names):
        raise Refused("external_link")


def _chunks(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """The inflated bytes of one part. zipfile stops at the size the header claims and then checks the CRC,
    so a header that lies ends as a damaged file and not as a full memory."""
    try:
        with archive.open(name) as part:
            while chunk := part.read(_CHUNK):
                yield chunk
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError):
        raise Refused("damaged") from None


def check_markup(archive: zipfile.ZipFile, skip: set[str]) -> None:
    """Refuse document types and entities in every part that is not scanned as a sheet."""
    for name in archive.namelist():
        if name.endswith((".xml", ".rels")) and name not in skip:
            tail = b""
            for chunk in _chunks(archive, name):
                _refuse_markup(tail + chunk)
                tail = chunk[-16:]


def _refuse_markup(data: bytes) -> None:
    if b"<!" in data and re.search(rb"<!(?:DOCTYPE|ENTITY)", data, re.IGNORECASE):
        raise Refused("doctype")
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"} or b"\0" in data[:64]:
        raise Refused("damaged")


# --- The sheets, before they are parsed --------------------------------------------------------------------


def sheet_parts(archive: zipfile.ZipFile) -> list[tuple[str, str]]:
    """(sheet name, part) in workbook order."""
    relations = {}
    for tag in re.findall(r"<Relationship\b[^>]*>", _text(archive, "xl/_rels/workbook.xml.rels")):
        got = _attributes(tag)
        target = got.get("Target", "")
        relations[got.get("Id", "")] = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    found = []
    for tag in re.findall(r"<sheet\b[^>]*>", _text(archive, "xl/workbook.xml")):
        got = _attributes(tag)
        found.append((_unescape(got.get("name", "")), relations.get(got.get("r:id", ""), "")))
    return found


def _text(archive: zipfile.ZipFile, name: str) -> str:
    if name not in archive.namelist():
        raise Refused("damaged")
    return b"".join(_chunks(archive, name)).decode("utf-8", "replace")


def _attributes(tag: str) -> dict[str, str]:
    return {name: double or single for name, double, single in _ATTRIBUTE.findall(tag)}


def _unescape(text: str) -> str:
    for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&")):
        text = text.replace(entity, char)
    return text


class SheetScan:
    """What calamine does not tell: hidden rows and columns, formulas without a value, error cells."""

    def __init__(self) -> None:
        self.cells = 0
        self.hidden_rows: list[int] = []
        self.hidden_columns: list[int] = []
        self.formulas = 0
        self.empty_formulas: list[tuple[int, int]] = []
        self.errors: list[tuple[int, int]] = []

    def read(self, chunks: Iterator[bytes]) -> None:
        tail = b""
        for chunk in chunks:
            data = tail + chunk
            cut = data.rfind(b"</row>") + 6
            if cut < 6:
                cut = 0
            if len(data) - cut > _MAX_ROW_BYTES:
                raise Refused("huge_cell")
            self._scan(data[:cut])
            tail = data[cut:]
        self._scan(tail)

    def _scan(self, data: bytes) -> None:
        first = not self.cells
        _refuse_markup(data)
        self.cells += data.count(b"<c ") + data.count(b"<c>")
        if self.cells > MAX_CELLS:
            raise Refused("too_many_cells")
        if _ODD_ROW.search(data):
            for attributes in _ROW.findall(data):
                self._row(attributes)
        if _ODD_CELL.search(data) and _FAR_CELL.search(data):
            raise Refused("too_wide", limit=MAX_COLUMN)
        if first and b"<col " in data:
            self._columns(data)
        if b"<f" in data:
            self._formulas(data)
        if b't="e"' in data:
            self.errors += [_position(attributes) for attributes in _ERROR_CELL.findall(data)]
            del self.errors[_MAX_LISTED:]

    def _row(self, attributes: bytes) -> None:
        found = _ROW_NUMBER.search(attributes)
        if found is None:
            return
        number = found[1]
        if not number.isdigit() or not 0 < len(number) <= 10:
            raise Refused("damaged")
        if int(number) > MAX_ROW + AROUND:
            raise Refused("too_many_rows", row=int(number), limit=MAX_ROW)
        if _HIDDEN.search(attributes) and len(self.hidden_rows) < _MAX_LISTED:
            self.hidden_rows.append(int(number))

    def _columns(self, data: bytes) -> None:
        for attributes in _COLUMN.findall(data):
            got = _attributes(attributes.decode("ascii", "replace"))
            first, last = got.get("min", ""), got.get("max", "")
            if got.get("hidden") in {"1", "true"} and first.isdigit() and last.isdigit():
                self.hidden_columns += range(int(first) - 1, min(int(last), MAX_COLUMN))

    def _formulas(self, data: bytes) -> None:
        for attributes, value in _FORMULA.findall(data):
            self.formulas += 1
            if not value and len(self.empty_formulas) < _MAX_LISTED:
                self.empty_formulas.append(_position(attributes))


def _position(attributes: bytes) -> tuple[int, int]:
    """(row number, column index) of a cell; (0, -1) when it names none."""
    found = _REF.search(attributes)
    return (int(found[2]), column_index(found[1].decode())) if found else (0, -1)


# --- Reading -----------------------------------------------------------------------------------------------


def read(content: bytes) -> dict[str, Any]:
    """Guard, scan and read; raises Refused."""
    if content.startswith(OLE):
        return read_xls(content)
    archive = open_archive(content)
    parts = sheet_parts(archive)
    check_markup(archive, skip={part for _name, part in parts})
    scans: dict[str, SheetScan] = {}
    cells = 0
    for name, part in parts:
        if part not in archive.namelist() or not part.startswith("xl/worksheets/"):
            continue  # a chart sheet
        scans[name] = scan = SheetScan()
        scan.read(_chunks(archive, part))
        cells += scan.cells
        if cells > MAX_CELLS:
            raise Refused("too_many_cells")
    return _parse(content, scans)


def _parse(content: bytes, scans: dict[str, SheetScan]) -> dict[str, Any]:
    from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    sheets: list[dict[str, Any]] = []
    hidden: list[str] = []
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        for meta in workbook.sheets_metadata:
            if meta.typ != SheetTypeEnum.WorkSheet:
                continue
            if meta.visible != SheetVisibleEnum.Visible:
                hidden.append(meta.name)
                continue
            sheet = workbook.get_sheet_by_name(meta.name)
            end = sheet.end
            if end is not None and (end[0] >= MAX_ROW + AROUND or (end[0] + 1) * (end[1] + 1) > MAX_CELLS):
                raise Refused("too_many_rows", row=end[0] + 1, limit=MAX_ROW)
            scan = scans.get(meta.name, SheetScan())
            sheets.append(
                {
                    "name": meta.name,
                    "rows": sheet.to_python(skip_empty_area=False),
                    "merged": sheet.merged_cell_ranges or [],
                    "hidden_rows": scan.hidden_rows,
                    "hidden_columns": scan.hidden_columns,
                    "formulas": scan.formulas,
                    "empty_formulas": scan.empty_formulas,
                    "errors": scan.errors,
                }
            )
    except (CalamineError, ValueError, OverflowError, IndexError, KeyError):
        raise Refused("damaged") from None
    return {"sheets": sheets, "hidden": hidden}


# --- The old binary format ----------------------------------------------------------------------------------

# Records of several cells: a few bytes may stand for a whole row of blanks. Others have at least 10 bytes a cell.
_MANY_CELLS = {0x00BD, 0x00BE}  # MULRK, MULBLANK
_FORMULA_CELL, _END = 0x0006, 0x000A
_SUP_BOOK = 0x01AE
# Our own workbook as the source of references, and add-in functions: no other file.
_OWN_BOOKS = {b"\x01\x04", b"\x01\x3a"}


def read_xls(content: bytes) -> dict[str, Any]:
    """Read a workbook of Excel 97–2003 with xlrd; raises Refused."""
    if "_VBA_PROJECT_CUR".encode("utf-16-le") in content:
        raise Refused("macro")
    import xlrd

    try:
        with xlrd.open_workbook(
            file_contents=content, formatting_info=True, ragged_rows=True, on_demand=True, logfile=io.StringIO()
        ) as book:
            return _read_book(book)
    except Refused:
        raise
    except MemoryError:
        raise Refused("too_big") from None
    except Exception as error:  # noqa: BLE001  # xlrd has no one error for a broken file: struct, index, assertion …
        raise Refused("encrypted" if "encrypted" in str(error) else "damaged") from None


def _read_book(book: Any) -> dict[str, Any]:
    _refuse_links(book)
    sheets, hidden, cells = [], [], 0
    for index, name in enumerate(book.sheet_names()):
        if book._sheet_visibility[index]:
            hidden.append(name)
            continue
        cells += _count_cells(book.mem, book._sh_abs_posn[index])
        if cells > MAX_CELLS:
            raise Refused("too_many_cells")
        sheets.append(_read_old_sheet(book, book.sheet_by_index(index)))
        book.unload_sheet(index)
    return {"sheets": sheets, "hidden": hidden}


def _records(data: bytes, at: int) -> Iterator[tuple[int, int, int]]:
    """(kind, start, length) of the records from ``at`` to the end of their part."""
    while at + 4 <= len(data):
        kind, length = struct.unpack_from("<HH", data, at)
        yield kind, at + 4, length
        if kind == _END:
            return
        at += 4 + length


def _refuse_links(book: Any) -> None:
    for kind, start, _length in _records(book.mem, book.base):
        if kind == _SUP_BOOK and book.mem[start + 2 : start + 4] not in _OWN_BOOKS:
            raise Refused("external_link")


def _count_cells(data: bytes, at: int) -> int:
    return sum(max(length - 6, 0) // 2 for kind, _start, length in _records(data, at) if kind in _MANY_CELLS)


def _read_old_sheet(book: Any, sheet: Any) -> dict[str, Any]:
    if sheet.ncols > MAX_COLUMN:
        raise Refused("too_wide", limit=MAX_COLUMN)
    errors: list[tuple[int, int]] = []
    rows = []
    for r in range(sheet.nrows):
        kinds, values = sheet.row_types(r), sheet.row_values(r)
        row = [
            _old_value(book, kind, value, errors, (r + 1, c))
            for c, (kind, value) in enumerate(zip(kinds, values, strict=True))
        ]
        rows.append(row + [""] * (sheet.ncols - len(row)))
    formulas = [
        struct.unpack_from("<HH", book.mem, start)
        for kind, start, length in _records(book.mem, book._sh_abs_posn[sheet.number])
        if kind == _FORMULA_CELL and length >= 4
    ]
    return {
        "name": sheet.name,
        "rows": rows,
        "merged": [((top, left), (bottom - 1, right - 1)) for top, bottom, left, right in sheet.merged_cells],
        "hidden_rows": [r + 1 for r, info in sheet.rowinfo_map.items() if info.hidden][:_MAX_LISTED],
        "hidden_columns": [c for c, info in sheet.colinfo_map.items() if info.hidden and c < MAX_COLUMN],
        "formulas": len(formulas),
        "empty_formulas": [
            (row + 1, column) for row, column in formulas if rows[row][column] == "" and (row + 1, column) not in errors
        ][:_MAX_LISTED],
        "errors": errors[:_MAX_LISTED],
    }


def _old_value(book: Any, kind: int, value: Any, errors: list[tuple[int, int]], place: tuple[int, int]) -> Any:
    import xlrd

    if kind == xlrd.XL_CELL_DATE:
        try:
            return xlrd.xldate_as_datetime(value, book.datemode)
        except (ValueError, OverflowError):
            return value
    if kind == xlrd.XL_CELL_ERROR:
        errors.append(place)
        return ""
    return bool(value) if kind == xlrd.XL_CELL_BOOLEAN else value


def dump(answer: dict[str, Any]) -> bytes:
    """marshal the answer; dates leave the rows and travel as ISO text beside them."""
    try:
        return marshal.dumps(answer)
    except ValueError:
        for sheet in answer["sheets"]:
            sheet["dates"] = _take_dates(sheet["rows"])
        return marshal.dumps(answer)


def _take_dates(rows: list[list[Any]]) -> list[tuple[int, int, str]]:
    plain, dates = {str, float, int, bool}, []
    for r, row in enumerate(rows):
        for c, value in enumerate(row):
            if type(value) not in plain:
                # A time or a duration is no date: its text fails as one, with the cell named.
                text = value.isoformat() if hasattr(value, "isoformat") else str(value)
                dates.append((r, c, text.removesuffix("T00:00:00")))
                row[c] = ""
    return dates


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    gc.disable()  # millions of new objects, nothing to collect
    try:
        answer = dump(read(sys.stdin.buffer.read()))
    except Refused as refused:
        answer = marshal.dumps({"error": refused.code, "detail": refused.detail})
    except MemoryError:
        answer = marshal.dumps({"error": "too_big", "detail": {}})
    sys.stdout.buffer.write(answer)


if __name__ == "__main__":
    main()

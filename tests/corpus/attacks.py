"""Workbooks that want something else than to be read: each builder returns bytes."""

from __future__ import annotations

import struct
import zipfile
from io import BytesIO

import xlwt

CONTENT_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/xl/workbook.xml"'
    ' ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    '<Override PartName="/xl/worksheets/sheet1.xml"'
    ' ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>'
)
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
ROOT_RELS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
)
WORKBOOK = (
    f'<?xml version="1.0"?><workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">'
    '<sheets><sheet name="s" sheetId="1" r:id="rId1"/></sheets></workbook>'
)
WORKBOOK_RELS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>'
)


def sheet_xml(rows: str, prolog: str = "") -> str:
    return f'<?xml version="1.0"?>{prolog}<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData></worksheet>'


def parts(sheet: str | bytes) -> dict[str, str | bytes]:
    return {
        "[Content_Types].xml": CONTENT_TYPES,
        "_rels/.rels": ROOT_RELS,
        "xl/workbook.xml": WORKBOOK,
        "xl/_rels/workbook.xml.rels": WORKBOOK_RELS,
        "xl/worksheets/sheet1.xml": sheet,
    }


def pack(members: dict[str, str | bytes] | list[tuple[str, str | bytes]]) -> bytes:
    out = BytesIO()
    pairs = members.items() if isinstance(members, dict) else members
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in pairs:
            archive.writestr(name, content)
    return out.getvalue()


def workbook(rows: str, prolog: str = "") -> bytes:
    return pack(parts(sheet_xml(rows, prolog)))


def with_member(name: str, content: str | bytes = b"x") -> bytes:
    return pack([*parts(sheet_xml("")).items(), (name, content)])


def cell(ref: str, text: str = "x") -> str:
    return f'<c r="{ref}" t="inlineStr"><is><t>{text}</t></is></c>'


def lying_size() -> bytes:
    """The directory claims that the sheet has a hundred bytes; it inflates to a hundred megabytes."""
    content = pack(parts(sheet_xml("<row>" + " " * (100 * 2**20) + "</row>")))
    at = content.rindex(b"PK\x01\x02", 0, content.rindex(b"xl/worksheets/sheet1.xml"))
    return content[: at + 24] + struct.pack("<I", 100) + content[at + 28 :]


def encrypted_member() -> bytes:
    content = bytearray(workbook(""))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.index(mark)
        content[at + offset] |= 1
    return bytes(content)


def symbolic_link() -> bytes:
    out = BytesIO(workbook(""))
    with zipfile.ZipFile(out, "a") as archive:
        link = zipfile.ZipInfo("xl/link.xml")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    return out.getvalue()


def ole(text: str = "") -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + text.encode("utf-16-le") + bytes(512)


# --- The old binary format ----------------------------------------------------------------------------------


def xls(cells: dict[tuple[int, int], object], formula: str = "") -> bytes:
    """A workbook with a text per (row, column), or a coloured blank for None."""
    book = xlwt.Workbook()
    sheet, other = book.add_sheet("s"), book.add_sheet("t")
    other.write(0, 0, 1)
    blank = xlwt.easyxf("pattern: pattern solid, fore_colour yellow")
    for (row, column), value in cells.items():
        sheet.write(row, column, "" if value is None else value, *([blank] if value is None else []))
    if formula:
        sheet.write(9, 0, xlwt.Formula(formula))
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def encrypted_xls() -> bytes:
    """The record after the first says that a password is needed."""
    content = bytearray(xls({(0, 0): "x"}))
    after_bof = 512 + 4 + int.from_bytes(content[514:516], "little")
    content[after_bof : after_bof + 2] = b"\x2f\x00"
    return bytes(content)


def linked_xls() -> bytes:
    """Its references point to another file instead of its own sheets."""
    content = xls({(0, 0): "x"}, "t!A1")
    at = content.index(b"\xae\x01\x04\x00")
    return content[: at + 4] + bytes(4) + content[at + 8 :]

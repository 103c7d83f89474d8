"""Lists in, as .xlsx, .xls or CSV: guarded, and answered with a sentence when they are not what we read.

Workbooks are read in a child process. ``read_workbook`` is the only way a list of somebody else comes into the portal.
"""

from __future__ import annotations

import datetime as dt
import marshal
import re
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeAlias, TypedDict

from django.conf import settings
from django.utils.translation import gettext as _

from subsidy_portal import sheet_reader, text_sheets
from subsidy_portal.workflow import Refused

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
XLS, CSV = "application/vnd.ms-excel", "text/csv"
# What a file field offers to choose from.
ACCEPT = ".xlsx,.xls,.csv,.txt"
# "" is an empty cell. Numbers come as they lie in the file, a date cell as a date (a datetime when it has a time).
Cell: TypeAlias = str | float | int | bool | dt.date

# Below the lease of a job (60 s): a reader that hangs is ended before somebody else takes the job over.
_SECONDS = 50
_PAUSE = 0.5
_DIGIT_RUN = re.compile(r"[0-9０-９][0-9０-９ \-]{6,}[0-9０-９XxＸ]")
_BLANKS = re.compile(r"[\s\u00a0\u3000\u200b-\u200f\u2060\ufeff\u202a-\u202e]+")


class FileRefused(Refused):
    """The file is not read at all. ``reason`` is the code of the guard; the sentence says what to do."""

    code: ClassVar[str] = "file_refused"

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


class Problem(TypedDict):
    """One thing wrong in a file: where, what, and what to do. ``shown`` is the cell's text, identifiers masked.

    ``row`` is 0 and ``column`` empty for what concerns the whole file or sheet.
    """

    sheet: str
    row: int
    column: str
    code: str
    message: str
    hint: str
    shown: str


@dataclass
class Sheet:
    """One visible sheet from A1 on. Row numbers are the clerk's (from 1), column indexes count from 0."""

    name: str
    rows: list[list[Cell]]
    merged: list[tuple[tuple[int, int], tuple[int, int]]] = field(default_factory=list)
    hidden_rows: list[int] = field(default_factory=list)
    hidden_columns: list[int] = field(default_factory=list)
    formulas: int = 0
    # Cells that look empty but are not, as (row number, column index): formulas nobody computed; #REF! and the like.
    empty_formulas: list[tuple[int, int]] = field(default_factory=list)
    errors: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class Workbook:
    sheets: list[Sheet]
    hidden: list[str]  # names of the sheets that were not read


def column_letter(index: int) -> str:
    """``A`` for 0, ``AA`` for 26."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def is_blank(cell: Cell) -> bool:
    if not isinstance(cell, str):
        return False
    return not cell or not (cell[0].isalnum() or _BLANKS.sub("", cell))


def cell_text(cell: Cell) -> str:
    """The cell as the clerk sees it, without blanks around it; numbers with the 15 digits a spreadsheet keeps."""
    if isinstance(cell, str):
        return _BLANKS.sub(" ", cell).strip()
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, dt.date):
        return cell.isoformat()
    return f"{cell:.15g}"


def clean_text(cell: Cell) -> str:
    """Free text for storing: NFC, one line, no invisible or control characters."""
    text = unicodedata.normalize("NFC", cell_text(cell))
    if text.isprintable():
        return text
    return "".join(c for c in text if unicodedata.category(c) not in {"Cc", "Cf", "Cs"})


def mask_digits(text: str) -> str:
    """``text`` with every long number reduced to its last four digits: for what is stored about a file."""
    return _DIGIT_RUN.sub(lambda found: "••••" + found[0][-4:], text)


def split_sentence(sentence: str) -> tuple[str, str]:
    """What is wrong, and what to do: our sentences say both, in this order."""
    wrong, dot, todo = sentence.partition("。")
    return wrong + dot, todo


def read_workbook(content: bytes, waiting: Callable[[], None] | None = None) -> Workbook:
    """Read every visible sheet of an .xlsx or .xls, or a text; raises FileRefused with what is wrong and what to do.

    ``waiting`` is called every half second while a large one is read, so that a bar can move.

    100,000 × 18 cells take about two seconds. Values are those the file holds: nothing is computed, and a
    formula without a stored value is named in ``empty_formulas``.
    """
    if check_kind(content) == CSV:
        return _read_text(content)
    answer = _ask_reader(content, waiting)
    if "error" in answer:
        raise refusal(answer["error"], **answer["detail"])
    return Workbook([_sheet(found) for found in answer["sheets"]], answer["hidden"])


def _read_text(content: bytes) -> Workbook:
    try:
        rows = text_sheets.read_text(content)
    except sheet_reader.Refused as refused:
        raise refusal(refused.code, **refused.detail) from None
    return Workbook([Sheet(text_sheets.NAME, [[*row] for row in rows])], [])


def _ask_reader(content: bytes, waiting: Callable[[], None] | None) -> dict[str, Any]:
    given: bytes | None = content
    end = time.monotonic() + _SECONDS
    with subprocess.Popen(
        [sys.executable, "-I", str(Path(sheet_reader.__file__))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={},
    ) as reader:
        while True:
            try:
                answer, _errors = reader.communicate(given, timeout=_PAUSE)
                break
            except subprocess.TimeoutExpired:
                given = None  # it has begun to take the file
                if time.monotonic() > end:
                    reader.kill()
                    raise refusal("too_big") from None
                if waiting is not None:
                    waiting()
    if reader.returncode != 0:
        # The process ran into its memory or time limit, or calamine gave up on a sheet that claims to be endless.
        raise refusal("too_big")
    # Written by our own script in the line above, not by whoever sent the file.
    return marshal.loads(answer)  # noqa: S302


def _sheet(found: dict[str, Any]) -> Sheet:
    for row, column, text in found.pop("dates", ()):
        try:
            found["rows"][row][column] = dt.datetime.fromisoformat(text) if "T" in text else dt.date.fromisoformat(text)
        except ValueError:
            found["rows"][row][column] = text
    return Sheet(**found)


# --- What is refused, and the sentence for it --------------------------------------------------------------


def check_kind(content: bytes) -> str:
    """The content type by size and first bytes, before anything is unpacked; raises FileRefused for no list."""
    if not content:
        raise refusal("empty")
    if len(content) > settings.UPLOAD_MAX_BYTES:
        raise refusal("size", mb=settings.UPLOAD_MAX_BYTES // 2**20)
    head = content[:4096]
    if head.startswith(b"PK\x03\x04"):
        return XLSX
    if head.startswith(sheet_reader.OLE):
        return _check_old(content)
    if head.startswith(b"%PDF"):
        raise refusal("pdf")
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype", b"<html", b"<table", b"<?xml", b"<meta", b"<style")):
        raise refusal("html")
    if head.startswith((b"\xff\xd8", b"\x89PNG", b"GIF8", b"BM", b"II*", b"MM\0*")):
        raise refusal("picture")
    if b"\0" in head and not text_sheets.has_text_mark(head):
        raise refusal("unknown")
    return CSV


def _check_old(content: bytes) -> str:
    for stream, reason in (("EncryptedPackage", "encrypted"), ("WordDocument", "document"), ("PowerPoint", "document")):
        if stream.encode("utf-16-le") in content:
            raise refusal(reason)
    return XLS


def refusal(reason: str, **detail: int | str) -> FileRefused:
    """The FileRefused for a code of the guard."""
    return FileRefused(reason, _sentences()[reason] % detail)


def _sentences() -> dict[str, str]:
    broken = _("文件已损坏，或不是普通的Excel工作簿。请用Excel或WPS打开后另存为.xlsx，再上传。")
    hostile = _("文件的内部结构不正常，没有打开。请用Excel或WPS新建工作簿，把内容粘贴进去后再上传。")
    return {
        "empty": _("文件是空的。请选择填好的文件。"),
        "size": _("文件超过%(mb)d MB。请分成几份清册上传，或删去图片和多余的工作表。"),
        "encrypted": _("文件加了密码。请在Excel或WPS里取消密码，保存后再上传。"),
        "pdf": _("这是PDF文件，不能读取。请上传填好的.xlsx模板。"),
        "html": _("这是网页格式的表格，只是名字叫.xlsx。请用Excel或WPS打开后另存为.xlsx，再上传。"),
        "picture": _("这是图片，不能读取。请上传填好的.xlsx模板。"),
        "text_encoding": _(
            "文件第%(row)d行（第%(byte)d个字节）的文字读不出来，编码是乱的。请用Excel或WPS打开核对，另存为.xlsx，再上传。"
        ),
        "text_control": _("文件第%(row)d行有看不见的控制字符，没有读取。请用Excel或WPS打开后另存为.xlsx，再上传。"),
        "text_quotes": _("文件从第%(row)d行起引号没有配对，分不清各列。请改好这一行的引号，或另存为.xlsx，再上传。"),
        "unknown": _("认不出这个文件的格式。请上传填好的.xlsx模板。"),
        "document": _("这是Word或演示文稿，不能读取。请把表格填进.xlsx模板后再上传。"),
        "other_spreadsheet": _("这是.xlsb或.ods格式的表格。请打开后另存为“Excel工作簿（*.xlsx）”，再上传。"),
        "archive": _("这是压缩包，不是表格。请解压后上传里面的.xlsx文件。"),
        "macro": _("文件里有宏，没有打开。请另存为不带宏的“Excel工作簿（*.xlsx）”，再上传。"),
        "external_link": _("文件里有指向其他文件的链接，没有读取。请在“数据—编辑链接”里断开链接，保存后再上传。"),
        "damaged": broken,
        "zip_members": hostile,
        "zip_names": hostile,
        "zip_bomb": _("文件解开后大得不正常，没有打开。请用Excel或WPS新建工作簿，把内容粘贴进去后再上传。"),
        "doctype": hostile,
        "huge_cell": _("有一行的内容大得不正常，没有读取。请删去粘贴进来的大段文字，再上传。"),
        "too_wide": _("表格用到了第%(limit)d列以后。请删去右边用不到的列，再上传。"),
        "too_many_rows": _("超过行数上限：表格用到第%(row)d行，最多%(limit)d行。请删去下面的空行，或分几份清册上传。"),
        "too_many_cells": _("表格的单元格太多。请删去用不到的工作表和列，再上传。"),
        "too_big": _("表格太大，读不下来。请删去用不到的行、列和工作表，或分成几份清册上传。"),
    }

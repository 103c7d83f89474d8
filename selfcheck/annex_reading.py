"""A filled-in 附件2 or 附件3 read back. Whatever is not that form, or not in 万元, is refused with where and why."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from selfcheck.annexes import ANNEX2_HEADS, ANNEX3_HEADS, CITY, COUNTY
from selfcheck.models import AnnexFile
from selfcheck.official import COUNT, TEXT, Head
from selfcheck.taxonomy import ANNEX2_ROWS
from subsidy_portal.sheets import Cell, FileRefused, Sheet, cell_text, clean_text, column_letter, read_workbook

K = AnnexFile.Kind
HEADS: dict[str, tuple[Head, ...]] = {K.ANNEX2: ANNEX2_HEADS, K.ANNEX3: ANNEX3_HEADS}
_FIRST = {K.ANNEX2.value: "项目资金名称", K.ANNEX3.value: "名称"}
_LOOK_ROWS = 10
_NOT_ROWS = ("备注", "2.", "3.", "4.")


@dataclass(frozen=True)
class Filled:
    """What a file says: 填表单位, and (number, name, cells) of its rows in order; amounts in fen."""

    unit: str
    rows: list[tuple[str, str, list[Any]]]


def _plain(cell: Cell) -> str:
    """Text without blanks and in ordinary letters: forms are retyped and broken over lines."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", cell_text(cell)))


def _refuse(reason: str, sentence: str) -> FileRefused:
    return FileRefused(reason, sentence)


def read_annex(kind: str, content: bytes, *, most_fen: int = 0) -> Filled:
    """Read a filled-in form of ``kind``. Raises FileRefused for another file, another unit or sums that do not tie.

    ``most_fen``: no cell can be more than that (all that was ever paid); 0 when nobody knows.
    """
    book = read_workbook(content)
    if len(book.sheets) != 1:
        raise _refuse(
            "sheets", _("文件有%(n)d张表，只能有一张。请把要报的那张单独存为一个文件。") % {"n": len(book.sheets)}
        )
    sheet = book.sheets[0]
    head_row = _find_head(sheet, kind)
    unit = _read_info(sheet, head_row)
    rows = _read_rows(sheet, kind, head_row + 2)
    if kind == K.ANNEX2:
        _check_annex2(rows)
    _check_sizes(rows, HEADS[kind], most_fen)
    return Filled(unit, rows)


def _find_head(sheet: Sheet, kind: str) -> int:
    """The index of the header's first row; every name in it must be the form's, in the form's order."""
    expected = [_plain(head.name) for head in HEADS[kind]]
    for at, row in enumerate(sheet.rows[:_LOOK_ROWS]):
        if len(row) > 1 and _plain(row[0]) == "序号" and _plain(row[1]) == _FIRST[kind]:
            parts = sheet.rows[at + 1] if at + 1 < len(sheet.rows) else []
            above = [_plain(cell) for cell in row[2:]] + [""] * len(expected)
            below = [_plain(cell) for cell in parts[2:]] + [""] * len(expected)
            found = [low or high for high, low in zip(above, below, strict=False)][: len(expected)]
            wrong = [place for place, names in enumerate(zip(found, expected, strict=True)) if names[0] != names[1]]
            if not wrong:
                return at
            place = wrong[0]
            raise _refuse(
                "header",
                _("%(column)s列应为“%(want)s”，文件里是“%(found)s”。请用本页下载的表填写，不要增减列。")
                % {"column": column_letter(place + 2), "want": HEADS[kind][place].name, "found": found[place] or "空"},
            )
    raise _refuse("foreign", _("这不是%(name)s：前十行里没有“序号、%(first)s”的表头。请用本页下载的表填写。")
                  % {"name": K(kind).label, "first": _FIRST[kind]})  # fmt: skip


def _read_info(sheet: Sheet, head_row: int) -> str:
    """The line above the header: who filled it in, and that it is in 万元."""
    above = "".join(_plain(cell) for row in sheet.rows[:head_row] for cell in row)
    unit = re.search(r"单位:((?:百|千|万|亿)?元)", above.replace("填表单位:", "填表人:"))
    if unit is None:
        raise _refuse("unit", _("表头上方没有写“单位：万元”，不知道金额是元还是万元。请写明后再导入。"))
    if unit[1] != "万元":
        raise _refuse(
            "unit", _("表里写的单位是%(unit)s，应为万元。请换算成万元、改写单位后再导入。") % {"unit": unit[1]}
        )
    filled_by = next(
        (clean_text(cell) for row in sheet.rows[:head_row] for cell in row if _plain(cell).startswith("填表单位:")), ""
    )
    return re.sub(r"^填表单位[:：]\s*", "", filled_by)


def _read_rows(sheet: Sheet, kind: str, start: int) -> list[tuple[str, str, list[Any]]]:
    heads, rows = HEADS[kind], []
    for at, row in enumerate(sheet.rows[start:], start + 1):
        padded = [*row, *[""] * (len(heads) + 2)]
        number, name = _plain(padded[0]), clean_text(padded[1])
        if number.startswith(_NOT_ROWS) and not number.isdecimal():
            break
        cells = [_read_cell(padded[place + 2], head, at, place + 2) for place, head in enumerate(heads)]
        if not name and any(cell not in {None, ""} for cell in cells):
            raise _refuse("name", _("第%(row)d行有数，没有名称。请写明是哪个项目或单位。") % {"row": at})
        if name:
            rows.append((number, name, cells))
    return rows


def _read_cell(cell: Cell, head: Head, row: int, place: int) -> Any:
    text = cell_text(cell)
    if head.format == TEXT:
        return clean_text(cell)
    if not text:
        return None
    at = {"cell": f"{column_letter(place)}{row}", "text": text[:20], "name": head.name}
    if head.format == COUNT:
        if not re.fullmatch(r"\d{1,9}", text.replace(",", ""), re.ASCII):
            raise _refuse("count", _("%(cell)s“%(name)s”应填数量（整数），文件里是“%(text)s”。请改正。") % at)
        return int(text.replace(",", ""))
    if not re.fullmatch(r"\d{1,9}(\.\d+)?", text.replace(",", ""), re.ASCII):
        raise _refuse("amount", _("%(cell)s“%(name)s”应填金额（万元），文件里是“%(text)s”。请只写数字。") % at)
    fen = Decimal(text.replace(",", "")).scaleb(6)
    if fen % 10_000:
        raise _refuse("amount", _("%(cell)s“%(name)s”是%(text)s，超过两位小数。请按万元保留两位小数。") % at)
    return int(fen)


def _check_annex2(rows: list[tuple[str, str, list[Any]]]) -> None:
    """The funds of the form all stand there under their numbers, and 合计 is the sum of the rows."""
    for number, (name, _codes) in ANNEX2_ROWS.items():
        if not any(found == str(number) and _plain(text) == _plain(name) for found, text, _cells in rows):
            raise _refuse("rows", _("缺第%(n)d行“%(name)s”，或序号、名称被改过。请用本页下载的表填写。")
                          % {"n": number, "name": name})  # fmt: skip
    total = next((cells for _number, name, cells in rows if _plain(name) == "合计"), None)
    if total is None:
        raise _refuse("total", _("没有“合计”行。请补上后再导入。"))
    parts = [cells for _number, name, cells in rows if counts_in_total(name)]
    for place, head in enumerate(ANNEX2_HEADS):
        added = sum(cells[place] or 0 for cells in parts)
        # Each rounded row may be half of 0.01 off.
        slack = 0 if head.format == COUNT else 5_000 * len([1 for cells in parts if cells[place]])
        if abs((total[place] or 0) - added) > slack:
            raise _refuse("total", _("“%(name)s”列的合计与各行之和不符。请核对后再导入。") % {"name": head.name})


def counts_in_total(name: str) -> bool:
    """Rows of the form that 合计 adds up: not the headings, not the parts of a fund."""
    return not _plain(name).startswith("其中:") and _plain(name) not in {"合计", _plain(CITY), _plain(COUNTY)}


def _check_sizes(rows: list[tuple[str, str, list[Any]]], heads: tuple[Head, ...], most_fen: int) -> None:
    for _number, name, cells in rows:
        for head, cell in zip(heads, cells, strict=True):
            if most_fen and head.format not in {COUNT, TEXT} and (cell or 0) > most_fen:
                raise _refuse(
                    "size",
                    _("“%(row)s”的“%(name)s”超过全县发放的全部补贴，多半是按元填的。请换算成万元后再导入。")
                    % {"row": name, "name": head.name},
                )

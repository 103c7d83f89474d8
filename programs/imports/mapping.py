"""Which sheet is the list and which column is what, when the file alone does not say: asked, kept, recognised.

A question stands in ``RosterImport.question`` and holds no full identifier: {"kind": "sheet", "choices":
[{"name", "rows", "words"}]} or {"kind": "columns", "sheet", "header_row", "top": [[text]], "kinds": [str]}, where
``top`` are the first rows of the sheet, masked, and ``kinds`` what the cells of each column look like.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from programs.imports.columns import EXTRA_COLUMNS, Column, find_field, header_text, own_headers, template_columns
from programs.imports.households import Member, find_members
from programs.imports.layout import HEADER_ROWS, Layout, check_header, find_layout
from programs.imports.problems import CellError, Problems
from programs.imports.roles import BENEFICIARY, missing_columns, needed_fields
from programs.models import Program
from subsidy_portal import crypto, wording
from subsidy_portal.sheets import Cell, Sheet, Workbook, cell_text, column_letter, is_blank, mask_digits

_SHOWN_COLUMNS, _SAMPLES, _WIDTH = 80, 5, 40
_TABLE_HITS, _TABLE_WORDS = 2, 4
_NUMBER_IN_HEADER = re.compile(r"\d{6}")
# Kinds of cells, by which more than half of a column is known.
_LOOKS = {
    "id": re.compile(r"\d{17}[\dXx]|\d{15}"),
    "account": re.compile(r"62\d{14,17}"),
    "phone": re.compile(r"1[3-9]\d{9}"),
    "bank": re.compile(r".*(银行|信用社)[^,，]*"),
    "village": re.compile(r".*(村|社区|居委会)"),
    "group": re.compile(r"(第?[0-9一二三四五六七八九十]+组|无)"),
    "money": re.compile(r"[0-9]{2,6}(\.[0-9]{1,2})?"),
    "name": re.compile(r"[\u3400-\u9fff·]{2,4}"),
}
# What a header's words hint at when they are no alias: the guess of the mapping page, never read unasked.
_HINTS = (
    ("beneficiary_id", "id", "身份|证件"),
    ("account", "account", "卡号|账号|账户|存折"),
    ("amount", "money", "金额|应发|实发|资金|补贴|补助|合计"),
    ("bank", "bank", "银行|开户|信用社"),
    ("village", "village", "村|社区|居委"),
    ("group_no", "group", "组|队"),
    ("phone", "phone", "电话|手机|联系"),
    ("beneficiary_name", "name", "姓名|名字|人名"),
    ("standard", "", "标准"),
    ("quantity", "", "面积|数量|亩|月数"),
)


class Asked(Exception):
    """The clerk has to say something before the file can be read on: ``question`` is for ``RosterImport.question``."""

    def __init__(self, question: dict[str, Any]) -> None:
        super().__init__(question["kind"])
        self.question = question


@dataclass(frozen=True)
class Remembered:
    """What a department's clerk once said about a header: field → column index."""

    columns: dict[str, int]
    made_on: dt.date


@dataclass(frozen=True)
class Answers:
    """What the clerk has said about this file so far."""

    sheet: str = ""
    header_row: int = 0
    columns: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class TheirColumn:
    """A column of the clerk's sheet as the mapping page shows it."""

    index: int
    letter: str
    words: str
    samples: list[str]
    guess: str


# --- Finding the list ---------------------------------------------------------------------------------------


def find_list(
    workbook: Workbook,
    columns: Sequence[Column],
    problems: Problems,
    *,
    answers: Answers,
    remembered: Mapping[str, Remembered],
) -> tuple[Layout, list[Member]] | None:
    """The one list of the workbook with its household members, or None with the reason in ``problems``.

    Raises Asked when several sheets look like it, or when its header lacks what a roster needs.
    """
    sheets = [sheet for sheet in workbook.sheets if answers.sheet in {"", sheet.name}]
    if answers.columns:
        layout = _mapped(sheets[0], answers.header_row, answers.columns)
    else:
        found = _the_one(sheets, columns, remembered)
        if found is None:
            problems.add(_no_header())
            return None
        layout = found
    members = find_members(layout)
    present = {*layout.columns, *(BENEFICIARY if members else ())}
    missing = missing_columns(columns, present)
    if missing and not answers.columns and not layout.duplicates and len(layout.unknown) >= len(missing):
        raise Asked(columns_question(layout.sheet, layout.header_row))
    check_header(layout, missing, problems)
    _say_what_else(workbook, layout)
    return None if problems else (layout, members)


def _the_one(sheets: Sequence[Sheet], columns: Sequence[Column], remembered: Mapping[str, Remembered]) -> Layout | None:
    own = own_headers(columns)
    allowed = {name for name, _label, _needed in fields(columns)}
    layouts = [found for sheet in sheets if (found := _recall(sheet, allowed, remembered) or find_layout(sheet, own))]
    if not layouts:
        tables = [(sheet, row) for sheet in sheets if (row := _table_header(sheet, own))]
        if not tables:
            return None
        if len(tables) > 1:
            raise Asked(_sheet_question(tables))
        raise Asked(columns_question(*tables[0]))
    if len(layouts) == 1:
        return layouts[0]
    filled = [found for found in layouts if _row_count(found.sheet, found.header_row)] or layouts[:1]
    if len(filled) > 1:
        raise Asked(_sheet_question([(found.sheet, found.header_row) for found in filled]))
    return filled[0]


def _no_header() -> CellError:
    return CellError(
        "no_header",
        _("没有找到表头。"),
        _("请使用本项目的模板，表头里要有“享受人身份证号”“银行账号”“补贴金额”等列名。"),
    )


def _row_count(sheet: Sheet, header_row: int) -> int:
    return sum(any(not is_blank(cell) for cell in row) for row in sheet.rows[header_row:])


def _table_header(sheet: Sheet, own: Mapping[str, str]) -> int:
    """The row that looks like the header of some list: words and no numbers, rows of cells below; 0 without one."""
    best, best_row = (0, 0), 0
    for row_no, row in enumerate(sheet.rows[:HEADER_ROWS], 1):
        if not _can_be_header(row):
            continue
        words = {header_text(cell) for cell in row if isinstance(cell, str) and not is_blank(cell)}
        hits = sum(bool(find_field(word, own)) for word in words)
        below = sum(sum(not is_blank(cell) for cell in under) >= 3 for under in sheet.rows[row_no : row_no + 5])
        if below and (hits >= _TABLE_HITS or len(words) >= _TABLE_WORDS) and (hits, len(words)) > best:
            best, best_row = (hits, len(words)), row_no
    return best_row


def _can_be_header(row: Sequence[Cell]) -> bool:
    texts = [cell_text(cell) for cell in row]
    return any(texts) and not any(_NUMBER_IN_HEADER.search(text) for text in texts)


def _mapped(sheet: Sheet, header_row: int, columns: Mapping[str, int]) -> Layout:
    layout = Layout(sheet, header_row, dict(columns))
    taken = set(columns.values())
    header = sheet.rows[header_row - 1]
    layout.unknown = {i: header_text(cell) for i, cell in enumerate(header) if i not in taken and not is_blank(cell)}
    return layout


def _recall(sheet: Sheet, allowed: Collection[str], remembered: Mapping[str, Remembered]) -> Layout | None:
    """The layout that somebody has mapped before, recognised by its header words.

    It may have been said for another program of the department: columns this program does not have stay unread.
    """
    for row_no, row in enumerate(sheet.rows[:HEADER_ROWS], 1) if remembered else ():
        known = remembered.get(signature(row))
        if known is not None and max(known.columns.values()) < len(row):
            columns = {name: index for name, index in known.columns.items() if name in allowed}
            layout = _mapped(sheet, row_no, columns)
            layout.said.append(_("按%(day)s保存的对应关系读取。") % {"day": wording.full_date(known.made_on)})
            return layout
    return None


def _say_what_else(workbook: Workbook, layout: Layout) -> None:
    others = [
        sheet.name
        for sheet in workbook.sheets
        if sheet is not layout.sheet and sheet.name not in _OWN_SHEETS and any(map(any, sheet.rows))
    ]
    if others:
        names = "、".join(f"“{name}”" for name in others[:10])
        layout.said.append(_("工作表%(names)s没有读。") % {"names": names})


# The sheets of our own template and of a file that went back marked.
_OWN_SHEETS = frozenset({"填写说明", "错误汇总"})


def header_words(row: Sequence[Cell]) -> list[str]:
    """The normalised words of a header in order, without the empty cells behind the last."""
    words = [header_text(cell) for cell in row]
    while words and not words[-1]:
        words.pop()
    return words


def signature(row: Sequence[Cell]) -> str:
    """What a header is recognised by: SM3 over its words in order."""
    return crypto.sm3(json.dumps(header_words(row), ensure_ascii=False).encode())


# --- What is asked ------------------------------------------------------------------------------------------


def _sheet_question(found: Sequence[tuple[Sheet, int]]) -> dict[str, Any]:
    choices = []
    for sheet, header_row in found:
        words = [word for word in header_words(sheet.rows[header_row - 1]) if word]
        words = [mask_digits(word)[:20] for word in words[:8]]
        choices.append({"name": sheet.name, "rows": _row_count(sheet, header_row), "words": words})
    return {"kind": "sheet", "choices": choices}


def columns_question(sheet: Sheet, header_row: int) -> dict[str, Any]:
    """Everything the mapping page shows, from the first rows of ``sheet``; no full identifier."""
    width = min(len(sheet.rows[0]), _SHOWN_COLUMNS)
    body = sheet.rows[header_row : header_row + 50]
    return {
        "kind": "columns",
        "sheet": sheet.name,
        "header_row": header_row,
        "top": [[_shown(cell) for cell in row[:width]] for row in sheet.rows[: HEADER_ROWS + _SAMPLES]],
        "kinds": [_kind([row[index] for row in body]) for index in range(width)],
        # Of rows that can be a header: nothing is computed from rows with people's numbers.
        "signature": {
            str(n): signature(row) for n, row in enumerate(sheet.rows[:HEADER_ROWS], 1) if _can_be_header(row)
        },
    }


def _shown(cell: Cell) -> str:
    return mask_digits(cell_text(cell))[:_WIDTH]


def _kind(column: Sequence[Cell]) -> str:
    """What the cells of a column look like, also after a spreadsheet has made numbers of them; empty when mixed."""
    texts = [
        f"{cell:.0f}" if isinstance(cell, float) else re.sub(r"\s", "", cell_text(cell))
        for cell in column
        if not is_blank(cell)
    ]
    for kind, pattern in _LOOKS.items():
        if sum(bool(pattern.fullmatch(text)) for text in texts) * 2 > len(texts):
            return kind
    return ""


def fields(columns: Sequence[Column]) -> list[tuple[str, str, bool]]:
    """(field, label, whether no list can do without it) of everything a column can be."""
    needed = needed_fields(columns)
    found = [(column.field, column.label, column.field in needed) for column in columns if column.field != "sequence"]
    known = {name for name, _label, _needed in found}
    extra = [(find_field(label), label, False) for label in EXTRA_COLUMNS]
    return found + [one for one in extra if one[0] not in known]


def their_columns(question: Mapping[str, Any], header_row: int, columns: Sequence[Column]) -> list[TheirColumn]:
    """The columns of the asked sheet under the header in ``header_row``, each with our best guess."""
    top: list[list[str]] = question["top"]
    header = top[header_row - 1]
    above = top[header_row - 2] if header_row > 1 else [""] * len(header)
    below = top[header_row:]
    guesses = _guess(question, header_row, columns)
    found = []
    for index, word in enumerate(header):
        samples = [row[index] for row in below if row[index]][:_SAMPLES]
        # A title above the first column is no part of its name.
        over = above[index] if sum(map(bool, above)) > 1 else ""
        words = word or over
        if words or samples:
            found.append(TheirColumn(index, column_letter(index), words, samples, guesses.get(index, "")))
    return found


def described(question: Mapping[str, Any], program: Program) -> dict[str, Any]:
    """The question as the API tells it."""
    if question["kind"] == "sheet":
        return dict(question)
    columns = template_columns(program)
    ours = [{"field": name, "label": label, "required": needed} for name, label, needed in fields(columns)]
    return {
        "kind": "columns",
        "sheet": question["sheet"],
        "header_row": question["header_row"],
        "header_rows": sorted(map(int, question["signature"])),
        "columns": [asdict(one) for one in their_columns(question, question["header_row"], columns)],
        "our_fields": ours,
    }


def _guess(question: Mapping[str, Any], header_row: int, columns: Sequence[Column]) -> dict[int, str]:
    """Column index → field: by the aliases first, then by what header and cells hint at; no field twice."""
    allowed, own = {name for name, _label, _needed in fields(columns)}, own_headers(columns)
    words = [header_text(word) for word in question["top"][header_row - 1]]
    found: dict[int, str] = {}
    for index, word in enumerate(words):
        name = find_field(word, own) if word else ""
        if name in allowed and name not in found.values():
            found[index] = name
    hints = [hint for hint in _HINTS if hint[0] in allowed]
    for name, _kind_of, pattern in hints:
        _take(found, name, (i for i, word in enumerate(words) if word and re.search(pattern, word)))
    for name, kind, _pattern in hints:
        _take(found, name, (i for i, word in enumerate(words) if word and kind and question["kinds"][i] == kind))
    return found


def _take(found: dict[int, str], name: str, indexes: Iterable[int]) -> None:
    """Give ``name`` the first of ``indexes`` that is free, unless it has one."""
    free = next((index for index in indexes if index not in found), None)
    if free is not None and name not in found.values():
        found[free] = name


def check_answer(
    question: Mapping[str, Any], header_row: int, given: Mapping[str, int], columns: Sequence[Column]
) -> str:
    """What is wrong with an answer to the columns question, in one sentence; empty when it can be used."""
    if str(header_row) not in question["signature"]:
        return _("第%(row)d行不像表头。请重新选择表头在第几行。") % {"row": header_row}
    allowed = {name: label for name, label, _needed in fields(columns)}
    width = len(question["top"][0])
    if any(name not in allowed or not 0 <= index < width for name, index in given.items()):
        return _("对应的列不在这张表里。请重新选择。")
    by_index: dict[int, str] = {}
    for name, index in given.items():
        if index in by_index:
            return _("%(letter)s列同时对应“%(first)s”和“%(second)s”。请只留一项。") % {
                "letter": column_letter(index),
                "first": allowed[by_index[index]],
                "second": allowed[name],
            }
        by_index[index] = name
    missing = missing_columns(columns, given.keys())
    if missing:
        labels = "、".join(f"“{column.label}”" for column in missing)
        return _("还缺必填的%(labels)s。请为它们选一列；表里没有的，请补上这一列再上传。") % {"labels": labels}
    return ""

"""Lists of persons of other offices (``comparison_data.KINDS``): from a sheet, or a page of the API, to lines.

All cells of a list are read; one that is wrong is named, and then nothing of the list is used. A line ends as what
``DatasetRow`` keeps: the ID number only as its blind index.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from programs.comparison_data import Field, KindInfo
from programs.imports import cells
from programs.imports.columns import header_text
from programs.imports.problems import CellError, Problems
from programs.models import Person
from subsidy_portal import clock
from subsidy_portal.identifiers import birth_date
from subsidy_portal.sheets import Cell, FileRefused, Sheet, cell_text, clean_text, is_blank, read_workbook

# The columns a list is copied into, in the order of ``stored``.
ROW_COLUMNS = ("dataset_id", "kind", "id_hash", "name", "event_on", "until_on", "item", "data")
_HEADER_ROWS = 10
_UNIT = re.compile(r"\([^()]*\)$")
_DECIMAL = re.compile(r"\d{1,9}(\.\d{1,4})?\Z", re.ASCII)
_FOREVER = {"长期", "永久", "无", "长期有效", "至今", "-", "—", "/"}
_NOT_A_PERSON = re.compile(r"(合计|小计|总计|共计|制表|填表|审核|填报|负责人|说明|注[:：])")
_ITEM_LENGTH, _TEXT_LENGTH = 40, 100
Report = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Line:
    """One person of a list. ``data`` is JSON text; ``row`` where it stands in the file."""

    row: int
    id_number: str
    name: str
    event_on: dt.date | None
    until_on: dt.date | None
    item: str
    data: str

    @property
    def says(self) -> tuple[Any, ...]:
        """What two lines of the same person must agree on to be the same line."""
        return self.name, self.event_on, self.until_on, self.data


@dataclass(frozen=True)
class Place:
    """The sheet, the index of its header row, and where each column stands (``Field.to`` → column index)."""

    sheet: Sheet
    header: int
    columns: dict[str, int]


def open_list(content: bytes, info: KindInfo) -> Place:
    """The one visible sheet of the workbook that is a list of this kind.

    Raises FileRefused for a file that cannot be read, has no such sheet (naming the columns it lacks) or several.
    """
    sheets = read_workbook(content).sheets
    places = [place for sheet in sheets if (place := find_header(sheet, info)) is not None]
    if not places:
        raise FileRefused("columns", _missing_columns(sheets, info))
    if len(places) > 1:
        names = "、".join(place.sheet.name for place in places)
        raise FileRefused(
            "several_sheets", _("有几张工作表都像名单：%(names)s。请只留一张，其余的另存。") % {"names": names}
        )
    return places[0]


def find_header(sheet: Sheet, info: KindInfo) -> Place | None:
    """Where the header is: the first row of the first ten, or two rows under each other, that names every column
    the kind must have.
    """
    for depth in (1, 2):
        for index in range(min(_HEADER_ROWS, len(sheet.rows) - depth + 1)):
            columns = _columns_of(sheet.rows[index : index + depth], info)
            if all(field.to in columns for field in info.columns if field.required):
                return Place(sheet, index + depth - 1, columns)
    return None


def _columns_of(rows: Sequence[Sequence[Cell]], info: KindInfo) -> dict[str, int]:
    """``Field.to`` → column index by the words of one header row, or of two: a cell merged over both, a group above."""
    names = {header_text(name): field.to for field in reversed(info.columns) for name in reversed(field.names)}
    columns: dict[str, int] = {}
    for at in range(max(map(len, rows), default=0)):
        texts = [text for row in rows if at < len(row) and (text := header_text(row[at]))]
        for text in (*texts[-1:], "".join(texts)):
            to = names.get(text) or names.get(_UNIT.sub("", text))
            if to is not None:
                columns.setdefault(to, at)
                break
    return columns


def _missing_columns(sheets: list[Sheet], info: KindInfo) -> str:
    """Which columns the row that comes nearest to a header does not have."""
    rows = [row for sheet in sheets for row in sheet.rows[:_HEADER_ROWS]]
    best = max((_columns_of([row], info) for row in rows), key=len, default={})
    lacking = "、".join(f"“{field.label}”" for field in info.columns if field.required and field.to not in best)
    return _("找不到%(columns)s列。请照这一类的模板整理后再上传。") % {"columns": lacking}


def read_lines(place: Place, info: KindInfo, problems: Problems, report: Report) -> list[Line]:
    """Every person of the list, once; worthless unless ``problems`` stays empty."""
    reader = _Reader(place, info, problems)
    reader.name_unreadable()
    lines: dict[tuple[str, str], Line] = {}
    names: dict[str, Line] = {}
    total = len(place.sheet.rows) - place.header - 1
    for number, line in reader.lines():
        if number % 20_000 == 0:
            report(number - place.header, total)
        if line is None:
            continue
        first = lines.setdefault((line.id_number, line.item), line)
        named = names.setdefault(line.id_number, line)
        if first.says != line.says:
            reader.problem(_twice(first), line.row, "id_number")
        elif named.name != line.name:
            reader.problem(_two_names(named), line.row, "name")
    if not lines and not problems:
        problems.add(CellError("no_rows", _("表里没有人员。"), _("请核对文件后再上传。")), sheet=place.sheet.name)
    return list(lines.values())


def _hidden_row() -> CellError:
    return CellError("hidden_row", _("这一行被隐藏或筛选掉了。"), _("请取消隐藏和筛选；不要的行请整行删除。"))


def _twice(first: Line) -> CellError:
    return CellError("twice", _("与第%(row)d行是同一人，内容不同。") % {"row": first.row}, _("请核对后只留一行。"))


def _two_names(first: Line) -> CellError:
    return CellError(
        "two_names",
        _("同一身份证号在第%(row)d行的姓名是“%(name)s”，与这里不同。") % {"row": first.row, "name": first.name},
        _("请核对姓名和身份证号。"),
    )


def stored(lines: Sequence[Line], dataset_id: int, kind: str) -> Iterator[tuple[Any, ...]]:
    """The lines as rows for COPY, see ``ROW_COLUMNS``."""
    for line in lines:
        id_hash = Person.id_index(line.id_number)
        yield dataset_id, kind, id_hash, line.name, line.event_on, line.until_on, line.item, line.data


class _Reader:
    """Reads the rows below the header. Two hundred thousand rows repeat few dates and words: each is read once."""

    def __init__(self, place: Place, info: KindInfo, problems: Problems) -> None:
        self.place, self.info, self.problems = place, info, problems
        self.today = clock.today()
        self.fields = [(field, place.columns.get(field.to)) for field in info.columns]
        self.reads = {field.to: self._read_of(field) for field in info.columns}
        self.memo: dict[str, dict[Any, Any]] = {field.to: {} for field in info.columns}

    def _read_of(self, field: Field) -> Callable[[Cell], Any]:
        if field.form == "choice":
            kept = {_plain(word): value for word, value in field.choices}
            return partial(_read_choice, kept)
        if field.form == "text":
            return partial(_read_text, _ITEM_LENGTH if field.to == "item" else _TEXT_LENGTH)
        if field.form == "past_day":
            return partial(_read_past_day, self.today)
        return {
            "name": cells.read_name,
            "id": cells.id_number_reader(),
            "day": _read_day,
            "decimal": _read_decimal,
        }[field.form]

    def problem(self, error: CellError, row: int, to: str) -> None:
        column = self.place.columns.get(to)
        cell = "" if column is None else self._cell(self.place.sheet.rows[row - 1], column)
        field = "beneficiary_id" if to == "id_number" else to
        self.problems.add(error, sheet=self.place.sheet.name, row=row, column=column, cell=cell, column_field=field)

    @staticmethod
    def _cell(row: Sequence[Cell], column: int) -> Cell:
        return row[column] if column < len(row) else ""

    def name_unreadable(self) -> None:
        """Hidden rows and cells that only look empty are never passed over in silence (M14, M15)."""
        sheet, first = self.place.sheet, self.place.header + 2
        for row in sheet.hidden_rows:
            if first <= row <= len(sheet.rows) and any(not is_blank(cell) for cell in sheet.rows[row - 1]):
                error = CellError(
                    "hidden_row", _("这一行被隐藏或筛选掉了。"), _("请取消隐藏和筛选；不要的行请整行删除。")
                )
                self.problem(error, row, "name")
        columns = {column: to for to, column in self.place.columns.items()}
        for cell_places, error in (
            (sheet.errors, CellError("error_cell", _("这一格是错误值（如#REF!、#N/A）。"), _("请改填实际内容。"))),
            (
                sheet.empty_formulas,
                CellError("formula_cell", _("这一格是没有算出结果的公式。"), _("请复制后“选择性粘贴—数值”。")),
            ),
        ):
            for row, column in cell_places:
                if row >= first and column in columns:
                    self.problem(error, row, columns[column])

    def lines(self) -> Iterator[tuple[int, Line | None]]:
        """(row number, line) of every row that says something; None for a line with mistakes."""
        rows = self.place.sheet.rows
        for index in range(self.place.header + 1, len(rows)):
            row = rows[index]
            found = {field.to: "" if at is None else self._cell(row, at) for field, at in self.fields}
            if all(is_blank(cell) for cell in found.values()) or _is_remark(row, found):
                continue
            yield index + 1, self._line(index + 1, found)

    def _line(self, number: int, found: dict[str, Cell]) -> Line | None:
        before = self.problems.count
        values = {field.to: self._value(field, found[field.to], number) for field in self.info.columns}
        if self.problems.count > before:
            return None
        event_on, until_on = values.get("event_on"), values.get("until_on")
        if event_on is not None and event_on < birth_date(values["id_number"]):
            error = CellError("before_birth", _("日期早于出生日期。"), _("请核对日期和身份证号。"))
            self.problem(error, number, "event_on")
        if event_on is not None and until_on is not None and until_on < event_on:
            self.problem(CellError("ends_first", _("结束日期早于开始日期。"), _("请核对日期。")), number, "until_on")
        if self.problems.count > before:
            return None
        data = {to.removeprefix("data."): value for to, value in values.items() if to.startswith("data.") and value}
        return Line(
            number, values["id_number"], values["name"], event_on, until_on, values.get("item") or "",
            json.dumps(data, ensure_ascii=False, sort_keys=True) if data else "{}",
        )  # fmt: skip

    def _value(self, field: Field, cell: Cell, number: int) -> Any:
        if is_blank(cell):
            if field.required:
                self.problem(CellError("missing", _("必填的一格是空的。"), _("请补填。")), number, field.to)
            return field.default
        if field.form == "id":  # nearly all different: nothing to remember
            return self._read(field.to, cell, number)
        seen, key = self.memo[field.to], (type(cell), cell)
        if key in seen:
            return seen[key]
        before = self.problems.count
        value = self._read(field.to, cell, number)
        if self.problems.count == before:
            seen[key] = value
        return value

    def _read(self, to: str, cell: Cell, number: int) -> Any:
        try:
            return self.reads[to](cell)
        except CellError as error:
            self.problem(error, number, to)
            return None


def _is_remark(row: Sequence[Cell], found: dict[str, Cell]) -> bool:
    """A total or a signature below the list: it names nobody (M12)."""
    if not is_blank(found["id_number"]):
        return False
    first = next((cell_text(cell) for cell in row if not is_blank(cell)), "")
    return _NOT_A_PERSON.match(first.replace(" ", "")) is not None


def _plain(text: str) -> str:
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text))


def _read_text(limit: int, cell: Cell) -> str:
    text = clean_text(cell)
    if len(text) > limit:
        raise CellError("text_long", _("内容超过%(n)d个字。") % {"n": limit}, _("请缩短。"))
    return text


def _read_choice(kept: dict[str, Any], cell: Cell) -> Any:
    value = kept.get(_plain(cell_text(cell)))
    if value is None:
        words: dict[Any, str] = {}
        for word, one in kept.items():
            words.setdefault(one, word)
        raise CellError(
            "choice", _("认不出这里写的内容。"), _("请填其中一项：%(words)s。") % {"words": "、".join(words.values())}
        )
    return value


def _read_day(cell: Cell) -> dt.date | None:
    if isinstance(cell, str) and cell_text(cell) in _FOREVER:
        return None
    return cells.read_day(cell)


def _read_past_day(today: dt.date, cell: Cell) -> dt.date:
    day = cells.read_day(cell)
    if day > today:
        raise CellError("date_future", _("这一天还没到。"), _("请核对日期。"))
    return day


def _read_decimal(cell: Cell) -> str:
    text = cells.number_text(cell)
    if not _DECIMAL.match(text):
        raise CellError("decimal", _("这不是数字。"), _("请只填数字，最多四位小数，不带单位。"))
    return text

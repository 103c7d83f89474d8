"""Comparison data of other offices: a file with persons, kept by blind index only, compared at once."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from programs.checks import run_checks_on
from programs.models import Dataset, Person, Roster
from subsidy_portal import bulk, clock
from subsidy_portal.identifiers import IdentifierError, birth_date, parse_id_number, parse_name
from subsidy_portal.models import StoredFile, User
from subsidy_portal.permissions import require
from subsidy_portal.sheets import (
    XLSX,
    Cell,
    FileRefused,
    Problem,
    Sheet,
    cell_text,
    column_letter,
    is_blank,
    mask_digits,
    read_workbook,
    split_sentence,
)
from subsidy_portal.workflow import record

# What the columns are called by civil affairs, police and health offices.
COLUMNS = {
    "name": ("姓名", "死者姓名", "死亡人员姓名", "死亡人姓名"),
    "id_number": ("身份证号", "身份证号码", "公民身份号码", "证件号码", "死者身份证号", "死亡人员身份证号"),
    "event_on": ("死亡日期", "死亡时间", "去世日期", "去世时间"),
}
_DATE = re.compile(r"(\d{4})[-./年](\d{1,2})[-./月](\d{1,2})日?\Z|(\d{4})(\d\d)(\d\d)\Z", re.ASCII)
_SHOWN = 3


class DatasetRefused(FileRefused):
    """The file has mistakes and nothing of it was kept; ``problems`` names each cell."""

    def __init__(self, problems: list[Problem]) -> None:
        first = "；".join(f"第{p['row']}行{p['column']}列：{p['message']}" for p in problems[:_SHOWN])
        super().__init__(
            "problems",
            _("文件有%(count)d处错误，没有导入。%(first)s请改正后重新上传。")
            % {"count": len(problems), "first": first},
        )
        self.problems = problems


@dataclass(frozen=True)
class Entry:
    row: int
    name: str
    id_number: str
    event_on: dt.date


@transaction.atomic
def import_dataset(
    kind: str, *, source: str, as_of: dt.date, coverage: str, file_name: str, content: bytes, actor: User
) -> Dataset:
    """Import a list of persons (columns 姓名, 身份证号, 死亡日期) and compare every roster not yet accepted with it.

    Accepted rows are compared with it when their payment is next handled, as long as it has not left.
    Raises FileRefused for a file that cannot be read, DatasetRefused (with all problems) for one with mistakes.
    """
    require(actor, "dataset.import")
    entries = _read(content)
    dataset = Dataset.objects.create(
        kind=Dataset.Kind(kind),
        source=source,
        as_of=as_of,
        coverage=coverage,
        file=StoredFile.keep(content, name=file_name, content_type=XLSX, actor=actor),
        row_count=len(entries),
        imported_by=actor,
        imported_at=clock.now(),
    )
    bulk.copy_rows(
        "programs_datasetrow",
        ("dataset_id", "kind", "id_hash", "name", "event_on", "item", "data"),
        ((dataset.pk, kind, Person.id_index(e.id_number), e.name, e.event_on, "", "{}") for e in entries),
    )
    record(dataset, "imported", actor=actor, data={"rows": len(entries)})
    waiting = Roster.objects.filter(revision__gt=0).exclude(
        status__in=(Roster.Status.ACCEPTED, Roster.Status.CANCELLED)
    )
    run_checks_on(list(waiting.values_list("pk", flat=True)), check_names=["paid_after_death"])
    return dataset


def _read(content: bytes) -> list[Entry]:
    """The persons in the first visible sheet that has the columns; raises FileRefused or DatasetRefused."""
    for sheet in read_workbook(content).sheets:
        header = _find_header(sheet)
        if header is not None:
            break
    else:
        raise FileRefused("columns", _("找不到“姓名”“身份证号”“死亡日期”三列。请按这三列整理后再上传。"))
    start, columns = header
    entries: dict[str, Entry] = {}
    problems: list[Problem] = []
    for number, row in enumerate(sheet.rows[start + 1 :], start + 2):
        cells = {name: row[at] if at < len(row) else "" for name, at in columns.items()}
        if all(is_blank(cell) for cell in cells.values()):
            continue
        wrong = _add_row(entries, number, cells)
        problems += [_problem(sheet, number, columns[name], cells[name], error) for name, error in wrong]
    if problems:
        raise DatasetRefused(problems)
    if not entries:
        raise FileRefused("no_rows", _("表里没有人员。请核对文件后再上传。"))
    return list(entries.values())


def _find_header(sheet: Sheet) -> tuple[int, dict[str, int]] | None:
    """Index of the header row within the first ten, and where each column stands."""
    for index, row in enumerate(sheet.rows[:10]):
        titles = [re.sub(r"\s", "", unicodedata.normalize("NFKC", cell_text(cell))) for cell in row]
        columns = {
            name: next((at for at, title in enumerate(titles) if title in aliases), -1)
            for name, aliases in COLUMNS.items()
        }
        if min(columns.values()) >= 0:
            return index, columns
    return None


def _add_row(entries: dict[str, Entry], number: int, cells: dict[str, Cell]) -> list[tuple[str, IdentifierError]]:
    """Add the row's person to ``entries``, or return what is wrong in which column."""
    values: dict[str, Any] = {}
    wrong = []
    for name, parse in (("name", _parse_name), ("id_number", _parse_id), ("event_on", _parse_day)):
        try:
            values[name] = parse(cells[name])
        except IdentifierError as error:
            wrong.append((name, error))
    if wrong:
        return wrong
    entry = Entry(number, **values)
    if not birth_date(entry.id_number) <= entry.event_on <= clock.today():
        return [("event_on", IdentifierError(_("死亡日期早于出生日期，或还没到。请核对。"), "date_range"))]
    first = entries.setdefault(entry.id_number, entry)
    if first.event_on != entry.event_on:
        sentence = _("与第%(row)d行是同一人，日期不同。请核对后只留一行。") % {"row": first.row}
        return [("id_number", IdentifierError(sentence, "duplicate"))]
    return []


def _parse_name(cell: Cell) -> str:
    return parse_name(cell_text(cell))


def _parse_id(cell: Cell) -> str:
    if not isinstance(cell, str):
        raise IdentifierError(
            _("证号已被表格软件改写成数字，后几位已丢失，无法还原。请把该列设为“文本”，照身份证重填。"), "as_number"
        )
    return parse_id_number(cell)


def _parse_day(cell: Cell) -> dt.date:
    """A date cell or a date written the usual ways; raises IdentifierError."""
    if isinstance(cell, dt.datetime):
        return cell.date()
    if isinstance(cell, dt.date):
        return cell
    match = _DATE.match(cell_text(cell).replace(" ", ""))
    try:
        if match:
            return dt.date(*(int(part) for part in match.groups() if part))
    except ValueError:
        pass  # 30 February: told below, like every other text that is no date
    raise IdentifierError(_("日期不对。请写成2022-05-11这样。"), "date")


def _problem(sheet: Sheet, row: int, column: int, cell: Cell, error: IdentifierError) -> Problem:
    message, hint = split_sentence(str(error))
    return {
        "sheet": sheet.name,
        "row": row,
        "column": column_letter(column),
        "code": error.code,
        "message": message,
        "hint": hint,
        "shown": mask_digits(cell_text(cell)),
    }

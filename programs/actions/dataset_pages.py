"""A list handed over by another system in pages: begun under the caller's own key, page by page, then closed.

Every step may be repeated: the same key is the same list, the same page is stored once, a closed list stays closed.
Nothing of it is in force before it is closed.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from programs.actions.datasets import AlreadyImported, check_bringer, start_reading
from programs.comparison_data import KINDS
from programs.imports.columns import header_text
from programs.imports.lists import ROW_COLUMNS, Line, Place, read_lines, stored
from programs.imports.problems import CellError, Problems
from programs.models import Dataset
from subsidy_portal import bulk, clock, crypto
from subsidy_portal.models import Area, User
from subsidy_portal.permissions import require
from subsidy_portal.sheets import Cell, Sheet
from subsidy_portal.workflow import NotPermitted, Refused, move, record

S = Dataset.Status
MAX_PAGE_ROWS, MAX_PAGES = 5_000, 2_000
SHOWN = 100


class PageRefused(Refused):
    """The page has mistakes and nothing of it was stored: ``data["problems"]`` names each, identifiers masked."""

    code = "page_refused"

    def __init__(self, problems: Problems) -> None:
        super().__init__(_("这一页有%(count)d处错误，没有收下。请改正后重新提交这一页。") % {"count": problems.count})
        self.data = {"problem_count": problems.count, "problems": problems.shown()[:SHOWN]}


class PageDiffers(Refused):
    """This number was used for a page with other rows."""

    http_status = 409
    code = "page_differs"


def begin_collecting(
    kind: str, *, source: str, as_of: dt.date, key: str, actor: User, coverage: str = "", area: Area | None = None
) -> Dataset:
    """The list of this caller under ``key``: made now, or the one made before with the same facts.

    Raises AlreadyImported when the key stands for another list.
    """
    check_bringer(kind, as_of, area, actor)
    facts = {"kind": kind, "source": source.strip(), "as_of": as_of, "area_id": area.pk if area else None}
    try:
        with transaction.atomic():
            dataset = Dataset.objects.create(
                **facts, key=key, status=S.COLLECTING, coverage=coverage.strip(), imported_by=actor,
                imported_at=clock.now(),
            )  # fmt: skip
            record(dataset, "created", actor=actor, new=S.COLLECTING)
            return dataset
    except IntegrityError:
        dataset = Dataset.objects.get(imported_by=actor, key=key)
    if any(getattr(dataset, name) != value for name, value in facts.items()):
        raise AlreadyImported(_("这个键已经用于另一份名单。请换一个键。"), dataset)
    return dataset


@transaction.atomic
def add_page(dataset: Dataset, number: int, rows: list[dict[str, Any]], *, actor: User) -> Dataset:
    """Check and store one page; ``rows`` name their columns as a file's header would.

    Raises PageRefused (nothing stored), PageDiffers for a number used before with other rows.
    """
    dataset = _own(dataset, actor)
    if not 1 <= number <= MAX_PAGES or not 1 <= len(rows) <= MAX_PAGE_ROWS:
        raise Refused(_("页号应为1到%(pages)d，每页1到%(rows)d行。") % {"pages": MAX_PAGES, "rows": MAX_PAGE_ROWS})
    # Keyed, because a page may hold a single ID number.
    digest = crypto.blind_index(json.dumps(rows, sort_keys=True, ensure_ascii=False), "dataset.page").hex()
    before = dataset.pages.get(str(number))
    if before is not None and before["sm3"] == digest:
        return dataset
    if before is not None:
        raise PageDiffers(_("第%(n)d页已经收过，内容不同。请换一个页号，或换一个键从头提交。") % {"n": number})
    if dataset.status != S.COLLECTING:
        raise Refused(_("这份名单已经交完，不再收新的页。请换一个键。"))
    lines = _read_page(dataset.kind, number, rows)
    dataset.row_count += _store(dataset, number, lines)
    dataset.pages[str(number)] = {"sm3": digest, "rows": len(rows)}
    dataset.save(update_fields=["row_count", "pages"])
    return dataset


@transaction.atomic
def close_collecting(dataset: Dataset, *, pages: int, rows: int, actor: User) -> Dataset:
    """All pages are there: put the list in force and compare, in a job. Closing again changes nothing.

    Raises Refused when pages are missing or the sum of their rows is another one.
    """
    dataset = _own(dataset, actor)
    missing = [str(number) for number in range(1, pages + 1) if str(number) not in dataset.pages]
    if missing:
        raise Refused(_("还缺第%(pages)s页。请补交后再交完。") % {"pages": "、".join(missing[:10])})
    got = sum(page["rows"] for page in dataset.pages.values())
    if len(dataset.pages) != pages or got != rows:
        raise Refused(
            _("收到%(n)d页%(got)d行，与所说的%(pages)d页%(rows)d行不符。请核对。")
            % {"n": len(dataset.pages), "got": got, "pages": pages, "rows": rows}
        )
    if dataset.status == S.COLLECTING:
        move(dataset, S.QUEUED, actor=actor)
        start_reading(dataset, actor=actor)
    return dataset


def _own(dataset: Dataset, actor: User) -> Dataset:
    """The list, locked, for who began it."""
    require(actor, "dataset.import")
    dataset = Dataset.objects.select_for_update().get(pk=dataset.pk)
    if dataset.imported_by_id != actor.pk:
        raise NotPermitted(_("这份名单是别人在提交。请换一个键另交一份。"))
    if not dataset.key or dataset.file_sm3:
        raise Refused(_("这份名单是按文件导入的，不能按页提交。"))
    return dataset


def _read_page(kind: str, number: int, rows: list[dict[str, Any]]) -> list[Line]:
    """The lines of a page; row numbers count from 1 within it."""
    info, problems = KINDS[kind], Problems()
    labels = list(dict.fromkeys(label for row in rows for label in row))
    known = {header_text(name): field.to for field in info.columns for name in field.names}
    columns: dict[str, int] = {}
    for at, label in enumerate(labels):
        to = known.get(header_text(label))
        if to is not None:
            columns.setdefault(to, at)
    lacking = [field.label for field in info.columns if field.required and field.to not in columns]
    if lacking:
        problems.add(CellError("columns", _("缺少这些列：%(names)s。") % {"names": "、".join(lacking)}))
        raise PageRefused(problems)
    cells = [[_cell(row.get(label)) for label in labels] for row in rows]
    place = Place(Sheet(_("第%(n)d页") % {"n": number}, cells), -1, columns)
    lines = read_lines(place, info, problems, lambda _done, _of: None)
    if problems:
        raise PageRefused(problems)
    return lines


def _cell(value: Any) -> Cell:
    """A JSON value as a cell: a number stays one, so that a spoilt ID number is refused like in a file."""
    if value is None:
        return ""
    return value if isinstance(value, (str, int, float, bool)) else json.dumps(value)


def _store(dataset: Dataset, number: int, lines: list[Line]) -> int:
    """Store what is new; returns how many. Raises PageRefused when a person of another page is told differently."""
    columns = ", ".join(ROW_COLUMNS)
    bulk.execute(
        f"CREATE TEMPORARY TABLE page_row ON COMMIT DROP AS SELECT {columns} FROM programs_datasetrow WHERE false"  # noqa: S608
    )
    bulk.copy_rows("page_row", ROW_COLUMNS, stored(lines, dataset.pk, dataset.kind))
    other = bulk.fetch(
        """
        SELECT count(*) FROM page_row p JOIN programs_datasetrow r
            ON r.dataset_id = p.dataset_id AND r.id_hash = p.id_hash AND r.item = p.item
        WHERE (r.name, r.event_on, r.until_on, r.data) IS DISTINCT FROM (p.name, p.event_on, p.until_on, p.data)
        """
    )[0][0]
    if other:
        problems = Problems()
        sentence = _("有%(n)d人在前面的页里，内容不同。") % {"n": other}
        error = CellError("twice", sentence, _("请核对后只留一行。"))
        problems.add(error, sheet=_("第%(n)d页") % {"n": number})
        raise PageRefused(problems)
    added = bulk.execute(
        f"INSERT INTO programs_datasetrow ({columns}) SELECT {columns} FROM page_row ON CONFLICT DO NOTHING"  # noqa: S608
    )
    bulk.execute("DROP TABLE page_row")
    return added

"""Roster files imported into a county's registry: every person new, every person known, and a million rows."""

from __future__ import annotations

import io
import time

from django.db import connection
from openpyxl import load_workbook
from python_calamine import CalamineWorkbook

from programs import actions
from programs.models import Program, Roster, RosterImport
from subsidy_portal.bench import Result, bench
from subsidy_portal.bench.county import ENTRY, make_county
from subsidy_portal.bulk import copy_rows
from subsidy_portal.demo import files
from subsidy_portal.demo.plan import Claim, Population, Run
from subsidy_portal.models import Area, User

ROWS = 100_000
# Ten files of ROWS against one of a hundredth of their sum: what a row costs must not grow with the registry.
FILES, SMALL = 10, 10_000


def _file(population: Population, rows: int) -> tuple[str, bytes]:
    """The next ``rows`` people of ``population``, as a township's workbook."""
    claims = [Claim(population.person(0, (81, 97)), 10, ENTRY.standard_fen) for _ in range(rows)]
    population.persons.clear()
    return files.roster_file(Run(ENTRY, f"{population.year}-01", 1, {0: claims}), 0, "石桥镇")


def _floor(content: bytes) -> float:
    """calamine's bare read and a bare COPY of the same cells."""
    began = time.perf_counter()
    rows = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
    width = len(rows[0])
    with connection.cursor() as cursor:
        columns = [f"c{n}" for n in range(width)]
        cursor.execute(f"CREATE TEMP TABLE floor ({', '.join(f'{name} text' for name in columns)})")
        copy_rows("floor", columns, ([str(cell) for cell in row] for row in rows))
        seconds = time.perf_counter() - began
        cursor.execute("DROP TABLE floor")
    return seconds


def _mere_reading(content: bytes) -> float:
    """Seconds openpyxl takes to read every cell: an import that is slower would be a poor bargain."""
    began = time.perf_counter()
    for row in load_workbook(io.BytesIO(content), read_only=True, data_only=True).worksheets[0].iter_rows():
        for cell in row:
            cell.value  # noqa: B018  # reading it is the work
    return time.perf_counter() - began


def _result(bench: str, seconds: float, content: bytes, at_most: float) -> Result:
    """Within ``at_most`` floors, and faster than openpyxl reads the file: whichever is less."""
    floor = _floor(content)
    return Result(bench, ROWS, seconds, floor, at_most=round(min(at_most, _mere_reading(content) / floor), 2))


def _import(period: str, content: bytes, name: str, rows: int) -> float:
    """Seconds from the uploaded file to the compared roster."""
    make_county()
    operator = User.objects.get(username="shiqiao-jb")
    upload = actions.upload_roster(
        Program.objects.get(code=ENTRY.code),
        Area.objects.get(name="石桥镇"),
        period,
        file_name=name,
        content=content,
        actor=operator,
    )
    began = time.perf_counter()
    done = actions.import_roster(upload.pk)
    seconds = time.perf_counter() - began
    if done.status != RosterImport.Status.IMPORTED or done.rows != rows:
        raise RuntimeError(f"the bench file was refused: {done.problems[:2]}")
    return seconds


@bench("import")
def import_new() -> Result:
    name, content = _file(Population(1, 2022), ROWS)
    return _result("import", _import("2022-01", content, name, ROWS), content, 7)


@bench("import-known")
def import_known() -> Result:
    # The people of ``import``: another file's would have the same ID numbers under other names.
    name, content = _file(Population(1, 2022), ROWS)
    if not Roster.objects.exists():
        _import("2022-02", content, name, ROWS)
    return _result("import-known", _import("2022-03", content, "again-" + name, ROWS), content, 4)


@bench("import-million")
def import_million() -> Result:
    """Ten large rosters one after another; the floor is a small one, a hundred times."""
    population = Population(1, 2022)
    _file(population, ROWS)  # those of ``import``: nobody is to be known
    for month in (1, 2):  # the first also pays for empty tables
        name, content = _file(population, SMALL)
        small = _import(f"2021-{month:02d}", content, f"{month}-{name}", SMALL)
    seconds = 0.0
    for month in range(3, 3 + FILES):
        name, content = _file(population, ROWS)
        seconds += _import(f"2021-{month:02d}", content, f"{month}-{name}", ROWS)
    return Result("import-million", FILES * ROWS, seconds, small * FILES * ROWS / SMALL, at_most=1.2)

"""A 100,000-row roster file, imported into a county's registry: every person new, then every person known."""

from __future__ import annotations

import io
import time

from django.db import connection
from python_calamine import CalamineWorkbook

from programs import actions
from programs.models import Program, Roster, RosterImport
from subsidy_portal.bench import Result, bench
from subsidy_portal.bulk import copy_rows
from subsidy_portal.demo import files
from subsidy_portal.demo.catalogue import ENTRIES, LONGEVITY_CODE
from subsidy_portal.demo.plan import Claim, Population, Run
from subsidy_portal.demo.world import World, build_world
from subsidy_portal.models import Area, User

ROWS = 100_000
_ENTRY = next(entry for entry in ENTRIES if entry.code == LONGEVITY_CODE)


def _world() -> World:
    if Program.objects.exists():
        town = Area.objects.get(name="石桥镇")
        return World(towns=[town])
    return build_world((_ENTRY,), 1)


def _file(seed: int, year: int) -> tuple[str, bytes]:
    population = Population(seed, year)
    claims = [Claim(population.person(0, (81, 97)), 10, _ENTRY.standard_fen) for _ in range(ROWS)]
    return files.roster_file(Run(_ENTRY, f"{year}-01", 1, {0: claims}), 0, "石桥镇")


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


def _import(period: str, content: bytes, name: str) -> float:
    world = _world()
    operator = User.objects.get(username="shiqiao-jb")
    upload = actions.upload_roster(
        Program.objects.get(code=_ENTRY.code), world.towns[0], period, file_name=name, content=content, actor=operator
    )
    began = time.perf_counter()
    done = actions.import_roster(upload.pk)
    seconds = time.perf_counter() - began
    if done.status != RosterImport.Status.IMPORTED or done.rows != ROWS:
        raise RuntimeError(f"the bench file was refused: {done.problems[:2]}")
    return seconds


@bench("import")
def import_new() -> Result:
    name, content = _file(1, 2022)
    return Result("import", ROWS, _import("2022-01", content, name), _floor(content), at_most=7)


@bench("import-known")
def import_known() -> Result:
    # The people of ``import``: another file's would have the same ID numbers under other names.
    name, content = _file(1, 2022)
    if not Roster.objects.exists():
        _import("2022-02", content, name)
    return Result("import-known", ROWS, _import("2022-03", content, "again-" + name), _floor(content), at_most=4)

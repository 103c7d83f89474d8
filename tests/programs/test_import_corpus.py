"""Every file of the corpus through the real import: its rows and money, or exactly its problems, or what is asked."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from programs import actions
from programs.models import Account, Person, Program, RosterRow
from subsidy_portal import money
from subsidy_portal.models import Area, User
from tests import make
from tests.corpus.rosters import DEFECTS
from tests.corpus.rosters.__main__ import write_all
from tests.corpus.rosters.files import FILES

pytestmark = pytest.mark.django_db


@pytest.fixture
def clerk(set_today: Callable[[str], None]) -> User:
    set_today("2022-03-05")
    village = make.make_area(make.VILLAGE)
    Area.objects.filter(pk=village.pk).update(aliases=["杨柳村", "莲塘村"])
    Area.objects.create(
        code="990001101202", name="旧村", level="village", parent=village.parent, successor=village,
        valid_from=dt.date(2000, 1, 1), valid_to=dt.date(2020, 12, 31),
    )  # fmt: skip
    make.make_bank("N")
    return make.make_user(make.K.TOWNSHIP, make.R.OPERATOR)


def place(problem: dict[str, object]) -> str:
    return f"{problem['column']}{problem['row']}"


@pytest.mark.parametrize("name", FILES)
def test_a_file_becomes_what_stands_beside_it(name: str, clerk: User) -> None:
    file, expected = FILES[name], FILES[name].expected
    paid_to = Program.PaidTo.HOUSEHOLD if file.household else Program.PaidTo.PERSON
    program = make.make_program(paid_to=paid_to, standard_fen=file.standard_fen, cap_fen=500_000)
    started = actions.upload_roster(
        program, clerk.organisation.area, "2022-03", file_name=name, content=file.make(), actor=clerk
    )
    found = actions.import_roster(started.pk)
    if file.kinds:
        told = [(place(p), p["message"], p["hint"]) for p in found.problems]
        assert told == list(DEFECTS[file.kinds[0]].expected)
    else:
        assert [(place(p), p["code"]) for p in found.problems] == list(expected.problems)
    assert found.status == expected.status
    assert found.question.get("kind", "") == expected.asks
    assert (found.rows, money.format_yuan(found.amount_fen)) == (expected.rows, expected.yuan)
    for part in expected.said:
        assert part in "".join(found.warnings)
    rows = found.roster.rows.select_related("payee").order_by("row_no")
    if expected.payees:
        assert tuple(row.payee.name for row in rows) == expected.payees
    if expected.row_nos:
        assert tuple(row.row_no for row in rows) == expected.row_nos
    if expected.status != "imported":
        assert [model.objects.count() for model in (Person, Account, RosterRow)] == [0, 0, 0]


def test_the_corpus_writes_itself_with_its_results(tmp_path: Path) -> None:
    assert write_all(tmp_path) == len(FILES) >= 100
    beside = json.loads((tmp_path / "m20_members_beside_each_other.xlsx.json").read_text())
    assert (beside["status"], beside["rows"], beside["yuan"]) == ("imported", 3, "300.00")

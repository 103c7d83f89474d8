"""Every mess of the corpus comes back as its cell, what is wrong and what to do; and nothing of the file is stored."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from programs import actions
from programs.models import Account, Household, Person, Program, Roster, RosterImport, RosterRow
from subsidy_portal.models import Area, User
from tests import make
from tests.corpus import rosters as corpus

pytestmark = pytest.mark.django_db


@pytest.fixture
def clerk(set_today: Callable[[str], None]) -> User:
    set_today("2022-03-05")
    village = make.make_area(make.VILLAGE)
    Area.objects.create(
        code="990001101202", name="旧村", level="village", parent=village.parent, successor=village,
        valid_from=dt.date(2000, 1, 1), valid_to=dt.date(2020, 12, 31),
    )  # fmt: skip
    make.make_bank("N")
    return make.make_user(make.K.TOWNSHIP, make.R.OPERATOR)


@pytest.fixture
def program() -> Program:
    return make.make_program(name="高龄津贴", cap_fen=500_000)


def upload(program: Program, clerk: User, content: bytes, name: str = "清册.xlsx") -> RosterImport:
    started = actions.upload_roster(
        program, clerk.organisation.area, "2022-03", file_name=name, content=content, actor=clerk
    )
    return actions.import_roster(started.pk)


def place(problem: dict[str, object]) -> str:
    return f"{problem['column']}{problem['row']}"


def stored() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (Person, Household, Account, RosterRow))


@pytest.mark.parametrize("name", corpus.DEFECTS)
def test_a_mess_is_told_by_cell_and_nothing_is_stored(name: str, clerk: User, program: Program) -> None:
    defect = corpus.DEFECTS[name]
    found = upload(program, clerk, corpus.spoiled_file(defect))
    assert [(place(p), p["message"], p["hint"]) for p in found.problems] == list(defect.expected)
    assert found.status == RosterImport.Status.REFUSED
    assert found.problem_count == len(defect.expected)
    assert {p["sheet"] for p in found.problems} <= {corpus.SHEET, ""}
    assert stored() == (0, 0, 0, 0)
    assert Roster.objects.get().revision == 0

"""Totals for anyone, out of which nobody can be computed."""

from __future__ import annotations

import csv
import io
import itertools
import random

import pytest
from django.core.cache import cache
from django.test import Client

from programs.models import Program
from publicity.open_data import FEWEST, Cell, hide_small, township_cells, village_cells
from tests import make

pytestmark = pytest.mark.django_db
A, B, C = "990001101201", "990001101202", "990001101203"


def pay(program: Program, town: str, villages: dict[str, int]) -> None:
    """One hundred yuan to each of so many people of each village of a township."""
    rows = [
        (make.make_person(area=make.make_area(village)), 10_000) for village, n in villages.items() for _n in range(n)
    ]
    make.make_paid(make.make_roster(program, make.make_area(town), period="2022-02", rows=rows))


@pytest.fixture
def paid() -> None:
    cache.clear()
    pay(make.make_program(name="高龄津贴", short_name="高龄津贴"), make.TOWN, {A: 5, B: 4, C: 1})


def figures(cells: list[Cell]) -> dict[str, int | None]:
    return {cell.area: cell.persons for cell in cells}


def test_a_village_of_one_is_left_out_and_cannot_be_subtracted(paid: None) -> None:
    assert figures(township_cells(2022)) == {make.TOWN: 10}
    assert figures(village_cells(2022)) == {A: 5, B: None, C: None}


def test_a_classified_program_is_in_none(paid: None) -> None:
    Program.objects.update(is_classified=True)
    assert (township_cells(2022), village_cells(2022)) == ([], [])


def test_a_township_that_is_left_out_shows_no_village_either() -> None:
    program = make.make_program()
    pay(program, make.TOWN, {A: 3})
    pay(program, "990001102000", {"990001102201": 1})
    assert figures(township_cells(2022)) == {"990001101000": None, "990001102000": None}
    assert set(figures(village_cells(2022)).values()) == {None}


def cell(number: int, persons: int) -> Cell:
    return Cell("2022-02", "2080502", "高龄津贴", str(number), str(number), "1", persons, persons, persons * 10_000)


@pytest.mark.parametrize("seed", range(20))
def test_no_difference_gives_away_fewer_than_three(seed: int) -> None:
    """Whoever knows the total and every published cell learns a sum over at least two cells and three persons."""
    draw = random.Random(seed)
    for _case in range(200):
        group = [cell(n, draw.choice((1, 1, 2, 3, 4, 9))) for n in range(draw.randint(1, 6))]
        shown = hide_small(group)
        hidden = [number for number, one in enumerate(group) if next(s for s in shown if s.area == one.area).is_hidden]
        assert all(number in hidden for number, one in enumerate(group) if (one.persons or 0) < FEWEST)
        if hidden and len(hidden) < len(group):
            assert len(hidden) >= 2
            assert sum(group[number].persons or 0 for number in hidden) >= FEWEST


def test_files_say_the_same_and_name_nobody(paid: None, client: Client) -> None:
    text = client.get("/open-data/2022/village.csv").content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["区划代码"], row["人数"], row["金额（元）"]) for row in rows] == [
        (A, "5", "500.00"), (B, "少于3人不列", "少于3人不列"), (C, "少于3人不列", "少于3人不列"),
    ]  # fmt: skip
    told = client.get("/open-data/2022/village.json").json()
    assert [(one["area"], one["persons"], one["amount_fen"]) for one in told["cells"]] == [
        (A, 5, 50_000), (B, None, None), (C, None, None),
    ]  # fmt: skip
    assert client.get("/open-data/2021/village.csv").status_code == 404
    assert client.get("/open-data/2022/person.csv").status_code == 404


def test_anyone_sees_what_a_village_was_paid(paid: None, client: Client) -> None:
    text = client.get(f"/places/{A}/").content.decode()
    assert "500.00" in text
    small = client.get(f"/places/{C}/").content.decode()
    assert "不列" in small
    assert "100.00" not in small
    assert client.get("/places/990001000000/").status_code == 404
    page = client.get("/open-data/").content.decode()
    assert "2022/village.csv" in page


def test_pages_together_give_nothing_back(paid: None, client: Client) -> None:
    """Every figure of every page and file, added and subtracted two by two: none is the hidden village's."""
    shown = [int(one.fen) for one in (*township_cells(2022), *village_cells(2022)) if one.fen is not None]
    hidden = 10_000
    assert hidden not in shown
    assert all(abs(x - y) != hidden for x, y in itertools.combinations(shown, 2))

"""Totals for anyone, out of which nobody can be computed."""

from __future__ import annotations

import csv
import io
import itertools
from fractions import Fraction
from itertools import combinations

import pytest
from django.core.cache import cache
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from programs.models import Program
from publicity.open_data import FEWEST, Cell, Path, hidden_paths, township_cells, village_cells
from tests import make
from tests.publicity.conftest import open_notice

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


def grow(villages: dict[Path, int]) -> dict[Path, int]:
    """The whole tree above villages in which nobody is counted twice."""
    tree: dict[Path, int] = {}
    for path, n in villages.items():
        for length in range(len(path) + 1):
            tree[path[:length]] = tree.get(path[:length], 0) + n
    return tree


class Attacker:
    """Who adds and subtracts whatever is published: every combination, by elimination over exact fractions."""

    def __init__(self, tree: dict[Path, int], hidden: set[Path]) -> None:
        self.leaves = sorted(path for path in tree if len(path) == 4)
        self.rows: list[tuple[int, list[Fraction]]] = []
        for path in tree:
            if path not in hidden or not path:
                left = self.reduce(self.vector(path))
                pivot = next((n for n, value in enumerate(left) if value), None)
                if pivot is not None:
                    self.rows.append((pivot, [value / left[pivot] for value in left]))

    def vector(self, *paths: Path) -> list[Fraction]:
        return [Fraction(any(leaf[: len(path)] == path for path in paths)) for leaf in self.leaves]

    def reduce(self, vector: list[Fraction]) -> list[Fraction]:
        for pivot, row in self.rows:
            if vector[pivot]:
                vector = [a - vector[pivot] * b for a, b in zip(vector, row, strict=True)]
        return vector

    def computes(self, *paths: Path) -> bool:
        return not any(self.reduce(self.vector(*paths)))


def assert_safe(tree: dict[Path, int], hidden: set[Path]) -> None:
    """No small cell, and no two small cells of fewer than three together, can be computed."""
    if tree[()] < FEWEST:
        return
    attacker = Attacker(tree, hidden)
    small = [path for path, n in tree.items() if n < FEWEST]
    for path in small:
        assert path in hidden
        assert not attacker.computes(path), path
    for one, other in combinations([path for path in small if len(path) == 4], 2):
        if tree[one] + tree[other] < FEWEST:
            assert not attacker.computes(one, other), (one, other)


VILLAGES = st.dictionaries(
    st.tuples(*(st.sampled_from(names) for names in (("A", "B"), ("1", "2"), ("东", "西", "南"), ("a", "b", "c")))),
    st.integers(1, 6),
    min_size=1,
    max_size=14,
)


@settings(max_examples=150, deadline=None)
@given(VILLAGES)
def test_whatever_the_county_no_small_cell_can_be_computed_back(villages: dict[Path, int]) -> None:
    tree = grow(villages)
    assert_safe(tree, hidden_paths(tree))


def test_without_cover_the_attack_works() -> None:
    """The attacker of these tests is able: hiding the small cell alone gives it away."""
    tree = grow({("A", "1", "东", "a"): 2, ("A", "1", "东", "b"): 9, ("A", "1", "西", "c"): 8})
    small = {path for path, n in tree.items() if n < FEWEST}
    assert Attacker(tree, small).computes(("A", "1", "东", "a"))
    assert not Attacker(tree, hidden_paths(tree)).computes(("A", "1", "东", "a"))


def test_large_cells_are_all_published() -> None:
    tree = grow({("A", "1", "东", "a"): 3, ("A", "1", "东", "b"): 9, ("B", "1", "西", "c"): 8})
    assert hidden_paths(tree) == set()


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


def test_a_program_of_two_is_not_the_difference_to_the_total_of_the_year(paid: None) -> None:
    """The first page tells the year's total, so another program is left out beside it."""
    pay(make.make_program(short_name="烈属补助"), "990001102000", {"990001102201": 2})
    assert set(figures(township_cells(2022)).values()) == {None}


def test_an_ended_notice_does_not_tell_what_is_left_out_here(paid: None, client: Client) -> None:
    few = open_notice(period="2022-03", rows=[(make.make_person(), 12_345)])
    assert "123.45" in client.get("/notices/").content.decode()  # while it runs every row is public
    make.end_notice(few.roster)
    cache.clear()
    for url in ("/", "/notices/?state=over", f"/notices/{few.slug}/"):
        assert "123.45" not in client.get(url).content.decode(), url

"""What the rehearsal will try to pay: invented people, their claims, and the calendar of batches.

Everything is drawn from one seed, so two runs write the same files. What comes out in the end is not
taken from here but counted in the database (report.py).
"""

from __future__ import annotations

import datetime as dt
import random
from collections import defaultdict
from dataclasses import dataclass, field

from stdnum import luhn
from stdnum.cn import ric

from subsidy_portal.demo.catalogue import (
    DESTITUTE_CODE,
    ENTRIES,
    GRAIN_CODE,
    GRANT_CODE,
    LAND_CODE,
    LIVING_CODE,
    LONGEVITY_CODE,
    VETERAN_CODE,
    Entry,
)  # fmt: skip
from subsidy_portal.money import split_fen

SURNAMES = "林李王张刘陈杨赵黄周吴徐孙朱马胡郭何高罗郑梁谢宋唐许韩冯邓曹彭曾田董潘袁蔡蒋余于杜叶程苏魏吕丁任沈姚卢"
GIVEN = "春夏秋冬山川河云雨雪霜露梅兰竹菊荷松柏枫清明立谷芒白寒惊蛰分满种暑处降小大平安宁静和顺康福禄喜贵华英秀芳玉珍"
FAIL_CODES = (1, 2, 2, 2, 3, 3, 4, 5, 6, 6, 7, 9)


@dataclass(slots=True)
class Person:
    name: str
    id_number: str
    town: int
    village: int
    group: int
    bank: int
    account: str
    account_kind: str = "社会保障卡"
    # What the township writes when the bank refuses the account; empty: it never finds a good one this year.
    good_account: str = ""


@dataclass(slots=True)
class Claim:
    person: Person
    quantity_tenths: int
    amount_fen: int


@dataclass
class Run:
    """One batch to be: a program in a period, its claims by township."""

    entry: Entry
    period: str
    month: int
    claims: dict[int, list[Claim]]
    # Rows the checks are to find; the township strikes them out.
    wrong: dict[int, list[Claim]] = field(default_factory=lambda: defaultdict(list))


@dataclass
class Plan:
    year: int
    months: list[int]
    towns: int
    entries: tuple[Entry, ...]
    runs: list[Run]
    persons: list[Person]
    deaths: list[tuple[Person, dt.date]]  # known when the rosters are made
    late_deaths: list[tuple[Person, dt.date]]  # reported long after: these people were paid

    def need_fen(self) -> dict[str, int]:
        need: dict[str, int] = defaultdict(int)
        for run in self.runs:
            need[run.entry.code] += sum(c.amount_fen for claims in run.claims.values() for c in claims)
        return dict(need)


class Population:
    def __init__(self, seed: int, year: int) -> None:
        self.rng, self.year = random.Random(seed), year
        self.persons: list[Person] = []
        self._serials: dict[str, int] = defaultdict(int)
        self._account = 0

    def id_number(self, age: tuple[int, int]) -> str:
        while True:
            born = dt.date(self.year - self.rng.randint(*age), 1, 1) + dt.timedelta(days=self.rng.randrange(365))
            day = f"{born:%Y%m%d}"
            self._serials[day] += 1
            if self._serials[day] < 1000:
                body = f"990000{day}{self._serials[day]:03d}"
                return body + ric.calc_check_digit(body + "0")

    def account(self, outcome: int = 0) -> str:
        self._account += 1
        body = f"621799{outcome:02d}{self._account:010d}"
        return body + luhn.calc_check_digit(body)

    def person(self, town: int, age: tuple[int, int]) -> Person:
        rng = self.rng
        given = "".join(rng.choices(GIVEN, k=rng.choice((1, 2, 2, 2))))
        person = Person(
            name=rng.choice(SURNAMES) + given,
            id_number=self.id_number(age),
            town=town,
            village=rng.randrange(5),
            group=rng.randint(1, 8),
            bank=rng.choices((0, 1, 2), (6, 3, 1))[0],
            account=self.account(),
        )
        self.persons.append(person)
        return person


def periods(entry: Entry, year: int, months: list[int]) -> list[tuple[str, int]]:
    """(period, month in which it is paid) of one program, for the months that are played."""
    if entry.cycle == "monthly":
        return [(f"{year}-{m:02d}", m) for m in months]
    if entry.cycle == "quarterly":
        return [(f"{year}-Q{q}", 3 * q) for q in (1, 2, 3, 4) if 3 * q in months]
    return [(str(year), entry.month)] if entry.month in months else []


def _claims_of(
    entry: Entry, population: Population, towns: list[int], heads: dict[int, list[Person]]
) -> dict[int, list[Claim]]:
    rng, claims = population.rng, {}
    weights = [len(heads[t]) if entry.code == GRAIN_CODE else rng.randint(80, 120) for t in towns]
    for town, count in zip(towns, split_fen(entry.members, weights), strict=True):
        if entry.code == GRAIN_CODE:
            # Grain growers are land holders too; the last heads of each township hold land only.
            people = heads[town][:count]
        else:
            people = [population.person(town, entry.age) for _ in range(count)]
        if entry.code == LAND_CODE:
            heads[town] = people
        by_area = entry.unit == "亩"
        claims[town] = [
            Claim(person, tenths := rng.randint(8, 66) if by_area else 10, entry.standard_fen * tenths // 10)
            for person in people
        ]
    return claims


def _spoil(run: Run, count: int, population: Population, *, fixable: bool, first: int = 0) -> None:
    """Give ``count`` claimants an account the bank refuses; ``fixable`` ones get a good one when asked."""
    # The last of each township first: they are in no other program, so each gives exactly one failed payment a period.
    order = sorted((len(claims) - i, town, i) for town, claims in run.claims.items() for i in range(len(claims)))
    for n, (_from_end, town, i) in enumerate(order[first : first + count]):
        person = run.claims[town][i].person
        person.account = population.account(FAIL_CODES[n % len(FAIL_CODES)])
        person.good_account = population.account() if fixable else ""


def _county_trouble(
    runs: list[Run], population: Population
) -> tuple[list[tuple[Person, dt.date]], list[tuple[Person, dt.date]]]:
    """The year's troubles: refused accounts, non-card accounts, a known death, an excluded pair, two late deaths."""
    year = population.year
    first = {run.entry.code: run for run in reversed(runs)}

    def fail(code: str, never: int, later: int) -> None:
        _spoil(first[code], never, population, fixable=False)
        _spoil(first[code], later, population, fixable=True, first=never)

    fail(LAND_CODE, 400, 160)
    fail("2240701", 333, 40)
    fail("2130506", 0, 100)
    fail(LONGEVITY_CODE, 25, 0)  # 25 people fail in all twelve months: 300 payments
    for n, person in enumerate(c.person for claims in first["2081902"].claims.values() for c in claims[-3:]):
        if n < 12:  # one a month finds out that its card needs the bank's attention
            person.account, person.good_account = population.account((15, 16)[n % 2]), population.account()
    for code, count in ((VETERAN_CODE, 3), ("2081999", 18)):
        people = [c.person for claims in first[code].claims.values() for c in claims]
        for person in people[:count]:  # 3 × 12 + 18 payments go to passbooks
            person.account_kind = "存折"
    known: list[tuple[Person, dt.date]] = []
    for run in runs:
        town = next(iter(run.claims))
        if run.entry.code == LONGEVITY_CODE and run.month == 4:
            dead = population.person(town, (84, 90))
            known.append((dead, dt.date(year, 1, 11)))
            run.wrong[town].append(Claim(dead, 10, run.entry.standard_fen))
        if run.entry.code == LIVING_CODE and run.month == 2:
            both = first[DESTITUTE_CODE].claims
            person = both[next(iter(both))][0].person
            run.wrong[person.town].append(Claim(person, 10, run.entry.standard_fen))
    veterans = [c.person for claims in first[VETERAN_CODE].claims.values() for c in claims]
    late = [(person, dt.date(year, 7, day)) for person, day in zip(veterans[10:12], (9, 23), strict=True)]
    return known, late


def _fill_grants(runs: list[Run], target_fen: int, rng: random.Random) -> None:
    """Hardship grants have no standard: what is left of the year's money is divided among them, to the fen."""
    rest = target_fen - sum(c.amount_fen for run in runs for claims in run.claims.values() for c in claims)
    grants = [c for run in runs if run.entry.code == GRANT_CODE for claims in run.claims.values() for c in claims]
    for claim, hundreds in zip(grants, split_fen(rest // 10_000, [rng.randint(40, 160) for _ in grants]), strict=True):
        claim.amount_fen = hundreds * 10_000
    grants[0].amount_fen += rest % 10_000


def county_plan(year: int = 2022) -> Plan:
    """The whole county's year: 46 programs, 10 townships."""
    population = Population(year, year)
    months = list(range(1, 13))
    runs: list[Run] = []
    heads: dict[int, list[Person]] = {}
    for n, entry in enumerate(ENTRIES):
        towns = [(n + i) % 10 for i in range(entry.towns)]
        if entry.code == DESTITUTE_CODE:  # where disabled people are paid too, so that the excluded pair can meet
            towns = [2, 3]
        members = _claims_of(entry, population, towns, heads)
        for period, month in periods(entry, year, months):
            runs.append(Run(entry, period, month, members))
    _fill_grants(runs, 7_046_240_000, population.rng)
    known, late = _county_trouble(runs, population)
    return Plan(year, months, 10, ENTRIES, runs, population.persons, known, late)


TOWN_MEMBERS = {
    LONGEVITY_CODE: 300, LIVING_CODE: 120, "2081108": 130, DESTITUTE_CODE: 60, VETERAN_CODE: 90, LAND_CODE: 900,
}  # fmt: skip


def town_plan(year: int = 2022) -> Plan:
    """One township, six programs, three months: the same job in two minutes."""
    from dataclasses import replace

    population = Population(year + 1, year)
    months = [4, 5, 6]
    entries = tuple(replace(e, members=TOWN_MEMBERS[e.code], towns=1) for e in ENTRIES if e.code in TOWN_MEMBERS)
    runs = []
    for entry in entries:
        members = _claims_of(entry, population, [0], {})
        runs += [Run(entry, period, month, members) for period, month in periods(entry, year, months)]
    first = {run.entry.code: run for run in reversed(runs)}
    _spoil(first[LAND_CODE], 6, population, fixable=False)
    _spoil(first[LAND_CODE], 8, population, fixable=True, first=6)
    _spoil(first[LONGEVITY_CODE], 3, population, fixable=True)
    cared = first["2081108"].claims[0]
    # One is answered the day after, one comes back, one is in no result file: only the statement proves it.
    for claim, outcome in zip(cared[:3], (15, 16, 20), strict=True):
        claim.person.account, claim.person.good_account = population.account(outcome), population.account()
    first[VETERAN_CODE].claims[0][0].person.account_kind = "存折"
    dead = population.person(0, (84, 90))
    for run in runs:
        if run.entry.code == LONGEVITY_CODE and run.month == 5:
            run.wrong[0].append(Claim(dead, 10, run.entry.standard_fen))
        if run.entry.code == LIVING_CODE and run.month == 5:
            run.wrong[0].append(Claim(first[DESTITUTE_CODE].claims[0][0].person, 10, run.entry.standard_fen))
    veterans = [c.person for c in first[VETERAN_CODE].claims[0]]
    known = [(dead, dt.date(year, 3, 11))]
    late = [(veterans[10], dt.date(year, 4, 9)), (veterans[11], dt.date(year, 4, 23))]
    return Plan(year, months, 1, entries, runs, population.persons, known, late)

"""Finding somebody among a million registered persons, as a township's desk and as the county's finance do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from django.db import connection, transaction

from programs.models import Person
from programs.person_search import search_people
from programs.pinyin import initials
from subsidy_portal.bench import Result, bench
from subsidy_portal.bench.county import make_county
from subsidy_portal.bulk import execute
from subsidy_portal.models import Area, Organisation, User

PERSONS = 1_000_000
ALLOWED_SECONDS = 0.1
_SEARCHES = 240
_SURNAMES = "林沈陈江何赵王李张刘杨黄周吴徐孙马朱胡郭"
_GIVEN = "立夏知秋白鹭霜降寒露谷雨惊蛰清明芒种小满处暑大雪冬至春分"

# The ID numbers are no numbers: nobody opens them here, and the index does not know the difference.
_FILL = """
INSERT INTO programs_person (id_sealed, id_hash, id_prefix, id_last4, name, initials, sex, born_on, phone_last4,
    area_id, group_no, relation, created_at)
SELECT ''::bytea, sha256(int8send(g)), '990000', lpad((g %% 10000)::text, 4, '0'),
    substr(%(surnames)s, 1 + (g * 7 %% 20)::int, 1) || substr(%(given)s, 1 + (g * 13 %% 28)::int, 1)
        || substr(%(given)s, 1 + (g * 17 %% 28)::int, 1),
    (%(letters)s::text[])[1 + g * 7 %% 20] || (%(more)s::text[])[1 + g * 13 %% 28]
        || (%(more)s::text[])[1 + g * 17 %% 28],
    'M', '1950-01-01', '', (%(villages)s::text[])[1 + g * 31 %% %(count)s], '', '', now()
FROM generate_series(1, %(persons)s::bigint) g
"""
_ACCOUNTS = """
INSERT INTO programs_account (holder_id, bank_id, kind, number_sealed, number_hash, number_last4, name_at_bank,
    is_active, reason, created_by_id, created_at)
SELECT p.id, %(bank)s, 'ssc', ''::bytea, p.id_hash, p.id_last4, p.name, TRUE, '', %(user)s, now() FROM programs_person p
"""


@bench("registry-search")
def registry_search() -> Result:
    with transaction.atomic():
        town, county = _fill()
        people = list(Person.objects.order_by("pk").values_list("pk", "name")[:: PERSONS // 200])
        seconds = _p95(_searches([name for _pk, name in people], town, county))
        floor = _p95(partial(_bare, pk) for pk, _name in people)
        transaction.set_rollback(True)
    return Result("registry-search", PERSONS, seconds, floor, at_most=round(ALLOWED_SECONDS / floor, 1))


def _fill() -> tuple[User, User]:
    make_county()
    villages = list(Area.objects.filter(level="village").values_list("code", flat=True))
    execute(
        _FILL,
        {
            "surnames": _SURNAMES, "given": _GIVEN, "letters": list(map(initials, _SURNAMES)),
            "more": list(map(initials, _GIVEN)), "villages": villages, "count": len(villages), "persons": PERSONS,
        },
    )  # fmt: skip
    finance = User.objects.get(username="caizheng-jb")
    bank = Organisation.objects.filter(kind=Organisation.Kind.BANK).earliest("pk")
    execute(_ACCOUNTS, {"bank": bank.pk, "user": finance.pk})
    for table in ("person", "account"):
        execute(f"ANALYZE programs_{table}")
    return User.objects.get(username="shiqiao-jb"), finance


def _searches(names: list[str], *users: User) -> Iterator[Callable[[], object]]:
    """Whole names, beginnings, initials and last four, in turn for both desks."""
    for n in range(_SEARCHES):
        name = names[n * 7 % len(names)]
        text = (name, name[:2], name[:1], initials(name), initials(name)[:2], f"{n * 37 % 10_000:04d}")[n % 6]
        yield partial(search_people, text, users[n // 6 % 2])


def _bare(pk: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM programs_person WHERE id = %s", [pk])
        cursor.fetchall()


def _p95(calls: Iterable[Callable[[], object]]) -> float:
    taken = []
    for call in calls:
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return sorted(taken)[int(len(taken) * 0.95)]

"""What citizens do, over HTTP against the real gunicorn: looking up their own among ten million payments, and reading.

The load is made on the same machine, so every figure includes what asking costs.
"""

from __future__ import annotations

import datetime as dt
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from urllib.parse import urlencode

from django.core.cache import cache
from django.db import transaction

from programs import actions as programs
from programs.models import Notice, Person, PolicyList, Program, Roster
from publicity.forms import LookupForm
from subsidy_portal import clock
from subsidy_portal.bench import Result, bench
from subsidy_portal.bench.county import ENTRY, make_county
from subsidy_portal.bench.load import Answers, ask, get, post, web
from subsidy_portal.bench.money import FEN, accepted, finance, set_day
from subsidy_portal.bulk import copy_rows, execute, fetch, take_ids
from subsidy_portal.models import Area, Organisation

PAYMENTS, EACH = 10_000_000, 10
LOOKUPS, PAGES = 3_000, 15_000
# At rest, and when everybody comes.
FEW, MANY, BURST = 2, 16, 200
WANTED_LOOKUPS, WANTED_PAGES = 300, 1_500
FRESH_SECONDS = 5
_NAMES = "春夏秋冬雨露霜雪风云山水花木林田"


@bench("lookup")
def lookup() -> Result:
    """The p95 of a lookup that finds, and of the bare view; then everybody at once."""
    with _paid(LOOKUPS) as citizens, web() as port:
        keys = [pk for (pk,) in fetch("SELECT id FROM disbursement_payment ORDER BY id LIMIT %s", (LOOKUPS,))]
        share = len(citizens) // 3
        _must(ask(port, _lookups(citizens[:share]), FEW), 200)  # the first pay for cold pages of the database
        floor = _must(ask(port, [get(f"/bench/bare/{pk}/") for pk in keys], FEW), 200)
        found = _must(ask(port, _lookups(citizens[share : 2 * share]), FEW), 200)
        many = _must(ask(port, _lookups(citizens[2 * share :]), MANY), 200)
        burst = _must(ask(port, _lookups(citizens[:BURST]), min(BURST, len(citizens))), 200)
    _tell("lookup", f"p95 {found.p95 * 1000:.1f} ms, the bare view {floor.p95 * 1000:.1f} ms ({floor.rate:,.0f}/s)")
    _tell("lookup", f"{many.rate:,.0f} lookups/s with {MANY} visitors; {WANTED_LOOKUPS} are wanted")
    _tell("lookup", f"{len(burst.seconds)} at once: none dropped, the last after {max(burst.seconds):.2f} s")
    return Result("lookup", PAYMENTS, found.p95, floor.p95, at_most=2)


@bench("public")
def public() -> Result:
    """Notice and policy pages from the cache; the floor is the rate that is wanted."""
    before, notice = clock.today(), _open_notice()
    paths = ["/policies/", f"/policies/{ENTRY.code}/", "/notices/", f"/notices/{notice.slug}/"]
    with web() as port:
        _must(ask(port, [get(path) for path in paths], 1), 200)
        answers = _must(ask(port, [get(paths[n % len(paths)]) for n in range(PAGES)], MANY), 200)
        fresh = _seconds_until_fresh(port, notice)
    set_day(before)
    _tell(
        "public", f"{answers.rate:,.0f} pages/s, p95 {answers.p95 * 1000:.1f} ms; a change is seen after {fresh:.1f} s"
    )
    if fresh > FRESH_SECONDS:
        raise RuntimeError(f"a changed page was seen only after {fresh:.1f} s")
    return Result("public", PAGES, 1 / answers.rate, 1 / WANTED_PAGES, at_most=1)


def _must(answers: Answers, status: int) -> Answers:
    strange = [found for found in answers.statuses if found != status]
    if strange:
        raise RuntimeError(f"{len(strange)} answers of {len(answers.statuses)} were not {status}: {set(strange)}")
    return answers


def _tell(name: str, words: str) -> None:
    print(f"  {name}: {words}", flush=True)  # noqa: T201 - a line of the table


def _lookups(citizens: list[dict[str, str]]) -> list[bytes]:
    """One form each, as a browser sends it."""
    requests = []
    for factors in citizens:
        secret, once = secrets.token_hex(16), LookupForm().fresh
        body = urlencode({**factors, "once": once, "csrfmiddlewaretoken": secret})
        requests.append(post("/lookup/result/", body, f"csrftoken={secret}"))
    return requests


@contextmanager
def _paid(citizens: int) -> Iterator[list[dict[str, str]]]:
    """``PAYMENTS`` paid ones, and the factors of some of those who got them; taken away at the end."""
    make_county()
    cache.clear()
    count = max(PAYMENTS // EACH, 1)
    first, account = take_ids("programs_person", count)[0], take_ids("programs_account", count)[0]
    factors = _people(first, account, count, min(citizens, count))
    began, keys = time.perf_counter(), _foreign_keys()
    for name, _definition in keys:
        execute(f'ALTER TABLE disbursement_payment DROP CONSTRAINT "{name}"')
    try:
        _payments(first, account, count)
        _tell("lookup", f"{count * EACH:,} payments made in {time.perf_counter() - began:.0f} s")
        yield factors
    finally:
        execute("TRUNCATE disbursement_payment, programs_person CASCADE")  # what benches before paid goes too
        for name, definition in keys:
            execute(f'ALTER TABLE disbursement_payment ADD CONSTRAINT "{name}" {definition}')


def _foreign_keys() -> list[tuple[str, str]]:
    """Those of a payment to others: its rosters and batches are not made, since no lookup reads them."""
    return fetch(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = 'disbursement_payment'::regclass AND contype = 'f'"
    )


def _people(first: int, account: int, count: int, known: int) -> list[dict[str, str]]:
    """Persons with an account each; of the first ``known`` the ID number is one that can be asked for."""
    village = Area.objects.filter(level=Area.Level.VILLAGE).first()
    bank = Organisation.objects.filter(kind="bank").first()
    if village is None or bank is None:
        raise RuntimeError("the bench county was not made")
    factors = [_factors(n, account) for n in range(known)]
    execute("CREATE TEMP TABLE bench_known (n int PRIMARY KEY, name text, hash bytea)")
    rows = ((n, told["name"], Person.id_index(told["id_number"])) for n, told in enumerate(factors))
    copy_rows("bench_known", ("n", "name", "hash"), rows)
    binds = {"first": first, "account": account, "count": count, "village": village.pk, "bank": bank.pk,
             "user": finance("jb").pk}  # fmt: skip
    execute(
        """
        INSERT INTO programs_person (id, id_sealed, id_hash, id_prefix, id_last4, name, initials, sex, born_on,
            phone_last4, area_id, group_no, relation, created_at)
        SELECT %(first)s + g, ''::bytea, COALESCE(k.hash, sha256(int8send(%(first)s + g))), '990000', '0000',
            COALESCE(k.name, '测'), 'c', 'F', '1950-01-01', '', %(village)s, '', '', now()
        FROM generate_series(0, %(count)s - 1) g LEFT JOIN bench_known k ON k.n = g
        """,
        binds,
    )
    execute(
        """
        INSERT INTO programs_account (id, holder_id, bank_id, kind, number_sealed, number_hash, number_last4,
            name_at_bank, is_active, reason, created_by_id, created_at)
        SELECT %(account)s + g, %(first)s + g, %(bank)s, 'ssc', ''::bytea, sha256(int8send(%(account)s + g)),
            lpad(((%(account)s + g) %% 10000)::text, 4, '0'), '测', TRUE, '', %(user)s, now()
        FROM generate_series(0, %(count)s - 1) g
        """,
        binds,
    )
    execute("DROP TABLE bench_known")
    return factors


def _factors(n: int, account: int) -> dict[str, str]:
    body = f"990000{dt.date(1940, 1, 1) + dt.timedelta(days=n % 9_000):%Y%m%d}{n // 9_000:03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    check = "10X98765432"[sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True)) % 11]
    name = "测" + "".join(_NAMES[n // 16**place % 16] for place in range(4))
    return {"name": name, "id_number": body + check, "last4": f"{(account + n) % 10_000:04d}"}


def _payments(first: int, account: int, count: int) -> None:
    """``EACH`` months of one program for everybody; the indexes are made when the rows are there."""
    program = Program.objects.get(code=ENTRY.code)
    base = take_ids("disbursement_payment", count * EACH)[0]
    indexes = fetch(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'disbursement_payment'"
        " AND indexname NOT IN (SELECT conname FROM pg_constraint)"
    )
    with transaction.atomic():
        execute("SET LOCAL maintenance_work_mem = '1GB'")
        for name, _definition in indexes:
            execute(f'DROP INDEX "{name}"')
        execute(
            """
            INSERT INTO disbursement_payment (id, batch_id, row_id, program_id, period, item, beneficiary_id, payee_id,
                account_id, area_id, amount_fen, row_hash, status, released_on, paid_on, failure_code)
            SELECT %(base)s + k * %(count)s::bigint + g, 0, %(base)s + k * %(count)s::bigint + g, %(program)s,
                to_char('2022-01-01'::date - make_interval(months => k), 'YYYY-MM'), '', %(first)s + g, %(first)s + g,
                %(account)s + g, p.area_id, %(fen)s, ''::bytea, 'paid',
                '2022-01-10'::date - make_interval(months => k), '2022-01-12'::date - make_interval(months => k), ''
            FROM generate_series(0, %(each)s - 1) k, generate_series(0, %(count)s - 1) g
            JOIN programs_person p ON p.id = %(first)s + g
            """,
            {"base": base, "count": count, "each": EACH, "first": first, "account": account, "fen": FEN,
             "program": program.pk},
        )  # fmt: skip
        for _name, definition in indexes:
            execute(definition)
    for table in ("disbursement_payment", "programs_person", "programs_account"):
        execute(f"VACUUM ANALYZE {table}")


def _open_notice() -> Notice:
    """A notice of thirty rows that can be read today, and a published policy list."""
    (program, period) = accepted(30, 1)[0]
    roster = Roster.objects.get(program=program, period=period)
    Roster.objects.filter(pk=roster.pk).update(status=Roster.Status.ON_NOTICE)
    notice = roster.notices.get()
    Notice.objects.filter(pk=notice.pk).update(status=Notice.Status.OPEN)
    set_day(notice.starts_on)
    if not PolicyList.objects.filter(year=2022).exists():
        programs.publish_policy_list(programs.draft_policy_list(2022, actor=finance("jb")), actor=finance("fh"))
    cache.clear()
    return notice


def _seconds_until_fresh(port: int, notice: Notice) -> float:
    """Change what the notice's page shows, and ask until the new page comes; it is gone when it has ended."""
    before = _length(port, notice)
    Notice.objects.filter(pk=notice.pk).update(status=Notice.Status.ENDED)
    began = time.perf_counter()
    while _length(port, notice) == before:
        if time.perf_counter() - began > 2 * FRESH_SECONDS:
            break
        time.sleep(0.05)
    return time.perf_counter() - began


def _length(port: int, notice: Notice) -> int:
    line = HTTPConnection("127.0.0.1", port, timeout=10)
    line.request("GET", f"/notices/{notice.slug}/", headers={"Host": "localhost", "Accept-Language": "zh-CN"})
    return len(line.getresponse().read())

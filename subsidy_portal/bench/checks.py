"""Every rule over a county's year: 271,733 rows against 1,000,000 persons, 200,000 deaths and the other lists.

The county is made in SQL inside one transaction that is taken back at the end, so nothing of it stays.
"""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass

from django.db import transaction

from programs.checks import run_checks_on
from programs.models import Dataset, Program, Roster, Rule, Suspicion
from subsidy_portal import clock
from subsidy_portal.bench import Result, bench
from subsidy_portal.bulk import copy_rows, execute, fetch
from subsidy_portal.demo.catalogue import ENTRIES, VETERAN_CODE, Entry
from subsidy_portal.demo.plan import periods
from subsidy_portal.models import Area, Organisation, User

PERSONS, DEATHS, YEAR = 1_000_000, 200_000, 2022
# One row in so many claims for somebody of another program, at random: what the rules are there to find.
_STRANGE = 200
_SHARES = {
    # kind → (SQL for its rows' person number, event_on, until_on, item, data)
    "death": (
        "CASE WHEN g %% 1000 = 0 THEN g / 2 ELSE 150000 + g * 5 END",
        "'2021-01-01'::date + (g %% 900)::int",
        "NULL",
        "''",
        "'{}'",
    ),
    "move_out": ("g * 500 + 3", "'2021-06-01'::date + (g %% 600)::int", "NULL", "''", "'{}'"),
    "public_payroll": ("g * 80 + 7", "'2015-07-01'::date", "NULL", "'示范县某局'", "'{}'"),
    "pension": ("g * 20 + 9", "'2015-07-01'::date", "NULL", "'职工养老'", "'{}'"),
    "injury_care": ("g * 2000 + 1", "'2021-01-01'::date", "NULL", "''", "'{}'"),
    "prison": ("g * 1000 + 11", "'2021-06-01'::date", "'2023-06-01'::date", "''", "'{}'"),
    "income": ("g * 200 + 13", "'2022-01-20'::date", "NULL", "''", """'{"result": "超标"}'"""),
    "reverify": ("g * 500 + 17", "'2022-01-20'::date", "NULL", "''", "'{}'"),
    "land": ("g * 10 + 1", "NULL", "NULL", "'DK' || g", """'{"mu": "3.20", "use": "水田"}'"""),
    "destitute": ("g * 300 + 19", "'2020-01-01'::date", "NULL", "''", """'{"care": "集中"}'"""),
}
# Who must be on a list is, but for one in fifty.
_MEMBERS = {
    "dibao": (("2081107", "2081901", "2081902"), "NULL", """'{"kind": "农村", "standing": "在享"}'"""),
    "disability": (("2081107", "2081108", "2082102"), "'2023-06-30'::date + (n %% 300)::int", """'{"level": 2}'"""),
    "school": (("2130506",), "'2022-12-31'::date", "'{}'"),
    "veteran": ((VETERAN_CODE,), "NULL", "'{}'"),
}
# Rules about children: the county's stand-ins for a program the national catalogue has no code for.
_OWN_CODES = {"X18": ["2130506"], "A03": ["2082501"], "Q07B": ["2082501"]}


@dataclass(frozen=True)
class _Span:
    """The persons numbered ``first`` … ``first + entry.members - 1`` draw this program all year."""

    entry: Entry
    program: Program
    first: int


@bench("checks")
def checks() -> Result:
    with transaction.atomic():
        spans, ids = _county()
        before = _floor(ids)
        began = time.perf_counter()
        run_checks_on(ids)
        seconds = time.perf_counter() - began
        # Once before and once after, since the machine is not always as busy
        floor = (before + _floor(ids)) / 2
        if not Suspicion.objects.filter(roster__in=ids).exists():
            raise RuntimeError("the bench county has no hit: the checks were not measured")
        rows = sum(span.entry.members * len(_periods(span.entry)) for span in spans)
        transaction.set_rollback(True)
    return Result("checks", rows, seconds, floor, at_most=10)


def _periods(entry: Entry) -> list[str]:
    return [period for period, _month in periods(entry, YEAR, list(range(1, 13)))]


def _floor(rosters: list[int]) -> float:
    """One hash join of the rows, the registry and the deaths."""
    for setting in ("nestloop", "mergejoin"):
        execute(f"SET LOCAL enable_{setting} = off")
    execute("SET LOCAL work_mem TO DEFAULT")  # as before the checks, which take more
    began = time.perf_counter()
    fetch(
        """
        SELECT count(*), count(d.id)
        FROM programs_rosterrow r
        JOIN programs_person p ON p.id = r.beneficiary_id
        LEFT JOIN programs_datasetrow d ON d.kind = 'death' AND d.id_hash = p.id_hash
        WHERE r.roster_id = ANY(%s)
        """,
        [rosters],
    )
    seconds = time.perf_counter() - began
    for setting in ("nestloop", "mergejoin"):
        execute(f"SET LOCAL enable_{setting} = on")
    return seconds


def _county() -> tuple[list[_Span], list[int]]:
    """The programs with their people, and the keys of the rosters."""
    county = Area.objects.create(code="990008000000", name="测量县", level=Area.Level.COUNTY)
    towns = [
        Area.objects.create(code=f"990008{101 + n}000", name=f"测量{n}镇", level="township", parent=county)
        for n in range(10)
    ]
    for town in towns:
        Area.objects.create(code=f"{town.prefix}201", name=f"{town.name}一村", level="village", parent=town)
    department = Organisation.objects.create(kind="department", name="测量县某局", short_name="某局", area=county)
    bank = Organisation.objects.create(kind="bank", name="测量银行", short_name="测量银行", area=county)
    user = User.objects.create(username="bench", display_name="测量", organisation=department, role="operator")
    spans, first = [], 1
    for entry in ENTRIES:
        spans.append(_Span(entry, _program(entry, department), first))
        first += entry.members
    base = _people(spans, bank, user)
    ids = _rosters(spans, towns, user, base)
    _lists(spans, user)
    _rules()
    for table in ("person", "account", "rosterrow", "roster", "datasetrow", "dataset", "program"):
        execute(f"ANALYZE programs_{table}")
    return spans, ids


def _program(entry: Entry, department: Organisation) -> Program:
    fields = {
        "name": entry.name, "short_name": entry.name[:12], "department": department, "paid_to": entry.paid_to,
        "cycle": entry.cycle, "standard_fen": entry.standard_fen, "standard_text": "按标准",
    }  # fmt: skip
    return Program.objects.get_or_create(code=entry.code, defaults=fields)[0]


def _people(spans: list[_Span], bank: Organisation, user: User) -> int:
    """A million persons with an account each; those of a program have its age."""
    execute("CREATE TEMP TABLE bench_span (first int, last int, low int, high int) ON COMMIT DROP")
    rows = [(s.first, s.first + s.entry.members - 1, *s.entry.age) for s in spans]
    copy_rows("bench_span", ("first", "last", "low", "high"), rows)
    base = int(fetch("SELECT COALESCE(max(id), 0) FROM programs_person")[0][0])
    account = int(fetch("SELECT COALESCE(max(id), 0) FROM programs_account")[0][0])
    binds = {"base": base, "account": account, "n": PERSONS, "year": YEAR, "bank": bank.pk, "user": user.pk}
    execute(
        """
        INSERT INTO programs_person (id, id_sealed, id_hash, id_prefix, id_last4, name, initials, sex, born_on,
            phone_last4, area_id, group_no, relation, created_at)
        SELECT %(base)s + n, '', sha256(int4send(n)), '990000', lpad((n %% 10000)::text, 4, '0'), '测' || n, 'c',
            CASE n %% 2 WHEN 0 THEN 'F' ELSE 'M' END,
            make_date(%(year)s - COALESCE(s.low + n %% (s.high - s.low + 1), n %% 90 + 1), n %% 12 + 1, n %% 28 + 1),
            '', '990008' || (101 + n %% 10) || '201', '', '', now()
        FROM generate_series(1, %(n)s) n LEFT JOIN bench_span s ON n BETWEEN s.first AND s.last
        """,
        binds,
    )
    execute(
        """
        INSERT INTO programs_account (id, holder_id, bank_id, kind, number_sealed, number_hash, number_last4,
            name_at_bank, is_active, reason, created_by_id, created_at)
        SELECT %(account)s + n, %(base)s + n, %(bank)s, 'ssc', '', sha256(int4send(n)),
            lpad((n %% 10000)::text, 4, '0'), '测' || n, TRUE, '', %(user)s, now()
        FROM generate_series(1, %(n)s) n
        """,
        binds,
    )
    return base


def _rosters(spans: list[_Span], towns: list[Area], user: User, base: int) -> list[int]:
    """A roster for each program, period and township, and their rows in one statement."""
    made: list[Roster] = []
    shares: list[tuple[int, int, int]] = []
    for number, span in enumerate(spans):
        size = -(-span.entry.members // span.entry.towns)
        for period in _periods(span.entry):
            for n in range(span.entry.towns):
                town = towns[(number + n) % len(towns)]
                made.append(
                    Roster(
                        number=f"BENCH-{len(made):06d}", program=span.program, area=town, period=period,
                        status=Roster.Status.DEPT_APPROVED, revision=1, made_by=user, created_at=clock.now(),
                    )
                )  # fmt: skip
                first = span.first + n * size
                shares.append((first, min(size, span.first + span.entry.members - first), span.entry.standard_fen))
    Roster.objects.bulk_create(made)
    execute("CREATE TEMP TABLE bench_share (roster int, area text, first int, size int, fen bigint) ON COMMIT DROP")
    columns = ("roster", "area", "first", "size", "fen")
    places = [(roster.pk, f"{roster.area.prefix}201", *share) for roster, share in zip(made, shares, strict=True)]
    copy_rows("bench_share", columns, places)
    account = fetch("SELECT min(id) FROM programs_account WHERE holder_id = %s", (base + 1,))[0][0]
    execute(
        """
        INSERT INTO programs_rosterrow (roster_id, revision, row_no, beneficiary_id, head_id, payee_id, account_id,
            area_id, group_no, item, quantity, standard_fen, amount_fen, note, extra, status)
        SELECT roster, 1, k + 3, %(base)s + n, %(base)s + n, %(base)s + n, %(account)s + n - 1, area, '', '', 1,
            fen, fen, '', jsonb_build_object('地块编码', 'DK' || thing, '出厂编号', 'M' || thing), 'included'
        FROM (
            SELECT s.roster, s.area, k, CASE s.fen WHEN 0 THEN 50000 ELSE s.fen END AS fen,
                CASE WHEN k %% %(strange)s = 0 THEN (k::bigint * 7919 + s.first * 104729::bigint) %% %(claimants)s + 1
                    ELSE s.first + k - 1 END AS n
            FROM bench_share s, generate_series(1, s.size) k
        ) claim, LATERAL (SELECT n - (n %% 100) / 99 AS thing) named
        """,
        {"base": base, "account": account, "strange": _STRANGE, "claimants": sum(span.entry.members for span in spans)},
    )
    return [roster.pk for roster in made]


def _lists(spans: list[_Span], user: User) -> None:
    """Comparison data of every kind the rules read; of the deaths one in a thousand still claims."""
    for kind in (*_SHARES, *_MEMBERS):
        dataset = Dataset.objects.create(
            kind=kind, source="测量", as_of=dt.date(YEAR, 12, 31), imported_by=user, imported_at=clock.now()
        )
        if kind in _MEMBERS:
            codes, until_on, data = _MEMBERS[kind]
            event_on, item = "'2020-01-01'::date", "''"
            ranges = [(s.first, s.first + s.entry.members - 1) for s in spans if s.entry.code in codes]
            values = ", ".join(map(str, ranges))
            people = f"(SELECT n FROM (VALUES {values}) v(a, b), generate_series(a, b) n WHERE n %% 50 <> 0)"  # noqa: S608
        else:
            number, event_on, until_on, item, data = _SHARES[kind]
            known = "TRUE" if kind == "death" else f"{number} <= {PERSONS}"
            people = f"(SELECT {number} AS n, g FROM generate_series(1, {DEATHS}) g WHERE {known})"  # noqa: S608
        execute(
            f"""
            INSERT INTO programs_datasetrow (dataset_id, kind, id_hash, name, event_on, until_on, item, data)
            SELECT {dataset.pk}, '{kind}', sha256(int4send(n)), '测', {event_on}, {until_on}, {item}, {data}::jsonb
            FROM {people} people
            """  # noqa: S608  # only the constants above are put in
        )


def _rules() -> None:
    """All rules at work, also those a county switches on with codes of its own."""
    own = [VETERAN_CODE, "9080802"]
    for rule in Rule.objects.all():
        params = dict(rule.params)
        if rule.check_name in ("excluded_family", "higher_of") and not params["groups"]:
            params["groups"] = [[code] for code in own]
        if params.get("programs") == [] and rule.check_name != "exit_event":
            params["programs"] = _OWN_CODES.get(rule.code, own)
        if params.get("under") == 3:
            params["under"] = 18
        Rule.objects.filter(pk=rule.pk).update(is_active=True, valid_from=None, params=params)

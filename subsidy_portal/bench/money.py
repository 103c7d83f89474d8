"""Paying a county's year through the real actions, files and results; the bank works in between, on its own time.

``seconds`` is what the portal spends from the making of the batches to the last one reconciled: make, submit, approve,
release, send, collect results, collect statements. The simulated bank's own work is printed and not counted.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from stdnum import luhn

from disbursement import actions, collecting, sending
from disbursement.models import Bank, Batch, Statement
from disbursement.simulator.bank import Banks
from programs import actions as programs
from programs.models import Account, FundEntry, Notice, Person, Program, Roster
from subsidy_portal import clock, crypto
from subsidy_portal.bench import Result, bench
from subsidy_portal.bench.county import make_county
from subsidy_portal.bulk import copy_rows, execute, fetch, take_ids
from subsidy_portal.models import Area, Organisation, User

ROWS, BATCHES, PERIODS = 271_733, 312, 12
# What a row costs must not grow: a month of 10,000 against years of 1,000,000.
MILLION, SMALL = 1_000_000, 10_000
STATEMENT_LINES = 131_072
FEN = 10_000


# Statements that write the rows themselves: what no design that keeps them with their keys can save.
_WRITES = re.compile(r"\s*(INSERT INTO|UPDATE) \"?disbursement_(payment|attempt|bankline|statemententry)\b")


class Stopwatch:
    """Seconds of the portal, and of these the writing of the rows alone; the bank's are kept apart."""

    def __init__(self) -> None:
        self.portal = self.bank = self.writes = 0.0
        self.parts: dict[str, float] = {}

    def count_writes(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        """A wrapper for ``connection.execute_wrapper``."""
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            if _WRITES.match(sql):
                self.writes += time.perf_counter() - began

    @contextmanager
    def of(self, part: str) -> Iterator[None]:
        began = time.perf_counter()
        with connection.execute_wrapper(self.count_writes):
            yield
        spent = time.perf_counter() - began
        if part == "bank":
            self.bank += spent
        else:
            self.portal += spent
            self.parts[part] = self.parts.get(part, 0.0) + spent


def set_day(day: dt.date) -> None:
    (Path(settings.PORTAL_HOME) / "clock").write_text(day.isoformat())


def next_day() -> dt.date:
    """A day no bank has closed yet."""
    last = Statement.objects.order_by("-booked_on").values_list("booked_on", flat=True).first()
    return max(last or dt.date.min, dt.date(2023, 1, 1)) + dt.timedelta(days=1)


def _people(count: int, outcomes: Sequence[int]) -> list[int]:
    """Accounts of ``count`` new people, spread over the banks, scripted by ``outcomes`` in turn."""
    area = Area.objects.filter(level=Area.Level.VILLAGE).first()
    banks = list(Bank.objects.filter(kind="pipe_text").order_by("code"))
    system = User.objects.system()
    person_ids, account_ids = take_ids("programs_person", count), take_ids("programs_account", count)
    people, accounts = [], []
    for n, (person, account) in enumerate(zip(person_ids, account_ids, strict=True)):
        body = f"621799{outcomes[n % len(outcomes)]:02d}{account:010d}"
        number, id_number = body + luhn.calc_check_digit(body), f"99000019500101{person % 10_000:04d}"
        name = f"测{'甲乙丙丁戊己庚辛'[n % 8]}"
        people.append(
            Person(
                pk=person, id_sealed=crypto.encrypt(id_number, Person.place(person)),
                id_hash=person.to_bytes(32, "big"),
                id_prefix="990000", id_last4=id_number[-4:], name=name, sex="F", born_on=dt.date(1950, 1, 1), area=area,
            )
        )  # fmt: skip
        accounts.append(
            Account(
                pk=account, holder_id=person, bank=banks[n % len(banks)].organisation,
                number_sealed=crypto.encrypt(number, Account.place(account)), number_hash=Account.number_index(number),
                number_last4=number[-4:], name_at_bank=name, created_by=system,
            )
        )  # fmt: skip
    with transaction.atomic():
        Person.objects.bulk_create(people)
        Account.objects.bulk_create(accounts)
    return account_ids


def _programs(count: int, department: Organisation, fen: int) -> list[Program]:
    """New programs with a plan for their year."""
    first = Program.objects.count()
    made = []
    for n in range(count):
        program = Program.objects.create(
            code=f"29{first + n:05d}", name=f"测量补贴{first + n}", short_name=f"测{first + n}", department=department,
            paid_to="person", cycle="monthly", standard_fen=FEN, standard_text="每月每人100.00元",
        )  # fmt: skip
        entry = programs.enter_funds(
            program, 2022, kind=FundEntry.Kind.ISSUED, amount_fen=fen, document_number="示财预〔2022〕1号",
            actor=finance("jb"),
        )  # fmt: skip
        programs.confirm_funds(entry, actor=finance("fh"))
        made.append(program)
    return made


def finance(desk: str) -> User:
    return User.objects.get(username=f"caizheng-{desk}")


def accepted(rows: int, batches: int, outcomes: Sequence[int] = (0,)) -> list[tuple[Program, str]]:
    """Accepted rosters behind ended notices: the program and period of every batch that can be made of them."""
    make_county()
    size, rest = divmod(rows, batches)
    accounts = _people(size + 1, outcomes)
    town = Area.objects.filter(level=Area.Level.TOWNSHIP).first()
    department = Organisation.objects.filter(kind="department").first()
    if town is None or department is None:
        raise RuntimeError("the bench county was not made")
    village = Area.objects.filter(level=Area.Level.VILLAGE).first()
    made = _programs(-(-batches // PERIODS), department, FEN * (size + 1) * PERIODS * 2)
    wanted = [(program, f"2022-{month:02d}") for program in made for month in range(1, PERIODS + 1)][:batches]
    user = User.objects.get(username="shiqiao-jb")
    first = Roster.objects.count()
    rosters = Roster.objects.bulk_create(
        Roster(
            number=f"M-{first + n:08d}", program=program, area=town, period=period, status=Roster.Status.ACCEPTED,
            revision=1, made_by=user, created_at=clock.now(), checked_at=clock.now(),
        )
        for n, (program, period) in enumerate(wanted)
    )  # fmt: skip
    binds = {"accounts": accounts, "fen": FEN, "village": village.pk if village else ""}
    execute("CREATE TEMP TABLE bench_roster (id bigint, size int)")
    copy_rows("bench_roster", ("id", "size"), ((r.pk, size + (n < rest)) for n, r in enumerate(rosters)))
    execute(
        """
        INSERT INTO programs_rosterrow (roster_id, revision, row_no, beneficiary_id, head_id, payee_id, account_id,
            area_id, group_no, item, quantity, standard_fen, amount_fen, note, extra, status)
        SELECT b.id, 1, n + 3, a.holder_id, a.holder_id, a.holder_id, a.id, %(village)s, '', '', 1, %(fen)s,
               %(fen)s + n %% 7, '', '{}', 'included'
          FROM bench_roster b CROSS JOIN LATERAL generate_series(1, b.size) n
          JOIN programs_account a ON a.id = (%(accounts)s::bigint[])[n]
        """,
        binds,
    )
    Notice.objects.bulk_create(
        Notice(
            slug=f"m{roster.pk}", roster=roster, revision=1, status=Notice.Status.ENDED,
            starts_on=dt.date(2022, 1, 1), ends_on=dt.date(2022, 1, 8), row_count=size, amount_fen=FEN,
            content_hash="0" * 64, opened_by=user, opened_at=clock.now(),
        )
        for roster in rosters
    )  # fmt: skip
    execute(
        """
        INSERT INTO programs_noticerow (notice_id, row_id, row_hash, position, area_id, group_no, public_name, quantity,
                                        amount_fen)
        SELECT notice.id, r.id, r.row_hash, r.row_no, r.area_id, '', '测', 1, r.amount_fen
          FROM bench_roster b JOIN programs_notice notice ON notice.roster_id = b.id
          JOIN programs_rosterrow r ON r.roster_id = b.id
        """
    )
    execute("DROP TABLE bench_roster")
    for table in ("person", "account", "rosterrow", "roster", "notice", "noticerow"):
        execute(f"ANALYZE programs_{table}")
    return wanted


def _pay(wanted: list[tuple[Program, str]]) -> Stopwatch:
    """From accepted to reconciled; raises RuntimeError when a batch does not get there."""
    watch, home = Stopwatch(), Path(settings.PORTAL_HOME)
    day = next_day()
    set_day(day)
    bank = Banks(home, home / "exchange")
    made: list[Batch] = []
    maker, reviewer, releaser = finance("jb"), finance("fh"), finance("pz")
    for program, period in wanted:
        with watch.of("make"):
            batch = actions.make_batch(program, period, actor=maker)
        with watch.of("submit"):
            actions.submit_batch(batch, actor=maker)
        with watch.of("approve"):
            actions.approve_batch(batch, actor=reviewer)
        with watch.of("release"):
            actions.release_batch(batch, actor=releaser)
        with watch.of("send"):
            for pk in batch.orders.values_list("pk", flat=True):
                sending.send_order(pk)
        with watch.of("bank"):
            bank.round()
        made.append(batch)
    _collect(watch, "results")
    set_day(day + dt.timedelta(days=1))
    with watch.of("bank"):
        while bank.round():
            pass
    _collect(watch, "statements")
    left = Batch.objects.filter(pk__in=[batch.pk for batch in made]).exclude(status=Batch.Status.RECONCILED).count()
    if left:
        raise RuntimeError(f"{left} batches of the bench were not reconciled")
    return watch


def _collect(watch: Stopwatch, part: str) -> None:
    with watch.of(part):
        for bank in Bank.objects.filter(kind="pipe_text"):
            collecting.collect(bank)


def _floor(wanted: list[tuple[Program, str]]) -> float:
    """The same rows in one bare table with a key: INSERT … SELECT, COPY out, COPY in, one UPDATE join, committed."""
    programs = sorted({program.pk for program, _period in wanted})
    execute("CREATE TABLE bare (ref bigint PRIMARY KEY, account_id bigint, amount_fen bigint, status text)")
    began = time.perf_counter()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO bare SELECT id, account_id, amount_fen, status FROM disbursement_payment"
            " WHERE program_id = ANY(%s)",
            (programs,),
        )
        out = io.StringIO()
        cursor.copy_expert("COPY bare TO STDOUT", out)
        out.seek(0)
        cursor.execute("CREATE TABLE answers (LIKE bare)")
        cursor.copy_expert("COPY answers FROM STDIN", out)
        cursor.execute("UPDATE bare SET status = 'paid' FROM answers WHERE answers.ref = bare.ref")
    seconds = time.perf_counter() - began
    execute("DROP TABLE bare, answers")
    return seconds


def _tell(name: str, watch: Stopwatch) -> None:
    parts = ", ".join(f"{part} {seconds:.1f}" for part, seconds in watch.parts.items())
    print(  # noqa: T201 - a line of the table
        f"  {name}: {parts}; the bank itself {watch.bank:.1f}; writing the rows alone {watch.writes:.1f}",
        flush=True,
    )


@bench("pay")
def pay() -> Result:
    wanted = accepted(ROWS, BATCHES)
    before = clock.today()
    watch = _pay(wanted)
    _tell("pay", watch)
    floor = (_floor(wanted) + _floor(wanted)) / 2
    set_day(max(before, clock.today()))
    return Result("pay", ROWS, watch.portal, floor, at_most=6)


@bench("pay-million")
def pay_million() -> Result:
    """A million payments in batches as large as the small one's; the floor is the small one, as often."""
    _pay(accepted(SMALL, 1))  # the first also pays for empty tables
    small = _pay(accepted(SMALL, 1))
    large = _pay(accepted(MILLION, MILLION // SMALL))
    _tell("pay-million", large)
    return Result("pay-million", MILLION, large.portal, small.portal * MILLION / SMALL, at_most=1.2)


@bench("reconcile")
def reconcile() -> Result:
    """Statement lines of one bank and day against paid attempts, to the fen."""
    seconds, floor = _reconcile(accepted(STATEMENT_LINES, 1))
    return Result("reconcile", STATEMENT_LINES, seconds, floor, at_most=5)


def _reconcile(wanted: list[tuple[Program, str]]) -> tuple[float, float]:
    watch, home = Stopwatch(), Path(settings.PORTAL_HOME)
    day = next_day()
    set_day(day)
    bank = Banks(home, home / "exchange")
    (program, period) = wanted[0]
    batch = actions.make_batch(program, period, actor=finance("jb"))
    actions.submit_batch(batch, actor=finance("jb"))
    actions.approve_batch(batch, actor=finance("fh"))
    actions.release_batch(batch, actor=finance("pz"))
    for pk in batch.orders.values_list("pk", flat=True):
        sending.send_order(pk)
    bank.round()
    _collect(watch, "results")
    set_day(day + dt.timedelta(days=1))
    while bank.round():
        pass
    statements = Stopwatch()
    _collect(statements, "statements")
    batch.refresh_from_db()
    if batch.status != Batch.Status.RECONCILED:
        raise RuntimeError("the bench's statements were not matched")
    rows = fetch(
        "SELECT e.line_no, e.kind, e.amount_fen, e.ref, e.serial, e.narrative FROM disbursement_statemententry e"
        " JOIN disbursement_statement s ON s.id = e.statement_id WHERE s.booked_on = %s",
        (day,),
    )
    return statements.portal, (_bare_match(rows) + _bare_match(rows)) / 2


def _bare_match(rows: list[tuple[object, ...]]) -> float:
    """COPY of the lines and one join by reference and amount."""
    execute("CREATE TABLE bare (line_no int, kind text, fen bigint, ref text, serial text, words text)")
    began = time.perf_counter()
    with transaction.atomic():
        copy_rows("bare", ("line_no", "kind", "fen", "ref", "serial", "words"), rows)
        fetch("SELECT count(*) FROM bare JOIN disbursement_attempt a ON a.ref = bare.ref AND a.amount_fen = bare.fen")
    seconds = time.perf_counter() - began
    execute("DROP TABLE bare")
    return seconds

"""Makers for money tests: accepted rosters behind an ended notice, batches on their way, banks at work."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count as count_from
from pathlib import Path

from django.test import Client

from disbursement import actions, collecting, names, sending
from disbursement.models import Attempt, Bank, Batch, Discrepancy, Order, Payment
from disbursement.simulator.bank import HALVES, Banks
from disbursement.simulator.script import FAILED as REFUSED
from disbursement.simulator.script import PENDING, SUCCESS
from disbursement.simulator.terms import Back, Entry, Said
from programs.models import Account, Notice, Person, Program, Roster, RosterRow
from subsidy_portal import clock, crypto
from subsidy_portal.bulk import execute, take_ids
from subsidy_portal.models import Organisation, User
from subsidy_portal.workflow import move, move_many
from tests import make

K, R = Organisation.Kind, User.Role
Login = Callable[[User], Client]
_days = count_from()


def _user(kind: str, role: str) -> User:
    return make.make_user(kind, role)


@dataclass
class Desk:
    """Users at the desks; ``finance`` makes, ``reviewer`` reviews, ``approver`` releases."""

    finance: User = field(default_factory=lambda: _user(K.FINANCE, R.OPERATOR))
    reviewer: User = field(default_factory=lambda: _user(K.FINANCE, R.REVIEWER))
    approver: User = field(default_factory=lambda: _user(K.FINANCE, R.APPROVER))
    town: User = field(default_factory=lambda: _user(K.TOWNSHIP, R.OPERATOR))
    town_reviewer: User = field(default_factory=lambda: _user(K.TOWNSHIP, R.REVIEWER))
    department: User = field(
        default_factory=lambda: make.make_user(
            K.DEPARTMENT, R.OPERATOR, make.make_organisation(K.DEPARTMENT, name="示范县民政局")
        )
    )


def person_paid_at(bank: Bank, outcome: int = 0) -> Person:
    """A person whose only account is at ``bank`` and scripted by ``outcome``."""
    person = make.make_person()
    make.make_account(person, bank=bank, outcome=outcome)
    return person


def accepted_roster(
    people: list[tuple[Person, int]], *, program: Program | None = None, period: str = "2022-03", **fields: object
) -> Roster:
    """An accepted roster whose rows were publicised and whose notice has ended."""
    roster = make.make_roster(program, period=period, status=Roster.Status.ACCEPTED, rows=people, **fields)  # type: ignore[arg-type]
    publicise(roster)
    return roster


def publicise(roster: Roster) -> Notice:
    rows = list(RosterRow.objects.filter(roster=roster, revision=roster.revision, status="included"))
    notice = Notice.objects.create(
        slug=f"n{roster.pk}-{roster.revision}",
        roster=roster,
        revision=roster.revision,
        status=Notice.Status.ENDED,
        starts_on=clock.today() - dt.timedelta(days=10),
        ends_on=clock.today() - dt.timedelta(days=3),
        row_count=len(rows),
        amount_fen=sum(row.amount_fen for row in rows),
        content_hash="0" * 64,
        opened_by=roster.made_by,
        opened_at=clock.now(),
    )
    execute(
        """
        INSERT INTO programs_noticerow (notice_id, row_id, row_hash, position, area_id, group_no, public_name, quantity,
                                        amount_fen)
        SELECT %s, r.id, r.row_hash, row_number() OVER (ORDER BY r.row_no), r.area_id, '', p.name, 1, r.amount_fen
          FROM programs_rosterrow r JOIN programs_person p ON p.id = r.beneficiary_id
         WHERE r.roster_id = %s AND r.revision = %s AND r.status = 'included'
        """,
        (notice.pk, roster.pk, roster.revision),
    )
    return notice


def make_batch(
    desk: Desk, outcomes: list[int], *, bank: Bank | None = None, fen: int = 10_000, **fields: object
) -> Batch:
    """A draft batch with one payment an outcome, all at one bank; amounts ``fen``, ``fen`` + 1, …"""
    bank = bank or make.make_bank()
    people = [(person_paid_at(bank, outcome), fen + n) for n, outcome in enumerate(outcomes)]
    program = make.make_program()
    make.make_fund_plan(program, year=2022)
    accepted_roster(people, program=program, **fields)  # type: ignore[arg-type]
    return actions.make_batch(program, "2022-03", actor=desk.finance)


def approve(desk: Desk, batch: Batch) -> Batch:
    actions.submit_batch(batch, actor=desk.finance)
    actions.approve_batch(batch, actor=desk.reviewer)
    return batch


def release(desk: Desk, batch: Batch) -> list[Order]:
    """Submit, approve, release; returns the orders, not yet sent."""
    approve(desk, batch)
    names.check_names(batch, lambda done, total: None)
    actions.release_batch(batch, actor=desk.approver)
    return list(batch.orders.order_by("pk"))


def send_all() -> None:
    for pk in Order.objects.filter(status="created").values_list("pk", flat=True):
        sending.send_order(pk)


def collect_all() -> int:
    """Take in what every bank left, and what those that are asked have to say now."""
    Bank.objects.update(asked_at=None)
    Order.objects.filter(status__in=("sent", "answered", "unknown")).update(query_at=None)
    return sum(collecting.collect(bank) for bank in Bank.objects.all())


def pay(desk: Desk, banks: Banks, outcomes: list[int], **fields: object) -> Batch:
    """A batch released, sent, answered by the simulator and applied."""
    batch = make_batch(desk, outcomes, **fields)  # type: ignore[arg-type]
    release(desk, batch)
    send_all()
    banks.round()
    collect_all()
    batch.refresh_from_db()
    return batch


def statuses(batch: Batch) -> list[str]:
    """Of the batch's payments, in order."""
    return list(Payment.objects.filter(batch=batch).order_by("pk").values_list("status", flat=True))


def inbox(home: Path, bank: Bank) -> Path:
    path = home / "exchange" / bank.folder / "in"
    path.mkdir(parents=True, exist_ok=True)
    return path


def crowd(count: int, bank: Bank, *, outcome: int = 0) -> list[Account]:
    """``count`` people with one account each at ``bank``, written in bulk."""
    area = make.make_area(make.VILLAGE)
    system = User.objects.system()
    person_ids, account_ids = take_ids("programs_person", count), take_ids("programs_account", count)
    people, accounts = [], []
    for n, (person_pk, account_pk) in enumerate(zip(person_ids, account_ids, strict=True)):
        born_on = dt.date(1930, 1, 1) + dt.timedelta(days=next(_days))
        id_number, number = make.make_id_number(born_on, n % 1000), make.make_account_number(outcome)
        people.append(
            Person(
                pk=person_pk,
                id_sealed=crypto.encrypt(id_number, Person.place(person_pk)),
                id_hash=Person.id_index(id_number),
                id_prefix=id_number[:6],
                id_last4=id_number[-4:],
                name=f"林{'甲乙丙丁戊己庚辛'[n % 8]}",
                sex="F",
                born_on=born_on,
                area=area,
            )
        )
        accounts.append(
            Account(
                pk=account_pk,
                holder_id=person_pk,
                bank=bank.organisation,
                number_sealed=crypto.encrypt(number, Account.place(account_pk)),
                number_hash=Account.number_index(number),
                number_last4=number[-4:],
                name_at_bank=people[-1].name,
                created_by=system,
            )
        )
    Person.objects.bulk_create(people)
    return Account.objects.bulk_create(accounts)


def crowd_batch(desk: Desk, accounts: list[Account], *, period: str = "2022-03", fen: int = 10_000) -> Batch:
    """A draft batch that pays ``fen`` to each account, from a roster of its own program."""
    program = make.make_program()
    make.make_fund_plan(program, planned_fen=10**11, year=2022)
    roster = make.make_roster(program, period=period, status=Roster.Status.ACCEPTED, rows=[])
    RosterRow.objects.bulk_create(
        RosterRow(
            roster=roster,
            revision=1,
            row_no=4 + n,
            beneficiary_id=account.holder_id,
            payee_id=account.holder_id,
            account=account,
            area_id=make.VILLAGE,
            standard_fen=fen,
            amount_fen=fen,
        )
        for n, account in enumerate(accounts)
    )
    publicise(roster)
    return actions.make_batch(program, period, actor=desk.finance)


def mark_sent(batch: Batch) -> None:
    """As if every order had left, without a file: for tests of what comes back."""
    system = User.objects.system()
    for order in batch.orders.filter(status="created"):
        move(order, "sending", actor=system)
        move_many(order.attempts.all(), "created", "sending")
        move(order, "sent", actor=system, sent_at=clock.now())
        move_many(order.attempts.all(), "sending", "sent")


def sent_batch(desk: Desk, count: int = 3, **fields: object) -> Batch:
    """A batch of ``count`` payments at the bank, unanswered."""
    batch = make_batch(desk, [0] * count, **fields)  # type: ignore[arg-type]
    release(desk, batch)
    mark_sent(batch)
    batch.refresh_from_db()
    return batch


def attempts(batch: Batch) -> list[Attempt]:
    """The batch's attempts in the order they were made, with what a bank's file needs of them."""
    found = Attempt.objects.filter(order__batch=batch).select_related("account", "payment", "order__bank")
    return list(found.order_by("pk"))


OK, FAILED, WAITS = "0000 交易成功", "3018 账户已销户", "2000 处理中"


def said(attempt: Attempt, answer: str = OK, day: str = "20220305", **other: object) -> Said:
    """What a bank says of an attempt; ``other`` changes ref or amount."""
    number = attempt.account.reveal_number()
    ref, amount = str(other.get("ref", attempt.ref)), int(str(other.get("amount", attempt.amount_fen)))
    account = str(other.get("account", number))
    name, serial = attempt.account.name_at_bank, f"S{attempt.pk}"
    return Said(ref, name, amount, "99000019500101001X", account, "1", answer, day, serial, SUCCESS)


def result_file(
    bank: Bank,
    *,
    ok: list[Said] | None = None,
    failed: list[Said] | None = None,
    waits: list[Said] | None = None,
    order_ref: str = "NB000000001",
    number: int = 1,
    day: str = "20220305",
) -> bytes:
    lists = [(SUCCESS, ok or []), (REFUSED, failed or []), (PENDING, waits or [])]
    lines = [line._replace(outcome=outcome) for outcome, part in lists for line in part]
    content: bytes = HALVES[bank.kind].results(order_ref, day, bank.unit_number, number, lines).content
    return content


def return_file(bank: Bank, backs: list[Attempt], day: str = "20220306") -> bytes:
    lines = [
        Back(a.ref, a.account.name_at_bank, a.account.reveal_number(), a.amount_fen, "3056 退票", f"T{a.pk}")
        for a in backs
    ]
    content: bytes = HALVES[bank.kind].returns(day, bank.unit_number, bank.fiscal_account, 1, lines).content
    return content


Booked = tuple[str, int, str]


def statement_file(bank: Bank, number: int, day: str, entries: list[Booked], opening: int = 0) -> bytes:
    """Entries are (D or C, fen, ref); money from the treasury covers the debits first."""
    need = sum(fen for side, fen, _ref in entries if side == "D")
    booked = [Entry("C", need, "", f"F{number}", "国库拨入")] if need else []
    booked += [Entry(side, fen, ref, f"E{number}-{n}", "代发补贴") for n, (side, fen, ref) in enumerate(entries)]
    closing = opening + sum(entry.amount if entry.side == "C" else -entry.amount for entry in booked)
    content: bytes = (
        HALVES[bank.kind]
        .statement(number, day, bank.unit_number, bank.fiscal_account, opening, closing, booked)
        .content
    )
    return content


def deliver(home: Path, bank: Bank, *contents: bytes) -> None:
    """Put each file into the bank's ``in/`` under a fresh name and take them in, one after the other."""
    for content in contents:
        (inbox(home, bank) / f"f{next(_days):06d}.txt").write_bytes(content)
        collecting.collect(bank)


def open_kinds() -> list[str]:
    """Kinds of the open discrepancies, sorted."""
    return sorted(Discrepancy.objects.filter(status="open").values_list("kind", flat=True))

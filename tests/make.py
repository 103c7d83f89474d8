"""Makers of things for tests: each returns a saved object with sensible defaults. All people are invented."""

from __future__ import annotations

import datetime as dt
import json
from functools import cache
from itertools import count
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import make_password
from stdnum import luhn
from stdnum.cn import ric

from disbursement.models import Bank, Batch, Payment
from programs import actions
from programs.models import (
    Account,
    Dataset,
    DatasetRow,
    EntitlementRule,
    FundEntry,
    FundPlan,
    Household,
    Notice,
    Person,
    PolicyList,
    Program,
    Roster,
    RosterRow,
    Rule,
)
from programs.policy_columns import values_of
from subsidy_portal import clock, crypto
from subsidy_portal.bulk import next_number, take_ids
from subsidy_portal.models import Area, Organisation, StoredFile, User

K, R = Organisation.Kind, User.Role
COUNTY, TOWN, VILLAGE = "990001000000", "990001101000", "990001101201"
_serial = count(1)


@cache
def _hashed(password: str) -> str:
    return make_password(password)


def make_area(code: str = TOWN, name: str = "") -> Area:
    """An area with its parents: county 990001000000 示范县, township, village."""
    level = "county" if code.endswith("000000") else "township" if code.endswith("000") else "village"
    parent = None
    if level == "township":
        parent = make_area(code[:6] + "000000")
    elif level == "village":
        parent = make_area(code[:9] + "000")
    defaults = {
        "name": name or {"county": "示范县", "township": f"石桥镇{code[6:9]}", "village": f"柳树村{code[9:]}"}[level],
        "level": level,
        "parent": parent,
    }
    return Area.objects.get_or_create(code=code, defaults=defaults)[0]


def make_organisation(kind: str = K.FINANCE, area: Area | None = None, name: str = "") -> Organisation:
    area = area or make_area(TOWN if kind == K.TOWNSHIP else COUNTY)
    name = name or f"{area.name}{K(kind).label}"
    return Organisation.objects.get_or_create(
        name=name, defaults={"kind": kind, "area": area, "short_name": name[:20]}
    )[0]


def make_user(kind: str = K.FINANCE, role: str = R.OPERATOR, organisation: Organisation | None = None) -> User:
    """A user at a desk; the password is ``correct horse battery``."""
    n = next(_serial)
    user = User(
        username=f"{kind}-{role}-{n}",
        display_name=f"{R(role).label}{n}",
        organisation=organisation or make_organisation(kind),
        role=role,
    )
    user.password = _hashed("correct horse battery")
    user.save()
    return user


def make_program(**fields: Any) -> Program:
    n = next(_serial)
    defaults: dict[str, Any] = {
        "code": f"9{n:06d}",
        "name": f"高龄津贴{n}",
        "short_name": f"高龄津贴{n}",
        "paid_to": Program.PaidTo.PERSON,
        "cycle": Program.Cycle.MONTHLY,
        "standard_fen": 10_000,
        "standard_text": "每人每月100元",
    }
    defaults.update(fields)
    if "department" not in defaults:
        defaults["department"] = make_organisation(K.DEPARTMENT, name="示范县民政局")
    return Program.objects.create(**defaults)


def publish(program: Program, year: int = 2020) -> PolicyList:
    """A new version of the list of ``year`` with ``program`` as it stands; it governs until a newer year's list."""
    older = PolicyList.objects.filter(year=year).order_by("-version").first()
    policy_list = PolicyList.objects.create(
        year=year, version=older.version + 1 if older else 1, made_by=make_user(K.FINANCE, R.OPERATOR)
    )
    kept = [item.program for item in older.items.select_related("program")] if older else []
    for n, listed in enumerate({one.pk: one for one in (*kept, program)}.values(), 1):
        policy_list.items.create(position=n, program=listed, values=values_of(listed), terms=listed.terms)
    PolicyList.objects.filter(year=year, status="published").update(status="superseded")
    signed = {"published_by": make_user(K.FINANCE, R.REVIEWER), "published_at": clock.now()}
    PolicyList.objects.filter(pk=policy_list.pk).update(status="published", **signed)
    return policy_list


def make_fund_plan(program: Program, planned_fen: int = 100_000_000, year: int | None = None) -> FundPlan:
    """A plan with one confirmed entry."""
    plan, _ = FundPlan.objects.get_or_create(program=program, year=year or clock.today().year)
    FundEntry.objects.create(
        plan=plan,
        kind=FundEntry.Kind.ISSUED,
        amount_fen=planned_fen,
        entered_on=clock.today(),
        status=FundEntry.Status.CONFIRMED,
        made_by=make_user(K.FINANCE, R.OPERATOR),
        confirmed_by=make_user(K.FINANCE, R.REVIEWER),
    )
    return plan


def make_id_number(born_on: dt.date = dt.date(1950, 1, 1), serial: int | None = None) -> str:
    """A checksum-valid invented ID number with the prefix 990000."""
    body = f"990000{born_on:%Y%m%d}{(serial if serial is not None else next(_serial)) % 1000:03d}"
    return body + ric.calc_check_digit(body + "0")


def make_account_number(outcome: int = 0) -> str:
    """A Luhn-valid invented card number; ``outcome`` (digits 7–8) scripts the bank simulator, see its docs."""
    body = f"621799{outcome:02d}{next(_serial):010d}"
    return body + luhn.calc_check_digit(body)


def make_person(name: str = "林立夏", id_number: str = "", area: Area | None = None) -> Person:
    id_number = id_number or make_id_number(dt.date(1940 + next(_serial) % 50, 1 + next(_serial) % 12, 1))
    (pk,) = take_ids("programs_person", 1)
    return Person.objects.create(
        pk=pk,
        id_sealed=crypto.encrypt(id_number, Person.place(pk)),
        id_hash=Person.id_index(id_number),
        id_prefix=id_number[:6],
        id_last4=id_number[-4:],
        name=name,
        sex="M" if int(id_number[16]) % 2 else "F",
        born_on=dt.date(int(id_number[6:10]), int(id_number[10:12]), int(id_number[12:14])),
        area=area or make_area(VILLAGE),
    )


def make_household(head: Person) -> Household:
    household = Household.objects.create(head=head, area=head.area)
    Person.objects.filter(pk=head.pk).update(household=household, relation="户主")
    return household


def make_bank(code: str = "N", kind: str = "pipe_text") -> Bank:
    organisation = make_organisation(K.BANK, name=f"示范{code}银行")
    return Bank.objects.get_or_create(
        code=code,
        defaults={
            "organisation": organisation,
            "kind": kind,
            "unit_number": f"DW{code}001",
            "fiscal_account": f"99000100{ord(code):04d}",
            "folder": f"bank-{code.lower()}",
        },
    )[0]


def make_account(holder: Person, number: str = "", bank: Bank | None = None, outcome: int = 0) -> Account:
    number = number or make_account_number(outcome)
    (pk,) = take_ids("programs_account", 1)
    return Account.objects.create(
        pk=pk,
        holder=holder,
        bank=(bank or make_bank()).organisation,
        number_sealed=crypto.encrypt(number, Account.place(pk)),
        number_hash=Account.number_index(number),
        number_last4=number[-4:],
        name_at_bank=holder.name,
        reason="登记",
        created_by=User.objects.system(),
    )


def make_roster(
    program: Program | None = None,
    area: Area | None = None,
    period: str = "2022-03",
    status: str = Roster.Status.DRAFT,
    rows: list[tuple[Person, int]] | None = None,
    outcome: int = 0,
    **fields: Any,
) -> Roster:
    """A roster at ``status`` whose first revision pays ``rows`` (person, fen), each to an account of its own.

    The signatures of the steps before ``status`` are those of different users.
    """
    area = area or make_area(TOWN)
    town = make_organisation(K.TOWNSHIP, area)
    program = program or make_program()
    order = [s.value for s in Roster.Status]
    signed = {
        "submitted_by": ("submitted", K.TOWNSHIP, R.OPERATOR, town),
        "town_reviewed_by": ("town_approved", K.TOWNSHIP, R.REVIEWER, town),
        "dept_checked_by": ("dept_checked", K.DEPARTMENT, R.OPERATOR, program.department),
        "dept_approved_by": ("dept_approved", K.DEPARTMENT, R.REVIEWER, program.department),
        "accepted_by": ("accepted", K.FINANCE, R.OPERATOR, None),
    }
    for field, (since, kind, role, organisation) in signed.items():
        if field not in fields and order.index(status) >= order.index(since):
            fields[field] = make_user(kind, role, organisation)
    fields.setdefault("made_by", fields.get("submitted_by") or make_user(K.TOWNSHIP, R.OPERATOR, town))
    roster = Roster.objects.create(
        number=f"R-{period[:4]}-{next_number('roster_number_seq'):06d}",
        program=program,
        area=area,
        period=period,
        status=status,
        revision=1,
        checked_at=clock.now(),
        created_at=clock.now(),
        **fields,
    )
    for n, (person, fen) in enumerate(rows if rows is not None else [(make_person(), 10_000)]):
        RosterRow.objects.create(
            roster=roster,
            revision=1,
            row_no=4 + n,
            beneficiary=person,
            payee=person,
            account=person.accounts.first() or make_account(person, outcome=outcome),
            area=person.area,
            standard_fen=fen,
            amount_fen=fen,
        )
    return roster


def load_rules() -> None:
    """The rules as they are shipped, whatever a test before left of them."""
    for entry in json.loads((settings.BASE_DIR / "programs" / "fixtures" / "rules.json").read_text()):
        Rule.objects.update_or_create(code=entry["fields"]["code"], defaults=entry["fields"])


def proof() -> StoredFile:
    return StoredFile.keep(b"photo", name="照片.jpg", content_type="image/jpeg", actor=make_user())


def desk_of(roster: Roster, kind: str, role: str) -> User:
    """A new user at the desk of this kind and role that works on ``roster``."""
    organisation = {
        K.TOWNSHIP: lambda: make_organisation(K.TOWNSHIP, roster.area),
        K.DEPARTMENT: lambda: roster.program.department,
    }.get(K(kind), lambda: make_organisation(kind))()
    return make_user(kind, role, organisation)


def drive(roster: Roster, to: str) -> Roster:
    """Take a clean draft through the real actions up to ``to``, each step by a user of its own.

    ``noticed``: the days of the notice pass (see ``end_notice``).
    """
    steps = {
        "submitted": (actions.submit_roster, K.TOWNSHIP, R.OPERATOR),
        "town_approved": (actions.approve_roster_in_town, K.TOWNSHIP, R.REVIEWER),
        "on_notice": (actions.open_notice, K.TOWNSHIP, R.OPERATOR),
        "noticed": None,
        "dept_checked": (actions.check_roster_in_department, K.DEPARTMENT, R.OPERATOR),
        "dept_approved": (actions.approve_roster_in_department, K.DEPARTMENT, R.REVIEWER),
        "accepted": (actions.accept_roster, K.FINANCE, R.OPERATOR),
    }
    names = list(steps)
    begin = names.index(roster.status) + 1 if roster.status in names else 0
    for name in names[begin : names.index(to) + 1]:
        step = steps[name]
        if name == "accepted":
            publish(roster.program)
        if step is None:
            end_notice(roster)
        else:
            action, kind, role = step
            action(roster, actor=desk_of(roster, kind, role))
    return roster


def end_notice(roster: Roster) -> None:
    """The day after the roster's open notice comes, the timer runs, and the date is put back."""
    today = clock._rehearsal_date()
    clock.set_today(roster.notices.get(status=Notice.Status.OPEN).ends_on + dt.timedelta(days=1))
    try:
        actions.end_due_notices()
    finally:
        clock.set_today(today)
    roster.refresh_from_db()


def make_paid(roster: Roster, paid_on: dt.date | None = None) -> list[Payment]:
    """Payments of every row of ``roster``, paid in a settled batch of their own, without the way there."""
    batch = Batch.objects.create(
        number=f"B-{roster.period[:4]}-{next_number('batch_number_seq'):06d}",
        program=roster.program,
        plan=make_fund_plan(roster.program, year=int(roster.period[:4])),
        period=roster.period,
        sequence=next(_serial),
        status=Batch.Status.SETTLED,
        made_by=make_user(K.FINANCE, R.OPERATOR),
        approved_by=make_user(K.FINANCE, R.REVIEWER),
        released_by=make_user(K.FINANCE, R.APPROVER),
        made_at=clock.now(),
    )
    day = paid_on or clock.today()
    return [
        Payment.objects.create(
            batch=batch,
            row=row,
            program=roster.program,
            period=roster.period,
            item=row.item,
            beneficiary=row.beneficiary,
            payee=row.payee,
            account=row.account,
            area=row.area,
            amount_fen=row.amount_fen,
            row_hash=row.row_hash,
            status=Payment.Status.PAID,
            released_on=day,
            paid_on=day,
        )
        for row in roster.rows.filter(revision=roster.revision)
    ]


def make_deaths(died: dict[Person, dt.date], as_of: dt.date | None = None) -> Dataset:
    """A death register that names these persons."""
    dataset = Dataset.objects.create(
        kind=Dataset.Kind.DEATH,
        source="示范县公安局",
        as_of=as_of or clock.today(),
        row_count=len(died),
        imported_by=make_user(K.FINANCE, R.OPERATOR),
        imported_at=clock.now(),
    )
    for person, day in died.items():
        DatasetRow.objects.create(
            dataset=dataset, kind=dataset.kind, id_hash=bytes(person.id_hash), name=person.name, event_on=day
        )
    return dataset


def make_list(kind: str, people: dict[Person, dict[str, Any]], as_of: dt.date | None = None, **fields: Any) -> Dataset:
    """A list of ``kind`` in force that names these persons with ``data``, or event_on, until_on, item."""
    dataset = Dataset.objects.create(
        kind=kind,
        as_of=as_of or clock.today(),
        row_count=len(people),
        imported_by=make_user(K.FINANCE, R.OPERATOR),
        imported_at=clock.now(),
        **{"source": "示范县某局", **fields},
    )
    for person, row in people.items():
        DatasetRow.objects.create(dataset=dataset, kind=kind, id_hash=bytes(person.id_hash), name=person.name, **row)
    return dataset


def load_entitlements() -> None:
    """The rules of who should receive what, as they are shipped."""
    for entry in json.loads((settings.BASE_DIR / "programs" / "fixtures" / "entitlements.json").read_text()):
        EntitlementRule.objects.update_or_create(name=entry["fields"]["name"], defaults=entry["fields"])

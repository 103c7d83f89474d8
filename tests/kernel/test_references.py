"""References of the big tables hold as foreign keys do, though they are asked once a statement."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from programs.models import Account, Household, Person, RosterRow
from subsidy_portal import bulk
from tests import make

pytestmark = pytest.mark.django_db

NOWHERE = 987_654_321


def refused(sql: str, *params: object) -> bool:
    try:
        with transaction.atomic():
            bulk.execute(sql, params)
            connection.check_constraints()
    except IntegrityError:
        return True
    return False


def guarded() -> list[tuple[str, str]]:
    models = (Person, Household, Account, RosterRow)
    return [
        (model._meta.db_table, field.column)
        for model in models
        for field in model._meta.concrete_fields
        if field.is_relation and not field.db_constraint
    ]


def test_every_reference_without_a_foreign_key_has_both_triggers() -> None:
    held = bulk.fetch("SELECT tgrelid::regclass::text, tgname, encode(tgargs, 'escape') FROM pg_trigger")
    for table, column in guarded():
        for trigger in ("references_there", "reference_changed"):
            (arguments,) = [args for on, name, args in held if (on, name) == (table, trigger)]
            assert column in arguments.split("\\000"), (table, column, trigger)


def test_a_row_that_points_nowhere_is_not_written() -> None:
    row = make.make_roster(rows=[(make.make_person(), 100)]).rows.get()
    columns = ", ".join(f.column for f in RosterRow._meta.concrete_fields if not (f.primary_key or f.generated))
    for column in ("roster_id", "beneficiary_id", "head_id", "payee_id", "household_id", "account_id", "area_id"):
        values = columns.replace("row_no", "row_no + 1").replace(column, f"'{NOWHERE}'")
        sql = f"INSERT INTO programs_rosterrow ({columns}) SELECT {values} FROM programs_rosterrow WHERE id = %s"
        assert refused(sql, row.pk), column
    assert RosterRow.objects.count() == 1


@pytest.mark.parametrize(("table", "column"), guarded())
def test_a_reference_cannot_be_changed_to_point_nowhere(table: str, column: str) -> None:
    person = make.make_person()
    make.make_account(person)
    Household.objects.create(head=person, area=person.area)
    make.make_roster(rows=[(person, 100)])
    assert bulk.fetch(f"SELECT count(*) FROM {table}")[0][0] > 0
    assert refused(f"UPDATE {table} SET {column} = '{NOWHERE}'"), (table, column)


@pytest.mark.parametrize(
    "table",
    [
        "programs_person", "programs_account", "programs_household", "programs_roster", "subsidy_portal_area",
        "subsidy_portal_organisation", "subsidy_portal_user",
    ],
)  # fmt: skip
def test_what_is_pointed_to_is_never_deleted(table: str) -> None:
    person = make.make_person()
    Household.objects.create(head=person, area=person.area)
    make.make_roster(rows=[(person, 100)])
    assert refused(f"DELETE FROM {table}")

import pytest
from django.db import IntegrityError, connection, transaction

from programs.models import Account, RosterRow
from subsidy_portal.models import Event, User
from subsidy_portal.workflow import record
from tests.make import make_account, make_person, make_roster

pytestmark = pytest.mark.django_db


def test_id_number_is_sealed_and_opens_only_in_its_own_row():
    person, other = make_person(), make_person()
    assert person.reveal_id_number()[-4:] == person.id_last4
    other.id_sealed = person.id_sealed
    with pytest.raises(Exception, match="programs_person"):
        other.reveal_id_number()


def test_account_number_never_changes():
    account = make_account(make_person())
    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
        Account.objects.filter(pk=account.pk).update(number_last4="0000")


def test_row_hash_follows_amount_and_account_even_behind_the_portals_back():
    row = make_roster().rows.get()
    before = bytes(row.row_hash)
    RosterRow.objects.filter(pk=row.pk).update(amount_fen=20_000)
    row.refresh_from_db()
    assert bytes(row.row_hash) != before


def test_events_are_append_only():
    event = record(make_person(), "seen", actor=User.objects.system())
    for statement in (
        f"UPDATE subsidy_portal_event SET note = 'x' WHERE id = {event.pk}",
        f"DELETE FROM subsidy_portal_event WHERE id = {event.pk}",
    ):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE subsidy_portal_event ENABLE TRIGGER event_no_truncate")
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            cursor.execute("TRUNCATE subsidy_portal_event CASCADE")
        cursor.execute("ALTER TABLE subsidy_portal_event DISABLE TRIGGER event_no_truncate")
    assert Event.objects.filter(pk=event.pk).exists()

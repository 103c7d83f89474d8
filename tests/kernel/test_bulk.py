import datetime as dt

import pytest
from django.db import connection

from subsidy_portal.bulk import copy_rows, fetch, next_number, take_ids

pytestmark = pytest.mark.django_db


def test_copy_carries_every_kind_of_value_unchanged():
    rows = [
        (1, "张\t三\\\n", None, True, dt.date(2022, 3, 5), b"\x00\\\xff", "䶮𬎆·"),
        (2, "", "\\N", False, None, b"", "a'b\"c;--"),
    ]
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE t (a bigint, b text, c text, d boolean, e date, f bytea, g text)")
    copy_rows("t", ("a", "b", "c", "d", "e", "f", "g"), rows)
    found = [(*row[:5], bytes(row[5]), row[6]) for row in fetch("SELECT * FROM t ORDER BY a")]
    assert found == rows


def test_ids_are_taken_once():
    assert len(set(take_ids("programs_person", 3) + take_ids("programs_person", 3))) == 6


def test_numbers_count_up():
    assert next_number("roster_number_seq") < next_number("roster_number_seq")

"""Lists and searches at the same time, on real connections: one list, each person found once."""

import datetime as dt

import pytest

from programs import actions
from programs.actions.datasets import AlreadyImported
from programs.models import Dataset, DatasetRow, EligibleUnpaid
from subsidy_portal.models import StoredFile, User
from tests.concurrency.test_rosters import SESSIONS, at_once
from tests.make import K, R, load_entitlements, make_id_number, make_person, make_program, make_user
from tests.programs.lists import workbook

pytestmark = pytest.mark.django_db(transaction=True)
FACTS = {"source": "县局", "as_of": dt.date(2022, 1, 1)}


def test_eight_sessions_upload_the_same_file_and_it_is_taken_once():
    content = workbook([("林立夏", make_id_number(), "2021-05-11")])
    actors = [make_user(K.FINANCE, R.OPERATOR) for _n in range(SESSIONS)]
    found = at_once(
        lambda n: actions.upload_dataset("death", file_name="a.xlsx", content=content, actor=actors[n], **FACTS)
    )
    assert sum(isinstance(one, Dataset) for one in found) == 1
    assert sum(isinstance(one, AlreadyImported) for one in found) == SESSIONS - 1
    assert (Dataset.objects.count(), StoredFile.objects.count()) == (1, 1)


def test_eight_sessions_begin_under_one_key_and_send_one_page_and_it_is_there_once():
    actor = make_user(K.FINANCE, R.OPERATOR)
    begun = at_once(lambda n: actions.begin_collecting("death", key="k", actor=actor, **FACTS))
    assert {one.pk for one in begun if isinstance(one, Dataset)} == {Dataset.objects.get().pk}
    rows = [{"姓名": "林立夏", "身份证号": make_id_number(), "死亡日期": "2021-05-11"}]
    at_once(lambda n: actions.add_page(Dataset.objects.get(), 1, rows, actor=actor))
    assert (Dataset.objects.get().row_count, DatasetRow.objects.count()) == (1, 1)
    at_once(lambda n: actions.close_collecting(Dataset.objects.get(), pages=1, rows=1, actor=actor))
    assert Dataset.objects.get().status == "queued"


def test_eight_searches_at_once_find_a_person_once():
    load_entitlements()
    make_program(code="2080502")
    make_person("高寿", make_id_number(dt.date(1930, 1, 1)))
    system = User.objects.system()
    found = at_once(lambda n: actions.search_eligible(by=system))
    assert found == [1] * SESSIONS
    assert EligibleUnpaid.objects.count() == 1

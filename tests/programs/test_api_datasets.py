"""Lists by API: as a workbook or in pages, every step safe to repeat, nothing in force before it is closed."""

import datetime as dt
import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from programs import actions
from programs.comparison_data import current_rows
from programs.models import Dataset, DatasetRow, EligibleUnpaid
from programs.tasks import import_dataset
from subsidy_portal import bulk
from subsidy_portal.models import Event, User
from tests.make import (
    K,
    R,
    load_entitlements,
    load_rules,
    make_area,
    make_id_number,
    make_organisation,
    make_person,
    make_program,
    make_roster,
    make_user,
)
from tests.programs.lists import workbook

pytestmark = pytest.mark.django_db
DEAD = make_id_number(dt.date(1940, 1, 1), 7)
FACTS = {"kind": "death", "source": "县公安局", "as_of": "2022-03-01", "key": "2022-03"}


@pytest.fixture
def police() -> APIClient:
    return client_of(make_user(K.DEPARTMENT, R.OPERATOR, make_organisation(K.DEPARTMENT, name="示范县公安局")))


def client_of(user: User) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=user).key}")
    return client


def begin(client: APIClient, **facts: Any) -> Any:
    return client.post("/api/v1/datasets/collect/", FACTS | facts, format="json")


def send(client: APIClient, pk: int, page: int, *rows: dict[str, Any]) -> Any:
    return client.post(f"/api/v1/datasets/{pk}/pages/", {"page": page, "rows": list(rows)}, format="json")


def close(client: APIClient, pk: int, pages: int, rows: int) -> Any:
    return client.post(f"/api/v1/datasets/{pk}/close/", {"pages": pages, "rows": rows}, format="json")


def dead(number: str = DEAD, day: str = "2022-01-11", name: str = "何霜降") -> dict[str, Any]:
    return {"姓名": name, "公民身份号码": number, "死亡日期": day}


def in_force() -> int:
    return int(bulk.fetch(f"SELECT count(*) FROM {current_rows('death')}")[0][0])


class TestAWorkbook:
    def post(self, client: APIClient, content: bytes, **more: Any) -> Any:
        file = SimpleUploadedFile("死亡登记.xlsx", content)
        return client.post("/api/v1/datasets/", FACTS | {"file": file} | more, format="multipart")

    def test_it_is_read_in_the_background_and_shows_its_problems(self, police):
        told = self.post(police, workbook([("何霜降", "12", "2022-01-11")]))
        assert (told.status_code, told.json()["status"]) == (202, "queued")
        import_dataset(Dataset.objects.get().job_id)
        said = police.get(f"/api/v1/datasets/{told.json()['id']}/").json()
        assert (said["status"], said["problem_count"]) == ("refused", 1)
        assert (said["problems"][0]["row"], said["problems"][0]["column"]) == (3, "B")

    def test_the_same_key_and_bytes_are_the_same_list(self, police):
        content = workbook([("何霜降", DEAD, "2022-01-11")])
        first = self.post(police, content).json()
        assert self.post(police, content).json()["id"] == first["id"]
        again = self.post(police, content, key="another")
        assert (again.status_code, again.json()["dataset_id"]) == (409, first["id"])
        other = self.post(police, workbook([("张三", DEAD, "2022-01-12")]))
        assert (other.status_code, other.json()["code"]) == (409, "already_imported")
        assert Dataset.objects.count() == 1


class TestPages:
    def test_begun_filled_and_closed_it_is_in_force_and_compared(self, police):
        load_rules()
        person = make_person()
        roster = make_roster(period="2022-03", rows=[(person, 10_000)])
        pk = begin(police).json()["id"]
        assert send(police, pk, 1, dead(person.reveal_id_number(), name=person.name)).json()["pages"] == 1
        assert send(police, pk, 2, dead()).json()["row_count"] == 2
        assert in_force() == 0
        assert (close(police, pk, 2, 2).status_code, in_force()) == (202, 0)
        import_dataset(Dataset.objects.get().job_id)
        assert in_force() == 2
        assert [hit.rule.code for hit in roster.suspicions.all()] == ["Q01"]
        kept = json.dumps([*Dataset.objects.values(), *Event.objects.values("note", "data")], default=str)
        assert person.reveal_id_number() not in kept
        assert DEAD not in kept

    def test_every_step_may_be_repeated(self, police):
        pk = begin(police).json()["id"]
        assert begin(police).json()["id"] == pk
        for _again in range(2):
            assert send(police, pk, 1, dead()).status_code == 200
        assert DatasetRow.objects.count() == 1
        for _again in range(2):
            assert close(police, pk, 1, 1).status_code == 202
        job = Dataset.objects.get().job_id
        import_dataset(job)
        assert close(police, pk, 1, 1).json()["status"] == "imported"
        assert send(police, pk, 1, dead()).status_code == 200
        assert (in_force(), Dataset.objects.get().job_id) == (1, job)

    def test_a_key_stands_for_one_list(self, police):
        first = begin(police).json()["id"]
        other = begin(police, as_of="2022-02-01")
        assert (other.status_code, other.json()["dataset_id"]) == (409, first)
        assert Dataset.objects.count() == 1

    def test_a_page_with_a_mistake_is_refused_whole_with_each_named(self, police):
        pk = begin(police).json()["id"]
        said = send(police, pk, 1, dead(), dead("12"), dead(int(DEAD)) if DEAD.isdigit() else dead("x"))
        assert said.status_code == 422
        assert [(p["row"], p["column"]) for p in said.json()["problems"]] == [(2, "B"), (3, "B")]
        assert DEAD not in said.content.decode()
        assert not DatasetRow.objects.exists()
        assert Dataset.objects.get().pages == {}
        missing = send(police, pk, 1, {"姓名": "何霜降"})
        assert "身份证号、死亡日期" in missing.json()["problems"][0]["message"]

    def test_a_person_told_differently_on_two_pages_is_refused(self, police):
        pk = begin(police).json()["id"]
        send(police, pk, 1, dead())
        said = send(police, pk, 2, dead(day="2022-01-12"))
        assert (said.status_code, said.json()["problems"][0]["code"]) == (422, "twice")
        assert send(police, pk, 3, dead()).status_code == 200
        assert DatasetRow.objects.count() == 1

    def test_a_number_is_one_page(self, police):
        pk = begin(police).json()["id"]
        send(police, pk, 1, dead())
        said = send(police, pk, 1, dead(make_id_number(serial=88)))
        assert (said.status_code, said.json()["code"]) == (409, "page_differs")
        assert DatasetRow.objects.count() == 1

    def test_it_closes_only_when_all_of_it_is_there(self, police):
        pk = begin(police).json()["id"]
        send(police, pk, 1, dead())
        send(police, pk, 3, dead(make_id_number(serial=88)))
        assert "还缺第2页" in close(police, pk, 3, 2).json()["message"]
        assert close(police, pk, 1, 1).status_code == 422
        send(police, pk, 2, dead(make_id_number(serial=89)))
        assert close(police, pk, 3, 4).status_code == 422
        assert Dataset.objects.get().status == "collecting"
        assert close(police, pk, 3, 3).status_code == 202
        assert send(police, pk, 4, dead()).status_code == 422

    def test_what_is_never_closed_is_given_up(self, police, set_today):
        set_today("2022-03-01")
        pk = begin(police).json()["id"]
        send(police, pk, 1, dead())
        set_today("2022-03-09")
        actions.purge_datasets()
        dataset = Dataset.objects.get()
        assert (dataset.status, dataset.row_count, dataset.rows.count()) == ("refused", 0, 0)

    def test_a_colleague_adds_no_page_and_a_stranger_sees_no_list(self, police):
        pk = begin(police).json()["id"]
        colleague = client_of(make_user(K.DEPARTMENT, R.OPERATOR, make_organisation(K.DEPARTMENT, name="示范县公安局")))
        assert send(colleague, pk, 1, dead()).status_code == 403
        stranger = client_of(make_user(K.DEPARTMENT, R.OPERATOR, make_organisation(K.DEPARTMENT, name="示范县水利局")))
        assert send(stranger, pk, 1, dead()).status_code == 404
        assert begin(client_of(make_user(K.TOWNSHIP, R.OPERATOR))).status_code == 403
        assert not DatasetRow.objects.exists()


class TestEligible:
    @pytest.fixture
    def one(self, set_today) -> EligibleUnpaid:
        set_today("2022-03-17")
        load_entitlements()
        make_program(code="2080502")
        make_person("林立夏", make_id_number(dt.date(1930, 1, 1)))
        make_person("邻镇人", make_id_number(dt.date(1931, 1, 1)), area=make_area("990001102201"))
        actions.search_eligible(by=User.objects.system())
        return EligibleUnpaid.objects.get(person__name="林立夏")

    def test_a_township_lists_and_decides_its_own(self, one):
        clerk = client_of(make_user(K.TOWNSHIP, R.OPERATOR))
        (said,) = clerk.get("/api/v1/eligible-unpaid/?status=open&program=2080502").json()["results"]
        assert (said["person_name"], said["person_id_number"]) == ("林立夏", one.person.masked_id)
        url = f"/api/v1/eligible-unpaid/{one.pk}"
        assert clerk.post(f"{url}/notify/", {"note": "电话"}, format="json").json()["status"] == "notified"
        assert clerk.post(f"{url}/dismiss/", {}, format="json").status_code == 400
        assert clerk.post(f"{url}/dismiss/", {"note": "外县已领"}, format="json").json()["status"] == "not_entitled"
        assert clerk.post(f"{url}/notify/", {}, format="json").status_code == 409
        there = EligibleUnpaid.objects.get(person__name="邻镇人")
        assert clerk.post(f"/api/v1/eligible-unpaid/{there.pk}/notify/", {}, format="json").status_code == 404
        assert clerk.post("/api/v1/eligible-unpaid/search/").status_code == 403

    def test_finance_starts_a_search_and_reads_the_rules(self, one):
        finance = client_of(make_user(K.FINANCE, R.OPERATOR))
        assert finance.post("/api/v1/eligible-unpaid/search/").status_code == 202
        assert finance.get("/api/v1/entitlement-rules/").json()["results"]
        assert client_of(make_user(K.BANK, R.OPERATOR)).get("/api/v1/entitlement-rules/").json()["results"] == []

"""The ledger under /api/v1/problems/: the same rules as on the pages, refusals as code and sentence."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from programs.models import Suspicion
from selfcheck.models import Problem
from subsidy_portal.models import User
from tests import make
from tests.make import K, R
from tests.selfcheck.ledger import PDF, Staff, finish, make_problem

PROBLEMS = "/api/v1/problems/"


def as_user(user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


def post(user: User, path: str, body: Any = None, code: int = 200, **options: Any) -> Any:
    options.setdefault("format", "json")
    answer = as_user(user).post(f"{PROBLEMS}{path}", body or {}, **options)
    assert answer.status_code == code, answer.content.decode()
    return answer.json()


def test_the_whole_way(staff: Staff, confirmed: list[Suspicion]) -> None:
    made = post(staff.audit, "overpayments/", {"suspicions": [case.pk for case in confirmed]}, 201)
    at = f"{made['id']}/"
    assert (made["status"], made["recovery_due_fen"], len(made["payments"])) == ("registered", 310_000, 3)
    assert post(staff.town, f"{at}verify/")["status"] == "verified"
    plan = {"measures": "逐户追回", "leader": "局长", "owner": "股长", "due_on": "2023-03-20"}
    assert post(staff.department, f"{at}plan/", plan)["status"] == "rectifying"
    for link in made["payments"]:
        body = {"payment": link["payment"], "amount_fen": link["amount_fen"], "received_on": "2023-03-06"}
        now = post(staff.department, f"{at}recover/", body)
        recovery = now["recoveries"][-1]["id"]
        remit = {"recovery": recovery, "voucher": f"04{recovery}", "remitted_on": "2023-03-06"}
        now = post(staff.department, f"{at}remit/", remit)
    assert (now["remitted_fen"], now["missing_fen"]) == (310_000, 0)
    file = SimpleUploadedFile("凭证.pdf", PDF)
    post(staff.department, f"{at}evidence/", {"title": "凭证", "file": file}, format="multipart")
    assert post(staff.department, f"{at}request-close/")["status"] == "close_requested"
    closed = post(staff.audit_reviewer, f"{at}close/", {"note": "同意"})
    assert (closed["status"], closed["closed_on"]) == ("closed", "2023-03-06")


def test_a_problem_is_registered(staff: Staff) -> None:
    body = {
        "source": "audit", "unit": staff.bureau.pk, "year": 2023, "category": "G3-04", "title": "代管卡6张",
        "description": "审计发现。", "cards": 6,
    }  # fmt: skip
    made = post(staff.audit, "", body, 201)
    assert (made["annex2_column"], made["found_on"], made["cards"]) == (12, "2023-03-06", 6)
    refused = post(staff.audit, "", {**body, "category": "G9-99", "amount_fen": -1}, 400)
    assert set(refused["fields"]) == {"category", "amount_fen"}
    other = make.make_organisation(K.DEPARTMENT, name="示范县教育局")
    assert set(post(staff.department, "", {**body, "unit": other.pk}, 400)["fields"]) == {"unit"}
    assert post(staff.town, "", body, 403)["code"] == "not_permitted"
    assert Problem.objects.count() == 1


def test_refusals_have_a_code_and_a_sentence(staff: Staff, in_work: Problem) -> None:
    at = f"{in_work.pk}/"
    assert post(staff.department, f"{at}request-close/", code=422)["code"] == "refused"
    assert "没有缴入国库" in post(staff.department, f"{at}request-close/", code=422)["message"]
    assert post(staff.audit, f"{at}request-close/", code=403)["code"] == "not_permitted"
    in_work.refresh_from_db()
    assert in_work.status == "rectifying"


def test_closing_out_of_turn_is_a_conflict(staff: Staff, in_work: Problem) -> None:
    refused = post(staff.audit_reviewer, f"{in_work.pk}/close/", {"note": "同意"}, 409)
    assert refused["code"] == "invalid_transition"


@pytest.mark.parametrize("verb", ["verify", "plan", "recover", "remit", "evidence", "close", "publish"])
def test_another_township_gets_404_whatever_it_asks(staff: Staff, in_work: Problem, verb: str) -> None:
    neighbour = make.make_organisation(K.TOWNSHIP, make.make_area("990001102000"))
    stranger = make.make_user(K.TOWNSHIP, R.OPERATOR, neighbour)
    assert as_user(stranger).get(PROBLEMS).json()["results"] == []
    assert as_user(stranger).get(f"{PROBLEMS}{in_work.pk}/").status_code == 404
    post(stranger, f"{in_work.pk}/{verb}/", code=404, format="multipart" if verb == "evidence" else "json")


def test_a_suspicion_one_may_not_see_is_not_registered(staff: Staff, confirmed: list[Suspicion]) -> None:
    other = make.make_user(K.DEPARTMENT, R.OPERATOR, make.make_organisation(K.DEPARTMENT, name="示范县教育局"))
    post(other, "overpayments/", {"suspicions": [confirmed[0].pk]}, 404)
    assert not Problem.objects.exists()


def test_a_recovery_of_another_problem_is_not_found(staff: Staff, in_work: Problem) -> None:
    other = make_problem(staff.audit, staff.bureau, recovery_due_fen=5_000)
    Problem.objects.filter(pk=other.pk).update(status="rectifying")
    body = {"amount_fen": 5_000, "received_on": "2023-03-06"}
    recovery = post(staff.department, f"{other.pk}/recover/", body)["recoveries"][0]["id"]
    void = {"recovery": recovery, "note": "看错"}
    post(staff.department, f"{in_work.pk}/void/", void, 404)
    now = post(staff.department, f"{other.pk}/void/", void)
    assert (now["recovered_fen"], now["recoveries"][0]["void_note"]) == (0, "看错")


def test_the_comparison_answers_how_many_are_new(staff: Staff, veterans: SimpleNamespace) -> None:
    assert post(staff.audit, "find-paid-after-death/") == {"found": 3}
    assert post(staff.audit, "find-paid-after-death/") == {"found": 0}
    assert post(staff.town, "find-paid-after-death/", code=403)["code"] == "not_permitted"


def test_the_list_is_filtered(staff: Staff, in_work: Problem, set_today: Any) -> None:
    make_problem(staff.audit, staff.bureau)
    set_today("2023-04-01")

    def numbers(query: str) -> list[str]:
        return [one["number"] for one in as_user(staff.finance).get(f"{PROBLEMS}?{query}").json()["results"]]

    assert len(numbers("")) == 2
    assert numbers("overdue=true") == [in_work.number]
    assert numbers("category=G1-03&year=2022&status=rectifying") == [in_work.number]
    assert in_work.number not in numbers("overdue=false")


def test_the_answer_names_no_identifier(staff: Staff, in_work: Problem, veterans: SimpleNamespace) -> None:
    finish(in_work, staff)
    text = as_user(staff.finance).get(f"{PROBLEMS}{in_work.pk}/").content.decode()
    for payment in veterans.payments:
        assert payment.beneficiary.reveal_id_number() not in text
        assert payment.account.reveal_number() not in text

"""The money part of the API: the whole way by requests, what one may not see, masks, filters, the schema."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from disbursement import actions
from disbursement.models import Batch, Discrepancy, Order, Payment
from disbursement.simulator.bank import Banks
from subsidy_portal.models import User
from tests import make
from tests.disbursement import stage
from tests.make import K, R

pytestmark = pytest.mark.django_db(transaction=True)
API = "/api/v1"
PROGRAM_PEOPLE = [(0, 10_000), (2, 20_000)]


def client(user: User) -> APIClient:
    """A caller with the user's token, as another system would be."""
    caller = APIClient()
    caller.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.get_or_create(user=user)[0].key}")
    return caller


def get(user: User, path: str, **wanted: Any) -> Any:
    response = client(user).get(f"{API}/{path}/", wanted)
    assert response.status_code == 200, response.data
    return response.data


def post(user: User, path: str, body: dict[str, Any] | None = None, *, expect: int = 200) -> Any:
    response = client(user).post(f"{API}/{path}/", body or {}, format="json")
    assert response.status_code == expect, response.data
    return response.data


def work(banks: Banks) -> None:
    stage.send_all()
    banks.round()
    stage.collect_all()


def test_a_batch_goes_its_whole_way_by_requests(desk: stage.Desk, banks: Banks, day: Callable[[str], None]) -> None:
    bank = make.make_bank()
    program = make.make_program()
    make.make_fund_plan(program, year=2022)
    people = [(stage.person_paid_at(bank, outcome), fen) for outcome, fen in PROGRAM_PEOPLE]
    stage.accepted_roster(people, program=program)

    made = post(desk.finance, "batches", {"program": program.code, "period": "2022-03"}, expect=201)
    at = f"batches/{made['id']}"
    assert (made["status"], made["totals"]["planned_fen"], made["totals"]["ready_count"]) == ("draft", 30_000, 2)
    assert post(desk.finance, f"{at}/submit")["status"] == "submitted"
    assert post(desk.finance, f"{at}/approve", expect=403)["code"] == "not_permitted"
    assert post(desk.reviewer, f"{at}/approve")["status"] == "approved"
    wrong = post(desk.approver, f"{at}/release", {"amount": "300.01"}, expect=400)
    assert wrong["code"] == "invalid"
    assert "应放行的是 300.00 元" in wrong["fields"]["amount"][0]
    assert post(desk.approver, f"{at}/release", {"amount": "300.00"})["status"] == "paying"
    work(banks)

    totals = get(desk.finance, at)["totals"]
    assert (totals["paid_fen"], totals["failed_fen"], totals["count"]) == (10_000, 20_000, 2)
    failed = get(desk.town, "payments", status="failed")["results"]
    assert [item["failure_code"] for item in failed] == ["F02"]
    body = {
        "payment": failed[0]["id"],
        "number": make.make_account_number(),
        "bank": bank.organisation.pk,
        "reason": "本人已换新社保卡",
    }
    correction = post(desk.town, "corrections", body, expect=201)
    assert (correction["status"], correction["amount_fen"]) == ("proposed", 20_000)
    assert post(desk.town_reviewer, f"corrections/{correction['id']}/approve")["status"] == "approved"
    reissue = post(desk.department, "reissues", {"batch": made["id"]}, expect=201)
    assert (reissue["count"], reissue["amount_fen"]) == (1, 20_000)
    post(desk.approver, f"reissues/{reissue['id']}/release", {"amount": "1"}, expect=400)
    assert post(desk.approver, f"reissues/{reissue['id']}/release", {"amount": "200.00"})["status"] == "released"
    work(banks)
    assert get(desk.finance, at)["totals"]["paid_fen"] == 30_000

    day("2022-03-31")
    work(banks)
    prepared = post(desk.finance, "months", {"month": "2022-03"}, expect=201)
    assert (prepared["month"], prepared["difference_fen"]) == ("2022-03", 0)
    assert post(desk.reviewer, "months/2022-03/close")["status"] == "closed"
    assert get(desk.finance, at)["status"] == "closed"
    told = get(desk.finance, "statistics", year=2022, as_of="2022-03-31")
    assert (told["batches"], told["payments"], told["amount_fen"], told["success_rate"]) == (1, 2, 30_000, "100.00%")


def test_steps_back_need_a_reason(desk: stage.Desk) -> None:
    batch = stage.approve(desk, stage.make_batch(desk, [0]))
    assert "note" in post(desk.approver, f"batches/{batch.pk}/return", expect=400)["fields"]
    back = post(desk.approver, f"batches/{batch.pk}/return", {"note": "金额再核"})
    assert (back["status"], back["return_note"]) == ("draft", "金额再核")
    stage.release(desk, Batch.objects.get(pk=batch.pk))
    assert post(desk.reviewer, f"batches/{batch.pk}/hold", {"note": "银行停机"})["status"] == "held"
    assert "note" in post(desk.reviewer, f"batches/{batch.pk}/resume", expect=400)["fields"]
    assert post(desk.reviewer, f"batches/{batch.pk}/resume", {"note": "已核实"})["status"] == "paying"


def test_the_same_step_twice_is_a_conflict(desk: stage.Desk) -> None:
    batch = stage.make_batch(desk, [0])
    post(desk.finance, f"batches/{batch.pk}/submit")
    assert post(desk.finance, f"batches/{batch.pk}/submit", expect=409)["code"] == "invalid_transition"


def test_what_one_may_not_see_does_not_exist(desk: stage.Desk, banks: Banks) -> None:
    batch = stage.pay(desk, banks, [0, 2])
    payment = batch.payments.get(status="failed")
    correction = actions.propose_correction(
        payment, number=make.make_account_number(), bank=payment.account.bank, kind="ssc", reason="换了新卡",
        actor=desk.town,
    )  # fmt: skip
    paths = [
        f"batches/{batch.pk}",
        f"payments/{payment.pk}",
        f"orders/{batch.orders.get().pk}",
        f"corrections/{correction.pk}",
    ]
    elsewhere = make.make_organisation(K.TOWNSHIP, make.make_area("990001103000"))
    strangers = [
        make.make_user(K.TOWNSHIP, R.OPERATOR, elsewhere),
        make.make_user(K.DEPARTMENT, R.OPERATOR, make.make_organisation(K.DEPARTMENT, name="示范县教育局")),
        make.make_user(K.BANK, R.OPERATOR, make.make_bank("C").organisation),
        make.make_user(K.FINANCE, R.ADMINISTRATOR),
    ]
    for stranger in strangers:
        for path in paths:
            response = client(stranger).get(f"{API}/{path}/")
            assert (response.status_code, response.data["code"]) == (404, "not_found"), (stranger, path)
            assert get(stranger, path.split("/")[0])["results"] == []
    body = {
        "payment": payment.pk,
        "number": make.make_account_number(),
        "bank": payment.account.bank_id,
        "reason": "新卡",
    }
    post(strangers[0], "corrections", body, expect=404)
    for path in paths:
        assert client(desk.finance).get(f"{API}/{path}/").status_code == 200
    assert APIClient().get(f"{API}/payments/").status_code in {401, 403}


def test_the_books_are_for_the_county(desk: stage.Desk, banks: Banks) -> None:
    stage.pay(desk, banks, [0])
    actions.prepare_month(Order.objects.get().made_at.date(), actor=desk.finance)
    assert len(get(desk.finance, "months")["results"]) == 1
    assert get(desk.town, "months")["results"] == []
    assert client(desk.town).get(f"{API}/months/2022-03/").status_code == 404
    assert client(desk.finance).get(f"{API}/months/2022-13/").status_code == 404


def test_payments_are_masked_and_filtered(desk: stage.Desk, banks: Banks) -> None:
    first, second = stage.pay(desk, banks, [0, 2]), stage.pay(desk, banks, [0])
    answer = client(desk.finance).get(f"{API}/payments/")
    text = answer.content.decode()
    for payment in (*first.payments.all(), *second.payments.all()):
        assert payment.account.reveal_number() not in text
        assert payment.beneficiary.reveal_id_number() not in text
        assert payment.account.number_last4 in text

    def found(**wanted: str) -> int:
        return len(get(desk.finance, "payments", **wanted)["results"])

    assert found() == 3
    assert found(batch=first.number) == 2
    assert found(program=second.program.code) == 1
    assert found(status="failed") == 1
    assert found(failure_code="F02", period="2022-03") == 1
    assert found(area="990001101") == 3
    assert found(area="990002") == 0
    page = get(desk.finance, "payments", page_size=2)
    assert (len(page["results"]), bool(page["next"])) == (2, True)


def test_a_bad_account_number_is_named_and_nothing_is_stored(desk: stage.Desk, banks: Banks) -> None:
    payment = stage.pay(desk, banks, [2]).payments.get()
    body = {"payment": payment.pk, "number": "6217990012345678900", "bank": payment.account.bank_id, "reason": "新卡"}
    answer = post(desk.town, "corrections", body, expect=400)
    assert "校验位" in answer["fields"]["number"][0]
    assert not payment.corrections.exists()


def test_a_discrepancy_is_resolved_with_words(desk: stage.Desk, home: Any) -> None:
    bank = make.make_bank()
    (stage.inbox(home, bank) / "HP01_rubbish.txt").write_bytes(b"not a result file")
    stage.collect_all()
    item = Discrepancy.objects.get()
    assert get(desk.finance, "discrepancies", status="open", kind="quarantine")["results"][0]["id"] == item.pk
    post(desk.finance, f"discrepancies/{item.pk}/resolve", expect=400)
    done = post(desk.finance, f"discrepancies/{item.pk}/resolve", {"resolution": "银行误放，已电话核对"})
    assert (done["status"], done["resolved_by"]) == ("resolved", desk.finance.display_name)


def test_the_list_of_batches_asks_the_same_number_of_questions_for_any_number(
    desk: stage.Desk, django_assert_num_queries: Any
) -> None:
    stage.make_batch(desk, [0])
    caller = client(desk.finance)
    caller.get(f"{API}/batches/")
    with django_assert_num_queries(6):
        caller.get(f"{API}/batches/")
    for _ in range(3):
        stage.make_batch(desk, [0])
    with django_assert_num_queries(6):
        assert len(caller.get(f"{API}/batches/").data["results"]) == 4


def test_the_schema_is_valid_and_without_warnings(tmp_path: Any) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yml"))
    schema = (tmp_path / "schema.yml").read_text()
    for path in (
        "batches/{id}/release",
        "corrections/{id}/approve",
        "reissues/",
        "months/{month}/close",
        "statistics/",
    ):
        assert f"{API}/{path}" in schema


def test_a_reissue_tells_a_township_of_its_own_corrections_only(desk: stage.Desk, banks: Banks) -> None:
    batch = stage.pay(desk, banks, [2, 2])
    here, there = batch.payments.order_by("pk")
    for payment in (here, there):
        correction = actions.propose_correction(
            payment, number=make.make_account_number(), bank=payment.account.bank, kind="ssc", reason="换了新卡",
            actor=desk.town,
        )  # fmt: skip
        actions.approve_correction(correction, actor=desk.town_reviewer)
    batch.refresh_from_db()
    actions.make_reissue(batch, actor=desk.department)
    Payment.objects.filter(pk=there.pk).update(area=make.make_area("990001103201"))
    (seen,) = get(desk.town, "reissues")["results"]
    assert (seen["count"], seen["amount_fen"]) == (1, here.amount_fen)
    (seen,) = get(desk.finance, "reissues")["results"]
    assert (seen["count"], seen["amount_fen"]) == (2, here.amount_fen + there.amount_fen)

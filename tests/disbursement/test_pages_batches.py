"""Pages of batches: who sees which part, what the release asks for, what is live."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from disbursement.models import Batch, Order
from disbursement.simulator.bank import Banks
from disbursement.statistics import Share
from disbursement.views.statistics import rate
from subsidy_portal import desk as desks
from subsidy_portal.models import User
from tests import make
from tests.disbursement import stage
from tests.disbursement.stage import Login
from tests.make import K, R

pytestmark = pytest.mark.django_db(transaction=True)


def page(batch: Batch) -> str:
    return reverse("disbursement:batch", args=(batch.pk,))


def act(batch: Batch, verb: str) -> str:
    return reverse("disbursement:batch-act", args=(batch.pk, verb))


def queries(client: Client, url: str) -> int:
    client.get(url)  # sessions and caches are warm from the second time on
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


# --- Queries -----------------------------------------------------------------------------------------------


def test_the_list_asks_the_same_number_of_questions_for_any_number_of_batches(desk: stage.Desk, login: Login) -> None:
    client = login(desk.finance)
    stage.make_batch(desk, [0])
    one = queries(client, reverse("disbursement:batch-list"))
    for _ in range(3):
        stage.make_batch(desk, [0, 0])
    assert queries(client, reverse("disbursement:batch-list")) == one == 12


def test_the_page_asks_the_same_number_of_questions_for_any_number_of_payments(
    desk: stage.Desk, banks: Banks, login: Login
) -> None:
    client = login(desk.finance)
    small = stage.pay(desk, banks, [0, 2, 15])
    large = stage.pay(desk, banks, [0, 0, 0, 2, 2, 3, 15, 15])
    asked = queries(client, page(small))
    assert queries(client, page(large)) == asked == 35


# --- Steps and release -------------------------------------------------------------------------------------


def test_the_amount_typed_again_must_be_the_planned_one_to_the_fen(desk: stage.Desk, login: Login) -> None:
    batch = stage.approve(desk, stage.make_batch(desk, [0, 0]))
    client = login(desk.approver)
    for typed in ("200.00", "二百", "", "20001"):
        response = client.post(act(batch, "release"), {"amount": typed})
        assert response.status_code == 422
        batch.refresh_from_db()
        assert batch.status == "approved"
    assert not Order.objects.exists()
    assert "应放行的是 200.01 元" in client.post(act(batch, "release"), {"amount": "1"}).content.decode()
    assert client.post(act(batch, "release"), {"amount": "200.01"}).status_code == 302
    batch.refresh_from_db()
    assert batch.status == "paying"


def test_only_a_third_person_gets_the_form_and_the_others_read_why(desk: stage.Desk, login: Login) -> None:
    batch = stage.approve(desk, stage.make_batch(desk, [0]))
    assert 'name="amount"' in login(desk.approver).get(page(batch)).content.decode()
    Batch.objects.filter(pk=batch.pk).update(approved_by=desk.approver)
    signed = login(desk.approver).get(page(batch)).content.decode()
    assert "您已复核，须由他人批准。" in signed
    assert 'name="amount"' not in signed
    assert "您已经办，须由他人批准。" in login(desk.finance).get(page(batch)).content.decode()
    assert "由财政批准岗放行。" in login(desk.department).get(page(batch)).content.decode()


def test_a_signer_who_posts_anyway_is_refused_with_a_sentence(desk: stage.Desk, login: Login) -> None:
    batch = stage.approve(desk, stage.make_batch(desk, [0]))
    client = login(desk.finance)
    response = client.post(
        act(batch, "release"), {"amount": "100.00"}, headers={"referer": f"http://testserver{page(batch)}"}
    )
    assert response.url.endswith(page(batch))
    assert "您的岗位不能办这一步。" in client.get(page(batch)).content.decode()
    batch.refresh_from_db()
    assert batch.status == "approved"


def test_a_step_back_says_why(desk: stage.Desk, login: Login) -> None:
    batch = stage.approve(desk, stage.make_batch(desk, [0]))
    client = login(desk.approver)
    assert client.post(act(batch, "return"), {"note": " "}).status_code == 422
    client.post(act(batch, "return"), {"note": "金额要再核"})
    batch.refresh_from_db()
    assert (batch.status, batch.return_note) == ("draft", "金额要再核")
    assert "金额要再核" in login(desk.finance).get(page(batch)).content.decode()


def test_a_paused_batch_goes_on_after_its_reason(desk: stage.Desk, login: Login) -> None:
    batch = stage.make_batch(desk, [0])
    stage.release(desk, batch)
    client = login(desk.reviewer)
    client.post(act(batch, "hold"), {"note": "银行系统升级"})
    assert "银行系统升级" in client.get(page(batch)).content.decode()
    client.post(act(batch, "resume"), {"note": "已核实"})
    batch.refresh_from_db()
    assert batch.status == "paying"


def test_steps_are_posts_and_unknown_ones_do_not_exist(desk: stage.Desk, login: Login) -> None:
    batch = stage.make_batch(desk, [0])
    client = login(desk.finance)
    assert client.get(act(batch, "submit")).status_code == 405
    assert client.post(act(batch, "pay-twice")).status_code == 404
    client.post(act(batch, "submit"))
    batch.refresh_from_db()
    assert batch.status == "submitted"


def test_new_batches_show_the_plan_before_and_after(desk: stage.Desk, login: Login) -> None:
    program = make.make_program()
    make.make_fund_plan(program, 50_000, year=2022)
    people = [(make.make_person(), 30_000), (make.make_person(), 40_000)]
    stage.accepted_roster(people, program=program)
    client = login(desk.finance)
    url = reverse("disbursement:batch-new")
    shown = client.get(url).content.decode()
    assert all(text in shown for text in ("700.00", "500.00", "−200.00", "余额不够"))
    client.post(url, {"program": program.pk, "period": "2022-03"})
    batch = Batch.objects.get()
    assert batch.payments.count() == 2
    assert "没有等着编批的清册" in client.get(url).content.decode()


# --- Live part ---------------------------------------------------------------------------------------------


def test_progress_is_polled_while_paying_and_reloads_the_page_once_the_status_moved(
    desk: stage.Desk, banks: Banks, login: Login
) -> None:
    batch = stage.make_batch(desk, [0, 1])
    client = login(desk.finance)
    progress = reverse("disbursement:batch-progress", args=(batch.pk,))
    assert "hx-trigger" not in client.get(page(batch)).content.decode()
    stage.release(desk, batch)
    assert f'hx-get="{progress}?seen=paying&amp;answered=' in client.get(page(batch)).content.decode()
    assert 'id="orders"' in client.get(progress, {"seen": "paying"}).content.decode()
    stage.send_all()
    banks.round()
    stage.collect_all()
    assert client.get(progress, {"seen": "paying"})["HX-Refresh"] == "true"
    settled = client.get(page(batch)).content.decode()
    assert "hx-trigger" not in settled
    assert "失败 1 笔，100.01 元" in settled


def test_the_three_ways_tie_and_say_where_the_rest_is(
    desk: stage.Desk, banks: Banks, day: Callable[[str], None], login: Login
) -> None:
    batch = stage.pay(desk, banks, [0, 0, 1])
    client = login(desk.finance)
    before = client.get(page(batch)).content.decode()
    assert "对账单还差 200.01 元" in before
    assert "失败 100.02" in before
    day("2022-03-06")
    banks.round()
    stage.collect_all()
    assert "三方相符" in client.get(page(batch)).content.decode()


def test_a_changed_row_shows_before_the_release(desk: stage.Desk, login: Login) -> None:
    batch = stage.approve(desk, stage.make_batch(desk, [0, 0]))
    client = login(desk.approver)
    assert "公示、批准、发送名单一致" in client.get(page(batch)).content.decode()
    row = batch.payments.first().row
    row.account = make.make_account(row.payee)
    row.save()
    assert "公示、批准、发送名单不一致" in client.get(page(batch)).content.decode()
    client.post(act(batch, "release"), {"amount": "200.01"})
    batch.refresh_from_db()
    assert batch.status == "held"
    assert "名单与公示不一致" in client.get(page(batch)).content.decode()


# --- Who sees what -----------------------------------------------------------------------------------------


def test_a_township_sees_its_own_part_and_nothing_of_others(desk: stage.Desk, login: Login) -> None:
    program = make.make_program()
    make.make_fund_plan(program, year=2022)
    other = make.make_area("990001102000")
    far = make.make_person("蓝处暑", area=make.make_area("990001102201"))
    stage.accepted_roster([(make.make_person("温谷雨"), 10_000)], program=program)
    stage.accepted_roster([(far, 77_700)], program=program, area=other)
    actions_batch = make_and_release(desk, program)
    shown = login(desk.town).get(page(actions_batch)).content.decode()
    assert "应发 100.00 元" in shown
    assert "777.00" not in shown
    stranger = make.make_user(
        K.TOWNSHIP, R.OPERATOR, make.make_organisation(K.TOWNSHIP, make.make_area("990001103000"))
    )
    assert login(stranger).get(page(actions_batch)).status_code == 404
    assert actions_batch.number not in login(stranger).get(reverse("disbursement:batch-list")).content.decode()


def make_and_release(desk: stage.Desk, program: object) -> Batch:
    from disbursement import actions

    batch = actions.make_batch(program, "2022-03", actor=desk.finance)  # type: ignore[arg-type]
    stage.release(desk, batch)
    return batch


def test_a_bank_sees_its_own_orders_and_payments_only(desk: stage.Desk, login: Login) -> None:
    near, far = make.make_bank("N"), make.make_bank("C")
    program = make.make_program()
    make.make_fund_plan(program, year=2022)
    stage.accepted_roster(
        [
            (stage.person_paid_at(near), 10_000),
            (stage.person_paid_at(near), 10_000),
            (stage.person_paid_at(far), 55_500),
        ],
        program=program,
    )
    batch = make_and_release(desk, program)
    clerk = make.make_user(K.BANK, R.VIEWER, near.organisation)
    shown = login(clerk).get(page(batch)).content.decode()
    assert "应发 200.00 元" in shown
    assert "555.00" not in shown
    assert "资金计划" not in shown
    theirs = Order.objects.get(bank=far)
    assert theirs.ref not in shown
    assert login(clerk).get(reverse("disbursement:order", args=(theirs.pk,))).status_code == 404


def test_another_department_and_an_administrator_see_nothing(desk: stage.Desk, login: Login) -> None:
    batch = stage.make_batch(desk, [0])
    stranger = make.make_user(K.DEPARTMENT, R.OPERATOR, make.make_organisation(K.DEPARTMENT, name="示范县教育局"))
    assert login(stranger).get(page(batch)).status_code == 404
    for kind in (K.FINANCE, K.BANK):
        organisation = make.make_bank().organisation if kind == K.BANK else None
        administrator = make.make_user(kind, R.ADMINISTRATOR, organisation)
        assert login(administrator).get(page(batch)).status_code == 404
        assert login(administrator).get(reverse("disbursement:batch-list")).status_code == 404


def test_an_order_shows_its_lines_masked_with_the_hash_of_its_file(
    desk: stage.Desk, banks: Banks, login: Login
) -> None:
    batch = stage.pay(desk, banks, [0, 2])
    order = batch.orders.get()
    shown = login(desk.finance).get(reverse("disbursement:order", args=(order.pk,))).content.decode()
    account = batch.payments.first().account
    assert account.number_last4 in shown
    assert account.reveal_number() not in shown
    assert order.files.get(direction="out").sm3[:16] in shown
    only_failed = login(desk.finance).get(reverse("disbursement:order", args=(order.pk,)), {"status": "failed"})
    assert len(only_failed.context["page"].rows) == 1


# --- Desk and search ---------------------------------------------------------------------------------------


def test_each_desk_is_told_what_waits_for_it(desk: stage.Desk, login: Login) -> None:
    def kinds(user: User) -> list[str]:
        return [item.kind for item in desks.waiting(user) if item.menu == "batches"]

    batch = stage.make_batch(desk, [0])
    assert (kinds(desk.finance), kinds(desk.reviewer), kinds(desk.approver)) == (["批次提交"], [], [])
    stage.approve(desk, batch)
    assert (kinds(desk.finance), kinds(desk.reviewer), kinds(desk.approver)) == ([], [], ["批次放行"])
    Batch.objects.filter(pk=batch.pk).update(approved_by=desk.approver)
    assert kinds(desk.approver) == []


def test_accepted_rosters_wait_for_a_batch(desk: stage.Desk) -> None:
    stage.accepted_roster([(make.make_person(), 10_000)])
    assert [item.kind for item in desks.waiting(desk.finance)] == ["编批"]


def test_a_number_leads_to_its_page_only_for_who_may_see_it(desk: stage.Desk, login: Login) -> None:
    batch = stage.make_batch(desk, [0])
    order = stage.release(desk, batch)[0]
    client = login(desk.finance)
    for text in (batch.number, batch.number.lower()):
        assert client.post(reverse("search"), {"q": text}).url == page(batch)
    line = order.attempts.first()
    assert client.post(reverse("search"), {"q": order.ref}).url == reverse("disbursement:order", args=(order.pk,))
    assert client.post(reverse("search"), {"q": line.ref}).url.startswith(
        reverse("disbursement:order", args=(order.pk,))
    )
    stranger = make.make_user(
        K.TOWNSHIP, R.OPERATOR, make.make_organisation(K.TOWNSHIP, make.make_area("990001103000"))
    )
    assert login(stranger).post(reverse("search"), {"q": batch.number}).status_code == 200


# --- Funds and statistics ----------------------------------------------------------------------------------


def test_the_balance_of_a_plan_moves_from_committed_to_paid(desk: stage.Desk, banks: Banks, login: Login) -> None:
    batch = stage.pay(desk, banks, [0, 1])
    url = reverse("disbursement:fund-balance", args=(batch.plan_id,))
    shown = login(desk.finance).get(url).content.decode()
    assert all(text in shown for text in ("1,000,000.00", "100.00", "100.01", "999,799.99"))


def test_statistics_say_the_official_sentence_for_any_day(
    desk: stage.Desk, banks: Banks, day: Callable[[str], None], login: Login
) -> None:
    stage.pay(desk, banks, [0, 0, 0, 1], fen=1_000_000)
    day("2022-04-01")
    client = login(desk.finance)
    url = reverse("disbursement:statistics")
    now = client.get(url).content.decode()
    assert all(f"{text}</b>" in now for text in ("1 项", "1 个批次", "4.00 万元", "4 人次", "75.00%", "100.00%"))
    assert "还没有放行过批次" in client.get(url, {"year": 2022, "as_of": "2022-03-04"}).content.decode()
    later = client.get(url, {"year": 2022, "as_of": "2099-01-01"})
    assert later.context["as_of"] == dt.date(2022, 4, 1)


def test_rates_round_half_up() -> None:
    assert rate(Share(payments=271_733, paid=270_700)) == 9_962
    assert rate(Share()) == 10_000

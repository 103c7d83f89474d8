"""Released bank by bank, with the names asked before: each part leaves once, the rest waits, nobody is forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.urls import reverse

from disbursement import actions, names, tasks
from disbursement.audit import run_audit
from disbursement.models import Bank, Batch, NameCheck
from disbursement.shares import AccountShort, fiscal_accounts, ready_shares
from disbursement.simulator.bank import HALVES, Banks
from disbursement.simulator.gateway import open_gateway
from disbursement.simulator.ledger import debits_by_ref
from disbursement.simulator.terms import Entry
from subsidy_portal.jobs import Job
from subsidy_portal.models import Event
from subsidy_portal.workflow import InvalidTransition, NotPermitted, Refused
from tests import make
from tests.disbursement import stage

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def two_banks(desk: stage.Desk) -> Batch:
    """An approved batch: two payments at N, one at C."""
    near, far = make.make_bank("N"), make.make_bank("C")
    people = [(stage.person_paid_at(bank), 10_000 + n) for n, bank in enumerate((near, near, far))]
    program = make.make_program()
    make.make_fund_plan(program, year=2022)
    stage.accepted_roster(people, program=program)
    return stage.approve(desk, actions.make_batch(program, "2022-03", actor=desk.finance))


def at(code: str) -> int:
    return Bank.objects.get(code=code).pk


def test_a_part_leaves_and_the_rest_waits_for_its_own_release(two_banks: Batch, desk: stage.Desk, banks: Banks) -> None:
    actions.release_batch(two_banks, banks=[at("C")], actor=desk.approver)
    stage.send_all()
    banks.round()
    stage.collect_all()
    two_banks.refresh_from_db()
    assert (two_banks.status, stage.statuses(two_banks)) == ("paying", ["ready", "ready", "paid"])
    assert [finding.name for finding in run_audit() if not finding.holds] == []

    actions.release_batch(two_banks, actor=desk.approver)
    stage.send_all()
    banks.round()
    stage.collect_all()
    two_banks.refresh_from_db()
    assert (two_banks.status, stage.statuses(two_banks)) == ("settled", ["paid"] * 3)
    assert len(debits_by_ref(banks.ledger)) == 3
    with pytest.raises(InvalidTransition):
        actions.release_batch(two_banks, actor=desk.approver)


def test_the_rest_is_released_by_nobody_who_signed_before(two_banks: Batch, desk: stage.Desk) -> None:
    actions.release_batch(two_banks, banks=[at("C")], actor=desk.approver)
    other = make.make_user(make.K.FINANCE, make.R.APPROVER)
    Batch.objects.filter(pk=two_banks.pk).update(made_by=other)
    two_banks.refresh_from_db()
    with pytest.raises(NotPermitted):
        actions.release_batch(two_banks, actor=other)


def test_a_reissue_takes_nothing_of_a_part_that_was_not_released(desk: stage.Desk, banks: Banks) -> None:
    near, far = make.make_bank("N"), make.make_bank("C")
    people = [(stage.person_paid_at(near, 3), 10_000), (stage.person_paid_at(far), 10_001)]
    program = make.make_program()
    make.make_fund_plan(program, year=2022)
    stage.accepted_roster(people, program=program)
    batch = stage.approve(desk, actions.make_batch(program, "2022-03", actor=desk.finance))
    actions.release_batch(batch, banks=[at("N")], actor=desk.approver)
    stage.send_all()
    banks.round()
    stage.collect_all()
    correction = actions.propose_correction(
        batch.payments.get(status="failed"), number=make.make_account_number(), bank=near.organisation, kind="ssc",
        reason="本人换了新卡", actor=desk.town,
    )  # fmt: skip
    actions.approve_correction(correction, actor=desk.town_reviewer)
    actions.release_reissue(actions.make_reissue(batch, actor=desk.department), actor=desk.approver)
    assert stage.statuses(batch) == ["in_flight", "ready"]


def test_on_the_page_the_amount_is_that_of_the_chosen_banks(
    two_banks: Batch, desk: stage.Desk, login: stage.Login
) -> None:
    browser = login(desk.approver)
    page = reverse("disbursement:batch", args=[two_banks.pk])
    assert "放行哪些银行的" in browser.get(page).content.decode()
    act = reverse("disbursement:batch-act", args=[two_banks.pk, "release"])
    wrong = browser.post(act, {"banks": [at("C")], "amount": "300.03"})
    assert wrong.status_code == 422
    assert "100.02" in wrong.content.decode()
    assert browser.post(act, {"banks": [at("C")], "amount": "100.02"}).status_code == 302
    rest = browser.get(page).content.decode()
    assert "200.01" in rest, "the rest is offered with its own amount"
    assert browser.post(act, {"amount": "200.01"}).status_code == 302
    assert stage.statuses(two_banks) == ["in_flight"] * 3


def test_before_the_release_each_account_of_the_county_is_held_against_its_part(
    two_banks: Batch, desk: stage.Desk, login: stage.Login, home: Path
) -> None:
    near = Bank.objects.get(code="N")
    half = Entry("C", 15_000, "", "F1", "国库拨入")
    file = HALVES[near.kind].statement(1, "20220305", near.unit_number, near.fiscal_account, 0, 15_000, [half])
    stage.deliver(home, near, file.content)
    accounts = {line.name: line for line in fiscal_accounts(ready_shares(two_banks))}
    rich, unknown = accounts["示范N银行"], accounts["示范C银行"]
    assert (rich.balance_fen, rich.now_fen, rich.short_fen) == (15_000, 20_001, 5_001)
    assert (unknown.stated_on, unknown.now_fen) == (None, 10_002)
    page = login(desk.approver).get(reverse("disbursement:batch", args=[two_banks.pk])).content.decode()
    assert "要拨入 50.01" in page
    assert "还没有对账单" in page


# --- names ---


@pytest.fixture
def asked(desk: stage.Desk, home: Path) -> Iterator[Batch]:
    """An approved batch at a bank that can be asked: three payments, the second account in another name."""
    with open_gateway(home, home / "exchange"):
        bank = make.make_bank("N", kind="xml_gateway")
        yield stage.approve(desk, stage.make_batch(desk, [0, 2, 0], bank=bank))


def ask(batch: Batch, desk: stage.Desk) -> Job:
    job = actions.ask_names(batch, actor=desk.finance)
    tasks.ask_names(job.pk)
    job.refresh_from_db()
    return job


def test_money_does_not_leave_before_the_names_were_asked(asked: Batch, desk: stage.Desk) -> None:
    with pytest.raises(Refused, match="核验户名"):
        actions.release_batch(asked, actor=desk.approver)


def test_another_name_is_held_singly_and_the_rest_goes_on(asked: Batch, desk: stage.Desk, banks: Banks) -> None:
    job = ask(asked, desk)
    assert (job.status, "1" in job.message) == ("done", True)
    assert stage.statuses(asked) == ["ready", "held", "ready"], "who releases sees what will leave"
    actions.release_batch(asked, actor=desk.approver)
    assert stage.statuses(asked) == ["in_flight", "held", "in_flight"]
    assert asked.payments.get(status="held").failure_code == "F02"
    stage.send_all()
    banks.round()
    stage.collect_all()
    assert stage.statuses(asked) == ["paid", "held", "paid"]
    assert [finding.name for finding in run_audit() if not finding.holds] == []


def test_the_page_of_a_batch_with_a_held_payment_ties(
    asked: Batch, desk: stage.Desk, banks: Banks, login: stage.Login
) -> None:
    ask(asked, desk)
    actions.release_batch(asked, actor=desk.approver)
    stage.send_all()
    banks.round()
    stage.collect_all()
    page = login(desk.finance).get(reverse("disbursement:batch", args=[asked.pk])).content.decode()
    assert "三方对不上" not in page
    assert "未发送 1 笔" in page
    assert "失败 1 笔" in page


def test_what_was_held_is_corrected_and_paid_like_a_failure(asked: Batch, desk: stage.Desk, banks: Banks) -> None:
    ask(asked, desk)
    actions.release_batch(asked, actor=desk.approver)
    stage.send_all()
    banks.round()
    stage.collect_all()
    held = asked.payments.get(status="held")
    correction = actions.propose_correction(
        held, number=make.make_account_number(), bank=Bank.objects.get().organisation, kind="ssc",
        reason="本人换了新卡", actor=desk.town,
    )  # fmt: skip
    actions.approve_correction(correction, actor=desk.town_reviewer)
    actions.release_reissue(actions.make_reissue(asked, actor=desk.department), actor=desk.approver)
    stage.send_all()
    banks.round()
    stage.collect_all()
    assert stage.statuses(asked) == ["paid"] * 3
    assert len(debits_by_ref(banks.ledger)) == 3


def test_an_answer_is_believed_for_a_while(asked: Batch, desk: stage.Desk) -> None:
    ask(asked, desk)
    assert not names.unchecked(asked).exists()
    with pytest.raises(Refused, match="没有要核验"):
        actions.ask_names(asked, actor=desk.finance)
    NameCheck.objects.update(checked_at="2021-01-01T00:00:00+08:00")
    assert names.unchecked(asked).count() == 2, "what is held waits for its correction"


def test_a_bank_that_cannot_be_asked_holds_nobody_up(two_banks: Batch) -> None:
    assert not names.unchecked(two_banks).exists()


def _deposit_of(batch: Batch, home: Path, fen: int) -> Bank:
    """Bank N keeps the county's own money: its last statement ends with ``fen``."""
    near = Bank.objects.get(code="N")
    Bank.objects.filter(pk=near.pk).update(pays_from="deposit")
    funds = [Entry("C", fen, "", "F1", "国库拨入")]
    file = HALVES[near.kind].statement(1, "20220305", near.unit_number, near.fiscal_account, 0, fen, funds)
    stage.deliver(home, near, file.content)
    return near


def test_a_deposit_account_that_is_too_small_stops_the_release(two_banks: Batch, desk: stage.Desk, home: Path) -> None:
    _deposit_of(two_banks, home, 15_000)
    with pytest.raises(AccountShort, match=r"示范N银行还要拨入50\.01元"):
        actions.release_batch(two_banks, actor=desk.approver)
    assert stage.statuses(two_banks) == ["ready"] * 3
    actions.release_batch(two_banks, banks=[at("C")], actor=desk.approver)
    assert "in_flight" in stage.statuses(two_banks), "the other bank's part is not held up"


def test_who_releases_it_all_the_same_says_who_puts_the_money_in(
    two_banks: Batch, desk: stage.Desk, home: Path, login: stage.Login
) -> None:
    _deposit_of(two_banks, home, 15_000)
    browser = login(desk.approver)
    act = reverse("disbursement:batch-act", args=[two_banks.pk, "release"])
    banks = [at("N"), at("C")]
    refused = browser.post(act, {"banks": banks, "amount": "300.03"})
    assert refused.status_code == 422
    assert "还要拨入50.01元" in refused.content.decode()
    told = {"banks": banks, "amount": "300.03", "funding": "国库股今日15时前拨入"}
    assert browser.post(act, told).status_code == 302
    assert stage.statuses(two_banks) == ["in_flight"] * 3
    event = Event.objects.get(subject_type="disbursement.batch", new_status="paying")
    assert event.note == "国库股今日15时前拨入"


def test_a_full_deposit_account_asks_nothing(two_banks: Batch, desk: stage.Desk, home: Path) -> None:
    _deposit_of(two_banks, home, 20_001)
    actions.release_batch(two_banks, actor=desk.approver)
    assert stage.statuses(two_banks) == ["in_flight"] * 3

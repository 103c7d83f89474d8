"""Statement lines without our reference: two proven rules match one and only one; the rest is shown, never guessed."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from disbursement import actions
from disbursement.audit import run_audit
from disbursement.banks.reading import words_of
from disbursement.candidates import candidates
from disbursement.models import Batch, Discrepancy, EntryMatch, StatementEntry
from disbursement.simulator.bank import HALVES
from disbursement.simulator.terms import Entry
from subsidy_portal.workflow import Refused
from tests import make
from tests.disbursement import stage

pytestmark = pytest.mark.django_db(transaction=True)


def release_and_answer(desk: stage.Desk, home: Path, fens: list[int]) -> Batch:
    bank = make.make_bank()
    people = [(stage.person_paid_at(bank), fen) for fen in fens]
    program = make.make_program()
    make.make_fund_plan(program, year=2022)
    stage.accepted_roster(people, program=program)
    batch = actions.make_batch(program, "2022-03", actor=desk.finance)
    stage.release(desk, batch)
    stage.send_all()
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(a) for a in stage.attempts(batch)]))
    return batch


def state(home: Path, *entries: Entry) -> None:
    bank = make.make_bank()
    need = sum(entry.amount for entry in entries)
    booked = [Entry("C", need, "", "F1", "国库拨入"), *entries]
    file = HALVES[bank.kind].statement(1, "20220305", bank.unit_number, bank.fiscal_account, 0, 0, booked)
    stage.deliver(home, bank, file.content)


def rules() -> list[str]:
    return sorted(StatementEntry.objects.filter(kind="debit").values_list("matched_by", flat=True))


def test_our_reference_in_the_words_proves_it(desk: stage.Desk, home: Path) -> None:
    batch = release_and_answer(desk, home, [10_000])
    (attempt,) = stage.attempts(batch)
    state(home, Entry("D", 10_000, "", "X9", f"代发{attempt.ref}"))
    assert rules() == ["narrative"]
    assert stage.open_kinds() == []


def test_the_banks_own_serial_proves_it(desk: stage.Desk, home: Path) -> None:
    batch = release_and_answer(desk, home, [10_000])
    (attempt,) = stage.attempts(batch)
    state(home, Entry("D", 10_000, "", f"S{attempt.pk}", "代发"))
    assert rules() == ["serial"]
    assert [finding.name for finding in run_audit() if not finding.holds] == []


def test_two_that_fit_are_shown_and_none_is_taken(desk: stage.Desk, home: Path, login: stage.Login) -> None:
    release_and_answer(desk, home, [10_000, 10_000])
    state(home, Entry("D", 10_000, "", "X8", "代发"), Entry("D", 10_000, "", "X9", "代发"))
    assert rules() == ["", ""]
    item = Discrepancy.objects.filter(kind="unmatched").first()
    assert item is not None
    assert item.entry is not None
    found = candidates(item.entry)
    assert len(found) == 2
    assert all("金额" in one.agrees and "银行流水号" in one.differs for one in found)
    page = login(desk.finance).get(reverse("disbursement:discrepancy", args=[item.pk])).content.decode()
    assert "可能是哪一笔" in page
    assert all(one.attempt.ref in page for one in found)


def _ambiguous(desk: stage.Desk, home: Path) -> tuple[Batch, Discrepancy]:
    """Two payments of one amount, and two debits that say nothing of whose they are."""
    batch = release_and_answer(desk, home, [10_000, 10_000])
    state(home, Entry("D", 10_000, "", "X8", "代发"), Entry("D", 10_000, "", "X9", "代发"))
    item = Discrepancy.objects.filter(kind="unmatched").earliest("pk")
    return batch, item


def test_one_person_picks_and_another_agrees(desk: stage.Desk, home: Path, login: stage.Login) -> None:
    batch, _item = _ambiguous(desk, home)
    for item, attempt in zip(
        Discrepancy.objects.filter(kind="unmatched").order_by("pk"), stage.attempts(batch), strict=True
    ):
        page = reverse("disbursement:discrepancy", args=[item.pk])
        picked = {"attempt": attempt.pk, "reason": "银行回单2022-0305-17"}
        assert login(desk.finance).post(reverse("disbursement:match-new", args=[item.pk]), picked).status_code == 302
        assert rules().count("persons") < 2
        match = EntryMatch.objects.latest("pk")
        act = reverse("disbursement:match-act", args=[match.pk, "confirm"])
        assert "确认就是这一笔" in login(desk.reviewer).get(page).content.decode()
        assert login(desk.reviewer).post(act).status_code == 302
        assert StatementEntry.objects.get(pk=item.entry_id).attempt_id == attempt.pk
    assert rules() == ["persons", "persons"]
    assert stage.open_kinds() == []
    batch.refresh_from_db()
    assert batch.status == "reconciled"
    assert [finding.name for finding in run_audit() if not finding.holds] == []


def test_a_line_proves_the_payment_the_result_file_left_out(desk: stage.Desk, home: Path) -> None:
    """The bank never answered for one payment; a debit without reference and two persons prove it was paid."""
    bank = make.make_bank()
    batch = stage.make_batch(desk, [0], bank=bank)
    stage.release(desk, batch)
    stage.send_all()
    (attempt,) = stage.attempts(batch)
    state(home, Entry("D", attempt.amount_fen, "", "X7", "代发"))
    entry = StatementEntry.objects.get(kind="debit")
    actions.confirm_match(
        actions.propose_match(entry, attempt, reason="银行电话答复，回单17号", actor=desk.finance), actor=desk.reviewer
    )
    attempt.refresh_from_db()
    assert (attempt.status, attempt.payment.status) == ("succeeded", "paid")
    assert [finding.name for finding in run_audit() if not finding.holds] == []


def test_who_picked_does_not_agree_to_it(desk: stage.Desk, home: Path) -> None:
    batch, item = _ambiguous(desk, home)
    attempt = stage.attempts(batch)[0]
    assert item.entry is not None
    match = actions.propose_match(item.entry, attempt, reason="银行回单17号", actor=desk.finance)
    with pytest.raises(Refused):
        actions.confirm_match(match, actor=desk.finance)
    with pytest.raises(Refused, match="已经有人选定"):
        actions.propose_match(item.entry, attempt, reason="银行回单18号", actor=desk.finance)
    with pytest.raises(IntegrityError), transaction.atomic():
        EntryMatch.objects.update(status="confirmed", confirmed_by=desk.finance)
    assert rules() == ["", ""]
    actions.refuse_match(match, note="回单是另一天的", actor=desk.reviewer)
    assert rules() == ["", ""]
    assert item.entry.matches.get().status == "refused"


def test_only_a_payment_that_fits_to_the_fen_may_be_picked(desk: stage.Desk, home: Path) -> None:
    batch = release_and_answer(desk, home, [10_000])
    state(home, Entry("D", 10_001, "", "X9", "代发"))
    entry = StatementEntry.objects.get(kind="debit")
    with pytest.raises(Refused, match="不能选定"):
        actions.propose_match(entry, stage.attempts(batch)[0], reason="银行回单17号", actor=desk.finance)


def test_another_amount_is_no_candidate(desk: stage.Desk, home: Path) -> None:
    batch = release_and_answer(desk, home, [10_000])
    (attempt,) = stage.attempts(batch)
    state(home, Entry("D", 10_001, "", f"S{attempt.pk}", f"代发{attempt.ref}"))
    assert rules() == [""]
    entry = StatementEntry.objects.get(kind="debit")
    assert candidates(entry) == []


def test_a_persons_number_in_the_words_stays_hidden() -> None:
    assert words_of("付N00000000018给990000195001010028，卡6217990000000000018") == "付N00000000018给****，卡****"

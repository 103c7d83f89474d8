"""Statement lines without our reference: two proven rules match one and only one; the rest is shown, never guessed."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.urls import reverse

from disbursement import actions
from disbursement.audit import run_audit
from disbursement.banks.reading import words_of
from disbursement.candidates import candidates
from disbursement.models import Batch, Discrepancy, StatementEntry
from disbursement.simulator.bank import HALVES
from disbursement.simulator.terms import Entry
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


def test_another_amount_is_no_candidate(desk: stage.Desk, home: Path) -> None:
    batch = release_and_answer(desk, home, [10_000])
    (attempt,) = stage.attempts(batch)
    state(home, Entry("D", 10_001, "", f"S{attempt.pk}", f"代发{attempt.ref}"))
    assert rules() == [""]
    entry = StatementEntry.objects.get(kind="debit")
    assert candidates(entry) == []


def test_a_persons_number_in_the_words_stays_hidden() -> None:
    assert words_of("付N00000000018给990000195001010028，卡6217990000000000018") == "付N00000000018给****，卡****"

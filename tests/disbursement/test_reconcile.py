"""Payment, result and statement are matched to the fen; a statement proves what a result never said."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from django.urls import reverse
from openpyxl import load_workbook

from disbursement import actions, reconcile
from disbursement.models import Batch, Discrepancy, MonthClose, Statement, StatementEntry
from disbursement.months import open_failures
from subsidy_portal.workflow import NotPermitted, Refused
from tests import make
from tests.disbursement import stage

pytestmark = pytest.mark.django_db
Day = Callable[[str], None]
MARCH = dt.date(2022, 3, 1)


def paid(desk: stage.Desk, home: Path, count: int = 2) -> Batch:
    batch, bank = stage.sent_batch(desk, count), make.make_bank()
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(a) for a in stage.attempts(batch)]))
    batch.refresh_from_db()
    assert batch.status == "settled"
    return batch


def debits(batch: Batch) -> list[stage.Entry]:
    return [("D", a.amount_fen, a.ref) for a in stage.attempts(batch)]


def closed_march(desk: stage.Desk) -> MonthClose:
    month = actions.prepare_month(MARCH, actor=desk.finance)
    actions.close_month(month, actor=desk.reviewer)
    return month


# --- matching ---


def test_a_batch_is_reconciled_once_every_leg_stands_in_a_statement(desk: stage.Desk, home: Path) -> None:
    batch, bank = paid(desk, home), make.make_bank()
    stage.deliver(home, bank, stage.statement_file(bank, 1, "20220305", debits(batch)))
    batch.refresh_from_db()
    assert (batch.status, stage.open_kinds()) == ("reconciled", [])
    assert set(StatementEntry.objects.exclude(kind="funding").values_list("matched_by", flat=True)) == {"ref"}


def test_a_debit_proves_a_success_that_no_result_told(desk: stage.Desk, home: Path) -> None:
    batch, bank = stage.sent_batch(desk, 2), make.make_bank()
    stage.deliver(home, bank, stage.statement_file(bank, 1, "20220305", debits(batch)))
    assert stage.statuses(batch) == ["paid", "paid"]
    batch.refresh_from_db()
    assert batch.status == "reconciled"
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(a) for a in stage.attempts(batch)]))
    assert stage.statuses(batch) == ["paid", "paid"]
    assert stage.open_kinds() == []


def test_a_paid_line_the_statement_does_not_show_is_missing_until_it_comes(
    desk: stage.Desk, home: Path, day: Day
) -> None:
    batch, bank = paid(desk, home), make.make_bank()
    first, second = debits(batch)
    stage.deliver(home, bank, stage.statement_file(bank, 1, "20220305", [first]))
    batch.refresh_from_db()
    assert (batch.status, stage.open_kinds()) == ("settled", ["missing"])
    assert Discrepancy.objects.get().payment == batch.payments.last()
    day("2022-03-06")
    stage.deliver(home, bank, stage.statement_file(bank, 2, "20220306", [second]))
    batch.refresh_from_db()
    assert (batch.status, stage.open_kinds()) == ("reconciled", [])


def test_a_result_after_its_days_statement_is_missing_at_once(desk: stage.Desk, home: Path) -> None:
    batch, bank = stage.sent_batch(desk, 1), make.make_bank()
    stage.deliver(home, bank, stage.statement_file(bank, 1, "20220305", []))
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(stage.attempts(batch)[0])]))
    assert stage.open_kinds() == ["missing"]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (("D", 500, "N99999999999"), "我方没有"),
        (("D", 500, ""), "没有行号"),
        (("C", 500, "N99999999999"), "我方没有"),
    ],
)
def test_an_entry_that_is_no_payment_of_ours_is_named(
    desk: stage.Desk, home: Path, entry: stage.Entry, words: str
) -> None:
    bank = make.make_bank()
    stage.deliver(home, bank, stage.statement_file(bank, 1, "20220305", [entry]))
    found = Discrepancy.objects.get()
    assert (found.kind, found.amount_fen) == ("unmatched", 500)
    assert words in found.text


def test_a_debit_of_another_amount_is_not_a_match(desk: stage.Desk, home: Path) -> None:
    batch, bank = stage.sent_batch(desk, 1), make.make_bank()
    ((_side, fen, ref),) = debits(batch)
    stage.deliver(home, bank, stage.statement_file(bank, 1, "20220305", [("D", fen + 1, ref)]))
    assert stage.statuses(batch) == ["in_flight"]
    assert stage.open_kinds() == ["unmatched"]


@pytest.mark.parametrize("same_day", [True, False])
def test_a_second_debit_of_one_payment_is_named_and_never_matched(
    desk: stage.Desk, home: Path, day: Day, same_day: bool
) -> None:
    batch, bank = paid(desk, home, 1), make.make_bank()
    (entry,) = debits(batch)
    day("2022-03-06")
    if same_day:
        stage.deliver(home, bank, stage.statement_file(bank, 1, "20220305", [entry, entry]))
    else:
        stage.deliver(home, bank, stage.statement_file(bank, 1, "20220305", [entry]))
        stage.deliver(home, bank, stage.statement_file(bank, 2, "20220306", [entry]))
    assert stage.statuses(batch) == ["paid"]
    assert stage.open_kinds() == ["unmatched"]
    assert "重复扣款" in Discrepancy.objects.get().text


def test_two_debits_in_one_statement_for_an_unanswered_payment_pay_it_once(desk: stage.Desk, home: Path) -> None:
    batch, bank = stage.sent_batch(desk, 1), make.make_bank()
    (entry,) = debits(batch)
    stage.deliver(home, bank, stage.statement_file(bank, 1, "20220305", [entry, entry]))
    assert stage.statuses(batch) == ["paid"]
    assert stage.open_kinds() == ["unmatched"]


def test_a_return_needs_both_legs(desk: stage.Desk, home: Path, day: Day) -> None:
    batch, bank = paid(desk, home, 1), make.make_bank()
    (a,) = stage.attempts(batch)
    day("2022-03-06")
    stage.deliver(home, bank, stage.return_file(bank, [a]))
    stage.deliver(home, bank, stage.statement_file(bank, 1, "20220305", debits(batch)))
    batch.refresh_from_db()
    assert batch.status == "settled"
    stage.deliver(home, bank, stage.statement_file(bank, 2, "20220306", [("C", a.amount_fen, a.ref)]))
    batch.refresh_from_db()
    assert (batch.status, stage.statuses(batch), stage.open_kinds()) == ("reconciled", ["returned"], [])


def test_a_credit_alone_proves_the_return(desk: stage.Desk, home: Path) -> None:
    batch, bank = paid(desk, home, 1), make.make_bank()
    (a,) = stage.attempts(batch)
    stage.deliver(home, bank, stage.statement_file(bank, 1, "20220305", [*debits(batch), ("C", a.amount_fen, a.ref)]))
    batch.refresh_from_db()
    assert (stage.statuses(batch), batch.status) == (["returned"], "reconciled")
    assert batch.payments.get().failure_code == "F16"


def test_matching_again_changes_nothing(desk: stage.Desk, home: Path) -> None:
    batch, bank = paid(desk, home), make.make_bank()
    stage.deliver(home, bank, stage.statement_file(bank, 1, "20220305", debits(batch)))
    assert reconcile.match_statement(Statement.objects.get()) == 0


# --- the chain ---


def test_a_missing_statement_is_named_until_it_comes(desk: stage.Desk, home: Path, day: Day) -> None:
    bank = make.make_bank()
    day("2022-03-08")
    days = [stage.statement_file(bank, n, f"2022030{n}", []) for n in (1, 2, 3)]
    stage.deliver(home, bank, days[0], days[2])
    assert stage.open_kinds() == ["gap"]
    assert "第3号" in Discrepancy.objects.get().text
    stage.deliver(home, bank, days[1])
    assert stage.open_kinds() == []
    assert Statement.objects.count() == 3


def test_statements_in_any_order_end_as_a_chain(desk: stage.Desk, home: Path, day: Day) -> None:
    day("2022-03-08")
    for code, order in zip("ABCDEF", itertools.permutations((1, 2, 3)), strict=True):
        bank = make.make_bank(code)
        stage.deliver(home, bank, *(stage.statement_file(bank, n, f"2022030{n}", []) for n in order))
        assert stage.open_kinds() == [], order


def test_a_balance_that_jumps_is_named(desk: stage.Desk, home: Path, day: Day) -> None:
    bank = make.make_bank()
    day("2022-03-08")
    stage.deliver(home, bank, stage.statement_file(bank, 1, "20220301", []))
    stage.deliver(home, bank, stage.statement_file(bank, 2, "20220302", [], opening=777))
    found = Discrepancy.objects.get()
    assert (found.kind, found.amount_fen) == ("gap", 777)


def test_a_second_statement_of_a_day_is_quarantined(desk: stage.Desk, home: Path) -> None:
    bank = make.make_bank()
    stage.deliver(home, bank, stage.statement_file(bank, 1, "20220305", []))
    stage.deliver(home, bank, stage.statement_file(bank, 1, "20220304", []))
    stage.deliver(home, bank, stage.statement_file(bank, 2, "20220305", []))
    assert stage.open_kinds() == ["quarantine", "quarantine"]
    assert Statement.objects.count() == 1


# --- the month ---


def reconciled(desk: stage.Desk, home: Path) -> Batch:
    batch, bank = paid(desk, home), make.make_bank()
    stage.deliver(home, bank, stage.statement_file(bank, 1, "20220305", debits(batch)))
    batch.refresh_from_db()
    return batch


def test_a_month_that_ties_is_closed_by_a_second_person(desk: stage.Desk, home: Path, day: Day) -> None:
    batch = reconciled(desk, home)
    day("2022-03-31")
    month = actions.prepare_month(MARCH, actor=desk.finance)
    (row,) = month.sheet["rows"]
    assert (row["sent_fen"], row["paid_fen"], row["debit_fen"], row["difference_fen"]) == (20_001, 20_001, 20_001, 0)
    desk.finance.role = "reviewer"
    with pytest.raises(NotPermitted):
        actions.close_month(month, actor=desk.finance)
    actions.close_month(month, actor=desk.reviewer)
    batch.refresh_from_db()
    assert (month.status, batch.status) == ("closed", "closed")
    desk.finance.role = "operator"
    with pytest.raises(Refused, match="已经月结"):
        actions.prepare_month(MARCH, actor=desk.finance)


def test_the_signed_sheet_goes_home_as_a_workbook(desk: stage.Desk, home: Path, day: Day, login: stage.Login) -> None:
    """Per bank, program and day with both signatures; and the county's account from opening to closing balance."""
    reconciled(desk, home)
    day("2022-03-31")
    month = actions.prepare_month(MARCH, actor=desk.finance)
    url = reverse("disbursement:month-export", args=["2022-03"])

    def read() -> tuple[list[list[object]], list[list[object]]]:
        answer = login(desk.reviewer).get(url)
        book = load_workbook(BytesIO(answer.content))
        figures, balances = ([[cell.value for cell in row] for row in sheet.iter_rows()] for sheet in book.worksheets)
        return figures, balances

    assert "复核：待签" in str(read()[0][1][0])
    actions.close_month(month, actor=desk.reviewer)
    figures, balances = read()
    assert desk.finance.display_name in str(figures[1][0])
    assert desk.reviewer.display_name in str(figures[1][0])
    assert figures[-1][0] == "合计"
    assert figures[-1][4] == figures[-1][6] == figures[-1][11] == 200.01
    assert figures[-1][-1] == 0
    (account,) = balances[3:]
    opening, funding, debit, credit, closing, difference = account[5:]
    assert (debit, credit, difference, account[4]) == (200.01, 0, 0, 0)
    assert opening + funding - debit + credit == closing
    page = login(desk.reviewer).get(reverse("disbursement:month", args=["2022-03"])).content.decode()
    assert "代发专户余额" in page


def blocked(desk: stage.Desk, words: str) -> None:
    month = actions.prepare_month(MARCH, actor=desk.finance)
    with pytest.raises(actions.MonthOpen, match=words):
        actions.close_month(month, actor=desk.reviewer)


def test_a_month_that_is_not_over_stays_open(desk: stage.Desk, home: Path, day: Day) -> None:
    reconciled(desk, home)
    day("2022-03-30")
    blocked(desk, "还没有过完")


def test_an_unanswered_payment_keeps_the_month_open(desk: stage.Desk, home: Path, day: Day) -> None:
    batch = stage.sent_batch(desk, 1)
    day("2022-03-31")
    blocked(desk, f"指令{batch.orders.get().ref}还有1笔、100.00元没有结果")


def test_a_day_without_statement_keeps_the_month_open(desk: stage.Desk, home: Path, day: Day) -> None:
    paid(desk, home)
    day("2022-03-31")
    blocked(desk, "缺示范N银行2022-03-05的对账单")


def test_an_unmatched_entry_keeps_the_month_open_until_somebody_explains_it(
    desk: stage.Desk, home: Path, day: Day
) -> None:
    batch, bank = paid(desk, home), make.make_bank()
    stage.deliver(home, bank, stage.statement_file(bank, 1, "20220305", [*debits(batch), ("D", 300, "")]))
    day("2022-03-31")
    blocked(desk, "有1条没有与付款对上")
    actions.resolve_discrepancy(Discrepancy.objects.get(), resolution="银行手续费，4月退回", actor=desk.finance)
    month = closed_march(desk)
    assert (month.status, month.sheet["totals"]["explained_fen"], month.difference_fen) == ("closed", 300, 0)


def test_an_open_discrepancy_keeps_the_month_open(desk: stage.Desk, home: Path, day: Day) -> None:
    batch, bank = reconciled(desk, home), make.make_bank()
    stage.deliver(home, bank, stage.result_file(bank, failed=[stage.said(stage.attempts(batch)[0], stage.FAILED)]))
    day("2022-03-31")
    blocked(desk, "结果前后矛盾")


def test_an_earlier_month_is_closed_first(desk: stage.Desk, home: Path, day: Day) -> None:
    reconciled(desk, home)
    day("2022-04-30")
    month = actions.prepare_month(dt.date(2022, 4, 1), actor=desk.finance)
    with pytest.raises(actions.MonthOpen, match="2022-03还没有月结"):
        actions.close_month(month, actor=desk.reviewer)


def test_a_sheet_that_is_no_longer_true_is_prepared_again(desk: stage.Desk, home: Path, day: Day) -> None:
    reconciled(desk, home)
    day("2022-03-31")
    month = actions.prepare_month(MARCH, actor=desk.finance)
    MonthClose.objects.filter(pk=month.pk).update(sheet={"rows": [], "totals": {}})
    with pytest.raises(actions.MonthOpen, match="重新编制"):
        actions.close_month(month, actor=desk.reviewer)


def test_open_failures_are_explained_and_do_not_block(desk: stage.Desk, home: Path, day: Day) -> None:
    batch, bank = stage.sent_batch(desk, 2), make.make_bank()
    a, b = stage.attempts(batch)
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(a)], failed=[stage.said(b, stage.FAILED)]))
    stage.deliver(home, bank, stage.statement_file(bank, 1, "20220305", debits(batch)[:1]))
    day("2022-03-31")
    assert open_failures(MARCH) == [{"age": "0–30", "count": 1, "fen": 10_001}]
    assert closed_march(desk).status == "closed"


def test_a_result_for_a_closed_month_lands_in_the_next(desk: stage.Desk, home: Path, day: Day) -> None:
    batch, bank = stage.sent_batch(desk, 2), make.make_bank()
    a, b = stage.attempts(batch)
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(a)], failed=[stage.said(b, stage.FAILED)]))
    stage.deliver(home, bank, stage.statement_file(bank, 1, "20220305", debits(batch)[:1]))
    day("2022-03-31")
    closed_march(desk)
    batch.refresh_from_db()
    assert batch.status == "closed"

    day("2022-04-30")
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(b)], number=2))
    batch.refresh_from_db()
    assert (stage.statuses(batch), batch.status) == (["paid", "paid"], "settled")
    april = actions.prepare_month(dt.date(2022, 4, 1), actor=desk.finance)
    assert april.sheet["totals"]["paid_fen"] == 10_001
    assert april.sheet["totals"]["failed_fen"] == -10_001, "the failure that March signed is taken back"
    assert april.difference_fen == 10_001, "no statement has shown the debit yet"


def test_several_payments_of_one_order_may_be_missing_on_a_statement(desk: stage.Desk, home: Path, day: Day) -> None:
    batch = stage.sent_batch(desk, 3)
    bank = make.make_bank()
    tries = stage.attempts(batch)
    stage.deliver(home, bank, stage.result_file(bank, ok=[stage.said(attempt) for attempt in tries]))
    first = tries[0]
    stage.deliver(home, bank, stage.statement_file(bank, 1, "20220305", [("D", first.amount_fen, first.ref)]))
    assert stage.open_kinds() == ["missing", "missing"], "each is named, and the statement is not refused for it"

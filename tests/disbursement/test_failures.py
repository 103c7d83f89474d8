"""What the bank says becomes one of our codes, and each code says who does what next."""

from __future__ import annotations

import pytest

from disbursement.failures import FAILURES, Owner, Retry, describe, from_bank


@pytest.mark.parametrize(
    ("bank_code", "words", "ours"),
    [
        ("3009", "账户不存在", "F01"),
        ("3031", "户名不符,原户名为[某某]", "F02"),
        ("3039", "", "F03"),
        ("3017", "只进不出", "F04"),
        ("3007", "", "F05"),
        ("3057", "", "F06"),
        ("3034", "", "F07"),
        ("3045", "", "F08"),
        ("3063", "", "F09"),
        ("3055", "", "F10"),
        ("3051", "", "F11"),
        ("AM05", "", "F11"),
        ("3999", "卡号所属银行与发卡行不一致", "F12"),
        ("T066", "", "F13"),
        ("H019", "", "F14"),
        ("2000", "", "F15"),
        ("3056", "", "F16"),
        ("MD07", "", "F17"),
        ("AG01", "", "F18"),
        ("3999", "账户名为[某某]", "F02"),
        ("MS03", "", "F99"),
        ("", "说不清", "F99"),
    ],
)
def test_bank_codes_and_words_find_our_code(bank_code: str, words: str, ours: str) -> None:
    assert from_bank(bank_code, words) == ours


def test_every_code_of_the_table_is_there_with_its_sentences() -> None:
    # F19 is our own: two persons called an unknown end failed.
    assert list(FAILURES) == [f"F{n:02d}" for n in range(1, 20)] + ["F99"]
    for failure in FAILURES.values():
        assert all(str(text).strip() for text in (failure.meaning, failure.todo, failure.public, failure.owner_label))
        assert str(failure.public).endswith("。")


def test_the_township_acts_by_the_20th_the_department_by_the_25th_the_bank_by_the_28th() -> None:
    due = {failure.owner: failure.due_day for failure in FAILURES.values()}
    assert (due[Owner.TOWNSHIP], due[Owner.DEPARTMENT], due[Owner.BANK]) == (20, 25, 28)


def test_what_might_pay_twice_or_pay_the_dead_is_never_sent_again_this_way() -> None:
    assert {code for code, failure in FAILURES.items() if failure.retry == Retry.STOP} == {"F11", "F15", "F17"}


def test_an_unheard_of_code_is_described_as_other() -> None:
    assert describe("").code == describe("F77").code == "F99"

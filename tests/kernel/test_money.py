"""Money is integer fen: what is read as an amount, what is not, and how fen are written (corpus A09)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subsidy_portal.money import (
    MAX_FEN,
    AmountError,
    capital_yuan,
    format_wan,
    format_yuan,
    parse_yuan,
    percent,
    split_fen,
)


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("0", 0),
        ("300", 30_000),
        ("0.01", 1),
        ("0.1", 10),
        ("1200.50", 120_050),
        ("1,200.50", 120_050),
        ("7,046,240,000.00", 704_624_000_000),
        (" 5 ", 500),
        ("-5", -500),
        ("-0", 0),
        ("+5", 500),
        ("00012.30", 1_230),
    ],
)
def test_plain_yuan(text, fen):
    assert parse_yuan(text) == fen


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "NaN", "Infinity", "-inf", "1e400", "1E3", "0.001", "1_000", "１２３", "٣٠٠", "²", "1,00.00", "12,34",
        ",100", "1,000,00", "100.", ".5", "1 000", "￥300", "300元", "0.31万", "--5", "1.2.3", "0x10", "99999999999999",
        "1\n2", "壹佰元",
    ],
)  # fmt: skip
def test_what_is_no_amount(text):
    with pytest.raises(AmountError):
        parse_yuan(text)


def test_the_bound():
    assert parse_yuan("100000000000") == MAX_FEN
    with pytest.raises(AmountError):
        parse_yuan("100000000000.01")


@given(st.integers(-MAX_FEN, MAX_FEN), st.booleans())
def test_what_is_written_is_read_back(fen, comma):
    assert parse_yuan(format_yuan(fen, comma=comma)) == fen


@pytest.mark.parametrize(
    ("fen", "yuan", "wan"),
    [
        (0, "0.00", "0.00"),
        (1, "0.01", "0.00"),
        (-1, "-0.01", "0.00"),
        (499_999, "4,999.99", "0.50"),
        (5_000, "50.00", "0.01"),
        (4_999, "49.99", "0.00"),
        (7_046_240_000, "70,462,400.00", "7,046.24"),
        (310_000, "3,100.00", "0.31"),
    ],
)
def test_as_yuan_and_as_wan_rounded_once_half_up(fen, yuan, wan):
    assert format_yuan(fen) == yuan
    assert format_wan(fen).replace("-0.00", "0.00") == wan


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (270_700, 271_733, "99.62%"),
        (271_679, 271_733, "99.98%"),
        (1, 3, "33.33%"),
        (1, 8, "12.50%"),
        (0, 5, "0.00%"),
        (5, 0, "—"),
    ],
)
def test_percent(part, whole, text):
    assert percent(part, whole) == text


@pytest.mark.parametrize(
    ("fen", "words"),
    [
        (50_000, "伍佰元整"),
        (0, "零元整"),
        (1, "壹分"),
        (10, "壹角整"),
        (105, "壹元零伍分"),
        (1_000_000_050, "壹仟万元伍角整"),
        (10_500_000, "壹拾万伍仟元整"),
        (-100, "负壹元整"),
    ],
)
def test_in_capitals(fen, words):
    assert capital_yuan(fen) == words


@given(st.integers(0, MAX_FEN), st.lists(st.integers(0, 1000), min_size=1, max_size=20).filter(any))
def test_parts_always_add_up(total, weights):
    parts = split_fen(total, weights)
    assert sum(parts) == total
    assert all(part == 0 for part, weight in zip(parts, weights, strict=True) if weight == 0)


def test_nothing_to_split_by():
    with pytest.raises(ValueError):
        split_fen(100, [0, 0])

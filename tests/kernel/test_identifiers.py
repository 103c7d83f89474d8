"""Identifiers are read strictly and never repaired (domain §9; corpus A01–A06, A11–A14)."""

import datetime as dt
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn
from stdnum.cn import ric

from subsidy_portal import identifiers
from subsidy_portal.identifiers import (
    IdentifierError,
    birth_date,
    mask_id,
    mask_name,
    mask_numbers,
    parse_account,
    parse_id_number,
    parse_name,
    parse_phone,
    sex,
)
from tests.corpus import rosters as corpus

VALID = [
    "990000195001010019",
    "990000202306150023",
    "990000199001011239",
    "990000199203054325",
    "11010519491231002X",
]


@pytest.mark.parametrize("number", VALID)
def test_valid_numbers(number):
    assert parse_id_number(number) == number


@pytest.mark.parametrize(
    ("written", "number"),
    [
        (" 990000195001010019 ", VALID[0]),
        ("9900001950\u30000101\u00a00019", VALID[0]),
        ("'990000195001010019", VALID[0]),
        ("\t990000195001010019\n", VALID[0]),
        ("９９００００１９５００１０１００１９", VALID[0]),
        ("11010519491231002x", VALID[4]),
        ("11010519491231002Ⅹ", VALID[4]),
        ("11010519491231002Х", VALID[4]),  # Cyrillic
        ("11010519491231002Χ", VALID[4]),  # Greek
        ("990000195001\u200b010019", VALID[0]),
    ],
)
def test_blanks_full_width_and_look_alikes_are_read_as_what_they_mean(written, number):
    assert parse_id_number(written) == number


@pytest.mark.parametrize(
    ("written", "code", "sentence"),
    [
        ("99000019500101001", "length", "应为18位，这里是17位"),
        ("9900001950010100199", "length", "应为18位，这里是19位"),
        ("", "length", "应为18位，这里是0位"),
        ("990000195001010018", "check_digit", "校验位不对"),
        ("99000019500101001X", "check_digit", "校验位不对"),
        ("99000X195001010019", "characters", "只能是17位数字"),
        ("990000196202290015", "birth_date", "出生日期不存在"),
        ("990000500101001", "old_15", "15位旧证号"),
        ("9.90000195001010E+17", "as_number", "改写成数字"),
        ("²①٣000195001010019", "characters", "只能是17位数字"),
        ("٩٩٠٠٠٠١٩٥٠٠١٠١٠٠١٩", "characters", "只能是17位数字"),
    ],
)
def test_what_is_wrong_is_said(written, code, sentence):
    with pytest.raises(IdentifierError, match=sentence) as refused:
        parse_id_number(written)
    assert refused.value.code == code
    assert "。" in str(refused.value)


def number_born_on(day: str) -> str:
    body = f"990000{day}001"
    return body + ric.calc_check_digit(body + "0")


def test_births_in_the_future_or_too_long_ago(set_today):
    set_today("2022-03-05")
    assert parse_id_number(number_born_on("20220305"))
    assert parse_id_number(number_born_on("19020101"))
    for day in ("20220306", "19011231", "18991231"):
        with pytest.raises(IdentifierError) as refused:
            parse_id_number(number_born_on(day))
        assert refused.value.code == "birth_date"


@given(st.integers(0, 17), st.integers(1, 9))
def test_one_wrong_digit_is_always_noticed(at, by):
    digits = list(VALID[0])
    digits[at] = str((int(digits[at]) + by) % 10)
    with pytest.raises(IdentifierError):
        parse_id_number("".join(digits))


@pytest.mark.parametrize(
    ("parse", "written"),
    [
        (parse_id_number, "990000195001010018"),
        (parse_id_number, "99000019500101001"),
        (parse_account, "6217990000000000010"),
        (parse_phone, "23900000000"),
    ],
)
def test_no_sentence_repeats_the_number(parse, written):
    with pytest.raises(IdentifierError) as refused:
        parse(written)
    assert written not in str(refused.value)


def test_birth_and_sex():
    assert birth_date(VALID[4]) == dt.date(1949, 12, 31)
    assert [sex(number) for number in VALID] == ["M", "F", "M", "F", "F"]


class TestAccounts:
    @pytest.mark.parametrize(
        ("written", "number"),
        [
            ("6200000000000000000", "6200000000000000000"),
            ("6200-0000-0000-0000-000", "6200000000000000000"),
            (" 6200 0000 0000 0000 000 ", "6200000000000000000"),
            ("'0012345678", "0012345678"),
            ("１２３４５６７８", "12345678"),
            ("4000000000000001", "4000000000000001"),  # not UnionPay: no check digit is known
        ],
    )
    def test_read(self, written, number):
        assert parse_account(written) == number

    @pytest.mark.parametrize(
        "written", ["6200000000000000001", "1234567", "1" * 33, "62O0000000000000000", "6.2179E+18", "", "١٢٣٤٥٦٧٨"]
    )
    def test_refused(self, written):
        with pytest.raises(IdentifierError):
            parse_account(written)


class TestNames:
    @pytest.mark.parametrize(
        ("written", "name"),
        [
            ("林立夏", "林立夏"),
            ("张 三", "张三"),
            ("张　三", "张三"),
            ("  张三\t", "张三"),
            ("买买提•阿不都", "买买提·阿不都"),
            ("买买提・阿不都", "买买提·阿不都"),
            ("买买提 · 阿不都", "买买提·阿不都"),
            ("䶮", "䶮"),
            ("张𬎆", "张𬎆"),
            ("龑", "龑"),
            ("John  Smith", "John Smith"),
            ("张\u200b三", "张三"),
        ],
    )
    def test_as_written(self, written, name):
        assert parse_name(written) == name

    def test_two_peoples_names_stay_two(self):
        assert parse_name("龑") != parse_name("䶮")

    @pytest.mark.parametrize(
        "written",
        [
            "", "   ", "张三、李四", "张三，李四", "张三/李四", "张" * 51, "张" * 10_000, "张三1", "<script>",
            "{{7*7}}", "' OR 1=1--", "张😀", "张\x00三", "张?", "=1+1",
        ],
    )  # fmt: skip
    def test_what_is_no_name(self, written):
        with pytest.raises(IdentifierError) as refused:
            parse_name(written)
        assert refused.value.code


@pytest.mark.parametrize(
    ("written", "number"),
    [("139-0000-0000", "13900000000"), ("+86 13900000000", "13900000000"), ("(0990)1234567", "09901234567")],
)
def test_phones(written, number):
    assert parse_phone(written) == number


@pytest.mark.parametrize("written", ["12345", "23900000000", "1390000000", "abc", ""])
def test_what_is_no_phone(written):
    with pytest.raises(IdentifierError):
        parse_phone(written)


def test_masks():
    assert mask_id("990000", "0019") == "990000••••••••0019"
    assert [mask_name(name) for name in ("林", "林立", "林立夏")] == ["林", "林*", "林**"]


@pytest.mark.parametrize(
    "number",
    [
        "99000019500101001X",
        "990000195001010011",
        "6217 9900 0000 0000 015",
        "6217-9900-0000-0015",
        "６２１７９９００００００００１５",
    ],
)
def test_an_identifier_in_free_text_is_masked(number):
    masked = mask_numbers(f"证号{number}，2022-03-01换卡")
    assert masked == f"证号••••{number[-4:]}，2022-03-01换卡"


@given(st.text("0123456789", min_size=1, max_size=32))
def test_our_fast_luhn_says_what_stdnum_says(digits: str) -> None:
    assert identifiers._passes_luhn(digits) == luhn.is_valid(digits)


@given(st.text(max_size=30) | st.integers(0, 900_000).map(lambda n: f" {corpus.id_number(n)}"))
def test_the_fast_way_reads_what_the_careful_way_reads(text: str) -> None:
    """What is written plainly goes past the cleaning: the answer is the same."""

    def tried(parse: Callable[[str], str], given: str) -> str:
        try:
            return parse(given)
        except IdentifierError as error:
            return error.code

    for parse in (parse_id_number, parse_account, parse_name):
        assert tried(parse, text) == tried(parse, f"\u3000{text}\u3000")


def test_an_old_number_becomes_eighteen_only_by_a_person():
    assert identifiers.upgrade_old("990000 500101 001") == "990000195001010019"
    with pytest.raises(IdentifierError, match="尾号是0019") as told:
        identifiers.parse_id_number("990000500101001")
    assert told.value.code == "old_15"
    with pytest.raises(IdentifierError, match="出生日期不存在"):
        identifiers.parse_id_number("990000501301001")
    for wrong in ("990000501301001", "99000050010100", "990000195001010019"):
        with pytest.raises(IdentifierError):
            identifiers.upgrade_old(wrong)

"""The pipe file channel: exact bytes out; in, everything that does not hold together is refused whole."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest

from disbursement.banks.base import BankUnavailable, OutcomeUnknown, OutgoingLine, OutgoingOrder
from disbursement.banks.exchange import Exchange
from disbursement.banks.pipe_text import Adapter
from disbursement.banks.places import FolderStorage
from disbursement.simulator import pipe_text as files
from disbursement.simulator.terms import Back, Entry, Said

ACCOUNT = "6217990000000000018"
ORDER = OutgoingOrder(
    "NB000000007",
    "B-2022-0003",
    dt.date(2022, 3, 5),
    (
        OutgoingLine("N00000000018", "林億墊", ACCOUNT, "99000019500101001X", 10_000),
        OutgoingLine("N00000000026", "阿依古丽·买买提", ACCOUNT, "990000195001010028", 5, times=2),
    ),
)


@pytest.fixture
def channel(home: Path) -> Adapter:
    exchange = Exchange(FolderStorage(location=home / "exchange"), "bank-n")
    return Adapter(exchange, unit_number="DWN001", fiscal_account="990001000078")


# --- out ---


def test_the_bytes_of_an_order(channel: Adapter) -> None:
    document = channel.build(ORDER)
    assert document.name == "DF01_DWN001_20220305_NB000000007.txt"
    assert document.content == (
        "DF01|NB000000007|20220305|DWN001|B-2022-0003|990001000078|2|100.05\r\n"
        f"N00000000018|林億墊|100.00|{ACCOUNT}|DWN001|01|99000019500101001X|1\r\n"
        f"N00000000026|阿依古丽·买买提|0.05|{ACCOUNT}|DWN001|01|990000195001010028|2\r\n"
    ).encode("gb18030")


def test_the_bank_reads_what_we_write(channel: Adapter) -> None:
    header, lines = files.read_order(channel.build(ORDER).content, "20220305")
    assert (header.lines, header.total, header.unit) == (2, 10_005, "DWN001")
    assert [line.name for line in lines] == ["林億墊", "阿依古丽·买买提"]


def test_sending_twice_leaves_one_file_with_the_same_bytes(channel: Adapter, home: Path) -> None:
    channel.send(ORDER)
    (written,) = (home / "exchange/bank-n/out").iterdir()
    first = written.stat().st_mtime_ns
    channel.send(ORDER)
    assert [p.name for p in (home / "exchange/bank-n/out").iterdir()] == [written.name]
    assert written.stat().st_mtime_ns == first, "a file that is there is not written again"
    assert written.read_bytes() == channel.build(ORDER).content


def test_what_the_bank_has_taken_is_not_put_there_again(channel: Adapter, home: Path) -> None:
    channel.send(ORDER)
    taken = home / "exchange/bank-n/taken"
    taken.mkdir(exist_ok=True)
    (written,) = (home / "exchange/bank-n/out").iterdir()
    written.rename(taken / written.name)
    channel.send(ORDER)
    assert list((home / "exchange/bank-n/out").iterdir()) == []


def test_another_file_under_our_name_is_never_overwritten(channel: Adapter, home: Path) -> None:
    out = home / "exchange/bank-n/out"
    out.mkdir(parents=True)
    (out / channel.build(ORDER).name).write_bytes(b"else")
    with pytest.raises(OutcomeUnknown):
        channel.send(ORDER)
    assert (out / channel.build(ORDER).name).read_bytes() == b"else"


def test_a_half_written_part_of_a_dead_process_is_replaced(channel: Adapter, home: Path) -> None:
    out = home / "exchange/bank-n/out"
    out.mkdir(parents=True)
    (out / (channel.build(ORDER).name + ".part")).write_bytes(b"DF01|half and more" * 1000)
    assert channel.query(ORDER.ref, channel.build(ORDER).name).state == "absent"
    channel.send(ORDER)
    assert [p.read_bytes() for p in out.iterdir()] == [channel.build(ORDER).content]


def test_a_folder_that_cannot_be_written_means_no_byte_left(channel: Adapter, home: Path) -> None:
    (home / "exchange/bank-n").mkdir(parents=True)
    (home / "exchange/bank-n/out").write_text("a file in its place")
    with pytest.raises((BankUnavailable, OSError)):
        channel.send(ORDER)


# --- in ---

DAY = "20220305"
SAID = [
    Said(
        "N00000000018",
        "林億墊",
        10_000,
        "99000019500101001X",
        ACCOUNT,
        "1",
        "0000 交易成功",
        "20220305",
        "S1",
        "success",
    ),
    Said(
        "N00000000026",
        "林乙",
        20_000,
        "990000195001010028",
        ACCOUNT,
        "1",
        "3018 账户已销户",
        "20220305",
        "S2",
        "failed",
    ),
    Said("N00000000034", "林丙", 30_000, "990000195001010036", ACCOUNT, "1", "2000 处理中", DAY, "S3", "pending"),
]
RESULT = files.write_results("NB000000007", "20220305", "DWN001", 1, SAID)
RETURNS = files.write_returns("20220305", "DWN001", 1, [Back("N00000000018", "林", ACCOUNT, 10_000, "3056 退票", "T1")])
STATEMENT = files.write_statement(
    3, "20220305", "DWN001", "990001000078", 0, 0,
    [Entry("C", 10_000, "", "F1", "国库拨入"), Entry("D", 10_000, "N00000000018", "E1", "代发补贴")],
)  # fmt: skip
REJECTION = files.write_rejection(("NB000000007", "2", "100.05"), "20220305", "DWN001", "H019 笔数或金额不符")


def test_a_result_file_is_read_with_its_three_lists(channel: Adapter) -> None:
    result, errors = channel.parse_result(RESULT)
    assert errors == []
    assert result is not None
    assert (result.kind, result.order_ref, result.count, result.total_fen) == ("result", "NB000000007", 3, 60_000)
    assert [(line.outcome, line.bank_code, line.bank_text, line.amount_fen) for line in result.lines] == [
        ("success", "0000", "交易成功", 10_000),
        ("failed", "3018", "账户已销户", 20_000),
        ("unknown", "2000", "处理中", 30_000),
    ]
    assert {line.account_last4 for line in result.lines} == {"0018"}


def test_a_return_and_a_rejection_and_a_statement_are_read(channel: Adapter) -> None:
    returns, _ = channel.parse_result(RETURNS)
    assert returns is not None
    assert (returns.kind, returns.lines[0].outcome, returns.lines[0].bank_code) == ("return", "returned", "3056")
    rejection, _ = channel.parse_result(REJECTION)
    assert rejection is not None
    assert (rejection.kind, rejection.rejected_code, rejection.count) == ("rejection", "H019", 2)
    statement, _ = channel.parse_statement(STATEMENT)
    assert statement is not None
    assert [(line.kind, line.ref) for line in statement.lines] == [("funding", ""), ("debit", "N00000000018")]


@pytest.mark.parametrize(
    "whole", [RESULT, RETURNS, REJECTION, STATEMENT], ids=["result", "return", "reject", "statement"]
)
def test_a_file_cut_off_at_any_byte_is_refused(channel: Adapter, whole: bytes) -> None:
    parse = channel.parse_statement if whole is STATEMENT else channel.parse_result
    assert parse(whole)[1] == []
    for length in range(len(whole)):
        found, errors = parse(whole[:length])
        assert found is None, f"cut off at byte {length}"
        assert len(errors) == 1


def changed(content: bytes, old: str, new: str, times: int = 1) -> bytes:
    text = content.decode("gb18030")
    assert old in text
    return text.replace(old, new, times).encode("gb18030")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("|3|600.00", "|4|600.00", "H019"),
        ("|3|600.00", "|3|600.01", "H019"),
        ("合计|1|100.00", "合计|1|100.01", "H019"),
        ("合计|1|200.00", "合计|2|200.00", "H019"),
        ("总计|3|600.00", "总计|3|600.10", "H019"),
        ("|100.00|", "|100.01|", "H019"),
        ("DWN001", "DWX001", "H035"),
        ("HP01|NB000000007|20220305", "HP01|NB000000007|20220306", "P096"),
        ("HP01|NB000000007|20220305", "HP01|NB000000007|20220230", "P096"),
        ("HP01|", "HP02|", "文件类型"),
        ("100.00|9900", "100.0|9900", "金额格式"),
        ("100.00|9900", "1e2|9900", "金额格式"),
        ("100.00|9900", "１００.00|9900", "金额格式"),
        ("100.00|9900", "-100.00|9900", "金额格式"),
        ("100.00|9900", "0100.00|9900", "金额格式"),
        ("N00000000018|", "|", "代理编号"),
        ("N00000000026|", "N00000000018|", "出现两次"),
        ("0000 交易成功", "3018 账户已销户", "所在清单"),
        ("3018 账户已销户", "0000 交易成功", "所在清单"),
        ("3018 账户已销户", "2000 处理中", "所在清单"),
        ("失败清单", "", "空行"),
        ("失败清单\r\n", "", "合计|缺少"),
        ("林乙", "林|乙", "字段"),
    ],
)
def test_a_file_that_does_not_add_up_is_refused_whole(channel: Adapter, old: str, new: str, why: str) -> None:
    found, errors = channel.parse_result(changed(RESULT, old, new))
    assert found is None
    assert re.search(why, errors[0].text), errors[0].text


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("|0.00|2|", "|0.01|2|", "不平"),
        ("|2|0.00", "|2|5.00", "不平"),
        ("990001000078", "990001000079", "H035"),
        ("合计|1|100.00|1|100.00", "合计|1|100.00|1|100.01", "H019"),
        ("|借|100.00|", "|出|100.00|", "借贷"),
        ("|借|100.00|", "|借|0.00|", "为零"),
    ],
)
def test_a_statement_that_does_not_balance_is_refused_whole(channel: Adapter, old: str, new: str, why: str) -> None:
    found, errors = channel.parse_statement(changed(STATEMENT, old, new))
    assert found is None
    assert why in errors[0].text


def test_content_after_the_total_is_refused(channel: Adapter) -> None:
    assert channel.parse_result(RESULT + "N00000000018|多|1\r\n".encode("gb18030"))[0] is None


def test_bytes_that_are_not_gb18030_are_refused(channel: Adapter) -> None:
    found, errors = channel.parse_result(b"HP01|\xff\xff\r\n")
    assert (found, errors[0].text) == (None, "不是GB18030编码")


def test_an_account_in_the_banks_words_is_hidden(channel: Adapter) -> None:
    result, _ = channel.parse_result(changed(RESULT, "3018 账户已销户", f"3031 户名不符,账号{ACCOUNT}"))
    assert result is not None
    assert result.lines[1].bank_text == "户名不符,账号****"


def test_what_a_file_is_stands_in_its_first_field(channel: Adapter) -> None:
    kinds = [
        channel.kind_of(content) for content in (RESULT, RETURNS, REJECTION, STATEMENT, b"", b"PK\x03\x04zip", b"HP01")
    ]
    assert kinds == ["result", "return", "result", "statement", None, None, None]

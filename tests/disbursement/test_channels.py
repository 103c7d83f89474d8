"""Every channel: the bytes of its golden files, what is read from them, and that nothing unfit is believed.

``python -m tests.disbursement.test_channels`` writes the golden files anew; look at the difference before you commit.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from disbursement.banks import gateway
from disbursement.banks.base import OutgoingLine, OutgoingOrder
from disbursement.banks.exchange import Exchange
from disbursement.banks.markup import SCHEMAS
from disbursement.banks.places import FolderStorage
from disbursement.simulator.bank import HALVES, kind_of
from disbursement.simulator.terms import Back, Entry, Refused, Said
from subsidy_portal import clock

GOLDEN = Path(__file__).parent / "golden"
KINDS = sorted(HALVES)
UNIT, ACCOUNT, DAY = "DWN001", "990001000078", "20220305"
CARDS = ["6217990000000000018", "6217990300000000026", "6217991500000000034"]
ORDER = OutgoingOrder(
    "NB000000007",
    "B-2022-0003",
    dt.date(2022, 3, 5),
    (
        OutgoingLine("N00000000018", "林億墊", CARDS[0], "99000019500101001X", 10_000),
        OutgoingLine("N00000000026", "阿依古丽·买买提", CARDS[1], "990000195001010028", 5, times=2),
        OutgoingLine("N00000000034", "䶮𬀩", CARDS[2], "990000195001010036", 30_000),
    ),
)
SAID = [
    Said("N00000000018", "林億墊", 10_000, "99000019500101001X", CARDS[0], "1", "0000 交易成功", DAY, "S1", "success"),
    Said("N00000000026", "阿依古丽", 5, "990000195001010028", CARDS[1], "2", "3018 账户已销户", DAY, "S2", "failed"),
    Said("N00000000034", "䶮𬀩", 30_000, "990000195001010036", CARDS[2], "1", "2000 处理中", DAY, "S3", "pending"),
]
BACKS = [Back("N00000000018", "林億墊", CARDS[0], 10_000, "3056 账户不能入账，退票", "T1")]
ENTRIES = [
    Entry("C", 10_005, "", "F1", "国库拨入"),
    Entry("D", 10_000, "N00000000018", "E1", "代发补贴"),
    Entry("D", 5, "N00000000026", "E2", "代发补贴"),
    Entry("C", 5, "N00000000026", "E3", "退票"),
]


def channel(kind: str, folder: Path) -> Any:
    from importlib import import_module

    from django.conf import settings

    adapter = import_module(settings.BANKS[kind]).Adapter
    contract: dict[str, Any] = {"unit_number": UNIT, "fiscal_account": ACCOUNT}
    if adapter.profile.channel == "http":
        contract["gateway"] = gateway.Gateway("http://127.0.0.1:9/bank-n", gateway.HmacSigner("golden"))
    return adapter(Exchange(FolderStorage(location=folder), "bank-n"), **contract)


def files(kind: str) -> dict[str, bytes]:
    """What passes between the county and a bank of this kind, by what it is."""
    half = HALVES[kind]
    sent = channel(kind, Path("unused")).build(ORDER)
    return {
        "order": sent.content,
        "result": half.results("NB000000007", DAY, UNIT, 1, SAID).content,
        "refusal": half.refuse(sent.content, sent.name, DAY, "H019 笔数或金额不符")[1].content,
        "return": half.returns(DAY, UNIT, ACCOUNT, 1, BACKS).content,
        "statement": half.statement(3, DAY, UNIT, ACCOUNT, 700, 700 + 10_010 - 10_005, ENTRIES).content,
    }


def golden(kind: str, what: str) -> Path:
    (path,) = (GOLDEN / kind).glob(f"{what}.*")
    return path


@pytest.fixture(autouse=True)
def on_the_day(home: Path) -> None:
    """Every test of a channel runs on the day of its files."""


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def bank(kind: str, tmp_path: Path) -> Any:
    return channel(kind, tmp_path)


@pytest.mark.parametrize("what", ["order", "result", "refusal", "return", "statement"])
def test_the_bytes_are_those_of_the_golden_file(kind: str, what: str) -> None:
    assert files(kind)[what] == golden(kind, what).read_bytes()


def test_the_bank_reads_what_we_write(kind: str, bank: Any) -> None:
    sent = bank.build(ORDER)
    assert kind_of(sent.name) == kind, "the bank knows the file by its name"
    header, lines = HALVES[kind].read_order(sent.content, DAY)
    assert header == ("NB000000007", DAY, UNIT, "B-2022-0003", ACCOUNT, 3, 40_005)
    assert [(line.ref, line.name, line.amount, line.account, line.id_number, line.times) for line in lines] == [
        (line.ref, line.name, line.amount_fen, line.account, line.id_number, str(line.times)) for line in ORDER.lines
    ]


def test_the_same_order_gives_the_same_file_always(bank: Any) -> None:
    assert bank.build(ORDER) == bank.build(ORDER)


def test_a_result_is_read(kind: str, bank: Any) -> None:
    content = golden(kind, "result").read_bytes()
    assert bank.kind_of(content[:512]) == "result"
    result, errors = bank.parse_result(content)
    assert errors == []
    assert (result.kind, result.order_ref, result.count, result.total_fen) == ("result", "NB000000007", 3, 40_005)
    assert [(line.ref, line.outcome, line.amount_fen, line.account_last4, line.serial) for line in result.lines] == [
        ("N00000000018", "success", 10_000, "0018", "S1"),
        ("N00000000026", "failed", 5, "0026", "S2"),
        ("N00000000034", "unknown", 30_000, "0034", "S3"),
    ]
    assert {line.booked_on for line in result.lines} == {dt.date(2022, 3, 5)}
    assert "销户" in result.lines[1].bank_text


def test_a_return_a_refusal_and_a_statement_are_read(kind: str, bank: Any) -> None:
    returns, _ = bank.parse_result(golden(kind, "return").read_bytes())
    assert (returns.kind, returns.count, returns.total_fen, returns.lines[0].outcome) == (
        "return",
        1,
        10_000,
        "returned",
    )
    assert (returns.lines[0].ref, returns.lines[0].account_last4) == ("N00000000018", "0018")
    refusal, _ = bank.parse_result(golden(kind, "refusal").read_bytes())
    assert (refusal.kind, refusal.order_ref, refusal.count, refusal.total_fen) == (
        "rejection",
        "NB000000007",
        3,
        40_005,
    )
    assert "笔数或金额不符" in refusal.rejected_text
    content = golden(kind, "statement").read_bytes()
    assert bank.kind_of(content[:512]) == "statement"
    statement, errors = bank.parse_statement(content)
    assert errors == []
    assert (statement.number, statement.opening_fen, statement.closing_fen) == (3, 700, 705)
    assert [(line.kind, line.ref, line.amount_fen, line.serial) for line in statement.lines] == [
        ("funding", "", 10_005, "F1"),
        ("debit", "N00000000018", 10_000, "E1"),
        ("debit", "N00000000026", 5, "E2"),
        ("return", "N00000000026", 5, "E3"),
    ]


@pytest.mark.parametrize("what", ["result", "refusal", "return", "statement"])
def test_a_file_cut_off_anywhere_is_refused(kind: str, bank: Any, what: str) -> None:
    whole = golden(kind, what).read_bytes()
    parse = bank.parse_statement if what == "statement" else bank.parse_result
    assert parse(whole)[1] == []
    # A workbook is opened by a process of its own each time: every 400th byte; all others at every byte.
    step = 400 if golden(kind, what).suffix == ".xls" else 1
    for length in range(0, len(whole.rstrip(b"\n")) - 1, step):
        found, errors = parse(whole[:length])
        assert found is None, f"cut off at byte {length}"
        assert len(errors) == 1


def test_what_belongs_to_another_county_is_refused(kind: str, tmp_path: Path) -> None:
    for what, changes in (
        ("result", {"unit_number": "DWX001"}),
        ("statement", {"fiscal_account": "990001000079"}),
    ):
        ours = channel(kind, tmp_path)
        for name, value in changes.items():
            setattr(ours, name, value)
        content = golden(kind, what).read_bytes()
        found, errors = (ours.parse_statement if what == "statement" else ours.parse_result)(content)
        assert found is None
        assert "H035" in errors[0].text


def test_a_day_that_has_not_come_is_refused(kind: str, bank: Any, home: Path) -> None:
    (home / "clock").write_text("2022-03-04")
    assert clock.today() == dt.date(2022, 3, 4)
    for what in ("result", "return", "statement"):
        content = golden(kind, what).read_bytes()
        found, errors = (bank.parse_statement if what == "statement" else bank.parse_result)(content)
        assert found is None
        assert "P096" in errors[0].text


def test_no_sentence_about_a_bad_file_names_a_person(kind: str, bank: Any) -> None:
    content = golden(kind, "result").read_bytes().replace(b"N00000000026", b"N00000000018")
    found, errors = bank.parse_result(content)
    assert found is None
    for secret in ("林", "阿依古丽", *CARDS, "990000195001"):
        assert secret not in json.dumps([dataclasses.asdict(error) for error in errors], ensure_ascii=False)


def test_the_bank_refuses_what_does_not_add_up(kind: str, bank: Any) -> None:
    less = dataclasses.replace(ORDER, lines=ORDER.lines[:2])
    whole, part = bank.build(ORDER).content, bank.build(less).content
    with pytest.raises(Refused):
        HALVES[kind].read_order(whole[: len(whole) // 2] + part[len(part) // 2 :], DAY)


def test_the_schemas_are_the_published_ones() -> None:
    told = (SCHEMAS / "README.md").read_text()
    for path in SCHEMAS.glob("*.xsd"):
        line = next(line for line in told.splitlines() if path.name in line)
        assert hashlib.sha256(path.read_bytes()).hexdigest() in line


SUFFIX = {("sheet_text", "result"): "xls", ("sheet_text", "return"): "xls"}


def write_golden() -> None:
    for kind in KINDS:
        (GOLDEN / kind).mkdir(exist_ok=True, parents=True)
        for what, content in files(kind).items():
            suffix = SUFFIX.get((kind, what), "xml" if content.startswith(b"<?xml") else "txt")
            (GOLDEN / kind / f"{what}.{suffix}").write_bytes(content)


if __name__ == "__main__":
    import django

    django.setup()
    write_golden()

"""The bank simulator: scripted by account and knobs, books each reference once, answers the same after kill -9."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from disbursement.banks.pipe_text import Adapter
from disbursement.simulator.bank import Banks
from disbursement.simulator.ledger import debits_by_ref, report
from tests import make

BOX = "bank-n"


def order_file(home: Path, outcomes: list[int], ref: str = "NB000000001", first: int = 1, **head: str) -> Path:
    """An order with one line an outcome, 100 yuan each, in the bank's ``out/``."""
    unit, day = head.get("unit", "DWN001"), head.get("day", "20220305")
    rows = [
        f"DF01|{ref}|{day}|{unit}|B-2022-0001|990001000078|{len(outcomes)}|{head.get('total', f'{len(outcomes)}00.00')}"
    ]
    rows += [
        f"N{n:011d}|林{n}|100.00|{make.make_account_number(outcome)}|{unit}|01|99000019500101001X|1"
        for n, outcome in enumerate(outcomes, first)
    ]
    out = home / "exchange" / BOX / "out"
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"DF01_{ref}.txt"
    path.write_bytes(("\r\n".join(rows) + "\r\n").encode("gb18030"))
    return path


def answers(home: Path) -> list[Path]:
    return sorted((home / "exchange" / BOX / "in").glob("*.txt"))


def knobs(home: Path, **values: Any) -> None:
    (home / "banksim" / "knobs.json").write_text(json.dumps(values))


def parsed(home: Path) -> dict[str, Any]:
    """The answers read with the portal's own channel: kind of file → what is in it."""
    from disbursement.banks.exchange import Exchange
    from disbursement.banks.places import FolderStorage

    channel = Adapter(
        Exchange(FolderStorage(location=home / "exchange"), BOX),
        unit_number="DWN001",
        fiscal_account="990001000078",
    )
    found: dict[str, Any] = {}
    for path in answers(home):
        content = path.read_bytes()
        parse = channel.parse_statement if channel.kind_of(content) == "statement" else channel.parse_result
        value, errors = parse(content)  # type: ignore[operator]
        assert errors == [], (path.name, errors)
        found[path.name[:4]] = value
    return found


def test_each_account_has_its_outcome(home: Path, banks: Banks) -> None:
    order_file(home, [0, 1, 2, 15, 16, 20, 99])
    banks.round()
    result = parsed(home)["HP01"]
    assert [(line.ref[-1], line.outcome, line.bank_code) for line in result.lines] == [
        ("1", "success", "0000"), ("5", "success", "0000"),
        ("2", "failed", "3009"), ("3", "failed", "3031"), ("7", "failed", "3999"),
        ("4", "unknown", "2000"),
    ]  # fmt: skip
    assert set(debits_by_ref(banks.ledger)) == {f"N{n:011d}" for n in (1, 5, 6)}, "the silent one was booked"
    assert not list((home / "exchange" / BOX / "out").iterdir())


def test_the_next_day_brings_the_statement_the_pending_and_the_return(home: Path, banks: Banks, day: Any) -> None:
    order_file(home, [0, 15, 16])
    banks.round()
    day("2022-03-08")
    banks.round()
    found = parsed(home)
    statement = found["DZ01"]
    assert (statement.number, str(statement.booked_on), statement.closing_fen) == (1, "2022-03-05", 0)
    assert [line.kind for line in statement.lines] == ["funding", "debit", "debit"]
    assert [line.ref[-1] for line in found["TP01"].lines] == ["3"]
    assert [line.ref[-1] for line in found["HP01"].lines] == ["2"], "the second result holds the late success alone"
    assert len([path for path in answers(home) if path.name.startswith("HP01")]) == 2
    assert debits_by_ref(banks.ledger) == {"N00000000001": 10_000, "N00000000002": 10_000, "N00000000003": 0}


def test_days_chain_and_balances_stay_positive(home: Path, banks: Banks, day: Any) -> None:
    for n, date in enumerate(("2022-03-05", "2022-03-07", "2022-03-08"), 1):
        day(date)
        order_file(home, [0, 16], ref=f"NB00000000{n}", first=n * 10)
        banks.round()
    day("2022-03-31")
    banks.round()
    statements = [path for path in answers(home) if path.name.startswith("DZ01")]
    heads = [path.read_bytes().split(b"\r\n")[0].decode().split("|") for path in statements]
    assert [head[1] for head in heads] == ["1", "2", "3"]
    assert all(a[7] == b[5] for a, b in pairwise(heads)), "each opens where the last closed"
    assert all(int(head[7].replace(".", "")) >= 0 for head in heads)


@pytest.mark.parametrize(
    ("head", "code"),
    [
        ({"total": "999.00"}, "H019"),
        ({"day": "20220306"}, "P096"),
        ({"day": "2022035"}, "P096"),
    ],
)
def test_a_file_that_does_not_hold_is_refused_whole(home: Path, banks: Banks, head: dict[str, str], code: str) -> None:
    order_file(home, [0, 0], **head)
    banks.round()
    assert parsed(home)["JS01"].rejected_code == code
    assert report(banks.ledger)["debits"] == 0


def test_another_unit_than_the_contracts_is_refused(home: Path, banks: Banks) -> None:
    order_file(home, [0])
    banks.round()
    order_file(home, [0], ref="NB000000002", first=9, unit="DWX999")
    banks.round()
    (refusal,) = [path for path in answers(home) if path.name.startswith("JS01")]
    assert "H035" in refusal.read_bytes().decode("gb18030")
    assert report(banks.ledger)["debits"] == 1


def test_the_same_file_again_books_nothing(home: Path, banks: Banks) -> None:
    path = order_file(home, [0, 0])
    content = path.read_bytes()
    banks.round()
    path.write_bytes(content)
    banks.round()
    assert (report(banks.ledger)["debits"], len(answers(home))) == (2, 1)


def test_a_bank_killed_between_two_chunks_goes_on_where_it_was(home: Path, banks: Banks, monkeypatch: Any) -> None:
    order_file(home, [0] * 1_200)

    class Killed(BaseException):
        pass

    def die(lines: int) -> None:
        raise Killed

    monkeypatch.setattr(banks, "slow_down", die)
    with pytest.raises(Killed):
        banks.round()
    assert report(banks.ledger)["debits"] == 500
    again = Banks(home, home / "exchange")
    again.round()
    assert set(debits_by_ref(again.ledger).values()) == {10_000}
    assert (report(again.ledger)["debits"], parsed(home)["HP01"].count) == (1_200, 1_200)


def test_a_promised_file_is_written_after_a_crash_before_the_rename(home: Path, banks: Banks, monkeypatch: Any) -> None:
    order_file(home, [0])
    with monkeypatch.context() as dead:
        dead.setattr(banks, "write_files", lambda: 0)
        banks.round()
    assert answers(home) == []
    Banks(home, home / "exchange").round()
    assert len(answers(home)) == 1


def test_knobs_duplicate_truncate_drop_and_delay(home: Path, banks: Banks) -> None:
    knobs(home, duplicate_result=True, truncate=3)
    order_file(home, [0])
    banks.round()
    cut, whole, same, other = (path.read_bytes() for path in answers(home))
    assert whole.startswith(cut[:20])
    assert not cut.endswith(b"\r\n")
    assert whole == same
    assert other.split(b"\r\n")[1:] == whole.split(b"\r\n")[1:]
    assert other != whole
    knobs(home, drop_result=True)
    order_file(home, [0], ref="NB000000002", first=5)
    banks.round()
    assert len(answers(home)) == 4
    knobs(home, result_delay=60)
    order_file(home, [0], ref="NB000000003", first=7)
    banks.round()
    assert (len(answers(home)), report(banks.ledger)["files_waiting"]) == (4, 1)


def test_the_knob_for_late_success_pays_what_was_said_to_fail(home: Path, banks: Banks, day: Any) -> None:
    knobs(home, late_success=True)
    order_file(home, [1])
    banks.round()
    assert parsed(home)["HP01"].lines[0].outcome == "failed"
    day("2022-03-07")
    banks.round()
    assert parsed(home)["HP01"].lines[0].outcome == "success"
    assert debits_by_ref(banks.ledger) == {"N00000000001": 10_000}


def test_the_last_day_is_closed_on_request(home: Path, banks: Banks) -> None:
    order_file(home, [0])
    banks.round()
    (home / "banksim" / "close-day").touch()
    banks.round()
    assert parsed(home)["DZ01"].number == 1
    assert not (home / "banksim" / "close-day").exists()
    order_file(home, [0], ref="NB000000002", first=5)
    banks.round()
    assert report(banks.ledger)["debits"] == 1, "nothing more is booked on a closed day"


def test_the_simulator_shares_nothing_with_the_portal() -> None:
    import disbursement.simulator as simulator

    for path in Path(simulator.__path__[0]).glob("*.py"):
        text = path.read_text()
        assert "import django" not in text
        assert "from django" not in text
        assert not any(f"disbursement.{module}" in text for module in ("banks", "models", "results", "sending"))

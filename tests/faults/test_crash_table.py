"""The 34 crash points from approval to close, and the tests that stand for each; every one of them exists."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
# crash point → where the process or the world breaks, and tests (file under tests/, name) that break it there
CRASHES: dict[str, tuple[str, list[str]]] = {
    "C1": (
        "freezing lines",
        [
            "faults/test_crash_points.py::test_killed_while_deciding",
        ],
    ),
    "C2": (
        "approve, before commit",
        [
            "faults/test_crash_points.py::test_killed_while_deciding",
        ],
    ),
    "C3": (
        "approve committed, answer lost",
        [
            "disbursement/test_api.py::test_the_same_step_twice_is_a_conflict",
        ],
    ),
    "C4": (
        "committed, before the doorbell",
        ["faults/test_services.py::test_redis_killed_and_away_while_the_web_still_approves"],
    ),
    "C5": (
        "doorbell lost",
        [
            "faults/test_services.py::test_flushall_in_the_middle_of_paying",
        ],
    ),
    "C6": (
        "doorbell doubled",
        [
            "faults/test_services.py::test_eight_senders_race_for_the_same_orders",
        ],
    ),
    "C7": (
        "claimed, before commit",
        [
            "faults/test_crash_points.py::test_killed_while_sending",
        ],
    ),
    "C8": (
        "commit of the claim ambiguous",
        [
            "faults/test_services.py::test_postgres_stopped_hard_while_paying",
        ],
    ),
    "C9": (
        "claimed, nothing sent",
        [
            "faults/test_crash_points.py::test_killed_while_sending",
        ],
    ),
    "C10": (
        "journal written, connection refused",
        ["disbursement/test_gateway.py::test_a_bank_that_is_not_there_got_no_byte_and_the_order_waits"],
    ),
    "C11": (
        "bytes sent, link cut",
        [
            "disbursement/test_gateway.py::test_a_link_cut_before_the_bank_took_it_stays_unknown",
            "disbursement/test_sftp.py::test_a_link_cut_at_the_rename_is_unknown_and_never_placed_twice",
        ],
    ),
    "C12": (
        "bank said yes, not noted",
        [
            "disbursement/test_gateway.py::test_a_dead_sender_is_found_by_asking",
        ],
    ),
    "C13": (
        "no clear answer",
        ["disbursement/test_gateway.py::test_what_is_no_clear_answer_is_unknown_and_found_by_asking"],
    ),
    "C14": (
        "file built, before its name",
        [
            "faults/test_crash_points.py::test_killed_while_sending",
        ],
    ),
    "C15": (
        "upload half done",
        ["disbursement/test_sftp.py::test_a_link_cut_while_writing_left_no_file_and_the_order_waits"],
    ),
    "C16": (
        "upload done, not noted",
        [
            "faults/test_crash_points.py::test_killed_while_sending",
        ],
    ),
    "C17": (
        "bank never answers",
        [
            "disbursement/test_verdicts.py::test_the_banks_letter_closes_it_either_way",
        ],
    ),
    "C18": (
        "answer before our note",
        ["disbursement/test_results.py::test_an_answer_to_an_order_only_the_journal_knows_as_sent_proves_it_was_sent"],
    ),
    "C19": (
        "asking dies half way",
        [
            "faults/test_crash_points.py::test_killed_while_collecting",
        ],
    ),
    "C20": (
        "file stored, not read",
        [
            "faults/test_crash_points.py::test_killed_while_collecting",
        ],
    ),
    "C21": (
        "dies at line k",
        [
            "faults/test_crash_points.py::test_killed_while_collecting",
        ],
    ),
    "C22": (
        "contradicts a final state",
        ["disbursement/test_results.py::test_a_late_success_beats_the_failure_and_is_shown"],
    ),
    "C23": (
        "statement import dies",
        [
            "faults/test_crash_points.py::test_killed_while_collecting",
        ],
    ),
    "C24": (
        "two matchers",
        [
            "faults/test_services.py::test_eight_senders_race_for_the_same_orders",
        ],
    ),
    "C25": (
        "return credited, not noted",
        [
            "disbursement/test_reconcile.py::test_a_credit_alone_proves_the_return",
        ],
    ),
    "C26": (
        "return before success",
        [
            "disbursement/test_results.py::test_a_return_without_success_waits_for_it",
        ],
    ),
    "C27": (
        "reissue approved, no attempt yet",
        [
            "faults/test_crash_points.py::test_killed_while_deciding",
        ],
    ),
    "C28": (
        "late success of the old attempt",
        ["disbursement/test_results.py::test_a_late_success_beside_an_unsent_reissue_stops_the_reissue"],
    ),
    "C29": (
        "double click on reissue",
        [
            "faults/test_crash_points.py::test_two_persons_release_one_reissue_at_once",
        ],
    ),
    "C30": (
        "close while a result arrives",
        ["disbursement/test_reconcile.py::test_a_result_for_a_closed_month_lands_in_the_next"],
    ),
    "C31": (
        "older database restored",
        [
            "faults/test_restore.py::test_after_a_restore_nothing_leaves_twice",
        ],
    ),
    "C32": (
        "key missing while building",
        ["disbursement/test_sending.py::test_an_account_that_does_not_open_sends_nothing"],
    ),
    "C33": (
        "disk full",
        [
            "faults/test_services.py::test_a_full_disk_sends_nothing_half_and_goes_on_with_space",
        ],
    ),
    "C34": (
        "clock jump",
        [
            "faults/test_services.py::test_clock_jumps_fail_nothing_and_send_nothing_twice",
        ],
    ),
}


def names_in(path: Path) -> set[str]:
    found = ast.walk(ast.parse(path.read_text()))
    return {node.name for node in found if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@pytest.mark.parametrize("point", [f"C{n}" for n in range(1, 35)])
def test_every_crash_point_is_broken_somewhere(point: str) -> None:
    _where, names = CRASHES[point]
    assert names, f"{point} has no test"
    for name in names:
        file, _sep, function = name.partition("::")
        assert function in names_in(TESTS / file), name

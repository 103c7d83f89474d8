"""Everything that changes the ledger, the official tables, the reports and what is known of money off the platform."""

from selfcheck.actions.annexes import file_annex, place_program
from selfcheck.actions.audits import decide_hit, register_hit, run_audit, set_params
from selfcheck.actions.closing import close_problem, publish_result, request_close, return_problem
from selfcheck.actions.evidence import EVIDENCE_TYPES, add_evidence, require_evidence
from selfcheck.actions.off_platform import (
    confirm_yearly_amount,
    enter_yearly_amount,
    note_off_platform,
    refuse_yearly_amount,
)
from selfcheck.actions.recoveries import record_recovery, remit_recovery, void_recovery, write_off
from selfcheck.actions.rectifying import PROGRESS_FIELDS, note_progress, plan_rectification
from selfcheck.actions.registering import refute_problem, register_overpayment, register_problem, verify_problem
from selfcheck.actions.reports import save_report, start_report, submit_report

__all__ = [
    "EVIDENCE_TYPES",
    "PROGRESS_FIELDS",
    "add_evidence",
    "close_problem",
    "confirm_yearly_amount",
    "decide_hit",
    "enter_yearly_amount",
    "file_annex",
    "note_off_platform",
    "note_progress",
    "place_program",
    "plan_rectification",
    "publish_result",
    "record_recovery",
    "refuse_yearly_amount",
    "refute_problem",
    "register_hit",
    "register_overpayment",
    "register_problem",
    "remit_recovery",
    "request_close",
    "require_evidence",
    "return_problem",
    "run_audit",
    "save_report",
    "set_params",
    "start_report",
    "submit_report",
    "verify_problem",
    "void_recovery",
    "write_off",
]

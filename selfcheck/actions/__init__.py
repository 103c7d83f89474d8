"""Everything that changes the problem ledger."""

from selfcheck.actions.audits import decide_hit, register_hit, run_audit, set_params
from selfcheck.actions.closing import close_problem, publish_result, request_close, return_problem
from selfcheck.actions.evidence import EVIDENCE_TYPES, add_evidence, require_evidence
from selfcheck.actions.recoveries import record_recovery, remit_recovery, void_recovery, write_off
from selfcheck.actions.rectifying import PROGRESS_FIELDS, note_progress, plan_rectification
from selfcheck.actions.registering import refute_problem, register_overpayment, register_problem, verify_problem

__all__ = [
    "EVIDENCE_TYPES",
    "PROGRESS_FIELDS",
    "add_evidence",
    "close_problem",
    "decide_hit",
    "note_progress",
    "plan_rectification",
    "publish_result",
    "record_recovery",
    "refute_problem",
    "register_hit",
    "register_overpayment",
    "register_problem",
    "remit_recovery",
    "request_close",
    "require_evidence",
    "return_problem",
    "run_audit",
    "set_params",
    "verify_problem",
    "void_recovery",
    "write_off",
]

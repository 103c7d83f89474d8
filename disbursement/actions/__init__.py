"""Everything a person may do with money: ``actions.release_batch(batch, actor=…)``. What banks say: ``results``."""

from disbursement.actions.batches import (
    ContentChanged,
    approve_batch,
    cancel_batch,
    hold_batch,
    make_batch,
    release_batch,
    resume_batch,
    return_batch,
    submit_batch,
)
from disbursement.actions.correction_sheets import MAX_LINES, propose_corrections
from disbursement.actions.corrections import (
    approve_correction,
    make_reissue,
    may_correct,
    propose_correction,
    refuse_correction,
    refuse_reissue,
    release_reissue,
    withdraw_order,
)
from disbursement.actions.matches import confirm_match, propose_match, refuse_match
from disbursement.actions.months import MonthOpen, close_month, prepare_month, resolve_discrepancy
from disbursement.actions.names import ask_names
from disbursement.actions.refunds import confirm_refund, propose_refund, refundable, refuse_refund
from disbursement.actions.stops import confirm_reopening, propose_reopening, refuse_reopening
from disbursement.actions.verdicts import confirm_verdict, propose_absence, propose_by_letter, refuse_verdict
from disbursement.funds import PlanExceeded

__all__ = [
    "MAX_LINES",
    "ContentChanged",
    "MonthOpen",
    "PlanExceeded",
    "approve_batch",
    "approve_correction",
    "ask_names",
    "cancel_batch",
    "close_month",
    "confirm_match",
    "confirm_refund",
    "confirm_reopening",
    "confirm_verdict",
    "hold_batch",
    "make_batch",
    "make_reissue",
    "may_correct",
    "prepare_month",
    "propose_absence",
    "propose_by_letter",
    "propose_correction",
    "propose_corrections",
    "propose_match",
    "propose_refund",
    "propose_reopening",
    "refundable",
    "refuse_correction",
    "refuse_match",
    "refuse_refund",
    "refuse_reissue",
    "refuse_reopening",
    "refuse_verdict",
    "release_batch",
    "release_reissue",
    "resolve_discrepancy",
    "resume_batch",
    "return_batch",
    "submit_batch",
    "withdraw_order",
]

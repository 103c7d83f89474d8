"""Batches, payments, orders and what the banks say. The truth about money lives in these tables."""

from disbursement.models.banks import Bank, BankFile, BankLine
from disbursement.models.batches import Batch, Correction, Payment, Reissue
from disbursement.models.matches import EntryMatch
from disbursement.models.names import NameCheck
from disbursement.models.orders import Attempt, Order
from disbursement.models.reconciliation import Discrepancy, MonthClose, Statement, StatementEntry
from disbursement.models.refunds import Refund, RefundLine
from disbursement.models.stops import SendingStop
from disbursement.models.verdicts import Verdict

__all__ = [
    "Attempt",
    "Bank",
    "BankFile",
    "BankLine",
    "Batch",
    "Correction",
    "Discrepancy",
    "EntryMatch",
    "MonthClose",
    "NameCheck",
    "Order",
    "Payment",
    "Refund",
    "RefundLine",
    "Reissue",
    "SendingStop",
    "Statement",
    "StatementEntry",
    "Verdict",
]

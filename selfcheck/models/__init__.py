"""Problems and their way to 销号, the official tables, the units' reports, and money paid off the platform."""

from selfcheck.models.annexes import Annex2Program, AnnexFile
from selfcheck.models.audits import AuditHit, AuditSetting
from selfcheck.models.off_platform import OffPlatformProgram, YearlyAmount
from selfcheck.models.problems import (
    Evidence,
    Problem,
    ProblemPayment,
    ProblemPaymentQuerySet,
    ProblemQuerySet,
    Recovery,
    RecoveryQuerySet,
)
from selfcheck.models.reports import Report

__all__ = [
    "Annex2Program",
    "AnnexFile",
    "AuditHit",
    "AuditSetting",
    "Evidence",
    "OffPlatformProgram",
    "Problem",
    "ProblemPayment",
    "ProblemPaymentQuerySet",
    "ProblemQuerySet",
    "Recovery",
    "RecoveryQuerySet",
    "Report",
    "YearlyAmount",
]

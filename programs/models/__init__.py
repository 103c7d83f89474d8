"""Policies, funds, the registry, rosters and what is checked and publicised before money moves."""

from programs.models.cards import CardAnomaly, Uncarded
from programs.models.checks import Dataset, DatasetPolicy, DatasetRow, Rule, RuleVersion, Suspicion
from programs.models.doubles import HeadChange, PersonMerge, PersonMove
from programs.models.entitlements import EligibleUnpaid, EntitlementRule
from programs.models.funds import FundEntry, FundPlan
from programs.models.notices import Notice, NoticeRow, Objection
from programs.models.policies import PolicyItem, PolicyList, Program, ProgramColumn
from programs.models.postings import ListChannel, Posting
from programs.models.registry import Account, AccountProof, Household, Person
from programs.models.rosters import CellEdit, ColumnMapping, Roster, RosterImport, RosterRow

__all__ = [
    "Account",
    "AccountProof",
    "CardAnomaly",
    "CellEdit",
    "ColumnMapping",
    "Dataset",
    "DatasetPolicy",
    "DatasetRow",
    "EligibleUnpaid",
    "EntitlementRule",
    "FundEntry",
    "FundPlan",
    "HeadChange",
    "Household",
    "ListChannel",
    "Notice",
    "NoticeRow",
    "Objection",
    "Person",
    "PersonMerge",
    "PersonMove",
    "PolicyItem",
    "PolicyList",
    "Posting",
    "Program",
    "ProgramColumn",
    "Roster",
    "RosterImport",
    "RosterRow",
    "Rule",
    "RuleVersion",
    "Suspicion",
    "Uncarded",
]

"""Everything that changes policies, funds, the registry, rosters and notices: ``actions.submit_roster(…, actor=…)``."""

from programs.actions.changes import RowChange, roster_changes
from programs.actions.datasets import import_dataset
from programs.actions.funds import confirm_funds, enter_funds, refuse_funds
from programs.actions.mappings import choose_sheet, forget_mapping, map_columns
from programs.actions.notices import end_due_notices, open_notice
from programs.actions.objections import decide_objection, file_objection, reveal_contact
from programs.actions.policies import draft_policy_list, publish_policy_list, refresh_policy_list, save_program
from programs.actions.registry import add_account, reveal_account_number, reveal_id_number
from programs.actions.rosters import (
    NEXT_STEP,
    RETURNS,
    accept_roster,
    approve_roster_in_department,
    approve_roster_in_town,
    cancel_roster,
    check_roster_in_department,
    return_roster,
    submit_roster,
)
from programs.actions.suspicions import decide_suspicion
from programs.actions.uploads import abandon_import, import_roster, upload_roster

__all__ = [
    "NEXT_STEP",
    "RETURNS",
    "RowChange",
    "abandon_import",
    "accept_roster",
    "add_account",
    "approve_roster_in_department",
    "approve_roster_in_town",
    "cancel_roster",
    "check_roster_in_department",
    "choose_sheet",
    "confirm_funds",
    "decide_objection",
    "decide_suspicion",
    "draft_policy_list",
    "end_due_notices",
    "enter_funds",
    "file_objection",
    "forget_mapping",
    "import_dataset",
    "import_roster",
    "map_columns",
    "open_notice",
    "publish_policy_list",
    "refresh_policy_list",
    "refuse_funds",
    "return_roster",
    "reveal_account_number",
    "reveal_contact",
    "reveal_id_number",
    "roster_changes",
    "save_program",
    "submit_roster",
    "upload_roster",
]

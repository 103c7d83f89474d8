"""Everything that changes policies, funds, the registry, rosters and notices: ``actions.submit_roster(…, actor=…)``."""

from programs.actions.anomalies import end_account, explain_anomaly, find_anomalies, start_anomaly_search
from programs.actions.changes import RowChange, roster_changes
from programs.actions.dataset_pages import add_page, begin_collecting, close_collecting
from programs.actions.dataset_policies import policy_of, purge_datasets, set_dataset_policy
from programs.actions.datasets import abandon_dataset, read_dataset, upload_dataset
from programs.actions.edits import correct_cells, may_correct
from programs.actions.entitlements import (
    dismiss_eligible,
    notify_eligible,
    save_entitlement_rule,
    search_eligible,
    start_search,
)
from programs.actions.forward import last_roster, start_copy, write_copy
from programs.actions.funds import confirm_funds, enter_funds, refuse_funds
from programs.actions.households import add_member, ask_head, decide_head, remove_member, withdraw_head
from programs.actions.mappings import choose_sheet, forget_mapping, map_columns
from programs.actions.merges import decide_merge, overlaps, propose_merge, withdraw_merge
from programs.actions.moves import ask_move, decide_move, withdraw_move
from programs.actions.notices import end_due_notices, open_notice
from programs.actions.objections import decide_objection, file_objection, reveal_contact
from programs.actions.policies import draft_policy_list, publish_policy_list, refresh_policy_list, save_program
from programs.actions.postings import record_channel, record_posting
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
from programs.actions.rules import change_rule, preview_rule
from programs.actions.suspicions import decide_alike, decide_suspicion
from programs.actions.templates import (
    ColumnSpec,
    check_rule,
    sample_values,
    set_amount_rule,
    set_columns,
    try_rule,
)
from programs.actions.uncarded import (
    add_uncarded,
    cancel_uncarded,
    close_uncarded,
    read_opened,
    read_uncarded,
    reopen_uncarded,
    send_uncarded,
    uncarded_template,
)
from programs.actions.uploads import AlreadyUploaded, abandon_import, import_roster, same_words, upload_roster

__all__ = [
    "NEXT_STEP",
    "RETURNS",
    "AlreadyUploaded",
    "ColumnSpec",
    "RowChange",
    "abandon_dataset",
    "abandon_import",
    "accept_roster",
    "add_account",
    "add_member",
    "add_page",
    "add_uncarded",
    "approve_roster_in_department",
    "approve_roster_in_town",
    "ask_head",
    "ask_move",
    "begin_collecting",
    "cancel_roster",
    "cancel_uncarded",
    "change_rule",
    "check_roster_in_department",
    "check_rule",
    "choose_sheet",
    "close_collecting",
    "close_uncarded",
    "confirm_funds",
    "correct_cells",
    "decide_alike",
    "decide_head",
    "decide_merge",
    "decide_move",
    "decide_objection",
    "decide_suspicion",
    "dismiss_eligible",
    "draft_policy_list",
    "end_account",
    "end_due_notices",
    "enter_funds",
    "explain_anomaly",
    "file_objection",
    "find_anomalies",
    "forget_mapping",
    "import_roster",
    "last_roster",
    "map_columns",
    "may_correct",
    "notify_eligible",
    "open_notice",
    "overlaps",
    "policy_of",
    "preview_rule",
    "propose_merge",
    "publish_policy_list",
    "purge_datasets",
    "read_dataset",
    "read_opened",
    "read_uncarded",
    "record_channel",
    "record_posting",
    "refresh_policy_list",
    "refuse_funds",
    "remove_member",
    "reopen_uncarded",
    "return_roster",
    "reveal_account_number",
    "reveal_contact",
    "reveal_id_number",
    "roster_changes",
    "same_words",
    "sample_values",
    "save_entitlement_rule",
    "save_program",
    "search_eligible",
    "send_uncarded",
    "set_amount_rule",
    "set_columns",
    "set_dataset_policy",
    "start_anomaly_search",
    "start_copy",
    "start_search",
    "submit_roster",
    "try_rule",
    "uncarded_template",
    "upload_dataset",
    "upload_roster",
    "withdraw_head",
    "withdraw_merge",
    "withdraw_move",
    "write_copy",
]

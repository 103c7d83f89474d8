"""How a status looks: shape, word and colour in six classes, mapped in this one place.

A status missing here breaks the page that shows it, and a test names it; nothing is guessed.
Red (``RISK``) means money at risk and nothing else; a mistake or a failed payment is ``WARN``.
"""

from typing import Final

TODO: Final = "is-todo"  # ring: not begun
DOING: Final = "is-doing"  # half disc: under way
DONE: Final = "is-done"  # tick: finished
WARN: Final = "is-warn"  # triangle: someone must act
UNKNOWN: Final = "is-unknown"  # dashed ring: the outcome is not known yet
RISK: Final = "is-risk"  # diamond: money at risk

# model label → status value → class
LOOK: Final[dict[str, dict[str, str]]] = {
    "subsidy_portal.job": {"queued": TODO, "running": DOING, "done": DONE, "failed": WARN},
    "programs.policylist": {"draft": TODO, "published": DONE, "superseded": TODO},
    "programs.fundentry": {"proposed": DOING, "confirmed": DONE, "refused": WARN},
    "programs.roster": {
        "draft": TODO,
        "submitted": DOING,
        "town_approved": DOING,
        "on_notice": DOING,
        "noticed": DOING,
        "dept_checked": DOING,
        "dept_approved": DOING,
        "accepted": DONE,
        "cancelled": TODO,
    },
    "programs.rosterimport": {"queued": TODO, "reading": DOING, "asking": WARN, "refused": WARN, "imported": DONE},
    "programs.dataset": {
        "collecting": DOING,
        "queued": TODO,
        "reading": DOING,
        "refused": WARN,
        "imported": DONE,
        "purged": TODO,
    },
    "programs.eligibleunpaid": {
        "open": WARN,
        "notified": DOING,
        "claimed": DONE,
        "not_entitled": DONE,
        "lapsed": TODO,
    },
    "programs.uncarded": {"open": WARN, "sent": DOING, "closed": DONE, "cancelled": TODO},
    "programs.cardanomaly": {"open": WARN, "explained": DONE, "closed": DONE},
    "programs.personmerge": {"asked": WARN, "agreed": DONE, "refused": TODO, "withdrawn": TODO},
    "programs.headchange": {"asked": WARN, "agreed": DONE, "refused": TODO, "withdrawn": TODO},
    "programs.personmove": {"asked": WARN, "agreed": DONE, "refused": TODO, "withdrawn": TODO},
    "programs.rosterrow": {"included": DONE, "held": WARN, "left": TODO},
    "programs.suspicion": {"open": WARN, "confirmed": DONE, "unfounded": DONE, "superseded": TODO},
    "programs.notice": {"open": DOING, "ended": DONE, "withdrawn": TODO},
    "programs.objection": {"open": WARN, "upheld": DONE, "rejected": DONE},
    "disbursement.bankfile": {"received": DOING, "applied": DONE, "quarantined": WARN, "sent": DONE},
    "disbursement.batch": {
        "draft": TODO,
        "submitted": DOING,
        "approved": DOING,
        "paying": DOING,
        "settled": DONE,
        "reconciled": DONE,
        "closed": DONE,
        "cancelled": TODO,
        "held": WARN,
    },
    "disbursement.payment": {
        "ready": TODO,
        "in_flight": DOING,
        "paid": DONE,
        "returned": WARN,
        "failed": WARN,
        "refunded": DONE,
        "cancelled": TODO,
        "held": WARN,
    },
    "disbursement.correction": {"proposed": DOING, "approved": DOING, "refused": WARN, "reissued": DONE},
    "disbursement.refund": {"proposed": WARN, "confirmed": DONE, "refused": TODO},
    "disbursement.sendingstop": {"stopped": RISK, "proposed": WARN, "reopened": DONE},
    "disbursement.entrymatch": {"proposed": WARN, "confirmed": DONE, "refused": TODO},
    "disbursement.verdict": {"proposed": WARN, "confirmed": DONE, "refused": TODO},
    "disbursement.reissue": {"submitted": DOING, "released": DONE, "refused": WARN},
    "disbursement.order": {
        "created": TODO,
        "sending": DOING,
        "sent": DOING,
        "answered": DOING,
        "settled": DONE,
        "rejected": WARN,
        "unknown": UNKNOWN,
        "cancelled": TODO,
    },
    "disbursement.attempt": {
        "created": TODO,
        "sending": DOING,
        "sent": DOING,
        "succeeded": DONE,
        "failed": WARN,
        "unknown": UNKNOWN,
        "returned": WARN,
        "cancelled": TODO,
    },
    "disbursement.discrepancy": {"open": RISK, "resolved": DONE},
    "disbursement.monthclose": {"prepared": DOING, "closed": DONE},
    "selfcheck.problem": {
        "registered": TODO,
        "verified": DOING,
        "rectifying": DOING,
        "close_requested": DOING,
        "closed": DONE,
        "unfounded": DONE,
    },
    "selfcheck.report": {"draft": DOING, "submitted": DONE},
    "selfcheck.yearlyamount": {"proposed": DOING, "confirmed": DONE, "refused": TODO, "replaced": TODO},
}


def look_of(label: str, status: str) -> str:
    """The class of ``status`` on the model ``label``; raises KeyError when this file does not know it."""
    return LOOK[label][status]

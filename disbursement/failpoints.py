"""Named places where a test may kill the process, as kill -9 would: no clean-up, no commit, no flush.

``PORTAL_FAILPOINT=after-claim`` dies at the first visit, ``after-claim:3`` at the third. Without the
variable a failpoint costs one dictionary look-up. The names stand beside the crash points they prove.
"""

import os
from collections import Counter

# name → crash points of the list the design refers to
FAILPOINTS = {
    "submit-before-commit": "C1",
    "approve-before-commit": "C2",
    "release-before-commit": "C4",
    "reissue-before-commit": "C27",
    "claim-before-commit": "C7",
    "after-claim": "C9",
    "before-journal": "C9",
    "after-journal": "C10",
    "half-written": "C15",
    "before-rename": "C14",
    "after-rename": "C16",
    "before-post": "C11",
    "after-post": "C12",
    "after-question": "C19",
    "after-send": "C12",
    "after-receive": "C20",
    "mid-apply": "C21",
    "mid-statement": "C23",
    "before-move": "C21",
}

_visits: Counter[str] = Counter()


def failpoint(name: str) -> None:
    """Die here when the environment says so; a name that is not listed is a programming error."""
    wanted = os.environ.get("PORTAL_FAILPOINT")
    if wanted is None:
        return
    if name not in FAILPOINTS:
        raise KeyError(name)
    at, _sep, visit = wanted.partition(":")
    if at == name:
        _visits[name] += 1
        if _visits[name] == int(visit or 1):
            os._exit(9)

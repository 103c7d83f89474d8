"""All audits over a year's paid rows. The bound is in seconds (at most 20 for a million), so the floor is it."""

from __future__ import annotations

import datetime as dt
import time

from disbursement import actions
from selfcheck.actions import run_audit
from selfcheck.checks.audits import AUDITS
from selfcheck.models import AuditHit
from subsidy_portal.bench import Result, bench
from subsidy_portal.bench.money import accepted, finance
from subsidy_portal.bulk import execute

ROWS, BATCHES = 1_000_000, 100
SECONDS_A_MILLION = 20.0


@bench("audit")
def audit() -> Result:
    """Every audit run once over payments that are there, hits kept; payments are marked paid, no bank takes part."""
    for program, period in accepted(ROWS, BATCHES):
        batch = actions.make_batch(program, period, actor=finance("jb"))
        execute(
            "UPDATE disbursement_payment SET status = 'paid', released_on = %s, paid_on = %s WHERE batch_id = %s",
            (dt.date(2022, 3, 1), dt.date(2022, 3, 1), batch.pk),
        )
    execute("ANALYZE disbursement_payment")
    AuditHit.objects.all().delete()
    began = time.perf_counter()
    for code in AUDITS:
        run_audit(code, 2022, actor=finance("jb"))
    return Result("audit", ROWS, time.perf_counter() - began, SECONDS_A_MILLION * ROWS / 1_000_000, at_most=1)

"""Asking a bank for the names of a batch's accounts: a job, for it takes one question an account."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from disbursement.models import Batch
from disbursement.names import is_asked
from subsidy_portal.jobs import start_job
from subsidy_portal.models import Job, User
from subsidy_portal.permissions import require
from subsidy_portal.workflow import Refused, record


@transaction.atomic
def ask_names(batch: Batch, *, actor: User) -> Job:
    """Ask about every account that was not asked about lately; raises Refused when there is none."""
    require(actor, "batch.ask_names")
    if is_asked(batch):
        raise Refused(_("没有要核验的账户：银行通道不提供核验，或都已核验过。"))
    record(batch, "names_asked", actor=actor)
    return start_job("ask-names", "disbursement.tasks.ask_names", owner=actor, subject=batch, batch=batch.pk)

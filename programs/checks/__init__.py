"""The cross-checks: each clean roster against the whole registry, every program and the comparison data.

Which rules run, at what level and on which legal text is data (``Rule``, ``fixtures/rules.json``); how each
one looks is one set-based function of this package, named here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import transaction
from django.db.models import Q

from programs.checks import accounts, amounts, claims, deaths
from programs.checks.hits import Check, checked_rows, record_hits
from programs.models import Roster, Rule, Suspicion
from subsidy_portal import bulk, clock

CHECKS: dict[str, Check] = {
    "same_claim": claims.same_claim,
    "excluded_pair": claims.excluded_pair,
    "allowed_pair": claims.allowed_pair,
    "paid_after_death": deaths.paid_after_death,
    "shared_account": accounts.shared_account,
    "several_accounts": accounts.several_accounts,
    "foreign_payee": accounts.foreign_payee,
    "off_standard": amounts.off_standard,
    "over_cap": amounts.over_cap,
}


def run_checks(roster: Roster) -> int:
    """Compare the current revision with everything; returns how many suspicions are open on the roster.

    Call it when the rows are committed: of two rosters imported at the same time each must see the other.
    """
    run_checks_on([roster.pk])
    roster.refresh_from_db(fields=["checked_at"])
    return roster.suspicions.filter(status=Suspicion.Status.OPEN).count()


@transaction.atomic
def run_checks_on(
    rosters: Sequence[int], *, check_names: Iterable[str] | None = None, rows: Sequence[int] | None = None
) -> None:
    """Run every rule in force (or those of ``check_names``) over all these rosters at once; safe to repeat.

    With ``rows`` only these rows of the rosters are compared; what is known about the others stays as it is.
    """
    today = clock.today()
    rules = Rule.objects.filter(
        Q(valid_from=None) | Q(valid_from__lte=today), Q(valid_to=None) | Q(valid_to__gte=today), is_active=True
    )
    if check_names is not None:
        rules = rules.filter(check_name__in=list(check_names))
    else:
        carry_decisions(rosters)
    with checked_rows(rosters, rows):
        for rule in rules:
            record_hits(rule, CHECKS[rule.check_name], rosters, rows)
    if check_names is None:
        Roster.objects.filter(pk__in=rosters).update(checked_at=clock.now())


def carry_decisions(rosters: Sequence[int]) -> None:
    """What was decided about a row stands for the same row of every later revision.

    A row that left leaves again when it comes back unchanged, and a claim with an upheld objection however it comes
    back; a claim with an open objection stays held.
    """
    bulk.execute(
        """
        UPDATE programs_rosterrow r SET status = 'left'
        FROM programs_roster b, programs_rosterrow old
        WHERE b.id = ANY(%(rosters)s) AND r.roster_id = b.id AND r.revision = b.revision AND r.status <> 'left'
          AND old.roster_id = b.id AND old.revision < b.revision AND old.status = 'left'
          AND old.row_hash = r.row_hash
        """,
        {"rosters": list(rosters)},
    )
    bulk.execute(
        """
        UPDATE programs_rosterrow r SET status = 'left'
        FROM programs_roster b, programs_objection o, programs_rosterrow old
        WHERE b.id = ANY(%(rosters)s) AND r.roster_id = b.id AND r.revision = b.revision AND r.status <> 'left'
          AND old.roster_id = b.id AND o.row_id = old.id AND o.status = 'upheld'
          AND old.beneficiary_id = r.beneficiary_id AND old.item = r.item
        """,
        {"rosters": list(rosters)},
    )
    bulk.execute(
        """
        UPDATE programs_rosterrow r SET status = 'held'
        FROM programs_roster b, programs_objection o, programs_rosterrow old
        WHERE b.id = ANY(%(rosters)s) AND r.roster_id = b.id AND r.revision = b.revision AND r.status = 'included'
          AND old.roster_id = b.id AND o.row_id = old.id AND o.status = 'open'
          AND old.beneficiary_id = r.beneficiary_id AND old.item = r.item
        """,
        {"rosters": list(rosters)},
    )

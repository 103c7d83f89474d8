"""The cross-checks: each clean roster against the whole registry, every program and the comparison data.

Which rules run, at what level and on which legal text is data (``Rule``, ``fixtures/rules.json``); how each
one looks is one set-based function of this package, named here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from django.db import transaction
from django.db.models import F, Q

from programs.checks import accounts, ages, amounts, claims, deaths, lists
from programs.checks.ground import look_around
from programs.checks.hits import Check, checked_rows, record_hits, version_of
from programs.comparison_data import kinds_of
from programs.models import Roster, Rule, RuleVersion, Suspicion
from subsidy_portal import bulk, clock

CHECKS: dict[str, Check] = {
    "same_claim": claims.same_claim,
    "excluded_pair": claims.excluded_pair,
    "excluded_family": claims.excluded_family,
    "higher_of": claims.higher_of,
    "allowed_pair": claims.allowed_pair,
    "one_per": claims.one_per,
    "excluded_list": lists.excluded_list,
    "required_list": lists.required_list,
    "lapsed_list": lists.lapsed_list,
    "exit_event": lists.exit_event,
    "institution_account": lists.institution_account,
    "age": ages.age,
    "date_between": ages.date_between,
    "paid_after_death": deaths.paid_after_death,
    "shared_account": accounts.shared_account,
    "several_accounts": accounts.several_accounts,
    "foreign_payee": accounts.foreign_payee,
    "off_standard": amounts.off_standard,
    "over_cap": amounts.over_cap,
}


def rules_reading(kind: str) -> list[Rule]:
    """Rules in force that look at this kind of comparison data."""
    return [rule for rule in Rule.objects.in_force(clock.today()) if kind in kinds_of(rule)]


def run_checks(roster: Roster, told: Callable[[int, int], None] | None = None) -> int:
    """Compare the current revision with everything; returns how many suspicions are open on the roster.

    ``told`` hears how many rules are done, of how many. Call it when the rows are committed: of two rosters imported
    at the same time each must see the other.
    """
    run_checks_on([roster.pk], told=told)
    roster.refresh_from_db(fields=["checked_at"])
    return roster.suspicions.filter(status=Suspicion.Status.OPEN).count()


@transaction.atomic
def run_checks_on(
    rosters: Sequence[int],
    *,
    check_names: Iterable[str] | None = None,
    codes: Iterable[str] | None = None,
    rows: Sequence[int] | None = None,
    told: Callable[[int, int], None] | None = None,
) -> None:
    """Run every rule in force over all these rosters at once; safe to repeat.

    ``check_names``, ``codes``: only rules of these checks, or these rules; with ``rows`` only these rows of the
    rosters are compared. What is known about the others stays as it is. A rule that is out of force takes its open
    hits back.
    """
    rules = Rule.objects.select_related("area")
    if check_names is not None:
        rules = rules.filter(check_name__in=list(check_names))
    if codes is not None:
        rules = rules.filter(code__in=list(codes))
    whole = check_names is None and codes is None
    if whole:
        carry_decisions(rosters)
    in_force = set(rules.in_force(clock.today()).values_list("pk", flat=True))
    ground = look_around(rosters)
    held = _with_open_hits(rosters)
    versions = dict(RuleVersion.objects.filter(version=F("rule__version")).values_list("rule_id", "pk"))
    with checked_rows(rosters, rows):
        wanted = list(rules.filter(Q(pk__in=in_force) | Q(pk__in=held)))
        for done, rule in enumerate(wanted):
            if told is not None:
                told(done, len(wanted))
            hits = CHECKS[rule.check_name](rule, ground) if rule.pk in in_force else None
            if hits is not None or rule.pk in held:
                version = versions.get(rule.pk) or version_of(rule)
                record_hits(rule, hits, rosters, rows, version=version)
    if whole:
        Roster.objects.filter(pk__in=rosters).update(checked_at=clock.now())


def _with_open_hits(rosters: Sequence[int]) -> set[int]:
    """Rules with open hits on these rosters: they may have to be taken back."""
    found = Suspicion.objects.filter(roster__in=rosters, status=Suspicion.Status.OPEN, stage=Suspicion.Stage.BEFORE)
    return set(found.order_by().values_list("rule_id", flat=True).distinct())


def carry_decisions(rosters: Sequence[int]) -> None:
    """What was decided about a row stands for the same row of every later revision.

    A row that left leaves again when it comes back unchanged, and a claim with an upheld objection however it comes
    back; a claim with an open objection stays held.
    """
    # What left is put together first: it is little, and mostly nothing, where a roster may have 100,000 rows.
    bulk.execute(
        """
        UPDATE programs_rosterrow r SET status = 'left'
        FROM (
            SELECT DISTINCT b.id, b.revision, old.row_hash
            FROM programs_roster b JOIN programs_rosterrow old
                ON old.roster_id = b.id AND old.revision < b.revision AND old.status = 'left'
            WHERE b.id = ANY(%(rosters)s) AND b.revision > 1
        ) gone
        WHERE r.roster_id = gone.id AND r.revision = gone.revision AND r.row_hash = gone.row_hash AND r.status <> 'left'
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

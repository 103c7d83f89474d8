"""The search for the missing (应享受未享受): run by the timer or by hand, followed up by townships and departments."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext as _

from programs.entitlements import find_entitled
from programs.models import EligibleUnpaid, EntitlementRule, Program
from subsidy_portal import bulk, clock, wording
from subsidy_portal.jobs import progress, start_job
from subsidy_portal.models import Job, User
from subsidy_portal.permissions import require
from subsidy_portal.workflow import Refused, check_step, move, move_many, record

S = EligibleUnpaid.Status
WAITING = (S.OPEN, S.NOTIFIED)


@transaction.atomic
def start_search(*, actor: User) -> Job:
    """Queue the search over the rules of all programs ``actor`` works with."""
    require(actor, "entitlement.search")
    return start_job("eligible-search", "programs.tasks.search_eligible", owner=actor)


def search_eligible(*, by: User, job: Job | None = None) -> int:
    """Search by every rule (of ``by``'s programs, the system's: all), one transaction each; returns who waits now."""
    rules = list(EntitlementRule.objects.all())
    if by.organisation is not None:
        codes = set(Program.objects.visible_to(by).values_list("code", flat=True))
        rules = [rule for rule in rules if rule.program_code in codes]
    for number, rule in enumerate(rules):
        if job is not None:
            progress(job, number, len(rules), str(rule))
        _search(rule, by)
    return EligibleUnpaid.objects.waiting().filter(rule__in=rules).count()


@transaction.atomic
def _search(rule: EntitlementRule, by: User) -> None:
    """Bring what is known of one rule up to what the search finds today. Safe to repeat; one at a time."""
    bulk.execute("SELECT pg_advisory_xact_lock(hashtextextended('entitlement', %s))", [rule.pk])
    program = Program.objects.filter(code=rule.program_code, is_active=True).first()
    known = EligibleUnpaid.objects.filter(rule=rule)
    if program is None or not rule.is_active:
        lapsed = sum(move_many(known, old, S.LAPSED) for old in WAITING)
        new = claimed = 0
    else:
        find_entitled(rule, program, clock.today())
        claimed = sum(move_many(_among(known, "receiving"), old, S.CLAIMED) for old in WAITING)
        still = _among(known, "entitled").values("pk")
        lapsed = sum(move_many(known.exclude(pk__in=still), old, S.LAPSED) for old in WAITING)
        new = _add(rule, program)
    rule.searched_at = clock.now()
    rule.save(update_fields=["searched_at"])
    record(
        rule,
        "searched",
        actor=by,
        note=_("新找到%(new)s人，已领上%(claimed)s人，条件已不符%(lapsed)s人")
        % {"new": wording.count(new), "claimed": wording.count(claimed), "lapsed": wording.count(lapsed)},
    )


def _among(known: QuerySet[EligibleUnpaid], table: str) -> QuerySet[EligibleUnpaid]:
    """Those of ``known`` whose person is in the temporary ``table``."""
    people: Any = RawSQL(f"SELECT person_id FROM {table}", ())  # noqa: S608, S611  # a name of this module
    return known.filter(person__in=people)


def _add(rule: EntitlementRule, program: Program) -> int:
    """Open what is found anew, also of people who had claimed or lapsed before; returns how many."""
    known = _among(EligibleUnpaid.objects.filter(rule=rule), "entitled")
    anew = {"found_at": clock.now(), "decided_by": None, "decided_at": None, "note": ""}
    again = sum(move_many(known, old, S.OPEN, **anew) for old in (S.LAPSED, S.CLAIMED))
    bulk.execute(
        """
        UPDATE programs_eligibleunpaid u SET reason = e.reason, area_id = e.area_id, department_id = %s
        FROM entitled e WHERE u.rule_id = %s AND u.person_id = e.person_id AND u.status IN ('open', 'notified')
        """,
        [program.department_id, rule.pk],
    )
    return again + bulk.execute(
        """
        INSERT INTO programs_eligibleunpaid
            (rule_id, person_id, area_id, department_id, reason, status, note, found_at)
        SELECT %s, e.person_id, e.area_id, %s, e.reason, 'open', '', %s FROM entitled e
        ON CONFLICT DO NOTHING
        """,
        [rule.pk, program.department_id, clock.now()],
    )


# --- Following up ------------------------------------------------------------------------------------------


def notify_eligible(found: EligibleUnpaid, *, note: str = "", actor: User) -> None:
    """The person was told how to apply."""
    _decide(found, S.NOTIFIED, note.strip(), actor)


def dismiss_eligible(found: EligibleUnpaid, *, note: str, actor: User) -> None:
    """The person is not entitled after all, and why. A later search does not ask again."""
    require(actor, "entitlement.decide")
    if not note.strip():
        raise Refused(_("请写明为什么不应享受。"))
    _decide(found, S.NOT_ENTITLED, note.strip(), actor)


@transaction.atomic
def _decide(found: EligibleUnpaid, to: str, note: str, actor: User) -> None:
    require(actor, "entitlement.decide")
    check_step(EligibleUnpaid, found.status, to)
    # The constraint wants the reason no later than the status.
    EligibleUnpaid.objects.filter(pk=found.pk, status=found.status).update(
        note=note[:300], decided_by=actor, decided_at=clock.now()
    )
    move(found, to, actor=actor, note=note)


# --- The rules ---------------------------------------------------------------------------------------------


@transaction.atomic
def save_entitlement_rule(rule: EntitlementRule, *, actor: User) -> EntitlementRule:
    """Save a new or changed rule; what it finds changes with the next search."""
    require(actor, "entitlement.edit")
    created = rule.pk is None
    rule.save()
    record(rule, "created" if created else "changed", actor=actor, note=str(rule))
    return rule

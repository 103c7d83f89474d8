"""Running the audits and deciding what they found."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from disbursement.models import Payment
from programs.actions.gates import require_note
from selfcheck.actions.registering import register_problem
from selfcheck.checks.audits import AUDITS, Audit
from selfcheck.models import AuditHit, AuditSetting, Problem, ProblemPayment
from selfcheck.taxonomy import COLUMNS_OF
from subsidy_portal import bulk, clock
from subsidy_portal.models import Organisation, StoredFile, User
from subsidy_portal.permissions import require
from subsidy_portal.workflow import Refused, move, record

H = AuditHit.Status


def params_of(audit: Audit, changed: dict[str, int] | None = None) -> dict[str, int]:
    """The audit's params: as shipped, as the county set them, as ``changed`` for a preview."""
    shipped = {name: value for name, (_words, value) in audit.params.items()}
    kept = AuditSetting.objects.filter(code=audit.code).values_list("params", flat=True).first() or {}
    return {**shipped, **kept, **(changed or {})}


def _binds(audit: Audit, year: int, changed: dict[str, int] | None = None) -> dict[str, Any]:
    return {"year": str(year), "first": str(year), "next": str(year + 1), **params_of(audit, changed)}


def preview(audit: Audit, year: int, changed: dict[str, int]) -> tuple[int, int]:
    """How many hits and fen ``changed`` params would give in ``year``; nothing is kept."""
    ((hits, fen),) = bulk.fetch(
        f"SELECT count(*), COALESCE(sum(fen), 0)::bigint FROM ({audit.sql}) AS"  # noqa: S608 - constants
        " found(subject, area_id, program_id, persons, count, fen, payments, text)",
        _binds(audit, year, changed),
    )
    return int(hits), int(fen)


@transaction.atomic
def run_audit(code: str, year: int, *, actor: User) -> int:
    """Keep what the audit finds in what was paid for ``year``; returns how many hits are new. Safe to repeat."""
    require(actor, "audit.run")
    audit = AUDITS[code]
    new = bulk.execute(
        f"""
        INSERT INTO selfcheck_audithit (code, digest, status, year, area_id, program_id, text, persons, count,
                                        amount_fen, payments, found_at, reason)
        SELECT %(code)s, encode(sha256(convert_to(concat_ws('|', %(code)s, %(year)s, subject), 'UTF8')), 'hex'), 'open',
               %(year)s::int, area_id, program_id, left(text, 300), persons, count, fen, to_jsonb(payments), %(now)s, ''
          FROM ({audit.sql}) AS found(subject, area_id, program_id, persons, count, fen, payments, text)
        ON CONFLICT (digest) DO NOTHING
        """,  # noqa: S608 - constants
        {**_binds(audit, year), "code": code, "now": clock.now()},
    )
    record(actor, "audited", actor=actor, note=f"{audit.title} {year}", data={"code": code, "year": year, "new": new})
    return new


@transaction.atomic
def set_params(code: str, params: dict[str, int], *, actor: User) -> None:
    """The county's own thresholds of an audit; raises Refused for one it does not have or a number below nought."""
    require(actor, "audit.set")
    audit = AUDITS[code]
    if set(params) != set(audit.params) or any(value < 0 for value in params.values()):
        raise Refused(_("请给每个参数填一个不小于0的整数。"))
    AuditSetting.objects.update_or_create(
        code=code, defaults={"params": params, "set_by": actor, "set_at": clock.now()}
    )
    record(actor, "audit_set", actor=actor, note=str(audit.title), data={"code": code, "params": params})


@transaction.atomic
def decide_hit(hit: AuditHit, *, confirmed: bool, reason: str, proof: StoredFile | None, actor: User) -> None:
    """True or not, with the reason; "not" needs a proof too (identity theft is a known cause, R37)."""
    require(actor, "audit.decide")
    reason = require_note(reason, _("核实的理由"))[:300]
    if not confirmed and proof is None:
        raise Refused(_("认定不属实要附证明材料。"))
    fresh = AuditHit.objects.select_for_update().get(pk=hit.pk)
    move(
        fresh, H.CONFIRMED if confirmed else H.UNFOUNDED, actor=actor, note=reason[:200], reason=reason, proof=proof,
        decided_by=actor, decided_at=clock.now(),
    )  # fmt: skip
    hit.refresh_from_db()


@transaction.atomic
def register_hit(hit: AuditHit, *, unit: Organisation, actor: User) -> Problem:
    """A confirmed hit enters the ledger as a problem of ``unit``, with the payments that show it."""
    require(actor, "problem.register")
    fresh = AuditHit.objects.select_for_update(of=("self",)).select_related("area", "program").get(pk=hit.pk)
    if fresh.status != H.CONFIRMED:
        raise Refused(_("核实属实以后才能登记为问题。"))
    audit = AUDITS[fresh.code]
    problem = register_problem(
        actor=actor, source=Problem.Source.COMPARISON, unit=unit, area=fresh.area, program=fresh.program,
        year=fresh.year, category=audit.category, annex2_column=COLUMNS_OF[audit.category][0],
        title=str(audit.title), description=f"{fresh.text}。{fresh.reason}", persons=fresh.persons,
        amount_fen=fresh.amount_fen,
    )  # fmt: skip
    shown = Payment.objects.filter(pk__in=fresh.payments, status=Payment.Status.PAID)
    ProblemPayment.objects.bulk_create(
        ProblemPayment(problem=problem, payment=payment, amount_fen=payment.amount_fen) for payment in shown
    )
    move(fresh, H.REGISTERED, actor=actor, problem=problem)
    hit.refresh_from_db()
    return problem

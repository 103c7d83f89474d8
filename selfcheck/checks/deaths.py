"""Payments that were made after death (domain §12: Q01; R36). A hit is a suspicion, somebody decides it."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from programs.checks.deaths import paid_after_death
from programs.checks.hits import sql_yuan
from programs.models import Dataset, Rule
from programs.periods import sql_first_on
from subsidy_portal import bulk, clock
from subsidy_portal.models import Organisation, User
from subsidy_portal.permissions import require
from subsidy_portal.workflow import Refused, record

# The death rule asks about rows; here it is asked about the rows of payments that were made to somebody in a death
# register. The payee is the beneficiary on purpose: money for a living person on a dead one's account is not owed back.
_RECORD = """
WITH checked AS (
    SELECT r.id, r.roster_id, r.row_no, pay.beneficiary_id, pay.beneficiary_id AS payee_id, pay.area_id,
           pay.period, pay.amount_fen, pay.paid_on, p.department_id, {first_on} AS first_on
    FROM disbursement_payment pay
    JOIN programs_rosterrow r ON r.id = pay.row_id
    JOIN programs_program p ON p.id = pay.program_id
    WHERE pay.status = 'paid' AND pay.area_id LIKE %(area)s
      AND (%(department)s IS NULL OR p.department_id = %(department)s)
      AND pay.beneficiary_id IN (
        SELECT b.id FROM programs_datasetrow d JOIN programs_person b ON b.id_hash = d.id_hash WHERE d.kind = %(kind)s)
), hit AS (
    SELECT c.*,
           found.evidence || jsonb_build_object('text', concat(
               '清册第', c.row_no, '行，', c.period, '发', {yuan}, '元，', {day}, '已到账')) AS proof,
           encode(sha256(convert_to(concat_ws('|', %(code)s, c.beneficiary_id, found.facts), 'UTF8')), 'hex') AS digest
    FROM ({found}) found JOIN checked c ON c.id = found.row_id
)
INSERT INTO programs_suspicion (rule_id, stage, roster_id, row_id, person_id, area_id, department_id, amount_fen,
    evidence, digest, status, found_at, reason)
SELECT %(rule)s, 'after', roster_id, id, beneficiary_id, area_id, department_id, amount_fen,
    proof, digest, 'open', %(now)s, ''
FROM hit
WHERE NOT EXISTS (
    SELECT 1 FROM programs_suspicion old
    WHERE (old.digest = hit.digest AND old.status = 'unfounded')
       OR (old.row_id = hit.id AND old.rule_id = %(rule)s AND old.stage = 'after'
           AND old.status IN ('open', 'confirmed')))
ON CONFLICT DO NOTHING
"""
_DAY = """to_char(c.paid_on, 'FMYYYY"年"FMMM"月"FMDD"日"')"""


@transaction.atomic
def find_paid_after_death(*, actor: User) -> int:
    """Compare what was paid, as far as ``actor`` may see it, with the death registers; returns the number of new hits.

    One Suspicion (rule Q01, stage after) a paid payment whose period begins ``lag`` months or more after the month
    of death. Safe to repeat: what is open or confirmed stays, what was once found unfounded is not asked again.
    Raises Refused when the rule is not in force.
    """
    require(actor, "problem.register")
    rule = Rule.objects.filter(code="Q01", is_active=True).first()
    if rule is None:
        raise Refused(_("“死亡后仍在发放”这条规则没有启用，无法比对。请联系系统管理员启用规则 Q01。"))
    hits = paid_after_death(rule)
    own = actor.organisation_id if actor.kind == Organisation.Kind.DEPARTMENT else None
    found = bulk.execute(
        _RECORD.format(first_on=sql_first_on("pay.period"), yuan=sql_yuan("c.amount_fen"), day=_DAY, found=hits.sql),
        {
            **hits.params,
            "kind": Dataset.Kind.DEATH,
            "area": f"{actor.area_prefix}%",
            "department": own,
            "rule": rule.pk,
            "code": rule.code,
            "now": clock.now(),
        },
    )
    record(rule, "compared", actor=actor, note=_("已发放的补贴与死亡登记：新增疑点%(n)d笔") % {"n": found})
    return found

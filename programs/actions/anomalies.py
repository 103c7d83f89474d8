"""Cards that are not one to one: found in the registry, settled account by account, closed when the fact is gone."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils.translation import gettext as _

from programs.models import Account, CardAnomaly
from subsidy_portal import bulk, clock, wording
from subsidy_portal.jobs import start_job
from subsidy_portal.models import Job, StoredFile, User
from subsidy_portal.permissions import require
from subsidy_portal.sheets import mask_digits
from subsidy_portal.workflow import NotPermitted, Refused, move, record

S = CardAnomaly.Status
DUE_DAYS = 30

# Entries that were merged are one person; an account written down twice for one person is one card.
_FACTS = """
CREATE TEMPORARY TABLE anomaly_fact ON COMMIT DROP AS
WITH used AS (
    SELECT a.id, a.number_hash, COALESCE(p.merged_into_id, p.id) AS person_id
    FROM programs_account a JOIN programs_person p ON p.id = a.holder_id
    WHERE a.is_active AND (a.reason <> '' OR EXISTS (  -- not a slip in a draft that was put right
        SELECT FROM programs_rosterrow r
        JOIN programs_roster b ON b.id = r.roster_id AND b.revision = r.revision AND b.status <> 'cancelled'
        WHERE r.account_id = a.id))
)
SELECT 'many_cards' AS kind, person_id, ''::bytea AS number_hash, count(DISTINCT number_hash)::int AS count
FROM used GROUP BY person_id HAVING count(DISTINCT number_hash) > 1
UNION ALL
SELECT 'many_people', min(person_id), number_hash, count(DISTINCT person_id)::int
FROM used GROUP BY number_hash HAVING count(DISTINCT person_id) > 1
"""
_MATCH = "f.kind = s.kind AND f.person_id = s.person_id AND f.number_hash = s.number_hash"


@transaction.atomic
def start_anomaly_search(*, actor: User) -> Job:
    require(actor, "card.search")
    return start_job("card-anomalies", "programs.tasks.find_card_anomalies", owner=actor)


@transaction.atomic
def find_anomalies(*, by: User) -> int:
    """Bring the ledger up to what the registry says now; returns how many are open. Safe to repeat, one at a time.

    What is gone is closed, also when it had been explained; what comes back is opened again.
    """
    bulk.execute("SELECT pg_advisory_xact_lock(hashtextextended('card anomalies', 0))")
    bulk.execute(_FACTS)
    bulk.execute("ANALYZE anomaly_fact")
    now, due = clock.now(), clock.today() + dt.timedelta(days=DUE_DAYS)
    times = {"now": now, "due": due}
    closed = bulk.execute(
        f"""
        UPDATE programs_cardanomaly s SET status = 'closed', closed_at = %(now)s
        WHERE s.status <> 'closed' AND NOT EXISTS (SELECT FROM anomaly_fact f WHERE {_MATCH})
        """,  # noqa: S608  # a condition of this module
        times,
    )
    bulk.execute(
        f"""
        UPDATE programs_cardanomaly s SET count = f.count,
            status = CASE WHEN s.status = 'closed' THEN 'open' ELSE s.status END,
            found_at = CASE WHEN s.status = 'closed' THEN %(now)s ELSE s.found_at END,
            due_on = CASE WHEN s.status = 'closed' THEN %(due)s ELSE s.due_on END, closed_at = NULL
        FROM anomaly_fact f WHERE {_MATCH}
        """,  # noqa: S608
        times,
    )
    new = bulk.execute(
        """
        INSERT INTO programs_cardanomaly
            (kind, person_id, number_hash, area_id, count, status, due_on, found_at, reason)
        SELECT f.kind, f.person_id, f.number_hash, p.area_id, f.count, 'open', %(due)s, %(now)s, ''
        FROM anomaly_fact f JOIN programs_person p ON p.id = f.person_id
        ON CONFLICT DO NOTHING
        """,
        times,
    )
    bulk.execute("DROP TABLE anomaly_fact")
    note = _("新找到%(new)s条，消除%(closed)s条") % {"new": wording.count(new), "closed": wording.count(closed)}
    record(by, "searched", actor=by, note=note)
    return CardAnomaly.objects.filter(status=S.OPEN).count()


@transaction.atomic
def end_account(anomaly: CardAnomaly, account: Account, *, reason: str, actor: User) -> None:
    """Take one of the accounts out of use; nothing more is paid to it. With the last doubt gone it is closed.

    A payment that is on its way keeps the account it was sent to. Raises Refused for the last account in use.
    """
    require(actor, "card.settle")
    found = CardAnomaly.objects.select_for_update().get(pk=anomaly.pk)
    if found.status == S.CLOSED:
        raise Refused(_("这条已经消除了。请刷新后再看。"))
    accounts = list(found.accounts())
    if account not in accounts:
        raise Refused(_("这个账户不在这条里，或已停用。请刷新后再看。"))
    if len(accounts) < 2:
        raise Refused(_("只剩这一个账户了，不能停用。"))
    if not reason.strip():
        raise Refused(_("请写明为什么停用这个账户。"))
    Account.objects.filter(pk=account.pk).update(is_active=False)
    note = mask_digits(reason.strip())[:200]
    record(account.holder, "account_ended", actor=actor, note=note, data={"account": account.pk})
    left = {(bytes(one.number_hash), one.holder_id) for one in found.accounts()}
    if len(left) < 2:
        move(found, S.CLOSED, actor=actor, closed_at=clock.now(), decided_by=actor)


@transaction.atomic
def explain_anomaly(anomaly: CardAnomaly, *, reason: str, proof: StoredFile | None = None, actor: User) -> None:
    """It is right as it is, for a reason somebody else can check: a guardian's card for a child."""
    require(actor, "card.explain")
    if not CardAnomaly.objects.visible_to(actor).filter(pk=anomaly.pk).exists():
        raise NotPermitted(_("这条不在您的范围里。"))
    if not reason.strip():
        raise Refused(_("请写明正当理由。"))
    move(
        anomaly, S.EXPLAINED, actor=actor, note=reason.strip(), reason=mask_digits(reason.strip())[:300], proof=proof,
        decided_by=actor,
    )  # fmt: skip

"""What was publicised is what is paid: the payments of a batch compared with their rows and ended notices."""

from __future__ import annotations

from disbursement.models import Batch, Discrepancy
from subsidy_portal import clock
from subsidy_portal.bulk import fetch


def last_shown(rosters: str) -> str:
    """SQL: ``roster_id, row_hash`` of what the last ended notice of each of ``rosters`` (SQL of ids) showed.

    By content, as programs.actions.gates compares: every upload makes new rows, the same claim keeps its hash.
    """
    # OFFSET 0: one look into the index a notice. The planner would rather read every notice the county ever had.
    return f"""
        SELECT DISTINCT notice.roster_id, line.row_hash
          FROM (SELECT roster_id, max(id) AS id FROM programs_notice
                 WHERE status = 'ended' AND roster_id IN ({rosters}) GROUP BY roster_id) notice
         CROSS JOIN LATERAL (SELECT row_hash FROM programs_noticerow WHERE notice_id = notice.id OFFSET 0) line
    """  # noqa: S608 - constants of this app


ROSTERS_OF_BATCH = """
    SELECT r.roster_id FROM disbursement_payment p JOIN programs_rosterrow r ON r.id = p.row_id
     WHERE p.batch_id = %(batch)s
"""

# One line for a payment whose roster row is no longer what the notice showed and the batch copied.
_DIFFERENT = f"""
    SELECT p.id AS payment_id, p.amount_fen, roster.number AS roster, r.row_no,
           CASE WHEN p.row_hash <> r.row_hash OR p.amount_fen <> r.amount_fen OR p.account_id <> r.account_id
                     OR p.payee_id <> r.payee_id OR p.beneficiary_id <> r.beneficiary_id
                THEN '制单后内容有变动'
                WHEN r.status <> 'included' OR r.revision <> roster.revision OR roster.status <> 'accepted'
                THEN '已不在受理的清册里'
                ELSE '与公示的内容不一致' END AS what
      FROM disbursement_payment p
      JOIN programs_rosterrow r ON r.id = p.row_id
      JOIN programs_roster roster ON roster.id = r.roster_id
      LEFT JOIN ({last_shown(ROSTERS_OF_BATCH)}) shown
             ON shown.roster_id = r.roster_id AND shown.row_hash = p.row_hash
     WHERE p.batch_id = %(batch)s AND p.status <> 'cancelled'
       AND (p.row_hash <> r.row_hash OR p.amount_fen <> r.amount_fen OR p.account_id <> r.account_id
            OR p.payee_id <> r.payee_id OR p.beneficiary_id <> r.beneficiary_id
            OR r.status <> 'included' OR r.revision <> roster.revision OR roster.status <> 'accepted'
            OR shown.roster_id IS NULL)
"""  # noqa: S608 - constants


def content_hash(batch: Batch) -> str:
    """SHA-256 over the row hashes of the batch in payment order, hex; cancelled payments aside."""
    return str(
        fetch(
            "SELECT encode(sha256(COALESCE(string_agg(row_hash, ''::bytea ORDER BY id), ''::bytea)), 'hex')"
            " FROM disbursement_payment WHERE batch_id = %s AND status <> 'cancelled'",
            (batch.pk,),
        )[0][0]
    )


def report_differences(batch: Batch) -> int:
    """Open a discrepancy for every payment that differs from what was publicised; returns how many differ."""
    differing = fetch(
        f"""
        WITH d AS MATERIALIZED ({_DIFFERENT}), told AS (
            INSERT INTO disbursement_discrepancy (kind, status, payment_id, amount_fen, text, found_at, resolution)
            SELECT 'content', 'open', d.payment_id, d.amount_fen,
                   '清册' || d.roster || '第' || d.row_no || '行' || d.what
                   || '，本批没有继续。请查明是谁改动的，改回后重新提交，或作废本批。',
                   %(now)s, ''
              FROM d
             WHERE NOT EXISTS (SELECT 1 FROM disbursement_discrepancy old
                                WHERE old.payment_id = d.payment_id AND old.kind = 'content' AND old.status = 'open')
        )
        SELECT count(*) FROM d
        """,  # noqa: S608 - a constant
        {"batch": batch.pk, "now": clock.now()},
    )
    return int(differing[0][0])


def report_changed_hash(batch: Batch) -> None:
    """The batch as a whole is not what was approved, although each payment fits: say so once."""
    first = batch.payments.order_by("pk").first()
    if not Discrepancy.objects.filter(kind="content", status="open", payment__batch=batch).exists():
        Discrepancy.objects.create(
            kind=Discrepancy.Kind.CONTENT,
            payment=first,
            text=f"批次{batch.number}的内容与复核时不一致，已暂停。请查明后退回重做。",
            found_at=clock.now(),
        )


def banks_without_channel(batch: Batch) -> list[str]:
    """Short names of account banks that the county has no active channel with."""
    rows = fetch(
        """
        SELECT DISTINCT organisation.short_name FROM disbursement_payment p
          JOIN programs_account account ON account.id = p.account_id
          JOIN subsidy_portal_organisation organisation ON organisation.id = account.bank_id
         WHERE p.batch_id = %s AND p.status <> 'cancelled'
           AND NOT EXISTS (SELECT 1 FROM disbursement_bank bank
                            WHERE bank.organisation_id = organisation.id AND bank.is_active)
         ORDER BY 1
        """,
        (batch.pk,),
    )
    return [row[0] for row in rows]

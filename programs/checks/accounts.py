"""Accounts and payees: one account for several persons, several for one, money to somebody else (R20, M22)."""

from programs.checks.ground import Ground
from programs.checks.hits import LIVE, Hits
from programs.models import Rule


def shared_account(rule: Rule, ground: Ground) -> Hits:
    """The row's account number is also registered for somebody else.

    Several beneficiaries of one household paid to their head's account are one holder, and no hit.
    """
    return Hits(
        f"""
        SELECT c.id AS row_id, encode(a.number_hash, 'hex') AS facts,
            jsonb_build_object(
                'row_no', c.row_no,
                'text', concat('清册第', c.row_no, '行，收款人', payee.name, '，账户尾号', a.number_last4),
                'other_title', '账户登记',
                'other', concat('同一账号还登记在', holder.name, '名下',
                    CASE WHEN also.others > 1 THEN concat('等', also.others, '人') ELSE '' END)
            ) AS evidence
        FROM (
            SELECT used.account_id, used.payee_id, min(b.holder_id) AS holder_id, count(DISTINCT b.holder_id) AS others
            FROM (SELECT DISTINCT account_id, payee_id FROM checked) used
            JOIN programs_account a ON a.id = used.account_id
            JOIN programs_account b
                ON b.number_hash = a.number_hash AND b.holder_id <> used.payee_id AND b.is_active
                -- Not one that only a slip in a draft left behind: nobody is paid to it.
                AND (b.reason <> '' OR EXISTS (
                    SELECT FROM {LIVE.format(row="o", roster="r")} WHERE o.account_id = b.id))
                AND NOT EXISTS (  -- two entries of one person
                    SELECT FROM programs_person one JOIN programs_person two ON two.id = b.holder_id
                    WHERE one.id = used.payee_id
                      AND COALESCE(one.merged_into_id, one.id) = COALESCE(two.merged_into_id, two.id))
            GROUP BY used.account_id, used.payee_id
        ) also
        JOIN checked c ON c.account_id = also.account_id AND c.payee_id = also.payee_id
        JOIN programs_account a ON a.id = c.account_id
        JOIN programs_person payee ON payee.id = c.payee_id
        JOIN programs_person holder ON holder.id = also.holder_id
        """
    )


def several_accounts(rule: Rule, ground: Ground) -> Hits:
    """The payee is paid to two or more accounts in rosters of this year; accounts taken out of use do not count."""
    return Hits(
        f"""
        SELECT c.id AS row_id, used.numbers AS facts,
            jsonb_build_object(
                'row_no', c.row_no,
                'text', concat('清册第', c.row_no, '行，账户尾号', a.number_last4),
                'other_title', concat(left(c.period, 4), '年清册'),
                'other', concat('同一收款人今年用了', used.count, '个账户：尾号', used.last4)
            ) AS evidence
        FROM checked c
        JOIN programs_account a ON a.id = c.account_id
        JOIN (
            SELECT paid.payee_id, paid.year, count(DISTINCT b.number_hash) AS count,
                string_agg(DISTINCT b.number_last4, '、') AS last4,
                string_agg(DISTINCT encode(b.number_hash, 'hex'), ',') AS numbers
            FROM (
                SELECT o.payee_id, left(r.period, 4) AS year, array_agg(DISTINCT o.account_id) AS accounts
                FROM {LIVE.format(row="o", roster="r")}
                WHERE o.payee_id IN (SELECT payee_id FROM checked)
                  AND left(r.period, 4) IN (SELECT left(period, 4) FROM checked)
                GROUP BY o.payee_id, year
                HAVING min(o.account_id) <> max(o.account_id)
            ) paid
            JOIN programs_account b ON b.id = ANY(paid.accounts) AND b.is_active
            GROUP BY paid.payee_id, paid.year
            HAVING count(DISTINCT b.number_hash) > 1
        ) used ON used.payee_id = c.payee_id AND used.year = left(c.period, 4)
        """
    )


def foreign_payee(rule: Rule, ground: Ground) -> Hits:
    """The payee is neither the beneficiary nor the head; to-household money goes to the head and nobody else."""
    return Hits(
        """
        SELECT c.id AS row_id, concat_ws('|', c.head_id, c.payee_id) AS facts,
            jsonb_build_object(
                'row_no', c.row_no,
                'text', concat('清册第', c.row_no, '行，收款人', payee.name),
                'other_title', CASE WHEN p.paid_to = 'household' THEN '到户补贴' ELSE '到人补贴' END,
                'other', CASE WHEN p.paid_to = 'household'
                    THEN concat('应发给户主', COALESCE(head.name, '（清册未填户主）'))
                    ELSE concat('享受人', person.name, COALESCE('，户主' || head.name, '')) END
            ) AS evidence
        FROM checked c
        JOIN programs_program p ON p.id = c.program_id
        JOIN programs_person payee ON payee.id = c.payee_id
        JOIN programs_person person ON person.id = c.beneficiary_id
        LEFT JOIN programs_person head ON head.id = c.head_id
        WHERE NOT c.is_alias AND c.payee_id IS DISTINCT FROM c.head_id
          AND (p.paid_to = 'household' OR c.payee_id <> c.beneficiary_id)
        """
    )

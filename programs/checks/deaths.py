"""Payments after death (domain §12: Q01)."""

from programs.checks.hits import Hits, sql_yuan
from programs.models import Dataset, Rule

_DAY = """to_char(d.event_on, 'FMYYYY"年"FMMM"月"FMDD"日"')"""


def paid_after_death(rule: Rule) -> Hits:
    """Beneficiary or payee in a death register, and the period begins ``params["lag"]`` months or more after the
    month of death (default 1: from the next month on).
    """
    return Hits(
        f"""
        SELECT DISTINCT ON (c.id) c.id AS row_id, concat_ws('|', c.role, d.event_on) AS facts,
            jsonb_build_object(
                'row_no', c.row_no,
                'text', concat('清册第', c.row_no, '行，', c.period, '仍发', {sql_yuan("c.amount_fen")}, '元'),
                'other_title', concat('死亡登记（', s.source, '，截至', s.as_of, '）'),
                'other', concat(c.role, {_DAY}, '死亡，',
                    CASE WHEN c.role = '收款人' THEN '应更换收款人' ELSE '次月起应停发' END)
            ) AS evidence
        FROM (
            SELECT checked.*, beneficiary_id AS person_id, '享受人' AS role FROM checked
            UNION ALL
            SELECT checked.*, payee_id, '收款人' FROM checked WHERE payee_id <> beneficiary_id
        ) c
        JOIN programs_person p ON p.id = c.person_id
        JOIN programs_datasetrow d ON d.kind = %(kind)s AND d.id_hash = p.id_hash
            AND c.first_on >= (date_trunc('month', d.event_on) + make_interval(months => %(lag)s))::date
        JOIN programs_dataset s ON s.id = d.dataset_id
        ORDER BY c.id, c.role, s.as_of DESC, d.id
        """,
        {"kind": Dataset.Kind.DEATH, "lag": int(rule.params.get("lag", 1))},
    )

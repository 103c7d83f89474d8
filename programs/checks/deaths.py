"""Payments after death (domain §12: Q01)."""

from programs.checks.ground import Ground
from programs.checks.hits import Hits, sql_day, sql_evidence, sql_yuan
from programs.checks.lists import SOURCE, lag_binds, list_label, sql_stopped
from programs.comparison_data import current_rows
from programs.models import Dataset, Rule


def paid_after_death(rule: Rule, ground: Ground) -> Hits | None:
    """Beneficiary or payee in a death register, and the period begins ``params["lag"]`` months or more after the
    month of death (default 1: from the next month on); ``lags`` gives single programs (by code) their own.
    """
    if Dataset.Kind.DEATH not in ground.lists:
        return None
    text = f"concat('清册第', c.row_no, '行，', c.period, '仍发', {sql_yuan('c.amount_fen')}, '元')"
    other = f"""concat(c.role, {sql_day("d.event_on")}, '死亡，',
        CASE WHEN c.role = '收款人' THEN '应更换收款人' ELSE '次月起应停发' END)"""
    return Hits(
        f"""
        SELECT DISTINCT ON (c.id) c.id AS row_id, concat_ws('|', c.role, d.event_on) AS facts,
            {sql_evidence(SOURCE, other, text)}
        FROM (
            SELECT id, row_no, period, amount_fen, first_on, program_id, id_hash, '享受人' AS role FROM checked
            UNION ALL
            SELECT checked.id, row_no, period, amount_fen, first_on, program_id, payee.id_hash, '收款人'
            FROM checked JOIN programs_person payee ON payee.id = payee_id
            WHERE payee_id <> beneficiary_id AND NOT is_alias
        ) c
        JOIN {current_rows(Dataset.Kind.DEATH)} ON d.id_hash = c.id_hash AND {sql_stopped("d.event_on")}
        ORDER BY c.id, c.role, d.as_of DESC, d.id
        """,
        {"kind_label": list_label(Dataset.Kind.DEATH), **lag_binds(rule, ground)},
    )

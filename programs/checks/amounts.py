"""Amounts against the program's standard and cap (M23, A10)."""

from programs.checks.ground import Ground
from programs.checks.hits import Hits, sql_yuan
from programs.models import Rule


def off_standard(rule: Rule, ground: Ground) -> Hits:
    """The amount is not what the program's rule gave at import, or the standard is not the program's.

    Without a rule: not standard × quantity (to the fen, rounded either way). A program without a fixed standard
    (``standard_fen`` 0) is measured by the row's own; one whose rule does not use the standard, by the rule alone.
    """
    by_standard = f"""CASE WHEN p.standard_fen > 0
        THEN concat({sql_yuan("p.standard_fen")}, '元，应发', {sql_yuan("round(p.standard_fen * c.quantity)")}, '元')
        ELSE concat('按清册标准应发', {sql_yuan("round(c.standard_fen * c.quantity)")}, '元') END"""
    return Hits(
        f"""
        SELECT c.id AS row_id,
            concat_ws('|', c.program_id, c.standard_fen, c.quantity, c.amount_fen, c.expected_fen) AS facts,
            jsonb_build_object(
                'row_no', c.row_no,
                'text', concat('清册第', c.row_no, '行，标准', {sql_yuan("c.standard_fen")}, '元，数量', c.quantity,
                    '，金额', {sql_yuan("c.amount_fen")}, '元'),
                'other_title', CASE WHEN c.expected_fen IS NULL THEN concat('项目标准（', p.standard_unit, '）')
                    ELSE '项目的金额算法' END,
                'other', CASE WHEN c.expected_fen IS NULL THEN {by_standard}
                    ELSE concat('按算法应发', {sql_yuan("c.expected_fen")}, '元') END
            ) AS evidence
        FROM checked c JOIN programs_program p ON p.id = c.program_id
        WHERE (p.standard_fen > 0 AND c.standard_fen <> p.standard_fen
                AND (c.expected_fen IS NULL OR strpos(p.amount_rule, '标准') > 0))
           OR CASE WHEN c.expected_fen IS NULL
                THEN c.standard_fen > 0 AND abs(c.amount_fen - c.standard_fen * c.quantity) >= 1
                ELSE c.amount_fen <> c.expected_fen END
        """  # only the constants above are put in
    )


def over_cap(rule: Rule, ground: Ground) -> Hits:
    """More than the program's cap for one payment (``cap_fen``)."""
    return Hits(
        f"""
        SELECT c.id AS row_id, concat_ws('|', c.program_id, p.cap_fen, c.amount_fen) AS facts,
            jsonb_build_object(
                'row_no', c.row_no,
                'text', concat('清册第', c.row_no, '行，金额', {sql_yuan("c.amount_fen")}, '元'),
                'other_title', '项目单笔上限',
                'other', concat({sql_yuan("p.cap_fen")}, '元')
            ) AS evidence
        FROM checked c JOIN programs_program p ON p.id = c.program_id
        WHERE c.amount_fen > p.cap_fen
        """
    )

"""Audits: each one set-based query over what was really paid in a year, with its definition in words (domain §11).

``sql`` gives rows (subject, area_id, program_id, persons, count, fen, payments, text). ``subject`` makes a hit the same
one next time. ``%(year)s`` is the text of the year, ``%(first)s`` and ``%(next)s`` its bounds for ``period``; the rest
are the audit's own params, whole numbers that the county may change after a preview.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_lazy as _

from programs.comparison_data import current_rows
from programs.models import Dataset
from programs.periods import sql_last_on
from selfcheck.models import Problem

C = Problem.Category
_YUAN = "to_char({fen} / 100.0, 'FM999999990.00')"
# What was paid in the year, by whom and where
_PAID = """
    SELECT p.id, p.program_id, p.period, p.beneficiary_id, p.payee_id, p.account_id, p.area_id, p.amount_fen, p.paid_on,
           p.released_on, p.row_id, p.row_hash, p.item
      FROM disbursement_payment p
     WHERE p.status = 'paid' AND p.period >= %(first)s AND p.period < %(next)s
"""
_SHOWN = "(array_agg(p.id ORDER BY p.id))[1:200]"


@dataclass(frozen=True)
class Audit:
    """``params``: name → (what it means, value as shipped)."""

    code: str
    title: Any
    definition: Any
    category: str
    sql: str
    params: Mapping[str, tuple[Any, int]] = field(default_factory=dict)


def _sum(group: str, text: str, *, more: str = "", having: str) -> str:
    """Hits that gather the payments of one ``group`` (SQL of the subject)."""
    return f"""
        WITH paid AS ({_PAID})
        SELECT {group} AS subject, min(p.area_id) AS area_id, min(p.program_id) AS program_id,
               count(DISTINCT p.beneficiary_id) AS persons, count(*) AS count, sum(p.amount_fen)::bigint AS fen,
               {_SHOWN} AS payments, {text} AS text
          FROM paid p {more}
         GROUP BY 1 HAVING {having}
    """  # noqa: S608 - constants of this module


AUDITS: dict[str, Audit] = {}


def _add(*args: Any, **kwargs: Any) -> None:
    audit = Audit(*args, **kwargs)
    AUDITS[audit.code] = audit


_add(
    "one-account-for-many",
    _("一卡多人"),
    _("一年里，同一个账号收到好几个人的补贴，超过设定人数的。一户合用户主账户的正常情形，核实后记为不属实。"),
    C.G2_01,
    _sum(
        "encode(account.number_hash, 'hex')",
        "'尾号' || min(account.number_last4) || '的账户收了' || count(DISTINCT p.beneficiary_id) || '个人的补贴'",
        more="JOIN programs_account account ON account.id = p.account_id",
        having="count(DISTINCT p.beneficiary_id) > %(people)s",
    ),
    {"people": (_("最多几个人"), 3)},
)
_add(
    "many-accounts-for-one",
    _("一人多卡"),
    _("一年里，同一个人的补贴打进了好几个不同的账号，超过设定个数的。"),
    C.G2_01,
    _sum(
        "p.beneficiary_id::text",
        "min(person.name) || '的补贴打进了' || count(DISTINCT account.number_hash) || '个账户'",
        more="JOIN programs_account account ON account.id = p.account_id"
        " JOIN programs_person person ON person.id = p.beneficiary_id",
        having="count(DISTINCT account.number_hash) > %(accounts)s",
    ),
    {"accounts": (_("最多几个账户"), 2)},
)
_add(
    "account-just-changed",
    _("发放前刚改账户"),
    _("放行前几天内才登记的账户，而这个人以前领补贴用的是别的账户。"),
    C.G3_02,
    f"""
    WITH paid AS ({_PAID})
    SELECT p.id::text, p.area_id, p.program_id, 1, 1, p.amount_fen, ARRAY[p.id],
           person.name || '的账户在放行前' || (p.released_on - account.created_at::date) || '天改为尾号'
               || account.number_last4
      FROM paid p
      JOIN programs_account account ON account.id = p.account_id
      JOIN programs_person person ON person.id = p.payee_id
     WHERE p.released_on - account.created_at::date BETWEEN 0 AND %(days)s
       AND EXISTS (SELECT 1 FROM disbursement_payment before
                    WHERE before.payee_id = p.payee_id AND before.id < p.id AND before.account_id <> p.account_id
                      AND before.status IN ('paid', 'returned'))
    """,  # noqa: S608
    {"days": (_("放行前几天内"), 7)},
)
_add(
    "changed-after-notice",
    _("公示后改名单"),
    _("发放的内容和公示过的不一样：公示的行里没有这一笔。"),
    C.G1_05,
    f"""
    WITH paid AS ({_PAID})
    SELECT p.id::text, p.area_id, p.program_id, 1, 1, p.amount_fen, ARRAY[p.id],
           person.name || '的这一笔和公示的内容不一致'
      FROM paid p
      JOIN programs_person person ON person.id = p.beneficiary_id
      JOIN programs_rosterrow r ON r.id = p.row_id
      LEFT JOIN (SELECT notice.roster_id, line.row_hash FROM programs_notice notice
                   JOIN programs_noticerow line ON line.notice_id = notice.id WHERE notice.status = 'ended') shown
             ON shown.roster_id = r.roster_id AND shown.row_hash = p.row_hash
     WHERE shown.roster_id IS NULL
    """,  # noqa: S608
)
_add(
    "paid-late",
    _("发放不及时"),
    _("一期结束后，超过项目的兑付时限才到账的。宽限天数可以设。"),
    C.G1_02,
    _sum(
        "p.program_id || '|' || p.period || '|' || p.area_id",
        "min(program.short_name) || min(p.period) || '期晚了' || max(p.paid_on - "
        + sql_last_on("p.period")
        + " - program.pay_by_days) || '天到账'",
        more="JOIN programs_program program ON program.id = p.program_id AND p.paid_on > "
        + sql_last_on("p.period")
        + " + program.pay_by_days + %(grace)s",
        having="true",
    ),
    {"grace": (_("再宽限几天"), 0)},
)
_add(
    "same-amount-two-programs",
    _("疑似混淆类别"),
    _("同一个人、同一期、同样的钱数，在同一个主管部门的两个项目里各领了一笔。"),
    C.G1_03,
    _sum(
        "p.beneficiary_id || '|' || p.period || '|' || p.amount_fen",
        "min(person.name) || min(p.period) || '期从' || string_agg(DISTINCT program.short_name, '和') || '各领了一笔'",
        more="JOIN programs_program program ON program.id = p.program_id"
        " JOIN programs_person person ON person.id = p.beneficiary_id",
        having="count(DISTINCT p.program_id) > 1 AND count(DISTINCT program.department_id) = 1",
    ),
)
_add(
    "far-above-neighbours",
    _("金额明显偏高"),
    _("比同一项目、同一期全县的中位数高出设定的倍数。"),
    C.G1_03,
    f"""
    WITH paid AS ({_PAID}),
    middle AS (SELECT program_id, period, percentile_disc(0.5) WITHIN GROUP (ORDER BY amount_fen) AS fen
                 FROM paid GROUP BY 1, 2)
    SELECT p.id::text, p.area_id, p.program_id, 1, 1, p.amount_fen, ARRAY[p.id],
           person.name || '领了' || {_YUAN.format(fen="p.amount_fen")} || '元，全县中位数'
               || {_YUAN.format(fen="middle.fen")} || '元'
      FROM paid p JOIN middle USING (program_id, period)
      JOIN programs_person person ON person.id = p.beneficiary_id
     WHERE p.amount_fen > middle.fen * %(times)s
    """,  # noqa: S608
    {"times": (_("中位数的几倍"), 5)},
)
_add(
    "public-payroll",
    _("财政供养人员领低保"),
    _("财政供养人员名单里的人领了低保、特困这类补贴（项目编码20819、20821开头）。"),
    C.G1_03,
    _sum(
        "p.beneficiary_id::text || '|' || p.program_id",
        "min(person.name) || '在财政供养人员名单里，领了' || min(program.short_name)",
        more="JOIN programs_program program ON program.id = p.program_id"  # noqa: S608
        " AND (program.code LIKE '20819%%' OR program.code LIKE '20821%%')"
        " JOIN programs_person person ON person.id = p.beneficiary_id"
        f" AND EXISTS (SELECT 1 FROM {current_rows(Dataset.Kind.PUBLIC_PAYROLL)} WHERE d.id_hash = person.id_hash)",
        having="true",
    ),
)
_add(
    "after-moving-out",
    _("迁出后仍发"),
    _("户口迁出登记之后的期间还在发的。"),
    C.G1_03,
    _sum(
        "p.beneficiary_id::text || '|' || p.program_id",
        "min(person.name) || '户口已迁出，还发了' || count(*) || '笔' || min(program.short_name)",
        more="JOIN programs_program program ON program.id = p.program_id"  # noqa: S608
        " JOIN programs_person person ON person.id = p.beneficiary_id"
        f" AND EXISTS (SELECT 1 FROM {current_rows(Dataset.Kind.MOVE_OUT)} WHERE d.id_hash = person.id_hash"
        " AND to_char(d.event_on, 'YYYY-MM') < CASE WHEN length(p.period) = 7 AND p.period NOT LIKE '%%Q%%'"
        " THEN p.period ELSE left(p.period, 4) || '-12' END AND to_char(d.event_on, 'YYYY') <= left(p.period, 4))",
        having="true",
    ),
)
_add(
    "not-posted",
    _("公示没有张贴证明"),
    _("发了钱的清册，公示结束后还有村没有登记张贴照片。"),
    C.G1_05,
    f"""
    WITH paid AS ({_PAID})
    SELECT notice.id || '|' || line.area_id, line.area_id, roster.program_id, count(DISTINCT p.beneficiary_id),
           count(*), sum(p.amount_fen)::bigint, {_SHOWN}, min(area.name) || '没有' || min(program.short_name)
               || '公示的张贴照片'
      FROM paid p
      JOIN programs_noticerow line ON line.row_id = p.row_id
      JOIN programs_notice notice ON notice.id = line.notice_id AND notice.status = 'ended'
      JOIN programs_roster roster ON roster.id = notice.roster_id
      JOIN programs_program program ON program.id = roster.program_id
      JOIN subsidy_portal_area area ON area.code = line.area_id
     WHERE NOT EXISTS (SELECT 1 FROM programs_posting posting
                        WHERE posting.notice_id = notice.id AND posting.area_id = line.area_id)
     GROUP BY notice.id, line.area_id, roster.program_id
    """,  # noqa: S608
)
_add(
    "plan-unspent",
    _("资金没有发完"),
    _("到年底，资金计划里没有发出去的超过设定的百分比。"),
    C.G1_06,
    """
    SELECT plan.id::text, department.area_id, plan.program_id, 0, 0, (planned.fen - paid.fen)::bigint, '{}'::bigint[],
           program.short_name || plan.year || '年计划' || to_char(planned.fen / 100.0, 'FM999999990.00') || '元，还有'
               || round((planned.fen - paid.fen) * 100.0 / planned.fen) || '%%没有发'
      FROM programs_fundplan plan
      JOIN programs_program program ON program.id = plan.program_id
      JOIN subsidy_portal_organisation department ON department.id = program.department_id
      JOIN LATERAL (SELECT COALESCE(sum(amount_fen), 0) AS fen FROM programs_fundentry entry
                     WHERE entry.plan_id = plan.id AND entry.status = 'confirmed') planned ON planned.fen > 0
      JOIN LATERAL (SELECT COALESCE(sum(p.amount_fen), 0) AS fen FROM disbursement_batch batch
                      JOIN disbursement_payment p ON p.batch_id = batch.id AND p.status = 'paid'
                     WHERE batch.plan_id = plan.id) paid ON true
     WHERE plan.year = %(year)s::int AND (planned.fen - paid.fen) * 100 > planned.fen * %(percent)s
    """,
    {"percent": (_("没发的超过百分之几"), 10)},
)
_add(
    "split-fund",
    _("一笔资金拆成几个项目"),
    _("写着同一个资金来源的项目超过设定个数。"),
    C.G1_01,
    """
    SELECT program.fund_source, min(department.area_id), min(program.id), 0, 0, 0::bigint, '{}'::bigint[],
           program.fund_source || '分成了' || count(*) || '个项目：' || string_agg(program.short_name, '、')
      FROM programs_program program
      JOIN subsidy_portal_organisation department ON department.id = program.department_id
     WHERE program.fund_source <> '' AND NOT program.is_classified AND %(year)s <> ''
     GROUP BY program.fund_source HAVING count(*) > %(programs)s
    """,
    {"programs": (_("最多几个项目"), 3)},
)

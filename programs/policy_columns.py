"""The columns of the policy list (domain §6), as a published version keeps them: name → text."""

from __future__ import annotations

from collections.abc import Callable

from django.utils.translation import override

from programs.models import Program


def _paid_how(program: Program) -> str:
    return f"{program.get_paid_to_display()}，{'一卡通' if program.on_platform else '线下'}"


# The names are data, not labels: a version published years ago must read the same in every language and release.
COLUMNS: dict[str, Callable[[Program], str]] = {
    "项目编码": lambda p: p.code,
    "补贴项目名称": lambda p: p.name,
    "项目简称": lambda p: p.short_name,
    "政策层级": lambda p: str(Program.Tier(p.tier).label),
    "主管部门": lambda p: p.department.name,
    "财政业务股室": lambda p: p.finance_division,
    "补贴对象范围": lambda p: p.scope_text,
    "适用人群": lambda p: "、".join(p.audience),
    "补贴标准": lambda p: p.standard_text,
    "发放周期": lambda p: str(Program.Cycle(p.cycle).label),
    "兑付时限": lambda p: f"{p.pay_by_days}天",
    "发放方式": _paid_how,
    "资金来源": lambda p: p.fund_source,
    "政策文件": lambda p: p.basis_title,
    "文号": lambda p: p.basis_number,
    "发文日期": lambda p: p.basis_issued_on.isoformat() if p.basis_issued_on else "",
    "申领方式与材料": lambda p: p.how_to_apply,
    "咨询电话": lambda p: p.phone,
    "监督电话": lambda p: p.complaint_phone,
    "生效日期": lambda p: p.effective_from.isoformat() if p.effective_from else "",
    "失效日期": lambda p: p.effective_to.isoformat() if p.effective_to else "",
}


def values_of(program: Program) -> dict[str, str]:
    """The program's line as it stands now, in Chinese whatever language the clerk works in."""
    with override("zh-hans"):
        return {name: read(program) for name, read in COLUMNS.items()}

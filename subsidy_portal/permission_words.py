"""The permission table as a page shows it: what each action is called, and which roles of which office may do it."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from subsidy_portal.models import Organisation, User
from subsidy_portal.permissions import PERMISSIONS

SECTIONS: tuple[tuple[Promise, dict[str, Promise]], ...] = (
    (
        _("政策与资金"),
        {
            "policy.edit": _("编制政策清单"),
            "policy.publish": _("公布政策清单"),
            "program.edit": _("新建、修改补贴项目"),
            "fund.enter": _("录入资金"),
            "fund.confirm": _("复核资金"),
        },
    ),
    (
        _("清册与公示"),
        {
            "roster.upload": _("上传、作废清册"),
            "roster.submit": _("提交清册"),
            "roster.town_approve": _("乡镇审核清册"),
            "notice.open": _("开始公示"),
            "roster.dept_check": _("部门复核清册"),
            "roster.dept_approve": _("部门审核清册"),
            "roster.accept": _("财政受理清册"),
            "roster.return": _("退回清册"),
            "suspicion.decide": _("核实疑点"),
            "notice.post": _("登记张贴照片"),
            "objection.record": _("登记异议"),
            "objection.decide": _("处理异议"),
            "rule.edit": _("修改比对规则"),
            "dataset.import": _("导入比对数据"),
            "entitlement.edit": _("修改应享受的规则"),
            "entitlement.search": _("搜索应享受未享受的人"),
            "entitlement.decide": _("核实应享受未享受的人"),
            "dataset.policy": _("规定比对数据的时效和保存期"),
            "card.note": _("登记未办卡的人、送银行开户"),
            "card.settle": _("停用多余的账户"),
            "card.explain": _("认定账户异常有正当理由"),
            "card.search": _("查找账户异常"),
            "merge.propose": _("提出合并重复的人"),
            "merge.decide": _("同意合并"),
            "household.edit": _("增减户内成员、提出换户主"),
            "household.decide": _("同意换户主"),
            "move.ask": _("提出人员迁移"),
            "move.decide": _("同意人员迁移"),
            "person.reveal": _("查看完整证号、账号（留记录）"),
        },
    ),
    (
        _("发放与对账"),
        {
            "batch.make": _("编制、提交批次"),
            "batch.approve": _("复核批次"),
            "batch.release": _("放行批次"),
            "batch.return": _("退回批次"),
            "batch.hold": _("暂停、恢复批次"),
            "correction.propose": _("更正失败账户"),
            "correction.approve": _("复核账户更正"),
            "reissue.make": _("编制重发"),
            "reissue.approve": _("放行重发"),
            "refund.make": _("提出缴回国库"),
            "refund.confirm": _("复核缴回国库"),
            "sending.reopen": _("恢复向银行发送"),
            "batch.ask_names": _("向银行核验户名"),
            "verdict.make": _("认定待查指令、选定对账单行"),
            "verdict.confirm": _("复核这些认定"),
            "discrepancy.resolve": _("处理对账差异"),
            "month.prepare": _("编制月结"),
            "month.close": _("月结"),
        },
    ),
    (
        _("监督"),
        {
            "see.audits": _("看发放核查"),
            "audit.run": _("做发放核查"),
            "audit.set": _("定核查标准"),
            "audit.decide": _("核实疑点"),
            "problem.register": _("登记问题"),
            "problem.verify": _("核实问题"),
            "problem.work": _("整改、追缴、申请销号"),
            "problem.close": _("审核销号"),
            "problem.export": _("导出问题台账"),
            "inquiry.assign": _("分办群众来件、看投诉举报人"),
            "inquiry.answer": _("答复群众来件"),
            "inquiry.reveal": _("查看咨询、申请人的联系方式（留记录）"),
            "annex.edit": _("调整附件2的行"),
            "annex.file": _("导入附件2、附件3"),
            "report.write": _("起草自查报告"),
            "report.submit": _("报送自查报告"),
            "offline.decide": _("登记线下项目的决定和备案"),
            "offline.enter": _("录入线下发放的年度数"),
            "offline.confirm": _("复核线下发放的年度数"),
            "statistics.view": _("看发放总览"),
        },
    ),
    (
        _("看得到的菜单"),
        {
            "see.rosters": _("清册、公示、疑点、人员"),
            "see.money": _("批次、失败更正"),
            "see.books": _("对账月结"),
            "see.funds": _("资金计划"),
            "see.oversight": _("政策、台账、比对数据"),
            "see.inquiries": _("群众来件"),
        },
    ),
    (_("系统"), {"user.manage": _("管理用户")}),
)


@dataclass(frozen=True)
class Row:
    """One action: for each kind of office the roles that may do it, in words."""

    action: str
    label: str | Promise
    cells: list[tuple[str, str]]


def _roles(action: str, kind: str) -> str:
    pairs = PERMISSIONS[action]
    if all((kind, role.value) in pairs for role in User.Role if role != User.Role.ADMINISTRATOR):
        return gettext("各岗位")
    return "、".join(str(role.label).removesuffix("岗") for role in User.Role if (kind, role.value) in pairs)


def table() -> list[tuple[str | Promise, list[Row]]]:
    """The whole table by section. Actions without words come last under their own name: nothing is left out."""
    named = {action for _title, words in SECTIONS for action in words}
    rest = {action: action for action in PERMISSIONS if action not in named}
    kinds = [(kind.value, str(kind.label)) for kind in Organisation.Kind]
    sections: list[tuple[str | Promise, list[Row]]] = []
    for title, words in (*SECTIONS, *(((_("其他"), rest),) if rest else ())):
        rows = [
            Row(action, label, [(name, _roles(action, kind)) for kind, name in kinds])
            for action, label in words.items()
            if action in PERMISSIONS
        ]
        sections.append((title, rows))
    return sections

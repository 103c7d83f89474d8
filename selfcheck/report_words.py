"""The sections of a written report (R66) and the classes a unit denies in so many words (R68)."""

from __future__ import annotations

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from selfcheck.models import Problem, ProblemQuerySet, Report
from selfcheck.taxonomy import CARDS_COLUMN

# key → heading, and what is to be written there beside the figures
SECTIONS = {
    "management": (_("管理工作开展情况"), _("制度、宣传、清单公示、代发银行选定等做了什么")),
    "payments": (_("发放补贴情况"), _("数字由系统填写；需要说明的写在这里")),
    "problems": (_("自查发现的问题和整改情况"), _("问题和追缴由系统填写；原因、责任和做法写在这里")),
    "difficulties": (_("存在的困难"), _("工作中解决不了、需要上级协调的")),
    "proposals": (_("工作建议"), _("对政策、系统、数据共享的建议")),
    "next": (_("下步工作打算"), _("接下来做什么、到什么时候")),
}
OTHER = "other"  # the words for 附件3 “其他”

# key → what it is called, the column of 附件2 it falls into
NOT_FOUND: dict[str, tuple[str, int]] = {
    "embezzled": ("贪污侵占", 1),
    "diverted": ("截留挪用", 2),
    "claimed": ("虚报冒领", 3),
    "shared": ("私存私分", 4),
    "extorted": ("克扣索要", 5),
    "cards": ("违规代管、办理、借用卡折", CARDS_COLUMN),
}


def problems_of(report: Report) -> ProblemQuerySet:
    """What the ledger has of the unit: what its people see there, without the unfounded; a monthly report's month."""
    found = Problem.objects.visible_to(report.made_by).exclude(status=Problem.Status.UNFOUNDED)
    if report.kind == Report.Kind.MONTHLY:
        return found.filter(found_on__year=report.year, found_on__month=report.month)
    return found.filter(found_on__year__lte=report.year)


def problems_of_class(problems: ProblemQuerySet, key: str) -> ProblemQuerySet:
    column = NOT_FOUND[key][1]
    mine = Q(annex2_column=column)
    return problems.filter(mine | Q(cards__gt=0) if column == CARDS_COLUMN else mine)

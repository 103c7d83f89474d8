"""Results of rectification go public (R58), without anybody's data in them."""

from __future__ import annotations

import re

from django.db import transaction
from django.utils.translation import gettext as _

from publicity.models import Result
from selfcheck.actions import publish_result
from selfcheck.models import Problem
from subsidy_portal import clock
from subsidy_portal.models import User
from subsidy_portal.permissions import require
from subsidy_portal.workflow import Refused

# Digits of a phone, an ID number or an account, also with blanks or dashes between; amounts have commas and dots.
_NUMBER = re.compile(r"\d(?:[\s-]*[\dXx]){6,}")


@transaction.atomic
def publish_rectification(problem: Problem, *, summary: str, url: str, actor: User) -> Result:
    """Put the result of a closed problem on the public page at ``url``; a text already there is replaced.

    Raises Refused for a classified program, and for a text with a number of somebody or the name of a beneficiary.
    """
    require(actor, "problem.work")
    if problem.program and problem.program.is_classified:
        raise Refused(_("涉密项目的整改结果不上公开专栏。"))
    summary = _public_text(problem, summary)
    publish_result(problem, published_on=clock.today(), url=url, actor=actor)
    Result.objects.current().filter(problem=problem).update(replaced_at=clock.now())
    return Result.objects.create(problem=problem, summary=summary, published_by=actor, published_on=clock.today())


def _public_text(problem: Problem, summary: str) -> str:
    summary = summary.strip()
    if len(summary) < 10 or len(summary) > 300:
        raise Refused(_("请用10到300个字写明查清了什么、怎么改的。"))
    if _NUMBER.search(summary):
        raise Refused(_("里面像是有证号、账号或电话。公开的内容不能有个人信息，请删掉。"))
    names = problem.payments.values_list("payment__beneficiary__name", "payment__payee__name")
    if any(name and name in summary for pair in names for name in pair):
        raise Refused(_("里面有补贴对象的姓名。公开的内容不能有个人信息，请删掉。"))
    if any(name and name in summary for name in (problem.leader, problem.owner)):
        raise Refused(_("里面有责任人的姓名。请写单位，不写姓名。"))
    return summary

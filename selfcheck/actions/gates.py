"""What the actions on a problem share: one at a time, and only in the right status."""

from __future__ import annotations

import datetime as dt

from django.utils.translation import gettext as _

from selfcheck.models import Problem
from subsidy_portal import clock
from subsidy_portal.workflow import InvalidTransition, Refused, StaleStatus


def lock_problem(problem: Problem, *expected: str) -> Problem:
    """Lock the problem until the transaction ends; returns it as it is now, ``with_recovery``.

    Raises StaleStatus when its status is no longer what the caller saw, InvalidTransition unless it is one of
    ``expected``.
    """
    status = Problem.objects.select_for_update().values_list("status", flat=True).get(pk=problem.pk)
    if status != problem.status:
        raise StaleStatus(_("别人刚刚处理过，状态已经变了。没有重复办理，请刷新后再看。"))
    if status not in expected:
        raise InvalidTransition(
            _("问题%(number)s现在是“%(status)s”，不能办这一步。请刷新页面查看最新状态。")
            % {"number": problem.number, "status": Problem.Status(status).label}
        )
    return Problem.objects.with_recovery().get(pk=problem.pk)


def require_text(text: str, what: str, limit: int = 500) -> str:
    """``text`` without blanks around it; raises Refused, naming ``what``, when it is empty or too long."""
    text = text.strip()
    if not text:
        raise Refused(_("请写明%(what)s。") % {"what": what})
    if len(text) > limit:
        raise Refused(_("%(what)s超过%(limit)d个字。请缩短后再提交。") % {"what": what, "limit": limit})
    return text


def require_past(day: dt.date, what: str) -> None:
    """Raise Refused when ``day`` has not come yet."""
    if day > clock.today():
        raise Refused(_("%(what)s晚于今天。请核对日期。") % {"what": what})

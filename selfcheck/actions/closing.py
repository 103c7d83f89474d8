"""Closing a problem (销号): asked for by those who worked on it, reviewed by another person."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils.translation import gettext as _

from selfcheck.actions.gates import lock_problem, require_past, require_text
from selfcheck.closing import closing_conditions
from selfcheck.models import Problem
from subsidy_portal import clock
from subsidy_portal.models import User
from subsidy_portal.permissions import require, require_other
from subsidy_portal.workflow import Refused, move, record

S = Problem.Status


def _require_closable(now: Problem) -> None:
    for condition in closing_conditions(now):
        if not condition.met:
            raise Refused(condition.remedy)


@transaction.atomic
def request_close(problem: Problem, *, actor: User) -> None:
    """Ask for closing. Raises Refused while money is missing, evidence is missing or nobody answers for it."""
    require(actor, "problem.work")
    _require_closable(lock_problem(problem, S.RECTIFYING))
    move(problem, S.CLOSE_REQUESTED, actor=actor, close_requested_by=actor, close_requested_at=clock.now())


@transaction.atomic
def close_problem(problem: Problem, *, note: str, actor: User) -> None:
    """Review and close, by neither the author nor whoever asked. The conditions are checked once more."""
    _require_reviewer(problem, actor)
    note = require_text(note, _("复核结论"))
    _require_closable(lock_problem(problem, S.CLOSE_REQUESTED))
    move(problem, S.CLOSED, actor=actor, note=note, reviewed_by=actor, review_note=note, closed_on=clock.today())


@transaction.atomic
def return_problem(problem: Problem, *, note: str, actor: User) -> None:
    """The reviewer is not convinced: back to the unit, with what is missing."""
    _require_reviewer(problem, actor)
    note = require_text(note, _("退回原因"))
    lock_problem(problem, S.CLOSE_REQUESTED)
    move(problem, S.RECTIFYING, actor=actor, note=note, close_requested_by=None, close_requested_at=None)


@transaction.atomic
def publish_result(problem: Problem, *, published_on: dt.date, url: str, actor: User) -> None:
    """Record where the result of a closed problem was made public (R58)."""
    require(actor, "problem.work")
    require_past(published_on, _("公开日期"))
    url = require_text(url, _("公开链接"), 200)
    if not url.startswith(("https://", "http://")):
        raise Refused(_("公开链接应以 http:// 或 https:// 开头。请从浏览器地址栏复制。"))
    lock_problem(problem, S.CLOSED)
    Problem.objects.filter(pk=problem.pk).update(published_on=published_on, published_url=url)
    record(problem, "published", actor=actor, note=url)
    problem.refresh_from_db()


def _require_reviewer(problem: Problem, actor: User) -> None:
    require(actor, "problem.close")
    require_other(actor, problem.made_by_id, problem.close_requested_by_id)

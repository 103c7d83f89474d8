"""The part of the ledger, the reports and the tables on the desk; and where a problem's number leads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from selfcheck.models import Problem, ProblemPayment, Report, YearlyAmount
from subsidy_portal import clock
from subsidy_portal.desk import DeskItem, last_moves
from subsidy_portal.models import Organisation, User
from subsidy_portal.permissions import allowed
from subsidy_portal.wording import yuan

S = Problem.Status
AT_MOST = 50


def waiting(user: User) -> list[DeskItem]:
    """At most ``AT_MOST`` of each kind, the nearest deadline first."""
    problems = (*_to_register(user), *_to_verify(user), *_to_work_on(user), *_to_review(user), *_to_press(user))
    return [*problems, *_to_submit(user), *_to_confirm(user)]


def away(user: User) -> list[DeskItem]:
    """Problems this user registered or asked to close that others work on."""
    mine = Problem.objects.visible_to(user).filter(Q(made_by=user) | Q(close_requested_by=user))
    found = mine.filter(status__in=(S.REGISTERED, S.VERIFIED, S.RECTIFYING, S.CLOSE_REQUESTED))
    near = list(_near(found))
    moves = last_moves("selfcheck.problem", [problem.pk for problem in near])
    return [
        replace(_item(one, _("看"), one.get_status_display()), at=moves[one.pk].at if one.pk in moves else one.made_at)
        for one in near
    ]


def _near(problems: Any) -> Any:
    return problems.with_recovery().select_related("unit", "program", "made_by").order_by("due_on", "pk")[:AT_MOST]


def _item(problem: Problem, action: str, facts: str) -> DeskItem:
    return DeskItem(
        menu="problems",
        kind=_("问题"),
        title=problem.title,
        facts="，".join(filter(None, (problem.number, problem.unit.short_name, facts))),
        url=reverse("selfcheck:problem", args=(problem.pk,)),
        action=action,
        amount_fen=problem.recovery_due_fen or None,
        by=str(problem.made_by),
        at=problem.made_at,
        due_on=problem.due_on,
        at_risk=problem.is_in_work and problem.missing_fen > 0 and problem.overdue_days > 0,
    )


def _to_verify(user: User) -> Iterator[DeskItem]:
    if allowed(user, "problem.verify"):
        found = Problem.objects.visible_to(user).filter(status=S.REGISTERED).exclude(made_by=user)
        for problem in _near(found):
            yield _item(problem, _("核实"), _("等核实"))


def _to_work_on(user: User) -> Iterator[DeskItem]:
    if not allowed(user, "problem.work"):
        return
    found = list(_near(Problem.objects.in_charge(user).filter(status__in=(S.VERIFIED, S.RECTIFYING))))
    moves = last_moves("selfcheck.problem", [problem.pk for problem in found])
    for problem in found:
        move = moves.get(problem.pk)
        if move and (move.old_status, move.new_status) == (S.CLOSE_REQUESTED, S.RECTIFYING):
            yield replace(
                _item(problem, _("补正"), move.note[:60]),
                kind=_("退回整改"),
                by=str(move.actor),
                at=move.at,
                returned=True,
            )
        elif problem.status == S.VERIFIED:
            yield _item(problem, _("定措施"), _("等整改措施"))
        elif problem.missing_fen:
            missing = _("还差%(yuan)s元") % {"yuan": yuan(problem.missing_fen)}
            yield _item(problem, _("追缴"), missing)
        else:
            yield _item(problem, _("整改"), _("整改中"))


def _to_review(user: User) -> Iterator[DeskItem]:
    if allowed(user, "problem.close"):
        asked = Problem.objects.visible_to(user).filter(status=S.CLOSE_REQUESTED)
        for problem in _near(asked.exclude(made_by=user).exclude(close_requested_by=user)):
            yield _item(problem, _("复核"), _("申请销号"))


def _to_press(user: User) -> Iterator[DeskItem]:
    """Overdue problems of the units that audit and discipline watch over."""
    if user.kind not in {Organisation.Kind.AUDIT, Organisation.Kind.DISCIPLINE}:
        return
    late = Problem.objects.visible_to(user).filter(status__in=(S.VERIFIED, S.RECTIFYING), due_on__lt=clock.today())
    for problem in _near(late):
        yield _item(problem, _("督办"), _("整改逾期"))


def _to_register(user: User) -> Iterator[DeskItem]:
    """Confirmed overpayments that nobody has entered in the ledger, as one line."""
    if not allowed(user, "problem.register"):
        return
    count = ProblemPayment.objects.unregistered_suspicions(user)[:AT_MOST].count()
    if count:
        yield DeskItem(
            menu="problems",
            kind=_("多发"),
            title=_("去世后仍发的补贴，已核实属实%(n)d笔") % {"n": count},
            facts=_("还没有登记为问题"),
            url=reverse("selfcheck:overpayments"),
            action=_("登记"),
        )


def _to_submit(user: User) -> Iterator[DeskItem]:
    """Drafts of the own unit that a colleague has written."""
    if not allowed(user, "report.submit"):
        return
    drafts = Report.objects.filter(unit=user.organisation, status=Report.Status.DRAFT).exclude(made_by=user)
    for report in drafts.select_related("made_by")[:AT_MOST]:
        yield DeskItem(
            menu="reports",
            kind=_("自查报告"),
            title=str(report),
            facts=_("等核对后报送"),
            url=reverse("selfcheck:report", args=(report.pk,)),
            action=_("报送"),
            by=str(report.made_by),
            at=report.made_at,
            due_on=report.due_on,
        )


def _to_confirm(user: User) -> Iterator[DeskItem]:
    """Amounts off the platform that somebody else has entered."""
    if not allowed(user, "offline.confirm"):
        return
    proposed = YearlyAmount.objects.visible_to(user).filter(status=YearlyAmount.Status.PROPOSED).exclude(made_by=user)
    for amount in proposed.select_related("program", "made_by").order_by("pk")[:AT_MOST]:
        yield DeskItem(
            menu="off-platform",
            kind=_("线下发放数"),
            title=f"{amount.program.short_name} {amount.year}",
            facts=_("等复核后计入总数"),
            url=reverse("selfcheck:off-platform", args=(amount.program_id,)),
            action=_("复核"),
            amount_fen=amount.amount_fen,
            by=str(amount.made_by),
            at=amount.made_at,
        )


def search(user: User, text: str) -> str:
    """The page of the problem with exactly this number; empty when there is none to see."""
    number = text.strip().upper()
    if not number.startswith("P-") or not allowed(user, "see.oversight"):
        return ""
    found = Problem.objects.visible_to(user).filter(number=number).values_list("pk", flat=True).first()
    return reverse("selfcheck:problem", args=(found,)) if found else ""

"""What a problem must satisfy before it is closed (销号): domain §11."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from selfcheck.models import Problem
from subsidy_portal.wording import yuan


@dataclass(frozen=True)
class Condition:
    """One condition of closing: what it asks, whether it is met, and what to do while it is not."""

    label: str
    met: bool
    remedy: str
    note: str = ""
    money: bool = False


def closing_conditions(problem: Problem) -> list[Condition]:
    """The conditions for ``problem`` (from ``with_recovery``), all of which closing needs."""
    planned = bool(problem.measures and problem.leader and problem.owner and problem.due_on)
    open_fen = problem.recovery_due_fen - problem.write_off_fen - problem.remitted_fen
    to_return_fen = problem.restitution_due_fen - problem.restitution_paid_fen
    files = problem.evidence.count()
    conditions = [
        Condition(_("责任和措施已写明"), planned, _("请先写明整改措施、责任领导、责任人和时限，再申请销号。")),
        Condition(
            _("佐证齐全"),
            files > 0,
            _("还没有佐证。请上传凭证、照片或记录，再申请销号。"),
            note=_("%(n)d份") % {"n": files} if files else "",
        ),
    ]
    if problem.restitution_due_fen:
        remedy = _("还有%(yuan)s元没有返还给群众。返还后在“更新进展”里登记，再申请销号。")
        conditions.insert(1, _tied(_("应返还 = 已返还"), to_return_fen, remedy))
    if problem.recovery_due_fen:
        remedy = _("还有%(yuan)s元没有缴入国库。追齐并登记缴库凭证，或附依据核销后，可以申请销号。")
        conditions.insert(1, _tied(_("应追 = 缴入国库 + 核销"), open_fen, remedy))
    return conditions


def _tied(label: str, rest_fen: int, remedy: str) -> Condition:
    """A sum of money that must leave no rest."""
    said = {"yuan": yuan(rest_fen)}
    note = _("差%(yuan)s元") % said if rest_fen else ""
    return Condition(label, rest_fen == 0, remedy % said, note=note, money=True)

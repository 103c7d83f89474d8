"""The steps a page offers on one problem: which form, who may take it when, and which action it calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from selfcheck import actions, forms
from selfcheck.models import Problem
from subsidy_portal.models import User
from subsidy_portal.permissions import allowed

S = Problem.Status


@dataclass(frozen=True)
class Step:
    """``run(problem, given, actor)`` takes the cleaned form; ``done`` is said when it has worked."""

    form: type[forms.StepForm]
    needs: tuple[str, ...]
    statuses: tuple[str, ...]
    run: Callable[[Problem, dict[str, Any], User], Any]
    done: str | Promise
    by_other: bool = False

    def is_open_to(self, user: User, problem: Problem) -> bool:
        """May this user take the step now? The action asks again."""
        if problem.status not in self.statuses or not any(allowed(user, need) for need in self.needs):
            return False
        return not (self.by_other and user.pk in {problem.made_by_id, problem.close_requested_by_id})


def _recover(problem: Problem, given: dict[str, Any], actor: User) -> None:
    link = given.pop("link", None)
    actions.record_recovery(problem, payment=link.payment if link else None, actor=actor, **given)


def _add_evidence(problem: Problem, given: dict[str, Any], actor: User) -> None:
    file = given["file"]
    actions.add_evidence(problem, title=given["title"], file_name=file.name, content=file.read(), actor=actor)


WORK = ("problem.work",)
REVIEW = ("problem.close",)
VERIFY = ("problem.verify",)

STEPS: dict[str, Step] = {
    "verify": Step(
        forms.EmptyForm, VERIFY, (S.REGISTERED,),
        lambda problem, given, actor: actions.verify_problem(problem, actor=actor),
        _("已核实属实，等责任单位制定整改措施。"), by_other=True,
    ),
    "refute": Step(
        forms.ReasonForm, VERIFY, (S.REGISTERED,),
        lambda problem, given, actor: actions.refute_problem(problem, actor=actor, **given),
        _("已认定不属实，理由已记入台账。"), by_other=True,
    ),
    "plan": Step(
        forms.PlanForm, WORK, (S.VERIFIED,),
        lambda problem, given, actor: actions.plan_rectification(problem, actor=actor, **given),
        _("整改措施、责任和时限已登记。"),
    ),
    "progress": Step(
        forms.ProgressForm, WORK, (S.VERIFIED, S.RECTIFYING),
        lambda problem, given, actor: actions.note_progress(problem, actor=actor, **given),
        _("进展已更新。"),
    ),
    "recover": Step(forms.RecoveryForm, WORK, (S.RECTIFYING,), _recover, _("已登记收回。缴入国库后请登记凭证。")),
    "remit": Step(
        forms.RemitForm, WORK, (S.RECTIFYING,),
        lambda problem, given, actor: actions.remit_recovery(given.pop("recovery"), actor=actor, **given),
        _("缴库凭证已登记。"),
    ),
    "void": Step(
        forms.VoidForm, WORK, (S.RECTIFYING,),
        lambda problem, given, actor: actions.void_recovery(given.pop("recovery"), actor=actor, **given),
        _("已作废，原记录保留。"),
    ),
    "write-off": Step(
        forms.WriteOffForm, WORK, (S.RECTIFYING,),
        lambda problem, given, actor: actions.write_off(problem, actor=actor, **given),
        _("核销金额和依据已登记，由复核人审核。"),
    ),
    "evidence": Step(
        forms.EvidenceForm, (*WORK, "problem.register"), Problem.UNFINISHED, _add_evidence, _("佐证已保存。")
    ),
    "request-close": Step(
        forms.EmptyForm, WORK, (S.RECTIFYING,),
        lambda problem, given, actor: actions.request_close(problem, actor=actor),
        _("已申请销号，等他人复核。"),
    ),
    "close": Step(
        forms.ReviewForm, REVIEW, (S.CLOSE_REQUESTED,),
        lambda problem, given, actor: actions.close_problem(problem, actor=actor, **given),
        _("已销号。"), by_other=True,
    ),
    "return": Step(
        forms.ReturnForm, REVIEW, (S.CLOSE_REQUESTED,),
        lambda problem, given, actor: actions.return_problem(problem, actor=actor, **given),
        _("已退回责任单位继续整改。"), by_other=True,
    ),
    "publish": Step(
        forms.PublishForm, WORK, (S.CLOSED,),
        lambda problem, given, actor: actions.publish_result(problem, actor=actor, **given),
        _("公开日期和链接已登记。"),
    ),
}  # fmt: skip

"""What the page of one problem says: how far it is, who goes on, where the money is."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _

from selfcheck.closing import Condition, closing_conditions
from selfcheck.forms import StepForm
from selfcheck.models import Problem, Recovery
from selfcheck.steps import STEPS
from selfcheck.taxonomy import ANNEX2_COLUMNS
from subsidy_portal.models import Event, User
from subsidy_portal.wording import cn_date, full_date, yuan

S = Problem.Status
# Which step of the stage bar each status stands on: registered, verified, rectified, reviewed, closed.
PLACE = {S.REGISTERED: 1, S.VERIFIED: 2, S.RECTIFYING: 2, S.CLOSE_REQUESTED: 3, S.CLOSED: 5, S.UNFOUNDED: 1}


class ProblemPage:
    """``bound`` is the one form that came back with mistakes, by its verb; every other form begins fresh."""

    def __init__(
        self, problem: Problem, user: User, events: list[Event], bound: dict[str, StepForm] | None = None
    ) -> None:
        self.problem, self.user, self.events, self.bound = problem, user, events, bound or {}

    @cached_property
    def form(self) -> dict[str, StepForm]:
        """The forms of the steps this user may take now, by verb with underscores."""
        return {
            verb.replace("-", "_"): self.bound.get(verb) or step.form(problem=self.problem, auto_id=f"{verb}-%s")
            for verb, step in STEPS.items()
            if step.is_open_to(self.user, self.problem) and verb not in {"remit", "void"}
        }

    @property
    def may_work(self) -> bool:
        return "request_close" in self.form

    @cached_property
    def conditions(self) -> list[Condition]:
        return closing_conditions(self.problem)

    @property
    def conditions_met(self) -> int:
        return sum(condition.met for condition in self.conditions)

    @property
    def unmet(self) -> Condition | None:
        """The first condition that still keeps the problem from closing."""
        return next((condition for condition in self.conditions if not condition.met), None)

    @property
    def wants_evidence(self) -> bool:
        """Nothing but evidence is missing: uploading it is the next step."""
        unmet = [condition for condition in self.conditions if not condition.met]
        return self.may_work and bool(unmet) and not any(condition.money for condition in unmet)

    @property
    def is_at_risk(self) -> bool:
        """Money is missing after the deadline: the only red there is."""
        return bool(self.problem.missing_fen and self.problem.is_in_work and self.problem.overdue_days)

    @property
    def unremitted_fen(self) -> int:
        return self.problem.recovered_fen - self.problem.remitted_fen

    @cached_property
    def recoveries(self) -> list[dict[str, Any]]:
        """Each recovery with its forms while it is neither remitted nor void."""
        found = self.problem.recoveries.select_related("payment__beneficiary", "recorded_by", "voided_by")
        return [{"it": recovery, **self._recovery_forms(recovery)} for recovery in found]

    def _recovery_forms(self, recovery: Recovery) -> dict[str, StepForm]:
        if not self.may_work or recovery.remitted_on or recovery.voided_by_id:
            return {}
        return {
            verb: bound
            if (bound := self.bound.get(verb)) and bound["recovery"].value() == str(recovery.pk)
            else STEPS[verb].form(
                problem=self.problem, initial={"recovery": recovery.pk}, auto_id=f"{verb}-{recovery.pk}-%s"
            )
            for verb in ("remit", "void")
        }

    @property
    def equation(self) -> list[dict[str, Any]]:
        problem = self.problem
        return [
            {"label": _("应追"), "value": yuan(problem.recovery_due_fen), "result": True},
            {"label": _("已追"), "value": yuan(problem.recovered_fen), "op": "="},
            {"label": _("核销"), "value": yuan(problem.write_off_fen), "op": "+"},
            {"label": _("还差"), "value": yuan(problem.missing_fen), "op": "+", "risk": self.is_at_risk},
            {"label": _("已缴国库"), "value": yuan(problem.remitted_fen), "aside": True},
        ]

    @property
    def stages(self) -> list[dict[str, Any]]:
        """The stage bar; under each step the day and who took it."""
        signed = self._signatures()
        place = PLACE[S(self.problem.status)]
        labels = (_("登记"), _("核实"), _("整改"), _("复核"), _("销号"))
        stages = []
        for n, label in enumerate(labels):
            state = "done" if n < place else "now" if n == place else ""
            note = signed.get(n, "") if state == "done" else self._now_with() if state == "now" else ""
            stages.append({"label": label, "note": note, "state": state})
        if self.problem.status == S.UNFOUNDED:
            stages[1:] = [{"label": _("不属实"), "note": signed.get(1, ""), "state": "done"}]
        elif self._was_returned:
            stages[2]["state"] = "back"
        return stages

    def _signatures(self) -> dict[int, str]:
        steps = {
            S.VERIFIED: 1, S.UNFOUNDED: 1, S.CLOSE_REQUESTED: 2, S.CLOSED: 3,
        }  # fmt: skip
        said = {0: f"{self.problem.made_by}\n{cn_date(self.problem.made_at)}"}
        for event in reversed(self.events):
            if event.new_status in steps:
                said[steps[S(event.new_status)]] = f"{event.actor}\n{cn_date(event.at)}"
        if self.problem.closed_on:
            said[4] = cn_date(self.problem.closed_on)
        return said

    @property
    def _was_returned(self) -> bool:
        last = next((event for event in self.events if event.new_status), None)
        return bool(last and last.old_status == S.CLOSE_REQUESTED and last.new_status == S.RECTIFYING)

    def _now_with(self) -> str:
        return {
            S.REGISTERED: _("等核实"),
            S.VERIFIED: _("等措施"),
            S.RECTIFYING: self.problem.owner,
            S.CLOSE_REQUESTED: _("等复核"),
        }.get(S(self.problem.status), "")

    @property
    def waits_for(self) -> str:
        """Who acts next, for everybody who is not that person."""
        problem = self.problem
        mine = self.user.pk in {problem.made_by_id, problem.close_requested_by_id}
        return {
            S.REGISTERED: _("您登记的，须由他人核实。等乡镇或主管部门复核岗。")
            if mine
            else _("等乡镇或主管部门复核岗核实。"),
            S.VERIFIED: _("等%(unit)s制定整改措施。") % {"unit": problem.unit},
            S.RECTIFYING: _("%(unit)s正在整改。") % {"unit": problem.unit},
            S.CLOSE_REQUESTED: _("您登记或申请的，须由他人复核。") if mine else _("等财政、审计或纪检监察复核岗复核。"),
            S.CLOSED: _("%(day)s销号。") % {"day": full_date(problem.closed_on)},
            S.UNFOUNDED: problem.review_note,
        }[S(problem.status)]

    @property
    def pairs(self) -> list[tuple[str, Any]]:
        """The ledger's other columns, those that say something."""
        problem = self.problem
        counts = (
            (problem.persons, _("人")), (problem.households, _("户")), (problem.cards, _("张卡")),
        )  # fmt: skip
        pairs: list[tuple[str, Any]] = [
            (_("责任单位"), problem.unit),
            (_("责任人"), "、".join(filter(None, (problem.leader, problem.owner)))),
            (_("来源"), problem.get_source_display()),
            (_("发现日期"), cn_date(problem.found_on)),
            (_("项目"), problem.program.short_name if problem.program else ""),
            (_("年度"), _("%(year)s年") % {"year": problem.year}),
            (_("类别"), problem.get_category_display()),
            (_("附件2列"), f"{problem.annex2_column} {ANNEX2_COLUMNS[problem.annex2_column]}"),
            (_("涉及"), "，".join(f"{n} {word}" for n, word in counts if n)),
            (_("涉及金额"), _("%(yuan)s 元") % {"yuan": yuan(problem.amount_fen)} if problem.amount_fen else ""),
            (_("整改时限"), cn_date(problem.due_on) if problem.due_on else ""),
            (_("立行立改"), _("是") if problem.fix_now else ""),
            (_("处理人员"), problem.sanctions),
            (_("线索移交"), problem.transfer),
            (_("制度建设"), problem.institution),
            (_("核销依据"), problem.write_off_basis if problem.write_off_fen else ""),
        ]
        return [(label, value) for label, value in pairs if value]

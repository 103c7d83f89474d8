"""What tests of the ledger do again and again."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from selfcheck import actions
from selfcheck.models import Problem
from subsidy_portal.models import Event, Organisation, User

PDF = b"%PDF-1.4 voucher"


@dataclass
class Staff:
    """One person at every desk the ledger needs; ``bureau`` is the office that answers for the problem."""

    bureau: Organisation
    audit: User
    audit_reviewer: User
    finance: User
    finance_reviewer: User
    department: User
    department_reviewer: User
    town: User
    town_reviewer: User


def plan(problem: Problem, actor: User, due_on: dt.date = dt.date(2023, 3, 26)) -> None:
    actions.plan_rectification(
        problem,
        measures="逐户追回，按月比对死亡登记。",
        leader="分管局长",
        owner="业务股长",
        due_on=due_on,
        actor=actor,
    )


def recover_all(problem: Problem, actor: User) -> None:
    """All of every payment comes back and reaches the treasury."""
    for n, link in enumerate(problem.payments.select_related("payment")):
        recovery = actions.record_recovery(
            problem,
            payment=link.payment,
            amount_fen=link.amount_fen,
            received_on=dt.date(2023, 3, 6),
            actor=actor,
        )
        actions.remit_recovery(recovery, voucher=f"JK0306-{n}", remitted_on=dt.date(2023, 3, 6), actor=actor)


def add_proof(problem: Problem, actor: User, content: bytes = PDF) -> None:
    actions.add_evidence(problem, title="缴款凭证", file_name="缴款凭证.pdf", content=content, actor=actor)


def finish(problem: Problem, staff: Staff) -> None:
    """From in work to closing asked for by the department."""
    recover_all(problem, staff.department)
    add_proof(problem, staff.department)
    actions.request_close(problem, actor=staff.department)


def kinds(problem: Problem) -> list[str]:
    """What happened, oldest first."""
    return [event.kind for event in reversed(Event.objects.about(problem))]


def make_problem(actor: User, unit: Organisation, **fields: object) -> Problem:
    """A problem registered by hand."""
    given = {
        "source": Problem.Source.SPOT_CHECK,
        "unit": unit,
        "year": 2023,
        "category": Problem.Category.G1_05,
        "title": "公示不满7天",
        "description": "抽查发现公示只有5天。",
    }
    return actions.register_problem(actor=actor, **(given | fields))

"""A problem enters the ledger: registered by one office, verified or refuted by another person."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from disbursement.models import Payment
from programs.models import Suspicion
from selfcheck.actions.gates import lock_problem, require_past, require_text
from selfcheck.models import Problem, ProblemPayment
from selfcheck.taxonomy import COLUMNS_OF
from subsidy_portal import bulk, clock, wording
from subsidy_portal.models import Area, User
from subsidy_portal.permissions import require, require_other
from subsidy_portal.wording import yuan
from subsidy_portal.workflow import Refused, move, record

S = Problem.Status


@transaction.atomic
def register_problem(*, actor: User, **fields: Any) -> Problem:
    """Enter a problem with the fields of ``Problem``; amounts in fen.

    ``area`` falls to the unit's own, ``annex2_column`` to the usual one of the category, ``found_on`` to today.
    Raises Refused when the column is none of the category's or the problem lies outside what ``actor`` may see.
    """
    require(actor, "problem.register")
    fields.setdefault("found_on", clock.today())
    require_past(fields["found_on"], _("发现日期"))
    fields["area"] = fields.get("area") or fields["unit"].area
    fields["title"] = require_text(fields["title"], _("问题"), 80)
    fields["description"] = require_text(fields["description"], _("问题描述"), 2000)
    columns = COLUMNS_OF[fields["category"]]
    fields["annex2_column"] = fields.get("annex2_column") or columns[0]
    if fields["annex2_column"] not in columns:
        raise Refused(
            _("这类问题在附件2里属于第%(columns)s列。请改选类别或列。") % {"columns": "、".join(map(str, columns))}
        )
    problem = Problem.objects.create(
        **fields,
        number=f"P-{clock.today().year}-{bulk.next_number('problem_number_seq'):03d}",
        made_by=actor,
        made_at=clock.now(),
    )
    if not Problem.objects.visible_to(actor).filter(pk=problem.pk).exists():
        raise Refused(_("责任单位或项目不归您单位管，没有登记。请改选，或请县财政局登记。"))
    record(problem, "registered", actor=actor)
    return problem


@transaction.atomic
def register_overpayment(
    suspicions: Iterable[Suspicion], *, actor: User, title: str = "", due_on: dt.date | None = None
) -> Problem:
    """One problem of one program from confirmed suspicions after payment: all of each payment is owed back.

    The unit is the program's department. Raises Refused unless every suspicion is confirmed, in no other problem,
    of the same program, and its payment still paid.
    """
    require(actor, "problem.register")
    ids = [suspicion.pk for suspicion in suspicions]
    cases = {s.row_id: s for s in Suspicion.objects.select_for_update().filter(pk__in=ids).order_by("pk")}
    _require_registrable(list(cases.values()))
    payments = list(
        Payment.objects.filter(row__in=cases, status=Payment.Status.PAID)
        .select_related("program__department", "area__parent", "beneficiary")
        .order_by("pk")
    )
    if len(payments) != len(cases):
        raise Refused(_("有的补贴已退票或不再是“已付”，不用追回。请刷新后重新选择。"))
    programs = {payment.program for payment in payments}
    if len(programs) > 1:
        raise Refused(_("选中的补贴属于几个项目。一个问题只登记一个项目，请分开登记。"))
    problem = register_problem(actor=actor, **_overpayment_fields(payments, title=title, due_on=due_on))
    ProblemPayment.objects.bulk_create(
        ProblemPayment(problem=problem, payment=p, suspicion=cases[p.row_id], amount_fen=p.amount_fen) for p in payments
    )
    return problem


def _require_registrable(cases: list[Suspicion]) -> None:
    after, confirmed = Suspicion.Stage.AFTER, Suspicion.Status.CONFIRMED
    if not cases or any(case.stage != after or case.status != confirmed for case in cases):
        raise Refused(_("只有核实属实的发放后疑点可以登记为问题。请先核实，再选择。"))
    other = (
        ProblemPayment.objects.filter(suspicion__in=cases)
        .exclude(problem__status=S.UNFOUNDED)
        .select_related("problem")
        .first()
    )
    if other is not None:
        raise Refused(_("选中的补贴已在问题%(number)s里。没有重复登记，请刷新后再看。") % {"number": other.problem})


def _overpayment_fields(payments: list[Payment], *, title: str, due_on: dt.date | None) -> dict[str, Any]:
    program = payments[0].program
    people = {payment.beneficiary_id for payment in payments}
    periods = sorted({payment.period for payment in payments})
    fen = sum(payment.amount_fen for payment in payments)
    facts = {
        "program": program.name,
        "n": len(people),
        "when": wording.period(periods[0])
        if len(periods) == 1
        else _("%(from)s至%(to)s") % {"from": wording.period(periods[0]), "to": wording.period(periods[-1])},
        "yuan": yuan(fen),
        "count": len(payments),
    }
    return {
        "source": Problem.Source.COMPARISON,
        "unit": program.department,
        "area": _common_area([payment.area for payment in payments], program.department.area),
        "program": program,
        "year": int(periods[0][:4]),
        "category": Problem.Category.G1_03,
        "title": title or ngettext("去世未报，多发%(n)d人", "去世未报，多发%(n)d人", len(people)) % facts,
        "description": _("与死亡登记比对，%(n)d人去世后仍领取%(program)s，%(when)s共%(count)d笔、%(yuan)s元。") % facts,
        "persons": len(people),
        # Who belongs to no household of the registry counts as one.
        "households": len({p.beneficiary.household_id or -p.beneficiary_id for p in payments}),
        "amount_fen": fen,
        "recovery_due_fen": fen,
        "due_on": due_on,
    }


def _common_area(areas: list[Area], county: Area) -> Area:
    """The township all ``areas`` lie in; ``county`` when there are several."""
    towns = {area.parent if area.level == Area.Level.VILLAGE else area for area in areas}
    return (towns.pop() if len(towns) == 1 else None) or county


@transaction.atomic
def verify_problem(problem: Problem, *, actor: User, note: str = "") -> None:
    """Somebody else than its author finds the problem true (R59: made by the department, verified below)."""
    require(actor, "problem.verify")
    require_other(actor, problem.made_by_id)
    lock_problem(problem, S.REGISTERED)
    move(problem, S.VERIFIED, actor=actor, note=note, verified_by=actor)


@transaction.atomic
def refute_problem(problem: Problem, *, note: str, actor: User) -> None:
    """Somebody else than its author finds the problem unfounded, with the reason; nothing is owed then."""
    require(actor, "problem.verify")
    require_other(actor, problem.made_by_id)
    note = require_text(note, _("不属实的理由"))
    lock_problem(problem, S.REGISTERED)
    move(problem, S.UNFOUNDED, actor=actor, note=note, verified_by=actor, review_note=note)

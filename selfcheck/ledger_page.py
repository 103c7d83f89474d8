"""The figures over the ledger: how many are under way, late and closed, and how much money is still out."""

from __future__ import annotations

from typing import Any

from django.db.models import BigIntegerField, Count, ExpressionWrapper, F, Q, QuerySet, Sum
from django.db.models.functions import Cast, Coalesce, ExtractDay, ExtractMonth, ExtractYear
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from selfcheck.models import Problem, ProblemQuerySet, Recovery
from subsidy_portal import clock
from subsidy_portal.wording import count, yuan

S = Problem.Status

TABS: dict[str, Any] = {
    "open": gettext_lazy("在办"),
    "overdue": gettext_lazy("逾期"),
    "rectifying": gettext_lazy("整改中"),
    "close_requested": gettext_lazy("申请销号"),
    "closed": gettext_lazy("已销号"),
    "all": gettext_lazy("全部"),
}


def of_tab(problems: ProblemQuerySet, tab: str) -> ProblemQuerySet:
    if tab == "open":
        return problems.unfinished()
    if tab == "overdue":
        return problems.overdue()
    return problems.filter(status=tab) if tab != "all" else problems


def by_deadline(problems: QuerySet[Problem]) -> QuerySet[Problem]:
    """Annotate ``due_key``, a whole number that orders by deadline, then by age; without a deadline comes last."""
    day = ExtractYear("due_on") * 10_000 + ExtractMonth("due_on") * 100 + ExtractDay("due_on")
    key = Cast(Coalesce(day, 99_991_231), BigIntegerField()) * 10**10 + F("pk")
    return problems.annotate(due_key=ExpressionWrapper(key, output_field=BigIntegerField()))


def figures(problems: ProblemQuerySet) -> dict[str, Any]:
    """Counts by tab and sums in fen over ``problems``, in two queries."""
    late = Q(status__in=Problem.IN_WORK, due_on__lt=clock.today())
    unfinished = Q(status__in=Problem.UNFINISHED)
    asked = {status: Count("pk", filter=Q(status=status)) for status in S.values}
    owed = F("recovery_due_fen") - F("write_off_fen")
    found: dict[str, Any] = problems.order_by().aggregate(
        **asked,
        all=Count("pk"),
        open=Count("pk", filter=unfinished),
        overdue=Count("pk", filter=late),
        due_fen=Coalesce(Sum("recovery_due_fen", filter=unfinished), 0, output_field=BigIntegerField()),
        owed_fen=Coalesce(Sum(owed, filter=unfinished), 0, output_field=BigIntegerField()),
        late_owed_fen=Coalesce(Sum(owed, filter=late), 0, output_field=BigIntegerField()),
    )
    of_unfinished = Q(problem__in=problems.unfinished().order_by().values("pk"))
    of_late = Q(problem__in=problems.overdue().order_by().values("pk"))
    back = Recovery.objects.valid().aggregate(
        back_fen=Coalesce(Sum("amount_fen", filter=of_unfinished), 0, output_field=BigIntegerField()),
        late_back_fen=Coalesce(Sum("amount_fen", filter=of_late), 0, output_field=BigIntegerField()),
    )
    missing = {
        "missing_fen": found["owed_fen"] - back["back_fen"],
        "late_missing_fen": found["late_owed_fen"] - back["late_back_fen"],
    }
    return found | back | missing


def sums(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The line of figures on top of the list."""
    names = {
        S.REGISTERED: _("待核实"),
        S.VERIFIED: _("待整改"),
        S.RECTIFYING: _("整改中"),
        S.CLOSE_REQUESTED: _("待复核"),
    }
    states = "，".join(f"{name} {count(found[state])}" for state, name in names.items() if found[state])
    late_fen = found["late_missing_fen"]
    late = _("%(yuan)s 元没追回") % {"yuan": yuan(late_fen)} if late_fen else _("没有逾期未追的钱")
    money = _("在办应追 %(due)s，已追 %(back)s") % {"due": yuan(found["due_fen"]), "back": yuan(found["back_fen"])}
    unfounded = _("不属实 %(n)s 件") % {"n": count(found["unfounded"])}
    pieces = _("件")
    return [
        {"label": _("在办"), "value": count(found["open"]), "unit": pieces, "note": states},
        {"label": _("逾期"), "value": count(found["overdue"]), "unit": pieces, "note": late, "risk": bool(late_fen)},
        {"label": _("待追缴"), "value": yuan(found["missing_fen"]), "unit": _("元"), "note": money},
        {"label": _("已销号"), "value": count(found["closed"]), "unit": pieces, "note": unfounded},
    ]

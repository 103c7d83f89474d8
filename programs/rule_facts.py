"""What finance reads about the rules: what each found and stopped, and whether its comparison data is there. Reads."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Max, Q, Sum

from programs.checks import kinds_read
from programs.comparison_data import KINDS
from programs.models import Dataset, DatasetPolicy, Rule, Suspicion
from subsidy_portal import clock
from subsidy_portal.models import User


@dataclass(frozen=True)
class RuleSums:
    """Hits that stand (superseded ones do not count) and the fen of rows that left because a hit was confirmed."""

    hits: int = 0
    open: int = 0
    confirmed: int = 0
    unfounded: int = 0
    stopped_fen: int = 0


@dataclass(frozen=True)
class ListState:
    """One kind of comparison data a rule reads: how fresh it is. ``as_of`` None: never imported."""

    kind: str
    as_of: dt.date | None
    is_stale: bool

    @property
    def label(self) -> str:
        return str(Dataset.Kind(self.kind).label)


@dataclass(frozen=True)
class RuleLine:
    rule: Rule
    sums: RuleSums
    lists: list[ListState]
    in_force: bool

    @property
    def missing(self) -> list[str]:
        """Kinds that were never imported: the rule finds nothing until they are."""
        return [state.label for state in self.lists if state.as_of is None]


def rule_sums(user: User, rules: Iterable[Rule] | None = None) -> dict[int, RuleSums]:
    """By the key of the rule, over what ``user`` may see. A row that two rules took off counts at both."""
    found = Suspicion.objects.visible_to(user).exclude(status=Suspicion.Status.SUPERSEDED)
    if rules is not None:
        found = found.filter(rule__in=list(rules))
    stopped = Q(status=Suspicion.Status.CONFIRMED, stage=Suspicion.Stage.BEFORE, row__status="left")
    totals = (
        found.order_by()
        .values_list("rule")
        .annotate(
            hits=Count("pk"),
            open=Count("pk", filter=Q(status=Suspicion.Status.OPEN)),
            confirmed=Count("pk", filter=Q(status=Suspicion.Status.CONFIRMED)),
            unfounded=Count("pk", filter=Q(status=Suspicion.Status.UNFOUNDED)),
            stopped_fen=Sum("amount_fen", filter=stopped, default=0),
        )
    )
    return {pk: RuleSums(*numbers) for pk, *numbers in totals}


def list_states() -> dict[str, ListState]:
    """Every kind of comparison data with the date of its newest list."""
    imported = Dataset.objects.filter(status=Dataset.Status.IMPORTED).order_by()
    newest = dict(imported.values_list("kind").annotate(newest=Max("as_of")))
    ages = dict(DatasetPolicy.objects.values_list("kind", "max_age_days"))
    today = clock.today()
    states = {}
    for kind, info in KINDS.items():
        as_of, old = newest.get(kind), dt.timedelta(days=ages.get(kind, info.max_age))
        states[kind] = ListState(kind, as_of, as_of is not None and as_of + old < today)
    return states


def rule_lines(user: User, rules: Iterable[Rule]) -> list[RuleLine]:
    sums, states, today = rule_sums(user), list_states(), clock.today()
    in_force = set(Rule.objects.in_force(today).values_list("pk", flat=True))
    return [
        RuleLine(rule, sums.get(rule.pk, RuleSums()), [states[kind] for kind in kinds_read(rule)], rule.pk in in_force)
        for rule in rules
    ]

"""What finance reads about the rules: what each found and stopped, and whether its comparison data is there. Reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Left

from programs.comparison_data import KINDS, kinds_of
from programs.models import Rule, Suspicion
from programs.staleness import Age, ages
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
class RuleLine:
    rule: Rule
    sums: RuleSums
    lists: list[Age]
    in_force: bool

    @property
    def missing(self) -> list[str]:
        """Kinds that were never imported: the rule finds nothing until they are."""
        return [age.label for age in self.lists if age.as_of is None]


def rule_sums(user: User, rules: Iterable[Rule] | None = None) -> dict[int, RuleSums]:
    """By the key of the rule, over what ``user`` may see. A row that two rules took off counts at both."""
    found = _standing(user)
    if rules is not None:
        found = found.filter(rule__in=list(rules))
    return {pk: RuleSums(*numbers) for pk, *numbers in _summed(found.values_list("rule"))}


@dataclass(frozen=True)
class RuleShare:
    """What one rule found in one program's rosters of one year (R35)."""

    code: str
    rule: str
    program: str
    year: str
    sums: RuleSums


def rule_shares(user: User, rule: Rule | None = None) -> list[RuleShare]:
    """By rule, program and year, the newest year first; of all rules, or of one."""
    found = _standing(user).filter(roster__isnull=False)
    if rule is not None:
        found = found.filter(rule=rule)
    year = Left("roster__period", 4)
    groups = _summed(found.values_list("rule__code", "rule__name", "roster__program__short_name", year))
    shares = [RuleShare(code, name, program, when, RuleSums(*sums)) for code, name, program, when, *sums in groups]
    return sorted(shares, key=lambda share: (share.code, -int(share.year), share.program))


def _standing(user: User) -> QuerySet[Suspicion]:
    return Suspicion.objects.visible_to(user).exclude(status=Suspicion.Status.SUPERSEDED).order_by()


def _summed(groups: QuerySet[Suspicion, Any]) -> QuerySet[Suspicion, Any]:
    """The five figures of RuleSums over each group."""
    stopped = Q(status=Suspicion.Status.CONFIRMED, stage=Suspicion.Stage.BEFORE, row__status="left")
    return groups.annotate(
        hits=Count("pk"),
        open=Count("pk", filter=Q(status=Suspicion.Status.OPEN)),
        confirmed=Count("pk", filter=Q(status=Suspicion.Status.CONFIRMED)),
        unfounded=Count("pk", filter=Q(status=Suspicion.Status.UNFOUNDED)),
        stopped_fen=Sum("amount_fen", filter=stopped, default=0),
    )


def rule_lines(user: User, rules: Iterable[Rule]) -> list[RuleLine]:
    sums, today = rule_sums(user), clock.today()
    known = {age.kind: age for age in ages(KINDS, today)}
    in_force = set(Rule.objects.in_force(today).values_list("pk", flat=True))
    return [
        RuleLine(
            rule, sums.get(rule.pk, RuleSums()), [known[kind] for kind in sorted(kinds_of(rule))], rule.pk in in_force
        )
        for rule in rules
    ]

"""Rows and fen of the rosters on one page, read at once and for no others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, F, Sum

from programs.models import Roster, RosterRow


@dataclass(frozen=True)
class Totals:
    """Over the rows that stay in the current revision, held ones included."""

    rows: int = 0
    amount_fen: int = 0


def roster_totals(rosters: Iterable[Roster]) -> dict[int, Totals]:
    """Totals by primary key; a roster without rows is not in it."""
    live = RosterRow.objects.filter(
        roster__in=list(rosters), revision=F("roster__revision"), status__in=("included", "held")
    )
    sums = live.order_by().values_list("roster").annotate(n=Count("pk"), fen=Sum("amount_fen"))
    return {pk: Totals(n, fen) for pk, n, fen in sums}

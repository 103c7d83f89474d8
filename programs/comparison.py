"""A roster beside the one of the period before: what was added, gone and changed. Reads only, set-based."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from programs.models import Roster, RosterRow, Rule, Suspicion
from subsidy_portal.bulk import fetch

CHANGES = ("added", "gone", "amount", "account")
TABS = ("all", "changed", *CHANGES, "doubtful", "held")
# Rows that are gone have no row in this sheet: they come after all that have one.
_GONE = 1_000_000_000

# Both sheets side by side, by person and item; rows struck out of the earlier sheet were not paid and do not count.
_SIDES = """
WITH cur AS (
    SELECT id, row_no, beneficiary_id, item, amount_fen, account_id, household_id, status
    FROM programs_rosterrow WHERE roster_id = %(roster)s AND revision = %(revision)s
), prev AS (
    SELECT id, row_no, beneficiary_id, item, amount_fen, account_id
    FROM programs_rosterrow
    WHERE roster_id = %(before)s AND revision = %(before_revision)s AND status <> 'left'
), sides AS (
    SELECT cur.id, prev.id AS before_id, cur.status, cur.household_id,
           COALESCE(cur.row_no, %(gone)s + prev.row_no) AS place,
           cur.amount_fen AS fen, prev.amount_fen AS before_fen,
           cur.id IS NOT NULL AND cur.status <> 'left' AS live,
           cur.account_id IS DISTINCT FROM prev.account_id AS other_account
    FROM cur FULL JOIN prev USING (beneficiary_id, item)
)"""
_CHANGED = """%(before)s <> 0 AND (
    before_id IS NULL OR NOT live OR fen <> before_fen OR other_account)"""
_WHERE = {
    "all": "id IS NOT NULL",
    "changed": _CHANGED,
    "added": "%(before)s <> 0 AND live AND before_id IS NULL",
    "gone": "NOT live AND before_id IS NOT NULL",
    "amount": "live AND fen <> before_fen",
    "account": "live AND before_id IS NOT NULL AND other_account",
    "doubtful": "EXISTS (SELECT FROM programs_suspicion s WHERE s.row_id = sides.id AND s.status <> 'superseded')",
    "held": "status IN ('held', 'left')",
}


@dataclass(frozen=True)
class Sums:
    """Counts of rows and sums in fen that tie: before + added − gone + changed = now.

    ``now`` counts the rows that wait for the answer to an objection too: ``waiting`` of them, ``waiting_fen``.
    """

    before: int
    before_fen: int
    added: int
    added_fen: int
    gone: int
    gone_fen: int
    changed: int
    changed_fen: int
    account: int
    now: int
    now_fen: int
    households: int
    all: int
    changes: int
    doubtful: int
    held: int
    waiting: int
    waiting_fen: int

    @property
    def difference_fen(self) -> int:
        return self.now_fen - self.before_fen

    @property
    def changed_size_fen(self) -> int:
        """How far the changed amounts moved the sum, without its sign."""
        return abs(self.changed_fen)

    @property
    def average_fen(self) -> int | None:
        """Fen a row, half up; None without rows."""
        return (2 * self.now_fen + self.now) // (2 * self.now) if self.now else None

    def tab_count(self, tab: str) -> int:
        return {
            "all": self.all,
            "changed": self.changes,
            "added": self.added,
            "gone": self.gone,
            "amount": self.changed,
            "account": self.account,
            "doubtful": self.doubtful,
            "held": self.held,
        }[tab]


@dataclass(frozen=True)
class Line:
    """One person in both sheets; ``row`` None: gone, ``before`` None: new."""

    place: int
    row: RosterRow | None
    before: RosterRow | None
    doubts: Sequence[Suspicion]
    has_before: bool

    @property
    def shown(self) -> RosterRow:
        shown = self.row or self.before
        assert shown is not None  # noqa: S101  # the full join gives at least one side
        return shown

    @property
    def before_fen(self) -> int | None:
        return self.before.amount_fen if self.before else None

    @property
    def now_fen(self) -> int | None:
        return self.row.amount_fen if self.row else None

    @property
    def is_new(self) -> bool:
        return self.has_before and self.before is None

    @property
    def is_gone(self) -> bool:
        return self.row is None or self.row.status == RosterRow.Status.LEFT

    @property
    def amount_changed(self) -> bool:
        return bool(self.row and self.before and self.row.amount_fen != self.before.amount_fen)

    @property
    def account_changed(self) -> bool:
        return bool(self.row and self.before and self.row.account_id != self.before.account_id)

    @property
    def difference_fen(self) -> int:
        now = self.row.amount_fen if self.row and not self.is_gone else 0
        return now - (self.before.amount_fen if self.before else 0)

    @property
    def doubt_look(self) -> str:
        """``risk`` while something that would pay wrongly is undecided, ``warn`` for a mere hint, else empty."""
        levels = {doubt.rule.level for doubt in self.doubts if doubt.status == Suspicion.Status.OPEN}
        return "risk" if Rule.Level.BLOCK in levels else "warn" if levels else ""

    @property
    def words(self) -> str:
        """What is different, in words: colour alone says nothing."""
        if self.row is None:
            return _("退出")
        if self.is_gone:
            return _("已剔除")
        said = [
            word
            for is_so, word in (
                (self.is_new, _("新增")),
                (self.amount_changed, _("金额变动")),
                (self.account_changed, _("账户变动")),
            )
            if is_so
        ]
        return "、".join(said)


def roster_before(roster: Roster) -> Roster | None:
    """The roster of the same program and township in the nearest earlier period."""
    return (
        Roster.objects.filter(
            program=roster.program_id,
            area=roster.area_id,
            period__lt=roster.period,
            sequence=roster.sequence,
            revision__gt=0,
        )
        .exclude(status=Roster.Status.CANCELLED)
        .order_by("-period")
        .first()
    )


def _params(roster: Roster, before: Roster | None) -> dict[str, Any]:
    return {
        "roster": roster.pk,
        "revision": roster.revision,
        "before": before.pk if before else 0,
        "before_revision": before.revision if before else 0,
        "gone": _GONE,
    }


def compare(roster: Roster, before: Roster | None) -> Sums:
    """The sums of ``roster`` against ``before``, in one query."""
    sql = f"""{_SIDES}
    SELECT count(before_id), COALESCE(sum(before_fen), 0)::bigint,
           count(*) FILTER (WHERE live AND before_id IS NULL),
           COALESCE(sum(fen) FILTER (WHERE live AND before_id IS NULL), 0)::bigint,
           count(*) FILTER (WHERE NOT live AND before_id IS NOT NULL),
           COALESCE(sum(before_fen) FILTER (WHERE NOT live), 0)::bigint,
           count(*) FILTER (WHERE live AND fen <> before_fen),
           COALESCE(sum(fen - before_fen) FILTER (WHERE live), 0)::bigint,
           count(*) FILTER (WHERE {_WHERE["account"]}),
           count(*) FILTER (WHERE live), COALESCE(sum(fen) FILTER (WHERE live), 0)::bigint,
           count(DISTINCT household_id) FILTER (WHERE live),
           count(id),
           count(*) FILTER (WHERE {_CHANGED}),
           count(*) FILTER (WHERE {_WHERE["doubtful"]}),
           count(*) FILTER (WHERE {_WHERE["held"]}),
           count(*) FILTER (WHERE status = 'held'), COALESCE(sum(fen) FILTER (WHERE status = 'held'), 0)::bigint
    FROM sides"""  # noqa: S608  # only the constants above are put in
    return Sums(*fetch(sql, _params(roster, before))[0])


def lines(roster: Roster, before: Roster | None, *, tab: str = "all", after: int = 0, size: int = 50) -> list[Line]:
    """``size`` + 1 lines of ``tab`` after the place ``after``: rows of the sheet first, gone ones behind them."""
    sql = f"""{_SIDES}
    SELECT place, id, before_id FROM sides WHERE place > %(after)s AND {_WHERE[tab]} ORDER BY place LIMIT %(size)s"""  # noqa: S608
    found = fetch(sql, {**_params(roster, before), "after": after, "size": size + 1})
    ids = {pk for _place, *pair in found for pk in pair if pk}
    rows = RosterRow.objects.select_related("beneficiary", "payee", "area", "account__bank").in_bulk(ids)
    doubts: dict[int, list[Suspicion]] = {}
    for doubt in Suspicion.objects.filter(row__in=ids).exclude(status="superseded").select_related("rule"):
        doubts.setdefault(doubt.row_id or 0, []).append(doubt)
    return [
        Line(place, rows.get(now), rows.get(then), doubts.get(now, ()), before is not None)
        for place, now, then in found
    ]

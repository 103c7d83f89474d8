"""发放总览: how many programs, batches and payments, how much, and what share arrived, as of any date (A1–A8).

A program counts once it has a payment (项), a payment is one person-time (人次), success is what had arrived by
that day and not come back. As-of figures come from the attempts, so a later return or reissue does not change them.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from disbursement.models import Payment
from programs.models import Program
from subsidy_portal import clock
from subsidy_portal.bulk import fetch
from subsidy_portal.models import Area, Organisation, User
from subsidy_portal.money import percent


@dataclass
class Share:
    """Counts and fen of one slice; ``open`` had no answer yet on the day."""

    key: Any = ""
    name: str = ""
    payments: int = 0
    amount_fen: int = 0
    paid: int = 0
    paid_fen: int = 0
    failed: int = 0
    failed_fen: int = 0
    open: int = 0
    open_fen: int = 0
    first_paid: int = 0
    ssc: int = 0

    def add(self, other: Share) -> None:
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def success_rate(self) -> str:
        """Arrived by the day, of all payments, as ``99.62%``."""
        return percent(self.paid, self.payments)

    @property
    def first_pass_rate(self) -> str:
        """Arrived at the first try and stayed."""
        return percent(self.first_paid, self.payments)

    @property
    def ssc_share(self) -> str:
        """Payments to a social-security card, of all."""
        return percent(self.ssc, self.payments)


_COUNTS = (
    "payments", "amount_fen", "paid", "paid_fen", "failed", "failed_fen", "open", "open_fen", "first_paid", "ssc",
)  # fmt: skip


@dataclass
class Summary(Share):
    """The whole, and its parts by program, paying bank, township and month of release."""

    as_of: dt.date = dt.date.min
    year: int = 0
    programs: int = 0
    batches: int = 0
    persons: int = 0
    by_program: list[Share] = field(default_factory=list)
    by_bank: list[Share] = field(default_factory=list)
    by_township: list[Share] = field(default_factory=list)
    by_month: list[Share] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Plain values for the cache; ``from_json`` is the way back."""
        return {**asdict(self), "as_of": self.as_of.isoformat()}

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Summary:
        parts = {name: [Share(**share) for share in kept[name]] for name in kept if name.startswith("by_")}
        return cls(**{**kept, **parts, "as_of": dt.date.fromisoformat(kept["as_of"])})


# Each released payment with its last attempt as it stood on the day; grouped once for every breakdown.
_CUBE = """
    WITH released AS MATERIALIZED (
        SELECT p.id, p.batch_id, p.program_id, p.beneficiary_id, left(p.area_id, 9) || '000' AS township,
               to_char(p.released_on, 'YYYY-MM') AS month, p.amount_fen
          FROM disbursement_payment p
          JOIN disbursement_batch b ON b.id = p.batch_id
          JOIN programs_fundplan plan ON plan.id = b.plan_id
         WHERE plan.year = %(year)s AND p.status <> 'cancelled' AND p.released_on <= %(as_of)s {scope}),
    last_try AS (
        SELECT DISTINCT ON (a.payment_id) a.payment_id, a.account_id, a.seq,
               CASE WHEN a.returned_on <= %(as_of)s THEN 'failed'
                    WHEN a.status IN ('succeeded', 'returned') AND a.result_on <= %(as_of)s THEN 'paid'
                    WHEN a.status = 'failed' AND a.result_on <= %(as_of)s THEN 'failed'
                    ELSE 'open' END AS outcome
          FROM released JOIN disbursement_attempt a ON a.payment_id = released.id
          JOIN disbursement_order o ON o.id = a.order_id
         WHERE o.made_at < %(end)s
         ORDER BY a.payment_id, a.seq DESC)
"""
_SLICES = """
    SELECT released.program_id, account.bank_id, township, month, count(*), sum(amount_fen)::bigint,
           count(*) FILTER (WHERE outcome = 'paid'),
           COALESCE(sum(amount_fen) FILTER (WHERE outcome = 'paid'), 0)::bigint,
           count(*) FILTER (WHERE outcome = 'failed'),
           COALESCE(sum(amount_fen) FILTER (WHERE outcome = 'failed'), 0)::bigint,
           count(*) FILTER (WHERE outcome = 'open'),
           COALESCE(sum(amount_fen) FILTER (WHERE outcome = 'open'), 0)::bigint,
           count(*) FILTER (WHERE outcome = 'paid' AND seq = 1),
           count(*) FILTER (WHERE account.kind = 'ssc')
      FROM released JOIN last_try ON last_try.payment_id = released.id
      JOIN programs_account account ON account.id = last_try.account_id
     GROUP BY 1, 2, 3, 4
"""
_DISTINCT = "SELECT count(DISTINCT batch_id), count(DISTINCT beneficiary_id) FROM released"


def _params(as_of: dt.date, year: int) -> dict[str, Any]:
    end = dt.datetime.combine(as_of + dt.timedelta(days=1), dt.time(), clock.CHINA)
    return {"year": year, "as_of": as_of, "end": end}


def program_shares(as_of: dt.date, *, year: int) -> dict[int, Share]:
    """Program's key → its share of fund year ``year`` as of the end of ``as_of``; one look at the payments."""
    shares: dict[int, Share] = defaultdict(Share)
    for row in fetch(_CUBE.format(scope="") + _SLICES, _params(as_of, year)):
        shares[row[0]].add(Share("", "", *row[4:]))
    return dict(shares)


def summary(as_of: dt.date, *, year: int, user: User | None = None) -> Summary:
    """The figures of fund year ``year`` as of the end of ``as_of``; of what ``user`` may see, or of everything."""
    params = _params(as_of, year)
    scope = ""
    if user is not None:
        visible, values = Payment.objects.visible_to(user).order_by().values("pk").query.sql_with_params()
        scope = "AND p.id IN (" + _named(visible, values, params) + ")"
    cube = _CUBE.format(scope=scope)
    rows = fetch(cube + _SLICES, params)
    found = Summary(as_of=as_of, year=year)
    slices = [(row[:4], Share("", "", *row[4:])) for row in rows]
    for _keys, share in slices:
        found.add(share)
    found.programs = len({keys[0] for keys, _share in slices})
    ((found.batches, found.persons),) = fetch(cube + _DISTINCT, params)
    _break_down(found, slices)
    return found


def _named(sql: str, values: Iterable[Any], params: dict[str, Any]) -> str:
    """``sql`` with its positional parameters under names of their own in ``params``."""
    for n, value in enumerate(values):
        params[f"scope{n}"] = value
        sql = sql.replace("%s", f"%(scope{n})s", 1)
    return sql


def _break_down(found: Summary, slices: list[tuple[tuple[Any, ...], Share]]) -> None:
    programs = dict(Program.objects.values_list("pk", "short_name"))
    banks = dict(Organisation.objects.filter(kind=Organisation.Kind.BANK).values_list("pk", "short_name"))
    towns = dict(Area.objects.filter(level=Area.Level.TOWNSHIP).values_list("code", "name"))

    def parts(place: int, name: Callable[[Any], str]) -> list[Share]:
        sums: dict[Any, Share] = defaultdict(Share)
        for keys, share in slices:
            sums[keys[place]].add(share)
        for key, share in sums.items():
            share.key, share.name = key, name(key)
        return list(sums.values())

    found.by_program = sorted(parts(0, lambda key: programs[key]), key=lambda share: -share.amount_fen)
    found.by_bank = sorted(parts(1, lambda key: banks.get(key, "")), key=lambda share: -share.amount_fen)
    found.by_township = sorted(parts(2, lambda key: towns.get(key, key)), key=lambda share: str(share.key))
    found.by_month = sorted(parts(3, str), key=lambda share: str(share.key))

"""The 补贴底册 of a township or village (R28): households with their people, accounts and what they draw."""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from django.db.models import Count, QuerySet
from rustpy_xlsxwriter import write_worksheet

from programs.models import Person
from subsidy_portal import bulk
from subsidy_portal.identifiers import mask_id
from subsidy_portal.models import Area, User

# More than the largest township has, less than a workbook takes.
MAX_ROWS = 200_000
_PLACE = re.compile(r"([0-9]{12})\.([0-9]{1,18})\.([01])\.([0-9]{1,18})", re.ASCII)

# One line a person, the head before the others; ``mine`` are the persons that may be seen.
_LINES = """
WITH mine (id) AS MATERIALIZED ({mine}),
lines AS (
    SELECT p.*, COALESCE(p.household_id, 0) AS home, h.head_id IS DISTINCT FROM p.id AS behind
    FROM mine JOIN programs_person p ON p.id = mine.id LEFT JOIN programs_household h ON h.id = p.household_id
    WHERE (p.area_id, COALESCE(p.household_id, 0), h.head_id IS DISTINCT FROM p.id, p.id)
        > (%(area)s, %(home)s, %(behind)s, %(id)s)
    ORDER BY p.area_id, home, behind, p.id LIMIT %(size)s
)
SELECT l.id, l.area_id, l.home, l.behind, village.name, l.group_no, head.name, l.name, l.relation, l.id_prefix,
    l.id_last4,
    (SELECT string_agg(DISTINCT concat(COALESCE(NULLIF(bank.short_name, ''), bank.name), ' ', a.number_last4), '、')
     FROM programs_account a JOIN subsidy_portal_organisation bank ON bank.id = a.bank_id
     WHERE a.holder_id = l.id AND a.is_active),
    (SELECT string_agg(DISTINCT g.short_name, '、')
     FROM programs_rosterrow r
     JOIN programs_roster b ON b.id = r.roster_id AND b.revision = r.revision AND b.status <> 'cancelled'
     JOIN programs_program g ON g.id = b.program_id
     WHERE r.beneficiary_id = l.id AND r.status <> 'left')
FROM lines l JOIN subsidy_portal_area village ON village.code = l.area_id
LEFT JOIN programs_household h ON h.id = l.household_id LEFT JOIN programs_person head ON head.id = h.head_id
ORDER BY l.area_id, l.home, l.behind, l.id
"""


@dataclass(frozen=True)
class Line:
    pk: int
    area: str
    home: int
    behind: bool
    village: str
    group_no: str
    head: str | None
    name: str
    relation: str
    id_prefix: str
    id_last4: str
    accounts: str | None
    programs: str | None

    @property
    def masked_id(self) -> str:
        return mask_id(self.id_prefix, self.id_last4)

    @property
    def place(self) -> str:
        """Where the next page goes on, for an address: keys only."""
        return f"{self.area}.{self.home}.{int(self.behind)}.{self.pk}"


@dataclass(frozen=True)
class Sums:
    persons: int
    households: int
    accounts: int


def _mine(area: Area, user: User) -> QuerySet[Person]:
    prefix = area.code[: {Area.Level.COUNTY: 6, Area.Level.TOWNSHIP: 9}.get(Area.Level(area.level), 12)]
    return Person.objects.visible_to(user).filter(area__code__startswith=prefix, merged_into=None)


def book_sums(area: Area, user: User) -> Sums:
    found = _mine(area, user).order_by().aggregate(
        persons=Count("pk", distinct=True), households=Count("household", distinct=True),
        accounts=Count("accounts", distinct=True),
    )  # fmt: skip
    return Sums(**found)


def book_lines(area: Area, user: User, *, after: str = "", size: int = 50) -> list[Line]:
    """``size`` lines behind the place ``after`` (see ``Line.place``)."""
    sql, params = _mine(area, user).order_by().values("pk").query.sql_with_params()
    named = {f"p{n}": value for n, value in enumerate(params)}
    for name in named:
        sql = sql.replace("%s", f"%({name})s", 1)
    place = _place(after)
    found = bulk.fetch(_LINES.format(mine=sql), {**named, **place, "size": size})
    return [Line(*row) for row in found]


def _place(after: str) -> dict[str, Any]:
    found = _PLACE.fullmatch(after)
    if found is None:
        return {"area": "", "home": 0, "behind": False, "id": 0}
    return {"area": found[1], "home": int(found[2]), "behind": found[3] == "1", "id": int(found[4])}


def build_book(lines: list[Line]) -> bytes:
    """As a workbook: masked, every cell a text."""
    rows = [
        {
            "村（居）": line.village,
            "村民小组": line.group_no,
            "户主": line.head or "",
            "姓名": line.name,
            "与户主关系": line.relation,
            "身份证号": line.masked_id,
            "在用账户": line.accounts or "",
            "领过的补贴": line.programs or "",
        }
        for line in lines
    ]
    out = BytesIO()
    write_worksheet(rows or [{"村（居）": "没有登记的人"}], out, sheet_name="补贴底册")
    return out.getvalue()

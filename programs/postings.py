"""Which villages of a notice have proof that it hung there, and which are missing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Count
from django.db.models.expressions import RawSQL

from programs.models import Notice, Posting
from subsidy_portal import clock
from subsidy_portal.bulk import fetch
from subsidy_portal.models import Area

# Days after its end for which a missing proof is still asked for
LOOKED_BACK = 30


@dataclass(frozen=True)
class VillageProof:
    """One village of a notice: how many rows, and its postings, the last first."""

    area: Area
    rows: int
    postings: list[Posting] = field(default_factory=list)


def proofs_of(notice: Notice) -> list[VillageProof]:
    """Every village of ``notice`` in the order of the sheet."""
    rows = dict(notice.rows.order_by().values_list("area").annotate(n=Count("pk")))
    areas = Area.objects.in_bulk(rows)
    proofs = {code: VillageProof(areas[code], rows[code]) for code in sorted(rows)}
    for posting in notice.postings.select_related("made_by"):
        if posting.area_id in proofs:
            proofs[posting.area_id].postings.append(posting)
    return list(proofs.values())


# Per notice: its villages, and how many of them have a proof
_COUNTS = """
    SELECT row.notice_id, count(DISTINCT row.area_id), count(DISTINCT posting.area_id)
      FROM programs_noticerow row
      LEFT JOIN programs_posting posting ON posting.notice_id = row.notice_id AND posting.area_id = row.area_id
     WHERE row.notice_id = ANY(%s) GROUP BY 1
"""


def proof_counts(notices: Iterable[int]) -> dict[int, tuple[int, int]]:
    """(villages, villages with proof) of each notice, by primary key."""
    return {pk: (villages, proven) for pk, villages, proven in fetch(_COUNTS, (list(notices),))}


def unposted() -> RawSQL:
    """Primary keys of notices with a village that has no proof, for ``pk__in``."""
    return RawSQL(
        """
        SELECT DISTINCT row.notice_id FROM programs_noticerow row JOIN programs_notice n ON n.id = row.notice_id
         WHERE n.status IN ('open', 'ended') AND n.ends_on >= %s AND NOT EXISTS (
             SELECT 1 FROM programs_posting posting
              WHERE posting.notice_id = row.notice_id AND posting.area_id = row.area_id)
        """,
        (clock.today() - dt.timedelta(days=LOOKED_BACK),),
    )

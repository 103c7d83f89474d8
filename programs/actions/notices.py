"""The public notice: rows frozen and hashed, published for the program's days, and ended by a timer."""

from __future__ import annotations

import datetime as dt
import secrets

from django.db import transaction
from django.utils.translation import gettext as _

from programs.actions.gates import lock_roster, require_decided
from programs.models import Notice, Program, Roster
from subsidy_portal import bulk, clock
from subsidy_portal.models import Event, User
from subsidy_portal.permissions import require
from subsidy_portal.workflow import label_of, move, move_many, record

# The order of the sheet: by village, group (2组 before 10组) and name. Held rows are shown too.
_SHEET = """
    SELECT r.*, row_number() OVER (ORDER BY r.area_id, length(r.group_no), r.group_no, p.name, r.id) AS position,
        CASE WHEN p.born_on > %(adult_since)s THEN left(p.name, 1) || '**'
             WHEN %(surname_only)s THEN left(p.name, 1) || repeat('*', greatest(length(p.name) - 1, 1))
             ELSE p.name END AS public_name
    FROM programs_rosterrow r JOIN programs_person p ON p.id = r.beneficiary_id
    WHERE r.roster_id = %(roster)s AND r.revision = %(revision)s AND r.status <> 'left'
"""


def last_notice_day(starts_on: dt.date, days: int, *, working_days: bool) -> dt.date:
    """The last of ``days`` notice days, the first being ``starts_on``."""
    if not working_days:
        return starts_on + dt.timedelta(days=days - 1)
    day = starts_on
    while True:
        days -= clock.is_working_day(day)
        if days == 0:
            return day
        day += dt.timedelta(days=1)


def _eighteen_years_before(day: dt.date) -> dt.date:
    try:
        return day.replace(year=day.year - 18)
    except ValueError:  # 29 February: who was born the day before came of age
        return day.replace(year=day.year - 18, day=28)


@transaction.atomic
def open_notice(roster: Roster, *, actor: User) -> Notice:
    """Freeze the rows of an approved roster and publish them for the program's notice days, from today on.

    Names are masked as the program asks; minors always. Raises Refused while a blocking suspicion is open.
    """
    require(actor, "notice.open")
    lock_roster(roster, Roster.Status.TOWN_APPROVED)
    require_decided(roster)
    program, today = roster.program, clock.today()
    sheet = {
        "roster": roster.pk,
        "revision": roster.revision,
        "adult_since": _eighteen_years_before(today),
        "surname_only": program.name_mask == Program.NameMask.SURNAME,
    }
    ((count, fen, content_hash),) = bulk.fetch(
        f"""
        SELECT count(*), COALESCE(sum(amount_fen), 0)::bigint,
            encode(sha256(COALESCE(string_agg(row_hash, ''::bytea ORDER BY position), ''::bytea)), 'hex')
        FROM ({_SHEET}) sheet
        """,  # noqa: S608  # only the constant above is put in
        sheet,
    )
    notice = Notice.objects.create(
        slug=secrets.token_urlsafe(12),
        roster=roster,
        revision=roster.revision,
        starts_on=today,
        ends_on=last_notice_day(today, program.notice_days, working_days=program.notice_working_days),
        row_count=count,
        amount_fen=fen,
        content_hash=content_hash,
        opened_by=actor,
        opened_at=clock.now(),
    )
    bulk.execute(
        f"""
        INSERT INTO programs_noticerow
            (notice_id, row_id, row_hash, position, area_id, group_no, public_name, quantity, amount_fen)
        SELECT %(notice)s, id, row_hash, position, area_id, group_no, public_name, quantity, amount_fen
        FROM ({_SHEET}) sheet
        """,  # noqa: S608
        {**sheet, "notice": notice.pk},
    )
    record(notice, Notice.Status.OPEN, actor=actor, new=Notice.Status.OPEN)
    move(roster, Roster.Status.ON_NOTICE, actor=actor, data={"notice": notice.pk})
    return notice


@transaction.atomic
def end_due_notices() -> int:
    """End every notice whose last day is over, its roster goes to the department; returns how many.

    Run by a timer, safe to repeat.
    """
    due = list(
        Notice.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(status=Notice.Status.OPEN, ends_on__lt=clock.today())
        .select_related("roster")
        .order_by("pk")
    )
    if not due:
        return 0
    S, actor = Roster.Status, User.objects.system()
    rosters = Roster.objects.filter(pk__in=[notice.roster_id for notice in due])
    move_many(Notice.objects.filter(pk__in=[notice.pk for notice in due]), Notice.Status.OPEN, Notice.Status.ENDED)
    move_many(rosters, S.ON_NOTICE, S.NOTICED)
    Event.objects.bulk_create(event for notice in due for event in _end_events(notice, actor))
    return len(due)


def _end_events(notice: Notice, actor: User) -> list[Event]:
    """One event on the notice and one on its roster, as ``move`` would write them."""
    S, roster = Roster.Status, notice.roster
    shared = {"actor": actor, "at": clock.now(), "area_id": roster.area_id}
    return [
        Event(
            kind=new,
            subject_type=label_of(thing),
            subject_id=thing.pk,
            old_status=old,
            new_status=new,
            note=note,
            **shared,
        )
        for thing, old, new, note in (
            (notice, Notice.Status.OPEN, Notice.Status.ENDED, ""),
            (roster, S.ON_NOTICE, S.NOTICED, _("公示期满")),
        )
    ]

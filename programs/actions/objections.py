"""Objections to single publicised rows: each holds its row until somebody has decided it."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from programs.actions.gates import lock_roster, require_note
from programs.models import Notice, NoticeRow, Objection, RosterRow
from subsidy_portal import bulk, clock, crypto
from subsidy_portal.models import StoredFile, User
from subsidy_portal.permissions import require
from subsidy_portal.workflow import Refused, move, move_many, record


@transaction.atomic
def file_objection(
    notice: Notice,
    row: RosterRow,
    *,
    text: str,
    contact: str = "",
    attachment: StoredFile | None = None,
    actor: User,
) -> Objection:
    """Record an objection to one publicised row and hold the row until it is decided.

    ``actor`` is the clerk who wrote it down, or the system account for a citizen on the public site. ``contact``
    is sealed. Raises Refused when the notice is over or the row has already left or been objected to.
    """
    if actor != User.objects.system():
        require(actor, "objection.record")
    text = require_note(text, _("异议的内容"))
    # Against end_due_notices: whoever comes first decides whether the notice is still open.
    now = Notice.objects.select_for_update().get(pk=notice.pk)
    if now.status != Notice.Status.OPEN or not now.starts_on <= clock.today() <= now.ends_on:
        raise Refused(_("公示已经结束，不能再提异议。请向主管部门咨询或投诉。"))
    if not NoticeRow.objects.filter(notice=notice, row=row).exists():
        raise Refused(_("公示里没有这一行。请刷新公示页面后再选。"))
    if not move_many(RosterRow.objects.filter(pk=row.pk), RosterRow.Status.INCLUDED, RosterRow.Status.HELD):
        raise Refused(_("这一行已经剔除，或已有异议正在核实。"))
    (pk,) = bulk.take_ids("programs_objection", 1)
    objection = Objection.objects.create(
        pk=pk,
        number=f"Y-{clock.today().year}-{bulk.next_number('objection_number_seq'):06d}",
        notice=notice,
        row=row,
        text=text,
        contact_sealed=crypto.encrypt(contact, contact_place(pk)) if contact else None,
        attachment=attachment,
        received_at=clock.now(),
        recorded_by=actor,
    )
    record(objection, Objection.Status.OPEN, actor=actor, new=Objection.Status.OPEN)
    _tell_roster(objection, "objected", actor)
    row.refresh_from_db()
    return objection


@transaction.atomic
def decide_objection(objection: Objection, *, upheld: bool, answer: str, actor: User) -> None:
    """Answer an objection: upheld, its row leaves; rejected, the row is included again.

    The same claim in a newer revision is treated alike. Raises Refused without an answer.
    """
    require(actor, "objection.decide")
    answer = require_note(answer, _("核实情况和答复"))
    row, roster = objection.row, objection.row.roster
    lock_roster(roster)
    to = Objection.Status.UPHELD if upheld else Objection.Status.REJECTED
    move(objection, to, actor=actor, note=answer, answer=answer, decided_by=actor, decided_at=clock.now())
    same_claim = RosterRow.objects.filter(
        roster=roster,
        revision__in={row.revision, roster.revision},
        beneficiary=row.beneficiary_id,
        item=row.item,
    )
    move_many(same_claim, RosterRow.Status.HELD, RosterRow.Status.LEFT if upheld else RosterRow.Status.INCLUDED)
    _tell_roster(objection, "objection_decided", actor)
    row.refresh_from_db()


@transaction.atomic
def reveal_contact(objection: Objection, *, reason: str, actor: User) -> str:
    """Name and phone of who objected, recorded with the reason; empty when none was given."""
    require(actor, "person.reveal")
    record(objection, "revealed", actor=actor, note=require_note(reason, _("查看的原因")))
    if objection.contact_sealed is None:
        return ""
    return crypto.decrypt(objection.contact_sealed, contact_place(objection.pk))


def contact_place(pk: int) -> str:
    """Where the ciphertext of an objection's contact belongs."""
    return f"programs_objection.contact:{pk}"


def _tell_roster(objection: Objection, kind: str, actor: User) -> None:
    note = f"{objection.number}，{objection.get_status_display()}"
    record(objection.row.roster, kind, actor=actor, note=note, data={"objection": objection.pk})

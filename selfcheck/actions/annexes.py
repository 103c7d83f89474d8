"""Which row of 附件2 a program belongs to, and the filled-in forms that units hand in."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from programs.models import Program
from selfcheck.annex_reading import read_annex
from selfcheck.models import Annex2Program, AnnexFile
from selfcheck.taxonomy import ANNEX2_ROWS, usual_row
from selfcheck.yearly import facts
from subsidy_portal import clock, crypto
from subsidy_portal.models import StoredFile, User
from subsidy_portal.permissions import require
from subsidy_portal.tables import XLSX
from subsidy_portal.workflow import Refused, record


@transaction.atomic
def place_program(program: Program, *, row: int | None, actor: User) -> None:
    """Put ``program`` into ``row`` of 附件2; None: the block of its tier. Its usual place needs no entry."""
    require(actor, "annex.edit")
    if row is not None and row not in ANNEX2_ROWS:
        raise Refused(_("附件2没有第%(row)s行。请选1到20。") % {"row": row})
    before = Annex2Program.objects.filter(program=program).first()
    usual = usual_row(program.code)
    if (before.row if before else usual) == row:
        return
    if row == usual:
        Annex2Program.objects.filter(program=program).delete()
    else:
        Annex2Program.objects.update_or_create(program=program, defaults={"row": row})
    name = ANNEX2_ROWS[row][0] if row else _("按层级另列")
    record(program, "annex2_placed", actor=actor, note=name)


@transaction.atomic
def file_annex(kind: str, *, content: bytes, file_name: str, from_year: int, to_year: int, actor: User) -> AnnexFile:
    """Read and keep a filled-in form of the actor's unit. Raises FileRefused; then nothing is kept.

    The same file twice is kept once.
    """
    require(actor, "annex.file")
    if actor.organisation is None or from_year > to_year:
        raise Refused(_("起始年度晚于截止年度。请改正。"))
    paid = sum(fact.fen for fact in facts(actor))
    filled = read_annex(kind, content, most_fen=paid)
    given = {"kind": kind, "unit": actor.organisation, "from_year": from_year, "to_year": to_year}
    same = AnnexFile.objects.filter(**given, file__sm3=crypto.sm3(content)).first()
    if same is not None:
        return same
    kept = AnnexFile.objects.create(
        **given,
        rows=[[number, name, cells] for number, name, cells in filled.rows],
        file=StoredFile.keep(content, name=file_name, content_type=XLSX, actor=actor),
        made_by=actor,
        made_at=clock.now(),
    )
    record(kept, "annex_filed", actor=actor, note=str(kept))
    return kept

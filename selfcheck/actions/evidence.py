"""Files that prove something about a problem."""

from __future__ import annotations

from pathlib import PurePath

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from selfcheck.actions.gates import lock_problem, require_text
from selfcheck.models import Evidence, Problem
from subsidy_portal import clock, crypto
from subsidy_portal.models import StoredFile, User
from subsidy_portal.permissions import allowed, require
from subsidy_portal.workflow import Refused, record

_OFFICE = "application/vnd.openxmlformats-officedocument."
# ending → first bytes, content type. What a file is called by its sender's browser is not believed.
EVIDENCE_TYPES: dict[str, tuple[bytes, str]] = {
    ".pdf": (b"%PDF-", "application/pdf"),
    ".jpg": (b"\xff\xd8\xff", "image/jpeg"),
    ".jpeg": (b"\xff\xd8\xff", "image/jpeg"),
    ".png": (b"\x89PNG\r\n\x1a\n", "image/png"),
    ".ofd": (b"PK\x03\x04", "application/ofd"),
    ".docx": (b"PK\x03\x04", f"{_OFFICE}wordprocessingml.document"),
    ".xlsx": (b"PK\x03\x04", f"{_OFFICE}spreadsheetml.sheet"),
}


def require_evidence(file_name: str, content: bytes) -> str:
    """The content type of an acceptable file; raises Refused for anything else."""
    magic, content_type = EVIDENCE_TYPES.get(PurePath(file_name).suffix.lower(), (b"", ""))
    if not magic or not content.startswith(magic):
        raise Refused(_("佐证只收 PDF、JPG、PNG、OFD、DOCX、XLSX 文件，这个不是。请转换后再传。"))
    if len(content) > settings.UPLOAD_MAX_BYTES:
        raise Refused(_("文件超过 %(mb)d MB。请压缩或分开后再传。") % {"mb": settings.UPLOAD_MAX_BYTES // 2**20})
    return content_type


@transaction.atomic
def add_evidence(problem: Problem, *, title: str, file_name: str, content: bytes, actor: User) -> Evidence:
    """Keep a file, encrypted, as evidence of an unfinished problem. Raises Refused for a second copy of it."""
    if not allowed(actor, "problem.register"):
        require(actor, "problem.work")
    title = require_text(title, _("佐证名称"), 80)
    content_type = require_evidence(file_name, content)
    lock_problem(problem, *Problem.UNFINISHED)
    if problem.evidence.filter(file__sm3=crypto.sm3(content)).exists():
        raise Refused(_("这个文件已经传过，没有重复保存。"))
    stored = StoredFile.keep(content, name=file_name, content_type=content_type, actor=actor)
    evidence = Evidence.objects.create(problem=problem, title=title, file=stored, added_by=actor, added_at=clock.now())
    record(problem, "evidence_added", actor=actor, note=title, data={"evidence": evidence.pk, "sm3": stored.sm3})
    return evidence

"""Scanned proofs: what is taken, whoever sends it and however. The name and type a sender states are not believed."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.files.base import File
from django.utils.translation import gettext as _

PROOF_MAX_BYTES = 5 * 2**20
PROOF_ENDINGS = (".pdf", ".png", ".jpg", ".jpeg")
# first bytes → content type
_TYPES = {
    b"%PDF-": "application/pdf",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
}


def proof_type(upload: File[Any]) -> str:
    """The content type of a PDF, PNG or JPEG of at most 5 MB, by its first bytes; raises ValidationError."""
    if (upload.size or 0) > PROOF_MAX_BYTES:
        raise ValidationError(_("文件超过 5 MB。请压缩或分开后再传。"))
    upload.seek(0)
    head = upload.read(16)
    upload.seek(0)
    kind = next((kind for magic, kind in _TYPES.items() if head.startswith(magic)), "")
    if not kind or not (upload.name or "").lower().endswith(PROOF_ENDINGS):
        raise ValidationError(_("只收 PDF、PNG、JPG 文件，这个不是。请转换后再传。"))
    return kind


def check_proof(upload: File[Any]) -> None:
    """Raises ValidationError for what is no proof: the validator of forms and serializers."""
    proof_type(upload)

"""Files from strangers: photographs are drawn anew, PDFs only taken when they begin as one.

What is kept of a photograph is its picture and nothing else: no place, camera, owner or hidden bytes. A PDF is kept
as it came and never shown inside a page, only handed out as a download.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from PIL import Image, ImageOps

from subsidy_portal.workflow import Refused

AT_MOST, MAX_BYTES = 10, 5 * 2**20
# Larger pictures than any telephone's are refused before they are unpacked; kept ones fit into this square.
MAX_PIXELS, LONGEST = 60_000_000, 2400
_FORMATS = ("JPEG", "PNG", "WEBP")


@dataclass(frozen=True)
class Clean:
    """What is kept of one upload; ``name`` is ours."""

    name: str
    content_type: str
    content: bytes


def clean_uploads(uploads: Sequence[UploadedFile[bytes]]) -> list[Clean]:
    """All files of one form, safe to keep; raises Refused with a sentence that names the one that is not."""
    if len(uploads) > AT_MOST:
        raise Refused(_("最多传%(n)d个文件，您选了%(given)d个。请少选几个。") % {"n": AT_MOST, "given": len(uploads)})
    return [_clean(upload, place) for place, upload in enumerate(uploads, 1)]


def _clean(upload: UploadedFile[bytes], place: int) -> Clean:
    if (upload.size or 0) > MAX_BYTES:
        raise Refused(_("第%(n)d个文件超过5 MB。请换一张小一点的。") % {"n": place})
    content = upload.read()
    if content.startswith(b"%PDF-"):
        return Clean(_("材料%(n)d.pdf") % {"n": place}, "application/pdf", content)
    return Clean(_("照片%(n)d.jpg") % {"n": place}, "image/jpeg", _redrawn(content, place))


def _redrawn(content: bytes, place: int) -> bytes:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of a picture Pillow has its doubts about, nothing is kept
            picture = Image.open(BytesIO(content), formats=_FORMATS)
            if picture.width * picture.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            picture.draft("RGB", (LONGEST, LONGEST))
            upright = ImageOps.exif_transpose(picture).convert("RGB")
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise Refused(_("第%(n)d张照片太大了，打不开。请换一张小一点的。") % {"n": place}) from None
    except (OSError, ValueError, SyntaxError, Warning):
        raise Refused(_("第%(n)d个文件不是照片，也不是PDF。请传JPG、PNG照片或PDF。") % {"n": place}) from None
    upright.thumbnail((LONGEST, LONGEST))
    # A fresh picture: nothing that came with the old one is carried over.
    fresh = Image.new("RGB", upright.size)
    fresh.paste(upright)
    kept = BytesIO()
    fresh.save(kept, "JPEG", quality=85)
    return kept.getvalue()

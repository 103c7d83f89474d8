"""Recording that a notice hung in a village, with its photograph."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils.translation import gettext as _

from programs.models import Notice, Posting
from subsidy_portal import clock
from subsidy_portal.models import Area, StoredFile, User
from subsidy_portal.permissions import require
from subsidy_portal.pictures import Clean
from subsidy_portal.wording import cn_date
from subsidy_portal.workflow import Refused, record


@transaction.atomic
def record_posting(
    notice: Notice, village: Area, *, place: str, posted_on: dt.date, photo: Clean, actor: User
) -> Posting:
    """Keep the photograph of the sheet on a village's board; raises Refused for another village or day.

    The picture was drawn anew before (``pictures.clean_uploads``): no place or owner of the camera is kept.
    """
    require(actor, "notice.post")
    if not notice.rows.filter(area=village).exists():
        raise Refused(_("这次公示没有%(village)s的名单。") % {"village": village.name})
    last = min(notice.ends_on, clock.today())
    if not notice.starts_on <= posted_on <= last:
        raise Refused(
            _("张贴日期应在公示期内：%(start)s到%(end)s。") % {"start": cn_date(notice.starts_on), "end": cn_date(last)}
        )
    if photo.content_type != "image/jpeg":
        raise Refused(_("请传照片，不要传PDF。"))
    stored = StoredFile.keep(photo.content, name=photo.name, content_type=photo.content_type, actor=actor)
    made = Posting.objects.create(
        notice=notice, area=village, place=place, posted_on=posted_on, photo=stored, made_by=actor, made_at=clock.now()
    )
    record(notice, "posted", actor=actor, note=f"{village.name}，{place}", data={"posting": made.pk})
    return made

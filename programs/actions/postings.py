"""Recording that a notice hung in a village, with its photograph."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils.translation import gettext as _

from programs.models import ListChannel, Notice, PolicyList, Posting
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


@transaction.atomic
def record_channel(
    policy_list: PolicyList, *, channel: str, known_on: dt.date, place: str, proof: StoredFile | None, actor: User
) -> ListChannel:
    """Note where a published list was made known; raises Refused for a draft or a day before it was published."""
    require(actor, "policy.edit")
    if policy_list.published_at is None:
        raise Refused(_("这一版还没有公布，公布以后再登记。"))
    first = policy_list.published_at.astimezone(clock.CHINA).date()
    if not first <= known_on <= clock.today():
        raise Refused(
            _("日期应在公布之后、今天之前：%(first)s到%(today)s。")
            % {"first": cn_date(first), "today": cn_date(clock.today())}
        )
    made = ListChannel.objects.create(
        policy_list=policy_list, channel=channel, known_on=known_on, place=place, proof=proof, made_by=actor,
        made_at=clock.now(),
    )  # fmt: skip
    record(policy_list, "made_known", actor=actor, note=f"{made.get_channel_display()}，{place}"[:200])
    return made

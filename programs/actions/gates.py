"""What a roster must satisfy before it goes on, shared by the actions on rosters, notices and suspicions."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from programs.models import PolicyItem, Program, Roster, RosterImport
from subsidy_portal.bulk import fetch
from subsidy_portal.workflow import InvalidTransition, Refused, StaleStatus


def lock_roster(roster: Roster, *expected: str) -> None:
    """Lock the roster until the transaction ends: what is checked now still holds when the status moves.

    Raises StaleStatus when it is no longer what the caller saw, InvalidTransition unless its status is one of
    ``expected`` (any, when none is given).
    """
    now = Roster.objects.select_for_update().values_list("status", "revision").get(pk=roster.pk)
    if now != (roster.status, roster.revision):
        raise StaleStatus(_("别人刚刚处理过，状态已经变了。没有重复办理，请刷新后再看。"))
    if expected and roster.status not in expected:
        raise InvalidTransition(
            _("清册%(number)s现在是“%(status)s”，不能办这一步。请刷新页面查看最新状态。")
            % {"number": roster.number, "status": Roster.Status(roster.status).label}
        )


def require_note(note: str, what: str) -> str:
    """``note`` without blanks around it; raises Refused, naming ``what``, when it is empty."""
    note = note.strip()
    if not note:
        raise Refused(_("请写明%(what)s。") % {"what": what})
    return note


def require_checked(roster: Roster) -> None:
    """Raise Refused unless the roster has a clean, compared revision with somebody on it."""
    if roster.imports.filter(status__in=(RosterImport.Status.QUEUED, RosterImport.Status.READING)).exists():
        raise Refused(_("新上传的文件还在读取。请等读完后再提交。"))
    if not roster.revision:
        raise Refused(_("这份清册还没有导入成功的文件。请先上传并改正错误。"))
    if roster.checked_at is None:
        raise Refused(_("这份清册还没有比对完。请稍候片刻再提交。"))
    if not roster.rows.filter(revision=roster.revision, status="included").exists():
        raise Refused(_("清册里没有在册的人。请核对后重新上传。"))


def require_decided(roster: Roster) -> None:
    """Raise Refused while a suspicion of the roster is open, also a mere hint."""
    count = roster.suspicions.undecided().count()
    if count:
        raise Refused(
            ngettext(
                "还有%(count)d条疑点没有核实。请在“疑点”里逐条处理后再办。",
                "还有%(count)d条疑点没有核实。请在“疑点”里逐条处理后再办。",
                count,
            )
            % {"count": count}
        )


def unlisted(program: Program, year: int) -> str:
    """Why the program may not be paid in ``year`` by the published list, in a sentence; empty when it may.

    One list governs: what one person changed about a program holds when a second one has published it. A classified
    program is on no list (R2).
    """
    if program.is_classified:
        return ""
    item = PolicyItem.objects.governing(program, year)
    if item is None:
        said = _("“%(program)s”不在已公布的政策清单里，不能受理。请先由县财政公布清单。")
    elif item.terms != program.terms:
        said = _("“%(program)s”的标准、上限、算法或发放对象改过，新版清单还没有公布，不能受理。请先公布新版清单。")
    else:
        return ""
    return said % {"program": program.short_name}


def require_listed(roster: Roster) -> None:
    """Raise Refused unless the published list says what the roster was computed by (R1)."""
    if why := unlisted(roster.program, int(roster.period[:4])):
        raise Refused(why)


def count_unpublicised(roster: Roster) -> int:
    """How many included rows differ from, or are missing in, the last notice that ran its days."""
    return int(
        fetch(
            """
            SELECT count(*) FROM programs_rosterrow r
            WHERE r.roster_id = %(roster)s AND r.revision = %(revision)s AND r.status = 'included'
              AND NOT EXISTS (
                SELECT 1 FROM programs_noticerow n
                WHERE n.row_hash = r.row_hash AND n.notice_id = (
                    SELECT max(t.id) FROM programs_notice t WHERE t.roster_id = %(roster)s AND t.status = 'ended'))
            """,
            {"roster": roster.pk, "revision": roster.revision},
        )[0][0]
    )


def require_publicised(roster: Roster) -> None:
    """Raise Refused unless what was publicised is what goes on (design §3, invariant 3)."""
    count = count_unpublicised(roster)
    if count:
        raise Refused(_("有%(count)d行与公示的内容不一致。请退回乡镇，核对后重新公示。") % {"count": count})

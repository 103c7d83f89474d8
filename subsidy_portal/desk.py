"""The desk: what waits for me, what is late, what I did last. Each app tells its own part (settings.DESKS)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.cache import cache
from django.db.models import Q
from django.urls import reverse
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from subsidy_portal import event_words
from subsidy_portal.models import Event, User
from subsidy_portal.permissions import allowed
from subsidy_portal.templatetags.portal import Line


@dataclass(frozen=True)
class DeskItem:
    """One thing that waits for this user. ``menu`` is the menu entry that counts it."""

    menu: str
    kind: str
    title: str
    facts: str
    url: str
    action: str
    amount_fen: int | None = None
    by: str = ""
    at: dt.datetime | None = None
    due_on: dt.date | None = None
    at_risk: bool = False
    # It came back from a desk behind this one
    returned: bool = False
    # What the menu counts it as: a line may stand for many rows of the page it leads to
    n: int = 1


# group, [(menu key, label, url name, permission)]
MENU: list[tuple[Any, list[tuple[str, Any, str, str]]]] = [
    (
        _("发放"),
        [
            ("rosters", _("清册"), "programs:roster-list", "see.rosters"),
            ("notices", _("公示"), "programs:notice-list", "see.rosters"),
            ("suspicions", _("疑点"), "programs:suspicion-list", "see.rosters"),
            ("eligible", _("应享受未享受"), "programs:eligible-list", "see.rosters"),
            ("days", _("当日收付"), "disbursement:today", "see.books"),
            ("batches", _("发放批次"), "disbursement:batch-list", "see.money"),
            ("failures", _("失败更正"), "disbursement:failure-list", "see.money"),
            ("reconciliation", _("对账月结"), "disbursement:month-list", "see.books"),
        ],
    ),
    (
        _("资金与政策"),
        [
            ("policies", _("政策清单"), "programs:policy-list", "see.oversight"),
            ("programs", _("补贴项目"), "programs:program-list", "see.oversight"),
            ("funds", _("资金计划"), "programs:fund-list", "see.funds"),
            ("off-platform", _("线下项目"), "selfcheck:off-platform-list", "see.funds"),
        ],
    ),
    (
        _("监督"),
        [
            ("audits", _("发放核查"), "selfcheck:audit-list", "see.audits"),
            ("problems", _("问题台账"), "selfcheck:problem-list", "see.oversight"),
            ("inquiries", _("群众来件"), "inquiries:inquiry-list", "see.inquiries"),
            ("messages", _("短信"), "inquiries:message-list", "see.rosters"),
            ("reports", _("自查报告"), "selfcheck:report-list", "see.oversight"),
            ("tables", _("检查报表"), "selfcheck:tables", "see.oversight"),
            ("rules", _("比对规则"), "programs:rule-list", "see.rosters"),
            ("datasets", _("比对数据"), "programs:dataset-list", "see.oversight"),
        ],
    ),
    (
        _("分析"),
        [
            ("statistics", _("发放总览"), "disbursement:statistics", "statistics.view"),
            ("persons", _("人员与账户"), "programs:person-list", "see.rosters"),
            ("book", _("补贴底册"), "programs:registry-book-own", "see.rosters"),
            ("uncarded", _("未办卡台账"), "programs:uncarded-list", "see.rosters"),
            ("anomalies", _("账户异常"), "programs:anomaly-list", "see.rosters"),
            ("agreements", _("迁移、合并、换户主"), "programs:agreement-list", "see.rosters"),
        ],
    ),
    (
        _("系统"),
        [
            ("users", _("用户"), "user-list", "user.manage"),
            ("permissions", _("权限表"), "permission-table", "user.manage"),
        ],
    ),
]


# How many of the own last steps tell which things one follows
_TOUCHED = 60

# What events are about: model → its name, the attribute that names one (or none), the page of one.
SUBJECTS: dict[str, tuple[Any, str, str]] = {
    "programs.roster": (_("清册"), "number", "programs:roster"),
    "programs.rosterimport": (_("清册文件"), "file__name", "programs:roster-import"),
    "programs.notice": (_("公示"), "roster__number", "programs:notice"),
    "programs.objection": (_("异议"), "number", "programs:objection"),
    "programs.suspicion": (_("疑点"), "rule__name", "programs:suspicion"),
    "programs.program": (_("项目"), "short_name", "programs:program"),
    "programs.policylist": (_("政策清单"), "year", "programs:policy-list-version"),
    "programs.fundentry": (_("资金"), "plan__program__short_name", ""),
    "programs.dataset": (_("比对数据"), "source", "programs:dataset"),
    "programs.rule": (_("规则"), "name", "programs:rule"),
    "programs.eligibleunpaid": (_("应享受未享受"), "rule__name", "programs:eligible"),
    "programs.entitlementrule": (_("应享受的规则"), "name", ""),
    "programs.datasetpolicy": (_("比对数据规定"), "", ""),
    "programs.uncarded": (_("未办卡台账"), "", ""),
    "programs.cardanomaly": (_("账户异常"), "", "programs:anomaly"),
    "programs.personmerge": (_("合并重复的人"), "", "programs:merge"),
    "programs.personmove": (_("人员迁移"), "", "programs:move"),
    "programs.headchange": (_("换户主"), "", "programs:head-change"),
    "programs.household": (_("户"), "head__name", "programs:household"),
    "programs.person": (_("人员"), "", "programs:person"),
    "programs.account": (_("账户"), "", ""),
    "disbursement.batch": (_("批次"), "number", "disbursement:batch"),
    "disbursement.order": (_("指令"), "ref", "disbursement:order"),
    "disbursement.correction": (_("账户更正"), "", ""),
    "disbursement.reissue": (_("重发"), "", "disbursement:reissue"),
    "disbursement.refund": (_("缴回国库"), "", "disbursement:refund"),
    "disbursement.sendingstop": (_("停止发送"), "", "disbursement:sending-stop"),
    "disbursement.verdict": (_("认定待查指令"), "order__ref", "disbursement:verdict"),
    "selfcheck.audithit": (_("疑点"), "text", "selfcheck:audit-hit"),
    "disbursement.entrymatch": (_("认定对账单行"), "", "disbursement:match"),
    "disbursement.discrepancy": (_("差异"), "", "disbursement:discrepancy"),
    "disbursement.monthclose": (_("月结"), "", ""),
    "selfcheck.problem": (_("问题"), "number", "selfcheck:problem"),
    "publicity.inquiry": (_("群众来件"), "number", "inquiries:inquiry"),
    "selfcheck.report": (_("自查报告"), "unit__short_name", "selfcheck:report"),
    "selfcheck.annexfile": (_("报来的附件"), "unit__short_name", ""),
    "selfcheck.yearlyamount": (_("线下发放数"), "program__short_name", ""),
    "subsidy_portal.user": (_("用户"), "username", ""),
}


def lines(events: list[Event]) -> list[Line]:
    """One person's events about different things, as lines of a feed: which thing, what was done, where to see it."""
    names: dict[tuple[str, int], str] = {}
    for label in {event.subject_type for event in events}:
        _noun, attribute, _page = SUBJECTS.get(label, ("", "", ""))
        if attribute:
            ids = [event.subject_id for event in events if event.subject_type == label]
            found = apps.get_model(label)._default_manager.filter(pk__in=ids).values_list("pk", attribute)
            names |= {(label, pk): str(name) for pk, name in found}
    made = []
    for event in events:
        noun, _attribute, page = SUBJECTS.get(event.subject_type, ("", "", ""))
        name = names.get((event.subject_type, event.subject_id or 0), "")
        url = reverse(page, args=(event.subject_id,)) if page and event.subject_id else ""
        said = [str(part) for part in (noun, name, event_words.sentence(event)) if part]
        made.append(Line(event.at, " ".join(said), "", url))
    return made


# Pages that belong to a menu entry but whose address begins otherwise: first part of the address → the entry.
BELOW = {
    "imports": "rosters",
    "results": "problems",
    "mappings": "rosters",
    "objections": "notices",
    "postings": "notices",
    "orders": "batches",
    "reissues": "batches",
    "refunds": "batches",
    "verdicts": "batches",
    "matches": "reconciliation",
    "sending-stops": "batches",
    "payments": "failures",
    "corrections": "failures",
    "discrepancies": "reconciliation",
    "fund-plans": "funds",
    "accounts": "persons",
    "households": "book",
    "moves": "agreements",
    "merges": "agreements",
    "head-changes": "agreements",
}


@dataclass(frozen=True)
class DueDay:
    """A day on which something of the user's is due."""

    day: dt.date
    items: list[DeskItem]

    @property
    def kinds(self) -> dict[str, int]:
        return {kind: sum(item.kind == kind for item in self.items) for kind in sorted({i.kind for i in self.items})}

    @property
    def at_risk(self) -> bool:
        return any(item.at_risk for item in self.items)


def due_days(items: list[DeskItem], limit: int = 8) -> list[DueDay]:
    """The items that have a deadline, by day, the latest overdue first of all."""
    days = sorted({item.due_on for item in items if item.due_on})
    return [DueDay(day, [item for item in items if item.due_on == day]) for day in days[:limit]]


def waiting(user: User) -> list[DeskItem]:
    """Everything that waits for ``user``, the nearest deadline first."""
    items = [item for source in settings.DESKS for item in import_string(source)(user)]
    return sorted(items, key=lambda item: (item.due_on or dt.date.max, item.kind, item.title))


def away(user: User) -> list[DeskItem]:
    """What ``user`` has passed on and somebody else has now, the oldest first. ``action`` leads there to look."""
    items = [item for source in settings.DESKS_AWAY for item in import_string(source)(user)]
    return sorted(items, key=lambda item: (item.at.timestamp() if item.at else 0, item.title))


def last_moves(label: str, pks: Iterable[int]) -> dict[int, Event]:
    """The last status event of each of the things ``pks`` of model ``label``: since when it is where it is, and why."""
    moves = Event.objects.filter(subject_type=label, subject_id__in=list(pks)).exclude(new_status="")
    return {
        event.subject_id or 0: event
        for event in moves.select_related("actor").order_by("subject_id", "-pk").distinct("subject_id")
    }


def news(user: User, limit: int = 8) -> list[Line]:
    """What others did last to the things this user worked on."""
    touched = Event.objects.filter(actor=user, subject_type__in=SUBJECTS).order_by("-pk")
    mine = set(touched.values_list("subject_type", "subject_id")[:_TOUCHED])
    about = Q(pk__in=())
    for label in {label for label, _pk in mine}:
        about |= Q(subject_type=label, subject_id__in=[pk for kind, pk in mine if kind == label])
    found = Event.objects.filter(about).exclude(actor=user).select_related("actor__organisation").order_by("-pk")
    # What a rehearsal enters for an earlier day comes later but did not happen later.
    return lines(sorted(found[:limit], key=lambda event: (event.at, event.pk), reverse=True))


def menu(user: User, path: str) -> list[dict[str, Any]]:
    """The side menu with counts of waiting things, kept for a few seconds a user."""

    def count() -> dict[str, int]:
        counts: dict[str, int] = {"desk": 0}
        for item in waiting(user):
            counts["desk"] += 1
            counts[item.menu] = counts.get(item.menu, 0) + item.n
        return counts

    below = BELOW.get(path.removeprefix(reverse("desk")).partition("/")[0])
    counts = cache.get_or_set(f"menu:{user.pk}", count, 10) or {}

    def entry(key: str, label: Any, url: str) -> dict[str, Any]:
        here = path == url if key == "desk" else key == below or path.startswith(url)
        return {"key": key, "label": label, "url": url, "count": counts.get(key, 0), "current": here}

    groups = [{"label": "", "items": [entry("desk", _("工作台"), reverse("desk"))]}]
    for label, entries in MENU:
        items = [entry(key, text, reverse(name)) for key, text, name, need in entries if allowed(user, need)]
        if items:
            groups.append({"label": label, "items": items})
    return groups

"""What of policies, rosters and notices waits for whom, and where a number leads. Every question is bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet, Sum
from django.urls import reverse
from django.utils.translation import gettext as _

from programs.models import (
    CardAnomaly,
    EligibleUnpaid,
    FundEntry,
    HeadChange,
    Notice,
    Objection,
    Person,
    PersonMerge,
    PersonMove,
    PolicyList,
    Roster,
    RosterImport,
    Rule,
    Suspicion,
    Uncarded,
)
from programs.postings import proof_counts, unposted
from programs.totals import Totals, roster_totals
from subsidy_portal.desk import DeskItem, last_moves
from subsidy_portal.identifiers import IdentifierError, parse_id_number
from subsidy_portal.models import Organisation, User
from subsidy_portal.permissions import allowed
from subsidy_portal.wording import count, period

LIMIT = 50
S = Roster.Status


def waiting(user: User) -> list[DeskItem]:
    """Everything of this app that waits for ``user``."""
    return [item for need, ask in _QUESTIONS if allowed(user, need) for item in ask(user)]


def _items(
    found: QuerySet[Roster], kind: str, action: str, facts: Callable[[Roster], str] = str, *, moved: bool = False
) -> Iterator[DeskItem]:
    """One line a roster, the oldest first; sums are read for the lines shown and no others.

    With ``moved`` it says who brought it to the desk where it is now, and when.
    """
    rosters = list(found.select_related("program", "area", "submitted_by", "made_by").order_by("pk")[:LIMIT])
    totals = roster_totals(rosters)
    moves = last_moves("programs.roster", [roster.pk for roster in rosters]) if moved else {}
    for roster in rosters:
        total, move = totals.get(roster.pk, Totals()), moves.get(roster.pk)
        persons = _("%(n)s 人") % {"n": count(total.rows)} if total.rows else ""
        yield DeskItem(
            "rosters",
            kind,
            f"{roster.area.name} {roster.program.short_name} {period(roster.period)}",
            "，".join(part for part in (facts(roster), persons) if part),
            reverse("programs:roster", args=(roster.pk,)),
            action,
            amount_fen=total.amount_fen or None,
            by=str(move.actor if move else roster.submitted_by or roster.made_by),
            at=move.at if move else roster.created_at,
            due_on=roster.due_on,
        )


def _at(user: User, status: str) -> QuerySet[Roster]:
    return Roster.objects.visible_to(user).filter(status=status)


def _open_hits() -> Exists:
    return Exists(Suspicion.objects.undecided().filter(roster=OuterRef("pk")))


def _drafts(user: User) -> Iterator[DeskItem]:
    """Returned drafts, clean ones without an open question, and those whose last file was refused."""
    drafts = _at(user, S.DRAFT)
    ready = drafts.filter(revision__gt=0, checked_at__isnull=False)
    back = drafts.exclude(returned_from="")
    for item in _items(back, _("退回待改"), _("去改"), lambda r: r.return_note[:60], moved=True):
        yield replace(item, returned=True)
    yield from _items(ready.filter(~_open_hits(), returned_from=""), _("清册提交"), _("提交"))
    last = RosterImport.objects.filter(roster=OuterRef("pk")).order_by("-pk").values("status")[:1]
    refused = drafts.filter(revision=0, returned_from="").annotate(last=last).filter(last=RosterImport.Status.REFUSED)
    yield from _items(refused, _("清册有错"), _("改正"), lambda r: _("文件没有导入"))
    asking = drafts.annotate(last=last).filter(last=RosterImport.Status.ASKING)
    yield from _items(asking, _("文件待说明"), _("去说明"), lambda r: _("读到一半，要您指明工作表或各列"))


def _to_review(user: User) -> Iterator[DeskItem]:
    mine = Q(made_by=user) | Q(submitted_by=user)
    yield from _items(_at(user, S.SUBMITTED).exclude(mine), _("清册审核"), _("审核"))


def _to_publicise(user: User) -> Iterator[DeskItem]:
    yield from _items(_at(user, S.TOWN_APPROVED), _("清册公示"), _("公示"))


def _to_check(user: User) -> Iterator[DeskItem]:
    back = Q(returned_from="")
    yield from _items(_at(user, S.NOTICED).filter(back), _("清册核对"), _("核对"))
    returned = _at(user, S.NOTICED).exclude(back)
    for item in _items(returned, _("退回待核"), _("核对"), lambda r: r.return_note[:60], moved=True):
        yield replace(item, returned=True)


def away(user: User) -> list[DeskItem]:
    """Rosters this user signed on their way, and which desk has each."""
    signed = Q(made_by=user) | Q(submitted_by=user) | Q(town_reviewed_by=user)
    signed |= Q(dept_checked_by=user) | Q(dept_approved_by=user)
    under_way = (S.SUBMITTED, S.TOWN_APPROVED, S.ON_NOTICE, S.NOTICED, S.DEPT_CHECKED, S.DEPT_APPROVED)
    mine = Roster.objects.visible_to(user).filter(signed, status__in=under_way)
    here = {own for need, own in _DESK_OF if allowed(user, need)}
    found = mine.exclude(status__in=here - {S.SUBMITTED, S.DEPT_CHECKED}).select_related("program__department")
    return list(_items(found, _("清册"), _("看"), _whose_turn, moved=True))


# What each desk works on: it does not wait for others there.
_DESK_OF = (
    ("notice.open", S.TOWN_APPROVED),
    ("roster.dept_check", S.NOTICED),
    ("roster.accept", S.DEPT_APPROVED),
)


def _whose_turn(roster: Roster) -> str:
    office = roster.program.department.short_name or roster.program.department.name
    return {
        S.SUBMITTED: _("在%s复核岗") % roster.area.name,
        S.TOWN_APPROVED: _("在%s，等开始公示") % roster.area.name,
        S.ON_NOTICE: _("正在公示"),
        S.NOTICED: _("在%s经办岗") % office,
        S.DEPT_CHECKED: _("在%s复核岗") % office,
        S.DEPT_APPROVED: _("在县财政局"),
    }[S(roster.status)]


def _to_approve(user: User) -> Iterator[DeskItem]:
    yield from _items(_at(user, S.DEPT_CHECKED).exclude(dept_checked_by=user), _("清册复核"), _("复核"))


def _to_accept(user: User) -> Iterator[DeskItem]:
    yield from _items(_at(user, S.DEPT_APPROVED), _("清册受理"), _("受理"))


def _hits(user: User) -> Iterator[DeskItem]:
    """Rosters with undecided hits: at the township while it has the roster, then at the department."""
    behind = (S.NOTICED, S.DEPT_CHECKED, S.DEPT_APPROVED)
    before = (S.DRAFT, S.SUBMITTED, S.TOWN_APPROVED, S.ON_NOTICE)
    own = behind if user.kind == Organisation.Kind.DEPARTMENT else (*before, *behind)
    found = Suspicion.objects.visible_to(user).filter(status="open", stage="before", roster__status__in=own)
    groups = (
        found.order_by()
        .values_list("roster", "roster__area__name", "roster__program__short_name", "roster__period", "roster__due_on")
        .annotate(n=Count("pk"), must=Count("pk", filter=Q(rule__level=Rule.Level.BLOCK)), fen=Sum("amount_fen"))
    )
    for pk, area, program, when, due_on, n, must, fen in groups[:LIMIT]:
        words = _("%(n)s 条，其中 %(must)s 条必须处理") % {"n": count(n), "must": count(must)}
        yield DeskItem(
            "suspicions",
            _("疑点核实"),
            f"{area} {program} {period(when)}",
            words,
            reverse("programs:roster", args=(pk,)),
            _("核实"),
            amount_fen=fen,
            due_on=due_on,
            n=n,
        )


def _paid_hits(user: User) -> Iterator[DeskItem]:
    """Money that had left already, by rule and program: the one suspicion, or the list of its rule."""
    found = Suspicion.objects.visible_to(user).filter(status="open", stage="after")
    groups = (
        found.order_by()
        .values_list("rule__code", "rule__name", "roster__program__short_name")
        .annotate(n=Count("pk"), first=Min("pk"), fen=Sum("amount_fen"))
    )
    for code, rule, program, n, first, fen in groups[:LIMIT]:
        several = f"{reverse('programs:suspicion-list')}?rule={code}"
        yield DeskItem(
            "suspicions",
            _("多发核实"),
            f"{program} {rule}",
            _("已发出 %(n)s 笔") % {"n": count(n)},
            several if n > 1 else reverse("programs:suspicion", args=(first,)),
            _("核实"),
            amount_fen=fen,
        )


def _eligible(user: User) -> Iterator[DeskItem]:
    """People who should receive a program and do not, by rule."""
    found = EligibleUnpaid.objects.visible_to(user).filter(status=EligibleUnpaid.Status.OPEN)
    groups = found.order_by().values_list("rule", "rule__name").annotate(n=Count("pk"), first=Min("found_at"))
    for pk, name, n, first in groups[:LIMIT]:
        url = f"{reverse('programs:eligible-list')}?rule={pk}"
        yield DeskItem("eligible", _("漏发核实"), name, _("%(n)s 人") % {"n": count(n)}, url, _("核实"), at=first, n=n)


def _uncarded(user: User) -> Iterator[DeskItem]:
    """People without a card that nobody has sent to a bank, in one line."""
    found = Uncarded.objects.visible_to(user).filter(status=Uncarded.Status.OPEN)
    sums = found.aggregate(n=Count("pk"), due=Min("due_on"))
    if sums["n"]:
        n, due_on, url = sums["n"], sums["due"], reverse("programs:uncarded-list")
        words = _("%(n)s 人还没送银行") % {"n": count(n)}
        yield DeskItem("uncarded", _("未办卡"), _("未办卡受益人"), words, url, _("送银行"), due_on=due_on, n=n)


def _anomalies(user: User) -> Iterator[DeskItem]:
    found = CardAnomaly.objects.visible_to(user).filter(status=CardAnomaly.Status.OPEN)
    for kind, label in CardAnomaly.Kind.choices:
        sums = found.filter(kind=kind).aggregate(n=Count("pk"), due=Min("due_on"))
        if sums["n"]:
            url = f"{reverse('programs:anomaly-list')}?kind={kind}"
            words = _("%(n)s 条") % {"n": count(sums["n"])}
            yield DeskItem("anomalies", _("账户异常"), str(label), words, url, _("处理"), due_on=sums["due"])


def _merges(user: User) -> Iterator[DeskItem]:
    found = PersonMerge.objects.visible_to(user).waiting().exclude(made_by=user)
    for one in found.select_related("keep", "gone", "made_by").order_by("pk")[:LIMIT]:
        url = reverse("programs:merge", args=(one.pk,))
        yield DeskItem(
            "agreements", _("合并待同意"), f"{one.gone.name} → {one.keep.name}", one.reason[:60], url, _("答复"),
            by=str(one.made_by), at=one.made_at,
        )  # fmt: skip


def _moves(user: User) -> Iterator[DeskItem]:
    found = PersonMove.objects.visible_to(user).waiting().exclude(made_by=user)
    mine = found.filter(decides__code__startswith=user.area_prefix)
    for one in mine.select_related("person", "from_area", "to_area", "made_by").order_by("pk")[:LIMIT]:
        facts = f"{one.from_area} → {one.to_area}"
        url = reverse("programs:move", args=(one.pk,))
        yield DeskItem(
            "agreements", _("迁移待同意"), one.person.name, facts, url, _("答复"), by=str(one.made_by), at=one.made_at
        )


def _head_changes(user: User) -> Iterator[DeskItem]:
    found = HeadChange.objects.visible_to(user).waiting().exclude(made_by=user)
    for one in found.select_related("old_head", "new_head", "made_by").order_by("pk")[:LIMIT]:
        facts, url = f"{one.old_head.name} → {one.new_head.name}", reverse("programs:head-change", args=(one.pk,))
        yield DeskItem(
            "agreements",
            _("换户主待同意"),
            one.new_head.name,
            facts,
            url,
            _("答复"),
            by=str(one.made_by),
            at=one.made_at,
        )


def _objections(user: User) -> Iterator[DeskItem]:
    found = Objection.objects.visible_to(user).filter(status=Objection.Status.OPEN)
    for item in found.select_related("notice__roster__program", "row__area", "recorded_by").order_by("pk")[:LIMIT]:
        roster = item.notice.roster
        yield DeskItem(
            "notices",
            _("异议核实"),
            f"{item.row.area.name} {roster.program.short_name} {period(roster.period)}",
            _("受理号 %(number)s") % {"number": item.number},
            reverse("programs:objection", args=(item.pk,)),
            _("答复"),
            amount_fen=item.row.amount_fen,
            at=item.received_at,
            due_on=item.notice.ends_on,
        )


def _postings(user: User) -> Iterator[DeskItem]:
    """Notices under way that hang somewhere without a photograph of it."""
    found = Notice.objects.visible_to(user).filter(status=Notice.Status.OPEN, pk__in=unposted())
    shown = list(found.select_related("roster__program", "roster__area").order_by("ends_on", "pk")[:LIMIT])
    counts = proof_counts(notice.pk for notice in shown) if shown else {}
    for notice in shown:
        villages, proven = counts[notice.pk]
        yield DeskItem(
            "notices",
            _("张贴照片"),
            f"{notice.roster.program.short_name} {notice.roster.area.name} {period(notice.roster.period)}",
            _("缺 %(n)d 个村的张贴照片") % {"n": villages - proven},
            reverse("programs:notice", args=(notice.pk,)),
            _("登记"),
            at=notice.opened_at,
            due_on=notice.ends_on,
        )


def _funds(user: User) -> Iterator[DeskItem]:
    found = FundEntry.objects.filter(status=FundEntry.Status.PROPOSED).exclude(made_by=user)
    for entry in found.select_related("plan__program", "made_by").order_by("pk")[:LIMIT]:
        yield DeskItem(
            "funds",
            _("资金复核"),
            f"{entry.plan.program.short_name} {period(str(entry.plan.year))}",
            "，".join(part for part in (entry.get_kind_display(), entry.document_number) if part),
            reverse("programs:fund-plan", args=(entry.plan_id,)),
            _("复核"),
            amount_fen=entry.amount_fen,
            by=str(entry.made_by),
        )


def _policy_lists(user: User) -> Iterator[DeskItem]:
    for draft in PolicyList.objects.filter(status=PolicyList.Status.DRAFT).exclude(made_by=user)[:LIMIT]:
        url = reverse("programs:policy-list-version", args=(draft.pk,))
        yield DeskItem("policies", _("清单公布"), str(draft), draft.note, url, _("公布"), by=str(draft.made_by))


_QUESTIONS: tuple[tuple[str, Callable[[User], Iterator[DeskItem]]], ...] = (
    ("roster.submit", _drafts),
    ("roster.town_approve", _to_review),
    ("notice.open", _to_publicise),
    ("roster.dept_check", _to_check),
    ("roster.dept_approve", _to_approve),
    ("roster.accept", _to_accept),
    ("suspicion.decide", _hits),
    ("suspicion.decide", _paid_hits),
    ("entitlement.decide", _eligible),
    ("card.note", _uncarded),
    ("card.settle", _anomalies),
    ("merge.decide", _merges),
    ("move.decide", _moves),
    ("household.decide", _head_changes),
    ("objection.decide", _objections),
    ("notice.post", _postings),
    ("fund.confirm", _funds),
    ("policy.publish", _policy_lists),
)


def search(user: User, text: str) -> str:
    """Where a roster or objection number, a notice's address, an ID number or a whole name leads; else empty.

    Only for what the user may see; a name borne by several people leads nowhere.
    """
    if not allowed(user, "see.rosters") or len(text) > 60:
        return ""
    for name, found in (
        ("roster", Roster.objects.visible_to(user).filter(number=text.upper())),
        ("objection", Objection.objects.visible_to(user).filter(number=text.upper())),
        ("notice", Notice.objects.visible_to(user).filter(slug=text)),
        ("person", _persons(user, text)),
    ):
        hits = list(found.values_list("pk", flat=True).distinct()[:2])
        if len(hits) == 1:
            return reverse(f"programs:{name}", args=hits)
    return ""


def _persons(user: User, text: str) -> QuerySet[Person]:
    people = Person.objects.visible_to(user)
    try:
        return people.with_id_number(parse_id_number(text))
    except IdentifierError:
        return people.filter(name=text)

"""What the roster page says: how far it is, who goes on, what keeps it, which cells are wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from django.db.models import Count, F, Q, Window
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from programs import actions
from programs.actions.gates import count_unpublicised, unlisted
from programs.actions.rosters import BEHIND_NOTICE
from programs.comparison import Sums
from programs.imports.causes import Group, read_groups
from programs.models import FundPlan, Notice, Objection, Roster, RosterImport, Suspicion
from programs.staleness import Age, InState, ages, by_state, checked_kinds
from programs.views.funds import balances
from subsidy_portal import clock, wording
from subsidy_portal.models import Event, Organisation, User
from subsidy_portal.permissions import allowed

S = Roster.Status
SHOWN_DOUBTS, SHOWN_DECIDED = 6, 6


@dataclass(frozen=True)
class Step:
    """One step of the way: the verb of ``roster-act``, the words on its button, the permission it needs."""

    verb: str
    label: str | Promise
    need: str


STEPS: dict[str, Step] = {
    S.DRAFT: Step("submit", gettext_lazy("提交乡镇审核"), "roster.submit"),
    S.SUBMITTED: Step("town-approve", gettext_lazy("审核通过，送公示"), "roster.town_approve"),
    S.TOWN_APPROVED: Step("open-notice", gettext_lazy("开始公示"), "notice.open"),
    S.NOTICED: Step("dept-check", gettext_lazy("复核通过"), "roster.dept_check"),
    S.DEPT_CHECKED: Step("dept-approve", gettext_lazy("审核通过，送财政"), "roster.dept_approve"),
    S.DEPT_APPROVED: Step("accept", gettext_lazy("受理"), "roster.accept"),
}
# What the page says to whoever does the next step.
_YOURS: dict[str, str | Promise] = {
    S.SUBMITTED: gettext_lazy("等您审核。核对人员、金额和变化，通过后送公示。"),
    S.TOWN_APPROVED: gettext_lazy("乡镇已审核，可以开始公示。公示的行就锁定了，公示什么发什么。"),
    S.NOTICED: gettext_lazy("公示期满，等您复核。"),
    S.DEPT_CHECKED: gettext_lazy("等您审核，通过后送县财政局。"),
    S.DEPT_APPROVED: gettext_lazy("等您受理，受理后归入发放批次。"),
}
# Where each status stands on the stage bar.
PLACE: dict[str, int] = {
    S.DRAFT: 0, S.SUBMITTED: 1, S.TOWN_APPROVED: 2, S.ON_NOTICE: 2, S.NOTICED: 3, S.DEPT_CHECKED: 3,
    S.DEPT_APPROVED: 4, S.ACCEPTED: 5,
}  # fmt: skip


class Page:
    """What the templates of one roster ask for; every list is one query, asked at most once."""

    def __init__(self, roster: Roster, user: User, sums: Sums, events: list[Event]) -> None:
        self.roster, self.user, self.sums, self.all_events = roster, user, sums, events

    # --- What lies on the table ---

    @property
    def events(self) -> list[Event]:
        return self.all_events[:30]

    @cached_property
    def last_import(self) -> RosterImport | None:
        imports = self.roster.imports.select_related("job", "file", "uploaded_by")
        return imports.annotate(edit_count=Count("edits")).order_by("-pk").first()

    @cached_property
    def imports_running(self) -> bool:
        last = self.last_import
        return last is not None and last.status in {RosterImport.Status.QUEUED, RosterImport.Status.READING}

    @cached_property
    def import_asks(self) -> bool:
        return self.last_import is not None and self.last_import.status == RosterImport.Status.ASKING

    @cached_property
    def import_refused(self) -> bool:
        return self.last_import is not None and self.last_import.status == RosterImport.Status.REFUSED

    @cached_property
    def groups(self) -> list[Group]:
        return read_groups(self.last_import.problem_groups) if self.last_import and self.import_refused else []

    @property
    def corrected_cells(self) -> int:
        """How many cells of the last file, when it is the one in use, were corrected on screen."""
        last = self.last_import
        in_use = last is not None and last.status == RosterImport.Status.IMPORTED
        return int(last.edit_count) if in_use else 0  # type: ignore[union-attr]

    @cached_property
    def notice(self) -> Notice | None:
        return self.roster.notices.order_by("-pk").first()

    @cached_property
    def objection_counts(self) -> dict[str, int]:
        """Of all its notices: an objection to an earlier one holds its row still."""
        found = Objection.objects.filter(notice__roster=self.roster)
        return found.aggregate(all=Count("pk"), open=Count("pk", filter=Q(status=Objection.Status.OPEN)))

    @cached_property
    def doubt_counts(self) -> dict[str, int]:
        return self.roster.suspicions.aggregate(
            all=Count("pk", filter=~Q(status="superseded")),
            open=Count("pk", filter=Q(status="open")),
        )

    def _doubts(self) -> Any:
        return self.roster.suspicions.select_related("rule", "person", "decided_by")

    @cached_property
    def open_doubts(self) -> list[Suspicion]:
        if not self.doubt_counts["open"]:
            return []
        alike = Window(Count("pk"), partition_by=F("rule"))
        found = self._doubts().filter(status="open").annotate(alike=alike)
        return list(found.order_by("rule__level", "pk")[:SHOWN_DOUBTS])

    @cached_property
    def decided_doubts(self) -> list[Suspicion]:
        if self.doubt_counts["all"] == self.doubt_counts["open"]:
            return []
        decided = self._doubts().filter(status__in=("confirmed", "unfounded"))
        return list(decided.order_by("-decided_at")[:SHOWN_DECIDED])

    @cached_property
    def data_ages(self) -> list[Age]:
        """How old what the roster is compared with is; asked while the roster is still on its way."""
        if not self.roster.revision or self.roster.status in {S.ACCEPTED, S.CANCELLED}:
            return []
        return ages(checked_kinds(), clock.today(), self.roster.area)

    @cached_property
    def funds(self) -> str:
        """What the program's plan has and has left, where finance decides whether to take the roster."""
        roster = self.roster
        if roster.status != S.DEPT_APPROVED or self.user.kind != Organisation.Kind.FINANCE:
            return ""
        plan = FundPlan.objects.filter(program=roster.program_id, year=int(roster.period[:4])).first()
        if plan is None:
            return _("%s年没有这个项目的资金计划，受理后不能编批次。") % roster.period[:4]
        balance = balances([plan])[plan.pk]
        words = _(
            "资金计划%(planned)s元，已安排%(committed)s元，已付%(paid)s元，可用%(available)s元；这份清册%(now)s元。"
        ) % {
            "planned": wording.yuan(balance.planned), "committed": wording.yuan(balance.committed),
            "paid": wording.yuan(balance.paid), "available": wording.yuan(balance.available),
            "now": wording.yuan(self.sums.now_fen),
        }  # fmt: skip
        return words + _("可用的不够，要先追加资金。") if balance.available < self.sums.now_fen else words

    @property
    def data_groups(self) -> list[InState]:
        return by_state(self.data_ages)

    @property
    def stale_ages(self) -> int:
        return sum(age.is_stale for age in self.data_ages)

    @cached_property
    def changes(self) -> list[Any]:
        """What differs from the last notice; asked only where it decides how the roster goes on."""
        if self.notice is None or self.roster.status in {S.ON_NOTICE, S.ACCEPTED, S.CANCELLED}:
            return []
        return list(actions.roster_changes(self.roster))

    # --- How far it is ---

    def _signed(self, who: User | None, status: str) -> str:
        if who is None:
            return ""
        mine = (event.at for event in self.all_events if event.new_status == status and event.actor_id == who.pk)
        at = next(mine, None)
        return f"{who}\n{wording.cn_time(at)}" if at else str(who)

    @cached_property
    def _notice_note(self) -> str:
        notice = self.notice
        if notice is None or notice.status == Notice.Status.WITHDRAWN:
            return ""
        days = _("%(first)s至%(last)s") % {
            "first": wording.cn_date(notice.starts_on), "last": wording.cn_date(notice.ends_on)
        }  # fmt: skip
        counts = self.objection_counts
        words = _("异议 %d 条") % counts["all"]
        return days + "\n" + (words + _("，%d 条待答复") % counts["open"] if counts["open"] else words)

    def _notes(self) -> list[str]:
        roster = self.roster
        checked, approved = roster.dept_checked_by, roster.dept_approved_by
        due = _("期限 %s") % wording.cn_date(roster.due_on) if roster.due_on else ""
        return [
            self._signed(roster.submitted_by, S.SUBMITTED) or f"{roster.made_by}\n{wording.cn_time(roster.created_at)}",
            self._signed(roster.town_reviewed_by, S.TOWN_APPROVED),
            self._notice_note,
            self._signed(approved, S.DEPT_APPROVED) or self._signed(checked, S.DEPT_CHECKED),
            self._signed(roster.accepted_by, S.ACCEPTED) or due,
            "",
        ]

    @property
    def _returned_note(self) -> str:
        """Who returned it and when."""
        event = next((e for e in self.all_events if e.new_status and e.note.endswith(self.roster.return_note)), None)
        return _("%(who)s 退回") % {"who": event.actor} + f"\n{wording.cn_time(event.at)}" if event else ""

    def stage(self) -> list[dict[str, str]]:
        """The steps of the stage bar; a returning desk is marked until the roster is back there."""
        labels = (_("编制"), _("乡镇审核"), _("公示"), _("主管部门审核"), _("财政受理"), _("进入批次"))
        steps = [{"label": label, "note": note, "state": ""} for label, note in zip(labels, self._notes(), strict=True)]
        if self.roster.status == S.CANCELLED:
            return steps
        place = PLACE[self.roster.status]
        back = PLACE.get(self.roster.returned_from, 0)
        for n, step in enumerate(steps):
            step["state"] = "done" if n < place or place < n < back else ""
        steps[place]["state"] = "now"
        if back > place:
            steps[back] |= {"state": "back", "note": self._returned_note or steps[back]["note"]}
        return steps

    # --- What is next ---

    @property
    def step(self) -> Step | None:
        """The next step, if this user's role does it; pressing it may still be blocked."""
        step = STEPS.get(self.roster.status)
        if step is None or not allowed(self.user, step.need):
            return None
        if self.roster.status == S.DRAFT and self.goes_straight_back:
            return replace(step, label=_("交回%s") % self.returned_by)
        return step

    @cached_property
    def blocked(self) -> str:
        """Why the next step cannot be done now, in a sentence; empty when it can."""
        roster = self.roster
        if roster.status == S.DRAFT and (why := self._unready):
            return why
        if self.user.pk in self._signers():
            return _("前面的步骤是您办的，这一步须由他人办理。")
        if self.doubt_counts["open"]:
            return _("还有 %d 条疑点没有核实。") % self.doubt_counts["open"]
        if roster.status in {S.NOTICED, S.DEPT_CHECKED, S.DEPT_APPROVED} and (count := count_unpublicised(roster)):
            return _("有 %d 行与公示的内容不一致，要退回乡镇重新公示。") % count
        if roster.status == S.DEPT_APPROVED:
            return unlisted(roster.program, int(roster.period[:4]))
        return ""

    @property
    def _unready(self) -> str:
        if self.imports_running:
            return _("文件还在读取，读完再提交。")
        if self.import_asks:
            return _("文件还等着说明，答完再提交；不要这份文件了，就另传一份。")
        if not self.roster.revision:
            return _("还没有一份没有错误的文件。请先上传。")
        return "" if self.roster.checked_at else _("比对还没有做完，请稍候。")

    def _signers(self) -> set[int | None]:
        """Who may not do the next step because they did one before it, as the actions ask."""
        roster, status = self.roster, self.roster.status
        if status in {S.DRAFT, S.TOWN_APPROVED}:
            return set()
        signers = {roster.made_by_id, roster.submitted_by_id}
        if status == S.SUBMITTED:
            return signers | ({self.last_import.uploaded_by_id} if self.last_import else set())
        return signers | {roster.town_reviewed_by_id, roster.dept_checked_by_id, roster.dept_approved_by_id}

    @property
    def headline(self) -> str:
        """The one sentence of the page: what is so, and who must act."""
        if self.step and self.roster.status in _YOURS:
            return str(_YOURS[self.roster.status])
        return self._others_turn()

    def _others_turn(self) -> str:
        roster = self.roster
        town, office = roster.area.name, roster.program.department.short_name or roster.program.department.name
        if roster.status == S.ON_NOTICE and self.notice:
            return _("正在公示，%s期满。有异议的行先暂缓，其余照常往下办。") % wording.cn_date(self.notice.ends_on)
        if roster.status == S.DRAFT:
            return self._draft_headline()
        return {
            S.SUBMITTED: _("等%s复核岗审核。") % town,
            S.TOWN_APPROVED: _("乡镇已审核，等%(town)s开始公示，公示 %(days)d 天。")
            % {"town": town, "days": roster.program.notice_days},
            S.NOTICED: _("公示期满，等%s经办岗复核。") % office,
            S.DEPT_CHECKED: _("等%s复核岗审核。") % office,
            S.DEPT_APPROVED: _("等县财政局受理。"),
            S.ACCEPTED: _("县财政局已受理，等归入发放批次。"),
            S.CANCELLED: _("已作废，不再往下办。"),
        }[S(roster.status)]

    def _draft_headline(self) -> str:
        if self.imports_running:
            return _("正在读取上传的文件。")
        if self.import_asks:
            return _("文件读到一半，要先说明哪张表、哪一列是什么。")
        if not self.roster.revision:
            return _("上传的文件有错误，没有导入。改好再传一次。")
        said = _("新传的文件有错误，没有导入，在用的还是原来的。") if self.import_refused else _("文件没有错误。")
        if self.doubt_counts["open"]:
            return said + _("还有 %d 条疑点要先核实。") % self.doubt_counts["open"]
        if self.goes_straight_back:
            return said + _("和公示的一致，可以直接交回%s。") % self.returned_by
        if self.to_publicise:
            return said + _("有 %d 行和公示的不同，提交后要重新审核、公示。") % len(self.to_publicise)
        return said + _("可以提交审核。")

    @property
    def goes_straight_back(self) -> bool:
        """A roster returned from behind the notice whose rows are still those that were publicised."""
        return self.roster.returned_from in BEHIND_NOTICE and not self.to_publicise

    @cached_property
    def to_publicise(self) -> list[Any]:
        """The changes since the notice that need a new one."""
        return [change for change in self.changes if change.needs_notice]

    @property
    def returned_by(self) -> str:
        """The desk that returned it, by name; empty when it was not returned."""
        status = self.roster.returned_from
        if not status:
            return ""
        if status == S.DEPT_APPROVED:
            return _("县财政局")
        if status in {S.NOTICED, S.DEPT_CHECKED}:
            return str(self.roster.program.department)
        return _("%s复核岗") % self.roster.area.name

    @property
    def may_upload(self) -> bool:
        return self.roster.status == S.DRAFT and allowed(self.user, "roster.upload") and not self.imports_running

    @property
    def may_return(self) -> bool:
        """Whether this user sits at the desk that holds the roster now."""
        holds = actions.RETURNS.get(self.roster.status)
        return holds is not None and allowed(self.user, holds[0]) and allowed(self.user, "roster.return")

    @property
    def may_cancel(self) -> bool:
        return self.roster.status == S.DRAFT and allowed(self.user, "roster.upload") and not self.imports_running

    @property
    def may_decide(self) -> bool:
        return allowed(self.user, "suspicion.decide")

    @property
    def may_download(self) -> bool:
        return bool(self.roster.revision) and allowed(self.user, "person.reveal")

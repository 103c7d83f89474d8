"""What a citizen reads about the progress of an inquiry: headline, the way so far, what comes next."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any

from django.utils.translation import gettext as _

from publicity.models import Inquiry
from subsidy_portal.models import Event
from subsidy_portal.wording import clock_time, cn_date, weekday

S = Inquiry.Status


def find_inquiry(number: str, code: str) -> Inquiry | None:
    """The inquiry that number and code open together; a wrong code and a number nobody has are the same."""
    found = Inquiry.objects.select_related("owner", "area", "program", "about").filter(number=number).first()
    right = bytes(found.code_hash) if found else b""
    return found if compare_digest(right, Inquiry.code_index(number, code)) else None


@dataclass(frozen=True)
class Step:
    title: str
    note: str
    state: str = ""


class InquiryPage:
    """Offices are named, people never."""

    def __init__(self, inquiry: Inquiry) -> None:
        self.inquiry, self.kind = inquiry, inquiry.get_kind_display()

    @property
    def title(self) -> str:
        said = {
            S.RECEIVED: _("您的%(kind)s收到了"),
            S.ASSIGNED: _("您的%(kind)s正在办"),
            S.ANSWERED: _("您的%(kind)s有答复了"),
            S.ESCALATED: _("您的%(kind)s由县里直接办"),
            S.CLOSED: _("您的%(kind)s办结了"),
        }
        return said[S(self.inquiry.status)] % {"kind": self.kind}

    @property
    def tag(self) -> str:
        return {S.ANSWERED: "ok", S.CLOSED: "ok", S.ESCALATED: "warn"}.get(S(self.inquiry.status), "")

    @property
    def is_last_round(self) -> bool:
        return self.inquiry.refusals >= Inquiry.ROUNDS

    @property
    def steps(self) -> list[Step]:
        events = Event.objects.about(self.inquiry).order_by("pk")
        made = [Step(words, self._at(event)) for event in events if (words := self._words(event))]
        if made:
            made[-1] = Step(made[-1].title, made[-1].note, "now")
        return [*made, *self._next()]

    def _words(self, event: Event) -> str:
        """Reasons written between offices stay between them; the name of the office that has it is told."""
        office = {"unit": event.note}
        if event.kind == "reassigned":
            return _("改由%(unit)s办理") % office
        words: dict[tuple[str, str], Any] = {
            ("", S.RECEIVED): _("收到您的%(kind)s") % {"kind": self.kind},
            (S.ASSIGNED, S.RECEIVED): _("重新分办"),
            (S.RECEIVED, S.ASSIGNED): _("转给%(unit)s") % office,
            (S.ANSWERED, S.ASSIGNED): _("您不满意，再办一次"),
            (S.ASSIGNED, S.ANSWERED): _("已答复"),
            (S.ESCALATED, S.ANSWERED): _("县里已答复"),
            (S.ANSWERED, S.ESCALATED): _("您仍不满意，由县里直接办"),
            (S.ANSWERED, S.CLOSED): _("已办结"),
        }
        return str(words.get((event.old_status, event.new_status), ""))

    def _at(self, event: Event) -> str:
        day = f"{cn_date(event.at)}（{weekday(event.at)}）{clock_time(event.at)}"
        if event.new_status == S.ANSWERED and event.at == self.inquiry.answered_at:
            used = self.inquiry.days_used
            return _("%(at)s，用了%(n)d个工作日") % {"at": day, "n": used} if used else day
        return day

    def _next(self) -> list[Step]:
        due = self.inquiry.due_on
        latest = _("最晚%(day)s（%(weekday)s）") % {"day": cn_date(due), "weekday": weekday(due)}
        if self.inquiry.is_overdue:
            latest = _("应在%(day)s前答复，已经晚了，正在催办") % {"day": cn_date(due)}
        if self.inquiry.is_unanswered:
            return [Step(_("等答复"), latest, "todo")]
        if self.inquiry.status == S.ANSWERED and self.inquiry.answered_at:
            until = self.inquiry.answered_at + dt.timedelta(days=Inquiry.RATING_DAYS)
            return [Step(_("等您评价"), _("%(day)s前没有评价，自动办结") % {"day": cn_date(until)}, "todo")]
        return []

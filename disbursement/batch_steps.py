"""What a user may do to a batch now, and why not: the page's buttons and the API's verbs come from here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from disbursement.actions import batches as actions
from disbursement.actions import names
from disbursement.models import Batch
from disbursement.names import is_asked
from subsidy_portal.models import User
from subsidy_portal.permissions import allowed

S = Batch.Status


@dataclass(frozen=True)
class Step:
    """One verb: who may, from which statuses, which action does it. ``back`` steps ask for a reason."""

    verb: str
    label: Any
    need: str
    since: frozenset[str]
    run: Callable[..., Any]
    done: Any
    back: bool = False


STEPS = {
    step.verb: step
    for step in (
        Step("submit", gettext_lazy("提交复核"), "batch.make", frozenset({S.DRAFT}), actions.submit_batch,
             gettext_lazy("已提交，等财政复核岗复核。")),
        Step("approve", gettext_lazy("复核通过"), "batch.approve", frozenset({S.SUBMITTED}), actions.approve_batch,
             gettext_lazy("已复核，资金已占用，等批准岗放行。")),
        Step("ask-names", gettext_lazy("核验户名"), "batch.ask_names", frozenset({S.SUBMITTED, S.APPROVED, S.PAYING}),
             names.ask_names, gettext_lazy("正在向银行核验户名，完成后可以放行。")),
        Step("return", gettext_lazy("退回经办"), "batch.return", frozenset({S.SUBMITTED, S.APPROVED}),
             actions.return_batch, gettext_lazy("已退回经办。"), back=True),
        Step("cancel", gettext_lazy("作废"), "batch.make", frozenset({S.DRAFT, S.SUBMITTED, S.APPROVED}),
             actions.cancel_batch, gettext_lazy("批次已作废，名单可以重新编批。"), back=True),
        Step("hold", gettext_lazy("暂停"), "batch.hold", frozenset({S.APPROVED, S.PAYING}), actions.hold_batch,
             gettext_lazy("已暂停。已经发给银行的照常回盘，没发的不再发。"), back=True),
        Step("resume", gettext_lazy("恢复"), "batch.hold", frozenset({S.HELD}), actions.resume_batch,
             gettext_lazy("已恢复。"), back=True),
    )
}  # fmt: skip


def steps_for(batch: Batch, user: User) -> list[Step]:
    """The steps ``user`` may take now, without the release, which has its own frame."""
    return [
        step
        for step in STEPS.values()
        if batch.status in step.since and allowed(user, step.need) and not why_not(step.verb, batch, user)
    ]


def why_not(verb: str, batch: Batch, user: User) -> str:
    """Why this user of the right role still may not do it: they signed an earlier step. Empty when they may."""
    if verb == "ask-names" and is_asked(batch):
        return _("没有要核验的账户。")
    if verb == "approve" and user.pk == batch.made_by_id:
        return _("您已经办，须由他人复核。")
    if verb == "release" and user.pk == batch.made_by_id:
        return _("您已经办，须由他人批准。")
    if verb == "release" and user.pk == batch.approved_by_id:
        return _("您已复核，须由他人批准。")
    return ""

"""What two must agree on: merges, moves and changes of head. What waits, one of them, asking and answering."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from programs import actions
from programs.doubles_forms import AnswerForm, MergeForm, MoveForm
from programs.models import HeadChange, Person, PersonMerge, PersonMove
from programs.models.doubles import Agreement
from subsidy_portal.paging import keyset_page
from subsidy_portal.permissions import allowed
from subsidy_portal.staff import StaffRequest, happened, staff_page
from subsidy_portal.workflow import Refused


@dataclass(frozen=True)
class Kind:
    """One of the agreements: its model with what its page reads, who decides, and how."""

    model: Any
    label: Any
    page: str
    need: str
    people: tuple[str, ...]
    decide: Callable[..., None]
    withdraw: Callable[..., None]


KINDS: dict[str, Kind] = {
    "moves": Kind(
        PersonMove, gettext_lazy("迁移"), "programs:move", "move.decide",
        ("person", "from_area__parent", "to_area__parent", "decides"), actions.decide_move, actions.withdraw_move,
    ),
    "merges": Kind(
        PersonMerge, gettext_lazy("合并重复的人"), "programs:merge", "merge.decide",
        ("keep__area__parent", "gone__area__parent"), actions.decide_merge, actions.withdraw_merge,
    ),
    "heads": Kind(
        HeadChange, gettext_lazy("换户主"), "programs:head-change", "household.decide",
        ("household__area__parent", "old_head", "new_head"), actions.decide_head, actions.withdraw_head,
    ),
}  # fmt: skip


def _found(request: StaffRequest, kind: str) -> Any:
    mine = KINDS[kind].model.objects.visible_to(request.user)
    return mine.select_related(*KINDS[kind].people, "made_by__organisation", "decided_by")


@require_GET
@staff_page("see.rosters")
def agreement_list(request: StaffRequest) -> HttpResponse:
    """Moves, or merges and changes of head with ``?kind=``; the newest first."""
    kind = request.GET.get("kind", "")
    kind = kind if kind in KINDS else "moves"
    found = _found(request, kind)
    tabs = [
        (name, one.label, one.model.objects.visible_to(request.user).waiting().count()) for name, one in KINDS.items()
    ]
    context = {
        "kind": kind,
        "tabs": tabs,
        "page": keyset_page(found, request, size=50),
        "may_move": allowed(request.user, "move.ask"),
        "may_merge": allowed(request.user, "merge.propose"),
    }
    return render(request, "programs/agreement_list.html", context)


@staff_page("move.ask")
def move_new(request: StaffRequest) -> HttpResponse:
    return _ask(request, MoveForm(request.POST or None), _("提出迁移"), actions.ask_move, "programs:move")


@staff_page("merge.propose")
def merge_new(request: StaffRequest) -> HttpResponse:
    return _ask(request, MergeForm(request.POST or None), _("提出合并"), actions.propose_merge, "programs:merge")


def _ask(request: StaffRequest, form: Form, title: str, ask: Callable[..., Agreement], page: str) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        try:
            made = ask(**form.cleaned_data, actor=request.user)
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("已提出，等对方同意。"))
            return redirect(page, made.pk)
    context = {"form": form, "title": title, "kind": "moves" if isinstance(form, MoveForm) else "merges"}
    return render(request, "programs/agreement_new.html", context, status=422 if form.errors else 200)


@require_GET
@staff_page("see.rosters")
def move(request: StaffRequest, pk: int) -> HttpResponse:
    return _page(request, "moves", pk)


@require_GET
@staff_page("see.rosters")
def merge(request: StaffRequest, pk: int) -> HttpResponse:
    return _page(request, "merges", pk)


@require_GET
@staff_page("see.rosters")
def head_change(request: StaffRequest, pk: int) -> HttpResponse:
    return _page(request, "heads", pk)


def _page(request: StaffRequest, kind: str, pk: int, form: AnswerForm | None = None) -> HttpResponse:
    found = get_object_or_404(_found(request, kind), pk=pk)
    user, waits = request.user, found.status == Agreement.Status.ASKED
    here = kind != "moves" or found.decides_id[:9] == user.area_prefix[:9]
    context = {
        "found": found,
        "kind": kind,
        "facts": _FACTS[kind](found),
        "double": actions.overlaps(found.keep, found.gone) if kind == "merges" else (),
        "may_decide": waits and here and allowed(user, KINDS[kind].need) and found.made_by_id != user.pk,
        "may_withdraw": waits and found.made_by_id == user.pk,
        "form": form or AnswerForm(),
        "events": happened(found),
    }
    return render(request, "programs/agreement.html", context, status=422 if form and form.errors else 200)


def _who(person: Person) -> str:
    return f"{person.name} {person.masked_id}"


def _move_facts(found: PersonMove) -> list[tuple[str, str]]:
    return [
        (_("人员"), _who(found.person)),
        (_("从"), f"{found.from_area.parent or ''} {found.from_area}"),
        (_("到"), f"{found.to_area.parent or ''} {found.to_area}"),
        (_("连户迁"), _("是") if found.with_household else _("否")),
        (_("由谁同意"), str(found.decides)),
        (_("理由"), found.reason),
    ]


def _merge_facts(found: PersonMerge) -> list[tuple[str, str]]:
    return [
        (_("保留"), f"{_who(found.keep)} · {found.keep.area}"),
        (_("并入"), f"{_who(found.gone)} · {found.gone.area}"),
        (_("理由"), found.reason),
    ]


def _head_facts(found: HeadChange) -> list[tuple[str, str]]:
    village = found.household.area
    return [
        (_("村（居）"), f"{village.parent or ''} {village}"),
        (_("原户主"), _who(found.old_head)),
        (_("新户主"), _who(found.new_head)),
        (_("原户主以后"), found.old_relation or _("移出这一户")),
        (_("理由"), found.reason),
    ]


_FACTS: dict[str, Callable[[Any], list[tuple[str, str]]]] = {
    "moves": _move_facts,
    "merges": _merge_facts,
    "heads": _head_facts,
}


@require_POST
@staff_page("see.rosters")
def agreement_act(request: StaffRequest, kind: str, pk: int, verb: str) -> HttpResponse:
    """``agree``, ``refuse`` or ``withdraw``."""
    if kind not in KINDS:
        raise Http404
    found = get_object_or_404(_found(request, kind), pk=pk)
    form = AnswerForm(request.POST)
    if verb == "refuse" and not form.is_valid():
        return _page(request, kind, pk, form)
    if verb == "withdraw":
        KINDS[kind].withdraw(found, actor=request.user)
    elif verb in {"agree", "refuse"}:
        answer = form.cleaned_data["note"] if verb == "refuse" else ""
        KINDS[kind].decide(found, verb == "agree", answer=answer, actor=request.user)
    else:
        raise Http404
    messages.success(request, _("已记下。"))
    return redirect(KINDS[kind].page, pk)

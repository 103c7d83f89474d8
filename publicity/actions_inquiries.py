"""Everything that happens to an inquiry: received, assigned, answered, judged by the citizen, escalated, closed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from disbursement.rounds import working_days_after
from programs.models import Program
from publicity.models import Inquiry, InquiryAnswer, InquiryFile, own_units
from selfcheck.actions import register_problem
from selfcheck.models import Problem
from subsidy_portal import bulk, clock, crypto
from subsidy_portal.models import Area, Organisation, StoredFile, User
from subsidy_portal.permissions import allowed, require
from subsidy_portal.pictures import Clean
from subsidy_portal.workflow import InvalidTransition, NotPermitted, Refused, StaleStatus, move, record

K, S = Organisation.Kind, Inquiry.Status
CODE_DIGITS = 6
# Offices are told so many working days before an answer is due.
REMIND_DAYS = 3


def code_of(token: str) -> str:
    """The lookup code of the inquiry that a form with ``token`` brings: a second tap is told the same one."""
    number = int.from_bytes(crypto.blind_index(token, "inquiry.form-code")[:8], "big")
    return f"{number % 10**CODE_DIGITS:0{CODE_DIGITS}d}"


def due_from(kind: str, day: dt.date) -> dt.date:
    """The last working day on which an inquiry of ``kind`` may be answered."""
    return working_days_after(day, settings.INQUIRY_DAYS[kind])


def file_inquiry(
    *,
    token: str,
    kind: str,
    text: str,
    area: Area,
    program: Program | None = None,
    about: Organisation | None = None,
    contact: str = "",
    files: Sequence[Clean] = (),
) -> Inquiry:
    """Receive what a citizen sent; a form that comes twice (a second tap) answers with the inquiry of the first."""
    once = crypto.blind_index(token, "inquiry.once")
    known = Inquiry.objects.filter(once_hash=once)
    if earlier := known.first():
        return earlier
    try:
        with transaction.atomic():
            return _keep(once, token, kind, text, area, program, about, contact, files)
    except IntegrityError:
        if both := known.first():
            return both
        raise


def _keep(
    once: bytes,
    token: str,
    kind: str,
    text: str,
    area: Area,
    program: Program | None,
    about: Organisation | None,
    contact: str,
    files: Sequence[Clean],
) -> Inquiry:
    system, today = User.objects.system(), clock.today()
    (pk,) = bulk.take_ids("publicity_inquiry", 1)
    number = f"{today:%y%m}-{bulk.next_number('inquiry_number_seq'):04d}"
    inquiry = Inquiry.objects.create(
        pk=pk,
        number=number,
        code_hash=Inquiry.code_index(number, code_of(token)),
        once_hash=once,
        kind=kind,
        area=area,
        program=program,
        about=about,
        text_sealed=crypto.encrypt(text, Inquiry.text_place(pk)),
        contact_sealed=crypto.encrypt(contact, Inquiry.contact_place(pk)) if contact else None,
        received_at=clock.now(),
        due_on=due_from(kind, today),
    )
    for file in files:
        stored = StoredFile.keep(file.content, name=file.name, content_type=file.content_type, actor=system)
        InquiryFile.objects.create(inquiry=inquiry, file=stored)
    record(inquiry, S.RECEIVED, actor=system, new=S.RECEIVED)
    return inquiry


def _lock(inquiry: Inquiry, *expected: str) -> None:
    """One at a time, and only in the status its reader saw."""
    status = Inquiry.objects.select_for_update().values_list("status", flat=True).get(pk=inquiry.pk)
    if status != inquiry.status:
        raise StaleStatus(_("别人刚刚处理过，状态已经变了。没有重复办理，请刷新后再看。"))
    if status not in expected:
        raise InvalidTransition(
            _("%(number)s现在是“%(status)s”，不能办这一步。请刷新页面查看最新状态。")
            % {"number": inquiry.number, "status": S(status).label}
        )


def _text(text: str, what: str, limit: int = 2000) -> str:
    text = text.strip()
    if not text:
        raise Refused(_("请写明%(what)s。") % {"what": what})
    if len(text) > limit:
        raise Refused(_("%(what)s超过%(limit)d个字。请缩短后再提交。") % {"what": what, "limit": limit})
    return text


@transaction.atomic
def assign_inquiry(inquiry: Inquiry, *, owner: Organisation, about: Organisation | None = None, actor: User) -> None:
    """Give it to the office that answers, and note whom it is about. Nobody answers for themselves: raises Refused."""
    require(actor, "inquiry.assign")
    _lock(inquiry, S.RECEIVED, S.ASSIGNED)
    _require_other_unit(owner, about)
    if inquiry.status == S.RECEIVED:
        move(inquiry, S.ASSIGNED, actor=actor, note=str(owner), owner=owner, about=about)
        return
    Inquiry.objects.filter(pk=inquiry.pk).update(owner=owner, about=about, reminded=0)
    record(inquiry, "reassigned", actor=actor, note=str(owner))
    inquiry.refresh_from_db()


def _require_other_unit(owner: Organisation, about: Organisation | None) -> None:
    if owner.kind not in {K.FINANCE, K.DEPARTMENT, K.TOWNSHIP, K.AUDIT, K.DISCIPLINE} or not owner.is_active:
        raise Refused(_("%(unit)s不承办群众来件。请改选。") % {"unit": owner})
    if about is not None and own_units(owner).filter(pk=about.pk).exists():
        raise Refused(_("不能把反映%(unit)s的件交给它自己办。请改选承办单位。") % {"unit": about})


@transaction.atomic
def return_inquiry(inquiry: Inquiry, *, note: str, actor: User) -> None:
    """It is not this office's to answer: back to the county, which assigns it anew. The days go on."""
    require(actor, "inquiry.answer")
    note = _text(note, _("退回的原因"), 200)
    _lock(inquiry, S.ASSIGNED)
    _require_owner(inquiry, actor)
    move(inquiry, S.RECEIVED, actor=actor, note=note, owner=None)


@transaction.atomic
def answer_inquiry(inquiry: Inquiry, *, text: str, actor: User) -> InquiryAnswer:
    """Answer in the name of the owning office. Raises Refused for an answer without a word in it."""
    require(actor, "inquiry.answer")
    text = _text(text, _("答复"))
    _lock(inquiry, S.ASSIGNED, S.ESCALATED)
    office = _require_owner(inquiry, actor)
    now = clock.now()
    answer = InquiryAnswer.objects.create(inquiry=inquiry, text=text, office=office, answered_by=actor, answered_at=now)
    move(inquiry, S.ANSWERED, actor=actor, answered_at=now)
    return answer


def _require_owner(inquiry: Inquiry, actor: User) -> Organisation:
    if actor.organisation is None or actor.organisation.pk != inquiry.owner_id:
        raise NotPermitted(_("这件由%(unit)s承办，请由他们办理。") % {"unit": inquiry.owner or "—"})
    return actor.organisation


@transaction.atomic
def rate_answer(inquiry: Inquiry, *, satisfied: bool) -> None:
    """The citizen judges the last answer: satisfied closes; the first "not" begins anew, the second goes up.

    After the county itself has answered there is nobody above: its answer stands, whatever is thought of it.
    """
    system, now = User.objects.system(), clock.now()
    _lock(inquiry, S.ANSWERED)
    last = inquiry.answers.order_by("-pk").values("pk")[:1]
    InquiryAnswer.objects.filter(pk__in=last).update(satisfied=satisfied, rated_at=now)
    if satisfied:
        move(inquiry, S.CLOSED, actor=system, note=_("群众满意"), closed_at=now)
        return
    refusals = inquiry.refusals + 1
    again: dict[str, Any] = {"refusals": refusals, "due_on": due_from(inquiry.kind, clock.today()), "reminded": 0}
    if refusals < Inquiry.ROUNDS:
        move(inquiry, S.ASSIGNED, actor=system, note=_("群众不满意，再办一次"), **again)
    elif refusals == Inquiry.ROUNDS:
        move(inquiry, S.ESCALATED, actor=system, note=_("群众第二次不满意"), owner=county_office(inquiry), **again)
    else:
        move(inquiry, S.CLOSED, actor=system, note=_("县里已答复，群众仍不满意"), closed_at=now, refusals=refusals)


def county_office(inquiry: Inquiry) -> Organisation:
    """Who answers in the end: finance, or discipline what is reported and what finance itself is accused of.

    Raises Refused in a county without either.
    """
    offices = Organisation.objects.filter(is_active=True, area__code__startswith=inquiry.area.code[:6])
    accused = inquiry.about.kind if inquiry.about else ""
    kinds = [K.DISCIPLINE, K.FINANCE] if inquiry.kind == Inquiry.Kind.REPORT or accused == K.FINANCE else [K.FINANCE]
    for kind in kinds:
        if found := offices.filter(kind=kind).exclude(pk=inquiry.about_id or 0).order_by("area_id", "pk").first():
            return found
    raise Refused(_("没有可以升级办理的单位。请打12345。"))


@transaction.atomic
def make_problem(inquiry: Inquiry, *, actor: User, **fields: Any) -> Problem:
    """Enter what was reported in the ledger. The unit reads the ledger, so nothing there may tell who reported.

    Raises Refused for an inquiry that accuses nobody, has its problem already, or whose sender stands in the text.
    """
    require(actor, "problem.register")
    Inquiry.objects.select_for_update().get(pk=inquiry.pk)
    inquiry.refresh_from_db()
    if not inquiry.is_accusing:
        raise Refused(_("只有投诉和举报可以登记为问题。"))
    if inquiry.problem_id:
        raise Refused(_("已经登记为问题%(number)s，没有重复登记。") % {"number": inquiry.problem})
    _require_silent(inquiry, f"{fields.get('title', '')}{fields.get('description', '')}")
    problem = register_problem(actor=actor, **{**fields, "source": Problem.Source.REPORT})
    Inquiry.objects.filter(pk=inquiry.pk).update(problem=problem)
    # Told here and not in the ledger: that one is read by the unit.
    record(inquiry, "made_problem", actor=actor, note=problem.number)
    inquiry.refresh_from_db()
    return problem


def _require_silent(inquiry: Inquiry, text: str) -> None:
    said = _contact(inquiry).split("，")
    if inquiry.number in text or any(len(part) > 1 and part in text for part in said):
        raise Refused(_("里面有反映人的信息或受理编号，责任单位会看到。请删掉再登记。"))


def may_reveal(inquiry: Inquiry, user: User) -> bool:
    """The answering office may know who asks; who accuses is known to the offices that assign, to nobody else."""
    need = "inquiry.assign" if inquiry.is_accusing else "inquiry.reveal"
    return inquiry.contact_sealed is not None and allowed(user, need)


@transaction.atomic
def reveal_contact(inquiry: Inquiry, *, reason: str, actor: User) -> str:
    """Name and phone of who asked, recorded with the reason; empty when none was given."""
    require(actor, "inquiry.assign" if inquiry.is_accusing else "inquiry.reveal")
    record(inquiry, "revealed", actor=actor, note=_text(reason, _("查看的原因"), 200))
    return _contact(inquiry)


def _contact(inquiry: Inquiry) -> str:
    if inquiry.contact_sealed is None:
        return ""
    return crypto.decrypt(inquiry.contact_sealed, Inquiry.contact_place(inquiry.pk))


# --- What time brings --------------------------------------------------------------------------------------


def remind_offices() -> int:
    """Once when an answer is due within three working days, once when it is late; safe to run at any time."""
    today, system, told = clock.today(), User.objects.system(), 0
    near = Inquiry.objects.unanswered().filter(due_on__lte=working_days_after(today, REMIND_DAYS), reminded__lt=2)
    for inquiry in near.order_by("pk"):
        stage = 2 if inquiry.due_on < today else 1
        with transaction.atomic():
            if not Inquiry.objects.filter(pk=inquiry.pk, reminded__lt=stage).update(reminded=stage):
                continue
            record(inquiry, "reminded", actor=system, note=_("已经逾期") if stage == 2 else _("快到期限"))
            told += 1
    return told


def close_unrated() -> int:
    """Silence for seven days after an answer closes the inquiry."""
    system, closed = User.objects.system(), 0
    for inquiry in Inquiry.objects.unrated().order_by("pk"):
        try:
            move(inquiry, S.CLOSED, actor=system, note=_("7天没有评价，自动办结"), closed_at=clock.now())
        except StaleStatus:
            continue
        closed += 1
    return closed

"""Reports of the units: written by one person, handed in by another, never changed afterwards."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from selfcheck.models import Report
from selfcheck.models.reports import due_day
from selfcheck.report import build_report
from selfcheck.report_words import NOT_FOUND, OTHER, SECTIONS, problems_of, problems_of_class
from subsidy_portal import clock
from subsidy_portal.models import StoredFile, User
from subsidy_portal.permissions import require, require_other
from subsidy_portal.workflow import InvalidTransition, Refused, move, record

S, K = Report.Status, Report.Kind
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
MOST_TEXT = 4000


@transaction.atomic
def start_report(kind: str, *, year: int, month: int, actor: User) -> Report:
    """A draft of the actor's unit; it begins with the words and figures of the unit's last report of this kind.

    The draft that is already there is answered as it is.
    """
    require(actor, "report.write")
    unit = actor.organisation
    month = {K.STAGE: 7, K.ANNUAL: 12}.get(K(kind), month)
    if unit is None or not 1 <= month <= 12 or (year, month) > (clock.today().year, 12):
        raise Refused(_("年度或月份不对。请重新选择。"))
    mine = Report.objects.filter(unit=unit)
    same = mine.filter(kind=kind, year=year, month=month)
    draft = same.filter(status=S.DRAFT).first()
    if draft is not None:
        return draft
    last = mine.filter(kind=kind).order_by("-year", "-month", "-version").first()
    told = mine.submitted().order_by("-submitted_at").first()
    made = Report.objects.create(
        kind=kind,
        unit=unit,
        year=year,
        month=month,
        version=same.count() + 1,
        texts=last.texts if last else {},
        figures=told.figures if told else {},
        due_on=due_day(kind, year, month) or clock.today(),
        made_by=actor,
        made_at=clock.now(),
    )
    record(made, "created", actor=actor)
    return made


@transaction.atomic
def save_report(
    report: Report, *, texts: dict[str, str], figures: dict[str, int], not_found: list[str], zero: bool, actor: User
) -> None:
    """Keep what was written in a draft; whoever saves it has made it, so somebody else hands it in."""
    require(actor, "report.write")
    now = _locked_draft(report)
    if any(len(text) > MOST_TEXT for text in texts.values()):
        raise Refused(_("一部分文字超过%(n)d个字。请缩短后再存。") % {"n": MOST_TEXT})
    now.texts = {key: text.strip() for key, text in texts.items() if key in {*SECTIONS, OTHER} and text.strip()}
    now.figures = {key: value for key, value in figures.items() if value}
    now.not_found = [key for key in NOT_FOUND if key in not_found]
    now.zero, now.made_by = zero, actor
    now.save(update_fields=["texts", "figures", "not_found", "zero", "made_by"])
    record(report, "changed", actor=actor)
    report.refresh_from_db()


@transaction.atomic
def submit_report(report: Report, *, actor: User) -> None:
    """Hand the draft in, frozen as a document. Raises Refused when it says otherwise than the ledger."""
    require(actor, "report.submit")
    require_other(actor, report.made_by_id)
    now = _locked_draft(report)
    if now.kind == K.MONTHLY:
        _check_zero(now)
    else:
        _check_not_found(now)
    content = build_report(now)
    name = f"{now.unit.name}{now.year}年{now.month}月{now.get_kind_display()}（第{now.version}版）.docx"
    kept = StoredFile.keep(content, name=name, content_type=DOCX, actor=actor)
    move(report, S.SUBMITTED, actor=actor, submitted_by=actor, submitted_at=clock.now(), file=kept)


def _locked_draft(report: Report) -> Report:
    now = Report.objects.select_for_update().select_related("unit", "made_by").get(pk=report.pk)
    if now.status != S.DRAFT:
        raise InvalidTransition(_("报告已经报送，不能再改。要更正，请另起新版。"))
    return now


def _check_zero(report: Report) -> None:
    """零报送 is said, never left blank (R53); and it is refused while the ledger knows better."""
    found = problems_of(report).count()
    if report.zero and found:
        raise Refused(_("台账里这个月登记了%(n)d个问题，不能零报送。请取消“零报送”。") % {"n": found})
    if not found and not report.zero:
        raise Refused(_("本月没有登记问题。确实没有发现的，请选“零报送”；有的，请先登记到问题台账。"))


def _check_not_found(report: Report) -> None:
    """Every class is either denied in so many words or stands in the ledger (R68)."""
    for key, (label, _column) in NOT_FOUND.items():
        found = problems_of_class(problems_of(report), key).count()
        if found and key in report.not_found:
            raise Refused(_("台账里有%(n)d个“%(name)s”问题，不能写未发现。") % {"n": found, "name": label})
        if not found and key not in report.not_found:
            raise Refused(_("“%(name)s”没有说明。没有的，请选“未发现”；有的，请先登记到问题台账。") % {"name": label})

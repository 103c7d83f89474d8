"""The written self-inspection report (R66): the sections of S0 and S4, figures and charts from the data, words kept.

The sentences are those of the sources; everything in them is counted when the paper is made.
"""

from __future__ import annotations

import calendar
import datetime as dt

from django.db.models import Count

from disbursement.statistics import Share, Summary, summary
from programs.models import Program
from selfcheck.docx_paper import Paper
from selfcheck.models import Problem, Report
from selfcheck.official import shown
from selfcheck.report_words import NOT_FOUND, SECTIONS, problems_of
from selfcheck.yearly import HEADS, yearly_table
from subsidy_portal import clock
from subsidy_portal.models import Organisation
from subsidy_portal.money import format_wan, format_yuan, percent

NUMERALS = "一二三四五六"
SHOWN = 10


def build_report(report: Report) -> bytes:
    """The paper of ``report`` as it stands now."""
    paper = Paper(f"{report.unit.name}\n惠民惠农财政补贴资金“一卡通”\n{_title(report)}")
    writers = {"management": _write_management, "payments": _write_payments, "problems": _write_problems}
    for place, (key, (heading, _hint)) in enumerate(SECTIONS.items()):
        words = report.texts.get(key, "")
        paper.heading(f"{NUMERALS[place]}、{heading}")
        write = writers.get(key)
        if write:
            write(paper, report)
        paper.text(words or ("" if write else "无。"))
    day = _as_of(report)
    paper.signed(report.unit.name, f"{day.year}年{day.month}月{day.day}日")
    return paper.save()


def _title(report: Report) -> str:
    if report.kind == Report.Kind.MONTHLY:
        return f"专项治理{report.year}年{report.month}月自查情况报告"
    words = {"stage": "专项治理阶段性工作总结", "annual": "专项治理年度工作总结", "self_check": "工作自查情况报告"}
    return f"{report.year}年{words[report.kind]}"


def _as_of(report: Report) -> dt.date:
    """The day the figures are of: today, or the last day of a month that is over."""
    last = dt.date(report.year, report.month, calendar.monthrange(report.year, report.month)[1])
    return min(last, clock.today())


# --- 一、管理 -----------------------------------------------------------------------------------------------


def _write_management(paper: Paper, report: Report) -> None:
    programs = Program.objects.visible_to(report.made_by).filter(is_active=True)
    on, off = programs.filter(on_platform=True).count(), programs.filter(on_platform=False).count()
    units = programs.order_by().values("department").distinct().count()
    banks = list(
        Organisation.objects.filter(kind=Organisation.Kind.BANK, is_active=True).values_list("name", flat=True)
    )
    paper.text(
        f"截至{_day(_as_of(report))}，在用补贴项目{on + off}项，其中通过“一卡通”系统发放{on}项、线下发放{off}项，"
        f"涉及主管单位{units}家；代发金融机构{len(banks)}家" + (f"，即{'、'.join(banks)}。" if banks else "。")
    )


# --- 二、发放 -----------------------------------------------------------------------------------------------


def _write_payments(paper: Paper, report: Report) -> None:
    as_of = _as_of(report)
    years = [
        summary(dt.date(report.year - 1, 12, 31), year=report.year - 1, user=report.made_by),
        summary(as_of, year=report.year, user=report.made_by),
    ]
    told = [found for found in years if found.payments]
    for found in told:
        paper.text(sentence(found))
    if not told:
        paper.text(f"截至{_day(as_of)}，没有通过“一卡通”系统发放补贴。")
        return _write_years(paper, report)
    paper.caption("表", "通过“一卡通”系统发放情况")
    paper.table(
        ("年度", "项目", "批次", "金额（万元）", "人次", "成功率", "社保卡占比"),
        [
            (f"{f.year}年", f"{f.programs:,}", f"{f.batches:,}", format_wan(f.amount_fen), f"{f.payments:,}",
             f.success_rate, f.ssc_share)
            for f in told
        ],
        (20, 16, 16, 28, 24, 22, 26),
    )  # fmt: skip
    last = told[-1]
    _write_parts(paper, f"{last.year}年各补贴项目发放情况", "补贴项目", last.by_program[:SHOWN], last)
    if len(last.by_month) > 1:
        paper.caption("图", f"{last.year}年各月应发与已发（万元）")
        months = [f"{int(str(share.key)[5:])}月" for share in last.by_month]
        due, paid = ([format_wan(value(s)) for s in last.by_month] for value in (_due, _paid))
        paper.chart(months, [("应发", due), ("已发", paid)])
    return _write_years(paper, report)


def _due(share: Share) -> int:
    return share.amount_fen


def _paid(share: Share) -> int:
    return share.paid_fen


def sentence(found: Summary) -> str:
    """R48 in the words of S0."""
    until = (
        "全年" if (found.as_of.month, found.as_of.day) == (12, 31) else f"截至{found.as_of.month}月{found.as_of.day}日"
    )
    return (
        f"{found.year}年{until}共通过“一卡通”系统发放各类补贴{found.programs}项{found.batches}个批次，"
        f"发放财政补贴资金{format_wan(found.amount_fen).replace(',', '')}万元，享受补贴群众{found.payments}人次，"
        f"发放成功率{found.success_rate}，社保卡占比{found.ssc_share}。"
    )


def _write_parts(paper: Paper, caption: str, first: str, shares: list[Share], whole: Summary) -> None:
    rest = Share(name="其余各项")
    for share in whole.by_program[len(shares) :]:
        rest.add(share)
    rows = [*shares, *([rest] if rest.payments else []), Share(name="合计")]
    rows[-1].add(whole)
    paper.caption("表", caption)
    paper.table(
        (first, "人次", "应发（万元）", "已发（万元）", "成功率"),
        [
            (row.name, f"{row.payments:,}", format_wan(row.amount_fen), format_wan(row.paid_fen), row.success_rate)
            for row in rows
        ],
        (56, 24, 28, 28, 20),
    )


def _write_years(paper: Paper, report: Report) -> None:
    """S4's paragraph and table, where anything is registered beside what this portal paid."""
    table = yearly_table(report.made_by)
    if not any(table.cell(line.key, "off_fen") for line in table.lines):
        return
    whole = table.lines[-1]
    cell = {head.key: shown(value, head).replace(",", "") for head, value in zip(HEADS, whole.cells, strict=True)}
    span = whole.name if whole.look != "total" else f"{table.lines[0].name}至{table.lines[-2].name}"
    paper.text(
        f"{span}共发放补贴资金{cell['all_items']}项，资金总额{cell['all_fen']}万元（到人金额{cell['all_person_fen']}万元，"
        f"到户金额{cell['all_household_fen']}万元）。其中，通过系统发放{cell['on_items']}项，资金总额{cell['on_fen']}万元；"
        f"未通过系统发放{cell['off_items']}项，资金总额{cell['off_fen']}万元，占{cell['off_share']}。"
    )
    keys = ("all_items", "all_fen", "persons", "households", "on_fen", "off_fen")
    heads = [head for head in HEADS if head.key in keys]
    paper.caption("表", "分年度发放情况（万元、项、人、户）")
    paper.table(
        ("年度", "项数", "金额", "人数", "户数", "系统发放", "线下发放"),
        [(line.name, *(shown(table.cell(line.key, head.key), head) or "—" for head in heads)) for line in table.lines],
        (20, 16, 26, 24, 22, 26, 26),
    )


# --- 三、问题 -----------------------------------------------------------------------------------------------


def _write_problems(paper: Paper, report: Report) -> None:
    problems = list(problems_of(report).with_recovery().select_related("unit", "program").order_by("pk"))
    absent = [NOT_FOUND[key][0] for key in report.not_found]
    if report.zero:
        paper.text(f"{report.year}年{report.month}月经全面自查，未发现问题（零报送）。")
    if absent:
        paper.text(f"经全面自查，未发现{'、'.join(absent)}问题。")
    if not problems:
        return
    closed = sum(problem.status == Problem.Status.CLOSED for problem in problems)
    due, back, left = (
        sum(getattr(problem, name) for problem in problems)
        for name in ("recovery_due_fen", "recovered_fen", "missing_fen")
    )
    paper.text(
        f"自查发现问题{len(problems)}个，涉及{sum(problem.persons for problem in problems)}人、"
        f"资金{format_wan(sum(problem.amount_fen for problem in problems))}万元；已销号{closed}个，"
        f"整改完成率{percent(closed, len(problems), 1)}。应追缴{format_wan(due)}万元，已追缴收回{format_wan(back)}万元"
        + (f"，还有{format_wan(left)}万元正在追缴。" if left else "。")
    )
    paper.caption("表", "问题及整改情况")
    paper.table(
        ("编号", "问题", "责任单位", "涉及（元）", "已追回（元）", "进展"),
        [
            (p.number, p.title, p.unit.short_name, format_yuan(p.amount_fen), format_yuan(p.recovered_fen),
             str(p.get_status_display()))
            for p in problems[: SHOWN * 5]
        ],
        (26, 46, 28, 24, 24, 18),
    )  # fmt: skip
    if len(problems) > SHOWN * 5:
        paper.text(f"其余{len(problems) - SHOWN * 5}个问题见问题台账。")
    counts = problems_of(report).order_by().values("category").annotate(n=Count("pk")).order_by("-n", "category")
    if len(counts) > 1:
        paper.caption("图", "问题分类（个）")
        labels = [str(Problem.Category(row["category"]).label) for row in counts]
        paper.chart(labels, [("问题", [str(row["n"]) for row in counts])], lying=True)


def _day(day: dt.date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"

"""The morning after: work lies on every desk, so that whoever opens the rehearsal finds something to do."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from disbursement import actions as money
from programs import actions
from programs.models import FundEntry, Roster
from publicity import actions_inquiries as inquiries
from publicity.actions_results import publish_rectification
from publicity.models import Inquiry
from selfcheck import actions as ledger
from selfcheck.models import Problem
from subsidy_portal import clock
from subsidy_portal.demo.catalogue import (
    CARE_CODE,
    DESTITUTE_CODE,
    LAND_CODE,
    LIVING_CODE,
    LONGEVITY_CODE,
    VETERAN_CODE,
)
from subsidy_portal.demo.inspection import leave_inspection
from subsidy_portal.demo.plan import Run
from subsidy_portal.demo.play import Play, R
from subsidy_portal.models import Area, Organisation


def _next_year(play: Play, code: str, period: str, month: int) -> Run:
    """One township's claims of a program again, in a new period."""
    run = next(run for run in play.plan.runs if run.entry.code == code)
    town = next(iter(run.claims))
    return Run(replace(run.entry), period, month, {town: run.claims[town][:240]})


def leave_work(play: Play) -> None:
    """Rosters at every desk, a batch to approve and one to release, an overdue problem, a fund entry to confirm."""
    year = play.plan.year + 1
    world = play.world
    clock.set_today(dt.date(year, 2, 22))
    for code in (LONGEVITY_CODE, LIVING_CODE, CARE_CODE, DESTITUTE_CODE, VETERAN_CODE):
        entry = actions.enter_funds(
            world.programs[code], year, kind=FundEntry.Kind.ISSUED, amount_fen=300_000_000,
            document_number=f"示财预〔{year}〕{code[-3:]}号", actor=world.finance(R.OPERATOR),
        )  # fmt: skip
        if code != VETERAN_CODE:
            actions.confirm_funds(entry, actor=world.finance(R.REVIEWER))
    codes = (LONGEVITY_CODE, DESTITUTE_CODE, LIVING_CODE, CARE_CODE)
    rosters = play.upload([_next_year(play, code, f"{year}-02", 2) for code in codes], broken=False)
    play.decide_suspicions()
    play.to_notice(rosters, return_one=False)
    by_code = {roster.program.code: roster for roster in rosters}
    _overdue_problem(play, by_code[LONGEVITY_CODE])
    _letters(play, by_code[LONGEVITY_CODE])

    clock.set_today(dt.date(year, 3, 6))
    _publish_results(play)
    actions.end_due_notices()
    play.to_acceptance([by_code[LONGEVITY_CODE], by_code[DESTITUTE_CODE]])
    play.to_department([by_code[LIVING_CODE]])  # finance has to accept it; the fourth waits for its department
    for code in (LONGEVITY_CODE, DESTITUTE_CODE):
        batch = money.make_batch(world.programs[code], f"{year}-02", actor=world.finance(R.OPERATOR))
        money.submit_batch(batch, actor=world.finance(R.OPERATOR))
        if code == LONGEVITY_CODE:
            money.approve_batch(batch, actor=world.finance(R.REVIEWER))

    play.to_notice(play.upload([_next_year(play, LIVING_CODE, f"{year}-03", 3)], broken=False), return_one=False)
    (submitted,) = play.upload([_next_year(play, LONGEVITY_CODE, f"{year}-03", 3)], broken=False)
    actions.submit_roster(submitted, actor=world.town_user(submitted.area, R.OPERATOR))
    play.upload([_next_year(play, VETERAN_CODE, f"{year}-02", 2)], broken=False)  # the register says two have died
    play.upload_broken(_next_year(play, LAND_CODE, str(year), 3))
    leave_inspection(world, year)


def _overdue_problem(play: Play, roster: Roster) -> None:
    """Registered two weeks ago, due two days ago, and nobody has asked to close it."""
    day, world = clock.today(), play.world
    department = roster.program.department
    problem: Problem = ledger.register_problem(
        source=Problem.Source.SPOT_CHECK, found_on=day - dt.timedelta(days=20), area=roster.area, unit=department,
        program=roster.program, year=play.plan.year, category=Problem.Category.G1_05, annex2_column=11,
        title="两个村公示照片没有留存", description="抽查发现柳树村、河湾村上年第四季度的公示没有留存照片。",
        households=12, actor=world.audit(R.OPERATOR),
    )  # fmt: skip
    ledger.verify_problem(problem, actor=world.at(department, R.REVIEWER))
    ledger.plan_rectification(
        problem, measures="补拍并建立公示档案，按月检查。", leader="分管局长", owner="社会救助股",
        due_on=day + dt.timedelta(days=10), actor=world.at(department, R.OPERATOR),
    )  # fmt: skip


def _letters(play: Play, roster: Roster) -> None:
    """One question answered and judged, one answered, one report and one request that nobody has assigned yet."""
    world, department, town = play.world, roster.program.department, roster.area
    office = Organisation.objects.get(kind=Organisation.Kind.TOWNSHIP, area=town)

    def letter(kind: str, text: str, **fields: object) -> Inquiry:
        return inquiries.file_inquiry(token=text, kind=kind, text=text, **{"area": town, **fields})  # type: ignore[arg-type]

    def answer(inquiry: Inquiry, text: str) -> None:
        inquiries.assign_inquiry(inquiry, owner=department, actor=world.finance(R.OPERATOR))
        inquiries.answer_inquiry(inquiry, text=text, actor=world.at(department, R.OPERATOR))

    asked = letter("consult", "我母亲上个月满80岁，高龄津贴怎么领？", program=roster.program)
    answer(asked, "满80岁的当月起发。请带身份证和社保卡到镇财政所登记，次月发到社保卡。")
    inquiries.rate_answer(asked, satisfied=True)
    late = letter(
        "complaint", "去年第四季度的津贴晚了一个月才到。", program=roster.program, contact="顾清明，13900000001"
    )
    answer(late, "第四季度的清册报得晚，1月25日已补发。以后每月20日前报齐。")
    letter("report", "镇里有人收走老人的社保卡，说是统一保管。", about=office)
    letter(
        "disclosure", "请公开本镇上年度各项补贴的总人数和总金额。", contact="沈白露，13900000002",
        area=Area.objects.get(level=Area.Level.COUNTY),
    )  # fmt: skip


def _publish_results(play: Play) -> None:
    """Every closed problem is on the public page."""
    for problem in Problem.objects.filter(status=Problem.Status.CLOSED).select_related("program"):
        publish_rectification(
            problem, summary="多发的补贴已全部追回并缴入国库，改为每月与死亡登记比对后再发。",
            url="https://example.gov.cn/results/", actor=play.world.at(problem.unit, R.OPERATOR),
        )  # fmt: skip

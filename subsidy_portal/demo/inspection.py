"""What a rehearsal shows of the self-inspection: money off the platform, a zero report, a department's paper."""

from __future__ import annotations

from programs.models import Program
from selfcheck import actions
from selfcheck.report_words import NOT_FOUND
from subsidy_portal import clock
from subsidy_portal.demo.catalogue import CIVIL, DEPARTMENTS, LONGEVITY_CODE, SCHOOL
from subsidy_portal.demo.world import World
from subsidy_portal.models import Organisation, User

R = User.Role
# name, department, to whom, fen and recipients of the year before last and of last year
OFFLINE = (
    ("家庭经济困难学生生活补助", SCHOOL, Program.PaidTo.PERSON, ((186_450_000, 1_492), (191_300_000, 1_530))),
    ("春节慰问困难家庭", CIVIL, Program.PaidTo.HOUSEHOLD, ((52_800_000, 1_056), (54_150_000, 1_083))),
)


def leave_inspection(world: World, year: int) -> None:
    """Off-platform amounts of the two years before ``year``, one of them to be confirmed; reports of two units."""
    clerk, reviewer = world.finance(R.OPERATOR), world.finance(R.REVIEWER)
    civil = world.programs[LONGEVITY_CODE].department
    offices = {name: Organisation.objects.filter(name__endswith=DEPARTMENTS[name]).first() for name in (CIVIL, SCHOOL)}
    for number, (name, department, paid_to, amounts) in enumerate(OFFLINE, 1):
        program = Program.objects.create(
            code=f"99{number:05d}", name=name, short_name=name[:10], department=offices[department] or civil,
            paid_to=paid_to, cycle=Program.Cycle.YEARLY, standard_fen=0, standard_text="按年度方案", on_platform=False,
        )  # fmt: skip
        actions.note_off_platform(
            program, reason="由学校、村直接发放，名单当年才定", decision="offline" if number == 1 else "include",
            decided_on=clock.today(), rule="资金管理办法（示财社〔2021〕8号）", oversight="每季度抽查，结果报纪检备案",
            filed_on=clock.today(), actor=clerk,
        )  # fmt: skip
        for past, (fen, recipients) in zip((year - 2, year - 1), amounts, strict=True):
            people = "persons" if paid_to == Program.PaidTo.PERSON else "households"
            amount = actions.enter_yearly_amount(
                program, year=past, channel="offline", amount_fen=fen, basis=f"{past}年决算表", actor=clerk,
                **{people: recipients},
            )  # fmt: skip
            if (number, past) != (len(OFFLINE), year - 1):
                actions.confirm_yearly_amount(amount, actor=reviewer)
    _reports(world, civil, year)


def _reports(world: World, civil: Organisation, year: int) -> None:
    town = world.towns[0]
    zero = actions.start_report("monthly", year=year, month=1, actor=world.town_user(town, R.OPERATOR))
    actions.save_report(
        zero, texts={"next": "继续逐村入户，按月比对死亡登记。"},
        figures={"survey_persons": 186, "survey_households": 64}, not_found=[], zero=True,
        actor=world.town_user(town, R.OPERATOR),
    )  # fmt: skip
    actions.submit_report(zero, actor=world.town_user(town, R.REVIEWER))
    paper = actions.start_report("self_check", year=year, month=3, actor=world.at(civil, R.OPERATOR))
    texts = {
        "management": "印发《“一卡通”管理实施方案》，建立联席会议制度；政策清单在县政府网站公布，明白卡发到各村。",
        "problems": "原因是家属未及时上报、村级未按月比对。已责成各乡镇按月比对死亡登记。",
        "difficulties": "公安、金融信息不同步，个别账户状态要等银行反馈后才知道。",
        "proposals": "实现民政、社保、公安、金融数据共享，从源头核对补贴对象。",
        "next": "对发放清单动态管理，四月底前完成全部村的入户抽查。",
    }
    actions.save_report(
        paper, texts=texts, figures={"survey_persons": 412, "survey_households": 137}, not_found=list(NOT_FOUND),
        zero=False, actor=world.at(civil, R.OPERATOR),
    )  # fmt: skip

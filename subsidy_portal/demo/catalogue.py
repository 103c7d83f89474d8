"""The programs of the fictional county: names and codes of the national catalogue (domain §16), local ones begin with 9.

``members`` is the number of claims in every period, over ``towns`` townships. ``age`` bounds the beneficiaries.
"""

from __future__ import annotations

from dataclasses import dataclass

from programs.actions import ColumnSpec
from programs.models import Program

P, H = Program.PaidTo.PERSON, Program.PaidTo.HOUSEHOLD
M, Q, Y, O = Program.Cycle.MONTHLY, Program.Cycle.QUARTERLY, Program.Cycle.YEARLY, Program.Cycle.ONE_OFF

DEPARTMENTS = (
    "民政局", "残疾人联合会", "退役军人事务局", "农业农村局", "卫生健康委员会", "人力资源和社会保障局",
    "林业局", "水利局", "住房和城乡建设局", "应急管理局", "教育体育局",
)  # fmt: skip
CIVIL, DISABLED, VETERANS, FARMING, HEALTH, LABOUR, FOREST, WATER, HOUSING, EMERGENCY, SCHOOL = range(11)


@dataclass(frozen=True)
class Entry:
    code: str
    name: str
    department: int
    paid_to: str
    cycle: str
    standard_fen: int  # for one unit; 0: each claim has its own amount
    unit: str
    members: int
    towns: int
    age: tuple[int, int] = (30, 79)
    month: int = 0  # for yearly and one-off programs: the month they are paid
    audience: tuple[str, ...] = ()


@dataclass(frozen=True)
class OwnTemplate:
    """What a program's roster has besides the provincial columns, and how its amounts are reckoned."""

    rule: str
    level: str = Program.RuleLevel.WARN
    columns: tuple[ColumnSpec, ...] = ()


VETERAN_CODE, GRANT_CODE, LAND_CODE, GRAIN_CODE = "9080801", "2082001", "2130122", "9130101"
DESTITUTE_CODE, LIVING_CODE, CARE_CODE, LONGEVITY_CODE = "2082102", "2081107", "2081108", "2080502"

OWN_TEMPLATES = {
    LONGEVITY_CODE: OwnTemplate("300 if 年龄>=100 else 标准"),
    CARE_CODE: OwnTemplate(
        "标准*月数",
        columns=(
            ColumnSpec("残疾等级", "choice", choices=("一级", "二级"), help="残疾人证上的等级"),
            ColumnSpec("月数", "integer", help="这一期发几个月", example="1"),
        ),
    ),
    LAND_CODE: OwnTemplate(
        "标准*数量",
        Program.RuleLevel.REFUSE,
        (
            ColumnSpec("地块数", "integer", help="确权登记的地块", example="3"),
            ColumnSpec("承包合同签订日期", "date", required=False, example="2018-12-31"),
        ),
    ),
}

ENTRIES = (
    Entry(LONGEVITY_CODE, "高龄津贴", CIVIL, P, M, 10_000, "人·月", 3600, 10, (81, 97), audience=("老年人",)),
    Entry("2081902", "农村低保金", CIVIL, P, M, 33_000, "人·月", 2400, 5, (20, 79), audience=("困难家庭",)),
    Entry(LIVING_CODE, "困难残疾人生活补贴", DISABLED, P, M, 7_500, "人·月", 1300, 2, (20, 79), audience=("残疾人",)),
    Entry(CARE_CODE, "重度残疾人护理补贴", DISABLED, P, M, 7_500, "人·月", 1350, 2, (20, 79), audience=("残疾人",)),
    Entry(
        DESTITUTE_CODE,
        "农村分散供养特困人员供养金",
        CIVIL,
        P,
        M,
        76_000,
        "人·月",
        520,
        2,
        (61, 91),
        audience=("困难家庭",),
    ),
    Entry("2081901", "城市低保金", CIVIL, P, M, 42_000, "人·月", 420, 1, (20, 79), audience=("困难家庭",)),
    Entry(
        "2082101", "城市分散供养特困人员供养金", CIVIL, P, M, 90_000, "人·月", 90, 1, (61, 91), audience=("困难家庭",)
    ),
    Entry("2082501", "孤儿基本生活费", CIVIL, P, M, 105_000, "人·月", 40, 1, (4, 16), audience=("儿童",)),
    Entry("2082502", "事实无人抚养儿童基本生活补贴", CIVIL, P, M, 105_000, "人·月", 60, 1, (4, 16), audience=("儿童",)),
    Entry(
        VETERAN_CODE,
        "60岁以上农村籍退役士兵老年生活补助",
        VETERANS,
        P,
        M,
        31_000,
        "人·月",
        640,
        2,
        (61, 82),
        audience=("退役军人",),
    ),
    Entry("2081001", "经济困难老年人养老服务补贴", CIVIL, P, M, 6_000, "人·月", 800, 2, (66, 79), audience=("老年人",)),
    Entry(
        "2081002",
        "不能自理经济困难老年人护理补贴",
        CIVIL,
        P,
        M,
        10_000,
        "人·月",
        320,
        1,
        (66, 90),
        audience=("老年人",),
    ),
    Entry("2110401", "生态护林员补助", FOREST, P, M, 80_000, "人·月", 160, 1, (25, 58), audience=("农民",)),
    Entry("2080705", "公益性岗位补贴（乡村）", LABOUR, P, M, 100_000, "人·月", 150, 1, (25, 58), audience=("就业",)),
    Entry("2130109", "村级防疫员补助", FARMING, P, M, 50_000, "人·月", 80, 1, (25, 58), audience=("农民",)),
    Entry("2130701", "村干部基本报酬", CIVIL, P, M, 260_000, "人·月", 60, 1, (30, 58), audience=("村干部",)),
    Entry("2080801", "精减退职职工救济费", CIVIL, P, M, 50_000, "人·月", 30, 1, (78, 92), audience=("老年人",)),
    Entry(
        "2100702",
        "计划生育特殊困难家庭住院护理补助",
        HEALTH,
        P,
        M,
        20_000,
        "人·月",
        50,
        1,
        (50, 75),
        audience=("计生家庭",),
    ),
    Entry("2080704", "灵活就业人员社会保险补贴", LABOUR, P, M, 40_000, "人·月", 180, 1, (40, 58), audience=("就业",)),
    Entry("9080802", "农村老电影放映员补助", SCHOOL, P, M, 12_000, "人·月", 40, 1, (65, 85), audience=("老年人",)),
    Entry("9080803", "原民办代课教师养老补贴", SCHOOL, P, M, 20_000, "人·月", 560, 2, (61, 85), audience=("老年人",)),
    Entry("9080804", "失能老人照料补贴", CIVIL, P, M, 15_000, "人·月", 1150, 2, (66, 92), audience=("老年人",)),
    Entry(
        "2100701",
        "农村部分计划生育家庭奖励扶助",
        HEALTH,
        P,
        Q,
        24_000,
        "人·季",
        2000,
        5,
        (61, 79),
        audience=("计生家庭",),
    ),
    Entry("2100705", "计划生育家庭特别扶助", HEALTH, P, Q, 150_000, "人·季", 120, 1, (50, 75), audience=("计生家庭",)),
    Entry("2130321", "大中型水库移民后期扶持补助", WATER, P, Q, 15_000, "人·季", 2400, 4, (20, 79), audience=("移民",)),
    Entry("2080709", "职业技能评价补贴", LABOUR, P, Q, 100_000, "人·次", 80, 1, (20, 50), audience=("就业",)),
    Entry(
        "2210199", "公共租赁住房租赁补贴", HOUSING, H, Q, 60_000, "户·季", 300, 1, (25, 70), audience=("住房困难家庭",)
    ),
    Entry("2080702", "职业培训补贴", LABOUR, P, Q, 80_000, "人·次", 150, 1, (20, 55), audience=("就业",)),
    Entry("9100701", "离岗乡村医生养老补助", HEALTH, P, Q, 90_000, "人·季", 350, 1, (61, 85), audience=("老年人",)),
    Entry("9130701", "离任村干部生活补贴", CIVIL, P, Q, 45_000, "人·季", 600, 2, (61, 85), audience=("村干部",)),
    Entry(LAND_CODE, "耕地地力保护补贴", FARMING, H, Y, 10_320, "亩", 31_000, 10, month=5, audience=("农民",)),
    Entry(GRAIN_CODE, "实际种粮农民一次性补贴", FARMING, H, O, 1_450, "亩", 30_000, 10, month=6, audience=("农民",)),
    Entry("2110501", "非国有林生态保护补偿", FOREST, H, Y, 1_575, "亩", 4_000, 4, month=8, audience=("农民",)),
    Entry("2130201", "新一轮退耕还林还草延长期补助", FOREST, H, Y, 10_000, "亩", 2_400, 3, month=9, audience=("农民",)),
    Entry("2130123", "农机购置与应用补贴", FARMING, P, O, 250_000, "台", 300, 2, (25, 65), 10, ("农民",)),
    Entry("2210105", "农村危房改造补助", HOUSING, H, O, 1_500_000, "户", 120, 2, month=11, audience=("住房困难家庭",)),
    Entry("2240701", "冬春临时生活困难救助", EMERGENCY, H, O, 20_000, "户", 3_000, 4, month=2, audience=("受灾群众",)),
    Entry("2240703", "受灾群众生活救助补助", EMERGENCY, H, O, 60_000, "户", 500, 2, month=8, audience=("受灾群众",)),
    Entry("2130506", "雨露计划职业教育补助", SCHOOL, P, Y, 150_000, "人·学期", 1_000, 3, (16, 22), 10, ("学生",)),
    Entry("2081999", "价格临时补贴", CIVIL, P, O, 4_000, "人", 4_400, 5, (20, 79), 4, ("困难家庭",)),
    Entry(GRANT_CODE, "临时救助金", CIVIL, P, O, 0, "人·次", 900, 3, (20, 79), 12, ("困难家庭",)),
    Entry("2130501", "脱贫人口跨省就业交通补贴", LABOUR, P, O, 30_000, "人", 1_100, 3, (20, 58), 7, ("就业",)),
    Entry("2130503", "脱贫人口省内县外就业交通补贴", LABOUR, P, O, 15_000, "人", 500, 2, (20, 58), 7, ("就业",)),
    Entry("2080714", "一次性求职补贴", LABOUR, P, O, 100_000, "人", 300, 1, (20, 24), 6, ("学生", "就业")),
    Entry("2080713", "一次性创业补贴", LABOUR, P, O, 500_000, "人", 40, 1, (22, 50), 11, ("就业",)),
    Entry("2130238", "巩固退耕还林成果补助", FOREST, H, Y, 12_500, "亩", 173, 1, month=9, audience=("农民",)),
)

"""The rows and columns of 附件2 and how the 14 kinds of problem fall into them (domain §8, S2)."""

from django.utils.translation import gettext_lazy as _

from selfcheck.models import Problem

C = Problem.Category

ANNEX2_COLUMNS = {
    1: _("贪污侵占"),
    2: _("截留挪用"),
    3: _("虚报冒领"),
    4: _("私存私分"),
    5: _("克扣索要"),
    6: _("超范围超标准发放"),
    7: _("发放不及时"),
    8: _("未足额发放"),
    9: _("结存资金未按规定存放"),
    10: _("未按规定形式发放"),
    11: _("未按规定进行公示公告"),
    12: _("违规代管“一卡通”数量"),
    13: _("应享受未享受"),
    14: _("其他"),
}

# The first column is the usual one. S2 has no kind of problem for 私存私分 (4): it is filed with 侵占、挪用.
COLUMNS_OF: dict[str, tuple[int, ...]] = {
    C.G1_01: (14,),
    C.G1_02: (7, 8, 13),
    C.G1_03: (6,),
    C.G1_04: (10,),
    C.G1_05: (11,),
    C.G1_06: (9, 14),
    C.G1_07: (14,),
    C.G2_01: (14,),
    C.G2_02: (14,),
    C.G2_03: (14, 5),
    C.G3_01: (5, 14),
    C.G3_02: (3,),
    C.G3_03: (1, 2, 4),
    C.G3_04: (12,),
}

CARDS_COLUMN = 12  # counts cards; every other column is money

# What the form calls its rows, and what the codes of the national catalogue (domain §16) of their programs begin with.
ANNEX2_ROWS: dict[int, tuple[str, tuple[str, ...]]] = {
    1: ("困难群众救助资金", ("20819", "20820", "20821", "20825")),
    2: ("社会救助资金", ()),
    3: ("残疾人两项补贴", ("2081107", "2081108")),
    4: ("残疾人事业发展补助资金", ("20811",)),
    5: ("城乡医疗救助补助资金", ()),
    6: ("就业补助资金", ("20807",)),
    7: ("计划生育转移支付资金", ("21007",)),
    8: ("优抚对象补助资金", ("20808", "90808")),
    9: ("高龄津贴财政补助资金", ("2080502",)),
    10: ("大中型水库移民后期扶持基金(移民补助)", ("2130321",)),
    11: ("耕地地力保护补贴", ("2130122",)),
    12: ("实际种粮农民一次性补贴", ()),
    13: ("农机购置补贴", ("2130101", "2130123")),
    14: ("省级生态公益林补偿资金", ("2110501",)),
    15: ("完善退耕还林政策补助资金", ("2130205", "2130238")),
    16: ("新一轮退耕还林还草补助资金", ("2130201",)),
    17: ("生态护林员补助资金", ("2110401",)),
    18: ("2021年中央和省级农村危房改造资金", ("2210105",)),
    19: ("2021年中央和省级自然灾害救灾资金", ("22407",)),
    20: ("2021年租赁住房补贴", ("2210199",)),
}


def usual_row(code: str) -> int | None:
    """The row of the longest beginning that ``code`` has; None: the block of the program's tier."""
    fits = [
        (len(start), number)
        for number, (_name, starts) in ANNEX2_ROWS.items()
        for start in starts
        if code.startswith(start)
    ]
    return max(fits)[1] if fits else None

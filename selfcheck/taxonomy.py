"""The columns of 附件2 and how the 14 kinds of problem fall into them (domain §8, S2)."""

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

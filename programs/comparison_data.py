"""The comparison data of other offices (共享数据): what each kind is, and which of its rows are in force.

One table, ``KINDS``, says of every kind which columns its file has, what they mean in ``DatasetRow``, and whether a
newer list replaces an older one. Checks read the rows through ``current_rows`` and through nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from programs.models import Dataset, Rule

K = Dataset.Kind


@dataclass(frozen=True)
class Field:
    """One column of a file. ``to`` is where it goes: event_on, until_on, item, or ``data.<key>``.

    ``form``: name, id, day, past_day (not in the future), text, decimal (kept as text, "1.50"), choice.
    ``choices`` maps what offices write to what is kept; ``default`` stands where an optional cell is empty.
    """

    label: str
    to: str
    form: str = "text"
    required: bool = False
    aliases: tuple[str, ...] = ()
    choices: tuple[tuple[str, Any], ...] = ()
    example: str = ""
    default: Any = None

    @property
    def names(self) -> tuple[str, ...]:
        return (self.label, *self.aliases)


@dataclass(frozen=True)
class KindInfo:
    """``cumulative``: every list adds to the former ones (deaths). Otherwise a list is a full snapshot of its source
    and area at its date, and replaces the older snapshots (who is not on it any more is out).

    Days: ``max_age`` until it counts as stale, ``keep`` until its rows are removed; finance may change both.
    """

    kind: str
    fields: tuple[Field, ...]
    cumulative: bool = False
    max_age: int = 92
    keep: int = 730
    meaning: Any = ""
    blind_spot: Any = ""

    @property
    def columns(self) -> tuple[Field, ...]:
        return (NAME, ID_NUMBER, *self.fields)


NAME = Field(
    "姓名", "name", "name", True, ("死者姓名", "死亡人员姓名", "死亡人姓名", "持证人姓名", "人员姓名"), example="林立夏"
)
ID_NUMBER = Field(
    "身份证号", "id_number", "id", True,
    ("身份证号码", "公民身份号码", "证件号码", "证件号", "死者身份证号", "死亡人员身份证号"),
    example="99000019500101001X",
)  # fmt: skip


def _choices(*groups: tuple[Any, str]) -> tuple[tuple[str, Any], ...]:
    return tuple((word, kept) for kept, words in groups for word in words.split())


_LEVELS = _choices((1, "一级 1 1级 壹级"), (2, "二级 2 2级 贰级"), (3, "三级 3 3级 叁级"), (4, "四级 4 4级 肆级"))
_TOWN_COUNTRY = _choices(
    ("城市", "城市 城 城镇 城市低保 城市特困 城镇低保"), ("农村", "农村 农 乡村 农村低保 农村特困")
)
_CARE = _choices(("集中", "集中 集中供养 机构供养"), ("分散", "分散 分散供养 居家供养"))
_STANDING = _choices(
    ("在享", "在享 享受 正常 在保 在册 是"), ("停发", "停发 停保 已停 取消 退出 否"), ("暂停", "暂停 缓发")
)
_PENSION = _choices(
    ("职工养老", "职工养老 城镇职工养老 企业职工养老 企业退休 职工养老保险"),
    ("机关退休", "机关退休 机关事业退休 机关事业养老 退休 离休 离退休"),
    ("居民养老", "居民养老 城乡居民养老 城居保 居民养老保险"),
)
_RESULT = _choices(("超标", "超标 超出 不符合 超"), ("未超标", "未超标 符合 未超"))

KINDS: dict[str, KindInfo] = {
    info.kind: info
    for info in (
        KindInfo(
            K.DEATH,
            (Field(
                "死亡日期", "event_on", "past_day", True,
                ("死亡时间", "去世日期", "去世时间"), example="2022-01-11",
            ),),
            cumulative=True, max_age=31, keep=1095, meaning=_("死亡日期"),
            blind_spot=_("异地死亡、还没办死亡登记的比不出来。"),
        ),
        KindInfo(
            K.MOVE_OUT,
            (
                Field("迁出日期", "event_on", "past_day", True, ("迁出时间", "迁移日期"), example="2022-02-01"),
                Field("迁往地", "data.to", "text", False, ("迁入地", "迁往地址"), example="邻县"),
            ),
            cumulative=True, max_age=31, keep=1095, meaning=_("迁出日期、迁往地"),
            blind_spot=_("人搬走、户口没迁的比不出来。"),
        ),
        KindInfo(
            K.PUBLIC_PAYROLL,
            (
                Field("单位", "item", "text", True, ("工作单位", "单位名称", "所在单位"), example="示范县某局"),
                Field("任职日期", "event_on", "past_day", False, ("入职日期", "参加工作日期"), example="2010-07-01"),
                Field("职务", "data.post", "text", False, ("岗位", "职务职级"), example="科员"),
            ),
            meaning=_("在哪个单位领工资，从何时起"), blind_spot=_("在外县领工资的比不出来。"),
        ),
        KindInfo(
            K.PENSION,
            (
                Field("待遇类别", "item", "choice", True, ("养老类别", "险种", "待遇类型"), _PENSION, "职工养老"),
                Field("起领日期", "event_on", "day", False, ("待遇开始日期", "退休日期"), example="2015-03-01"),
                Field("止领日期", "until_on", "day", False, ("待遇停止日期",)),
            ),
            max_age=62, meaning=_("领哪种养老待遇，起止日期"), blind_spot=_("在外地参保领取的比不出来。"),
        ),
        KindInfo(
            K.INJURY_CARE,
            (
                Field("起领日期", "event_on", "day", False, ("享受开始日期",), example="2021-01-01"),
                Field("止领日期", "until_on", "day", False, ("享受终止日期",)),
                Field("护理等级", "data.level", "text", False, ("自理障碍等级",), example="部分不能自理"),
            ),
            meaning=_("工伤生活护理费的起止日期"), blind_spot=_("在外地参保的比不出来。"),
        ),
        KindInfo(
            K.COMPANY,
            (
                Field(
                    "企业名称", "item", "text", True,
                    ("单位名称", "公司名称", "市场主体名称"), example="示范商贸有限公司",
                ),
                Field("身份", "data.role", "text", False, ("职务", "任职", "角色"), example="法定代表人"),
                Field("成立日期", "event_on", "past_day", False, ("注册日期", "登记日期"), example="2018-05-01"),
                Field("注销日期", "until_on", "day", False, ("吊销日期",)),
            ),
            meaning=_("名下企业和身份"), blind_spot=_("异地公司、被冒名登记的须由本人说明。"),
        ),
        KindInfo(
            K.VEHICLE,
            (
                Field("号牌号码", "item", "text", True, ("车牌号", "车牌号码", "号牌"), example="示A12345"),
                Field("车辆类型", "data.type", "text", False, ("车型", "车辆品牌"), example="小型轿车"),
                Field("登记日期", "event_on", "past_day", False, ("初次登记日期", "注册日期"), example="2019-06-01"),
                Field("注销日期", "until_on", "day", False, ("报废日期",)),
            ),
            meaning=_("名下车辆的号牌和类型"), blind_spot=_("异地登记的车比不出来。"),
        ),
        KindInfo(
            K.HOUSE,
            (
                Field(
                    "不动产单元号", "item", "text", True,
                    ("不动产权证号", "房屋编号", "房产证号", "坐落"), example="示房0001",
                ),
                Field("面积", "data.sqm", "decimal", False, ("建筑面积", "建筑面积（平方米）"), example="98.50"),
                Field("登记日期", "event_on", "past_day", False, ("登记时间",), example="2016-09-01"),
                Field("注销日期", "until_on", "day", False, ("转移日期",)),
            ),
            max_age=183, meaning=_("名下房产和建筑面积（平方米）"), blind_spot=_("异地登记的房产比不出来。"),
        ),
        KindInfo(
            K.LAND,
            (
                Field("地块编码", "item", "text", True, ("承包地块编码", "地块号", "地块代码"), example="DK0001"),
                Field(
                    "面积", "data.mu", "decimal", True,
                    ("面积（亩）", "确权面积", "实测面积（亩）", "承包面积"), example="3.25",
                ),
                Field("地类", "data.use", "text", False, ("土地用途", "地类名称"), example="水田"),
                Field("承包起", "event_on", "day", False, ("承包开始日期", "承包期起")),
                Field("承包止", "until_on", "day", False, ("承包结束日期", "承包期止")),
            ),
            max_age=366, keep=1830, meaning=_("承包地块编码和面积（亩）"), blind_spot=_("没有确权的地块比不出来。"),
        ),
        KindInfo(
            K.DISABILITY,
            (
                Field("残疾等级", "data.level", "choice", True, ("等级", "残疾级别"), _LEVELS, "二级"),
                Field("残疾类别", "data.type", "text", False, ("残疾类型", "类别"), example="肢体"),
                Field("发证日期", "event_on", "past_day", False, ("初次发证日期", "签发日期"), example="2016-04-01"),
                Field("有效期至", "until_on", "day", False, ("有效期", "有效期止", "到期日期"), example="2026-03-31"),
            ),
            meaning=_("残疾等级（1至4级）、类别，证件有效期"), blind_spot=_("外地办的残疾人证比不出来。"),
        ),
        KindInfo(
            K.DIBAO,
            (
                Field("低保类别", "data.kind", "choice", True, ("城乡类别", "类别", "保障类别"), _TOWN_COUNTRY, "农村"),
                Field("享受状态", "data.standing", "choice", False, ("状态", "保障状态"), _STANDING, "在享", "在享"),
                Field("批准日期", "event_on", "past_day", False, ("享受开始日期", "起保日期"), example="2021-01-01"),
                Field("停保日期", "until_on", "day", False, ("停发日期",)),
            ),
            max_age=31, meaning=_("城市或农村低保，是否在享"), blind_spot=_("在外县享受低保的比不出来。"),
        ),
        KindInfo(
            K.DESTITUTE,
            (
                Field("供养方式", "data.care", "choice", True, ("供养形式", "供养类别"), _CARE, "分散"),
                Field("特困类别", "data.kind", "choice", False, ("城乡类别", "类别"), _TOWN_COUNTRY, "农村"),
                Field("批准日期", "event_on", "past_day", False, ("供养开始日期",), example="2020-01-01"),
                Field("终止日期", "until_on", "day", False, ("停止供养日期",)),
            ),
            max_age=31, meaning=_("集中或分散供养"), blind_spot=_("在外县供养的比不出来。"),
        ),
        KindInfo(
            K.VETERAN,
            (
                Field(
                    "优抚身份", "item", "text", True,
                    ("人员类别", "身份类别", "优抚对象类别"), example="在乡复员军人",
                ),
                Field("认定日期", "event_on", "past_day", False, ("批准日期", "退役日期"), example="2012-08-01"),
                Field("终止日期", "until_on", "day", False, ("身份终止日期",)),
            ),
            meaning=_("优抚或退役身份，可有几个"), blind_spot=_("在外地认定的身份比不出来。"),
        ),
        KindInfo(
            K.PRISON,
            (
                Field(
                    "入监日期", "event_on", "past_day", True,
                    ("收监日期", "羁押日期", "刑期起"), example="2021-06-01",
                ),
                Field("刑满日期", "until_on", "day", False, ("刑期止", "释放日期"), example="2024-05-31"),
            ),
            max_age=62, meaning=_("在押的起止日期"), blind_spot=_("外地羁押、还没通报的比不出来。"),
        ),
        KindInfo(
            K.MISSING,
            (
                Field(
                    "失踪日期", "event_on", "past_day", True,
                    ("宣告失踪日期", "报案日期", "失联日期"), example="2021-06-01",
                ),
                Field("找到日期", "until_on", "day", False, ("寻回日期", "撤销日期"), example="2022-01-31"),
            ),
            max_age=183, meaning=_("宣告或报案失踪的起止日期"), blind_spot=_("家里没有报案的比不出来。"),
        ),
        KindInfo(
            K.SCHOOL,
            (
                Field("学校", "item", "text", True, ("就读学校", "学校名称"), example="示范县职业中学"),
                Field("入学日期", "event_on", "past_day", False, ("入学时间",), example="2021-09-01"),
                Field(
                    "在读至", "until_on", "day", True,
                    ("学期结束日期", "预计毕业日期", "毕业日期"), example="2022-07-10",
                ),
                Field("年级", "data.grade", "text", False, ("班级",), example="高一"),
            ),
            max_age=183, meaning=_("就读学校，在读到何时"), blind_spot=_("在外县就读的比不出来。"),
        ),
        KindInfo(
            K.INCOME,
            (
                Field("核对结果", "data.result", "choice", True, ("结果", "核对结论"), _RESULT, "未超标"),
                Field("核对日期", "event_on", "past_day", True, ("核对时间",), example="2022-01-20"),
                Field("核对事项", "item", "text", False, ("项目", "核对项目"), example="家庭收入"),
            ),
            max_age=183, meaning=_("收入和财产是否超标"), blind_spot=_("现金收入和异地财产核对不到。"),
        ),
        KindInfo(
            K.REVERIFY,
            (
                Field("项目编码", "item", "text", False, ("补贴项目编码", "复核项目"), example="2081107"),
                Field("复核日期", "event_on", "past_day", True, ("复核时间", "认证日期"), example="2022-01-20"),
                Field("未通过原因", "data.reason", "text", False, ("原因",), example="没有参加生存认证"),
            ),
            max_age=366, meaning=_("哪一项没有通过年度复核"), blind_spot=_("还没复核到的人不在名单里。"),
        ),
    )
}  # fmt: skip


def current_rows(kind: str, alias: str = "d", *, on: str = "") -> str:
    """SQL for a subquery ``(…) alias`` of the rows of ``kind`` that are in force, for a FROM or JOIN.

    Columns: id, dataset_id, id_hash, name, event_on, until_on, item, data, source, as_of.
    In force: the list is imported and not purged; of snapshots only the newest of its source and area (a newer list
    of the whole county also replaces the townships' lists of that source); of cumulative kinds all lists. One person
    may therefore stand in it several times (several sources, plots, cars): use EXISTS or DISTINCT ON.

    ``until_on`` is given back and not looked at, because a check may ask just for what has run out (Q04). With
    ``on``, a SQL expression of a date that does not name an outer column (``'2022-03-01'::date``, ``%(today)s``),
    only rows that still hold on that day are given; an outer column is compared outside: ``d.until_on IS NULL OR
    d.until_on >= c.first_on``. Join by ``d.id_hash = person.id_hash``: the index (kind, id_hash) answers it.
    """
    held = f"AND (r.until_on IS NULL OR r.until_on >= {on})" if on else ""
    return f"""(
        SELECT r.id, r.dataset_id, r.id_hash, r.name, r.event_on, r.until_on, r.item, r.data, s.source, s.as_of
        FROM programs_datasetrow r JOIN programs_dataset s ON s.id = r.dataset_id
        WHERE r.kind = '{K(kind).value}' {held} AND {sql_in_force(kind, "s")}
    ) {alias}"""  # noqa: S608  # only constants of this module and the caller's SQL are put in


def sql_in_force(kind: str, dataset: str) -> str:
    """SQL condition: the list ``dataset`` (alias of programs_dataset) of ``kind`` is the one that counts."""
    newest = f"""NOT EXISTS (
        SELECT 1 FROM programs_dataset newer
        WHERE newer.kind = {dataset}.kind AND newer.source = {dataset}.source AND newer.status = 'imported'
          AND (newer.area_id IS NULL OR newer.area_id = {dataset}.area_id)
          AND (newer.as_of, newer.id) > ({dataset}.as_of, {dataset}.id))"""  # noqa: S608
    return f"{dataset}.status = 'imported'" + ("" if KINDS[kind].cumulative else f" AND {newest}")


# Which kinds each check reads (check name → kinds). A rule that names its kinds in ``params`` ("kind", "or_kind")
# needs no line here. What stands here decides which checks run again when a list arrives, and which staleness a
# roster's page shows.
CHECK_KINDS: dict[str, tuple[str, ...]] = {"paid_after_death": (K.DEATH,)}


def kinds_of(rule: Rule) -> set[str]:
    """The kinds of comparison data ``rule`` reads."""
    named = (rule.params.get("kind"), rule.params.get("or_kind"))
    return {*CHECK_KINDS.get(rule.check_name, ()), *(kind for kind in named if kind in KINDS)}

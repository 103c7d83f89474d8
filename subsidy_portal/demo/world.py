"""The fictional county: areas, offices, people at desks, banks, programs and their funds."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from django.conf import settings
from django.contrib.auth.hashers import make_password

from disbursement.models import Bank
from programs import actions
from programs.models import FundEntry, Program
from subsidy_portal.demo.catalogue import DEPARTMENTS, OWN_TEMPLATES, Entry
from subsidy_portal.models import Area, Organisation, User
from subsidy_portal.money import format_yuan

K, R = Organisation.Kind, User.Role
COUNTY_CODE = "990001"
TOWNS = ("石桥镇", "柳河镇", "云台乡", "白水乡", "大坪乡", "梅溪乡", "青龙街道", "望江街道", "松岭镇", "新集镇")
TOWN_PINYIN = ("shiqiao", "liuhe", "yuntai", "baishui", "daping", "meixi", "qinglong", "wangjiang", "songling", "xinji")
VILLAGES = ("柳树村", "河湾村", "桥头村", "石滩村", "新民村")
BANKS = (("N", "示范农商银行"), ("C", "示范城商银行"), ("V", "示范村镇银行"))
DEPARTMENT_PINYIN = (
    "minzheng", "canlian", "tuiyi", "nongye", "weijian", "renshe", "linye", "shuili", "zhujian", "yingji", "jiaotu",
)  # fmt: skip
PASSWORD = "shifan-yikatong-2022"  # noqa: S105  # of the rehearsal's users only; every one of them is invented
NAMES = [
    "许云舟",
    "沈知秋",
    "顾南山",
    "江白鹭",
    "齐远山",
    "乔小满",
    "陆清和",
    "温如玉",
    "苏芒种",
    "林立夏",
    "何望舒",
    "韩春分",
    "程冬至",
    "叶寒露",
    "唐立春",
    "宋惊蛰",
    "梁小暑",
    "罗白露",
    "郑霜降",
    "谢小寒",
    "邓大雪",
    "冯雨水",
    "曾清明",
    "彭谷雨",
]


@dataclass
class World:
    """Handles to what the play needs."""

    towns: list[Area] = field(default_factory=list)
    users: dict[tuple[int, str], User] = field(default_factory=dict)
    programs: dict[str, Program] = field(default_factory=dict)
    banks: list[Bank] = field(default_factory=list)

    def at(self, organisation: Organisation, role: str) -> User:
        return self.users[organisation.pk, role]

    def town_user(self, town: Area, role: str) -> User:
        return self.at(town.organisations.get(kind=K.TOWNSHIP), role)

    def finance(self, role: str) -> User:
        return self.at(Organisation.objects.get(kind=K.FINANCE), role)

    def audit(self, role: str) -> User:
        return self.at(Organisation.objects.get(kind=K.AUDIT), role)


def build_areas(towns: int) -> list[Area]:
    county = Area.objects.create(
        code=f"{COUNTY_CODE}000000", name=settings.COUNTY_NAME, level=Area.Level.COUNTY, population=200_000
    )
    made = []
    for n, name in enumerate(TOWNS[:towns]):
        code = f"{COUNTY_CODE}{101 + n}000" if name.endswith("镇") else f"{COUNTY_CODE}{201 + n}000"
        if name.endswith("街道"):
            code = f"{COUNTY_CODE}{1 + n:03d}000"
        town = Area.objects.create(code=code, name=name, level=Area.Level.TOWNSHIP, parent=county, population=20_000)
        Area.objects.bulk_create(
            Area(
                code=f"{town.prefix}{201 + v}", name=village, level=Area.Level.VILLAGE, parent=town, population=4_000,
                aliases=[village.removesuffix("村")],
            )
            for v, village in enumerate(VILLAGES)
        )  # fmt: skip
        made.append(town)
    return made


def build_offices(towns: list[Area]) -> dict[Organisation, tuple[str, tuple[str, ...]]]:
    """Create every office; returns each with the prefix of its usernames and its roles."""
    county = Area.objects.get(level=Area.Level.COUNTY)
    name = settings.COUNTY_NAME

    def office(kind: str, title: str, short: str, area: Area = county) -> Organisation:
        return Organisation.objects.create(
            kind=kind, area=area, name=title, short_name=short, phone="0990-1234567", address=f"{name}人民路1号"
        )

    offices: dict[Organisation, tuple[str, tuple[str, ...]]] = {
        office(K.FINANCE, f"{name}财政局", "县财政局"): (
            "caizheng",
            (R.OPERATOR, R.REVIEWER, R.APPROVER, R.ADMINISTRATOR),
        ),
        office(K.AUDIT, f"{name}审计局", "县审计局"): ("shenji", (R.OPERATOR, R.REVIEWER)),
        office(K.DISCIPLINE, f"{name}纪委监委", "县纪委监委"): ("jiwei", (R.OPERATOR, R.REVIEWER)),
    }
    for title, pinyin in zip(DEPARTMENTS, DEPARTMENT_PINYIN, strict=True):
        offices[office(K.DEPARTMENT, name + title, "县" + title)] = (pinyin, (R.OPERATOR, R.REVIEWER))
    for town in towns:
        pinyin = TOWN_PINYIN[TOWNS.index(town.name)]
        offices[office(K.TOWNSHIP, f"{town.name}财政所", town.name, town)] = (pinyin, (R.OPERATOR, R.REVIEWER))
    for code, title in BANKS:
        offices[office(K.BANK, title, title.removeprefix("示范"))] = (f"bank-{code.lower()}", (R.OPERATOR,))
    return offices


def build_users(offices: dict[Organisation, tuple[str, tuple[str, ...]]]) -> dict[tuple[int, str], User]:
    password = make_password(PASSWORD)
    users: list[User] = []
    suffix = {R.OPERATOR: "jb", R.REVIEWER: "fh", R.APPROVER: "pz", R.ADMINISTRATOR: "admin"}
    for organisation, (prefix, roles) in offices.items():
        for role in roles:
            user = User(username=f"{prefix}-{suffix[R(role)]}", organisation=organisation, role=role, password=password)
            user.display_name = NAMES[len(users) % len(NAMES)]
            users.append(user)
    return {(user.organisation_id or 0, user.role): user for user in User.objects.bulk_create(users)}


def build_banks() -> list[Bank]:
    return [
        Bank.objects.create(
            organisation=Organisation.objects.get(name=title),
            code=code,
            kind="pipe_text",
            unit_number=f"{COUNTY_CODE}{code}01",
            fiscal_account=f"9900010000{ord(code)}",
            folder=f"bank-{code.lower()}",
        )
        for code, title in BANKS
    ]


_TIERS = {"2": Program.Tier.CENTRAL, "9": Program.Tier.COUNTY}
_PER_PERIOD = {"monthly": "每月", "quarterly": "每季", "yearly": "每年", "one_off": "一次性"}


def build_programs(entries: tuple[Entry, ...], world: World) -> None:
    departments = [Organisation.objects.get(name=settings.COUNTY_NAME + title) for title in DEPARTMENTS]
    operator = world.finance(R.OPERATOR)
    for entry in entries:
        yuan = format_yuan(entry.standard_fen)
        standard = (
            f"{_PER_PERIOD[entry.cycle]}每{entry.unit.split('·')[0]}{yuan}元"
            if entry.standard_fen
            else "按困难情形核定"
        )
        program = Program(
            code=entry.code,
            name=entry.name,
            short_name=entry.name[:12],
            tier=_TIERS[entry.code[0]],
            department=departments[entry.department],
            finance_division="社会保障股" if entry.code.startswith(("208", "210")) else "农业农村股",
            paid_to=entry.paid_to,
            cycle=entry.cycle,
            standard_fen=entry.standard_fen,
            standard_unit=entry.unit,
            standard_text=standard,
            scope_text=f"户籍在本县、符合{entry.name}条件的{'家庭' if entry.paid_to == 'household' else '人员'}。",
            audience=list(entry.audience),
            fund_source="上级转移支付和县级财政安排",
            basis_title=f"{settings.COUNTY_NAME}{entry.name}实施办法",
            basis_number=f"示财发〔2022〕{int(entry.code[-3:]) % 90 + 1}号",
            basis_issued_on=dt.date(2022, 1, 4),
            how_to_apply="向户籍所在村（居）委会申请，带身份证和社会保障卡。",
            phone="0990-1234567",
            complaint_phone="12345",
            name_mask=Program.NameMask.SURNAME if "儿童" in entry.audience else Program.NameMask.FULL,
            effective_from=dt.date(2022, 1, 1),
        )
        actions.save_program(program, actor=operator)
        if own := OWN_TEMPLATES.get(entry.code):
            actions.set_columns(program, own.columns, actor=operator)
            actions.set_amount_rule(program, own.rule, own.level, actor=operator)
        world.programs[entry.code] = program


def fund_programs(world: World, need_fen: dict[str, int], year: int) -> None:
    """Enter and confirm each program's plan: a tenth carried over, the rest issued, a little more than needed."""
    for code, fen in need_fen.items():
        carried = fen // 10 // 10_000 * 10_000
        issued = (fen - carried) * 103 // 100 // 10_000 * 10_000 + 10_000
        for kind, amount in ((FundEntry.Kind.CARRY_OVER, carried), (FundEntry.Kind.ISSUED, issued)):
            if amount:
                entry = actions.enter_funds(
                    world.programs[code], year, kind=kind, amount_fen=amount,
                    document_number=f"示财预〔{year}〕{code[-3:]}号", actor=world.finance(R.OPERATOR),
                )  # fmt: skip
                actions.confirm_funds(entry, actor=world.finance(R.REVIEWER))


def build_world(entries: tuple[Entry, ...], towns: int) -> World:
    """Everything that stands before the first roster, through the actions where there are any."""
    world = World()
    world.towns = build_areas(towns)
    world.users = build_users(build_offices(world.towns))
    world.banks = build_banks()
    build_programs(entries, world)
    return world

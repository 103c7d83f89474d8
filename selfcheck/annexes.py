"""附件2 问题统计表 and 附件3 情况汇总表 from the ledger, the units' reports and the registry (R51, R52; S2, domain §8).

Every figure says what it is made of: ``annex2_sources`` and ``annex3_sources`` give the very rows that were added up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Count, IntegerField, Q, Sum, Value
from django.urls import reverse
from django.utils.translation import gettext as _

from programs.models import Account, Program
from selfcheck.models import Annex2Program, Problem, ProblemQuerySet, Recovery, Report
from selfcheck.official import COUNT, TEXT, WAN, Head, Line, Source, Table, add_up, rounding_note
from selfcheck.taxonomy import ANNEX2_COLUMNS, ANNEX2_ROWS, CARDS_COLUMN, usual_row
from subsidy_portal.models import Area, Organisation, User


@dataclass(frozen=True)
class Scope:
    """What a table is about: problems of these years, of one township or of all that ``user`` may see."""

    user: User
    from_year: int
    to_year: int
    town: Area | None = None

    def problems(self) -> ProblemQuerySet:
        """Every problem found; an unfounded one is none."""
        found = Problem.objects.visible_to(self.user).exclude(status=Problem.Status.UNFOUNDED)
        found = found.filter(year__range=(self.from_year, self.to_year))
        return found.filter(area__code__startswith=self.town.prefix) if self.town else found

    @property
    def years(self) -> str:
        return f"{self.from_year}年" if self.from_year == self.to_year else f"{self.from_year}—{self.to_year}年"


# --- 附件2 --------------------------------------------------------------------------------------------------

ANNEX2_HEADS = tuple(
    Head(str(number), "检查发现存在问题", str(name), COUNT if number == CARDS_COLUMN else WAN, 9)
    for number, name in ANNEX2_COLUMNS.items()
)
CITY, COUNTY = "(市级财政安排的惠农补贴项目)", "(县级财政安排的惠农补贴项目)"
# The form leaves so many rows for what the city and the county pay themselves.
CITY_ROWS, COUNTY_ROWS = 3, 2
UNNAMED = "未涉及具体项目的问题"
ANNEX2_REMARKS = (
    "备注：1.中央及省级未要求、但各市、县级层面明确通过“一卡通”发放的各级财政补助资金也纳入治理范围，填写相应内容。",
    "2.惠民惠农财政补贴资金一般按一行填列。对于执行中又细分为不同补贴项目或补贴方向的，如困难群众救助补助资金，应参照上述举例的原则分别填列。",
    "3.未按规定形式发放：包括该通过“一卡通”发放的发现金、该直发的又进行“二次分配”等。",
)

Cells = tuple[int | None, ...]


def rows_of_programs(programs: Iterable[Program] | None = None) -> dict[int, int | None]:
    """Program's key → its row of the form, as finance decided or else by its code; None: the block of its tier."""
    decided = dict(Annex2Program.objects.values_list("program_id", "row"))
    every = Program.objects.all() if programs is None else programs
    return {one.pk: decided[one.pk] if one.pk in decided else usual_row(one.code) for one in every}


def annex2(scope: Scope) -> Table:
    """附件2: the 20 funds of the form with a row for each of their programs, the blocks of city and county, 合计."""
    found = _annex2_cells(scope)
    programs = {program.pk: program for program in Program.objects.all()}
    rows = rows_of_programs(programs.values())
    lines: list[Line] = []
    for number, (name, _codes) in ANNEX2_ROWS.items():
        members = [pk for pk in programs if rows[pk] == number]
        with_problems = [pk for pk in members if pk in found]
        cells = add_up([found[pk] for pk in with_problems], len(ANNEX2_HEADS))
        lines.append(Line(f"fund-{number}", str(number), name, cells))
        if len(members) > 1:
            lines += [Line(f"of-{pk}", "", f"其中：{programs[pk].name}", found[pk], "sub") for pk in with_problems]
    own = [pk for pk in found if pk and rows[pk] is None]
    city = [pk for pk in own if programs[pk].tier == Program.Tier.CITY]
    lines += _block(CITY, [(pk, programs[pk].name) for pk in city], found, CITY_ROWS)
    county: list[tuple[int | None, str]] = [(pk, programs[pk].name) for pk in own if pk not in city]
    county += [(None, UNNAMED)] if None in found else []
    lines += _block(COUNTY, county, found, COUNTY_ROWS)
    parts = [line for line in lines if line.cells and line.look != "sub"]
    total = Line("total", "", "合计", add_up([line.cells for line in parts], len(ANNEX2_HEADS)), "total")
    note = rounding_note(parts, total, ANNEX2_HEADS)
    return Table(
        title=f"{settings.COUNTY_NAME}惠民惠农财政补贴资金“一卡通”突出问题专项治理“回头看”问题统计表",
        unit=_unit_name(scope),
        measure="单位：万元",
        first=("序号", "项目资金名称"),
        heads=ANNEX2_HEADS,
        lines=[*lines, total],
        remarks=[*ANNEX2_REMARKS, *([f"4.{note}"] if note else [])],
    )


def _annex2_cells(scope: Scope) -> dict[int | None, Cells]:
    """Program's key (None: no program) → its 14 cells. A cell with problems but without money is 0, not empty."""
    cells: dict[int | None, list[int | None]] = defaultdict(lambda: [None] * len(ANNEX2_HEADS))
    groups = scope.problems().order_by().values("program", "annex2_column")
    for group in groups.annotate(fen=Sum("amount_fen"), held=Sum("cards")).order_by("program__code"):
        row, column = cells[group["program"]], group["annex2_column"]
        if column != CARDS_COLUMN:
            row[column - 1] = (row[column - 1] or 0) + group["fen"]
        if column == CARDS_COLUMN or group["held"]:
            row[CARDS_COLUMN - 1] = (row[CARDS_COLUMN - 1] or 0) + group["held"]
    return {key: tuple(row) for key, row in cells.items()}


def _block(title: str, items: list[Any], found: dict[int | None, Cells], at_least: int) -> list[Line]:
    lines = [Line(f"own-{pk or 'none'}", "", name, found[pk]) for pk, name in items]
    blanks = [Line("", "", "", (), "blank")] * (at_least - len(lines))
    return [Line("", "", title, (), "head"), *lines, *blanks]


def _unit_name(scope: Scope) -> str:
    return str(scope.town or scope.user.organisation)


def annex2_problems(scope: Scope, key: str, column: int) -> ProblemQuerySet:
    """The problems behind one cell of 附件2."""
    found = scope.problems()
    kind, _dash, which = key.partition("-")
    if kind == "fund":
        members = [pk for pk, row in rows_of_programs().items() if str(row) == which]
        found = found.filter(program__in=members)
    elif key == "own-none":
        found = found.filter(program=None)
    elif kind in {"of", "own"}:
        found = found.filter(program=int(which))
    return found.filter(_in_column(column))


def _in_column(column: int) -> Q:
    mine = Q(annex2_column=column)
    return mine | Q(cards__gt=0) if column == CARDS_COLUMN else mine


def annex2_sources(scope: Scope, key: str, column: str) -> list[Source]:
    field = "cards" if int(column) == CARDS_COLUMN else "amount_fen"
    return problem_sources(annex2_problems(scope, key, int(column)), field)


def problem_sources(problems: ProblemQuerySet, field: str) -> list[Source]:
    """One line for each problem, with the figure of it that the table adds up."""
    named = problems.with_recovery().select_related("unit", "program").order_by("pk")
    return [
        Source(
            one.title,
            reverse("selfcheck:problem", args=(one.pk,)),
            " · ".join(
                [one.number, one.unit.short_name, *([one.program.short_name] if one.program else []), f"{one.year}年"]
            ),
            getattr(one, field),
        )
        for one in named
    ]


# --- 附件3 --------------------------------------------------------------------------------------------------

# What only a unit itself knows; it says so in its reports, added up since the campaign began.
REPORTED: dict[str, str] = {
    "survey_persons": "到村到户调查人数",
    "survey_households": "到村到户调查户数",
    "disclosed_persons": "向纪检监察部门主动说明情况的人数",
    "disclosed_fen": "主动上缴资金金额",
    "party_sanctions": "党纪处分人数",
    "admin_sanctions": "政务处理人数",
    "exposed_cases": "通报曝光案件数量",
    "exposed_persons": "通报曝光人数",
}
_SURVEY, _CARDS, _TOLD = "到村到户调查情况", "“一卡通”摸排情况", "主动说清情况事项"
_DONE = "整改问责情况"
ANNEX3_HEADS = (
    Head("population", "县总人口数", format=COUNT),
    Head("towns", "治理的乡镇数量", format=COUNT),
    Head("villages", "治理的村集体数量", format=COUNT),
    Head("survey_persons", _SURVEY, "人数", COUNT, 9),
    Head("survey_households", _SURVEY, "户数", COUNT, 9),
    Head("cards_found", _CARDS, "摸排出“一卡通”的总量", COUNT),
    Head("banks", _CARDS, "涉及到的银行家数", COUNT),
    Head("cards_held", _CARDS, "违规代管“一卡通”数量", COUNT),
    Head("disclosed_persons", _TOLD, "向纪检监察部门主动说明情况的人数", COUNT, 14),
    Head("disclosed_fen", _TOLD, "主动上缴资金金额", WAN),
    Head("clues", _DONE, "移交给纪检监察部门的问题线索", COUNT, 14),
    Head("party_sanctions", _DONE, "党纪处分人数", COUNT, 8),
    Head("admin_sanctions", _DONE, "政务处理人数", COUNT, 8),
    Head("exposed_cases", _DONE, "通报曝光案件数量", COUNT, 9),
    Head("exposed_persons", _DONE, "通报曝光人数", COUNT, 8),
    Head("recovered_fen", _DONE, "追缴收回资金金额", WAN),
    Head("restituted_fen", _DONE, "返还发放资金金额", WAN),
    Head("other", "其他", format=TEXT, width=14),
)
ANNEX3_ROWS = 13  # as many as the form numbers
OFFICES = "offices"  # the county's own offices, beside the townships
_LEDGER = ("cards_held", "clues", "recovered_fen", "restituted_fen")


def annex3(scope: Scope) -> Table:
    """附件3: the county, then what it is made of: its townships and its own offices. 18 columns, 万元 for money."""
    places = _places(scope)
    ledger, reported, cards = _ledger_figures(scope), _reported_figures(scope), _card_figures(scope)
    lines = []
    for number, (key, name, towns) in enumerate(places, 1):
        whole = key == "county"
        figures: dict[str, Any] = _area_figures(key, towns)
        for part in [one for one, _name, _towns in places if one != "county"] if whole else [key]:
            for source in (ledger, reported):
                for column, value in source[part].items():
                    figures[column] = figures.get(column, "" if column == "other" else 0) + value
        owned = [pair for part, pairs in cards.items() if whole or part == key for pair in pairs.items()]
        if owned:
            figures["cards_found"] = sum(count for _bank, count in owned)
            figures["banks"] = len({bank for bank, _count in owned})
        cells = tuple(figures.get(head.key) or (None if head.key in {"population", "other"} else 0)
                      for head in ANNEX3_HEADS)  # fmt: skip
        lines.append(Line(key, str(number), name, cells, "" if whole or len(places) == 1 else "sub"))
    lines += [Line("", str(n), "", (), "blank") for n in range(len(lines) + 1, ANNEX3_ROWS + 1)]
    return Table(
        title=f"{settings.COUNTY_NAME}惠民惠农财政补贴资金“一卡通”突出问题专项治理“回头看”问题情况汇总表",
        unit=_unit_name(scope),
        measure="金额单位：万元",
        first=("序号", "名称"),
        heads=ANNEX3_HEADS,
        lines=lines,
    )


def _towns(scope: Scope) -> list[Area]:
    """The townships the user may see, or the one that was chosen."""
    if scope.town:
        return [scope.town]
    towns = Area.objects.filter(level=Area.Level.TOWNSHIP, code__startswith=scope.user.area_prefix, valid_to=None)
    return list(towns)


def _places(scope: Scope) -> list[tuple[str, str, list[Area]]]:
    """Key, name and townships of every row; a township sees its own row alone."""
    towns = _towns(scope)
    rows = [(town.code, town.name, [town]) for town in towns]
    if scope.town or len(scope.user.area_prefix) > Area.PREFIX_LENGTH["county"]:
        return rows
    return [("county", settings.COUNTY_NAME, towns), *rows, (OFFICES, "县直单位", [])]


def _part_of(code: str) -> str:
    """The row that something in area ``code`` belongs to."""
    return OFFICES if code.endswith("000000") else f"{code[:9]}000"


def _area_figures(key: str, towns: list[Area]) -> dict[str, Any]:
    villages = Area.objects.filter(parent__in=towns, valid_to=None).count()
    population = sum(town.population for town in towns)
    if key == "county" and towns:
        population = towns[0].parent.population if towns[0].parent else population
    return {"population": population, "towns": len(towns), "villages": villages}


def _ledger_figures(scope: Scope) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(_LEDGER, 0))
    groups = scope.problems().order_by().values("area").annotate(
        held=Sum("cards"), restituted=Sum("restitution_paid_fen"), clues=Count("pk", filter=~Q(transfer=""))
    )  # fmt: skip
    for group in groups:
        figures = found[_part_of(group["area"])]
        figures["cards_held"] += group["held"]
        figures["restituted_fen"] += group["restituted"]
        figures["clues"] += group["clues"]
    back = Recovery.objects.valid().filter(problem__in=scope.problems().order_by().values("pk")).order_by()
    for area, fen in back.values_list("problem__area").annotate(fen=Sum("amount_fen")):
        found[_part_of(area)]["recovered_fen"] += fen
    return found


def _reports(scope: Scope) -> list[Report]:
    return list(Report.objects.visible_to(scope.user).last_of_each_unit().select_related("unit"))


def _reported_figures(scope: Scope) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = defaultdict(lambda: {**dict.fromkeys(REPORTED, 0), "other": ""})
    for report in _reports(scope):
        figures = found[_part_of(report.unit.area_id)]
        for column in REPORTED:
            figures[column] += report.figures.get(column, 0)
        said = report.texts.get("other", "")
        figures["other"] += f"{report.unit.short_name}：{said}；" if said else ""
    return found


def _card_figures(scope: Scope) -> dict[str, dict[int, int]]:
    """Row → bank → accounts in use of the people who live there."""
    prefix = scope.town.prefix if scope.town else scope.user.area_prefix
    found: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    accounts = Account.objects.filter(is_active=True, holder__area__code__startswith=prefix).order_by()
    for area, bank, count in accounts.values_list("holder__area", "bank").annotate(n=Count("pk")):
        found[_part_of(area)][bank] += count
    return found


def annex3_sources(scope: Scope, key: str, column: str) -> list[Source]:
    """What one cell of 附件3 is made of: areas, accounts by bank, reports, problems or recoveries."""
    if column in {"population", "towns", "villages"}:
        return _area_sources(scope, key, column)
    if column in {"cards_found", "banks"}:
        return _card_sources(scope, key, column)
    if column in REPORTED or column == "other":
        return _report_sources(scope, key, column)
    inside = scope.problems()
    if key == OFFICES:
        inside = inside.filter(area__level=Area.Level.COUNTY)
    elif key != "county":
        inside = inside.filter(area__code__startswith=key[:9])
    if column == "recovered_fen":
        return _recovery_sources(inside)
    if column == "clues":
        counted = inside.exclude(transfer="").annotate(one=Value(1, IntegerField()))
        return problem_sources(counted, "one")
    field, some = ("cards", Q(cards__gt=0)) if column == "cards_held" else (
        "restitution_paid_fen", Q(restitution_paid_fen__gt=0))  # fmt: skip
    return problem_sources(inside.filter(some), field)


def _recovery_sources(problems: ProblemQuerySet) -> list[Source]:
    back = Recovery.objects.valid().filter(problem__in=problems.order_by().values("pk")).select_related("problem")
    return [
        Source(
            one.problem.title,
            reverse("selfcheck:problem", args=(one.problem_id,)),
            _("%(number)s · %(day)s收回 · %(voucher)s")
            % {
                "number": one.problem.number,
                "day": one.received_on,
                "voucher": _("凭证%(no)s") % {"no": one.voucher} if one.voucher else _("还没缴库"),
            },
            one.amount_fen,
        )
        for one in back
    ]


def _report_sources(scope: Scope, key: str, column: str) -> list[Source]:
    return [
        Source(
            one.unit.name,
            reverse("selfcheck:report", args=(one.pk,)),
            f"{one} · {one.submitted_by}",
            one.texts.get("other", "") if column == "other" else one.figures.get(column, 0),
        )
        for one in _reports(scope)
        if key == "county" or _part_of(one.unit.area_id) == key
    ]


def _area_sources(scope: Scope, key: str, column: str) -> list[Source]:
    towns = [town for town in _towns(scope) if key in {"county", town.code}]
    if column == "population":
        whole = Area.objects.filter(level=Area.Level.COUNTY, code__startswith=scope.user.area_prefix)
        return [Source(one.name, "", one.code, one.population) for one in (whole if key == "county" else towns)]
    inside = towns if column == "towns" else Area.objects.filter(parent__in=towns, valid_to=None)
    return [Source(one.name, "", one.code, 1) for one in inside]


def _card_sources(scope: Scope, key: str, column: str) -> list[Source]:
    banks = dict(Organisation.objects.filter(kind=Organisation.Kind.BANK).values_list("pk", "name"))
    sums: dict[int, int] = defaultdict(int)
    for part, counts in _card_figures(scope).items():
        if key in {"county", part}:
            for bank, count in counts.items():
                sums[bank] += count
    return [
        Source(banks[bank], "", _("在用账户%(n)d个") % {"n": n}, 1 if column == "banks" else n)
        for bank, n in sorted(sums.items())
    ]

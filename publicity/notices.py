"""Public notices as citizens read them: the frozen rows, one village at a time; after the end only the totals."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

import segno
from django.conf import settings
from django.db.models import Count, Exists, Max, Min, OuterRef, QuerySet, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from programs.models import Notice, NoticeRow, Program
from publicity.open_data import FEWEST, hidden_townships
from subsidy_portal import clock
from subsidy_portal.models import Area, Organisation


def known_notices() -> QuerySet[Notice]:
    """Notices whose totals anybody may know: under way or over, never of a classified program."""
    return (
        Notice.objects.filter(
            status__in=(Notice.Status.OPEN, Notice.Status.ENDED),
            starts_on__lte=clock.today(),
            roster__program__is_classified=False,
        )
        .select_related("roster__program__department", "roster__area__parent")
        .order_by("-pk")
    )


def withheld(notices: Iterable[Notice]) -> set[int]:
    """Keys of ended notices whose total would give away what the open data leave out, or what so few got."""
    over = [notice for notice in notices if not is_running(notice)]
    hidden = hidden_townships({int(notice.roster.period[:4]) for notice in over})
    return {
        notice.pk
        for notice in over
        if notice.row_count < FEWEST
        or (notice.roster.program.code, notice.roster.period, notice.roster.area_id) in hidden
    }


def running(notices: QuerySet[Notice]) -> QuerySet[Notice]:
    """Those whose rows are public today."""
    return notices & Notice.objects.public_on(clock.today())


def naming(notices: QuerySet[Notice], area: Area) -> QuerySet[Notice]:
    """Those of a township, or those with a row of a village."""
    if area.level == Area.Level.VILLAGE:
        return notices.filter(Exists(NoticeRow.objects.filter(notice=OuterRef("pk"), area=area)))
    return notices.filter(roster__area=area)


def is_running(notice: Notice) -> bool:
    return notice.status == Notice.Status.OPEN and notice.starts_on <= clock.today() <= notice.ends_on


def days_left(notice: Notice) -> int:
    """Today counts: on its last day a notice has one day left."""
    return (notice.ends_on - clock.today()).days + 1


@dataclass(frozen=True)
class Village:
    """One village's part of a notice. ``fen`` in fen."""

    area: Area
    count: int
    fen: int
    quantity: Decimal
    lowest: Decimal
    highest: Decimal


def villages_of(notice: Notice) -> list[Village]:
    """The villages on the sheet, in its order, with their totals."""
    sums = (
        notice.rows.order_by()
        .values("area_id")
        .annotate(
            count=Count("pk"),
            fen=Sum("amount_fen"),
            quantity_sum=Sum("quantity"),
            lowest=Min("quantity"),
            highest=Max("quantity"),
        )
        .order_by("area_id")
    )
    areas = Area.objects.in_bulk([line["area_id"] for line in sums])
    return [
        Village(areas[s["area_id"]], s["count"], s["fen"], s["quantity_sum"], s["lowest"], s["highest"]) for s in sums
    ]


def whole(notice: Notice, villages: list[Village]) -> Village:
    """The township's part: all its villages on one sheet."""
    return Village(
        notice.roster.area,
        notice.row_count,
        notice.amount_fen,
        sum((village.quantity for village in villages), Decimal()),
        min(village.lowest for village in villages),
        max(village.highest for village in villages),
    )


@dataclass(frozen=True)
class Columns:
    """What the sheet shows beside group, name and amount, and how its things are called."""

    who: str
    unit: str
    quantity: str
    quantity_unit: str
    places: str
    rate: str

    @classmethod
    def of(cls, program: Program, villages: list[Village]) -> Columns:
        household = program.paid_to == Program.PaidTo.HOUSEHOLD
        unit = program.standard_unit.split("·")[0]
        counted = any(not village.lowest == village.highest == 1 for village in villages)
        land = unit == "亩"
        return cls(
            who=_("户主") if household else _("姓名"),
            unit=_("户") if household else _("人"),
            quantity=(_("面积") if land else _("数量")) if counted else "",
            quantity_unit=unit if unit not in {"人", "户"} else "",
            # As floatformat reads it: land always with two decimals, other things only when they are not whole.
            places="2" if land else "-2",
            rate=_("每%(unit)s（元）") % {"unit": unit} if counted and program.standard_fen else "",
        )


@dataclass(frozen=True)
class Day:
    """One field of the strip of notice days."""

    date: dt.date
    look: str


def strip(notice: Notice) -> list[Day]:
    """The days of the notice, for a strip of at most three weeks; empty when there are more."""
    days = (notice.ends_on - notice.starts_on).days + 1
    if days > 21:
        return []
    today = clock.today()
    dates = [notice.starts_on + dt.timedelta(days=n) for n in range(days)]
    return [
        Day(
            date,
            " ".join(
                word
                for word, true in (
                    ("past", date < today),
                    ("now", date == today),
                    ("end", date == notice.ends_on),
                )
                if true
            ),
        )
        for date in dates
    ]


def check_code(notice: Notice) -> str:
    """The first eight characters of the content hash: the paper, the page and the payment list show the same."""
    code = notice.content_hash[:8].upper()
    return f"{code[:4]}-{code[4:]}"


def public_address(request: HttpRequest, name: str, *args: str) -> str:
    """The full address of a public page, as citizens reach it (settings.SITE), for paper and for search engines."""
    path, site = reverse(name, args=args), str(settings.SITE["public_url"]).rstrip("/")
    return f"{site}{path}" if site else request.build_absolute_uri(path)


def qr_code(address: str) -> SafeString:
    """``address`` as an inline SVG with a size from the style sheet; segno writes no style attributes."""
    return mark_safe(segno.make(address, error="m").svg_inline(omitsize=True, border=2))  # noqa: S308


def offices_of(area: Area) -> list[Organisation]:
    """The village's and the township's own offices that can be called, the village's first."""
    codes = [area.code, *([area.parent_id] if area.parent_id and area.level == Area.Level.VILLAGE else [])]
    kinds = (Organisation.Kind.VILLAGE, Organisation.Kind.TOWNSHIP)
    offices = Organisation.objects.filter(area_id__in=codes, kind__in=kinds, is_active=True).exclude(phone="")
    return sorted(offices, key=lambda office: office.kind != Organisation.Kind.VILLAGE)


def seals(village: Area) -> list[str]:
    """Who seals the paper: the village's committee and the township's government, by what they are called."""
    committee = _("居民委员会") if village.name.endswith(("社区", "居")) else _("村民委员会")
    town = village.parent if village.level == Area.Level.VILLAGE else village
    names = [f"{village.name}{committee}"] if village.level == Area.Level.VILLAGE else []
    if town is not None:
        office = _("办事处") if town.name.endswith("街道") else _("人民政府")
        names = [town.name + name for name in names] + [town.name + office]
    return names

"""The published policy list as citizens read it (明白卡). A classified program is on no page, in no version (R2)."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.db.models import QuerySet
from openpyxl import Workbook

from programs.models import PolicyItem, PolicyList
from programs.policy_columns import COLUMNS
from subsidy_portal.tables import COUNT, Column, save, write_table

READABLE = (PolicyList.Status.PUBLISHED, PolicyList.Status.SUPERSEDED)


@dataclass(frozen=True)
class Policy:
    """One line of a published version: what it said then, whatever the program says now."""

    code: str
    name: str
    audience: tuple[str, ...]
    who: str
    how_much: str
    cycle: str
    how: str
    way: str
    pay_within: str
    tier: str
    department: str
    division: str
    funds: str
    basis: str
    basis_number: str
    basis_on: dt.date | None
    phone: str
    complaint_phone: str

    @classmethod
    def from_item(cls, item: PolicyItem) -> Policy:
        says = item.values
        issued = says.get("发文日期", "")
        return cls(
            code=item.program.code,
            name=says["补贴项目名称"],
            audience=tuple(word for word in says.get("适用人群", "").split("、") if word),
            who=says.get("补贴对象范围", ""),
            how_much=says.get("补贴标准", ""),
            cycle=says.get("发放周期", ""),
            how=says.get("申领方式与材料", ""),
            way=says.get("发放方式", ""),
            pay_within=says.get("兑付时限", ""),
            tier=says.get("政策层级", ""),
            department=says.get("主管部门", ""),
            division=says.get("财政业务股室", ""),
            funds=says.get("资金来源", ""),
            basis=says.get("政策文件", ""),
            basis_number=says.get("文号", ""),
            basis_on=dt.date.fromisoformat(issued) if issued else None,
            phone=says.get("咨询电话", ""),
            complaint_phone=says.get("监督电话", ""),
        )

    def matches(self, words: str) -> bool:
        return words in self.name or words in self.who or words in self.department


def readable_lists() -> QuerySet[PolicyList]:
    """Every version that was ever published, the newest first."""
    return PolicyList.objects.filter(status__in=READABLE).order_by("-year", "-version")


def current_list() -> PolicyList | None:
    """The newest published version; older ones stay readable beside it."""
    return PolicyList.objects.filter(status=PolicyList.Status.PUBLISHED).order_by("-year").first()


def readable_items() -> QuerySet[PolicyItem]:
    """Lines of published versions whose program may be named outside."""
    return PolicyItem.objects.filter(policy_list__status__in=READABLE, program__is_classified=False).select_related(
        "program", "policy_list"
    )


def policies_of(policy_list: PolicyList | None) -> list[Policy]:
    """The lines of one version in its order; none without a list."""
    if policy_list is None:
        return []
    return [Policy.from_item(item) for item in readable_items().filter(policy_list=policy_list).order_by("position")]


def audiences(policies: Iterable[Policy]) -> list[str]:
    """Whom the list is for, in the list's own words, those with the most policies first."""
    counts = Counter(word for policy in policies for word in policy.audience)
    return [word for word, _count in counts.most_common()]


def policy_workbook(policy_list: PolicyList) -> bytes:
    """One version as a workbook: the columns of domain §6 as published, without classified programs."""
    items = readable_items().filter(policy_list=policy_list).order_by("position")
    book = Workbook()
    county = settings.COUNTY_NAME
    wide = {"补贴项目名称", "补贴对象范围", "补贴标准", "政策文件", "申领方式与材料"}
    write_table(
        book.worksheets[0],
        title=f"{county}惠民惠农财政补贴政策清单（{policy_list.year}年）",
        note=f"第{policy_list.version}版　公布日期：{policy_list.published_at:%Y-%m-%d}　填报单位：{county}财政局",
        columns=[Column("序号", 6, COUNT), *(Column(name, 24 if name in wide else 13) for name in COLUMNS)],
        rows=[(n, *(item.values.get(name, "") for name in COLUMNS)) for n, item in enumerate(items, 1)],
    )
    book.worksheets[0].title = f"{policy_list.year}年第{policy_list.version}版"
    return save(book)

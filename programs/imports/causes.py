"""Problems by cause: how many there truly are, where, one example, one remedy; what blocks most first.

The words of a cause are its own, not those of its first row: "两行重复" and not "第4、9行重复".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

# Pieces of row ranges kept for one cause, and shown.
_KEPT, _SHOWN = 200, 8

# code → (the cause, the remedy). Where the remedy is empty, that of the cells is said when they all say the same.
CAUSES: dict[str, tuple[str | Promise, str | Promise]] = {
    "id_as_number": (gettext_lazy("身份证号存成了数字"), gettext_lazy("请把该列设为“文本”，照身份证重填。")),
    "id_length": (gettext_lazy("身份证号不是18位"), gettext_lazy("请照身份证重填。")),
    "id_birth_date": (gettext_lazy("身份证号里的出生日期不对"), gettext_lazy("请照身份证核对。")),
    "account_as_number": (gettext_lazy("银行账号存成了数字"), gettext_lazy("请把该列设为“文本”，照存折或卡面重填。")),
    "name_characters": (gettext_lazy("姓名里有不该有的字符"), gettext_lazy("请照身份证重填。")),
    "village_unknown": (gettext_lazy("本乡镇没有叫这个名字的村（居）"), ""),
    "village_retired": (gettext_lazy("村已撤并"), gettext_lazy("请改填现在的村，每格写着改填哪个村。")),
    "text_long": (gettext_lazy("内容太长"), gettext_lazy("请缩短到该栏的字数以内。")),
    "two_names": (gettext_lazy("同一身份证号在文件里有两个姓名"), gettext_lazy("请核对姓名和身份证号。")),
    "twice": (
        gettext_lazy("同一享受人重复出现"),
        gettext_lazy("请只留一行，或在“分项”列写明不同的名目。"),
    ),
    "registered_name": (
        gettext_lazy("姓名与登记的不同"),
        gettext_lazy("请核对；确已改名的，先由主管部门更正登记。"),
    ),
    "merged_id": (gettext_lazy("身份证号已并入另一条登记"), gettext_lazy("请照现在的身份证填写。")),
    "total": (gettext_lazy("合计与各行相加不符"), gettext_lazy("请核对有没有漏行、多行或改错的金额。")),
    "two_accounts": (gettext_lazy("一行有两个不同的账号"), gettext_lazy("请只留发钱的那一个。")),
    "household_amounts": (
        gettext_lazy("一户写了几个金额"),
        gettext_lazy("到户的补贴一户一笔，请只在户主一行写总额。"),
    ),
    "amount_unclear": (gettext_lazy("一户几人只写了一个金额"), gettext_lazy("请给每人写明金额。")),
    "missing_column": (gettext_lazy("缺少必填的列"), gettext_lazy("请补上这些列，或使用本项目的模板。")),
    "duplicate_column": (gettext_lazy("有两列是同一项内容"), gettext_lazy("请删去其中一列。")),
}

_QUOTED = re.compile(r"“[^”]*”")
_NUMBERS = re.compile(r"\d[\d,.、–]*")


@dataclass(frozen=True)
class Group:
    """All problems of one cause in a refused file. ``place`` is the example's cell as ``P5``, empty for none."""

    code: str
    title: str
    hint: str
    where: str
    example: str
    place: str
    count: int


@dataclass
class Tally:
    """What is counted of one cause while the problems are found."""

    code: str
    message: str
    hint: str
    shown: str
    place: str
    whole: bool  # concerns the header or the whole file: nothing below could be read
    count: int = 0
    same_message: bool = True
    same_hint: bool = True
    columns: set[str] = field(default_factory=set)
    ranges: list[list[int]] = field(default_factory=list)
    more: bool = False

    def add(self, problem: Mapping[str, Any]) -> None:
        self.count += 1
        self.same_message = self.same_message and problem["message"] == self.message
        self.same_hint = self.same_hint and problem["hint"] == self.hint
        if problem["column"]:
            self.columns.add(problem["column"])
        if problem["row"]:
            self._add_row(problem["row"])

    def _add_row(self, row: int) -> None:
        last = self.ranges[-1] if self.ranges else None
        if last is not None and last[0] <= row <= last[1] + 1:
            last[1] = max(last[1], row)
        elif len(self.ranges) < _KEPT:
            self.ranges.append([row, row])
        else:
            self.more = True

    def stored(self) -> dict[str, Any]:
        """As JSON for the import: masked like the problems themselves."""
        return {
            "code": self.code,
            "message": self.message if self.same_message else _general(self.message),
            "hint": self.hint if self.same_hint else "",
            "shown": self.shown,
            "place": self.place,
            "count": self.count,
            "columns": sorted(self.columns, key=lambda letters: (len(letters), letters)),
            "ranges": _merged(self.ranges),
            "more": self.more,
        }


class Tallies:
    """The causes of one file, counted one problem at a time."""

    def __init__(self) -> None:
        self.by_code: dict[str, Tally] = {}

    def add(self, problem: Mapping[str, Any]) -> None:
        code = problem["code"]
        tally = self.by_code.get(code)
        if tally is None:
            place = f"{problem['column']}{problem['row']}" if problem["column"] and problem["row"] else ""
            whole = not place or code in {"duplicate_column", "wrong_unit"}
            tally = Tally(code, problem["message"], problem["hint"], problem["shown"], place, whole)
            self.by_code[code] = tally
        tally.add(problem)

    def stored(self) -> list[dict[str, Any]]:
        """What blocks most first: the file and its header, then the causes with most cells."""
        return [t.stored() for t in sorted(self.by_code.values(), key=lambda t: (not t.whole, -t.count))]


def tally(problems: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The stored form of the groups of ``problems``."""
    tallies = Tallies()
    for problem in problems:
        tallies.add(problem)
    return tallies.stored()


def read_groups(stored: Iterable[Mapping[str, Any]]) -> list[Group]:
    """The groups as a page or a workbook shows them."""
    return [
        Group(
            group["code"],
            cause(group["code"], group["message"]),
            remedy(group["code"], group["hint"]),
            _where(group),
            group["shown"],
            group["place"],
            group["count"],
        )
        for group in stored
    ]


def cause(code: str, message: str) -> str:
    """The general cause in words, without a full stop."""
    return str(CAUSES[code][0]) if code in CAUSES else message.rstrip("。")


def remedy(code: str, hint: str) -> str:
    return str(CAUSES.get(code, ("", ""))[1]) or hint or _("每格写着怎么改。")


def _general(message: str) -> str:
    """A message without what differs from row to row: numbers and quoted words."""
    return _NUMBERS.sub("…", _QUOTED.sub("“…”", message))


def _merged(ranges: Iterable[list[int]]) -> list[list[int]]:
    pieces: list[list[int]] = []
    for first, last in sorted(ranges):
        if pieces and first <= pieces[-1][1] + 1:
            pieces[-1][1] = max(pieces[-1][1], last)
        else:
            pieces.append([first, last])
    return pieces


def _where(group: Mapping[str, Any]) -> str:
    """``H、K 列 第 3、8–11 行``; at most eight pieces, then 等."""
    columns, ranges = "、".join(group["columns"]), group["ranges"]
    rows = "、".join(str(a) if a == b else f"{a}–{b}" for a, b in ranges[:_SHOWN])
    if len(ranges) > _SHOWN or group["more"]:
        rows += _("等")
    parts = (_("%s 列") % columns if columns else "", _("第 %s 行") % rows if rows else "")
    return " ".join(part for part in parts if part)

"""Household sheets: the head named once with its members below, or all members beside each other in one row.

What comes out is a list like any other: a claim per member for a to-person program, one per household for a
to-household program. Cells are filled down only inside a merged range (M20), and an amount is shared out
only when the standard proves how (amount = standard × members); everything else is refused, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from programs.imports import cells
from programs.imports.columns import Column, header_text
from programs.imports.layout import Body, Layout
from programs.imports.problems import CellError, Problems
from programs.imports.roles import fill_roles, pays_heads
from programs.models import Program
from subsidy_portal.sheets import Cell, column_letter, is_blank

# What belongs to the household and may stand in a merged cell beside all its members.
_SHARED = (
    "head_name", "head_id", "payee_name", "payee_id", "account", "account_name", "account_kind", "bank", "village",
    "group_no", "standard", "phone",
)  # fmt: skip
_ID = re.compile(r"\d{17}[\dXx]|\d{15}")
_NAME = re.compile(r"[\u3400-\u9fff·]{2,10}")
_LOOKED_AT = 200  # rows in which a column without a header shows what it holds


@dataclass
class Member:
    name: int | None
    id: int
    amount: int | None


def arrange(
    layout: Layout,
    body: Body,
    columns: Collection[Column],
    program: Program,
    members: list[Member],
    problems: Problems,
) -> None:
    """Make one claim a row of ``body``, in place, and let the people of the file stand for those it leaves out."""
    to_household = pays_heads(columns)
    if layout.second_account is not None:
        _one_account(layout, body, layout.second_account, problems)
    groups = _merged_groups(layout, body)
    if groups:
        _below(layout, body, groups, program, to_household=to_household, problems=problems)
    if members and to_household:
        layout.said.append(_("成员的列没有读：到户的补贴一户一笔，发给户主。"))
    elif members:
        _beside(layout, body, members, program, problems)
    fill_roles(layout, columns)
    if not to_household and layout.stand_ins.get("payee_id") == "beneficiary_id" and _names_the_payee(layout):
        _payee_by_account_name(layout, body)


# --- The account, the payee ---------------------------------------------------------------------------------


def _one_account(layout: Layout, body: Body, second: int, problems: Problems) -> None:
    """Two account columns: the row's account is in the one that is filled; of two different ones the clerk chooses."""
    first = layout.columns["account"]
    _start_origins(body)
    for at, row in enumerate(body.rows):
        if is_blank(row[second]) or row[first] == row[second]:
            continue
        if is_blank(row[first]):
            body.rows[at] = row = list(row)
            row[first] = row[second]
            body.origins[at] = {**body.origins[at], first: second}
            continue
        error = CellError(
            "two_accounts",
            _("%(first)s列和%(second)s列写了两个不同的账号。")
            % {"first": column_letter(first), "second": column_letter(second)},
            _("请只留要发放的那个账号。"),
        )
        problems.add(
            error, sheet=layout.sheet.name, row=body.row_nos[at], column=second, cell=row[second],
            column_field="account",
        )  # fmt: skip


def _names_the_payee(layout: Layout) -> bool:
    return {"account_name", "head_name", "head_id"} <= layout.columns.keys()


def _payee_by_account_name(layout: Layout, body: Body) -> None:
    """An account in the head's name pays the head; any other one is the beneficiary's own."""
    at_bank, head = layout.columns["account_name"], layout.columns["head_name"]
    sources = {}
    for part in ("name", "id"):
        sources[part] = (layout.columns[f"head_{part}"], layout.columns[f"beneficiary_{part}"])
        del layout.stand_ins[f"payee_{part}"]
    _start_origins(body)
    width = len(body.rows[0]) if body.rows else 0
    for at, row in enumerate(body.rows):
        is_head = not is_blank(row[at_bank]) and header_text(row[at_bank]) == header_text(row[head])
        picked = [sources[part][0 if is_head else 1] for part in ("name", "id")]
        body.rows[at] = [*row, *(row[index] for index in picked)]
        places = {width + n: body.place(at, index) for n, index in enumerate(picked)}
        body.origins[at] = {**body.origins[at], **places}
    layout.columns |= {"payee_name": width, "payee_id": width + 1}
    layout.said[:] = [said for said in layout.said if "收款人" not in said]
    layout.said.append(_("表里没有收款人：户名是户主的按户主收款，其余按享受人本人收款读入。"))


def _start_origins(body: Body) -> None:
    if not body.origins:
        body.origins = [{} for _row in body.rows]


# --- Members below their head -------------------------------------------------------------------------------


def _merged_groups(layout: Layout, body: Body) -> list[list[int]]:
    """The claims of each household of several rows whose head stands in one merged cell, as places in ``body``."""
    heads = {layout.columns.get("head_id"), layout.columns.get("head_name")} - {None}
    spans = {(top[0] + 1, end[0] + 1) for top, end in layout.sheet.merged if top[1] in heads and end[0] > top[0]}
    places = {row_no: at for at, row_no in enumerate(body.row_nos)} if spans else {}
    groups = ([places[n] for n in range(first, last + 1) if n in places] for first, last in sorted(spans))
    return [group for group in groups if len(group) > 1]


def _below(
    layout: Layout, body: Body, groups: list[list[int]], program: Program, *, to_household: bool, problems: Problems
) -> None:
    _fill_down(layout, body)
    dropped: set[int] = set()
    for group in groups:
        if to_household:
            dropped.update(_household_claim(layout, body, group, problems))
        else:
            _share(layout, body, group, program, problems)
    if to_household:
        for name in ("beneficiary_name", "beneficiary_id"):
            layout.columns.pop(name, None)
        keep = [at for at in range(len(body.rows)) if at not in dropped]
        body.rows = [body.rows[at] for at in keep]
        body.row_nos = [body.row_nos[at] for at in keep]
        body.origins = [body.origins[at] for at in keep] if body.origins else []
        layout.said.append(_("一户几行的，合为一笔发给户主；成员没有读。"))


def _fill_down(layout: Layout, body: Body) -> None:
    """What stands in a merged cell holds for every row of it."""
    shared = {layout.columns[name] for name in _SHARED if name in layout.columns}
    places = {row_no: at for at, row_no in enumerate(body.row_nos)}
    for (top, left), (bottom, right) in layout.sheet.merged:
        if bottom == top or left != right or left not in shared:
            continue
        value = layout.sheet.rows[top][left]
        for row_no in range(top + 2, bottom + 2):
            at = places.get(row_no)
            if at is not None and is_blank(body.rows[at][left]):
                body.rows[at] = list(body.rows[at])
                body.rows[at][left] = value


def _amounts(layout: Layout, body: Body, group: Iterable[int]) -> list[int]:
    amount = layout.columns["amount"]
    return [at for at in group if not is_blank(body.rows[at][amount])]


def _household_claim(layout: Layout, body: Body, group: list[int], problems: Problems) -> list[int]:
    """Of the household's rows the one with its amount is the claim; returns the others."""
    paid = _amounts(layout, body, group)
    if len(paid) > 1:
        error = CellError(
            "household_amounts",
            _("这一户（第%(first)d–%(last)d行）写了几个金额。")
            % {"first": body.row_nos[group[0]], "last": body.row_nos[group[-1]]},
            _("到户的补贴一户一笔，请只在户主一行写总额。"),
        )
        _tell(layout, body, paid[1], error, problems)
    keep = paid[0] if paid else group[0]
    return [at for at in group if at != keep]


def _share(layout: Layout, body: Body, group: list[int], program: Program, problems: Problems) -> None:
    """One amount beside several members is each one's standard, if it is that many times the standard."""
    paid = _amounts(layout, body, group)
    if len(paid) != 1:
        return  # each has an own one; a hole is told as such
    amount = layout.columns["amount"]
    share = _equal_share(layout, body.rows[paid[0]], len(group), program)
    if share is None:
        error = CellError(
            "amount_unclear",
            _("第%(first)d–%(last)d行是一户%(n)d人，只写了一个金额，分不清每人多少。")
            % {"first": body.row_nos[group[0]], "last": body.row_nos[group[-1]], "n": len(group)},
            _("请给每人写明金额。"),
        )
        _tell(layout, body, paid[0], error, problems)
        share = body.rows[paid[0]][amount]
    for at in group:
        body.rows[at] = list(body.rows[at])
        body.rows[at][amount] = share


def _equal_share(layout: Layout, row: list[Cell], people: int, program: Program) -> Cell | None:
    """The standard, as it would be written, when the amount is ``people`` times it; else None."""
    index = layout.columns.get("standard")
    written = row[index] if index is not None else ""
    try:
        standard = program.standard_fen if is_blank(written) else cells.read_amount(written)
        whole = cells.read_amount(row[layout.columns["amount"]])
    except CellError:
        return None
    if not standard or whole != standard * people:
        return None
    return f"{standard // 100}.{standard % 100:02d}"


def _tell(layout: Layout, body: Body, at: int, error: CellError, problems: Problems) -> None:
    index = layout.columns["amount"]
    cell = body.rows[at][index]
    problems.add(error, sheet=layout.sheet.name, row=body.row_nos[at], column=body.place(at, index), cell=cell)


# --- Members beside each other ------------------------------------------------------------------------------


def _members(layout: Layout) -> list[Member]:
    """The people of a row: the file's own beneficiary, numbered member columns, ID columns without a header."""
    found = [
        Member(parts.get("name"), parts["id"], parts.get("amount"))
        for parts in layout.members.values()
        if "id" in parts
    ]
    found += _unnamed_members(layout)
    own = layout.columns.get("beneficiary_id")
    if found and own is not None:
        found.insert(0, Member(layout.columns.get("beneficiary_name"), own, None))
    return found


def _unnamed_members(layout: Layout) -> list[Member]:
    """Columns without a header that hold ID numbers; the name stands in the column before (E23)."""
    header = layout.sheet.rows[layout.header_row - 1]
    taken = {*layout.columns.values(), *layout.unknown, *(i for m in layout.members.values() for i in m.values())}
    taken |= {second for _first, second in layout.duplicates} | {layout.second_account or 0}
    free = [index for index in range(len(header)) if index not in taken and not header_text(header[index])]
    sample = layout.sheet.rows[layout.header_row : layout.header_row + _LOOKED_AT]
    found = []
    for index in free:
        if any(_ID.fullmatch(header_text(row[index])) for row in sample if not is_blank(row[index])):
            before = index - 1
            named = before in free and any(_NAME.fullmatch(header_text(row[before])) for row in sample)
            found.append(Member(before if named else None, index, None))
    return found


def find_members(layout: Layout) -> list[Member]:
    """The members beside each other in one row of this list; tells ``layout`` where its claims and amounts are."""
    members = _members(layout)
    amounts = [one.amount for one in members if one.amount is not None]
    if amounts:
        layout.columns.setdefault("amount", amounts[0])
    if members:
        layout.key_column = min(one.id for one in members)
    return members


def _beside(layout: Layout, body: Body, members: list[Member], program: Program, problems: Problems) -> None:
    """A claim per member: the row again, with the member's name, number and amount behind it."""
    width = len(layout.sheet.rows[layout.header_row - 1])
    old = (body.rows, body.row_nos, body.origins)
    body.rows, body.row_nos, body.origins = [], [], []
    for at, row in enumerate(old[0]):
        here = [one for one in members if _is_there(one, row)] or members[:1]
        amounts = _member_amounts(layout, row, here, program)
        if amounts is None:
            _unclear(layout, old[1][at], row, len(here), problems)
            amounts = [(row[layout.columns["amount"]], layout.columns["amount"])] * len(here)
        for one, (amount, source) in zip(here, amounts, strict=True):
            if one.name is None:
                _nameless(layout, old[1][at], row, one, problems)
            name = "" if one.name is None else row[one.name]
            body.rows.append([*row[:width], name, row[one.id], amount])
            body.row_nos.append(old[1][at])
            origins = old[2][at] if old[2] else {}
            where = one.id if one.name is None else one.name
            body.origins.append({**origins, width: where, width + 1: one.id, width + 2: source})
    if any(one.amount is not None for one in members):
        body.total = None  # the clerk's total is that of one column
    body.numbers = list(range(1, len(body.rows) + 1))
    layout.columns |= {"beneficiary_name": width, "beneficiary_id": width + 1, "amount": width + 2}
    layout.said.append(_("一行几名成员的，按一人一笔读入，行号是拆开后的顺序。"))


def _is_there(one: Member, row: list[Cell]) -> bool:
    return not is_blank(row[one.id]) or (one.name is not None and not is_blank(row[one.name]))


def _member_amounts(
    layout: Layout, row: list[Cell], members: list[Member], program: Program
) -> list[tuple[Cell, int]] | None:
    """(amount, its column) of each member; None when the row does not say how much is whose."""
    own = [one.amount for one in members]
    if own and all(index is not None for index in own):
        return [(row[index], index) for index in own if index is not None]
    whole = layout.columns["amount"]
    if len(members) == 1 or is_blank(row[whole]):
        return [(row[whole], whole)] * len(members)
    share = _equal_share(layout, row, len(members), program)
    return None if share is None else [(share, whole)] * len(members)


def _unclear(layout: Layout, row_no: int, row: list[Cell], people: int, problems: Problems) -> None:
    error = CellError(
        "amount_unclear",
        _("这一行有%(n)d名成员，只写了一个金额，分不清每人多少。") % {"n": people},
        _("请一人一行，各写各的金额。"),
    )
    index = layout.columns["amount"]
    problems.add(error, sheet=layout.sheet.name, row=row_no, column=index, cell=row[index])


def _nameless(layout: Layout, row_no: int, row: list[Cell], one: Member, problems: Problems) -> None:
    error = CellError("member_without_name", _("这名成员只有身份证号，没有姓名。"), _("请补上姓名，或一人一行。"))
    place: dict[str, Any] = {"sheet": layout.sheet.name, "row": row_no, "column": one.id}
    problems.add(error, **place, cell=row[one.id], column_field="beneficiary_id")

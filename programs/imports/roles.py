"""Who a row names when the file does not name all three: head, beneficiary, payee (domain §1, §7).

Lists of other offices name the person and an account, exports of a family the head. Whoever the file does
not name is the one it does name, and the clerk is told so.
"""

from __future__ import annotations

from collections.abc import Collection

from django.utils.translation import gettext as _

from programs.imports.columns import Column
from programs.imports.layout import Layout

HEAD = frozenset({"head_name", "head_id"})
BENEFICIARY = frozenset({"beneficiary_name", "beneficiary_id"})
PAYEE = frozenset({"payee_name", "payee_id"})


def pays_heads(columns: Collection[Column]) -> bool:
    """Whether these are the columns of a to-household program: only there the head is required."""
    return any(column.field == "head_id" and column.required for column in columns)


def stands_for(columns: Collection[Column], present: Collection[str]) -> dict[str, str]:
    """Field the file lacks → the field that stands for it. Half a pair stands for nothing."""
    found: dict[str, str] = {}
    have = set(present)

    def let(role: str, other: str) -> None:
        pair, source = {f"{role}_name", f"{role}_id"}, {f"{other}_name", f"{other}_id"}
        if not have & pair and source <= have:
            found.update({f"{role}_{part}": f"{other}_{part}" for part in ("name", "id")})
            have.update(pair)

    if pays_heads(columns):
        let("head", "beneficiary")
        let("beneficiary", "head")
        let("payee", "head")
    else:
        let("payee", "beneficiary")
    return found


def missing_columns(columns: Collection[Column], present: Collection[str]) -> list[Column]:
    """The required columns that a file with the fields ``present`` lacks, and that nothing stands for."""
    have = {*present, *stands_for(columns, present), "group_no"}
    if not have & PAYEE and BENEFICIARY - have:
        have |= PAYEE  # they come with the beneficiary, who is asked for
    return [column for column in columns if column.required and column.field not in have]


def needed_fields(columns: Collection[Column]) -> set[str]:
    """The fields without which no list can be read, whatever else it has."""
    who = HEAD if pays_heads(columns) else BENEFICIARY
    spare = (HEAD | BENEFICIARY | PAYEE | {"group_no"}) - who
    return {column.field for column in columns if column.required} - spare


def fill_roles(layout: Layout, columns: Collection[Column]) -> None:
    """Let the columns that are there stand for those that are not, in ``layout``."""
    found = stands_for(columns, layout.columns)
    for name, source in found.items():
        layout.columns[name] = layout.columns[source]
        layout.stand_ins[name] = source
    household = pays_heads(columns)
    if "payee_id" in found:
        layout.said.append(
            _("表里没有收款人，按%(who)s本人收款读入。") % {"who": _("户主") if household else _("享受人")}
        )
    if found.get("head_id") == "beneficiary_id":
        layout.said.append(_("表里没有户主，按一人一户、享受人就是户主读入。"))
    if found.get("beneficiary_id") == "head_id":
        layout.said.append(_("表里只有户主，一户一笔，发给户主。"))
    if "group_no" not in layout.columns and any(column.field == "group_no" for column in columns):
        layout.said.append(_("表里没有村民小组，按没有小组读入。"))

"""The people a search found, as a workbook for the department."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO

from rustpy_xlsxwriter import write_worksheet

from programs.models import EligibleUnpaid

MAX_ROWS = 50_000


def build_eligible_list(found: Iterable[EligibleUnpaid]) -> bytes:
    """One row a person; ID numbers masked, every cell a text and no formula."""
    rows = [
        {
            "应享受项目": one.rule.name,
            "姓名": one.person.name,
            "身份证号": one.person.masked_id,
            "出生日期": one.person.born_on.isoformat(),
            "乡镇": one.area.parent.name if one.area.parent else "",
            "村（居）": one.area.name,
            "村民小组": one.person.group_no,
            "为什么应享受": one.reason,
            "状态": str(one.get_status_display()),
            "说明": one.note,
            "发现日期": one.found_at.date().isoformat(),
        }
        for one in found
    ]
    out = BytesIO()
    write_worksheet(rows or [{"应享受项目": "没有"}], out, sheet_name="应享受未享受")
    return out.getvalue()

"""What the tests of comparison data share: list workbooks, and taking one in as the worker does."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Sequence
from typing import Any

import openpyxl

from programs import actions
from programs.comparison_data import KINDS
from programs.models import Dataset
from programs.tasks import import_dataset
from subsidy_portal.models import User
from tests.make import K, R, make_user

TITLE = ("示范县2022年名单",)


def workbook(rows: Sequence[Sequence[object]], header: Sequence[str] = ("姓名", "身份证号", "死亡日期")) -> bytes:
    """A title row, the header, the rows: data begin in row 3."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in (TITLE, header, *rows):
        sheet.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def list_of(kind: str, rows: Sequence[dict[str, Any]]) -> bytes:
    """A workbook with all columns of the kind, as its template has them."""
    header = [field.label for field in KINDS[kind].columns]
    return workbook([[row.get(label, "") for label in header] for row in rows], header)


def take_in(content: bytes, kind: str = "death", actor: User | None = None, **fields: Any) -> Dataset:
    """Upload a list and read it as the worker does."""
    given = {"source": "县民政局", "as_of": dt.date(2022, 6, 10), "coverage": "全县", "file_name": "名单.xlsx"} | fields
    actor = actor or make_user(K.DEPARTMENT, R.OPERATOR)
    dataset = actions.upload_dataset(kind, content=content, actor=actor, **given)
    assert dataset.job is not None
    import_dataset(dataset.job.pk)
    dataset.refresh_from_db()
    return dataset

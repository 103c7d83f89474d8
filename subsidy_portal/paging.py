"""Keyset pages: newest first by primary key, no count of the whole, the same speed on every page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

_KEY = re.compile(r"-?[0-9]{1,18}")


@dataclass(frozen=True)
class Page:
    rows: list[Any]
    next_url: str
    first_url: str

    def __iter__(self) -> Any:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


def keyset_page(
    queryset: QuerySet[Any], request: HttpRequest, *, size: int = 50, key: str = "pk", descending: bool = True
) -> Page:
    """The page of ``queryset`` after ``?after=KEY`` (an integer ``key``); bad values show the first page."""
    after = request.GET.get("after", "")
    if _KEY.fullmatch(after):
        queryset = queryset.filter(**{f"{key}__{'lt' if descending else 'gt'}": int(after)})
    rows = list(queryset.order_by(f"{'-' if descending else ''}{key}")[: size + 1])
    params = request.GET.copy()
    params.pop("after", None)
    first_url = f"?{params.urlencode()}" if after else ""
    next_url = ""
    if len(rows) > size:
        rows.pop()
        params["after"] = str(getattr(rows[-1], key))
        next_url = f"?{params.urlencode()}"
    return Page(rows, next_url, first_url)

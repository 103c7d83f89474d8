"""The rehearsal's county, for the benchmarks that need townships, banks and users: made once a data folder."""

from __future__ import annotations

from programs.models import Program
from subsidy_portal.demo.catalogue import ENTRIES, LONGEVITY_CODE
from subsidy_portal.demo.world import build_world

ENTRY = next(entry for entry in ENTRIES if entry.code == LONGEVITY_CODE)


def make_county() -> None:
    if not Program.objects.filter(code=ENTRY.code).exists():
        build_world((ENTRY,), 10)

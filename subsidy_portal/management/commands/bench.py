"""Measure: ``./portal bench [name…] [--json FILE]``. Ends with 1 when a ratio is over its bound."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from subsidy_portal.bench import BENCHES, audits, checks, gateway, imports, money, peak_mb, public, registry  # noqa: F401  # importing registers the benchmarks


class Command(BaseCommand):
    help = "Run benchmarks against a floor measured in the same run."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("names", nargs="*", metavar="name", help=f"of: {', '.join(BENCHES)}; none: all")
        parser.add_argument("--json", metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        unknown = set(options["names"]) - set(BENCHES)
        if unknown:
            raise CommandError(f"没有这个测量：{'、'.join(sorted(unknown))}。可选：{'、'.join(BENCHES)}。")
        results = []
        self.stdout.write(f"{'bench':<16}{'n':>10}{'seconds':>10}{'floor':>8}{'ratio':>8}{'at most':>9}{'peak MB':>9}")
        for name in options["names"] or BENCHES:
            found = BENCHES[name]()
            results.append(found)
            self.stdout.write(
                f"{found.bench:<16}{found.n:>10,}{found.seconds:>10.3f}{found.floor_seconds:>8.4f}"
                f"{found.ratio:>8.2f}{found.at_most:>9}{peak_mb():>9}{'  OVER' if found.is_over else ''}"
            )
            self.stdout.flush()
        if options["json"]:
            Path(options["json"]).write_text(json.dumps([r.as_json() for r in results], indent=2) + "\n")
        if any(result.is_over for result in results):
            sys.exit(1)

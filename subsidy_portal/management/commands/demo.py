"""Play a rehearsal on an empty database: ``./portal demo`` starts the services and calls this."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from programs.models import Program
from subsidy_portal.demo.plan import county_plan, town_plan
from subsidy_portal.demo.play import Play, Stuck
from subsidy_portal.demo.probe import Probe
from subsidy_portal.demo.report import as_lines, figures
from subsidy_portal.demo.today import leave_work
from subsidy_portal.demo.world import PASSWORD
from subsidy_portal.workflow import Refused


class Command(BaseCommand):
    help = "Play a year (county) or a quarter (town) of the fictional county through real files and services."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--scale", choices=("town", "county"), default="town")
        parser.add_argument("--json", metavar="FILE", help="write the figures there")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.REHEARSAL:
            raise CommandError("这不是演练环境，不能写入演示数据。请用 ./portal demo。")
        if Program.objects.exists():
            raise CommandError(
                "数据库里已经有数据，没有改动。演示只在空库里运行：请用 ./portal demo，或换一个 PORTAL_HOME。"
            )
        began = time.perf_counter()
        plan = county_plan() if options["scale"] == "county" else town_plan()
        play = Play(plan, self.say)
        probe = Probe(f"http://127.0.0.1:{os.environ.get('PORTAL_PORT', '8000')}", "caizheng-jb", PASSWORD)
        try:
            play.run(after_world=probe.start if os.environ.get("PORTAL_SERVING") else None)
            with play.step("today"):
                leave_work(play)
        except (Stuck, Refused) as error:
            raise CommandError(f"演示停住了：{error}") from error
        finally:
            if probe.is_alive():
                probe.stop()
        found = figures(plan.year, dt.date(plan.year, 12, 31))
        found["seconds"] = {name: round(value, 1) for name, value in play.seconds.items()}
        found["seconds"]["total"] = round(time.perf_counter() - began, 1)
        found["page_p95_ms"], found["pages_read"], found["page_errors"] = (
            probe.p95_ms,
            len(probe.times_ms),
            probe.errors,
        )
        if options["json"]:
            Path(options["json"]).write_text(json.dumps(found, ensure_ascii=False, indent=2) + "\n")
        self.say(f"演示完成，用时 {found['seconds']['total']} 秒。")
        for line in as_lines(found):
            self.say(line)
        self.say(f"  登录名见 README（如 caizheng-jb、shiqiao-jb、minzheng-jb），密码 {PASSWORD}")

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

"""``manage.py banksim``: the rehearsal's banks as a process of their own; ``--report`` prints what they booked."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.storage import storages
from django.core.management.base import BaseCommand, CommandParser

from disbursement.simulator.bank import Banks, open_books
from disbursement.simulator.gateway import open_gateway
from disbursement.simulator.ledger import report


class Command(BaseCommand):
    help = "Simulated paying banks: take order files, book, answer, send statements. For rehearsals only."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="work until nothing is left to do, then stop")
        parser.add_argument("--report", action="store_true", help="print the ledger's totals as JSON and stop")
        parser.add_argument("--close-day", action="store_true", help="end today's bookings and send the statements")

    def handle(self, *args: Any, **options: Any) -> None:
        home = Path(settings.PORTAL_HOME)
        if options["report"]:
            self.stdout.write(json.dumps(report(open_books(home)), ensure_ascii=False))
            return
        exchange = Path(storages["exchange"].path(""))
        if options["close_day"]:
            (home / "banksim").mkdir(parents=True, exist_ok=True)
            (home / "banksim" / "close-day").touch()
            return
        banks = Banks(home, exchange)
        if options["once"]:
            while banks.round():
                pass
            return
        with open_gateway(home, exchange) as gateway:
            self.stdout.write(f"banksim: {exchange}, 127.0.0.1:{gateway.server_address[1]}")
            banks.serve()

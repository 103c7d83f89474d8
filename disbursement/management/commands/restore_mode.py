"""``manage.py restore_mode``: is sending stopped? ``--start`` stops it, ``--replay`` reads old bank files again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from disbursement import restoring
from disbursement.banks import exchange_of
from disbursement.models import Bank


class Command(BaseCommand):
    help = "Restore mode: nothing is sent until two persons reopen. See docs/operators.md."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--start", metavar="REASON", help="stop sending before a restore or a drill")
        parser.add_argument("--replay", action="store_true", help="move files from done/ back to in/: read them again")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["start"] and restoring.sending_allowed():
            restoring.stop_sending(options["start"][:200])
        if options["replay"]:
            for bank in Bank.objects.filter(is_active=True):
                self.stdout.write(f"{bank}: {exchange_of(bank).take_back()} files")
        if restoring.sending_allowed():
            self.stdout.write("发送正常。(sending)")
            return
        stop = restoring.open_stops().get()
        self.stdout.write(f"停止发送：{stop.reason}。(stopped)")
        for what in ("unknown", "missing"):
            self.stdout.write(f"  {what}: {' '.join(stop.found.get(what, [])) or '-'}")

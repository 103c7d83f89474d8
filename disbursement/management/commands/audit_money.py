"""``manage.py audit_money``: every invariant of the money, with its figures; exit 1 when one does not hold."""

from typing import Any

from django.core.management.base import BaseCommand

from disbursement.audit import SHOWN, run_audit


class Command(BaseCommand):
    help = "Check every invariant of the money, print each with its figures; exit 1 when one does not hold."

    def handle(self, *args: Any, **options: Any) -> None:
        findings = run_audit()
        for finding in findings:
            mark = "通过" if finding.holds else "不符"
            self.stdout.write(
                f"{mark}  {finding.name:<18}{finding.rule}（查{finding.looked_at}，错{len(finding.wrong)}）"
            )
            for line in finding.wrong[:SHOWN]:
                self.stdout.write(f"      {line}")
        broken = [finding.name for finding in findings if not finding.holds]
        if broken:
            self.stderr.write(f"{len(broken)}项不符：{'、'.join(broken)}")
            raise SystemExit(1)
        self.stdout.write(f"{len(findings)}项全部通过。")

"""What all proofs by force share: how much (short or full), money under way, the bank's ledger as judge, the report."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from disbursement import actions
from disbursement.audit import run_audit
from disbursement.models import Attempt, Order, Payment
from disbursement.simulator.bank import open_books
from disbursement.simulator.ledger import debits_by_ref
from tests import make
from tests.disbursement import stage
from tests.stack import Stack, wait

# ``./portal test --faults``: everything at its full length.
FULL = os.environ.get("PORTAL_FAULTS") == "full"


@dataclass
class Fault:
    """One line of the report: payments under the fault, paid twice, lost, and the seconds until paying went on."""

    fault: str
    n: int = 0
    double: int = 0
    lost: int = 0
    recoveries: list[float] = field(default_factory=list)
    seconds: float = 0.0
    seed: int | None = None

    @property
    def recovery_p95_seconds(self) -> float:
        ordered = sorted(self.recoveries)
        return ordered[max(0, -(-len(ordered) * 95 // 100) - 1)] if ordered else 0.0


def report(fault: Fault) -> None:
    """Add the fault to the file ``./portal test --faults --json FILE`` asks for."""
    told = os.environ.get("PORTAL_FAULT_REPORT")
    if not told:
        return
    path = Path(told)
    lines = json.loads(path.read_text()) if path.exists() else []
    line = {**asdict(fault), "recovery_p95_seconds": round(fault.recovery_p95_seconds, 2)}
    del line["recoveries"]
    line["seconds"] = round(fault.seconds, 1)
    path.write_text(json.dumps([*lines, line], ensure_ascii=False, indent=1) + "\n")


@contextmanager
def under(name: str, *, seed: int | None = None) -> Iterator[Fault]:
    """Measure a fault and report it, whatever it found."""
    fault = Fault(name, seed=seed)
    began = time.monotonic()
    try:
        yield fault
    finally:
        fault.seconds = time.monotonic() - began
        report(fault)


def start_paying(stack: Stack, *, people: int, batches: int, rate: int = 400) -> None:
    """Released batches and the services that pay them, slowly enough that something can go wrong meanwhile."""
    (stack.home / "clock").write_text("2022-03-07")
    stack.knobs(max_lines_per_second=rate)
    desk = stage.Desk()
    near, far = make.make_bank("N"), make.make_bank("F", kind="sheet_text")
    for n in range(batches):
        batch = stage.crowd_batch(desk, stage.crowd(people, near if n % 2 else far))
        stage.approve(desk, batch)
        actions.release_batch(batch, actor=desk.approver)


def booked(stack: Stack) -> int:
    return len(debits_by_ref(open_books(stack.home)))


def strike(stack: Stack, fault: Fault, hit: Callable[[], None], *, at: int) -> None:
    """Hit once ``at`` payments are booked, and measure until the next one is (the bank goes on by itself meanwhile)."""
    wait(lambda: booked(stack) >= at, 120, f"{at} bookings")
    hit()
    began, before = time.monotonic(), paid()
    wait(lambda: paid() > before or not Payment.objects.exclude(status="paid").exists(), 120, "paying going on")
    fault.recoveries.append(time.monotonic() - began)


def paid() -> int:
    return Payment.objects.filter(status="paid").count()


def judge(stack: Stack, fault: Fault, *, patience: int = 180) -> None:
    """Everybody is paid, the bank debited each once, and every invariant holds."""
    stack.knobs()
    wait(lambda: not Payment.objects.exclude(status="paid").exists(), patience, "every payment paid")
    owed = dict(Attempt.objects.values_list("ref", "amount_fen"))
    debits = debits_by_ref(open_books(stack.home))
    fault.n = Payment.objects.count()
    fault.double = len(debits) - fault.n if len(debits) > fault.n else 0
    fault.lost = len(owed.keys() - debits.keys())
    assert debits == owed, "each reference was debited once, with its amount"
    assert len(owed) == fault.n, "nothing was sent under a second reference"
    wait(lambda: not Order.objects.exclude(status="settled").exists(), 60, "every order settled")
    assert [finding.name for finding in run_audit() if not finding.holds] == []
    assert fault.recovery_p95_seconds <= 60

"""An older database is put back: nothing is sent, what left is unknown until the bank's papers come, two reopen."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from disbursement import actions, restoring, sending, tasks
from disbursement.audit import run_audit
from disbursement.models import Order, SendingStop
from disbursement.simulator.ledger import debits_by_ref
from subsidy_portal.workflow import NotPermitted, Refused
from tests import make
from tests.disbursement import stage
from tests.stack import Stack, _admin

pytestmark = pytest.mark.stack


@pytest.fixture
def put_back(stack: Stack) -> Iterator[Callable[[], None]]:
    """``put_back()``: the database as it was when this fixture's ``copy`` was taken."""
    copy = f"{stack.database}_copy"

    def take() -> None:
        connection.close()
        _admin(f"CREATE DATABASE {copy} TEMPLATE {stack.database}")

    def back() -> None:
        connection.close()
        _admin(f"DROP DATABASE {stack.database} WITH (FORCE)", f"CREATE DATABASE {stack.database} TEMPLATE {copy}")
        # Every process starts anew after a restore.
        restoring._seen.clear()

    back.take = take  # type: ignore[attr-defined]
    yield back
    connection.close()
    _admin(f"DROP DATABASE IF EXISTS {copy} WITH (FORCE)")


def test_after_a_restore_nothing_leaves_twice(stack: Stack, put_back: Callable[[], None]) -> None:
    (stack.home / "clock").write_text("2022-03-07")
    with stack.django():
        desk, bank = stage.Desk(), make.make_bank("N")
        known = stage.release(desk, stage.make_batch(desk, [0, 0], bank=bank))[0]
        put_back.take()  # type: ignore[attr-defined]
        # After the backup: the known order leaves, and another one is made and leaves.
        stage.send_all()
        lost = stage.release(desk, stage.make_batch(desk, [0], bank=bank))[0]
        stage.send_all()
        stack.manage("banksim", "--once")
        put_back()

        assert restoring.sending_allowed() is False
        stop = SendingStop.objects.get()
        assert stop.found == {"missing": [lost.ref], "unknown": [known.ref]}
        known.refresh_from_db()
        assert known.status == "unknown"
        tasks.sweep()
        other = stage.release(desk, stage.make_batch(desk, [0], bank=bank))[0]
        assert other.ref > lost.ref, "no reference is used twice"
        assert min(other.attempts.values_list("ref", flat=True)) > max(
            ref for ref in debits_by_ref(open_ledger(stack)) if ref
        )
        sending.send_order(other.pk)
        other.refresh_from_db()
        assert other.status == "created", "nothing is sent in restore mode"

        # The bank's result and statement come in as always and settle what is known.
        stage.collect_all()
        known.refresh_from_db()
        assert (known.status, stage.statuses(known.batch)) == ("settled", ["paid", "paid"])
        assert "unknown_ref" in stage.open_kinds(), "what the database does not know any more is named"

        approver = desk.approver
        with pytest.raises(Refused):
            actions.propose_reopening(stop, note="好", actor=desk.reviewer)
        actions.propose_reopening(stop, note="对账单补到今天，缺的指令已与银行核对", actor=desk.reviewer)
        with pytest.raises(NotPermitted):
            actions.confirm_reopening(stop, actor=desk.reviewer)
        with pytest.raises(IntegrityError), transaction.atomic():
            SendingStop.objects.update(reopened_by=desk.reviewer)
        actions.confirm_reopening(stop, actor=approver)
        sending.send_order(other.pk)
        other.refresh_from_db()
        assert other.status == "sent"
        stack.manage("banksim", "--once")
        stage.collect_all()
        counts = debits_by_ref(open_ledger(stack))
        assert len(counts) == 4
        assert [finding.name for finding in run_audit() if not finding.holds] == []


def open_ledger(stack: Stack):  # type: ignore[no-untyped-def]
    from disbursement.simulator.bank import open_books

    return open_books(stack.home)


def test_the_command_stops_and_tells(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    with stack.django():
        call_command("restore_mode")
        assert "发送正常" in capsys.readouterr().out
        call_command("restore_mode", start="演练恢复")
        assert "演练恢复" in capsys.readouterr().out
        assert restoring.sending_allowed() is False
        assert Order.objects.count() == 0


def test_finance_sees_it_on_every_page_and_reopens_by_two(stack: Stack) -> None:
    from django.core.cache import cache
    from django.test import Client

    with stack.django():
        desk = stage.Desk()
        stop = restoring.stop_sending("演练恢复")
        cache.clear()

        def login(user: object) -> Client:
            client = Client(headers={"accept-language": "zh-hans"})
            client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")  # type: ignore[arg-type]
            return client

        reviewer, approver = login(desk.reviewer), login(desk.approver)
        page = reverse("disbursement:sending-stop", args=[stop.pk])
        assert page in reviewer.get(reverse("disbursement:month-list")).content.decode()
        assert page not in login(desk.town).get(reverse("desk")).content.decode()
        act = "disbursement:sending-stop-act"
        assert reviewer.post(reverse(act, args=[stop.pk, "propose"]), {"note": ""}).status_code == 422
        assert reviewer.post(reverse(act, args=[stop.pk, "propose"]), {"note": "对账单已补齐"}).status_code == 302
        assert "等另一人确认" in reviewer.get(page).content.decode()
        assert approver.post(reverse(act, args=[stop.pk, "confirm"])).status_code == 302
        assert restoring.sending_allowed()

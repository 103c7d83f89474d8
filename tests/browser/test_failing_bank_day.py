"""A day on which banks fail, as county finance sees it: names asked, released in parts, a cut file, an unknown end."""

from __future__ import annotations

import pytest

from disbursement import actions
from disbursement.models import Bank, BankFile, Batch, Order
from disbursement.names import is_asked
from subsidy_portal.bench import money
from subsidy_portal.wording import yuan
from tests.browser.conftest import SEATS
from tests.stack import Stack, wait

pytestmark = [pytest.mark.browser, pytest.mark.stack]


def approved_batch(county: Stack) -> Batch:
    """Thirty people at three banks, one of which is reached over its gateway; a few accounts are closed or renamed."""
    with county.django():
        wanted = money.accepted(30, 1, outcomes=(0, 0, 0, 0, 3, 0, 0, 0, 2))
        Bank.objects.filter(code="V").update(kind="xml_gateway")
        batch = actions.make_batch(*wanted[0], actor=money.finance("jb"))
        actions.submit_batch(batch, actor=money.finance("jb"))
        actions.approve_batch(batch, actor=money.finance("fh"))
        return batch


def test_a_day_on_which_banks_fail(county: Stack, seats: SEATS, monkeypatch: pytest.MonkeyPatch) -> None:
    # The browser's driver runs a loop in this thread; what is asked of the database here waits for it anyway.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    batch = approved_batch(county)
    (county.home / "clock").write_text("2022-03-07")
    county.start("worker", "beat", "banksim")
    county.knobs(truncate=9, gateway={"100001": "cut-before"})
    releaser = seats("caizheng-pz")

    releaser.open(f"/staff/batches/{batch.pk}/")
    releaser.sees("放行哪些银行的", "核验户名")
    releaser.click("核验户名")
    releaser.sees("正在向银行核验户名")
    with county.django():
        wait(lambda: is_asked(batch), 60, "the names being asked")
        shares = {bank.code: bank for bank in Bank.objects.all()}
        of_v = batch.payments.filter(account__bank=shares["V"].organisation)
        rest = sum(batch.payments.filter(status="ready").exclude(pk__in=of_v).values_list("amount_fen", flat=True))
    releaser.open(f"/staff/batches/{batch.pk}/")
    releaser.look("release-by-bank", narrow=True)
    releaser.page.get_by_label("村镇银行").uncheck()
    releaser.fill("再输一遍金额（元）", yuan(rest))
    releaser.page.locator(".btn-release").click()
    releaser.sees("已放行")
    with county.django():
        whole = sum(of_v.filter(status="ready").values_list("amount_fen", flat=True))
    releaser.fill("再输一遍金额（元）", yuan(whole))
    releaser.page.locator(".btn-release").click()
    releaser.sees("已放行")

    with county.django():
        wait(lambda: Order.objects.filter(status="unknown").exists(), 60, "an order nobody knows the end of")
        wait(lambda: BankFile.objects.filter(status="quarantined").exists(), 60, "a cut file")
        wait(lambda: not Order.objects.filter(status__in=("created", "sending", "sent")).exists(), 60, "the answers")
        unknown = Order.objects.get(status="unknown")
    clerk = seats("caizheng-jb")
    clerk.open("/staff/days/")
    clerk.sees("现在要人办的", "份隔离", unknown.ref)
    clerk.look("failing-day", narrow=True)
    clerk.open(f"/staff/batches/{batch.pk}/")
    clerk.look("failing-batch", narrow=True)
    clerk.open("/staff/discrepancies/")
    clerk.sees("文件不合格")
    clerk.look("failing-discrepancies", narrow=True)
    clerk.open(f"/staff/orders/{unknown.pk}/")
    clerk.sees("绝不再发")
    clerk.look("unknown-order", narrow=True)
    clerk.follow("查证")
    clerk.sees("能不能证明银行没有付出", "还没有收到")
    clerk.look("unknown-proof", narrow=True)

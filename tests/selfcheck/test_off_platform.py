"""Money paid past the platform: registered by year by two persons, corrected and never overwritten (R7–R9)."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from selfcheck import actions
from selfcheck.models import OffPlatformProgram, YearlyAmount
from selfcheck.yearly import yearly_table
from subsidy_portal.models import Event
from subsidy_portal.workflow import InvalidTransition, NotPermitted, Refused
from tests import make
from tests.make import K, R
from tests.selfcheck.ledger import Staff


def enter(staff: Staff, program: object, fen: int = 12_000_000, **fields: object) -> YearlyAmount:
    given = {"year": 2022, "channel": "offline", "amount_fen": fen, "persons": 30, "basis": "2022年决算表"}
    return actions.enter_yearly_amount(program, actor=staff.finance, **(given | fields))  # type: ignore[arg-type]


def total(staff: Staff) -> int:
    table = yearly_table(staff.audit)
    return table.cell(table.lines[-1].key, "off_fen") if table.lines else 0


def test_two_persons_and_a_correction_replaces(staff: Staff) -> None:
    program = make.make_program(on_platform=False)
    first = enter(staff, program)
    assert total(staff) == 0
    with pytest.raises(NotPermitted):
        actions.confirm_yearly_amount(first, actor=staff.finance)
    actions.confirm_yearly_amount(first, actor=staff.finance_reviewer)
    assert total(staff) == 12_000_000
    second = enter(staff, program, 13_000_000)
    actions.confirm_yearly_amount(second, actor=staff.finance_reviewer)
    first.refresh_from_db()
    assert (first.status, first.amount_fen, second.status) == ("replaced", 12_000_000, "confirmed")
    assert total(staff) == 13_000_000
    with pytest.raises(InvalidTransition):
        actions.confirm_yearly_amount(first, actor=staff.finance_reviewer)
    assert total(staff) == 13_000_000


def test_an_amount_is_sent_back_with_a_reason(staff: Staff) -> None:
    amount = enter(staff, make.make_program(on_platform=False))
    with pytest.raises(Refused, match="请写明退回的原因"):
        actions.refuse_yearly_amount(amount, note=" ", actor=staff.finance_reviewer)
    actions.refuse_yearly_amount(amount, note="与决算不符", actor=staff.finance_reviewer)
    assert amount.status == "refused"
    assert total(staff) == 0
    enter(staff, amount.program)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"year": 2024}, "年度不对"),
        ({"amount_fen": 0}, "大于0"),
        ({"basis": " "}, "请写明依据"),
        ({"persons": 0}, "到人的请填人数"),
    ],
)
def test_what_is_missing_is_said(staff: Staff, fields: dict[str, object], said: str) -> None:
    with pytest.raises(Refused, match=said):
        enter(staff, make.make_program(on_platform=False), **fields)
    assert not YearlyAmount.objects.exists()


def test_one_proposal_at_a_time_and_no_amount_is_rewritten(staff: Staff) -> None:
    amount = enter(staff, make.make_program(on_platform=False))
    with pytest.raises(Refused, match="已有一笔在等复核"):
        enter(staff, amount.program)
    with pytest.raises(IntegrityError), transaction.atomic():
        YearlyAmount.objects.filter(pk=amount.pk).update(amount_fen=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        amount.delete()
    assert YearlyAmount.objects.get().amount_fen == 12_000_000


def test_staying_offline_needs_rules_and_a_filing(staff: Staff) -> None:
    program = make.make_program(on_platform=False)
    decided = {"reason": "直接发到学校", "decision": "offline", "decided_on": "2023-03-01", "rule": "办法〔2022〕3号"}
    with pytest.raises(Refused, match="须有资金管理办法和监管措施"):
        actions.note_off_platform(program, actor=staff.finance, **decided)
    assert not OffPlatformProgram.objects.exists()


def test_the_pages_of_a_program_off_the_platform(client: Client, staff: Staff) -> None:
    program = make.make_program(name="学生资助", on_platform=False, department=staff.bureau)
    client.force_login(staff.finance)
    page = reverse("selfcheck:off-platform", args=(program.pk,))
    listed = client.get(reverse("selfcheck:off-platform-list")).content.decode()
    assert "学生资助" in listed
    assert "1 项还没决定" in listed
    decided = {"reason": "直接发到学校", "decision": "offline", "decided_on": "2023-03-01"}
    url = reverse("selfcheck:off-platform-decide", args=(program.pk,))
    assert client.post(url, decided).status_code == 422
    filed = {"rule": "资金管理办法〔2022〕3号", "oversight": "每季抽查", "filed_on": "2023-03-02"}
    assert client.post(url, decided | filed).url == page
    assert OffPlatformProgram.objects.get().rule == "资金管理办法〔2022〕3号"
    amount = {"year": 2022, "channel": "offline", "paid_to": "person", "amount_fen": "1,200.00", "persons": 3,
              "basis": "决算"}  # fmt: skip
    enter_url = reverse("selfcheck:yearly-amount-new", args=(program.pk,))
    assert client.post(enter_url, amount | {"persons": ""}).status_code == 422
    assert client.post(enter_url, amount).url == page
    entered = YearlyAmount.objects.get()
    client.force_login(staff.finance_reviewer)
    assert "复核通过" in client.get(page).content.decode()
    client.post(reverse("selfcheck:yearly-amount-act", args=(entered.pk, "confirm")))
    entered.refresh_from_db()
    assert (entered.status, entered.amount_fen) == ("confirmed", 120_000)
    assert Event.objects.filter(kind="off_platform_noted", subject_id=program.pk).exists()


def test_a_department_sees_only_its_own(client: Client, staff: Staff) -> None:
    amount = enter(staff, make.make_program(on_platform=False))
    client.force_login(staff.department)
    assert client.get(reverse("selfcheck:off-platform", args=(amount.program_id,))).status_code == 404
    client.force_login(make.make_user(K.TOWNSHIP, R.OPERATOR))
    assert client.get(reverse("selfcheck:off-platform-list")).status_code == 404

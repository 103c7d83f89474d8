"""People without a card, and cards that are not one to one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from io import BytesIO

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from programs import actions
from programs.models import Account, CardAnomaly, Person, Program, Suspicion, Uncarded
from subsidy_portal.models import Event, Organisation, User
from subsidy_portal.sheets import read_workbook
from subsidy_portal.workflow import NotPermitted, Refused
from tests import make
from tests.corpus import rosters as corpus
from tests.make import K, R
from tests.programs.pages import read, signed_in

pytestmark = pytest.mark.django_db
DUE = dt.date(2022, 4, 1)


@pytest.fixture(autouse=True)
def _day(set_today: Callable[[str], None]) -> None:
    set_today("2022-03-05")


@pytest.fixture
def clerk() -> User:
    return make.make_user(K.TOWNSHIP, R.OPERATOR)


@pytest.fixture
def program() -> Program:
    return make.make_program()


@pytest.fixture
def bank() -> Organisation:
    return make.make_bank("N").organisation


def noted(clerk: User, program: Program, n: int = 1, **more: object) -> Uncarded:
    given = {
        "id_number": corpus.id_number(n), "name": "林立夏", "area": make.make_area(make.VILLAGE), "program": program,
        "measure": "together", "owner": "王主任", "due_on": DUE, **more,
    }  # fmt: skip
    return actions.add_uncarded(**given, actor=clerk)


def answered(file: bytes, accounts: dict[str, object]) -> bytes:
    """The bank's answer: account numbers by ID number, into the file that was sent."""
    workbook = openpyxl.load_workbook(BytesIO(file))
    sheet = workbook.worksheets[0]
    header = [cell.value for cell in sheet[1]]
    number, account = header.index("身份证号") + 1, header.index("银行账号") + 1
    for row in range(2, sheet.max_row + 1):
        sheet.cell(row, account).value = accounts.get(str(sheet.cell(row, number).value))
    return corpus.saved(workbook)


class TestPeopleWithoutACard:
    def test_somebody_new_is_registered_with_it(self, clerk: User, program: Program) -> None:
        row = noted(clerk, program)
        assert (row.status, row.person.name, row.person.area.code) == ("open", "林立夏", make.VILLAGE)
        assert Person.objects.with_id_number(corpus.id_number(1)).get() == row.person

    def test_what_is_refused_leaves_nothing(self, clerk: User, program: Program) -> None:
        holder = make.make_person("林立夏", corpus.id_number(5))
        make.make_account(holder)
        elsewhere = make.make_area("990001102201")
        for change, sentence in (
            ({"id_number": "123"}, "应为18位"),
            ({"id_number": corpus.id_number(5), "name": "沈知秋"}, "登记的姓名不同"),
            ({"id_number": corpus.id_number(5)}, "有在用的账户"),
            ({"area": elsewhere}, "只能登记本乡镇"),
        ):
            with pytest.raises(Refused, match=sentence):
                noted(clerk, program, **change)
        assert not Uncarded.objects.exists()
        assert Person.objects.count() == 1

    def test_once_for_a_program(self, clerk: User, program: Program) -> None:
        noted(clerk, program)
        with pytest.raises(Refused, match="已有一条没办完"):
            noted(clerk, program)
        assert noted(clerk, make.make_program()).status == "open"

    def test_the_file_for_the_bank_has_full_numbers_as_text(
        self, clerk: User, program: Program, bank: Organisation
    ) -> None:
        rows = [noted(clerk, program, n) for n in (1, 2)]
        file = actions.send_uncarded(rows, bank, actor=clerk)
        lines = read_workbook(file.read()).sheets[0].rows
        assert [line[1] for line in lines] == ["身份证号", corpus.id_number(1), corpus.id_number(2)]
        assert set(Uncarded.objects.values_list("status", "bank")) == {("sent", bank.pk)}
        assert corpus.id_number(1) not in str(Event.objects.values())
        with pytest.raises(Refused, match="没有待办卡的人可送"):
            actions.send_uncarded(rows, bank, actor=clerk)

    def test_the_banks_answer_registers_the_accounts(self, clerk: User, program: Program, bank: Organisation) -> None:
        rows = [noted(clerk, program, n) for n in (1, 2)]
        file = actions.send_uncarded(rows, bank, actor=clerk)
        content = answered(file.read(), {corpus.id_number(1): corpus.account_number(1)})
        assert actions.read_opened(content, actor=clerk) == 1
        rows[0].refresh_from_db()
        rows[1].refresh_from_db()
        assert (rows[0].status, rows[1].status) == ("closed", "sent")
        assert rows[0].account.reveal_number() == corpus.account_number(1)
        assert rows[0].account.bank == bank

    @pytest.mark.parametrize(
        ("account", "sentence"),
        [(6217990000000000017, "改写成数字"), ("123", "8到32位"), ("6217990000000000010", "校验位不对")],
    )
    def test_one_wrong_line_and_nothing_is_taken_in(
        self, account: object, sentence: str, clerk: User, program: Program, bank: Organisation
    ) -> None:
        rows = [noted(clerk, program, n) for n in (1, 2)]
        file = actions.send_uncarded(rows, bank, actor=clerk)
        content = answered(file.read(), {corpus.id_number(1): corpus.account_number(1), corpus.id_number(2): account})
        with pytest.raises(Refused, match=f"第3行：.*{sentence}"):
            actions.read_opened(content, actor=clerk)
        assert not Account.objects.exists()
        assert not Uncarded.objects.filter(status="closed").exists()

    def test_somebody_who_was_not_sent_is_named(self, clerk: User, program: Program, bank: Organisation) -> None:
        row = noted(clerk, program)
        file = actions.send_uncarded([row], bank, actor=clerk).read()
        row.refresh_from_db()
        actions.reopen_uncarded(row, note="照片不合格", actor=clerk)
        with pytest.raises(Refused, match="不在已送银行的名单里"):
            actions.read_opened(answered(file, {corpus.id_number(1): corpus.account_number(1)}), actor=clerk)

    def test_taking_somebody_off_needs_a_reason(self, clerk: User, program: Program) -> None:
        row = noted(clerk, program)
        with pytest.raises(Refused, match="写明为什么不用办"):
            actions.cancel_uncarded(row, note=" ", actor=clerk)
        actions.cancel_uncarded(row, note="已迁出", actor=clerk)
        assert row.status == "cancelled"

    def test_the_whole_way_on_the_pages(self, clerk: User, program: Program, bank: Organisation) -> None:
        village = make.make_area(make.VILLAGE)
        browser = signed_in(clerk)
        given = {
            "id_number": corpus.id_number(1), "name": "林立夏", "area": village.pk, "program": program.pk,
            "measure": "at_home", "owner": "王主任", "due_on": "2022-03-01",
        }  # fmt: skip
        page = read(browser.post(reverse("programs:uncarded-new"), given, follow=True))
        assert "1 人超过期限" in page
        assert corpus.id_number(1) not in page
        assert "未办卡受益人" in read(browser.get(reverse("desk")))
        browser.post(reverse("programs:uncarded-send"), {"bank": bank.pk})
        row = Uncarded.objects.get()
        sent = b"".join(browser.get(reverse("programs:uncarded-file", args=[row.pk])).streaming_content)
        content = answered(sent, {corpus.id_number(1): corpus.account_number(1)})
        page = read(
            browser.post(
                reverse("programs:uncarded-answer"), {"file": SimpleUploadedFile("回.xlsx", content)}, follow=True
            )
        )
        assert "1人的账户已登记" in page
        export = browser.post(reverse("programs:uncarded-export"), {"tab": "closed"})
        lines = read_workbook(b"".join(export.streaming_content)).sheets[0].rows
        assert lines[1][2:4] == ["林立夏", row.person.masked_id]

    def test_other_townships_see_nothing(self, clerk: User, program: Program) -> None:
        row = noted(clerk, program)
        office = make.make_organisation(K.TOWNSHIP, area=make.make_area("990001102000"))
        stranger = signed_in(make.make_user(K.TOWNSHIP, R.OPERATOR, office))
        assert "林立夏" not in read(stranger.get(reverse("programs:uncarded-list")))
        assert stranger.get(reverse("programs:uncarded-file", args=[row.pk])).status_code == 404


class TestCardsThatAreNotOneToOne:
    def found(self) -> list[tuple[str, str, int]]:
        actions.find_anomalies(by=User.objects.system())
        return list(CardAnomaly.objects.order_by("kind").values_list("kind", "status", "count"))

    def test_several_cards_and_a_shared_card_are_found(self) -> None:
        one, two = make.make_person(), make.make_person()
        shared = make.make_account(one)
        make.make_account(one)
        make.make_account(two, number=shared.reveal_number())
        make.make_account(make.make_person())
        assert self.found() == [("many_cards", "open", 2), ("many_people", "open", 2)]
        assert self.found() == [("many_cards", "open", 2), ("many_people", "open", 2)], "again: the same two"

    def test_it_closes_itself_when_the_fact_is_gone_and_opens_when_it_comes_back(self) -> None:
        person = make.make_person()
        _first, second = make.make_account(person), make.make_account(person)
        assert self.found() == [("many_cards", "open", 2)]
        Account.objects.filter(pk=second.pk).update(is_active=False)
        assert self.found() == [("many_cards", "closed", 2)]
        Account.objects.filter(pk=second.pk).update(is_active=True)
        assert self.found() == [("many_cards", "open", 2)]

    def test_merged_entries_are_one_person(self) -> None:
        keep, gone = make.make_person(), make.make_person()
        account = make.make_account(keep)
        make.make_account(gone, number=account.reveal_number())
        Person.objects.filter(pk=gone.pk).update(merged_into=keep)
        assert self.found() == []

    def test_the_clerk_ends_one_account_and_it_is_settled(self, clerk: User) -> None:
        person = make.make_person()
        first, second = make.make_account(person), make.make_account(person)
        self.found()
        anomaly = CardAnomaly.objects.get()
        with pytest.raises(Refused, match="写明为什么停用"):
            actions.end_account(anomaly, second, reason=" ", actor=clerk)
        actions.end_account(anomaly, second, reason="旧卡已注销", actor=clerk)
        anomaly.refresh_from_db()
        second.refresh_from_db()
        assert (anomaly.status, second.is_active) == ("closed", False)
        with pytest.raises(Refused, match="已经消除"):
            actions.end_account(anomaly, first, reason="x", actor=clerk)
        first.refresh_from_db()
        assert first.is_active

    def test_a_right_reason_is_kept_until_the_fact_is_gone(self, clerk: User) -> None:
        person = make.make_person()
        make.make_account(person)
        make.make_account(person)
        self.found()
        anomaly = CardAnomaly.objects.get()
        with pytest.raises(NotPermitted):
            actions.explain_anomaly(anomaly, reason="存折和社保卡，正在换", actor=clerk)
        reviewer = make.make_user(K.TOWNSHIP, R.REVIEWER)
        actions.explain_anomaly(anomaly, reason="存折和社保卡，正在换", actor=reviewer)
        assert self.found() == [("many_cards", "explained", 2)]

    def test_on_the_pages(self, clerk: User) -> None:
        person = make.make_person("林立夏")
        _first, second = make.make_account(person), make.make_account(person)
        self.found()
        anomaly = CardAnomaly.objects.get()
        browser = signed_in(clerk)
        assert "一人多卡" in read(browser.get(reverse("desk")))
        assert "林立夏" in read(browser.get(reverse("programs:anomaly-list")))
        act = reverse("programs:anomaly-act", args=[anomaly.pk, "end"])
        page = read(browser.post(act, {"account": second.pk, "reason": "旧卡已注销"}, follow=True))
        assert "已消除" in page


def test_a_slip_in_a_draft_that_was_put_right_leaves_no_doubt_behind(clerk: User, program: Program) -> None:
    """The account once written beside somebody else is nobody else's when no living row pays it to them."""
    make.load_rules()
    make.make_area(make.VILLAGE)
    make.make_bank("N")
    area = clerk.organisation.area

    def upload(name: str, **cells: str) -> None:
        workbook = corpus.write([corpus.claim(n) for n in range(3)])
        corpus.cells(**cells)(workbook.worksheets[0])
        started = actions.upload_roster(
            program, area, "2022-03", file_name=name, content=corpus.saved(workbook), actor=clerk
        )
        assert actions.import_roster(started.pk).status == "imported"

    def doubted() -> int:
        return Suspicion.objects.filter(status="open", rule__check_name="shared_account").count()

    upload("错.xlsx", F5=corpus.account_number(0))
    assert doubted() == 2
    upload("对.xlsx")
    assert doubted() == 0
    assert actions.find_anomalies(by=User.objects.system()) == 0

"""A clean file becomes people, households, accounts and rows, once; and who may upload what when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from io import BytesIO
from typing import Any

import openpyxl
import pytest

from programs import actions
from programs.imports import storing
from programs.imports.progress import Progress
from programs.models import Account, Household, Person, Program, Roster, RosterImport, RosterRow
from programs.tasks import import_roster as import_task
from subsidy_portal import crypto
from subsidy_portal.models import Area, Event, Job, User
from subsidy_portal.sheets import FileRefused
from subsidy_portal.workflow import NotPermitted, Refused
from tests import make
from tests.corpus import rosters as corpus

pytestmark = pytest.mark.django_db

MARCH = "2022-03"


@pytest.fixture
def clerk(set_today: Callable[[str], None]) -> User:
    set_today("2022-03-05")
    make.make_area(make.VILLAGE)
    make.make_bank("N")
    return make.make_user(make.K.TOWNSHIP, make.R.OPERATOR)


@pytest.fixture
def program() -> Program:
    return make.make_program()


def upload(program: Program, clerk: User, content: bytes, period: str = MARCH) -> RosterImport:
    assert clerk.organisation is not None
    return actions.upload_roster(
        program, clerk.organisation.area, period, file_name="清册.xlsx", content=content, actor=clerk
    )


def take_in(program: Program, clerk: User, content: bytes, period: str = MARCH) -> RosterImport:
    return actions.import_roster(upload(program, clerk, content, period).pk)


def file_of(*rows: dict[str, Any], labels: tuple[str, ...] = corpus.LABELS) -> bytes:
    return corpus.saved(corpus.write(list(rows), labels))


# --- What a clean file becomes -----------------------------------------------------------------------------


def test_a_clean_file_becomes_rows_people_households_and_accounts(program: Program, clerk: User) -> None:
    found = take_in(program, clerk, corpus.clean_file(3))
    assert (found.status, found.revision, found.rows, found.amount_fen) == ("imported", 1, 3, 30_000)
    roster = found.roster
    roster.refresh_from_db()
    assert (roster.revision, roster.due_on) == (1, dt.date(2022, 4, 4))
    assert roster.checked_at is not None
    rows = list(roster.rows.select_related("beneficiary", "account__bank"))
    assert [row.row_no for row in rows] == [4, 5, 6]
    first = rows[0]
    assert first.beneficiary.name == "林立夏"
    assert first.beneficiary.reveal_id_number() == corpus.id_number(0)
    assert first.account.reveal_number() == corpus.account_number(0)
    assert first.account.name_at_bank == "林立夏"
    assert (first.account.kind, first.account.bank.name) == ("ssc", corpus.BANK)
    assert (first.area_id, first.group_no, first.amount_fen, first.standard_fen) == (
        make.VILLAGE,
        "1组",
        10_000,
        10_000,
    )
    assert first.head_id == first.beneficiary_id == first.payee_id
    assert first.household_id == first.beneficiary.household_id
    assert first.beneficiary.relation == "户主"
    person = first.beneficiary
    assert crypto.decrypt(person.phone_sealed, Person.phone_place(person.pk)) == "13800000000"
    assert (person.phone_last4, person.born_on, person.area_id) == ("0000", dt.date(1950, 1, 1), make.VILLAGE)


def test_head_beneficiary_and_payee_are_kept_apart(program: Program, clerk: User) -> None:
    child = corpus.claim(1) | {
        "户主姓名": "林立夏", "户主身份证号": corpus.id_number(0),
        "收款人姓名": "林立夏", "收款人身份证号": corpus.id_number(0), "银行账号": corpus.account_number(0),
    }  # fmt: skip
    found = take_in(program, clerk, file_of(corpus.claim(0), child))
    own, childs = found.roster.rows.order_by("row_no")
    assert childs.beneficiary_id != childs.payee_id == childs.head_id == own.beneficiary_id
    assert childs.account_id == own.account_id
    assert childs.household_id == own.household_id
    assert Household.objects.get().members.count() == 2
    assert Person.objects.get(pk=childs.beneficiary_id).relation == ""


def test_the_head_is_optional_when_persons_are_paid(program: Program, clerk: User) -> None:
    row = corpus.claim(0) | {"户主姓名": "", "户主身份证号": ""}
    found = take_in(program, clerk, file_of(row))
    assert found.problems == []
    stored = found.roster.rows.get()
    assert (stored.head_id, stored.household_id) == (None, None)
    assert Household.objects.count() == 0


def test_a_household_program_pays_the_head_only(clerk: User) -> None:
    program = make.make_program(paid_to=Program.PaidTo.HOUSEHOLD)
    member = corpus.claim(1) | {"户主姓名": "林立夏", "户主身份证号": corpus.id_number(0)}
    found = take_in(program, clerk, file_of(corpus.claim(0), member))
    assert [(p["column"], p["row"], p["message"]) for p in found.problems] == [
        ("E", 5, "到户的补贴只能发到户主的账户，这里的收款人不是户主。")
    ]
    without_head = corpus.claim(0) | {"户主姓名": "", "户主身份证号": ""}
    found = take_in(program, clerk, file_of(without_head))
    assert [(p["column"], p["message"]) for p in found.problems] == [
        ("B", "必填的一格是空的。"),
        ("C", "必填的一格是空的。"),
    ]


def test_known_people_and_accounts_are_matched_not_doubled(program: Program, clerk: User) -> None:
    take_in(program, clerk, corpus.clean_file(3))
    before = [list(model.objects.order_by("pk").values()) for model in (Person, Household, Account)]
    found = take_in(program, clerk, corpus.clean_file(4), "2022-04")
    assert found.status == RosterImport.Status.IMPORTED
    after = [list(model.objects.order_by("pk").values()) for model in (Person, Household, Account)]
    assert [rows[:3] for rows in after] == before
    assert [len(rows) for rows in after] == [4, 4, 4]


def test_a_registered_person_without_phone_and_household_gets_them(program: Program, clerk: User) -> None:
    person = make.make_person("林立夏", corpus.id_number(0))
    take_in(program, clerk, corpus.clean_file(1))
    person.refresh_from_db()
    assert person.phone_last4 == "0000"
    assert person.household is not None
    assert person.household.head_id == person.pk


def test_another_account_is_a_new_row_beside_the_old_one(program: Program, clerk: User) -> None:
    take_in(program, clerk, corpus.clean_file(1))
    take_in(program, clerk, file_of(corpus.claim(0) | {"银行账号": corpus.account_number(7)}), "2022-04")
    assert Person.objects.get().accounts.count() == 2


def test_an_account_of_somebody_else_is_no_import_error(program: Program, clerk: User) -> None:
    """Whether one account may serve two people is a check's question, with evidence, not a typing mistake."""
    shared = corpus.claim(1) | {"银行账号": corpus.account_number(0)}
    found = take_in(program, clerk, file_of(corpus.claim(0), shared))
    assert found.status == RosterImport.Status.IMPORTED
    assert Account.objects.with_number(corpus.account_number(0)).count() == 2


def test_a_registered_person_under_another_name_is_told_without_the_name(program: Program, clerk: User) -> None:
    make.make_person("欧阳春分", corpus.id_number(1))
    found = take_in(program, clerk, corpus.clean_file(3))
    assert [(p["column"], p["row"], p["code"]) for p in found.problems] == [
        (column, 5, "registered_name") for column in "BDJ"
    ]
    assert found.problems[0]["message"] == "这个身份证号登记的姓名是“欧***”，与这里不同。"
    assert RosterRow.objects.count() == Account.objects.count() == 0


def test_extra_columns_say_kind_of_account_name_at_the_bank_item_and_quantity(program: Program, clerk: User) -> None:
    labels = (*corpus.LABELS, "账户种类", "户名", "分项", "数量")
    extra = {"账户种类": "存折", "户名": "林立厦", "分项": "冬季", "数量": "1.5", "补贴金额": "150"}
    again = corpus.claim(0) | extra | {"分项": "夏季", "账户种类": "", "户名": "", "银行账号": "88001234"}
    found = take_in(program, clerk, file_of(corpus.claim(0) | extra, again, labels=labels))
    assert found.problems == []
    one, two = found.roster.rows.select_related("account").order_by("row_no")
    assert (one.item, one.quantity, one.amount_fen) == ("冬季", Decimal("1.5"), 15_000)
    assert (one.account.kind, one.account.name_at_bank) == ("passbook", "林立厦")
    assert (two.item, two.account.kind, two.account.name_at_bank) == ("夏季", "passbook", "林立夏")


# --- Any layout --------------------------------------------------------------------------------------------


def test_columns_in_any_order_under_other_names(program: Program, clerk: User) -> None:
    names = {
        "补贴金额": "发放\n金 额（元）", "享受人": "姓名", "享受人身份证号": "公民身份号码", "银行账号": "银行帐号*",
        "村(居)委会": "村（社区）", "村(居)民小组": "组别", "收款人姓名": "领款人", "开户银行": "开户行",
        "收款人身份证号": "领款人身份证号码",
    }  # fmt: skip
    labels = tuple(reversed([names.get(label, label) for label in corpus.LABELS]))
    row = {names.get(label, label): value for label, value in corpus.claim(0).items()}
    found = take_in(program, clerk, file_of(row, labels=labels))
    assert found.problems == []
    assert found.roster.rows.get().beneficiary.reveal_id_number() == corpus.id_number(0)


def test_a_two_row_header_with_bare_words_below_its_groups(program: Program, clerk: User) -> None:
    workbook = openpyxl.Workbook()
    sheet = workbook.worksheets[0]
    sheet.append(["序号", "户主", None, "收款人", None, None, None, "享受人", None, None, None, "发放"])
    sheet.append(
        [None, "姓名", "身份证号", "姓名", "身份证号", "账号", "开户行", "姓名", "身份证号", "村", "组", "金额"]
    )
    number = corpus.id_number(0)
    sheet.append(
        [1, "林立夏", number, "林立夏", number, corpus.account_number(0), corpus.BANK, "林立夏", number,
         corpus.VILLAGE, "无", 100]
    )  # fmt: skip
    for merged in ("A1:A2", "B1:C1", "D1:G1", "H1:K1"):
        sheet.merge_cells(merged)
    found = take_in(program, clerk, corpus.saved(workbook))
    assert found.problems == []
    row = found.roster.rows.get()
    assert (row.row_no, row.group_no, row.amount_fen) == (3, "", 10_000)


def test_totals_signatures_blank_rows_and_repeated_headers_are_no_claims(program: Program, clerk: User) -> None:
    workbook = corpus.write([corpus.claim(0)])
    sheet = workbook.worksheets[0]
    sheet.append([])
    sheet.append(["小计", *[""] * 14, 100])
    sheet.append(list(corpus.LABELS))
    sheet.append(list(corpus.claim(1).values()))
    sheet.append([2, *[""] * 17])
    sheet.append(["合计", *[""] * 14, 200.0])
    sheet.append(["制表人：许云舟", "", "审核人：沈知秋", "", "盖章"])
    found = take_in(program, clerk, corpus.saved(workbook))
    assert found.problems == []
    assert [row.row_no for row in found.roster.rows.all()] == [4, 8]


def test_what_was_not_read_is_said(program: Program, clerk: User) -> None:
    workbook = corpus.write([corpus.claim(0) | {"家庭人口": "3"}], (*corpus.LABELS, "家庭人口"))
    workbook.create_sheet("底稿").sheet_state = "hidden"
    found = take_in(program, clerk, corpus.saved(workbook))
    assert found.warnings == [
        "隐藏的工作表“底稿”没有读。",
        "不认识的列“家庭人口”没有读，只随文件保存。",
        "“务工地点”、“乘坐交通工具”、“填报日期”只随文件保存，不进清册。",
    ]


@pytest.mark.parametrize(
    "spelling", ["柳树村201", "柳树", "柳 树", "石桥镇101柳树村201", "柳树村201委会", make.VILLAGE]
)
def test_a_village_by_name_alias_or_code(spelling: str, program: Program, clerk: User) -> None:
    Area.objects.filter(pk=make.VILLAGE).update(aliases=["柳树"])
    found = take_in(program, clerk, file_of(corpus.claim(0) | {"村(居)委会": spelling}))
    assert found.problems == []


def test_a_branch_names_its_bank(program: Program, clerk: User) -> None:
    found = take_in(program, clerk, file_of(corpus.claim(0) | {"开户银行": f"{corpus.BANK}石桥支行"}))
    assert found.problems == []


def test_what_looks_alike_is_read_as_what_it_means(program: Program, clerk: User) -> None:
    """M5, M6, M7, M9, M19: blanks, full width, apostrophes and dots; a rare character stays itself."""
    number = corpus.id_number(3)
    row = corpus.claim(3) | {
        "享受人": "陈 䶮", "享受人身份证号": f"'{number[:6]} {number[6:]}\u200b",
        "银行账号": f" {corpus.account_number(3)}\t",
    }  # fmt: skip
    dotted = corpus.claim(2) | dict.fromkeys(("享受人", "户主姓名", "收款人姓名"), "买买提•阿不都")
    found = take_in(program, clerk, file_of(row, dotted))
    assert found.problems == []
    assert set(Person.objects.values_list("name", flat=True)) == {"陈䶮", "买买提·阿不都"}


# --- Revisions, repeats, crashes ---------------------------------------------------------------------------


def test_a_corrected_file_is_the_next_revision_and_the_old_rows_stay(program: Program, clerk: User) -> None:
    take_in(program, clerk, corpus.clean_file(3))
    found = take_in(program, clerk, corpus.clean_file(2))
    assert found.revision == 2
    found.roster.refresh_from_db()
    assert found.roster.revision == 2
    assert RosterRow.objects.filter(revision=1).count() == 3
    assert RosterRow.objects.filter(revision=2).count() == 2
    assert Roster.objects.count() == 1


def test_the_same_bytes_again_are_refused_with_when_they_came(program: Program, clerk: User) -> None:
    content = corpus.clean_file(1)
    first = take_in(program, clerk, content)
    with pytest.raises(Refused, match=f"导入清册{first.roster.number}（第1版），没有重复导入。"):
        upload(program, clerk, content)
    assert RosterImport.objects.count() == 1


def test_a_second_file_waits_for_the_first(program: Program, clerk: User) -> None:
    upload(program, clerk, corpus.clean_file(1))
    with pytest.raises(Refused, match="上一份文件还在读取"):
        upload(program, clerk, corpus.clean_file(2))


def test_a_file_whose_job_died_does_not_block_the_next(program: Program, clerk: User) -> None:
    dead = upload(program, clerk, corpus.clean_file(1))
    Job.objects.filter(pk=dead.job_id).update(status=Job.Status.FAILED)
    found = take_in(program, clerk, corpus.clean_file(2))
    assert found.status == RosterImport.Status.IMPORTED
    dead.refresh_from_db()
    assert (dead.status, dead.problems[0]["message"]) == ("refused", "系统中断，没有读完这份文件。")


def test_running_the_import_again_changes_nothing(program: Program, clerk: User) -> None:
    found = take_in(program, clerk, corpus.clean_file(2))
    events = Event.objects.count()
    actions.import_roster(found.pk)
    assert (RosterRow.objects.count(), Event.objects.count()) == (2, events)


def test_a_worker_that_died_after_storing_only_compares_again(
    program: Program, clerk: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = upload(program, clerk, corpus.clean_file(2))

    def die(roster: Roster, told: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("programs.actions.uploads.run_checks", die)
        with pytest.raises(KeyboardInterrupt):
            actions.import_roster(started.pk)
    found = actions.import_roster(started.pk)
    assert (found.status, found.revision) == ("imported", 1)
    assert RosterRow.objects.count() == 2
    assert Roster.objects.get().checked_at is not None


def test_another_import_that_was_faster_is_matched_on_the_second_try(
    program: Program, clerk: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between looking up and storing somebody else registers one of the people."""
    real, calls = storing.store, []

    def slow_store(*args: Any) -> None:
        if not calls:
            make.make_person("林立夏", corpus.id_number(0))
        calls.append(1)
        real(*args)

    monkeypatch.setattr("programs.actions.uploads.store", slow_store)
    found = take_in(program, clerk, corpus.clean_file(3))
    assert (found.status, len(calls)) == ("imported", 2)
    assert Person.objects.count() == 3


def test_a_roster_that_moved_on_meanwhile_takes_nothing(program: Program, clerk: User) -> None:
    take_in(program, clerk, corpus.clean_file(1))
    started = upload(program, clerk, corpus.clean_file(2))
    Roster.objects.update(status=Roster.Status.CANCELLED)
    found = actions.import_roster(started.pk)
    assert found.problems[0]["message"] == "清册已不在编制中，没有导入。"
    assert RosterRow.objects.filter(revision=2).count() == 0


def test_the_job_ends_with_where_to_look(program: Program, clerk: User) -> None:
    clean = upload(program, clerk, corpus.clean_file(2))
    import_task(clean.job_id)
    job = Job.objects.get(pk=clean.job_id)
    assert (job.status, job.message, job.result_url) == ("done", "已导入2行", f"/staff/rosters/{clean.roster_id}/")
    bad = upload(program, clerk, corpus.spoiled_file(corpus.DEFECTS["amount_zero"]))
    import_task(bad.job_id)
    job = Job.objects.get(pk=bad.job_id)
    assert (job.status, job.message) == ("done", "有1处错误，没有导入")


def test_an_error_of_ours_closes_the_import_and_tells_the_clerk(
    program: Program, clerk: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = upload(program, clerk, corpus.clean_file(2))

    def fail(*args: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("programs.actions.uploads.store", fail)
    with pytest.raises(RuntimeError):
        import_task(started.job_id)
    started.refresh_from_db()
    assert started.status == RosterImport.Status.REFUSED
    assert Job.objects.get(pk=started.job_id).status == Job.Status.FAILED
    assert Person.objects.count() == 0


# --- Who may upload what -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cycle", "period", "fits"),
    [
        ("monthly", "2022-03", True), ("monthly", "2022-13", False), ("monthly", "2022", False),
        ("quarterly", "2022-Q1", True), ("quarterly", "2022-Q5", False), ("quarterly", "2022-03", False),
        ("yearly", "2022", True), ("yearly", "2022-03", False), ("one_off", "2022", True), ("one_off", "22", False),
    ],
)  # fmt: skip
def test_the_period_must_fit_the_cycle(cycle: str, period: str, fits: bool, clerk: User) -> None:
    program = make.make_program(cycle=cycle)
    if fits:
        assert upload(program, clerk, corpus.clean_file(1), period).roster.period == period
        return
    with pytest.raises(Refused, match="与项目的发放周期"):
        upload(program, clerk, corpus.clean_file(1), period)


def test_only_the_own_township(program: Program, clerk: User) -> None:
    for code in ("990001102000", make.COUNTY, make.VILLAGE):
        with pytest.raises(Refused, match="只能上传本乡镇的清册"):
            actions.upload_roster(
                program, make.make_area(code), MARCH, file_name="a.xlsx", content=corpus.clean_file(1), actor=clerk
            )


def test_only_township_operators(program: Program, clerk: User) -> None:
    for kind, role in ((make.K.TOWNSHIP, make.R.REVIEWER), (make.K.FINANCE, make.R.OPERATOR)):
        with pytest.raises(NotPermitted):
            upload(program, make.make_user(kind, role), corpus.clean_file(1))


@pytest.mark.parametrize(("field", "said"), [("is_active", "已停用"), ("on_platform", "不通过平台发放")])
def test_programs_that_take_no_roster(field: str, said: str, clerk: User) -> None:
    with pytest.raises(Refused, match=said):
        upload(make.make_program(**{field: False}), clerk, corpus.clean_file(1))


def test_a_roster_past_its_draft_takes_no_file(program: Program, clerk: User) -> None:
    take_in(program, clerk, corpus.clean_file(1))
    Roster.objects.update(status=Roster.Status.SUBMITTED)
    with pytest.raises(Refused, match="现在是“乡镇审核”，不能换文件"):
        upload(program, clerk, corpus.clean_file(2))


def test_what_is_no_workbook_is_refused_at_once_and_makes_no_roster(program: Program, clerk: User) -> None:
    with pytest.raises(FileRefused, match="这是PDF文件"):
        upload(program, clerk, b"%PDF-1.7" + bytes(600))
    assert Roster.objects.count() == 0


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/清册.xlsx", "清册.xlsx"), ("C:\\表\\清册.xlsx", "清册.xlsx"), ("清\n册\x00.xlsx", "清册.xlsx"),
        ("长" * 300 + ".xlsx", "长" * 95 + ".xlsx"), ("", "清册.xlsx"),
    ],
)  # fmt: skip
def test_a_file_name_is_only_a_label(given: str, kept: str, program: Program, clerk: User) -> None:
    started = actions.upload_roster(
        program, clerk.organisation.area, MARCH, file_name=given, content=corpus.clean_file(1), actor=clerk
    )
    assert started.file.name == kept


def test_no_identifier_in_events_problems_or_job(program: Program, clerk: User) -> None:
    bad = corpus.claim(1) | {
        "享受人身份证号": corpus.id_number(1)[:17],
        "备注": f"原号{corpus.id_number(1)}" + "长" * 200,
    }
    found = take_in(program, clerk, file_of(corpus.claim(0), bad))
    take_in(program, clerk, corpus.clean_file(2))
    words = str(found.problems) + str(list(Event.objects.values())) + str(list(Job.objects.values()))
    for n in (0, 1):
        assert corpus.id_number(n)[:17] not in words
        assert corpus.account_number(n) not in words
    assert [p["shown"] for p in found.problems] == ["••••" + corpus.id_number(1)[13:17], found.problems[1]["shown"]]


def test_the_file_lies_encrypted(program: Program, clerk: User) -> None:
    from django.core.files.storage import storages

    found = take_in(program, clerk, corpus.clean_file(1))
    with storages["archive"].open(found.file.path) as handle:
        assert not handle.read().startswith(b"PK")
    assert openpyxl.load_workbook(BytesIO(found.file.read())).sheetnames == [corpus.SHEET]


def test_nothing_is_paid_to_an_account_that_was_taken_out_of_use(program: Program, clerk: User) -> None:
    take_in(program, clerk, corpus.clean_file(3))
    Account.objects.filter(pk=Account.objects.earliest("pk").pk).update(is_active=False)
    found = take_in(program, clerk, corpus.clean_file(3), "2022-04")
    assert found.status == RosterImport.Status.REFUSED
    (problem,) = found.problems
    assert (problem["code"], problem["message"]) == ("account_ended", "这个账户已经停用，不能再发到这里。")
    assert found.roster.revision == 0


def test_the_bar_moves_through_every_part_of_the_work_and_never_back(
    program: Program, clerk: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[tuple[int, str]] = []
    monkeypatch.setattr(Progress, "say", lambda _self, at, words, **_more: said.append((at, words)))
    make.load_rules()
    assert take_in(program, clerk, corpus.clean_file(3)).status == RosterImport.Status.IMPORTED
    places = [at for at, _words in said]
    assert places == sorted(places)
    heard = list(dict.fromkeys(words for _at, words in said))
    parts = ("打开文件", "核对表头", "逐格核对", "与登记的人员", "加密", "保存", "与登记和其他项目")
    assert [part in words for part, words in zip(parts, heard, strict=True)] == [True] * 7

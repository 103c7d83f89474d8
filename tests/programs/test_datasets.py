"""A death list comes in: read strictly, kept without ID numbers, compared at once (T5)."""

import datetime as dt
import io

import openpyxl
import pytest

from programs import actions
from programs.actions.datasets import DatasetRefused
from programs.models import Dataset, DatasetRow, Roster
from subsidy_portal import crypto
from subsidy_portal.models import Event, Organisation, StoredFile, User
from subsidy_portal.sheets import FileRefused
from subsidy_portal.workflow import NotPermitted
from tests.make import drive, load_rules, make_id_number, make_person, make_roster, make_user

pytestmark = pytest.mark.django_db
K, R = Organisation.Kind, User.Role
ALIVE_THEN = make_id_number(dt.date(1940, 1, 1), 7)


def workbook(rows: list[tuple[object, ...]], header: tuple[str, ...] = ("姓名", "身份证号", "死亡日期")) -> bytes:
    book = openpyxl.Workbook()
    book.active.append(("示范县2022年死亡登记",))
    book.active.append(header)
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def take_in(content: bytes) -> Dataset:
    return actions.import_dataset(
        "death",
        source="县民政局",
        as_of=dt.date(2022, 6, 10),
        coverage="全县",
        file_name="死亡登记.xlsx",
        content=content,
        actor=make_user(K.DEPARTMENT, R.OPERATOR),
    )


def test_rows_are_kept_by_blind_index_and_the_file_sealed():
    person = make_person()
    number = person.reveal_id_number()
    dataset = take_in(workbook([("林立夏", number, "2022-05-11")]))
    row = dataset.rows.get()
    assert (bytes(row.id_hash), row.event_on, dataset.row_count) == (bytes(person.id_hash), dt.date(2022, 5, 11), 1)
    assert number not in str(DatasetRow.objects.values())
    assert number not in str(list(Event.objects.values_list("note", "data")))
    assert dataset.file.read().startswith(b"PK")


@pytest.mark.parametrize(
    "written", ["2022-05-11", "2022.5.11", "2022年5月11日", "2022/05/11", "20220511", dt.date(2022, 5, 11)]
)
def test_dates_as_offices_write_them(written):
    assert take_in(workbook([("林立夏", ALIVE_THEN, written)])).rows.get().event_on == dt.date(2022, 5, 11)


def test_other_names_of_the_columns_in_any_order():
    content = workbook([("2022-05-11", ALIVE_THEN, "林立夏", "火化")], ("死亡时间", "公民身份号码", "死者姓名", "备注"))
    assert take_in(content).row_count == 1


@pytest.mark.parametrize(
    ("row", "column", "message"),
    [
        (("林立夏", "990000195001010018", "2022-05-11"), "B", "身份证号的校验位不对，可能填错一位。"),
        (("林立夏", 990000195001010000, "2022-05-11"), "B", "证号已被表格软件改写成数字，后几位已丢失，无法还原。"),
        (("", ALIVE_THEN, "2022-05-11"), "A", "姓名是空的。"),
        (("林立夏", ALIVE_THEN, "2022-02-30"), "C", "日期不对。"),
        (("林立夏", ALIVE_THEN, "五月十一"), "C", "日期不对。"),
        (("林立夏", ALIVE_THEN, "1939-05-11"), "C", "死亡日期早于出生日期，或还没到。"),
        (("林立夏", ALIVE_THEN, "2999-05-11"), "C", "死亡日期早于出生日期，或还没到。"),
    ],
)
def test_a_mistake_is_named_by_its_cell_and_nothing_is_kept(row, column, message):
    with pytest.raises(DatasetRefused) as refused:
        take_in(workbook([("张三", make_id_number(serial=9), "2022-01-01"), row]))
    (problem,) = refused.value.problems
    assert (problem["row"], problem["column"], problem["message"]) == (4, column, message)
    assert "没有导入" in str(refused.value)
    assert not Dataset.objects.exists()
    assert not DatasetRow.objects.exists()


def test_no_identifier_in_the_sentence():
    with pytest.raises(DatasetRefused) as refused:
        take_in(workbook([("林立夏", "990000195001010018", "2022-05-11")]))
    assert "990000195001010018" not in str(refused.value) + str(refused.value.problems)


def test_the_same_person_twice_counts_once_and_with_two_dates_is_a_mistake():
    assert take_in(workbook([("林立夏", ALIVE_THEN, "2022-05-11")] * 2)).row_count == 1
    with pytest.raises(DatasetRefused, match="与第3行是同一人"):
        take_in(workbook([("林立夏", ALIVE_THEN, "2022-05-11"), ("林立夏", ALIVE_THEN, "2022-05-12")]))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"%PDF-1.4", "PDF"),
        (workbook([], ("姓名", "证号", "日期")), "找不到"),
        (workbook([]), "没有人员"),
    ],
)
def test_a_file_that_is_no_list_is_refused(content, sentence):
    with pytest.raises(FileRefused, match=sentence):
        take_in(content)
    assert not StoredFile.objects.exists()


def test_rosters_on_their_way_are_compared_again_and_accepted_ones_are_not():
    load_rules()
    person = make_person()
    accepted = drive(make_roster(period="2022-05", rows=[(person, 10_000)]), "accepted")
    waiting = drive(make_roster(accepted.program, period="2022-06", rows=[(person, 10_000)]), "dept_approved")
    early = drive(make_roster(accepted.program, period="2022-04", rows=[(person, 10_000)]), "noticed")
    take_in(workbook([(person.name, person.reveal_id_number(), "2022-04-30")]))
    assert [s.rule.code for s in waiting.suspicions.all()] == ["Q01"]
    assert not accepted.suspicions.exists()
    assert not early.suspicions.exists()
    assert Roster.objects.get(pk=waiting.pk).checked_at == waiting.checked_at


def test_who_may_not_import():
    with pytest.raises(NotPermitted):
        actions.import_dataset(
            "death", source="x", as_of=dt.date(2022, 1, 1), coverage="", file_name="x.xlsx", content=b"",
            actor=make_user(K.TOWNSHIP, R.OPERATOR),
        )  # fmt: skip


def test_the_stored_file_opens_only_with_the_key():
    dataset = take_in(workbook([("林立夏", ALIVE_THEN, "2022-05-11")]))
    from django.core.files.storage import storages

    with storages["archive"].open(dataset.file.path) as handle:
        sealed = handle.read()
    assert b"PK" not in sealed[:4]
    assert crypto.decrypt_bytes(sealed, dataset.file.place).startswith(b"PK")

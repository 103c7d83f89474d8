"""A list of another office comes in: read strictly, kept without ID numbers or file, compared at once (T5, R33)."""

import datetime as dt
import io

import openpyxl
import pytest
from django.core.files.storage import storages

from programs import actions
from programs.actions import datasets
from programs.actions.datasets import AlreadyImported
from programs.comparison_data import KINDS, current_rows
from programs.imports.list_template import build_list_template, field_help
from programs.models import Dataset, DatasetPolicy, DatasetRow, Roster
from programs.tasks import import_dataset
from subsidy_portal import bulk
from subsidy_portal.models import Event, Job, Organisation, StoredFile, User
from subsidy_portal.sheets import FileRefused
from subsidy_portal.workflow import NotPermitted, Refused
from tests.make import (
    drive,
    load_rules,
    make_area,
    make_id_number,
    make_organisation,
    make_person,
    make_roster,
    make_user,
)
from tests.programs.lists import list_of, take_in, workbook

pytestmark = pytest.mark.django_db
K, R = Organisation.Kind, User.Role
ALIVE_THEN = make_id_number(dt.date(1940, 1, 1), 7)


def named(dataset: Dataset) -> list[tuple[int, str, str]]:
    return [(p["row"], p["column"], p["message"]) for p in dataset.problems]


class TestWhatStays:
    def test_rows_are_kept_by_blind_index_and_the_file_is_removed(self, django_capture_on_commit_callbacks):
        person = make_person()
        number = person.reveal_id_number()
        before = _files()
        with django_capture_on_commit_callbacks(execute=True):
            dataset = take_in(workbook([("林立夏", number, "2022-05-11")]), file_name=f"{number}.xlsx")
        row = dataset.rows.get()
        assert (bytes(row.id_hash), row.event_on) == (bytes(person.id_hash), dt.date(2022, 5, 11))
        assert (dataset.status, dataset.row_count, dataset.file) == ("imported", 1, None)
        assert number not in str(Dataset.objects.values())
        assert len(dataset.file_sm3) == 64
        assert not StoredFile.objects.exists()
        assert _files() == before
        assert number not in str(DatasetRow.objects.values())
        assert number not in str(list(Event.objects.values_list("note", "data")))
        assert number not in str(list(Job.objects.values()))

    def test_a_refused_file_leaves_its_problems_and_nothing_else(self, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks(execute=True):
            dataset = take_in(workbook([("林立夏", "990000195001010018", "2022-05-11")]))
        assert (dataset.status, dataset.row_count, dataset.file) == ("refused", 0, None)
        assert not StoredFile.objects.exists()
        assert not DatasetRow.objects.exists()
        assert "990000195001010018" not in str(Dataset.objects.values())

    def test_what_is_kept_is_kept_as_long_as_the_kind_says(self, set_today):
        set_today("2022-06-10")
        dataset = take_in(workbook([("林立夏", ALIVE_THEN, "2022-05-11")]))
        assert dataset.retain_until == dt.date(2022, 6, 10) + dt.timedelta(days=KINDS["death"].keep)


def _files() -> set[str]:
    storage = storages["archive"]
    folders = storage.listdir("")[0] if storage.exists("") else []
    return {name for folder in folders for name in storage.listdir(folder)[1]}


class TestReading:
    @pytest.mark.parametrize(
        "written", ["2022-05-11", "2022.5.11", "2022年5月11日", "2022/05/11", "20220511", dt.date(2022, 5, 11)]
    )
    def test_dates_as_offices_write_them(self, written):
        assert take_in(workbook([("林立夏", ALIVE_THEN, written)])).rows.get().event_on == dt.date(2022, 5, 11)

    def test_other_names_of_the_columns_in_any_order(self):
        content = workbook(
            [("2022-05-11", ALIVE_THEN, "林立夏", "火化")], ("死亡\n时间", "公民身份号码", "死者 姓名", "备注")
        )
        assert take_in(content).row_count == 1

    def test_a_header_of_two_rows(self):
        rows = [("", "", "残疾等级", "残疾类别"), ("林立夏", ALIVE_THEN, "一级", "肢体")]
        dataset = take_in(workbook(rows, ("姓名", "身份证号", "残疾情况", "")), "disability")
        assert dataset.rows.get().data == {"level": 1, "type": "肢体"}

    @pytest.mark.parametrize(
        ("row", "column", "message"),
        [
            (("林立夏", "990000195001010018", "2022-05-11"), "B", "身份证号的校验位不对，可能填错一位。"),
            (("林立夏", 990000195001010000, "2022-05-11"), "B", "证号已被表格软件改写成数字，后几位已丢失，无法还原。"),
            (("", ALIVE_THEN, "2022-05-11"), "A", "必填的一格是空的。"),
            (("林立夏", ALIVE_THEN, "2022-02-30"), "C", "这不是存在的日期。"),
            (("林立夏", ALIVE_THEN, "五月十一"), "C", "这不是存在的日期。"),
            (("林立夏", ALIVE_THEN, "1939-05-11"), "C", "日期早于出生日期。"),
            (("林立夏", ALIVE_THEN, "2999-05-11"), "C", "这一天还没到。"),
        ],
    )
    def test_a_mistake_is_named_by_its_cell_and_nothing_is_kept(self, row, column, message):
        dataset = take_in(workbook([("张三", make_id_number(serial=9), "2022-01-01"), row]))
        assert (dataset.status, dataset.problem_count) == ("refused", 1)
        assert named(dataset) == [(4, column, message)]
        assert not DatasetRow.objects.exists()

    def test_a_wrong_date_is_shown_whole_and_an_identifier_is_not(self):
        dataset = take_in(
            workbook([("林立夏", "990000195001010018", "2022-02-30"), ("林立夏", ALIVE_THEN, ALIVE_THEN)])
        )
        assert [p["shown"] for p in dataset.problems] == ["••••0018", "2022-02-30", "••••" + ALIVE_THEN[-4:]]

    def test_every_mistake_is_counted_and_the_first_five_hundred_are_kept(self):
        dataset = take_in(workbook([("林立夏", "12", "2022-05-11")] * 700))
        assert (dataset.problem_count, len(dataset.problems)) == (700, 500)

    def test_the_same_person_twice_counts_once_and_with_two_dates_is_a_mistake(self):
        assert take_in(workbook([("林立夏", ALIVE_THEN, "2022-05-11")] * 2)).row_count == 1
        twice = take_in(workbook([("林立夏", ALIVE_THEN, "2022-05-11"), ("林立夏", ALIVE_THEN, "2022-05-12")]))
        assert named(twice) == [(4, "B", "与第3行是同一人，内容不同。")]

    def test_totals_and_signatures_below_are_no_persons(self):
        rows = [("林立夏", ALIVE_THEN, "2022-05-11"), ("合计", "", "1"), ("制表人：王五", "", "")]
        assert take_in(workbook(rows)).row_count == 1

    def test_a_hidden_row_is_never_read_in_silence(self):
        book = openpyxl.load_workbook(io.BytesIO(workbook([("林立夏", ALIVE_THEN, "2022-05-11")])))
        book.worksheets[0].row_dimensions[3].hidden = True
        out = io.BytesIO()
        book.save(out)
        assert named(take_in(out.getvalue())) == [(3, "A", "这一行被隐藏或筛选掉了。")]

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (workbook([], ("姓名", "证号", "日期")), "找不到“身份证号”、“死亡日期”列。"),
            (workbook([]), "表里没有人员。"),
        ],
    )
    def test_a_file_that_is_no_list_says_what_it_lacks(self, content, sentence):
        dataset = take_in(content)
        assert (dataset.status, dataset.problems[0]["message"]) == ("refused", sentence)

    def test_of_two_sheets_that_fit_none_is_chosen_in_silence(self):
        book = openpyxl.load_workbook(io.BytesIO(workbook([("林立夏", ALIVE_THEN, "2022-05-11")])))
        book.copy_worksheet(book.worksheets[0])
        out = io.BytesIO()
        book.save(out)
        assert "有几张工作表都像名单" in take_in(out.getvalue()).problems[0]["message"]

    def test_what_is_no_workbook_is_refused_at_once(self):
        with pytest.raises(FileRefused, match="PDF"):
            take_in(b"%PDF-1.4")
        assert not StoredFile.objects.exists()
        assert not Dataset.objects.exists()


class TestKinds:
    """Every kind is read from the columns its template has."""

    @pytest.mark.parametrize("kind", KINDS)
    def test_the_example_of_the_template_comes_in(self, kind):
        row = {field.label: field.example for field in KINDS[kind].columns} | {"身份证号": ALIVE_THEN}
        dataset = take_in(list_of(kind, [row]), kind)
        assert (dataset.status, dataset.problems) == ("imported", [])
        (kept,) = bulk.fetch(f"SELECT d.name, d.data FROM {current_rows(kind)}")
        assert kept[0] == "林立夏"

    @pytest.mark.parametrize("kind", KINDS)
    def test_an_empty_required_cell_is_named(self, kind):
        dataset = take_in(list_of(kind, [{"姓名": "林立夏", "身份证号": ALIVE_THEN}]), kind)
        needed = [field for field in KINDS[kind].fields if field.required]
        assert dataset.problem_count == len(needed)
        assert dataset.status == ("refused" if needed else "imported")

    @pytest.mark.parametrize("kind", KINDS)
    def test_the_template_has_text_columns_choices_notes_and_examples(self, kind):
        book = openpyxl.load_workbook(io.BytesIO(build_list_template(KINDS[kind])))
        sheet, notes = book.worksheets
        labels = [cell.value for cell in sheet[1]]
        assert labels == [field.label for field in KINDS[kind].columns]
        assert sheet.cell(2, 2).number_format == "@"
        assert len(sheet.data_validations.dataValidation) == sum(bool(f.choices) for f in KINDS[kind].columns)
        said = [cell.value for row in notes.iter_rows() for cell in row]
        for field in KINDS[kind].columns:
            assert field_help(field) in said
            assert not field.example or field.example in said

    def test_a_certificate_is_kept_with_its_level_type_and_end(self):
        row = {
            "姓名": "林立夏",
            "身份证号": ALIVE_THEN,
            "残疾等级": "２级",
            "残疾类别": "肢体",
            "有效期至": "2026-03-31",
        }
        kept = take_in(list_of("disability", [row]), "disability").rows.get()
        assert (kept.data, kept.until_on) == ({"level": 2, "type": "肢体"}, dt.date(2026, 3, 31))

    def test_a_word_no_office_uses_is_named_with_those_it_may_be(self):
        row = {"姓名": "林立夏", "身份证号": ALIVE_THEN, "残疾等级": "五级"}
        (problem,) = take_in(list_of("disability", [row]), "disability").problems
        assert problem["hint"] == "请填其中一项：一级、二级、三级、四级。"

    def test_for_ever_is_no_end(self):
        row = {"姓名": "林立夏", "身份证号": ALIVE_THEN, "残疾等级": "一级", "有效期至": "长期"}
        assert take_in(list_of("disability", [row]), "disability").rows.get().until_on is None

    def test_one_person_may_have_several_plots_but_no_plot_twice_differently(self):
        plot = {"姓名": "林立夏", "身份证号": ALIVE_THEN, "地块编码": "DK1", "面积": "1.5"}
        assert take_in(list_of("land", [plot, plot | {"地块编码": "DK2"}]), "land").row_count == 2
        assert take_in(list_of("land", [plot, plot | {"面积": "2"}]), "land").status == "refused"

    def test_an_end_before_the_beginning_is_named(self):
        row = {"姓名": "林立夏", "身份证号": ALIVE_THEN, "入监日期": "2021-06-01", "刑满日期": "2020-06-01"}
        assert named(take_in(list_of("prison", [row]), "prison")) == [(3, "D", "结束日期早于开始日期。")]

    def test_the_newest_snapshot_replaces_the_older_of_its_source(self):
        row = {"姓名": "林立夏", "身份证号": ALIVE_THEN, "低保类别": "农村"}
        other = row | {"姓名": "张三", "身份证号": make_id_number(serial=12)}
        take_in(list_of("dibao", [row]), "dibao", as_of=dt.date(2022, 1, 31))
        take_in(list_of("dibao", [other]), "dibao", as_of=dt.date(2022, 2, 28))
        assert [name for (name,) in bulk.fetch(f"SELECT d.name FROM {current_rows('dibao')}")] == ["张三"]


class TestTwiceAndInterrupted:
    def test_the_same_bytes_again_lead_to_the_earlier_list(self):
        content = workbook([("林立夏", ALIVE_THEN, "2022-05-11")])
        first = take_in(content)
        with pytest.raises(AlreadyImported, match="没有重复导入") as refused:
            take_in(content, file_name="另一个名字.xlsx")
        assert refused.value.data["dataset_id"] == first.pk
        assert Dataset.objects.count() == 1

    def test_a_refused_file_may_come_again(self):
        content = workbook([("林立夏", "12", "2022-05-11")])
        take_in(content)
        assert take_in(content).status == "refused"

    def test_the_job_says_how_it_ended_and_leads_to_the_list(self):
        dataset = take_in(workbook([("林立夏", ALIVE_THEN, "2022-05-11")]))
        job = Job.objects.get()
        assert (job.status, job.message) == ("done", "已导入1行")
        assert job.result_url.endswith(f"/datasets/{dataset.pk}/")

    def test_a_list_read_twice_is_there_once(self):
        dataset = take_in(workbook([("林立夏", ALIVE_THEN, "2022-05-11")]))
        actions.read_dataset(dataset.pk)
        assert dataset.rows.count() == 1

    def test_a_list_whose_worker_died_is_read_by_the_next(self, monkeypatch):
        content = workbook([("林立夏", ALIVE_THEN, "2022-05-11")])
        with monkeypatch.context() as dying:
            dying.setattr(datasets, "_read_and_store", lambda dataset, progress: None)
            dataset = take_in(content)
        assert (dataset.status, dataset.rows.count()) == ("reading", 0)
        actions.read_dataset(dataset.pk)
        dataset.refresh_from_db()
        assert (dataset.status, dataset.rows.count()) == ("imported", 1)

    def test_what_was_stored_before_the_worker_died_is_still_compared(self, monkeypatch):
        load_rules()
        person = make_person()
        roster = make_roster(period="2022-06", rows=[(person, 10_000)])
        with monkeypatch.context() as dying:
            dying.setattr(datasets, "compare_waiting", lambda kind: None)
            dataset = take_in(workbook([(person.name, person.reveal_id_number(), "2022-04-30")]))
        assert not roster.suspicions.exists()
        actions.read_dataset(dataset.pk)
        assert roster.suspicions.count() == 1

    def test_an_error_of_ours_closes_the_list_and_stores_nothing(self, monkeypatch):
        monkeypatch.setattr(datasets, "ROW_COLUMNS", ("no_such_column",))
        with pytest.raises(Exception, match="no_such_column"):
            take_in(workbook([("林立夏", ALIVE_THEN, "2022-05-11")]))
        dataset = Dataset.objects.get()
        assert (dataset.status, dataset.problems[0]["code"], dataset.file) == ("refused", "interrupted", None)
        assert not DatasetRow.objects.exists()


class TestWhoBrings:
    def test_who_may_not_import(self):
        with pytest.raises(NotPermitted):
            take_in(workbook([]), actor=make_user(K.TOWNSHIP, R.OPERATOR))

    def test_a_kind_with_a_keeper_is_brought_by_it_or_finance_only(self):
        keeper = make_organisation(K.DEPARTMENT, name="示范县残联")
        DatasetPolicy.objects.create(kind="disability", max_age_days=90, keep_days=700, department=keeper)
        row = {"姓名": "林立夏", "身份证号": ALIVE_THEN, "残疾等级": "一级"}
        with pytest.raises(NotPermitted, match="示范县残联"):
            take_in(list_of("disability", [row]), "disability", make_user(K.DEPARTMENT, R.OPERATOR))
        assert not Dataset.objects.exists()
        mine = take_in(list_of("disability", [row]), "disability", make_user(K.DEPARTMENT, R.OPERATOR, keeper))
        assert mine.status == "imported"
        assert take_in(list_of("disability", [row, row]), "disability", make_user(K.FINANCE)).status == "imported"

    def test_a_day_to_come_and_an_area_elsewhere_are_refused(self):
        for fields in ({"as_of": dt.date(2999, 1, 1)}, {"area": make_area("990002101000")}):
            with pytest.raises(Refused):
                take_in(workbook([]), **fields)
        assert not Dataset.objects.exists()


class TestComparing:
    def test_rosters_on_their_way_are_compared_again_and_accepted_ones_are_not(self):
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

    def test_only_the_checks_that_read_the_kind_run(self, monkeypatch):
        load_rules()
        ran: list[set[str]] = []
        monkeypatch.setattr(datasets, "run_checks_on", lambda rosters, codes: ran.append(set(codes)))
        for kind in ("death", "injury_care", "vehicle"):
            datasets.compare_waiting(kind)
        assert ran == [{"Q01"}, {"X03"}], "no rule reads the vehicles"


class TestKeeping:
    def policy(self, **fields):
        given = {"max_age_days": 31, "keep_days": 100, "department": None} | fields
        return actions.set_dataset_policy("death", **given, actor=make_user(K.FINANCE, R.OPERATOR))

    def test_finance_lays_down_how_long_and_it_holds_for_the_lists_there_are(self, set_today):
        set_today("2022-06-10")
        dataset = take_in(workbook([("林立夏", ALIVE_THEN, "2022-05-11")]))
        self.policy()
        dataset.refresh_from_db()
        assert dataset.retain_until == dt.date(2022, 9, 18)
        assert Event.objects.filter(subject_type="programs.datasetpolicy").count() == 1

    def test_rows_go_when_their_time_is_over_and_the_record_stays(self, set_today):
        set_today("2022-06-10")
        dataset = take_in(workbook([("林立夏", ALIVE_THEN, "2022-05-11")]))
        self.policy()
        set_today("2022-09-18")
        assert actions.purge_datasets() == 0
        set_today("2022-09-19")
        assert actions.purge_datasets() == 1
        dataset.refresh_from_db()
        assert (dataset.status, dataset.row_count, dataset.rows.count()) == ("purged", 1, 0)
        assert Event.objects.about(dataset).first().new_status == "purged"
        assert not bulk.fetch(f"SELECT 1 FROM {current_rows('death')}")
        assert actions.purge_datasets() == 0

    def test_a_list_whose_job_died_for_good_is_closed(self):
        actor = make_user(K.FINANCE, R.OPERATOR)
        dataset = actions.upload_dataset(
            "death", source="x", as_of=dt.date(2022, 1, 1), file_name="a.xlsx",
            content=workbook([("林立夏", ALIVE_THEN, "2021-05-11")]), actor=actor,
        )  # fmt: skip
        Job.objects.update(status="failed")
        actions.purge_datasets()
        dataset.refresh_from_db()
        assert dataset.status == "refused"
        import_dataset(dataset.job_id)
        assert not DatasetRow.objects.exists()

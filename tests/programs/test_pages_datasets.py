"""Pages of comparison data: how old each kind is, a new list with its progress and problems, what finance lays down."""

import datetime as dt
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from programs.comparison_data import KINDS
from programs.models import Dataset, DatasetPolicy
from programs.tasks import import_dataset
from tests.make import K, R, make_area, make_id_number, make_organisation, make_user
from tests.programs.lists import list_of, take_in, workbook
from tests.programs.pages import read, signed_in

pytestmark = pytest.mark.django_db
LIST, NEW = "programs:dataset-list", "programs:dataset-new"
DEAD = make_id_number(dt.date(1940, 1, 1), 7)


@pytest.fixture
def civil() -> Client:
    return signed_in(make_user(K.DEPARTMENT, R.OPERATOR, make_organisation(K.DEPARTMENT, name="示范县民政局")))


@pytest.fixture
def finance() -> Client:
    return signed_in(make_user(K.FINANCE, R.OPERATOR))


def post(browser: Client, *rows: tuple[str, ...], content: bytes = b"", **fields: Any) -> Any:
    file = SimpleUploadedFile("死亡登记.xlsx", content or workbook(rows))
    data = {"kind": "death", "source": "示范县卫生健康委员会", "as_of": "2022-02-01", "file": file} | fields
    return browser.post(reverse(NEW), data, follow=True)


class TestANewList:
    def test_it_waits_then_says_what_came_in(self, civil):
        page = post(civil, ("何霜降", DEAD, "2022-01-11"))
        assert "排队中" in read(page)
        dataset = Dataset.objects.get()
        import_dataset(dataset.job_id)
        said = read(civil.get(reverse("programs:dataset", args=[dataset.pk])))
        assert "已导入 1 人，未受理的清册已重新比对" in said
        assert "异地死亡、还没办死亡登记的比不出来" in said
        assert DEAD not in said

    def test_its_mistakes_are_shown_cell_by_cell_and_nothing_is_kept(self, civil):
        post(civil, ("何霜降", DEAD, "2022-01-11"), ("赵寒露", "12345", "2022-01-11"))
        dataset = Dataset.objects.get()
        import_dataset(dataset.job_id)
        said = read(civil.get(reverse("programs:dataset", args=[dataset.pk])))
        assert "文件有 1 处错误，没有导入" in said
        assert "应为18位" in said
        assert not dataset.rows.exists()

    def test_the_same_file_again_leads_to_the_first(self, civil):
        content = workbook([("何霜降", DEAD, "2022-01-11")])
        first, again = post(civil, content=content), post(civil, content=content)
        assert again.redirect_chain[-1][0] == first.redirect_chain[-1][0]
        assert "没有重复导入" in read(again)
        assert Dataset.objects.count() == 1

    def test_a_file_that_is_no_workbook_is_refused_on_the_form(self, civil):
        page = post(civil, file=SimpleUploadedFile("a.xlsx", b"%PDF-1.4"))
        assert page.status_code == 422
        assert "PDF" in read(page)
        assert 'value="示范县卫生健康委员会"' in read(page)
        assert not Dataset.objects.exists()

    def test_the_form_says_which_columns_the_kind_needs(self, civil):
        said = read(civil.get(f"{reverse(NEW)}?kind=disability"))
        assert "残疾等级" in said
        assert "一级、二级、三级、四级" in said

    def test_the_template_of_each_kind_is_a_workbook(self, civil):
        answer = civil.get(reverse("programs:dataset-template", args=["dibao"]))
        assert b"".join(answer.streaming_content).startswith(b"PK")
        assert civil.get(reverse("programs:dataset-template", args=["nothing"])).status_code == 404

    def test_a_township_sees_the_lists_and_imports_none(self):
        clerk = signed_in(make_user(K.TOWNSHIP, R.OPERATOR))
        assert "导入一份" not in read(clerk.get(reverse(LIST)))
        assert clerk.get(reverse(NEW)).status_code == 404
        assert post(clerk, ("何霜降", DEAD, "2022-01-11")).status_code == 404
        assert not Dataset.objects.exists()


class TestTheOverview:
    def test_every_kind_says_how_old_it_is(self, finance, set_today):
        set_today("2022-03-17")
        take_in(workbook([("何霜降", DEAD, "2021-01-11")]), as_of=dt.date(2022, 1, 31))
        said = read(finance.get(reverse(LIST)))
        assert "已过期" in said
        assert "已 45 天" in said
        assert said.count("没有数据") >= 16
        set_today("2022-02-17")
        assert "在期内" in read(finance.get(reverse(LIST)))

    def test_of_one_kind_only(self, finance):
        take_in(workbook([("何霜降", DEAD, "2021-01-11")]), source="甲局")
        row = {"姓名": "林立夏", "身份证号": DEAD, "低保类别": "农村"}
        take_in(list_of("dibao", [row]), "dibao", source="乙局")
        said = read(finance.get(f"{reverse(LIST)}?kind=dibao")).split('id="lists"')[1]
        assert "乙局" in said
        assert "甲局" not in said

    def test_a_list_of_another_township_does_not_exist(self):
        there = make_area("990001102000")
        dataset = take_in(workbook([("何霜降", DEAD, "2021-01-11")]), area=there)
        clerk = signed_in(make_user(K.TOWNSHIP, R.OPERATOR))
        assert clerk.get(reverse("programs:dataset", args=[dataset.pk])).status_code == 404
        assert read(clerk.get(reverse(LIST))).count("没有数据") == len(KINDS)
        theirs = make_user(K.TOWNSHIP, R.OPERATOR, make_organisation(K.TOWNSHIP, there))
        assert signed_in(theirs).get(reverse("programs:dataset", args=[dataset.pk])).status_code == 200

    def test_a_department_sees_what_it_keeps_or_brought(self):
        dataset = take_in(workbook([("何霜降", DEAD, "2021-01-11")]), actor=make_user(K.FINANCE, R.OPERATOR))
        office = make_organisation(K.DEPARTMENT, name="示范县民政局")
        page = reverse("programs:dataset", args=[dataset.pk])
        assert signed_in(make_user(K.DEPARTMENT, R.OPERATOR, office)).get(page).status_code == 404
        DatasetPolicy.objects.create(kind="death", max_age_days=31, keep_days=900, department=office)
        assert signed_in(make_user(K.DEPARTMENT, R.OPERATOR, office)).get(page).status_code == 200


class TestWhatFinanceLaysDown:
    def test_it_is_saved_and_decides_what_is_stale(self, finance, set_today):
        set_today("2022-03-17")
        take_in(workbook([("何霜降", DEAD, "2021-01-11")]), as_of=dt.date(2022, 1, 31))
        office = make_organisation(K.DEPARTMENT, name="示范县公安局")
        page = finance.post(
            reverse("programs:dataset-policy", args=["death"]),
            {"max_age_days": 60, "keep_days": 400, "department": office.pk},
            follow=True,
        )
        assert "已保存" in read(page)
        assert "60 天内算新" in read(page)
        assert "示范县公安局" in read(page)
        assert "已过期" not in read(page)

    def test_senseless_numbers_are_refused(self, finance):
        page = finance.post(reverse("programs:dataset-policy", args=["death"]), {"max_age_days": 0, "keep_days": 1})
        assert page.status_code == 422
        assert not DatasetPolicy.objects.exists()

    def test_nobody_else_lays_it_down(self, civil):
        assert civil.get(reverse("programs:dataset-policy", args=["death"])).status_code == 404

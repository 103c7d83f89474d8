"""The search for the missing (R40): who should receive a program by age and lists, and is in none of its rosters."""

import datetime as dt
import io

import openpyxl
import pytest
from django.urls import reverse

from programs import actions
from programs.entitlement_forms import EntitlementRuleForm, requirement_choices
from programs.entitlements import requirement_words, rule_words
from programs.models import EligibleUnpaid, EntitlementRule, Person, Program
from programs.tasks import search_eligible, search_eligible_weekly
from subsidy_portal.models import Event, Job, User
from subsidy_portal.workflow import InvalidTransition, NotPermitted, Refused
from tests.make import (
    K,
    R,
    load_entitlements,
    make_area,
    make_deaths,
    make_id_number,
    make_list,
    make_organisation,
    make_person,
    make_program,
    make_roster,
    make_user,
)
from tests.programs.pages import read, signed_in

pytestmark = pytest.mark.django_db
TODAY = dt.date(2022, 3, 17)


@pytest.fixture(autouse=True)
def _today(set_today):
    set_today(TODAY)
    load_entitlements()


@pytest.fixture
def longevity() -> Program:
    return make_program(code="2080502", name="高龄津贴", short_name="高龄津贴")


@pytest.fixture
def living() -> Program:
    return make_program(code="2081107", name="困难残疾人生活补贴", short_name="生活补贴")


@pytest.fixture
def care() -> Program:
    return make_program(code="2081108", name="重度残疾人护理补贴", short_name="护理补贴")


def born(year: int, month: int = 1, day: int = 1, name: str = "林立夏", **fields) -> Person:
    return make_person(name, make_id_number(dt.date(year, month, day)), **fields)


def search() -> None:
    actions.search_eligible(by=User.objects.system())


def found(status: str = "open") -> list[str]:
    return sorted(EligibleUnpaid.objects.filter(status=status).values_list("person__name", flat=True))


class TestAge:
    def test_eighty_on_the_day_and_not_a_day_before(self, longevity):
        born(1942, 3, 17, "刚满")
        born(1942, 3, 18, "差一天")
        search()
        assert found() == ["刚满"]
        assert EligibleUnpaid.objects.get().reason == "80岁"

    def test_not_above_an_age(self, longevity):
        EntitlementRule.objects.filter(program_code="2080502").update(age_min=10, age_max=17)
        born(2004, 3, 17, "刚满十八")
        born(2004, 3, 18, "十七")
        search()
        assert found() == ["十七"]

    def test_without_the_program_nobody_is_searched_for(self):
        born(1930)
        search()
        assert found() == []

    def test_an_inactive_rule_or_program_finds_nobody(self, longevity):
        born(1930)
        Program.objects.update(is_active=False)
        search()
        assert found() == []


class TestLists:
    def test_a_certificate_of_the_right_level_in_force(self, care):
        make_list("disability", {
            born(1970, name="一级"): {"data": {"level": 1, "type": "肢体"}},
            born(1971, name="二级"): {"data": {"level": 2}, "until_on": dt.date(2022, 3, 17)},
            born(1972, name="三级"): {"data": {"level": 3}},
            born(1973, name="过期"): {"data": {"level": 1}, "until_on": dt.date(2022, 3, 16)},
            born(1974, name="没写等级"): {"data": {}},
        }, as_of=dt.date(2022, 3, 1))  # fmt: skip
        born(1975, name="没有证")
        search()
        assert found() == ["一级", "二级"]
        reason = EligibleUnpaid.objects.get(person__name="一级").reason
        assert reason == "残疾人证一级（示范县某局，截至2022-03-01）"

    def test_all_the_lists_a_rule_names_are_needed(self, living):
        both, poor, disabled = born(1970, name="两样都有"), born(1971, name="只低保"), born(1972, name="只残疾")
        stopped = born(1973, name="低保已停")
        make_list("dibao", {
            both: {"data": {"kind": "农村", "standing": "在享"}},
            poor: {"data": {"kind": "农村", "standing": "在享"}},
            stopped: {"data": {"kind": "农村", "standing": "停发"}},
        })  # fmt: skip
        make_list("disability", {one: {"data": {"level": 3}} for one in (both, disabled, stopped)})
        search()
        assert found() == ["两样都有"]

    def test_who_is_excepted_by_a_list_or_a_program_is_not_found(self, care):
        free, cared_for, kept = born(1970, name="该有"), born(1971, name="特困名单"), born(1972, name="领特困")
        make_list("disability", {one: {"data": {"level": 1}} for one in (free, cared_for, kept)})
        make_list("destitute", {cared_for: {"data": {"care": "集中"}}})
        make_roster(make_program(code="2082102"), rows=[(kept, 10_000)])
        search()
        assert found() == ["该有"]

    def test_a_replaced_snapshot_counts_no_more(self, care):
        person = born(1970)
        make_list("disability", {person: {"data": {"level": 1}}}, as_of=dt.date(2021, 1, 1))
        make_list("disability", {}, as_of=dt.date(2022, 1, 1))
        search()
        assert found() == []


class TestTheGone:
    def test_the_dead_and_the_moved_never_appear(self, longevity):
        dead, moved, here = born(1930, name="已故"), born(1931, name="迁出"), born(1932, name="健在")
        make_deaths({dead: dt.date(2022, 3, 1)})
        make_list("move_out", {moved: {"event_on": dt.date(2021, 1, 1)}})
        search()
        assert found() == ["健在"]
        make_deaths({here: dt.date(2022, 3, 10)})
        search()
        assert (found(), found("lapsed")) == ([], ["健在"])


class TestReceiving:
    def test_who_is_in_a_roster_of_the_last_periods_is_not_missing(self, longevity):
        now, before, long_ago, left = (
            born(1930 + n, name=name) for n, name in enumerate(("本期", "上期", "早年", "剔除"))
        )
        make_roster(longevity, period="2022-03", rows=[(now, 10_000), (left, 10_000)])
        make_roster(longevity, period="2022-02", rows=[(before, 10_000)])
        make_roster(longevity, period="2022-01", rows=[(now, 10_000)])
        make_roster(longevity, period="2021-06", rows=[(long_ago, 10_000)])
        left.claims.update(status="left")
        search()
        assert found() == ["剔除", "早年"]

    def test_who_later_appears_in_a_roster_is_claimed_and_asked_again_when_gone(self, longevity):
        person = born(1930)
        search()
        roster = make_roster(longevity, period="2022-03", rows=[(person, 10_000)])
        search()
        assert (found(), found("claimed")) == ([], ["林立夏"])
        search()
        assert found("claimed") == ["林立夏"]
        roster.rows.update(status="left")
        search()
        assert (found(), found("claimed")) == (["林立夏"], [])

    def test_a_cancelled_roster_pays_nobody(self, longevity):
        make_roster(longevity, status="cancelled", rows=[(born(1930), 10_000)])
        search()
        assert found() == ["林立夏"]


class TestFollowingUp:
    @pytest.fixture
    def one(self, longevity) -> EligibleUnpaid:
        born(1930)
        search()
        return EligibleUnpaid.objects.get()

    def clerk(self, role: str = R.OPERATOR) -> User:
        return make_user(K.TOWNSHIP, role)

    def test_told_then_claimed(self, one, longevity):
        actions.notify_eligible(one, note="入户告知", actor=self.clerk())
        search()
        assert (found("notified"), one.note) == (["林立夏"], "入户告知")
        make_roster(longevity, rows=[(one.person, 10_000)])
        search()
        assert found("claimed") == ["林立夏"]

    def test_not_entitled_needs_a_reason_and_stays(self, one):
        with pytest.raises(Refused, match="写明"):
            actions.dismiss_eligible(one, note=" ", actor=self.clerk())
        assert found() == ["林立夏"]
        actions.dismiss_eligible(one, note="已在外县领取", actor=self.clerk())
        search()
        assert found("not_entitled") == ["林立夏"]
        assert Event.objects.about(one).first().note == "已在外县领取"

    def test_what_is_decided_is_not_decided_again(self, one):
        actions.dismiss_eligible(one, note="已在外县领取", actor=self.clerk())
        with pytest.raises(InvalidTransition):
            actions.notify_eligible(one, note="改了", actor=self.clerk())
        one.refresh_from_db()
        assert one.note == "已在外县领取"

    def test_a_viewer_decides_nothing(self, one):
        with pytest.raises(NotPermitted):
            actions.notify_eligible(one, actor=self.clerk(R.VIEWER))
        assert found() == ["林立夏"]


class TestWhoSees:
    @pytest.fixture
    def two(self, longevity) -> None:
        born(1930, name="本镇")
        born(1931, name="邻镇", area=make_area("990001102201"))
        search()

    def names(self, user: User, status: int = 200) -> str:
        page = signed_in(user).get(reverse("programs:eligible-list"))
        assert page.status_code == status
        return read(page)

    def test_a_township_its_own_people_a_department_its_own_programs(self, two):
        here = self.names(make_user(K.TOWNSHIP, R.OPERATOR))
        assert "本镇" in here
        assert "邻镇" not in here
        civil = self.names(make_user(K.DEPARTMENT, R.OPERATOR, make_organisation(K.DEPARTMENT, name="示范县民政局")))
        assert "邻镇" in civil
        other = self.names(
            make_user(K.DEPARTMENT, R.OPERATOR, make_organisation(K.DEPARTMENT, name="示范县农业农村局"))
        )
        assert "本镇" not in other
        self.names(make_user(K.BANK, R.OPERATOR), 404)

    def test_one_elsewhere_does_not_exist_and_is_not_decided(self, two):
        there = EligibleUnpaid.objects.get(person__name="邻镇")
        browser = signed_in(make_user(K.TOWNSHIP, R.OPERATOR))
        assert browser.get(reverse("programs:eligible", args=[there.pk])).status_code == 404
        assert browser.post(reverse("programs:eligible-act", args=[there.pk, "notify"])).status_code == 404
        assert len(found()) == 2

    def test_a_department_searches_its_own_programs_only(self, longevity):
        born(1930)
        other = make_user(K.DEPARTMENT, R.OPERATOR, make_organisation(K.DEPARTMENT, name="示范县农业农村局"))
        actions.search_eligible(by=other)
        assert found() == []


class TestPagesAndJobs:
    def test_the_button_starts_a_job_that_leads_back_to_the_list(self, longevity):
        born(1930)
        browser = signed_in(make_user(K.FINANCE, R.OPERATOR))
        assert "还没有搜索过" in read(browser.get(reverse("programs:eligible-list")))
        page = browser.post(reverse("programs:eligible-search"), follow=True)
        assert page.status_code == 200
        job = Job.objects.get()
        search_eligible(job.pk)
        job.refresh_from_db()
        assert (job.status, job.message) == ("done", "搜索完了，1人等处理")
        said = read(browser.get(job.result_url))
        assert "林立夏" in said
        assert said.index("没有数据") < said.index("死亡登记")

    def test_the_weekly_timer_searches_everything(self, longevity):
        born(1930)
        search_eligible_weekly()
        assert found() == ["林立夏"]
        assert EntitlementRule.objects.filter(searched_at=None).count() == 0

    def test_a_clerk_notes_what_came_of_it(self, longevity):
        person = born(1930)
        search()
        one = EligibleUnpaid.objects.get()
        browser = signed_in(make_user(K.TOWNSHIP, R.OPERATOR))
        page = read(browser.get(reverse("programs:eligible", args=[one.pk])))
        assert "年满80岁" in page
        assert person.reveal_id_number() not in page
        wrong = browser.post(reverse("programs:eligible-act", args=[one.pk, "dismiss"]), {"note": ""})
        assert wrong.status_code == 422
        assert found() == ["林立夏"]
        browser.post(reverse("programs:eligible-act", args=[one.pk, "notify"]), {"note": "电话告知"})
        assert found("notified") == ["林立夏"]
        assert "漏发核实" not in read(browser.get(reverse("desk")))

    def test_what_waits_stands_on_the_desk(self, longevity):
        born(1930)
        search()
        assert "漏发核实" in read(signed_in(make_user(K.TOWNSHIP, R.OPERATOR)).get(reverse("desk")))

    def test_the_workbook_has_masked_numbers_and_is_recorded(self, longevity):
        person = born(1930)
        search()
        user = make_user(K.DEPARTMENT, R.OPERATOR, make_organisation(K.DEPARTMENT, name="示范县民政局"))
        answer = signed_in(user).post(reverse("programs:eligible-export"), {"tab": "open", "rule": ""})
        sheet = openpyxl.load_workbook(io.BytesIO(b"".join(answer.streaming_content))).worksheets[0]
        rows = list(sheet.values)
        assert rows[1][1:3] == ("林立夏", person.masked_id)
        assert Event.objects.filter(kind="exported", note="应享受未享受1人").exists()
        viewer = signed_in(make_user(K.FINANCE, R.VIEWER))
        assert viewer.post(reverse("programs:eligible-export")).status_code == 404


class TestRules:
    def test_a_rule_says_in_words_what_it_asks(self, longevity):
        assert requirement_words({"kind": "disability", "level_max": 2}) == "残疾人证（残疾等级：一级、二级）"
        assert requirement_words({"kind": "dibao", "standing": ["在享"]}) == "低保对象（享受状态：在享）"
        rule = EntitlementRule(age_min=80, excluded_programs=["2080502"], excluded_kinds=[{"kind": "destitute"}])
        assert rule_words(rule) == ["年满80岁", "不含：特困人员、高龄津贴"]

    def test_the_form_gives_back_every_shipped_rule_unchanged(self):
        for code in ("2080502", "2081107", "2081108", "2082101", "2082102", "2081002"):
            make_program(code=code)
        browser = signed_in(make_user(K.FINANCE, R.OPERATOR))
        for rule in EntitlementRule.objects.all():
            form = EntitlementRuleForm(instance=rule)
            data = {field.html_name: field.value() for field in form if field.value() not in (None, "", [])}
            page = browser.post(reverse("programs:entitlement-edit", args=[rule.pk]), data)
            assert page.status_code == 302, read(page)
            after = EntitlementRule.objects.get(pk=rule.pk)
            for name in ("requires", "excluded_kinds", "excluded_programs", "age_min", "age_max", "is_active"):
                assert getattr(after, name) == getattr(rule, name), name

    def test_a_new_rule_is_made_and_used(self, longevity):
        browser = signed_in(make_user(K.FINANCE, R.OPERATOR))
        data = {"name": "烈属未领", "program_code": "2080502", "is_active": "on"}
        wrong = browser.post(reverse("programs:entitlement-new"), data)
        assert "至少要有年龄或一份名单" in read(wrong)
        browser.post(reverse("programs:entitlement-new"), data | {"requires_0": '{"kind": "veteran"}'})
        EntitlementRule.objects.exclude(name="烈属未领").update(is_active=False)
        make_list("veteran", {born(1990, name="烈属"): {"item": "烈属"}})
        search()
        assert found() == ["烈属"]

    def test_every_condition_the_form_offers_can_be_searched(self, longevity):
        born(1990)
        for requirement in requirement_choices():
            EntitlementRule.objects.update(requires=[requirement], excluded_kinds=[requirement])
            search()
        assert found() == []

    def test_only_finance_edits_them(self):
        civil = signed_in(make_user(K.DEPARTMENT, R.OPERATOR, make_organisation(K.DEPARTMENT, name="示范县民政局")))
        assert civil.get(reverse("programs:entitlement-rules")).status_code == 200
        assert civil.get(reverse("programs:entitlement-new")).status_code == 404

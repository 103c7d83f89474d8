"""Each kind of rule of the catalogue (domain §12): what it hits, what it does not, and where the line is."""

import datetime as dt
from typing import Any

import pytest

from programs import actions
from programs.checks import CHECKS, rules_reading, run_checks
from programs.checks.params import SCHEMAS, check_params, named_codes, program_names
from programs.comparison_data import kinds_of
from programs.models import Dataset, DatasetRow, Person, Program, Roster, Rule
from subsidy_portal import clock
from subsidy_portal.models import Organisation, StoredFile, User
from subsidy_portal.workflow import Refused
from tests.make import (
    desk_of,
    load_rules,
    make_account,
    make_area,
    make_household,
    make_id_number,
    make_person,
    make_program,
    make_roster,
    make_user,
)

K, R = Organisation.Kind, User.Role
DIBAO, DESTITUTE, LIVING, CARE = "2081902", "2082102", "2081107", "2081108"


@pytest.fixture(autouse=True)
def _rules(db):
    load_rules()


def make_list(kind: str, *people: Person, as_of: str = "2022-03-01", area: Any = None, **fields: Any) -> Dataset:
    """A list of ``kind`` with these people, each with the same ``fields``."""
    dataset = Dataset.objects.create(
        kind=kind, source="示范县某局", as_of=as_of, area=area, imported_by=make_user(), imported_at=clock.now()
    )
    for person in people:
        DatasetRow.objects.create(dataset=dataset, kind=kind, id_hash=person.id_hash, name=person.name, **fields)
    return dataset


def born(day: str, serial: int | None = None) -> Person:
    return make_person(id_number=make_id_number(dt.date.fromisoformat(day), serial))


def program(code: str, name: str = "") -> Program:
    return Program.objects.filter(code=code).first() or make_program(code=code, name=name or f"项目{code}")


def paid(code: str, person: Person, period: str = "2022-03", fen: int = 10_000, **fields: Any) -> Roster:
    fields = {"standard_fen": 0} | fields
    found = Program.objects.filter(code=code).first() or make_program(code=code, name=f"项目{code}", **fields)
    sequence = 1 + Roster.objects.filter(program=found, period=period).count()
    return make_roster(found, period=period, rows=[(person, fen)], sequence=sequence)


def hits(roster: Roster) -> list[str]:
    """The rules with an open hit on the roster, save those about accounts."""
    run_checks(roster)
    found = roster.suspicions.filter(status="open").exclude(rule__code__startswith="C")
    return sorted(found.values_list("rule__code", flat=True))


def told(roster: Roster, code: str) -> str:
    return str(roster.suspicions.get(rule__code=code).evidence["other"])


def switch_on(code: str, **params: Any) -> None:
    rule = Rule.objects.get(code=code)
    Rule.objects.filter(code=code).update(is_active=True, params=rule.params | params)


def say_unfounded(roster: Roster) -> None:
    for suspicion in roster.suspicions.filter(status="open"):
        proof = StoredFile.keep(b"photo", name="照片.jpg", content_type="image/jpeg", actor=make_user())
        actor = desk_of(roster, K.TOWNSHIP, R.OPERATOR)
        actions.decide_suspicion(suspicion, confirmed=False, reason="入户核实", attachment=proof, actor=actor)


class TestShipped:
    def test_the_whole_catalogue_is_there(self):
        codes = {rule.code for rule in Rule.objects.all()}
        wanted = {f"X{n:02d}" for n in range(1, 27)} | {f"A{n:02d}" for n in range(1, 9)}
        assert wanted | {f"Q{n:02d}" for n in range(1, 9)} <= codes

    def test_every_rule_passes_its_own_schema_and_names_a_check(self):
        assert set(SCHEMAS) == set(CHECKS)
        for rule in Rule.objects.all():
            kept = check_params(rule.check_name, rule.params, switched_on=rule.is_active)
            assert rule.params.items() <= kept.items(), rule.code
            assert set(named_codes(rule)) <= set(program_names())

    def test_what_is_weak_is_switched_off_or_only_a_reminder_and_says_why(self):
        weak = Rule.objects.filter(strength="weak")
        assert {"X08", "X17"} <= set(weak.values_list("code", flat=True))
        assert all(rule.note and (rule.level == "warn" or not rule.is_active) for rule in weak)
        assert all(rule.note for rule in Rule.objects.filter(is_active=False))

    def test_each_rule_says_which_lists_it_reads(self):
        assert kinds_of(Rule.objects.get(code="Q01")) == {"death"}
        assert kinds_of(Rule.objects.get(code="A06")) == {"disability"}
        assert kinds_of(Rule.objects.get(code="X26")) == set()
        assert [rule.code for rule in rules_reading("move_out")] == ["Q02"]


class TestTogether:
    @pytest.mark.parametrize(
        ("one", "other", "rule"),
        [
            (DIBAO, DESTITUTE, "X10"),
            ("2081901", "2081902", "X11"),
            ("2082101", "2082102", "X11B"),
            ("2082501", "2082502", "X12"),
            ("2100701", "2100705", "X16"),
            ("2080705", "2080704", "X23"),
        ],
    )
    def test_of_a_family_only_one(self, one, other, rule):
        person = born("2010-05-05") if rule == "X12" else born("1950-05-05", 2)
        paid(one, person)
        assert hits(paid(other, person)) == [rule]

    def test_members_of_one_group_and_periods_apart_are_no_hit(self):
        switch_on("X14", groups=[[DIBAO, CARE], [LIVING]])
        person = make_person()
        paid(DIBAO, person)
        assert hits(paid(CARE, person)) == []
        assert hits(paid(LIVING, person, "2022-04")) == []

    def test_the_higher_one_is_paid_and_the_evidence_says_which_is_lower(self):
        person = born("1940-01-01")
        care = paid(CARE, person, fen=8_000)
        elder = paid("2081002", person, "2022-Q1", 30_000)  # 100 yuan a month
        assert hits(care) == ["X08"]
        assert told(care, "X08").endswith("本项较低，每月少20.00元，应停发本项")
        assert hits(elder) == ["X08"]
        assert told(elder, "X08").endswith(f"较低，每月少20.00元，应停发项目{CARE}")

    def test_as_much_is_said_too_and_another_time_is_no_hit(self):
        person = born("1940-01-01")
        paid(CARE, person)
        same = paid("2081002", person)
        assert hits(same) == ["X08"]
        assert told(same, "X08").endswith("两项一样多，只发一项")
        assert hits(paid("2081002", person, "2022-04")) == []

    def test_longevity_and_dibao_go_together(self):
        person = born("1935-01-01")
        paid(DIBAO, person)
        roster = paid("2080502", person)
        assert hits(roster) == []
        assert roster.suspicions.get(rule__code="X25").status == "unfounded"

    def test_decided_once_is_not_asked_again(self):
        person = make_person()
        paid(DIBAO, person)
        roster = paid(DESTITUTE, person)
        assert hits(roster) == ["X10"]
        say_unfounded(roster)
        assert hits(roster) == []


class TestOnePer:
    def claim(self, code: str, person: Person, period: str, **row: Any) -> Roster:
        roster = paid(code, person, period)
        roster.rows.update(**row)
        return roster

    @pytest.mark.parametrize(("period", "hit"), [("2022", ["X19"]), ("2023", [])])
    def test_one_plot_one_claim_a_year(self, period, hit):
        self.claim("2130122", make_person("韩立"), "2022", extra={"地块编码": "DK0007"})
        again = self.claim("2130122", make_person(), period, extra={"地块编码": "DK0007"})
        assert hits(again) == hit
        if hit:
            assert "韩立已领" in told(again, "X19")
            assert "同一地块编码“DK0007”只能领一次" in told(again, "X19")

    def test_another_plot_and_rows_without_the_column_are_no_hit(self):
        self.claim("2130122", make_person(), "2022", extra={"地块编码": "DK0007"})
        self.claim("2130122", make_person(), "2022", extra={})
        assert hits(self.claim("2130122", make_person(), "2022", extra={"地块编码": "DK0008"})) == []
        assert hits(self.claim("2130122", make_person(), "2022", extra={"地块编码": ""})) == []

    @pytest.mark.parametrize("period", ["2022", "2025"])
    def test_one_machine_for_ever(self, period):
        self.claim("2130123", make_person(), "2021", extra={"出厂编号": "M1"})
        again = self.claim("2130123", make_person(), period, extra={"出厂编号": "M1"})
        assert hits(again) == ["X20"]
        say_unfounded(again)
        assert hits(again) == []

    def test_one_house_once_and_not_another_household(self):
        one, two = make_household(make_person()), make_household(make_person())
        self.claim("2210105", one.head, "2020", household=one)
        assert hits(self.claim("2210105", one.head, "2022", household=one)) == ["X24"]
        assert hits(self.claim("2210105", two.head, "2022", household=two)) == []

    def test_one_post_at_a_time(self):
        person = make_person()
        self.claim("2080705", person, "2022-03", item="护林")
        assert hits(self.claim("2080705", person, "2022-03", item="保洁")) == ["X23B"]
        assert hits(self.claim("2080705", person, "2022-04", item="保洁")) == []

    def test_one_child_a_year_even_by_an_own_id_column(self):
        switch_on("X18", programs=["9777777"], key="column", column="儿童身份证号")
        child = {"hash": "ab" * 32, "last4": "0012", "sealed": ""}
        self.claim("9777777", make_person(), "2025-03", extra={"儿童身份证号": child})
        again = self.claim("9777777", make_person(), "2025-09", extra={"儿童身份证号": child})
        assert hits(again) == ["X18"]
        assert "0012" not in told(again, "X18")
        assert "ab" * 32 not in told(again, "X18")


class TestLists:
    @pytest.mark.parametrize(
        ("since", "until", "hit"),
        [
            ("2022-03-31", None, True),
            ("2022-04-01", None, False),
            ("2021-01-01", "2022-03-01", True),
            ("2021-01-01", "2022-02-28", False),
        ],
    )
    def test_injury_care_during_the_period(self, since, until, hit):
        person = make_person()
        make_list("injury_care", person, event_on=since, until_on=until)
        assert hits(paid(CARE, person)) == (["X03"] if hit else [])

    def test_without_the_list_nothing_is_said_and_not_of_somebody_else(self):
        person = make_person()
        assert hits(paid(CARE, person)) == []
        make_list("injury_care", make_person())
        assert hits(paid(LIVING, person)) == []

    def test_public_employees_on_dibao_are_a_reminder_that_names_the_office(self):
        person = make_person()
        make_list("public_payroll", person, item="县水利局", event_on="2015-07-01")
        roster = paid(DIBAO, person)
        assert hits(roster) == ["X21"]
        assert told(roster, "X21") == "县水利局，2015年7月1日起，不得同时享受"
        assert roster.suspicions.get().rule.level == "warn"
        say_unfounded(roster)
        assert hits(paid(DIBAO, person, "2022-04")) == []

    def test_only_the_values_that_count(self):
        switch_on("X14B", programs=["9777777"])
        one, two = make_person(), make_person()
        make_list("pension", one, item="居民养老")
        make_list("pension", two, item="职工养老", as_of="2022-03-02")
        Dataset.objects.filter(as_of="2022-03-02").update(source="另一局")
        assert hits(paid("9777777", one)) == []
        assert hits(paid("9777777", two)) == ["X14B"]

    def test_cared_for_in_an_institution_but_paid_to_oneself(self):
        switch_on("X22", programs=["9777777"])
        person, home = make_person(), make_person("供养院")
        make_list("destitute", person, data={"care": "集中"})
        roster = paid("9777777", person)
        assert hits(roster) == ["X22"]
        roster.rows.update(payee=home, account=make_account(home))
        assert hits(roster) == []

    def test_living_allowance_asks_for_dibao_in_force(self):
        inside, stopped, outside = make_person(), make_person(), make_person()
        make_list("dibao", inside, data={"kind": "农村", "standing": "在享"})
        dataset = Dataset.objects.get()
        DatasetRow.objects.create(
            dataset=dataset, kind="dibao", id_hash=stopped.id_hash, name="x", data={"standing": "停发"}
        )
        assert hits(paid(LIVING, inside)) == []
        roster = paid(LIVING, stopped)
        assert hits(roster) == ["X05"]
        assert told(roster, "X05") == "享受状态是停发，不符合条件"
        roster = paid(LIVING, outside)
        assert hits(roster) == ["X05"]
        assert told(roster, "X05") == "低保对象名单里没有此人"
        say_unfounded(roster)
        assert hits(paid(LIVING, outside, "2022-04")) == []

    @pytest.mark.parametrize(
        ("level", "until", "hit"),
        [(1, None, False), (2, "2022-03-01", False), (2, "2022-02-28", True), (3, None, True)],
    )
    def test_care_asks_for_a_valid_certificate_of_level_one_or_two(self, level, until, hit):
        person = make_person()
        make_list("disability", person, data={"level": level}, until_on=until)
        assert hits(paid(CARE, person)) == (["X06"] if hit else [])

    def test_a_list_of_one_township_says_nothing_of_another(self):
        make_list("disability", make_person(), data={"level": 1}, area=make_area("990001102000"))
        assert hits(paid(CARE, make_person())) == []
        make_list("disability", make_person(), data={"level": 1}, area=make_area())
        assert hits(paid(CARE, make_person(), "2022-04")) == ["X06"]

    def test_in_school_during_the_term(self):
        pupil, gone = make_person(), make_person()
        make_list("school", pupil, item="示范县职业中学", event_on="2021-09-01", until_on="2022-07-10")
        assert hits(paid("2130506", pupil, "2022")) == []
        assert hits(paid("2130506", pupil, "2023")) == ["A08"]
        assert hits(paid("2130506", gone, "2022")) == ["A08"]

    @pytest.mark.parametrize(("until", "hit"), [("2022-02-28", True), ("2022-03-01", False), (None, False)])
    def test_a_certificate_that_ran_out_the_month_before(self, until, hit):
        person = make_person()
        make_list("disability", person, data={"level": 3}, until_on=until)
        assert hits(paid("2081110", person)) == (["Q04"] if hit else [])

    def test_downgraded_or_struck_off_since_the_last_list_and_not_who_never_was_on_one(self):
        person, never = make_person(), make_person()
        switch_on("Q04", programs=["2081110"], max=2)
        make_list("disability", person, data={"level": 2}, as_of="2021-12-31")
        assert hits(paid("2081110", person)) == []
        make_list("disability", person, data={"level": 3}, as_of="2022-02-28")
        roster = paid("2081110", person, "2022-04")
        assert hits(roster) == ["Q04"]
        assert told(roster, "Q04") == "残疾等级是3，不符合条件"
        assert hits(paid("2081110", never, "2022-04")) == []


class TestExits:
    @pytest.mark.parametrize(("period", "hit"), [("2022-02", False), ("2022-03", True), ("2022-Q1", False)])
    def test_moved_away_stops_from_the_next_month(self, period, hit):
        person = make_person()
        make_list("move_out", person, event_on="2022-02-01")
        assert hits(paid("9777777", person, period)) == (["Q02"] if hit else [])

    def test_a_program_may_have_a_lag_of_its_own(self):
        person = make_person()
        make_list("move_out", person, event_on="2022-02-20")
        program("9777777")
        switch_on("Q02", lags={"9777777": 3})
        assert hits(paid("9777777", person, "2022-04")) == []
        assert hits(paid("9777777", person, "2022-05")) == ["Q02"]
        assert hits(paid("9777778", person, "2022-03")) == ["Q02"]

    def test_death_has_lags_too(self):
        person = make_person()
        make_list("death", person, event_on="2022-02-20")
        program("9777777")
        switch_on("Q01", lags={"9777777": 2})
        assert hits(paid("9777777", person, "2022-03")) == []
        assert hits(paid("9777777", person, "2022-04")) == ["Q01"]

    def test_over_the_income_and_not_under_it(self):
        over, under = make_person(), make_person()
        make_list("income", over, event_on="2022-01-20", data={"result": "超标"})
        make_list("income", under, event_on="2022-01-20", data={"result": "未超标"}, area=make_area())
        assert hits(paid(DIBAO, over)) == ["Q03"]
        assert hits(paid(DIBAO, under)) == []

    @pytest.mark.parametrize(
        ("period", "hit"), [("2021-06", False), ("2021-07", True), ("2022-05", True), ("2022-06", False)]
    )
    def test_in_prison_is_suspended_until_the_term_ends(self, period, hit):
        person = make_person()
        make_list("prison", person, event_on="2021-06-10", until_on="2022-05-31")
        roster = paid("9777777", person, period)
        assert hits(roster) == (["Q05"] if hit else [])
        if hit:
            assert told(roster, "Q05").endswith("应暂停发放")

    def test_missing_is_suspended_until_found(self):
        person = make_person()
        make_list("missing", person, event_on="2022-01-10", until_on="2022-03-20")
        assert hits(paid("9777777", person, "2022-03")) == ["Q05B"]
        assert hits(paid("9777777", person, "2022-04")) == []

    def test_taken_into_office_or_retired(self):
        one, two = make_person(), make_person()
        make_list("public_payroll", one, item="县医院", event_on="2022-02-01")
        make_list("pension", two, item="职工养老", event_on="2022-02-01")
        assert hits(paid("2080705", one, "2022-02")) == []
        assert hits(paid("2080705", one)) == ["Q06"]
        assert hits(paid("2080704", two)) == ["Q06B"]

    def test_a_failed_verification_of_one_program_stops_that_one(self):
        person = make_person()
        make_list("reverify", person, item="9777777", event_on="2022-01-20")
        assert hits(paid("9777777", person)) == ["Q08"]
        assert hits(paid("9777778", person)) == []
        make_list("reverify", person, item="", event_on="2022-02-20", as_of="2022-03-05")
        roster = paid("9777778", person, "2022-04")
        assert hits(roster) == ["Q08"]
        say_unfounded(roster)
        assert hits(paid("9777778", person, "2022-05")) == []


class TestAges:
    @pytest.mark.parametrize(
        ("birthday", "period", "hit"),
        [
            ("1942-03-31", "2022-03", False),
            ("1942-04-01", "2022-03", True),
            ("1942-12-31", "2022", False),
            ("1943-01-01", "2022", True),
            ("1940-02-29", "2022-03", False),
        ],
    )
    def test_eighty_from_the_month_of_the_birthday(self, birthday, period, hit):
        assert hits(paid("2080502", born(birthday), period)) == (["A01"] if hit else [])

    def test_or_from_the_month_after_it(self):
        switch_on("A01", min_from="next_month")
        assert hits(paid("2080502", born("1942-02-28"))) == []
        roster = paid("2080502", born("1942-03-01"))
        assert hits(roster) == ["A01"]
        assert told(roster, "A01") == "到2022-03还不到年满80周岁的次月"
        assert "1942" not in str(roster.suspicions.values_list("evidence", flat=True)[0])
        say_unfounded(roster)
        assert hits(roster) == []

    def test_only_women_are_measured_by_the_women_s_age(self):
        assert hits(paid("2100705", born("1980-01-01", 2))) == ["A04B"]
        assert hits(paid("2100705", born("1980-01-01", 1))) == []
        assert hits(paid("2100705", born("1973-03-31", 4))) == []

    def test_a_child_of_eighteen_is_no_new_claim(self):
        assert hits(paid("2082501", born("2004-04-01"))) == []
        roster = paid("2082501", born("2004-03-31"))
        assert hits(roster) == ["A05"]
        assert told(roster, "A05") == "到2022-03已年满18周岁"

    def test_and_leaves_the_month_after_the_birthday(self):
        child = born("2004-03-31")
        assert hits(paid("2082501", child, "2022-02")) == []
        assert hits(paid("2082501", child, "2022-03")) == []
        assert hits(paid("2082501", child, "2022-04")) == ["Q07"]

    def test_destitute_are_old_disabled_or_minors(self):
        adult, disabled = born("1980-01-01"), born("1980-01-01")
        assert hits(paid(DESTITUTE, adult)) == []  # nobody knows who is disabled
        make_list("disability", disabled, data={"level": 4})
        assert hits(paid(DESTITUTE, adult, "2022-04")) == ["A06"]
        assert hits(paid(DESTITUTE, disabled, "2022-04")) == []
        assert hits(paid(DESTITUTE, born("2010-01-01"), "2022-04")) == []
        assert hits(paid(DESTITUTE, born("1962-04-30"), "2022-04")) == []

    @pytest.mark.parametrize(
        ("day", "hit"),
        [("1954-10-31", True), ("1954-11-01", False), ("2011-11-01", False), ("2011-11-02", True), ("", False)],
    )
    def test_years_of_service_where_the_roster_has_them(self, day, hit):
        switch_on("A02B", programs=["9777777"])
        roster = paid("9777777", make_person())
        roster.rows.update(extra={"入伍日期": day} if day else {})
        assert hits(roster) == (["A02B"] if hit else [])


class TestRunning:
    def test_a_rule_of_one_township_leaves_the_others_alone(self):
        Rule.objects.filter(code="A01").update(area=make_area("990001102000"))
        assert hits(paid("2080502", born("1960-01-01"))) == []
        Rule.objects.filter(code="A01").update(area=make_area())
        assert hits(paid("2080502", born("1960-01-01"), "2022-04")) == ["A01"]

    def test_a_rule_switched_off_takes_its_open_hits_back_and_decided_ones_stay(self):
        roster = paid("2080502", born("1960-01-01"))
        assert hits(roster) == ["A01"]
        Rule.objects.filter(code="A01").update(is_active=False)
        assert hits(roster) == []
        assert roster.suspicions.get().status == "superseded"
        Rule.objects.filter(code="A01").update(is_active=True)
        assert hits(roster) == ["A01"]
        say_unfounded(roster)
        Rule.objects.filter(code="A01").update(is_active=False)
        assert hits(roster) == []
        assert roster.suspicions.get().status == "unfounded"

    def test_rules_of_other_programs_ask_the_database_nothing(self, django_assert_max_num_queries):
        roster = paid("9777777", make_person())
        run_checks(roster)
        with django_assert_max_num_queries(40):
            run_checks(roster)


class TestParams:
    @pytest.mark.parametrize(
        ("check", "params", "sentence"),
        [
            ("excluded_pair", {"a": ["1234567"], "b": [LIVING]}, "里的“1234567”不是项目编码"),
            ("excluded_pair", {"a": [LIVING], "b": [LIVING]}, "不能两边都写"),
            ("excluded_pair", {"a": LIVING, "b": [CARE]}, "应是一列项目编码"),
            ("excluded_family", {"groups": [[LIVING]]}, "只有一组"),
            ("excluded_family", {"groups": [[LIVING], [LIVING]]}, "出现在两组"),
            ("age", {"programs": [LIVING], "min": "八十"}, "应是1到150的整数"),
            ("age", {"programs": [LIVING], "min": True}, "应是1到150的整数"),
            ("age", {"programs": [LIVING]}, "要填“年满”或“不满”"),
            ("age", {"programs": [], "min": 80}, "“适用项目”没有填"),
            ("age", {"programs": [LIVING], "min": 80, "mni": 3}, "没有“mni”这一项"),
            ("required_list", {"programs": [LIVING], "kind": "horoscope"}, "没有这个选项"),
            ("required_list", {"programs": [LIVING], "kind": "dibao", "field": "level", "max": 2}, "没有这一栏"),
            (
                "required_list",
                {"programs": [LIVING], "kind": "dibao", "field": "standing", "values": ["好"]},
                "可以填：停发、在享、暂停",
            ),
            ("required_list", {"programs": [LIVING], "kind": "dibao", "field": "standing"}, "请填是哪些内容"),
            ("one_per", {"programs": [LIVING], "key": "column", "span": "ever"}, "请填栏目名"),
            ("date_between", {"programs": [LIVING], "column": "入伍日期", "first": "1954年"}, "应是日期"),
            ("paid_after_death", {"lags": {LIVING: 99}}, "应是0到24的整数"),
            ("over_cap", {"cap": 1}, "没有“cap”这一项"),
        ],
    )
    def test_nonsense_is_refused_with_a_sentence(self, check, params, sentence):
        with pytest.raises(Refused, match=sentence):
            check_params(check, params, switched_on=True)

    def test_switched_off_it_may_wait_for_its_programs(self):
        assert check_params("age", {"min": 60}, switched_on=False) == {"programs": [], "min": 60}

    def test_the_county_s_own_programs_may_be_named(self):
        own = make_program()
        params = {"programs": [own.code], "min": 60}
        assert check_params("age", params, switched_on=True) == params

"""Finance changes a rule: only after a look at what it would hit, with a reason, as a new version."""

import io
from typing import Any

import openpyxl
import pytest
from django.db import connection
from django.urls import reverse
from rest_framework.test import APIClient

from programs import actions
from programs.actions import change_rule, preview_rule
from programs.checks import run_checks
from programs.models import Dataset, DatasetRow, Person, Roster, Rule, RuleVersion, Suspicion
from programs.rule_facts import rule_lines, rule_shares, rule_sums
from subsidy_portal import clock
from subsidy_portal.models import Event, User
from subsidy_portal.workflow import NotPermitted, Refused
from tests.make import K, R, desk_of, drive, load_rules, make_area, make_person, make_program, make_roster, make_user
from tests.programs.pages import read, roster_with_a_dead_person, signed_in
from tests.programs.test_rules import born

LONGEVITY = "2080502"


@pytest.fixture(autouse=True)
def _rules(db):
    load_rules()


def finance() -> User:
    return make_user(K.FINANCE, R.OPERATOR)


def rule(code: str = "A01") -> Rule:
    return Rule.objects.get(code=code)


def claim(person: Person, period: str = "2022-03", **fields: Any) -> Roster:
    program = fields.pop("program", None) or make_program(code=LONGEVITY, name="高龄津贴")
    return make_roster(program, period=period, rows=[(person, 10_000)], **fields)


def change(found: Rule, *, reason: str = "县政府会议纪要", actor: User | None = None, **values: Any) -> None:
    actor = actor or finance()
    _before, _after, seen = preview_rule(found, values, actor=actor)
    change_rule(found, values, seen=seen, reason=reason, actor=actor)


def counts() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (Suspicion, RuleVersion, Event, Rule))


class TestPreview:
    def test_it_counts_what_today_s_registry_would_hit_and_stores_nothing(self):
        roster = claim(born("1939-01-01"))
        run_checks(roster)
        before, checked_at = counts(), roster.checked_at
        now, then, seen = preview_rule(rule(), {"params": {"programs": [LONGEVITY], "min": 90}}, actor=finance())
        assert (now.count, now.amount_fen) == (0, 0)
        assert (then.rosters, then.count, then.amount_fen) == (1, 1, 10_000)
        assert seen
        assert counts() == before
        assert Roster.objects.get(pk=roster.pk).checked_at == checked_at
        assert rule().params["min"] == 80
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_class WHERE relname IN ('checked', 'previewed')")
            assert cursor.fetchone()[0] == 0

    def test_only_the_last_period_of_each_program_and_township_is_looked_at(self):
        young = born("1960-01-01")
        first = claim(young, "2022-01")
        claim(born("1930-01-01"), "2022-02", program=first.program)
        claim(young, "2022-01", program=first.program, area=make_area("990001102000"))
        _now, then, _seen = preview_rule(rule(), {}, actor=finance())
        assert (then.rosters, then.count) == (2, 1)

    def test_its_rows_are_masked(self):
        person = born("1960-01-01")
        claim(person)
        _now, then, _seen = preview_rule(rule(), {}, actor=finance())
        (row,) = then.rows
        assert (row.name, row.masked_id) == (person.name, person.masked_id)
        assert row.evidence["other"] == "到2022-03还不到年满80周岁"
        assert person.reveal_id_number() not in str(then)

    def test_at_most_twenty_rows_and_those_hit_before_are_told(self):
        program = make_program(code=LONGEVITY, name="高龄津贴")
        roster = make_roster(program, rows=[(born("1960-01-01"), 10_000) for _ in range(21)])
        _now, then, _seen = preview_rule(rule(), {}, actor=finance())
        assert (then.count, len(then.rows), then.known) == (21, 20, 0)
        run_checks(roster)
        _now, then, _seen = preview_rule(rule(), {}, actor=finance())
        assert then.known == 21

    def test_a_rule_that_is_off_hits_nothing_now_and_is_previewed_as_if_on(self):
        Rule.objects.filter(code="A01").update(is_active=False)
        claim(born("1960-01-01"))
        now, then, _seen = preview_rule(rule(), {"is_active": True}, actor=finance())
        assert (now.count, then.count) == (0, 1)

    def test_without_its_list_it_says_so(self):
        claim(born("1960-01-01"))
        _now, then, _seen = preview_rule(rule("X06"), {}, actor=finance())
        assert (then.count, then.missing) == (0, ["残疾人证"])

    def test_of_a_township_only_its_rows(self):
        claim(born("1960-01-01"))
        elsewhere = make_area("990001102000")
        _now, then, _seen = preview_rule(rule(), {"area": elsewhere.code}, actor=finance())
        assert then.count == 0

    def test_every_shipped_rule_can_be_previewed(self):
        claim(born("1960-01-01"))
        for kind in Dataset.Kind.values:
            Dataset.objects.create(
                kind=kind, source="县", as_of=clock.today(), imported_by=make_user(), imported_at=clock.now()
            )
        for found in Rule.objects.filter(is_active=True):
            preview_rule(found, {}, actor=finance())


class TestChange:
    def test_a_new_version_an_event_with_old_and_new_and_the_rosters_under_way_compared(self):
        waiting = claim(born("1939-01-01"))
        run_checks(waiting)
        change(rule(), level="warn", params={"programs": [LONGEVITY], "min": 90})
        found = rule()
        assert (found.version, found.level, found.params["min"]) == (2, "warn", 90)
        versions = {v.version: v.values for v in found.versions.all()}
        assert (versions[1]["params"]["min"], versions[2]["params"]["min"]) == (80, 90)
        event = Event.objects.about(found).first()
        assert event.data["old"] == {
            "level": "block", "params": {"programs": [LONGEVITY], "min": 80, "min_from": "birthday_month"},
        }  # fmt: skip
        assert event.data["new"]["level"] == "warn"
        assert event.note == "第2版：级别 必须处理→提醒、参数。县政府会议纪要"
        assert waiting.suspicions.get().rule.code == "A01"

    def test_a_hit_keeps_the_text_it_was_decided_on(self):
        roster = claim(born("1960-01-01"))
        run_checks(roster)
        hit = roster.suspicions.get()
        actor = desk_of(roster, K.TOWNSHIP, R.OPERATOR)
        actions.decide_suspicion(hit, confirmed=True, reason="不满80岁", actor=actor)
        old = rule().legal_text
        change(rule(), legal_text="年满八十五周岁的老年人。", params={"programs": [LONGEVITY], "min": 85})
        hit = Suspicion.objects.get(pk=hit.pk)
        assert (hit.terms["legal_text"], hit.terms["params"]["min"]) == (old, 80)
        page = read(signed_in(finance()).get(reverse("programs:suspicion", args=[hit.pk])))
        assert old in page
        assert "当时的第 1 版；规则现为第 2 版" in page

    def test_an_open_hit_that_is_found_again_moves_to_the_new_text(self):
        roster = claim(born("1960-01-01"))
        run_checks(roster)
        change(rule(), legal_text="新的规定。")
        assert roster.suspicions.get().terms["legal_text"] == "新的规定。"

    def test_switched_off_it_takes_back_what_is_open(self):
        roster = claim(born("1960-01-01"))
        run_checks(roster)
        change(rule(), is_active=False)
        assert roster.suspicions.get().status == "superseded"
        drive(roster, "submitted")

    def test_accepted_rosters_are_left_alone(self):
        roster = drive(claim(born("1939-01-01")), "accepted")
        change(rule(), params={"programs": [LONGEVITY], "min": 90})
        assert not roster.suspicions.exists()

    @pytest.mark.parametrize("seen", ["", "nonsense"])
    def test_not_without_the_preview(self, seen):
        before = counts()
        with pytest.raises(Refused, match="请看过新的预览再保存"):
            change_rule(rule(), {"level": "warn"}, seen=seen, reason="纪要", actor=finance())
        assert counts() == before
        assert rule().level == "block"

    def test_not_other_values_than_were_previewed_and_not_after_somebody_else_s_change(self):
        actor = finance()
        _now, _then, seen = preview_rule(rule(), {"level": "warn"}, actor=actor)
        with pytest.raises(Refused, match="预览之后内容又改了"):
            change_rule(rule(), {"level": "warn", "waiver": "别的"}, seen=seen, reason="纪要", actor=actor)
        change(rule(), waiver="换一个")
        with pytest.raises(Refused, match="刚被别人改过"):
            change_rule(rule(), {"level": "warn"}, seen=seen, reason="纪要", actor=actor)
        assert (rule().version, rule().level) == (2, "block")

    def test_not_without_a_reason_or_a_change(self):
        with pytest.raises(Refused, match="为什么改"):
            change(rule(), level="warn", reason=" ")
        with pytest.raises(Refused, match="内容没有变"):
            change(rule())
        assert rule().version == 1

    @pytest.mark.parametrize(
        ("values", "sentence"),
        [
            ({"level": "fatal"}, "“级别”没有这个选项"),
            ({"legal_text": " "}, "规定原文和依据都要写"),
            ({"valid_from": "2025-02-01", "valid_to": "2025-01-01"}, "生效日期在失效日期之后"),
            ({"valid_from": "明年"}, "应是日期"),
            ({"area": "110101000000"}, "没有这个地区"),
            ({"params": {"programs": ["7654321"], "min": 80}}, "不是项目编码"),
            ({"params": {"programs": [], "min": 80}}, "没有填，规则不能启用"),
            ({"check_name": "over_cap"}, "没有“check_name”这一项"),
            ({"waiver": "长" * 201}, "最多200个字"),
        ],
    )
    def test_nonsense_is_refused_and_nothing_moves(self, values, sentence):
        before = counts()
        with pytest.raises(Refused, match=sentence):
            preview_rule(rule(), values, actor=finance())
        assert counts() == before

    @pytest.mark.parametrize(
        ("kind", "role"), [(K.FINANCE, R.REVIEWER), (K.DEPARTMENT, R.OPERATOR), (K.TOWNSHIP, R.OPERATOR)]
    )
    def test_only_the_finance_operator_changes_rules(self, kind, role):
        other = make_user(kind, role)
        with pytest.raises(NotPermitted):
            preview_rule(rule(), {}, actor=other)
        with pytest.raises(NotPermitted):
            change_rule(rule(), {"level": "warn"}, seen="x", reason="x", actor=other)
        assert rule().level == "block"

    def test_versions_are_append_only(self):
        version = RuleVersion.objects.create(rule=rule("X26"), version=9, values={})
        with pytest.raises(Exception, match="append"), connection.cursor() as cursor:
            cursor.execute("UPDATE programs_ruleversion SET version = 10 WHERE id = %s", [version.pk])


class TestStatistics:
    def test_hits_decisions_and_the_money_that_stayed(self):
        roster, _dead = roster_with_a_dead_person()
        user = finance()
        assert rule_sums(user)[rule("Q01").pk].open == 1
        hit = roster.suspicions.get()
        actions.decide_suspicion(hit, confirmed=True, reason="已死亡", actor=desk_of(roster, K.TOWNSHIP, R.OPERATOR))
        sums = rule_sums(user)[rule("Q01").pk]
        assert (sums.hits, sums.open, sums.confirmed, sums.unfounded, sums.stopped_fen) == (1, 0, 1, 0, 10_000)

    def test_each_sees_the_sums_of_its_own_area(self):
        roster_with_a_dead_person()
        elsewhere = make_area("990001109000")
        stranger = make_user(K.TOWNSHIP, R.OPERATOR, _office(elsewhere))
        assert rule_sums(stranger) == {}

    def test_a_list_that_was_never_imported_or_is_old_is_said(self):
        (line,) = rule_lines(finance(), [rule("X06")])
        assert line.missing == ["残疾人证"]
        Dataset.objects.create(
            kind="disability", source="县残联", as_of="2020-01-01", imported_by=finance(), imported_at=clock.now()
        )
        (line,) = rule_lines(finance(), [rule("X06")])
        assert (line.missing, line.lists[0].is_stale) == ([], True)

    def test_the_workbook(self):
        roster_with_a_dead_person()
        response = signed_in(finance()).get(reverse("programs:rule-export"))
        sheet = openpyxl.load_workbook(io.BytesIO(response.content)).active
        rows = {row[0]: row for row in sheet.iter_rows(min_row=4, values_only=True)}
        assert set(rows) == {*Rule.objects.values_list("code", flat=True), "合计"}
        assert rows["Q01"][6:8] == (1, 1)
        assert rows["合计"][6] == 1

    def test_the_same_by_program_and_year_on_the_page_and_in_the_workbook(self):
        roster, _dead = roster_with_a_dead_person()
        (share,) = rule_shares(finance(), rule("Q01"))
        assert (share.program, share.year, share.sums.hits) == (roster.program.short_name, roster.period[:4], 1)
        browser = signed_in(finance())
        assert "按项目和年度" in read(browser.get(reverse("programs:rule", args=[rule("Q01").pk])))
        book = openpyxl.load_workbook(io.BytesIO(browser.get(reverse("programs:rule-export")).content))
        rows = list(book["按项目和年度"].iter_rows(min_row=4, values_only=True))
        assert ("Q01", share.program, share.year, 1) in [(row[0], row[2], row[3], row[4]) for row in rows]


def _office(area: Any) -> Any:
    from tests.make import make_organisation

    return make_organisation(K.TOWNSHIP, area)


class TestPages:
    def post(self, browser: Any, found: Rule, **changes: Any) -> Any:
        page = browser.get(reverse("programs:rule-edit", args=[found.pk]))
        data = {field.html_name: field.value() for field in page.context["form"] if field.value() is not None}
        data = {name: value for name, value in data.items() if value is not False}
        return browser.post(reverse("programs:rule-edit", args=[found.pk]), data | changes)

    def test_finance_previews_and_then_saves(self):
        person = born("1939-01-01")
        claim(person)
        browser = signed_in(finance())
        shown = self.post(browser, rule(), param_min="90", reason="县政府文件", preview="1")
        assert shown.status_code == 200
        text = read(shown)
        assert "改后会命中 1 行，100.00 元" in text
        assert person.masked_id in text
        assert "到2022-03还不到年满90周岁" in text
        assert rule().version == 1
        saved = self.post(browser, rule(), param_min="90", reason="县政府文件", save="1", seen=shown.context["seen"])
        assert saved.status_code == 302
        assert (rule().version, rule().params["min"]) == (2, 90)
        assert "县政府文件" in read(browser.get(saved.url))

    def test_saving_what_was_not_previewed_shows_the_sentence_and_saves_nothing(self):
        browser = signed_in(finance())
        answer = self.post(browser, rule(), param_min="90", reason="文件", save="1", seen="")
        assert answer.status_code == 422
        assert "请看过新的预览再保存" in read(answer)
        assert rule().version == 1

    def test_every_rule_s_form_says_what_the_rule_says(self):
        browser = signed_in(finance())
        for found in Rule.objects.all():
            answer = self.post(browser, found, reason="试", preview="1")
            assert answer.status_code == 200, (found.code, answer.context["form"].errors)
            assert answer.context["form"].values() == found.values | {
                "params": {k: v for k, v in found.params.items() if v}
            }, found.code

    def test_unknown_codes_are_said_above_the_form(self):
        answer = self.post(signed_in(finance()), rule(), param_programs="7654321", reason="试", preview="1")
        assert answer.status_code == 422
        assert "里的“7654321”不是项目编码" in read(answer)

    def test_others_read_rules_and_do_not_change_them(self):
        for kind in (K.DEPARTMENT, K.TOWNSHIP, K.AUDIT):
            browser = signed_in(make_user(kind, R.OPERATOR))
            page = read(browser.get(reverse("programs:rule", args=[rule().pk])))
            assert rule().legal_text in page
            assert reverse("programs:rule-edit", args=[rule().pk]) not in page
            assert browser.get(reverse("programs:rule-edit", args=[rule().pk])).status_code == 404
        assert signed_in(make_user(K.BANK, R.OPERATOR)).get(reverse("programs:rule-list")).status_code == 404

    def test_the_list_says_which_lists_are_missing_and_narrows(self):
        browser = signed_in(finance())
        text = read(browser.get(reverse("programs:rule-list")))
        assert "没有导入" in text
        assert "缺数据的规则现在查不出疑点" in text
        off = read(browser.get(reverse("programs:rule-list") + "?show=off"))
        assert rule("X17").name in off
        assert rule("X01").name not in off


class TestApi:
    def client(self, user: User) -> APIClient:
        client = APIClient()
        client.force_authenticate(user)
        return client

    def test_read_preview_and_change(self):
        claim(born("1939-01-01"))
        client = self.client(finance())
        url = f"/api/v1/rules/{rule().pk}/"
        assert client.get(url).json()["code"] == "A01"
        values = {"params": {"programs": [LONGEVITY], "min": 90}}
        preview = client.post(f"{url}preview/", values, format="json").json()
        assert (preview["after"]["count"], preview["after"]["amount_fen"]) == (1, 10_000)
        answer = client.patch(url, {**values, "seen": preview["seen"], "reason": "文件"}, format="json")
        assert answer.status_code == 200
        assert (answer.json()["version"], answer.json()["params"]["min"]) == (2, 90)

    def test_refusals_and_who_may_not(self):
        url = f"/api/v1/rules/{rule().pk}/"
        answer = self.client(finance()).patch(url, {"level": "warn", "seen": "x", "reason": "文件"}, format="json")
        assert answer.status_code == 422
        other = self.client(make_user(K.TOWNSHIP, R.OPERATOR))
        assert other.get(url).status_code == 200
        assert other.patch(url, {"level": "warn", "seen": "x", "reason": "文件"}, format="json").status_code == 403
        assert self.client(make_user(K.BANK, R.OPERATOR)).get(url).status_code == 404
        assert rule().level == "block"


def test_the_person_s_number_is_in_no_preview_page():
    person = make_person()
    program = make_program(code="2081902", name="农村低保金")
    make_roster(program, rows=[(person, 10_000)])
    dataset = Dataset.objects.create(
        kind="public_payroll", source="县", as_of=clock.today(), imported_by=make_user(), imported_at=clock.now()
    )
    DatasetRow.objects.create(dataset=dataset, kind="public_payroll", id_hash=person.id_hash, name="x", item="县局")
    _now, then, _seen = preview_rule(rule("X21"), {}, actor=finance())
    assert then.count == 1
    assert person.reveal_id_number() not in str(then)

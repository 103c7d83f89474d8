"""What each cross-check finds, what it does not, and that a decision is not asked for twice."""

import datetime as dt

import pytest

from programs import actions
from programs.checks import CHECKS, run_checks, run_checks_on
from programs.models import Account, Dataset, DatasetRow, Person, Roster, RosterRow, Rule, Suspicion
from subsidy_portal import clock
from subsidy_portal.models import Organisation, User
from subsidy_portal.workflow import InvalidTransition, Refused
from tests.make import (
    desk_of,
    drive,
    load_rules,
    make_account,
    make_account_number,
    make_area,
    make_household,
    make_person,
    make_program,
    make_roster,
    make_user,
    proof,
)

K, R = Organisation.Kind, User.Role
DESTITUTE, LIVING, CARE = "2082102", "2081107", "2081108"


@pytest.fixture(autouse=True)
def _rules(db):
    load_rules()


def codes(roster: Roster) -> list[str]:
    """The rules with an open hit on the roster."""
    run_checks(roster)
    return sorted(roster.suspicions.filter(status="open").values_list("rule__code", flat=True))


def evidence(roster: Roster, code: str) -> dict[str, object]:
    return roster.suspicions.get(rule__code=code).evidence


def add_death(person: Person, day: str, as_of: str = "2022-06-10") -> None:
    dataset = Dataset.objects.create(
        kind="death", source="县民政局", as_of=as_of, imported_by=make_user(), imported_at=clock.now()
    )
    DatasetRow.objects.create(dataset=dataset, kind="death", id_hash=person.id_hash, name=person.name, event_on=day)


def decide(suspicion: Suspicion, *, confirmed: bool) -> None:
    actions.decide_suspicion(
        suspicion,
        confirmed=confirmed,
        reason="入户核实",
        attachment=None if confirmed else proof(),
        actor=desk_of(suspicion.roster, K.TOWNSHIP, R.OPERATOR),
    )


def test_a_plain_roster_has_no_hit():
    assert codes(make_roster(rows=[(make_person(), 10_000), (make_person(), 10_000)])) == []


def test_every_shipped_rule_names_a_check_and_a_text():
    assert {rule.check_name for rule in Rule.objects.all()} == set(CHECKS)
    assert all(rule.legal_text and rule.legal_basis for rule in Rule.objects.all())


def test_rules_x01_and_x02_carry_the_five_documents():
    for rule in Rule.objects.filter(code__in=("X01", "X02", "X04")):
        assert rule.legal_basis.count("号") == 5


class TestSameClaim:
    def test_another_township_same_program_and_period(self):
        program, person = make_program(), make_person()
        first = make_roster(program, rows=[(person, 10_000)])
        second = make_roster(program, make_area("990001102000"), rows=[(person, 10_000)])
        assert codes(second) == ["X26"]
        assert first.number in str(evidence(second, "X26")["other_title"])

    def test_a_supplement_of_the_same_period(self):
        program, person = make_program(), make_person()
        make_roster(program, rows=[(person, 10_000)], status="accepted")
        assert codes(make_roster(program, rows=[(person, 10_000)], sequence=2)) == ["X26"]

    def test_not_another_period_program_or_item(self):
        program, person = make_program(), make_person()
        make_roster(program, period="2022-02", rows=[(person, 10_000)])
        make_roster(make_program(), rows=[(person, 10_000)])
        roster = make_roster(program, rows=[(person, 10_000), (person, 10_000)])
        roster.rows.filter(row_no=5).update(item="二期")
        assert codes(roster) == []

    def test_not_a_cancelled_roster_an_old_revision_or_a_row_that_left(self):
        program, person = make_program(), make_person()
        make_roster(program, make_area("990001102000"), rows=[(person, 10_000)], status="cancelled")
        old = make_roster(program, make_area("990001103000"), rows=[(person, 10_000)])
        Roster.objects.filter(pk=old.pk).update(revision=2)
        left = make_roster(program, make_area("990001104000"), rows=[(person, 10_000)])
        left.rows.update(status="left")
        assert codes(make_roster(program, rows=[(person, 10_000)])) == []


class TestExcludedPairs:
    @pytest.mark.parametrize(("code", "rule"), [(LIVING, "X01"), (CARE, "X02")])
    @pytest.mark.parametrize("period", ["2022-03", "2022-Q1", "2022"])
    def test_destitute_and_disabled_in_one_period_are_blocked_with_the_rule_text(self, code, rule, period):
        """T6, both ways round, and for periods that only overlap."""
        person = make_person()
        destitute = make_roster(make_program(code=DESTITUTE, name="特困供养金"), period=period, rows=[(person, 10_000)])
        disabled = make_roster(make_program(code=code, name="残疾人补贴"), period="2022-03", rows=[(person, 10_000)])
        assert codes(disabled) == [rule]
        assert codes(destitute) == [rule]
        hit = disabled.suspicions.get()
        assert "特困人员救助供养金" in hit.rule.legal_text
        assert hit.evidence["other"] == f"{period}同领特困供养金100.00元，两项不得同时享受"
        with pytest.raises(Refused, match="疑点没有核实"):
            actions.submit_roster(disabled, actor=desk_of(disabled, K.TOWNSHIP, R.OPERATOR))

    def test_not_in_periods_apart(self):
        person = make_person()
        make_roster(make_program(code=DESTITUTE), period="2022-04", rows=[(person, 10_000)])
        make_roster(make_program(code="2082101"), period="2021-Q4", rows=[(person, 10_000)])
        assert codes(make_roster(make_program(code=LIVING), period="2022-03", rows=[(person, 10_000)])) == []

    def test_living_and_care_together_pass_and_the_evidence_says_why(self):
        person = make_person()
        make_roster(make_program(code=LIVING, name="生活补贴"), rows=[(person, 10_000)])
        care = make_roster(make_program(code=CARE, name="护理补贴"), rows=[(person, 10_000)])
        assert codes(care) == []
        told = care.suspicions.get()
        assert (told.rule.code, told.status) == ("X04", "unfounded")
        assert told.evidence["other"] == "2022-03同领生活补贴100.00元，按规定可以同时享受"
        assert "可同时申领" in told.reason
        drive(care, "submitted")


class TestDeaths:
    @pytest.mark.parametrize(
        ("period", "hit"),
        [
            ("2022-04", False),
            ("2022-05", False),
            ("2022-06", True),
            ("2022-Q2", False),
            ("2022-Q3", True),
            ("2022", False),
            ("2023", True),
        ],
    )
    def test_periods_that_begin_after_the_month_of_death(self, period, hit):
        person = make_person()
        add_death(person, "2022-05-11")
        assert codes(make_roster(period=period, rows=[(person, 10_000)])) == (["Q01"] if hit else [])

    def test_the_evidence_shows_both_sides(self):
        person = make_person()
        add_death(person, "2022-05-11")
        roster = make_roster(period="2022-06", rows=[(person, 42_000)], program=make_program(standard_fen=42_000))
        assert codes(roster) == ["Q01"]
        assert evidence(roster, "Q01") == {
            "row_no": 4,
            "text": "清册第4行，2022-06仍发420.00元",
            "other_title": "死亡登记（县民政局，截至2022-06-10）",
            "other": "享受人2022年5月11日死亡，次月起应停发",
        }

    def test_a_program_may_stop_later(self):
        Rule.objects.filter(code="Q01").update(params={"lag": 2})
        person = make_person()
        add_death(person, "2022-05-11")
        program = make_program()
        assert codes(make_roster(program, period="2022-06", rows=[(person, 10_000)])) == []
        assert codes(make_roster(program, period="2022-07", rows=[(person, 10_000)])) == ["Q01"]

    def test_a_dead_payee_is_found_too(self):
        child, head = make_person("孙小满"), make_person("孙大山")
        add_death(head, "2022-01-02")
        roster = make_roster(rows=[(child, 10_000)])
        roster.rows.update(payee=head, head=head, account=make_account(head))
        assert codes(roster) == ["Q01"]
        assert evidence(roster, "Q01")["other"] == "收款人2022年1月2日死亡，应更换收款人"


class TestAccounts:
    def test_one_account_of_several_persons(self):
        number = make_account_number()
        one, two = make_person("张一"), make_person("李二")
        make_account(one, number), make_account(two, number)
        roster = make_roster(rows=[(one, 10_000), (two, 10_000)])
        assert codes(roster) == ["C01", "C01"]
        assert roster.suspicions.get(row__row_no=4).evidence["other"] == "同一账号还登记在李二名下"

    def test_the_other_person_need_not_be_on_this_roster(self):
        number = make_account_number()
        make_account(make_person("别人"), number)
        here = make_person()
        make_account(here, number)
        assert codes(make_roster(rows=[(here, 10_000)])) == ["C01"]

    def test_not_an_account_out_of_use(self):
        number = make_account_number()
        Account.objects.filter(pk=make_account(make_person("别人"), number).pk).update(is_active=False)
        here = make_person()
        make_account(here, number)
        assert codes(make_roster(rows=[(here, 10_000)])) == []

    def test_not_a_household_paid_to_its_head(self):
        head, wife, child = make_person("户主"), make_person("妻"), make_person("子")
        make_household(head)
        account = make_account(head)
        roster = make_roster(rows=[(head, 10_000), (wife, 10_000), (child, 10_000)])
        roster.rows.update(payee=head, head=head, account=account)
        assert codes(roster) == []

    def test_several_accounts_of_one_person_in_one_year_is_a_reminder(self):
        person, program = make_person(), make_program()
        make_roster(program, period="2022-02", rows=[(person, 10_000)])
        roster = make_roster(program, period="2022-03", rows=[(person, 10_000)])
        roster.rows.update(account=make_account(person))
        assert codes(roster) == ["C02"]
        assert roster.suspicions.get().rule.level == "warn"

    def test_not_last_year_and_not_an_account_out_of_use(self):
        person, program = make_person(), make_program()
        make_roster(program, period="2021-12", rows=[(person, 10_000)])
        old = Account.objects.get(holder=person)
        roster = make_roster(program, period="2022-03", rows=[(person, 10_000)])
        roster.rows.update(account=make_account(person))
        assert codes(roster) == []
        make_roster(program, period="2022-02", rows=[(person, 10_000)]).rows.update(account=old)
        assert codes(roster) == ["C02"]
        Account.objects.filter(pk=old.pk).update(is_active=False)
        assert codes(roster) == []


class TestPayees:
    def test_somebody_else_is_blocked(self):
        roster = make_roster(rows=[(make_person(), 10_000)])
        stranger = make_person("陌生人")
        roster.rows.update(payee=stranger, account=make_account(stranger))
        assert codes(roster) == ["C03"]

    def test_to_household_money_goes_to_the_head_only(self):
        program = make_program(paid_to="household")
        head, member = make_person("户主"), make_person("家人")
        roster = make_roster(program, rows=[(member, 10_000)])
        roster.rows.update(head=head)
        assert codes(roster) == ["C03"]
        roster.rows.update(payee=head, account=make_account(head))
        assert codes(roster) == []


class TestAmounts:
    @pytest.mark.parametrize(
        ("standard", "quantity", "amount", "hit"),
        [
            (10_000, "1", 10_000, False),
            (10_000, "2.50", 25_000, False),
            (10_000, "1", 10_001, True),
            (10_000, "1", 9_999, True),
            (1_575, "1.30", 2_047, False),
            (1_575, "1.30", 2_048, False),
            (1_575, "1.30", 2_049, True),
        ],
    )
    def test_amount_against_standard_times_quantity(self, standard, quantity, amount, hit):
        roster = make_roster(make_program(standard_fen=standard), rows=[(make_person(), amount)])
        roster.rows.update(standard_fen=standard, quantity=quantity)
        assert codes(roster) == (["C04"] if hit else [])

    def test_a_standard_of_ones_own(self):
        assert codes(make_roster(make_program(standard_fen=8_000), rows=[(make_person(), 10_000)])) == ["C04"]
        assert codes(make_roster(make_program(standard_fen=0), rows=[(make_person(), 10_000)])) == []

    def test_above_the_cap_is_blocked_and_at_the_cap_not(self):
        program = make_program(cap_fen=10_000, standard_fen=0)
        assert codes(make_roster(program, rows=[(make_person(), 10_000)])) == []
        assert codes(make_roster(program, period="2022-04", rows=[(make_person(), 10_001)])) == ["C05"]


class TestDecisions:
    def hit(self) -> Suspicion:
        person = make_person()
        add_death(person, "2022-01-11")
        roster = make_roster(rows=[(person, 10_000), (make_person(), 10_000)])
        run_checks(roster)
        return roster.suspicions.get()

    def test_confirmed_the_row_leaves_and_the_roster_goes_on(self):
        suspicion = self.hit()
        decide(suspicion, confirmed=True)
        assert suspicion.status == "confirmed"
        roster = suspicion.roster
        assert sorted(roster.rows.values_list("status", flat=True)) == ["included", "left"]
        drive(roster, "submitted")

    def test_unfounded_needs_reason_and_evidence(self):
        suspicion = self.hit()
        actor = desk_of(suspicion.roster, K.TOWNSHIP, R.OPERATOR)
        with pytest.raises(Refused, match="核实情况和理由"):
            actions.decide_suspicion(suspicion, confirmed=False, reason="", attachment=proof(), actor=actor)
        with pytest.raises(Refused, match="佐证材料"):
            actions.decide_suspicion(suspicion, confirmed=False, reason="本人健在", actor=actor)
        suspicion.refresh_from_db()
        assert suspicion.status == "open"
        actions.decide_suspicion(suspicion, confirmed=False, reason="本人健在", attachment=proof(), actor=actor)
        assert suspicion.row.status == "included"

    def test_decided_once(self):
        suspicion = self.hit()
        decide(suspicion, confirmed=True)
        with pytest.raises(InvalidTransition):
            decide(suspicion, confirmed=False)

    def test_what_was_unfounded_is_not_asked_again_next_month(self):
        suspicion = self.hit()
        decide(suspicion, confirmed=False)
        person = suspicion.person
        assert codes(make_roster(suspicion.roster.program, period="2022-04", rows=[(person, 10_000)])) == []

    def test_new_facts_are_asked_again(self):
        suspicion = self.hit()
        decide(suspicion, confirmed=False)
        DatasetRow.objects.filter(id_hash=suspicion.person.id_hash).update(event_on="2022-02-20")
        assert codes(suspicion.roster) == ["Q01"]

    def test_a_confirmed_row_that_comes_back_unchanged_leaves_again(self):
        suspicion = self.hit()
        decide(suspicion, confirmed=True)
        roster = suspicion.roster
        for row in list(roster.rows.all()):
            row.pk, row.revision, row.status = None, 2, "included"
            row.save()
        Roster.objects.filter(pk=roster.pk).update(revision=2)
        roster.refresh_from_db()
        assert codes(roster) == []
        assert sorted(roster.rows.filter(revision=2).values_list("status", flat=True)) == ["included", "left"]

    def test_accepted_rows_do_not_leave(self):
        Rule.objects.filter(code="C04").update(level="warn")
        roster = drive(make_roster(make_program(standard_fen=8_000), rows=[(make_person(), 10_000)]), "accepted")
        run_checks(roster)
        with pytest.raises(Refused, match="已由财政受理"):
            decide(roster.suspicions.get(), confirmed=True)
        assert roster.suspicions.get().status == "open"
        assert roster.rows.get().status == "included"

    def test_after_payment_a_confirmed_hit_leaves_the_row_alone(self):
        suspicion = self.hit()
        Suspicion.objects.filter(pk=suspicion.pk).update(stage="after")
        suspicion.refresh_from_db()
        decide(suspicion, confirmed=True)
        assert suspicion.row.status == "included"


class TestRunning:
    def test_twice_is_once(self):
        person = make_person()
        add_death(person, "2022-01-11")
        roster = make_roster(rows=[(person, 10_000)])
        assert [run_checks(roster), run_checks(roster)] == [1, 1]
        assert roster.suspicions.count() == 1

    def test_an_open_hit_that_is_gone_is_superseded_and_comes_back_when_it_does(self):
        program, person = make_program(), make_person()
        other = make_roster(program, make_area("990001102000"), rows=[(person, 10_000)])
        roster = make_roster(program, rows=[(person, 10_000)])
        assert codes(roster) == ["X26"]
        other.rows.update(status="left")
        assert codes(roster) == []
        assert roster.suspicions.get().status == "superseded"
        other.rows.update(status="included")
        assert codes(roster) == ["X26"]

    def test_hits_on_an_older_revision_do_not_hold_the_new_one(self):
        person = make_person()
        add_death(person, "2022-01-11")
        roster = make_roster(rows=[(person, 10_000)])
        assert codes(roster) == ["Q01"]
        row = RosterRow.objects.get(roster=roster)
        row.pk, row.revision, row.beneficiary, row.payee = None, 2, make_person(), None
        row.payee = row.beneficiary
        row.account = make_account(row.beneficiary)
        row.save()
        Roster.objects.filter(pk=roster.pk).update(revision=2)
        roster.refresh_from_db()
        assert codes(roster) == []
        drive(roster, "submitted")

    def test_rules_out_of_force_do_not_run(self):
        person = make_person()
        add_death(person, "2022-01-11")
        Rule.objects.filter(code="Q01").update(valid_to=clock.today() - dt.timedelta(days=1))
        assert codes(make_roster(rows=[(person, 10_000)])) == []

    def test_many_rosters_in_one_run_find_the_same_as_one_by_one(self):
        program, person = make_program(), make_person()
        dead = make_person()
        add_death(dead, "2022-01-11")
        rosters = [
            make_roster(program, make_area(f"99000110{n}000"), rows=[(person, 10_000), (dead, 10_000)])
            for n in range(2, 5)
        ]
        run_checks_on([roster.pk for roster in rosters])
        together = sorted(Suspicion.objects.values_list("rule__code", "row", "digest"))
        Suspicion.objects.all().delete()
        for roster in rosters:
            run_checks(roster)
        assert sorted(Suspicion.objects.values_list("rule__code", "row", "digest")) == together
        assert len(together) == 9  # 6 double claims, 3 deaths

    def test_no_hit_carries_an_identifier(self):
        number = make_account_number()
        one, two = make_person(), make_person()
        make_account(one, number), make_account(two, number)
        add_death(one, "2022-01-11")
        roster = make_roster(rows=[(one, 10_000), (two, 20_000)])
        run_checks(roster)
        texts = str(list(roster.suspicions.values_list("evidence", flat=True)))
        assert roster.suspicions.count() == 4
        assert number not in texts
        assert one.reveal_id_number() not in texts


class TestUploadedTwice:
    """What was decided is not undone by dropping the row in one upload and bringing it back in the next."""

    def drop_and_bring_back(self, roster: Roster, **changes: object) -> RosterRow:
        first = list(roster.rows.filter(revision=1).order_by("row_no"))
        for revision, rows in ((2, first[1:]), (3, first)):
            for row in rows:
                row.pk, row.revision, row.status = None, revision, "included"
                for name, value in changes.items() if row is first[0] else ():
                    setattr(row, name, value)
                row.save()
            Roster.objects.filter(pk=roster.pk).update(revision=revision)
            roster.refresh_from_db()
            run_checks(roster)
        return roster.rows.get(revision=3, beneficiary=first[0].beneficiary)

    def test_a_confirmed_suspicion_stands(self):
        person = make_person()
        add_death(person, "2022-01-11")
        roster = make_roster(rows=[(person, 10_000), (make_person(), 10_000)])
        run_checks(roster)
        decide(roster.suspicions.get(), confirmed=True)
        assert self.drop_and_bring_back(roster).status == "left"
        assert sorted(roster.rows.filter(revision=3).values_list("status", flat=True)) == ["included", "left"]

    @pytest.mark.parametrize("changes", [{}, {"amount_fen": 9_999}])
    def test_an_upheld_objection_stands(self, changes):
        roster = drive(make_roster(rows=[(make_person(), 10_000), (make_person(), 10_000)]), "on_notice")
        reviewer = desk_of(roster, K.TOWNSHIP, R.REVIEWER)
        row = roster.rows.order_by("row_no").first()
        objection = actions.file_objection(roster.notices.get(), row, text="不符合", actor=reviewer)
        actions.decide_objection(objection, upheld=True, answer="属实", actor=reviewer)
        actions.return_roster(roster, to="township", note="重传", actor=reviewer)
        assert self.drop_and_bring_back(roster, **changes).status == "left"
        assert sorted(roster.rows.filter(revision=3).values_list("status", flat=True)) == ["included", "left"]

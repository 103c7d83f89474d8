"""The policy list in versions, programs, and the fund plans two persons make."""

import pytest
from django.db import IntegrityError, transaction

from programs import actions
from programs.models import FundEntry, FundPlan, PolicyItem, PolicyList, Program
from programs.policy_columns import COLUMNS
from subsidy_portal.models import Event, Organisation, User
from subsidy_portal.workflow import InvalidTransition, NotPermitted, Refused
from tests.make import make_organisation, make_program, make_user

pytestmark = pytest.mark.django_db
K, R = Organisation.Kind, User.Role


@pytest.fixture
def operator() -> User:
    return make_user(K.FINANCE, R.OPERATOR)


@pytest.fixture
def reviewer() -> User:
    return make_user(K.FINANCE, R.REVIEWER)


class TestPrograms:
    def test_saving_tells_what_changed(self, operator):
        program = make_program()
        program.standard_fen, program.phone = 12_000, "0990-1"
        actions.save_program(program, actor=operator)
        assert Event.objects.about(program).first().data == {"fields": ["standard_fen", "phone"]}

    def test_a_new_program_is_told_once_and_an_unchanged_one_not(self, operator):
        program = Program(code="2080502", name="高龄津贴", short_name="高龄津贴", paid_to="person", cycle="monthly",
                          standard_fen=10_000, standard_text="每人每月100元",
                          department=make_organisation(K.DEPARTMENT))  # fmt: skip
        actions.save_program(program, actor=operator)
        actions.save_program(program, actor=operator)
        assert [event.kind for event in Event.objects.about(program)] == ["created"]

    def test_what_does_not_hold_together_is_refused_by_field(self, operator):
        first, second = make_program(), make_program()
        second.code = first.code
        with pytest.raises(Refused, match="项目编码"):
            actions.save_program(second, actor=operator)

    def test_only_a_department_is_responsible(self, operator):
        program = make_program()
        program.department = make_organisation(K.BANK)
        with pytest.raises(Refused, match="主管部门"):
            actions.save_program(program, actor=operator)


class TestVersions:
    def test_a_version_keeps_what_it_said(self, operator, reviewer):
        program = make_program(name="高龄津贴", standard_text="每人每月100元")
        first = actions.draft_policy_list(2022, actor=operator)
        actions.publish_policy_list(first, actor=reviewer)
        program.standard_text = "每人每月120元"
        actions.save_program(program, actor=operator)
        second = actions.draft_policy_list(2022, actor=operator)
        actions.publish_policy_list(second, actor=reviewer)
        first.refresh_from_db()
        assert [(v.version, v.status) for v in (first, second)] == [(1, "superseded"), (2, "published")]
        assert first.items.get().values["补贴标准"] == "每人每月100元"
        assert second.items.get().values["补贴标准"] == "每人每月120元"
        assert set(first.items.get().values) == set(COLUMNS)

    def test_values_are_chinese_whatever_language_the_clerk_works_in(self, operator):
        from django.utils.translation import override

        make_program()
        with override("en"):
            values = actions.draft_policy_list(2022, actor=operator).items.get().values
        assert (values["政策层级"], values["发放方式"], values["发放周期"]) == ("县", "到人，一卡通", "按月")

    def test_a_published_version_never_changes(self, operator, reviewer):
        make_program()
        published = actions.draft_policy_list(2022, actor=operator)
        actions.publish_policy_list(published, actor=reviewer)
        with pytest.raises(Refused, match="已经公布"):
            actions.refresh_policy_list(published, actor=operator)
        with pytest.raises(IntegrityError), transaction.atomic():
            PolicyItem.objects.filter(policy_list=published).update(values={})

    def test_classified_and_retired_programs_are_never_on_it(self, operator):
        (
            make_program(name="甲"),
            make_program(name="涉密", is_classified=True),
            make_program(name="停用", is_active=False),
        )
        draft = actions.draft_policy_list(2022, actor=operator)
        assert [item.program.name for item in draft.items.all()] == ["甲"]

    def test_a_draft_is_refreshed_and_there_is_one_a_year(self, operator):
        make_program()
        draft = actions.draft_policy_list(2022, actor=operator)
        make_program()
        actions.refresh_policy_list(draft, actor=operator)
        assert [item.position for item in draft.items.all()] == [1, 2]
        with pytest.raises(Refused, match="已有一版正在编制"):
            actions.draft_policy_list(2022, actor=operator)
        assert actions.draft_policy_list(2023, actor=operator).version == 1

    def test_who_made_it_does_not_publish_and_an_empty_one_is_not_published(self, operator, reviewer):
        draft = actions.draft_policy_list(2022, actor=operator)
        with pytest.raises(Refused, match="清单是空的"):
            actions.publish_policy_list(draft, actor=reviewer)
        User.objects.filter(pk=operator.pk).update(role=R.REVIEWER)
        with pytest.raises(NotPermitted, match="须由他人办理"):
            actions.publish_policy_list(draft, actor=User.objects.get(pk=operator.pk))
        assert PolicyList.objects.get().status == "draft"


class TestFunds:
    def plan(self, *entries: FundEntry) -> FundPlan:
        return FundPlan.objects.with_planned_fen().get(pk=entries[0].plan_id)

    def test_only_confirmed_entries_count(self, operator, reviewer):
        program = make_program()
        carried = actions.enter_funds(program, 2022, kind="carry_over", amount_fen=1_000_00, actor=operator)
        issued = actions.enter_funds(program, 2022, kind="issued", amount_fen=9_000_00, actor=operator)
        refused = actions.enter_funds(program, 2022, kind="issued", amount_fen=5, actor=operator)
        assert self.plan(carried).planned_fen == 0
        actions.confirm_funds(carried, actor=reviewer)
        actions.confirm_funds(issued, actor=reviewer)
        actions.refuse_funds(refused, note="文号不对", actor=reviewer)
        plan = self.plan(carried)
        assert (plan.carried_fen, plan.issued_fen, plan.planned_fen) == (1_000_00, 9_000_00, 10_000_00)

    def test_who_entered_does_not_confirm_or_refuse(self, operator):
        entry = actions.enter_funds(make_program(), 2022, kind="issued", amount_fen=100, actor=operator)
        User.objects.filter(pk=operator.pk).update(role=R.APPROVER)
        same = User.objects.get(pk=operator.pk)
        with pytest.raises(NotPermitted, match="须由他人办理"):
            actions.confirm_funds(entry, actor=same)
        with pytest.raises(NotPermitted, match="须由他人办理"):
            actions.refuse_funds(entry, note="不对", actor=same)

    @pytest.mark.parametrize(
        ("kind", "fen"),
        [("issued", 0), ("issued", -1), ("carry_over", -1), ("adjusted", 0), ("gift", 1), ("issued", 10**13 + 1)],
    )
    def test_amounts_that_are_none(self, operator, kind, fen):
        with pytest.raises(Refused):
            actions.enter_funds(make_program(), 2022, kind=kind, amount_fen=fen, actor=operator)
        assert not FundEntry.objects.exists()

    def test_a_cut_takes_only_what_is_free(self, operator, reviewer):
        program = make_program()
        issued = actions.enter_funds(program, 2022, kind="issued", amount_fen=1_000, actor=operator)
        actions.confirm_funds(issued, actor=reviewer)
        cut = actions.enter_funds(program, 2022, kind="adjusted", amount_fen=-1_001, actor=operator)
        with pytest.raises(Refused, match=r"可用资金只有10\.00元，不够调减10\.01元"):
            actions.confirm_funds(cut, actor=reviewer)
        cut.refresh_from_db()
        assert cut.status == "proposed"
        exact = actions.enter_funds(program, 2022, kind="adjusted", amount_fen=-1_000, actor=operator)
        actions.confirm_funds(exact, actor=reviewer)
        assert self.plan(issued).planned_fen == 0

    def test_a_decided_entry_is_not_decided_again(self, operator, reviewer):
        entry = actions.enter_funds(make_program(), 2022, kind="issued", amount_fen=100, actor=operator)
        actions.confirm_funds(entry, actor=reviewer)
        with pytest.raises(InvalidTransition):
            actions.refuse_funds(entry, note="晚了", actor=reviewer)

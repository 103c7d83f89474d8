"""The permission table is the rule: every pair it does not name is refused by every action, before anything else."""

import inspect
from unittest.mock import MagicMock

import pytest

from disbursement import actions as money
from programs import actions
from programs.models import FundEntry, Notice, Roster
from selfcheck import actions as ledger
from subsidy_portal.models import Organisation, User
from subsidy_portal.permissions import PERMISSIONS, allowed, require, require_other, scope
from subsidy_portal.workflow import NotPermitted
from tests.make import desk_of, drive, make_area, make_organisation, make_roster, make_user

pytestmark = pytest.mark.django_db
K, R = Organisation.Kind, User.Role
PAIRS = [(kind, role) for kind in K for role in R]

# Action function → what it asks the table for. Each is called with stand-ins: it must refuse before it looks at them.
GUARDED = {
    actions.save_program: "program.edit",
    actions.draft_policy_list: "policy.edit",
    actions.refresh_policy_list: "policy.edit",
    actions.publish_policy_list: "policy.publish",
    actions.enter_funds: "fund.enter",
    actions.confirm_funds: "fund.confirm",
    actions.refuse_funds: "fund.confirm",
    actions.submit_roster: "roster.submit",
    actions.approve_roster_in_town: "roster.town_approve",
    actions.check_roster_in_department: "roster.dept_check",
    actions.approve_roster_in_department: "roster.dept_approve",
    actions.accept_roster: "roster.accept",
    actions.return_roster: "roster.return",
    actions.cancel_roster: "roster.upload",
    actions.decide_suspicion: "suspicion.decide",
    actions.open_notice: "notice.open",
    actions.decide_objection: "objection.decide",
    actions.upload_dataset: "dataset.import",
    actions.begin_collecting: "dataset.import",
    actions.add_page: "dataset.import",
    actions.close_collecting: "dataset.import",
    actions.set_dataset_policy: "dataset.policy",
    actions.start_search: "entitlement.search",
    actions.notify_eligible: "entitlement.decide",
    actions.dismiss_eligible: "entitlement.decide",
    actions.save_entitlement_rule: "entitlement.edit",
    actions.reveal_contact: "person.reveal",
    money.make_batch: "batch.make",
    money.submit_batch: "batch.make",
    money.approve_batch: "batch.approve",
    money.release_batch: "batch.release",
    money.return_batch: "batch.return",
    money.hold_batch: "batch.hold",
    money.propose_correction: "correction.propose",
    money.approve_correction: "correction.approve",
    money.make_reissue: "reissue.make",
    money.release_reissue: "reissue.approve",
    money.prepare_month: "month.prepare",
    money.close_month: "month.close",
    money.resolve_discrepancy: "discrepancy.resolve",
    ledger.register_problem: "problem.register",
    ledger.verify_problem: "problem.verify",
    ledger.close_problem: "problem.close",
}


def call(action, actor: User) -> None:
    """Call with a stand-in for every argument the signature requires."""
    given = {}
    for name, parameter in inspect.signature(action).parameters.items():
        if parameter.default is inspect.Parameter.empty and parameter.kind is not inspect.Parameter.VAR_KEYWORD:
            given[name] = actor if name == "actor" else MagicMock(name=name)
    positional = [
        given.pop(name)
        for name, parameter in inspect.signature(action).parameters.items()
        if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD and name in given
    ]
    action(*positional, **given)


@pytest.mark.parametrize("action", GUARDED, ids=lambda action: action.__name__)
def test_every_pair_not_in_the_table_is_refused_first(action):
    for kind, role in PAIRS:
        if (kind, role) not in PERMISSIONS[GUARDED[action]]:
            with pytest.raises(NotPermitted):
                call(action, make_user(kind, role))


@pytest.mark.parametrize("action", PERMISSIONS)
def test_the_table_decides_and_nothing_else(action):
    found = {(kind, role) for kind, role in PAIRS if allowed(make_user(kind, role), action)}
    assert found == PERMISSIONS[action]


def test_an_administrator_moves_no_money_and_sees_nothing():
    for kind in K:
        user = make_user(kind, R.ADMINISTRATOR)
        assert [action for action in PERMISSIONS if allowed(user, action)] == ["user.manage"]
        assert not Roster.objects.filter(scope(user, area="area")).exists()


def test_a_viewer_changes_nothing():
    reading = ("see.", "statistics.view", "problem.export")
    for kind in K:
        user = make_user(kind, R.VIEWER)
        assert [a for a in PERMISSIONS if allowed(user, a) and not a.startswith(reading)] == []


def test_no_role_both_makes_and_approves():
    for maker, reviewer in (
        ("roster.submit", "roster.town_approve"),
        ("roster.dept_check", "roster.dept_approve"),
        ("batch.make", "batch.approve"),
        ("batch.approve", "batch.release"),
        ("batch.make", "batch.release"),
        ("fund.enter", "fund.confirm"),
        ("policy.edit", "policy.publish"),
        ("correction.propose", "correction.approve"),
        ("reissue.make", "reissue.approve"),
        ("month.prepare", "month.close"),
        ("problem.register", "problem.close"),
    ):
        assert not PERMISSIONS[maker] & PERMISSIONS[reviewer], (maker, reviewer)


def test_a_closed_account_may_nothing():
    user = make_user(K.FINANCE, R.OPERATOR)
    user.is_active = False
    with pytest.raises(NotPermitted, match="您的岗位不能办这一步"):
        require(user, "batch.make")


def test_the_system_account_passes_no_gate():
    assert not any(allowed(User.objects.system(), action) for action in PERMISSIONS)


def test_who_signed_before_is_refused_by_user_or_by_key():
    user, other = make_user(), make_user()
    require_other(user, other, other.pk, None)
    for signed in (user, user.pk):
        with pytest.raises(NotPermitted, match="须由他人办理"):
            require_other(user, None, signed)


class TestSight:
    """What one may not see does not exist."""

    def test_a_township_sees_itself_only(self):
        here, there = make_roster(), make_roster(area=make_area("990001102000"))
        clerk = desk_of(here, K.TOWNSHIP, R.OPERATOR)
        assert list(Roster.objects.visible_to(clerk)) == [here]
        assert list(Roster.objects.visible_to(desk_of(there, K.TOWNSHIP, R.OPERATOR))) == [there]

    def test_a_department_sees_its_programs_only(self):
        roster = make_roster()
        other = make_user(K.DEPARTMENT, R.OPERATOR, make_organisation(K.DEPARTMENT, name="示范县农业农村局"))
        assert list(Roster.objects.visible_to(desk_of(roster, K.DEPARTMENT, R.OPERATOR))) == [roster]
        assert not Roster.objects.visible_to(other).exists()

    def test_finance_and_oversight_see_the_county_and_no_other(self):
        roster = make_roster()
        for kind in (K.FINANCE, K.AUDIT, K.DISCIPLINE):
            assert list(Roster.objects.visible_to(make_user(kind, R.VIEWER))) == [roster]
        abroad = make_organisation(K.FINANCE, make_area("990002000000"), name="邻县财政局")
        assert not Roster.objects.visible_to(make_user(K.FINANCE, R.OPERATOR, abroad)).exists()

    def test_a_bank_sees_no_roster(self):
        make_roster()
        assert not Roster.objects.visible_to(make_user(K.BANK, R.OPERATOR)).exists()

    def test_without_an_organisation_nothing(self):
        make_roster()
        assert not Roster.objects.visible_to(User.objects.system()).exists()

    def test_notices_and_funds_follow(self):
        roster = drive(make_roster(), "on_notice")
        FundEntry.objects.all().delete()
        other = make_user(K.TOWNSHIP, R.OPERATOR, make_organisation(K.TOWNSHIP, make_area("990001102000")))
        assert Notice.objects.visible_to(desk_of(roster, K.TOWNSHIP, R.VIEWER)).count() == 1
        assert not Notice.objects.visible_to(other).exists()

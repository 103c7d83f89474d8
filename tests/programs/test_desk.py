"""The desk: each role finds what waits for it, nobody what is not theirs, and a number leads to its page."""

import pytest
from django.urls import reverse

from programs import actions
from programs.checks import run_checks
from programs.desk import away, search, waiting
from programs.models import RosterImport, Rule, Suspicion
from subsidy_portal import clock
from subsidy_portal.models import Event, Organisation, StoredFile, User
from tests.make import (
    desk_of,
    drive,
    load_rules,
    make_area,
    make_organisation,
    make_person,
    make_program,
    make_roster,
    make_user,
)

pytestmark = pytest.mark.django_db
K, R = Organisation.Kind, User.Role


def kinds(user: User) -> list[str]:
    return [str(item.kind) for item in waiting(user)]


@pytest.mark.parametrize(
    ("status", "kind", "role", "waits"),
    [
        ("draft", K.TOWNSHIP, R.OPERATOR, ["清册提交"]),
        ("submitted", K.TOWNSHIP, R.REVIEWER, ["清册审核"]),
        ("town_approved", K.TOWNSHIP, R.OPERATOR, ["清册公示"]),
        ("town_approved", K.TOWNSHIP, R.REVIEWER, ["清册公示"]),
        ("on_notice", K.TOWNSHIP, R.OPERATOR, ["张贴照片"]),
        ("noticed", K.DEPARTMENT, R.OPERATOR, ["清册核对"]),
        ("dept_checked", K.DEPARTMENT, R.REVIEWER, ["清册复核"]),
        ("dept_approved", K.FINANCE, R.OPERATOR, ["清册受理"]),
        ("accepted", K.FINANCE, R.OPERATOR, []),
    ],
)
def test_each_status_waits_at_one_desk(status, kind, role, waits):
    roster = make_roster(make_program(short_name="高龄津贴"))
    if status != "draft":
        drive(roster, status)
    assert kinds(desk_of(roster, kind, role)) == waits
    for other_kind in (K.TOWNSHIP, K.DEPARTMENT, K.FINANCE):
        if other_kind != kind:
            assert kinds(desk_of(roster, other_kind, role)) == []


def test_who_passed_a_roster_on_sees_which_desk_has_it_and_what_came_back():
    roster = drive(make_roster(make_program(short_name="高龄津贴")), "submitted")
    clerk = roster.submitted_by
    assert [(item.kind, item.facts) for item in away(clerk)] == [("清册", "在石桥镇101复核岗，1 人")]
    assert away(desk_of(roster, K.TOWNSHIP, R.OPERATOR)) == []  # a colleague signed nothing
    actions.return_roster(roster, to="township", note="请核对第4行", actor=desk_of(roster, K.TOWNSHIP, R.REVIEWER))
    assert away(clerk) == []
    (back,) = waiting(clerk)
    assert (back.kind, back.returned, back.facts) == ("退回待改", True, "请核对第4行，1 人")
    assert back.by == str(Event.objects.about(roster).filter(new_status="draft", old_status="submitted").get().actor)


def test_the_desk_says_since_when_another_desk_has_it(set_today):
    set_today("2022-03-10")
    roster = drive(make_roster(make_program(short_name="高龄津贴")), "submitted")
    set_today("2022-03-14")
    drive(roster, "on_notice")
    (item,) = away(roster.submitted_by)
    assert (item.facts, item.at.astimezone(clock.CHINA).date()) == ("正在公示，1 人", clock.today())


def test_the_desk_tells_what_others_did_to_my_things_and_keeps_the_tabs(client):
    roster = drive(make_roster(make_program(short_name="高龄津贴")), "submitted")
    clerk = roster.submitted_by
    drive(roster, "on_notice")
    client.force_login(clerk)
    page = client.get("/staff/").content.decode()
    assert "新变动" in page
    assert f"清册 {roster.number} 变为“待公示”" in page
    assert "正在公示，1 人" in client.get("/staff/?tab=away").content.decode()
    assert "没有被退回的" in client.get("/staff/?tab=returned").content.decode()


def test_a_line_says_what_how_much_and_where():
    roster = make_roster(make_program(short_name="高龄津贴"), rows=[(make_person(), 10_000), (make_person(), 5_000)])
    roster.rows.filter(row_no=5).update(status="left")
    (item,) = waiting(desk_of(roster, K.TOWNSHIP, R.OPERATOR))
    assert (item.title, item.amount_fen) == ("石桥镇101 高龄津贴 2022年3月", 10_000)
    assert item.facts == f"{roster.number}，1 人"
    assert item.url == reverse("programs:roster", args=(roster.pk,))


def test_a_township_sees_nothing_of_the_next():
    roster = drive(make_roster(), "submitted")
    there = make_organisation(K.TOWNSHIP, make_area("990001102000"))
    assert kinds(make_user(K.TOWNSHIP, R.REVIEWER, there)) == []
    assert kinds(desk_of(roster, K.TOWNSHIP, R.REVIEWER)) == ["清册审核"]


def test_who_signed_is_not_asked_to_sign_again():
    roster = drive(make_roster(), "submitted")
    User.objects.filter(pk=roster.submitted_by_id).update(role=R.REVIEWER)
    assert kinds(User.objects.get(pk=roster.submitted_by_id)) == []


def test_a_returned_draft_shows_why():
    roster = drive(make_roster(), "noticed")
    actions.return_roster(roster, to="township", note="第4行金额", actor=desk_of(roster, K.DEPARTMENT, R.OPERATOR))
    (item,) = waiting(desk_of(roster, K.TOWNSHIP, R.OPERATOR))
    assert (item.kind, item.facts) == ("退回待改", "第4行金额，1 人")


def test_a_refused_file_waits_for_its_clerk():
    roster = make_roster(rows=[])
    clerk = desk_of(roster, K.TOWNSHIP, R.OPERATOR)
    type(roster).objects.filter(pk=roster.pk).update(revision=0, checked_at=None)
    file = StoredFile.keep(b"x", name="a.xlsx", content_type="x", actor=clerk)
    RosterImport.objects.create(roster=roster, file=file, status="refused", uploaded_by=clerk, uploaded_at=clock.now())
    assert kinds(clerk) == ["清册有错"]


def test_open_hits_come_before_submitting_and_move_to_the_department_with_the_roster():
    load_rules()
    roster = make_roster(make_program(standard_fen=0, cap_fen=5_000), rows=[(make_person(), 10_000)])
    run_checks(roster)
    assert kinds(desk_of(roster, K.TOWNSHIP, R.OPERATOR)) == ["疑点核实"]
    assert kinds(desk_of(roster, K.DEPARTMENT, R.OPERATOR)) == []
    later = drive(make_roster(make_program(standard_fen=0), rows=[(make_person(), 10_000)]), "noticed")
    type(later.program).objects.filter(pk=later.program_id).update(cap_fen=5_000)
    run_checks(later)
    assert kinds(desk_of(later, K.DEPARTMENT, R.OPERATOR)) == ["清册核对", "疑点核实"]


def test_objections_funds_and_policy_drafts_wait():
    roster = drive(make_roster(), "on_notice")
    notice = roster.notices.get()
    reviewer = desk_of(roster, K.TOWNSHIP, R.REVIEWER)
    actions.file_objection(notice, notice.rows.get().row, text="不符合", actor=reviewer)
    (item,) = waiting(reviewer)
    assert (item.kind, item.due_on) == ("异议核实", notice.ends_on)
    maker = make_user(K.FINANCE, R.OPERATOR)
    actions.enter_funds(roster.program, 2022, kind="issued", amount_fen=500, actor=maker)
    actions.draft_policy_list(2022, actor=maker)
    assert kinds(make_user(K.FINANCE, R.REVIEWER)) == ["资金复核", "清单公布"]
    assert kinds(maker) == []


def test_a_long_desk_is_bounded_and_asks_the_same_number_of_questions(django_assert_max_num_queries):
    program = make_program()
    clerk = make_user(K.TOWNSHIP, R.OPERATOR)
    for n in range(55):
        make_roster(program, period=f"{2000 + n // 12}-{n % 12 + 1:02d}", rows=[], made_by=clerk)
    with django_assert_max_num_queries(13):
        assert len(waiting(clerk)) == 50


class TestSearch:
    def test_numbers_lead_to_their_page(self):
        roster = drive(make_roster(), "on_notice")
        notice = roster.notices.get()
        clerk = desk_of(roster, K.TOWNSHIP, R.REVIEWER)
        objection = actions.file_objection(notice, notice.rows.get().row, text="不符合", actor=clerk)
        assert search(clerk, roster.number.lower()) == reverse("programs:roster", args=(roster.pk,))
        assert search(clerk, notice.slug) == reverse("programs:notice", args=(notice.pk,))
        assert search(clerk, objection.number) == reverse("programs:objection", args=(objection.pk,))

    def test_a_person_is_found_by_id_number_or_by_a_name_nobody_shares(self):
        person = make_person("林立夏")
        clerk = make_user(K.TOWNSHIP, R.OPERATOR)
        page = reverse("programs:person", args=(person.pk,))
        assert search(clerk, person.reveal_id_number()) == page
        assert person.reveal_id_number() not in page
        assert search(clerk, "林立夏") == page
        make_person("林立夏")
        assert search(clerk, "林立夏") == ""

    def test_what_one_may_not_see_is_not_found(self):
        roster = make_roster()
        person = roster.rows.get().beneficiary
        there = make_organisation(K.TOWNSHIP, make_area("990001102000"))
        for user in (
            make_user(K.TOWNSHIP, R.OPERATOR, there),
            make_user(K.FINANCE, R.ADMINISTRATOR),
            make_user(K.BANK, R.OPERATOR),
        ):
            assert search(user, roster.number) == ""
            assert search(user, person.reveal_id_number()) == ""
            assert search(user, person.name) == ""

    @pytest.mark.parametrize("text", ["", "R-2022", "没有这个人", "990000195001010018", "' OR 1=1--", "x" * 100])
    def test_everything_else_leads_nowhere(self, text):
        assert search(make_user(K.FINANCE, R.OPERATOR), text) == ""


def test_a_roster_page_of_another_township_does_not_exist(client):
    """T14, on the page."""
    roster = make_roster()
    there = make_organisation(K.TOWNSHIP, make_area("990001102000"))
    client.force_login(make_user(K.TOWNSHIP, R.OPERATOR, there))
    assert client.get(reverse("programs:roster", args=(roster.pk,))).status_code == 404
    client.force_login(desk_of(roster, K.TOWNSHIP, R.OPERATOR))
    assert client.get(reverse("programs:roster", args=(roster.pk,))).status_code == 200


def test_a_doubt_about_money_that_left_waits_at_township_and_department():
    load_rules()
    roster = make_roster(make_program(short_name="高龄津贴"), status="accepted")
    row = roster.rows.get()
    hits = [
        Suspicion.objects.create(
            rule=Rule.objects.get(code="Q01"), stage="after", roster=roster, row=row, person=row.beneficiary,
            area=row.area, department=roster.program.department, amount_fen=10_000, found_at=clock.now(), digest=digest,
        )
        for digest in ("a", "b")
    ]  # fmt: skip
    for kind in (K.TOWNSHIP, K.DEPARTMENT):
        (item,) = waiting(desk_of(roster, kind, R.OPERATOR))
        assert (item.kind, item.amount_fen) == ("多发核实", 20_000)
        assert item.url == reverse("programs:suspicion-list") + "?rule=Q01"
    hits[0].delete()
    (item,) = waiting(desk_of(roster, K.DEPARTMENT, R.OPERATOR))
    assert item.url == reverse("programs:suspicion", args=(hits[1].pk,)), "one alone is led to directly"
    assert waiting(desk_of(roster, K.FINANCE, R.OPERATOR)) == []

"""The pages of the ledger: what each desk may see and do, and that nothing else exists."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from programs.models import Suspicion
from selfcheck import actions, desk
from selfcheck.checks.deaths import find_paid_after_death
from selfcheck.models import Problem
from subsidy_portal.models import Event, User
from subsidy_portal.permissions import PERMISSIONS
from tests import make
from tests.make import K, R
from tests.selfcheck.ledger import PDF, Staff, add_proof, finish, make_problem, plan, recover_all

LIST = reverse("selfcheck:problem-list")


def page(problem: Problem) -> str:
    return reverse("selfcheck:problem", args=(problem.pk,))


def act(client: Client, user: User, problem: Problem, verb: str, **data: object) -> int:
    client.force_login(user)
    return client.post(reverse("selfcheck:problem-act", args=(problem.pk, verb)), data).status_code


def read(client: Client, user: User, url: str) -> str:
    client.force_login(user)
    answer = client.get(url)
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


# --- The whole way by hand ---------------------------------------------------------------------------------


def test_a_problem_goes_its_way_through_the_pages(
    client: Client, staff: Staff, confirmed: list[Suspicion], set_today: object
) -> None:
    client.force_login(staff.audit)
    cases = [case.pk for case in confirmed]
    answer = client.post(reverse("selfcheck:overpayments"), {"suspicions": cases, "due_on": "2023-03-20"})
    problem = Problem.objects.get()
    assert answer.url == page(problem)
    assert act(client, staff.department_reviewer, problem, "verify") == 302
    assert "写明整改措施" in read(client, staff.department, page(problem))
    assert act(
        client, staff.department, problem, "plan",
        measures="逐户追回", leader="局长", owner="股长", due_on="2023-03-20",
    ) == 302  # fmt: skip
    for link in problem.payments.order_by("pk"):
        amount = f"{link.amount_fen // 100}.00"
        given = {"link": link.pk, "amount_fen": amount, "received_on": "2023-03-06"}
        assert act(client, staff.department, problem, "recover", **given) == 302
    assert "3,100.00 元还没登记缴库凭证" in read(client, staff.department, page(problem))
    for recovery in problem.recoveries.all():
        given = {"recovery": recovery.pk, "voucher": f"04{recovery.pk}", "remitted_on": "2023-03-06"}
        assert act(client, staff.department, problem, "remit", **given) == 302
    proof = SimpleUploadedFile("缴款凭证.pdf", PDF, "text/html")
    assert act(client, staff.department, problem, "evidence", title="缴款凭证", file=proof) == 302
    assert act(client, staff.department, problem, "request-close") == 302
    assert "可以销号吗" in read(client, staff.finance_reviewer, page(problem))
    assert act(client, staff.finance_reviewer, problem, "close", note="凭证齐全，同意。") == 302
    problem.refresh_from_db()
    assert problem.status == "closed"
    assert problem.number in read(client, staff.town, f"{LIST}?tab=closed")


# --- Who sees what -----------------------------------------------------------------------------------------


def test_another_township_or_department_finds_nothing(client: Client, staff: Staff, overpaid: Problem) -> None:
    add_proof(overpaid, staff.audit)
    neighbour = make.make_organisation(K.TOWNSHIP, make.make_area("990001102000"))
    others = [
        make.make_user(K.TOWNSHIP, R.OPERATOR, neighbour),
        make.make_user(K.DEPARTMENT, R.OPERATOR, make.make_organisation(K.DEPARTMENT, name="示范县教育局")),
    ]
    evidence = overpaid.evidence.get()
    for user in others:
        client.force_login(user)
        for url in (page(overpaid), reverse("selfcheck:evidence-file", args=(evidence.pk,))):
            assert client.get(url).status_code == 404
        assert act(client, user, overpaid, "progress", progress="x") == 404
        assert overpaid.number not in read(client, user, f"{LIST}?tab=all")
        assert desk.search(user, overpaid.number) == ""
        assert client.get(f"/api/v1/problems/{overpaid.pk}/").status_code == 404
    assert desk.search(staff.town, f" {overpaid.number.lower()} ") == page(overpaid)


@pytest.mark.parametrize(
    ("kind", "role"), [(K.BANK, R.OPERATOR), (K.FINANCE, R.ADMINISTRATOR), (K.VILLAGE, R.OPERATOR)]
)
def test_the_ledger_does_not_exist_for_those_without_oversight(
    client: Client, staff: Staff, overpaid: Problem, kind: str, role: str
) -> None:
    client.force_login(make.make_user(kind, role))
    for url in (LIST, page(overpaid), reverse("selfcheck:problem-export"), reverse("selfcheck:overpayments")):
        assert client.get(url).status_code == 404
    assert client.get("/api/v1/problems/").json()["results"] == []


def test_a_stranger_is_sent_to_the_login(client: Client, overpaid: Problem) -> None:
    assert client.get(page(overpaid)).url.startswith(reverse("login"))


def test_people_are_shown_by_mask(client: Client, staff: Staff, in_work: Problem, veterans: SimpleNamespace) -> None:
    text = read(client, staff.department, page(in_work))
    assert "邵冬至" in text
    assert veterans.shao.masked_id in text
    assert veterans.shao.reveal_id_number() not in text
    for payment in veterans.payments:
        assert payment.account.reveal_number() not in text


def test_downloading_evidence_leaves_a_trace(client: Client, staff: Staff, in_work: Problem) -> None:
    add_proof(in_work, staff.department)
    client.force_login(staff.audit)
    answer = client.get(reverse("selfcheck:evidence-file", args=(in_work.evidence.get().pk,)))
    assert b"".join(answer.streaming_content) == PDF
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"].startswith("attachment")
    event = Event.objects.about(in_work).first()
    assert (event.kind, event.actor) == ("downloaded", staff.audit)


# --- What the page offers ----------------------------------------------------------------------------------


def test_the_page_offers_only_the_steps_of_this_desk(client: Client, staff: Staff, overpaid: Problem) -> None:
    def offered(user: User) -> set[str]:
        text = read(client, user, page(overpaid))
        verbs = ("verify", "refute", "plan", "recover", "request-close", "close", "return")
        return {verb for verb in verbs if f"/{verb}/" in text}

    assert offered(staff.town) == {"verify", "refute"}
    assert offered(staff.audit) == set()
    actions.verify_problem(overpaid, actor=staff.town)
    assert offered(staff.department) == {"plan"}
    plan(overpaid, staff.department)
    assert offered(staff.department) == {"recover"}
    assert offered(staff.audit_reviewer) == set()
    finish(overpaid, staff)
    assert offered(staff.audit_reviewer) == {"close", "return"}
    assert offered(staff.department) == set()


def test_closing_is_shown_but_locked_with_the_reason_while_money_is_missing(
    client: Client, staff: Staff, in_work: Problem
) -> None:
    text = read(client, staff.department, page(in_work))
    assert "disabled" in text
    assert "还有3,100.00元没有缴入国库" in text
    recover_all(in_work, staff.department)
    add_proof(in_work, staff.department)
    text = read(client, staff.department, page(in_work))
    assert "disabled" not in text
    assert "可以申请销号" in text


def test_a_returned_problem_shows_that_it_came_back_and_why(client: Client, staff: Staff, in_work: Problem) -> None:
    finish(in_work, staff)
    actions.return_problem(in_work, note="凭证看不清。", actor=staff.audit_reviewer)
    text = read(client, staff.department, page(in_work))
    assert '<li class="back"' in text
    assert "凭证看不清。" in text
    actions.request_close(in_work, actor=staff.department)
    assert '<li class="back"' not in read(client, staff.department, page(in_work))


def test_red_is_for_money_still_out_after_the_deadline(
    client: Client, staff: Staff, in_work: Problem, set_today: object
) -> None:
    assert "is-risk" not in read(client, staff.department, page(in_work))
    set_today("2023-03-28")  # type: ignore[operator]
    assert "逾期 2 天" in read(client, staff.department, page(in_work))
    assert "is-risk" in read(client, staff.department, LIST)
    recover_all(in_work, staff.department)
    text = read(client, staff.department, page(in_work))
    assert "逾期 2 天" in text
    assert "is-risk" not in text


def test_a_form_with_a_mistake_comes_back_with_what_was_typed(client: Client, staff: Staff, in_work: Problem) -> None:
    client.force_login(staff.department)
    url = reverse("selfcheck:problem-act", args=(in_work.pk, "recover"))
    answer = client.post(url, {"amount_fen": "一百", "received_on": "2023-03-06"})
    assert answer.status_code == 422
    assert "一百" in answer.content.decode()
    assert "有 1 处要改" in answer.content.decode()
    assert not in_work.recoveries.exists()


def test_a_refused_step_says_why_and_changes_nothing(client: Client, staff: Staff, in_work: Problem) -> None:
    client.force_login(staff.department)
    url = reverse("selfcheck:problem-act", args=(in_work.pk, "recover"))
    answer = client.post(
        url, {"amount_fen": "99999.00", "received_on": "2023-03-06"}, follow=True, headers={"referer": page(in_work)}
    )
    assert "还差3,100.00元，不能登记99,999.00元" in answer.content.decode()
    assert not in_work.recoveries.exists()


def test_a_mistake_in_one_voucher_form_stays_with_its_recovery(client: Client, staff: Staff, in_work: Problem) -> None:
    _first, second = (
        actions.record_recovery(in_work, amount_fen=fen, received_on=dt.date(2023, 3, 6), actor=staff.department)
        for fen in (10_000, 20_000)
    )
    client.force_login(staff.department)
    url = reverse("selfcheck:problem-act", args=(in_work.pk, "remit"))
    text = client.post(url, {"recovery": second.pk, "voucher": "", "remitted_on": "2023-03-06"}).content.decode()
    assert text.count('<details class="mt-3" open>') == 1
    assert text.count("有 1 处要改") == 1


def test_steps_are_taken_by_post_only(client: Client, staff: Staff, overpaid: Problem) -> None:
    client.force_login(staff.town)
    assert client.get(reverse("selfcheck:problem-act", args=(overpaid.pk, "verify"))).status_code == 405
    assert act(client, staff.town, overpaid, "sing") == 404
    overpaid.refresh_from_db()
    assert overpaid.status == "registered"


# --- List and register -------------------------------------------------------------------------------------


def test_the_figures_over_the_list_tie(client: Client, staff: Staff, in_work: Problem, set_today: object) -> None:
    payment = in_work.payments.first().payment
    actions.record_recovery(
        in_work, payment=payment, amount_fen=60_000, received_on=dt.date(2023, 3, 6), actor=staff.department
    )
    make_problem(staff.audit, staff.bureau)
    unfounded = make_problem(staff.audit, staff.bureau, recovery_due_fen=7_777_700)
    actions.refute_problem(unfounded, note="重复登记。", actor=staff.town_reviewer)
    set_today("2023-03-28")  # type: ignore[operator]
    client.force_login(staff.finance)
    found = client.get(LIST).context["found"]
    assert (found["all"], found["open"], found["overdue"], found["unfounded"]) == (3, 2, 1, 1)
    assert (found["due_fen"], found["back_fen"], found["missing_fen"]) == (310_000, 60_000, 250_000)
    assert found["late_missing_fen"] == 250_000


def test_the_list_begins_with_the_nearest_deadline(client: Client, staff: Staff) -> None:
    late = make_problem(staff.audit, staff.bureau, due_on=dt.date(2023, 6, 1), title="晚")
    none = make_problem(staff.audit, staff.bureau, title="无")
    soon = make_problem(staff.audit, staff.bureau, due_on=dt.date(2023, 3, 10), title="早")
    client.force_login(staff.finance)
    assert [problem.title for problem in client.get(LIST).context["page"]] == ["早", "晚", "无"]
    shown = client.get(f"{LIST}?tab=all").context["page"]
    assert [problem.pk for problem in shown] == [soon.pk, none.pk, late.pk]


def test_the_list_is_turned_page_by_page_without_gaps(client: Client, staff: Staff) -> None:
    for n in range(45):
        make_problem(staff.audit, staff.bureau, title=f"问题{n}", due_on=dt.date(2023, 4, 1 + n % 3))
    client.force_login(staff.finance)
    first = client.get(LIST).context["page"]
    second = client.get(f"{LIST}{first.next_url}").context["page"]
    assert (len(first), len(second), second.next_url) == (40, 5, "")
    assert len({problem.pk for problem in [*first, *second]}) == 45


def test_filters_narrow_list_figures_and_drop_nonsense(client: Client, staff: Staff, overpaid: Problem) -> None:
    make_problem(staff.audit, staff.bureau, year=2023)
    client.force_login(staff.finance)
    one = client.get(LIST, {"year": "2022", "category": "G1-03", "program": overpaid.program.code})
    assert [problem.pk for problem in one.context["page"]] == [overpaid.pk]
    assert one.context["found"]["all"] == 1
    all_of_them = client.get(LIST, {"year": "x", "unit": "999999", "after": "abc", "tab": "nonsense"})
    assert len(all_of_them.context["page"]) == 2


def test_the_list_asks_the_same_number_of_questions_whatever_its_length(
    client: Client, staff: Staff, overpaid: Problem
) -> None:
    client.force_login(staff.finance)
    client.get(LIST)
    with CaptureQueriesContext(connection) as short:
        client.get(LIST)
    for _ in range(10):
        make_problem(staff.audit, staff.bureau)
    with CaptureQueriesContext(connection) as longer:
        client.get(LIST)
    assert len(longer) == len(short)


def test_the_page_asks_the_same_number_of_questions_whatever_was_recovered(
    client: Client, staff: Staff, in_work: Problem
) -> None:
    def questions() -> int:
        with CaptureQueriesContext(connection) as asked:
            client.get(page(in_work))
        return len(asked)

    client.force_login(staff.audit)
    client.get(page(in_work))
    before = questions()
    recover_all(in_work, staff.department)
    assert questions() == before


def test_a_problem_is_registered_by_hand(client: Client, staff: Staff) -> None:
    client.force_login(staff.department)
    given = {
        "title": "代管“一卡通”6张", "description": "村干部代管。", "source": "inspection", "found_on": "2023-03-01",
        "unit": make.make_organisation(K.TOWNSHIP).pk, "year": "2023", "category": "G3-04", "persons": "6",
        "households": "6", "cards": "6", "amount_fen": "0", "recovery_due_fen": "0", "restitution_due_fen": "0",
        "program": make.make_program(department=staff.bureau).pk,
    }  # fmt: skip
    answer = client.post(reverse("selfcheck:problem-new"), given)
    problem = Problem.objects.get()
    assert answer.url == page(problem)
    assert (problem.annex2_column, problem.cards, problem.area_id) == (12, 6, make.TOWN)
    wrong = client.post(reverse("selfcheck:problem-new"), {**given, "annex2_column": "6", "recovery_due_fen": "-1"})
    assert wrong.status_code == 422
    assert "12 违规代管" in wrong.content.decode()
    assert Problem.objects.count() == 1


def test_who_may_not_register_finds_no_form(client: Client, staff: Staff) -> None:
    for kind, role in ((K.TOWNSHIP, R.OPERATOR), (K.AUDIT, R.REVIEWER)):
        assert (kind, role) not in PERMISSIONS["problem.register"]
        client.force_login(make.make_user(kind, role))
        for name in ("problem-new", "overpayments"):
            assert client.get(reverse(f"selfcheck:{name}")).status_code == 404


# --- Overpayments ------------------------------------------------------------------------------------------


def test_the_comparison_is_started_and_its_hits_lead_to_a_decision(
    client: Client, staff: Staff, veterans: SimpleNamespace
) -> None:
    url = reverse("selfcheck:overpayments")
    assert "示范县公安局" in read(client, staff.audit, url)
    answer = client.post(reverse("selfcheck:overpayments-find"), follow=True)
    text = answer.content.decode()
    assert "新发现3笔" in text
    assert "2022年5月11日死亡" in text
    assert "登记为问题" not in text
    assert veterans.shao.reveal_id_number() not in text


def test_only_what_is_ticked_is_registered(client: Client, staff: Staff, confirmed: list[Suspicion]) -> None:
    client.force_login(staff.audit)
    url = reverse("selfcheck:overpayments")
    assert client.post(url, {}).status_code == 422
    client.post(url, {"suspicions": [confirmed[0].pk]})
    assert Problem.objects.get().recovery_due_fen == confirmed[0].amount_fen
    assert "2 笔" in read(client, staff.audit, LIST)
    again = client.post(url, {"suspicions": [case.pk for case in confirmed]}, follow=True, headers={"referer": url})
    assert "没有重复登记" in again.content.decode()
    assert Problem.objects.count() == 1


def test_a_department_registers_its_own_cases_only(client: Client, staff: Staff, confirmed: list[Suspicion]) -> None:
    client.force_login(make.make_user(K.DEPARTMENT, R.OPERATOR, make.make_organisation(K.DEPARTMENT)))
    assert client.post(reverse("selfcheck:overpayments"), {"suspicions": [confirmed[0].pk]}).status_code == 422
    assert not Problem.objects.exists()


# --- Desk --------------------------------------------------------------------------------------------------


def test_the_desk_names_who_acts_next(staff: Staff, confirmed: list[Suspicion], set_today: object) -> None:
    def waiting(user: User) -> list[str]:
        return [item.action for item in desk.waiting(user)]

    everybody = [user for user in vars(staff).values() if isinstance(user, User)]

    def acting() -> dict[str, list[str]]:
        return {user.username: waiting(user) for user in everybody if waiting(user)}

    assert acting() == {user.username: ["登记"] for user in (staff.audit, staff.finance, staff.department)}
    problem = actions.register_overpayment(confirmed, actor=staff.audit)
    verifiers = (staff.department_reviewer, staff.town, staff.town_reviewer)
    assert acting() == {user.username: ["核实"] for user in verifiers}
    actions.verify_problem(problem, actor=staff.town)
    assert acting() == {staff.department.username: ["定措施"]}
    plan(problem, staff.department)
    assert acting() == {staff.department.username: ["追缴"]}
    assert not desk.waiting(staff.department)[0].at_risk
    set_today("2023-04-01")  # type: ignore[operator]
    assert desk.waiting(staff.department)[0].at_risk
    finish(problem, staff)
    reviewers = (staff.audit_reviewer, staff.finance_reviewer)
    assert acting() == {user.username: ["复核"] for user in reviewers}
    actions.close_problem(problem, note="同意", actor=staff.audit_reviewer)
    assert acting() == {}


def test_the_desk_of_an_author_does_not_offer_the_own_problem_for_review(staff: Staff) -> None:
    problem = make_problem(staff.department, staff.bureau)
    Problem.objects.filter(pk=problem.pk).update(made_by=staff.town)
    assert desk.waiting(staff.town) == []
    assert [item.title for item in desk.waiting(staff.department_reviewer)] == ["公示不满7天"]


def test_finding_again_shows_that_there_is_nothing_new(
    client: Client, staff: Staff, confirmed: list[Suspicion]
) -> None:
    assert find_paid_after_death(actor=staff.audit) == 0
    client.force_login(staff.audit)
    assert "没有新的疑点" in client.post(reverse("selfcheck:overpayments-find"), follow=True).content.decode()

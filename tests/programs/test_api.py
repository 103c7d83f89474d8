"""The API does what the pages do, shows only what one may see, and says no in the same words."""

import io

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from programs import actions
from programs.checks import run_checks
from programs.models import Roster, RosterImport, Rule
from subsidy_portal.models import Organisation, User
from tests.make import (
    VILLAGE,
    desk_of,
    drive,
    end_notice,
    load_rules,
    make_account_number,
    make_area,
    make_bank,
    make_fund_plan,
    make_id_number,
    make_organisation,
    make_person,
    make_program,
    make_roster,
    make_user,
    proof,
    publish,
)

pytestmark = pytest.mark.django_db
K, R = Organisation.Kind, User.Role


def client_of(user: User) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=user).key}")
    return client


def at(roster: Roster, kind: str, role: str) -> APIClient:
    return client_of(desk_of(roster, kind, role))


def sheet(amount: str = "100.00", name: str = "林立夏") -> SimpleUploadedFile:
    """A filled roster of one person."""
    bank, village = make_bank().organisation, make_area(VILLAGE)
    number = make_id_number()
    book = openpyxl.Workbook()
    book.active.append(
        (
            "收款人姓名", "收款人身份证号", "银行账号", "开户银行", "村(居)委会", "村(居)民小组", "享受人",
            "享受人身份证号", "补贴标准", "补贴金额",
        )
    )  # fmt: skip
    book.active.append(
        (name, number, make_account_number(), bank.name, village.name, "1组", name, number, "100.00", amount)
    )
    out = io.BytesIO()
    book.save(out)
    return SimpleUploadedFile("清册.xlsx", out.getvalue())


@pytest.fixture
def clerk(db) -> User:
    return make_user(K.TOWNSHIP, R.OPERATOR)


def upload(client: APIClient, program, clerk: User, file: SimpleUploadedFile):
    return client.post(
        "/api/v1/rosters/",
        {"program": program.code, "area": clerk.organisation.area_id, "period": "2022-03", "file": file},
        format="multipart",
    )


def read_file(answer) -> None:
    """What the worker does when its bell rings."""
    actions.import_roster(answer.json()["import_id"])


class TestUpload:
    def test_a_clean_file_becomes_rows(self, clerk):
        client = client_of(clerk)
        answer = upload(client, make_program(), clerk, sheet())
        assert answer.status_code == 202
        assert RosterImport.objects.get(pk=answer.json()["import_id"]).job.owner == clerk
        read_file(answer)
        told = client.get(f"/api/v1/rosters/{answer.json()['id']}/").json()
        assert (told["status"], told["rows"], told["amount_fen"], told["problems"]) == ("draft", 1, 10_000, [])
        assert told["last_import"]["status"] == "imported"

    def test_a_wrong_cell_is_named_and_nothing_is_stored(self, clerk):
        client = client_of(clerk)
        answer = upload(client, make_program(), clerk, sheet(amount="壹佰元"))
        read_file(answer)
        told = client.get(f"/api/v1/rosters/{answer.json()['id']}/").json()
        assert (told["status"], told["rows"], told["revision"]) == ("draft", 0, 0)
        (problem,) = told["problems"]
        assert (problem["row"], problem["column"]) == (2, "J")
        assert problem["sheet"]
        assert problem["message"]

    def test_another_township_or_program_out_of_sight(self, clerk):
        client, program = client_of(clerk), make_program()
        there = make_area("990001102000")
        answer = client.post(
            "/api/v1/rosters/",
            {"program": program.code, "area": there.code, "period": "2022-03", "file": sheet()},
            format="multipart",
        )
        assert (answer.status_code, answer.json()["code"]) == (422, "refused")
        assert not Roster.objects.exists()
        assert upload(client, make_program(code="0000000"), clerk, sheet()).status_code == 202
        answer = client.post("/api/v1/rosters/", {"program": "none", "area": clerk.organisation.area_id,
                             "period": "2022-03", "file": sheet()}, format="multipart")  # fmt: skip
        assert answer.status_code == 404

    def test_a_body_that_is_not_whole_is_answered_by_field(self, clerk):
        answer = client_of(clerk).post("/api/v1/rosters/", {"period": "2022-03"}, format="multipart")
        assert answer.status_code == 400
        assert set(answer.json()["fields"]) == {"program", "area", "file"}

    def test_the_template_is_a_workbook(self, clerk):
        program = make_program()
        answer = client_of(clerk).get(f"/api/v1/programs/{program.pk}/template/")
        content = b"".join(answer.streaming_content)
        assert openpyxl.load_workbook(io.BytesIO(content)).sheetnames


class TestWay:
    def test_the_whole_way(self):
        roster = make_roster(rows=[(make_person(), 10_000)])
        url = f"/api/v1/rosters/{roster.pk}"
        assert at(roster, K.TOWNSHIP, R.OPERATOR).post(f"{url}/submit/").json()["status"] == "submitted"
        assert at(roster, K.TOWNSHIP, R.REVIEWER).post(f"{url}/approve/").json()["status"] == "town_approved"
        assert at(roster, K.TOWNSHIP, R.OPERATOR).post(f"{url}/open-notice/").status_code == 201
        roster.refresh_from_db()
        end_notice(roster)
        assert at(roster, K.DEPARTMENT, R.OPERATOR).post(f"{url}/approve/").json()["status"] == "dept_checked"
        assert at(roster, K.DEPARTMENT, R.REVIEWER).post(f"{url}/approve/").json()["status"] == "dept_approved"
        publish(roster.program)
        assert (
            at(roster, K.FINANCE, R.OPERATOR).post(f"{url}/approve/", {"note": "受理"}).json()["status"] == "accepted"
        )

    def test_returning_and_its_changes(self):
        roster = drive(make_roster(), "dept_approved")
        url = f"/api/v1/rosters/{roster.pk}"
        finance = at(roster, K.FINANCE, R.OPERATOR)
        told = finance.post(f"{url}/return/", {"to": "township", "note": "第4行金额"}).json()
        assert (told["status"], told["returned_from"]) == ("draft", "dept_approved")
        roster.rows.update(amount_fen=9_000)
        (change,) = finance.get(f"{url}/changes/").json()
        assert (change["kind"], change["old_amount_fen"], change["new_amount_fen"]) == ("amount", 10_000, 9_000)

    @pytest.mark.parametrize(
        ("status", "kind", "role", "http", "code"),
        [
            ("submitted", K.TOWNSHIP, R.OPERATOR, 403, "not_permitted"),
            ("draft", K.TOWNSHIP, R.REVIEWER, 409, "invalid_transition"),
            ("accepted", K.FINANCE, R.OPERATOR, 409, "invalid_transition"),
        ],
    )
    def test_no_is_said_with_its_code(self, status, kind, role, http, code):
        roster = make_roster()
        if status != "draft":
            drive(roster, status)
        answer = at(roster, kind, role).post(f"/api/v1/rosters/{roster.pk}/approve/")
        assert (answer.status_code, answer.json()["code"]) == (http, code)
        assert "。" in answer.json()["message"]
        assert Roster.objects.get(pk=roster.pk).status == status

    def test_a_client_cannot_set_what_it_likes(self):
        roster = make_roster()
        client = at(roster, K.TOWNSHIP, R.OPERATOR)
        for method in (client.put, client.patch, client.delete):
            assert method(f"/api/v1/rosters/{roster.pk}/", {"status": "accepted"}).status_code == 405
        client.post(f"/api/v1/rosters/{roster.pk}/submit/", {"status": "accepted", "town_reviewed_by": 1})
        roster.refresh_from_db()
        assert (roster.status, roster.town_reviewed_by_id) == ("submitted", None)


class TestSight:
    """T14: township A asks for township B's things by id."""

    def test_nothing_of_another_township_exists(self):
        load_rules()
        Rule.objects.filter(code="C04").update(level="warn")
        roster = make_roster(make_program(standard_fen=8_000), rows=[(make_person(), 10_000)])
        run_checks(roster)
        suspicion = roster.suspicions.get()
        actions.decide_suspicion(
            suspicion,
            confirmed=False,
            reason="批文另有标准",
            attachment=proof(),
            actor=desk_of(roster, K.TOWNSHIP, R.REVIEWER),
        )
        drive(roster, "on_notice")
        notice = roster.notices.get()
        objection = actions.file_objection(
            notice, notice.rows.get().row, text="不符合", actor=desk_of(roster, K.TOWNSHIP, R.REVIEWER)
        )
        stranger = client_of(
            make_user(K.TOWNSHIP, R.REVIEWER, make_organisation(K.TOWNSHIP, make_area("990001102000")))
        )
        for method, url in (
            ("get", f"rosters/{roster.pk}/"),
            ("get", f"rosters/{roster.pk}/rows/"),
            ("get", f"rosters/{roster.pk}/changes/"),
            ("post", f"rosters/{roster.pk}/approve/"),
            ("post", f"rosters/{roster.pk}/return/"),
            ("get", f"notices/{notice.pk}/"),
            ("get", f"notices/{notice.pk}/rows/"),
            ("post", f"notices/{notice.pk}/object/"),
            ("get", f"objections/{objection.pk}/"),
            ("post", f"objections/{objection.pk}/decide/"),
            ("get", f"suspicions/{suspicion.pk}/"),
            ("post", f"suspicions/{suspicion.pk}/decide/"),
        ):
            answer = getattr(stranger, method)(f"/api/v1/{url}")
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), url
        for url in ("rosters", "notices", "objections", "suspicions"):
            assert stranger.get(f"/api/v1/{url}/").json()["results"] == []
        assert stranger.get(f"/api/v1/rosters/?number={roster.number}").json()["results"] == []

    def test_another_departments_program_and_plan_do_not_exist(self):
        program = make_program()
        plan = make_fund_plan(program)
        stranger = client_of(
            make_user(K.DEPARTMENT, R.OPERATOR, make_organisation(K.DEPARTMENT, name="示范县农业农村局"))
        )
        for url in (f"programs/{program.pk}/", f"programs/{program.pk}/template/", f"fund-plans/{plan.pk}/"):
            assert stranger.get(f"/api/v1/{url}").status_code == 404

    def test_without_a_login_there_is_nothing(self):
        for url in ("programs", "rosters", "suspicions", "notices", "policy-lists", "fund-plans", "datasets"):
            assert APIClient().get(f"/api/v1/{url}/").status_code in {401, 403}

    def test_rows_are_masked(self):
        person = make_person()
        roster = make_roster(rows=[(person, 10_000)])
        (row,) = at(roster, K.TOWNSHIP, R.OPERATOR).get(f"/api/v1/rosters/{roster.pk}/rows/").json()["results"]
        assert row["beneficiary_id_number"] == f"990000••••••••{person.id_last4}"
        assert person.reveal_id_number() not in str(row)
        assert person.accounts.get().reveal_number() not in str(row)


class TestChecksAndObjections:
    def test_a_suspicion_is_decided_with_its_evidence(self):
        load_rules()
        roster = make_roster(make_program(cap_fen=5_000, standard_fen=0), rows=[(make_person(), 10_000)])
        run_checks(roster)
        client = at(roster, K.TOWNSHIP, R.OPERATOR)
        (hit,) = client.get(f"/api/v1/suspicions/?roster={roster.pk}&status=open").json()["results"]
        assert (hit["rule"], hit["evidence"]["other_title"]) == ("C05", "项目单笔上限")
        assert hit["legal_text"]
        url = f"/api/v1/suspicions/{hit['id']}/decide/"
        assert client.post(url, {"confirmed": False, "reason": "有批文"}).json()["code"] == "refused"
        proof = SimpleUploadedFile("批文.pdf", b"%PDF-1.4", content_type="application/pdf")
        told = client.post(
            url, {"confirmed": False, "reason": "有批文", "attachment": proof}, format="multipart"
        ).json()
        assert (told["status"], told["reason"]) == ("unfounded", "有批文")
        assert client.get(f"/api/v1/rosters/{roster.pk}/").json()["open_suspicions"] == 0

    def test_an_objection_is_filed_and_decided(self):
        roster = drive(make_roster(), "on_notice")
        client = at(roster, K.TOWNSHIP, R.REVIEWER)
        notice = roster.notices.get()
        filed = client.post(
            f"/api/v1/notices/{notice.pk}/object/", {"position": 1, "text": "已搬走", "contact": "王五"}
        )
        assert filed.status_code == 201
        assert "王五" not in filed.content.decode()
        assert roster.rows.get().status == "held"
        url = f"/api/v1/objections/{filed.json()['id']}/decide/"
        assert client.post(url, {"upheld": True, "answer": "属实"}).json()["status"] == "upheld"
        assert roster.rows.get().status == "left"


class TestPoliciesAndFunds:
    def test_a_list_is_drafted_published_and_then_seen(self):
        make_program(name="高龄津贴")
        operator, reviewer = client_of(make_user(K.FINANCE, R.OPERATOR)), client_of(make_user(K.FINANCE, R.REVIEWER))
        town = client_of(make_user(K.TOWNSHIP, R.VIEWER))
        made = operator.post("/api/v1/policy-lists/", {"year": 2022}).json()
        assert made["items"][0]["values"]["补贴项目名称"] == "高龄津贴"
        assert town.get("/api/v1/policy-lists/").json()["results"] == []
        assert reviewer.post(f"/api/v1/policy-lists/{made['id']}/publish/").json()["status"] == "published"
        assert len(town.get("/api/v1/policy-lists/?year=2022").json()["results"]) == 1

    def test_a_plan_shows_what_is_left(self):
        program = make_program()
        operator, reviewer = client_of(make_user(K.FINANCE, R.OPERATOR)), client_of(make_user(K.FINANCE, R.REVIEWER))
        entry = operator.post(
            "/api/v1/fund-entries/", {"program": program.code, "year": 2022, "kind": "issued", "amount_fen": 500}
        ).json()
        assert reviewer.post(f"/api/v1/fund-entries/{entry['id']}/confirm/").json()["status"] == "confirmed"
        (plan,) = operator.get("/api/v1/fund-plans/?year=2022").json()["results"]
        names = ("carried_fen", "issued_fen", "planned_fen", "committed_fen", "paid_fen", "available_fen")
        assert [plan[name] for name in names] == [0, 500, 500, 0, 0, 500]


def test_lists_ask_the_same_number_of_questions_however_long(django_assert_num_queries):
    client = client_of(make_user(K.FINANCE, R.VIEWER))
    program = make_program()
    for n in range(1, 10):
        make_roster(program, period=f"2022-0{n}")
    client.get("/api/v1/rosters/")
    with django_assert_num_queries(5):  # token, organisation, area; the rosters, their totals
        assert len(client.get("/api/v1/rosters/").json()["results"]) == 9


def test_the_schema_is_valid_and_without_warnings(tmp_path):
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yml"))
    assert "/api/v1/rosters/{id}/approve/" in (tmp_path / "schema.yml").read_text()

"""Tables, filled-in forms, reports and yearly amounts over the API: the same actions, the same refusals."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from selfcheck.annexes import Scope, annex2
from selfcheck.models import AnnexFile, Problem, Report, YearlyAmount
from selfcheck.official_sheet import build_sheet
from subsidy_portal.models import User
from tests import make
from tests.make import K, R
from tests.selfcheck.ledger import Staff, make_problem


def call(user: User, method: str, path: str, body: Any = None, code: int = 200, **options: Any) -> Any:
    client = APIClient()
    client.force_authenticate(user)
    if method == "post":
        options.setdefault("format", "json")
    answer = getattr(client, method)(f"/api/v1/{path}", body or {}, **options)
    assert answer.status_code == code, answer.content.decode()
    return answer.json()


def test_a_table_and_what_a_figure_is_made_of(staff: Staff) -> None:
    problem = make_problem(staff.audit, staff.bureau, category=Problem.Category.G3_02, amount_fen=310_000)
    table = call(staff.audit, "get", "tables/annex2/", {"from_year": 2023, "to_year": 2023})
    total = next(line for line in table["lines"] if line["key"] == "total")
    assert total["cells"][2] == 310_000
    cell = call(staff.audit, "get", "tables/annex2/cells/", {"line": "total", "column": "3"})
    assert (cell["value"], [one["value"] for one in cell["sources"]]) == (310_000, [310_000])
    assert cell["sources"][0]["url"].endswith(f"/{problem.pk}/")
    call(staff.audit, "get", "tables/annex2/cells/", {"line": "total", "column": "99"}, 404)
    assert len(call(staff.audit, "get", "tables/annex3/")["heads"]) == 18
    assert call(staff.audit, "get", "tables/yearly/")["lines"] == []
    call(make.make_user(K.BANK, R.OPERATOR), "get", "tables/annex2/", code=403)


def test_a_form_is_handed_in_or_refused(staff: Staff) -> None:
    content = build_sheet(annex2(Scope(staff.finance, 2022, 2023)), "表")
    body = {"kind": "annex2", "from_year": 2022, "to_year": 2023}
    refused = call(staff.finance, "post", "annex-files/", {**body, "file": SimpleUploadedFile("a.xlsx", b"%PDF-")}, 422,
                   format="multipart")  # fmt: skip
    assert refused["code"] == "file_refused"
    assert not AnnexFile.objects.exists()
    made = call(staff.finance, "post", "annex-files/", {**body, "file": SimpleUploadedFile("a.xlsx", content)}, 201,
                format="multipart")  # fmt: skip
    assert call(staff.audit, "get", f"annex-files/{made['id']}/")["rows"][0][1] == "困难群众救助资金"


def test_a_report_from_draft_to_handed_in(staff: Staff) -> None:
    made = call(staff.town, "post", "reports/", {"kind": "monthly", "year": 2023, "month": 3}, 201)
    at = f"reports/{made['id']}/"
    body = {"texts": {"next": "继续。"}, "figures": {"survey_persons": 12}, "zero": True}
    assert call(staff.town, "post", f"{at}save/", body)["figures"] == {"survey_persons": 12}
    assert call(staff.town, "post", f"{at}submit/", code=403)["code"] == "not_permitted"
    assert call(staff.town_reviewer, "post", f"{at}submit/")["status"] == "submitted"
    assert call(staff.town, "post", f"{at}save/", body, 409)["code"] == "invalid_transition"
    call(staff.finance, "post", f"{at}save/", body, 404)
    assert [one["id"] for one in call(staff.audit, "get", "reports/", {"zero": "true"})["results"]] == [made["id"]]
    assert Report.objects.count() == 1


def test_an_amount_off_the_platform(staff: Staff) -> None:
    program = make.make_program(on_platform=False)
    body = {"program": program.pk, "year": 2022, "channel": "offline", "amount_fen": 500, "persons": 1, "basis": "决算"}
    made = call(staff.finance, "post", "yearly-amounts/", body, 201)
    at = f"yearly-amounts/{made['id']}/"
    assert call(staff.finance, "post", f"{at}confirm/", code=403)["code"] == "not_permitted"
    assert call(staff.finance_reviewer, "post", f"{at}confirm/")["status"] == "confirmed"
    call(staff.department, "post", "yearly-amounts/", body, 404)
    assert YearlyAmount.objects.get().status == "confirmed"

"""Files sent to the API: judged by their bytes and by who sends them before anything of them is kept."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from programs.checks import run_checks
from programs.models import Suspicion
from subsidy_portal.models import Organisation, StoredFile, User
from tests.make import desk_of, load_rules, make_person, make_program, make_roster, make_user

pytestmark = pytest.mark.django_db
K, R = Organisation.Kind, User.Role


@pytest.fixture
def hit() -> Suspicion:
    load_rules()
    roster = make_roster(make_program(cap_fen=5_000, standard_fen=0), rows=[(make_person(), 10_000)])
    run_checks(roster)
    return roster.suspicions.get()


def clerk_of(hit: Suspicion) -> User:
    assert hit.roster is not None
    return desk_of(hit.roster, K.TOWNSHIP, R.OPERATOR)


def decide(hit: Suspicion, user: User, content: bytes, name: str = "批文.pdf", confirmed: bool = False) -> Any:
    client = APIClient()
    client.force_authenticate(user)
    proof = SimpleUploadedFile(name, content, content_type="text/html")
    body = {"confirmed": confirmed, "reason": "有批文", "attachment": proof}
    return client.post(f"/api/v1/suspicions/{hit.pk}/decide/", body, format="multipart")


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.pdf", b"<script>alert(1)</script>"), ("a.html", b"%PDF-1.4"), ("a.pdf", b"%PDF-" + b"0" * 5 * 2**20)],
)
def test_what_is_no_proof_is_refused_and_not_kept(hit: Suspicion, name: str, content: bytes) -> None:
    said = decide(hit, clerk_of(hit), content, name)
    assert said.status_code == 400
    assert set(said.json()["fields"]) == {"attachment"}
    assert not StoredFile.objects.exists()


def test_the_type_comes_from_the_bytes_not_from_the_sender(hit: Suspicion) -> None:
    assert decide(hit, clerk_of(hit), b"%PDF-1.4").status_code == 200
    assert StoredFile.objects.get().content_type == "application/pdf"


def test_nothing_is_kept_of_who_may_not_decide(hit: Suspicion, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[object] = []
    monkeypatch.setattr(StoredFile, "keep", lambda *args, **kwargs: kept.append(args))
    assert decide(hit, make_user(K.FINANCE, R.VIEWER), b"%PDF-1.4").status_code == 403
    assert kept == []


@pytest.mark.parametrize("path", ["rosters", "datasets"])
def test_a_body_over_the_limit_is_refused_unread(settings: Any, path: str) -> None:
    settings.UPLOAD_MAX_BYTES = 1000
    client = APIClient()
    client.force_authenticate(make_user(K.TOWNSHIP, R.OPERATOR))
    file = SimpleUploadedFile("a.xlsx", b"0" * 200_000)
    said = client.post(f"/api/v1/{path}/", {"file": file}, format="multipart")
    assert (said.status_code, said.json()["code"]) == (413, "too_large")

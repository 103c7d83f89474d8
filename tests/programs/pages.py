"""What the page tests share: a browser signed in as somebody, and rosters with a story."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from programs.checks import run_checks
from programs.models import Dataset, DatasetRow, Person, Program, Roster
from subsidy_portal import clock
from subsidy_portal.models import Area, User
from tests.make import load_rules, make_person, make_program, make_roster, make_user

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def read(response: Any) -> str:
    return response.content.decode()


def proof(name: str = "证明.png", content: bytes = PNG) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type="image/png")


def roster_with_a_dead_person(program: Program | None = None, area: Area | None = None) -> tuple[Roster, Person]:
    """A checked draft of 2022-03 with two people, one of whom died in January: one blocking suspicion."""
    load_rules()
    dead, alive = make_person("何霜降"), make_person("林立夏")
    dataset = Dataset.objects.create(
        kind="death",
        source="示范县卫生健康委员会",
        as_of=clock.today(),
        imported_by=make_user(),
        imported_at=clock.now(),
    )
    DatasetRow.objects.create(
        dataset=dataset, kind="death", id_hash=dead.id_hash, name=dead.name, event_on=clock.today().replace(2022, 1, 11)
    )
    roster = make_roster(program or make_program(), area, rows=[(dead, 10_000), (alive, 10_000)])
    assert run_checks(roster) == 1
    return roster, dead

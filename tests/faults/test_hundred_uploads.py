"""A hundred files at once over the real API: all are taken, queued and read to an end by the real worker."""

from __future__ import annotations

import http.client
import json
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from programs.actions.uploads import OPEN
from programs.models import Person, Program, Roster, RosterImport, RosterRow
from subsidy_portal.actions import issue_token
from tests import make
from tests.corpus import rosters as corpus
from tests.stack import Stack, wait

pytestmark = pytest.mark.stack

FILES, ROWS = 100, 20


def post(stack: Stack, token: str, program: str, content: bytes) -> tuple[int, int]:
    """(HTTP status, roster id) of one upload."""
    mark = uuid.uuid4().hex
    fields = {"program": program, "area": make.TOWN, "period": "2022-03"}
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n'.encode() for n, v in fields.items()
    ]
    parts += [f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="a.xlsx"\r\n\r\n'.encode(), content]
    body = b"".join(parts) + f"\r\n--{mark}--\r\n".encode()
    link = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=120)
    head = {"Authorization": f"Token {token}", "Content-Type": f"multipart/form-data; boundary={mark}"}
    link.request("POST", "/api/v1/rosters/", body, head)
    answer = link.getresponse()
    told = json.loads(answer.read())
    link.close()
    return answer.status, told.get("id", 0)


def test_a_hundred_uploads_at_once_are_queued_and_all_end(stack: Stack) -> None:
    (stack.home / "clock").write_text("2022-03-07")
    with stack.django():
        make.make_area(make.VILLAGE)
        make.make_bank("N")
        clerk = make.make_user(make.K.TOWNSHIP, make.R.OPERATOR)
        programs: list[Program] = [make.make_program() for _ in range(FILES)]
        codes = [program.code for program in programs]
        token = issue_token(clerk)
        clean, spoiled = corpus.clean_file(ROWS), corpus.spoiled_file(corpus.DEFECTS["id_as_number"])
        stack.start("web", "worker", "beat")
        with ThreadPoolExecutor(FILES) as hands:
            # Every tenth file has a mistake: it must end too, with its problem.
            files = [spoiled if n % 10 == 9 else clean for n in range(FILES)]
            answers = list(hands.map(lambda pair: post(stack, token, *pair), zip(codes, files, strict=True)))
        assert {status for status, _roster in answers} == {202}
        assert len({roster for _status, roster in answers}) == FILES

        wait(lambda: not RosterImport.objects.filter(status__in=OPEN).exists(), 180, "every import ending")
        ends = dict.fromkeys(("imported", "refused"), 0)
        for one in RosterImport.objects.all():
            ends[one.status] += 1
            assert bool(one.problem_count) == (one.status == "refused")
        assert ends == {"imported": FILES - FILES // 10, "refused": FILES // 10}
        assert Roster.objects.filter(checked_at=None, revision__gt=0).count() == 0, "each was compared with the others"
        assert RosterRow.objects.count() == ends["imported"] * ROWS
        assert Person.objects.count() == ROWS, "the same people in ninety files are registered once"

"""Short messages: told once, to who can be reached and wants it, with nothing personal but the last four digits."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils.crypto import salted_hmac

from disbursement.models import Payment
from programs.models import Person
from publicity.actions_messages import queue_messages, send_messages, set_messages
from publicity.models import Message
from subsidy_portal import crypto
from tests import make
from tests.publicity.conftest import Citizen, open_notice

pytestmark = pytest.mark.django_db
PHONE = "13900001234"


def reachable(person: Person) -> Person:
    person.phone_sealed, person.phone_last4 = crypto.encrypt(PHONE, Person.phone_place(person.pk)), PHONE[-4:]
    person.save()
    return person


@pytest.fixture
def paid(citizen: Citizen, settings: Any, set_today: Callable[[str], None], tmp_path: Path) -> Citizen:
    settings.MESSAGE_SENDER, settings.PORTAL_HOME = "file", tmp_path
    set_today("2022-02-13")
    reachable(citizen.person)
    return citizen


def lines(home: Path) -> list[dict[str, str]]:
    file = home / "messages.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_who_was_paid_is_told_once(paid: Citizen, tmp_path: Path) -> None:
    assert (queue_messages(), queue_messages()) == (1, 0)
    assert (send_messages(), send_messages()) == (1, 0)
    (line,) = lines(tmp_path)
    assert line["phone"] == "139****1234"
    assert "100.00元已到账，尾号" + paid.account_number[-4:] in line["text"]
    for secret in (paid.person.name, paid.id_number, paid.account_number, PHONE):
        assert secret not in json.dumps(line, ensure_ascii=False)
    assert Message.objects.get().status == "sent"


def test_old_news_is_no_news(paid: Citizen, set_today: Callable[[str], None]) -> None:
    set_today("2022-03-01")
    assert queue_messages() == 0


def test_what_failed_is_told_with_what_to_do(paid: Citizen) -> None:
    Payment.objects.update(status="failed", failed_on=dt.date(2022, 2, 12), failure_code="F03", paid_on=None)
    queue_messages()
    text = Message.objects.get().text
    assert "没发成功：登记的这个账户已经注销了。钱没有丢" in text
    assert "到镇里办理" in text


def test_a_program_that_masks_names_is_not_named(paid: Citizen) -> None:
    Payment.objects.get().program.__class__.objects.update(name_mask="surname", short_name="残疾人补贴")
    queue_messages()
    assert "残疾" not in Message.objects.get().text


def test_a_classified_program_tells_nobody(paid: Citizen) -> None:
    Payment.objects.get().program.__class__.objects.update(is_classified=True)
    assert queue_messages() == 0


def test_a_notice_is_told_to_who_stands_in_it(paid: Citizen, set_today: Callable[[str], None]) -> None:
    set_today("2022-03-08")
    open_notice(rows=[(reachable(make.make_person("林立夏")), 100)])
    assert queue_messages() == 1
    assert "正在公示，到3月14日止" in Message.objects.get().text


def test_who_wants_none_gets_none_even_what_waits(paid: Citizen, tmp_path: Path) -> None:
    queue_messages()
    set_messages(paid.person, wanted=False)
    assert send_messages() == 0
    assert lines(tmp_path) == []
    assert queue_messages() == 0


def test_the_result_page_switches_them_off_and_nobody_elses(paid: Citizen, look_up: Callable[..., Any]) -> None:
    page = look_up(**paid.factors)
    text = page.content.decode()
    assert "尾号1234的手机" in text
    token = page.context["messages"]["token"]
    browser = Client()
    assert "以后不发短信给您了" in browser.post("/lookup/messages/", {"token": token, "wanted": "0"}).content.decode()
    assert browser.post("/lookup/messages/", {"token": token[:-1] + "x", "wanted": "1"}).status_code == 410
    assert queue_messages() == 0


class Operator(BaseHTTPRequestHandler):
    """A gateway on loopback that keeps what came and answers as told."""

    answer = 200
    came: list[tuple[dict[str, str], str]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.came.append((json.loads(body), self.headers["X-Signature"]))
        signature = salted_hmac("publicity.sms", body, secret="geheim", algorithm="sha256").hexdigest()
        self.send_response(self.answer if self.headers["X-Signature"] == signature else 403)
        self.end_headers()

    def log_message(self, *_args: Any) -> None: ...


@pytest.fixture
def gateway(settings: Any) -> Iterator[type[Operator]]:
    server = HTTPServer(("127.0.0.1", 0), Operator)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.MESSAGE_SENDER, settings.SMS_KEY = "http", "geheim"
    settings.SMS_URL = f"http://127.0.0.1:{server.server_port}/sms"
    Operator.came, Operator.answer = [], 200
    yield Operator
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("answer", "becomes"), [(200, "sent"), (422, "refused"), (502, "unknown")])
def test_the_gateways_answer_decides(paid: Citizen, gateway: type[Operator], answer: int, becomes: str) -> None:
    queue_messages()
    gateway.answer = answer
    send_messages()
    message = Message.objects.get()
    assert message.status == becomes
    ((came, _signature),) = gateway.came
    assert came == {"ref": f"M{message.pk}", "phone": PHONE, "text": message.text}
    send_messages()
    assert len(gateway.came) == 1, "nothing is sent twice"


def test_a_gateway_that_is_down_loses_nothing(paid: Citizen, settings: Any) -> None:
    settings.MESSAGE_SENDER, settings.SMS_URL, settings.SMS_KEY = "http", "http://127.0.0.1:9/", "x"
    queue_messages()
    send_messages()
    assert Message.objects.get().status == "queued"


def test_a_county_that_sends_none_queues_none(paid: Citizen, settings: Any) -> None:
    settings.MESSAGE_SENDER = ""
    assert (queue_messages(), send_messages()) == (0, 0)


def test_the_offices_see_what_was_sent_to_their_people(paid: Citizen) -> None:
    queue_messages()
    browser = Client()
    browser.force_login(make.make_user(make.K.FINANCE))
    text = browser.get("/staff/messages/").content.decode()
    assert "100.00元已到账" in text
    assert "手机尾号 1234" in text
    assert PHONE not in text
    elsewhere = make.make_organisation(make.K.TOWNSHIP, make.make_area("990001102000"))
    browser.force_login(make.make_user(make.K.TOWNSHIP, organisation=elsewhere))
    assert "100.00元已到账" not in browser.get("/staff/messages/").content.decode()

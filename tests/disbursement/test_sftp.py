"""The exchange on a real SFTP server: the same rules as a folder, and a lost link is never taken for a refusal."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from disbursement import sending
from disbursement.banks.places import SftpStorage
from disbursement.models import Order
from disbursement.simulator.bank import Banks
from tests import make
from tests.disbursement import stage

pytestmark = pytest.mark.django_db(transaction=True)


class Server:
    """An SFTP server in a thread of its own; ``refuse`` names operations that break the link, before or after."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.folder = root, folder
        self.breaks: dict[str, str] = {}
        self.loop = asyncio.new_event_loop()
        self.port = 0
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        assert self.ready.wait(10)

    def run(self) -> None:
        self.loop.run_until_complete(self.listen())
        self.loop.run_forever()

    async def listen(self) -> None:
        server = self
        key = asyncssh.generate_private_key("ssh-ed25519")

        class Login(asyncssh.SSHServer):
            def begin_auth(self, username: str) -> bool:
                return True

            def password_auth_supported(self) -> bool:
                return True

            def validate_password(self, username: str, password: str) -> bool:
                return (username, password) == ("county", "示范密码")

        class Files(asyncssh.SFTPServer):
            def __init__(self, channel: Any) -> None:
                super().__init__(channel, chroot=str(server.root).encode())

            def rename(self, oldpath: bytes, newpath: bytes) -> None:
                way = server.breaks.pop("rename", "")
                if way != "before":
                    super().rename(oldpath, newpath)
                if way:
                    self.channel.get_connection().abort()

            def write(self, file_obj: Any, offset: int, data: bytes) -> int:
                if server.breaks.pop("write", ""):
                    self.channel.get_connection().abort()
                return int(super().write(file_obj, offset, data))

        self.acceptor = await asyncssh.listen(
            "127.0.0.1", 0, server_factory=Login, server_host_keys=[key], sftp_factory=Files, allow_scp=False
        )
        self.port = self.acceptor.get_port()
        public = key.export_public_key().decode().strip()
        (self.folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {public}\n")
        self.ready.set()

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.acceptor.close)
        self.loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks(self.loop)])
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)


@pytest.fixture
def server(home: Path, settings: Any) -> Iterator[Server]:
    """The bank's server; what the simulator sees as its exchange is the folder it serves."""
    (home / "exchange").mkdir(exist_ok=True)
    running = Server(home / "exchange", home)
    options = {
        "host": "127.0.0.1",
        "params": {"port": running.port, "username": "county", "password": "示范密码"},
        "known_host_file": str(home / "known_hosts"),
    }
    settings.STORAGES = {
        **settings.STORAGES,
        "exchange-bank-n": {"BACKEND": "disbursement.banks.places.SftpStorage", "OPTIONS": options},
    }
    yield running
    running.stop()


@pytest.fixture
def order(desk: stage.Desk, server: Server) -> Order:
    return stage.release(desk, stage.make_batch(desk, [0, 0], bank=make.make_bank("N")))[0]


def out(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "exchange/bank-n/out").glob("*"))


def send(order: Order) -> str:
    Order.objects.update(query_at=None)
    sending.send_order(order.pk)
    order.refresh_from_db()
    return order.status


def test_a_batch_lives_its_life_over_sftp(order: Order, banks: Banks, home: Path, day: Callable[[str], None]) -> None:
    assert send(order) == "sent"
    assert len(out(home)) == 1, "no half file is left beside it"
    banks.round()
    stage.collect_all()
    day("2022-03-06")
    banks.round()
    stage.collect_all()
    order.batch.refresh_from_db()
    assert (order.batch.status, stage.statuses(order.batch)) == ("reconciled", ["paid", "paid"])
    assert not list((home / "exchange/bank-n/in").iterdir())
    assert len(list((home / "exchange/bank-n/done").iterdir())) == 2


def test_a_link_cut_while_writing_left_no_file_and_the_order_waits(order: Order, server: Server, home: Path) -> None:
    server.breaks["write"] = "after"
    assert send(order) == "created"
    assert [name for name in out(home) if not name.endswith(".part")] == []
    assert send(order) == "sent"


@pytest.mark.parametrize("way", ["before", "after"])
def test_a_link_cut_at_the_rename_is_unknown_and_never_placed_twice(
    order: Order, server: Server, banks: Banks, home: Path, way: str
) -> None:
    server.breaks["rename"] = way
    assert send(order) == "unknown"
    assert send(order) == "unknown"
    sending.recover_order(order.pk)
    order.refresh_from_db()
    assert order.status == ("sent" if way == "after" else "unknown")
    banks.round()
    stage.collect_all()
    assert stage.statuses(order.batch) == (["paid"] * 2 if way == "after" else ["in_flight"] * 2)


def test_a_server_that_is_not_there_got_nothing(order: Order, server: Server) -> None:
    server.stop()
    assert send(order) == "created"


def test_a_server_with_another_key_is_not_talked_to(order: Order, home: Path) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    known = home / "known_hosts"
    known.write_text(f"{known.read_text().split(' ')[0]} {other}\n")
    assert send(order) == "created"


def test_a_wrong_password_is_no_unknown_outcome(server: Server, home: Path) -> None:
    storage = SftpStorage(
        host="127.0.0.1", params={"port": server.port, "username": "county", "password": "x"},
        known_host_file=str(home / "known_hosts"),
    )  # fmt: skip
    with pytest.raises(OSError, match="SFTP"):
        storage.files("bank-n/in")

"""The commands of `./portal`: demo, up, test, bench, manage. Runs inside .venv, imports no Django."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import http.client
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg2

from subsidy_portal import embedded, testrun
from subsidy_portal.supervisor import BASE_DIR, CannotStart, Service, Supervisor, last_line, say, write_private

Environment = dict[str, str]
MANAGE = str(BASE_DIR / "manage.py")


def default_home() -> Path:
    return Path(os.environ.get("PORTAL_HOME") or BASE_DIR / ".portal").expanduser().resolve()


def web_port() -> int:
    """PORTAL_PORT, checked; raises CannotStart."""
    text = os.environ.get("PORTAL_PORT") or "8000"
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise CannotStart(f"PORTAL_PORT 应为 1–65535 的数字，现在是“{text}”。(PORTAL_PORT must be a port number.)")
    return int(text)


def check_port(port: int) -> None:
    if not embedded.port_is_free(port):
        raise CannotStart(
            f"端口 {port} 已被别的程序占用：请先停止它，或换一个端口，如 PORTAL_PORT={port + 1} ./portal up。"
            "(The port is in use.)"
        )


@contextlib.contextmanager
def opened(home: Path, command: str) -> Iterator[Supervisor]:
    """The data folder, locked and ready, with a supervisor that stops everything at the end."""
    embedded.prepare_home(home)
    with embedded.locked(home, command):
        embedded.ensure_secrets(home)
        with Supervisor(home) as portal:
            try:
                yield portal
            finally:
                servers_file(home).unlink(missing_ok=True)


def servers_file(home: Path) -> Path:
    """Where a running `./portal` says how to reach its servers, for `./portal manage` beside it."""
    return home / "run" / "servers.json"


def start_servers(portal: Supervisor, *, durable: bool = True) -> Environment:
    """The environment for everything that runs on this data folder; starts what no URL names."""
    embedded.check_outside(os.environ.get("DATABASE_URL"), os.environ.get("REDIS_URL"))
    env = {
        "PORTAL_HOME": str(portal.home),
        "PORTAL_PORT": str(web_port()),
        "DATABASE_URL": os.environ.get("DATABASE_URL") or embedded.start_postgres(portal, durable=durable),
        "REDIS_URL": os.environ.get("REDIS_URL") or embedded.start_redis(portal),
    }
    env["PORTAL_REHEARSAL"] = "1" if is_rehearsal(portal.home, env) else os.environ.get("PORTAL_REHEARSAL", "0")
    write_private(servers_file(portal.home), json.dumps(env))
    return env


# --- Rehearsal data and real data ----------------------------------------------------------------


def _database_mark() -> str:
    """Names the database the marker is about, so that it never vouches for another one."""
    url = os.environ.get("DATABASE_URL")
    return hashlib.sha256(url.encode()).hexdigest() if url else "embedded"


def is_rehearsal(home: Path, env: Environment | None = None) -> bool:
    try:
        return (home / "rehearsal").read_text().strip() == _database_mark()
    except FileNotFoundError:
        return False


def has_data(url: str) -> bool:
    """Whether anybody has worked in this database: a programme, or anything in the log of events."""
    connection = psycopg2.connect(url, connect_timeout=10)
    with contextlib.closing(connection), connection.cursor() as cursor:
        for table in ("programs_program", "subsidy_portal_event"):
            cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (table,))
            if cursor.fetchone() == (True,):
                cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {table})")  # noqa: S608 - the names stand above
                if cursor.fetchone() == (True,):
                    return True
    return False


def start_rehearsal(portal: Supervisor) -> Environment:
    """Servers with an empty database marked as rehearsal; raises CannotStart rather than touch real data."""
    if is_rehearsal(portal.home) and not os.environ.get("DATABASE_URL"):
        embedded.wipe(portal.home)
    env = start_servers(portal)
    if has_data(env["DATABASE_URL"]):
        raise CannotStart(
            "这里已有数据，演示不会动它：请把 PORTAL_HOME 设为一个新文件夹（或把 DATABASE_URL 指向空库）后再运行。"
            "(There is data here; the demo does not touch it.)"
        )
    write_private(portal.home / "rehearsal", _database_mark())
    env["PORTAL_REHEARSAL"] = "1"
    write_private(servers_file(portal.home), json.dumps(env))
    return env


# --- Services ------------------------------------------------------------------------------------


def manage_command(env: Environment, *arguments: str, on_screen: bool = True, terminal: bool = False) -> Service:
    cwd = Path.cwd() if on_screen else BASE_DIR
    return Service(
        f"manage-{arguments[0]}" if arguments else "manage",
        [sys.executable, MANAGE, *arguments],
        env,
        on_screen=on_screen,
        terminal=terminal,
        cwd=cwd,
    )


def portal_services(home: Path, env: Environment) -> list[Service]:
    """Simulator, worker, beat and web, in the order they start."""
    celery = [sys.executable, "-m", "celery", "-A", "subsidy_portal"]
    worker = ["worker", "--concurrency=2", "--queues=default,import,bank", "--loglevel=INFO"]
    beat = ["beat", "--loglevel=WARNING", f"--schedule={home / 'run' / 'beat'}", "--pidfile="]
    gunicorn = [sys.executable, "-m", "gunicorn", "--no-control-socket", "--worker-class=gthread", "--workers=2"]
    web = ["--threads=8", "--timeout=120", "--graceful-timeout=5", f"--bind=127.0.0.1:{env['PORTAL_PORT']}"]
    return [
        Service("banksim", [sys.executable, MANAGE, "banksim"], env),
        # Tasks are safe to be cut off and run again, so a long one does not hold up the end.
        Service("worker", [*celery, *worker, "--without-gossip", "--without-mingle"], env, patience=15),
        Service("beat", [*celery, *beat], env),
        Service("web", [*gunicorn, *web, "subsidy_portal.wsgi:application"], env),
    ]


def prepare_database(portal: Supervisor, env: Environment) -> None:
    for arguments in (["migrate", "--noinput"], ["collectstatic", "--noinput", "--verbosity=0"]):
        service = manage_command(env, *arguments, on_screen=False)
        if portal.run(service):
            log = portal.log_of(service.name)
            raise CannotStart(f"manage.py {arguments[0]} 没有完成：{last_line(log, 'Error')}（日志 {log}）。(failed)")


def start_services(portal: Supervisor, env: Environment) -> None:
    """Migrate, start everything, and wait until the web answers."""
    prepare_database(portal, env)
    services = portal_services(portal.home, env)
    for service in services:
        portal.start(service)
    portal.wait_until(lambda: web_answers(int(env["PORTAL_PORT"])), services[-1], seconds=60, marks=("Error",))
    address = f"http://127.0.0.1:{env['PORTAL_PORT']}/"
    say(f"门户已启动：{address}  工作人员 {address}staff/  数据 {portal.home}  日志 {portal.home / 'log'}")


def web_answers(port: int) -> bool:
    """Whether /healthz says 200."""
    host = os.environ.get("PORTAL_HOSTS", "127.0.0.1").split(",")[0].strip()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz", headers={"Host": host, "X-Forwarded-Proto": "https"})
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def serve(portal: Supervisor) -> int:
    say("按 Ctrl-C 停止。(Ctrl-C stops everything.)")
    try:
        portal.serve()
    except KeyboardInterrupt:
        say("\n正在停止……再按一次 Ctrl-C 立即停止。(stopping)")
    return 0


# --- Commands ------------------------------------------------------------------------------------


def up(options: argparse.Namespace) -> int:
    home, port = default_home(), web_port()
    with opened(home, f"up（http://127.0.0.1:{port}/）") as portal:
        check_port(port)
        say("正在启动数据库和服务…… (starting)")
        env = start_servers(portal)
        start_services(portal, env)
        if env["PORTAL_REHEARSAL"] == "1":
            say("这是演练数据，不是真实数据。(rehearsal data)")
        return serve(portal)


def demo(options: argparse.Namespace) -> int:
    home, port = default_home(), web_port()
    with opened(home, f"demo（http://127.0.0.1:{port}/）") as portal:
        check_port(port)
        say("正在启动数据库和服务…… (starting)")
        env = start_rehearsal(portal)
        start_services(portal, env)
        extra = ["--json", options.json] if options.json else []
        play = manage_command({**env, "PORTAL_SERVING": "1"}, "demo", "--scale", options.scale, *extra)
        code = portal.run(play)
        return code if code or options.exit else serve(portal)


def bench(options: argparse.Namespace) -> int:
    """Benchmarks have a data folder of their own beside the real one."""
    home = default_home() / "bench"
    with opened(home, "bench") as portal:
        env = start_rehearsal(portal)
        prepare_database(portal, env)
        extra = ["--json", options.json] if options.json else []
        return portal.run(manage_command(env, "bench", *options.names, *extra))


def test(options: argparse.Namespace) -> int:
    """Tests have throw-away data folders of their own and never see the real one.

    Without arguments all of them run in two halves at once, each with its own servers: those that start the portal's
    processes mostly wait for them, and the rest works meanwhile. With outside servers there is one half.
    """
    if options.arguments == [testrun.OTHER_HALF]:
        return _run_tests("test-stack", [], {}, testrun.STACK, checks=False)
    arguments, extra = testrun.faults_in_full(options.arguments)
    if arguments or os.environ.get("DATABASE_URL") or os.environ.get("REDIS_URL"):
        return _run_tests("test", arguments, extra)
    testrun.ensure_browser()  # once, before both halves want it
    with testrun.other_half(default_home()) as other:
        code = _run_tests("test", [], extra, f"not {testrun.STACK}")
    return code or other.returncode


def _run_tests(folder: str, arguments: list[str], extra: Environment, marks: str = "", *, checks: bool = True) -> int:
    home = default_home() / folder
    with opened(home, "test") as portal:
        embedded.wipe(home)
        env = {**start_servers(portal, durable=False), "PORTAL_REHEARSAL": "1"}
        return testrun.run_all(portal, env | extra, arguments, marks, checks=checks)


def manage(options: argparse.Namespace) -> int:
    """manage.py beside the running portal, or with servers started for it and stopped afterwards."""
    home = default_home()
    embedded.prepare_home(home)
    if os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"):
        embedded.ensure_secrets(home)
        rehearsal = {"PORTAL_REHEARSAL": "1"} if is_rehearsal(home) else {}
        _become_manage({"PORTAL_HOME": str(home), **rehearsal}, options.arguments)
    deadline = time.monotonic() + 60
    with (home / "run" / "guests").open("a") as guests:
        while True:
            try:
                with opened(home, "manage") as portal:
                    env = start_servers(portal)
                    code = portal.run(manage_command(env, *options.arguments, terminal=True))
                    fcntl.flock(guests, fcntl.LOCK_EX)  # others may be using the servers we started
                    return code
            except embedded.InUse:
                if (servers := _running_servers(home)) is not None:
                    fcntl.flock(guests, fcntl.LOCK_SH)
                    os.set_inheritable(guests.fileno(), True)
                    _become_manage(servers, options.arguments)
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)


def _running_servers(home: Path) -> Environment | None:
    try:
        servers: Environment = json.loads(servers_file(home).read_text())
    except (FileNotFoundError, ValueError):
        return None
    return servers


def _become_manage(env: Environment, arguments: Sequence[str]) -> None:
    os.execve(sys.executable, [sys.executable, MANAGE, *arguments], {**os.environ, **env})  # noqa: S606


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="./portal", description="惠民惠农补贴一卡通门户")
    commands = top.add_subparsers(dest="command", required=True, metavar="demo|up|test|bench|manage")
    playing = commands.add_parser("demo", help="全新的演示数据，跑完整个业务，然后提供服务")
    playing.add_argument("--scale", choices=("town", "county"), default="town")
    playing.add_argument("--exit", action="store_true", help="跑完就停止")
    playing.add_argument("--json", metavar="FILE", help="把结果数字写入文件")
    playing.set_defaults(run=demo)
    commands.add_parser("up", help="在已有数据上提供服务").set_defaults(run=up)
    commands.add_parser(
        "test", help="全部检查和测试；可跟 pytest 参数，或 --faults [--json 文件]", add_help=False
    ).set_defaults(run=test)
    measuring = commands.add_parser("bench", help="性能测量")
    measuring.add_argument("names", nargs="*", metavar="name")
    measuring.add_argument("--json", metavar="FILE", help="把结果写入文件")
    measuring.set_defaults(run=bench)
    commands.add_parser("manage", help="manage.py 的任何命令", add_help=False).set_defaults(run=manage)
    return top


def main(arguments: Sequence[str]) -> int:
    # What follows `test` and `manage` is for pytest and Django: argparse would take `-k` for its own.
    passed_on = list(arguments[1:]) if arguments[:1] in (["test"], ["manage"]) else []
    options = parser().parse_args(list(arguments[:1]) if passed_on else list(arguments))
    options.arguments = passed_on
    try:
        code: int = options.run(options)
        return code
    except CannotStart as reason:
        sys.stderr.write(f"{reason}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"不能继续：{error}。请检查磁盘空间和文件权限。(cannot go on)\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("\n已中断，启动过的进程都已停止。(interrupted)\n")
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

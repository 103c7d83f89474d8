"""Whatever keeps the portal from starting is told in one sentence, with the way out."""

from __future__ import annotations

import ast
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from subsidy_portal import embedded, launcher
from subsidy_portal.supervisor import CannotStart
from tests.launcher.conftest import BASE_DIR, Clone

REAL_PYTHON = str(Path(sys.executable).resolve())


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The one line on stderr of a refused start."""
    lines = done.stderr.strip().splitlines()
    assert done.returncode == 2, done.stdout + done.stderr
    assert len(lines) == 1, done.stderr
    return lines[0]


def python_with(tmp_path: Path, prelude: str) -> list[str]:
    """The real Python, after ``prelude`` took something away from it."""
    wrapper = tmp_path / "wrapped.py"
    wrapper.write_text(
        f"import runpy, sys\n{prelude}\nsys.argv = sys.argv[1:]\nrunpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    return [REAL_PYTHON, str(wrapper)]


def test_the_script_can_be_read_by_a_python_too_old_to_run_it():
    ast.parse((BASE_DIR / "portal").read_text(), feature_version=(3, 5))


def test_an_old_python_is_told_which_one_is_needed(bare: Clone, tmp_path: Path):
    old = python_with(tmp_path, "sys.version_info = (3, 9, 2, 'final', 0)")
    said = sentence(bare.run("up", python=old, PATH=str(tmp_path)))
    assert "3.11" in said
    assert "3.9" in said


def test_a_python_without_venv_names_the_package(bare: Clone, tmp_path: Path):
    without = python_with(tmp_path, "sys.modules['ensurepip'] = None")
    assert "-venv" in sentence(bare.run("up", python=without))
    assert not (bare.path / ".venv").exists()


def test_a_silent_package_index_leaves_no_environment_that_looks_finished(bare: Clone):
    try:
        done = bare.run(
            "up", python=[REAL_PYTHON], PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_CONFIG_FILE="/dev/null"
        )
        assert "PIP_INDEX_URL" in sentence(done)
        assert (bare.path / ".venv" / "pip.log").exists()
        assert not (bare.path / ".venv" / "installed.sha256").exists()
    finally:
        shutil.rmtree(bare.path / ".venv", ignore_errors=True)


def test_a_used_port_is_named_before_anything_starts(clone: Clone):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", clone.port))
        taken.listen()
        said = sentence(clone.run("up"))
    assert str(clone.port) in said
    assert "PORTAL_PORT" in said
    assert not (clone.home / "postgres").exists()


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
def test_a_server_of_ours_that_does_not_answer_is_named_without_its_password(clone: Clone, name: str):
    scheme = {"DATABASE_URL": "postgresql", "REDIS_URL": "redis"}[name]
    said = sentence(clone.run("up", **{name: f"{scheme}://portal:hidden-word@127.0.0.1:9/0"}))
    assert name in said
    assert "hidden-word" not in said
    assert not (clone.home / "postgres").exists()


def test_a_port_that_is_no_number_is_refused(clone: Clone):
    assert "PORTAL_PORT" in sentence(clone.run("up", PORTAL_PORT="http"))


def file_in_its_place(home: Path) -> None:
    home.write_text("")


def another_version(home: Path) -> None:
    (home / "postgres").mkdir(parents=True)
    (home / "postgres" / "PG_VERSION").write_text("14\n")
    embedded_secrets(home)


def half_a_database(home: Path) -> None:
    (home / "postgres" / "base").mkdir(parents=True)
    embedded_secrets(home)


def lost_key(home: Path) -> None:
    embedded_secrets(home)
    (home / "secrets" / "data-1.key").unlink()


def embedded_secrets(home: Path) -> None:
    (home / "secrets").mkdir(parents=True)
    for name in ("django.key", "data-1.key", "index-1.key"):
        (home / "secrets" / name).write_text("00" * 32)
        (home / "secrets" / name).chmod(0o600)


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (file_in_its_place, "PORTAL_HOME"),
        (another_version, "14"),
        (half_a_database, "损坏"),
        (lost_key, "data-1.key"),
    ],
)
def test_a_broken_data_folder_is_told_and_left_alone(clone: Clone, damage, word: str):
    damage(clone.home)
    before = sorted(clone.home.rglob("*"))
    said = sentence(clone.run("up"))
    assert word in said
    assert set(before) <= set(clone.home.rglob("*"))


def test_a_database_that_does_not_start_says_its_last_words(clone: Clone):
    assert clone.run("manage", "check").returncode == 0
    control = clone.home / "postgres" / "global" / "pg_control"
    control.write_bytes(b"\0" * control.stat().st_size)
    assert "postgres.log" in sentence(clone.run("up"))


def test_a_lost_key_is_never_replaced_in_silence(tmp_path: Path):
    embedded.ensure_secrets(tmp_path)
    key = tmp_path / "secrets" / "index-1.key"
    assert key.stat().st_mode & 0o077 == 0
    first = key.read_text()
    embedded.ensure_secrets(tmp_path)
    assert key.read_text() == first
    key.unlink()
    with pytest.raises(CannotStart, match=r"index-1\.key"):
        embedded.ensure_secrets(tmp_path)


def test_a_rehearsal_is_wiped_without_touching_anything_else(tmp_path: Path):
    for name in ("secrets/django.key", "files/roster.bin", "exchange/bank/order.txt", "mine.txt", "clock"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    embedded.wipe(tmp_path)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"secrets/django.key", "mine.txt"}


def test_a_rehearsal_marker_vouches_only_for_its_own_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    (tmp_path / "rehearsal").write_text("embedded")
    assert launcher.is_rehearsal(tmp_path)
    monkeypatch.setenv("DATABASE_URL", "postgresql://finance@db/real")
    assert not launcher.is_rehearsal(tmp_path)

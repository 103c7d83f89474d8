"""The files a deployment stands on: lock, compose, CI."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from subsidy_portal import testrun
from tests.launcher.conftest import BASE_DIR

LOCK = (BASE_DIR / "requirements.lock").read_text()
COMPOSE = yaml.safe_load((BASE_DIR / "docker-compose.yml").read_text())
OWN = ("prepare", "web", "worker", "beat", "banksim")


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_dependency_is_pinned_with_hashes():
    project = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())["project"]
    asked = project["dependencies"] + [name for extra in project["optional-dependencies"].values() for name in extra]
    hashes = r"(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n?)+"
    blocks = re.findall(rf"^([\w.-]+)(?:\[[\w,]+\])?==\S+.*\\\n{hashes}", LOCK, re.M)
    pinned = {plain(name) for name in blocks}
    assert len(blocks) == len(re.findall(r"^\w", LOCK, re.M))
    assert {plain(re.match(r"[\w.-]+", line).group()) for line in asked} <= pinned


def test_the_lock_names_no_index_and_no_machine():
    assert not re.search(r"://|--(extra-)?index|--find-links|file:|/(home|root|tmp|work|opt)\b", LOCK)


def test_compose_describes_the_whole_deployment():
    assert set(COMPOSE["services"]) == {*OWN, "postgres", "redis"}
    for name, service in COMPOSE["services"].items():
        assert service.get("image"), name
        assert service.get("command"), name
    for name in OWN:
        service = COMPOSE["services"][name]
        assert service["build"] == "."
        assert "portal:/var/lib/portal" in service["volumes"]
        assert service["environment"]["TZ"] == "Asia/Shanghai"
    assert {"web", "worker", "beat", "postgres", "redis"} == {
        name for name, service in COMPOSE["services"].items() if "healthcheck" in service
    }


def test_compose_sets_only_what_the_portal_reads():
    code = "".join((BASE_DIR / "subsidy_portal" / f"{name}.py").read_text() for name in ("settings", "launcher"))
    for name in OWN:
        for variable in COMPOSE["services"][name]["environment"]:
            assert variable == "TZ" or f'"{variable}"' in code, variable


def test_compose_runs_what_the_launcher_runs():
    """The same queues and the same web server in both ways of starting."""
    code = (BASE_DIR / "subsidy_portal" / "launcher.py").read_text()
    for name in ("web", "worker"):
        for option in COMPOSE["services"][name]["command"]:
            assert option in code or option.startswith(("--bind", "--worker-tmp-dir")) or option in "celery gunicorn"


def test_passwords_come_as_files():
    for name, secret in COMPOSE["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}
    text = (BASE_DIR / "docker-compose.yml").read_text()
    assert not re.search(r"PASSWORD:|DATABASE_URL|REDIS_URL", text)
    assert re.search(r"^/secrets/$", (BASE_DIR / ".gitignore").read_text(), re.M)


def test_the_image_does_not_run_as_root():
    lines = (BASE_DIR / "Dockerfile").read_text().splitlines()
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users == ["portal"]


def test_ci_allows_no_skip():
    script = (BASE_DIR / ".ci" / "run").read_text()
    assert re.search(r"^CI=true exec \./portal test", script, re.M)


def test_a_skipped_test_is_found_and_an_expected_failure_is_none(tmp_path: Path):
    (tmp_path / "test_some.py").write_text(
        "import pytest\n"
        "def test_passes(): pass\n"
        "@pytest.mark.skip\ndef test_skipped(): pass\n"
        "@pytest.mark.xfail\ndef test_expected(): assert False\n"
    )
    results = tmp_path / "results.xml"
    command = [
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:django",
        "-c",
        "/dev/null",
        "--rootdir",
        str(tmp_path),
        f"--junitxml={results}",
        ".",
    ]
    subprocess.run([sys.executable, *command], cwd=tmp_path, check=True, capture_output=True)
    assert testrun.skipped_tests(results) == ["test_some.test_skipped"]


@pytest.mark.parametrize("name", ["portal", ".ci/run", "docker/entrypoint"])
def test_scripts_are_executable(name: str):
    assert (BASE_DIR / name).stat().st_mode & 0o111

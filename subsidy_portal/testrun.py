"""The steps of `./portal test`: all of them run, each is named with its time, one failure fails the whole."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from defusedxml import ElementTree

from subsidy_portal.supervisor import Service, Supervisor, say

Environment = dict[str, str]
CHROMIUM = Path("/usr/bin/chromium")
FONTS = Path("/usr/share/fonts")
BROWSER_PACKAGES = ("chromium", "fonts-noto-cjk")
INSTALL_COMMAND = f"apt-get update && apt-get install -y {' '.join(BROWSER_PACKAGES)}"

# The mark of tests that start the portal's processes, and the argument of the run that has only these
STACK, OTHER_HALF = "stack", "--other-half"

STEPS = {
    "ruff check": ["-m", "ruff", "check", ".", "portal"],
    "ruff format": ["-m", "ruff", "format", "--check", ".", "portal"],
    "mypy": ["-m", "mypy", "."],
    "migrations": ["manage.py", "makemigrations", "--check", "--dry-run"],
}


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


@contextlib.contextmanager
def other_half(home: Path) -> Iterator[subprocess.Popen[str]]:
    """The tests with mark STACK in a run of their own beside this one; its words come after, its code is at the end."""
    home.mkdir(parents=True, exist_ok=True)
    log = home / "test-stack.log"
    with log.open("w") as words:
        command = [sys.executable, "-m", "subsidy_portal.launcher", "test", OTHER_HALF]
        run = subprocess.Popen(command, stdout=words, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True)
    try:
        yield run
        run.wait()
    finally:
        if run.poll() is None:
            run.send_signal(signal.SIGINT)
            run.wait()
        say(log.read_text(errors="replace").rstrip())


def run_all(
    portal: Supervisor, env: Environment, arguments: Sequence[str], marks: str = "", *, checks: bool = True
) -> int:
    """Every check, then pytest with ``arguments``; 0 only when all passed (with CI=true: and nothing was skipped)."""
    failed = []
    browser = ensure_browser()
    if not browser and in_ci():
        failed.append("browser")
    for name, command in STEPS.items() if checks else ():
        began = time.monotonic()
        step = Service(name.replace(" ", "-"), [sys.executable, *command], env)
        code = portal.run(step)
        report(name, began, code)
        if code:
            say(portal.log_of(step.name).read_text(errors="replace").rstrip())
            failed.append(name)
    marks = " and ".join(filter(None, (marks, "" if browser else "not browser")))
    if run_pytest(portal, env, ["-m", marks, *arguments] if marks else arguments):
        failed.append("pytest")
    if failed:
        say(f"没有通过：{'、'.join(failed)}。(failed)")
    return 1 if failed else 0


def faults_in_full(arguments: Sequence[str]) -> tuple[list[str], Environment]:
    """``--faults [--json FILE]``: only the proofs by force and the attacks, in full, with a report in FILE."""
    rest = list(arguments)
    if "--faults" not in rest:
        return rest, {}
    rest.remove("--faults")
    extra = {"PORTAL_FAULTS": "full"}
    if "--json" in rest:
        at = rest.index("--json")
        told = Path(rest[at + 1] if at + 1 < len(rest) else "faults.json").resolve()
        told.unlink(missing_ok=True)
        extra["PORTAL_FAULT_REPORT"] = str(told)
        del rest[at : at + 2]
    return ["tests/faults", "tests/publicity/test_attacks.py", *rest], extra


def report(name: str, began: float, code: int) -> None:
    say(f"{'通过' if code == 0 else '失败'}  {name:<12} {time.monotonic() - began:6.1f} 秒")


def run_pytest(portal: Supervisor, env: Environment, arguments: Sequence[str]) -> int:
    """pytest on the terminal, its own summary last."""
    results = portal.home / "run" / "pytest.xml"
    results.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", f"--junitxml={results}", *arguments]
    code = portal.run(Service("pytest", command, env, on_screen=True, terminal=True, patience=30))
    if not code and in_ci() and (skipped := skipped_tests(results)):
        say(f"CI=true 时不许跳过测试：{'、'.join(skipped)}。(nothing may be skipped)")
        return 1
    return code


def skipped_tests(results: Path) -> list[str]:
    """Names of the tests pytest skipped; an expected failure is no skip."""
    return [
        f"{case.get('classname')}.{case.get('name')}"
        for case in ElementTree.parse(results).iter("testcase")
        if any(mark.get("type") == "pytest.skip" for mark in case.iter("skipped"))
    ]


def browser_ready() -> bool:
    return CHROMIUM.exists() and any(FONTS.rglob("NotoSansCJK*"))


def ensure_browser() -> bool:
    """Debian's Chromium and Chinese fonts: installed when we may, otherwise the one command is named."""
    if browser_ready():
        return True
    apt = shutil.which("apt-get", path=f"{os.environ.get('PATH', '')}:/usr/bin")
    if apt is None or os.geteuid() != 0:
        say(f"没有 Chromium 或中文字体，浏览器测试不运行；安装命令（root）：{INSTALL_COMMAND} (browser tests left out)")
        return False
    began = time.monotonic()
    say(f"正在安装 {' '.join(BROWSER_PACKAGES)}…… (installing for the browser tests)")
    env = os.environ | {
        "DEBIAN_FRONTEND": "noninteractive",
        "PATH": f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin",
    }
    for arguments in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", *BROWSER_PACKAGES]):
        done = subprocess.run([apt, *arguments], env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if not browser_ready():
        reason = (done.stderr.strip().splitlines() or ["?"])[-1]
        say(f"没有装上 Chromium 和中文字体（{reason}）；请执行：{INSTALL_COMMAND} (browser tests left out)")
        return False
    report("chromium", began, 0)
    return True

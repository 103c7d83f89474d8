"""A person in front of a screen: one browser window that examines every page it is shown."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from subsidy_portal.celery import app
from subsidy_portal.demo.world import PASSWORD

HERE = Path(__file__).parent
SHOTS = HERE / "shots"
AXE = (HERE / "vendor" / "axe.min.js").read_text()
_EXAMINE = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations
    .filter(v => v.impact === 'serious' || v.impact === 'critical')
    .map(v => `${v.id}: ${v.help} ${v.nodes.slice(0, 3).map(n => n.html.slice(0, 160)).join(' | ')}`)"""
# The widest element that sticks out, so that a failure names it.
_OVERFLOW = """() => {
    const wide = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= wide) return '';
    const out = [...document.body.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > wide + 1);
    return out.slice(-1).map(e => e.outerHTML.slice(0, 200))[0] || 'the page scrolls sideways';
}"""
# A filled button that one sees and that does something.
_FILLED = """() => [...document.querySelectorAll('main .btn-primary, main .btn-release')]
    .filter(e => e.checkVisibility() && !e.disabled).map(e => e.textContent.trim())"""
WIDE, NARROW = 1440, 390
SLOW = 30_000


class Seat:
    """``open`` and ``click`` as a person does; ``look`` keeps pictures and finds what is wrong with the page."""

    def __init__(self, browser: Browser, url: str, *, width: int = WIDE, scripts: bool = True) -> None:
        self.url, self.width = url, width
        self.context = browser.new_context(
            viewport={"width": width, "height": 900},
            java_script_enabled=scripts,
            locale="zh-CN",
            timezone_id="Asia/Shanghai",
            accept_downloads=True,
        )
        self.context.set_default_timeout(SLOW)
        self.page: Page = self.context.new_page()
        self.mirror: Page | None = None if scripts else browser.new_page(viewport={"width": width, "height": 900})
        self.complaints: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _hear(self, message: ConsoleMessage) -> None:
        # A form that comes back with 422 is an answer, not an error of the page.
        if message.type == "error" and "status of 422" not in message.text:
            self.complaints.append(f"{self.page.url}: {message.text}")

    # --- Acting ---

    def log_in(self, username: str) -> None:
        self.open("/staff/")
        self.page.get_by_label("用户名").fill(username)
        self.page.get_by_label("密码").fill(PASSWORD)
        self.page.get_by_role("button", name="登录").click()
        self.sees("工作台")

    def open(self, path: str) -> None:
        self.page.goto(f"{self.url}{path}")

    def click(self, name: str, *, role: Any = "button", within: str = "main", exact: bool = True) -> None:
        self.page.locator(within).get_by_role(role, name=name, exact=exact).first.click()

    def follow(self, name: str, *, within: str = "main", exact: bool = True) -> None:
        self.click(name, role="link", within=within, exact=exact)

    def fill(self, label: str, text: str, *, within: str = "main") -> None:
        fields = self.page.locator(within).locator("input:visible, textarea:visible")
        fields.and_(self.page.get_by_label(label)).first.fill(text)

    def upload(self, label: str, name: str, content: bytes, *, within: str = "main") -> None:
        kind = "application/pdf" if name.endswith(".pdf") else "application/vnd.ms-excel"
        file = {"name": name, "mimeType": kind, "buffer": content}
        self.page.locator(within).locator("input[type=file]").and_(self.page.get_by_label(label)).set_input_files(file)

    def download(self, name: str, *, role: Any = "link") -> tuple[str, bytes]:
        """Click and get the file: its name and its bytes."""
        with self.page.expect_download() as waiting:
            self.page.locator("main").get_by_role(role, name=name).first.click()
        return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()

    # --- Seeing ---

    @property
    def path(self) -> str:
        return self.page.url.removeprefix(self.url).partition("#")[0].partition("?")[0]

    def sees(self, *texts: str | re.Pattern[str]) -> None:
        for text in texts:
            expect(self.page.locator("main")).to_contain_text(text, timeout=SLOW)

    def sees_not(self, *texts: str) -> None:
        for text in texts:
            expect(self.page.locator("main")).not_to_contain_text(text)

    def waits_for(self, path: str, text: str | re.Pattern[str], *, ring: str = "", seconds: int = 40) -> None:
        """Reload ``path`` until it says ``text``; ``ring`` is the timer whose next round comes at once."""
        end = time.monotonic() + seconds
        if ring:
            app.send_task(ring)
        while True:
            self.open(path)
            said = self.page.locator("main").inner_text()
            if re.search(text, said):
                return
            assert time.monotonic() < end, f"{path} never said {text!r}; it says:\n{said}"

    def goes_from_desk(self, path: str) -> None:
        """The desk names this work, and its link leads there."""
        self.open("/staff/")
        self.page.locator(f"main table a[href='{path}']").first.click()
        assert self.path == path

    def look(self, name: str, *, narrow: bool = False) -> None:
        """Keep a picture; complain about serious findings of axe, what sticks out, a second filled button."""
        self._take(name)
        self.complaints += [f"{name}: {finding}" for finding in self._findings()]
        filled = self.page.evaluate(_FILLED)
        if len(filled) > 1:
            self.complaints.append(f"{name}: more than one filled button: {filled}")
        if narrow:
            self.page.set_viewport_size({"width": NARROW, "height": 844})
            self._take(f"{name}-{NARROW}")
            self.page.set_viewport_size({"width": self.width, "height": 900})

    def _findings(self) -> list[str]:
        """What axe finds. It is a script itself, so a window without scripts is examined as a copy in one with them."""
        page = self.page
        if self.mirror is not None:
            page = self.mirror
            page.goto(f"{self.url}/robots.txt")
            page.set_content(self.page.content(), wait_until="load")
        page.evaluate(AXE)
        found: list[str] = page.evaluate(_EXAMINE)
        return found

    def _take(self, name: str) -> None:
        self.page.screenshot(path=SHOTS / f"{name}.png", full_page=True, animations="disabled")
        if wide := self.page.evaluate(_OVERFLOW):
            self.complaints.append(f"{name} is wider than the screen: {wide}")

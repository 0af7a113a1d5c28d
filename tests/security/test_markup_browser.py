"""The hostile house in a real browser: nothing runs, nothing complains, nothing is asked of anybody but us."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection
from playwright.sync_api import Page, Request, sync_playwright

from leadroom.agents.models import Run
from tests import factories as f
from tests.live import house
from tests.security import hostile_scene
from tests.security.payloads import PAYLOADS
from tests.web.framed import chromium

pytestmark = [pytest.mark.security, pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
OPEN_EVERYTHING = "document.querySelectorAll('details').forEach((el) => { el.open = true; })"
TIPS = "[data-tip], [data-reason]"
FOREIGN = "ol img, ol iframe, ol script, ol style, ol form, ol math, ol object"
PARTS = ("/head/", "/room/", "/panel/", "/changes/", "/earlier/", "/facts/", "/controls/", "/box/")
"""Of addresses that answer with a part of a page."""


class Watched:
    """A browser page, and everything it did that it should not have."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page, self.origin = page, origin
        self.wrong: list[str] = []
        self.asked = self.rows = self.foreign = 0
        page.on("dialog", lambda dialog: (self.wrong.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("console", lambda said: said.type == "error" and self.wrong.append(f"console {said.text}"))
        page.on("pageerror", lambda error: self.wrong.append(f"error {error}"))
        page.on("popup", lambda popup: self.wrong.append(f"popup {popup.url}"))
        page.on("websocket", lambda socket: self._look(socket.url.replace("ws://", "http://", 1)))
        page.on("request", self._hear)

    def _hear(self, request: Request) -> None:
        self.asked += 1
        self._look(request.url)
        if request.method != "GET":
            self.wrong.append(f"{request.method} {request.url}")

    def _look(self, url: str) -> None:
        if not url.startswith((f"{self.origin}/", "data:image/")):
            self.wrong.append(f"asked {url}")

    def visit(self, path: str) -> None:
        """Opens a page, everything folded in it, its tips and its list of keys."""
        self.page.goto(self.origin + path)
        self.page.evaluate(OPEN_EVERYTHING)
        for tip in self.page.locator(TIPS).all()[:5]:
            if tip.is_visible():
                tip.hover(force=True, timeout=2_000)
        if self.page.locator("#keys").count():
            self.page.keyboard.press("?")
        assert self.page.url == self.origin + path
        if self.page.evaluate("window.pwned"):
            self.wrong.append(f"a script ran on {path}")


def look(web: house.Web, paths: list[str], session: str, run: Run) -> Watched:
    """The whole visit. A thread of its own: Playwright's event loop would be in the way of the database."""
    with sync_playwright() as playwright, ThreadPoolExecutor(1) as database:
        browser = playwright.chromium.launch(**chromium())
        context = browser.new_context()
        origin = f"http://127.0.0.1:{web.port}"
        cookie = {"name": f"leadroom_session_{web.port}", "value": session, "url": origin}
        context.add_cookies([cookie])  # type: ignore[list-item]
        seen = Watched(context.new_page(), origin)
        for path in paths:
            seen.visit(path)
        seen.page.goto(f"{origin}/runs/{run.pk}/")
        last = database.submit(say, run).result()
        seen.page.locator(f"#run-{run.pk}-e{last}").wait_for(timeout=15_000)
        seen.page.evaluate(OPEN_EVERYTHING)
        seen.rows = seen.page.locator("ol li[data-kind='text']").count()
        seen.foreign = seen.page.evaluate(f"document.querySelectorAll({FOREIGN!r}).length")
        if seen.page.evaluate("window.pwned"):
            seen.wrong.append("a script ran in a live row")
        browser.close()
    return seen


def say(run: Run) -> int:
    try:
        return house.say(run, [*PAYLOADS, "the end"])
    finally:
        connection.close()


def test_nothing_of_it_comes_alive(tmp_path: Path) -> None:
    scene = hostile_scene.build(tmp_path)
    run = f.make_running_run(f.make_item(scene.runs[0].item.project))
    paths = [url for url in scene.urls if not any(part in url for part in PARTS)]
    with house.running_web(tmp_path) as web, ThreadPoolExecutor(1) as pool:
        house.until_listening(web)
        seen = pool.submit(look, web, [*paths[:12], *paths[12::3]], house.session_of(scene.lead), run).result()
    assert seen.wrong == []
    assert seen.asked > 100
    assert (seen.rows, seen.foreign) == (len(PAYLOADS) + 1, 0)

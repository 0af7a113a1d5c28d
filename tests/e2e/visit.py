"""A person's browser tab: what it showed, what it asked for, and whether anything complained."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Request, Response, WebSocket, expect

from tests.e2e.house import House
from tests.support.program import until

SHOTS = os.environ.get("E2E_SHOTS", "")
"""A folder that pictures of every page passed are written to, for a person to look at; none when empty."""


class Visit:
    """One tab of one signed-out browser. `complaints` are console errors and warnings, and uncaught exceptions."""

    def __init__(self, house: House, page: Page) -> None:
        self.house, self.page = house, page
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.broken: list[str] = []
        self.loads = 0
        page.on("console", lambda message: self._console(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(f"exception: {error}"))
        page.on("request", self._request)
        page.on("response", self._response)
        page.on("websocket", self._socket)

    def _console(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(f"{kind}: {text}")

    def _request(self, request: Request) -> None:
        self.asked.append(request.url)
        self.loads += request.is_navigation_request() and request.frame == self.page.main_frame

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.broken.append(f"{response.status} {response.request.method} {response.url}")

    def _socket(self, socket: WebSocket) -> None:
        self.asked.append(socket.url.replace("ws://", "http://"))

    def open(self, path: str) -> None:
        """Goes to a page by its address."""
        self.page.goto(f"{self.house.url}{path}")

    def sign_in(self) -> None:
        """By a fresh one-time link; ends in the room."""
        self.page.goto(self.house.link())
        self.page.get_by_role("button", name="Sign in as").click()
        expect(self.page).to_have_url(f"{self.house.url}/")

    def wait(self, condition: Callable[[], Any], *, seconds: float = 10.0, what: str) -> Any:
        """The condition's first true value, with the page's own clock going on. AssertionError when there is none."""

        def look() -> Any:
            self.page.wait_for_timeout(20)
            return condition()

        return until(look, seconds=seconds, what=what)

    def shot(self, name: str) -> None:
        """Pictures of the page as it stands, in both themes, wide and on a phone; only when somebody asked for them."""
        if not SHOTS:
            return
        size = self.page.viewport_size or {"width": 1440, "height": 900}
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            for width in (1440, 390):
                self.page.set_viewport_size({"width": width, "height": 900})
                self.page.wait_for_timeout(150)
                path = Path(SHOTS) / f"{name}-{scheme}-{width}.png"
                self.page.screenshot(path=path, full_page=True)
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size(size)

    def seqs(self, run: int) -> list[int]:
        """Every `seq` that the run's transcript shows, from top to bottom."""
        return self.page.locator(f"#run-{run}-events").evaluate(
            "list => [...list.querySelectorAll('li[data-seq]')].map((row) => Number(row.dataset.seq))"
        )

    def strangers(self) -> list[str]:
        """Everything that was asked of another origin."""
        own = urlsplit(self.house.url)
        return [url for url in self.asked if urlsplit(url)[:2] != own[:2] and not url.startswith("data:")]

    def assert_calm(self) -> None:
        """Nothing complained, nothing was refused, nobody else was asked."""
        assert (self.complaints, self.broken, self.strangers()) == ([], [], [])


@contextmanager
def visiting(house: House, browser: Browser, **options: Any) -> Iterator[Visit]:
    """A fresh browser context with one tab; closed afterwards."""
    context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
    context.set_default_timeout(20_000)
    try:
        yield Visit(house, context.new_page())
    finally:
        context.close()

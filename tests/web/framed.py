"""A page on the frame in a real browser: real templates and scripts, answers and socket by the test."""

import json
import mimetypes
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.template.backends.django import DjangoTemplates
from django.test import RequestFactory
from django_htmx.middleware import HtmxDetails
from playwright.sync_api import Browser, Page, Request, Route, WebSocketRoute

ORIGIN = "http://leadroom.test"
POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-abc'; style-src 'self' 'nonce-abc'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'"
)
RAIL = [
    {"label": "Room", "url": "/", "icon": "layout-dashboard", "key": "r", "waiting": 0, "is_current": True},
    {"label": "Align", "url": "/align/", "icon": "compass", "key": "a", "waiting": 2, "is_current": False},
]
TOPBAR = {"agents_running": 2, "ceiling": 4, "is_rehearsal": True, "zone": "UTC", "sign_in_url": "/sign-in/"}

Answer = str | tuple[int, str, dict[str, str]]


def chromium() -> dict[str, Any]:
    """Launch options: the system's Chromium where there is one, without traffic of its own."""
    flags = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    return {
        "executable_path": found,
        "args": [*flags.split(), "--disable-component-update", "--disable-sync"],
    }


@cache
def _engine() -> DjangoTemplates:
    """The project's own template settings, without the processors that ask the database what waits."""
    options = dict(settings.TEMPLATES[0]["OPTIONS"], context_processors=[])
    return DjangoTemplates(
        {"NAME": "frame", "DIRS": settings.TEMPLATES[0]["DIRS"], "APP_DIRS": False, "OPTIONS": options}
    )


def render(source: str, **context: Any) -> str:
    """A page from template source, as a signed-in GET would get it."""
    request = RequestFactory().get("/")
    request.htmx = HtmxDetails(request)  # type: ignore[attr-defined]
    whole = {"rail": RAIL, "topbar": TOPBAR, "csp_nonce": "abc", "waiting_count": 0, **context}
    return _engine().from_string(source).render(whole, request)


class Framed:
    """One open page; `requests` are what it asked for, `said` and `sockets` what its live client did."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.answers: dict[str, Answer | Callable[[Request], Answer]] = {}
        self.requests: list[str] = []
        self.said: list[dict[str, Any]] = []
        self.sockets: list[WebSocketRoute] = []
        self.console: list[str] = []
        self.refuse_sockets = False
        page.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.console.append(f"error: {error}"))
        page.route("**/*", self._answer)
        page.route_web_socket("**/live/", self._accept)

    def _accept(self, socket: WebSocketRoute) -> None:
        self.sockets.append(socket)
        socket.on_message(lambda text: self.said.append(json.loads(text)))
        if self.refuse_sockets:
            socket.close(code=4000)

    def _answer(self, route: Route) -> None:
        path = route.request.url.removeprefix(ORIGIN).split("?")[0]
        if path.startswith("/static/"):
            found = Path(str(finders.find(path.removeprefix("/static/"))))
            return route.fulfill(body=found.read_bytes(), content_type=mimetypes.guess_type(found.name)[0])
        self.requests.append(f"{route.request.method} {path}")
        answer = self.answers.get(path, (204, "", {}))
        if callable(answer):
            answer = answer(route.request)
        status, body, headers = answer if isinstance(answer, tuple) else (200, answer, {})
        headers = {"Content-Security-Policy": POLICY, **headers}
        return route.fulfill(status=status, body=body, content_type="text/html", headers=headers)

    def open(self, source: str, **context: Any) -> Page:
        """Shows a page made from template source at `/` and waits until its script has run."""
        self.answers["/"] = render(source, **context)
        self.page.goto(f"{ORIGIN}/")
        self.page.wait_for_load_state("load")
        return self.page

    def wait(self, check: Callable[[], object], what: str) -> None:
        """Polls for at most three seconds; AssertionError names what did not come."""
        for _ in range(150):
            if check():
                return
            self.page.wait_for_timeout(20)
        raise AssertionError(f"{what}; requests {self.requests}, said {self.said}, console {self.console}")

    def wait_for_socket(self, count: int = 1) -> None:
        self.wait(
            lambda: len(self.sockets) >= count and len(self.subscriptions()) >= count,
            f"no socket number {count}",
        )

    def subscriptions(self) -> list[list[dict[str, Any]]]:
        return [message["subscribe"] for message in self.said if "subscribe" in message]

    def send(self, **message: Any) -> None:
        self.sockets[-1].send(json.dumps(message))

    def tail(self, start: int, end: int, html: str | None = None) -> None:
        rows = "".join(f'<li data-seq="{seq}">line {seq}</li>' for seq in range(start, end + 1))
        self.send(tail={"topic": "run.42", "from": start, "to": end, "html": rows if html is None else html})

    def focused(self) -> str:
        return str(self.page.evaluate("document.activeElement.id"))

    def count(self, request: str) -> int:
        return self.requests.count(request)


@contextmanager
def framed(browser: Browser, **options: Any) -> Iterator[Framed]:
    """A fresh browser context with one framed page; closed afterwards."""
    context = browser.new_context(**options)
    try:
        yield Framed(context.new_page())
    finally:
        context.close()

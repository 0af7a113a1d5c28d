"""Secrets stay where they belong: searched for in every file, page, process and sandbox of a house that uses them."""

import asyncio
import json
import logging
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from leadroom.lib.redaction import HIDDEN, RedactingFormatter
from leadroom.sandbox.profiles import tree_profile
from leadroom.sandbox.shell import run_shell
from tests.e2e.house import House, running_house
from tests.sandbox.conftest import make_tree
from tests.support.program import processes_of, until
from tests.worktrees.repositories import small_repository

pytestmark = pytest.mark.security
MODEL_KEY = "sk-ant-canary-model-4f81c2"
ENDPOINT_KEY = "sk-ant-canary-endpoint-90b7"
SECRET_KEY = "canary-of-the-installation-0123456789abcdef"
CANARIES = (MODEL_KEY, ENDPOINT_KEY, SECRET_KEY)
_CONNECT = """
from pathlib import Path
from leadroom.agents.actions import set_endpoint
from leadroom.lib.actors import Actor, ActorKind
from leadroom.lib.clock import now
from leadroom.pipeline.connecting import connect_project
from leadroom.projects.actions import create_item
from leadroom.projects.people import first_lead
lead = first_lead()
by = Actor(ActorKind.HUMAN, str(lead.pk), "lead")
project = connect_project(name="Shop", source=Path({source!r}), lead=lead, by=by, now=now())
set_endpoint(project=project, role="reviewer", base_url="http://127.0.0.1:9", model="m", key={key!r}, by=by, now=now())
print(create_item(project=project, request="Add a total", stitch_owner=lead, by=by, now=now()).pk)
"""


class Telltale(BaseHTTPRequestHandler):
    """A model's server that refuses, and repeats the key it was given across the place where messages are cut."""

    def do_POST(self) -> None:
        key = self.headers.get("x-api-key") or self.headers.get("Authorization", "").removeprefix("Bearer ")
        self.server.keys.add(key)  # type: ignore[attr-defined]
        said = {"type": "authentication_error", "message": "x" * 285 + f"{key} is not {key}"}
        body = json.dumps({"type": "error", "error": said}).encode()
        self.send_response(401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def model() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Telltale)
    server.keys = set()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


class Visitor:
    """A browser without a screen."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._open = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def ask(self, url: str, *, data: bytes | None = None, **headers: str) -> tuple[int, str]:
        address = url if url.startswith("http") else self.url + url
        try:
            with self._open.open(urllib.request.Request(address, data=data, headers=headers), timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def sign_in(self, link: str) -> None:
        _, html = self.ask(link)
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', html)
        assert token is not None
        assert self.ask(link, data=f"csrfmiddlewaretoken={token[1]}&next=/".encode())[0] == 200


def failed_run(house: House, tmp_path: Path) -> tuple[int, int]:
    """An item whose first run the model's server refuses: both ids."""
    source = str(small_repository(tmp_path / "shop").path)
    item = int(house.python(_CONNECT.format(source=source, key=ENDPOINT_KEY)))
    run = house.run_of(item, "requirements")
    until(lambda: house.run_state(run) == "FAILED", seconds=40, what="the refusal")
    return item, run


def where_in_files(folder: Path, words: tuple[str, ...]) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [f"{path}: {word}" for path in files for word in words if word.encode() in path.read_bytes()]


def test_keys_and_tokens_are_nowhere(tmp_path: Path, model: ThreadingHTTPServer) -> None:
    address = f"http://127.0.0.1:{model.server_address[1]}"
    given = {"ANTHROPIC_API_KEY": MODEL_KEY, "ANTHROPIC_BASE_URL": address, "LEADROOM_SECRET_KEY": SECRET_KEY}
    with running_house(tmp_path, **given) as house:
        item, run = failed_run(house, tmp_path)
        assert model.keys == {MODEL_KEY}  # type: ignore[attr-defined] - it was really used
        link = house.link()
        token = link.rstrip("/").split("/")[-1]
        visitor = Visitor(house.url)
        assert visitor.ask(link, Host="evil.example")[0] == 400
        assert visitor.ask(link, data=b"next=/")[0] == 403  # no token of a form
        assert visitor.ask(link, data=b"next=/", Origin="https://evil.example")[0] == 403
        visitor.sign_in(link)
        assert visitor.ask(link)[0] == 410
        tabs = ("", "reports/", "sources/", "streams/", "alignment/")
        pages = ["/", "/needs/", "/runs/", f"/runs/{run}/", "/projects/", "/projects/shop/", "/no-such-page/"]
        for page in [*pages, *(f"/items/{item}/{tab}" for tab in tabs)]:
            html = visitor.ask(page)[1]
            assert not [word for word in CANARIES if word[:12] in html], page
        assert "refuses model" in visitor.ask(f"/runs/{run}/")[1]
        commands = " ".join(processes_of(house.program.home).values())
        assert "daphne" in commands
        assert not [word for word in CANARIES if word in commands]
        assert where_in_files(house.program.home, CANARIES) == []
        assert where_in_files(house.program.home / "log", (token, MODEL_KEY[:-4], SECRET_KEY[:-4])) == []
        assert where_in_files(house.program.home / "log", (f"/sign-in/{HIDDEN}",)) != []  # such lines are written
        assert not [word for word in CANARIES if word in house.program.said()]
    assert where_in_files(tmp_path / "home", CANARIES) == []


def test_nothing_of_the_environment_is_in_a_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", MODEL_KEY)
    monkeypatch.setenv("LEADROOM_SECRET_KEY", SECRET_KEY)
    tree = make_tree(tmp_path / "projects" / "demo")
    command = "env; cat /proc/*/environ /proc/*/cmdline | tr '\\0' '\\n'; set"
    done = asyncio.run(run_shell(tree_profile(tree, is_writable=True), command, 30.0, marker="run-7"))
    assert "PATH=" in done.text
    assert "canary" not in done.text
    assert "ANTHROPIC" not in done.text


def line(message: str, *args: object, error: BaseException | None = None) -> str:
    formatter = RedactingFormatter("%(levelname)s %(message)s", secrets=[MODEL_KEY, "", "short"])
    given = (type(error), error, None) if error else None
    return formatter.format(logging.LogRecord("x", logging.WARNING, __file__, 1, message, args, given))


@pytest.mark.parametrize("message", ["key %s", "%r", "in a dict %s"])
def test_a_secret_in_a_log_line_is_hidden(message: str) -> None:
    assert MODEL_KEY not in line(message, {"x": MODEL_KEY})
    assert HIDDEN in line(message, MODEL_KEY)


def test_a_secret_in_a_traceback_is_hidden() -> None:
    assert MODEL_KEY not in line("broke", error=ValueError(f"Illegal header value b'{MODEL_KEY}\\n'"))


def test_links_and_passwords_in_addresses_are_hidden() -> None:
    assert line("Gone: %s", "/sign-in/MQ/abc123-def/") == f"WARNING Gone: /sign-in/{HIDDEN}/"
    said = line("no answer from %s", "redis://leadroom:swordfish@10.0.0.1:6379/0")
    assert said == f"WARNING no answer from redis://leadroom:{HIDDEN}@10.0.0.1:6379/0"
    plain = "Not Found: /sign-in/ at http://127.0.0.1:8000/runs/1/, short"
    assert line(plain) == f"WARNING {plain}"

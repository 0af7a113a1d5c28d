"""Requests nobody on our own pages made: forged, from other sites, for other hosts, too large, or only looking."""

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django import Settings

from leadroom.web.accounts import views
from leadroom.web.accounts.links import login_url
from tests import factories as f
from tests.support.snapshot import changed_tables, snapshot

pytestmark = [pytest.mark.security, pytest.mark.django_db]
LOOKING = {"GET", "HEAD", "OPTIONS"}
FOREIGN: dict[str, dict[str, str]] = {
    "another site": {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    "another port": {"Origin": f"http://127.0.0.1:{settings.PORT + 1}", "Sec-Fetch-Site": "same-site"},
    "no origin of its own": {"Origin": "null"},
    "our name in another's": {"Origin": f"http://127.0.0.1:{settings.PORT}.evil.example"},
    "our address by TLS": {"Origin": f"https://127.0.0.1:{settings.PORT}"},
    "the browser's word alone": {"Sec-Fetch-Site": "cross-site"},
    "a sibling of ours": {"Sec-Fetch-Site": "same-site"},
    "words nobody knows": {"Sec-Fetch-Site": "same-origin, cross-site"},
}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "FAILURE_SECONDS", 0.0)


@pytest.fixture
def home(tmp_path: Path, settings: Settings) -> Path:
    (tmp_path / "run").mkdir()
    (tmp_path / "log").mkdir()
    settings.HOME_DIR = tmp_path
    return tmp_path


def patterns(resolver: URLResolver, before: str = "") -> Iterator[tuple[str, str]]:
    for entry in resolver.url_patterns:
        route = before + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield f"/{route}", inspect.getsource(inspect.unwrap(entry.callback))
        else:
            yield from patterns(entry, route)


ROUTES = dict(patterns(get_resolver()))
WRITING = [route for route, source in ROUTES.items() if "@require_GET" not in source and "healthz" not in route]
COOKIES = [route for route in WRITING if not route.startswith("/api/")]
"""Where a cookie counts; webhooks are signed instead (tests/api)."""


def house() -> tuple[User, dict[str, str]]:
    """A lead, and something at work, waiting, failed and finished for every address to be about."""
    lead = f.make_user("root", is_superuser=True)
    project = f.make_project(lead)
    f.make_stitch(f.make_aligned_item(project))
    f.make_plan(f.make_aligned_item(project))
    f.make_question(f.make_item(project))
    f.make_ambiguities(f.make_item(project), 2)
    f.make_stopped_run(f.make_item(project))
    f.make_report(f.make_item(project))
    return lead, {"slug": project.slug, "tab": "plan"}


def filled(route: str, given: dict[str, str], pk: int) -> str:
    """The address with numbers as given, and words that fit."""
    words = {"name": "MQ", "token": "abc-123", **given}
    return re.sub(r"<(\w+):(\w+)>", lambda m: str(pk if m[1] == "int" else words.get(m[2], "x")), route)


def test_the_addresses_that_write_are_found() -> None:
    assert len(WRITING) >= 20
    assert "/plans/<int:pk>/send/" in WRITING
    assert not [route for route in WRITING if route.endswith(("facts/", "panel/", "strips/"))]


def test_no_post_is_taken_without_its_token() -> None:
    lead, given = house()
    client = Client(enforce_csrf_checks=True)
    client.force_login(lead)
    before = snapshot()
    for route in COOKIES:
        for pk in range(1, 4):
            for data in ({}, {"csrfmiddlewaretoken": "x" * 64}):
                answer = client.post(filled(route, given, pk), data)
                assert answer.status_code == 403, route
    assert changed_tables(before) == {}


@pytest.mark.parametrize("name", FOREIGN)
def test_no_post_is_taken_from_elsewhere(name: str) -> None:
    lead, given = house()
    client = Client(headers=FOREIGN[name])
    client.force_login(lead)
    before = snapshot()
    for route in WRITING:
        answer = client.post(filled(route, given, 1))
        assert answer.status_code == 403, route
        assert "came from another site" in answer.content.decode()
    assert changed_tables(before) == {}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
def test_no_other_method_does_anything(method: str) -> None:
    lead, given = house()
    client = Client()
    client.force_login(lead)
    before = snapshot()
    for route in ROUTES:
        if route != "/healthz":
            assert client.generic(method, filled(route, given, 1)).status_code == 405, route
    assert changed_tables(before) == {}


@pytest.mark.parametrize("method", sorted(LOOKING))
def test_looking_has_no_effect(method: str, home: Path) -> None:
    lead, given = house()
    client = Client()
    client.force_login(lead)
    before = snapshot()
    for route in ROUTES:
        for pk in (1, 2, 3, 999_999, 2**63, 10**30):
            answer = client.generic(method, filled(route, given, pk))
            assert answer.status_code < 500, (route, pk)
    assert changed_tables(before) == {}
    assert client.get("/").status_code == 200  # still signed in


HOSTS = ("evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "[::1]",
         "127.0.0.1@evil.example", "evil.example#127.0.0.1", "", "127.0.0.1, evil.example", "0.0.0.0")  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_a_rebound_name_sees_nothing(host: str) -> None:
    lead, _ = house()
    client, forwarded = Client(headers={"Host": host}), Client(headers={"X-Forwarded-Host": "evil.example"})
    client.force_login(lead)
    forwarded.force_login(lead)
    before = snapshot()
    for path in ("/", "/runs/1/", "/sign-in/", "/no-such-page/"):
        for answer in (client.get(path), client.post(path)):
            assert answer.status_code == 400
            assert "Leadroom" not in answer.content.decode()
    assert "evil.example" not in forwarded.get("/").content.decode()
    assert changed_tables(before) == {}


ELSEWHERE = (
    *("https://evil.example/", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example"),
    *("http:evil.example", "javascript:alert(1)", " //evil.example", "\t//evil.example", "/\t/evil.example"),
    *(
        "https:///evil.example",
        "http://testserver@evil.example/",
        "http://testserver.evil.example",
        "ftp://testserver/",
    ),
    *("//testserver:80@evil.example/", "data:text/html,x", "/%0d%0aSet-Cookie:a=b", "/x\r\nSet-Cookie: a=b", "\x00//e"),
)


@pytest.mark.parametrize("wanted", ELSEWHERE)
def test_signing_in_leads_nowhere_else(wanted: str) -> None:
    user = f.make_user("ana")
    user.set_password("a long enough phrase")
    user.save()
    by_password = Client().post("/sign-in/", {"username": "ana", "password": "a long enough phrase", "next": wanted})
    path = login_url(User.objects.get(pk=user.pk)).removeprefix(settings.PUBLIC_URL)
    shown = Client().get(path, {"next": wanted})
    by_link = Client().post(path, {"next": wanted})
    for answer in (by_password, by_link):
        assert answer.status_code == 302
        to = answer.headers["Location"]
        assert re.match(r"/(?![/\\])", to)
        assert not re.search(r"[\r\n\t\x00]", to)
        assert "a" not in answer.cookies
    assert shown.status_code == 200


def test_a_link_is_used_by_its_button_and_by_nothing_before() -> None:
    user = f.make_user()
    path = login_url(user).removeprefix(settings.PUBLIC_URL)
    for headers in ({"Purpose": "prefetch"}, {"Sec-Purpose": "prefetch;prerender"}, {"User-Agent": "Slackbot 1.0"}):
        assert Client(headers=headers).get(path).status_code == 200
    Client().head(path)
    Client().options(path)
    assert Client(enforce_csrf_checks=True).post(path).status_code == 403
    assert Client(headers=FOREIGN["another site"]).post(path).status_code == 403
    user.refresh_from_db()
    assert user.last_login is None
    assert Client().post(path).status_code == 302
    assert Client().post(path).status_code == 410


def test_an_altered_link_is_no_link() -> None:
    one, other = f.make_user(), f.make_user()
    path = login_url(one).removeprefix(settings.PUBLIC_URL)
    *_, name, token, _ = path.split("/")
    theirs = login_url(other).split("/")[-3]
    flipped = token[:-1] + ("0" if token[-1] != "0" else "1")
    early, late = f"1{token[1:]}", f"z{token[1:]}"
    for wrong in (
        (theirs, token),
        (name, flipped),
        (name, early),
        (name, late),
        (name, token[:-1]),
        (name, f"{token}0"),
    ):
        assert Client().post(f"/sign-in/{wrong[0]}/{wrong[1]}/").status_code == 410, wrong
    assert Client().post(path).status_code == 302


def test_a_form_larger_than_any_of_ours_is_refused() -> None:
    lead, _ = house()
    client = Client()
    client.force_login(lead)
    before = snapshot()
    assert client.post("/items/new/", {"request": "x" * 5_300_000}).status_code == 400
    assert client.post("/items/new/", {f"f{n}": "" for n in range(10_000)}).status_code == 400
    body = "&".join(f"f{n}=" for n in range(10_000))
    assert client.post("/items/new/", body, content_type="application/x-www-form-urlencoded").status_code == 400
    assert client.post("/items/new/", {"request": "x" * 4_900_000}).status_code == 422
    assert client.post("/align/1/all/", {f"seen-{n}": "x" for n in range(900)}).status_code < 500
    assert client.post("/plans/1/send/", json.dumps({"a": 1}), content_type="application/json").status_code < 500
    assert client.post("/items/new/", b"\xff\xfe--x", content_type="multipart/form-data; boundary=y").status_code < 500
    assert changed_tables(before) == {}


NAMES = (
    *("text", "reason", "own_answer", "sentence", "summary", "request", "name", "path", "base_url", "key", "model"),
    *("username", "password", "number", "seen", "next", "branch", "setup_command", "title", "query", "role"),
)


def test_half_characters_and_nul_are_no_crash(home: Path) -> None:
    lead, given = house()
    client = Client()
    client.force_login(lead)
    for route in WRITING:
        if route == "/sign-out/":
            continue
        for text in ("\x00", "a\x00b", "\udc80".encode("utf-8", "surrogatepass").decode("latin1")):
            data = {**dict.fromkeys(NAMES, text), "verdict": "change", "risk": "light", "state": "READ"}
            assert client.post(filled(route, given, 1), data).status_code < 500, (route, text)

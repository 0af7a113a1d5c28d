"""Who may call what: every address, every kind of caller, both methods. An unlisted address fails."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from http.cookies import SimpleCookie
from pathlib import Path

import pytest
from django.db import transaction
from django.test import Client
from pytest_django import Settings

from leadroom.guardrails.flag import read_flag, replace_all
from leadroom.ledger.models import Entry
from tests.house.routes import CALLERS, ROUTES, as_table, registered
from tests.house.world import World, make_world
from tests.support.snapshot import changed_tables, snapshot

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
FOREIGN = [
    {"HTTP_SEC_FETCH_SITE": "cross-site"},
    {"HTTP_ORIGIN": "http://127.0.0.1:3000"},
    {"HTTP_ORIGIN": "null"},
]
TYPED = {"nothing": "", "NUL": "a\x00b", "digit": "²", "number": "9" * 40, "long": "<b>\u202e" * 2_000}
INLINE = re.compile(
    r"<script(?![^>]*(?:nonce|src)=)[^>]*>|<style(?![^>]*nonce=)|\sstyle=|\son[a-z]+=|javascript:|hx-on"
)
QUERY = ("q", "state", "role", "before", "view", "density", "show", "severity", "action", "project", "next", "after")


@pytest.fixture
def world(settings: Settings) -> World:
    settings.MODEL_KEY = ""
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    return make_world()


@contextmanager
def undone(client: Client) -> Iterator[None]:
    """What happens inside is taken back, in the database and in the browser."""
    cookies = client.cookies.output(header="")
    locks = read_flag().locks
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    replace_all(lambda: locks)
    client.cookies = SimpleCookie(cookies)


def test_every_address_is_listed_and_every_listed_one_is_there() -> None:
    assert sorted(registered()) == sorted(ROUTES)


def test_the_table_people_read_is_fresh() -> None:
    assert (ROOT / "docs" / "routes.md").read_text() == as_table(), "docs/routes.md says how to write it anew"


@pytest.mark.parametrize("caller", CALLERS)
def test_everybody_gets_what_is_theirs(world: World, caller: str) -> None:
    """And only a decision that was taken changes anything."""
    index, client, wrong = CALLERS.index(caller), world.client(caller), {}
    before = snapshot()
    for name, route in ROUTES.items():
        url, form = route.url(name, world), route.form(world)
        for method, expected in (("get", route.get[index]), ("post", route.post[index])):
            call = client.get if method == "get" else client.post
            with undone(client) if method == "post" and expected in (201, 302) else nullcontext():
                answer = call(url, form if method == "post" else {})
            if answer.status_code != expected:
                wrong[f"{method} {name}"] = (answer.status_code, expected)
            if caller == "anonymous" and answer.status_code == 302 and "/sign-in/" not in answer["Location"]:
                wrong[f"{method} {name}"] = ("goes to", answer["Location"])
    assert wrong == {}
    assert changed_tables(before) == {}


def test_looking_changes_nothing(world: World) -> None:
    """A crawler, a prefetching browser, a preview of a link: GET has no effect, whatever the query."""
    client, before, entries = world.client("lead"), snapshot(), Entry.objects.count()
    seen = 0
    region = {"region": "1", "q": "shares", "before": "9", "state": "RUNNING", "view": "list"}
    for name, route in ROUTES.items():
        url = route.url(name, world)
        seen += client.get(url).status_code == 200
        seen += client.get(url, region, HTTP_HX_REQUEST="true").status_code == 200
    assert seen > 60
    assert Entry.objects.count() == entries
    assert changed_tables(before) == {}


def test_every_page_forbids_what_is_not_ours(world: World) -> None:
    """A strict policy, no frames, no sniffing; and nothing in the page that the policy would have to stop."""
    client, wrong = world.client("lead"), {}
    for name, route in ROUTES.items():
        answer = client.get(route.url(name, world))
        policy = answer.get("Content-Security-Policy", "")
        words = policy.replace("; ", ";").split(";")
        ok = (
            "default-src 'none'" in words
            and "frame-ancestors 'none'" in words
            and "base-uri 'none'" in words
            and "unsafe" not in policy
            and "*" not in policy
            and answer.get("X-Frame-Options") == "DENY"
            and answer.get("X-Content-Type-Options") == "nosniff"
            and answer.get("Referrer-Policy") == "same-origin"
        )
        html = answer.content.decode() if "html" in answer.get("Content-Type", "") else ""
        if not ok or (inline := INLINE.findall(html)):
            wrong[name] = policy[:80] if not ok else inline
    assert wrong == {}


def test_a_form_without_its_token_does_nothing(world: World) -> None:
    client, before = world.client("lead", enforce_csrf_checks=True), snapshot()
    wrong = {}
    for name, route in ROUTES.items():
        answer = client.post(route.url(name, world), route.form(world))
        if answer.status_code not in (403, 405) and name not in ("healthz", "api:hook"):
            wrong[name] = answer.status_code
    assert wrong == {}
    assert changed_tables(before) == {}


@pytest.mark.parametrize("headers", FOREIGN, ids=lambda headers: " ".join(headers.values()))
def test_a_form_from_another_site_does_nothing(world: World, headers: dict[str, str]) -> None:
    client, before = world.client("lead"), snapshot()
    for name, route in ROUTES.items():
        answer = client.post(route.url(name, world), route.form(world), **headers)
        assert answer.status_code == 403, name
    assert changed_tables(before) == {}


def test_no_token_of_a_run_opens_anything(world: World) -> None:
    """Agents have no way in: no header signs anybody in."""
    client = Client(HTTP_AUTHORIZATION="Bearer run-1", HTTP_X_API_KEY="run-1", REMOTE_USER=world.lead.username)
    before = snapshot()
    for name, route in ROUTES.items():
        url = route.url(name, world)
        assert client.get(url).status_code == route.get[0], name
        assert client.post(url, route.form(world)).status_code == route.post[0], name
    assert changed_tables(before) == {}


@pytest.mark.parametrize("value", TYPED.values(), ids=TYPED.keys())
def test_no_form_and_no_query_breaks_a_page(world: World, value: str) -> None:
    """Whatever is typed, the answer is a page or a sentence, never a traceback."""
    client, wrong = world.client("lead"), {}
    for name, route in ROUTES.items():
        url, form = route.url(name, world), route.form(world)
        if name not in ("accounts:sign_in", "accounts:sign_out", "projects:try_endpoint"):
            for broken in ({**form, key: value} for key in form):
                with undone(client):
                    status = client.post(url, broken).status_code
                if status >= 500:
                    wrong[f"post {name} {broken.keys()}"] = status
        with undone(client):
            status = client.get(url, dict.fromkeys(QUERY, value)).status_code
        if status >= 500:
            wrong[f"get {name}"] = status
    assert wrong == {}


def test_ids_that_are_no_ids_are_not_found(world: World) -> None:
    client = world.client("lead")
    for name, route in ROUTES.items():
        arguments = route.arguments(world)
        if not arguments or name == "accounts:link":
            continue
        url = route.url(name, world)
        for wrong in ("0", "9" * 18, "9" * 40):
            if isinstance(arguments[0], int):
                answer = client.get(url.replace(f"/{arguments[0]}/", f"/{wrong}/", 1))
                assert answer.status_code in (404, 405), (name, wrong)

"""Stored XSS: whatever an agent, a repository or a model's server writes is shown as words, on every page."""

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from leadroom.web.accounts import views
from leadroom.web.live import reads
from tests.security import hostile_scene
from tests.security.hostile_scene import BRANCHES, Scene
from tests.security.payloads import PAYLOADS, Page, collapsed, visible

pytestmark = [pytest.mark.security, pytest.mark.django_db]
HTMX = {"HX-Request": "true"}
NOT_SHOWN = {
    *("set-up", "model name"),  # in fields of forms alone
    *("commit message", "second commit message", "input in depth"),
    *(f"file {n}" for n in range(len(hostile_scene.FILES))),
}
"""Texts that no page shows as words, or only in another form (a difference, indented JSON)."""


@pytest.fixture
def home(tmp_path: Path, settings: Settings) -> Path:
    folder = tmp_path / "home"
    for name in ("run", "keys", "projects"):
        (folder / name).mkdir(parents=True)
    settings.HOME_DIR = folder
    return folder


@pytest.fixture
def scene(home: Path) -> Scene:
    return hostile_scene.build(home.parent)


def client_of(scene: Scene) -> Client:
    client = Client()
    client.force_login(scene.lead)
    return client


def wrong_in(client: Client, urls: Iterable[str], headers: dict[str, str]) -> tuple[dict[str, list[str]], list[Page]]:
    """What is wrong on each page, and the pages taken apart."""
    wrong, pages = {}, []
    for url in urls:
        answer = client.get(url, headers=headers)
        assert answer.status_code == 200, url
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
        page = Page(answer.content.decode())
        pages.append(page)
        if page.wrong:
            wrong[url] = page.wrong[:5]
    return wrong, pages


@pytest.mark.parametrize("first", [0, len(PAYLOADS) // 2])
def test_every_page_shows_hostile_words_as_words(home: Path, first: int) -> None:
    scene = hostile_scene.build(home.parent, first=first)
    wrong, pages = wrong_in(client_of(scene), scene.urls, {})
    assert wrong == {}
    text = " ".join(page.text for page in pages)
    unseen = {name for name, words in scene.texts.items() if not any(form in text for form in visible(words))}
    assert unseen - NOT_SHOWN == set()


def test_regions_drawn_anew_are_no_other(scene: Scene) -> None:
    regions = [f"{url}?region=1" if url.startswith("/items/") and "head" not in url else url for url in scene.urls]
    wrong, _ = wrong_in(client_of(scene), regions, HTMX)
    assert wrong == {}


def test_rows_of_the_live_lane_are_those_of_the_page(scene: Scene) -> None:
    seen = ""
    for run in scene.runs:
        batches = reads.rows_after(run.pk, 0).batches
        html = "".join(json.loads(batch.text)["tail"]["html"] for batch in batches)
        page = Page(html)
        assert page.wrong == []
        assert html.count("<li ") == run.events.count()
        seen += page.text
    for name in ("line message", "line error", "output", "input value", "line thought", "author"):
        assert any(form in seen for form in visible(scene.texts[name])), name


def test_what_was_typed_comes_back_as_it_was_typed(scene: Scene) -> None:
    client = client_of(scene)
    plan = next(url for url in reversed(scene.urls) if url.startswith("/plans/") and url != "/plans/")
    for payload in PAYLOADS[::2]:
        answers = [
            client.post("/items/new/", {"request": payload, "title": payload * 20, "project": payload}),
            client.post("/projects/new/", {"path": f"/{payload}"}),
            client.post(f"{plan}send/", {"verdict": "approve", "summary": payload, "seen": payload}),
            client.get("/triage/", {"severity": payload, "q": payload, "show": payload, "after": payload}),
            client.get(f"/runs/{scene.runs[0].pk}/", {"q": payload}),
            client.get("/", {"view": payload, "density": payload}),
            client.get(f"/{payload}/"),
        ]
        for answer in answers:
            assert answer.status_code < 500
            assert Page(answer.content.decode()).wrong == []


def test_a_stranger_is_shown_words_too(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "FAILURE_SECONDS", 0.0)
    for payload in PAYLOADS[::3]:
        answers = [
            client.post("/sign-in/", {"username": payload, "password": "x", "next": payload}),
            client.get("/sign-in/", {"next": payload}),
            client.get(f"/sign-in/{payload}/y/"),
        ]
        for answer in answers:
            assert answer.status_code < 500
            assert Page(answer.content.decode()).wrong == []


def test_a_repository_is_looked_at_with_all_its_names(scene: Scene) -> None:
    client = client_of(scene)
    path = str(scene.repository.path)
    for data in ({"path": path}, {"path": path, "connect": "1", "name": "<b>", "branch": "<script>", "publish": "<"}):
        answer = client.post("/projects/new/", data)
        page = Page(answer.content.decode())
        assert page.wrong == []
        assert "<script>alert(1)<" in page.text  # the hook's name, in a warning
        html = answer.content.decode()
        assert html.count("<option value=") >= len(BRANCHES)


def test_a_refusal_of_htmx_travels_as_json(scene: Scene) -> None:
    client = client_of(scene)
    for payload in PAYLOADS:
        answer = client.post("/projects/evenly/endpoint/", {"base_url": payload, "model": payload}, headers=HTMX)
        assert answer.status_code == 422
        assert answer.headers["HX-Trigger"].isascii()
        assert set(json.loads(answer.headers["HX-Trigger"])) == {"toast"}


@pytest.mark.parametrize("payload", [payload for payload in PAYLOADS if "<" in payload and "script>" in payload])
def test_the_same_words_unescaped_would_be_found(payload: str) -> None:
    """Else none of the tests above would prove anything."""
    assert Page(f"<p>{payload}</p>").wrong
    assert Page(f"<p>{collapsed(payload)}</p>").wrong

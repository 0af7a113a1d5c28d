"""Too much of everything: pages stay small and quick, and what was cut says so."""

import random
import string
import time
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from leadroom.agents.enums import EventKind, Role
from leadroom.agents.models import Run, RunEvent
from leadroom.web.live import reads
from leadroom.web.runs.presenters import EVENTS_SHOWN, WEIGHT_SHOWN
from leadroom.web.templatetags.difftext import parse_diff
from leadroom.web.templatetags.safetext import ansi_html, plain_html
from tests import factories as f

pytestmark = [pytest.mark.security, pytest.mark.django_db]
SECONDS = 1.0
QUERIES = 30
LARGEST = 3 * WEIGHT_SHOWN
RESULT: dict[str, Any] = {"name": "run_command", "is_error": False, "seconds": 1, "paths": ["a.py"], "diff": ""}
ADDED = "--- a/x.py\n+++ b/x.py\n@@ -0,0 +1,1400 @@\n" + "+x = '1' + y\n" * 1_400
FLOODS: dict[str, tuple[int, dict[str, Any]]] = {
    "many small rows": (20_000, {**RESULT, "text": "ok"}),
    "results of 60 kB": (500, {**RESULT, "text": "x" * 60_000}),
    "zero-width characters": (450, {**RESULT, "text": "\u200b\u200c" * 10_000}),
    "every other one hidden": (450, {**RESULT, "text": "a\u2066" * 10_000}),
    "colours": (450, {**RESULT, "text": "\x1b[31mx\x1b[32my" * 2_000}),
    "quotes": (450, {**RESULT, "text": "'\"<&" * 5_000}),
    "line breaks": (450, {**RESULT, "text": "\n" * 20_000}),
    "differences": (450, {**RESULT, "name": "edit_file", "text": "ok", "diff": ADDED}),
    "many paths": (2_000, {**RESULT, "text": "ok", "paths": [f"{n}/{'p' * 100}.py" for n in range(50)]}),
    "names": (450, {**RESULT, "name": "n" * 100_000, "text": "ok"}),
}


def flooded(count: int, payload: dict[str, Any], kind: EventKind = EventKind.TOOL_RESULT) -> Run:
    run = f.make_running_run(f.make_item(), Role.DEVELOPER)
    run.refresh_from_db()
    first = run.last_seq + 1
    rows = (RunEvent(run=run, seq=first + n, at=f.NOW, kind=kind, payload=payload) for n in range(count))
    RunEvent.objects.bulk_create(rows, batch_size=500)
    Run.objects.filter(pk=run.pk).update(last_seq=run.last_seq + count, last_event_at=f.NOW)
    run.refresh_from_db()
    return run


def best_of(tries: int, work: Any) -> tuple[float, Any]:
    """The shortest time of several tries, because the machine may be busy, and the last answer."""
    times = []
    for _ in range(tries):
        began = time.process_time()
        answer = work()
        times.append(time.process_time() - began)
        if times[-1] < SECONDS:
            break
    return min(times), answer


@pytest.mark.parametrize("name", FLOODS)
def test_a_page_of_a_flooded_run_is_small_and_quick(client: Client, name: str) -> None:
    run = flooded(*FLOODS[name])
    client.force_login(f.lead_of(run.item.project))
    client.get("/runs/")  # whatever a process does once
    for path in (f"/runs/{run.pk}/", f"/runs/{run.pk}/facts/", f"/runs/{run.pk}/?q=nothing+like+this", "/", "/runs/"):
        with CaptureQueriesContext(connection) as asked:
            seconds, answer = best_of(3, lambda path=path: client.get(path))
        assert answer.status_code == 200
        assert seconds < SECONDS, path
        assert len(answer.content.decode()) < LARGEST, path
        assert len(asked) <= 3 * QUERIES, path


@pytest.mark.parametrize(
    ("name", "count"), [("zero-width characters", 90), ("differences", 8), ("many small rows", 2 * EVENTS_SHOWN)]
)
def test_what_a_page_leaves_out_can_be_loaded_to_the_first_row(client: Client, name: str, count: int) -> None:
    run = flooded(count, FLOODS[name][1])
    client.force_login(f.lead_of(run.item.project))
    url, seen = f"/runs/{run.pk}/", 0
    for _ in range(run.last_seq):
        html = client.get(url).content.decode()
        seen += html.count(" data-seq=")
        before = html.partition("earlier/?before=")[2].partition('"')[0]
        if not before:
            break
        url = f"/runs/{run.pk}/earlier/?before={before}"
    assert seen == run.last_seq


@pytest.mark.parametrize(("name", "count"), [("zero-width characters", 40), ("colours", 40), ("differences", 5)])
def test_the_live_lane_sends_a_flood_in_pieces(name: str, count: int) -> None:
    run = flooded(count, FLOODS[name][1])
    at, sizes = 0, []
    while at < run.last_seq:
        page = reads.rows_after(run.pk, at)
        sizes += [len(batch.text) for batch in page.batches]
        assert sum(len(batch.text) for batch in page.batches) < LARGEST
        assert page.batches[0].first == at + 1
        at = page.batches[-1].last
    assert max(sizes) < 800_000


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = {"k": [value]}
    return value


def test_deep_and_wide_inputs_are_drawn(client: Client) -> None:
    given = {"deep": nested(90), "wide": {f"k{n}": ["v" * 10] * 60 for n in range(60)}}
    run = flooded(50, {"name": "report", "title": "t", "kind": "house", "input": given}, EventKind.TOOL_CALL)
    client.force_login(f.lead_of(run.item.project))
    seconds, answer = best_of(3, lambda: client.get(f"/runs/{run.pk}/"))
    assert answer.status_code == 200
    assert seconds < SECONDS
    assert len(answer.content) < LARGEST


HIDDEN = "\u200b\u200c\u2066\u202e\U000e0041"


@pytest.mark.parametrize("draw", [plain_html, ansi_html])
def test_a_flood_of_hidden_characters_is_counted_and_none_is_lost(draw: Any) -> None:
    text = HIDDEN * 4_000
    html = draw(text)
    assert len(html) < 2 * len(text)
    assert html.count('class="chip-char"') == 33
    assert html.count("\ufffd") == len(text) - 32
    assert "19,968 more hidden characters" in html
    assert not set(HIDDEN) & set(html)


def sources() -> dict[str, str]:
    noise = random.Random(7)
    return {
        "brackets": "([{" * 130,
        "quotes": "'\"`" * 130,
        "open comment": "/* " * 130,
        "slashes": "\\" * 390,
        "words": "a" * 390,
        "spaces": " " * 390,
        "f-strings": 'f"{' * 130,
        "tags": "<a " * 130,
        "dashes": "--" * 195,
        "numbers": "1_" * 195,
        "noise": "".join(noise.choices(string.printable.replace("\n", "").replace("\r", ""), k=390)),
        "dollars": "${" * 195,
        "colons": "a: " * 130,
        "at": "@a." * 130,
    }


EXTENSIONS = ("py", "js", "ts", "json", "html", "css", "toml", "yaml", "sql", "go", "c", "java", "sh", "rs")


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_no_text_makes_the_colouring_of_a_difference_slow(extension: str) -> None:
    for name, row in sources().items():
        lines = f"+{row}\n" * 140
        patch = f"--- a/x.{extension}\n+++ b/x.{extension}\n@@ -0,0 +1,140 @@\n{lines}"
        seconds, files = best_of(2, lambda patch=patch: parse_diff(patch))
        assert files[0].added == 140
        assert seconds < SECONDS, name

"""What a run said is drawn as one row per event, whatever it said."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadroom.agents.enums import EventKind
from leadroom.agents.models import RunEvent
from leadroom.lib.clock import now
from leadroom.web.runs.transcript import DIFF_LIMIT, SHOWN_LIMIT, rows_html

DIFF = "diff --git a/money.py b/money.py\n--- a/money.py\n+++ b/money.py\n@@ -1 +1 @@\n-cents\n+shares\n"


def _html(kind: str, payload: Any, seq: int = 7) -> str:
    return rows_html(42, [RunEvent(run_id=42, seq=seq, at=now(), kind=kind, payload=payload)])


def _shown(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


class _Tags(HTMLParser):
    """Elements of a fragment, and whether every one of them is closed where it should be."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.is_balanced = True
        self.feed(html)
        self.is_balanced &= not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.seen.append((tag, dict(attrs)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.is_balanced &= bool(self.open) and self.open.pop() == tag


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=60),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
_hostile = st.text("<>\"'&/=;:\x1b[0m\u202e\ud800 \nlipresdatscor-", max_size=200)
_fields = st.fixed_dictionaries(
    {},
    optional={
        name: _json | _hostile
        for name in ("text", "author", "name", "title", "kind", "input", "diff", "seconds", "is_error", "phase")
    }
    | {"input_tokens": _json, "output_tokens": _json},
)


@settings(max_examples=150, deadline=None)
@given(kind=st.sampled_from([*EventKind.values, "later-kind"]), payload=_fields | _json)
def test_any_payload_gives_one_well_formed_row(kind: str, payload: Any) -> None:
    html = _html(kind, payload)
    tags = _Tags(html)
    rows = [attrs for tag, attrs in tags.seen if tag == "li"]
    assert [(row["id"], row["data-seq"]) for row in rows] == [("run-42-e7", "7")]
    assert tags.is_balanced
    allowed = {"li", "span", "time", "svg", "use", "div", "details", "summary", "p", "pre", "strong"}
    assert {tag for tag, _ in tags.seen} <= allowed
    assert not any(name.startswith(("on", "hx-on", "style")) for _, attrs in tags.seen for name in attrs)
    html.encode("utf-8")


@pytest.mark.parametrize(
    ("kind", "payload", "colour", "words"),
    [
        ("prompt", {"text": "Mind the cents", "author": "Ann"}, "human", "Ann: Mind the cents"),
        ("prompt", {"text": "The brief\n" * 30, "author": "Leadroom"}, "brief", "Leadroom told the agent The brief"),
        ("thought", {"text": "Rounding?"}, "thought", "Thought Rounding?"),
        ("message", {"text": "Done & dusted"}, "text", "Done &amp; dusted"),
        ("phase", {"text": "Code: shares"}, "phase", "Code: shares"),
        ("usage", {"input_tokens": 1234, "output_tokens": 5}, "usage", "1.2k tokens in, 5 out"),
        ("error", {"text": "No answer"}, "error", "No answer"),
        ("state", {"text": "Goes on"}, "state", "Goes on"),
        ("tool_call", {"name": "ask", "input": {"question": "Which cents?"}}, "ask", "ask Which cents?"),
    ],
)
def test_each_kind_says_what_happened(kind: str, payload: dict[str, Any], colour: str, words: str) -> None:
    html = _html(kind, payload)
    assert f'data-kind="{colour}"' in html
    assert words in _shown(html)


def test_a_call_shows_its_target_and_folds_its_input() -> None:
    payload = {
        "name": "run_command",
        "kind": "execute",
        "title": "run_command pytest -q",
        "input": {"command": "pytest -q"},
    }
    html = _html("tool_call", payload)
    summary, _, body = html.partition("</summary>")
    assert "run_command pytest -q" in _shown(summary)
    assert "command pytest -q" in _shown(body)
    assert "<details" in summary
    assert " open" not in summary


def test_a_result_tells_how_it_went_and_shows_colours_and_changes() -> None:
    payload = {"name": "edit_file", "is_error": True, "seconds": 1.25, "text": "\x1b[31mno\x1b[0m", "diff": DIFF}
    html = _html("tool_result", payload)
    summary, _, body = html.partition("</summary>")
    assert "Failed 1.2 s" in _shown(summary)
    assert 'data-tone="bad"' in summary
    assert '<span class="ansi-1">no</span>' in body
    assert "money.py" in body
    assert 'data-line="add"' in body


def test_long_output_is_cut_with_a_sentence() -> None:
    html = _html(
        "tool_result", {"name": "run_command", "text": "y" * (SHOWN_LIMIT + 1234), "diff": "d" * (DIFF_LIMIT + 1)}
    )
    assert len(html) < SHOWN_LIMIT + 3_000
    assert "1234 more characters are kept but not drawn here." in html
    assert f"The change of {DIFF_LIMIT + 1} characters is too long to draw here" in html


def test_hidden_characters_of_an_agent_are_seen() -> None:
    html = _html("message", {"text": "safe\u202eexe.txt"})
    assert "\u202e" not in html
    assert "U+202E" in html


def test_rows_come_in_order_one_per_event() -> None:
    events = [RunEvent(run_id=42, seq=n, at=now(), kind="usage", payload={}) for n in (3, 4, 9)]
    assert re.findall(r'<li id="run-42-e(\d+)" data-seq="(\d+)"', rows_html(42, events)) == [
        ("3", "3"),
        ("4", "4"),
        ("9", "9"),
    ]

"""What the page's own script adds to forms and transcripts, in a real browser."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.web.framed import Framed, chromium, framed

PAGE = '{% extends "base.html" %}{% block content %}'


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_type_launch_args, **chromium()}


@pytest.fixture
def frame(browser: Browser) -> Iterator[Framed]:
    with framed(browser) as opened:
        yield opened
        assert not [line for line in opened.console if line.startswith("error")]


def test_a_counter_follows_what_is_typed(frame: Framed) -> None:
    source = '<textarea id="text">ab</textarea><output data-counts="text">2</output>{% endblock %}'
    page = frame.open(PAGE + source)
    page.locator("#text").focus()
    page.keyboard.press("End")
    page.keyboard.type("c 😀")
    frame.wait(lambda: page.locator("output").inner_text() == "5", "the counter did not follow")


def test_a_key_jumps_from_error_to_error_and_lets_go_of_the_end(frame: Framed) -> None:
    rows = "".join(
        f'<li id="e{n}" data-seq="{n}" data-kind="{"error" if n in (3, 40) else "text"}">line {n}</li>'
        for n in range(1, 61)
    )
    source = (
        f'<ol class="log" id="events" data-tail="run.42" data-after="60" tabindex="0">{rows}</ol>'
        '<button data-jumps="events" data-jumps-to="[data-kind=\'error\']" data-key="e">Next error</button>'
        '<button data-follow-toggle="events" aria-pressed="true">Follow</button>{% endblock %}'
    )
    page = frame.open(PAGE + source)
    for expected in ("e3", "e40", "e3"):
        page.keyboard.press("e")
        frame.wait(
            lambda expected=expected: frame.focused() == expected, f"{expected} was not reached from {frame.focused()}"
        )
    assert page.locator("[data-follow-toggle]").get_attribute("aria-pressed") == "false"


def test_rows_that_arrive_live_tell_the_time_in_the_persons_zone(frame: Framed) -> None:
    def row(seq: int, at: str) -> str:
        time = f'<time datetime="{at}" title="then">21:30:05</time>'
        return f'<li id="e{seq}" data-seq="{seq}" data-kind="text"><span class="log-time">{time}</span>line {seq}</li>'

    source = (
        '<ol class="log" id="events" data-tail="run.42" data-after="0" tabindex="0"></ol>'
        '<script src="/static/run.js" defer nonce="{{ csp_nonce }}"></script>{% endblock %}'
    )
    topbar = {"agents_running": 0, "ceiling": 2, "zone": "Asia/Tokyo", "sign_in_url": "/sign-in/"}
    page = frame.open(PAGE + source, topbar=topbar)
    frame.wait_for_socket()
    frame.tail(1, 1, row(1, "2026-11-22T21:30:05+00:00"))
    frame.wait(lambda: page.locator("#e1").count() == 1, "the row did not come")
    shown = page.locator("#e1 time")
    frame.wait(lambda: shown.inner_text() == "06:30:05", "the time stayed as it was sent")
    assert shown.get_attribute("title") == "23 Nov 06:30:05"
    frame.tail(1, 1, row(1, "2026-11-22T21:30:06+00:00"))
    assert shown.inner_text() == "06:30:05", "what is there already is not drawn again"

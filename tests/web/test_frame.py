"""The frame in a real browser: live lanes, keys, focus, toasts, refusals."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.web.framed import ORIGIN, Framed, chromium, framed, render

PAGE = '{% extends "base.html" %}{% block title %}Room · Leadroom{% endblock %}{% block content %}'
REGION = (
    '<section id="list" data-live="item.3 runs" hx-get="/list/" hx-trigger="news" hx-swap="outerMorph"'
    " data-rows>"
    "{body}</section>"
)
TAIL = (
    '<ol class="log" id="run-42-events" data-tail="run.42" data-after="2" tabindex="0"'
    ' aria-label="Transcript">'
    '<li data-seq="1">line 1</li><li data-seq="2">line 2</li></ol>'
    '<button data-follow-toggle="run-42-events" aria-pressed="true">Follow</button>'
)


def row(number: int, state: str = "open", extra: str = "") -> str:
    return (
        f'<article id="row-{number}" data-row data-state="{state}" data-href="/row/{number}/" tabindex="-1">'
        f'<form hx-post="/approve/{number}/" hx-swap="none"><button data-key="a">Approve</button></form>'
        f"{extra}</article>"
    )


def region(*numbers: int, extra: str = "") -> str:
    return REGION.format(body="".join(map(row, numbers)) + extra)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_type_launch_args, **chromium()}


@pytest.fixture
def frame(browser: Browser) -> Iterator[Framed]:
    with framed(browser, viewport={"width": 1280, "height": 800}) as opened:
        yield opened


def test_interest_follows_what_the_page_shows(frame: Framed):
    frame.open(PAGE + region(1) + TAIL + "{% endblock %}")
    frame.wait_for_socket()
    assert frame.subscriptions()[0] == [
        {"topic": "item.3"},
        {"topic": "runs"},
        {"topic": "run.42", "after": 2},
    ]
    frame.answers["/list/"] = region(1).replace("item.3 runs", "item.3 item.9")
    frame.send(news=[{"topic": "item.3"}])
    frame.wait(lambda: [{"topic": "item.9"}] in frame.subscriptions(), "the new topic was not asked for")
    assert {"unsubscribe": [{"topic": "runs"}]} in frame.said


def test_a_burst_of_news_is_one_request_and_one_more_while_it_is_under_way(frame: Framed):
    frame.answers["/list/"] = region(1)
    frame.open(PAGE + region(1) + "{% endblock %}")
    frame.wait_for_socket()
    frame.wait(lambda: frame.count("GET /list/") == 1, "the first refresh did not come")

    def slow(_request: object) -> str:
        if frame.count("GET /list/") == 2:
            for _ in range(5):
                frame.send(news=[{"topic": "item.3"}])
            frame.page.evaluate("1")
        return region(1, 2)

    frame.answers["/list/"] = slow
    for _ in range(10):
        frame.send(news=[{"topic": "item.3"}, {"topic": "runs"}])
    expect(frame.page.locator("#row-2")).to_be_visible()
    frame.wait(lambda: frame.count("GET /list/") == 3, "what came during the request was forgotten")
    frame.page.wait_for_timeout(200)
    assert frame.count("GET /list/") == 3


def test_lines_arrive_in_order_exactly_once_and_gaps_are_asked_for(frame: Framed):
    frame.open(PAGE + TAIL + "{% endblock %}")
    frame.wait_for_socket()
    frame.tail(3, 4)
    frame.tail(2, 5)
    frame.tail(3, 5)
    frame.tail(9, 9)
    frame.tail(10, 10)
    frame.wait(lambda: [{"topic": "run.42", "after": 5}] in frame.subscriptions(), "the gap was not asked for")
    assert len(frame.subscriptions()) == 2
    frame.tail(6, 10)
    expect(frame.page.locator("#run-42-events")).to_have_attribute("data-after", "10")
    lines = frame.page.locator("#run-42-events > li").all_inner_texts()
    assert lines == [f"line {seq}" for seq in range(1, 11)]


def test_a_row_that_ends_replaces_its_beginning_and_stays_unfolded(frame: Framed):
    frame.open(PAGE + TAIL + "{% endblock %}")
    frame.wait_for_socket()
    call = '<li id="call-7" data-seq="{}"><details id="call-7-more"><summary>{}</summary>out</details></li>'
    frame.tail(3, 3, call.format(3, "running"))
    frame.page.locator("#call-7 summary").click()
    frame.tail(4, 6, '<li data-seq="4">line 4</li>' + call.format(6, "done"))
    expect(frame.page.locator("#call-7 summary")).to_have_text("done")
    expect(frame.page.locator("#call-7 details")).to_have_attribute("open", "")
    assert [text.split("\n")[0] for text in frame.page.locator("#run-42-events > li").all_inner_texts()] == [
        "line 1",
        "line 2",
        "done",
        "line 4",
    ]
    expect(frame.page.locator("#run-42-events")).to_have_attribute("data-after", "6")


def test_scrolling_up_lets_go_of_the_end_and_the_button_takes_hold_again(frame: Framed):
    frame.open(PAGE + TAIL + "{% endblock %}")
    frame.wait_for_socket()
    frame.tail(3, 120)
    at_end = """() => {
        const log = document.querySelector(".log");
        return log.scrollTop + log.clientHeight > log.scrollHeight - 30;
    }"""
    frame.page.wait_for_function(at_end)
    frame.page.locator(".log").hover()
    frame.page.mouse.wheel(0, -600)
    expect(frame.page.locator("[data-follow-toggle]")).to_have_attribute("aria-pressed", "false")
    frame.tail(121, 130)
    expect(frame.page.locator(".log")).to_have_attribute("data-after", "130")
    assert not frame.page.evaluate(at_end)
    frame.page.locator("[data-follow-toggle]").click()
    frame.page.wait_for_function(at_end)


def test_a_lost_connection_shows_a_banner_comes_back_with_its_position_and_refreshes(frame: Framed):
    frame.answers["/list/"] = region(1)
    frame.open(PAGE + region(1) + TAIL + "{% endblock %}")
    frame.wait_for_socket()
    frame.send(at="2026-11-22T10:02:03Z")
    frame.tail(3, 7)
    expect(frame.page.locator(".log")).to_have_attribute("data-after", "7")
    frame.wait(lambda: frame.count("GET /list/") == 1, "no first refresh")
    frame.refuse_sockets = True
    frame.sockets[-1].close(code=1012)
    expect(frame.page.locator("#live-banner")).to_contain_text("Live updates paused, as of 10:02:03")
    frame.refuse_sockets = False
    frame.answers["/list/"] = region(1, 2)
    expect(frame.page.locator("#row-2")).to_be_visible()
    expect(frame.page.locator("#live-banner")).to_be_hidden()
    assert {"topic": "run.42", "after": 7} in frame.subscriptions()[-1]


def test_a_client_that_was_too_slow_comes_back_at_once(frame: Framed):
    frame.open(PAGE + TAIL + "{% endblock %}")
    frame.wait_for_socket()
    frame.tail(3, 3)
    expect(frame.page.locator(".log")).to_have_attribute("data-after", "3")
    frame.sockets[-1].close(code=4408)
    frame.wait_for_socket(2)
    assert frame.subscriptions()[-1] == [{"topic": "run.42", "after": 3}]


def test_a_socket_that_fell_silent_is_replaced(frame: Framed):
    frame.page.clock.install()
    frame.open(PAGE + TAIL + "{% endblock %}")
    frame.wait_for_socket()
    frame.tail(3, 3)
    expect(frame.page.locator(".log")).to_have_attribute("data-after", "3")
    frame.refuse_sockets = True
    frame.page.clock.run_for(13_000)
    expect(frame.page.locator("#live-banner")).to_be_visible()
    frame.refuse_sockets = False
    frame.page.clock.run_for(6_000)
    frame.wait(lambda: frame.page.locator("#live-banner").is_hidden(), "the banner did not heal")
    assert frame.subscriptions()[-1] == [{"topic": "run.42", "after": 3}]


def test_an_ended_session_leads_to_sign_in(frame: Framed):
    frame.answers["/sign-in/"] = "<h1>Sign in</h1>"
    frame.open(PAGE + TAIL + "{% endblock %}")
    frame.wait_for_socket()
    frame.sockets[-1].close(code=4401)
    frame.page.wait_for_url(f"{ORIGIN}/sign-in/?next=%2F")


def test_a_failed_refresh_keeps_what_is_shown(frame: Framed):
    frame.answers["/list/"] = (500, "<h1>Server Error</h1>", {})
    frame.open(PAGE + region(1, 2) + "{% endblock %}")
    frame.wait(lambda: frame.count("GET /list/") == 1, "no refresh")
    frame.send(news=[{"topic": "item.3"}])
    frame.wait(lambda: frame.count("GET /list/") == 2, "no second refresh")
    expect(frame.page.locator("#row-2")).to_be_visible()
    assert frame.page.locator(".toast").count() == 0


def test_news_neither_steals_focus_nor_typed_text_nor_open_folds(frame: Framed):
    fold = '<details id="fold"><summary>More</summary>x</details>'
    extra = '<input id="answer" class="input" aria-label="Answer">' + fold
    frame.open(PAGE + region(1, 2, extra=extra) + "{% endblock %}")
    frame.wait_for_socket()
    frame.page.locator("#fold summary").click()
    frame.page.locator("#answer").fill("half a sen")
    frame.answers["/list/"] = region(1, 2, 3, extra=extra)
    frame.send(news=[{"topic": "item.3"}])
    expect(frame.page.locator("#row-3")).to_be_visible()
    assert frame.focused() == "answer"
    expect(frame.page.locator("#answer")).to_have_value("half a sen")
    expect(frame.page.locator("#fold")).to_have_attribute("open", "")


def test_after_a_verdict_the_focus_is_on_the_next_row(frame: Framed):
    frame.answers["/list/"] = region(1, 2, 3)
    frame.open(PAGE + region(1, 2, 3) + "{% endblock %}")
    frame.wait_for_socket()
    frame.page.keyboard.press("j")
    frame.page.keyboard.press("j")
    assert frame.focused() == "row-2"
    frame.page.keyboard.press("a")
    frame.wait(lambda: frame.count("POST /approve/2/") == 1, "the verdict was not sent")
    frame.answers["/list/"] = region(1, 3)
    frame.send(news=[{"topic": "item.3"}])
    frame.wait(lambda: frame.focused() == "row-3", "the focus did not move on")
    frame.page.keyboard.press("a")
    frame.wait(lambda: frame.count("POST /approve/3/") == 1, "the second verdict was not sent")
    frame.answers["/list/"] = REGION.format(body=row(1) + row(3, state="done"))
    frame.send(news=[{"topic": "item.3"}])
    frame.wait(lambda: "done" in str(frame.page.locator("#row-3").get_attribute("data-state")), "no new state")
    assert frame.focused() in {"row-1", "row-3"}


def test_keys_act_on_the_row_only_after_it_was_looked_at(frame: Framed):
    frame.answers["/row/1/"] = "<h1>Row</h1>"
    frame.open(PAGE + region(1, 2) + '<button data-key="n" hx-post="/new/" hx-swap="none">New</button>{% endblock %}')
    frame.wait_for_socket()
    frame.page.keyboard.press("a")
    assert frame.focused() == "row-1"
    assert frame.count("POST /approve/1/") == 0
    frame.page.keyboard.press("n")
    frame.wait(lambda: frame.count("POST /new/") == 1, "a page-wide key did not work from within a row")
    frame.page.keyboard.press("Enter")
    frame.page.wait_for_url(f"{ORIGIN}/row/1/")


def test_keys_rest_while_typing_and_when_switched_off(frame: Framed):
    frame.open(PAGE + region(1, 2, extra='<input id="answer" aria-label="Answer">') + "{% endblock %}")
    frame.wait_for_socket()
    frame.page.locator("#answer").focus()
    frame.page.keyboard.type("jaj?")
    expect(frame.page.locator("#answer")).to_have_value("jaj?")
    frame.page.keyboard.press("Escape")
    frame.page.keyboard.press("?")
    expect(frame.page.locator("#keys")).to_contain_text("Approve")
    expect(frame.page.locator("#keys")).to_contain_text("Go to Align")
    frame.page.locator("[data-keys-switch]").uncheck()
    frame.page.keyboard.press("Escape")
    expect(frame.page.locator("#keys")).to_be_hidden()
    frame.page.evaluate("document.activeElement.blur()")
    frame.page.keyboard.press("j")
    assert frame.focused() == ""
    assert not any(request.startswith("POST") for request in frame.requests)


def test_g_then_a_letter_goes_and_never_decides(frame: Framed):
    frame.answers["/align/"] = "<h1>Align</h1>"
    frame.open(PAGE + region(1) + "{% endblock %}")
    frame.wait_for_socket()
    frame.page.keyboard.press("j")
    frame.page.keyboard.press("g")
    frame.page.keyboard.press("a")
    frame.page.wait_for_url(f"{ORIGIN}/align/")
    assert frame.count("POST /approve/1/") == 0


@pytest.mark.parametrize("how", ["click", "key", "send"])
def test_a_refusal_explains_itself_and_does_nothing(frame: Framed, how: str):
    form = (
        '<form hx-post="/merge/" hx-swap="none"><textarea id="why" aria-label="Why"></textarea>'
        '<button id="merge" data-key="m" aria-disabled="true" data-reason="The trial merge has conflicts.">'
        "Merge</button></form>"
    )
    frame.open(PAGE + form + "{% endblock %}")
    if how == "click":
        frame.page.locator("#merge").click(force=True)
    elif how == "key":
        frame.page.keyboard.press("m")
    else:
        frame.page.locator("#why").fill("fine")
        frame.page.keyboard.press("Control+Enter")
    expect(frame.page.locator("#tip")).to_have_text("The trial merge has conflicts.")
    expect(frame.page.locator("#say")).to_have_text("The trial merge has conflicts.")
    assert frame.count("POST /merge/") == 0


def test_ctrl_enter_sends_and_the_toast_can_undo(frame: Framed):
    header = {"HX-Trigger": json.dumps({"toast": {"text": "Approved <b>2</b>", "kind": "ok", "undo_url": "/undo/"}})}
    frame.answers["/send/"] = lambda request: (204, "", {**header, "X-Saw": request.headers["x-csrftoken"]})
    field = '<textarea id="t" aria-label="T"></textarea><button>Send</button>'
    frame.open(PAGE + f'<form hx-post="/send/" hx-swap="none">{field}</form>' + "{% endblock %}")
    frame.page.locator("#t").fill("x")
    frame.page.keyboard.press("Control+Enter")
    expect(frame.page.locator(".toast")).to_contain_text("Approved <b>2</b>")
    expect(frame.page.locator("#say")).to_contain_text("Press z to undo")
    frame.page.evaluate("document.activeElement.blur()")
    frame.page.keyboard.press("z")
    frame.wait(lambda: frame.count("POST /undo/") == 1, "undo was not sent")
    expect(frame.page.locator(".toast")).to_have_count(0)


def test_the_title_and_the_speech_follow_the_waiting_count(frame: Framed):
    needs = '{% include "components/needs.html" %}'
    card = {"id": "card-1", "asked": "Approve?", "kind": "Plan", "icon": "clipboard-check", "url": "/x/"}
    context = {"needs": {"url": "/needs/", "cards": []}, "waiting_count": 0}
    frame.answers["/needs/"] = render(needs, **context)
    frame.open(PAGE + "{% endblock %}", **context)
    frame.wait_for_socket()
    assert frame.page.title() == "Room · Leadroom"
    frame.answers["/needs/"] = render(needs, needs={"url": "/needs/", "cards": [card]}, waiting_count=1)
    frame.send(news=[{"topic": "needs"}])
    expect(frame.page).to_have_title("(1) Room · Leadroom")
    expect(frame.page.locator("[data-waiting-link]")).to_be_visible()
    expect(frame.page.locator("#say")).to_have_text("One thing needs you")


def test_links_into_the_page_put_the_focus_where_they_lead(frame: Framed):
    frame.open(PAGE + region(1) + '<a id="to" href="#list">To the list</a>{% endblock %}')
    frame.page.keyboard.press("Tab")
    frame.page.keyboard.press("Enter")
    frame.wait(lambda: frame.focused() == "main", "the skip link did not lead to the page")
    frame.page.locator("#to").click()
    frame.wait(lambda: frame.focused() == "row-1", "the link did not lead to the first row")


def test_the_theme_is_kept_for_the_next_page(frame: Framed):
    frame.open(PAGE + "{% endblock %}")
    frame.page.locator("[data-theme-toggle]").click()
    frame.page.locator("[data-theme-toggle]").click()
    expect(frame.page.locator("html")).to_have_attribute("data-theme", "dark")
    cookies = {cookie["name"]: cookie["value"] for cookie in frame.page.context.cookies()}
    assert cookies["leadroom_theme"] == "dark"


def test_no_attribute_becomes_code_and_ignored_content_sends_nothing(frame: Framed):
    hostile = (
        '<button id="on" hx-on:click="window.pwned = 1">x</button>'
        '<button id="vals" hx-post="/vals/" hx-vals="js:{a: window.pwned = 2}">x</button>'
        '<div hx-ignore><button id="ignored" hx-post="/leak/" data-hx-get="/leak/">x</button></div>'
    )
    frame.open(PAGE + hostile + "{% endblock %}")
    for name in ("on", "vals", "ignored"):
        frame.page.locator(f"#{name}").click()
    frame.page.wait_for_timeout(100)
    assert frame.page.evaluate("window.pwned") is None
    assert not any("leak" in request or "vals" in request for request in frame.requests)

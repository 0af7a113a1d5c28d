"""Every component at once: WCAG 2.2 AA in both themes, reflow at 320 px, no complaint of the policy."""

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from leadroom.web.templatetags.looks import LOOKS
from tests.web.framed import chromium, framed, render
from tests.web.test_templatetags import PATCH

GALLERY = (Path(__file__).parent / "gallery.html").read_text()


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_type_launch_args, **chromium()}


def gallery_context() -> dict[str, Any]:
    action = {"label": "Approve", "url": "/a/", "key": "a", "style": "primary"}
    refusal = {"label": "Merge", "url": "/b/", "reason": "Conflicts."}
    card = {
        "id": "card-1",
        "asked": "Approve nine cases?",
        "why": "All is proved.",
        "recommended": "Approve",
        "url": "/x/",
    }
    card |= {
        "kind": "Plan",
        "if_ignored": "Nothing is built",
        "who": "item 9",
        "project": "tillworks",
        "hue": 2,
    }
    steps = [
        {"word": word, "state": word, "icon": "circle", "turn": "human"} for word in ("done", "now", "next", "failed")
    ]
    return {
        "needs": {
            "url": "/needs/",
            "cards": [{**card, "actions": [action, refusal]}, {**card, "id": "card-2", "tone": "bad"}],
        },
        "waiting_count": 2,
        "turns": ["human", "agent", "machine", "nobody"],
        "states": list(LOOKS),
        "tones": ["", "needs", "bad", "ok", "live"],
        "kinds": ["phase", "text", "thought", "tool", "human", "ask", "error"],
        "term": "".join(
            f"\x1b[{code}mcolour {code}\x1b[0m\n" for code in [*range(30, 38), *range(90, 98), *range(40, 48)]
        ),
        "patch": PATCH,
        "hidden": "a\u202eb",
        "steps": steps,
        "stepper": steps,
    }


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 1440), ("light", 320)])
def test_everything_is_accessible_and_fits(browser: Browser, scheme: str, width: int):
    with framed(browser, viewport={"width": width, "height": 800}, color_scheme=scheme) as frame:
        context = gallery_context()
        frame.answers["/needs/"] = render('{% include "components/needs.html" %}', **context)
        page = frame.open(GALLERY, **context)
        frame.wait_for_socket()
        options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
        found = Axe().run(page, options=options).response["violations"]
        assert [(rule["id"], [node["target"] for node in rule["nodes"]][:4]) for rule in found] == []
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        assert frame.console == []

"""What comes in from outside and goes out to people, over real HTTP and in a real browser."""

import datetime as dt
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from leadroom.lib import webhooks
from leadroom.lib.clock import now
from tests.e2e.house import House, running_house
from tests.e2e.test_pages import WCAG
from tests.e2e.visit import Visit, visiting
from tests.support.chat import running_chat

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

PAGES = ("/outcomes/", "/outcomes/sources/evenly/", "/notices/")
TOLD = """
window.told = [];
window.Notification = class {
  static permission = "granted";
  static requestPermission() { return Promise.resolve("granted"); }
  constructor(title, options) { window.told.push({ title, ...options }); this.listeners = {}; window.last = this; }
  addEventListener(name, listener) { this.listeners[name] = listener; }
  close() {}
};
document.hasFocus = () => false;
"""
"""The system's own surface, which a headless browser has not; and a person who looks elsewhere."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running_house(tmp_path_factory.mktemp("outcomes"), LEADROOM_HOOKS_PRIVATE="1") as running:
        running.seed_project()
        yield running


@pytest.fixture(scope="module")
def visit(house: House, browser: Browser) -> Iterator[Visit]:
    with visiting(house, browser, reduced_motion="reduce") as tab:
        tab.sign_in()
        yield tab


def send(house: House, secret: str, said: Any, *, id: str) -> httpx2.Response:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    headers = webhooks.headers(secret, id=id, at=now(), body=body)
    return httpx2.post(f"{house.url}/api/hooks/evenly/", content=body, headers=headers, timeout=20, trust_env=False)


def test_a_secret_made_in_the_browser_opens_the_door_once_for_each_id(house: House, visit: Visit) -> None:
    visit.open("/outcomes/sources/evenly/")
    visit.page.get_by_role("button", name="Make a secret").click()
    secret = visit.page.locator("#secret").inner_text()
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]+=*", secret)
    at = (now() - dt.timedelta(hours=1)).isoformat()
    incident = {"type": "incident", "data": {"id": "INC-7", "title": "Totals are off", "opened_at": at}}
    assert send(house, secret, incident, id="msg_1").json() == {"new": 1, "changed": 0, "same": 0}
    assert send(house, secret, incident, id="msg_1").status_code == 409
    assert send(house, webhooks.new_secret(), incident, id="msg_2").status_code == 401
    large = send(house, secret, b"x" * (10 * 1024 * 1024), id="msg_3")
    assert (large.status_code, large.headers["content-type"]) == (413, "application/json")
    visit.open("/outcomes/")
    expect(visit.page.locator("#incidents")).to_contain_text("Totals are off")


def test_a_csv_with_wrong_rows_comes_back_and_the_mended_one_is_stored(visit: Visit) -> None:
    visit.open("/outcomes/sources/evenly/")
    visit.page.get_by_role("radio", name="Support tickets").check()
    visit.page.get_by_label("or its text").fill("id,title,opened_at\nT-1,Where is my cent?,yesterday\n")
    visit.page.get_by_role("button", name="Import").click()
    expect(visit.page.locator("#csv-problems")).to_contain_text("Row 2: has the time 'yesterday'")
    expect(visit.page.get_by_role("radio", name="Support tickets")).to_be_checked()
    field = visit.page.get_by_label("or its text")
    field.fill(field.input_value().replace("yesterday", "2026-11-21T10:00:00Z"))
    visit.page.get_by_role("button", name="Import").click()
    expect(visit.page.locator("#kept-ticket")).to_contain_text("1 stored")


def test_no_page_stumbles(visit: Visit) -> None:
    for path in PAGES:
        visit.open(path)
        found = Axe().run(visit.page, options={"runOnly": WCAG}).response["violations"]
        assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found] == [], path
        visit.shot(path.strip("/").replace("/", "-"))


def test_who_looks_elsewhere_is_told_once_with_text_and_a_link_that_lands_on_the_card(
    house: House, browser: Browser
) -> None:
    """And so is their chat, by the worker, signed with the secret the page showed."""
    with visiting(house, browser) as tab, running_chat() as chat:
        tab.page.add_init_script(TOLD)
        tab.sign_in()
        tab.open("/notices/")
        tab.page.get_by_label("Address of its incoming webhook").fill(chat.url)
        tab.page.get_by_role("button", name="Join").click()
        secret = tab.page.locator("#secret").inner_text()
        house.new_item("first", title="Split by shares")
        told = tab.wait(lambda: tab.page.evaluate("window.told"), seconds=60, what="a notification")
        assert told[0]["title"] == "Split by shares needs you"
        assert told[0]["body"]
        tab.page.evaluate("window.last.listeners.click()")
        expect(tab.page).to_have_url(re.compile(r"/needs/#card-picks-\d+$"))
        card = tab.page.url.split("#")[1]
        expect(tab.page.locator(f"#all-cards #{card}, #{card}").first).to_be_visible()
        tab.page.reload()
        tab.page.wait_for_timeout(1_500)
        assert tab.page.evaluate("window.told") == []
        assert house.one("SELECT count(*) FROM notices_notice WHERE channel = %s", "browser") == 1
        _, headers, body = tab.wait(lambda: chat.taken, seconds=60, what="a message in the chat")[0]
        given = {"id": headers["webhook-id"], "timestamp": headers["webhook-timestamp"]}
        assert webhooks.verify([secret], **given, signature=headers["webhook-signature"], body=body, now=now()) is None
        assert json.loads(body)["data"][0]["url"].endswith(f"/needs/#{card}")
        tab.wait(lambda: house.one("SELECT state FROM notices_message") == "SENT", what="the record of it")
        tab.wait(lambda: house.one("SELECT count(*) FROM outcomes_advice"), seconds=60, what="a hint of the worker")

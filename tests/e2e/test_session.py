"""A reading session of twelve items in a real browser: by keyboard on a desk, interrupted, resumed on a phone."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.house import House, running_house
from tests.e2e.test_pages import problems_of
from tests.e2e.visit import Visit, visiting

pytestmark = [pytest.mark.e2e]

_TWELVE = """
from django.db import transaction
from leadroom.agents.enums import Role
from leadroom.projects.people import first_lead
from tests import factories as f
from tests.support.sittings import file_reports
with transaction.atomic():
    lead = first_lead()
    project = f.make_project(lead, source="/nowhere/evenly", name="Evenly")
    for n in range(3):
        f.make_question(f.make_item(project, text=f"Question {n}", title=f"Question {n}"), Role.REQUIREMENTS)
    plan = f.make_plan(f.make_aligned_item(project, text="Split an expense by shares"))
    file_reports(lead, 4, item=plan.item, is_routed=False, severity="major", suggested_action="decide")
    file_reports(lead, 4, item=plan.item)
print(project.pk)
"""
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running_house(tmp_path_factory.mktemp("session")) as running:
        running.python(_TWELVE)
        yield running


def progress(page: Page, number: int) -> None:
    expect(page.locator("#session-progress")).to_contain_text(f"{number} of 12")


def press(visit: Visit, key: str, then: int) -> None:
    """One key, and the next item is there."""
    visit.page.keyboard.press(key)
    progress(visit.page, then)


def test_twelve_items_by_keyboard_interrupted_and_resumed_on_a_phone(house: House, browser: Browser) -> None:
    with visiting(house, browser) as desk, visiting(house, browser, **PHONE) as phone:
        desk.sign_in()
        desk.page.keyboard.press("g")
        desk.page.keyboard.press("e")
        expect(desk.page.get_by_role("heading", name="Reading session")).to_be_visible()
        expect(desk.page.locator(".topbar-session")).to_contain_text("12 waiting, 0 urgent")
        desk.shot("session-ready")
        desk.page.keyboard.press("a")
        progress(desk.page, 1)
        expect(desk.page.locator(".session-ask")).to_have_text("May I rename it?")
        desk.shot("session-question")
        assert problems_of(desk.page) == {}
        press(desk, "1", 2)  # the agent's first option: answered on the card, and the session goes on
        press(desk, "2", 3)
        press(desk, "h", 4)
        desk.page.keyboard.press("z")
        progress(desk.page, 3)
        press(desk, "h", 4)
        expect(desk.page.locator(".session-ask")).to_contain_text("Review the test plan")
        press(desk, "m", 5)
        desk.shot("session-finding")
        assert problems_of(desk.page) == {}
        press(desk, "a", 6)
        press(desk, "4", 7)
        desk.page.keyboard.press("p")
        expect(desk.page.get_by_text("Paused at 7 of 12")).to_be_visible()
        desk.shot("session-paused")

        phone.sign_in()
        phone.open("/session/")
        phone.page.get_by_role("button", name="Go on").click()
        progress(phone.page, 7)
        phone.page.get_by_role("button", name="Drop").click()
        progress(phone.page, 8)
        width = phone.page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390
        expect(desk.page.locator("#session-progress")).to_contain_text("8 of 12")  # the desk follows by itself
        press(desk, "e", 9)
        for number in (10, 11, 12):
            press(desk, "e", number)
        desk.page.keyboard.press("e")
        expect(desk.page.get_by_text("That was all.")).to_be_visible()
        desk.shot("session-over")
        desk.page.keyboard.press("e")
        expect(desk.page.get_by_role("heading", name="What the agents do now")).to_be_visible()
        left = desk.page.locator("section", has=desk.page.get_by_role("heading", name="Left"))
        expect(left).to_contain_text("Later, until it gets worse")
        expect(left).to_contain_text("Next session")
        desk.shot("session-end")
        assert problems_of(desk.page) == {}
        desk.assert_calm()
        phone.assert_calm()
    session = house.rows("SELECT state, ending FROM reading_readingsession")
    assert session == [("CLOSED", "done")]
    verdicts = dict(house.rows("SELECT verdict, count(*) FROM reading_sessionitem GROUP BY verdict"))
    assert verdicts == {"DECIDED": 6, "LATER": 1, "SKIPPED": 1, "READ": 4}


def test_the_second_tab_gets_a_sentence(house: House, browser: Browser) -> None:
    with visiting(house, browser) as first, visiting(house, browser) as second:
        for visit in (first, second):
            visit.sign_in()
        first.open("/session/")
        first.page.keyboard.press("a")
        expect(first.page.locator("#session-progress")).to_contain_text("1 of")
        second.page.route_web_socket("**/live/", lambda socket: socket.close())  # it hears of nothing
        second.open("/session/")
        expect(second.page.locator("#session-progress")).to_contain_text("1 of")
        first.page.keyboard.press("h")
        expect(first.page.locator("#session-progress")).to_contain_text("2 of")
        second.page.keyboard.press("m")
        expect(second.page.locator("#toasts")).to_contain_text("settled already, in another tab")
        expect(second.page.locator("#session-progress")).to_contain_text("2 of")


def test_hours_and_the_raw_read_by_hand(house: House, browser: Browser) -> None:
    with visiting(house, browser) as visit:
        visit.sign_in()
        visit.open("/hours/")
        page = visit.page
        page.get_by_label("Quiet 1 from").fill("00:00")
        page.get_by_label("Quiet 1 to").fill("15:59")
        for day in ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"):
            page.get_by_role("group", name="Quiet 1").get_by_label(day).check()
        page.get_by_label("Quiet 2 from").fill("15:59")
        visit.shot("hours")
        page.get_by_role("button", name="Store").click()
        expect(page.locator("#toasts")).to_contain_text("nothing was stored")
        page.get_by_label("Quiet 2 from").fill("")
        page.get_by_label("Quiet 1 to").fill("16:00")
        page.get_by_role("button", name="Store").click()
        expect(page.locator("#toasts")).to_contain_text("Your hours are stored")
        visit.open("/session/raw/")
        visit.shot("raw-read-empty")

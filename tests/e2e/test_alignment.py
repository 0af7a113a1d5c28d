"""Alignment in a browser: by keyboard, by proposals, in rounds, on a phone, in two tabs, with a real agent."""

import json
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.e2e.house import House, running_house
from tests.e2e.visit import Visit, visiting

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

UNDO_SECONDS = 10
LIMIT = 5_000


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    extra = {"LEADROOM_UNDO_SECONDS": str(UNDO_SECONDS), "LEADROOM_CEILING": "8"}
    with running_house(tmp_path_factory.mktemp("alignment"), **extra) as running:
        running.seed("alignment")
        yield running


@pytest.fixture(scope="module")
def items(house: House) -> dict[str, int]:
    """Items by name, made by tests.e2e.alignments."""
    return json.loads(house.python("from tests.e2e.alignments import seed; print(seed())"))


@pytest.fixture(scope="module")
def visit(house: House, browser: Browser) -> Iterator[Visit]:
    with visiting(house, browser) as tab:
        tab.sign_in()
        yield tab
        assert [line for line in tab.complaints if line.startswith("exception")] == []
        assert tab.strangers() == []


def align(visit: Visit, item: int) -> None:
    """Opens the item's page and sits down at it, putting aside what was being aligned."""
    visit.open(f"/align/{item}/")
    body = visit.page.locator(f"#align-{item}-body")
    expect(body).to_be_visible()
    aside = visit.page.get_by_role("button", name="Put it aside and align this one")
    if aside.count():
        aside.click()
        expect(aside).to_have_count(0)


def row(visit: Visit, key: str) -> Locator:
    return visit.page.locator(f"#ambiguity-{key}")


def press(visit: Visit, *keys: str) -> None:
    for key in keys:
        visit.page.keyboard.press(key)


def states(house: House, item: int) -> dict[str, str]:
    query = "SELECT key, state FROM requirements_ambiguity WHERE item_id = %s ORDER BY position"
    return dict(house.rows(query, item))


def picks(house: House, item: int) -> list[int | None]:
    query = "SELECT picked FROM requirements_ambiguity WHERE item_id = %s ORDER BY position"
    return [picked for (picked,) in house.rows(query, item)]


def waits(house: House, visit: Visit, item: int, wanted: Callable[[dict[str, str]], bool], what: str) -> None:
    visit.wait(lambda: wanted(states(house, item)), seconds=60, what=what)


def effort(house: House, item: int) -> tuple[int, int]:
    """Key presses and decisions of everybody's sittings on the item."""
    query = "SELECT sum(keys), sum(decisions) FROM requirements_sitting WHERE item_id = %s"
    ((keys, decisions),) = house.rows(query, item)
    return keys, decisions


def assert_no_overflow(visit: Visit) -> None:
    width = visit.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1], f"the page is {width[0]} px wide on a screen of {width[1]}"


def test_twelve_decisions_by_keyboard_take_two_presses_each_and_can_be_undone(
    house: House, visit: Visit, items: dict[str, int], record_property: Callable[[str, object], None]
):
    item, page = items["twelve"], visit.page
    align(visit, item)
    still_open, taken = page.locator(f"#align-{item}-open > .ambiguity"), []
    expect(still_open).to_have_count(12)
    press(visit, "1")  # with no row current, the first press goes to the first
    expect(still_open.first).to_be_focused()
    for left in range(11, -1, -1):
        press(visit, str(left % 3 + 1))
        taken.append(1 + (left == 11))
        expect(still_open).to_have_count(left)
        if left:
            expect(still_open.first).to_be_focused()
    record_property("presses_per_decision", taken)
    armed = page.locator(f"#align-{item}-armed")
    expect(armed).to_contain_text("All decided")
    visit.shot("align-armed")
    press(visit, "z")
    expect(row(visit, "A-012")).to_have_attribute("data-state", "OPEN")
    expect(armed).to_have_count(0)
    assert [state for state in states(house, item).values() if state != "OPEN"] == ["RESOLVED"] * 11
    expect(row(visit, "A-012")).to_be_focused()
    press(visit, "1")
    expect(armed).to_contain_text("All decided")
    press(visit, "a")
    query = "SELECT count(*) FROM requirements_ambiguity WHERE item_id = %s AND handed_at IS NOT NULL"
    visit.wait(lambda: house.one(query, item) == 12, what="the hand-over")
    keys, decisions = effort(house, item)
    record_property("keys_and_decisions", (keys, decisions))
    assert decisions == 13, "the one that was undone was decided twice"
    assert keys <= 2 * decisions
    expect(page.locator(f"#align-{item}-plan")).to_contain_text(re.compile("of your attention|aligned in"))


def test_a_proposal_is_taken_but_for_one_row(house: House, visit: Visit, items: dict[str, int]):
    item, page = items["columns"], visit.page
    align(visit, item)
    expect(page.locator(f"#align-{item}-proposals")).to_be_visible()
    assert page.title().startswith("(") or "run" not in page.title(), "a script in a candidate ran"
    visit.shot("align-proposals")
    press(visit, "j", "j", "j")
    expect(row(visit, "A-003")).to_be_focused()
    press(visit, "3")
    expect(row(visit, "A-003")).to_have_attribute("data-state", "RESOLVED")
    press(visit, "Shift+B")
    expect(page.locator(f"#align-{item}-armed")).to_contain_text("All decided")
    assert picks(house, item) == [2, 2, 3, 2, 2, 2, 2]
    visit.shot("align-taken")
    press(visit, "z")
    waits(house, visit, item, lambda found: list(found.values()).count("OPEN") == 6, "the undo of the proposal")
    assert states(house, item)["A-003"] == "RESOLVED", "only what that press decided is undone"


def test_a_row_is_left_to_the_agent_deferred_probed_and_commented(house: House, visit: Visit, items: dict[str, int]):
    item, page = items["mixed"], visit.page
    align(visit, item)
    row(visit, "A-001").focus()
    press(visit, "t")
    left = page.locator(f"#align-{item}-left-rows")
    expect(left).to_contain_text("A-001")
    row(visit, "A-002").focus()
    press(visit, "d")
    expect(row(visit, "A-002")).to_have_attribute("data-state", "DEFERRED")
    row(visit, "A-004").focus()
    press(visit, "m")
    expect(row(visit, "A-004")).to_have_attribute("data-state", "PROBED")
    row(visit, "A-005").focus()
    press(visit, "c")
    expect(row(visit, "A-005").get_by_label("Comment on A-005")).to_be_focused()
    page.keyboard.type("The treasurer asked for it.")
    press(visit, "Control+Enter")
    expect(row(visit, "A-005")).to_contain_text("The treasurer asked for it.")
    row(visit, "A-005").focus()
    press(visit, "o")
    page.keyboard.type("Whoever has the most.")
    press(visit, "Control+Enter")
    expect(row(visit, "A-005")).to_have_attribute("data-state", "RESOLVED")
    page.locator(f"#align-{item}-left > summary").focus()
    press(visit, "Enter")
    row(visit, "A-001").focus()
    press(visit, "t")
    expect(page.locator(f"#align-{item}-open > #ambiguity-A-001")).to_be_visible()
    wanted = ["OPEN", "DEFERRED", "OPEN", "PROBED", "RESOLVED", "OPEN", "OPEN"]
    assert list(states(house, item).values()) == wanted
    visit.shot("align-mixed")


def test_a_second_alignment_is_not_begun_by_accident(house: House, visit: Visit, items: dict[str, int]):
    page = visit.page
    align(visit, items["tabs"])
    row(visit, "A-004").focus()
    press(visit, "1")
    expect(row(visit, "A-004")).to_have_attribute("data-state", "RESOLVED")
    visit.open(f"/align/{items['other']}/")
    guard = page.locator(f"#align-{items['other']}-guard")
    expect(guard).to_contain_text("Two tabs")
    expect(guard).to_contain_text(re.compile("[1-4] of 4 decided"))
    visit.shot("align-guard")
    row(visit, "A-001").focus()
    press(visit, "1")
    page.wait_for_timeout(500)
    assert set(states(house, items["other"]).values()) == {"OPEN"}
    guard.get_by_role("link", name="Go back to it").click()
    expect(page).to_have_url(f"{house.url}/align/{items['tabs']}/")
    align(visit, items["other"])
    row(visit, "A-001").focus()
    press(visit, "1")
    expect(row(visit, "A-001")).to_have_attribute("data-state", "RESOLVED")
    open_now = house.rows("SELECT item_id FROM requirements_sitting WHERE closed_at IS NULL")
    assert open_now == [(items["other"],)]


def test_the_first_of_two_tabs_decides_and_the_other_is_told(house: House, visit: Visit, items: dict[str, int]):
    item, page = items["tabs"], visit.page
    align(visit, item)
    late = page.context.new_page()
    # a tab that hears no news: its socket never opens, so nothing makes it look again
    late.add_init_script("window.WebSocket = class { readyState = 0; send() {} close() {} };")
    late.goto(page.url)
    expect(late.locator("#ambiguity-A-001")).to_have_attribute("data-state", "OPEN")
    row(visit, "A-001").focus()
    press(visit, "2")
    expect(row(visit, "A-001")).to_have_attribute("data-state", "RESOLVED")
    late.bring_to_front()
    late.locator("#ambiguity-A-001").focus()
    late.keyboard.press("3")
    expect(late.locator("#toasts")).to_contain_text("A-001 was decided meanwhile")
    expect(late.locator("#ambiguity-A-001")).to_have_attribute("data-state", "RESOLVED")
    expect(late.locator("#ambiguity-A-001 .decision")).to_contain_text("The payer of A-001")
    assert picks(house, item)[0] == 2
    late.close()


def test_an_answer_of_fifty_kilobytes_is_refused_and_stays_in_the_field(
    house: House, visit: Visit, items: dict[str, int]
):
    item, page = items["tabs"], visit.page
    align(visit, item)
    field = page.locator("#ambiguity-A-002-own-text")
    words = "many words " * 4_600
    field.fill(words)
    field.press("Control+Enter")
    expect(page.locator("#toasts")).to_contain_text(f"{LIMIT:,} is the limit")
    expect(field).to_have_value(words)
    assert states(house, item)["A-002"] == "OPEN"
    field.fill("Fewer words.")
    field.press("Control+Enter")
    expect(row(visit, "A-002")).to_have_attribute("data-state", "RESOLVED")


def test_a_round_is_one_form_and_says_which_answer_is_missing(house: House, visit: Visit, items: dict[str, int]):
    item, page = items["round"], visit.page
    align(visit, item)
    form = page.locator(f"#align-{item}-answers-1")
    expect(form.locator(".ambiguity")).to_have_count(3)
    expect(form.locator("input:checked")).to_have_count(0)
    visit.shot("align-round")
    press(visit, "1", "1")
    expect(row(visit, "Q-002")).to_be_focused()
    press(visit, "o")
    page.keyboard.type("When everybody is even.")
    press(visit, "Control+Enter")
    expect(page.locator("#toasts")).to_contain_text("Q-003 has no answer yet")
    expect(page.locator("#ambiguity-Q-002-own-text")).to_have_value("When everybody is even.")
    assert set(states(house, item).values()) == {"OPEN"}
    row(visit, "Q-003").focus()
    press(visit, "t", "Control+Enter")
    expect(page.locator(f"#align-{item}-armed")).to_be_visible()
    assert states(house, item) == {"Q-001": "RESOLVED", "Q-002": "RESOLVED", "Q-003": "OPEN"}
    visit.shot("align-round-answered")


@pytest.mark.parametrize("name", ["columns", "round", "other"])
def test_a_phone_shows_the_whole_page_without_scrolling_sideways(
    house: House, visit: Visit, items: dict[str, int], name: str
):
    visit.page.set_viewport_size({"width": 390, "height": 844})
    try:
        visit.open(f"/align/{items[name]}/")
        expect(visit.page.locator(f"#align-{items[name]}-body")).to_be_visible()
        assert_no_overflow(visit)
        small = visit.page.locator("#content button:visible, #content a.btn:visible").evaluate_all(
            "all => all.filter(el => el.getBoundingClientRect().height < 24).map(el => el.outerHTML.slice(0, 120))"
        )
        assert small == []
    finally:
        visit.page.set_viewport_size({"width": 1440, "height": 900})


def test_two_loaded_items_are_fired_together(house: House, visit: Visit, items: dict[str, int]):
    page, both = visit.page, [items["loaded"], items["loaded too"]]
    assert [house.stage(item) for item in both] == ["ALIGN", "ALIGN"]
    visit.open("/align/queue/")
    expect(page.locator("#lane-loaded")).to_be_visible()
    visit.shot("align-lane")
    for item in both:
        page.locator(f"#lane-{item}").focus()
        press(visit, "x")
        expect(page.locator(f"#fire-{item}")).to_be_checked()
    press(visit, "f")
    for item in both:
        house.wait_stage(item, "PLAN")


def test_rounds_go_on_with_a_real_agent_until_the_lead_says_enough(house: House, visit: Visit):
    page = visit.page
    item = int(house.one("SELECT id FROM projects_workitem WHERE rehearsal_script = 'alignment'"))
    waits(house, visit, item, lambda found: len(found) == 3, "the first round")
    align(visit, item)
    expect(page.locator(f"#align-{item}-plan")).to_contain_text("round 1 of at most 3")
    press(visit, "1", "1", "1", "1", "Control+Enter")
    expect(page.locator(f"#align-{item}-armed")).to_be_visible()
    press(visit, "a")
    waits(house, visit, item, lambda found: len(found) == 10, "the choices")
    expect(row(visit, "A-003")).to_contain_text("not found, counts as no source", use_inner_text=False)
    row(visit, "A-004").focus()
    press(visit, "m")
    expect(row(visit, "A-004")).to_have_attribute("data-state", "PROBED")
    press(visit, "Shift+A")
    expect(page.locator(f"#align-{item}-armed")).to_be_visible()
    press(visit, "a")
    waits(house, visit, item, lambda found: len(found) == 12, "the second round")
    enough = page.get_by_role("button", name="Enough questions")
    expect(enough).to_be_visible()
    enough.click()
    waits(house, visit, item, lambda found: found["Q-004"] == found["Q-005"] == "DEFERRED", "the end of the questions")
    expect(page.locator(f"#align-{item}-armed")).to_be_visible()
    page.get_by_role("button", name="Hand over now").click()
    waits(house, visit, item, lambda found: found["A-004"] == "OPEN", "the row that was asked more about")
    expect(row(visit, "A-004")).to_contain_text("The table is read for what was spent")
    row(visit, "A-004").focus()
    press(visit, "1")
    expect(page.locator(f"#align-{item}-armed")).to_be_visible()
    press(visit, "a")
    query = "SELECT count(*) FROM requirements_revision WHERE item_id = %s"
    visit.wait(lambda: house.one(query, item), seconds=60, what="the document")
    document = page.locator("#document")
    expect(document).to_contain_text("AC-006", timeout=60_000)
    expect(document).to_contain_text("An answer to Q-004; until then this is assumed")
    visit.shot("align-low")
    assert house.stage(item) == "ALIGN"

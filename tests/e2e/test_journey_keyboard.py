"""A critical item from request to merge by keyboard alone, and how many presses each decision takes."""

from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.e2e.house import House, running_house
from tests.e2e.visit import Visit, visiting

pytestmark = [pytest.mark.e2e]

SENTENCE = "Debts are settled before the group goes, which takes one more prompt."


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running_house(tmp_path_factory.mktemp("keyboard")) as running:
        yield running


class Keys:
    """The only way this person touches the page."""

    def __init__(self, visit: Visit) -> None:
        self.visit, self.count = visit, 0

    def press(self, *keys: str) -> None:
        for key in keys:
            self.count += 1
            self.visit.page.keyboard.press(key)

    def type(self, text: str) -> None:
        """Words are not counted: they are the person's own."""
        self.visit.page.keyboard.type(text)

    def until(self, key: str, condition: Callable[[], bool], *, most: int = 40) -> None:
        """Presses the key until the condition holds."""
        for _ in range(most):
            if condition():
                return
            self.press(key)
        raise AssertionError(f"{key} pressed {most} times did not get there")

    def focused(self) -> str:
        return str(self.visit.page.evaluate("document.activeElement.id"))


def sign_in(keys: Keys, visit: Visit) -> None:
    visit.page.goto(visit.house.link())
    expect(visit.page.get_by_role("button", name="Sign in as")).to_be_focused()
    keys.press("Enter")
    expect(visit.page).to_have_url(f"{visit.house.url}/")


def pick(keys: Keys, visit: Visit, item: int) -> list[int]:
    """Decides every question; how many presses each took."""
    page, taken = visit.page, []
    expect(page.locator(f"#strip-{item}")).to_have_attribute("data-turn", "human", timeout=30_000)
    keys.press("g", "a")
    still_open = page.locator(".ambiguity[data-state=OPEN]")
    expect(still_open.first).to_be_visible()
    for left in range(still_open.count() - 1, -1, -1):
        before = keys.count
        recommended = still_open.first.locator(".candidate[data-recommended] .candidate-no").inner_text()
        keys.until(recommended, lambda left=left: _comes_to(visit, left), most=3)
        taken.append(keys.count - before)
    expect(page.locator("#document")).to_contain_text("AC-001")
    return taken


def _comes_to(visit: Visit, left: int) -> bool:
    """Whether the page gets to so many open questions within a moment."""
    still_open = visit.page.locator(".ambiguity[data-state=OPEN]")
    if still_open.count() == left:
        return True
    visit.page.wait_for_timeout(250)
    return still_open.count() == left


def review(keys: Keys, visit: Visit) -> None:
    """Marks a case, ticks what a critical plan asks for, approves and sends."""
    page = visit.page
    expect(page.locator(".card", has_text="Review the test plan")).to_be_visible(timeout=60_000)
    keys.press("g", "p")
    expect(page.locator("#plan-rows")).to_be_visible()
    keys.press("j", "Enter")
    expect(page.locator("table.matrix").first).to_be_visible()
    keys.press("j")
    case = page.locator("article.case").first
    expect(case).to_be_focused()
    keys.press("a")
    expect(case.locator("input[value=approve]")).to_be_checked()
    for _ in range(page.locator("article.case").count() - 1):
        keys.press("j", "a")
    keys.press("Control+Enter")  # the plan's own verdict is missing, so the browser goes to it
    keys.press("a")
    expect(page.locator("input[name=verdict][value=approve]")).to_be_checked()
    boxes = page.locator("input[name=blind_spot]")
    assert boxes.count() == 3
    for number in range(boxes.count()):
        keys.press(str(number + 1))
        expect(boxes.nth(number)).to_be_checked()
    visit.shot("plan-critical")
    keys.press("s")
    expect(page.locator(".next-move")).to_contain_text("Frozen", ignore_case=True)


def watch(keys: Keys, visit: Visit, item: int) -> None:
    page, house = visit.page, visit.house
    run = house.run_of(item, "developer")
    keys.press("g", "u")
    expect(page.locator(f"#run-{run}-row")).to_be_visible()
    keys.press("j")
    keys.until("j", lambda: keys.focused() == f"run-{run}-row")
    keys.press("Enter")
    expect(page.locator(f"#run-{run}-events")).to_be_visible()
    keys.press("f")
    follow = page.locator("[data-follow-toggle]")
    expect(follow).to_have_attribute("aria-pressed", "false")
    keys.press("f")
    expect(follow).to_have_attribute("aria-pressed", "true")
    answer(keys, visit)
    visit.wait(lambda: house.run_state(run) == "COMPLETED", seconds=60, what="the developer's end")
    expect(page.locator(f"#run-{run}-facts")).to_contain_text("Completed")
    expect(page.locator(f"#run-{run}-events > li[data-seq]").last).to_be_in_viewport()


def answer(keys: Keys, visit: Visit) -> None:
    """The developer's question, by the key of its recommended answer."""
    question = visit.page.locator("[id^=question-][data-row]")
    expect(question).to_be_visible(timeout=60_000)
    key = question.locator(".btn-primary[data-key]").get_attribute("data-key") or ""
    keys.press(key)
    if _stays(question):  # the first press only chose the row
        keys.press(key)
    expect(question).not_to_be_visible()


def _stays(place: Locator) -> bool:
    """Whether it is there after the time that a busy machine takes to answer."""
    with suppress(AssertionError):
        expect(place).not_to_be_visible(timeout=5_000)
    return place.is_visible()


def sign(keys: Keys, visit: Visit, item: int) -> None:
    page = visit.page
    expect(page.locator(f"#card-stitch-{item}")).to_be_visible(timeout=60_000)
    keys.press("g", "n")
    expect(page.locator(f"#card-stitch-{item}")).to_be_focused()
    keys.press("Enter")
    expect(page.locator("#sign")).to_be_visible()
    keys.press("s")
    expect(page.locator("#sign textarea")).to_be_focused()
    keys.type(SENTENCE)
    keys.press("Control+Enter")
    expect(page.locator("#merged")).to_contain_text("signature verified")
    expect(page.locator("#merged")).to_contain_text(SENTENCE)


@pytest.mark.timeout(240)
def test_a_critical_item_goes_from_request_to_merge_by_keyboard_alone(
    house: House, browser: Browser, record_property: Callable[[str, object], None]
):
    item = house.seed("critical")
    with visiting(house, browser) as visit:
        keys = Keys(visit)
        sign_in(keys, visit)
        taken = pick(keys, visit, item)
        record_property("presses_per_pick", taken)
        assert max(taken) <= 2, f"presses per pick: {taken}"
        before = keys.count
        review(keys, visit)
        record_property("presses_of_the_review", keys.count - before)
        watch(keys, visit, item)
        before = keys.count
        sign(keys, visit, item)
        record_property("presses_of_the_signature", keys.count - before)
        house.wait_stage(item, "DONE")
        keys.press("g", "t")
        expect(visit.page.get_by_role("link", name="Reports")).to_be_visible()
        keys.press("o")
        expect(visit.page.locator("[id^=report-][data-row]").first).to_be_visible()
        keys.press("j", "e")
        expect(visit.page.locator("[id^=report-][data-row]").first).to_have_attribute("data-state", "READ")
        keys.press("?")
        expect(visit.page.get_by_role("dialog")).to_contain_text("Go to Room")
        keys.press("Escape")
        expect(visit.page.get_by_role("dialog")).to_be_hidden()
        visit.assert_calm()

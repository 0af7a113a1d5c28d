"""What stands behind the work, in a browser: the Verification tab, and the card of an action that cannot be undone."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.house import House, running_house
from tests.e2e.test_pages import violations
from tests.e2e.visit import Visit, visiting
from tests.support.program import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]
SLOW = 150_000


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running_house(tmp_path_factory.mktemp("proof")) as running:
        yield running


def to_stitch(house: House, visit: Visit, script: str) -> int:
    """An item as far as its merge, by the lead's two decisions in the browser."""
    item, page = house.seed(script), visit.page
    page.locator(f"#card-picks-{item}").get_by_role("button", name="Approve all recommended").click(timeout=SLOW)
    query = "SELECT max(id) FROM testplans_testplan WHERE item_id = %s AND state = 'LEAD_REVIEW'"
    plan = until(lambda: house.one(query, item), seconds=150, what="a plan that waits for the lead")
    visit.open(f"/plans/{plan}/")
    page.locator("input[name=verdict][value=approve]").check()
    page.get_by_role("button", name="Send review").click()
    expect(page.locator(".next-move")).to_contain_text("Frozen", ignore_case=True)
    house.wait_stage(item, "STITCH", seconds=240)
    return item


def see_the_faults_tried_again(page: Page) -> None:
    faults = page.locator("#faults")
    expect(faults).to_contain_text(re.compile(r"\d+ of \d+ noticed"), timeout=SLOW)
    expect(faults).to_contain_text("Its cases notice")
    expect(faults.get_by_role("button", name="Try again")).to_be_visible(timeout=SLOW)
    faults.get_by_role("button", name="Try again").click()
    expect(page.locator("#toasts")).to_contain_text("The seeded faults are being tried")


def test_the_verification_tab_says_what_was_run_frozen_judged_and_skipped(house: House, browser: Browser) -> None:
    with visiting(house, browser) as visit:
        visit.sign_in()
        item = to_stitch(house, visit, "first")
        page = visit.page
        visit.open(f"/items/{item}/verification/")
        expect(page.locator(".tab-body")).to_contain_text(re.compile(r"(\d+) of \1 cases passed"))
        expect(page.locator("#frozen")).to_contain_text("Frozen")
        page.locator("#frozen").get_by_text("The red check, case by case").click()
        expect(page.locator("#frozen .rows li").first).to_contain_text("right")
        page.locator("#frozen").get_by_text("Frozen files").click()
        expect(page.locator("#frozen")).to_contain_text("tests/test_shares.py")
        expect(page.locator("#verdicts")).to_contain_text("1 not wholly met")
        expect(page.locator("#verdicts")).to_contain_text("does not say which expense was uneven")
        expect(page.locator("#gates")).to_contain_text("1 skipped, because the item is standard")
        see_the_faults_tried_again(page)
        visit.shot("verification")
        assert violations(page) == []
        visit.open(f"/items/{item}/sources/")
        expect(page.locator("#how-checked").first).to_contain_text("only when Leadroom fetched it")
        visit.shot("sources")
        asked = "SELECT count(*) FROM ledger_entry WHERE verb = %s"
        query = house.one(asked, "verification.run.faults_asked")
        assert query == 1
        until(lambda: house.one(asked, "verification.run.faults_seeded") == 2, seconds=200, what="the second result")
        visit.assert_calm()
    assert house.chain()[1] == 0


def test_an_action_that_cannot_be_undone_is_looked_at_approved_once_and_refused_when_changed(
    house: House, browser: Browser
) -> None:
    item = house.seed("guardrails")
    parked = "SELECT max(id) FROM guardrails_permissionrequest WHERE item_id = %s AND why = 'irreversible'"
    with visiting(house, browser) as visit:
        visit.sign_in()
        page = visit.page
        request = int(until(lambda: house.one(parked, item), seconds=240, what="an action that waits"))
        visit.open("/")
        card = page.locator(".card", has_text="cannot be undone").first
        expect(card).to_be_visible()
        visit.shot("card-irreversible")
        visit.open(f"/guardrails/requests/{request}/")
        expect(page.locator("#blast-radius")).to_contain_text("deletes everything under")
        expect(page.locator("body")).to_contain_text("sh build/tidy.sh")
        visit.shot("request")
        assert violations(page) == []
        page.keyboard.press("Shift+L")
        expect(page.locator("#master-switch .chip")).to_contain_text("read-only", ignore_case=True)
        expect(page.get_by_role("button", name="Approve exactly this")).to_have_attribute("aria-disabled", "true")
        visit.open("/guardrails/")
        page.locator("#guardrails-everything").get_by_role("button", name="Unlock Everything").click()
        expect(page.locator("#master-switch").get_by_role("button")).to_be_visible()
        visit.open(f"/guardrails/requests/{request}/")
        page.keyboard.press("a")
        expect(page.locator("#request-answered")).to_be_visible()
        state = "SELECT state FROM guardrails_permissionrequest WHERE id = %s"
        until(lambda: house.one(state, request) == "CHANGED", seconds=60, what="the changed script to be noticed")
        run = house.run_of(item, "developer")
        visit.open(f"/runs/{run}/")
        expect(page.locator(f"#run-{run}-events")).to_contain_text("is not what you are about to do", timeout=60_000)
        assert (house.program.home / "projects").exists()
    assert house.chain()[1] == 0

"""The read-only switch in a browser: lock one, lock all by Shift+L, see it proven, be refused, unlock, go on."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.house import House, running_house
from tests.e2e.test_pages import violations
from tests.e2e.visit import Visit, visiting
from tests.support.program import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
PROVEN = re.compile(r"Verified read-only \d\d:\d\d:\d\d, \d+\.\d s")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running_house(tmp_path_factory.mktemp("switch")) as running:
        yield running


def agent_row(page: Page, name: str) -> str:
    """Id of the seat's row on the Guardrails page."""
    row = page.locator("tr[data-row]", has_text=name)
    return str(row.get_attribute("id"))


def plan_of(house: House, item: int) -> int:
    query = "SELECT max(id) FROM testplans_testplan WHERE item_id = %s AND state = 'LEAD_REVIEW'"
    return int(until(lambda: house.one(query, item), seconds=90, what="a plan that waits for the lead"))


def lock_the_developer(visit: Visit) -> str:
    """By the key `l` on its row; gives the row's id once the lock is proven."""
    page = visit.page
    visit.open("/guardrails/")
    row = agent_row(page, "Developer")
    page.locator(f"#{row}").focus()
    page.keyboard.press("l")
    expect(page.locator(f"#{row} .chip").filter(has_text=PROVEN)).to_be_visible()
    expect(page.locator(f"#{row}")).to_contain_text("Refused")
    expect(page.locator(f"#{row}")).to_contain_text("by this agent")
    return row


def lock_everything(visit: Visit) -> None:
    page = visit.page
    page.keyboard.press("Shift+L")
    expect(page.locator("#master-switch .chip")).to_contain_text("read-only", ignore_case=True)
    expect(page.locator("#master-switch .chip")).to_contain_text(PROVEN)


def test_lock_one_lock_all_be_refused_unlock_and_go_on(house: House, browser: Browser) -> None:
    item = house.seed("first")
    with visiting(house, browser) as visit:
        visit.sign_in()
        page = visit.page
        page.locator(f"#card-picks-{item}").get_by_role("button", name="Approve all recommended").click(timeout=90_000)
        plan = plan_of(house, item)
        row = lock_the_developer(visit)

        visit.open(f"/plans/{plan}/")
        expect(page.locator("input[name=verdict][value=approve]")).to_be_enabled()
        lock_everything(visit)
        page.locator("input[name=verdict][value=approve]").check()
        page.get_by_role("button", name="Send review").click()
        expect(page.get_by_role("alert").filter(has_text="Everything is read-only")).to_contain_text(
            "nothing was approved"
        )
        expect(page.locator("input[name=verdict][value=approve]")).to_be_disabled()
        assert house.one("SELECT state FROM testplans_testplan WHERE id = %s", plan) == "LEAD_REVIEW"
        visit.shot("plan-locked")

        visit.open("/guardrails/")
        visit.shot("guardrails-locked")
        assert violations(page) == []
        everything = page.locator("#guardrails-everything")
        everything.get_by_text("How it was proven").click()
        expect(everything).to_contain_text("No process of the scope is alive.")
        everything.get_by_role("button", name="Unlock Everything").click()
        expect(page.locator("#master-switch")).to_contain_text("1 locked")
        expect(page.locator(f"#{row}")).to_contain_text("by this agent")

        visit.open(f"/plans/{plan}/")
        page.locator("input[name=verdict][value=approve]").check()
        page.get_by_role("button", name="Send review").click()
        expect(page.locator(".next-move")).to_contain_text("Frozen", ignore_case=True)
        run = house.run_of(item, "developer", seconds=60)
        page.wait_for_timeout(2_500)  # two ticks of the worker
        assert house.run_state(run) == "QUEUED"  # its seat is still locked; nothing was lost

        visit.open(f"/runs/{run}/")
        visit.shot("run-locked")
        page.locator(f"#run-{run}-lock").get_by_role("button", name="Unlock").click()
        until(lambda: house.run_state(run) != "QUEUED", seconds=30, what="a developer at work")
        visit.open("/guardrails/")
        expect(page.locator("#master-switch").get_by_role("button")).to_be_visible()
        visit.shot("guardrails-open")
        assert violations(page) == []
    entries, breaks = house.chain()
    assert (entries > 0, breaks) == (True, 0)


def test_the_command_line_locks_with_everything_down(house: House) -> None:
    said = house.manage("freeze", "--all", "--reason", "drill")
    assert said.startswith("Everything: read-only, verified after ")
    assert house.one("SELECT level FROM guardrails_switch WHERE kind = 'everything'") == "read_only"

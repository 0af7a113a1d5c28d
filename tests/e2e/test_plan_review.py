"""Reviews of a plan in a real browser: by mouse, by keyboard, after two reviewers, and across an edit."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.house import House, running_house
from tests.e2e.visit import Visit, visiting

pytestmark = [pytest.mark.e2e]

_NEW_PLAN = """
from django.db import transaction
from leadroom.projects.models import Project
from leadroom.projects.people import first_lead
from tests import factories
from tests.support.wide_plans import make_wide_plan
with transaction.atomic():  # the worker sees it whole or not at all
    project = Project.objects.first() or factories.make_project(first_lead(), source="/nowhere/shares")
    plan = make_wide_plan(project, count={count}, risk={risk!r}, reviewers={reviewers})
print(plan.pk)
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running_house(tmp_path_factory.mktemp("review")) as running:
        yield running


def new_plan(house: House, *, count: int = 6, risk: str = "standard", reviewers: int = 1) -> int:
    return int(house.python(_NEW_PLAN.format(count=count, risk=risk, reviewers=reviewers)))


def state(house: House, plan: int) -> str:
    return str(house.one("SELECT state FROM testplans_testplan WHERE id = %s", plan))


def is_kept(visit: Visit, words: str) -> None:
    """Waits until the page says that what was marked is kept on the server."""
    expect(visit.page.locator("[id$=-progress]")).to_have_text(words)


def mark(page: Page, key: str, verdict: str) -> None:
    page.locator(f"#case-{key} label[data-mark={verdict}]").click()


def test_a_review_by_mouse_survives_a_reload_and_an_edit(house: House, browser: Browser) -> None:
    plan = new_plan(house)
    with visiting(house, browser) as visit:
        visit.sign_in()
        visit.open(f"/plans/{plan}/")
        page = visit.page
        expect(page.locator("#review-1")).to_contain_text("every criterion has a case")
        expect(page.locator("#case-U-000 .finding")).to_contain_text("fewer cents than people")
        visit.shot("plan-standard")
        mark(page, "U-000", "approve")
        mark(page, "I-001", "approve")
        is_kept(visit, "2 of 6 cases marked")
        page.locator("#case-I-001 .case-comment").fill("Name the file.")
        page.locator("#case-I-001 .case-title").click()
        page.wait_for_timeout(300)
        page.reload()
        expect(page.locator("#case-U-000 input[value=approve]")).to_be_checked()
        expect(page.locator("#case-I-001 .case-comment")).to_have_value("Name the file.")
        page.locator("#case-U-000").get_by_role("link", name="Edit").click()
        visit.shot("plan-edit-case")
        page.get_by_label("Expected").fill("Nobody pays more than 0.34, and 0.00 is left.")
        page.get_by_role("button", name="Store").click()
        expect(page.locator("#case-U-000")).to_contain_text("0.00 is left")
        expect(page.locator("#case-U-000 input[value=approve]")).not_to_be_checked()
        expect(page.locator("#case-I-001 input[value=approve]")).to_be_checked()
        is_kept(visit, "1 of 6 cases marked")
        page.locator("label.check", has=page.locator("input[name=verdict][value=approve]")).click()
        page.get_by_role("button", name="Send review").click()
        expect(page.locator(".next-move")).to_contain_text("Frozen", ignore_case=True)
        visit.assert_calm()
    assert state(house, plan) == "FROZEN"
    assert house.one("SELECT count(*) FROM testplans_planedit WHERE plan_id = %s", plan) == 1


def test_thirty_cases_of_a_critical_plan_take_two_keys_each(house: House, browser: Browser) -> None:
    plan = new_plan(house, count=30, risk="critical", reviewers=2)
    with visiting(house, browser) as visit:
        visit.sign_in()
        visit.open(f"/plans/{plan}/")
        page, pressed = visit.page, 0
        cases = page.locator("article.case")
        assert cases.count() == 30
        for n in range(30):
            page.keyboard.press("j")
            expect(cases.nth(n)).to_be_focused()
            page.keyboard.press("a")
            pressed += 2
        assert pressed / 30 <= 2
        is_kept(visit, "30 of 30 cases marked")
        visit.shot("plan-critical-thirty")
        expect(page.locator("input[name=blind_spot]:checked")).to_have_count(0)
        page.keyboard.press("Control+Enter")  # the verdict on the whole is missing: the browser goes to it
        page.keyboard.press("a")
        page.keyboard.press("s")
        expect(page.locator(".note[role=alert]")).to_contain_text("This item is critical: tick")
        expect(page.locator("article.case input[value=approve]:checked")).to_have_count(30)
        for key in ("1", "2", "3"):
            page.keyboard.press(key)
        page.keyboard.press("s")
        expect(page.locator(".next-move")).to_contain_text("Frozen", ignore_case=True)
        assert visit.complaints == [] or all("422" in text for text in visit.complaints)
    assert state(house, plan) == "FROZEN"


def test_what_two_reviewers_found_stands_beside_the_case(house: House, browser: Browser) -> None:
    plan = new_plan(house, reviewers=2)
    with visiting(house, browser) as visit:
        visit.sign_in()
        visit.open(f"/plans/{plan}/")
        page = visit.page
        expect(page.locator("#review-1")).to_contain_text("Reviewer 1: every criterion")
        expect(page.locator("#review-2")).to_contain_text("Reviewer 2: every criterion")
        expect(page.locator("#case-U-000 .finding")).to_contain_text("Reviewer 1 misses")
        expect(page.locator("#case-I-001 .finding")).to_contain_text("Reviewer 2 misses")
        mark(page, "I-001", "change")
        page.locator("label.check", has=page.locator("input[name=verdict][value=change]")).click()
        page.get_by_role("button", name="Send review").click()
        expect(page.locator(".next-move")).to_contain_text("Sent back")
        visit.assert_calm()


def test_an_approval_of_what_was_edited_meanwhile_is_a_conflict(house: House, browser: Browser) -> None:
    plan = new_plan(house)
    with visiting(house, browser) as first, visiting(house, browser) as second:
        first.sign_in()
        first.open(f"/plans/{plan}/")
        mark(first.page, "U-000", "approve")
        mark(first.page, "I-001", "approve")
        is_kept(first, "2 of 6 cases marked")
        second.sign_in()
        second.open(f"/plans/{plan}/cases/U-000/")
        second.page.get_by_label("Expected").fill("Ana pays 0.34.")
        second.page.get_by_role("button", name="Store").click()
        expect(second.page).to_have_url(re.compile(rf"/plans/{plan}/#case-U-000"))
        page = first.page
        expect(page.get_by_text("The plan moved on while this page was open")).to_be_visible()
        page.locator("label.check", has=page.locator("input[name=verdict][value=approve]")).click()
        page.get_by_role("button", name="Send review").click()
        expect(page.locator(".note[role=alert]")).to_contain_text("The plan changed since you opened it")
        expect(page.locator(".change-list ins").first).to_have_text("Ana pays 0.34.")
        expect(page.locator("#case-U-000 input[value=approve]")).not_to_be_checked()
        expect(page.locator("#case-I-001 input[value=approve]")).to_be_checked()
        first.shot("plan-conflict")
        assert state(house, plan) == "LEAD_REVIEW"
        page.get_by_role("button", name="Send review").click()
        expect(page.locator(".next-move")).to_contain_text("Frozen", ignore_case=True)
    assert state(house, plan) == "FROZEN"

"""The triage inbox in a real browser: by keyboard with at most two keys a decision, by mouse, and news that waits."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.house import House, running_house
from tests.e2e.visit import visiting

pytestmark = [pytest.mark.e2e]

_SEED = """
import datetime as dt
from leadroom.lib.clock import now
from leadroom.projects.models import Project
from leadroom.projects.people import first_lead
from leadroom.triage.actions import bring_in
from leadroom.triage.models import Finding, Posting, Shelf, TermCount
from tests import factories
project = Project.objects.first() or factories.make_project(first_lead(), source="/nowhere/shares")
for model in (Finding, Posting, Shelf, TermCount) if {is_fresh} else ():
    model.objects.all().delete()
for title, body, severity in {texts!r}:
    taken = bring_in(project_id=project.pk, title=title, body=body, severity=severity, by=factories.PIPELINE, now=now())
print(taken.finding.pk)
"""
HANGS = ("Queue worker hangs after Redis reconnect", "queue/worker.py blocks in brpop for ever.", "major")
STOPS = ("Jobs stop once Redis fails over", "Stuck in brpop of queue/worker.py until a restart.", "minor")
OTHERS = [
    (f"The {word} of the {place} is wrong", f"It shows in {place}.", "minor")
    for word, place in (("colour", "button"), ("order", "ledger"), ("width", "grid"), ("sum", "invoice"))
]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running_house(tmp_path_factory.mktemp("inbox"), LEADROOM_UNDO_SECONDS="10") as running:
        yield running


def seed(house: House, *texts: tuple[str, str, str]) -> int:
    """Findings instead of those that are there; the id of the last."""
    return int(house.python(_SEED.format(texts=list(texts), is_fresh=True)).splitlines()[-1])


def state(house: House, title: str) -> str:
    return str(house.one("SELECT state FROM triage_finding WHERE title = %s ORDER BY id LIMIT 1", title))


def row(page: Page, title: str):  # type: ignore[no-untyped-def]
    return page.locator(".inbox-row", has=page.locator(".report-summary", has_text=title))


def test_six_decisions_by_keyboard_take_two_keys_each_at_most(house: House, browser: Browser) -> None:
    seed(house, HANGS, *OTHERS, STOPS)
    with visiting(house, browser) as visit:
        visit.sign_in()
        visit.open("/triage/")
        page, pressed = visit.page, 0

        def press(key: str) -> None:
            nonlocal pressed
            page.keyboard.press(key)
            pressed += 1

        expect(page.locator(".inbox-row")).to_have_count(6)
        visit.shot("inbox")
        press("j")
        expect(row(page, HANGS[0])).to_be_focused()
        for key, title, after in (
            ("2", HANGS[0], "ROUTED"),
            ("d", OTHERS[0][0], "DROPPED"),
            ("e", OTHERS[1][0], "ACKNOWLEDGED"),
            ("h", OTHERS[2][0], "SNOOZED"),
            ("4", OTHERS[3][0], "KNOWN"),
            ("a", STOPS[0], "ROUTED"),
        ):
            expect(row(page, title)).to_be_focused()
            press(key)
            expect(row(page, title)).to_have_count(0)
            visit.wait(lambda title=title, after=after: state(house, title) == after, what=f"{title} is {after}")
        assert pressed / 6 <= 2
        expect(page.get_by_text("Nothing waits")).to_be_visible()
        page.keyboard.press("z")
        expect(row(page, STOPS[0])).to_be_visible()
        visit.assert_calm()


def test_several_are_selected_and_dropped_and_come_back_with_one_key(house: House, browser: Browser) -> None:
    seed(house, *OTHERS)
    with visiting(house, browser) as visit:
        visit.sign_in()
        visit.open("/triage/")
        page = visit.page
        for key in ("j", "x", "j", "x", "j"):
            page.keyboard.press(key)
        expect(page.locator(".inbox-row input[name=tick]:checked")).to_have_count(2)
        page.keyboard.press("6")
        expect(page.locator(".inbox-row")).to_have_count(1)
        expect(page.get_by_text("Drop: 3 findings", exact=True)).to_be_visible()
        page.keyboard.press("z")
        expect(page.locator(".inbox-row")).to_have_count(4)
        page.keyboard.press("m")
        visit.assert_calm()


def test_evidence_by_keyboard_and_the_finding_by_mouse(house: House, browser: Browser) -> None:
    last = seed(house, HANGS, STOPS)
    with visiting(house, browser) as visit:
        visit.sign_in()
        visit.open("/triage/")
        page = visit.page
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{house.url}/triage/findings/{last}/")
        expect(page.locator(".evidence mark").filter(has_text="queue/worker.py").first).to_be_visible()
        expect(page.get_by_text("Speaks against")).to_be_visible()
        visit.shot("finding")
        page.keyboard.press("y")  # finds the suggestion
        page.keyboard.press("y")  # takes it
        expect(page.get_by_role("heading", level=1)).to_have_text(HANGS[0])
        page.get_by_role("button", name="Split off").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(STOPS[0])
        page.get_by_label("Number of the other finding").fill(str(last - 1))
        page.get_by_role("button", name="Link", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(HANGS[0])
        page.get_by_label("A note for whoever works on it").fill("Mind the failover.")
        page.get_by_role("button", name="Follow up").first.click()
        expect(page.locator("#history-title + *, .rows").last).to_contain_text("Mind the failover.")
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_text("taken back by")).to_be_visible()
        assert visit.complaints == []


def test_by_mouse_a_view_is_kept_and_news_waits_until_it_is_asked_for(house: House, browser: Browser) -> None:
    seed(house, HANGS, *OTHERS)
    with visiting(house, browser) as visit:
        visit.sign_in()
        visit.open("/triage/")
        page = visit.page
        page.locator(".triage-grid a").first.click()
        expect(page.locator(".inbox-row")).to_have_count(1)
        page.locator("#inbox-views summary").click()
        page.get_by_label("Name of this view").fill("Majors")
        page.get_by_role("button", name="Keep this view").click()
        page.locator("#inbox-views summary").click()
        expect(page.get_by_role("link", name="Majors")).to_be_visible()
        visit.open("/triage/")
        house.python(_SEED.format(texts=[STOPS], is_fresh=False))
        row(page, OTHERS[0][0]).get_by_role("button", name="Acknowledge").click()
        expect(row(page, OTHERS[0][0])).to_have_count(0)
        expect(row(page, STOPS[0])).to_have_count(0)
        page.locator("#inbox-news a").click()
        expect(row(page, STOPS[0])).to_be_visible()
        page.locator("#inbox-q").fill("brpop")
        page.keyboard.press("Enter")
        expect(page.locator(".inbox-row")).to_have_count(2)
        visit.assert_calm()

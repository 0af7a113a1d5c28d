"""Every page with data: nothing a person with other eyes, hands or screens would stumble over."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.e2e.house import House, running_house
from tests.e2e.visit import Visit, visiting

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
TABS = ("", "alignment/", "plan/", "streams/", "changes/", "verification/", "reports/", "sources/")
PAGES = {
    "room": "/",
    "room groups": "/?view=groups",
    "room table": "/?view=table",
    "room compact": "/?density=compact",
    **{f"item {tab or 'request/'}"[:-1]: f"/items/{{light}}/{tab}" for tab in TABS},
    "new item": "/items/new/",
    "align": "/align/{critical}/",
    "aligned": "/align/{light}/",
    "import": "/align/{critical}/import/",
    "plan queue": "/plans/",
    "plan review": "/plans/{plan}/",
    "runs": "/runs/",
    "run": "/runs/{run}/",
    "run search": "/runs/{run}/?q=write",
    "stitch queue": "/stitch/",
    "stitch": "/stitch/{light}/",
    "triage": "/triage/",
    "every finding": "/triage/?show=all",
    "finding": "/triage/findings/1/",
    "reports": "/triage/reports/",
    "report": "/triage/{report}/",
    "needs": "/needs/",
    "guardrails": "/guardrails/",
    "bounds": "/guardrails/projects/evenly/",
    "run sources": "/runs/{run}/sources/",
    "bring a plan": "/plans/bring/{light}/",
    "session": "/session/",
    "raw read": "/session/raw/",
    "hours": "/hours/",
    "projects": "/projects/",
    "project": "/projects/evenly/",
    "connect": "/projects/new/",
    "not found": "/items/987654/",
    "refusal": "/runs/{run}/?before=x",
}

_LISTS = ("/", "/align/", "/plans/", "/runs/", "/stitch/", "/triage/", "/needs/", "/projects/", "/items/new/")
EMPTY = (*_LISTS, "/session/", "/session/raw/", "/hours/")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running_house(tmp_path_factory.mktemp("pages")) as running:
        yield running


@pytest.fixture(scope="module")
def visit(house: House, browser: Browser) -> Iterator[Visit]:
    with visiting(house, browser, reduced_motion="reduce") as tab:
        yield tab


def violations(page: Page, **options: Any) -> list[tuple[str, list[str]]]:
    found = Axe().run(page, options={"runOnly": WCAG, **options}).response["violations"]
    return [(rule["id"], [str(node["target"]) for node in rule["nodes"]][:4]) for rule in found]


def settle(page: Page) -> None:
    """Waits until what a page asks for after it is drawn has come."""
    page.wait_for_load_state("networkidle")
    expect(page.locator(".skeleton")).to_have_count(0)


def problems_of(page: Page) -> dict[str, Any]:
    """WCAG, in both themes and on 320 px where nothing may be wider than the screen; one h1.

    Colours are the same at any width and everything else in any theme, so each is looked at once.
    """
    contrast = "color-contrast"
    looks: dict[tuple[str, int], dict[str, Any]] = {
        ("light", 1440): {},
        ("dark", 1440): {"runOnly": {"type": "rule", "values": [contrast]}},
        ("light", 320): {"rules": {contrast: {"enabled": False}}},
    }
    problems: dict[str, Any] = {}
    for (scheme, width), options in looks.items():
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 900})
        if found := violations(page, **options):
            problems[f"{scheme} {width}"] = found
    if (wide := page.evaluate("document.documentElement.scrollWidth - innerWidth")) > 0:
        problems["pixels too wide at 320"] = wide
    if (headings := page.locator("h1").count()) != 1:
        problems["h1"] = headings
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.set_viewport_size({"width": 1440, "height": 900})
    return problems


@pytest.fixture(scope="module")
def empty_pages(visit: Visit) -> dict[str, Any]:
    """What is wrong with pages before there is any project: path to problems."""
    visit.sign_in()
    found = {}
    for path in EMPTY:
        visit.open(path)
        settle(visit.page)
        visit.shot(f"empty{path.replace('/', '-')}")
        found[path] = problems_of(visit.page)
    return found


@pytest.fixture(scope="module")
def places(house: House, visit: Visit, empty_pages: dict[str, Any]) -> dict[str, int]:
    """Three items that wait at three places: picks of a critical one, a plan, a signature. Ids by name."""
    house.manage("seed_demo")
    item = dict(house.rows("SELECT rehearsal_script, id FROM projects_workitem"))
    visit.open("/")
    page = visit.page
    page.locator(f"#card-picks-{item['first']}").get_by_role("button", name="Approve all recommended").click()
    for card in ("Review the test plan", "Sign the merge", "Pick 4 answers"):
        expect(page.locator(".card", has_text=card)).to_be_visible(timeout=90_000)
    newest = "SELECT max(id) FROM {} WHERE item_id = %s"
    return {
        **item,
        "waiting": 3,
        "plan": house.one(newest.format("testplans_testplan"), item["first"]),
        "run": house.run_of(item["light"], "developer"),
        "report": house.one(newest.format("triage_report"), item["light"]),
    }


@pytest.mark.parametrize("name", PAGES)
def test_page_is_for_everybody(visit: Visit, places: dict[str, int], name: str):
    visit.open(PAGES[name].format(**places))
    settle(visit.page)
    visit.shot(f"page-{name.replace(' ', '-')}")
    assert visit.page.title().startswith(f"({places['waiting']}) ")
    assert problems_of(visit.page) == {}


def test_pages_without_anything_are_for_everybody(empty_pages: dict[str, Any]):
    assert empty_pages == {path: {} for path in EMPTY}


@pytest.mark.parametrize("name", ["sign-in", "link", "spent link"])
def test_signing_in_is_for_everybody(house: House, browser: Browser, name: str):
    paths = {"sign-in": lambda: "/sign-in/", "spent link": lambda: "/sign-in/MQ/spent-1234/"}
    with visiting(house, browser, reduced_motion="reduce") as visit:
        if name == "link":
            visit.page.goto(house.link())
        else:
            visit.open(paths[name]())
        visit.shot(f"page-{name.replace(' ', '-')}")
        assert problems_of(visit.page) == {}


def test_a_stranger_is_sent_to_sign_in_and_comes_back(house: House, browser: Browser, places: dict[str, int]):
    with visiting(house, browser) as visit:
        visit.open(f"/stitch/{places['light']}/")
        expect(visit.page).to_have_url(f"{house.url}/sign-in/?next=/stitch/{places['light']}/")


def test_a_live_swap_leaves_a_page_for_everybody(house: House, visit: Visit, places: dict[str, int]):
    visit.open("/")
    page = visit.page
    expect(page.locator(".strip")).to_have_count(3)
    places["waiting"] += 1
    item = house.new_item("critical", "One more while you look")
    expect(page.locator(f"#card-picks-{item}")).to_be_visible(timeout=30_000)
    expect(page.locator(f"#strip-{item}")).to_have_attribute("data-turn", "human")
    settle(page)
    assert page.title() == "(4) Room · Leadroom"
    assert problems_of(page) == {}

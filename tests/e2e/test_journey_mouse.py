"""One item from request to merge by mouse, live: nobody reloads a page."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.house import House, running_house
from tests.e2e.visit import Visit, visiting

pytestmark = [pytest.mark.e2e]

SENTENCE = "Shares are whole numbers, so halves are written by doubling; nobody asked for percent."


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running_house(tmp_path_factory.mktemp("mouse")) as running:
        yield running


def sign_in_and_see_the_item_move(visit: Visit) -> int:
    item = visit.house.seed("first")
    visit.sign_in()
    page = visit.page
    strip = page.locator(f"#strip-{item}")
    expect(strip).to_contain_text("Split an expense by shares")
    card = page.locator(f"#card-picks-{item}")
    expect(card).to_contain_text("Pick 3 answers")
    expect(strip).to_have_attribute("data-turn", "human")
    expect(page).to_have_title("(1) Room · Leadroom")
    visit.shot("room-picks")
    card.get_by_role("link", name="Decide").click()
    return item


def pick_by_clicking(visit: Visit, item: int) -> None:
    page = visit.page
    expect(page.locator(".ambiguity[data-state=OPEN]")).to_have_count(3)
    badge = page.locator(".rail [data-badge=a]")
    expect(badge).to_contain_text("1")
    visit.shot("align-open")
    for left in (2, 1, 0):
        page.locator(".ambiguity[data-state=OPEN]").first.locator(".candidate[data-recommended] button").click()
        expect(page.locator(".ambiguity[data-state=OPEN]")).to_have_count(left)
    document = page.locator("#document")
    expect(document).to_contain_text("AC-001")
    expect(document.locator("h3")).to_have_text("Split an expense by shares")
    expect(badge).to_be_hidden()
    visit.shot("align-document")


def review_and_approve(visit: Visit, item: int) -> None:
    page = visit.page
    page.locator(".card", has_text="Review the test plan").get_by_role("link", name="Review", exact=True).click(
        timeout=40_000
    )
    matrix = page.locator("table.matrix").first
    criteria = matrix.locator("tbody tr")
    assert criteria.count() >= 3
    for number in range(criteria.count()):
        assert criteria.nth(number).locator("td[data-cell=covered]").count() >= 1
    expect(page.get_by_text("no gap")).to_be_visible()
    visit.shot("plan-review")
    page.locator("label.check", has=page.locator("input[name=verdict][value=approve]")).click()
    page.get_by_role("button", name="Send review").click()
    expect(page.locator(".next-move")).to_contain_text("Frozen", ignore_case=True)


def watch_the_developer(visit: Visit, item: int) -> int:
    page, house = visit.page, visit.house
    run = house.run_of(item, "developer")
    page.get_by_role("link", name="Runs").click()
    page.locator(f"#run-{run}-row").get_by_role("link").first.click()
    rows = page.locator(f"#run-{run}-events > li[data-seq]")
    loads, first = visit.loads, rows.count()
    visit.wait(lambda: house.run_state(run) == "COMPLETED", seconds=60, what="the developer's end")
    visit.wait(lambda: rows.count() == len(house.seqs(run)), what="every row on the page")
    assert rows.count() > first, "the page was opened too late to see a row arrive"
    assert visit.loads == loads, "rows came by a reload"
    shown = visit.seqs(run)
    assert shown == house.seqs(run) == list(range(1, len(shown) + 1))
    expect(page.locator(f"#run-{run}-facts")).to_contain_text("Completed")
    expect(rows.last).to_be_in_viewport()
    visit.shot("run-done")
    return run


def see_the_verification(visit: Visit, item: int) -> None:
    page, house = visit.page, visit.house
    house.wait_stage(item, "STITCH")
    visit.open(f"/items/{item}/")
    page.get_by_role("link", name="Verification").click()
    panel = page.locator(f"#item-{item}-verification")
    cases = house.rows(
        "SELECT r.outcome FROM verification_caseresult r "
        "JOIN verification_verificationrun v ON v.id = r.verification_id WHERE v.item_id = %s",
        item,
    )
    assert {outcome for (outcome,) in cases} == {"passed"}
    expect(panel).to_contain_text(f"{len(cases)} of {len(cases)} cases passed")
    visit.shot("verification")


def sign_the_merge(visit: Visit, item: int) -> None:
    page, house = visit.page, visit.house
    page.locator(f"#card-stitch-{item}").get_by_role("link", name="Look and sign").click()
    expect(page.locator("#changes .diff").first).to_be_visible()
    visit.shot("stitch-open")
    page.get_by_label("What does this merge trade off?").fill(SENTENCE)
    page.locator("#sign").get_by_role("button", name="Sign").click()
    merged = page.locator("#merged")
    expect(merged).to_contain_text("signature verified")
    expect(merged).to_contain_text(SENTENCE)
    house.wait_stage(item, "DONE")
    commit, ref = house.rows("SELECT merge_commit, published_ref FROM worktrees_stitch WHERE item_id = %s", item)[0]
    expect(merged).to_contain_text(commit)
    expect(merged).to_contain_text(ref.removeprefix("refs/heads/"))
    visit.shot("stitch-merged")
    branches = house.git("for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads/leadroom/").split()
    assert branches == [ref.removeprefix("refs/heads/"), commit]
    assert SENTENCE in house.git("log", "-1", "--format=%B", commit)
    assert house.is_signed(item, commit)
    assert house.git("status", "--porcelain") == ""


def see_done_and_the_reports(visit: Visit, item: int) -> None:
    page, house = visit.page, visit.house
    page.get_by_role("link", name="Room", exact=True).click()
    expect(page.locator("#stage-done").locator(f"#strip-{item}")).to_be_visible()
    expect(page).to_have_title("Room · Leadroom")
    visit.shot("room-done")
    page.get_by_role("link", name="Triage").click()
    page.locator("#main, main").first.get_by_role("link", name="Reports").click()
    reports = house.rows("SELECT id FROM triage_report WHERE item_id = %s", item)
    runs = house.rows("SELECT id FROM agents_run WHERE item_id = %s AND state = 'COMPLETED'", item)
    assert len(reports) == len(runs) >= 5
    expect(page.locator("[id^=report-][data-row]")).to_have_count(len(reports))
    visit.shot("triage")


@pytest.mark.timeout(240)
def test_one_item_goes_from_request_to_merge_by_mouse(house: House, browser: Browser):
    with visiting(house, browser) as visit:
        item = sign_in_and_see_the_item_move(visit)
        pick_by_clicking(visit, item)
        review_and_approve(visit, item)
        watch_the_developer(visit, item)
        see_the_verification(visit, item)
        sign_the_merge(visit, item)
        see_done_and_the_reports(visit, item)
        visit.assert_calm()
    assert house.chain()[1] == 0

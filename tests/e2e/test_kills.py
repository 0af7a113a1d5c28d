"""Every process killed in turn while somebody watches: nothing missing, nothing double, and the item ends merged."""

import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.house import House, running_house
from tests.e2e.visit import Visit, visiting
from tests.support.program import is_alive

pytestmark = [pytest.mark.e2e, pytest.mark.chaos, pytest.mark.timeout(300)]

NOTICED_SECONDS = 5
HEALED_SECONDS = 15


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running_house(tmp_path_factory.mktemp("kills")) as running:
        running.seed_project()
        yield running


def watch(visit: Visit, item: int) -> int:
    """Opens the page of the item's developer run and waits until it has something to lose."""
    run = visit.house.run_of(item, "developer", seconds=90)
    visit.open(f"/runs/{run}/")
    wait_for_rows(visit, run, 8)
    return run


def wait_for_rows(visit: Visit, run: int, count: int) -> None:
    visit.wait(lambda: len(visit.seqs(run)) >= count, seconds=HEALED_SECONDS, what=f"{count} rows of run {run}")


def wait_for_more(visit: Visit, run: int) -> None:
    """Waits until the page shows lines that were written from now on."""
    wait_for_rows(visit, run, len(visit.house.seqs(run)) + 2)


def kill_the_holder(visit: Visit, run: int) -> None:
    page, house = visit.page, visit.house
    house.kill_holder(run)
    expect(page.locator(f"#run-{run}-facts .panel-head")).to_contain_text("Lost", timeout=NOTICED_SECONDS * 1000)
    card = page.locator(f"#card-run-{run}")
    expect(card).to_contain_text("Resume the developer?", timeout=NOTICED_SECONDS * 1000)
    visit.shot("run-lost")
    card.get_by_role("button", name="Resume").click()
    expect(card).to_be_hidden()
    expect(page.locator(f"#run-{run}-facts .panel-head")).to_contain_text("Working")
    wait_for_more(visit, run)


def kill_the_worker(visit: Visit, run: int) -> None:
    house = visit.house
    before, holder = house.program.kill_child("worker"), house.holder_of(run)
    wait_for_more(visit, run)
    visit.wait(lambda: house.program.child("worker") not in (None, before), what="another worker")
    assert house.holder_of(run) == holder, "the run's own process was touched"


def kill_the_web(visit: Visit, run: int) -> None:
    house, loads = visit.house, visit.loads
    before = house.program.kill_child("web")
    visit.wait(lambda: not is_alive(before), what="the end of web")
    wait_for_more(visit, run)
    expect(visit.page.locator("#live-banner")).to_be_hidden()
    assert visit.loads == loads, "the page was loaded anew instead of healing itself"


def sign(visit: Visit, item: int) -> None:
    page = visit.page
    card = page.locator(f"#card-stitch-{item}")
    card.get_by_role("link", name="Look and sign").click(timeout=60_000)
    page.get_by_label("What does this merge trade off?").fill("Nothing: one sentence of one message changes.")
    page.locator("#sign").get_by_role("button", name="Sign").click()
    expect(page.locator("#merged")).to_contain_text("signature verified")
    visit.house.wait_stage(item, "DONE")


def assert_merged_once(house: House, item: int) -> None:
    merges = house.rows(
        "SELECT merge_commit, published_ref FROM worktrees_stitch WHERE item_id = %s AND state = 'MERGED'", item
    )
    assert len(merges) == 1
    commit, ref = merges[0]
    assert house.git("rev-parse", ref) == commit
    assert house.git("log", "-1", "--format=%P", commit).count(" ") == 1
    assert house.is_signed(item, commit)
    assert house.chain()[1] == 0
    seqs = {run: house.seqs(run) for (run,) in house.rows("SELECT id FROM agents_run WHERE item_id = %s", item)}
    assert seqs == {run: list(range(1, len(found) + 1)) for run, found in seqs.items()}


def test_holder_worker_and_web_killed_in_mid_run(house: House, browser: Browser):
    item = house.new_item("slow")
    with visiting(house, browser) as visit:
        visit.sign_in()
        run = watch(visit, item)
        kill_the_holder(visit, run)
        kill_the_worker(visit, run)
        kill_the_web(visit, run)
        visit.wait(lambda: house.run_state(run) == "COMPLETED", seconds=150, what="the developer's end")
        visit.wait(lambda: len(visit.seqs(run)) >= len(house.seqs(run)), what="the last row")
        assert visit.seqs(run) == house.seqs(run)
        sign(visit, item)
        assert [line for line in visit.complaints if line.startswith("exception")] == []
    assert_merged_once(house, item)


def test_everything_killed_at_once_and_started_again(house: House, browser: Browser):
    item = house.new_item("slow")
    with visiting(house, browser) as visit:
        visit.sign_in()
        run = watch(visit, item)
        loads = visit.loads
        house.program.send(signal.SIGKILL)
        house.program.wait()
        expect(visit.page.locator("#live-banner")).to_contain_text("Live updates paused, as of")
        house.program.start()
        resume = visit.page.locator(f"#card-run-{run}").get_by_role("button", name="Resume")
        seen = len(house.seqs(run))
        visit.wait(lambda: len(visit.seqs(run)) > seen or resume.is_visible(), seconds=30, what="the item going on")
        if resume.is_visible():
            resume.click()
        expect(visit.page.locator("#live-banner")).to_be_hidden()
        assert visit.loads == loads
        visit.wait(lambda: house.run_state(run) == "COMPLETED", seconds=150, what="the developer's end")
        visit.wait(lambda: len(visit.seqs(run)) >= len(house.seqs(run)), what="the last row")
        assert visit.seqs(run) == house.seqs(run)
        sign(visit, item)
    assert_merged_once(house, item)

"""A lead brings other tools' findings in from a file and lets a model give second opinions."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.house import running_house
from tests.e2e.visit import visiting

pytestmark = pytest.mark.e2e

TABLE = b"""title,severity,where,mood
Refunds lose a cent,high,evenly/shares.py:31,sad
Refunds lose a cent,high,evenly/shares.py:31,sad
,low,,
The grid overlaps at 390 pixels,low,
"""


def test_findings_come_in_as_a_file_and_second_opinions_are_switched_on(tmp_path: Path, browser: Browser) -> None:
    file = tmp_path / "found.csv"
    file.write_bytes(TABLE)
    with running_house(tmp_path) as house:
        house.seed_project()
        slug = house.one("SELECT slug FROM projects_project")
        with visiting(house, browser) as visit:
            visit.sign_in()
            visit.open(f"/triage/import/{slug}/")
            page = visit.page
            page.select_option("#import-kind", "csv")
            page.set_input_files("#import-file", file)
            page.get_by_role("button", name="Bring in").click()
            results = page.locator("#import-rows")
            expect(results).to_contain_text("2 findings taken in, 1 of them linked to older ones, 2 rows refused.")
            expect(results).to_contain_text("It has 3 cells; the heading has 4.")
            expect(results).to_contain_text("Columns nobody knows were left out: mood.")
            visit.shot("triage-import")
            page.get_by_role("link", name="How triage learns").click()
            page.get_by_label("Ask the model").check()
            page.get_by_label("Questions a day").fill("20")
            page.get_by_role("button", name="Store").click()
            expect(page.locator("#second-opinions")).to_contain_text("0 asked today")
            visit.shot("triage-engine")
            assert (visit.complaints, visit.broken) == ([], [])

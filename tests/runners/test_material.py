"""What Leadroom itself knows of a request: texts that may answer a question."""

from pathlib import Path
from typing import Any

import pytest

from leadroom.projects.models import WorkItem
from leadroom.runners.material import known_texts
from leadroom.worktrees.keeping import control_of
from tests import factories as f
from tests.worktrees.repositories import small_repository

pytestmark = pytest.mark.django_db
PRICES = "Prices are whole cents."


@pytest.fixture
def item(tmp_path: Path, settings: Any) -> WorkItem:
    settings.HOME_DIR = tmp_path / "home"
    (settings.HOME_DIR / "run").mkdir(parents=True)
    source = small_repository(tmp_path / "user" / "shop")
    source.write(".claude/skills/prices/SKILL.md", PRICES)
    source.write("AGENTS.md", "Run the tests.")
    (source.path / "CLAUDE.md").symlink_to("/etc/hostname")
    source.commit("guides")
    item = f.make_item(f.make_project(source=str(source.path)), text="Sell by weight.")
    control_of(item.project)
    return item


def test_request_document_and_the_projects_own_guides_are_known(item: WorkItem) -> None:
    f.make_document(item)
    told = {text.where: text.text for text in known_texts(item)}
    assert told["the request"] == "Sell by weight."
    assert "No cent is lost." in told["revision 1 of the document"]
    assert told[".claude/skills/prices/SKILL.md"] == PRICES
    assert told["AGENTS.md"] == "Run the tests."
    assert told["CLAUDE.md"] == "/etc/hostname", "a link is its text, never what it leads to"


def test_without_a_copy_of_the_project_only_the_request_is_known() -> None:
    assert [text.where for text in known_texts(f.make_item())] == ["the request"]

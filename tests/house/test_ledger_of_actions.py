"""Every write is one action, and every action leaves its entry in the ledger: no audit row, no action."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

import leadroom
import tests.house.scenes_of_findings
import tests.house.scenes_of_plans
import tests.house.scenes_of_runs  # noqa: F401 - all register their scenes
from leadroom.ledger.models import Entry
from leadroom.ledger.queries import check_chain
from tests.house.scenes import SCENES

ROOT = Path(leadroom.__file__).parent


@pytest.mark.django_db
@pytest.mark.parametrize("name", SCENES)
def test_an_action_leaves_its_entries_and_no_others(name: str) -> None:
    prepare, verbs = SCENES[name]
    call = prepare()
    before = Entry.objects.count()
    call()
    entries = list(Entry.objects.all()[before:])
    assert [entry.verb for entry in entries] == verbs
    for entry in entries:
        assert re.fullmatch(r"[a-z]+(\.[a-z_]+){2}", entry.verb)
        assert re.fullmatch(r"[a-z]+\.[a-z]+:\d+", entry.subject)
        assert entry.actor_name
        of_no_item = ("project", "version", "agents", "endpoint", "finding", "link", "engine")
        assert entry.item_id or entry.verb.split(".")[1] in of_no_item
    assert check_chain().breaks == ()


def test_every_action_of_the_house_is_here() -> None:
    """An action that is not listed could write in silence."""
    found = set()
    for path in [*ROOT.glob("*/actions.py"), ROOT / "agents" / "holding.py"]:
        room = path.parent.name
        module = importlib.import_module(f"leadroom.{room}.{path.stem}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            is_own = function.__module__ == module.__name__ and not name.startswith("_")
            keywords = inspect.getfullargspec(inspect.unwrap(function)).kwonlyargs
            if is_own and "now" in keywords and name not in ("record", "add_event"):
                found.add(f"{room if path.stem == 'actions' else path.stem}.{name}")
    assert found == set(SCENES)


def test_rows_are_written_in_actions_and_nowhere_else() -> None:
    """Interfaces, rules, queries, executors and loops call actions; they hold no write of their own."""
    made = r"objects\.(create|bulk_create|update_or_create|get_or_create|bulk_update)\("
    writes = re.compile(rf"{made}|(objects|filter)[^\n]*\.(update|delete)\(|(?<!super\(\))\.save\(")
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).parts
        if path.name in ("actions.py", "holding.py") or "migrations" in parts or "rehearsal" in parts:
            continue
        if lines := [line.strip() for line in path.read_text().splitlines() if writes.search(line)]:
            found["/".join(parts)] = lines
    assert set(found) == {"web/accounts/links.py"}, found  # spends a sign-in link

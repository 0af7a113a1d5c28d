"""Every write is one action, and every action leaves its entry in the ledger: no audit row, no action."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

import leadroom
from leadroom.ledger.models import Entry
from leadroom.ledger.queries import check_chain
from tests.house.scenes import every_scene

ROOT = Path(leadroom.__file__).parent
SCENES = every_scene()
WITHOUT_ITEM = {
    "project",
    "readiness",
    "version",
    "agents",
    "endpoint",
    "policy",
    "switch",
    "finding",
    "link",
    "engine",
    "hours",
    "session",
    "raw",
    "ingress",
    "incidents",
    "samples",
    "tickets",
    "advice",
    "chat",
    "cards",
    "message",
    "filter",
    "rule",
}


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
        assert entry.item_id or entry.verb.split(".")[1] in WITHOUT_ITEM
    assert check_chain().breaks == ()


def test_every_action_of_the_house_is_here() -> None:
    """An action that is not listed could write in silence."""
    found = set()
    in_folders = [path for path in ROOT.glob("*/actions/*.py") if path.stem != "__init__"]
    others = [ROOT / "agents" / "holding.py", ROOT / "guardrails" / "bounding.py"]
    for path in [*ROOT.glob("*/actions.py"), *in_folders, *others]:
        room = path.relative_to(ROOT).parts[0]
        module = importlib.import_module(".".join(("leadroom", *path.relative_to(ROOT).with_suffix("").parts)))
        for name, function in inspect.getmembers(module, inspect.isfunction):
            is_own = function.__module__ == module.__name__ and not name.startswith("_")
            keywords = inspect.getfullargspec(inspect.unwrap(function)).kwonlyargs
            if is_own and "now" in keywords and name not in ("record", "add_event"):
                found.add(f"{path.stem if path.stem in ('holding', 'bounding') else room}.{name}")
    assert found == set(SCENES)


def test_rows_are_written_in_actions_and_nowhere_else() -> None:
    """Interfaces, rules, queries, executors and loops call actions; they hold no write of their own."""
    made = r"objects\.(create|bulk_create|update_or_create|get_or_create|bulk_update)\("
    writes = re.compile(rf"{made}|(objects|filter)[^\n]*\.(update|delete)\(|(?<!super\(\))\.save\(")
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).parts
        is_shelf = path.name in ("actions.py", "holding.py", "bounding.py")
        if is_shelf or {"actions", "migrations", "rehearsal"} & set(parts):
            continue
        if lines := [line.strip() for line in path.read_text().splitlines() if writes.search(line)]:
            found["/".join(parts)] = lines
    assert set(found) == {"web/accounts/links.py"}, found  # spends a sign-in link

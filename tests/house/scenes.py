"""What leads up to one call of each action, and the verbs it must leave in the ledger."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from leadroom.agents.enums import Role
from leadroom.agents.models import Run
from tests import factories as f

Ready = Callable[[], object]
SCENES: dict[str, tuple[Callable[[], Ready], list[str]]] = {}
WHO: dict[str, Any] = {"by": f.PIPELINE, "now": f.NOW}


def scene(name: str, *verbs: str) -> Callable[[Callable[[], Ready]], Callable[[], Ready]]:
    """Registers a scene: it prepares, and returns the one call that is looked at."""

    def keep(prepare: Callable[[], Ready]) -> Callable[[], Ready]:
        SCENES[name] = (prepare, list(verbs))
        return prepare

    return keep


def every_scene() -> dict[str, tuple[Callable[[], Ready], list[str]]]:
    """All scenes of all `scenes_of_….py` beside this file."""
    for path in sorted(Path(__file__).parent.glob("scenes_of_*.py")):
        importlib.import_module(f"tests.house.{path.stem}")
    return SCENES


def lead(thing: Any) -> dict[str, Any]:
    """The lead of the thing's project as `by`."""
    item = getattr(thing, "item", thing)
    return {"by": f.human(f.lead_of(item.project)), "now": f.NOW}


def held() -> Run:
    """A developer's run in a holder's hands."""
    return f.make_running_run(f.make_item(), Role.DEVELOPER)

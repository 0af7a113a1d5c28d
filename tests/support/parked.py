"""Actions that wait for the lead, for tests."""

from typing import Any

from leadroom.agents import holding
from leadroom.agents.enums import Role, WaitReason
from leadroom.agents.models import Run
from leadroom.guardrails.bounding import Doer, park
from leadroom.guardrails.models import PermissionRequest
from leadroom.lib.actors import system
from leadroom.projects.models import WorkItem
from tests import factories as f


def doer_of(run: Run) -> Doer:
    """The run as the guardrails name it."""
    return Doer(run.item.project, run.agent_id, run.agent.name, run.pk, run.item_id)


def make_request(item: WorkItem | None = None, role: Role = Role.DEVELOPER, **changes: Any) -> PermissionRequest:
    """An irreversible command that waits for the lead, with the run that waits for it."""
    run = f.make_running_run(item or f.make_item(), role)
    found = {"counts": True, "why": "In revision 1.", "revision": "", "digest": "", "at": "", "observed": False}
    given = {
        "tool": "run_command",
        "given": {"command": "rm -rf data"},
        "digest": "sha256:" + "a" * 64,
        "why": "irreversible",
        "sentence": "This cannot be undone, so it waits for a person's approval of it.",
        "blast_radius": ["deletes everything under data"],
        "sources": [{"kind": "requirement", "uri": "AC-001", "note": "", "found": found}],
        "evidence": ["The agent ran `python -m pytest -q` and it succeeded (line 9 of its transcript)"],
        **changes,
    }
    request = park(doer=doer_of(run), by=system("gate"), now=f.NOW, **given)
    holding.wait(run=run, reason=WaitReason.APPROVAL, now=f.NOW)
    return request

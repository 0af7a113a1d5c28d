"""Frozen plans on real commits, and verifications of them held in this process."""

from typing import Any

from django.conf import settings

from leadroom.lib.clock import now
from leadroom.lib.leases import holder_lock, is_held
from leadroom.verification import actions
from leadroom.verification.models import CaseResult, VerificationRun
from leadroom.verification.running import hold_verification
from leadroom.worktrees.keeping import control_of
from tests import factories
from tests.support.program import until
from tests.support.stage import Stage, hold_here, sandboxes_of


def case(key: str, what: str, **changes: Any) -> dict[str, Any]:
    """A case of one test function of `tests/test_it.py`, or of a command when `what` begins with `$ `."""
    command, node = (
        (what[2:], "") if what.startswith("$ ") else ("", what if "::" in what else f"tests/test_it.py::{what}")
    )
    return factories.case_shape(key, "unit", node_id=node, command=command, **changes)


def request(stage: Stage, cases: dict[str, str], **files: str) -> VerificationRun:
    """A verification of a commit with these files against a frozen plan of these cases (key to test or command)."""
    commit = stage.source.commit("work", **{name.replace("__", "/"): text for name, text in files.items()})
    control_of(stage.project).refresh(source=stage.project.source, branch="main")
    plan = factories.make_frozen_plan(
        factories.make_aligned_item(stage.project),
        cases=[case(key, what) for key, what in cases.items()],
        not_covered=[{"what": "Integration and end to end", "why": "One function."}],
    )
    return actions.request(item=plan.item, plan=plan, commit=commit, by=factories.PIPELINE, now=now())


def claim(verification: VerificationRun) -> int:
    generation = actions.claim(verification_id=verification.pk, host=settings.HOST_NAME, now=now())
    assert generation is not None
    return generation


def verify(stage: Stage, verification: VerificationRun) -> dict[str, CaseResult]:
    """Hold it here to its end: case key to result. Whatever it was, nothing of it is left."""
    hold_here(hold_verification, verification.pk, claim(verification))
    return outcome(stage, verification)


def outcome(stage: Stage, verification: VerificationRun) -> dict[str, CaseResult]:
    name = f"verification-{verification.pk}"
    until(lambda: not is_held(holder_lock(stage.home, name)), what="its end")
    assert not list((stage.project.folder / "trees").glob(f"*{name}*"))
    assert not sandboxes_of(stage.home, name)
    verification.refresh_from_db()
    return {result.case.key: result for result in verification.results.select_related("case")}


def outcomes(results: dict[str, CaseResult]) -> dict[str, str]:
    return {key: result.outcome for key, result in results.items()}
